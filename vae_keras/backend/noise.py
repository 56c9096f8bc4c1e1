"""Noise that can be repeated."""

from typing import TYPE_CHECKING

from vae_keras.support.seeds import derive_seed

if TYPE_CHECKING:
    from keras import Model as _Base
else:
    _Base = object  # it is mixed into a model class, whose layers it changes


class SeededNoise(_Base):
    """Lets sampling and dropout of a model start again from given labels."""

    def reset_noise(self, *labels: str | int) -> None:
        """Restart sampling and dropout, so that their noise depends on the labels alone."""
        for layer in [*self.layers, *self.encoder.layers, *self.decoder.layers]:
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign([derive_seed(*labels, layer.name), 0])
