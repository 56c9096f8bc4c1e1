"""Attributes of pictures: the table, the vector, and the command line, run for real."""

import csv
import json
import os

import numpy as np
import pytest
from commands import run_command
from PIL import Image

from vae_keras.config import make_config
from vae_keras.data.attribute_table import read_attributes, rows_of, split_by
from vae_keras.data.matching import match
from vae_keras.data.sources import load_data
from vae_keras.latent.attribute_vectors import choose_pair, file_name, find_vector
from vae_keras.latent.space import attribute_vector, vector_convergence
from vae_keras.support.errors import InputError
from vae_keras.training.loop import train
from vae_keras.training.run import Run

HEADER = "file,bright,Größe\n"


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_table_is_read_by_name_whatever_its_rows_order(tmp_path):
    table = read_attributes(
        write(tmp_path / "list.csv", "\ufeff" + HEADER + "b.png, -1 ,2.5\nä 1.png,1,\n\n")
    )
    assert table.names == ("bright", "Größe")
    decomposed = "class/a\u0308 1.png"  # as some systems store ä
    values = rows_of(table, ["nobody.png", decomposed, "b.png"])
    np.testing.assert_array_equal(values, [[np.nan] * 2, [1, np.nan], [-1, 2.5]])


@pytest.mark.parametrize(
    "text",
    [
        "file,Smiling,Male\na.jpg,1,-1\nb.jpg,-1,1\n",
        "file;Smiling;Male\r\na.jpg;1;-1\r\nb.jpg;-1;1\r\n",
        "file\tSmiling\tMale\na.jpg\t1\t-1\nb.jpg\t-1\t1\n",
        "2\nSmiling Male \na.jpg  1 -1\nb.jpg -1  1\n",  # as CelebA comes
    ],
    ids=["commas", "semicolons", "tabs", "CelebA"],
)
def test_tables_of_several_kinds_say_the_same(text, tmp_path):
    table = read_attributes(write(tmp_path / "list.txt", text))
    assert table.names == ("Smiling", "Male")
    assert table.rows == {"a.jpg": [1, -1], "b.jpg": [-1, 1]}


@pytest.mark.parametrize(("yes", "no"), [("yes", "no"), ("True", "FALSE"), ("y", "n"), ("Y", "N")])
def test_words_are_numbers(yes, no, tmp_path):
    table = read_attributes(write(tmp_path / "list.csv", HEADER + f"a.png,{yes},{no}\n"))
    assert table.rows == {"a.png": [1, 0]}


def test_pictures_without_a_row_are_counted(tmp_path, caplog):
    table = read_attributes(write(tmp_path / "list.csv", HEADER + "a.png,,\n"))
    assert np.isnan(rows_of(table, ["a.png"])).all()
    assert not caplog.messages
    rows_of(table, ["a.png", "b.png", "c/d.png"])
    (message,) = caplog.messages
    assert message.endswith("list.csv has no row for 2 of 3 pictures, such as b.png")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have a header and rows"),
        (HEADER, "must have a header and rows"),
        ("file\na.png\n", "must have a header and rows"),
        ("2\n", "must have a header and rows"),
        ("file,bright,bright\na.png,1,1\n", "needs a unique name"),
        (HEADER + "a.png,1\n", "row 2: expected 2 attributes, received 1"),
        (HEADER + "a.png,1,2\na.png,1,2\n", "row 3: 'a.png' already has a row"),
        (HEADER + "a.png,perhaps,2\n", "row 2, bright: 'perhaps' is not a number, yes, no, true"),
        (HEADER + "a.png,1,inf\n", "row 2, Größe: 'inf' is not a number"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line(text, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read_attributes(write(tmp_path / "list.csv", text))


def test_a_table_that_cannot_be_read_or_matches_nothing_is_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_attributes(str(tmp_path / "nothing.csv"))
    with pytest.raises(InputError, match="is a folder, not a file: pass a file"):
        read_attributes(str(tmp_path))
    (tmp_path / "list.csv").write_bytes(b"file,\xff\n")
    with pytest.raises(InputError, match="is not a CSV file in UTF-8"):
        read_attributes(str(tmp_path / "list.csv"))
    table = read_attributes(write(tmp_path / "list.csv", HEADER + "a.png,1,2\n"))
    with pytest.raises(
        InputError,
        match=r"no row for any of the 2 pictures: .* has a\.png, but the pictures are b\.png and c",
    ):
        rows_of(table, ["b.png", "c.png"])


@pytest.mark.parametrize(
    ("values", "present"),
    [
        ([0, 1, 1, np.nan], [False, True, True]),
        ([-1, 1, -1, np.nan], [False, True, False]),
        ([10, 20, 30, 40, 50], [False, False, False, True, True]),
        ([0, 0, 0, 0, 1, 2], [False] * 4 + [True] * 2),
        ([0, 1, 2, 2, 2, 2], [False] * 2 + [True] * 4),
    ],
)
def test_an_attribute_is_the_larger_of_two_values_or_what_lies_above_the_median(values, present):
    known, found = split_by(np.array(values, float), "x")
    np.testing.assert_array_equal(known, ~np.isnan(values))
    assert found[known].tolist() == present


def test_an_attribute_that_all_images_share_is_refused():
    with pytest.raises(InputError, match="'x' has the same value in all images"):
        split_by(np.array([1.0, 1.0, np.nan]), "x")


def test_the_vector_of_a_shift_is_the_shift_and_it_settles():
    random = np.random.default_rng(0)
    shift = np.array([3.0, 0, -4, 0])
    present = random.random(4000) < 0.3
    points = random.standard_normal((4000, 4)) + present[:, None] * shift
    vector = attribute_vector(points, present)
    np.testing.assert_allclose(vector, points[present].mean(0) - points[~present].mean(0))
    np.testing.assert_allclose(vector, shift, atol=0.15)
    rows = vector_convergence(points, present, 300)
    assert [row["images"] for row in rows] == [*range(300, 4000, 300), 4000]
    assert rows[-1]["norm"] == pytest.approx(np.linalg.norm(vector))
    assert rows[-1]["cosine"] == pytest.approx(1)
    assert rows[0]["change"] is None
    at = {
        row["images"]: attribute_vector(points[: row["images"]], present[: row["images"]])
        for row in rows
    }
    assert rows[1]["change"] == pytest.approx(np.linalg.norm(at[600] - at[300]))
    assert rows[-1]["change"] < rows[1]["change"]


def test_convergence_begins_once_there_are_both_kinds():
    points, present = np.arange(8.0)[:, None], np.arange(8) >= 5
    assert [row["images"] for row in vector_convergence(points, present, 2)] == [6, 8]


def test_a_vector_of_length_zero_has_no_angle():
    rows = vector_convergence(np.ones((4, 2)), np.array([True, False, True, False]), 2)
    assert [(row["norm"], row["cosine"]) for row in rows] == [(0, 0), (0, 0)]


@pytest.fixture(scope="module")
def shades(tmp_path_factory):
    """A finished run on 60 pictures, gray on black, and their attributes."""
    folder = tmp_path_factory.mktemp("shades")
    (folder / "pictures").mkdir()
    random = np.random.default_rng(0)
    rows = []
    for number in range(60):
        value = int(random.integers(0, 256))
        Image.new("L", (8, 8), value).save(folder / "pictures" / f"{number} ä.png")
        rows.append((f"{number} ä.png", value, 2 * (value > 127) - 1, number % 2, 1))
    with open(folder / "list.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "gray", "Is bright?", "odd", "one"), *rows])
    config = make_config(
        str(folder / "pictures"),
        image_size=(8, 8),
        channels=1,
        test_fraction=0.2,
        encoder_filters=(8, 8),
        encoder_strides=(2, 2),
        decoder_filters=(8,),
        decoder_strides=(2, 2),
        latent_dim=3,
        batch_size=8,
        epochs=20,
        learning_rate=0.01,
        attributes=str(folder / "list.csv"),
    )
    return train(config, folder / "run"), folder


def run_attributes(*arguments):
    return run_command("attributes", *arguments, cwd=os.sep)


@pytest.mark.slow
def test_the_command_finds_the_direction_of_brightness(shades):
    import vae_keras
    from vae_keras.latent.inference import decode_points, latent_points

    run, _ = shades
    result = run_attributes(run.directory, "--attribute", "Is bright?")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    (found_in,) = run.attributes.glob("Is_bright-*")
    assert f"written: {found_in}" in result.stdout
    assert "length of the vector" in result.stdout
    assert {path.name for path in found_in.iterdir()} == {
        "vector.json",
        "convergence.csv",
        "convergence.png",
        "strips.png",
        "morph.png",
    }
    found = json.loads((found_in / "vector.json").read_text())
    assert found["images_with"] + found["images_without"] == 48
    with open(found_in / "convergence.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["norm"]) == pytest.approx(found["norm"])
    direction = np.array(found["direction"])
    assert np.linalg.norm(direction) == pytest.approx(1)
    # What it is for: added, it makes images brighter.
    model, data = vae_keras.load_model(run.model_file), run.load_data()
    points = latent_points(model, data.test_images)
    means = [decode_points(model, points + factor * direction).mean() for factor in (-2, 0, 2)]
    assert means[0] < means[1] - 20 < means[1] + 20 < means[2]


def test_every_attribute_has_a_folder_of_its_own():
    names = ["Male", "Male?", "Male!", "x" * 300, "x" * 301, "Größe"]
    files = [file_name(name) for name in names]
    assert len(set(files)) == len(names)
    assert max(map(len, files)) < 80
    assert files[0] == "Male"


def test_a_pair_differs_in_the_attribute(shades):
    run, _ = shades
    without, with_it = choose_pair(run.load_data(), "Is bright?")
    assert without.max() <= 127 < with_it.max()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "arguments are required: --attribute"),
        (("--attribute", "grai"), "unknown attribute 'grai': did you mean 'gray'"),
        (("--attribute", "one"), "'one' has the same value in all images"),
        (("--attribute", "gray", "--attributes", "/nowhere.csv"), "/nowhere.csv cannot be read"),
    ],
)
def test_bad_arguments_are_one_line(shades, arguments, message, capsys):
    from vae_keras import attributes

    run, _ = shades
    run.attributes.mkdir(exist_ok=True)
    with pytest.raises(SystemExit) as stopped:
        attributes.main([str(run.directory), *arguments])
    errors = capsys.readouterr().err
    assert stopped.value.code == 2
    assert message in errors
    assert errors.count("\n") == 1
    assert all(path.name.startswith("Is_bright-") for path in run.attributes.iterdir())


def test_a_run_without_attributes_or_without_an_end_is_one_line(
    shades, tmp_path, capsys, monkeypatch
):
    from vae_keras import attributes
    from vae_keras.latent.attribute_vectors import attribute_of_run

    with pytest.raises(SystemExit):
        attributes.main([str(tmp_path), "--attribute", "gray"])
    assert "is not a run" in capsys.readouterr().err
    run, folder = shades
    data = load_data(str(folder / "pictures"), image_size=(8, 8), channels=1)
    with pytest.raises(InputError, match=r"have no attributes: .* as attributes$"):
        find_vector(None, data, "gray")
    monkeypatch.setattr(Run, "read_config", lambda self: make_config("digits"))
    with pytest.raises(
        InputError, match="attributes applies to image folders only, received dataset digits"
    ):
        attribute_of_run(run, "gray", "list.csv")
    monkeypatch.undo()
    unfinished = Run(tmp_path)
    unfinished.write_config(run.read_config(), data)
    with pytest.raises(InputError, match="is not finished"):
        attribute_of_run(unfinished, "gray")


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """A folder of tensorflow-datasets with one set that has attributes as CelebA has them."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(20, 16, 3)),
            "attributes": {"Young": np.bool_, "Smiling": np.bool_},
            "landmarks": {"nose_x": np.int64},
        }
    )

    def examples():
        for number in range(20):
            yield {
                "image": np.full((20, 16, 3), number, np.uint8),
                "attributes": {"Smiling": number % 2 == 1, "Young": number < 5},
                "landmarks": {"nose_x": number},
            }

    folder = tmp_path_factory.mktemp("tensorflow_datasets")
    tfds.dataset_builders.store_as_tfds_dataset(
        name="faces",
        version="1.0.0",
        features=features,
        split_datasets={
            "train": tf.data.Dataset.from_generator(
                examples, output_signature=features.get_tensor_spec()
            )
        },
        data_dir=str(folder),
        disable_shuffling=True,
    )
    return str(folder)


@pytest.mark.parametrize("cached", [False, True])
def test_a_set_of_tensorflow_datasets_uses_its_own_attributes(faces, tmp_path, cached):
    for _ in range(2):  # the second time from the cache
        data = load_data(
            "tfds:faces",
            data_dir=faces,
            image_size=(16, 16),
            channels=1,
            cache=str(tmp_path) if cached else None,
        )
        assert data.attribute_names == ("Smiling", "Young")
        assert data.train_images.shape == (18, 16, 16, 1)
        assert data.train_images[:, 0, 0, 0].tolist() == list(range(18))
        np.testing.assert_array_equal(data.train_attributes[:, 0], np.arange(18) % 2)
        np.testing.assert_array_equal(data.test_attributes, [[0, 0], [1, 0]])
        assert data.head(3).train_attributes.shape == (3, 2)
        assert not data.has_labels


CELEBA_ROWS = {
    "as it comes": "40\nSmiling Male \n{n}.jpg  {a} -1",
    "without the number": "Smiling Male \n{n}.jpg  {a} -1",
    "with image_id": "image_id Smiling Male\n{n}.jpg {a} -1",
    "Kaggle's": "image_id,Smiling,Male\n{n}.jpg,{a},-1",
    "the number and commas": "40\nimage_id,Smiling,Male\n{n}.jpg,{a},-1",
    "another ending": "40\nSmiling Male\n{n}.png {a} -1",
    "no ending": "id,Smiling,Male\n{n},{a},-1",
    "whole paths": "id,Smiling,Male\n/data/faces/{n}.jpg,{a},-1",
    "paths of Windows": "id,Smiling,Male\nC:\\data\\faces\\{n}.JPG,{a},-1",
    "backslashes": "id,Smiling,Male\nx\\{n}.jpg,{a},-1",
    "a point": "id,Smiling,Male\n./{n}.jpg,{a},-1",
    "true and false": "id,Smiling,Male\n{n}.jpg,{t},FALSE",
    "yes and no": "id;Smiling;Male\n{n}.jpg;{y};No",
}


@pytest.mark.parametrize("name", CELEBA_ROWS)
def test_lists_of_faces_in_many_forms_are_matched(name, tmp_path):
    header, row = CELEBA_ROWS[name].rsplit("\n", 1)
    rows = [
        row.format(n=f"{i:06d}", a=2 * (i % 2) - 1, t=bool(i % 2), y=("no", "yes")[i % 2])
        for i in range(40)
    ]
    table = read_attributes(write(tmp_path / "list.txt", "\n".join([header, *rows])))
    assert table.names == ("Smiling", "Male")
    found = rows_of(table, [f"{i:06d}.jpg" for i in range(40)])
    assert (found[:, 0] > 0).tolist() == [i % 2 == 1 for i in range(40)]
    assert (found[:, 1] <= 0).all()


@pytest.mark.parametrize("cell", ["", " ", "NA", "n/a", "NaN", "null", "None", "?", "-"])
def test_missing_values_have_many_forms(cell, tmp_path):
    table = read_attributes(write(tmp_path / "list.csv", f"{HEADER}a.png,1,{cell}\n"))
    np.testing.assert_array_equal(table.rows["a.png"], [1, np.nan])


@pytest.mark.parametrize(
    ("rows", "files", "expected"),
    [
        (["a.jpg"], ["train/cat/a.jpg"], {"train/cat/a.jpg": "a.jpg"}),
        (["cat/a"], ["train/cat/a.jpg"], {"train/cat/a.jpg": "cat/a"}),
        # Several rows fit: the one with more folders in common, then the same ending.
        (["cat/a.jpg", "a.jpg"], ["cat/a.jpg"], {"cat/a.jpg": "cat/a.jpg"}),
        (["a.png", "a.jpg"], ["a.jpg"], {"a.jpg": "a.jpg"}),
        (["a", "a.jpg"], ["a.jpg"], {"a.jpg": "a.jpg"}),
        (["/x/cat/a.jpg", "/x/dog/a.jpg"], ["dog/a.jpg"], {"dog/a.jpg": "/x/dog/a.jpg"}),
        (["cat/a.jpg", "dog/a.jpg"], ["dog/a.png"], {"dog/a.png": "dog/a.jpg"}),
        # Another folder is another picture.
        (["cat/a.jpg"], ["dog/a.jpg"], {}),
        (["a.jpg"], ["a.jpg", "cat/a.png"], {"a.jpg": "a.jpg"}),
        (["img.001"], ["img.001.jpg", "img.002.jpg"], {"img.001.jpg": "img.001"}),
        (["b.jpg"], ["a.jpg"], {}),
    ],
)
def test_names_belong_together_where_one_is_the_end_of_the_other(rows, files, expected):
    assert match("list.csv", rows, files) == expected


@pytest.mark.parametrize(
    ("rows", "files", "message"),
    [
        (
            ["a.jpg"],
            ["cat/a.jpg", "dog/a.jpg"],
            "one row a.jpg for two pictures, cat/a.jpg and dog",
        ),
        (["a"], ["a.jpg", "a.png"], "one row a for two pictures, a.jpg and a.png"),
        (["a.png", "a.bmp"], ["a.jpg"], "two rows, a.png and a.bmp, for the picture a.jpg"),
        (["/x/cat/a.jpg", "/x/dog/a.jpg"], ["a.jpg"], "two rows, /x/cat/a.jpg and /x/dog/a.jpg"),
    ],
)
def test_names_that_fit_twice_are_refused(rows, files, message):
    with pytest.raises(InputError, match=message):
        match("list.csv", rows, files)


def test_equal_names_in_two_folders_need_a_table_of_paths(tmp_path):
    for folder in ("cat", "dog"):
        (tmp_path / "pets" / folder).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (8, 8)).save(tmp_path / "pets" / folder / f"{number}.png")
    bare = "file,size\n" + "".join(f"{number}.png,{number}\n" for number in range(4))
    places = {"image_size": (8, 8), "attributes": write(tmp_path / "list.csv", bare)}
    with pytest.raises(InputError, match="must be paths in the folder"):
        load_data(str(tmp_path / "pets"), **places)
    paths = "file,size\n" + "".join(
        f"{folder}\\{number}.png,{number}\n" for number in range(4) for folder in ("cat", "dog")
    )
    write(tmp_path / "list.csv", paths)
    data = load_data(str(tmp_path / "pets"), **places)
    assert not np.isnan(data.train_attributes).any()
