"""The wheel: what it holds, and that one version stands everywhere."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import vae_keras

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "vae_keras"
METADATA = f"vae_keras-{vae_keras.__version__}.dist-info"


@pytest.fixture(scope="module")
def wheel_file(tmp_path_factory):
    """The wheel, built offline, from a copy: in place, files of an earlier build would get in."""
    pytest.importorskip("setuptools", minversion="77")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("vae_keras", "tests", "notebooks"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    (source / "saved_models").mkdir()
    (source / "saved_models" / "__init__.py").touch()
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", target, source)
    subprocess.run([sys.executable, "-m", "pip", "-q", *build], check=True)
    (path,) = target.iterdir()
    return path


@pytest.fixture
def wheel(wheel_file):
    """What is in the wheel."""
    with zipfile.ZipFile(wheel_file) as archive:
        yield archive


@pytest.fixture(scope="module")
def installed(wheel_file, tmp_path_factory):
    """The folder that the wheel was installed into, without what it depends on."""
    target = tmp_path_factory.mktemp("installed")
    install = ("install", "--no-deps", "--no-index", "--target", target, wheel_file)
    subprocess.run([sys.executable, "-m", "pip", "-q", *install], check=True)
    return target


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel):
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in wheel.namelist() if not name.startswith(METADATA)} == expected
    assert {"vae_keras/py.typed", "vae_keras/explorer/web/explorer.js"} < expected
    assert "vae_keras/plots/vae_keras.mplstyle" in expected


def test_the_wheel_installs_the_command_and_carries_the_license(wheel):
    assert (
        "vae-keras = vae_keras.__main__:main" in wheel.read(f"{METADATA}/entry_points.txt").decode()
    )
    assert any(name.endswith("/LICENSE") for name in wheel.namelist())
    assert "Requires-Python: <3.14,>=3.11" in wheel.read(f"{METADATA}/METADATA").decode()


def test_changelog_and_citation_are_of_this_version():
    version = re.escape(vae_keras.__version__)
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\S+)", changelog, re.MULTILINE)[1] == vae_keras.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(rf"^version: {version}$", citation, re.MULTILINE)


@pytest.mark.slow
def test_an_installed_wheel_trains_applies_and_explores_in_an_empty_folder(installed, tmp_path):
    def run(*command):
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    python = (sys.executable, "-m")
    place = run(sys.executable, "-c", "import vae_keras; print(vae_keras.__file__)")
    assert place.strip().endswith(str(installed / "vae_keras" / "__init__.py"))
    small = ("--encoder-filters", "4,4,4,4", "--decoder-filters", "4,4,4")
    run(
        *(*python, "vae_keras.fit", "--dataset", "digits", "--directory", "run", *small),
        *("--max-train-images", "64", "--epochs", "1"),
    )
    run(installed / "bin" / "vae-keras", "apply", "run", "digits", "--output", "latents")
    run(*python, "vae_keras.apply", "mnist-gelu", "--samples", "2", "--output", "samples")
    run(*python, "vae_keras.explore", "run", "--output", "page.html")
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {"run", "latents", "samples", "page.html"}
    assert len((tmp_path / "latents" / "latents.csv").read_text().splitlines()) == 1 + 360
    assert (tmp_path / "page.html").stat().st_size > 10**5
