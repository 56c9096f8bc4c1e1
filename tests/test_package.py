"""What `import vae_keras` and the package's commands give, also to programs around them."""

import configparser
import gc
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import vae_keras
from vae_keras import __main__ as commands
from vae_keras.support import start

ROOT = Path(vae_keras.__file__).parent


def test_every_public_name_is_there():
    assert "train" in vae_keras.__all__
    for name in vae_keras.__all__:
        assert getattr(vae_keras, name) is not None
    assert set(vae_keras.__all__) <= set(dir(vae_keras))
    assert vae_keras.__version__[0].isdecimal()
    with pytest.raises(AttributeError, match="no_such_name"):
        vae_keras.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    "argv, orig_argv, expected",
    [
        # While Python looks for the module that it is to run, argv[0] is "-m".
        (["-m"], ["python", "-m", "vae_keras.fit"], True),
        (["-m", "vae_keras.toml"], ["python", "-m", "vae_keras.study", "vae_keras.toml"], True),
        (["-m"], ["python", "-mvae_keras.fit"], True),
        (["-m", "fit"], ["python", "-m", "vae_keras", "fit"], True),
        (["-m"], ["python", "-m", "mine.script"], False),
        (["-m", "vae_keras.toml"], ["python", "-m", "mine.script", "vae_keras.toml"], False),
        (["-m"], ["python", "-m", "vae_keras_mine.fit"], False),
        ([str(ROOT / "fit.py")], ["python", "-m", "vae_keras.fit"], True),
        (["/usr/bin/vae-keras", "fit"], ["python", "/usr/bin/vae-keras", "fit"], True),
        (["mine.py"], ["python", "mine.py"], False),
        (["mine.py", "vae_keras"], ["python", "mine.py", "vae_keras"], False),
        (["-c"], ["python", "-c", "import vae_keras"], False),
        ([""], ["python"], False),
        ([], ["python"], False),
    ],
)
def test_only_the_packages_own_commands_put_off_tensorflow(monkeypatch, argv, orig_argv, expected):
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", orig_argv)
    assert vae_keras._runs_a_command() == expected


SCRIPT = """
import keras
import vae_keras
assert keras.saving.get_registered_object("vae_keras>VAE") is vae_keras.VAE
assert keras.saving.get_registered_object("vae_keras>Sampling") is vae_keras.Sampling
print(sum(hasattr(vae_keras, name) for name in vae_keras.__all__))
"""


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["vae_keras.toml"]])
def test_a_package_that_uses_this_one_has_all_names(tmp_path, arguments):
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("import vae_keras")
    (package / "script.py").write_text(SCRIPT)
    path = os.pathsep.join([str(ROOT.parent), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-m", "mine.script", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{len(vae_keras.__all__)}\n"


def run_module(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "vae_keras", *arguments], capture_output=True, text=True
    )


def test_the_package_itself_names_its_commands(capsys):
    result = run_module()
    assert result.returncode == 0 and result.stderr == ""
    names = [line.split()[0] for line in result.stdout.splitlines()[2:-3]]
    assert names == list(commands.COMMANDS) and "fit" in names
    commands.main(["--help"])
    assert capsys.readouterr().out == result.stdout


@pytest.mark.parametrize("command", commands.COMMANDS)
def test_every_command_answers_to_its_name(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        commands.main([command, "--help"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m vae_keras.{command}")


def test_arguments_reach_the_command():
    result = run_module("fit", "--epochs", "0")
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr == "error: --epochs must be at least 1, received 0\n"


def test_a_command_that_does_not_exist_is_one_line():
    result = run_module("fitt")
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.startswith("error: unknown command 'fitt': did you mean 'fit'?")
    assert result.stderr.count("\n") == 1


def test_the_version_is_shown(capsys):
    commands.main(["--version"])
    assert capsys.readouterr().out == f"vae_keras {vae_keras.__version__}\n"


def test_the_script_runs_the_commands():
    setup = configparser.ConfigParser()
    setup.read(ROOT.parent / "setup.cfg")
    script = setup["options.entry_points"]["console_scripts"].strip()
    name, _, target = script.partition(" = ")
    module, _, function = target.partition(":")
    assert name == "vae-keras"
    assert getattr(importlib.import_module(module), function) is commands.main


def test_garbage_collection_skips_tensorflow_where_a_command_imports_it(monkeypatch):
    monkeypatch.setattr(start, "use_wide_vectors", lambda: None)
    monkeypatch.setattr(start, "import_tensorflow", lambda: enabled.append(gc.isenabled()))
    frozen, enabled = gc.get_freeze_count(), []
    start.load("json")
    assert gc.get_freeze_count() <= frozen
    monkeypatch.delitem(sys.modules, "tensorflow")
    start.load("json")
    assert gc.get_freeze_count() > frozen
    assert enabled == [True, False] and gc.isenabled()
