"""What stands in the place of an output is refused before anything changes, and never lost."""

import os

import pytest
from test_damage import write_history

from vae_keras import attributes, evaluate, fit
from vae_keras.export.__main__ import _export
from vae_keras.export.loading import load_model
from vae_keras.study.__main__ import main as study
from vae_keras.study.report import write_report
from vae_keras.study.table import RunTable, write_table
from vae_keras.support.errors import InputError
from vae_keras.support.files import remove, remove_unfinished, replacing
from vae_keras.training.names import create_run

FILES = [
    "metrics.json",
    "evaluation.json",
    "model.keras",
    "history.csv",
    "files.csv",
    "samples.npz",
    "model.tflite",
    "figures/evaluation.png",
]
FOLDERS = ["saved_model", "onnx", "figures", "attributes", "checkpoints", "tensorboard"]
NO_FILES = ["folder", "empty folder", "pipe", "endless device", "link to a folder"]
NO_FOLDERS = ["file", "pipe", "link to a folder"]
PLACES = [(name, kind) for name in FILES for kind in NO_FILES]
PLACES += [(name, kind) for name in FOLDERS for kind in NO_FOLDERS]


@pytest.fixture
def run(tiny_config, tmp_path):
    """The files of a finished run, without any training."""
    run = create_run(tmp_path / "run")
    write_history(run, tiny_config)
    run.model_file.touch()
    return run


def occupy(path, kind):
    """Put something in a place that someone else may need."""
    remove(path)
    path.parent.mkdir(exist_ok=True)
    if kind == "file":
        path.write_text("mine")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless device":
        path.symlink_to("/dev/zero")
    elif kind == "empty folder":
        path.mkdir()
    else:
        folder = path if kind == "folder" else path.parent.parent / "elsewhere"
        folder.mkdir()
        (folder / "keep.txt").write_text("mine")
        if folder != path:
            path.symlink_to(folder)


def state(folder):
    """Every path of a folder and when it was changed."""
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}


COMMANDS = {
    "resume": lambda folder: fit.parse(["--resume", folder]),
    "overwrite": lambda folder: fit.parse(
        ["--dataset", "digits", "--directory", folder, "--overwrite"]
    ),
    "evaluate": lambda folder: evaluate.evaluate_all([folder], seed=0),
    "attributes": lambda folder: attributes.find(folder, "round"),
    "export": lambda folder: _export(folder, ["saved_model"]),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name, kind", PLACES)
def test_a_place_of_a_run_that_is_taken_is_refused_before_anything_changes(
    run, tmp_path, name, kind, command
):
    occupy(run.directory / name, kind)
    before = state(tmp_path)
    with pytest.raises(InputError, match=rf"{name} is (not|a link).*: move it away$"):
        COMMANDS[command](str(run.directory))
    assert state(tmp_path) == before


def test_links_to_files_are_files_of_a_run(run, tmp_path):
    run.history_file.rename(tmp_path / "history")
    run.history_file.symlink_to(tmp_path / "history")
    run.check_places()
    assert len(run.read_history()) == 2


def test_a_link_is_removed_and_what_it_names_is_kept(tmp_path):
    target = tmp_path / "mine"
    target.mkdir()
    (target / "keep.txt").touch()
    for name in ("link", ".unfinished-x"):
        (tmp_path / name).symlink_to(target)
    remove(tmp_path / "link")
    remove_unfinished(tmp_path)
    assert list(tmp_path.rglob("*")) == [target, target / "keep.txt"]


def test_a_file_does_not_replace_a_folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "keep.txt").touch()
    with pytest.raises(OSError), replacing(tmp_path / "a") as aside:
        aside.touch()
    assert list(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a" / "keep.txt"]


@pytest.mark.parametrize(
    "name", ["x" * 255, "x" * 250 + ".html", "é" * 120 + ".json", "a." + "b" * 250, "日" * 85]
)
def test_every_valid_name_can_be_written_and_removed(tmp_path, name):
    path = tmp_path / name
    for _ in range(2):
        with replacing(path) as aside:
            assert aside.suffix in (path.suffix, "") and aside.name.startswith(".unfinished-")
            aside.write_text("x")
    assert path.read_text() == "x"
    remove(path)
    for _ in range(2):
        with replacing(path) as aside:
            aside.mkdir()
    remove(path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["folder", "pipe", "endless device"])
def test_a_model_that_is_no_file_is_not_called_missing(run, kind):
    occupy(run.model_file, kind)
    with pytest.raises(InputError, match="model.keras is not a regular file"):
        run.check_finished()
    with pytest.raises(InputError, match="model.keras is not a regular file"):
        load_model(run.directory)


@pytest.fixture
def report(tmp_path):
    """The folder of a study with a table of runs, and the table."""
    row = {"epoch": 1, "loss": 1.0, "val_loss": 1.0}
    table = RunTable("mine", "digits", "a", {"a": {0: [row]}, "b": {0: [row]}})
    (tmp_path / "study").mkdir()
    write_table(table, tmp_path / "study" / "runs.csv")
    return tmp_path / "study", table


STUDY_FILES = ["runs.csv", "summary.csv", "evaluations.csv", "report.md", "study.json"]
STUDY_PLACES = [(name, kind) for name in STUDY_FILES for kind in NO_FILES]
STUDY_PLACES += [("figures", kind) for kind in NO_FOLDERS]
STUDY_PLACES += [(".lock", kind) for kind in ("folder", "link to a folder", "endless device")]


@pytest.mark.parametrize("name, kind", STUDY_PLACES)
def test_a_place_of_a_report_that_is_taken_is_refused_before_anything_changes(
    report, tmp_path, capsys, name, kind
):
    occupy(report[0] / name, kind)
    before = state(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        study(["report", str(report[0])])
    errors = " ".join(capsys.readouterr().err.split())
    assert stopped.value.code == 2 and errors.endswith(": move it away")
    assert f"{name} is " in errors and "--directory" not in errors
    assert state(tmp_path) == before  # not even a lock is new
    if name not in (".lock", "runs.csv"):
        with pytest.raises(InputError, match="move it away"):
            write_report(report[1], report[0])


def test_a_study_file_that_is_a_dangling_link_is_refused(report):
    (report[0] / "study.json").symlink_to("nowhere")
    with pytest.raises(InputError, match="study.json is not a regular file"):
        write_report(report[1], report[0])


@pytest.mark.parametrize("text", ["x", "study,dataset\n"])
def test_a_refused_report_leaves_no_lock(report, text):
    (report[0] / "runs.csv").write_text(text)
    with pytest.raises(SystemExit):
        study(["report", str(report[0])])
    assert [path.name for path in report[0].iterdir()] == ["runs.csv"]
