"""What people see: golden files at 80 and 120 columns, real terminals, closed streams, signals."""

import argparse
import dataclasses
import errno
import fcntl
import importlib
import io
import json
import logging
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
import types
from pathlib import Path

import numpy as np
import pytest
from quick import SMALL_OPTIONS

import vae_keras
from vae_keras import __main__ as commands
from vae_keras import attributes, evaluate, explore, fit
from vae_keras.benchmark import __main__ as benchmark
from vae_keras.export import __main__ as export
from vae_keras.study import __main__ as study
from vae_keras.study.reading import find_study
from vae_keras.study.sections.losses import loss_table
from vae_keras.study.table import RunTable
from vae_keras.support import reporting, start
from vae_keras.support.text import plain, wrap
from vae_keras.training.callbacks import describe_epoch
from vae_keras.training.loop import train
from vae_keras.training.run import Run

apply = importlib.import_module("vae_keras.apply")  # the package has a function of this name
ROOT = Path(vae_keras.__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"
STUDY = Path("saved_models/gelu-study")
TINY = ["--dataset", "digits", *SMALL_OPTIONS, "--max-train-images", "64"]
WIDTHS = (80, 120)


@pytest.fixture(params=WIDTHS)
def width(request, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(request.param))
    monkeypatch.chdir(ROOT)
    return request.param


def check_golden(name, width, capsys):
    """Compare what was printed with a golden file. `UPDATE_GOLDEN=1` writes it again."""
    printed = capsys.readouterr().out
    too_long = [line for line in printed.splitlines() if len(line) > width]
    assert all(re.search("python -m|saved_model_cli", line) for line in too_long), too_long
    file = GOLDEN / f"{name}-{width}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(printed, encoding="utf-8")
    assert printed == file.read_text(encoding="utf-8")


def test_what_fit_prints(width, capsys):
    run = Run(STUDY / "gelu" / "seed-0")
    rows = run.read_history()
    faces = {"loss": -1234.56, "reconstruction_loss": -1300.12, "kl_loss": 65.56}
    long = {**rows[0], **faces, **{f"val_{name}": value for name, value in faces.items()}}
    with reporting.showing():
        reporting.report(f"mnist: 60,000 training images, {'and so on, ' * 9}to the end")
        for row in (*rows[:2], rows[-1], long):
            reporting.report(describe_epoch(row, 20, 61.5 * (20 - row["epoch"]), width))
        reporting.report(fit.describe_run(run))
    check_golden("fit", width, capsys)


def evaluation_of(seed):
    """What an evaluation finds, with all rows that there are."""
    found = json.loads((ROOT / STUDY / "gelu" / "seed-0" / "evaluation.json").read_text())
    bound = {
        "bound": -395.54,
        "bound_standard_error": 0.17,
        "bound_bits_per_dimension": 8.7222,
        "effective_samples_median": 61.2,
        "effective_samples_5th_percentile": 3.4,
    }
    found["settings"]["importance_samples"] = 500
    found["likelihood"] |= bound
    found["calibrated"] |= bound
    found["likelihood"]["bound"] += seed
    found["loss"]["draws"]["loss"]["mean"] -= seed / 3
    return found


@pytest.mark.parametrize(
    "names", ["gelu/seed-0", "gelu/seed-0 leaky_relu/seed-0", "gelu/seed-0 gelu/seed-1"]
)
def test_what_evaluate_prints(names, width, capsys):
    names = names.split()
    runs = [Run(STUDY / name) for name in names]
    results = [evaluation_of(number) for number in range(len(runs))]
    with reporting.showing():
        reporting.report(evaluate.describe(runs, results, width))
    check_golden(
        f"evaluate-{'-'.join(name.replace('/seed-', '') for name in names)}", width, capsys
    )


def test_what_study_prints(width, capsys):
    random = np.random.default_rng(0)

    def history(level):
        for epoch in range(1, 21):
            kl, reconstruction = 5.1, level + 20 / epoch + random.normal(0, 0.2)
            terms = {
                "loss": reconstruction + kl,
                "reconstruction_loss": reconstruction,
                "kl_loss": kl,
            }
            tested = {f"val_{name}": value for name, value in terms.items()}
            yield {"epoch": epoch, **terms, **tested}

    shipped = find_study("gelu")
    runs = {
        name: {seed: list(history(40 - number / 3)) for seed in range(4)}
        for number, name in enumerate(shipped.variants)
    }
    table = RunTable("gelu", "mnist", shipped.reference, runs)
    with reporting.showing():
        reporting.report(plain(loss_table(shipped, table), width))
    check_golden("study", width, capsys)


def test_what_attributes_prints(width, capsys, monkeypatch):
    run = STUDY / "gelu" / "seed-0"
    found = {"images_with": 78_080, "images_without": 84_690, "norm": 1.234, "last_change": 0.0012}
    room = types.SimpleNamespace(
        attribute_of_run=lambda *_: (run / "attributes" / "Smiling", found)
    )
    monkeypatch.setattr(attributes, "load", lambda module: room)
    attributes.main([str(run), "--attribute", "Smiling"])
    check_golden("attributes", width, capsys)


def test_what_explore_prints(width, capsys, monkeypatch, tmp_path):
    room = types.SimpleNamespace(build_page=lambda *_: (explore.PAGE_TITLE.decode(), 2000))
    monkeypatch.setattr(explore, "load", lambda module: room)
    monkeypatch.setattr(Run, "find_data", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)
    explore.main([str(ROOT / STUDY / "gelu" / "seed-0"), "--output", "page.html"])
    check_golden("explore", width, capsys)


def test_what_apply_prints(width, capsys, monkeypatch, tmp_path):
    folder = tmp_path / "latents of all the pictures"
    monkeypatch.chdir(tmp_path)
    room = types.SimpleNamespace(apply_model=lambda *_, **__: folder.relative_to(tmp_path))
    monkeypatch.setattr(apply, "load", lambda module: room)
    apply.main([str(ROOT / STUDY / "gelu" / "seed-0"), "new", "--output", folder.name])
    check_golden("apply", width, capsys)


class PretendedWorker:
    """Takes its time in the order of the contestants, without working."""

    def __init__(self, *_):
        self.begun = []
        self.calls = 0

    def time(self, contestant, steps):
        self.calls += 1
        return 0.02 + 0.001 * (self.calls % 7) + len(str(contestant)) / 1e4

    def begin(self, contestant, steps):
        self.begun.append((contestant, steps))

    def wait(self):
        return self.time(*self.begun.pop())

    def close(self):
        pass


def test_what_benchmark_prints(width, capsys, monkeypatch):
    monkeypatch.setattr("vae_keras.benchmark.workers.Worker", PretendedWorker)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    monkeypatch.setattr(
        benchmark,
        "TESTED",
        [
            ("vae_keras", "leaky_relu", "float32"),
            ("vae_keras, no pipeline", "gelu", "float32"),
            ("vae_keras", "leaky_relu_0.01", "bfloat16"),
            ("compiled PyTorch", "gelu", "bfloat16"),
        ],
    )
    with reporting.showing():
        benchmark._one_at_a_time(None, 32, 3, 30, 89_000_000 * 32, 2)
        benchmark._side_by_side(None, 32, 3, 30, 89_000_000 * 32, 2)
    check_golden("benchmark", width, capsys)


PARSERS = {
    "fit": fit.build_parser,
    "evaluate": evaluate.build_parser,
    "apply": apply.build_parser,
    "attributes": attributes.build_parser,
    "explore": explore.build_parser,
    "study": study.build_parser,
    "benchmark": benchmark.build_parser,
    "export": export.build_parser,
}


@pytest.fixture(params=commands.COMMANDS)
def command(request):
    return request.param


def test_help_has_an_example_that_parses_and_fits(command, width):
    parser = PARSERS[command]()
    text = parser.format_help()
    assert max(map(len, text.splitlines())) <= width
    _, _, example = text.partition("\nexample:\n")
    (line,) = example.splitlines()
    words = line.split()
    assert words[:3] == ["python", "-m", f"vae_keras.{command}"]
    parser.parse_args(words[3:])


def test_help_says_every_default(command):
    parser = PARSERS[command]()
    text = " ".join(parser.format_help().split())
    for action in parser._actions:
        takes_a_value = action.nargs is None and action.option_strings
        if takes_a_value and not action.required and action.default is not argparse.SUPPRESS:
            assert f"(default: {action.default})" in text
    assert "default" in text


def test_help_of_fit_says_what_a_preset_may_change():
    text = " ".join(fit.build_parser().format_help().split())
    for part in (
        "size of the latent space (default: 2, or the preset's)",
        "learning rate of Adam (default: 0.0005)",
        "(default: 32,64,64,64, or the preset's)",
        "or auto (default): MNIST",
        "(default: off, or the preset's)",
    ):
        assert part in text


@pytest.mark.parametrize(
    "arguments, message",
    [
        ("fit --activaton gelu", "unknown option --activaton: did you mean --activation?"),
        ("fit --activaton=gelu --epochs x", "unknown option --activaton: did you mean"),
        ("evaluate DIR --image 5", "did you mean --images?"),
        ("attributes DIR --atribute Smiling", "did you mean --attribute?"),
        ("explore DIR --outptu x", "did you mean --output?"),
        ("apply DIR --sample 3", "did you mean --samples?"),
        ("study gelu --seed 3", "did you mean --seeds?"),
        ("study report DIR --jobs 3", "unknown option --jobs: see --help"),
        ("benchmark --block 3", "did you mean --blocks?"),
        ("fit --zzz", "unknown option --zzz: see --help"),
    ],
)
def test_an_unknown_option_gets_the_nearest_match(arguments, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        commands.main(arguments.split())
    errors = capsys.readouterr().err
    assert errors.startswith("error: ") and message in errors and errors.count("\n") == 1


def test_a_text_after_two_dashes_is_no_option(tmp_path):
    given = evaluate.build_parser().parse_args(["--images", "3", "--", "--images-of-cats"])
    assert given.directories == ["--images-of-cats"]


def test_lines_are_broken_between_words_and_commands_stay_whole():
    text = "  one two three four\nx"
    assert wrap(text, 14) == "  one two\n  three four\nx"
    assert wrap(text, 14, "> ") == "  one two\n  > three four\nx"
    assert wrap(text, 80) == text
    path = "/a/very-long/path-of-a/folder"
    assert wrap(f"written: {path} and so on", 20) == f"written: {path}\nand so on"
    assert wrap(f"run folder: {path} and so on", 20) == f"run folder: {path}\nand so on"
    command = f"python -m vae_keras.fit --resume {path} --devices 2"
    assert wrap(f"stopped; resume with: {command}", 40) == f"stopped; resume with:\n{command}"
    assert wrap("a  b", 2) == "a\nb"


def test_a_table_breaks_headings_and_then_goes_on_below():
    rows = [["", "one two", "three-four"], ["first", "1", "2.5"], ["second row", "10", "−20"]]
    assert plain(rows, 40).splitlines() == [
        "            one two  three-four",
        "first             1         2.5",
        "second row       10         −20",
    ]
    assert plain(rows, 24).splitlines() == [
        "            one  three-",
        "            two    four",
        "first         1     2.5",
        "second row   10     −20",
    ]
    assert plain(rows, 20).splitlines() == [
        "            one",
        "            two",
        "first         1",
        "second row   10",
        "",
        "            three-",
        "              four",
        "first          2.5",
        "second row     −20",
    ]
    assert plain([["", "x"], ["a", "1"]], 80) == "   x\na  1"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_labels_are_colored_on_a_terminal_that_wants_colors(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = f"error: {'word ' * 10}end"
    colored = reporting.fitted(text, Terminal())
    assert colored.startswith("\033[31merror:\033[0m word") and colored.count("\033") == 2
    assert reporting.fitted("stopped", Terminal()) == "stopped"
    assert reporting.fitted(text, io.StringIO()) == text
    plain_text = wrap(text, 40)
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert reporting.fitted(text, Terminal()) == plain_text
    monkeypatch.setenv("NO_COLOR", "")
    assert reporting.fitted(text, Terminal()) == colored


def test_a_warning_is_printed_once_whatever_else_logs(capsys):
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    try:
        with reporting.showing(), reporting.showing():
            reporting.warn("⟨kl_weight⟩ is large")
            reporting.report("a line")
    finally:
        logging.getLogger().removeHandler(handler)
    output = capsys.readouterr()
    assert output.err == "warning: kl_weight is large\n" and output.out == "a line\n"


def test_work_is_announced_by_a_line_where_there_is_no_terminal(capsys):
    with reporting.showing(), reporting.working("Drawing"):
        assert capsys.readouterr().out == "Drawing …\n"
    with reporting.showing(verbose=0), reporting.working("Drawing"):
        assert capsys.readouterr() == ("", "")


def test_work_is_announced_on_a_terminal_until_it_is_done(monkeypatch, capsys):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with reporting.showing(), reporting.working("Drawing"):
        assert screen.getvalue().endswith("Drawing …")
    assert screen.getvalue().rpartition("Drawing …")[2].strip() == ""
    assert capsys.readouterr().out == ""


def run_command(*arguments, shell="", **environment):
    """Run a command of the package in a shell, whose redirections are `shell`."""
    words = [sys.executable, "-m", "vae_keras", *map(str, arguments)]
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {shell}', "sh", *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    "shell, has_output, has_errors",
    [
        ("2>&-", True, False),
        (">&-", False, True),
        ("<&-", True, True),
        (">&- 2>&-", False, False),
        ("<&- >&- 2>&-", False, False),
    ],
)
def test_closed_streams_do_not_keep_a_command_from_running(shell, has_output, has_errors):
    result = run_command("--version", shell=shell)
    assert result.returncode == 0 and result.stderr == ""
    assert result.stdout == (f"vae_keras {vae_keras.__version__}\n" if has_output else "")
    result = run_command("fit", "--epochs", "0", shell=shell)
    assert result.returncode == 2 and result.stdout == ""
    error = "error: --epochs must be at least 1, received 0\n"
    assert result.stderr == (error if has_errors else "")


@pytest.mark.slow
def test_a_training_needs_no_streams(tmp_path):
    run = Run(tmp_path / "run")
    result = run_command(
        *("fit", *TINY, "--epochs", 1, "--directory", run.directory), shell=">&- 2>&-"
    )
    assert result.returncode == 0 and run.finished


def run_with_broken_output(*arguments, stderr=subprocess.PIPE):
    """Run a command whose output nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [sys.executable, "-m", "vae_keras", *map(str, arguments)],
            stdout=writer,
            stderr=writer if stderr is None else stderr,
            text=True,
        )
    finally:
        os.close(writer)


@pytest.mark.parametrize("arguments", ["--help", "benchmark --help", "--version"])
def test_an_output_that_nobody_reads_ends_a_command_quietly(arguments):
    result = run_with_broken_output(*arguments.split())
    assert result.returncode == 128 + signal.SIGPIPE
    assert result.stderr == "stopped: the output was closed\n"
    assert run_with_broken_output(*arguments.split(), stderr=None).returncode == 141


@pytest.mark.parametrize("arguments", ["--help", "fit --help", "--version"])
def test_an_output_that_cannot_be_written_is_one_line(arguments):
    result = run_command(*arguments.split(), shell=">/dev/full")
    assert result.returncode == 1
    assert result.stderr == "error: the disk is full: free some space\n"


def test_an_error_that_nobody_reads_keeps_its_status():
    assert run_with_broken_output("fit", "--epochs", "0", stderr=None).returncode == 2


@pytest.mark.slow
def test_a_training_whose_output_is_closed_says_how_to_resume(tmp_path):
    command = [sys.executable, "-m", "vae_keras.fit", *TINY, "--directory", "my run"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    for line in process.stdout:
        if line.startswith("run folder"):
            break
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(300) == 141
    assert errors == (
        "stopped: the output was closed; resume with: python -m vae_keras.fit --resume 'my run'\n"
    )


def has_handler(process, number):
    """Whether a process catches a signal by now."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(re.search(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)[1], 16)
    return bool(caught >> (number - 1) & 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "seconds"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 0.1), (signal.SIGINT, 0.3), (signal.SIGTERM, 2)],
)
def test_a_signal_while_a_command_starts_ends_it_with_its_status(number, seconds, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "vae_keras.fit", "--dataset", "digits"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    while not has_handler(process, signal.SIGTERM):  # before that, Python itself is starting
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(number)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 128 + number
    assert errors == ("stopped\n" if number == signal.SIGINT else "stopped by SIGTERM\n")
    assert not list(tmp_path.iterdir())


def test_an_ignored_signal_stays_ignored():
    process = subprocess.Popen(
        [sys.executable, "-m", "vae_keras", "--help"],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0 and output.startswith(b"usage")


class Screen:
    """A command on a terminal of 80 columns."""

    def __init__(self, *arguments, cwd, **environment):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        inherited = {name: os.environ[name] for name in os.environ if name != "COLUMNS"}
        inherited.pop("TF_CPP_MIN_LOG_LEVEL", None)
        inherited.pop("NO_COLOR", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vae_keras", *map(str, arguments)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env={**inherited, "TERM": "xterm", **environment},
            start_new_session=True,
            # Ctrl-C is for the process group that the terminal belongs to.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.text = ""

    def read(self, until=None, seconds=600):
        """Read until a text appears, or to the end."""
        deadline = time.monotonic() + seconds
        while until is None or until not in self.text:
            assert time.monotonic() < deadline, self.text
            try:
                part = os.read(self.master, 65536)
            except OSError as error:
                assert error.errno == errno.EIO
                part = b""
            if not part:
                break
            self.text += part.decode(errors="replace")

    @property
    def lines(self):
        """What stood on the screen, without colors and the moves of the cursor."""
        text = re.sub(r"\033\[[0-9;]*[A-Za-z]", "", self.text)
        return [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip()]

    def interrupt(self):
        os.write(self.master, b"\x03")


@pytest.mark.slow
def test_a_training_on_a_terminal(tmp_path):
    assert min(time_to_first_line(tmp_path) for _ in range(3)) < 1
    screen = Screen("fit", *TINY, "--epochs", 3, "--directory", "run", cwd=tmp_path)
    screen.read()
    assert screen.process.wait(300) == 0, screen.text
    assert "\033[3" not in screen.text  # no color where nothing is wrong
    assert max(map(len, screen.lines)) <= 80, screen.lines
    for part in (
        "Starting TensorFlow …",
        "training:",
        "Exporting to SavedModel …",
        "Drawing the figures …",
    ):
        assert any(line.startswith(part) for line in screen.lines), screen.lines
    epochs = [line for line in screen.lines if line.startswith("epoch ")]
    assert [line.split()[1] for line in epochs] == ["1/3", "2/3", "3/3"]
    noise = [
        line for line in screen.lines if re.search("tensorflow:|retracing|oneDNN|I0000|cuda", line)
    ]
    assert noise == []


def time_to_first_line(folder):
    """Seconds that a command computes before its first line, however busy the machine is."""
    screen = Screen("fit", *TINY, "--directory", "other", cwd=folder)
    screen.read(until="Starting TensorFlow …")
    fields = Path(f"/proc/{screen.process.pid}/stat").read_text().rpartition(")")[2].split()
    screen.process.kill()
    screen.process.wait()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
def test_ctrl_c_on_a_terminal_says_how_to_resume_and_resuming_where_it_begins(tmp_path):
    screen = Screen("fit", *TINY, "--epochs", 1000, "--directory", "my run", cwd=tmp_path)
    screen.read(until="epoch    1/1000")
    screen.interrupt()
    screen.read()
    assert screen.process.wait(300) == 130
    assert "error" not in screen.text and "Traceback" not in screen.text
    (last,) = [line for line in screen.lines if "stopped" in line]
    words = "stopped; resume with: python -m vae_keras.fit --resume 'my run'"
    assert last.removeprefix("^C") == words
    done = len(Run(tmp_path / "my run").read_history())
    again = Screen("fit", "--resume", "my run", cwd=tmp_path)
    again.read(until=f"epoch {done + 1:>4}/1000")
    assert f"resuming after epoch {done}" in again.lines
    again.interrupt()
    again.read()
    assert again.process.wait(300) == 130


@pytest.mark.slow
def test_an_error_on_a_terminal_is_red_and_broken_between_words(tmp_path):
    screen = Screen("fit", "--activation", "geluu", cwd=tmp_path)
    screen.read()
    assert screen.process.wait(300) == 2
    assert "\033[31merror:\033[0m unknown activation 'geluu'" in screen.text
    assert len(screen.lines) > 1 and max(map(len, screen.lines)) <= 80
    screen = Screen("fit", "--activation", "geluu", cwd=tmp_path, NO_COLOR="1")
    screen.read()
    screen.process.wait(300)
    assert "\033[3" not in screen.text


CELL = """
from vae_keras import make_config, train
from vae_keras.support.reporting import progress_bar, showing
import numpy as np
with showing():
    bar = progress_bar(total=3, desc="left open")
    bar.update(2)
    bar.refresh()
images = np.random.default_rng(0).integers(0, 256, (90, 8, 8, 1), dtype=np.uint8)
config = make_config(
    encoder_filters=(4, 4), encoder_strides=(2, 2), decoder_filters=(4,), decoder_strides=(2, 2),
    batch_size=8, epochs=2,
)
run = train(config, "run", images)
"""


@pytest.mark.slow
def test_a_cell_of_a_notebook_shows_a_bar_and_no_remark_of_tensorflow(tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources=resources).execute()
    outputs = notebook.cells[0].outputs
    bars = [each.data["text/plain"] for each in outputs if each.output_type == "display_data"]
    assert "left open:  67%" in bars[0]
    assert len(bars) > 1 and set(bars[1:]) == {""}  # what is done leaves nothing behind
    assert [each for each in outputs if each.get("name") == "stderr"] == []
    text = "".join(each.text for each in outputs if each.get("name") == "stdout")
    assert "epoch 2/2" in text


def test_starting_tensorflow_is_said_once(monkeypatch, capsys):
    monkeypatch.setattr(start, "import_tensorflow", lambda: None)
    modules = {name: module for name, module in sys.modules.items() if name != "tensorflow"}
    with reporting.showing():
        start.load("json")
        assert capsys.readouterr().out == ""  # it runs already
        monkeypatch.setattr(sys, "modules", modules)
        start.load("json")
        assert capsys.readouterr().out == "Starting TensorFlow …\n"


def test_the_last_lines_name_an_attribute_that_there_is(tiny_data, tmp_path):
    values = np.zeros((91, 3), np.float32)
    values[:, 0], values[::2, 1], values[1, 2] = 1, 1, np.nan
    data = dataclasses.replace(
        tiny_data,
        train_attributes=values[:70],
        test_attributes=values[70:],
        attribute_names=("all alike", "in every second", "hardly known"),
    )
    run, shown = Run(tmp_path / "my run"), Run(ROOT / STUDY / "gelu" / "seed-0")
    run.directory.mkdir()
    for name in ("metrics_file", "history_file"):
        getattr(run, name).write_bytes(getattr(shown, name).read_bytes())
    run.write_config(shown.read_config(), data)
    command = f"vae_keras.attributes '{run.directory}' --attribute 'in every second'"
    assert f"  python -m {command}" in fit.describe_run(run).splitlines()
    run.write_config(shown.read_config(), tiny_data)
    assert "vae_keras.attributes" not in fit.describe_run(run)


def test_a_finished_run_says_that_nothing_is_left(tiny_config, tiny_data, tmp_path, capfd):
    run = Run(tmp_path)
    run.write_config(tiny_config, tiny_data)
    run.metrics_file.write_text('{"test": {}}')
    train(tiny_config, tmp_path, tiny_data, resume=True)
    text = f"{tmp_path} is finished: nothing to train. To continue, raise epochs"
    assert " ".join(capfd.readouterr().out.split()) == text


def test_few_training_steps_are_named_and_more_are_suggested(tiny_config, tiny_data, tmp_path):
    run, finished = Run(tmp_path), Run(ROOT / STUDY / "gelu" / "seed-0")
    for name in ("metrics_file", "history_file"):
        getattr(run, name).write_bytes(getattr(finished, name).read_bytes())
    run.write_config(tiny_config, tiny_data)
    steps = -(-len(tiny_data.train_images) // tiny_config.batch_size)
    text = " ".join(fit.describe_run(run).split())
    assert f"Only {20 * steps} training steps: images may be gray" in text
    assert f"--resume {tmp_path} --epochs {-(-fit.FEW_STEPS // steps)} " in text
    assert "Only" not in fit.describe_run(finished)


def test_an_epoch_leaves_out_terms_that_do_not_fit():
    terms = {"loss": 46.02, "reconstruction_loss": 40.71, "kl_loss": 5.31}
    row = {"epoch": 3, "seconds": 12.34, **terms}
    row |= {"val_loss": 48.02, "val_reconstruction_loss": 41.71, "val_kl_loss": 6.31}
    full = (
        "epoch  3/20  loss 46.02 (40.71 + KL 5.31)  test 48.02 (41.71 + KL 6.31)  12.3 s"
        "  03:29 left"
    )
    shorter = "epoch  3/20  loss 46.02 (40.71 + KL 5.31)  test 48.02  12.3 s  03:29 left"
    assert describe_epoch(row, 20, 209, len(full)) == full
    assert describe_epoch(row, 20, 209, len(full) - 1) == shorter
    shortest = "epoch  3/20  loss 46.02  test 48.02  12.3 s  03:29 left"
    assert describe_epoch(row, 20, 209, len(shorter) - 1) == shortest
    assert describe_epoch(row, 20, 209, 10) == shortest
    weighted = {**row, "loss": 43.36}  # the KL divergence counts half
    assert "loss 43.36 (40.71, KL 5.31)  test" in describe_epoch(weighted, 20, 209, len(full))
    assert describe_epoch(row, 20, 0, 80) == (
        "epoch  3/20  loss 46.02 (40.71 + KL 5.31)  test 48.02 (41.71 + KL 6.31)  12.3 s"
    )


@pytest.mark.parametrize(
    "level, wanted", [(None, "ERROR"), ("3", "ERROR"), ("2", "ERROR"), ("1", "INFO")]
)
def test_tensorflow_keeps_its_warnings_to_itself(level, wanted, monkeypatch):
    logger = logging.getLogger("tensorflow")
    monkeypatch.setattr(logger, "level", logging.INFO)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level or "")
    if level is None:
        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    start.import_tensorflow()
    assert logging.getLevelName(logger.level) == wanted
