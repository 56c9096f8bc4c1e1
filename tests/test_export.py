import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import IMAGE_SHAPE

from vae_keras.export.saved_model import export_saved_model
from vae_keras.training.build import build_model

SCRIPT = """
import sys, importlib.util, numpy as np, tensorflow as tf
assert importlib.util.find_spec("vae_keras") is None
signatures = tf.saved_model.load(sys.argv[1]).signatures
images, z = np.load(sys.argv[2] + "/images.npy"), np.load(sys.argv[2] + "/z.npy")
outputs = {"names": np.array(sorted(signatures))}
calls = {
    "encode": {"images": images}, "decode": {"z": z}, "reconstruct": {"images": images},
    "serving_default": {"images": images},
    "generate": {"count": tf.constant(6), "seed": tf.constant(4)},
}
for name, arguments in calls.items():
    if name not in signatures:
        continue
    arguments = {key: tf.constant(value) for key, value in arguments.items()}
    for key, value in signatures[name](**arguments).items():
        outputs[f"{name}.{key}"] = value.numpy()
one = signatures["reconstruct"](images=tf.constant(images[:1]))["images"]
outputs["one"] = one.numpy()
np.savez(sys.argv[2] + "/outputs.npz", **outputs)
"""


def call_signatures(model, images, folder):
    """Outputs of the SavedModel in a process that cannot import vae_keras."""
    export_saved_model(model, folder / "saved_model")
    np.save(folder / "images.npy", images)
    np.save(folder / "z.npy", np.random.default_rng(0).normal(size=(5, 2)).astype("float32"))
    # -S and an explicit path leave out the link that an editable installation makes.
    site = os.path.dirname(os.path.dirname(np.__file__))
    result = subprocess.run(
        [sys.executable, "-S", "-c", SCRIPT, str(folder / "saved_model"), str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": site},
    )
    assert result.returncode == 0, result.stderr
    return dict(np.load(folder / "outputs.npz"))


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["gelu", "mish"])
def test_signatures_of_a_vae_equal_the_models_methods(tiny_config, images, tmp_path, activation):
    config = tiny_config.replace(activation=activation, normalization="batch", dropout=0.2)
    model = build_model(config, IMAGE_SHAPE)
    model.fit(images, verbose=0)
    outputs = call_signatures(model, images, tmp_path)
    assert list(outputs["names"]) == [
        "decode",
        "encode",
        "generate",
        "reconstruct",
        "serving_default",
    ]
    encoded = model.encode(images)
    expected = {
        "encode.mean": encoded["mean"],
        "encode.log_var": encoded["log_var"],
        "decode.images": model.decode(np.load(tmp_path / "z.npy")),
        "reconstruct.images": model.reconstruct(images),
        "serving_default.images": model.reconstruct(images),
        "generate.images": model.generate(6, seed=4),
        "one": model.reconstruct(images[:1]),
    }
    assert set(outputs) == {"names", *expected}
    for name, value in expected.items():
        np.testing.assert_allclose(outputs[name], value, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_signatures_of_an_autoencoder(tiny_config, images, tmp_path):
    model = build_model(tiny_config.replace(model="autoencoder", kl_weight=None), IMAGE_SHAPE)
    outputs = call_signatures(model, images, tmp_path)
    assert list(outputs["names"]) == ["decode", "encode", "reconstruct", "serving_default"]
    np.testing.assert_allclose(outputs["encode.z"], model.encode(images)["z"], atol=1e-5)


@pytest.mark.slow
def test_saved_model_cli_shows_the_signatures(tiny_config, tmp_path):
    export_saved_model(build_model(tiny_config, IMAGE_SHAPE), tmp_path / "saved_model")
    command = shutil.which("saved_model_cli", path=os.path.dirname(sys.executable))
    shown = subprocess.run(
        [command, "show", "--dir", str(tmp_path / "saved_model"), "--all"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in ("encode", "decode", "reconstruct", "generate", "serving_default"):
        assert f"signature_def['{name}']" in shown
    for tensor in ("inputs['images']", "outputs['mean']", "outputs['log_var']", "inputs['seed']"):
        assert tensor in shown
    assert "shape: (-1, 8, 8, 1)" in shown


@pytest.mark.slow
def test_the_exported_graph_needs_no_compiler(tiny_config, images, tmp_path):
    from tensorflow.core.protobuf import saved_model_pb2

    model = build_model(tiny_config.replace(activation="gelu"), IMAGE_SHAPE)
    model.fit(images, verbose=0)  # traces the fused kernel first
    export_saved_model(model, tmp_path / "saved_model")
    graph = saved_model_pb2.SavedModel.FromString(
        (tmp_path / "saved_model" / "saved_model.pb").read_bytes()
    )
    functions = graph.meta_graphs[0].graph_def.library.function
    assert len(functions) > 4
    for function in functions:
        must_compile = function.attr.get("_XlaMustCompile")
        assert must_compile is None or not must_compile.b
        assert not any("Xla" in node.op for node in function.node_def)
