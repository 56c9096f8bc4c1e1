"""Reproducible noise."""

from typing import TYPE_CHECKING

from vae_keras.support.seeds import derive_seed

if TYPE_CHECKING:
    from keras import Model as _Base
else:
    _Base = object  # a mixin of a model class, whose layers it changes


class SeededNoise(_Base):
    """Reseeds sampling and dropout of a model from labels."""

    def reset_noise(self, *labels: str | int) -> None:
        """Reseed sampling and dropout, so that their noise depends only on the labels."""
        for layer in self._flatten_layers():  # also those of networks inside networks
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign([derive_seed(*labels, layer.name), 0])
