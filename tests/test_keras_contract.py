"""What works as in Keras: a test for each row of the compatibility table in docs/keras.md.

`test_backends.py` runs this file with JAX and PyTorch too.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

import vae_keras
import vae_keras.plots
from vae_keras import VAE, Autoencoder, InputError, build_model
from vae_keras.backend.precision import dtype_policy
from vae_keras.likelihood import implied_variance

SHAPE = (8, 8, 1)
BACKEND = keras.backend.backend()
on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="about TensorFlow functions")
several_steps = pytest.mark.skipif(BACKEND == "torch", reason="Keras forbids it with PyTorch")
# JAX computes in float64 only where JAX_ENABLE_X64 is set before it starts.
with_float64 = pytest.mark.skipif(BACKEND == "jax", reason="JAX has no float64 by default")


@pytest.fixture(params=["vae", "autoencoder"])
def model(request, tiny_config):
    kl_weight = None if request.param == "autoencoder" else 1.0
    return build_model(tiny_config.replace(model=request.param, kl_weight=kl_weight), SHAPE)


@pytest.fixture
def vae(tiny_config):
    return build_model(tiny_config, SHAPE)


def array(tensor):
    return keras.ops.convert_to_numpy(keras.ops.stop_gradient(tensor))


def dtype_of(tensor):
    return keras.backend.standardize_dtype(tensor.dtype)


def fit(model, *arguments, **options):
    model.reset_noise(0)
    return model.fit(*arguments, shuffle=False, verbose=0, **options).history


def networks(**options):
    encoder = vae_keras.build_encoder(SHAPE, (4, 4), (2, 2), seed=0, **options)
    decoder = vae_keras.build_decoder(SHAPE, (4,), (2, 2), first_filters=4, seed=0, **options)
    return encoder, decoder


def own_networks(outputs, regularizer=None):
    """An encoder that returns what `outputs` makes of three dense layers, and a decoder."""
    images = keras.Input(SHAPE)
    flat = keras.layers.Flatten()(images)
    heads = [
        keras.layers.Dense(2, kernel_regularizer=regularizer, name=name)(flat)
        for name in ("mean", "log_var", "z")
    ]
    z = keras.Input((2,))
    rebuilt = keras.layers.Reshape(SHAPE)(keras.layers.Dense(64, "sigmoid")(z))
    return keras.Model(images, outputs(heads)), keras.Model(z, rebuilt)


def test_y_is_the_target_and_without_it_the_images_are(model, images):
    weights = model.get_weights()
    losses = {}
    for name, target in (("none", None), ("same", images), ("zeros", 0 * images)):
        model.set_weights(weights)
        losses[name] = model.evaluate(images, target, return_dict=True, verbose=0)
    assert losses["zeros"]["reconstruction_loss"] > 1.5 * losses["same"]["reconstruction_loss"]
    assert losses["same"]["reconstruction_loss"] == pytest.approx(
        losses["none"]["reconstruction_loss"], rel=0.05
    )
    history = fit(model, images, 0 * images, epochs=5)
    assert history["reconstruction_loss"][-1] < 0.7 * history["reconstruction_loss"][0]


def test_a_target_of_another_shape_is_refused(model, images):
    with pytest.raises(InputError, match="the target must be images of"):
        model.fit(images, np.zeros(len(images)), verbose=0)


def test_sample_weights_count_in_loss_and_metrics(model, images):
    half = np.repeat([1.0, 0.0], len(images) // 2).astype("float32")
    model.reset_noise(0)
    weighted = model.test_on_batch(images, sample_weight=half, return_dict=True)
    model.reset_noise(0)
    outputs = model(images)
    terms = model.loss_terms(images, outputs)
    expected = np.mean(array(terms["reconstruction_loss"].value)[: len(images) // 2])
    assert float(weighted["reconstruction_loss"]) == pytest.approx(float(expected), rel=1e-5)
    assert float(weighted["loss"]) < 0.7 * float(np.mean(loss_of(terms)))  # half of the images


def loss_of(terms):
    """The loss of each image."""
    return sum(array(term.value) * float(term.weight) for term in terms.values())


@pytest.mark.parametrize("target", [False, True])
def test_images_of_weight_zero_change_nothing(model, images, target):
    weights = model.get_weights()
    model.compile(keras.optimizers.SGD(0.01))
    zeros = np.zeros(len(images), "float32")
    options = {"y": images} if target else {}
    history = model.fit(images, sample_weight=zeros, batch_size=70, verbose=0, **options).history
    assert history["loss"] == [0.0]
    for before, after in zip(weights, model.get_weights()):
        np.testing.assert_array_equal(before, after)
    assert model.evaluate(images, sample_weight=zeros, verbose=0, return_dict=True)["loss"] == 0


def test_noise_of_networks_inside_networks_is_reset(images):
    x = keras.Input(images.shape[1:])
    inner = keras.Sequential([x, keras.layers.Dropout(0.5, seed=1), keras.layers.Flatten()])
    heads = [keras.layers.Dense(2)(inner(x)) for _ in range(2)]
    z = keras.Input((2,))
    pixels = keras.layers.Dense(images[0].size, "sigmoid")(z)
    decoder = keras.Model(z, keras.layers.Reshape(images.shape[1:])(pixels))
    model = VAE(keras.Model(x, heads), decoder, seed=0)
    found = []
    for _ in range(2):
        model.reset_noise("again")
        found.append(array(model(images, training=True)["mean"]))
    np.testing.assert_array_equal(*found)


@on_tensorflow
def test_the_step_is_traced_once(model, images, monkeypatch):
    traced, step = [], Autoencoder.train_step
    monkeypatch.setattr(
        Autoencoder, "train_step", lambda model, data: traced.append(data) or step(model, data)
    )
    model.fit(images, verbose=0)
    assert len(traced) == 1


class Regularized(VAE):
    """Has a layer that gets its weights in the first step, and a term of the loss from it."""

    term_names = (*VAE.term_names, "head_loss")

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.head = keras.layers.Dense(1, kernel_initializer="ones")

    def loss_terms(self, images, outputs):
        terms = super().loss_terms(images, outputs)
        value = keras.ops.squeeze(self.head(outputs["z"]) ** 2, -1)
        return {**terms, "head_loss": terms["kl_loss"]._replace(value=value)}


@on_tensorflow
def test_a_layer_of_a_new_model_may_get_its_weights_in_the_first_step(images):
    model = Regularized(*networks())
    model.compile("adam")
    model.fit(images, verbose=0)
    assert np.all(array(model.head.kernel) != 1)


@on_tensorflow
def test_a_model_with_its_own_step_needs_no_optimizer(images):
    class Untrained(VAE):
        def train_step(self, data):
            return self.test_step(data)

    model = Untrained(*networks())
    model.compile(None)
    assert model.fit(images, verbose=0).history["loss"][0] > 0


def test_a_summary_takes_the_arguments_of_keras(model, capsys):
    lines = []
    model.summary(60, None, lines.append)
    assert "Total parameters" in lines[-1] and capsys.readouterr().out == ""
    assert max(map(len, lines[0].splitlines())) <= 60


def test_a_model_without_trainable_weights_is_refused(model, images):
    model.encoder.trainable = model.decoder.trainable = False
    with pytest.raises(InputError, match="there is nothing to train"):
        model.fit(images, verbose=0)


def test_a_generator_trains_and_an_empty_one_is_refused(model, images):
    batches = ((images[start : start + 10],) for start in (0, 10, 20))
    history = model.fit(batches, steps_per_epoch=3, verbose=0).history
    assert len(history["loss"]) == 1
    with pytest.raises(InputError, match="there are no batches"):
        model.fit(iter([]), verbose=0)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="Keras reads a batch more to build the model")
def test_a_dataset_is_read_once_for_each_epoch(model, images):
    read = []

    def batches():
        for start in range(0, 40, 10):
            read.append(start)
            yield images[start : start + 10]

    signature = tf.TensorSpec((None, *images.shape[1:]), tf.float32)
    data = tf.data.Dataset.from_generator(batches, output_signature=signature)
    model.fit(data, validation_data=data, epochs=2, verbose=0)
    assert len(read) == 4 * 4


def test_a_loss_is_refused_and_metrics_are_of_the_reconstruction(model, images):
    with pytest.raises(InputError, match="compile takes no loss here"):
        model.compile("adam", loss="mae")
    model.compile("adam", metrics=["mae"])
    model.reset_noise(0)
    found = model.evaluate(images, return_dict=True, verbose=0, batch_size=70)
    model.reset_noise(0)
    expected = np.mean(np.abs(images - array(model(images)["reconstruction"])))
    assert found["mae"] == pytest.approx(expected, rel=1e-5)
    assert set(found) == {"loss", "mae", *model.term_names}


def test_regularizers_count(images):
    encoder, decoder = own_networks(lambda heads: heads[:2], keras.regularizers.L2(10.0))
    model = VAE(encoder, decoder, seed=0)
    model.compile("adam")
    found = model.evaluate(images, return_dict=True, verbose=0)
    terms = found["reconstruction_loss"] + found["kl_loss"]
    assert found["loss"] - terms == pytest.approx(float(sum(model.losses)), rel=1e-4)
    assert sum(model.losses) > 1
    history = fit(model, images, epochs=3)
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("kind", ["loss_scale", "accumulation", "ema", "clipnorm"])
def test_optimizers_train_as_in_keras_own_step(vae, images, kind):
    def optimizer():
        if kind == "loss_scale":
            inner = keras.optimizers.SGD(1e-4)
            return keras.optimizers.LossScaleOptimizer(inner, initial_scale=1024.0)
        options = {
            "accumulation": {"gradient_accumulation_steps": 2},
            "ema": {"use_ema": True},
            "clipnorm": {"clipnorm": 1.0},
        }[kind]
        return keras.optimizers.SGD(1e-4, **options)

    start = vae.get_weights()
    results = []
    for own_step in (True, False):
        vae.set_weights(start)
        vae.compile(optimizer())
        step = type(vae).train_step if own_step else keras.Model.train_step
        vae.train_step = step.__get__(vae)
        fit(vae, images[:64], batch_size=32, epochs=2)
        results.append(vae.get_weights())
    for own, keras_own, first in zip(*results, start):
        np.testing.assert_allclose(own, keras_own, atol=1e-6)
        assert np.abs(own - first).max() > 0


@pytest.mark.parametrize("steps", [1, pytest.param(3, marks=several_steps)])
def test_the_weights_of_the_loss_can_change_while_training_goes_on(vae, images, steps):
    class Anneal(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.kl_weight = 10.0 * epoch

    vae.compile("adam", steps_per_execution=steps)
    history = fit(vae, images, epochs=3, callbacks=[Anneal()])
    for epoch in range(3):
        difference = history["loss"][epoch] - history["reconstruction_loss"][epoch]
        used = difference / history["kl_loss"][epoch]
        assert used == pytest.approx(10 * epoch, rel=1e-3, abs=1e-3)
    assert vae.get_config()["kl_weight"] == vae.kl_weight == 20


@pytest.mark.parametrize("value", ["a", -1.0, float("nan"), None, True])
def test_a_weight_of_the_loss_is_checked(vae, value):
    with pytest.raises(InputError, match="kl_weight must be a number, at least 0"):
        vae.kl_weight = value
    with pytest.raises(InputError, match="reconstruction_weight must be a number, positive"):
        VAE(vae.encoder, vae.decoder, reconstruction_weight=value)


def test_a_changed_weight_is_saved_and_loaded(vae, tmp_path):
    vae.kl_weight = 7.5
    vae.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").kl_weight == 7.5


@pytest.mark.parametrize(
    "policy", ["mixed_bfloat16", "mixed_float16", pytest.param("float64", marks=with_float64)]
)
def test_dtype_policies_train_with_precise_losses(images, policy):
    with dtype_policy(policy):
        model = VAE(*networks(activation="gelu"), seed=0)
        model.compile(keras.optimizers.Adam(0.01))
    history = fit(model, images, epochs=3)
    assert history["loss"][-1] < history["loss"][0]
    precise = "float64" if policy == "float64" else "float32"
    outputs = model(images)
    for name in ("mean", "log_var", "z"):
        assert dtype_of(outputs[name]) == precise, name
    terms = model.loss_terms(images, outputs)
    assert {dtype_of(term.value) for term in terms.values()} == {precise}


def test_weights_of_16_bits_are_refused():
    with dtype_policy("float16"), pytest.raises(InputError, match="mixed_float16"):
        VAE(*networks())


def test_settings_decide_the_precision_and_no_global_policy_does(tiny_config, images):
    with dtype_policy("float64"):
        plain = build_model(tiny_config, SHAPE)
        half = build_model(tiny_config.replace(precision="bfloat16"), SHAPE)
    assert dtype_of(plain(images)["reconstruction"]) == "float32"
    assert half.encoder.get_layer("encoder_conv_0").compute_dtype == "bfloat16"
    assert {weight.dtype for weight in half.weights} == {"float32"}


@pytest.fixture
def keras_globals():
    """Restores what a test sets for the whole process."""
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    layout = keras.config.image_data_format()
    yield keras.config
    keras.config.set_image_data_format(layout)
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


def test_the_global_image_data_format_changes_nothing(keras_globals, images, tmp_path):
    expected = networks()
    keras_globals.set_image_data_format("channels_first")
    found = networks()
    for before, after in zip(expected, found):
        assert after.get_config() == before.get_config()
        for ours, theirs in zip(after.get_weights(), before.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    model, before = VAE(*found, seed=0), VAE(*expected, seed=0)
    np.testing.assert_array_equal(model.reconstruct(images), before.reconstruct(images))
    model.compile(keras.optimizers.Adam(0.01))
    history = fit(model, images, epochs=5)
    assert history["loss"][-1] < history["loss"][0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.reconstruct(images), model.reconstruct(images))


@pytest.mark.parametrize("policy_follows", [True, False])
@pytest.mark.parametrize("floatx", [pytest.param("float64", marks=with_float64), "float16"])
def test_floatx_decides_only_where_no_policy_is_set(keras_globals, images, floatx, policy_follows):
    keras_globals.set_floatx(floatx)
    # Keras derives the policy from floatx when it first needs one, and keeps it from then on.
    keras_globals.set_dtype_policy(floatx if policy_follows else "float32")
    if policy_follows and floatx == "float16":
        with pytest.raises(InputError, match="mixed_float16"):
            VAE(*networks())
        return
    dtype = floatx if policy_follows else "float32"
    encoder, decoder = networks(activation="gelu")
    assert {str(tensor.dtype) for tensor in (*encoder.inputs, *decoder.inputs)} == {dtype}
    assert {weight.dtype for weight in (*encoder.weights, *decoder.weights)} == {dtype}
    model = VAE(encoder, decoder, seed=0)
    model.compile(keras.optimizers.Adam(0.01))
    history = fit(model, images, epochs=5)
    assert history["loss"][-1] < history["loss"][0]
    outputs = model(images)
    assert {str(keras.backend.standardize_dtype(each.dtype)) for each in outputs.values()} == {
        dtype
    }
    for term in model.loss_terms(images.astype(floatx), outputs).values():
        assert keras.backend.standardize_dtype(term.value.dtype) == dtype


def test_float64_images_have_the_losses_of_float32_images(vae, images):
    losses = []
    for dtype in ("float32", "float64"):
        batches = tf.data.Dataset.from_tensor_slices(images.astype(dtype)).batch(8)
        vae.reset_noise(0)
        losses.append(vae.evaluate(batches, verbose=0))
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


@pytest.mark.slow
@on_tensorflow
def test_functions_run_eagerly_have_the_same_losses(tiny_config, images):
    def measure():
        model = build_model(tiny_config.replace(activation="gelu"), SHAPE)
        history = fit(model, images, epochs=2)
        model.reset_noise(1)
        losses = model.evaluate(images, return_dict=True, verbose=0)
        model.reset_noise(2)
        predicted = model.predict(images, verbose=0)
        return history, losses, predicted, model.encode(images), model.reconstruct(images)

    expected = measure()
    tf.config.run_functions_eagerly(True)
    try:
        found = measure()
    finally:
        tf.config.run_functions_eagerly(False)
    keras.tree.assert_same_structure(found, expected)
    for ours, theirs in zip(keras.tree.flatten(found), keras.tree.flatten(expected)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


class Swish(keras.layers.Layer):
    """A layer of a user, whose slope it learns."""

    def build(self, shape):
        self.slope = self.add_weight(shape=(), initializer="ones")

    def call(self, x):
        return x * keras.ops.sigmoid(self.slope * x)


@pytest.mark.parametrize(
    "activation",
    ["hard_swish", keras.activations.gelu, keras.layers.PReLU(), keras.layers.LeakyReLU, Swish],
    ids=["name", "function", "layer", "class", "own class"],
)
def test_other_activations_train_and_are_saved(images, tmp_path, activation):
    model = VAE(*networks(activation=activation), seed=0)
    model.compile(keras.optimizers.Adam(0.01))
    history = fit(model, images, epochs=3)
    assert history["loss"][-1] < history["loss"][0]
    model.save(tmp_path / "model.keras")
    with keras.saving.custom_object_scope({"Swish": Swish}):
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.reconstruct(images), model.reconstruct(images))
    kinds = [[type(layer) for layer in each.encoder.layers] for each in (loaded, model)]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("how", ["environment", "keras.json"])
def test_another_backend_is_refused_before_anything_is_written(
    tmp_path, monkeypatch, how, tiny_config
):
    if how == "environment":
        monkeypatch.setenv("KERAS_BACKEND", "torch")
    else:
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    before = list(tmp_path.iterdir())
    with pytest.raises(InputError, match="KERAS_BACKEND=tensorflow"):
        vae_keras.train(tiny_config, tmp_path / "run")
    assert list(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "content, message",
    [
        ("[1]", "keras.json is damaged: it must be a JSON object"),
        ('{"floatx": "float8"}', "keras.json: floatx must be one of float32, .*received 'float8'"),
        ('{"image_data_format": 5}', "image_data_format must be one of channels_last"),
        (None, "keras.json is a folder"),
    ],
)
def test_a_configuration_that_keras_cannot_use_is_one_line(
    tmp_path, monkeypatch, content, message, tiny_config
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    path = tmp_path / "keras.json"
    if content is None:
        path.mkdir()
    else:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        vae_keras.train(tiny_config, tmp_path / "run")


def test_uint8_images_are_divided_by_255(model, images):
    as_uint8 = np.round(255 * images).astype(np.uint8)
    as_float = as_uint8 / np.float32(255)
    for name, values in model.encode(as_float).items():
        np.testing.assert_allclose(values, model.encode(as_uint8)[name], atol=1e-6)
    assert fit(model, as_uint8)["loss"][0] < 2000


@pytest.mark.parametrize(
    "method", ["evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch"]
)
def test_no_method_takes_floats_out_of_range(model, images, method):
    with pytest.raises(InputError, match=r"must lie in \[0, 1\]"):
        getattr(model, method)(255 * images)


@pytest.mark.parametrize("source", ["array", "dataset", "tuples", "generator", "sequence"])
def test_floats_out_of_range_are_one_error(model, images, source):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return (255 * images,)

    data = {
        "array": lambda: 255 * images,
        "dataset": lambda: tf.data.Dataset.from_tensor_slices(255 * images).batch(8),
        "tuples": lambda: tf.data.Dataset.from_tensors((255 * images, images)),
        "generator": lambda: iter([(255 * images,)]),
        "sequence": Batches,
    }[source]()
    with pytest.raises(InputError, match=r"must lie in \[0, 1\], received values from .* to 25"):
        model.fit(data, verbose=0)
    with pytest.raises(InputError, match=r"must lie in \[0, 1\]"):
        model.encode(255 * images)


def test_batches_that_are_not_images_are_refused(model, images):
    batches = tf.data.Dataset.from_tensor_slices({"images": images}).batch(8)
    with pytest.raises(InputError, match="batches must be images"):
        model.fit(batches, verbose=0)


@on_tensorflow
@pytest.mark.parametrize("when", ["fit", "predict", "load"])
def test_export_has_the_named_signatures(vae, images, tmp_path, when):
    if when == "fit":
        vae.fit(images, verbose=0)
    elif when == "predict":
        vae.predict(images, verbose=0)
    else:
        vae.save(tmp_path / "model.keras")
        vae = keras.saving.load_model(tmp_path / "model.keras")
    vae.export(tmp_path / "exported")
    signatures = tf.saved_model.load(str(tmp_path / "exported")).signatures
    assert {"encode", "decode", "reconstruct", "generate"} <= set(signatures)
    rebuilt = signatures["reconstruct"](images=tf.constant(images))["images"]
    np.testing.assert_allclose(rebuilt, vae.reconstruct(images), atol=1e-5)


@pytest.mark.skipif(BACKEND == "tensorflow", reason="TensorFlow exports; others refuse")
def test_export_needs_tensorflow(vae, tmp_path):
    with pytest.raises(InputError, match="export to saved_model needs"):
        vae.export(tmp_path / "exported")
    assert not list(tmp_path.iterdir())


def test_quantize_and_hdf5_are_refused(model, tmp_path):
    with pytest.raises(InputError, match="cannot be quantized"):
        model.quantize("int8")
    with pytest.raises(InputError, match="save as .keras"):
        model.save(tmp_path / "model.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "outputs",
    [lambda heads: heads[:2], lambda heads: tuple(heads), lambda heads: dict(zip("abc", heads))],
    ids=["list", "three", "other names"],
)
def test_encoders_that_return_lists_are_accepted(images, outputs):
    encoder, decoder = own_networks(outputs)
    if isinstance(encoder.output, dict):
        with pytest.raises(InputError, match="must return mean, log_var"):
            VAE(encoder, decoder)
        return
    model = VAE(encoder, decoder, seed=0)
    mean, log_var = map(array, encoder(images)[:2])
    np.testing.assert_array_equal(model.encode(images)["mean"], mean)
    np.testing.assert_array_equal(model.encode(images)["log_var"], log_var)


def test_a_plain_autoencoder_takes_the_only_output_as_z(images):
    encoder, decoder = own_networks(lambda heads: heads[0])
    model = Autoencoder(encoder, decoder)
    np.testing.assert_array_equal(model.encode(images)["z"], array(encoder(images)))


def test_networks_that_do_not_fit_are_refused_at_once():
    encoder, _ = own_networks(lambda heads: heads[:2])
    z = keras.Input((3,))
    three = keras.Model(z, keras.layers.Reshape(SHAPE)(keras.layers.Dense(64)(z)))
    with pytest.raises(InputError, match=r"the decoder takes \(batch, 3\)"):
        VAE(encoder, three)
    wide = keras.Input((2,))
    other = keras.Model(wide, keras.layers.Reshape((4, 16, 1))(keras.layers.Dense(64)(wide)))
    with pytest.raises(InputError, match="the decoder returns"):
        VAE(encoder, other)


def test_the_networks_of_the_book_need_no_arguments():
    encoder = vae_keras.build_encoder((28, 28, 1))
    decoder = vae_keras.build_decoder((28, 28, 1))
    model = VAE(encoder, decoder)
    assert model.count_params() == 207_237
    assert implied_variance(model.reconstruction_weight, 784) == pytest.approx(0.392)


def test_methods_work_in_batches_and_agree_with_all_at_once(vae, images):
    np.testing.assert_allclose(
        vae.reconstruct(images, batch_size=16), vae.reconstruct(images), atol=1e-6
    )
    first = vae.generate(40, seed=3, batch_size=16)
    np.testing.assert_allclose(first, vae.generate(40, seed=3), atol=1e-6)


@pytest.mark.parametrize(
    "convert",
    [lambda n: n[:, None], list, lambda n: n == 1],
    ids=["column", "list", "bool"],
)
def test_labels_of_many_kinds_become_numbers(tiny_data, convert):
    data = vae_keras.ImageData(
        "own",
        tiny_data.train_images,
        tiny_data.test_images,
        convert(tiny_data.train_labels),
        convert(tiny_data.test_labels),
    )
    assert data.train_labels.shape == (70,)
    assert data.train_labels.dtype.kind == "i"


def test_one_hot_labels_are_refused(tiny_data):
    one_hot = np.eye(3, dtype=int)
    with pytest.raises(InputError, match="argmax"):
        vae_keras.ImageData(
            "own",
            tiny_data.train_images,
            tiny_data.test_images,
            one_hot[tiny_data.train_labels],
            one_hot[tiny_data.test_labels],
        )


def test_losses_are_plotted_from_what_fit_returns(vae, images):
    history = vae.fit(images, validation_data=(images,), epochs=2, verbose=0).history
    figure = vae_keras.plots.plot_losses(history)
    assert len(figure.axes) == 3
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), history["loss"])
    assert list(figure.axes[0].lines[1].get_xdata()) == [1, 2]
    returned = vae.fit(images, verbose=0)
    assert len(vae_keras.plots.plot_losses(returned).axes[0].lines) == 1
    assert len(vae_keras.plots.plot_loss_comparison({"a": returned}).axes[0].lines) == 1
