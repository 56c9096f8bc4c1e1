"""Several devices, and backends other than TensorFlow; each in a process of its own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vae_keras.backend.devices import distribution
from vae_keras.support.errors import InputError

pytestmark = pytest.mark.slow  # each process imports TensorFlow

COMMON = """
import sys, pathlib, numpy as np, keras
folder = pathlib.Path(sys.argv[1])
from vae_keras.config import make_config
config = make_config(
    activation="gelu", encoder_filters=(4, 4), encoder_strides=(2, 2),
    decoder_filters=(4,), decoder_strides=(2, 2), batch_size=8, epochs=3, learning_rate=1e-3,
)
"""

ON_DEVICES = """
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from vae_keras.data.images import ImageData
from vae_keras.model import VAE
from vae_keras.training import loop, saving
saving.save_figures = lambda path, *rest: path.mkdir()
export = saving.export_model
images = np.random.default_rng(0).integers(0, 256, (80, 8, 8, 1), dtype=np.uint8)
for name in sys.argv[2:]:
    count, devices, normalization = name.split("-")
    data = ImageData("tiny", images[: int(count)], images[:12])
    settings = config.replace(normalization=normalization)
    # One run also keeps the best epoch, is resumed and exported; the others are only compared.
    is_complete = normalization == "batch"
    if is_complete:
        settings = settings.replace(reconstruction_weight="auto", keep="best")
    saving.export_model = export if is_complete else lambda model, path, format: path.mkdir()
    run = loop.train(settings, folder / name, data, devices=int(devices))
    if is_complete:
        longer = settings.replace(epochs=4)
        kept = loop.kept_epoch
        # The older of the best checkpoints, so that it is restored.
        loop.kept_epoch = saving.kept_epoch = lambda rows, config: min(
            int(path.name.split("-")[1]) for path in run.checkpoints.glob("best-*.npz")
        )
        run = loop.train(longer, folder / name, data, devices=int(devices), resume=True)
        loop.kept_epoch = saving.kept_epoch = kept
        assert run.read_metrics()["kept_epoch"] < 4
    model = keras.saving.load_model(run.model_file)
    assert type(model) is VAE, type(model)
    assert (run.saved_model / "saved_model.pb").exists() == is_complete
    loss = [row["val_loss"] for row in run.read_history()]
    np.savez(folder / f"{name}.npz", *model.get_weights(), loss=loss)
"""

ON_BACKEND = """
from vae_keras.model import VAE
from vae_keras.training.build import build_model
model = build_model(config, (8, 8, 1))
assert keras.backend.backend() == sys.argv[2]
weights, images, noise = (
    np.load(folder / f"{name}.npz") for name in ("weights", "images", "noise")
)
model.set_weights([weights[name] for name in weights.files])

class FixedNoise(keras.layers.Layer):
    def call(self, mean, log_var):
        return mean + keras.ops.exp(0.5 * log_var) * keras.ops.convert_to_tensor(noise["noise"])

model.sampling = FixedNoise()
losses = [model.train_on_batch(images["images"], return_dict=True) for _ in range(3)]
losses.append(model.test_on_batch(images["images"], return_dict=True))
names = ("loss", "reconstruction_loss", "kl_loss")
np.save(folder / f"{sys.argv[2]}.npy", [[float(step[name]) for name in names] for step in losses])
"""


def run_script(script, *arguments, **environment):
    result = subprocess.run(
        [sys.executable, "-c", COMMON + script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        cwd=Path(__file__).parent,
    )
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def trained_on_devices(tmp_path_factory):
    """Weights and losses by name: images, devices and normalization."""
    folder = tmp_path_factory.mktemp("devices")
    names = ["69-1-none", "69-2-none", "65-1-none", "65-2-none", "65-2-batch"]
    run_script(ON_DEVICES, folder, *names)
    return {name: np.load(folder / f"{name}.npz") for name in names}


# The last batch of an epoch has three images for one device and two for the other, or one and none.
@pytest.mark.parametrize("images", [69, 65])
def test_two_devices_end_with_the_weights_of_one(trained_on_devices, images):
    one, two = (trained_on_devices[f"{images}-{devices}-none"] for devices in (1, 2))
    assert one.files == two.files and len(one.files) > 10
    for name in one.files:
        np.testing.assert_allclose(two[name], one[name], atol=1e-5, rtol=1e-5, err_msg=name)


def test_a_device_without_images_leaves_statistics_and_variance_alone(trained_on_devices):
    weights = trained_on_devices["65-2-batch"]
    assert all(np.isfinite(weights[name]).all() for name in weights.files)


@pytest.mark.parametrize("devices", ["x", 1.5])
def test_a_number_of_devices_is_whole(devices):
    with pytest.raises(InputError, match="devices must be a whole number or 'all'"):
        distribution(devices)


def test_more_devices_than_there_are_is_one_line(tmp_path):
    from test_fit import run_fit

    result = run_fit("--dataset", "digits", "--devices", 64, "--epochs", 1, cwd=tmp_path)
    assert result.returncode == 2
    assert (
        "devices is 64, but TensorFlow finds only" in result.stderr
        and result.stderr.count("\n") == 1
    )


@pytest.fixture(scope="module")
def losses_on_tensorflow(tmp_path_factory):
    """A folder with weights, images and noise, and the losses that TensorFlow has for them."""
    from vae_keras.config import make_config
    from vae_keras.training.build import build_model

    folder = tmp_path_factory.mktemp("backends")
    config = make_config(
        activation="gelu",
        encoder_filters=(4, 4),
        encoder_strides=(2, 2),
        decoder_filters=(4,),
        decoder_strides=(2, 2),
    )
    random = np.random.default_rng(0)
    np.savez(folder / "weights.npz", *build_model(config, (8, 8, 1)).get_weights())
    np.savez(folder / "images.npz", images=random.random((8, 8, 8, 1), dtype=np.float32))
    np.savez(folder / "noise.npz", noise=random.normal(size=(8, 2)).astype(np.float32))
    run_script(ON_BACKEND, folder, "tensorflow", KERAS_BACKEND="tensorflow")
    return folder


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_trains_to_the_same_losses(losses_on_tensorflow, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    folder = losses_on_tensorflow
    run_script(ON_BACKEND, folder, backend, KERAS_BACKEND=backend)
    expected, measured = (np.load(folder / f"{name}.npy") for name in ("tensorflow", backend))
    assert expected[2, 0] < expected[0, 0]  # it did learn
    np.testing.assert_allclose(measured, expected, rtol=1e-4)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_contract_of_keras_holds_with_another_backend(backend):
    """`test_keras_contract.py` without what it marks TensorFlow's, and what only repeats."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    repeated = "optimizers or mixed_float16 or autoencoder or (other_activations and not layer)"
    options = ("-q", "-p", "no:cacheprovider", "-k", f"not ({repeated})")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_keras_contract.py"],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
        cwd=Path(__file__).parent,
    )
    assert result.returncode == 0, result.stdout
