import gc
import os
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from browsing import BROWSERS, OPTIONS, run_explore, scramble
from quick import SMALL, leave_out

IMAGE_SHAPE = (8, 8, 1)
BROWSER_FIXTURES = {"browser", "open_page", "scripts"}


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep what the tests import, above all TensorFlow, out of garbage collection."""
    gc.disable()
    result = yield
    gc.freeze()
    gc.enable()
    return result


def pytest_collection_modifyitems(items):
    """Tests that use a browser are slow, too."""
    for item in items:
        if BROWSER_FIXTURES & set(item.fixturenames):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def tiny_config():
    """Settings of a network that trains in milliseconds."""
    from vae_keras import make_config

    return make_config(
        encoder_filters=(4, 4),
        encoder_strides=(2, 2),
        decoder_filters=(4,),
        decoder_strides=(2, 2),
        batch_size=20,
        epochs=2,
        learning_rate=0.01,
    )


@pytest.fixture(scope="session")
def tiny_data():
    """70 training and 21 test images, noise: no whole number of batches."""
    from vae_keras import ImageData

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (91, *IMAGE_SHAPE), dtype=np.uint8)
    images.flags.writeable = False  # all tests share them
    labels = random.integers(0, 3, 91)
    return ImageData("tiny", images[:70], images[70:], labels[:70], labels[70:], ("a", "b", "c"))


@pytest.fixture
def images():
    """Float images in [0, 1]."""
    return np.random.default_rng(1).random((70, *IMAGE_SHAPE), dtype=np.float32)


@pytest.fixture
def quick_training(monkeypatch):
    """Makes `train` leave out what takes longer than the steps of a tiny network."""
    leave_out(monkeypatch)


@pytest.fixture(scope="session")
def trained_run(tiny_config, tiny_data, tmp_path_factory):
    """A finished run without figures and exports, which no test changes."""
    from vae_keras import train

    with pytest.MonkeyPatch.context() as patch:
        leave_out(patch)
        return train(tiny_config, tmp_path_factory.mktemp("trained") / "run", tiny_data, verbose=0)


@pytest.fixture
def run(trained_run, tmp_path):
    """A copy of a finished run, for the test to change."""
    from vae_keras import Run

    shutil.copytree(trained_run.directory, tmp_path / "run")
    return Run(tmp_path / "run")


@pytest.fixture(scope="session")
def pets(tmp_path_factory):
    """A folder of tensorflow-datasets with one set: 20 photographs that differ in size."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def examples():
        random = np.random.default_rng(0)
        for number in range(20):
            height, width = random.integers(40, 120, 2)
            image = np.full((height, width, 3), number, np.uint8)
            yield {"image": image, "label": number % 2, "name": f"pet {number}"}

    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "label": tfds.features.ClassLabel(names=["cat", "dog"]),
            "name": tfds.features.Text(),
        }
    )
    folder = tmp_path_factory.mktemp("tensorflow_datasets")
    signature = features.get_tensor_spec()
    tfds.dataset_builders.store_as_tfds_dataset(
        name="pets",
        version="1.0.0",
        features=features,
        split_datasets={
            "train": tf.data.Dataset.from_generator(examples, output_signature=signature)
        },
        data_dir=str(folder),
        disable_shuffling=True,
    )
    return str(folder)


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("needs a browser: none of " + ", ".join(BROWSERS))
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Opens an HTML file; the test fails if the page complains or asks for anything else."""
    opened, complaints = [], []

    def open_page(path, width=1280, height=900, **options):
        page = browser.new_page(viewport={"width": width, "height": height}, **options)
        opened.append(page)
        own = (path.as_uri(), "data:", "blob:")
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda request: request.url.startswith(own) or complaints.append(request.url)
        )
        page.goto(path.as_uri())
        page.wait_for_selector("main[aria-busy=false]")
        return page

    yield open_page
    for page in opened:
        page.context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def digits():
    from vae_keras.data.sources import load_data

    return load_data("digits")


@pytest.fixture(scope="session")
def make_digits_run(digits, tmp_path_factory):
    """Makes a run as training leaves it, with scrambled weights, in a moment."""
    from vae_keras import build_model, make_config
    from vae_keras.support.files import write_json
    from vae_keras.training.run import Run

    def make_digits_run(**settings):
        config = make_config("digits", **{**SMALL, **settings})
        run = Run(tmp_path_factory.mktemp("run"))
        run.write_config(config, digits)
        model = scramble(build_model(config, digits.image_shape))
        model.optimizer.build(model.trainable_variables)
        model.save(run.model_file)
        losses = {"loss": 50.25, "kl_loss": 4.5, "elbo": -400.0}
        write_json(run.metrics_file, {"epochs": 1, "train": losses, "test": losses})
        return run

    return make_digits_run


@pytest.fixture(scope="session")
def two_runs(make_digits_run):
    from vae_keras.support.files import write_json

    runs = [make_digits_run(activation=name) for name in ("leaky_relu", "gelu")]
    evaluation = {"loss": {"draws": {"loss": {"mean": 48.125}}}, "likelihood": {"elbo": -398.5}}
    write_json(runs[1].evaluation_file, evaluation)
    return runs


@pytest.fixture(scope="session")
def two_run_page(two_runs, tmp_path_factory):
    """What the command writes for two runs."""
    output = tmp_path_factory.mktemp("page") / "two runs.html"
    result = run_explore(*(run.directory for run in two_runs), "--output", output)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    said = " ".join(result.stdout.split())  # lines break at the width of a terminal
    assert f"written: {output}" in said
    assert "360 test images" in said
    return output


@pytest.fixture
def write_page(digits, tmp_path):
    from vae_keras.explorer import build_page

    def write_page(*runs, data=digits, **options):
        path = tmp_path / "page.html"
        path.write_text(build_page(list(runs), data, **options)[0], encoding="utf-8")
        return path

    return write_page
