"""What a study is: variants, claims and the rule of its analysis."""

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vae_keras.config import FitConfig, make_config
from vae_keras.support.errors import InputError
from vae_keras.support.files import check_places

TRAIN, TEST = "loss", "val_loss"
# The outputs of a study beside its runs.
STUDY_FILE, RUNS, SUMMARY = "study.json", "runs.csv", "summary.csv"
EVALUATIONS, REPORT, FIGURES = "evaluations.csv", "report.md", "figures"
FILES = STUDY_FILE, RUNS, SUMMARY, EVALUATIONS, REPORT
OUTPUTS = (*FILES, FIGURES)
SEED = re.compile("0|[1-9][0-9]{0,8}")  # a seed as text
PublishedLosses = dict[str, dict[int, tuple[float, ...]]]


@dataclasses.dataclass(frozen=True)
class CurveGroup:
    """Variants whose curves share a figure.

    Attributes:
        members: Names of the variants.
        title: Title of the figure.
    """

    members: tuple[str, ...]
    title: str


@dataclasses.dataclass(frozen=True)
class Published:
    """Published losses.

    Attributes:
        dataset: Name of the data set.
        tolerance: Larger differences from the published test losses are listed.
        losses: Test losses: dictionary from variant to dictionary from epoch to the loss of each
            published run.
        train_losses: Training losses, in the same form.
        remark: A phrase about the origin of the losses.
        notes: Sentences about the losses after an epoch, by epoch.
    """

    dataset: str
    tolerance: float
    losses: PublishedLosses
    train_losses: PublishedLosses = dataclasses.field(default_factory=dict)
    remark: str = ""
    notes: dict[int, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class RateDistortion:
    """The variants on the lines of a rate–distortion curve.

    Attributes:
        lines: Dictionary from the title of a line to its variants, in order.
        marked: The reconstruction weight to mark, or 0 for none.
    """

    lines: dict[str, tuple[str, ...]]
    marked: float = 0.0


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement that some losses are below others.

    Attributes:
        text: The statement.
        below: Pairs of (variant, column): the claim is that the first is below the second, in all
            pairs.
        epoch: The epoch at which the claim is judged; 0 for the last of the runs.
        label: Label of the claim; its number by default.
        source: The source of the claim, if not that of the study.
    """

    text: str
    below: tuple[tuple[tuple[str, str], tuple[str, str]], ...]
    epoch: int = 0
    label: str = ""
    source: str = ""


@dataclasses.dataclass(frozen=True)
class Rule:
    """The rule of the analysis, to be fixed before the runs are trained.

    Attributes:
        looks: Increasing numbers of seeds at which the runs are analyzed. The last is the final
            analysis; every p is multiplied by the number of looks (Bonferroni).
        margin: Differences up to this are practically equal; 0 for no test of equality.
        remark: A sentence on the time at which the rule was fixed.
    """

    looks: tuple[int, ...]
    margin: float = 0.0
    remark: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """Variants to compare, with claims, published losses and the rule of the analysis.

    Attributes:
        name: Name of the study.
        variants: Dictionary from name to the settings that the variant changes.
        reference: The variant that the others are compared with.
        settings: Settings that all variants change.
        source: The source of the claims and the published losses.
        comparisons: Dictionary from name to `CurveGroup`; empty for one figure of all variants.
        published: Published losses, or None.
        rate_distortion: The rate–distortion curve, or None. With it, the variants may have losses
            with different weights, which are not compared.
        claims: Claims to judge.
        rule: The `Rule` of the analysis; None to analyze any number of seeds.
    """

    name: str
    variants: dict[str, dict[str, Any]]
    reference: str = ""
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    source: str = ""
    comparisons: dict[str, CurveGroup] = dataclasses.field(default_factory=dict)
    published: Published | None = None
    rate_distortion: RateDistortion | None = None
    claims: tuple[Claim, ...] = ()
    rule: Rule | None = None

    def configs(self, dataset: str, seed: int, **settings: Any) -> dict[str, FitConfig]:
        """The settings of every variant's run with one seed.

        Args:
            dataset: Name of the data set, not `"auto"`.
            seed: Seed of the runs.
            **settings: Fields of `FitConfig` that override the study's own.

        Returns:
            Dictionary from the variants' names to `FitConfig`, all with the same epochs.

        Raises:
            InputError: If a value cannot be used.
        """
        # Runs that end at different epochs cannot be compared.
        whole = {"early_stopping": None, "keep": "last"}
        shared = {**whole, **self.settings, **settings, "seed": seed}
        shared.pop("dataset", None)
        configs = {}
        for name, changes in self.variants.items():
            with within(f"variant {name!r}"):
                config = make_config(dataset, **{**shared, **changes})
            # A variant may have its own preset, with its own epochs.
            shared.setdefault("epochs", config.epochs)
            configs[name] = config
        return configs


def check_outputs(directory: Path) -> None:
    """Raise `InputError` unless the outputs of a study can be written or replaced."""
    check_places((directory / name for name in FILES), [directory / FIGURES])


def check_squared_errors(study: Study, configs: Mapping[str, FitConfig]) -> None:
    """Raise `InputError` if a variant on a rate–distortion curve has another error than `"mse"`."""
    for members in study.rate_distortion.lines.values() if study.rate_distortion else ():
        for member in members:
            if (found := configs[member].reconstruction) != "mse":
                raise InputError(
                    f"rate_distortion: variant {member!r} must have reconstruction 'mse', received "
                    f"{found!r}"
                )


@contextlib.contextmanager
def within(place: object) -> Iterator[None]:
    """Inside the block, an `InputError` begins with the place of the error."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
