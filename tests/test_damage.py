"""Files of runs and studies, damaged at random: every command takes them, or refuses in one line.

What is tried is drawn by hypothesis, the same in every run of the tests.
"""

import contextlib
import importlib
import io
import shutil
import signal
from pathlib import Path
from random import Random

import numpy as np
import pytest
from damage import KINDS, damage
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from quick import leave_out, train_eagerly

from vae_keras import Run
from vae_keras.data.images import ImageData
from vae_keras.data.storage import stored_images
from vae_keras.evaluation import judge
from vae_keras.evaluation.evaluation import evaluate_run
from vae_keras.explorer.contents import describe_losses
from vae_keras.fit import describe_run
from vae_keras.study import runner
from vae_keras.study.evaluations import read_evaluations
from vae_keras.study.reading import find_study, read_study
from vae_keras.study.table import read_table
from vae_keras.support.errors import InputError
from vae_keras.support.files import write_json

SECONDS = 300  # until a command counts as one that hangs
TEXTS = ["config.json", "files.csv", "history.csv", "metrics.json", "evaluation.json"]
CHECKPOINTS = ["checkpoints/first", "checkpoints/last"]
RUN_FILES = [*TEXTS, "samples.npz", "model.keras", *CHECKPOINTS]
STUDY_FILES = ["runs.csv", "study.json", "evaluations.csv"]
STUDY = """
[settings]
encoder_filters = [4, 4]
encoder_strides = [2, 2]
decoder_filters = [4]
decoder_strides = [2, 2]
batch_size = 8
[variants.relu]
activation = "relu"
[variants.gelu]
activation = "gelu"
[[claims]]
text = "GELU is better"
below = [["gelu", "relu"]]
"""
LOSSES = {"loss": 2.5, "reconstruction_loss": 2.0, "kl_loss": 0.5}


def drawn(count):
    """Draws `count` times, always the same, a kind of damage and what decides the rest of it."""

    def decorate(test):
        seeds = st.integers(0, 2**32)
        # A failing example is small as it is; to shrink it would take minutes.
        return settings(
            max_examples=count,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.explicit, Phase.generate),
        )(given(kind=st.sampled_from(KINDS), seed=seeds)(test))

    return decorate


def damaged_copy(original, tmp_path_factory, name, kind, seed):
    """A copy of a folder with one file damaged."""
    random = Random(seed)
    folder = tmp_path_factory.mktemp("copy") / "run"
    shutil.copytree(original, folder)
    path = folder / name
    if name in CHECKPOINTS:
        found = sorted(path.parent.iterdir())
        path = found[0 if name.endswith("first") else -1]
    damage(path, kind, random)
    return folder


class Hanging(BaseException):
    """No `Exception`, which some code expects of damaged files."""


@contextlib.contextmanager
def within_time():
    """Fails instead of waiting for ever, as when a pipe is opened."""

    def stop(number, frame):
        raise Hanging(f"still at work after {SECONDS} seconds")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def run_command(name, *arguments):
    """Run a command in this process; return its exit status and what it wrote to stderr."""
    module = importlib.import_module(f"vae_keras.{name}" + ".__main__" * (name == "study"))
    errors = io.StringIO()
    redirected = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors)
    with redirected[0], redirected[1], within_time():
        try:
            module.main([str(argument) for argument in arguments])
            status = 0
        except SystemExit as stopped:
            status = stopped.code
    return status, errors.getvalue()


def state(folder):
    """When each file of a folder was changed; its lock does not count."""
    paths = (path for path in folder.rglob("*") if path.name != ".lock")
    return {path: path.lstat().st_mtime_ns for path in paths}


def check_refused_in_one_line(folder, name, *arguments):
    """Run a command in a damaged folder: it works, or says why not and changes nothing."""
    before = state(folder)
    status, errors = run_command(name, *arguments)
    lines = errors.splitlines()
    assert status in (0, 2), errors
    assert all(line.startswith("warning: ") for line in lines[: len(lines) - (status == 2)])
    if status == 2:
        assert lines[-1].startswith("error: "), errors
        assert state(folder) == before
    return status


def read_or_refuse(*readers):
    """Call functions; what they refuse must be one line."""
    for reader in readers:
        with within_time():
            try:
                reader()
            except InputError as error:
                assert "\n" not in str(error)


def write_history(run, config):
    """The files that training writes before its end, without any training."""
    images = np.zeros((4, 8, 8, 1), np.uint8)
    files = tuple((f"{number}.png", 99, "train") for number in range(4))
    run.write_config(config, ImageData("tiny", images, images, files=files))
    tested = {f"val_{name}": value + config.seed for name, value in LOSSES.items()}
    rows = [{"epoch": epoch, **LOSSES, **tested, "seconds": 0.1} for epoch in (1, 2)]
    run.write_history(rows)
    losses = {**LOSSES, "elbo": -9.0}
    write_json(
        run.metrics_file, {"epochs": 2, "implied_variance": 0.1, "train": losses, "test": losses}
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory, tiny_config):
    """A folder with the files of a run that are tables and texts."""
    run = Run(tmp_path_factory.mktemp("written"))
    write_history(run, tiny_config)
    run.write_samples({epoch: np.zeros((12, 8, 8, 1), np.uint8) for epoch in (1, 2)})
    draws = {name: {"mean": value, "standard_error": 0.1} for name, value in LOSSES.items()}
    evaluation = {
        "settings": {"images": 4, "seed": 0},
        "loss": {"through_the_mean": LOSSES, "draws": draws},
        "likelihood": {"elbo": -9.5, "bound": -9.0},
    }
    write_json(run.evaluation_file, evaluation)
    run.model_file.touch()
    return run.directory


@pytest.mark.parametrize("name", [*TEXTS, "samples.npz"])
def test_readers_of_a_run_take_or_refuse_any_file(written, tmp_path_factory, name):
    @drawn(15)
    def check(kind, seed):
        run = Run(damaged_copy(written, tmp_path_factory, name, kind, seed))
        read_or_refuse(
            run.read_config,
            run.read_data_summary,
            run.read_files,
            run.read_history,
            run.read_metrics,
            run.read_evaluation,
            run.read_samples,
            run.check_finished,
            lambda: run.evaluation_file.exists() and describe_losses(run),
            lambda: run.finished and describe_run(run),
        )

    check()


@pytest.fixture(scope="module")
def study_folder(tmp_path_factory):
    """A study that is reported, with all its tables."""
    file = tmp_path_factory.mktemp("study") / "mine.toml"
    file.write_text(STUDY)
    folder = file.parent / "runs"
    planned = runner.plan_runs(find_study(str(file)), folder, "digits", seeds=2, epochs=2)
    for item in planned:
        item.run.directory.mkdir(parents=True)
        write_history(item.run, item.config)
    report_only(file, folder)
    figures = "bound,mutual_information,label_accuracy,class_entropy,frechet_distance"
    (folder / "evaluations.csv").write_text(
        f"variant,seed,{figures}\nrelu,0,-9.5,1.5,0.5,2.0,30.5\ngelu,0,-9.0,1.5,0.5,2.0,30.5\n"
    )
    return file, folder


def report_only(file, folder):
    options = ["--dataset", "digits", "--epochs", "2", "--seeds", "2", "--report-only"]
    return run_command("study", file, *options, "--directory", folder)


@pytest.mark.parametrize("name", STUDY_FILES)
def test_readers_of_a_study_take_or_refuse_any_file(study_folder, tmp_path_factory, name):
    read = {"runs.csv": read_table, "study.json": read_study, "evaluations.csv": read_evaluations}

    @drawn(15)
    def check(kind, seed):
        folder = damaged_copy(study_folder[1], tmp_path_factory, name, kind, seed)
        read_or_refuse(
            lambda: read[name](folder / name),
            lambda: runner.check_directory(find_study(str(study_folder[0])), folder),
        )

    check()


@pytest.mark.parametrize("ending", [".images", ".npz"])
def test_a_damaged_cache_is_made_again(tmp_path_factory, ending):
    def fill(images):
        images[:] = np.arange(images.size, dtype=np.uint8).reshape(images.shape)
        return {"labels": np.arange(len(images))}

    @drawn(15)
    def check(kind, seed):
        cache = tmp_path_factory.mktemp("cache")
        stored_images((5, 4, 4, 1), fill, ("key",), str(cache))
        (file,) = cache.glob(f"*{ending}")
        damage(file, kind, Random(seed))
        with within_time():
            images, notes = stored_images((5, 4, 4, 1), fill, ("key",), str(cache))
        np.testing.assert_array_equal(images.ravel(), np.arange(80))
        np.testing.assert_array_equal(notes["labels"], np.arange(5))

    check()


@pytest.fixture(scope="module")
def patched():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """40 pictures of two classes, and a table of attributes."""
    folder = tmp_path_factory.mktemp("damage") / "pictures"
    random = np.random.default_rng(0)
    rows = ["file,round"]
    for number in range(40):
        path = folder / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(path)
        rows.append(f"{number}.png,{number % 3 % 2}")
    table = folder.parent / "attributes.csv"
    table.write_text("\n".join(rows))
    return folder, table


@pytest.fixture(scope="module")
def original(tiny_config, pictures, patched, tmp_path_factory):
    """A finished run of them, evaluated, of which each test damages a copy."""
    folder, table = pictures
    patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    patched.setattr(judge, "STEPS", 3)
    config = tiny_config.replace(
        dataset=str(folder), image_size=(8, 8), channels=1, attributes=str(table), keep="best"
    )
    run = train_eagerly(config, tmp_path_factory.mktemp("original") / "run", verbose=0)
    evaluate_run(run, importance_samples=2)
    return run


@pytest.fixture(scope="module")
def whole(original, tmp_path_factory):
    """The same run, undamaged and longer."""
    directory = tmp_path_factory.mktemp("whole") / "run"
    shutil.copytree(original.directory, directory)
    with pytest.MonkeyPatch.context() as patch:
        leave_out(patch)
        assert run_command("fit", "--resume", directory, "--epochs", 3) == (0, "")
    return directory


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN_FILES)
def test_training_goes_on_as_it_would_have_or_is_refused(
    original, whole, tmp_path_factory, quick_training, name
):
    """Nothing that is accepted changes what the run ends with; its settings alone may."""

    @drawn(5)
    def check(kind, seed):
        folder = damaged_copy(original.directory, tmp_path_factory, name, kind, seed)
        status = check_refused_in_one_line(folder, "fit", "--resume", folder, "--epochs", 3)
        if not status and name != "config.json":
            assert last_checkpoint(folder) == last_checkpoint(whole)

    check()


def last_checkpoint(folder):
    """The name of the latest checkpoint, which has its digest."""
    return max(path.name for path in (folder / "checkpoints").glob("epoch-*"))


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN_FILES)
@pytest.mark.parametrize("command", ["fit", "evaluate", "explore", "attributes", "apply"])
def test_commands_take_or_refuse_any_file_of_a_run(
    original, pictures, tmp_path_factory, quick_training, command, name
):
    @drawn(2)
    def check(kind, seed):
        folder = damaged_copy(original.directory, tmp_path_factory, name, kind, seed)
        output = folder.parent / "output"
        arguments = {
            "fit": ["--resume", folder],
            "evaluate": [folder, "--importance-samples", 2, "--jobs", 1, "--overwrite"],
            "explore": [folder, "--output", output],
            "attributes": [folder, "--attribute", "round"],
            "apply": [folder, pictures[0] / "a" / "0.png", "--output", output],
        }[command]
        status = check_refused_in_one_line(folder, command, *arguments)
        if command in ("explore", "apply"):
            assert output.exists() == (status == 0)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDY_FILES)
def test_a_report_takes_or_refuses_any_file_of_a_study(study_folder, tmp_path_factory, name):
    @drawn(5)
    def check(kind, seed):
        folder = damaged_copy(study_folder[1], tmp_path_factory, name, kind, seed)
        check_refused_in_one_line(folder, "study", "report", folder)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["config.json", "history.csv", "metrics.json"])
def test_a_study_takes_or_refuses_any_file_of_its_runs(study_folder, tmp_path_factory, name):
    @drawn(5)
    def check(kind, seed):
        run = Path("gelu", "seed-1", name)
        folder = damaged_copy(study_folder[1], tmp_path_factory, str(run), kind, seed)
        assert report_only(study_folder[0], folder)[0] in (0, 2)

    check()
