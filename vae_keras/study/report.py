"""What a study says: `summary.csv`, `report.md` and figures, from a `RunTable` alone."""

import csv
import itertools

from vae_keras import plots
from vae_keras.study import published
from vae_keras.study.claims import CLAIMS, TEST, TRAIN, judge
from vae_keras.study.evaluations import FIGURES, IMPORTANCE_SAMPLES, read_evaluations
from vae_keras.study.formatting import (
    NOT_AVAILABLE,
    count,
    interval,
    markdown,
    number,
    p_value,
    plain,
    plus_minus,
    signed,
)  # fmt: skip
from vae_keras.study.statistics import WILCOXON_SEEDS, holm, mean_interval
from vae_keras.study.table import LAST_EPOCHS
from vae_keras.study.variants import COMPARISONS, STUDIES
from vae_keras.support.files import replacing

WINDOWS = (1, LAST_EPOCHS)
TERMS = {"loss": "loss", "reconstruction_loss": "reconstruction", "kl_loss": "KL (nats)"}
SPLITS = {"": "training", "val_": "test"}


def write_report(table, directory):
    """Write `summary.csv`, `report.md` and `figures/` into a folder.

    Args:
        table: `RunTable`.
        directory: `Path` of the folder.

    Returns:
        Text for a terminal: the main table, and where everything is.
    """
    differences = all_differences(table)
    with replacing(directory / "figures") as folder:
        folder.mkdir()
        for name, figure in draw(table, differences).items():
            figure.savefig(folder / f"{name}.png", dpi=150)
    _write_summary(table, differences, directory / "summary.csv")
    sections = [
        _introduction(table),
        _loss_section(table),
        _published_section(table),
        _difference_section(table, differences),
        _claim_section(table),
        _evaluation_section(read_evaluations(directory / "evaluations.csv"), variants_of(table)),
        _figure_section(table, differences),
    ]
    with replacing(directory / "report.md") as aside:
        aside.write_text("\n\n".join(filter(None, sections)) + "\n", encoding="utf-8")
    return (
        "\n" + plain(loss_table(table)) + f"\n\nreport  {directory / 'report.md'}\n"
        f"tables  {directory / 'runs.csv'}, {directory / 'summary.csv'}\n"
        f"figures {directory / 'figures'}"
    )


def variants_of(table):
    """The study's variants that have runs, in the study's order."""
    known = list(STUDIES.get(table.study, ()))
    return sorted(table.runs, key=lambda name: known.index(name) if name in known else len(known))


def all_differences(table):
    """Paired differences of every variant from the reference.

    Returns:
        Dictionary from (column, window) to dictionary from variant to tuples of its
        `Comparison`, and p and Wilcoxon's p after Holm's correction over the variants.
    """
    others = [name for name in variants_of(table) if name != table.reference]
    differences = {}
    for column, window in itertools.product(_columns(table), WINDOWS):
        comparisons = [
            table.compare((name, column), (table.reference, column), window) for name in others
        ]
        differences[column, window] = dict(
            zip(
                others,
                zip(
                    comparisons,
                    holm([comparison.p for comparison in comparisons]),
                    holm([comparison.wilcoxon for comparison in comparisons]),
                ),
            )
        )
    return differences


def draw(table, differences):
    """The figures: curves of each comparison, and the forest of differences.

    Returns:
        Dictionary of names and `matplotlib.figure.Figure`.
    """
    names = variants_of(table)
    # Of all variants, so that runs that are still to come change no colour.
    colors = plots.variant_colors(STUDIES.get(table.study, names))
    points = {
        name: [(epoch, loss) for epoch, losses in curve.items() for loss in losses]
        for name, curve in published.curves(table).items()
    }
    figures = {}
    for title, members in COMPARISONS.get(table.study, {"all": names}).items():
        curves = {
            name: {
                column: table.curves(name, column)
                for column in _columns(table)
                if table.has(name, column)
            }
            for name in members
            if name in table.runs
        }
        if curves:
            figures[f"curves_{title}"] = plots.plot_curves(curves, colors, points)
    rows = {
        name: [
            (differences[TEST, window][name][0].mean, differences[TEST, window][name][0].half_width)
            for window in WINDOWS
        ]
        for name in names
        if name != table.reference and differences[TEST, 1][name][0].seeds
    }
    if rows:
        figures["differences"] = plots.plot_differences(
            rows,
            ("last epoch", f"mean of the last {LAST_EPOCHS} epochs"),
            f"test loss − test loss of {table.reference}, same seed (lower is better)",
        )
    return figures


def _columns(table):
    """The losses among the history's columns."""
    names = [f"{prefix}{term}" for prefix in SPLITS for term in TERMS]
    return [name for name in names if name in table.columns]


def _write_summary(table, differences, path):
    """One row for each variant, column and window; what cannot be said is empty."""
    names = [
        "variant", "column", "last_epochs", "epoch", "seeds", "mean", "half_width",
        "difference_epoch", "difference_seeds", "difference", "difference_half_width", "p", "p_holm",
        "p_wilcoxon", "p_wilcoxon_holm", "detectable_difference",
    ]  # fmt: skip
    with replacing(path) as aside, open(aside, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for variant, (column, window) in itertools.product(variants_of(table), differences):
            epoch, mean, half_width = table.summarize(variant, column, window)
            row = [variant, column, window, epoch, len(table.counted(variant)[0]), mean, half_width]
            if variant in differences[column, window]:
                found, p, wilcoxon = differences[column, window][variant]
                row += [found.epoch, found.seeds, found.mean, found.half_width, found.p, p]
                row += [found.wilcoxon, wilcoxon, found.detectable]
            writer.writerow(row + [None] * (len(names) - len(row)))


def _introduction(table):
    seeds = sorted({seed for runs in table.runs.values() for seed in runs})
    unfinished = [
        f"no runs of {name}" for name in STUDIES.get(table.study, ()) if name not in table.runs
    ]
    unfinished += [
        f"{name} with seed {seed} has {count(len(table.runs[name].get(seed, [])), 'epoch')}"
        for name in variants_of(table)
        for seed in seeds
        if len(table.runs[name].get(seed, [])) < table.last_epoch
    ]
    text = (
        f"# Study {table.study} on {table.dataset}\n\n"
        f"{len(variants_of(table))} variants, {count(len(seeds), 'seed')}, "
        f"{count(table.last_epoch, 'epoch')}. The loss is the weighted reconstruction error plus the "
        "KL divergence in nats, averaged over images; lower is better. ± is half the width of a 95% "
        "t-interval over seeds; n/a is what so few runs cannot say."
    )
    if unfinished:
        text += (
            f"\n\n**Incomplete**: {'; '.join(unfinished)}. A run that has not come to the last epoch counts "
            "only where none of its variant has, at the last epoch that they all have."
        )
    return text


def loss_table(table):
    """The losses at the last epoch, a list of rows of texts, the header first."""
    compared = published.losses_at_end(table)
    rows = [["variant", "seeds", "epoch"]]
    if compared:
        rows[0] += ["test loss, published", "test loss, here"]
    else:
        rows[0] += ["test loss"]
    rows[0] += [f"mean of last {LAST_EPOCHS}", "reconstruction", "KL (nats)", "training loss"]
    for name in variants_of(table):
        epoch, *test = table.summarize(name, TEST)
        row = [name, str(len(table.counted(name)[0])), str(epoch or NOT_AVAILABLE)]
        if compared:
            row.append(_all(compared.get(name, [])) or NOT_AVAILABLE)
        row.append(plus_minus(*test))
        for column, window in (
            (TEST, LAST_EPOCHS), ("val_reconstruction_loss", 1), ("val_kl_loss", 1), (TRAIN, 1),
        ):  # fmt: skip
            row.append(plus_minus(*table.summarize(name, column, window)[1:]))
        rows.append(row)
    return rows


def _loss_section(table):
    text = "## Losses at the last epoch\n\n" + markdown(loss_table(table))
    compared = published.losses_at_end(table)
    if compared:
        text += (
            "\n\nPublished: figures of the vae-gelu study at the same epoch, single runs without a "
            "seed, most of them read off curves to about ±0.1."
        )
        if any(table.summarize(name, TEST)[0] == published.LATE_EPOCH for name in compared):
            text += " Those read off at the end are medians of epochs 153 to 200."
        far = []
        for name, losses in compared.items():
            here = table.summarize(name, TEST)[1]
            if losses and min(abs(here - loss) for loss in losses) > published.NOTABLE:
                nearest = min(losses, key=lambda loss: abs(here - loss))
                far.append(f"{name} ({signed(here - nearest)})")
        text += f" Further from them than {published.NOTABLE}: {', '.join(far) or 'none'}."
    return text


def _published_section(table):
    """Test losses on the way, as published and as here."""
    published_curves = published.curves(table)
    epochs = sorted({epoch for curve in published_curves.values() for epoch in curve})
    if not epochs:
        return None
    rows = [["variant", "test loss after epoch", *map(str, epochs)]]
    for name in sorted(published_curves, key=variants_of(table).index):
        curves = table.curves(name, TEST)
        theirs, ours = [name, "published"], ["", "here, least to greatest of the seeds"]
        for epoch in epochs:
            theirs.append(_all(published_curves[name].get(epoch, [])))
            seen = curves[:, epoch - 1] if epoch <= curves.shape[1] else None
            ours.append(NOT_AVAILABLE if seen is None else f"{seen.min():.2f} to {seen.max():.2f}")
        rows += [theirs, ours]
    return "## Published curves\n\n" + markdown(rows)


def _all(losses):
    return " and ".join(f"{loss:.2f}" for loss in losses)


def _difference_section(table, differences):
    if not differences.get((TEST, 1)):
        return None
    seeds = max(found.seeds for found, _, _ in differences[TEST, 1].values())
    with_wilcoxon = seeds >= WILCOXON_SEEDS
    sections = [
        f"## Differences from {table.reference}\n\n"
        "The same seed gives every variant the same order of images, the same noise and, where shapes "
        "agree, the same initial weights, so differences are paired. p is that of the paired t-test, "
        "two-sided, and p (Holm) the same after Holm's correction over the variants"
        + (", likewise Wilcoxon's signed-rank test. " if with_wilcoxon else ". ")
        + "Detectable is the smallest true difference that a single such test (α = 0.05) would have "
        "found with 80% probability, given the scatter between these seeds."
        + ("" if with_wilcoxon else f" Wilcoxon's test takes {WILCOXON_SEEDS} seeds.")
    ]
    for column, title in ((TEST, "Test loss"), (TRAIN, "Training loss")):
        for window in WINDOWS:
            header = ["variant", "seeds", "epoch", "difference", "95% interval", "p", "p (Holm)"]
            if with_wilcoxon:
                header += ["Wilcoxon p", "Wilcoxon p (Holm)"]
            rows = [header + ["detectable"]]
            for name, (found, p, wilcoxon) in differences[column, window].items():
                row = [
                    name,
                    str(found.seeds),
                    str(found.epoch or NOT_AVAILABLE),
                    signed(found.mean),
                ]
                row += [interval(found.mean, found.half_width), p_value(found.p), p_value(p)]
                if with_wilcoxon:
                    row += [p_value(found.wilcoxon), p_value(wilcoxon)]
                rows.append(row + [number(found.detectable)])
            when = "last epoch" if window == 1 else f"mean of the last {window} epochs"
            sections.append(f"### {title}, {when}\n\n" + markdown(rows))
    return "\n\n".join(sections)


def _claim_section(table):
    if table.study not in CLAIMS:
        return None
    rows = [["", "claim of the vae-gelu study", "verdict", "differences, with p (Holm)"]]
    for row, verdict in enumerate(judge(table, CLAIMS[table.study]), 1):
        decision = f"**{verdict.decision}**" + (f": {verdict.reason}" if verdict.reason else "")
        evidence = [
            f"{_pair(item.below)}: {signed(item.comparison.mean)} ({p_value(item.p, 'p ')})"
            for item in verdict.evidence
        ]
        rows.append([str(row), verdict.claim.text, decision, "; ".join(evidence)])
    return (
        "## Claims\n\n"
        "A claim is confirmed if every difference that it names is significant in its direction, "
        "refuted if one is significant in the other, and else not decided by these runs. Differences "
        f"are paired, of the mean over the last {LAST_EPOCHS} epochs; significant is p < 0.05 in the "
        "paired t-test, two-sided, after Holm's correction over the distinct differences of all "
        "claims.\n\n" + markdown(rows)
    )


def _evaluation_section(evaluations, variants):
    if not evaluations:
        return None
    rows = [["variant", "seeds", *(title for title, _, _ in FIGURES.values())]]
    for name in variants:
        if name in evaluations:
            columns = evaluations[name]
            cells = [
                plus_minus(*mean_interval(columns[figure]), digits)
                for figure, (_, digits, _) in FIGURES.items()
            ]
            rows.append([name, str(max(map(len, columns.values()))), *cells])
    return (
        "## Evaluation\n\n"
        "Of the runs whose weights were at hand, on the test images; ± as above. Bounds are of "
        f"{IMPORTANCE_SAMPLES} importance samples; runs that were evaluated with more have none here. "
        "The columns are explained by `python -m vae_keras.evaluate`, which prints them for one run.\n\n"
        + markdown(rows)
    )


def _pair(below):
    (first, first_column), (second, second_column) = below
    splits = {TRAIN: "training", TEST: "test"}
    if first == second:
        return f"{first}, {splits[first_column]} − {splits[second_column]}"
    return f"{first} − {second}" + (" (training)" if first_column == TRAIN else "")


def _figure_section(table, differences):
    titles = {
        "activation": "LeakyReLU and GELU in encoder, decoder or both",
        "dropout": "Dropout",
        "batchnorm": "Batch normalisation",
        "layernorm": "Layer normalisation",
        "all": "All variants",
    }
    diamonds = " Diamonds are the published test losses." if published.curves(table) else ""
    lines = ["## Figures"]
    if any(found.seeds for found, _, _ in differences.get((TEST, 1), {}).values()):
        lines.append(
            f"![Paired differences from {table.reference}](figures/differences.png)\n\n"
            "*Mean and 95% interval over seeds; left of zero is better than the reference.*"
        )
    for title, members in COMPARISONS.get(table.study, {"all": variants_of(table)}).items():
        if any(name in table.runs for name in members):
            lines.append(
                f"![{titles[title]}](figures/curves_{title}.png)\n\n*{titles[title]}: mean over seeds, "
                "and a band from the least to the greatest. Logarithmic scales; the first tenth of the "
                f"epochs may leave a panel.{diamonds}*"
            )
    return "\n\n".join(lines)
