import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import IMAGE_SHAPE

from vae_keras import losses
from vae_keras.activations import ACTIVATIONS
from vae_keras.config import NORMALIZATION_POSITIONS, NORMALIZATIONS
from vae_keras.data.batches import ordered_batches
from vae_keras.model import VAE, LossTerm
from vae_keras.training.build import build_model

VARIANTS = [
    (activation, normalization, position)
    for activation in ACTIVATIONS
    for normalization in NORMALIZATIONS
    for position in (NORMALIZATION_POSITIONS if normalization != "none" else ["after"])
]


@pytest.fixture
def vae(tiny_config):
    return build_model(tiny_config.replace(reconstruction_weight=100.0, kl_weight=2.0), IMAGE_SHAPE)


@pytest.fixture
def autoencoder(tiny_config):
    return build_model(tiny_config.replace(model="autoencoder", kl_weight=None), IMAGE_SHAPE)


def test_the_loss_is_the_weighted_sum_of_its_terms(vae, images):
    outputs = vae(images)
    mse = np.mean((images - outputs["reconstruction"]) ** 2)
    kl = np.mean(losses.kl_divergence(outputs["mean"], outputs["log_var"]))
    loss = float(vae.compute_loss(x=images, y_pred=outputs))
    assert loss == pytest.approx(100 * mse + 2 * kl, rel=1e-5)
    results = {name: float(value) for name, value in vae.get_metrics_result().items()}
    assert results["loss"] == pytest.approx(loss, rel=1e-5)
    assert results["reconstruction_loss"] == pytest.approx(100 * mse, rel=1e-5)
    assert results["kl_loss"] == pytest.approx(kl, rel=1e-5)


class WithSparsity(VAE):
    """A VAE with one more term in its loss."""

    term_names = (*VAE.term_names, "sparsity_loss")

    def loss_terms(self, images, outputs):
        value = keras.ops.mean(keras.ops.abs(outputs["mean"]), axis=-1)
        terms = super().loss_terms(images, outputs)
        return {**terms, "sparsity_loss": LossTerm(value, weight=3.0)}


def test_another_term_is_weighted_summed_and_reported(vae, images):
    model = WithSparsity.from_config(vae.get_config())
    model.compile(optimizer="adam")
    outputs = model(images)
    sparsity = np.mean(np.abs(outputs["mean"]))
    without = float(vae.compute_loss(x=images, y_pred=outputs))
    loss = float(model.compute_loss(x=images, y_pred=outputs))
    assert loss == pytest.approx(without + 3 * sparsity, rel=1e-5)
    assert [metric.name for metric in model.metrics] == [
        "loss",
        "reconstruction_loss",
        "kl_loss",
        "sparsity_loss",
    ]
    assert float(model.get_metrics_result()["sparsity_loss"]) == pytest.approx(sparsity, rel=1e-5)
    history = model.fit(images, validation_data=images, epochs=1, verbose=0).history
    assert np.isfinite(history["sparsity_loss"] + history["val_sparsity_loss"]).all()


def test_test_step_weighs_every_image_equally(vae, images):
    # 70 images in batches of 32: the last six must not count as much as the first 32.
    images[64:] = 1.0
    as_uint8 = np.round(images * 255).astype(np.uint8)
    vae.reset_noise(0)
    in_batches = vae.evaluate(ordered_batches(as_uint8, 32), return_dict=True, verbose=0)
    vae.reset_noise(0)
    outputs = [vae(batch) for batch in ordered_batches(as_uint8, 32)]
    batches = list(ordered_batches(as_uint8, 32))
    per_image = np.concatenate(
        [
            vae.loss_terms(batch, output)["reconstruction_loss"].value
            + 2 * losses.kl_divergence(output["mean"], output["log_var"])
            for batch, output in zip(batches, outputs)
        ]
    )
    assert len(per_image) == 70
    assert in_batches["loss"] == pytest.approx(per_image.mean(), rel=1e-5)


def test_test_step_samples_z_as_training_does(vae, images):
    losses_seen = {
        vae.test_on_batch(images, return_dict=True)["reconstruction_loss"] for _ in range(3)
    }
    assert len(losses_seen) == 3


def test_gradients_agree_with_finite_differences(vae, images):
    bias = vae.encoder.get_layer("mean").bias

    def loss():
        vae.reset_noise(0)
        return vae.compute_loss(x=images, y_pred=vae(images, training=True))

    with tf.GradientTape() as tape:
        value = loss()
    gradient = tape.gradient(value, bias.value)
    for i, step in enumerate(np.eye(2, dtype=np.float32) * 1e-2):
        start = bias.numpy()
        bias.assign(start + step)
        above = float(loss())
        bias.assign(start - step)
        below = float(loss())
        bias.assign(start)
        assert float(gradient[i]) == pytest.approx((above - below) / 2e-2, rel=1e-2, abs=1e-3)


@pytest.mark.parametrize("kind", ["vae", "autoencoder"])
@pytest.mark.parametrize("reconstruction", ["mse", "bce"])
def test_training_lowers_the_loss(tiny_config, images, kind, reconstruction):
    kl_weight = 1.0 if kind == "vae" else None
    config = tiny_config.replace(model=kind, kl_weight=kl_weight, reconstruction=reconstruction)
    model = build_model(config, IMAGE_SHAPE)
    dark = images**4  # noise of which at least the mean can be learned
    history = model.fit(dark, batch_size=32, epochs=5, shuffle=False, verbose=0).history
    assert history["loss"][-1] < 0.95 * history["loss"][0]
    terms = {"loss", "reconstruction_loss"} | ({"kl_loss"} if kind == "vae" else set())
    assert set(history) == terms


def test_reconstruct_goes_through_the_mean(vae, images):
    first, second = vae.reconstruct(images), vae.reconstruct(images)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, vae.decode(vae.encode(images)["mean"]))


def test_generate_repeats_from_a_seed_and_varies_without(vae):
    assert vae.generate(3).shape == (3, *IMAGE_SHAPE)
    np.testing.assert_array_equal(vae.generate(3, seed=5), vae.generate(3, seed=5))
    assert not np.array_equal(vae.generate(3, seed=5), vae.generate(3, seed=6))
    assert not np.array_equal(vae.generate(3), vae.generate(3))


def test_autoencoder_encodes_to_a_point(autoencoder, images):
    encoded = autoencoder.encode(images)
    z = autoencoder.points(images)
    assert set(encoded) == {"z"} and z.shape == (70, 2)
    np.testing.assert_array_equal(z, encoded["z"])
    np.testing.assert_array_equal(autoencoder.reconstruct(images), autoencoder.decode(z))


def test_noise_depends_on_the_labels_alone(tiny_config, images):
    model = build_model(tiny_config.replace(dropout=0.5), IMAGE_SHAPE)
    draws = []
    for labels in [(0, "train", 3), (0, "train", 4), (0, "train", 3)]:
        model.reset_noise(*labels)
        outputs = model(images, training=True)
        draws.append((np.asarray(outputs["z"]), np.asarray(outputs["reconstruction"])))
        model(images, training=True)
    np.testing.assert_array_equal(draws[0][0], draws[2][0])
    np.testing.assert_array_equal(draws[0][1], draws[2][1])
    assert not np.array_equal(draws[0][0], draws[1][0])


def test_summary_shows_both_networks_and_the_total(vae):
    lines = []
    vae.summary(print_fn=lines.append)
    text = "\n".join(str(line) for line in lines)
    assert all(
        word in text for word in ("encoder_conv_1", "decoder_output", f"{vae.count_params():,}")
    )


@pytest.fixture(scope="module")
def saved_variants(tmp_path_factory):
    """Every variant trained for one step and saved, with its output beside it."""
    from vae_keras.config import make_config

    folder = tmp_path_factory.mktemp("variants")
    images = np.random.default_rng(2).random((8, *IMAGE_SHAPE), dtype=np.float32)
    np.save(folder / "images.npy", images)
    step_losses = {}
    for variant in VARIANTS:
        activation, normalization, position = variant
        config = make_config(
            activation=activation,
            normalization=normalization,
            normalization_position=position,
            encoder_filters=(4,),
            encoder_strides=(2,),
            decoder_filters=(4,),
            decoder_strides=(2, 1),
        )
        model = build_model(config, IMAGE_SHAPE)
        model.compile("sgd", run_eagerly=True)  # one step is not worth a graph
        step_losses[variant] = model.train_on_batch(images, return_dict=True)["loss"]
        name = "-".join(variant)
        model.save(folder / f"{name}.keras")
        np.save(folder / f"{name}.npy", model.reconstruct(images))
    return folder, step_losses


@pytest.fixture(scope="module")
def loaded_elsewhere(saved_variants):
    """The largest difference of outputs after loading, by variant, in a fresh process."""
    script = """
import sys, keras, numpy as np, pathlib
import vae_keras
folder = pathlib.Path(sys.argv[1])
images = np.load(folder / "images.npy")
for path in sorted(folder.glob("*.keras")):
    model = keras.saving.load_model(path)
    difference = np.abs(model.reconstruct(images) - np.load(path.with_suffix(".npy"))).max()
    print(path.stem, difference)
"""
    result = subprocess.run(
        [sys.executable, "-c", script, str(saved_variants[0])],
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split() for line in result.stdout.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS, ids="-".join)
def test_every_variant_trains_saves_and_loads_in_a_fresh_process(
    variant, saved_variants, loaded_elsewhere
):
    assert np.isfinite(saved_variants[1][variant])
    assert float(loaded_elsewhere["-".join(variant)]) == 0


@pytest.mark.parametrize("kind", ["vae", "autoencoder"])
def test_a_loaded_model_trains_on_as_the_saved_one_would(request, kind, images, tmp_path):
    model = request.getfixturevalue(kind)
    model.fit(images, verbose=0)
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    assert copy.get_config().keys() == model.get_config().keys()
    results = []
    for trained in (model, copy):
        trained.reset_noise(1)
        results.append(trained.fit(images, shuffle=False, verbose=0).history["loss"])
    assert results[0] == results[1]
