"""The explorer's page in a real browser, against the models that it shows."""

import base64
import io
import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from vae_keras import build_model, load_model, make_config
from vae_keras.activations import ACTIVATIONS
from vae_keras.data.batches import scale
from vae_keras.data.sources import load_data
from vae_keras.explorer import build_page, contents
from vae_keras.explorer import page as page_module
from vae_keras.explorer.network import count_multiplications, describe_network, encode_array
from vae_keras.latent.inference import decode_points, latent_points
from vae_keras.latent.space import latent_plane
from vae_keras.support.errors import InputError
from vae_keras.support.files import write_json
from vae_keras.training.run import Run

WEB = Path(page_module.__file__).parent / "web"
ROUNDING = 0.51 / 255  # of a pixel on a canvas
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


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

    def open_page(path, width=1280, **options):
        page = browser.new_page(viewport={"width": width, "height": 900}, **options)
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


@pytest.fixture(scope="module")
def scripts(browser):
    """An empty page with the scripts that run a network."""
    page = browser.new_page()
    for name in ("arrays.js", "network.js"):
        page.add_script_tag(content=(WEB / name).read_text(encoding="utf-8"))
    return page


def run_in_page(scripts, network, inputs):
    """What the page's network makes of some inputs, `(count, values)`."""
    outputs = scripts.evaluate(
        """([network, inputs]) => {
            const run = makeNetwork(network);
            return inputs.map((input) => [...run(Float32Array.from(input))]);
        }""",
        [network, np.reshape(inputs, (len(inputs), -1)).tolist()],
    )
    return np.array(outputs)


def scramble(model):
    """Weights as after a long training: no value is 0 or 1, and images have many greys."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        if weight.name == "kernel":
            values = random.normal(0, 2.5 / np.sqrt(weight.shape[0] * 9), weight.shape)
        elif weight.name in ("gamma", "moving_variance"):
            values = random.uniform(0.5, 1.5, weight.shape)
        else:
            values = random.normal(0, 0.3, weight.shape)
        if "seed" not in weight.path:
            weight.assign(values)
    return model


def check_networks(scripts, model):
    """Assert that the page's networks compute what the model's do."""
    random = np.random.default_rng(1)
    z = random.normal(size=(4, model.latent_dim)).astype(np.float32)
    images = np.asarray(model.decode(z))
    assert images.std() > 0.05
    decoded = run_in_page(scripts, describe_network(model.decoder), z)
    np.testing.assert_allclose(decoded, images.reshape(4, -1), atol=1e-2)
    means = np.asarray(model.encode(images)["mean"])
    encoded = run_in_page(scripts, describe_network(model.encoder, "mean"), images)
    np.testing.assert_allclose(encoded, means, atol=1e-2 * max(1, np.abs(means).max()))


@pytest.mark.parametrize(
    ("normalization", "position"),
    [("none", "after"), *itertools.product(("batch", "layer"), ("before", "after"))],
)
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_the_page_computes_what_the_model_does(
    scripts, tiny_config, activation, normalization, position
):
    config = tiny_config.replace(
        activation=activation,
        normalization=normalization,
        normalization_position=position,
        dropout=0.3,
        decoder_dense_activation=True,
    )
    check_networks(scripts, scramble(build_model(config, (8, 8, 1))))


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("strides", [(1, 2), (3, 1), (2, 3)])
def test_the_page_pads_as_the_model_does(scripts, tiny_config, kernel_size, strides):
    config = tiny_config.replace(
        kernel_size=kernel_size,
        encoder_strides=strides,
        decoder_strides=strides[::-1],
        decoder_output_layer="conv" if strides[0] == 1 else "conv_transpose",
        latent_dim=5,
    )
    check_networks(scripts, scramble(build_model(config, (12, 18, 3))))


def test_a_trained_decoder_runs_in_far_less_than_a_frame(scripts):
    model = load_model("saved_models/gelu-study/gelu/seed-0")
    check_networks(scripts, model)
    network = describe_network(model.decoder)
    assert 7e6 < count_multiplications(network) < 8e6
    milliseconds = scripts.evaluate(
        """(network) => {
            const run = makeNetwork(network);
            return Array.from({ length: 60 }, (_, i) => {
                const start = performance.now();
                run(Float32Array.of(i / 30 - 1, 0.5));
                return performance.now() - start;
            });
        }""",
        network,
    )
    print(f"median of 60: {np.median(milliseconds):.1f} ms per image")
    assert np.median(milliseconds) < 1000 / 30


def test_every_half_float_is_read(scripts):
    bits = np.arange(2**16, dtype=np.uint16)
    values = bits.view(np.float16)
    read = scripts.evaluate(
        "(array) => [...decodeArray(array)].map(String)", encode_array(values, "float16")
    )
    np.testing.assert_array_equal(
        np.float32([text.replace("Infinity", "inf") for text in read]), values
    )


def test_a_layer_that_the_page_does_not_know_is_refused():
    z = keras.Input((2,))
    softmax = keras.layers.Dense(3, activation="softmax", name="last")(z)
    for output, reason in (
        (softmax, "'last' has activation softmax"),
        (keras.layers.GroupNormalization(1, name="groups")(z), "'groups' is a GroupNormalization"),
        (keras.layers.Add(name="sum")([z, z]), "'sum' has several inputs"),
        (
            keras.layers.Conv2D(1, 1, name="bare")(keras.layers.Reshape((2, 1, 1))(z)),
            "'bare' has padding valid",
        ),
    ):
        with pytest.raises(
            InputError, match=f"layer {reason}, which the explorer's page cannot run"
        ):
            describe_network(keras.Model(z, output))


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


@pytest.fixture(scope="module")
def make_run(digits, tmp_path_factory):
    """Makes a run as training leaves it, with scrambled weights, in a moment."""

    def make_run(**settings):
        small = {"encoder_filters": (8, 8), "decoder_filters": (8,)}
        strides = {"encoder_strides": (2, 2), "decoder_strides": (2, 2)}
        config = make_config("digits", **{**small, **strides, **settings})
        run = Run(tmp_path_factory.mktemp("run"))
        run.write_config(config, digits)
        model = scramble(build_model(config, digits.image_shape))
        model.optimizer.build(model.trainable_variables)
        model.save(run.model_file)
        write_json(run.metrics_file, {"test": {"loss": 50.25, "kl_loss": 4.5, "elbo": -400.0}})
        return run

    return make_run


@pytest.fixture(scope="module")
def two_runs(make_run):
    runs = [make_run(activation=name) for name in ("leaky_relu", "gelu")]
    evaluation = {"loss": {"draws": {"loss": {"mean": 48.125}}}, "likelihood": {"elbo": -398.5}}
    write_json(runs[1].evaluation_file, evaluation)
    return runs


@pytest.fixture(scope="module")
def two_run_page(two_runs, tmp_path_factory):
    """What the command writes for two runs."""
    output = tmp_path_factory.mktemp("page") / "two runs.html"
    result = run_explore(*(run.directory for run in two_runs), "--output", output)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert f"written: {output}" in result.stdout
    assert "360 test images" in result.stdout
    return output


def run_explore(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "vae_keras.explore", *map(str, arguments)],
        capture_output=True,
        text=True,
    )


@pytest.fixture
def write_page(digits, tmp_path):
    def write_page(*runs, **options):
        path = tmp_path / "page.html"
        path.write_text(build_page(list(runs), digits, **options)[0], encoding="utf-8")
        return path

    return write_page


def read_contents(path):
    """The data that a page holds."""
    return json.loads(re.search(r'id="contents">(.*?)</script>', path.read_text(), re.S)[1])


def canvas_image(page, selector, index=0):
    """What a canvas shows, float `(height, width)` in [0, 1]."""
    uri = page.locator(selector).nth(index).evaluate("(canvas) => canvas.toDataURL()")
    with Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))) as image:
        return np.asarray(image)[..., 0] / 255


def move_to(page, limits, place, plane=0, click=False):
    """Moves the mouse to a place of a plane; returns the place that its pixel stands for."""
    box = page.locator(".plane").nth(plane).bounding_box()
    (left, right), (bottom, top) = limits["x"], limits["y"]
    x = box["x"] + (place[0] - left) / (right - left) * box["width"]
    y = box["y"] + (top - place[1]) / (top - bottom) * box["height"]
    page.mouse.move(float(x), float(y))
    if click:
        page.mouse.down()
        page.mouse.up()
    settle(page)
    return np.array(place)


def settle(page):
    """Waits until the page has drawn what it was told."""
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def test_the_page_is_small_and_says_what_it_shows(open_page, two_run_page):
    assert two_run_page.stat().st_size < page_module.PAGE_LIMIT == 5 * 2**20
    page = open_page(two_run_page)
    assert page.locator(".title").all_inner_texts() == ["digits-leaky_relu", "digits-gelu"]
    losses = page.locator(".losses").all_inner_texts()
    assert "50.25" in losses[0]
    assert "KL (nats)" in losses[0]
    assert "−400.00" in losses[0]
    assert "48.12" in losses[1]  # the evaluation's
    assert "−398.50" in losses[1]
    assert "360 test images" in page.locator("#summary").inner_text()
    policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert policy.startswith("default-src 'none'; img-src data: blob:;")  # no address at all


def test_the_pointer_decodes_in_both_runs_what_lies_below_it(open_page, two_run_page, two_runs):
    page, limits = open_page(two_run_page), read_contents(two_run_page)["limits"]
    models = [load_model(run.model_file) for run in two_runs]
    seen = []
    for plane, place in ((0, (0.5, -1.25)), (1, (-1.0, 0.75)), (1, (2.0, 2.0))):
        place = move_to(page, limits, place, plane)
        for index, model in enumerate(models):
            expected = np.asarray(model.decode(np.float32([place])))[0, ..., 0]
            seen.append(canvas_image(page, ".decoded", index))
            np.testing.assert_allclose(seen[-1], expected, atol=1e-2 + ROUNDING)
        x, y = (f"{value:.2f}".replace("-", "−") for value in place)
        assert page.locator(".place").all_inner_texts() == [f"z₁\u00a0{x}, z₂\u00a0{y}"] * 2
    assert all(np.abs(a - b).max() > 0.1 for a, b in zip(seen, seen[2:]))


def test_the_nearest_test_image_is_shown_and_rebuilt(open_page, two_run_page, two_runs, digits):
    page, limits = open_page(two_run_page), read_contents(two_run_page)["limits"]
    models = [load_model(run.model_file) for run in two_runs]
    points = latent_points(models[1], digits.test_images)
    inside = np.flatnonzero(np.all(np.abs(points) < limits["x"][1] / 2, axis=1))
    # One with no other nearby, so that rounding to a pixel does no harm.
    alone = [np.sort(np.sum((points - points[i]) ** 2, axis=1))[1] for i in inside]
    chosen = inside[np.argmax(alone)]
    move_to(page, limits, points[chosen], plane=1)
    image = digits.test_images[[chosen]]
    for index, model in enumerate(models):  # linked: both show the same image
        np.testing.assert_allclose(canvas_image(page, ".original", index), scale(image)[0, ..., 0])
        rebuilt = np.asarray(model.reconstruct(scale(image)))[0, ..., 0]
        np.testing.assert_allclose(
            canvas_image(page, ".rebuilt", index), rebuilt, atol=1e-2 + ROUNDING
        )
    label = digits.class_names[digits.test_labels[chosen]]
    assert page.locator(".name").all_inner_texts() == [f"original: {label}"] * 2


def test_the_legend_hides_classes(open_page, two_run_page):
    page, limits = open_page(two_run_page), read_contents(two_run_page)["limits"]
    buttons = page.locator("#legend button")
    assert buttons.all_inner_texts() == list("0123456789")
    move_to(page, limits, (0, 0))
    before = canvas_image(page, ".plane")
    label = int(page.locator(".name").first.inner_text()[-1])
    buttons.nth(label).click()
    assert buttons.nth(label).get_attribute("aria-pressed") == "false"
    settle(page)
    assert np.any(canvas_image(page, ".plane") != before)
    assert int(page.locator(".name").first.inner_text()[-1]) != label
    buttons.nth(label).click()
    settle(page)
    np.testing.assert_array_equal(canvas_image(page, ".plane"), before)
    for button in buttons.all():
        button.click()
    settle(page)
    assert page.locator(".name").first.inner_text() == "no class is shown"


def test_keys_move_mark_a_path_and_are_announced(open_page, two_run_page, two_runs):
    page, limits = open_page(two_run_page), read_contents(two_run_page)["limits"]
    step = (limits["x"][1] - limits["x"][0]) / 50
    middle = np.array([np.mean(limits["x"]), np.mean(limits["y"])])
    announcement = page.locator("#announcement")
    page.locator(".plane").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    x, y = middle + np.array([step, 5 * step])
    where = f"z₁\u00a0{x:.2f}, z₂\u00a0{y:.2f}".replace("-", "−")
    assert announcement.inner_text().startswith(f"{where}; nearest test image, original: ")
    page.keyboard.press("Enter")
    assert announcement.inner_text() == f"End of the path: {where}"
    settle(page)
    start, end = (
        load_model(two_runs[1].model_file).decode(np.float32([place]))[0, ..., 0]
        for place in (middle, (x, y))
    )
    strip = canvas_image(page, ".strip", 1)
    np.testing.assert_allclose(strip[:, :28], start, atol=1e-2 + ROUNDING)
    np.testing.assert_allclose(strip[:, -28:], end, atol=1e-2 + ROUNDING)
    assert page.locator("#path-play").inner_text() == "Pause"
    moving = canvas_image(page, ".moving", 1)
    page.wait_for_timeout(300)
    assert np.any(canvas_image(page, ".moving", 1) != moving)
    page.locator("#path-play").click()
    assert page.locator("#path-play").inner_text() == "Play"
    with page.expect_download() as download:
        page.locator("#path-save").click()
    with Image.open(download.value.path()) as image:
        assert image.format == "PNG"
        assert image.size == (9 * 112, 2 * 112)
    page.locator(".plane").first.focus()
    page.keyboard.press("Escape")
    assert page.locator(".strip").first.is_hidden()
    assert page.locator("#path-save").is_disabled()


def test_two_clicks_make_a_path(open_page, two_run_page):
    page = open_page(two_run_page, reduced_motion="reduce")
    limits = read_contents(two_run_page)["limits"]
    move_to(page, limits, (-1, 0), click=True)
    assert page.locator(".strip").first.is_hidden()
    move_to(page, limits, (1, 1), plane=1, click=True)
    assert page.locator(".strip").first.is_visible()
    assert page.locator("#path-play").inner_text() == "Play"  # nothing moves unasked


def draw(page, points):
    canvas = page.locator("#drawing")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()
    settle(page)


def test_a_drawing_is_scaled_placed_and_rebuilt(open_page, two_run_page, two_runs):
    page = open_page(two_run_page)
    before = canvas_image(page, ".plane")
    images = []
    for size in (0.15, 0.6):  # small or large, it is scaled
        draw(page, [(0.2 + size * x, 0.25 + size * y) for x, y in ((0, 0), (1, 0), (0.4, 1))])
        images.append(canvas_image(page, "#drawing-seen"))
        for index, run in enumerate(two_runs):
            model = load_model(run.model_file)
            seen = np.float32(images[-1])[None, ..., None]
            rebuilt = np.asarray(model.reconstruct(seen))[0, ..., 0]
            found = canvas_image(page, ".drawing-rebuilt", index)
            np.testing.assert_allclose(found, rebuilt, atol=1e-2 + ROUNDING)
            caption = page.locator("#drawing-results figcaption").nth(index + 1).inner_text()
            numbers = [
                float(text.replace("−", "-")) for text in re.findall(r"[−\d.]+\d(?=,|$)", caption)
            ]
            np.testing.assert_allclose(
                numbers, np.asarray(model.encode(seen)["mean"])[0], atol=0.03
            )
        assert np.any(canvas_image(page, ".plane") != before)
        page.locator("#drawing-clear").click()
        settle(page)
        np.testing.assert_array_equal(canvas_image(page, ".plane"), before)
    np.testing.assert_allclose(*images, atol=0.1)


def test_a_drawing_lies_as_the_test_images_do(open_page, two_run_page):
    page = open_page(two_run_page)
    stroke = [(0.1, 0.1), (0.3, 0.1), (0.1, 0.12), (0.3, 0.14), (0.28, 0.2)]
    for side, center, expected in ((20, (14, 14), (14, 14)), (28, (20, 14), (None, 14))):
        drawing = page.evaluate(
            "([stroke, frame]) => [...drawingToImage([stroke], [28, 28, 1], frame)]",
            [stroke, {"side": side, "center": center}],
        )
        drawing = np.reshape(drawing, (28, 28))
        inked = [np.flatnonzero(drawing.max(axis=axis) > 0.3) for axis in (0, 1)]
        assert max(np.ptp(line) + 1 for line in inked) == pytest.approx(side, abs=1)
        for axis, value in enumerate(expected):
            mass = drawing.sum(axis=axis) / drawing.sum()
            if value is not None:  # what is as wide as the image cannot be shifted
                assert mass @ (np.arange(28) + 0.5) == pytest.approx(value, abs=0.3)


def test_all_losses_of_a_run_are_listed(tmp_path):
    run = Run(tmp_path)
    losses = {"loss": 50.25, "kl_loss": 4.5, "sparsity_loss": -1.0, "elbo": -400.0}
    write_json(run.metrics_file, {"test": losses})
    assert contents.describe_losses(run) == [
        ("test loss", "50.25"),
        ("KL (nats)", "4.50"),
        ("sparsity", "−1.00"),
        ("ELBO (nats/image)", "−400.00"),
    ]
    draws = {name: {"mean": value + 1} for name, value in losses.items() if name != "elbo"}
    write_json(run.evaluation_file, {"loss": {"draws": draws}, "likelihood": {"elbo": -399.0}})
    assert [value for _, value in contents.describe_losses(run)] == [
        "51.25",
        "5.50",
        "0.00",
        "−399.00",
    ]
    write_json(run.evaluation_file, {"loss": {"through_the_mean": {"loss": 3.0}}})
    assert contents.describe_losses(run) == [("test loss", "3.00")]


def test_the_frame_of_a_drawing_is_that_of_the_images():
    images = np.zeros((3, 20, 30, 1), np.uint8)
    images[:, 4:14, 20:26] = 200
    assert contents.drawing_frame(images) == {"side": 10.0, "center": pytest.approx([23, 9])}


def test_more_dimensions_are_seen_on_a_plane_and_moved_by_sliders(
    open_page, write_page, make_run, digits
):
    run = make_run(latent_dim=12)
    model = load_model(run.model_file)
    path = write_page(run)
    page, limits = open_page(path), read_contents(path)["limits"]
    plane = latent_plane(latent_points(model, digits.test_images))
    kl = contents.load_runs([run], digits)[0].importance
    names = page.locator(".sliders .name").all_inner_texts()
    order = np.argsort(-kl)[:8]
    subscripts = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    assert names == [
        f"z{str(dimension + 1).translate(subscripts)} (KL {kl[dimension]:.2f} nats) +"
        for dimension in order
    ]
    place = move_to(page, limits, (0.5, -0.25))
    z = plane.lift([place])
    slider, output = (page.locator(f".sliders {part}").nth(1) for part in ("input", "output"))
    for offset in (0.0, 1.5, 0.0):
        if offset:
            slider.fill(str(offset))
        else:
            page.get_by_role("button", name="All to 0").click()
        settle(page)
        assert output.inner_text() == f"{offset:.2f}"
        z[0, order[1]] = plane.lift([place])[0, order[1]] + offset
        expected = np.asarray(model.decode(z))[0, ..., 0]
        np.testing.assert_allclose(canvas_image(page, ".decoded"), expected, atol=1e-2 + ROUNDING)


def test_a_network_too_large_for_the_page_gets_an_atlas(
    open_page, write_page, make_run, monkeypatch
):
    run = make_run(latent_dim=3, decoder_filters=(16,))  # a smaller encoder
    model = load_model(run.model_file)
    most = count_multiplications(describe_network(model.decoder)) - 1
    monkeypatch.setattr(contents, "MOST_MULTIPLICATIONS", most)
    path = write_page(run)
    embedded = read_contents(path)
    page, limits = open_page(path), embedded["limits"]
    assert embedded["runs"][0]["decoder"] is None
    assert embedded["runs"][0]["encoder"]
    assert "interpolated between 25 × 25" in page.locator(".note").inner_text()
    assert not page.locator(".sliders input").count()
    plane = latent_plane(latent_points(model, load_data("digits").test_images))
    x, y = (np.linspace(*limits[axis], 25) for axis in "xy")
    corners = np.array([[x[i], y[j]] for i in (9, 10) for j in (15, 16)])
    images = decode_points(model, plane.lift(corners))[..., 0] / 255
    move_to(page, limits, corners[0])
    np.testing.assert_allclose(canvas_image(page, ".decoded"), images[0], atol=1e-2 + ROUNDING)
    weights = np.array([0.75 * 0.5, 0.75 * 0.5, 0.25 * 0.5, 0.25 * 0.5])
    move_to(
        page,
        limits,
        corners[0] + 0.25 * (corners[2] - corners[0]) + 0.5 * (corners[1] - corners[0]),
    )
    expected = np.tensordot(weights, images, 1)
    np.testing.assert_allclose(canvas_image(page, ".decoded"), expected, atol=1e-2 + ROUNDING)
    draw(page, [(0.3, 0.3), (0.7, 0.7)])
    seen = np.float32(canvas_image(page, "#drawing-seen"))[None, ..., None]
    place = plane.project(np.asarray(model.encode(seen)["mean"]))[0]
    caption = page.locator("#drawing-results figcaption").nth(1).inner_text()
    numbers = [float(text.replace("−", "-")) for text in re.findall(r"[−\d.]+\d(?=,|$)", caption)]
    np.testing.assert_allclose(numbers, place, atol=0.03)


def test_an_autoencoder_without_labels_is_explored_too(open_page, make_run, digits, tmp_path):
    run = make_run(model="autoencoder", latent_dim=4, encoder_filters=(4, 4))
    data = type(digits)(digits.name, digits.train_images, digits.test_images)
    path = tmp_path / "page.html"
    path.write_text(build_page([run], data, 20)[0], encoding="utf-8")
    page = open_page(path)
    assert not page.locator("#legend button").count()
    assert "20 test images" in page.locator("#summary").inner_text()
    assert "variance" in page.locator(".sliders .name").first.inner_text()
    assert page.locator(".name").first.inner_text() != "no class is shown"


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_a_phone_is_wide_enough_and_colours_follow_the_system(
    open_page, two_run_page, scheme, dark
):
    page = open_page(two_run_page, width=360, color_scheme=scheme, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert (canvas_image(page, ".plane")[3, -3] < 0.5) == dark
    box = page.locator(".plane").first.bounding_box()
    before = canvas_image(page, ".decoded")
    page.touchscreen.tap(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    settle(page)
    assert np.any(canvas_image(page, ".decoded") != before)


def test_images_that_would_make_the_page_too_large_are_left_out(two_runs, digits, monkeypatch):
    page, count = build_page(two_runs, digits)
    assert count == 360
    monkeypatch.setattr(page_module, "PAGE_LIMIT", len(page.encode()) - 1)
    assert build_page(two_runs, digits)[1] == 180
    monkeypatch.setattr(page_module, "PAGE_LIMIT", 1000)
    with pytest.raises(InputError, match=r"larger than .* MiB with 2 runs"):
        build_page(two_runs, digits)


def test_coloured_images_are_embedded_as_jpeg():
    random = np.random.default_rng(0)
    images = np.repeat(random.integers(0, 256, (7, 1, 1, 3), np.uint8), 16, axis=1).repeat(
        16, axis=2
    )
    kind, text = contents.picture(images).split(";base64,")
    with Image.open(io.BytesIO(base64.b64decode(text))) as sheet:
        assert kind == "data:image/jpeg"
        assert sheet.size == (48, 48)
        np.testing.assert_allclose(np.asarray(sheet)[24, 8], images[3, 8, 8], atol=4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{run}", "--images", "0"], "images must be at least 1"),
        (["nowhere"], "nowhere holds no run"),
        ([], "required: RUN_DIR"),
        (["{run}", "--output", "{run}"], "is a folder: name a file by --output"),
        (["{run}", "--output", "{run}/config.json"], "is not a page of this command"),
        (["{run}", "--output", "{run}/none/page.html"], "is not a writable folder"),
        (
            ["{run}", "{other}"],
            "dataset is 'digits' in .* and 'mnist' in .*: name runs of one data set",
        ),
    ],
)
def test_bad_arguments_are_one_line(two_runs, tmp_path, arguments, message):
    run = two_runs[0]
    other = Run(tmp_path)
    for name in ("metrics_file", "model_file"):
        shutil.copy(getattr(run, name), getattr(other, name))
    settings = json.loads(run.config_file.read_text())
    settings["settings"]["dataset"] = "mnist"
    write_json(other.config_file, settings)
    result = run_explore(*(text.format(run=run.directory, other=tmp_path) for text in arguments))
    assert result.returncode == 2
    assert re.search(message, result.stderr)
    assert result.stderr.count("\n") == 1


def test_a_run_of_other_images_is_refused(two_runs, digits):
    with pytest.raises(InputError, match="are not those that"):
        build_page(two_runs, type(digits)("digits", digits.train_images, digits.train_images))
