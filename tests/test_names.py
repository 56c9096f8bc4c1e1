"""Names that shells, TensorFlow and encodings find odd: they work, or are refused at once."""

import io
import os
import shlex
import subprocess
import sys

import pytest
import tensorflow as tf
from test_folders import save_pictures

from vae_keras import fit
from vae_keras.support import cli, encoding
from vae_keras.support.errors import InputError
from vae_keras.support.files import absolute, check_new_folder
from vae_keras.support.reporting import report
from vae_keras.training.loop import train
from vae_keras.training.names import run_name
from vae_keras.training.run import Run

NAMES = ["photos[1]", "a * b?", "it's", '"quoted"', "#1 (copy)", "~", "a;b&c|d", "$HOME", "-n"]
TINY = shlex.split(
    "--image-size 8 --epochs 1 --batch-size 8 --encoder-filters 4,4 --encoder-strides 2,2 "
    "--decoder-filters 4 --decoder-strides 2,2 --latent-dim 2"
)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_is_printed_can_be_pasted(
    name, tmp_path, tiny_config, quick_training, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    save_pictures(tmp_path / name, 40)
    config = tiny_config.replace(dataset=str(tmp_path / name), image_size=(8, 8), epochs=1)
    run = train(config, verbose=0)
    lines = [line for line in fit.describe_run(run).splitlines() if line.startswith("  ")]
    commands = [line for line in lines if line.split()[0] in ("python", "saved_model_cli")]
    assert len(commands) == 4
    for command in commands:
        # What a shell makes of it, commands and patterns included.
        words = subprocess.run(
            ["sh", "-c", f'for word in {command}; do printf "%s\\0" "$word"; done'],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        ).stdout.split("\0")
        assert words[:-1] == shlex.split(command)
        assert {str(run.directory), str(run.saved_model)} & set(words)


def test_the_name_of_a_folder_becomes_one_that_tensorflow_can_load(tiny_config, tmp_path):
    config = tiny_config.replace(dataset=str(tmp_path / "a[1]*b?"))
    assert run_name(config) == "a_1__b_-leaky_relu"


@pytest.mark.slow
def test_a_folder_with_brackets_gives_a_saved_model_that_loads(tmp_path, monkeypatch):
    save_pictures(tmp_path / "photos[1]", 40)
    monkeypatch.chdir(tmp_path)
    fit.main(["--dataset", "photos[1]/", *TINY])
    (directory,) = (tmp_path / "saved_models").iterdir()
    model = tf.saved_model.load(str(directory / "saved_model"))
    assert model.signatures["decode"](tf.zeros((1, 2)))["images"].shape == (1, 8, 8, 3)


@pytest.mark.parametrize("name", ["run[1]", "what?", "all*"])
def test_a_folder_that_tensorflow_cannot_load_from_is_refused(name, tmp_path):
    with pytest.raises(InputError, match="tf.saved_model.load would not find"):
        Run(tmp_path / name).check_startable()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["~", "~/runs", "~/a/b"])
def test_a_tilde_that_no_shell_expanded_is_refused(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for check in (absolute, check_new_folder, lambda name: Run(name).check_startable()):
        with pytest.raises(InputError, match=r"begins with ~.* or \./~"):
            check(name)
    for option in ("--dataset", "--cache", "--directory"):
        with pytest.raises(SystemExit):
            fit.main([option, f"{name}/"])
        assert "begins with ~" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert absolute("./~") == str(tmp_path / "~")
    assert absolute("~me") == str(tmp_path / "~me")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64×64, −3.5 ± 0.1 …", "64x64, -3.5 +- 0.1 ..."),
        ("Größe 日本 🐱", "Grosse \\u65e5\\u672c \\U0001f431"),
        (os.fsdecode(b"no-utf8-\xff"), "no-utf8-\\udcff"),
    ],
)
def test_characters_that_an_encoding_lacks_become_similar_ones(text, expected, monkeypatch):
    for name in ("stdout", "stderr"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, name, stream)
    encoding.make_streams_tolerant()
    print(text, flush=True)
    assert sys.stdout.buffer.getvalue().decode() == f"{expected}\n"


def test_a_command_writes_any_text_in_any_encoding(monkeypatch):
    text = f"×−日🐱{os.fsdecode(bytes([255]))}"
    for name in ("ascii", "cp1251", "cp437", "cp932", "utf-8", "utf-16"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=name)
        monkeypatch.setattr(sys, "stdout", stream)
        cli.run_command(lambda: report(text))
        assert stream.buffer.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "cp932"}, {"LC_ALL": "C", "LANG": "C"}],
    ids=["cp932", "C"],
)
def test_no_encoding_of_the_output_stops_a_command(environment, tmp_path):
    save_pictures(tmp_path / "fotos é [1]" / "_日本", 20)
    save_pictures(tmp_path / "fotos é [1]" / "🐱", 20)
    done = subprocess.run(
        [sys.executable, "-m", "vae_keras.fit", "--dataset", "fotos é [1]", *TINY],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    (run,) = map(Run, (tmp_path / "saved_models").iterdir())
    assert run.finished
    assert list(run.load_data().class_names) == ["_日本", "🐱"]
