import importlib.util
import shutil

import keras
import pytest

from vae_keras.plots.diagrams import save_diagram
from vae_keras.training.build import build_model


@pytest.fixture
def encoder(tiny_config):
    return build_model(tiny_config, (8, 8, 1)).encoder


def test_a_diagram_is_drawn_where_graphviz_is(encoder, tmp_path):
    if not (importlib.util.find_spec("pydot") and shutil.which("dot")):
        pytest.skip("Graphviz and pydot are not installed")
    assert save_diagram(encoder, tmp_path / "encoder.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("error", [ImportError("pydot"), OSError("no dot"), AssertionError("dot")])
def test_without_graphviz_is_no_diagram_and_no_error(encoder, tmp_path, monkeypatch, capsys, error):
    def plot_model(*args, **kwargs):
        print("You must install pydot")
        raise error

    monkeypatch.setattr(keras.utils, "plot_model", plot_model)
    assert save_diagram(encoder, tmp_path / "encoder.png") is None
    assert capsys.readouterr().out == ""
