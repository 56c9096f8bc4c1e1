"""Exports in their own runtimes, compared with their model."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from vae_keras.export.formats import FUNCTIONS
from vae_keras.export.networks import in_float32
from vae_keras.model import Autoencoder
from vae_keras.support.errors import InputError
from vae_keras.support.start import quiet_stderr

TOLERANCE = 1e-4  # of float32 exports, in pixels of [0, 1] and in units of the latent space
IMAGES = 64
REPETITIONS = 200


Function = Callable[[np.ndarray], dict[str, np.ndarray]]


class Check(NamedTuple):
    """The result of checking an export.

    Attributes:
        bytes: Size of its files.
        differences: The largest absolute difference from the model in the outputs of `encode`,
            `decode` and `reconstruct`.
        milliseconds: Shortest time of `reconstruct` for one image.
    """

    bytes: int
    differences: dict[str, float]
    milliseconds: float


def check_export(model: Autoencoder, path: str | os.PathLike, format: str) -> Check:
    """Run an export in its own runtime and compare it with the model.

    The images are decoded from 64 points of N(0, I) with a fixed seed.

    Args:
        model: The model that was exported.
        path: The export.
        format: A name in `EXPORTS`.

    Returns:
        `Check`.

    Raises:
        InputError: If an output of a float32 export differs by more than 1e-4.
    """
    model = in_float32(model)
    z = np.random.default_rng(0).standard_normal((IMAGES, model.latent_dim), np.float32)
    images = keras.ops.convert_to_numpy(model.decode(z))
    inputs = {"images": images, "z": z}
    expected = {
        "encode": model.encode(images),
        "decode": {"images": model.decode(z)},
        "reconstruct": {"images": model.reconstruct(images)},
    }
    functions = open_export(path, format)
    differences = {
        name: _largest_difference(functions[name](inputs[argument]), expected[name])
        for name, argument in FUNCTIONS.items()
    }
    for name, difference in differences.items():
        if format != "litert_int8" and not difference <= TOLERANCE:  # also if it is not a number
            raise InputError(
                f"{name} in {format} differs from the model by {difference:.2g}, more than "
                f"{TOLERANCE:g}: export without ⟨check⟩ to write it anyway"
            )
    seconds = _shortest_seconds(functions["reconstruct"], images[:1])
    return Check(_size(Path(path)), differences, 1000 * seconds)


def open_export(path: str | os.PathLike, format: str) -> dict[str, Function]:
    """The functions of an export; each maps an array to a dictionary of arrays.

    Returns:
        Dictionary of `encode`, `decode` and `reconstruct`. The outputs have the names that the
        export gives them.
    """
    if format == "saved_model":
        return _open_saved_model(path)
    if format == "onnx":
        return _open_onnx(path)
    return _open_litert(path)


def _open_saved_model(path: str | os.PathLike) -> dict[str, Function]:
    import tensorflow as tf

    loaded = tf.saved_model.load(os.fspath(path))

    def function(name: str, argument: str) -> Function:
        def call(inputs: np.ndarray) -> dict[str, np.ndarray]:
            outputs = loaded.signatures[name](**{argument: tf.constant(inputs)})
            return {key: value.numpy() for key, value in outputs.items()}

        return call

    return {name: function(name, argument) for name, argument in FUNCTIONS.items()}


def _open_onnx(path: str | os.PathLike) -> dict[str, Function]:
    import onnxruntime

    def function(name: str, argument: str) -> Function:
        file = Path(path) / f"{name}.onnx"
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        names = [each.name for each in session.get_outputs()]
        return lambda inputs: dict(zip(names, session.run(None, {argument: inputs})))

    return {name: function(name, argument) for name, argument in FUNCTIONS.items()}


def _open_litert(path: str | os.PathLike) -> dict[str, Function]:
    from ai_edge_litert.interpreter import Interpreter

    with quiet_stderr():  # LiteRT prints its choice of kernels
        interpreter = Interpreter(os.fspath(path))
        interpreter.allocate_tensors()

    def function(name: str, argument: str) -> Function:
        run = interpreter.get_signature_runner(name)
        return lambda inputs: run(**{argument: inputs})

    return {name: function(name, argument) for name, argument in FUNCTIONS.items()}


def _largest_difference(found: dict[str, np.ndarray], expected: dict[str, Any]) -> float:
    if "reconstruction" in found:  # in ONNX, where an input has the name
        found = {"images": found["reconstruction"]}
    return max(
        float(np.max(np.abs(found[name] - keras.ops.convert_to_numpy(value))))
        for name, value in expected.items()
    )


def _shortest_seconds(function: Function, images: np.ndarray) -> float:
    seconds = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        function(images)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
