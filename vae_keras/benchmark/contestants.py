"""Implementations of the digits network, each as a function that trains and counts its steps.

The plain versions are not optimized. They serve for comparison only, and nothing else in the
package uses them.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from vae_keras.config import PRECISIONS

Training = Callable[[], int]  # trains at least one step and returns the number of steps

LATENT_DIM, RECONSTRUCTION_WEIGHT, LEARNING_RATE = 2, 1000.0, 5e-4


def this_package(images: np.ndarray, batch_size: int, activation: str, precision: str) -> Training:
    """This package: its model, its training step and its input pipeline."""
    from vae_keras.data.batches import training_batches

    batches = training_batches(images, batch_size, seed=0)
    return _this_model(images, batch_size, activation, precision, batches)


def this_package_without_pipeline(
    images: np.ndarray, batch_size: int, activation: str, precision: str
) -> Training:
    """This package on one batch in memory, without the input pipeline."""
    import tensorflow as tf

    batch = tf.constant(images[:batch_size] / np.float32(255))
    batches = tf.data.Dataset.from_tensors(batch).cache().repeat()
    return _this_model(images, batch_size, activation, precision, batches)


def _this_model(
    images: np.ndarray, batch_size: int, activation: str, precision: str, batches: Any
) -> Training:
    from vae_keras.config import make_config
    from vae_keras.training.build import build_model
    from vae_keras.training.loop import steps_at_once

    config = make_config(activation=activation, precision=precision)
    model = build_model(config, images.shape[1:])
    steps_per_epoch = -(-len(images) // batch_size)
    return _training(model, batches, steps_at_once(steps_per_epoch, batch_size, images.shape[1:]))


def plain_keras(images: np.ndarray, batch_size: int, activation: str, precision: str) -> Training:
    """Keras's own layers and activations, in the style of the book."""
    import keras
    import tensorflow as tf
    from keras import layers

    def activate() -> Any:
        return layers.LeakyReLU() if activation == "leaky_relu" else layers.Activation(activation)

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(PRECISIONS[precision])
    same: dict[str, Any] = {"padding": "same", "data_format": "channels_last"}
    inputs = x = keras.Input(images.shape[1:])
    for filters, stride in ((32, 1), (64, 2), (64, 2), (64, 1)):
        x = activate()(layers.Conv2D(filters, 3, stride, **same)(x))
    x = layers.Flatten("channels_last")(x)
    encoder = keras.Model(inputs, [layers.Dense(LATENT_DIM)(x), layers.Dense(LATENT_DIM)(x)])

    inputs = keras.Input((LATENT_DIM,))
    x = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64)(inputs))
    for filters, stride in ((64, 1), (64, 2), (32, 2)):
        x = activate()(layers.Conv2DTranspose(filters, 3, stride, **same)(x))
    x = layers.Conv2DTranspose(1, 3, 1, activation="sigmoid", **same)(x)
    decoder = keras.Model(inputs, x)
    keras.config.set_dtype_policy(before)

    class PlainVAE(keras.Model):
        def train_step(self, images: Any) -> dict[str, Any]:
            with tf.GradientTape() as tape:
                mean, log_var = (tf.cast(x, "float32") for x in encoder(images, training=True))
                z = mean + tf.exp(0.5 * log_var) * tf.random.normal(tf.shape(mean))
                decoded = tf.cast(decoder(z, training=True), "float32")
                error = tf.reduce_mean(tf.square(images - decoded))
                kl = -0.5 * tf.reduce_sum(1 + log_var - mean**2 - tf.exp(log_var), axis=1)
                loss = RECONSTRUCTION_WEIGHT * error + tf.reduce_mean(kl)
            weights = encoder.trainable_weights + decoder.trainable_weights
            self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
            return {"loss": loss}

    model = PlainVAE()
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE))
    dataset = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).repeat()
    dataset = dataset.batch(batch_size).map(lambda x: tf.cast(x, "float32") / 255)
    return _training(model, dataset.prefetch(tf.data.AUTOTUNE), 1)


def _training(model: Any, batches: Any, steps: int) -> Training:
    model.steps_per_execution = steps
    model.make_train_function()
    batches = iter(batches)

    def train() -> int:
        model.train_function(batches)
        return steps

    return train


def plain_torch(
    images: np.ndarray, batch_size: int, activation: str, precision: str, compiled: bool = False
) -> Training:
    """PyTorch; bfloat16 uses autocast."""
    import torch
    from torch import nn

    def activate() -> Any:
        return nn.LeakyReLU(0.3) if activation == "leaky_relu" else nn.GELU()

    def convolutions(layers: Iterable[Any]) -> Iterator[Any]:
        return itertools.chain(*((layer, activate()) for layer in layers))

    encoder = nn.Sequential(
        *convolutions(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1)
            for inputs, outputs, stride in ((1, 32, 1), (32, 64, 2), (64, 64, 2), (64, 64, 1))
        ),
        nn.Flatten(),
    )
    mean_layer = nn.Linear(7 * 7 * 64, LATENT_DIM)
    log_var_layer = nn.Linear(7 * 7 * 64, LATENT_DIM)
    decoder = nn.Sequential(
        nn.Linear(LATENT_DIM, 7 * 7 * 64),
        nn.Unflatten(1, (64, 7, 7)),
        *convolutions(
            nn.ConvTranspose2d(inputs, outputs, 3, stride, padding=1, output_padding=stride - 1)
            for inputs, outputs, stride in ((64, 64, 1), (64, 64, 2), (64, 32, 2))
        ),
        nn.ConvTranspose2d(32, 1, 3, padding=1),
        nn.Sigmoid(),
    )
    parts = nn.ModuleList([encoder, mean_layer, log_var_layer, decoder])
    optimizer = torch.optim.Adam(parts.parameters(), LEARNING_RATE)
    tensor = torch.from_numpy(np.moveaxis(images, -1, 1).copy())

    def compute_loss(chosen: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            hidden = encoder(chosen)
            mean, log_var = mean_layer(hidden).float(), log_var_layer(hidden).float()
            z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
            decoded = decoder(z).float()
        kl = -0.5 * torch.sum(1 + log_var - mean**2 - torch.exp(log_var), dim=1).mean()
        return RECONSTRUCTION_WEIGHT * torch.mean((chosen - decoded) ** 2) + kl

    if compiled:
        compute_loss = torch.compile(compute_loss)

    def train() -> int:
        chosen = tensor[torch.randint(len(tensor), (batch_size,))].float() / 255
        loss = compute_loss(chosen)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return 1

    return train


def compiled_torch(
    images: np.ndarray, batch_size: int, activation: str, precision: str
) -> Training:
    """PyTorch with the networks and the loss under `torch.compile`, which needs a C++ compiler."""
    return plain_torch(images, batch_size, activation, precision, compiled=True)


CONTESTANTS: dict[str, Callable[..., Training]] = {
    "vae_keras": this_package,
    "vae_keras, no pipeline": this_package_without_pipeline,
    "plain Keras": plain_keras,
    "plain PyTorch": plain_torch,
    "compiled PyTorch": compiled_torch,
}
