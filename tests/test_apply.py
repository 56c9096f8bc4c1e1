"""A trained model applied to new images, from Python and from the command line."""

import csv
import os
import subprocess
import sys

import numpy as np
import pytest
from commands import run_command
from PIL import Image
from quick import leave_out
from scipy.stats import norm

import vae_keras
from vae_keras import InputError, Run, load_data, load_model, train
from vae_keras.data.inputs import Inputs
from vae_keras.evaluation.application import apply_model, score_images, share_worse


@pytest.fixture(scope="module")
def runs(trained_run, tiny_config, tiny_data, tmp_path_factory):
    """A VAE and an autoencoder, finished."""
    config = tiny_config.replace(epochs=1, model="autoencoder", kl_weight=None)
    with pytest.MonkeyPatch.context() as patch:
        leave_out(patch)
        other = train(config, tmp_path_factory.mktemp("runs") / "run", tiny_data, verbose=0)
    return {"vae": trained_run, "autoencoder": other}


@pytest.fixture
def pictures(tmp_path, tiny_data):
    folder = tmp_path / "pictures"
    (folder / "inner").mkdir(parents=True)
    names = ["a.png", "b.png", "inner/c 'd'.png"]
    for name, image in zip(names, tiny_data.test_images):
        Image.fromarray(image[..., 0]).save(folder / name)
    (folder / "damaged.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture either")
    return folder


def read(folder):
    with open(folder / "latents.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["vae", "autoencoder"])
def test_a_row_for_each_image_says_what_the_model_says(runs, pictures, tiny_data, tmp_path, name):
    model = load_model(runs[name].model_file)
    folder = vae_keras.apply(runs[name], [pictures], tmp_path / "out", data=tiny_data)
    rows = read(folder)
    assert [row["file"] for row in rows] == ["a.png", "b.png", "inner/c 'd'.png"]
    images = tiny_data.test_images[:3]
    encoded = {key: np.asarray(value) for key, value in model.encode(images).items()}
    point = model.encoder_outputs[0]
    for number, row in enumerate(rows):
        found = [float(row[f"{point}_{axis}"]) for axis in (1, 2)]
        np.testing.assert_allclose(found, encoded[point][number], rtol=1e-4, atol=1e-5)
        rebuilt = np.asarray(model.reconstruct(images))[number]
        error = np.mean((images[number] / 255 - rebuilt) ** 2)
        assert float(row["reconstruction_error"]) == pytest.approx(error, rel=1e-4)
        assert 0 <= float(row["share_worse"]) <= 1
    if name == "vae":
        deviations = np.exp(0.5 * encoded["log_var"])
        assert float(rows[0]["deviation_2"]) == pytest.approx(deviations[0, 1], rel=1e-4)
        assert "kl" in rows[0] and "elbo" in rows[0]
    else:
        assert "kl" not in rows[0] and "elbo" not in rows[0]
    with np.load(folder / "latents.npz") as arrays:
        assert arrays["files"].tolist() == [row["file"] for row in rows]
        np.testing.assert_allclose(arrays[point], encoded[point], rtol=1e-4, atol=1e-5)


def test_the_elbo_is_a_gaussian_log_likelihood_minus_kl(runs, tiny_data, monkeypatch):
    model = load_model(runs["vae"].model_file)
    image = tiny_data.test_images[:1]
    # Without noise the average over draws is the value at the mean.
    monkeypatch.setattr(
        "vae_keras.evaluation.application.encode_images",
        lambda *_: {
            "mean": np.asarray(model.encode(image)["mean"]),
            "log_var": np.full((1, 2), -60.0, np.float32),
        },
    )
    found = score_images(model, image)
    rebuilt = np.float64(model.reconstruct(image))
    expected = norm(rebuilt, np.sqrt(model.variance)).logpdf(image / 255).sum() - found["kl"][0]
    assert found["elbo"][0] == pytest.approx(expected, rel=1e-5)


def test_an_anomaly_has_few_training_images_that_are_worse():
    references = np.arange(10.0)
    np.testing.assert_allclose(
        share_worse(np.array([-1.0, 4.5, 9.0, 20.0]), references), [1, 0.5, 0, 0]
    )


def test_arrays_and_names_of_many_kinds_are_inputs(tiny_data, tmp_path, pictures):
    images = tiny_data.test_images
    np.save(tmp_path / "a.npy", images[:4])
    np.savez(tmp_path / "b.npz", images=images / 255.0)
    inputs = Inputs([tmp_path / "a.npy", tmp_path / "b.npz", pictures / "a.png"], (8, 8, 1))
    assert inputs.count == 4 + 21 + 1
    names, parts, rows = zip(*inputs.batches(10))
    assert [len(part) for part in parts] == [1, 4, 10, 10, 1]
    assert rows == (None, 0, 4, 14, 24)
    assert names[1][0] == f"{tmp_path / 'a.npy'}[0]"
    assert names[-1] == [f"{tmp_path / 'b.npz'}[20]"]
    np.testing.assert_array_equal(np.concatenate(parts[2:]), images)
    digits = Inputs(["digits"], (16, 16, 1))
    assert digits.count == 360
    assert next(digits.batches(5)).images.shape == (5, 16, 16, 1)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (["{tmp}/missing.png"], "does not exist"),
        (["{tmp}/missing.npz"], "does not exist"),
        (["digit"], "did you mean 'digits'"),
        (["{tmp}/empty"], "contains no files"),
        (["{tmp}/large.npy"], "must have images of"),
        ([], "no images"),
        (["{tmp}/bad.png"], "/bad.png is not a picture"),
        (["{tmp}/none"], "none of the 2 files can be used: .*/a.txt is empty, .*/b.png is not a"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, places, message):
    for name in ("empty", "none"):
        (tmp_path / name).mkdir()
    (tmp_path / "none" / "a.txt").touch()
    for name in ("bad.png", "none/b.png"):
        (tmp_path / name).write_text("no picture")
    np.save(tmp_path / "large.npy", np.zeros((2, 9, 9, 1), np.uint8))
    with pytest.raises(InputError, match=message):
        Inputs([place.format(tmp=tmp_path) for place in places], (8, 8, 1))


def test_reconstructions_samples_and_a_path_are_pictures(runs, pictures, tiny_data, tmp_path):
    folder = apply_model(
        runs["vae"],
        [pictures],
        tmp_path / "out",
        reconstructions=True,
        samples=3,
        between=(pictures / "a.png", pictures / "b.png"),
        data=tiny_data,
    )
    made = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))
    assert made == [
        "between.png",
        "reconstructions/a.png.png",
        "reconstructions/b.png.png",
        "reconstructions/inner/c 'd'.png.png",
        "samples/00001.png",
        "samples/00002.png",
        "samples/00003.png",
    ]
    model = load_model(runs["vae"].model_file)
    rebuilt = np.asarray(model.reconstruct(tiny_data.test_images[:1]))[0, ..., 0]
    with Image.open(folder / made[1]) as picture:
        np.testing.assert_allclose(np.asarray(picture) / 255, rebuilt, atol=0.003)
    again = apply_model(runs["vae"], [], tmp_path / "again", samples=3)
    for number in (1, 2, 3):
        name = f"samples/{number:05d}.png"
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    with pytest.raises(InputError, match="samples needs a prior"):
        apply_model(runs["autoencoder"], [], tmp_path / "more", samples=3)


def test_a_folder_is_read_as_in_training(tmp_path, caplog):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(40):
        picture = Image.new("RGB", (8, 8), (number, 0, 0))
        picture.save(folder / (f"{number:02d}.png" if number < 20 else f"{number:02d}"), "PNG")
    (folder / "readme.txt").write_text("no picture")
    (folder / "empty.png").touch()
    data = load_data(str(folder), image_size=(8, 8))
    trained = {name for name, _, split in data.files if split != "skipped"}
    said = [message.removesuffix(f" in {folder}") for message in caplog.messages]
    caplog.clear()
    inputs = Inputs([folder], (8, 8, 3))
    assert {name for batch in inputs.batches(9) for name in batch.names} == trained
    inputs.warn()
    assert sorted(caplog.messages) == sorted(said) and len(said) == 3


def test_reconstructions_of_arrays_are_one_array(runs, pictures, tiny_data, tmp_path):
    images = tiny_data.test_images
    np.save(tmp_path / "a.npy", images[:4])
    np.savez(tmp_path / "b.npz", images=images)
    places = [tmp_path / "a.npy", pictures / "a.png", tmp_path / "b.npz"]
    options = {"reconstructions": True, "data": tiny_data}
    folder = apply_model(runs["vae"], places, tmp_path / "out", **options)
    found = np.load(folder / "reconstructions.npy")
    assert found.dtype == np.uint8 and found.shape == (25, 8, 8, 1)
    rebuilt = load_model(runs["vae"].model_file).reconstruct(np.concatenate([images[:4], images]))
    np.testing.assert_allclose(found / 255, np.asarray(rebuilt), atol=0.003)
    assert len(list((folder / "reconstructions").rglob("*.png"))) == 1
    alone = apply_model(runs["vae"], images, tmp_path / "alone", **options)
    assert {path.name for path in alone.iterdir()} == {
        "latents.csv",
        "latents.npz",
        "reconstructions.npy",
    }


def test_nothing_is_left_of_what_fails(runs, pictures, tiny_data, tmp_path, monkeypatch):
    for path in pictures.rglob("*.png"):
        path.write_bytes(b"damaged")
    before = sorted(tmp_path.iterdir())
    with monkeypatch.context() as patch:  # it fails before the training images are loaded
        patch.setattr(Run, "find_data", None)
        with pytest.raises(InputError, match="none of the 5 files can be used"):
            apply_model(runs["vae"], [pictures], tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="exists: choose another output"):
        apply_model(runs["vae"], [pictures], tmp_path / "out", data=tiny_data)


@pytest.mark.slow
def test_the_command_applies_a_model_and_names_what_it_skips(runs, pictures, tmp_path):
    def apply(*arguments):
        return run_command("apply", *arguments, cwd=tmp_path)

    done = apply(runs["vae"].directory, pictures, "--output", "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["3 images", "written: out"]
    errors = done.stderr.splitlines()
    assert "share_worse is omitted, because it needs the training images" in errors[0]
    assert "as --dataset" in errors[0]
    assert "damaged.png is not a picture" in errors[1]
    assert "notes.txt is not a picture" in errors[2]
    assert errors[3] == "warning: skipped 2 of 5 files"
    assert len(read(tmp_path / "out")) == 3
    for arguments, message in (
        ((runs["vae"].directory, pictures, "--output", "out"), "out exists"),
        ((runs["vae"].directory, "--output", "b"), "nothing to do"),
        ((tmp_path, pictures, "--output", "b"), f"error: {tmp_path} is not a run"),
        (("nope", pictures, "--output", "b"), "error: nope does not exist: pass the folder of a"),
        ((runs["vae"].directory, "nowhere/", "--output", "b"), "does not exist"),
    ):
        refused = apply(*arguments)
        assert refused.returncode == 2
        assert message in refused.stderr and refused.stderr.count("\n") == 1
        assert not (tmp_path / "b").exists()
    assert Run(runs["vae"].directory).finished


def test_a_model_of_the_package_is_applied_without_its_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images, nowhere = np.zeros((3, 28, 28, 1), np.uint8), str(tmp_path / "nowhere")
    folder = vae_keras.apply("mnist-gelu", images, "out", samples=2, data_dir=nowhere)
    rows = read(folder)
    assert [row["file"] for row in rows] == ["images[0]", "images[1]", "images[2]"]
    assert "share_worse" not in rows[0]
    assert len(list((folder / "samples").iterdir())) == 2
    with pytest.raises(InputError, match="a model of the package .mnist-gelu, mnist-leaky_relu"):
        vae_keras.load_model("mnist-relu")


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads Linux's /proc")
@pytest.mark.usefixtures("quick_training")
def test_five_times_the_pictures_need_no_more_memory(tiny_config, tmp_path):
    script = """
import resource, sys
import vae_keras
run, *folders = sys.argv[1:]
for folder in folders:
    vae_keras.apply(run, [folder], f"{folder}-latents")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""
    pixels = np.zeros((64, 64), np.uint8)
    run = train(tiny_config.replace(epochs=1), tmp_path / "run", np.stack([pixels] * 24), verbose=0)
    folders = [tmp_path / "1000", tmp_path / "5000"]
    for folder in folders:
        folder.mkdir()
        for number in range(int(folder.name)):
            Image.fromarray(pixels).save(folder / f"{number}.bmp")
    arguments = map(str, [run.directory, *folders])
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True
    )
    first, second = map(int, done.stdout.split())
    assert second - first < 4000 * pixels.size  # bytes of the added images


def test_inputs_of_the_same_name_stay_apart(runs, tiny_data, tmp_path):
    for place, image in zip(("good", "broken"), tiny_data.test_images):
        (tmp_path / place).mkdir()
        Image.fromarray(image[..., 0]).save(tmp_path / place / "0.png")
    os.mkfifo(tmp_path / "good" / "pipe.png")
    places = [tmp_path / "good", tmp_path / "broken"]
    folder = apply_model(
        runs["vae"], places, tmp_path / "out", reconstructions=True, data=tiny_data
    )
    assert [row["file"] for row in read(folder)] == [str(place / "0.png") for place in places]
    assert len(list((folder / "reconstructions").rglob("*.png"))) == 2
    alone = apply_model(runs["vae"], str(tmp_path / "good"), tmp_path / "alone", data=tiny_data)
    assert [row["file"] for row in read(alone)] == ["0.png"]
