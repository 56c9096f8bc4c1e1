"""Images that are arrays, in memory or in files, from training to evaluation."""

import json

import keras
import numpy as np
import pytest
from commands import run_command

from vae_keras import ImageData, InputError, Run, load_data, train
from vae_keras.data.arrays import as_image_data, as_images
from vae_keras.evaluation import evaluate_run


@pytest.fixture
def arrays(tiny_data):
    images = np.concatenate([tiny_data.train_images, tiny_data.test_images])
    return images, np.arange(len(images)) % 3


def test_images_of_all_common_kinds_become_the_same_bytes(arrays, caplog):
    images, _ = arrays
    kinds = {
        "uint8": images,
        "floats in [0, 1]": images / 255.0,
        "floats to 255": images.astype("float32"),
        "integers": images.astype(int),
        "without channels": images[..., 0],
        "channels first": np.moveaxis(np.repeat(images, 3, -1), -1, 1)[:, :1],
        "a tensor": keras.ops.convert_to_tensor(images),
    }
    for values in kinds.values():
        np.testing.assert_array_equal(as_images(values), images)
    masks = np.asarray(images > 127)
    np.testing.assert_array_equal(as_images(masks), 255 * masks)
    colored = np.repeat(images, 3, axis=-1)
    np.testing.assert_array_equal(as_images(np.moveaxis(colored, -1, 1)), colored)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([["a"]]), "must be numbers"),
        (np.array([[object()]]), "must be numbers"),
        (np.full((2, 4, 4, 1), -0.5), "received values from -0.5 to -0.5"),
        (np.full((2, 4, 4, 1), 256), "to 256"),
        (np.full((2, 4, 4, 1), np.nan), "received values from nan"),
        (np.linspace(0, 1.02, 32).reshape(2, 4, 4), r"value is 1.02, .* clip them to \[0, 1\], or"),
        (np.linspace(0, 2, 32).reshape(2, 4, 4), "value is 2, so these floats may mean"),
        (np.eye(4, dtype=int)[None].repeat(2, 0), "only 0 and 1, .* pass booleans, or multiply"),
        (np.eye(4, dtype=np.uint8)[None].repeat(2, 0), "only 0 and 1"),
        (np.zeros((2, 4, 4, 2), np.uint8), "shape"),
        (np.zeros((4, 4), np.uint8), "shape"),
        (np.zeros((1, 4, 4, 1), np.uint8), "one image"),
    ],
)
def test_what_is_no_array_of_images_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        as_image_data(values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.zeros((2, 4, 4)), 0),
        (np.zeros((2, 4, 4), int), 0),
        (np.ones((2, 4, 4)), 255),
        (np.full((2, 4, 4), 2.5), 2),
        (np.ones((2, 4, 4), np.uint8), 1),
    ],
)
def test_the_ends_of_a_range_are_clear(values, expected):
    np.testing.assert_array_equal(as_images(values), np.full((2, 4, 4, 1), expected))


@pytest.mark.usefixtures("quick_training")
def test_training_says_how_it_reads_numbers(tiny_config, arrays, tmp_path, capsys):
    train(tiny_config.replace(epochs=1), tmp_path / "run", arrays[0] / 255.0, verbose=1)
    assert "images: floats from 0 to 1 are read as [0, 1]" in capsys.readouterr().out


def test_without_a_test_set_a_fixed_share_is_held_out(arrays):
    images, labels = arrays
    first, second = (as_image_data((images, labels), test_fraction=0.2) for _ in range(2))
    assert first.sha256() == second.sha256()
    assert (len(first.train_images), len(first.test_images)) == (73, 18)
    for found, label in zip(first.test_images, first.test_labels):
        number = int(np.flatnonzero((images == found).all(axis=(1, 2, 3)))[0])
        assert labels[number] == label
    with pytest.raises(InputError, match="received 3 labels for 91 images"):
        as_image_data((images, labels[:3]))


@pytest.mark.parametrize("form", ["images.npy", "images.npz", "split.npz"])
def test_a_file_of_arrays_is_a_data_set(arrays, tmp_path, form):
    images, labels = arrays
    file = tmp_path / form
    if form == "images.npy":
        np.save(file, images)
    elif form == "images.npz":
        np.savez(file, images=images / 255.0, labels=labels[:, None])
    else:
        np.savez(file, train_images=images[:80], test_images=images[80:], test_labels=labels[80:])
    data = load_data(file)
    if form == "split.npz":
        np.testing.assert_array_equal(data.train_images, images[:80])
        assert not data.has_labels
    else:
        assert data.sha256() == as_image_data(images).sha256()
        assert data.has_labels == (form == "images.npz")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"pictures": np.zeros(3)}, "unknown array in .* 'pictures'"),
        ({"labels": np.zeros(3)}, "must contain images, or train_images and test_images"),
        ({"images": np.array([{}])}, "is not a valid array file"),
        (b"no array", "is not a valid array file"),
    ],
)
def test_files_of_something_else_are_refused(tmp_path, content, message):
    file = tmp_path / "bad.npz"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        np.savez(file, **content)
    with pytest.raises(InputError, match=message):
        load_data(file)
    with pytest.raises(InputError, match="is not a file"):
        load_data(tmp_path / "missing.npz")


@pytest.mark.slow
@pytest.mark.usefixtures("quick_training")
def test_a_run_on_own_arrays_says_so_and_takes_them_again(tiny_config, arrays, tmp_path):
    images, labels = arrays
    config = tiny_config.replace(epochs=1)
    run = train(config, tmp_path / "run", (images / 255.0, labels), verbose=0)
    stored = run.read_config()
    assert stored.dataset == "arrays:arrays"
    assert json.loads(run.config_file.read_text())["data"]["name"] == "arrays"
    longer = train(
        config.replace(epochs=2), run.directory, (images, labels), resume=True, verbose=0
    )
    assert len(longer.read_history()) == 2
    np.testing.assert_array_equal(
        run.find_data(images).train_images, as_image_data(images).train_images
    )
    with pytest.raises(InputError, match="were passed as arrays: pass them again"):
        run.find_data()
    with pytest.raises(InputError, match="are not those that"):
        run.find_data(images[::-1])
    file = tmp_path / "images.npz"
    np.savez(file, images=images, labels=labels)
    assert run.find_data(dataset=file).sha256() == run.find_data(images).sha256()
    evaluate_run(run, importance_samples=1, images=5, dataset=file)
    assert run.evaluation_file.exists()


@pytest.mark.usefixtures("quick_training")
def test_training_takes_test_images_and_callbacks(tiny_config, arrays, tmp_path):
    images, _ = arrays
    seen = []
    count = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs))
    run = train(
        tiny_config, tmp_path / "run", images[:80], test=images[80:], callbacks=[count], verbose=0
    )
    assert [logs["val_loss"] for logs in seen] == [row["val_loss"] for row in run.read_history()]
    assert run.read_data_summary()["test_images"] == 11
    with pytest.raises(InputError, match="has its own test images"):
        train(tiny_config, tmp_path / "b", as_image_data(images), test=images, verbose=0)
    with pytest.raises(InputError, match="test needs data"):
        train(tiny_config, tmp_path / "b", test=images, verbose=0)
    assert not (tmp_path / "b").exists()


@pytest.mark.usefixtures("quick_training")
def test_a_data_set_of_another_name_is_not_taken_for_the_settings_own(
    tiny_config, tiny_data, tmp_path
):
    run = train(tiny_config.replace(epochs=1), tmp_path / "run", tiny_data, verbose=0)
    assert run.read_config().dataset == "arrays:tiny"
    digits = load_data("digits").head(40)
    digits = ImageData("digits", digits.train_images, digits.test_images[:10])
    run = train(tiny_config.replace(epochs=1), tmp_path / "digits", digits, verbose=0)
    assert run.read_config().dataset == "digits"


@pytest.mark.slow
def test_the_commands_train_on_a_file_and_find_it_in_another_place(arrays, tmp_path):
    images, labels = arrays
    file, moved = tmp_path / "shapes.npz", tmp_path / "elsewhere.npz"
    np.savez(file, images=images, labels=labels)

    def command(name, *arguments):
        return run_command(name, *arguments, cwd=tmp_path, quick=True)

    sizes = ["--encoder-filters", "4", "--encoder-strides", "2", "--decoder-filters", "4"]
    sizes += ["--decoder-strides", "2,1", "--latent-dim", "3", "--epochs", "2"]
    fitted = command("fit", "--dataset", "shapes.npz", *sizes)
    assert fitted.returncode == 0, fitted.stderr
    run = Run(tmp_path / "saved_models" / "shapes-leaky_relu")
    assert run.finished and run.read_config().preset == "pictures"
    file.rename(moved)
    lost = command("evaluate", run.directory, "--images", 5, "--importance-samples", 2)
    assert lost.returncode == 2 and "is not a file" in lost.stderr
    for name, *more in (
        ("evaluate", "--images", 5, "--importance-samples", 2),
        ("explore",),
    ):
        found = command(name, run.directory, "--dataset", moved, *more)
        assert found.returncode == 0, found.stderr
    longer = command("fit", "--resume", run.directory, "--dataset", moved, "--epochs", 3)
    assert longer.returncode == 0, longer.stderr
    assert len(run.read_history()) == 3


@pytest.mark.usefixtures("quick_training")
def test_settings_of_the_data_hold_for_arrays_too(tiny_config, arrays, tmp_path):
    images, _ = arrays
    config = tiny_config.replace(epochs=1, max_train_images=40)
    run = train(config, tmp_path / "run", images, verbose=0)
    assert run.read_data_summary()["train_images"] == 40
    assert len(run.find_data(images).train_images) == 82
    for changes in ({"image_size": (16, 16)}, {"channels": 3}):
        with pytest.raises(InputError, match=f"{next(iter(changes))} is .* the given images"):
            train(tiny_config.replace(**changes), tmp_path / "b", images, verbose=0)
    assert not (tmp_path / "b").exists()


@pytest.mark.usefixtures("quick_training")
def test_a_finished_run_looks_at_the_data_that_it_is_given(tiny_config, arrays, tmp_path):
    images, _ = arrays
    config = tiny_config.replace(epochs=1)
    run = train(config, tmp_path / "run", images, verbose=0)
    with pytest.raises(InputError, match="are not those that"):
        train(config, run.directory, images[::-1], resume=True, verbose=0)
    run.evaluation_file.write_text("{}")
    file = tmp_path / "images.npy"
    np.save(file, images)
    moved = run.read_config().replace(dataset=str(file))
    train(moved, run.directory, resume=True, verbose=0)
    assert run.read_config().dataset == str(file)
    assert run.evaluation_file.exists()
    # Given as an array again, they keep the place that is known.
    train(config, run.directory, images, resume=True, verbose=0)
    assert run.read_config().dataset == str(file)


@pytest.mark.usefixtures("quick_training")
def test_a_callback_may_stop_the_training(tiny_config, arrays, tmp_path, caplog):
    def stop(epoch, logs):
        stopper.model.stop_training = True

    stopper = keras.callbacks.LambdaCallback(on_epoch_end=stop)
    config = tiny_config.replace(epochs=5)
    run = train(config, tmp_path / "run", arrays[0], callbacks=[stopper])
    assert len(run.read_history()) == 1 and run.finished


@pytest.mark.usefixtures("quick_training")
def test_a_run_on_relative_paths_is_used_from_another_folder(
    images, tiny_config, tmp_path, monkeypatch
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    np.savez("images.npz", images=images)
    config = tiny_config.replace(dataset="images.npz", epochs=1)
    run = train(config, tmp_path / "run", verbose=0)
    assert run.read_config().dataset == str(tmp_path / "here" / "images.npz")
    assert config.replace(cache="cache").cache == str(tmp_path / "here" / "cache")
    monkeypatch.chdir(tmp_path)
    assert len(run.load_data().train_images) == 63
    train(run.read_config().replace(epochs=2), run.directory, resume=True, verbose=0)
