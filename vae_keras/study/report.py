"""What a study says: `summary.csv`, `report.md` and figures, from its table of runs alone."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from matplotlib.figure import Figure

from vae_keras import plots
from vae_keras.plots.names import variant_title
from vae_keras.study.claims import (
    FRAGILE,
    NOT_DECIDED,
    correct,
    family_sizes,
    is_planned,
    judge,
    looks_of,
    strictest_level,
)
from vae_keras.study.definition import (
    SHIPPED,
    STUDY_FILE,
    TEST,
    TRAIN,
    CurveGroup,
    Rule,
    Study,
    read_study,
)
from vae_keras.study.evaluations import BOUNDS, FIGURES, IMPORTANCE_SAMPLES, read_evaluations
from vae_keras.study.rate_distortion import (
    Place,
    places,
    rate_distortion_section,
    rate_distortion_table,
)
from vae_keras.study.statistics import ALPHA, Comparison, mean_interval
from vae_keras.study.table import LAST_EPOCHS, RunTable
from vae_keras.support.files import replacing, write_csv
from vae_keras.support.terms import loss_columns, title
from vae_keras.support.text import (
    NOT_AVAILABLE,
    count,
    escape,
    interval,
    markdown,
    number,
    p_value,
    plain,
    plus_minus,
    signed,
    wrap,
)

WINDOWS = (1, LAST_EPOCHS)
SPLITS = {"": "training", "val_": "test"}
# What the terms of the loss are, where their titles do not say it in a sentence.
MEANINGS = {
    "reconstruction_loss": "the weighted reconstruction error",
    "kl_loss": "the KL divergence in nats",
}
DIFFERENCE_HEADER = [
    "variant",
    "seeds",
    "epoch",
    "difference",
    "95% interval",
    "p",
    "corrected",
    "detectable",
]
Differences = dict[tuple[str, int], dict[str, tuple[Comparison, float | None]]]


def write_report(table: RunTable, directory: Path, width: int = 80) -> str:
    """Write `summary.csv`, `report.md` and `figures/` into a folder.

    Args:
        table: The runs.
        directory: Folder of the study, which may hold its definition, `study.json`.
        width: Columns of the terminal.

    Returns:
        Text for a terminal: the main table, and where everything is.
    """
    study = study_of(table, directory)
    evaluations = read_evaluations(directory / "evaluations.csv")
    if study.rule:
        table = dataclasses.replace(table, looks=study.rule.looks)
    differences = all_differences(study, table)
    curve = places(study, table)
    with replacing(directory / "figures") as folder:
        folder.mkdir()
        figures = (
            {"rate_distortion": draw_rate_distortion(study, curve)}
            if curve
            else draw(study, table, differences)
        )
        for name, figure in figures.items():
            figure.savefig(folder / f"{name}.png", dpi=150)
    _write_summary(study, table, differences, directory / "summary.csv")
    sections = [
        _introduction(study, table),
        rate_distortion_section(curve) if curve else _loss_section(study, table),
        _published_section(study, table),
        None if curve else _difference_section(study, table, differences),
        _claim_section(study, table),
        _evaluation_section(evaluations, study.variants),
        None if curve else _figure_section(study, table, differences),
    ]
    with replacing(directory / "report.md") as aside:
        aside.write_text("\n\n".join(filter(None, sections)) + "\n", encoding="utf-8")
    main_table = rate_distortion_table(curve) if curve else loss_table(study, table)
    files = (
        f"report   {directory / 'report.md'}\n"
        f"tables   {directory / 'runs.csv'} and {directory / 'summary.csv'}\n"
        f"figures  {directory / 'figures'}"
    )
    return f"\n{plain(main_table, width)}\n\n{wrap(files, width, ' ' * len('figures  '))}"


def study_of(table: RunTable, directory: Path) -> Study:
    """The definition of the study whose runs these are.

    It is the one in the folder, or else the shipped study of that name. Without either, the
    variants are those that have runs, and there are no claims and published losses.
    """
    if (directory / STUDY_FILE).is_file():
        study = read_study(directory / STUDY_FILE)
    elif table.study in SHIPPED:
        study = read_study(SHIPPED[table.study])
    else:
        study = Study(name=table.study, variants={})
    variants = {**study.variants, **{name: {} for name in table.runs if name not in study.variants}}
    everything = {"all": CurveGroup(tuple(variants), "All variants")}
    return dataclasses.replace(
        study, variants=variants, comparisons=study.comparisons or everything
    )


def _variants(study: Study, table: RunTable) -> list[str]:
    """The variants that have runs, in the study's order."""
    return [name for name in study.variants if name in table.runs]


def all_differences(study: Study, table: RunTable) -> Differences:
    """Paired differences of every variant from the reference.

    Returns:
        Dictionary from (column, window) to dictionary from variant to tuples of its
        `Comparison`, and p after Holm's correction over the variants and that for the looks.
    """
    others = [name for name in _variants(study, table) if name != table.reference]
    differences: Differences = {}
    for column, window in itertools.product(_columns(table), WINDOWS):
        comparisons = [
            table.compare((name, column), (table.reference, column), window) for name in others
        ]
        tested = [found.p if is_planned(found, study.rule) else None for found in comparisons]
        corrected = correct(tested, study.rule)
        differences[column, window] = dict(zip(others, zip(comparisons, corrected)))
    return differences


def draw(study: Study, table: RunTable, differences: Differences) -> dict[str, Figure]:
    """The figures by name: curves of each comparison, and the forest of differences."""
    # Of all variants, so that runs that are still to come change no color.
    colors = plots.variant_colors(study.variants)
    points = {
        name: [(epoch, loss) for epoch, losses in curve.items() for loss in losses]
        for name, curve in _published_curves(study, table).items()
    }
    figures = {}
    for key, group in study.comparisons.items():
        curves = {
            name: {
                column: table.curves(name, column)
                for column in _columns(table)
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
    if evidence := _claim_rows(study, table):
        figures["claims"] = plots.plot_differences(
            {name: [_mean_and_width(found)] for name, found in evidence.items()},
            (f"mean of {LAST_EPOCHS} epochs",),
            "difference in loss, same seed",
            seeds={name: found.seeds for name, found in evidence.items()},
            margin=study.rule.margin if study.rule else 0.0,
        )
    return figures


def draw_rate_distortion(study: Study, curve: dict[str, list[Place]]) -> Figure:
    """The rate–distortion curve."""
    assert study.rate_distortion is not None
    lines = {
        title: [(place.weight, place.kl, place.error) for place in found]
        for title, found in curve.items()
    }
    return plots.plot_rate_distortion(lines, study.rate_distortion.marked)


def _columns(table: RunTable) -> list[str]:
    """The losses among the history's columns."""
    return [f"{prefix}{name}" for prefix in SPLITS for name in loss_columns(table.columns)]


def _write_summary(study: Study, table: RunTable, differences: Differences, path: Path) -> None:
    """One row for each variant, column and window; what cannot be said is empty."""
    names = [
        "variant",
        "column",
        "last_epochs",
        "epoch",
        "seeds",
        "mean",
        "half_width",
        "difference_epoch",
        "difference_seeds",
        "difference",
        "difference_half_width",
        "p",
        "p_corrected",
        "detectable_difference",
    ]
    rows = []
    for variant, (column, window) in itertools.product(_variants(study, table), differences):
        seeds = len(table.counted(variant)[0])
        row = [variant, column, window, *table.summarize(variant, column, window)]
        row.insert(names.index("seeds"), seeds)
        if variant in differences[column, window]:
            found, p = differences[column, window][variant]
            level = strictest_level(len(differences[column, window]), study.rule)
            row += [found.epoch, found.seeds, found.mean, found.half_width, found.p, p]
            row.append(found.detectable(level))
        rows.append(dict(zip(names, row)))
    write_csv(path, rows, names)


def _introduction(study: Study, table: RunTable) -> str:
    seeds = sorted({seed for runs in table.runs.values() for seed in runs})
    variants = _variants(study, table)
    unfinished = [f"no runs of {name}" for name in study.variants if name not in table.runs]
    unfinished += [
        f"{name} with seed {seed} has {count(len(table.runs[name].get(seed, [])), 'epoch')}"
        for name in variants
        for seed in seeds
        if len(table.runs[name].get(seed, [])) < table.last_epoch
    ]
    terms = [MEANINGS.get(name, title(name)) for name in loss_columns(table.columns)[1:]]
    text = (
        f"# Study {escape(table.study)} on {escape(table.dataset)}\n\n"
        f"{count(len(variants), 'variant')}, {count(len(seeds), 'seed')}, "
        f"{count(table.last_epoch, 'epoch')}. The loss is {' plus '.join(terms)}, averaged over "
        "images; lower is better. ± is half the width of a 95% t-interval over seeds; n/a: too few "
        "runs."
    )
    if unfinished:
        text += (
            f"\n\n**Incomplete**: {'; '.join(unfinished)}. A run that has not reached the last "
            "epoch counts only where none of its variant has, at the last epoch that they all have."
        )
    if study.rule:
        text += "\n\n" + _rule_text(study.rule, table, variants)
    return text


def _rule_text(rule: Rule, table: RunTable, variants: Iterable[str]) -> str:
    """How many of the planned seeds there are, and what that means for p."""
    counted = [len(table.counted(name)[0]) for name in variants]
    *before, last = map(str, rule.looks)
    looks = f"{', '.join(before)} and {last}" if before else last
    have = "final" if min(counted) >= rule.looks[-1] else "interim"
    text = f"**This analysis is {have}**: the final one is at {rule.looks[-1]} seeds."
    if len(rule.looks) > 1:
        text += (
            f" Since the runs are analyzed at {looks} seeds, every corrected p is multiplied by "
            f"{len(rule.looks)} (Bonferroni)."
        )
    waiting = [
        f"{count(extra, 'seed')} of {name}"
        for name in variants
        if (extra := len(table.whole(name)) - len(table.counted(name)[0])) > 0
    ]
    if waiting:
        text += f" It leaves out {', '.join(waiting)}."
    return f"{text} {escape(rule.remark)}".strip()


def loss_table(study: Study, table: RunTable) -> list[list[str]]:
    """The losses at the last epoch, a list of rows of texts, the header first."""
    compared = _published_at_end(study, table)
    terms = loss_columns(table.columns)[1:]
    rows = [["variant", "seeds", "epoch"]]
    rows[0] += ["test loss, published", "test loss, here"] if compared else ["test loss"]
    rows[0] += [f"mean of last {LAST_EPOCHS}", *map(title, terms), "training loss"]
    columns = [(TEST, LAST_EPOCHS), *((f"val_{term}", 1) for term in terms), (TRAIN, 1)]
    for name in _variants(study, table):
        epoch, mean, half_width = table.summarize(name, TEST)
        row = [name, str(len(table.counted(name)[0])), str(epoch or NOT_AVAILABLE)]
        if compared:
            row.append(_join(compared.get(name, ())) or NOT_AVAILABLE)
        row.append(plus_minus(mean, half_width))
        for column, window in columns:
            row.append(plus_minus(*table.summarize(name, column, window)[1:]))
        rows.append(row)
    return rows


def _loss_section(study: Study, table: RunTable) -> str:
    text = "## Losses at the last epoch\n\n" + markdown(loss_table(study, table))
    compared, published = _published_at_end(study, table), study.published
    if not compared or published is None:
        return text
    of_source = f" of {study.source}" if study.source else ""
    remark = f", {published.remark}" if published.remark else ""
    text += f"\n\nPublished: figures{of_source} at the same epoch{remark}."
    epochs = {table.summarize(name, TEST)[0] for name in compared}
    text += "".join(f" {note}" for epoch, note in published.notes.items() if epoch in epochs)
    far = []
    for name, losses in compared.items():
        mean = table.summarize(name, TEST)[1] or 0.0
        nearest = min((mean - loss for loss in losses), key=abs)
        if abs(nearest) > published.tolerance:
            far.append(f"{name} ({signed(nearest)})")
    return f"{text} Further from them than {published.tolerance}: {', '.join(far) or 'none'}."


def _published_at_end(study: Study, table: RunTable) -> dict[str, tuple[float, ...]]:
    """What was published of variants at the epoch that their runs have; empty if nothing was."""
    if study.published is None or study.published.dataset != table.dataset:
        return {}
    found = {}
    for name in table.runs:
        epoch = table.summarize(name, TEST)[0]
        losses = study.published.losses.get(name, {}).get(epoch or 0)
        if losses:
            found[name] = losses
    return found


def _published_curves(study: Study, table: RunTable) -> dict[str, dict[int, tuple[float, ...]]]:
    """What was published up to the last epoch; empty if there is nothing at the end of the runs."""
    if study.published is None or not _published_at_end(study, table):
        return {}
    return {
        name: {epoch: losses for epoch, losses in curve.items() if epoch <= table.last_epoch}
        for name, curve in study.published.losses.items()
        if name in table.runs
    }


def _published_section(study: Study, table: RunTable) -> str | None:
    """Test losses on the way, as published and as here."""
    published = _published_curves(study, table)
    epochs = sorted({epoch for curve in published.values() for epoch in curve})
    if not epochs:
        return None
    rows = [["variant", "test loss after epoch", *map(str, epochs)]]
    for name in filter(published.get, study.variants):
        curves = table.curves(name, TEST)
        theirs, ours = [name, "published"], ["", "here, least to greatest of the seeds"]
        for epoch in epochs:
            theirs.append(_join(published[name].get(epoch, ())))
            seen = curves[:, epoch - 1] if epoch <= curves.shape[1] else None
            ours.append(NOT_AVAILABLE if seen is None else f"{seen.min():.2f} to {seen.max():.2f}")
        rows += [theirs, ours]
    return "## Published curves\n\n" + markdown(rows)


def _join(losses: Iterable[float]) -> str:
    return " and ".join(f"{loss:.2f}" for loss in losses)


def _difference_section(study: Study, table: RunTable, differences: Differences) -> str | None:
    if not differences.get((TEST, 1)):
        return None
    tests = len(differences[TEST, 1])
    level = strictest_level(tests, study.rule)
    looks = " and for the number of analyses" if looks_of(study.rule) > 1 else ""
    sections = [
        f"## Differences from {escape(table.reference)}\n\n"
        "The same seed gives every variant the same order of images, the same noise and, where "
        "shapes agree, the same initial weights, so differences are paired. Intervals and p are "
        "those of the paired t-test, two-sided; corrected is p after Holm's correction for "
        f"{count(tests, 'variant')}{looks}. Detectable is the smallest true difference that such "
        f"a test would have found with 80% probability at the strictest corrected level, α = "
        f"{level:.4f}, given the scatter between these seeds."
    ]
    for column, heading in ((TEST, "Test loss"), (TRAIN, "Training loss")):
        for window in WINDOWS:
            rows = [DIFFERENCE_HEADER]
            for name, (found, p) in differences[column, window].items():
                rows.append([name, *_difference_cells(found), p_value(p)])
                rows[-1].append(number(found.detectable(level)))
            when = "last epoch" if window == 1 else f"mean of the last {window} epochs"
            sections.append(f"### {heading}, {when}\n\n" + markdown(rows))
    return "\n\n".join(sections)


def _difference_cells(found: Comparison) -> list[str]:
    """Seeds, epoch, difference, interval and p."""
    return [
        str(found.seeds),
        str(found.epoch or NOT_AVAILABLE),
        signed(found.mean),
        interval(found.mean, found.half_width),
        p_value(found.p),
    ]


def _claim_section(study: Study, table: RunTable) -> str | None:
    if not study.claims:
        return None
    verdicts = judge(table, study.claims, study.rule)
    families = family_sizes(table, study.claims)
    margin = study.rule.margin if study.rule else 0.0
    level = strictest_level(max(families.values()), study.rule)
    rows = [["", f"claim of {study.source}" if study.source else "claim", "verdict", "p"]]
    evidence = [["claim", *DIFFERENCE_HEADER]]
    evidence[0].remove("corrected")
    evidence[0][1] = "difference"
    evidence[0][4] = "effect"
    if margin:
        rows[0].append("p (equal)")
        evidence[0].insert(-1, f"p (within {margin:g})")
    for verdict in verdicts:
        decision = f"**{verdict.decision}**"
        if verdict.decision != NOT_DECIDED:
            decision += f" at epoch {verdict.evidence[0].epoch}"
        decision += f": {verdict.reason}" if verdict.reason else ""
        claim = verdict.claim.text
        claim += f" ({verdict.claim.source})" if verdict.claim.source else ""
        row = [verdict.claim.label, claim, decision, p_value(verdict.p)]
        rows.append([*row, p_value(verdict.p_equal)] if margin else row)
        for pair, found in zip(verdict.claim.below, verdict.evidence):
            cells = [verdict.claim.label, _pair(pair), *_difference_cells(found)]
            if margin:
                cells.append(p_value(found.equivalence(margin)))
            evidence.append([*cells, number(found.detectable(level))])
    text = (
        "## Claims\n\n"
        "A claim says that some losses lie below others. It is confirmed if all its differences "
        "are below zero, by one p for all of them (intersection–union), and refuted if one is "
        "above zero (union–intersection). "
    )
    if margin:
        text += f"It is practically equal if all lie within ±{margin:g}, by two one-sided tests. "
    looks = f" and multiplied by {looks_of(study.rule)}" if looks_of(study.rule) > 1 else ""
    text += (
        f"p is corrected by Holm's method for the {_families(families, study)} that runs of "
        f"{count(table.last_epoch, 'epoch')} can decide{looks}; significant is p < {ALPHA}. A "
        f"verdict whose p is above {FRAGILE} is fragile: another seed may turn it. Differences are "
        f"paired, of the mean of the {LAST_EPOCHS} epochs up to that of the claim.\n\n"
    )
    return (
        f"{text}{markdown(rows)}\n\n### What the verdicts rest on\n\n"
        "Effects, intervals and p of single differences, not corrected. Detectable is the "
        "smallest true difference that a test of one would have found with 80% probability at the "
        f"strictest corrected level, α = {level:.4f}.\n\n{markdown(evidence)}"
    )


def _families(sizes: Mapping[str, int], study: Study) -> str:
    """How many claims are corrected together, by who made them."""
    names = {source: source or study.source for source in sizes}
    return " and for the ".join(
        count(size, "claim") + (f" of {names[source]}" if len(sizes) > 1 and names[source] else "")
        for source, size in sizes.items()
    )


def _claim_rows(study: Study, table: RunTable) -> dict[str, Comparison]:
    """The differences of the claims that can be decided, by what a figure calls them."""
    return {
        f"{verdict.claim.label}: {_pair(pair, variant_title)}": found
        for verdict in judge(table, study.claims, study.rule)
        for pair, found in zip(verdict.claim.below, verdict.evidence)
        if found.seeds and verdict.claim.epoch <= table.last_epoch
    }


def _evaluation_section(
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
        f" Bounds are of {IMPORTANCE_SAMPLES} importance samples; runs that were evaluated with "
        "more have none here."
        if any(name in shown for name in BOUNDS)
        else ""
    )
    return (
        "## Evaluation\n\n"
        "Runs whose weights are available, on the test images, in nats per image unless "
        "another unit is named; ± as above. The best variance of the decoder is the squared error "
        f"on training images.{bounds} The columns are explained by `python -m vae_keras.evaluate`, "
        "which prints them for one run.\n\n" + markdown(rows)
    )


def _pair(below: tuple[tuple[str, str], tuple[str, str]], named: Callable[[str], str] = str) -> str:
    (first, first_column), (second, second_column) = below
    first, second = named(first), named(second)
    first_title, second_title = _column_title(first_column), _column_title(second_column)
    if first == second:
        return f"{first}, {first_title} − {second_title}"
    if first_column != second_column:
        return f"{first} ({first_title}) − {second} ({second_title})"
    return f"{first} − {second}" + ("" if first_column == TEST else f" ({first_title})")


def _column_title(column: str) -> str:
    split = SPLITS["val_" if column.startswith("val_") else ""]
    term = column.removeprefix("val_")
    return split if term == TRAIN else f"{split} {title(term)}"


def _figure_section(study: Study, table: RunTable, differences: Differences) -> str:
    diamonds = " Diamonds are the published test losses." if _published_curves(study, table) else ""
    lines = ["## Figures"]
    if any(found.seeds for found, _ in differences.get((TEST, 1), {}).values()):
        lines.append(
            f"![Paired differences from {table.reference}](figures/differences.png)\n\n"
            "*Mean and 95% interval over seeds; left of zero is better than the reference.*"
        )
    if _claim_rows(study, table):
        band = "; the band is the margin of equality" if study.rule and study.rule.margin else ""
        lines.append(
            "![Differences of the claims that can be decided](figures/claims.png)\n\n"
            "*Differences of the claims that can be decided, with 95% intervals; left of zero "
            f"supports the claim{band}.*"
        )
    for key, group in study.comparisons.items():
        if any(name in table.runs for name in group.members):
            heading = escape(group.title)
            lines.append(
                f"![{heading}](figures/curves_{key}.png)\n\n*{heading}: mean over seeds, "
                "and a band from the least to the greatest. The first tenth of the epochs may "
                f"leave a panel.{diamonds}*"
            )
    return "\n\n".join(lines)


def _mean_and_width(found: Comparison) -> tuple[float, float | None]:
    """What a forest plot shows of a comparison that has seeds."""
    assert found.mean is not None
    return found.mean, found.half_width
