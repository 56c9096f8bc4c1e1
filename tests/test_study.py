"""Studies on the command line, run for real: whole, stopped, killed and spread over a cluster."""

import contextlib
import csv
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from commands import Command, run_command
from test_training import assert_equal_runs

from vae_keras.config import make_config
from vae_keras.evaluation import judge
from vae_keras.study import runner
from vae_keras.study.__main__ import main
from vae_keras.study.job import STOPPED, run_job
from vae_keras.study.reading import find_study, read_study
from vae_keras.study.table import read_table
from vae_keras.support.errors import InputError
from vae_keras.training.run import Run

pytestmark = pytest.mark.slow  # processes import TensorFlow

EPOCHS = 40
STUDY = """
[settings]
encoder_filters = [4, 4]
encoder_strides = [2, 2]
decoder_filters = [4]
decoder_strides = [2, 2]
batch_size = 8
[variants.leaky_relu]
[variants.gelu]
activation = "gelu"
[[claims]]
text = "GELU reconstructs better"
below = [["gelu:val_reconstruction_loss", "leaky_relu:val_reconstruction_loss"]]
"""


@pytest.fixture(scope="module")
def study_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "tiny.toml"
    path.write_text(STUDY)
    return path


def arguments_for(study_file, directory, *options, epochs=EPOCHS, seeds=2):
    return [
        str(study_file),
        "--dataset",
        "digits",
        "--max-train-images",
        "64",
        "--epochs",
        str(epochs),
        "--seeds",
        str(seeds),
        "--directory",
        str(directory),
        *map(str, options),
    ]


def run_study(*arguments, **keywords):
    return run_command("study", *arguments_for(*arguments, **keywords), quick=True)


def start_study(*arguments, **keywords):
    return Command("study", *arguments_for(*arguments, **keywords), quick=True)


def runs_of(directory, seeds=2):
    return {
        f"{variant}/seed-{seed}": Run(directory / variant / f"seed-{seed}")
        for variant in ("leaky_relu", "gelu")
        for seed in range(seeds)
    }


def trainings(process):
    """Process ids of a study's trainings, the oldest first."""
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
    return sorted(map(int, found.stdout.split()))


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition, process=None, seconds=120):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return value


def is_unlocked(run):
    try:
        run.check_unlocked()
    except InputError:
        return False
    return True


@pytest.fixture(scope="module")
def whole(study_file, tmp_path_factory):
    """A study that nobody interrupted."""
    directory = tmp_path_factory.mktemp("whole") / "study"
    result = run_study(study_file, directory, "--jobs", 2)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return directory, result.stdout


def test_a_study_ends_with_tables_and_figures(whole):
    directory, output = whole
    assert {path.name for path in directory.iterdir() if path.name[0] != "."} == {
        "leaky_relu",
        "gelu",
        "study.json",
        "runs.csv",
        "summary.csv",
        "report.md",
        "figures",
    }
    assert "4/4 runs" in output and str(directory / "report.md") in output
    table = read_table(directory / "runs.csv")
    assert (table.study, table.dataset, table.reference) == ("tiny", "digits[:64]", "leaky_relu")
    study = read_study(directory / "study.json")
    assert study.name == "tiny" and study.variants["gelu"] == {"activation": "gelu"}
    assert "| 1 | GELU reconstructs better | **" in (directory / "report.md").read_text()
    for name, run in runs_of(directory).items():
        variant, seed = name.split("/seed-")
        assert run.finished and run.model_file.exists()
        assert table.runs[variant][int(seed)] == run.read_history()
        assert run.read_config().seed == int(seed)


def test_evaluations_join_the_report(whole, study_file, tmp_path, monkeypatch):
    directory = tmp_path / "study"
    shutil.copytree(whole[0], directory)
    shutil.rmtree(directory / "gelu" / "seed-1")  # half of the runs, to be quick
    shutil.rmtree(directory / "leaky_relu" / "seed-1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(judge, "STEPS", 30)
    main(arguments_for(study_file, directory, "--report-only", "--evaluate"))
    rows = list(csv.DictReader((directory / "evaluations.csv").read_text().splitlines()))
    assert [(row["variant"], row["seed"]) for row in rows] == [("leaky_relu", "0"), ("gelu", "0")]
    found = json.loads((directory / "gelu" / "seed-0" / "evaluation.json").read_text())
    assert float(rows[1]["log_likelihood"]) == found["likelihood"]["log_likelihood"]
    assert float(rows[1]["calibrated_elbo"]) == found["calibrated"]["elbo"]
    assert float(rows[1]["label_accuracy"]) == found["labels"][-1]["nearest_neighbors"]
    report = (directory / "report.md").read_text()
    number = f"{found['likelihood']['log_likelihood']:.2f}".lstrip("-")
    assert "## Evaluation" in report and number in report and "log-likelihood bound" not in report

    # A fuller evaluation is kept; its bound, which is a higher one, is not compared.
    fuller = {
        **found,
        "settings": {**found["settings"], "importance_samples": 500},
        "likelihood": {**found["likelihood"], "bound": -1.0},
    }
    file = directory / "gelu" / "seed-0" / "evaluation.json"
    file.write_text(json.dumps(fuller))
    main(arguments_for(study_file, directory, "--report-only", "--evaluate"))
    assert json.loads(file.read_text()) == fuller
    again = list(csv.DictReader((directory / "evaluations.csv").read_text().splitlines()))
    assert again == rows

    # An evaluation without the integral is collected, and replaced where the weights exist.
    del fuller["settings"]["quadrature"], fuller["likelihood"]["log_likelihood"]
    file.write_text(json.dumps(fuller))
    main(arguments_for(study_file, directory, "--report-only"))
    again = list(csv.DictReader((directory / "evaluations.csv").read_text().splitlines()))
    assert again == [rows[0], {**rows[1], "log_likelihood": ""}]
    main(arguments_for(study_file, directory, "--report-only", "--evaluate"))
    assert json.loads(file.read_text()) == found


def test_finished_runs_without_weights_are_kept_as_they_are(whole, study_file, tmp_path):
    directory = tmp_path / "study"
    for name, run in runs_of(whole[0]).items():
        (directory / name).mkdir(parents=True)
        for file in (run.config_file, run.history_file, run.metrics_file):
            shutil.copy(file, directory / name)
    before = {path: path.stat().st_mtime_ns for path in directory.glob("*/*/*")}
    result = run_study(study_file, directory, "--data-dir", tmp_path / "elsewhere")
    assert result.returncode == 0, result.stderr
    assert {path: path.stat().st_mtime_ns for path in directory.glob("*/*/*")} == before
    assert (directory / "runs.csv").read_bytes() == (whole[0] / "runs.csv").read_bytes()
    assert (directory / "report.md").read_text() == (whole[0] / "report.md").read_text()
    result = run_study(study_file, directory, epochs=EPOCHS + 1)
    assert result.returncode == 2
    assert "epochs and no checkpoint" in result.stderr and result.stderr.count("\n") == 1


def test_fewer_seeds_keep_the_runs_that_are_there_also_without_the_table(
    whole, study_file, tmp_path
):
    directory = tmp_path / "study"
    shutil.copytree(whole[0], directory)
    table = read_table(directory / "runs.csv")
    for _ in range(2):
        result = run_study(study_file, directory, "--report-only", seeds=1)
        assert result.returncode == 0, result.stderr
        assert read_table(directory / "runs.csv") == table
        (directory / "runs.csv").unlink()


def test_a_job_that_stops_unasked_is_no_success(study_file, tmp_path, monkeypatch):
    monkeypatch.setattr("vae_keras.study.runner.run_job", lambda *_: STOPPED)
    planned = runner.plan_runs(find_study(str(study_file)), tmp_path / "study", "digits", 1)
    failures = runner.train_runs(planned, tmp_path / "study", jobs=1)
    assert list(failures) == ["leaky_relu/seed-0", "gelu/seed-0"]
    assert "needs access to the folder" in failures["gelu/seed-0"]


def test_an_error_of_a_cluster_is_one_line(monkeypatch):
    def fail(*_):
        raise RuntimeError("killed by the system\nwith a long story")

    monkeypatch.setattr("vae_keras.study.runner.run_job", fail)
    monkeypatch.setattr("vae_keras.study.runner._dask_client", contextlib.nullcontext)
    monkeypatch.setattr("joblib.parallel_config", lambda *_, **__: contextlib.nullcontext())
    with runner._joblib_backend(1, "tcp://host:1") as run_all, pytest.raises(InputError) as error:
        run_all([("run",)])
    assert (
        str(error.value) == "the workers of tcp://host:1 failed: RuntimeError: killed by the system"
    )


def test_a_training_has_one_thread_whatever_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "8")
    given = {}

    def refuse(*_, env, **__):
        given.update(env)
        raise OSError("no more processes")

    monkeypatch.setattr("vae_keras.study.job.subprocess.Popen", refuse)
    (tmp_path / "marker").write_text("token")
    settings = make_config("digits").to_dict()
    outcome = run_job(str(tmp_path / "run"), settings, str(tmp_path / "marker"), "token")
    assert outcome == "no more processes"
    assert given["TF_NUM_INTRAOP_THREADS"] == given["TF_NUM_INTEROP_THREADS"] == "1"


def test_killed_stopped_and_extended_it_equals_one_that_was_not(whole, study_file, tmp_path):
    directory = tmp_path / "study"
    runs = runs_of(directory, seeds=1)
    process = start_study(study_file, directory, "--jobs", 2, epochs=EPOCHS - 10, seeds=1)
    wait_for(lambda: all(len(run.read_history()) > 3 for run in runs.values()), process)
    os.kill(trainings(process)[0], signal.SIGKILL)
    killed = wait_for(
        lambda: [run for run in runs.values() if is_unlocked(run) and not run.finished], process
    )[0]
    before = killed.read_history()
    # The study starts it again by itself, from its checkpoint.
    wait_for(lambda: len(killed.read_history()) > len(before), process)
    left = trainings(process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 130, (output, errors)
    assert errors.count("\n") == 1
    assert "stopped; resume with: python -m vae_keras.study" in errors
    assert not any(map(is_running, left))
    assert not killed.finished
    result = run_study(study_file, directory, "--jobs", 2, seeds=1)
    assert result.returncode == 0, result.stderr
    # The first epochs, seconds included: they were not trained again.
    assert killed.read_history()[: len(before) - 1] == before[:-1]
    for name, run in runs.items():
        assert_equal_runs(run, runs_of(whole[0])[name])


def test_trainings_end_with_a_study_that_is_killed(study_file, tmp_path):
    run = Run(tmp_path / "leaky_relu" / "seed-0")
    process = start_study(study_file, tmp_path, "--jobs", 1, epochs=100_000, seeds=1)
    wait_for(run.read_history, process)
    assert len(trainings(process)) == 1
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: is_unlocked(run), seconds=30)
    assert any(run.checkpoints.glob("epoch-*.npz")) and not run.finished


def test_a_run_that_cannot_be_finished_is_named_and_the_others_are_kept(whole, tmp_path):
    diverging = tmp_path / "diverging.toml"
    diverging.write_text(STUDY.replace('activation = "gelu"', "learning_rate = 1e9"))
    directory = tmp_path / "study"
    shutil.copytree(whole[0] / "leaky_relu" / "seed-0", directory / "leaky_relu" / "seed-0")
    result = run_study(diverging, directory, seeds=1)
    assert result.returncode == 1
    assert result.stderr.startswith("error: 1 of 2 runs failed, the first gelu/seed-0: ")
    assert "training has diverged" in result.stderr and result.stderr.count("\n") == 1
    assert list(read_table(directory / "runs.csv").runs) == ["leaky_relu"]


@pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None,
    reason="Dask is not installed: pip install distributed",
)
def test_a_cluster_that_loses_a_worker_ends_the_study(whole, study_file, tmp_path):
    directory = tmp_path / "study"
    for name, run in runs_of(whole[0], seeds=1).items():
        shutil.copytree(run.directory, directory / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    dask = [sys.executable, "-m", "dask"]
    worker = [*dask, "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    cluster = [
        subprocess.Popen(part, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for part in ([*dask, "scheduler", "--host", address, "--no-dashboard"], worker, worker)
    ]
    try:
        process = start_study(study_file, directory, "--backend", "dask", "--scheduler", address)
        runs = {name: run for name, run in runs_of(directory).items() if name.endswith("seed-1")}
        wait_for(lambda: all(run.read_history() for run in runs.values()), process)
        cluster[1].kill()
        output, errors = process.communicate(timeout=180)
        assert process.returncode == 0, errors
    finally:
        for member in cluster:
            member.kill()
            member.wait()
    assert "4/4 runs" in output
    for name, run in runs_of(directory).items():
        assert_equal_runs(run, runs_of(whole[0])[name])


BAD_ARGUMENTS = [
    ("gleu", "did you mean 'gelu'"),
    ("nowhere.json", "nowhere.json cannot be read"),
    ("gelu --seeds 0", "seeds must be at least 1"),
    ("gelu --jobs 0", "jobs must be at least 1"),
    ("column.toml", "column.toml: unknown column 'val_kll_loss': did you mean 'val_kl_loss'"),
    ("gelu --epochs 0", "epochs must be at least 1"),
    ("gelu --epochs many", "must be a whole number"),
    ("gelu --dataset minst", "did you mean 'mnist'"),
    ("gelu --backend slurm", "unknown backend 'slurm'"),
    ("gelu --backend dask", "belong together"),
    ("gelu --scheduler tcp://127.0.0.1:1", "belong together"),
    ("gelu --directory=", "--directory is empty"),
    ("gelu --dataset digits --directory mine", "contains thesis.tex and is not a study"),
    ("gelu --dataset digits --directory file/study", "cannot be written"),
    ("gelu --dataset digits --directory other", "contains the study 'activations', not 'gelu'"),
    (
        "gelu --dataset digits --directory wrong",
        "seed-0 has activation 'relu', but the study",
    ),
    ("gelu --dataset digits --directory long", "has epochs 200, but the study has 100"),
    ("gelu --dataset digits --directory none --report-only", "has no finished epoch yet"),
    ("gelu --nonsense", "unknown option --nonsense"),
    ("report", "required: DIR"),
    ("report nowhere", "has no runs.csv"),
    ("report mine", "has no runs.csv"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with what goes wrong in it."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "column.toml").write_text(
        '[settings]\ndataset = "digits"\n[variants.a]\n[variants.b]\nlatent_dim = 3\n'
        '[[claims]]\ntext = "B is closer to the prior"\nbelow = [["b:val_kll_loss", "a"]]\n'
    )
    for name in ("mine", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("mine")
    (tmp_path / "other" / "runs.csv").write_text("study,epoch\nactivations,1\n")
    for name, changes in (("wrong", {"activation": "relu"}), ("long", {"epochs": 200})):
        run = tmp_path / name / "leaky_relu" / "seed-0"
        run.mkdir(parents=True)
        settings = make_config("digits", **changes).to_dict()
        (run / "config.json").write_text(json.dumps({"settings": settings, "data": {}}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("arguments, message", BAD_ARGUMENTS)
def test_bad_arguments_are_one_line_and_touch_nothing(folder, capsys, arguments, message):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as stopped:
        main(arguments.split())
    output = capsys.readouterr()
    assert stopped.value.code == 2
    assert message in output.err and output.err.startswith("error: ")
    assert output.err.count("\n") == 1 and output.out == ""
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_study_in_use_is_refused(folder, capsys):
    (folder / "none").mkdir()
    with Run("none").locked(), pytest.raises(SystemExit):
        main(["gelu", "--dataset", "digits", "--directory", "none"])
    assert "none is in use by another process" in capsys.readouterr().err


@pytest.mark.parametrize("arguments, status", [("--help", 0), ("gleu", 2), ("report nowhere", 2)])
def test_answers_that_need_no_tensorflow_come_within_a_second(tmp_path, arguments, status):
    seconds = []
    for _ in range(3):  # the best of three: the machine may be busy
        begin = time.monotonic()
        result = subprocess.run(
            [sys.executable, "-m", "vae_keras.study", *arguments.split()],
            capture_output=True,
            cwd=tmp_path,
        )
        seconds.append(time.monotonic() - begin)
        assert result.returncode == status
    assert min(seconds) < 1
