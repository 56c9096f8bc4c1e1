"""Folders that hold a split of their own, and what systems leave beside pictures."""

import os
import re

import numpy as np
import pytest
from PIL import Image
from test_folders import noise, save_pictures

from vae_keras.data.inputs import Inputs
from vae_keras.data.listing import list_files
from vae_keras.data.sources import load_data
from vae_keras.support.errors import InputError
from vae_keras.support.reporting import showing
from vae_keras.training.loop import train
from vae_keras.training.run import Run


def load(folder, **options):
    return load_data(str(folder), image_size=(8, 8), **options)


def splits(data):
    """Dictionary from the folder above the classes to the splits of its files."""
    found = {}
    for name, _, split in data.files:
        found.setdefault(name.partition("/")[0], set()).add(split)
    return found


@pytest.fixture
def divided(tmp_path):
    """20 + 20 pictures in train/, 8 + 8 in test/, in two classes each."""
    for split, count in (("train", 20), ("test", 8)):
        for name in ("cat", "dog"):
            save_pictures(tmp_path / "pets" / split / name, count)
    return tmp_path / "pets"


def test_a_split_above_the_classes_is_used(divided, capsys):
    with showing():
        data = load(divided)
    assert splits(data) == {"train": {"train"}, "test": {"test"}}
    assert (len(data.train_images), len(data.test_images)) == (40, 16)
    assert data.class_names == ("cat", "dog")
    assert np.bincount(data.test_labels).tolist() == [8, 8]
    assert len(set(data.test_labels[:8])) == 2  # in random order
    said = " ".join(capsys.readouterr().out.split())  # wrapped to the width of the terminal
    assert f"{divided}: test/ is for the test, train/ is for training" in said
    assert load(divided).sha256() == data.sha256()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("Train", "Test"), {"Train": {"train"}, "Test": {"test"}}),
        (("TRAINING", "testing"), {"TRAINING": {"train"}, "testing": {"test"}}),
        (("train", "Val"), {"train": {"train"}, "Val": {"test"}}),
        (("training", "validation"), {"training": {"train"}, "validation": {"test"}}),
        (
            ("train", "valid", "test"),
            {"train": {"train"}, "valid": {"validation"}, "test": {"test"}},
        ),
        (("training_set", "test_set"), {"training_set": {"train"}, "test_set": {"test"}}),
        (("training images", "testing-2"), {"training images": {"train"}, "testing-2": {"test"}}),
        (("trainset", "Val1"), {"trainset": {"train"}, "Val1": {"test"}}),
        (("train", "test_data"), {"train": {"train"}, "test_data": {"test"}}),
        (("train",), {"train": {"train", "test"}}),
        (("train", "cars"), {"train": {"train", "test"}, "cars": {"train", "test"}}),
    ],
)
@pytest.mark.parametrize("inner", ["", "cat"])
def test_folders_of_a_split_have_many_names(tmp_path, names, expected, inner):
    for name in names:
        save_pictures(tmp_path / name / inner, 20)
    data = load(tmp_path)
    assert splits(data) == expected
    is_class = "cars" in names
    assert data.class_names == (("cars", "train") if is_class else (inner,) if inner else ())


def test_validation_images_of_a_folder_judge_the_epochs(tmp_path, tiny_config, quick_training):
    for name, count in (("train", 24), ("val", 9), ("test", 8)):
        save_pictures(tmp_path / "pictures" / name, count)
    config = tiny_config.replace(
        dataset=str(tmp_path / "pictures"), image_size=(8, 8), keep="best", epochs=2
    )
    with showing():
        run = train(config, tmp_path / "run")
    data = run.load_data()
    assert [len(images) for images in (data.train_images, data.test_images)] == [24, 8]
    assert len(data.validation_images) == 9
    assert "validation_loss" in run.read_history()[0]
    with pytest.raises(InputError, match="omit validation_fraction"):
        train(config.replace(validation_fraction=0.2), tmp_path / "other")
    first = data.head(10)
    assert len(first.train_images) == 10 and len(first.validation_images) == 9
    (tmp_path / "pictures" / "val" / "000.png").write_bytes(noise(tmp_path / "noise.png"))
    with pytest.raises(InputError, match="have changed since"):
        run.load_data()


def test_the_digest_covers_the_validation_images(tmp_path):
    digests = set()
    for value in (10, 20):
        folder = tmp_path / str(value)
        for name in ("train", "test"):
            save_pictures(folder / name, 4)
        save_pictures(folder / "val", 4)
        Image.new("RGB", (16, 16), (value, 0, 0)).save(folder / "val" / "000.png")
        digests.add(load(folder).sha256())
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("train", "Train", "test"), "has Train/, train/, but only one folder can be for train"),
        (("train", "test", "extra"), "has test/, train/ beside extra/: these can be classes"),
        (("cat", "dog", "test"), "has test/ beside cat/, dog/: these can be classes"),
        (("test",), "has test/, but no folder train/"),
        (("cat/train", "cat/test", "dog/train"), "has a split inside of cat/: choose .*/cat, or"),
        (("cat/train_1", "cat/test_1"), "has a split inside of cat/: choose .*/cat, or"),
        (("train_1", "train_2", "test"), "train_1/, train_2/, but only one folder can be for tra"),
        (("train_a", "test_a", "extra"), "has test_a/, train_a/ beside extra/: these can be"),
        (("test_a", "val_a"), "has test_a/, val_a/, but no folder train/"),
    ],
)
def test_what_may_be_a_split_or_a_class_is_asked_back(tmp_path, names, message):
    for name in names:
        save_pictures(tmp_path / name, 8)
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "names", [("test_tube", "beaker"), ("trains", "testers"), ("train_1", "train_2", "valley")]
)
def test_classes_may_begin_like_a_split(tmp_path, names):
    for name in names:
        save_pictures(tmp_path / name, 20)
    assert load(tmp_path).class_names == tuple(sorted(names))


def test_pictures_without_endings_are_split_too(divided):
    expected = load(divided).sha256()
    for file in sorted(divided.rglob("*.png")):
        file.rename(file.with_suffix(""))
    data = load(divided)
    assert splits(data) == {"train": {"train"}, "test": {"test"}}
    assert data.class_names == ("cat", "dog") and data.sha256() == expected


@pytest.mark.parametrize(
    ("names", "message", "classes"),
    [
        (("train/cat", "train/dog", "test"), "labels are omitted, .* no classes in test/", ()),
        (("train", "test/cat"), "labels are omitted, .* no classes in train/", ()),
        (("train/cat", "test/dog"), "train/ and test/ have no class in common", ("cat", "dog")),
        (("train/cat", "test/cat", "test/dog"), "", ("cat", "dog")),
        (("train", "test"), "", ()),
    ],
)
def test_classes_that_differ_between_the_folders_of_a_split(
    tmp_path, names, message, classes, caplog
):
    for name in names:
        save_pictures(tmp_path / name, 8)
    assert load(tmp_path).class_names == classes
    assert len(caplog.messages) == bool(message)
    assert re.search(message, caplog.text)


def test_folders_without_pictures_are_no_split(tmp_path):
    save_pictures(tmp_path / "cat", 40)
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "list.txt").write_text("a list")
    assert splits(load(tmp_path))["cat"] == {"train", "test"}


def test_pictures_beside_a_split_are_skipped(divided, caplog):
    noise(divided / "loose.png")
    noise(divided / "train" / "loose.png")
    data = load(divided)
    assert {name for name, _, split in data.files if split == "skipped"} == {
        "loose.png",
        "train/loose.png",
    }
    assert f"{divided}/loose.png is outside of the split folders test/, train/" in caplog.text
    assert f"{divided}/train/loose.png is not in the folder of a class" in caplog.text


def test_a_share_is_not_held_out_where_there_is_a_test(divided):
    with pytest.raises(InputError, match=r"omit test_fraction, received 0\.3"):
        load(divided, test_fraction=0.3)
    np.savez(
        divided.parent / "images.npz",
        train_images=np.zeros((4, 8, 8, 1), np.uint8),
        test_images=np.zeros((4, 8, 8, 1), np.uint8),
    )
    with pytest.raises(InputError, match=r"omit test_fraction, received 0\.3"):
        load_data(str(divided.parent / "images.npz"), test_fraction=0.3)


JUNK = ("Thumbs.db", "desktop.ini", ".DS_Store", "._000.png", "ehthumbs.db", "THUMBS.DB")


@pytest.mark.parametrize("name", JUNK)
def test_what_systems_leave_beside_pictures_never_counts(tmp_path, name, caplog):
    expected = load(save_pictures(tmp_path / "clean" / "a", 10).parent).sha256()
    folder = save_pictures(tmp_path / "other" / "a", 10).parent
    for place in (folder, folder / "a"):
        (place / name).write_bytes(b"\xd0\xcf\x11\xe0" * 99)
    data = load(folder)
    assert data.sha256() == expected and len(data.files) == 10
    assert not caplog.messages
    assert Inputs([folder], (8, 8, 3)).count == 10
    given = [folder / "a" / name, folder / "a" / "000.png"]  # as a shell lists a/*
    assert Inputs(given, (8, 8, 3)).count == 1


@pytest.mark.parametrize("name", ["__MACOSX", "@eaDir", ".thumbnails", "$RECYCLE.BIN"])
def test_folders_of_systems_never_count(tmp_path, name):
    save_pictures(tmp_path / "a", 10)
    save_pictures(tmp_path / name / "a", 10)
    assert {file.class_name for file in list_files(str(tmp_path))} == {"a"}
    assert load(tmp_path).class_names == ("a",)


def test_a_run_finds_its_split_again_when_its_folder_has_moved(
    divided, tmp_path, tiny_config, quick_training
):
    config = tiny_config.replace(dataset=str(divided), image_size=(8, 8), epochs=1)
    run = Run(train(config, tmp_path / "run", verbose=0).directory)
    moved = os.fspath(divided.rename(tmp_path / "moved"))
    with pytest.raises(InputError, match="not an image folder: .* new location as dataset"):
        run.find_data()
    with pytest.raises(InputError, match="nowhere' is not an image folder$"):
        run.find_data(dataset=str(tmp_path / "nowhere"))
    assert splits(run.find_data(dataset=moved)) == {"train": {"train"}, "test": {"test"}}
