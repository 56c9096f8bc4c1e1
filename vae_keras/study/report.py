"""The report of a study: `summary.csv`, `report.md` and figures, from its table of runs."""

import dataclasses
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

from vae_keras.study.claims import strictest_level
from vae_keras.study.definition import (
    EVALUATIONS,
    FIGURES,
    REPORT,
    RUNS,
    STUDY_FILE,
    SUMMARY,
    CurveGroup,
    Rule,
    Study,
    check_outputs,
)
from vae_keras.study.evaluations import read_evaluations
from vae_keras.study.rate_distortion import places
from vae_keras.study.reading import SHIPPED, read_study
from vae_keras.study.sections.differences import (
    Differences,
    all_differences,
    difference_section,
)
from vae_keras.study.sections.evaluation import evaluation_section
from vae_keras.study.sections.figures import draw, figure_section
from vae_keras.study.sections.losses import loss_section, loss_table, published_section
from vae_keras.study.sections.rate_distortion import (
    draw_rate_distortion,
    rate_distortion_section,
    rate_distortion_table,
)
from vae_keras.study.sections.verdicts import claim_section
from vae_keras.study.table import RunTable, read_table
from vae_keras.support.errors import InputError
from vae_keras.support.files import replacing, write_csv
from vae_keras.support.terms import loss_columns, title
from vae_keras.support.text import count, escape, plain, wrap

# Descriptions of the terms of the loss for a sentence, if they differ from their titles.
MEANINGS = {
    "reconstruction_loss": "the weighted reconstruction error",
    "kl_loss": "the KL divergence in nats",
}


def check_report(directory: Path) -> None:
    """Raise `InputError` unless the report of a folder can be written. Changes nothing."""
    check_outputs(directory)
    study_of(read_table(directory / RUNS), directory)
    read_evaluations(directory / EVALUATIONS)


def write_report(table: RunTable, directory: Path, width: int = 80) -> str:
    """Write `summary.csv`, `report.md` and `figures/` into a folder.

    Args:
        table: The runs.
        directory: Folder of the study, which may contain its definition, `study.json`.
        width: Columns of the terminal.

    Returns:
        Text for a terminal: the main table and the paths of the files.
    """
    check_outputs(directory)
    study = study_of(table, directory)
    evaluations = read_evaluations(directory / EVALUATIONS)
    table = dataclasses.replace(
        table,
        runs={name: table.runs[name] for name in study.variants if name in table.runs},
        looks=study.rule.looks if study.rule else (),
    )
    differences = all_differences(study, table)
    curve = places(study, table)
    with replacing(directory / FIGURES) as folder:
        folder.mkdir()
        figures = (
            {"rate_distortion": draw_rate_distortion(study, curve)}
            if curve
            else draw(study, table, differences)
        )
        for name, figure in figures.items():
            figure.savefig(folder / f"{name}.png", dpi=150)
    _write_summary(study, table, differences, directory / SUMMARY)
    sections = [
        _introduction(study, table),
        rate_distortion_section(curve) if curve else loss_section(study, table),
        published_section(study, table),
        None if curve else difference_section(study, table, differences),
        claim_section(study, table),
        evaluation_section(evaluations, study.variants),
        None if curve else figure_section(study, table, differences),
    ]
    with replacing(directory / REPORT) as aside:
        aside.write_text("\n\n".join(filter(None, sections)) + "\n", encoding="utf-8")
    main_table = rate_distortion_table(curve) if curve else loss_table(study, table)
    files = (
        f"report   {directory / REPORT}\n"
        f"tables   {directory / RUNS} and {directory / SUMMARY}\n"
        f"figures  {directory / FIGURES}"
    )
    return f"\n{plain(main_table, width)}\n\n{wrap(files, width, ' ' * len('figures  '))}"


def study_of(table: RunTable, directory: Path) -> Study:
    """The definition of the study of these runs.

    It is the one in the folder, or the study of the package with that name. Without either, the
    variants are those with runs, and there are no claims and published losses.
    """
    if os.path.lexists(directory / STUDY_FILE):
        study = read_study(directory / STUDY_FILE)
    elif table.study in SHIPPED:
        study = read_study(SHIPPED[table.study])
    else:
        study = Study(name=table.study, variants={})
    if study.variants and not table.runs.keys() & study.variants.keys():
        raise InputError(
            f"the study {study.name} has none of the variants in {directory / RUNS}: "
            f"restore {STUDY_FILE} and {RUNS}"
        )
    variants = {**study.variants, **{name: {} for name in table.runs if name not in study.variants}}
    everything = {"all": CurveGroup(tuple(variants), "All variants")}
    return dataclasses.replace(
        study, variants=variants, comparisons=study.comparisons or everything
    )


def _write_summary(study: Study, table: RunTable, differences: Differences, path: Path) -> None:
    """Write one row for each variant, column and window; unknown values are empty."""
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
    for variant, (column, window) in itertools.product(table.runs, differences):
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
    variants = table.runs
    absent = [name for name in study.variants if name not in variants]
    unfinished = [f"no runs of {', '.join(absent)}"] if absent else []
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
        "images; lower is better. ± is half the width of a 95% t-interval over seeds. n/a: no "
        "value, because there are too few runs or epochs, or no published loss."
    )
    if unfinished:
        text += (
            f"\n\n**Incomplete**: {escape('; '.join(unfinished))}. Unfinished runs are used only "
            "if no run of their variant has finished, at the last epoch that they all have."
        )
    if study.rule:
        text += "\n\n" + _rule_text(study, study.rule, table, variants)
    return text


def _rule_text(study: Study, rule: Rule, table: RunTable, variants: Iterable[str]) -> str:
    """The progress of the planned analyses, and their effect on p."""
    finished = [len(table.whole(name)) if name in table.runs else 0 for name in study.variants]
    *before, last = map(str, rule.looks)
    looks = f"{', '.join(before)} and {last}" if before else last
    if min(finished) >= rule.looks[-1]:
        text = f"**This analysis is final**: it uses all {rule.looks[-1]} planned seeds."
    else:
        text = f"**This analysis is interim**: the final one is at {rule.looks[-1]} seeds."
    if len(rule.looks) > 1:
        text += (
            f" Because the runs are analyzed at {looks} seeds, every corrected p is multiplied by "
            f"{len(rule.looks)} (Bonferroni)."
        )
    waiting = [
        f"{count(extra, 'seed')} of {name}"
        for name in variants
        if (extra := len(table.whole(name)) - len(table.counted(name)[0])) > 0
    ]
    if waiting:
        omitted = escape(", ".join(waiting))
        text += f" The analysis omits {omitted}, because it uses only planned numbers of seeds."
    return f"{text} {escape(rule.remark)}".strip()
