"""What needs two classes is left out where there is one."""

import dataclasses

import numpy as np
import pytest

from vae_keras.evaluation import evaluate_run
from vae_keras.explorer.contents import describe_images, describe_page, load_runs
from vae_keras.training import figures
from vae_keras.training.loop import train


@pytest.fixture
def alike(tiny_data):
    """Images that are all of one class."""
    return dataclasses.replace(
        tiny_data,
        train_labels=np.zeros(70, int),
        test_labels=np.zeros(21, int),
        class_names=("only",),
    )


def test_data_tell_whether_there_are_classes(alike, tiny_data):
    assert tiny_data.has_classes and tiny_data.has_test_classes
    assert alike.has_labels and not alike.has_classes and not alike.has_test_classes
    some = dataclasses.replace(alike, train_labels=np.arange(70) % 2, class_names=("a", "b"))
    assert not some.has_classes
    unknown = dataclasses.replace(tiny_data, train_labels=None)
    assert unknown.has_test_classes and not unknown.has_classes


def test_an_evaluation_and_a_page_leave_one_class_out(
    alike, tiny_config, tmp_path, quick_training, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = train(tiny_config.replace(epochs=1), tmp_path / "run", alike, verbose=0)
    results = evaluate_run(run, importance_samples=1, data=alike)
    assert "likelihood" in results and "labels" not in results and "samples" not in results
    assert "neighbor_agreement" not in results["geometry"]
    assert not (tmp_path / "cache").exists()  # no classifier was trained
    (trained,) = load_runs([run], alike)
    page = describe_page([trained], alike)
    assert page["classes"] == []
    assert describe_images([trained], alike, 5)["labels"]
    drawn = figures._draw_plane(trained.model, alike)
    assert not drawn["latent"].legends


def test_a_figure_and_a_page_name_several_classes(tiny_data, tiny_config, tmp_path, quick_training):
    names = ("_background", "猫", "🐱")
    data = dataclasses.replace(tiny_data, class_names=names)
    run = train(tiny_config.replace(epochs=1), tmp_path / "run", data, verbose=0)
    (trained,) = load_runs([run], data)
    assert [each["name"] for each in describe_page([trained], data)["classes"]] == list(names)
    legend = figures._draw_plane(trained.model, data)["latent"].legends[0]
    assert legend.get_texts()[0].get_text() == "_background"
