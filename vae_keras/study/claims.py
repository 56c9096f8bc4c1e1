"""Verdicts on the claims of a study, from runs with several seeds."""

import dataclasses
from collections.abc import Sequence

from vae_keras.study.definition import Claim, Rule
from vae_keras.study.statistics import ALPHA, Comparison, holm
from vae_keras.study.table import LAST_EPOCHS, RunTable

CONFIRMED, REFUTED, EQUAL = "confirmed", "refuted", "practically equal"
NOT_DECIDED = "not decided"
FRAGILE = 0.01  # a verdict with a larger p may change with another seed


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A claim with its judgment.

    Attributes:
        claim: `Claim`.
        decision: `CONFIRMED`, `REFUTED`, `EQUAL` or `NOT_DECIDED`.
        reason: The reason for no decision, or a limitation of the decision; may be empty.
        evidence: One `Comparison` for each pair of the claim, the first minus the second: negative
            if the claim is true.
        p: Corrected p of the claim; None without a test.
        p_equal: Corrected p of equality within the margin; None without a test.
    """

    claim: Claim
    decision: str
    reason: str
    evidence: tuple[Comparison, ...]
    p: float | None
    p_equal: float | None


def judge(table: RunTable, claims: Sequence[Claim], rule: Rule | None = None) -> list[Verdict]:
    """Verdicts on claims, from the paired differences of the mean over five epochs.

    Each claim has one p, two-sided. It is confirmed by all of its k differences together
    (intersection–union: the largest p of them) and refuted by one of them (union–intersection: k
    times the smallest). It is practically equal if all differences lie within the rule's margin,
    by two one-sided tests. Holm's correction covers the claims of one source that can be decided at
    this number of epochs (a family), separately for differences and for equality. Every p is then
    multiplied by the number of planned analyses (`Rule.looks`).

    Args:
        table: The runs, with the looks of the rule.
        claims: List of `Claim`.
        rule: `Rule`, or None.

    Returns:
        List of `Verdict`, one for each claim.

    Reference:
        Berger 1982, Multiparameter hypothesis testing and acceptance sampling, Technometrics 24;
        Holm 1979 and Schuirmann 1987, as in `vae_keras.study.statistics`.
    """
    evidence = [
        tuple(table.compare(*pair, LAST_EPOCHS, claim.epoch or None) for pair in claim.below)
        for claim in claims
    ]
    lacking = [
        _what_is_lacking(claim, found, table.last_epoch, rule)
        for claim, found in zip(claims, evidence)
    ]
    margin = rule.margin if rule else 0.0
    p_values: list[float | None] = []
    equalities: list[float | None] = []
    for claim, found, lacks in zip(claims, evidence, lacking):
        # A claim of the family without a test yet counts with p = 1.
        untested = 1.0 if _in_family(claim, table) else None
        p_values.append(untested if lacks else min(directional_p(found)))
        equalities.append(untested if lacks or not margin else equality_p(found, margin))
    corrected = _correct_by_source(claims, p_values, rule)
    equal = _correct_by_source(claims, equalities, rule)
    return [
        Verdict(claim, NOT_DECIDED, lacks, found, None, None)
        if lacks
        else _decide(claim, found, p, p_equal if margin else None, margin)
        for claim, found, lacks, p, p_equal in zip(claims, evidence, lacking, corrected, equal)
    ]


def directional_p(evidence: Sequence[Comparison]) -> tuple[float, float]:
    """Two-sided p for all differences below zero, and for at least one above zero."""
    below = [_one_sided_p(each) for each in evidence]
    above = min(1 - p for p in below)
    return min(1.0, 2 * max(below)), min(1.0, 2 * len(below) * above)


def equality_p(evidence: Sequence[Comparison], margin: float) -> float:
    """p for all differences within ±margin: the largest p of the single tests."""
    p_values = [each.equivalence(margin) for each in evidence]
    return max(1.0 if p is None else p for p in p_values)


def _one_sided_p(comparison: Comparison) -> float:
    """One-sided p for a difference below zero, from the two-sided p."""
    mean, p = comparison.mean, comparison.p
    assert mean is not None and p is not None
    return p / 2 if mean < 0 else 1 - p / 2


def correct(p_values: Sequence[float | None], rule: Rule | None) -> list[float | None]:
    """p-values after Holm's correction for their number, times the number of looks."""
    looks = looks_of(rule)
    return [None if p is None else min(1.0, looks * p) for p in holm(p_values)]


def _correct_by_source(
    claims: Sequence[Claim], p_values: Sequence[float | None], rule: Rule | None
) -> list[float | None]:
    corrected = list(p_values)
    for source in {claim.source for claim in claims}:
        family = [index for index, claim in enumerate(claims) if claim.source == source]
        for index, p in zip(family, correct([p_values[index] for index in family], rule)):
            corrected[index] = p
    return corrected


def looks_of(rule: Rule | None) -> int:
    """The number of planned analyses, which share α equally (Bonferroni)."""
    return len(rule.looks) if rule else 1


def is_planned(comparison: Comparison, rule: Rule | None) -> bool:
    """Whether a comparison may be tested: it has a number of seeds of the rule, or at least two."""
    return comparison.seeds in rule.looks if rule else comparison.seeds >= 2


def strictest_level(tests: int, rule: Rule | None) -> float:
    """The level at which one of several tests is significant regardless of the others."""
    return ALPHA / (max(1, tests) * looks_of(rule))


def family_sizes(table: RunTable, claims: Sequence[Claim]) -> dict[str, int]:
    """Number of claims of each source in Holm's correction: those that these runs can decide."""
    sizes = dict.fromkeys((claim.source for claim in claims), 0)
    for claim in claims:
        sizes[claim.source] += _in_family(claim, table)
    return sizes


def _in_family(claim: Claim, table: RunTable) -> bool:
    return claim.epoch <= table.last_epoch


def _what_is_lacking(
    claim: Claim, evidence: Sequence[Comparison], last_epoch: int, rule: Rule | None
) -> str:
    """The reason why a claim cannot be tested; empty if it can."""
    epochs = [each.epoch for each in evidence if each.epoch is not None]
    if claim.epoch > last_epoch:
        return f"it is judged at epoch {claim.epoch}, but these runs have {last_epoch}"
    if any(epoch < (claim.epoch or last_epoch) for epoch in epochs):
        return f"not all of its runs have reached epoch {claim.epoch or last_epoch}"
    if not all(is_planned(each, rule) for each in evidence):
        needed = f"{rule.looks[0]} seeds" if rule else "two seeds"
        return f"it needs {needed} of each of its variants"
    return ""


def _decide(
    claim: Claim,
    evidence: tuple[Comparison, ...],
    p: float | None,
    p_equal: float | None,
    margin: float,
) -> Verdict:
    confirmed, refuted = directional_p(evidence)
    differs = p is not None and p < ALPHA
    is_equal = p_equal is not None and p_equal < ALPHA
    if differs:
        decision, deciding = CONFIRMED if confirmed < refuted else REFUTED, p
        reasons = [f"by less than {margin:g}"] if is_equal else []
    elif is_equal:
        decision, deciding, reasons = EQUAL, p_equal, [f"no difference larger than {margin:g}"]
    else:
        return Verdict(claim, NOT_DECIDED, "", evidence, p, p_equal)
    if deciding is not None and deciding > FRAGILE:
        reasons.append("fragile")
    return Verdict(claim, decision, ", ".join(reasons), evidence, p, p_equal)
