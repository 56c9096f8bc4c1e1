"""What runs with several seeds say to the claims of a study."""

import dataclasses
from collections.abc import Sequence

from vae_keras.study.definition import Claim
from vae_keras.study.statistics import ALPHA, Comparison, holm
from vae_keras.study.table import LAST_EPOCHS, RunTable


@dataclasses.dataclass(frozen=True)
class Evidence:
    """One comparison that a claim rests on.

    Attributes:
        below: The pair that the claim orders, as in `Claim`.
        comparison: `Comparison` of the first minus the second: negative if the claim is right.
        p: Its p, corrected for all comparisons of all claims; None without a test.
    """

    below: tuple[tuple[str, str], tuple[str, str]]
    comparison: Comparison
    p: float | None

    @property
    def significant(self) -> bool:
        return self.p is not None and self.p < ALPHA

    @property
    def supports(self) -> bool:
        return self.significant and (self.comparison.mean or 0) < 0

    @property
    def contradicts(self) -> bool:
        return self.significant and (self.comparison.mean or 0) > 0


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A claim with its judgement.

    Attributes:
        claim: `Claim`.
        decision: `"confirmed"`, `"refuted"` or `"not decided"`.
        reason: Why it is not decided, or an empty text.
        evidence: One `Evidence` for each pair of the claim.
    """

    claim: Claim
    decision: str
    reason: str
    evidence: tuple[Evidence, ...]


def judge(table: RunTable, claims: Sequence[Claim]) -> list[Verdict]:
    """Verdicts on claims, from the paired differences of the mean over the last five epochs.

    A claim is confirmed if every difference that it names is significant in its direction,
    refuted if one is significant in the other, and else not decided. Significant means
    p < 0.05 in a paired t-test, two-sided, after Holm's correction over the distinct
    comparisons of all claims.
    """
    pairs = list(dict.fromkeys(pair for claim in claims for pair in claim.below))
    comparisons = [table.compare(*pair, window=LAST_EPOCHS) for pair in pairs]
    corrected = holm([comparison.p for comparison in comparisons])
    evidence = {
        pair: Evidence(pair, comparison, p)
        for pair, comparison, p in zip(pairs, comparisons, corrected)
    }
    return [
        _judge(claim, tuple(evidence[pair] for pair in claim.below), table.last_epoch)
        for claim in claims
    ]


def _judge(claim: Claim, evidence: tuple[Evidence, ...], last_epoch: int) -> Verdict:
    epochs = [item.comparison.epoch for item in evidence if item.comparison.epoch]
    decision, reason = "not decided", ""
    if claim.after_epoch and max(epochs, default=0) <= claim.after_epoch:
        have = f"these runs have {max(epochs)}" if epochs else "there are no runs"
        reason = f"it speaks of what comes after epoch {claim.after_epoch}, and {have}"
    elif any(epoch < last_epoch for epoch in epochs):
        reason = f"not all of its runs have come to epoch {last_epoch}"
    elif any(item.contradicts for item in evidence):
        decision = "refuted"
    elif all(item.supports for item in evidence):
        decision = "confirmed"
    elif any(item.p is None for item in evidence):
        reason = "it takes two seeds of every variant that it names"
    else:
        count = sum(not item.significant for item in evidence)
        few = f"{count} of {len(evidence)} differences" if len(evidence) > 1 else "its difference"
        reason = f"{few} not significant"
    return Verdict(claim, decision, reason, evidence)
