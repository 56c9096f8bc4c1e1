"""The verdicts on the claims of a study."""

from collections.abc import Callable, Mapping

from vae_keras.plots.names import variant_title
from vae_keras.study.claims import (
    FRAGILE,
    NOT_DECIDED,
    family_sizes,
    judge,
    looks_of,
    strictest_level,
)
from vae_keras.study.definition import TEST, TRAIN, Study
from vae_keras.study.sections.differences import HEADER, difference_cells
from vae_keras.study.statistics import ALPHA, Comparison
from vae_keras.study.table import LAST_EPOCHS, RunTable
from vae_keras.support.terms import title
from vae_keras.support.text import count, escape, markdown, number, p_value


def claim_section(study: Study, table: RunTable) -> str | None:
    if not study.claims:
        return None
    verdicts = judge(table, study.claims, study.rule)
    families = family_sizes(table, study.claims)
    margin = study.rule.margin if study.rule else 0.0
    level = strictest_level(max(families.values()), study.rule)
    rows = [["", f"claim of {study.source}" if study.source else "claim", "verdict", "p"]]
    evidence = [["claim", *HEADER]]
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
            cells = [verdict.claim.label, _pair(pair), *difference_cells(found)]
            if margin:
                cells.append(p_value(found.equivalence(margin)))
            evidence.append([*cells, number(found.detectable(level))])
    text = (
        "## Claims\n\n"
        "A claim states that some losses are below others. It is confirmed if all of its "
        "differences are significantly below zero (intersection–union test), and refuted if at "
        "least one is significantly above zero (union–intersection test). "
    )
    if margin:
        text += f"It is practically equal if all are within ±{margin:g}, by two one-sided tests. "
    text += (
        f"p is corrected by Holm's method for the {escape(_families(families, study))} that can be "
        f"decided after {count(table.last_epoch, 'epoch')}. "
    )
    if (looks := looks_of(study.rule)) > 1:
        text += f"It is then multiplied by {looks}, the number of planned analyses. "
    text += (
        f"p < {ALPHA} is significant. A verdict with p above {FRAGILE} is fragile: another seed "
        f"may change it. Differences are paired and use the mean of the {LAST_EPOCHS} epochs up to "
        "that of the claim.\n\n"
    )
    return (
        f"{text}{markdown(rows)}\n\n### Differences of the claims\n\n"
        "Effects, intervals and p of single differences, not corrected. *Detectable* is the "
        "smallest true difference that a single test detects with 80% probability at the "
        f"strictest corrected level, α = {level:.4f}.\n\n{markdown(evidence)}"
    )


def _families(sizes: Mapping[str, int], study: Study) -> str:
    """The numbers of claims that are corrected together, by source."""
    names = {source: source or study.source for source in sizes}
    return " and, separately, for the ".join(
        count(size, "claim") + (f" of {names[source]}" if len(sizes) > 1 and names[source] else "")
        for source, size in sizes.items()
    )


def claim_rows(study: Study, table: RunTable) -> dict[str, Comparison]:
    """The differences of the claims that can be decided, by their titles in a figure."""
    return {
        f"{verdict.claim.label}: {_pair(pair, variant_title)}": found
        for verdict in judge(table, study.claims, study.rule)
        for pair, found in zip(verdict.claim.below, verdict.evidence)
        if found.seeds and verdict.claim.epoch <= table.last_epoch
    }


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
    split = "test" if column.startswith("val_") else "training"
    term = column.removeprefix("val_")
    return split if term == TRAIN else f"{split} {title(term)}"
