"""Methods of `keras.Model` that an autoencoder restricts or does not support."""

import inspect
import os
from typing import TYPE_CHECKING, Any, NoReturn

import keras

from vae_keras.backend.inputs import check_batches, range_errors, target_images
from vae_keras.config import EXPORTS
from vae_keras.support.errors import InputError

if TYPE_CHECKING:
    from keras import Model as _Base
else:
    _Base = object  # a mixin of a model class, whose methods it calls


class KerasContract(_Base):
    """Keras's interface of a model. Unsupported arguments raise a one-line error."""

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, loss_weights: Any = None, **options: Any
    ) -> None:
        """Configure training; the options are those of `keras.Model.compile`.

        Metrics are computed on the reconstructions.

        Raises:
            InputError: If a loss is given, because the loss belongs to the model.
        """
        if loss is not None or loss_weights is not None:
            raise InputError(
                "compile takes no loss here, because the loss belongs to the model: choose it with "
                'the arguments reconstruction="mse" or "bce" and reconstruction_weight of the model'
            )
        super().compile(optimizer=optimizer, **options)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile a loaded model, which Keras does not do for a class with its own `compile`."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, x: Any = None, y: Any = None, *arguments: Any, **options: Any) -> Any:
        """Train; the arguments are those of `keras.Model.fit`.

        Images are uint8, or floats in [0, 1]. Without `y`, they are the target.

        Raises:
            InputError: If a checked batch contains floats outside [0, 1] or no images, see
                `check_batches`, or if no weight is trainable.
        """
        if not self.trainable_weights:
            raise InputError("there is nothing to train: no weight of the model is trainable")
        with range_errors():
            y = _target(super().fit, x, y, arguments, options)
            return super().fit(check_batches(x), y, *arguments, **options)

    def make_train_function(self, force: bool = False) -> None:
        """Make the function of a training step.

        TensorFlow traces a step twice if it builds the optimizer, so this builds it first, unless
        a layer is still unbuilt and may get more weights.
        """
        optimizer = getattr(self, "optimizer", None)
        if (
            keras.backend.backend() == "tensorflow"
            and optimizer is not None
            and not optimizer.built
            and all(layer.built for layer in self.layers)
        ):
            optimizer.build(self.trainable_variables)
        super().make_train_function(force)

    def evaluate(self, x: Any = None, y: Any = None, *arguments: Any, **options: Any) -> Any:
        """The loss and its terms on images, with a random z; arguments as in Keras.

        Raises:
            InputError: As `fit`.
        """
        with range_errors():
            y = _target(super().evaluate, x, y, arguments, options)
            return super().evaluate(check_batches(x), y, *arguments, **options)

    def predict(self, x: Any, *arguments: Any, **options: Any) -> Any:
        """The outputs of `call` on images, with a random z; arguments as in Keras.

        Raises:
            InputError: As `fit`.
        """
        with range_errors():
            return super().predict(check_batches(x), *arguments, **options)

    def train_on_batch(self, x: Any, *arguments: Any, **options: Any) -> Any:
        """One step of training on a batch; arguments as in Keras."""
        return super().train_on_batch(check_batches(x), *arguments, **options)

    def test_on_batch(self, x: Any, *arguments: Any, **options: Any) -> Any:
        """The loss and its terms on a batch; arguments as in Keras."""
        return super().test_on_batch(check_batches(x), *arguments, **options)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs of `call` on a batch, with a random z."""
        return super().predict_on_batch(check_batches(x))

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """The loss and its terms, and the compiled metrics of the reconstructions."""
        reconstructions = y_pred["reconstruction"]
        target = target_images(x, y, self.image_shape)
        return super().compute_metrics(x, target, reconstructions, sample_weight)

    def make_trackers(self) -> None:
        """Create a metric for the loss and for each of its terms, independent of `floatx`."""
        dtype = "float64" if self.variable_dtype == "float64" else "float32"
        for name in ("loss", *self.term_names):
            setattr(self, f"{name}_tracker", keras.metrics.Mean(name, dtype))

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        own = [getattr(self, f"{name}_tracker") for name in ("loss", *self.term_names)]
        names = [metric.name for metric in own]
        return own + [metric for metric in super().metrics if metric.name not in names]

    def save(self, filepath: Any, *arguments: Any, **options: Any) -> None:
        """Save as a `.keras` file; the arguments are those of `keras.Model.save`."""
        if os.fspath(filepath).endswith((".h5", ".hdf5")):
            raise InputError(
                f"{filepath}: HDF5 stores functional models only: save as .keras, or save the "
                "weights with save_weights"
            )
        super().save(filepath, *arguments, **options)

    def export(
        self, filepath: Any, format: str = "tf_saved_model", verbose: Any = None, **options: Any
    ) -> None:
        """Export encoder, decoder and their composition.

        Args:
            filepath: Folder to write; for LiteRT a file.
            format: `"tf_saved_model"`, `"onnx"`, `"litert"` or `"litert_int8"`, see
                `export_saved_model`, `export_onnx` and `export_litert`. Keras's other formats
                export the whole model.
            verbose: Verbosity of Keras for its other formats.
            **options: Options of Keras for its other formats.

        Raises:
            InputError: If a package is missing, Keras's backend is not TensorFlow, or the format
                lacks an operation of the model.
        """
        name = "saved_model" if format == "tf_saved_model" else format
        if name not in EXPORTS:
            super().export(filepath, format=format, verbose=verbose, **options)
            return
        if keras.backend.backend() != "tensorflow":
            raise InputError(
                f"export to {name} needs Keras's backend tensorflow: save as .keras, then "
                "load and export the model with KERAS_BACKEND=tensorflow"
            )
        if options:
            raise InputError(f"export to {name} takes no {next(iter(options))}")
        from vae_keras.export.formats import export_model

        export_model(self, filepath, name)

    def quantize(self, *arguments: Any, **options: Any) -> NoReturn:
        """Not supported: Keras quantizes only dense layers; these networks are convolutional."""
        raise InputError(
            "these models cannot be quantized, because Keras has no integer convolutions: for "
            '8-bit weights, use export(path, format="litert_int8")'
        )

    def summary(
        self, line_length: int | None = None, positions: Any = None, print_fn: Any = None, **options
    ) -> None:
        """Print the layers of both networks and the total number of parameters."""
        for network in (self.encoder, self.decoder):
            network.summary(line_length, positions, print_fn, **options)
        (print_fn or print)(f"Total parameters of {self.name}: {self.count_params():,}")

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        networks = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects)
            for name in ("encoder", "decoder")
        }
        return cls(**{**config, **networks})


def _target(method: Any, x: Any, y: Any, arguments: Any, options: Any) -> Any:
    """The target for a method of Keras, which ignores sample weights without a target."""
    if y is None and hasattr(x, "shape"):
        given = inspect.signature(method).bind(x, y, *arguments, **options).arguments
        if given.get("sample_weight") is not None:
            return x
    return y
