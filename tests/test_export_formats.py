"""ONNX and LiteRT, each in its own runtime, beside the model."""

import functools
import importlib.util
import itertools
import math

import keras
import numpy as np
import pytest
from conftest import IMAGE_SHAPE
from quick import build_eager_model, train_eagerly
from scipy.special import erf

import vae_keras
from vae_keras import Autoencoder, InputError, Run, SmoothActivation, fit
from vae_keras.activations import ACTIVATIONS
from vae_keras.config import EXPORTS, make_config
from vae_keras.export import __main__ as command
from vae_keras.export import check, formats
from vae_keras.export.networks import in_float32

TOLERANCE = 1e-4
NAMES = sorted(ACTIVATIONS)
OTHER_CHANGES = [
    *(
        {"normalization": name, "normalization_position": position}
        for name in ("batch", "layer")
        for position in ("before", "after")
    ),
    {
        "dropout": 0.2,
        "decoder_filters": (4, 4),
        "decoder_strides": (2, 2, 1),
        "decoder_output_layer": "conv",
        "decoder_dense_activation": True,
    },
    {"model": "autoencoder", "kl_weight": None},
]
# Every activation in one of the networks, and every other part of them. If their number is odd, the
# last activation has the default beside it.
VARIANTS = [
    {"encoder_activation": encoder, "decoder_activation": decoder, **changes}
    for encoder, decoder, changes in zip(
        NAMES[::2], [*NAMES[1::2], None], itertools.cycle(OTHER_CHANGES)
    )
]
assert len(VARIANTS) >= len(OTHER_CHANGES)


def needs(*names):
    """Skip the test unless these formats can be written and run here."""
    for name in names:
        for module in formats.FORMATS[name].writers + formats.FORMATS[name].runtimes:
            pytest.importorskip(module)


def run_onnx(path, name, **inputs):
    import onnxruntime

    session = onnxruntime.InferenceSession(path / f"{name}.onnx")
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


def run_litert(path, name, **inputs):
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(str(path)).get_signature_runner(name)(**inputs)


RUN = {"onnx": run_onnx, "litert": run_litert, "litert_int8": run_litert}
RECONSTRUCTION = {"onnx": "reconstruction", "litert": "images", "litert_int8": "images"}


def largest_difference(model, path, format, images):
    """Of all outputs of all functions of an export."""
    run = functools.partial(RUN[format], path)
    z = np.random.default_rng(0).normal(size=(5, model.latent_dim)).astype("float32")
    pairs = [
        (run("encode", images=images), model.encode(images)),
        (run("decode", z=z), {"images": model.decode(z)}),
        (run("reconstruct", images=images), {RECONSTRUCTION[format]: model.reconstruct(images)}),
        (run("encode", images=images[:1]), model.encode(images[:1])),
    ]
    for found, expected in pairs:
        assert found.keys() == expected.keys()
    return max(
        np.abs(found[name] - np.asarray(value)).max()
        for found, expected in pairs
        for name, value in expected.items()
    )


@pytest.fixture
def trained_model(tiny_config, images):
    """A function that makes a model with statistics and weights that training has moved."""

    def make(**changes):
        model = build_eager_model(tiny_config.replace(**changes), IMAGE_SHAPE)
        model.fit(images, batch_size=10, verbose=0)
        return model

    return make


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "litert"])
@pytest.mark.parametrize(
    "changes", VARIANTS, ids=lambda changes: "-".join(map(str, changes.values()))
)
def test_an_export_computes_what_the_model_computes(
    trained_model, images, tmp_path, format, changes
):
    needs(format)
    model = trained_model(**changes)
    formats.export_model(model, tmp_path / EXPORTS[format], format)
    assert largest_difference(model, tmp_path / EXPORTS[format], format, images) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_a_model_of_sixteen_bits_is_exported_in_float32(trained_model, images, tmp_path, format):
    needs(format)
    model = trained_model(precision="bfloat16", activation="gelu")
    formats.export_model(model, tmp_path / EXPORTS[format], format)
    assert model.encoder.get_layer("encoder_conv_0").compute_dtype == "bfloat16"  # as it was
    copy = in_float32(model)
    assert copy is not model and in_float32(copy) is copy
    assert largest_difference(copy, tmp_path / EXPORTS[format], format, images) < TOLERANCE
    assert largest_difference(model, tmp_path / EXPORTS[format], format, images) < 0.05


@pytest.mark.slow
def test_weights_of_eight_bits_are_smaller_and_less_exact(tmp_path):
    needs("litert")
    model = vae_keras.load_model("mnist-gelu")
    images = np.asarray(model.generate(20, seed=0))
    differences, sizes = {}, {}
    for format in ("litert", "litert_int8"):
        path = tmp_path / EXPORTS[format]
        formats.export_model(model, path, format)
        differences[format] = largest_difference(model, path, format, images)
        sizes[format] = path.stat().st_size
    assert sizes["litert_int8"] < 0.4 * sizes["litert"]
    assert differences["litert"] < TOLERANCE < differences["litert_int8"] < 0.3


def activation_alone(layer):
    """An autoencoder whose z is an activation of 20·image − 10."""
    images = keras.Input(IMAGE_SHAPE)
    x = layer(keras.layers.Rescaling(20, offset=-10)(images))
    encoder = keras.Model(images, {"z": keras.layers.Flatten()(x)})
    z = keras.Input((math.prod(IMAGE_SHAPE),))
    decoder = keras.Model(
        z, keras.layers.Reshape(IMAGE_SHAPE)(keras.layers.Activation("sigmoid")(z))
    )
    return Autoencoder(encoder, decoder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "layer", [SmoothActivation("gelu"), keras.layers.Activation("gelu")], ids=["ours", "of Keras"]
)
def test_gelu_is_exact_where_the_runtime_has_no_erf(tmp_path, layer):
    needs("litert")
    formats.export_model(activation_alone(layer), tmp_path / "model.tflite", "litert")
    images = np.linspace(0, 1, 1000 * math.prod(IMAGE_SHAPE), dtype=np.float32)
    images = images.reshape(1000, *IMAGE_SHAPE)
    found = run_litert(tmp_path / "model.tflite", "encode", images=images)["z"]
    x = (images * np.float32(20) - np.float32(10)).reshape(1000, -1).astype("float64")
    np.testing.assert_allclose(found, 0.5 * x * (1 + erf(x / math.sqrt(2))), rtol=1.2e-7, atol=1e-6)


@keras.saving.register_keras_serializable(package="tests")
def error_function(x):
    return keras.ops.erf(x)


@pytest.mark.slow
def test_an_operation_that_the_runtime_lacks_is_named(tmp_path, capfd):
    needs("litert")
    model = activation_alone(keras.layers.Activation(error_function))
    with pytest.raises(InputError, match=r"LiteRT lacks operations of the model \(Erf\): choose"):
        formats.export_model(model, tmp_path / "model.tflite", "litert")
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "litert", "litert_int8"])
def test_export_of_a_model_takes_the_formats_by_name(
    trained_model, images, tmp_path, capfd, format
):
    needs(format)
    model = trained_model()
    model.export(tmp_path / EXPORTS[format], format=format)
    assert largest_difference(model, tmp_path / EXPORTS[format], format, images) < 0.1
    captured = capfd.readouterr()
    assert "converter" not in captured.err and captured.out == ""
    with pytest.raises(InputError, match=f"export to {format} takes no opset_version"):
        model.export(tmp_path / "other", format=format, opset_version=9)


@pytest.fixture
def without(monkeypatch):
    """A function that makes a module look as if it were not installed."""

    def hide(module):
        find_spec = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name == module else find_spec(name)
        )

    return hide


def test_a_missing_package_is_one_line_before_training(without, tmp_path, monkeypatch, capsys):
    without("tf2onnx")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        fit.main(["--export", "saved_model,onnx", "--dataset", "digits"])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: to export to onnx, ") and error.count("\n") == 1
    assert "tf2onnx" in error.partition("pip install ")[2]
    with pytest.raises(InputError, match="pip install .*tf2onnx"):
        train_eagerly(make_config(export=("onnx",)), tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_missing_runtime_matters_only_for_the_check(without):
    without("ai_edge_litert")
    formats.check_formats(["litert"])
    with pytest.raises(InputError, match="to run litert, .*: pip install ai-edge-litert$"):
        formats.check_formats(["litert"], is_to_run=True)


def test_every_format_is_described():
    assert formats.FORMATS.keys() == EXPORTS.keys()


def names(folder):
    return {path.name for path in folder.iterdir()}


def write_name(model, path, format):
    """An export that takes no time."""
    if not path.suffix:
        path.mkdir()
    else:
        path.write_text(format)


def test_a_run_is_exported_into_its_folder_or_another(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(formats, "export_model", write_name)
    before = names(run.directory)
    command.main([str(run.directory), "--format", "litert,litert_int8,litert"])
    assert names(run.directory) == before | {"model.tflite", "model_int8.tflite"}
    assert run.exports["litert_int8"].read_text() == "litert_int8"
    assert f"written: {run.exports['litert']}\n" in capsys.readouterr().out
    command.main([str(run.directory), "--format", "litert", "--output", str(tmp_path / "new")])
    assert names(tmp_path / "new") == {"model.tflite"}
    assert f"written: {tmp_path / 'new' / 'model.tflite'}\n" in capsys.readouterr().out


def half(model, path, format):
    """An export that is interrupted after its first file."""
    path.mkdir()
    (path / "saved_model.pb").write_text("half")
    raise KeyboardInterrupt


@pytest.mark.parametrize("output", [None, "new"])
def test_an_interrupted_export_leaves_nothing_behind(run, tmp_path, monkeypatch, output):
    (run.saved_model / "saved_model.pb").write_text("whole")
    before = names(run.directory)
    monkeypatch.setattr(formats, "export_model", half)
    with pytest.raises(KeyboardInterrupt):
        formats.export_run(run, ["saved_model"], output and tmp_path / output)
    assert names(run.directory) == before and names(tmp_path) == {"run"}
    assert (run.saved_model / "saved_model.pb").read_text() == "whole"


BAD_ARGUMENTS = [
    ("run --format onxx", "unknown format 'onxx': did you mean 'onnx'?"),
    ("run --format", "expected one argument"),
    ("run", "the following arguments are required: --format"),
    ("run --format saved_model --output run", "exists: choose another --output"),
    ("run --format saved_model --output no/such", "is not a writable folder"),
    ("nowhere --format saved_model", "nowhere does not exist: pass the folder"),
    (
        "mnist-gelu --format saved_model",
        "a model of the package: choose a folder to write (--output)",
    ),
]


@pytest.mark.parametrize("arguments, message", BAD_ARGUMENTS)
def test_bad_arguments_are_one_line(run, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(run.directory.parent)
    before = names(run.directory)
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments.split())
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.count("\n") == 1
    assert error.startswith("error: ") and message in error
    assert names(run.directory) == before and names(run.directory.parent) == {"run"}


@pytest.mark.slow
def test_the_check_runs_and_times_every_export(tmp_path, capsys):
    needs(*EXPORTS)
    output = tmp_path / "exports"
    options = ["--format", ",".join(EXPORTS), "--output", str(output), "--check"]
    command.main(["mnist-gelu", *options])
    assert names(output) == set(EXPORTS.values())
    table = capsys.readouterr().out.splitlines()[-len(EXPORTS) - 1 : -1]
    assert [line[:12].rstrip() for line in table] == [
        formats.FORMATS[name].title for name in EXPORTS
    ]
    for name, line in zip(EXPORTS, table):
        size, *differences, milliseconds = map(float, line[12:].replace(",", "").split())
        assert max(differences) < (0.3 if name == "litert_int8" else TOLERANCE)
        assert size > 100 and 0 < milliseconds < 1000


@pytest.mark.slow
def test_an_export_that_differs_is_not_kept(run, tmp_path, monkeypatch):
    monkeypatch.setattr(check, "TOLERANCE", -1.0)
    with pytest.raises(InputError, match="encode in saved_model differs from the model by"):
        formats.export_run(run, ["saved_model"], tmp_path / "new", check=True)
    assert names(tmp_path) == {"run"}


@pytest.fixture
def quick_exports(monkeypatch, quick_training):
    for module in ("vae_keras.training.saving", "vae_keras.export.formats"):
        monkeypatch.setattr(f"{module}.export_model", write_name)
    for module in ("vae_keras.training.loop", "vae_keras.export.formats"):
        monkeypatch.setattr(f"{module}.check_formats", lambda *_, **__: None)


def exports_of(run):
    return [name for name, path in run.exports.items() if path.exists()]


def test_training_writes_the_formats_that_were_asked_for(
    tiny_config, tiny_data, tmp_path, quick_exports
):
    config = tiny_config.replace(export=["onnx", "litert"])
    assert config.export == ("onnx", "litert")
    run = vae_keras.train(config, tmp_path / "run", tiny_data, verbose=0)
    assert exports_of(run) == ["onnx", "litert"]
    assert run.read_config().export == config.export
    text = fit.describe_run(run)
    assert f"ONNX        {run.exports['onnx']}" in text
    assert "(onnxruntime.InferenceSession)" in text
    assert "saved_model" not in text


@pytest.mark.slow
def test_a_longer_run_has_no_exports_of_fewer_epochs(
    tiny_config, tiny_data, tmp_path, quick_exports
):
    run = vae_keras.train(tiny_config, tmp_path / "run", tiny_data, verbose=0)
    formats.export_run(run, ["onnx"])
    assert exports_of(run) == ["saved_model", "onnx"]
    longer = tiny_config.replace(epochs=3)
    vae_keras.train(longer, run.directory, tiny_data, resume=True, verbose=0)
    assert exports_of(run) == ["saved_model"]


@pytest.mark.slow
def test_a_finished_run_takes_another_format_without_training(
    tiny_config, tiny_data, tmp_path, quick_exports
):
    run = vae_keras.train(tiny_config, tmp_path / "run", tiny_data, verbose=0)
    before = {path: path.stat().st_mtime_ns for path in (run.model_file, run.metrics_file)}
    more = tiny_config.replace(export=("saved_model", "litert"))
    vae_keras.train(more, run.directory, tiny_data, resume=True, verbose=0)
    assert exports_of(run) == ["saved_model", "litert"]
    assert run.read_config().export == more.export
    assert before == {path: path.stat().st_mtime_ns for path in before}
    vae_keras.train(tiny_config, run.directory, tiny_data, overwrite=True, verbose=0)
    assert exports_of(Run(run.directory)) == ["saved_model"]
