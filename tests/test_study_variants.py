import numpy as np
import pytest

from vae_keras.config import FitConfig
from vae_keras.study.variants import COMPARISONS, STUDIES, find_study
from vae_keras.support.errors import InputError
from vae_keras.training import loop as training
from vae_keras.training.run import run_name


@pytest.mark.parametrize("name", STUDIES)
def test_built_in_studies_differ_in_what_their_names_say(name):
    study = find_study(name)
    configs = study.configs("mnist", seed=3, epochs=7)
    assert list(configs) == list(STUDIES[name])
    assert study.reference == "leaky_relu" == next(iter(configs))
    assert len({run_name(config) for config in configs.values()}) == len(configs)
    assert {(config.seed, config.epochs) for config in configs.values()} == {(3, 7)}
    assert configs["leaky_relu"] == FitConfig(dataset="mnist", seed=3, epochs=7)
    for members in COMPARISONS.get(name, {}).values():
        assert set(members) <= set(configs)


def test_gelu_alone_in_one_network_leaves_leaky_relu_in_the_other():
    config = find_study("gelu").configs("mnist", seed=0)["gelu_encoder"]
    assert (config.encoder_activation, config.decoder_activation) == ("gelu", None)
    assert config.activation == "leaky_relu"


@pytest.mark.parametrize(
    "name, text",
    [
        (
            "sizes.toml",
            'reference = "two"\n[settings]\nkl_weight = 2\n'
            "[variants.two]\n[variants.ten]\nlatent_dim = 10\n",
        ),
        (
            "other.json",
            '{"name": "sizes", "reference": "two", "settings": {"kl_weight": 2}, '
            '"variants": {"two": {}, "ten": {"latent_dim": 10}}}',
        ),
    ],
)
def test_a_study_from_a_file(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    study = find_study(str(tmp_path / name))
    assert (study.name, study.reference) == ("sizes", "two")
    two, ten = study.configs("digits", seed=0).values()
    assert (two.latent_dim, ten.latent_dim, two.kl_weight, ten.kl_weight) == (2, 10, 2, 2)
    assert two.epochs == ten.epochs == 100


VARIANTS = '"variants": {"a": {}, "b": {"latent_dim": 3}}'


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "a study must be a table"),
        ("{}", "'variants' is missing"),
        ('{"variants": {"a": {}}}', "variants must be two at least"),
        ('{"variants": {"a": {}, "b": 3}}', "variant 'b' must be a table"),
        ('{"variants": {"a": {}, "b": {"latentdim": 3}}}', "did you mean 'latent_dim'"),
        ('{"variants": {"a": {}, "b": {"latent_dim": "3"}}}', "latent_dim must be a whole number"),
        ('{"variants": {"a": {}, "b": {"activation": "geluu"}}}', "did you mean 'gelu'"),
        ('{"variants": {"a": {}, "b": {"epochs": 3}}}', "epochs cannot differ here"),
        ('{"variants": {"a": {}, "b": {"seed": 3}}}', "seed cannot differ here"),
        ('{"variants": {"a": {}, "../b": {}}}', "cannot name a folder"),
        ('{"variants": {"a": {}, "figures": {}}}', "would share its name"),
        ('{"variants": {"a": {}, "runs.csv": {}}}', "would share its name"),
        (f'{{{VARIANTS}, "refrence": "a"}}', "did you mean 'reference'"),
        (f'{{{VARIANTS}, "reference": "c"}}', "unknown reference 'c'"),
        (f'{{{VARIANTS}, "name": "gelu"}}', "belongs to a built-in study"),
        (f'{{{VARIANTS}, "name": 3}}', "cannot name a folder"),
        (f'{{{VARIANTS}, "settings": {{"seed": 1}}}}', "seed cannot differ here"),
        (f'{{{VARIANTS}, "settings": {{"batch_size": 0}}}}', "batch_size must be at least 1"),
        (f'{{{VARIANTS}, "settings": 3}}', "settings must be a table"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_name(tmp_path, text, message):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        find_study(str(path))
    assert str(caught.value).startswith(str(path))


def test_the_same_seed_gives_variants_the_same_weights_order_and_noise(
    tiny_config, tiny_data, tmp_path, monkeypatch
):
    orders, noises, weights = {}, {}, {}
    images = tiny_data.train_images[:8].astype("float32") / 255

    class Seen(Exception):
        pass

    def spy(images, *arguments):
        orders[variant] = (images.tobytes(), arguments)
        raise Seen

    monkeypatch.setattr(training, "training_batches", spy)
    for variant, changes in STUDIES["gelu"].items():
        config = tiny_config.replace(**changes, seed=5, epochs=1)
        model = training.build_model(config, tiny_data.image_shape)
        weights[variant] = {
            weight.path: np.asarray(weight)
            for network in (model.encoder, model.decoder)
            for weight in network.weights
        }
        noises[variant] = []
        for split, epoch in (("train", 0), ("train", 1), ("test", 1)):
            model.reset_noise(config.seed, split, epoch)
            for _ in range(2):  # dropout's draws must not move those of z
                model(images, training=True)
                noises[variant].append(
                    np.asarray(model.sampling(np.zeros((8, 2)), np.zeros((8, 2))))
                )
        with pytest.raises(Seen):
            training.train(config, tmp_path / variant, tiny_data)
    reference = weights["leaky_relu"]
    for variant in STUDIES["gelu"]:
        assert orders[variant] == orders["leaky_relu"]
        np.testing.assert_array_equal(noises[variant], noises["leaky_relu"])
        shared = [path for path in reference if path in weights[variant]]
        assert len(shared) == len(reference)
        for path in shared:
            np.testing.assert_array_equal(weights[variant][path], reference[path])
    assert len(np.unique(noises["gelu"], axis=0)) == 6
