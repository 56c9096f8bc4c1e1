"""Weights of the loss that can change during training."""

import math
import numbers
from typing import TYPE_CHECKING, Any

import keras

from vae_keras.support.errors import InputError

if TYPE_CHECKING:
    from vae_keras.model import Autoencoder


class LossWeight:
    """An attribute of a model: a number for users, a variable in the compiled training step.

    The variable is not a weight of the model. Its value is saved with the configuration.

    Args:
        positive: Whether the value must be positive instead of at least 0.
        words: Strings that are allowed instead of a number.
    """

    def __init__(self, positive: bool = False, words: tuple[str, ...] = ()) -> None:
        self.positive = positive
        self.words = words

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, model: "Autoencoder | None", owner: type | None = None) -> Any:
        if model is None:
            return self
        try:
            return model.__dict__["_loss_weights"][self.name][0]
        except KeyError:
            raise AttributeError(self.name) from None

    def __set__(self, model: "Autoencoder", value: float | str) -> None:
        value = self._check(value)
        weights = model.__dict__.setdefault("_loss_weights", {})
        before = weights.get(self.name, (value,))[0]
        if isinstance(value, str) or isinstance(before, str):
            if value != before:
                raise InputError(
                    f"⟨{self.name}⟩ cannot change from {before!r} to {value!r}: create a new model"
                )
            weights[self.name] = value, None
            return
        if self.name not in weights:
            start = keras.initializers.Constant(value)
            variable = keras.Variable(start, (), "float32", trainable=False, name=self.name)
        else:
            variable = weights[self.name][1]
            variable.assign(value)
        weights[self.name] = value, variable
        if keras.backend.backend() == "jax":  # a compiled step contains the old value
            for kind in ("train", "test"):
                if getattr(model, f"{kind}_function", None) is not None:
                    getattr(model, f"make_{kind}_function")(force=True)

    def tensor(self, model: "Autoencoder", dtype: str) -> Any:
        """The weight for use in the loss."""
        return keras.ops.cast(model.__dict__["_loss_weights"][self.name][1].value, dtype)

    def _check(self, value: Any) -> float | str:
        if isinstance(value, str) and value in self.words:
            return value
        is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        limit = "positive" if self.positive else "at least 0"
        if not is_number or not math.isfinite(value) or value < 0 or (self.positive and not value):
            words = "".join(f", or {word!r}" for word in self.words)
            raise InputError(f"⟨{self.name}⟩ must be a number, {limit}{words}, received {value!r}")
        return float(value)
