"""The runs and models that come with the source: later versions must still read them."""

import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest

import vae_keras
from vae_keras.training.names import run_name
from vae_keras.training.run import Run

ROOT = Path(__file__).parents[1]


def published(name):
    """Files of this name below saved_models, as far as they are under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", f"saved_models/**/{name}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    if listed.returncode:  # an archive without its history
        return sorted((ROOT / "saved_models").rglob(name))
    return [ROOT / path for path in listed.stdout.split("\0") if path]


def test_every_run_is_read():
    files = published("config.json")
    assert len(files) > 50
    for file in files:
        run = Run(file.parent)
        config, rows = run.read_config(), run.read_history()
        assert run_name(config)
        assert [row["epoch"] for row in rows] == list(range(1, len(rows) + 1)) and rows
        assert np.isfinite([row["val_loss"] for row in rows]).all()
        if run.finished:
            assert run.read_metrics()["epochs"] == len(rows) == config.epochs
        if run.evaluation_file.exists():
            assert run.read_evaluation()["settings"]


# Pixels of a reconstructed ring as the models gave them when they were published.
PIXELS = ([6, 14, 14, 21], [14, 7, 14, 14])
RECONSTRUCTIONS = {
    "leaky_relu": [0.6131041, 0.7166774, 0.0462542, 0.5997708],
    "gelu": [0.8060653, 0.7942244, 0.0090510, 0.5950695],
}


def test_every_model_is_expected_here():
    assert {path.parts[-3] for path in published("model.keras")} == set(RECONSTRUCTIONS)


@pytest.mark.parametrize("packaged", [False, True])
@pytest.mark.parametrize("name", RECONSTRUCTIONS)
def test_a_model_reconstructs_as_it_did(name, packaged):
    if packaged:
        model = vae_keras.load_model(f"mnist-{name}")
    else:
        model = keras.saving.load_model(
            ROOT / "saved_models" / "gelu-study" / name / "seed-0" / "model.keras"
        )
    assert type(model) is vae_keras.VAE
    y, x = np.mgrid[:28, :28]
    ring = np.exp(-(((np.hypot(x - 13.5, y - 13.5) - 7) / 1.5) ** 2)).astype(np.float32)
    reconstruction = np.asarray(model.reconstruct(ring[None, ..., None]))[0, ..., 0]
    assert np.isfinite(reconstruction).all()
    np.testing.assert_allclose(reconstruction[PIXELS], RECONSTRUCTIONS[name], atol=1e-4)
