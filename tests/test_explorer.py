"""What the explorer's page holds: networks, images and losses; and the command that writes it."""

import base64
import io
import itertools
import json
import re
import shutil
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pytest
from browsing import run_explore, scramble
from matplotlib.colors import to_rgb
from PIL import Image

from vae_keras import build_model, explore, load_model
from vae_keras.activations import ACTIVATIONS
from vae_keras.backend.precision import dtype_policy
from vae_keras.data.source import Unavailable
from vae_keras.data.sources import find_source
from vae_keras.explorer import build_page, contents
from vae_keras.explorer import page as page_module
from vae_keras.explorer.colors import DARK, page_colors
from vae_keras.explorer.network import (
    count_multiplications,
    describe_encoder,
    describe_network,
    encode_array,
)
from vae_keras.networks import build_decoder
from vae_keras.plots.colors import CLASS_COLORS
from vae_keras.support.errors import InputError
from vae_keras.support.files import write_json
from vae_keras.training.names import find_run
from vae_keras.training.run import Run

WEB = Path(page_module.__file__).parent / "web"


@pytest.fixture(scope="module")
def scripts(browser):
    """An empty page with the scripts that run a network."""
    page = browser.new_page()
    for name in ("arrays.js", "network.js"):
        page.add_script_tag(content=(WEB / name).read_text(encoding="utf-8"))
    return page


def encode_in_page(scripts, encoder, inputs):
    """What the page's encoder makes of some inputs: a dictionary of `(count, latent_dim)`."""
    outputs = scripts.evaluate(
        """([encoder, inputs]) => {
            const run = makeEncoder(encoder);
            return inputs.map((input) => {
                const found = Object.entries(run(Float32Array.from(input)));
                return Object.fromEntries(found.map(([name, values]) => [name, [...values]]));
            });
        }""",
        [encoder, np.reshape(inputs, (len(inputs), -1)).tolist()],
    )
    return {name: np.array([output[name] for output in outputs]) for name in outputs[0]}


def run_in_page(scripts, network, inputs):
    """What the page's network makes of some inputs, `(count, values)`."""
    outputs = scripts.evaluate(
        """([network, inputs]) => {
            const run = makeNetwork(network);
            return inputs.map((input) => [...run(Float32Array.from(input))]);
        }""",
        [network, np.reshape(inputs, (len(inputs), -1)).tolist()],
    )
    return np.array(outputs)


def check_networks(scripts, model):
    """Assert that the page's networks compute what the model's do."""
    random = np.random.default_rng(1)
    z = random.normal(size=(4, model.latent_dim)).astype(np.float32)
    images = np.asarray(model.decode(z))
    assert images.std() > 0.05
    decoded = run_in_page(scripts, describe_network(model.decoder), z)
    np.testing.assert_allclose(decoded, images.reshape(4, -1), atol=1e-2)
    outputs = {"mean": "mean", "logVar": "log_var"}
    found = encode_in_page(scripts, describe_encoder(model.encoder, outputs), images)
    expected = model.encode(images)
    for name, output in outputs.items():
        values = np.asarray(expected[output])
        np.testing.assert_allclose(found[name], values, atol=1e-2 * max(1, np.abs(values).max()))


@pytest.mark.parametrize(
    ("normalization", "position"),
    [("none", "after"), *itertools.product(("batch", "layer"), ("before", "after"))],
)
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_the_page_computes_what_the_model_does(
    scripts, tiny_config, activation, normalization, position
):
    config = tiny_config.replace(
        activation=activation,
        normalization=normalization,
        normalization_position=position,
        dropout=0.3,
        decoder_dense_activation=True,
    )
    check_networks(scripts, scramble(build_model(config, (8, 8, 1))))


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("strides", [(1, 2), (3, 1), (2, 3)])
def test_the_page_pads_as_the_model_does(scripts, tiny_config, kernel_size, strides):
    config = tiny_config.replace(
        kernel_size=kernel_size,
        encoder_strides=strides,
        decoder_strides=strides[::-1],
        decoder_output_layer="conv" if strides[0] == 1 else "conv_transpose",
        latent_dim=5,
    )
    check_networks(scripts, scramble(build_model(config, (12, 18, 3))))


def test_a_trained_decoder_runs_in_far_less_than_a_frame(scripts):
    model = load_model("saved_models/gelu-study/gelu/seed-0")
    check_networks(scripts, model)
    network = describe_network(model.decoder)
    assert 7e6 < count_multiplications(network) < 8e6
    milliseconds = scripts.evaluate(
        """(network) => {
            const run = makeNetwork(network);
            return Array.from({ length: 60 }, (_, i) => {
                const start = performance.now();
                run(Float32Array.of(i / 30 - 1, 0.5));
                return performance.now() - start;
            });
        }""",
        network,
    )
    print(f"median of 60: {np.median(milliseconds):.1f} ms per image")
    assert np.median(milliseconds) < 1000 / 30


def test_every_half_float_is_read(scripts):
    bits = np.arange(2**16, dtype=np.uint16)
    values = bits.view(np.float16)
    read = scripts.evaluate(
        "(array) => [...decodeArray(array)].map(String)", encode_array(values, "float16")
    )
    np.testing.assert_array_equal(
        np.float32([text.replace("Infinity", "inf") for text in read]), values
    )


def test_a_layer_that_the_page_does_not_know_is_refused():
    z = keras.Input((2,))
    softmax = keras.layers.Dense(3, activation="softmax", name="last")(z)
    for output, reason in (
        (softmax, "'last' has activation softmax"),
        (keras.layers.GroupNormalization(1, name="groups")(z), "'groups' is a GroupNormalization"),
        (keras.layers.Add(name="sum")([z, z]), "'sum' has several inputs"),
        (
            keras.layers.Conv2D(1, 1, name="bare")(keras.layers.Reshape((2, 1, 1))(z)),
            "'bare' has padding valid",
        ),
    ):
        with pytest.raises(
            InputError, match=f"layer {reason}, which the explorer's page cannot run"
        ):
            describe_network(keras.Model(z, output))


def test_all_losses_of_a_run_are_listed(tmp_path):
    run = Run(tmp_path)
    losses = {"loss": 50.25, "kl_loss": 4.5, "sparsity_loss": -1.0, "elbo": -400.0}
    write_json(run.metrics_file, {"epochs": 1, "train": losses, "test": losses})
    assert contents.describe_losses(run) == [
        ("test loss", "50.25"),
        ("KL (nats)", "4.50"),
        ("sparsity", "−1.00"),
        ("ELBO (nats/image)", "−400.00"),
    ]
    draws = {name: {"mean": value + 1} for name, value in losses.items() if name != "elbo"}
    write_json(run.evaluation_file, {"loss": {"draws": draws}, "likelihood": {"elbo": -399.0}})
    assert [value for _, value in contents.describe_losses(run)] == [
        "51.25",
        "5.50",
        "0.00",
        "−399.00",
    ]
    write_json(run.evaluation_file, {"loss": {"through_the_mean": {"loss": 3.0}}})
    assert contents.describe_losses(run) == [("test loss", "3.00")]


def test_the_frame_of_a_drawing_is_that_of_the_images():
    images = np.zeros((3, 20, 30, 1), np.uint8)
    images[:, 4:14, 20:26] = 200
    assert contents.drawing_frame(images) == {"side": 10.0, "center": pytest.approx([23, 9])}


# Machado, Oliveira & Fernandes 2009, https://doi.org/10.1109/TVCG.2009.113, severity 1: what
# readers without one kind of cones see, from linear RGB to linear RGB.
VISIONS = {
    "usual": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def oklab(linear):
    """Ottosson 2020: coordinates in which distances are as they are seen."""
    cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    axes = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.cbrt(np.clip(linear, 0, 1) @ np.transpose(cones)) @ np.transpose(axes)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("palette", [CLASS_COLORS, DARK])
def test_everybody_can_tell_classes_apart(palette, vision):
    colors = np.array([to_rgb(color) for color in palette])
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    seen = oklab(linear @ np.transpose(VISIONS[vision]))
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
    assert distances[np.triu_indices(10, 1)].min() > 0.1
    assert distances[3, 8] > 0.2


def test_every_class_has_its_color():
    for count in (0, 1, 3, 10, 11, 40):
        colors = page_colors(count)
        assert len(colors) == len({color["light"] for color in colors}) == count
        assert len({color["dark"] for color in colors}) == count


def test_the_page_is_told_how_the_loss_is_added_up(tiny_config):
    def describe(**settings):
        return contents.describe_loss(build_model(tiny_config.replace(**settings), (8, 8, 1)))

    assert describe(kl_weight=0.5) == {
        "reconstruction": "mse",
        "weight": 1000,
        "variance": pytest.approx(64 / 2000),
        "klWeight": 0.5,
        "others": [],
    }
    assert describe(reconstruction_weight="auto")["weight"] is None
    assert describe(reconstruction_weight="auto")["variance"] == pytest.approx(1 / 12)
    assert describe(reconstruction="bce")["variance"] is None
    assert describe(model="autoencoder", kl_weight=None)["klWeight"] is None


def test_images_that_would_make_the_page_too_large_are_left_out(two_runs, digits, monkeypatch):
    page, count = build_page(two_runs, digits)
    assert count == 360
    monkeypatch.setattr(page_module, "PAGE_LIMIT", len(page.encode()) - 1)
    assert build_page(two_runs, digits)[1] == 180
    monkeypatch.setattr(page_module, "PAGE_LIMIT", 1000)
    with pytest.raises(InputError, match=r"larger than .* MiB with 2 runs"):
        build_page(two_runs, digits)


def test_colored_images_are_embedded_as_jpeg():
    random = np.random.default_rng(0)
    images = np.repeat(random.integers(0, 256, (7, 1, 1, 3), np.uint8), 16, axis=1).repeat(
        16, axis=2
    )
    kind, text = contents.picture(images).split(";base64,")
    with Image.open(io.BytesIO(base64.b64decode(text))) as sheet:
        assert kind == "data:image/jpeg"
        assert sheet.size == (48, 48)
        np.testing.assert_allclose(np.asarray(sheet)[24, 8], images[3, 8, 8], atol=4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{run}", "--images", "0"], "images must be at least 1"),
        (["nowhere"], "nowhere does not exist: pass the folder of a finished run, or a model"),
        ([], "required: RUN_DIR"),
        (["{run}", "--output", "{run}"], "is a folder: choose a file as --output"),
        (["{run}", "--output", "{run}/config.json"], "is not a page of this command"),
        (["{run}", "--output", "{run}/none/page.html"], "is not a writable folder"),
        (
            ["{run}", "{other}"],
            "dataset is 'digits' in .* and 'mnist' in .*: pass runs of one data set",
        ),
    ],
)
def test_bad_arguments_are_one_line(two_runs, tmp_path, arguments, message):
    run = two_runs[0]
    other = Run(tmp_path)
    for name in ("metrics_file", "model_file"):
        shutil.copy(getattr(run, name), getattr(other, name))
    settings = json.loads(run.config_file.read_text())
    settings["settings"]["dataset"], settings["data"]["sha256"] = "mnist", "another"
    write_json(other.config_file, settings)
    result = run_explore(*(text.format(run=run.directory, other=tmp_path) for text in arguments))
    assert result.returncode == 2
    assert re.search(message, result.stderr)
    assert result.stderr.count("\n") == 1


def test_the_page_lies_in_the_folder_of_the_run_under_a_free_name(two_runs, tmp_path, monkeypatch):
    monkeypatch.setattr(explore, "load", lambda name: mock.Mock(build_page=make_page))
    monkeypatch.setattr(Run, "find_data", lambda *_, **__: None)
    for run in two_runs:
        shutil.copytree(run.directory, tmp_path / run.directory.name)
    folder = tmp_path / two_runs[0].directory.name
    names = [folder, tmp_path / two_runs[1].directory.name]
    notes = folder / "explorer-2.html"
    notes.write_text("my notes")
    for overwrite, expected in (
        (False, ["explorer.html"]),
        (False, ["explorer-3.html", "explorer.html"]),
        (True, ["explorer-3.html", "explorer.html"]),
    ):
        explore.explore(names, 10, overwrite=overwrite)
        pages = {path.name for path in folder.glob("explorer*")} - {notes.name}
        assert sorted(pages) == expected
    assert notes.read_text() == "my notes"
    assert not list(names[1].glob("explorer*"))


def test_the_page_of_a_model_of_the_package_lies_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(explore, "load", lambda name: mock.Mock(build_page=make_page))
    monkeypatch.setattr(explore, "load_configured", lambda _: None)
    monkeypatch.chdir(tmp_path)
    for expected in ("explorer.html", "explorer-2.html"):
        explore.explore(["mnist-gelu"], 10, dataset="digits")
        assert (tmp_path / expected).exists()


def test_models_of_the_package_show_digits_where_mnist_is_missing(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise Unavailable("offline", "here")

    monkeypatch.setattr(type(find_source("mnist")), "prepare", refuse)
    page = tmp_path / "page.html"
    explore.main(["mnist-gelu", "mnist-leaky_relu", "--images", "10", "--output", str(page)])
    assert "using scikit-learn's 1,797 digits instead" in " ".join(capsys.readouterr().out.split())
    assert "digits" in page.read_text()


def make_page(runs, data, images):
    return explore.PAGE_TITLE.decode(), images


def test_a_model_of_the_package_is_shown_with_the_images_of_a_run(two_runs, tmp_path):
    page = tmp_path / "page.html"
    run = str(two_runs[0].directory)
    explore.main(["mnist-gelu", run, "--images", "10", "--output", str(page)])
    text = page.read_text()
    assert text.count("trained and tested on") == 1 and '"mnist"' in text


def test_images_of_another_shape_are_refused(tiny_data):
    message = "takes images of shape .28, 28, 1., but tiny has .8, 8, 1."
    with pytest.raises(InputError, match=message):
        build_page([find_run("mnist-gelu")], tiny_data)


def test_a_run_of_other_images_is_refused(two_runs, digits):
    with pytest.raises(InputError, match="are not those that"):
        build_page(two_runs, type(digits)("digits", digits.train_images, digits.train_images))


def test_networks_in_bfloat16_are_described_as_in_float32():
    found = []
    for policy in ("float32", "mixed_bfloat16"):
        with dtype_policy(policy):
            found.append(describe_network(build_decoder((8, 8, 1), (4,), (2, 2), seed=0)))
    assert found[0] == found[1]
