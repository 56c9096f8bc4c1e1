import numpy as np
import pytest

from vae_keras.config import FitConfig
from vae_keras.study.reading import SHIPPED, find_study, read_study, write_study
from vae_keras.support.errors import InputError
from vae_keras.training import loop as training
from vae_keras.training.names import run_name


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_studies_differ_in_what_their_names_say(name):
    study = find_study(name)
    configs = study.configs("mnist", seed=3, epochs=7)
    assert list(configs) == list(study.variants)
    assert study.reference in configs
    assert len({run_name(config) for config in configs.values()}) == len(configs)
    assert {(config.seed, config.epochs) for config in configs.values()} == {(3, 7)}
    assert configs[study.reference] == FitConfig(dataset="mnist", seed=3, epochs=7)
    assert study.claims


@pytest.mark.parametrize("name", SHIPPED)
def test_a_study_is_read_as_it_was_written(tmp_path, name):
    study = find_study(name)
    write_study(study, tmp_path / "study.json")
    assert read_study(tmp_path / "study.json") == study


NORMALIZED = ("5a", "5b", "6", "7")
OTHER = {
    f"gelu_batchnorm_{first}": f"gelu_batchnorm_{second}"
    for first, second in (("after", "before"), ("before", "after"))
}


def test_the_shipped_studies_are_those_of_the_published_one():
    assert set(SHIPPED) == {"activations", "gelu", "precision", "weight"}
    for name in ("activations", "gelu"):
        study = find_study(name)
        assert study.reference == "leaky_relu" == next(iter(study.variants))
        assert study.source == "the vae-gelu study"
    gelu = find_study("gelu")
    assert set(gelu.published.losses) <= set(gelu.variants)
    assert gelu.published.losses["gelu_batchnorm_before"][20] == (44.773,)
    assert gelu.published.losses["gelu"][20] == (44.35, 44.26)
    assert set(gelu.published.train_losses) == set(gelu.published.losses)
    assert gelu.published.train_losses["gelu_batchnorm_before"][5] == (49.902,)
    assert gelu.comparisons["all"].members == tuple(gelu.variants)
    assert gelu.comparisons["dropout"].members == ("gelu", "gelu_dropout")
    claims = {claim.label: claim for claim in gelu.claims}
    readings = [f"{label}{reading}" for reading in ("", ", swapped") for label in NORMALIZED]
    assert list(claims) == ["1", "2", "3", "4", *readings, "A", "B"]
    assert [claim.label for claim in gelu.claims if claim.source] == ["A", "B"]
    assert {label: claim.epoch for label, claim in claims.items() if claim.epoch != 20} == {
        label: 120 for label in readings if label[0] in "67"
    }
    for label in NORMALIZED:
        swapped = claims[f"{label}, swapped"]
        assert swapped.below == tuple(
            tuple((OTHER.get(variant, variant), column) for variant, column in pair)
            for pair in claims[label].below
        )
    assert (gelu.rule.looks, gelu.rule.margin) == ((3, 4, 8), 0.3)
    assert gelu.claims[3].below[1] == (("gelu_dropout", "val_loss"), ("gelu_dropout", "loss"))


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
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "a study must be a table"),
        ("{}", "'variants' is missing"),
        ('{"variants": {"a": {}}}', "a study needs at least two variants"),
        ('{"variants": {"a": {}, "b": 3}}', "variant 'b' must be a table"),
        ('{"variants": {"a": {}, "b": {"latentdim": 3}}}', "did you mean 'latent_dim'"),
        ('{"variants": {"a": {}, "b": {"latent_dim": "3"}}}', "latent_dim must be a whole number"),
        ('{"variants": {"a": {}, "b": {"activation": "geluu"}}}', "did you mean 'gelu'"),
        ('{"variants": {"a": {}, "b": {"epochs": 3}}}', "epochs cannot be set here"),
        ('{"variants": {"a": {}, "b": {"seed": 3}}}', "seed cannot be set here"),
        ('{"variants": {"a": {}, "../b": {}}}', "cannot be a file name"),
        ('{"variants": {"a": {}, "figures": {}}}', "has the name of an output"),
        ('{"variants": {"a": {}, "runs.csv": {}}}', "has the name of an output"),
        (f'{{{VARIANTS}, "refrence": "a"}}', "did you mean 'reference'"),
        (f'{{{VARIANTS}, "reference": "c"}}', "unknown reference 'c'"),
        (f'{{{VARIANTS}, "name": "gelu"}}', "belongs to a study of the package"),
        (f'{{{VARIANTS}, "name": 3}}', "name must be a text"),
        (f'{{{VARIANTS}, "settings": {{"seed": 1}}}}', "seed cannot be set here"),
        (f'{{{VARIANTS}, "settings": {{"batch_size": 0}}}}', "batch_size must be at least 1"),
        (f'{{{VARIANTS}, "settings": 3}}', "settings must be a table"),
        (f'{{{VARIANTS}, "settings": {{"data_dir": "x"}}}}', "here: use --data-dir"),
        (f'{{{VARIANTS}, "settings": {{"early_stopping": 3}}}}', "the same number of epochs"),
        (f'{{{VARIANTS}, "comparisons": []}}', "comparisons must be a table"),
        (f'{{{VARIANTS}, "comparisons": {{"x": {{"members": "a"}}}}}}', "members must be a list"),
        (f'{{{VARIANTS}, "comparisons": {{"x": {{"title": 3}}}}}}', "title must be a text"),
        (f'{{{VARIANTS}, "comparisons": {{"../x": {{}}}}}}', "cannot be a file name"),
        (
            '{"variants": {"two": {}, "ten": {}}, "comparisons": {"x": {"members": ["tenn"]}}}',
            "comparison 'x': unknown variant 'tenn': did you mean 'ten'",
        ),
        (f'{{{VARIANTS}, "claims": [3]}}', "claim 1 must be a table"),
        (f'{{{VARIANTS}, "claims": [{{"text": "x"}}]}}', "claim 1: 'below' is missing"),
        (f'{{{VARIANTS}, "claims": [{{"text": "x", "below": []}}]}}', "at least one pair"),
        (
            f'{{{VARIANTS}, "claims": [{{"text": "x", "below": ["a", "b"]}}]}}',
            "claim 1: below must contain pairs",
        ),
        (f'{{{VARIANTS}, "claims": [{{"txt": "x"}}]}}', "claim 1: .*did you mean 'text'"),
        (
            f'{{{VARIANTS}, "claims": [{{"text": "x", "below": [["a", "c:loss"]]}}]}}',
            "claim 1: unknown variant 'c'",
        ),
        (
            f'{{{VARIANTS}, "claims": [{{"text": "x", "below": [["a", "b"]], "epoch": -1}}]}}',
            "claim 1: epoch must be at least 0, received -1",
        ),
        *(
            (f'{{{VARIANTS}, "rule": {{{entries}}}}}', f"rule: .*{message}")
            for entries, message in [
                ('"margin": 0.3', "'looks' is missing"),
                ('"looks": 3', "looks must be a list"),
                ('"looks": []', "looks must be increasing numbers of at least 2"),
                ('"looks": [1, 4]', "looks must be increasing"),
                ('"looks": [4, 3]', "looks must be increasing"),
                ('"looks": [4, 4]', "looks must be increasing"),
                ('"looks": ["3"]', "looks must be a whole number"),
                ('"looks": [3], "margin": -1', "margin must be at least 0, received -1"),
                ('"look": [3]', "did you mean 'looks'"),
            ]
        ),
        *(
            (f'{{{VARIANTS}, "published": {{"dataset": "digits", {entries}}}}}', message)
            for entries, message in [
                ('"losses": {}', "published: 'tolerance' is missing"),
                ('"losses": {}, "tolerance": 0', "tolerance must be above 0"),
                ('"losses": {}, "tolerance": NaN', "tolerance must be a number"),
                ('"losses": {"c": {}}, "tolerance": 1', "unknown variant 'c'"),
                ('"losses": {"a": {"0": 1}}, "tolerance": 1', "'0' is not an epoch"),
                ('"losses": {"a": {"5": "1"}}, "tolerance": 1', "losses.a.5 must be a number"),
                ('"losses": {"a": 5}, "tolerance": 1', "losses.a must be a table"),
                ('"losses": {}, "tolerance": 1, "train_losses": 5', "train_losses must be a table"),
                (
                    '"losses": {}, "tolerance": 1, "train_losses": {"c": {}}',
                    "unknown variant 'c'",
                ),
                (
                    '"losses": {}, "tolerance": 1, "train_losses": {"a": {"5": "1"}}',
                    "train_losses.a.5 must be a number",
                ),
            ]
        ),
        (
            f'{{{VARIANTS}, "published": {{"dataset": "minst", "losses": {{}}, "tolerance": 1}}}}',
            "did you mean 'mnist'",
        ),
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
    for variant, changes in find_study("gelu").variants.items():
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
    for variant in weights:
        assert orders[variant] == orders["leaky_relu"]
        np.testing.assert_array_equal(noises[variant], noises["leaky_relu"])
        shared = [path for path in reference if path in weights[variant]]
        assert len(shared) == len(reference)
        for path in shared:
            np.testing.assert_array_equal(weights[variant][path], reference[path])
    assert len(np.unique(noises["gelu"], axis=0)) == 6
