"""The rate–distortion curve of a study: KL divergence against the error for each weight."""

import dataclasses

import numpy as np
from matplotlib.figure import Figure

from vae_keras import plots
from vae_keras.config import make_config
from vae_keras.study.definition import Study
from vae_keras.study.statistics import mean_interval
from vae_keras.study.table import RunTable
from vae_keras.support.text import markdown, number, plus_minus


@dataclasses.dataclass(frozen=True)
class Place:
    """The point of a variant on the curve, on the test images at the last epoch.

    Attributes:
        variant: Name of the variant.
        weight: Its reconstruction weight, a number or `"auto"`.
        kl: The KL divergence in nats, an array `(seeds,)`.
        error: The mean squared error per pixel, an array `(seeds,)`.
    """

    variant: str
    weight: float | str
    kl: np.ndarray
    error: np.ndarray


def places(study: Study, table: RunTable) -> dict[str, list[Place]]:
    """The points on each line of the curve, for the variants that have runs."""
    if study.rate_distortion is None:
        return {}
    lines: dict[str, list[Place]] = {}
    for title, members in study.rate_distortion.lines.items():
        for variant in members:
            if not table.has(variant, "val_kl_loss"):
                continue
            seeds, epoch = table.counted(variant)
            weight = _weight(study, variant, table.dataset.partition("[")[0])
            if isinstance(weight, str):
                error = table.ends(variant, "val_mse", seeds, epoch)
            else:
                error = table.ends(variant, "val_reconstruction_loss", seeds, epoch) / weight
            kl = table.ends(variant, "val_kl_loss", seeds, epoch)
            lines.setdefault(title, []).append(Place(variant, weight, kl, error))
    return lines


def _weight(study: Study, variant: str, dataset: str) -> float | str:
    """The reconstruction weight of a variant, regardless of its other settings."""
    settings = {**study.settings, **study.variants[variant]}
    given = {name: settings[name] for name in ("reconstruction_weight",) if name in settings}
    return make_config(dataset, settings.get("preset"), **given).reconstruction_weight


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
