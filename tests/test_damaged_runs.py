"""Files of a run that are not what they should be: one line, nothing changed, nothing hangs."""

import csv
import io
import json
import os

import keras
import numpy as np
import pytest
from commands import run_command
from damage import PLACES, put_in_place
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_training import assert_equal_runs

from vae_keras import InputError, load_model, train
from vae_keras.study.report import write_report
from vae_keras.study.table import RunTable
from vae_keras.support.files import read_file, read_json, read_text
from vae_keras.support.text import escape


def spoil(path, kind):
    """Put something else in the place of a file."""
    path.unlink()
    if kind in PLACES:
        put_in_place(path, kind)
    elif kind == "empty":
        path.touch()
    elif kind == "Latin-1":
        path.write_bytes("größe".encode("latin-1"))


KINDS = ["folder", "pipe", "dangling link", "circular link", "endless device", "empty", "Latin-1"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["config.json", "history.csv", "metrics.json", "evaluation.json", "samples.npz"]
)
def test_what_is_no_file_of_a_run_is_one_error(run, kind, name):
    path = run.directory / name
    path.touch()
    spoil(path, kind)
    readers = {
        "config.json": run.read_config,
        "history.csv": run.read_history,
        "metrics.json": run.read_metrics,
        "evaluation.json": run.read_evaluation,
        "samples.npz": run.read_samples,
    }
    if name == "samples.npz":
        assert run.read_samples() == {}
        return
    if name == "history.csv" and kind in ("dangling link", "circular link"):
        assert run.read_history() == []
        return
    with pytest.raises(InputError) as error:
        readers[name]()
    assert name in str(error.value) or "config.json is missing" in str(error.value)
    assert "\n" not in str(error.value)


def header_and_rows(run):
    with open(run.history_file, newline="") as file:
        header, *rows = list(csv.reader(file))
    return header, rows


def write_rows(run, header, rows, encoding="utf-8"):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    run.history_file.write_bytes(text.getvalue().encode(encoding))


def test_a_byte_order_mark_and_quotes_change_nothing(run):
    before = run.read_history()
    header, rows = header_and_rows(run)
    write_rows(run, header, rows, "utf-8-sig")
    assert run.read_history() == before
    quoted = "\n".join(",".join(f'"{cell}"' for cell in row) for row in [header, *rows])
    run.history_file.write_text(quoted)
    assert run.read_history() == before


def state(run):
    """When each file of a run was changed; its lock does not count."""
    paths = (path for path in run.directory.rglob("*") if path.name != ".lock")
    return {path: path.stat().st_mtime_ns for path in paths}


@pytest.mark.parametrize(
    "change",
    [
        lambda header, rows: (header, rows[::-1]),
        lambda header, rows: (header, [rows[0], rows[0]]),
        lambda header, rows: (header, rows[1:]),
        lambda header, rows: (header, [[*rows[0], "1"], rows[1]]),
        lambda header, rows: (header, [rows[0][:-1], rows[1]]),
        lambda header, rows: (header, [[rows[0][0], "nan", *rows[0][2:]], rows[1]]),
        lambda header, rows: (header, [[rows[0][0], "inf", *rows[0][2:]], rows[1]]),
        lambda header, rows: (header, [[rows[0][0], "12x", *rows[0][2:]], rows[1]]),
        lambda header, rows: ([*header[:-1], header[1]], rows),
        lambda header, rows: ([*header[:-1], "color"], rows),
        lambda header, rows: (["epoch", *header[2:]], [[row[0], *row[2:]] for row in rows]),
        lambda header, rows: (header, [["1" * 200_000, *rows[0][1:]], rows[1]]),
    ],
)
def test_a_history_with_other_rows_is_refused_before_anything_changes(
    run, tiny_config, tiny_data, change
):
    write_rows(run, *change(*header_and_rows(run)))
    before = state(run)
    with pytest.raises(InputError, match="history.csv"):
        train(tiny_config.replace(epochs=3), run.directory, tiny_data, resume=True, verbose=0)
    assert state(run) == before


@pytest.mark.parametrize("attributes", [5, True, {}, None, "Smiling", [1], ["\n# x\x1b[31m"]])
def test_attributes_in_a_config_are_a_list_of_printable_names(run, attributes):
    content = read_json(run.config_file)
    content["data"]["attributes"] = attributes
    run.config_file.write_text(json.dumps(content))
    with pytest.raises(InputError, match="config.json is damaged: it must have settings and data"):
        run.read_data_summary()


@pytest.mark.parametrize(
    "change", [{"epochs": 3}, {"epochs": 10**400}, {"kept_epoch": "x"}, {"kept_epoch": 3}]
)
def test_metrics_have_epochs_of_the_history(run, change):
    run.metrics_file.write_text(json.dumps(run.read_metrics() | change))
    with pytest.raises(InputError, match="metrics.json is damaged"):
        run.read_metrics()


def make_archive(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.usefixtures("quick_training")
@pytest.mark.parametrize("kind", [*KINDS, "foreign", "objects", "no epoch", "negative epoch"])
def test_a_bad_newest_checkpoint_gives_way_to_the_one_before(
    run, trained_run, tiny_config, tiny_data, kind, capfd
):
    from vae_keras.training.checkpoints import _digest

    newest = max(run.checkpoints.glob("epoch-*.npz"))
    with np.load(newest) as archive:
        arrays = dict(archive)
    if kind in KINDS:
        spoil(newest, kind)
    else:
        content = {
            "foreign": lambda: make_archive(a=np.zeros(3)),
            "objects": lambda: make_archive(**{**arrays, "epoch": np.array("2")}),
            "no epoch": lambda: make_archive(**{k: v for k, v in arrays.items() if k != "epoch"}),
            "negative epoch": lambda: make_archive(**{**arrays, "epoch": np.int64(-1)}),
        }[kind]()
        newest.unlink()
        newest = run.checkpoints / f"epoch-00002-{_digest(content)}.npz"
        newest.write_bytes(content)
    again = train(tiny_config, run.directory, tiny_data, resume=True, verbose=0)
    # A finished run with its own settings is left as it is: make it longer instead.
    assert_equal_runs(again, trained_run)
    longer = train(tiny_config.replace(epochs=3), run.directory, tiny_data, resume=True, verbose=0)
    assert len(longer.read_history()) == 3
    assert newest.name in capfd.readouterr().err


def test_other_peoples_checkpoints_are_left_alone(run, tiny_config, tiny_data, quick_training):
    names = ["epoch-00001 (1).npz", "epoch-00009-copy.npz", "epoch-notes.npz"]
    for name in names:
        (run.checkpoints / name).write_bytes(b"mine")
    train(tiny_config.replace(epochs=4), run.directory, tiny_data, resume=True, verbose=0)
    assert all((run.checkpoints / name).read_bytes() == b"mine" for name in names)
    own = sorted(path.name[:11] for path in run.checkpoints.iterdir() if path.name not in names)
    assert own == ["epoch-00003", "epoch-00004"]


def test_a_model_with_weights_that_are_not_finite_is_refused(run):
    model = keras.saving.load_model(run.model_file)
    weights = model.get_weights()
    weights[0][:] = np.nan
    model.set_weights(weights)
    model.save(run.model_file)
    with pytest.raises(InputError, match="is not finite"):
        load_model(run.directory)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=st.binary(max_size=300), name=st.sampled_from(["config.json", "history.csv"]))
def test_any_bytes_in_a_file_are_read_or_refused_in_one_line(run, content, name):
    (run.directory / name).write_bytes(content)
    try:
        run.read_config() if name == "config.json" else run.read_history()
    except InputError as error:
        assert "\n" not in str(error)


def test_large_files_are_not_read(tmp_path):
    path = tmp_path / "large"
    with open(path, "wb") as file:
        file.truncate(2**27)
    with pytest.raises(InputError, match="more than"):
        read_file(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match="not UTF-8"):
        read_text(path)
    path.write_text(json.dumps([1]))
    with pytest.raises(InputError, match="must be a JSON object"):
        read_json(path)
    path.write_text("[" * 100_000)
    with pytest.raises(InputError, match="not JSON"):
        read_json(path)


def test_names_cannot_make_headings_or_html_in_a_report(tmp_path):
    row = {"epoch": 1, "loss": 1.0, "val_loss": 1.0}
    name = "<img src=x>\n# heading | cell"
    table = RunTable("mine", "d\n# x", "a", {"a": {0: [row]}, name: {0: [row]}})
    write_report(table, tmp_path)
    report = (tmp_path / "report.md").read_text()
    assert "<img" not in report
    assert [line for line in report.splitlines() if line.startswith("# ")] == [
        "# Study mine on d # x"
    ]
    assert escape("p < 0.001 | <b>") == "p < 0.001 \\| &lt;b>"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("fit", ["--latent-dim", "9" * 30], "must be a whole number"),
        ("fit", ["--latent-dim", "100000000"], "must be at most 100,000"),
        ("fit", ["--image-size", "9" * 30], "must be N or HEIGHTxWIDTH"),
        ("fit", ["--epochs", "٣"], "must be a whole number"),
        ("fit", ["--epochs", " 3"], "must be a whole number"),
        ("fit", ["--learning-rate", "1_0"], "must be a number"),
        ("fit", ["--learning-rate", "fast"], "--learning-rate: must be a number, received 'fast'"),
        ("fit", ["--reconstruction-weight", "x"], "must be a number or 'auto', received 'x'"),
        ("fit", ["--directory", "x" * 300], "cannot be used: File name too long"),
        ("evaluate", ["x" * 300], "cannot be used: File name too long"),
        ("explore", ["x" * 300], "does not exist: pass the folder of a"),
        (
            "apply",
            ["x" * 300, "--output", "a"],
            "does not exist: pass the folder of a finished run",
        ),
        ("attributes", ["x" * 300, "--attribute", "a"], "cannot be used: File name too long"),
        ("study", ["report", "x" * 300], "cannot be used: File name too long"),
        ("study", ["gelu", "--seeds", "1000000000"], "must be at most 10,000"),
        ("benchmark", ["--batch-size", "9" * 30], "must be a whole number"),
    ],
)
def test_numbers_and_names_without_measure_are_one_line(tmp_path, name, arguments, message):
    done = run_command(name, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_explorer_replaces_its_own_pages_alone(run):
    page = run.directory.parent / "page.html"
    for make in (
        lambda: page.symlink_to("nowhere"),
        lambda: page.write_text("my notes"),
        lambda: os.mkfifo(page),
    ):
        make()
        done = run_command("explore", run.directory, "--output", page, "--overwrite")
        assert done.returncode == 2 and "is not a page of this command" in done.stderr
        assert os.path.lexists(page)
        page.unlink()
    config = run.config_file.read_bytes()
    done = run_command("explore", run.directory, "--output", run.config_file, "--overwrite")
    assert done.returncode == 2 and run.config_file.read_bytes() == config
    page.write_text("<title>Latent space explorer</title>")
    assert run_command("explore", run.directory, "--output", page).returncode == 2


@pytest.mark.slow
def test_more_images_than_there_are_is_told_at_once(run):
    done = run_command("evaluate", run.directory, "--images", 22)
    assert done.returncode == 2 and "images must be at most 21, received 22" in done.stderr


@pytest.mark.parametrize("name, value", [("image_shape", [64, 64, 1]), ("train_images", 10)])
def test_a_data_summary_that_contradicts_the_images_is_refused(run, tiny_data, name, value):
    content = read_json(run.config_file)
    content["data"][name] = value
    run.config_file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"config.json is damaged: {name} is"):
        run.find_data(tiny_data)
