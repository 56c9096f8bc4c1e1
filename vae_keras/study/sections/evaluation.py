"""The results of the evaluations of the runs."""

from collections.abc import Iterable, Mapping

from vae_keras.study.evaluations import BOUNDS, FIGURES, IMPORTANCE_SAMPLES
from vae_keras.study.statistics import mean_interval
from vae_keras.support.text import markdown, plus_minus


def evaluation_section(
    evaluations: Mapping[str, Mapping[str, list[float]]], variants: Iterable[str]
) -> str | None:
    if not evaluations:
        return None
    shown = {
        name: figure
        for name, figure in FIGURES.items()
        if any(columns[name] for columns in evaluations.values())
    }
    rows = [["variant", "seeds", *(heading for heading, _, _ in shown.values())]]
    for name in variants:
        if name in evaluations:
            columns = evaluations[name]
            cells = [
                plus_minus(*mean_interval(columns[figure]), digits)
                for figure, (_, digits, _) in shown.items()
            ]
            rows.append([name, str(max(map(len, columns.values()))), *cells])
    bounds = (
        f" Bounds use {IMPORTANCE_SAMPLES} importance samples; bounds with more samples are "
        "omitted."
        if any(name in shown for name in BOUNDS)
        else ""
    )
    return (
        "## Evaluation\n\n"
        "The table has the evaluated runs. (An evaluation needs the weights of a run.) Values are "
        "for the test images; ELBO, log-likelihood and mutual information are in nats per image. ± "
        "is half the width of a 95% t-interval over seeds. The best variance of the decoder is the "
        f"squared error on training images.{bounds} `python -m vae_keras.evaluate` prints and "
        "explains these values for one run.\n\n" + markdown(rows)
    )
