"""The figures of a study, and the section that shows them."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from vae_keras import plots
from vae_keras.plots.names import variant_title
from vae_keras.plots.study import MOST_BANDS
from vae_keras.study.definition import TEST, TRAIN, PublishedLosses, Study
from vae_keras.study.sections.differences import WINDOWS, Differences
from vae_keras.study.sections.losses import published_curves
from vae_keras.study.sections.verdicts import claim_rows
from vae_keras.study.statistics import Comparison
from vae_keras.study.table import LAST_EPOCHS, RunTable
from vae_keras.support.text import escape


def draw(study: Study, table: RunTable, differences: Differences) -> dict[str, Figure]:
    """The figures by name: curves of each comparison, and the forest of differences."""
    # Colors of all variants, so that they do not change when runs are added.
    colors = plots.variant_colors(study.variants)
    points = {
        column: {
            name: [(epoch, loss) for epoch, losses in curve.items() for loss in losses]
            for name, curve in published.items()
        }
        for column, published in published_curves(study, table).items()
    }
    figures = {}
    for key, group in study.comparisons.items():
        curves = {
            name: {
                column: table.curves(name, column)
                for column in table.losses
                if table.has(name, column)
            }
            for name in group.members
            if name in table.runs
        }
        if curves:
            figures[f"curves_{key}"] = plots.plot_curves(curves, colors, points)
    rows = {
        name: [_mean_and_width(differences[TEST, window][name][0]) for window in WINDOWS]
        for name, (found, _) in differences.get((TEST, 1), {}).items()
        if found.seeds
    }
    if rows:
        figures["differences"] = plots.plot_differences(
            rows,
            ("last epoch", f"mean of the last {LAST_EPOCHS} epochs"),
            f"test loss − that of {variant_title(table.reference)}, same seed (lower is better)",
            seeds={name: differences[TEST, 1][name][0].seeds for name in rows},
        )
    if evidence := claim_rows(study, table):
        figures["claims"] = plots.plot_differences(
            {name: [_mean_and_width(found)] for name, found in evidence.items()},
            (f"mean of {LAST_EPOCHS} epochs",),
            "difference in loss, same seed",
            seeds={name: found.seeds for name, found in evidence.items()},
            margin=study.rule.margin if study.rule else 0.0,
        )
    return figures


def figure_section(study: Study, table: RunTable, differences: Differences) -> str:
    published = published_curves(study, table)
    lines = ["## Figures"]
    if any(found.seeds for found, _ in differences.get((TEST, 1), {}).values()):
        lines.append(
            f"![Paired differences from {escape(table.reference)}](figures/differences.png)\n\n"
            "*Mean and 95% interval over seeds; left of zero is better than the reference.*"
        )
    if claim_rows(study, table):
        band = "; the band is the margin of equality" if study.rule and study.rule.margin else ""
        lines.append(
            "![Differences of the claims that can be decided](figures/claims.png)\n\n"
            "*Differences of the claims that can be decided, with 95% intervals; left of zero "
            f"supports the claim{band}.*"
        )
    for key, group in study.comparisons.items():
        if members := [name for name in group.members if name in table.runs]:
            heading, is_crowded = escape(group.title), len(members) > MOST_BANDS
            bands = "" if is_crowded else ", with a band from minimum to maximum"
            diamonds = _meaning_of_diamonds(published) if published and not is_crowded else ""
            lines.append(
                f"![{heading}](figures/curves_{key}.png)\n\n*{heading}: mean over seeds{bands}. "
                "The first tenth of the epochs, and variants far from the others, may be outside "
                f"of a panel.{diamonds}*"
            )
    return "\n\n".join(lines)


def _meaning_of_diamonds(published: Mapping[str, PublishedLosses]) -> str:
    splits = "test and training" if any(published[TRAIN].values()) else "test"
    return (
        f" Diamonds are the published {splits} losses, in the color of the variant under whose "
        "name they were published."
    )


def _mean_and_width(found: Comparison) -> tuple[float, float | None]:
    """The values of a comparison with seeds in a forest plot."""
    assert found.mean is not None
    return found.mean, found.half_width
