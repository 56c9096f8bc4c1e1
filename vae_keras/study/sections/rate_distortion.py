"""The rate–distortion curve as a table and as a figure."""

from matplotlib.figure import Figure

from vae_keras import plots
from vae_keras.study.definition import Study
from vae_keras.study.rate_distortion import Place
from vae_keras.study.statistics import mean_interval
from vae_keras.support.text import markdown, number, plus_minus


def rate_distortion_table(lines: dict[str, list[Place]]) -> list[list[str]]:
    """The points as rows of texts with a header."""
    rows = [["", "weight", "seeds", "KL (nats)", "mean squared error"]]
    for title, found in lines.items():
        for place in found:
            weight = place.weight if isinstance(place.weight, str) else f"{place.weight:,g}"
            kl = plus_minus(*mean_interval(place.kl))
            error = plus_minus(*mean_interval(place.error), digits=5)
            rows.append([title, weight, number(len(place.kl), 0), kl, error])
    return rows


def rate_distortion_section(lines: dict[str, list[Place]]) -> str:
    """The section of the report."""
    return (
        "## Rate and distortion\n\n"
        "On the test images at the last epoch. The rate is the KL divergence; the distortion is "
        "the mean squared error per pixel. Losses with different weights have different scales "
        "and are not compared.\n\n"
        + markdown(rate_distortion_table(lines))
        + "\n\n![Rate–distortion curve](figures/rate_distortion.png)\n\n"
        "*Mean over seeds, with bars from minimum to maximum.*"
    )


def draw_rate_distortion(study: Study, curve: dict[str, list[Place]]) -> Figure:
    """The rate–distortion curve."""
    assert study.rate_distortion is not None
    lines = {
        title: [(place.weight, place.kl, place.error) for place in found]
        for title, found in curve.items()
    }
    return plots.plot_rate_distortion(lines, study.rate_distortion.marked)
