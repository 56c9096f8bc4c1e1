"""The rate–distortion curve of a study: KL divergence against the error for each weight."""

import dataclasses

import numpy as np

from vae_keras.config import make_config
from vae_keras.study.definition import Study
from vae_keras.study.table import RunTable


@dataclasses.dataclass(frozen=True)
class Place:
    """The point of a variant on the curve, on the test images at the last epoch.

    Attributes:
        variant: Name of the variant.
        weight: Its reconstruction weight, a number or `"auto"`.
        kl: The KL divergence in nats, an array `(seeds,)`.
        error: The mean squared error per pixel, an array `(seeds,)`.
    """

    variant: str
    weight: float | str
    kl: np.ndarray
    error: np.ndarray


def places(study: Study, table: RunTable) -> dict[str, list[Place]]:
    """The points on each line of the curve, for the variants that have runs."""
    if study.rate_distortion is None:
        return {}
    lines: dict[str, list[Place]] = {}
    for title, members in study.rate_distortion.lines.items():
        for variant in members:
            if not table.has(variant, "val_kl_loss"):
                continue
            seeds, epoch = table.counted(variant)
            weight = _weight(study, variant, table.dataset.partition("[")[0])
            if isinstance(weight, str):
                error = table.ends(variant, "val_mse", seeds, epoch)
            else:
                error = table.ends(variant, "val_reconstruction_loss", seeds, epoch) / weight
            kl = table.ends(variant, "val_kl_loss", seeds, epoch)
            lines.setdefault(title, []).append(Place(variant, weight, kl, error))
    return lines


def _weight(study: Study, variant: str, dataset: str) -> float | str:
    """The reconstruction weight of a variant, regardless of its other settings."""
    settings = {**study.settings, **study.variants[variant]}
    given = {name: settings[name] for name in ("reconstruction_weight",) if name in settings}
    return make_config(dataset, settings.get("preset"), **given).reconstruction_weight
