"""Paired differences of every variant from the reference."""

import itertools

from vae_keras.study.claims import correct, is_planned, looks_of, strictest_level
from vae_keras.study.definition import TEST, TRAIN, Study
from vae_keras.study.statistics import Comparison
from vae_keras.study.table import LAST_EPOCHS, RunTable
from vae_keras.support.text import (
    NOT_AVAILABLE,
    count,
    escape,
    interval,
    markdown,
    number,
    p_value,
    signed,
)

WINDOWS = (1, LAST_EPOCHS)
HEADER = ["variant", "seeds", "epoch", "difference", "95% interval", "p", "corrected", "detectable"]
Differences = dict[tuple[str, int], dict[str, tuple[Comparison, float | None]]]


def all_differences(study: Study, table: RunTable) -> Differences:
    """Paired differences of every variant from the reference.

    Returns:
        Dictionary from (column, window) to dictionary from variant to tuples of its `Comparison`
        and p, corrected for the variants (Holm) and the looks.
    """
    others = [name for name in table.runs if name != table.reference]
    differences: Differences = {}
    for column, window in itertools.product(table.losses, WINDOWS):
        comparisons = [
            table.compare((name, column), (table.reference, column), window) for name in others
        ]
        tested = [found.p if is_planned(found, study.rule) else None for found in comparisons]
        corrected = correct(tested, study.rule)
        differences[column, window] = dict(zip(others, zip(comparisons, corrected)))
    return differences


def difference_section(study: Study, table: RunTable, differences: Differences) -> str | None:
    if not differences.get((TEST, 1)):
        return None
    tests = len(differences[TEST, 1])
    level = strictest_level(tests, study.rule)
    looks = " and for the number of analyses" if looks_of(study.rule) > 1 else ""
    sections = [
        f"## Differences from {escape(table.reference)}\n\n"
        "The same seed gives every variant the same order of images, the same noise and, where "
        "shapes agree, the same initial weights, so differences are paired. Intervals and p are "
        "those of the two-sided paired t-test; *corrected* is p after Holm's correction for "
        f"{count(tests, 'variant')}{looks}. *Detectable* is the smallest true difference that "
        "this test detects with 80% probability at the strictest corrected level, α = "
        f"{level:.4f}, given the scatter between these seeds."
    ]
    for column, heading in ((TEST, "Test loss"), (TRAIN, "Training loss")):
        for window in WINDOWS:
            rows = [HEADER]
            for name, (found, p) in differences[column, window].items():
                rows.append([name, *difference_cells(found), p_value(p)])
                rows[-1].append(number(found.detectable(level)))
            when = "last epoch" if window == 1 else f"mean of the last {window} epochs"
            sections.append(f"### {heading}, {when}\n\n" + markdown(rows))
    return "\n\n".join(sections)


def difference_cells(found: Comparison) -> list[str]:
    """Seeds, epoch, difference, interval and p."""
    return [
        str(found.seeds),
        str(found.epoch or NOT_AVAILABLE),
        signed(found.mean),
        interval(found.mean, found.half_width),
        p_value(found.p),
    ]
