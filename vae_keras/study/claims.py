"""What the vae-gelu study claims, as data, and what runs with several seeds say to it."""

import dataclasses

from vae_keras.study.statistics import ALPHA, Comparison, holm
from vae_keras.study.table import LAST_EPOCHS
from vae_keras.study.variants import STUDIES

TRAIN, TEST = "loss", "val_loss"


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement that some losses lie below others.

    Attributes:
        text: The statement.
        below: Pairs of (variant, column): the first is claimed to lie below the second.
            All must, for the claim to hold.
        after_epoch: Epochs that must have passed before it can be judged.
    """

    text: str
    below: tuple
    after_epoch: int = 0


def _below(lower, *others, column=TEST):
    return tuple(((lower, column), (other, column)) for other in others)


CLAIMS = {
    "gelu": (
        Claim(
            "GELU in the encoder alone, or in the decoder alone, beats LeakyReLU in both",
            _below("gelu_encoder", "leaky_relu") + _below("gelu_decoder", "leaky_relu"),
        ),
        Claim(
            "GELU in the encoder helps more than GELU in the decoder",
            _below("gelu_encoder", "gelu_decoder"),
        ),
        Claim(
            "GELU in both beats all of those",
            _below("gelu", "leaky_relu", "gelu_encoder", "gelu_decoder"),
        ),
        Claim(
            "Dropout 0.25 after each GELU worsens the training loss; the test loss is then below "
            "the training loss",
            _below("gelu", "gelu_dropout", column=TRAIN)
            + ((("gelu_dropout", TEST), ("gelu_dropout", TRAIN)),),
        ),
        Claim(
            "Batch normalisation after GELU improves training clearly and test reasonably",
            _below("gelu_batchnorm_after", "gelu", column=TRAIN)
            + _below("gelu_batchnorm_after", "gelu"),
        ),
        Claim(
            "Batch normalisation before GELU is better than after it, visibly after epoch 100",
            _below("gelu_batchnorm_before", "gelu_batchnorm_after"),
            after_epoch=100,
        ),
        Claim(
            "The best variant is batch normalisation before GELU",
            _below(
                "gelu_batchnorm_before",
                *(name for name in STUDIES["gelu"] if name != "gelu_batchnorm_before"),
            ),
            after_epoch=100,
        ),
    ),
    # What its introduction says of activations in general.
    "activations": (
        Claim("ReLU beats the sigmoid", _below("relu", "sigmoid")),
        Claim("LeakyReLU beats ReLU", _below("leaky_relu", "relu")),
    ),
}


@dataclasses.dataclass(frozen=True)
class Evidence:
    """One comparison that a claim rests on.

    Attributes:
        below: The pair that the claim orders, as in `Claim`.
        comparison: `Comparison` of the first minus the second: negative if the claim is right.
        p: Its p, corrected for all comparisons of all claims; None without a test.
    """

    below: tuple
    comparison: Comparison
    p: float | None

    @property
    def significant(self):
        return self.p is not None and self.p < ALPHA

    @property
    def supports(self):
        return self.significant and self.comparison.mean < 0

    @property
    def contradicts(self):
        return self.significant and self.comparison.mean > 0


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
    evidence: tuple


def judge(table, claims):
    """Verdicts on claims, from the paired differences of the mean over the last five epochs.

    A claim is confirmed if every difference that it names is significant in its direction,
    refuted if one is significant in the other, and else not decided. Significant means
    p < 0.05 in a paired t-test, two-sided, after Holm's correction over the distinct
    comparisons of all claims.

    Args:
        table: `RunTable`.
        claims: Sequence of `Claim`.

    Returns:
        List of `Verdict`.
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


def _judge(claim, evidence, last_epoch):
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
