"""What cannot work in a study is told before its first run starts, and nothing is written."""

import os
import socket
import time

import numpy as np
import pytest
from commands import Command
from PIL import Image

from vae_keras.study.__main__ import main
from vae_keras.study.reading import read_study
from vae_keras.support.errors import InputError
from vae_keras.training import requirements
from vae_keras.training.run import Run

VARIANTS = "[variants.a]\n[variants.b]\nlatent_dim = 3\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with 20 pictures, in which no training starts."""

    def refuse(*_, **__):
        raise AssertionError("a training starts")

    monkeypatch.setattr("vae_keras.study.runner.train_runs", refuse)
    monkeypatch.setattr(requirements, "machine_memory", lambda: 16 * 2**30)
    monkeypatch.chdir(tmp_path)
    for number in range(20):
        path = tmp_path / "pictures" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(path)
    return tmp_path


def refusal(capsys, *arguments):
    """The line with which the command refuses its arguments."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    output = capsys.readouterr()
    assert stopped.value.code == 2, output.err
    assert output.err.startswith("error: ") and output.err.count("\n") == 1
    assert len(output.err) < 1000
    return output.err


BIG = "0x" + "f" * 5000
BAD_STUDIES = {
    "strides": (
        "[settings]\nencoder_strides = [3, 2, 2, 1]\ndecoder_strides = [3, 2, 2, 1]\n" + VARIANTS,
        "variant 'a': images of 28x28 do not fit the strides (3, 2, 2, 1)",
    ),
    "a stride of one variant": (
        "[variants.a]\n[variants.b]\nencoder_strides = [1, 2, 2, 2]\n",
        "variant 'b': decoder_strides (1, 2, 2, 1) must undo",
    ),
    "memory": ("[variants.a]\n[variants.b]\nlatent_dim = 100000\n", "variant 'b': this run needs"),
    "kernel size": (
        "[variants.a]\n[variants.b]\nkernel_size = 255\nencoder_filters = [512, 512, 512, 512]\n",
        "variant 'b': this run needs about",
    ),
    "batch": (f"[settings]\nmax_train_images = 31\n{VARIANTS}", "31 training images are fewer"),
    "pictures": (f'[settings]\ndataset = "pictures"\n{VARIANTS}', "19 training images are fewer"),
    "null": (f'[settings]\nattributes = "a\\u0000b"\n{VARIANTS}', "contains a control character"),
    "crossentropy": (
        f'[rate_distortion]\nlines.a = ["a"]\n[settings]\npreset = "fashion"\n{VARIANTS}',
        "variant 'a' must have reconstruction 'mse', received 'bce'",
    ),
    "escape": (
        f'[comparisons.x]\ntitle = "\\u001b[31m red"\n{VARIANTS}',
        "'\\x1b[31m red' contains a control character",
    ),
    "escape in a key": (
        f'[rate_distortion]\nlines."a\\u009b" = ["a"]\n{VARIANTS}',
        "'a\\x9b' contains a control character",
    ),
    "no table": (
        f'[settings]\ndataset = "pictures"\nattributes = "none.csv"\n{VARIANTS}',
        "none.csv cannot be read",
    ),
    "no cache": (
        f'[settings]\ndataset = "pictures"\ncache = "pictures/0.png/x"\n{VARIANTS}',
        "choose another cache",
    ),
    "other options": (
        f'[settings]\ndataset = "digits"\ntest_fraction = 0.2\n{VARIANTS}',
        "test_fraction applies to array files and image folders",
    ),
    "case": ("[variants.a]\n[variants.A]\nlatent_dim = 3\n", "'a' and 'A' differ only in case"),
    "dots": ('[variants.a]\n[variants."b."]\nlatent_dim = 3\n', "without a dot at the end"),
    "output": ("[variants.a]\n[variants.Figures]\n", "has the name of an output of a study"),
    "reference": (f'reference = ["a"]\n{VARIANTS}', "reference must be a text"),
    "many claims": (
        VARIANTS + '[[claims]]\ntext = "x"\nbelow = [["a", "b"]]\n' * 201,
        "claims has 201 entries, more than 200",
    ),
    "many looks": (
        f"[rule]\nlooks = {list(range(2, 300))}\n{VARIANTS}",
        "looks has 298 entries, more than 200",
    ),
    "members": (f"[comparisons.x]\nmembers = [[1]]\n{VARIANTS}", "unknown variant [1]"),
    "huge": (f"[settings]\nkl_weight = {BIG}\n{VARIANTS}", "kl_weight must be finite"),
    "huge tolerance": (
        f'[published]\ndataset = "mnist"\ntolerance = {10**400}\nlosses = {{}}\n{VARIANTS}',
        "tolerance must be a number",
    ),
    "huge epochs": (f"[settings]\nepochs = {BIG}\n{VARIANTS}", "epochs must be at most"),
    "sizes": (
        '[variants.a]\n[variants.b]\npreset = "faces_small"\nepochs = 100\n',
        "epochs cannot be set here",
    ),
    "shapes": (
        '[settings]\nepochs = 9\n[variants.a]\n[variants.b]\npreset = "faces_small"\n',
        "have images of different shapes",
    ),
}


@pytest.mark.parametrize("text, message", BAD_STUDIES.values(), ids=BAD_STUDIES)
def test_settings_that_cannot_work_are_one_line(folder, capsys, text, message):
    (folder / "mine.toml").write_text(text)
    before = sorted(folder.rglob("*"))
    dataset = [] if "dataset = " in text.replace("[published]\ndataset", "") else ["digits"]
    given = [f"--dataset={name}" for name in dataset]
    assert message in refusal(capsys, "mine.toml", *given, "--seeds", "2", "--directory", "new")
    assert sorted(folder.rglob("*")) == before


LONG_KEYS = {
    "bare": ".".join(["a"] * 50_000),
    "quoted": ".".join(['"a"', "'b'", '"\\"."'] * 20_000),
    "spaced": " . ".join(["a-b"] * 50_000),
}


@pytest.mark.parametrize("key", LONG_KEYS.values(), ids=LONG_KEYS)
@pytest.mark.parametrize("form", ["{} = 1\n", "[{}]\n", "[variants.a]\nx = {{ {} = 1 }}\n"])
def test_a_key_of_many_parts_is_refused_at_once(tmp_path, key, form):
    path = tmp_path / "mine.toml"
    path.write_text(form.format(key))
    begin = time.process_time()
    with pytest.raises(InputError, match="has a key of 50 or more parts"):
        read_study(path)
    assert time.process_time() - begin < 2


def test_numbers_and_texts_with_many_dots_are_no_keys(tmp_path):
    numbers = ", ".join(["1.5"] * 1000)
    losses = f'[published]\ndataset = "mnist"\ntolerance = 0.1\nlosses.a = {{ 1 = [{numbers}] }}'
    (tmp_path / "mine.toml").write_text(f'source = "{"." * 200} {"a" * 10**6}"\n{VARIANTS}{losses}')
    assert read_study(tmp_path / "mine.toml").name == "mine"


@pytest.mark.parametrize(
    "place", ['"source": "\\ud800"', '"comparisons": {"x": {"title": "\\udfff"}}']
)
def test_a_lone_surrogate_is_refused_when_a_study_is_read(tmp_path, place):
    path = tmp_path / "mine.json"
    path.write_text(f'{{"variants": {{"a": {{}}, "b": {{}}}}, {place}}}')
    with pytest.raises(InputError, match="surrogates not allowed") as error:
        read_study(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "large", "Latin-1", "circle"])
def test_a_study_file_that_is_none_is_one_line(folder, capsys, kind):
    file = folder / "mine.toml"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    elif kind == "folder":
        file.mkdir()
    elif kind == "large":
        with open(file, "wb") as content:
            content.truncate(2**40)
    elif kind == "circle":
        file.symlink_to(file)
    else:
        file.write_bytes("[variants.größe]".encode("latin-1"))
    assert "mine.toml" in refusal(capsys, "mine.toml", "--dataset", "digits")


def test_folders_of_others_beside_the_seeds_are_left_alone(folder, capsys):
    (folder / "mine.toml").write_text(VARIANTS)
    for name in ("seed-99999999999", "seed-٣", "seed-007", "seed-x"):
        (folder / "new" / "a" / name).mkdir(parents=True)
    arguments = ["mine.toml", "--dataset", "digits", "--directory", "new", "--report-only"]
    assert "has no finished epoch yet" in refusal(capsys, *arguments)


def test_a_report_of_a_folder_in_use_is_refused(folder, capsys):
    (folder / "new").mkdir()
    (folder / "new" / "runs.csv").write_text("x")
    with Run("new").locked():
        assert "new is in use by another process" in refusal(capsys, "report", "new")


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_one_line(tmp_path):
    """One that takes the connection and says nothing, and one that is not there."""
    pytest.importorskip("distributed", reason="Dask is not installed: pip install distributed")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        begin = time.monotonic()
        studies = {
            address: Command(
                *("study", "gelu", "--dataset", "digits", "--directory", "new"),
                *("--backend", "dask", "--scheduler", address),
                cwd=tmp_path,
            )
            for address in (
                f"tcp://127.0.0.1:{port}",
                "tcp://127.0.0.1:1",
                "tcp://nowhere.invalid:1",
            )
        }
        for address, study in studies.items():
            _, errors = study.communicate(timeout=100)
            assert study.returncode == 2, errors
            assert errors.startswith(f"error: no Dask scheduler answers at {address}")
            assert errors.count("\n") == 1
        assert time.monotonic() - begin < 60
        assert not list(tmp_path.iterdir())
