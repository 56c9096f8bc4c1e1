"""The transformer for scikit-learn: its contract, and what it adds to it."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from test_data import prepared

from vae_keras import VAE, InputError, LatentFeatures, load_data, load_model, train
from vae_keras.config import make_config
from vae_keras.evaluation.application import score_images

# An image one pixel high can have any number of pixels.
ROWS = make_config(
    encoder_filters=(4,),
    encoder_strides=(1,),
    decoder_filters=(4,),
    decoder_strides=(1, 1),
    epochs=1,
    batch_size=32,
)
IMPOSSIBLE: dict[str, str] = {}


@pytest.mark.slow
@pytest.mark.usefixtures("quick_training")
@parametrize_with_checks(
    [LatentFeatures(image_shape="row", config=ROWS)], expected_failed_checks=lambda _: IMPOSSIBLE
)
def test_scikit_learn_finds_what_it_expects(estimator, check):
    check(estimator)


@pytest.mark.parametrize("scale, warns", [(16, True), (255, False), (1, False)])
def test_values_of_an_unusual_scale_are_read_as_dark_with_a_warning(run, scale, warns, caplog):
    images = np.random.default_rng(0).random((9, 8, 8))
    images *= scale / images.max()
    LatentFeatures(run).fit(images)
    assert ("read as 0 to 255" in caplog.text) == warns


@pytest.mark.parametrize("form", ["uint8", "floats", "no channels", "rows", "row floats"])
def test_a_trained_model_is_taken_over_in_every_form_of_images(run, tiny_data, form):
    images, model = tiny_data.test_images, load_model(run.model_file)
    given = {
        "uint8": images,
        "floats": images / 255,
        "no channels": images[..., 0],
        "rows": images.reshape(len(images), -1),
        "row floats": images.reshape(len(images), -1) / np.float32(255),
    }[form]
    features = LatentFeatures(run).fit(given)
    expected = np.asarray(model.encode(images)["mean"])
    np.testing.assert_allclose(features.transform(given), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(features.fit_transform(given), expected, rtol=1e-4, atol=1e-5)
    rebuilt = features.inverse_transform(features.transform(given))
    assert rebuilt.shape == given.shape
    scale = 1 if "floats" in form else 255
    expected = scale * np.asarray(model.reconstruct(images)).reshape(given.shape)
    np.testing.assert_allclose(rebuilt, expected, rtol=1e-3, atol=1e-3 * scale)
    scores = features.score_samples(given)
    np.testing.assert_allclose(scores, score_images(model, images)["elbo"], rtol=1e-5)
    assert features.get_feature_names_out().tolist() == ["latentfeatures0", "latentfeatures1"]


def test_models_of_all_kinds_are_taken_over(run, tiny_data, tiny_config, tmp_path, quick_training):
    images = tiny_data.test_images
    expected = LatentFeatures(run).fit_transform(images)
    for model in (run.directory, str(run.model_file), load_model(run.model_file)):
        features = LatentFeatures(model)
        np.testing.assert_allclose(features.fit_transform(images), expected, rtol=1e-6)
        np.testing.assert_allclose(clone(features).fit_transform(images), expected, rtol=1e-6)
    digits = np.zeros((3, 784))
    assert LatentFeatures("mnist-gelu").fit(digits).transform(digits).shape == (3, 2)
    config = tiny_config.replace(model="autoencoder", kl_weight=None, epochs=1)
    other = train(config, tmp_path / "other", tiny_data, verbose=0)
    features = LatentFeatures(other).fit(images)
    rebuilt = features.inverse_transform(features.transform(images))
    errors = np.mean(((images - rebuilt) / 255) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(-features.score_samples(images), errors, rtol=1e-3)


def test_a_score_does_not_depend_on_the_other_images(run, tiny_data):
    images = tiny_data.test_images
    features = LatentFeatures(run).fit(images)
    scores = features.score_samples(images)
    np.testing.assert_allclose(features.score_samples(images[::-1])[::-1], scores, rtol=1e-5)
    np.testing.assert_allclose(features.score_samples(images[7:8]), scores[7:8], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(
    not (prepared("mnist") and prepared("fashion_mnist")),
    reason="MNIST or Fashion-MNIST is not in TFDS_DATA_DIR",
)
def test_the_elbo_of_a_model_of_the_package_tells_clothes_from_digits():
    digits = load_data("mnist").test_images[:200]
    clothes = load_data("fashion_mnist", image_size=(28, 28)).test_images[:200]
    images = np.concatenate([digits, clothes])
    elbo = LatentFeatures("mnist-gelu").fit(images).score_samples(images)
    assert roc_auc_score([1] * 200 + [0] * 200, elbo) > 0.9


@pytest.mark.slow
@pytest.mark.usefixtures("quick_training")
def test_fit_trains_a_model_that_a_pipeline_can_use(tiny_config, tiny_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = tiny_config.replace(latent_dim=3)
    pipeline = make_pipeline(LatentFeatures(config=config), LogisticRegression())
    images, labels = tiny_data.train_images, tiny_data.train_labels
    found = pipeline.fit(images, labels).predict(images)
    assert set(found) <= {0, 1, 2}
    features = pipeline[0]
    assert isinstance(features.model_, VAE) and features.transform(images).shape == (70, 3)
    assert not list(tmp_path.iterdir())
    again = clone(features).fit(images)
    np.testing.assert_array_equal(again.transform(images), features.transform(images))
    stored = pickle.loads(pickle.dumps(features))
    np.testing.assert_allclose(stored.transform(images), features.transform(images), rtol=1e-6)


@pytest.mark.usefixtures("quick_training")
def test_a_few_images_are_enough_and_all_are_trained_on(tiny_config, tiny_data):
    seen = []

    def build(config, image_shape, *rest):
        seen.append(config.batch_size)
        return original(config, image_shape, *rest)

    from vae_keras.training import loop

    original = loop.build_model
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "build_model", build)
        LatentFeatures(config=tiny_config.replace(epochs=1)).fit(tiny_data.train_images[:3])
    assert seen == [3]


@pytest.mark.parametrize(
    ("options", "images", "message"),
    [
        ({}, np.zeros((4, 10)), "10 values per image are not a square gray image: pass"),
        ({"image_shape": (2, 2, 1)}, np.zeros((4, 10)), r"image_shape is \(2, 2, 1\), received"),
        ({"image_shape": "rows"}, np.zeros((4, 10)), "must be a tuple, 'row' or None"),
        ({"image_shape": "row"}, np.zeros((4, 5, 5)), r"image_shape is \(1, 25, 1\), received"),
        ({"model": "mnist-gelu"}, np.zeros((4, 64)), r"the model takes \(28, 28, 1\), received"),
        ({"model": "mnist-gelu"}, np.zeros((4, 8, 98)), r"the model takes \(28, 28, 1\), rec"),
        ({"model": "mnist-gelo"}, np.zeros((4, 784)), "does not exist"),
        ({}, np.full((4, 8, 8), 256), "from 0 to 255, received 256"),
        ({}, np.full((4, 8, 8), -1), "Negative values in data"),
        ({}, np.zeros((4, 3, 8, 8)), "1 or 3"),
        ({}, np.zeros(64), "Expected 2D array"),
        ({}, np.zeros((1, 8, 8)), "1 sample"),
    ],
)
def test_what_is_no_image_is_one_line(options, images, message):
    with pytest.raises(ValueError, match=message):
        LatentFeatures(**options).fit(images)


def test_later_images_are_like_the_first(run, tiny_data):
    images = tiny_data.test_images
    features = LatentFeatures(run).fit(images / 255)
    with pytest.raises(InputError, match="from 0 to 1 as in fit, received 254|255"):
        features.transform(images)
    with pytest.raises(InputError, match=r"shape \(4, 16\), but fit received shape \(8, 8, 1\)"):
        features.transform(images.reshape(-1, 4, 16) / 255)
    with pytest.raises(InputError, match="2 dimensions, received 3"):
        features.inverse_transform(np.zeros((2, 3)))


@pytest.mark.parametrize("fitted", [(8, 8, 1), (8, 8), (64,)])
@pytest.mark.parametrize("given", [(8, 8, 1), (8, 8), (64,)])
def test_later_images_may_have_another_form(run, tiny_data, fitted, given):
    images = tiny_data.test_images
    features = LatentFeatures(run).fit(images.reshape(-1, *fitted))
    expected = features.transform(images.reshape(-1, *fitted))
    np.testing.assert_array_equal(features.transform(images.reshape(-1, *given)), expected)
