"""The commands and the Python examples of the documentation, run on little data.

`test_docs.py` parses all commands. Those of `study` and `benchmark`, and those with data sets of
tensorflow-datasets, are not run.
"""

import csv
import importlib
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from quick import SMALL_OPTIONS, leave_out
from test_docs import NOT_EXECUTED, PAGES, README, blocks, invocations, name

import vae_keras
from vae_keras import __main__ as commands
from vae_keras.evaluation import judge
from vae_keras.export.formats import FORMATS, export_run

LITTLE = (*SMALL_OPTIONS, "--max-train-images", "32", "--batch-size", "16", "--epochs", "1")
COMMANDS = ("fit", "evaluate", "explore", "apply", "attributes", "export")
SIDE = 16
# What a command finds in the place of names that stand for others.
FOUND = {
    "mnist": "digits",
    "fashion_mnist": "digits",
    "mnist-gelu": "saved_models/digits-gelu",
    "mnist-leaky_relu": "saved_models/digits-gelu",
    "saved_models/mnist-gelu": "saved_models/digits-gelu",
    "saved_models/mnist-leaky_relu": "saved_models/digits-gelu",
    "saved_models/gelu-study/gelu/seed-0": "saved_models/digits-gelu",
    "RUN_DIR": "saved_models/photos-leaky_relu",
    "./img_align_celeba": "photos/",
    "/new/photos": "moved",
    "DIR": "cache",
    "64": str(SIDE),  # of images
}

pytestmark = pytest.mark.slow


def run(command, *arguments):
    module = f"vae_keras.{command}" + ".__main__" * (command in commands.PACKAGES)
    importlib.import_module(module).main(list(arguments))


def write_pictures(folder, count):
    folder.mkdir()
    random = np.random.default_rng(count)
    for number in range(count):
        pixels = random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with what the documentation's commands name."""
    for module in ("onnx", "tf2onnx", "onnxruntime", "ai_edge_litert"):
        pytest.importorskip(module)
    folder = tmp_path_factory.mktemp("docs")
    for pictures in ("photos", "moved"):
        write_pictures(folder / pictures, 60)
    write_pictures(folder / "new", 3)
    with open(folder / "list.csv", "w", newline="") as file:
        rows = [(f"{number}.png", number % 2) for number in range(60)]
        csv.writer(file).writerows([("file", "Smiling"), *rows])
    images = np.random.default_rng(0).integers(0, 256, (100, 28, 28, 3), dtype=np.uint8)
    np.savez(folder / "images.npz", images=images[..., :1], labels=np.arange(100) % 2)
    np.save(folder / "images.npy", images[..., :1])
    np.savez(folder / "more.npz", images=images[:2, :SIDE, :SIDE])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        leave_out(patch)
        run("fit", "--dataset", "digits", "--activation", "gelu", *LITTLE)
        photos = ("--dataset", "photos", "--image-size", str(SIDE), "--attributes", "list.csv")
        run("fit", *photos, *LITTLE)
        patch.undo()
        patch.chdir(folder)
        export_run(vae_keras.Run("saved_models/digits-gelu"), FORMATS)
    # Commands change the runs; examples read them.
    shutil.copytree(folder / "saved_models", folder / "examples" / "saved_models")
    study = Path("saved_models", "weight-study", "runs.csv")
    (folder / "examples" / study).parent.mkdir()
    shutil.copy(README.parent / study, folder / "examples" / study)
    return folder


def small_versions():
    """The commands of all pages on little data, each once, with the first page that has it."""
    found = {}
    for page in (README, *PAGES):
        for script, before in blocks(page, "bash"):
            for command, *arguments in invocations(script) if before != NOT_EXECUTED else ():
                words = [FOUND.get(word, word) for word in arguments]
                if command not in COMMANDS or any(word.startswith("tfds:") for word in words):
                    continue
                if command == "fit" and "--help" not in words:
                    if "--resume" in words:
                        words += ["--epochs", "2"] if "--epochs" in words else []
                    else:
                        words += [] if "--dataset" in words else ["--dataset", "digits"]
                        words += LITTLE
                        words += ["--epochs", "12"] if "--kl-warmup" in words else []
                if command == "evaluate":
                    words += ["--images", "6", "--importance-samples", "2"]
                found.setdefault((command, *words), page)
    return found


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("page", dict.fromkeys(small_versions().values()), ids=name)
def test_every_command_of_a_page_runs(page, place, monkeypatch, tmp_path):
    here = [command for command, first in small_versions().items() if first == page]
    leave_out(monkeypatch)
    monkeypatch.setattr(judge, "STEPS", 10)
    monkeypatch.chdir(place)
    for number, (command, *arguments) in enumerate(here):
        if command == "fit" and "--resume" not in arguments:
            arguments += ["--directory", str(tmp_path / f"run-{number}")]
        if "--output" in arguments:
            arguments[arguments.index("--output") + 1] = str(tmp_path / f"output-{number}.html")
        try:
            run(command, *arguments)
        except SystemExit as end:
            assert not end.code, f"{command} {shlex.join(arguments)}"


WITH_EXAMPLES = [page for page in (README, *PAGES) if any(blocks(page, "python"))]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=name)
def test_every_python_example_of_a_page_runs(page, place, monkeypatch):
    examples = [code for code, _ in blocks(page, "python")]
    leave_out(monkeypatch)
    make_config = vae_keras.make_config
    monkeypatch.setattr(
        vae_keras,
        "make_config",
        lambda *names, **settings: make_config(
            *names, **settings | {"epochs": 1, "kl_warmup": 0, "max_train_images": 64}
        ),
    )
    monkeypatch.chdir(place / "examples")
    for code in examples:
        exec(code.replace('"my_run"', f'"run-{hash(code)}"'), {})
