import numpy as np
import pytest
from conftest import IMAGE_SHAPE

from vae_keras.support.errors import InputError
from vae_keras.support.files import replacing
from vae_keras.training.build import build_model
from vae_keras.training.checkpoints import restore_checkpoint, save_checkpoint
from vae_keras.training.run import Run


@pytest.fixture
def model(tiny_config, images):
    model = build_model(tiny_config, IMAGE_SHAPE)
    model.fit(images, verbose=0)
    return model


def state(model):
    return [np.asarray(variable) for variable in (*model.weights, *model.optimizer.variables)]


def test_restoring_brings_back_weights_and_optimizer(model, tiny_config, images, tmp_path):
    save_checkpoint(model, tmp_path / "checkpoints", 3)
    other = build_model(tiny_config.replace(seed=9), IMAGE_SHAPE)
    assert restore_checkpoint(other, tmp_path / "checkpoints") == 3
    for expected, restored in zip(state(model), state(other), strict=True):
        np.testing.assert_array_equal(expected, restored)


def test_no_checkpoint_is_epoch_zero(model, tmp_path):
    assert restore_checkpoint(model, tmp_path) == 0


def test_only_the_last_two_are_kept(model, tmp_path):
    for epoch in range(1, 5):
        save_checkpoint(model, tmp_path, epoch)
    assert sorted(path.name[:11] for path in tmp_path.iterdir()) == ["epoch-00003", "epoch-00004"]


def truncate(content, random):
    return content[: random.integers(0, len(content) - 1)]


def flip_bits(content, random):
    damaged = bytearray(content)
    for position in random.integers(0, len(content), 20):
        damaged[position] ^= 1 << random.integers(0, 8)
    return bytes(damaged)


def zeros(content, random):
    return bytes(len(content))


@pytest.mark.parametrize("damage", [truncate, flip_bits, zeros])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(
    model, images, tmp_path, damage, caplog
):
    random = np.random.default_rng(0)
    save_checkpoint(model, tmp_path, 1)
    first = state(model)
    model.fit(images, verbose=0)
    save_checkpoint(model, tmp_path, 2)
    (latest,) = tmp_path.glob("epoch-00002-*.npz")
    whole = latest.read_bytes()
    for _ in range(20):
        latest.write_bytes(damage(whole, random))
        caplog.clear()
        assert restore_checkpoint(model, tmp_path) == 1
        assert len(caplog.messages) == 1 and f"{latest} is damaged" in caplog.messages[0]
        for expected, restored in zip(first, state(model), strict=True):
            np.testing.assert_array_equal(expected, restored)


def test_a_checkpoint_of_another_model_is_refused(model, tiny_config, tmp_path):
    save_checkpoint(model, tmp_path, 1)
    other = build_model(tiny_config.replace(latent_dim=3), IMAGE_SHAPE)
    with pytest.raises(InputError, match="does not belong to the model"):
        restore_checkpoint(other, tmp_path)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_replacing_leaves_the_old_one_when_the_block_fails(tmp_path, kind):
    path = tmp_path / "result"

    def write(target, text):
        if kind == "folder":
            target.mkdir()
            target /= "part"
        target.write_text(text)

    with replacing(path) as aside:
        write(aside, "old")
    with pytest.raises(RuntimeError), replacing(path) as aside:
        write(aside, "new")
        raise RuntimeError
    assert (path / "part" if kind == "folder" else path).read_text() == "old"
    with replacing(path) as aside:
        write(aside, "new")
    assert (path / "part" if kind == "folder" else path).read_text() == "new"
    assert [child.name for child in tmp_path.iterdir()] == ["result"]


def test_a_checkpoint_of_another_run_is_not_used(model, tmp_path, caplog):
    save_checkpoint(model, tmp_path, 1, identity="aa")
    save_checkpoint(model, tmp_path, 2, identity="bb")
    assert restore_checkpoint(model, tmp_path, identity="aa") == 1
    assert "belongs to a run with other settings or images; it is not used" in caplog.text
    assert restore_checkpoint(model, tmp_path) == 2  # without an identity, both fit
    with pytest.raises(InputError, match="belongs to a run with other settings"):
        restore_checkpoint(model, tmp_path, identity="cc")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_checkpoint_with_numbers_that_are_not_finite_is_damaged(model, tmp_path, value, caplog):
    save_checkpoint(model, tmp_path, 1)
    model.weights[0].assign(np.full(model.weights[0].shape, value))
    save_checkpoint(model, tmp_path, 2)
    assert restore_checkpoint(model, tmp_path) == 1
    assert "is damaged: it is not a checkpoint of epoch" in caplog.text


def test_the_identity_of_a_run_depends_on_what_determines_its_weights(
    tiny_config, tiny_data, tmp_path
):
    run = Run(tmp_path)
    run.write_config(tiny_config, tiny_data)
    identity = run.identity(tiny_config)
    moved = tiny_config.replace(epochs=99, data_dir="elsewhere", dataset="/other/images.npz")
    assert run.identity(moved) == identity
    for change in ({"seed": 1}, {"activation": "relu"}, {"latent_dim": 3}):
        assert run.identity(tiny_config.replace(**change)) != identity
    run.write_config(tiny_config, tiny_data.head(50))
    assert run.identity(tiny_config) != identity
