"""What people can do on the explorer's page, in a real browser, against the models it shows."""

import re
from pathlib import Path

import numpy as np
import pytest
from browsing import (
    ROUNDING,
    at,
    canvas_colors,
    canvas_image,
    draw,
    move_to,
    numbers_in,
    read_contents,
    read_uri,
    settle,
    sum_of,
    table_of,
    wait_until,
)
from PIL import Image

from vae_keras import load_model
from vae_keras.data.batches import scale
from vae_keras.explorer import contents
from vae_keras.explorer import page as page_module
from vae_keras.explorer.network import count_multiplications, describe_network
from vae_keras.latent.inference import decode_points, latent_points
from vae_keras.latent.space import latent_plane
from vae_keras.likelihood import log_likelihood

AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"


def link_by(page, link):
    page.locator(f"input[name=link][value={link}]").check()
    settle(page)


def point_of(page, panel=0):
    """The latent point whose image a panel shows."""
    return np.array(page.evaluate("(panel) => [...panels[panel].point]", panel))


def view_of(page, panel=0):
    """The part of a plane that is seen, `((left, right), (bottom, top))`."""
    return np.array(page.evaluate("(i) => [panels[i].plane.view.x, panels[i].plane.view.y]", panel))


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


def test_runs_linked_by_coordinates_decode_the_same_place(open_page, two_run_page, two_runs):
    page, limits = open_page(two_run_page), read_contents(two_run_page)["limits"]
    link_by(page, "coordinates")
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


def lonely_image(points, limits):
    """A test image with no other nearby, so that rounding to a pixel does no harm."""
    inside = np.flatnonzero(np.all(np.abs(points) < limits["x"][1] / 2, axis=1))
    alone = [np.sort(np.sum((points - points[i]) ** 2, axis=1))[1] for i in inside]
    return inside[np.argmax(alone)]


def test_runs_linked_by_image_show_where_each_puts_it(open_page, two_run_page, two_runs, digits):
    page, limits = open_page(two_run_page), read_contents(two_run_page)["limits"]
    assert page.locator("input[name=link][value=image]").is_checked()
    models = [load_model(run.model_file) for run in two_runs]
    points = [latent_points(model, digits.test_images) for model in models]
    chosen = lonely_image(points[1], limits)
    place = move_to(page, limits, points[1][chosen] + 0.02, plane=1)
    np.testing.assert_allclose(point_of(page, 1), place, atol=0.01)
    np.testing.assert_allclose(point_of(page, 0), points[0][chosen], atol=2e-3)
    image = digits.test_images[[chosen]]
    for index, model in enumerate(models):
        np.testing.assert_allclose(canvas_image(page, ".original", index), scale(image)[0, ..., 0])
        rebuilt = np.asarray(model.reconstruct(scale(image)))[0, ..., 0]
        np.testing.assert_allclose(
            canvas_image(page, ".rebuilt", index), rebuilt, atol=1e-2 + ROUNDING
        )
    label = digits.class_names[digits.test_labels[chosen]]
    captions = page.locator(".original + figcaption").all_inner_texts()
    assert captions == [f"x: {chosen + 1}: {label}"] * 2
    # The other way round, by the key.
    page.locator(".plane").first.press("l")
    settle(page)
    assert page.locator("input[name=link][value=coordinates]").is_checked()
    np.testing.assert_allclose(point_of(page, 0), point_of(page, 1), atol=1e-5)


@pytest.fixture
def page_of_one(open_page, make_digits_run, write_page):
    """Opens the page of one run with some settings; returns it and the model."""

    def page_of_one(**settings):
        run = make_digits_run(**settings)
        return open_page(write_page(run)), load_model(run.model_file)

    return page_of_one


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"reconstruction_weight": 500.0, "kl_weight": 2.5, "latent_dim": 3},
        {"reconstruction": "bce", "reconstruction_weight": 500.0},
        {"reconstruction_weight": "auto"},
        {"model": "autoencoder"},
    ],
)
def test_the_computation_adds_up_the_loss_as_the_model_does(page_of_one, digits, settings):
    page, model = page_of_one(**settings)
    page.locator("#image-number").fill("7")
    page.keyboard.press("Enter")
    settle(page)
    image = scale(digits.test_images[[6]])
    encoded = {name: np.asarray(value) for name, value in model.encode(image).items()}
    shown = table_of(page)
    order = [int(name[1:].translate(str.maketrans("₁₂₃", "123"))) - 1 for name in row_names(page)]
    first = encoded[model.encoder_outputs[0]][0]
    np.testing.assert_allclose(shown["μ" if model.has_prior else "z"], first[order], atol=0.02)
    z = first
    if model.has_prior:
        noise = np.array(page.evaluate("[...state.noise]"))
        np.testing.assert_allclose(shown["ε"], noise[order], atol=0.006)
        np.testing.assert_allclose(shown["log σ²"], encoded["log_var"][0][order], atol=0.02)
        z = first + np.exp(encoded["log_var"][0] / 2) * noise
        np.testing.assert_allclose(shown["z"], z[order], atol=0.02)
    sampled = np.asarray(model.decode(np.float32([z])))
    found = canvas_image(page, ".sampled")
    np.testing.assert_allclose(found, sampled[0, ..., 0], atol=2e-2 + ROUNDING)
    terms = model.loss_terms(image, {**encoded, "z": z, "reconstruction": sampled})
    values = {name: float(term.value[0]) for name, term in terms.items()}
    total = sum(float(term.weight) * values[name] for name, term in terms.items())
    listed = sum_of(page)
    assert listed["reconstruction"] == pytest.approx(values["reconstruction_loss"], rel=5e-3)
    assert listed["loss"] == pytest.approx(total, rel=5e-3)
    if model.has_prior:
        assert listed["KL"] == pytest.approx(values["kl_loss"], abs=0.05)
        error = float(model.reconstruction_error(image, sampled)[0])
        elbo = log_likelihood(error, 784, model.variance) - values["kl_loss"]
        assert listed["ELBO of this z"] == pytest.approx(elbo, rel=5e-3)
    else:
        assert set(listed) == {"reconstruction", "loss"}


def row_names(page):
    return page.locator(".numbers").first.locator("tbody th").all_inner_texts()


def test_z_is_sampled_again_by_button_and_key(open_page, two_run_page, two_runs):
    page = open_page(two_run_page)
    page.locator("#image-random").click()
    settle(page)
    models = [load_model(run.model_file) for run in two_runs]
    before = [canvas_image(page, ".sampled", index) for index in (0, 1)]
    noises = [page.evaluate("[...state.noise]")]
    for sample in (
        lambda: page.locator("#sample-again").click(),
        lambda: page.locator(".plane").first.press("r"),
    ):
        sample()
        settle(page)
        noises.append(page.evaluate("[...state.noise]"))
        assert noises[-1] != noises[-2]
        for index, model in enumerate(models):
            z = np.float32([page.evaluate("(i) => [...panels[i].result.z]", index)])
            sampled = np.asarray(model.decode(z))[0, ..., 0]
            found = canvas_image(page, ".sampled", index)
            np.testing.assert_allclose(found, sampled, atol=1e-2 + ROUNDING)
            assert np.any(found != before[index])
            before[index] = found
            rebuilt = canvas_image(page, ".rebuilt", index)
            change = np.abs(found - rebuilt)
            caption = page.locator(".change + figcaption").nth(index).inner_text()
            assert numbers_in(caption)[0] == pytest.approx(change.max(), abs=0.01)
            np.testing.assert_allclose(
                canvas_image(page, ".change", index) * change.max(), change, atol=0.02
            )
    assert page.evaluate("panels[0].draws.length") == 3
    assert re.search("z again, .*loss", page.locator("#announcement").inner_text())


def test_the_posterior_is_an_ellipse_of_two_deviations(page_of_one, digits):
    page, model = page_of_one(latent_dim=3)
    page.locator("#image-number").fill("5")
    page.keyboard.press("Enter")
    settle(page)
    encoded = model.encode(scale(digits.test_images[[4]]))
    plane = latent_plane(latent_points(model, digits.test_images))
    covariance = plane.covariances(np.asarray(encoded["log_var"]))[0]
    found = page.evaluate("panels[0].posterior.covariance")
    np.testing.assert_allclose(found, covariance[[0, 0, 1], [0, 1, 1]], rtol=0.02, atol=1e-4)
    variances, axes = np.linalg.eigh(covariance)
    ellipse = page.evaluate("ellipseOf(panels[0].posterior.covariance)")
    np.testing.assert_allclose(
        [ellipse["short"], ellipse["long"]], np.sqrt(variances), rtol=0.02, atol=1e-3
    )
    direction = np.array([np.cos(ellipse["angle"]), np.sin(ellipse["angle"])])
    assert abs(direction @ axes[:, 1]) == pytest.approx(1, abs=0.02)
    # On the canvas, what the ellipse adds lies within two deviations.
    page.locator(".zoom-posterior").click()
    settle(page)
    with_it = canvas_colors(page, ".plane")
    page.locator("input[value=posterior]").uncheck()
    settle(page)
    changed = np.argwhere(np.any(canvas_colors(page, ".plane") != with_it, axis=-1)) + 0.5
    x, y = view_of(page)
    side = len(with_it)
    places = np.stack(
        [x[0] + changed[:, 1] / side * np.ptp(x), y[1] - changed[:, 0] / side * np.ptp(y)], axis=1
    )
    offset = places - plane.project(np.asarray(encoded["mean"]))
    radii = np.sqrt(np.einsum("na,ab,nb->n", offset, np.linalg.inv(covariance), offset))
    draw_radius = page.evaluate("Math.hypot(...state.noise)")  # the dot of z may lie outside
    assert 1.9 < np.quantile(radii, 0.9) < 2.2
    assert radii.max() < max(2.2, draw_radius + 1)


def test_circles_show_the_prior(open_page, two_run_page):
    page, limits = open_page(two_run_page), read_contents(two_run_page)["limits"]
    page.locator("input[value=images]").uncheck()
    settle(page)
    with_them = canvas_colors(page, ".plane")
    page.locator("input[value=prior]").uncheck()
    settle(page)
    changed = np.argwhere(np.any(canvas_colors(page, ".plane") != with_them, axis=-1)) + 0.5
    side = len(with_them)
    (left, right), (bottom, top) = limits["x"], limits["y"]
    x = left + changed[:, 1] / side * (right - left)
    y = top - changed[:, 0] / side * (top - bottom)
    radii = np.hypot(x, y)
    labels = np.abs(x + y) < 0.6  # to the lower right
    assert len(radii) > 300
    width = 3 * (right - left) / side
    off = np.abs(radii[~(labels & (x > 0))] - np.clip(np.round(radii), 1, 3)[~(labels & (x > 0))])
    assert off.max() < width
    assert set(np.round(radii[~labels])) == {1, 2, 3}


def test_a_sample_from_the_prior_is_decoded_in_all_runs(open_page, two_run_page, two_runs):
    page = open_page(two_run_page)
    points = []
    for sample in (
        lambda: page.locator("#sample-prior").click(),
        lambda: page.locator(".plane").nth(1).press("p"),
    ):
        sample()
        settle(page)
        points.append(point_of(page, 0))
        np.testing.assert_array_equal(points[-1], point_of(page, 1))
        for index, run in enumerate(two_runs):
            expected = load_model(run.model_file).decode(np.float32([points[-1]]))[0, ..., 0]
            found = canvas_image(page, ".decoded", index)
            np.testing.assert_allclose(found, expected, atol=1e-2 + ROUNDING)
    assert np.any(points[0] != points[1])
    draws = np.array(page.evaluate("[...drawNormals(20000)]"))
    assert abs(draws.mean()) < 0.05
    assert draws.std() == pytest.approx(1, abs=0.05)


def test_decoded_images_are_the_background_of_what_is_seen(open_page, two_run_page, two_runs):
    page = open_page(two_run_page)
    model = load_model(two_runs[0].model_file)
    before = canvas_colors(page, ".plane")

    def check():
        wait_until(page, "panels[0].manifold.isDone")
        uri = page.evaluate("panels[0].manifold.pictures.at(-1).canvas.toDataURL()")
        picture = read_uri(uri)[..., 0].reshape(16, 28, 16, 28).swapaxes(1, 2)
        x, y = view_of(page)
        for row, column in ((0, 0), (3, 12), (15, 7)):
            place = [
                x[0] + (column + 0.5) / 16 * np.ptp(x),
                y[1] - (row + 0.5) / 16 * np.ptp(y),
            ]
            expected = np.asarray(model.decode(np.float32([place])))[0, ..., 0]
            np.testing.assert_allclose(picture[row, column], expected, atol=1e-2 + ROUNDING)

    page.locator("input[value=manifold]").check()
    check()
    settle(page)
    assert np.mean(canvas_colors(page, ".plane") != before) > 0.5
    page.evaluate("panels[0].manifold.isDone = false")
    page.locator(".zoom-in").first.click()
    check()
    page.locator(".zoom-reset").first.click()
    page.locator(".plane").first.press("g")
    settle(page)
    assert not page.locator("input[value=manifold]").is_checked()
    assert np.mean(canvas_colors(page, ".plane") != before) < 0.2


def test_the_wheel_zooms_where_the_mouse_is_and_a_drag_moves_the_view(open_page, two_run_page):
    page, limits = open_page(two_run_page), read_contents(two_run_page)["limits"]
    whole = view_of(page)
    place = move_to(page, limits, (1.0, -0.5))
    page.mouse.wheel(0, -300)
    settle(page)
    wait_until(page, "panels[0].plane.view.zoom > 1.9")
    zoomed = view_of(page)
    assert np.ptp(zoomed, axis=1) == pytest.approx(np.ptp(whole, axis=1) / 2)
    np.testing.assert_allclose(
        (place - zoomed[:, 0]) / np.ptp(zoomed, axis=1),
        (place - whole[:, 0]) / np.ptp(whole, axis=1),
        atol=0.01,
    )
    assert np.all(view_of(page, 1) == whole)  # other spaces have views of their own
    x, y = at(page, limits, (1.0, -0.5))
    page.mouse.down()
    page.mouse.move(x + 40, y + 20, steps=4)
    page.mouse.up()
    settle(page)
    side = page.locator(".plane").first.bounding_box()["width"]
    moved = (view_of(page) - zoomed)[:, 0]
    expected = np.array([-40, 20]) / side * np.ptp(zoomed, axis=1)
    np.testing.assert_allclose(moved, expected, rtol=0.02)
    assert page.evaluate("path.ends.length") == 0  # a drag marks no end
    page.locator(".zoom-reset").first.click()
    np.testing.assert_allclose(view_of(page), whole)
    link_by(page, "coordinates")
    page.locator(".zoom-in").first.click()
    np.testing.assert_array_equal(view_of(page, 0), view_of(page, 1))


def test_the_page_scrolls_by_the_wheel_where_there_is_nothing_left_to_zoom(open_page, two_run_page):
    page, limits = open_page(two_run_page, height=500), read_contents(two_run_page)["limits"]
    move_to(page, limits, (0, 0))
    before = page.evaluate("scrollY")
    page.mouse.wheel(0, 2000)
    wait_until(page, "panels[0].plane.view.zoom === 0.5")
    assert page.evaluate("scrollY") == before
    page.mouse.wheel(0, 200)
    wait_until(page, f"scrollY > {before}")


class Fingers:
    """Fingers on the screen of a page, each at a place of its window."""

    def __init__(self, page):
        self.session = page.context.new_cdp_session(page)

    def send(self, kind, *places):
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})


def test_two_fingers_zoom(open_page, two_run_page):
    page = open_page(two_run_page, width=390, height=844, has_touch=True)
    page.locator(".plane").first.scroll_into_view_if_needed()
    box = page.locator(".plane").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    scrolled = page.evaluate("scrollY")
    fingers = Fingers(page)
    fingers.send("touchStart", (x - 30, y), (x + 30, y))
    for reach in (40, 50, 60):
        fingers.send("touchMove", (x - reach, y), (x + reach, y))
    fingers.send("touchEnd")
    settle(page)
    assert page.evaluate("panels[0].plane.view.zoom") == pytest.approx(2, rel=0.05)
    assert page.evaluate("scrollY") == scrolled
    assert page.evaluate("path.ends.length") == 0


@pytest.mark.parametrize("selector", [".plane", ".decoded", ".original"])
def test_a_swipe_scrolls_the_page(open_page, two_run_page, selector):
    page = open_page(two_run_page, width=390, height=844, has_touch=True)
    page.locator(selector).first.scroll_into_view_if_needed()
    box = page.locator(selector).first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.8
    before = page.evaluate("scrollY")
    fingers = Fingers(page)
    fingers.send("touchStart", (x, y))
    for distance in range(10, 210, 20):
        fingers.send("touchMove", (x, y - distance))
    fingers.send("touchEnd")
    wait_until(page, f"scrollY > {before} + 50")
    assert page.evaluate("path.ends.length") == 0


def test_on_a_phone_the_path_plays_beside_what_was_tapped(open_page, two_run_page):
    page = open_page(two_run_page, width=390, height=844, has_touch=True)
    plane = page.locator(".plane").nth(1)
    page.evaluate("panels[1].section.querySelector('.views').scrollIntoView()")
    box = plane.bounding_box()
    for x, y in ((0.3, 0.5), (0.6, 0.4)):
        page.touchscreen.tap(box["x"] + x * box["width"], box["y"] + y * box["height"])
        settle(page)
    moving = page.locator(".moving").nth(1)
    box = moving.bounding_box()
    assert box["y"] + box["height"] <= 844  # seen without scrolling
    before = canvas_image(page, ".moving", 1)
    page.wait_for_timeout(400)
    assert np.any(canvas_image(page, ".moving", 1) != before)


def test_the_legend_hides_classes(open_page, two_run_page):
    page, limits = open_page(two_run_page), read_contents(two_run_page)["limits"]
    buttons = page.locator("#legend .class")
    assert buttons.all_inner_texts() == list("0123456789")
    nearest = page.locator(".original + figcaption").first
    move_to(page, limits, (0, 0))
    before = canvas_image(page, ".plane")
    label = int(nearest.inner_text()[-1])
    buttons.nth(label).click()
    assert buttons.nth(label).get_attribute("aria-pressed") == "false"
    settle(page)
    assert np.any(canvas_image(page, ".plane") != before)
    assert int(nearest.inner_text()[-1]) != label
    buttons.nth(label).click()
    settle(page)
    np.testing.assert_array_equal(canvas_image(page, ".plane"), before)
    for button in buttons.all():
        button.click()
    settle(page)
    assert page.locator(".computation").first.is_hidden()
    page.get_by_role("button", name="Show all").click()
    settle(page)
    assert page.locator(".computation").first.is_visible()


def test_a_double_click_or_a_key_shows_one_class_alone(open_page, two_run_page):
    page = open_page(two_run_page)
    buttons = page.locator("#legend .class")

    def shown():
        pressed = [button.get_attribute("aria-pressed") for button in buttons.all()]
        return [label for label, state in enumerate(pressed) if state == "true"]

    buttons.nth(3).dblclick()
    assert shown() == [3]
    buttons.nth(8).press("o")
    assert shown() == [8]
    settle(page)
    assert page.locator(".original + figcaption").first.inner_text().endswith(": 8")
    buttons.nth(8).dblclick()
    assert shown() == list(range(10))


def test_names_of_classes_never_cover_each_other(open_page, write_page, two_runs, digits):
    names = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt")
    names = (*names, "Sneaker", "Bag", "Ankle boot")
    data = type(digits)(
        *(digits.name, digits.train_images, digits.test_images),
        *(digits.train_labels, digits.test_labels, names),
    )
    path = write_page(two_runs[0], data=data)
    for width in (1280, 390):
        page = open_page(path, width=width)
        page.evaluate("panels[0].plane.redraw()")
        boxes = page.evaluate("panels[0].plane.nameBoxes")
        assert len(boxes) == 10 and all(boxes)
        for i, a in enumerate(boxes):
            side = page.evaluate("panels[0].plane.background.width")
            assert a["width"] / 2 <= a["x"] <= side - a["width"] / 2
            for b in boxes[:i]:
                apart = abs(a["x"] - b["x"]) >= (a["width"] + b["width"]) / 2 - 1e-6
                assert apart or abs(a["y"] - b["y"]) >= (a["height"] + b["height"]) / 2 - 1e-6
    crowd = [{"anchor": [50, 50], "width": 60, "height": 20}] * 12
    placed = page.evaluate("(names) => placeNames(names, 100, [])", crowd)
    assert 2 <= sum(box is not None for box in placed) < 12  # there is no room for all


def test_keys_move_mark_a_path_and_are_announced(open_page, two_run_page, two_runs):
    page, limits = open_page(two_run_page), read_contents(two_run_page)["limits"]
    link_by(page, "coordinates")
    step = (limits["x"][1] - limits["x"][0]) / 50
    middle = np.array([np.mean(limits["x"]), np.mean(limits["y"])])
    announcement = page.locator("#announcement")
    page.locator(".plane").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    x, y = middle + np.array([step, 5 * step])
    where = f"z₁\u00a0{x:.2f}, z₂\u00a0{y:.2f}".replace("-", "−")
    assert announcement.inner_text().startswith(f"{where}; nearest test image ")
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
    page.keyboard.press("Space")
    assert page.locator("#path-play").inner_text() == "Play"
    page.keyboard.press("Escape")
    assert page.locator(".strip").first.is_hidden()
    assert page.locator("#path-save").is_disabled()


def test_the_saved_strip_has_labels(open_page, two_run_page):
    page = open_page(two_run_page, reduced_motion="reduce")
    limits = read_contents(two_run_page)["limits"]
    for place in ((-1, 0), (1, 1)):
        move_to(page, limits, place, click=True)
    with page.expect_download() as download:
        page.locator("#path-save").click()
    with Image.open(download.value.path()) as image:
        assert image.format == "PNG"
        assert image.size == (9 * 112, 2 * (112 + 28))
        picture = np.asarray(image)[..., 0] / 255
    for row in (0, 1):
        label, strip = (
            picture[140 * row : 140 * row + 28],
            picture[140 * row + 28 : 140 * row + 140],
        )
        for part in np.split(label, 3, axis=1):  # start, run and end, black on white
            assert part.min() < 0.3 and np.mean(part > 0.9) > 0.7
        np.testing.assert_allclose(
            strip[::4, ::4], canvas_image(page, ".strip", row), atol=ROUNDING
        )


def test_two_clicks_make_a_path(open_page, two_run_page):
    page = open_page(two_run_page, reduced_motion="reduce")
    limits = read_contents(two_run_page)["limits"]
    move_to(page, limits, (-1, 0), click=True)
    assert page.locator(".strip").first.is_hidden()
    move_to(page, limits, (1, 1), plane=1, click=True)
    assert page.locator(".strip").first.is_visible()
    assert page.locator("#path-play").inner_text() == "Play"  # nothing moves unasked


def test_a_drawing_is_scaled_placed_and_rebuilt(open_page, two_run_page, two_runs):
    page = open_page(two_run_page)
    before = canvas_image(page, ".plane")
    assert page.locator("#drawing-label").is_visible()
    images = []
    for size in (0.15, 0.6):  # small or large, it is scaled
        draw(page, [(0.2 + size * x, 0.25 + size * y) for x, y in ((0, 0), (1, 0), (0.4, 1))])
        assert page.locator("#drawing-label").is_hidden()
        images.append(canvas_image(page, "#drawing-seen"))
        for index, run in enumerate(two_runs):
            model = load_model(run.model_file)
            seen = np.float32(images[-1])[None, ..., None]
            rebuilt = np.asarray(model.reconstruct(seen))[0, ..., 0]
            found = canvas_image(page, ".drawing-rebuilt", index)
            np.testing.assert_allclose(found, rebuilt, atol=1e-2 + ROUNDING)
            caption = page.locator("#drawing-results figcaption").nth(index + 1).inner_text()
            encoded = model.encode(seen)
            np.testing.assert_allclose(
                numbers_in(caption), np.asarray(encoded["mean"])[0], atol=0.03
            )
            # Its posterior and its loss are looked at, too.
            assert page.locator("#subject-drawn").is_checked()
            shown = table_of(page, index)
            np.testing.assert_allclose(
                shown["log σ²"], np.asarray(encoded["log_var"])[0], atol=0.03
            )
        assert np.any(canvas_image(page, ".plane") != before)
        page.locator("#drawing-clear").click()
        settle(page)
        np.testing.assert_array_equal(canvas_image(page, ".plane"), before)
    np.testing.assert_allclose(*images, atol=0.1)


def test_a_stroke_is_undone_and_an_example_is_drawn(open_page, two_run_page):
    page = open_page(two_run_page)
    draw(page, [(0.3, 0.2), (0.3, 0.8)])
    one = canvas_image(page, "#drawing")
    draw(page, [(0.1, 0.5), (0.9, 0.5)])
    assert np.any(canvas_image(page, "#drawing") != one)
    page.locator("#drawing-undo").click()
    settle(page)
    np.testing.assert_array_equal(canvas_image(page, "#drawing"), one)
    page.locator("#drawing-undo").click()
    settle(page)
    assert canvas_image(page, "#drawing").max() == 0
    assert page.locator("#drawing-undo").is_disabled()
    page.locator("#drawing-example").click()
    settle(page)
    assert canvas_image(page, "#drawing-seen").max() > 0.9
    assert page.locator("#subject-drawn").is_checked()


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


def test_more_dimensions_are_moved_by_sliders(open_page, write_page, make_digits_run, digits):
    run = make_digits_run(latent_dim=12)
    model = load_model(run.model_file)
    path = write_page(run)
    page, limits = open_page(path), read_contents(path)["limits"]
    plane = latent_plane(latent_points(model, digits.test_images))
    kl = contents.load_runs([run], digits)[0].importance
    order = np.argsort(-kl)
    subscripts = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    assert page.locator(".sliders .name").all_text_contents() == [
        f"z{str(dimension + 1).translate(subscripts)} (KL {kl[dimension]:.2f} nats)"
        for dimension in order
    ]
    assert page.locator(".sliders label:visible").count() == 8  # the others are folded
    page.locator(".more summary").click()
    assert page.locator(".sliders label:visible").count() == 12
    place = move_to(page, limits, (0.5, -0.25))
    z = plane.lift([place])
    np.testing.assert_allclose(point_of(page), z[0], atol=0.01)
    outputs = page.locator(".sliders output").all_text_contents()
    np.testing.assert_allclose([numbers_in(text)[0] for text in outputs], z[0, order], atol=0.01)
    slider = page.locator(".sliders input").nth(9)
    slider.fill(slider.evaluate("(input) => String(input.max / 2)"))
    settle(page)
    value = float(slider.input_value())
    assert value > 1
    z[0, order[9]] = value
    np.testing.assert_allclose(point_of(page), z[0], atol=0.01)
    expected = np.asarray(model.decode(z))[0, ..., 0]
    np.testing.assert_allclose(canvas_image(page, ".decoded"), expected, atol=1e-2 + ROUNDING)
    # The pointer keeps what lies off the plane.
    place = move_to(page, limits, (-0.5, 0.75))
    moved = z + plane.lift(place - plane.project(z))
    np.testing.assert_allclose(point_of(page), moved[0], atol=0.02)
    page.get_by_role("button", name="Back to the plane").click()
    settle(page)
    np.testing.assert_allclose(point_of(page), plane.lift([place])[0], atol=0.01)


def test_traversals_move_one_dimension(open_page, write_page, make_digits_run, digits):
    run = make_digits_run(latent_dim=12)
    model = load_model(run.model_file)
    path = write_page(run)
    page = open_page(path)
    move_to(page, read_contents(path)["limits"], (0.5, -0.25))
    page.locator(".traversals summary").click()
    wait_until(page, "panels[0].sliders.isDone")
    order = [one["dimension"] for one in read_contents(path)["runs"][0]["dimensions"]]
    point, reach = point_of(page), page.evaluate("panels[0].sliders.reach")
    assert page.locator(".traversal").count() == 8
    for row in (0, 7):
        strip = canvas_image(page, ".traversal", row).reshape(28, 9, 28).swapaxes(0, 1)
        for column in (0, 4, 8):
            z = np.float32([point])
            z[0, order[row]] = reach * (column / 4 - 1)
            expected = np.asarray(model.decode(z))[0, ..., 0]
            np.testing.assert_allclose(strip[column], expected, atol=1e-2 + ROUNDING)


def test_a_network_too_large_for_the_page_gets_an_atlas(
    open_page, write_page, make_digits_run, digits, monkeypatch
):
    run = make_digits_run(latent_dim=3, decoder_filters=(16,))  # a smaller encoder
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
    plane = latent_plane(latent_points(model, digits.test_images))
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
    # The posterior of a test image on the plane, and its KL in all dimensions.
    page.locator("#image-number").fill("9")
    page.keyboard.press("Enter")
    settle(page)
    encoded = model.encode(scale(digits.test_images[[8]]))
    mean, log_var = (np.asarray(encoded[name]) for name in ("mean", "log_var"))
    kl = 0.5 * np.sum(mean**2 + np.exp(log_var) - 1 - log_var)
    assert sum_of(page) == {"KL": pytest.approx(kl, abs=0.01)}
    covariance = plane.covariances(log_var)[0]
    found = page.evaluate("panels[0].posterior.covariance")
    np.testing.assert_allclose(found, covariance[[0, 0, 1], [0, 1, 1]], rtol=2e-3, atol=1e-4)
    noise = np.array(page.evaluate("[...state.noise]"))
    z = plane.project(mean)[0] + np.linalg.cholesky(covariance) @ noise[:2]
    np.testing.assert_allclose(page.evaluate("[...panels[0].result.z]"), z, atol=0.01)
    draw(page, [(0.3, 0.3), (0.7, 0.7)])
    seen = np.float32(canvas_image(page, "#drawing-seen"))[None, ..., None]
    place = plane.project(np.asarray(model.encode(seen)["mean"]))[0]
    caption = page.locator("#drawing-results figcaption").nth(1).inner_text()
    np.testing.assert_allclose(numbers_in(caption), place, atol=0.03)
    assert not sum_of(page)


def test_an_autoencoder_without_labels_is_explored_too(
    open_page, write_page, make_digits_run, digits
):
    run = make_digits_run(model="autoencoder", latent_dim=4, encoder_filters=(4, 4))
    data = type(digits)(digits.name, digits.train_images, digits.test_images)
    page = open_page(write_page(run, data=data, images=20))
    assert not page.locator("#legend button").count()
    assert "20 test images" in page.locator("#summary").inner_text()
    assert "variance" in page.locator(".sliders .name").first.inner_text()
    assert re.fullmatch(r"x: \d+", page.locator(".original + figcaption").first.inner_text())
    for selector in ("#sampling", "#prior", "#posterior", ".zoom-posterior", ".rebuilt"):
        assert page.locator(selector).first.is_hidden()


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_a_phone_is_wide_enough_and_colors_follow_the_system(open_page, two_run_page, scheme, dark):
    page = open_page(two_run_page, width=360, color_scheme=scheme, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert (canvas_image(page, ".plane")[3, -3] < 0.5) == dark
    page.locator(".plane").first.scroll_into_view_if_needed()
    box = page.locator(".plane").first.bounding_box()
    before = canvas_image(page, ".decoded")
    page.touchscreen.tap(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    settle(page)
    assert np.any(canvas_image(page, ".decoded") != before)


def test_times_are_measured_when_asked(open_page, two_run_page):
    page = open_page(two_run_page)
    assert not re.search(r"\bms\b", page.locator("body").inner_text())
    page.locator("#time").click()
    times = page.locator("#times").inner_text()
    assert len(re.findall(r"(?:de|en)coding [\d.]+ ms", times)) == 4


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(open_page, two_run_page, make_digits_run, write_page, scheme, width):
    if not AXE.exists():
        pytest.skip("needs axe-core: npm ci --prefix tests")
    for path in (two_run_page, write_page(make_digits_run(latent_dim=12))):
        page = open_page(path, width=width, color_scheme=scheme, reduced_motion="reduce")
        limits = read_contents(path)["limits"]
        for place in ((0, 0), (1, 1)):
            move_to(page, limits, place, click=True)
        page.locator("#drawing-example").click()
        page.locator("#legend .class").first.click()
        page.locator("#time").click()
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        settle(page)
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run({ rules: { 'target-size': { enabled: true } } })")
        assert len(found["passes"]) > 20
        assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == []


def tab_to(page, selector):
    """Presses Tab until an element has the focus."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


def test_every_function_is_reached_by_keyboard_alone(
    open_page, write_page, make_digits_run, two_runs
):
    page = open_page(
        write_page(make_digits_run(latent_dim=12), *two_runs[1:]), reduced_motion="reduce"
    )

    def press(*keys):
        for key in keys:
            page.keyboard.press(key)
        settle(page)

    def state(expression):
        return page.evaluate(expression)

    # Legend: hide, alone, all.
    tab_to(page, "#legend .class")
    press("Enter")
    assert state("legend.hidden.size") == 1
    press("o")
    assert state("legend.hidden.size") == 9
    tab_to(page, "#legend .class + button:not(.class)")
    press("Space")
    assert state("legend.hidden.size") == 0
    # Which image.
    tab_to(page, "input[name=subject]")
    press("ArrowDown")
    assert state("state.subject") == "chosen"
    tab_to(page, "#image-number")
    press("Control+a", *"17", "Enter")
    assert (state("state.subject"), state("state.chosen")) == ("chosen", 16)
    tab_to(page, "#image-previous")
    press("Enter")
    tab_to(page, "#image-next")
    press("Enter", "Enter")
    assert state("state.chosen") == 17
    tab_to(page, "#image-random")
    press("Enter")
    # Samples.
    noise = state("[...state.noise]")
    tab_to(page, "#sample-again")
    press("Enter")
    assert state("[...state.noise]") != noise
    point = point_of(page)
    tab_to(page, "#sample-prior")
    press("Enter")
    assert np.any(point_of(page) != point)
    # Layers and the link.
    for layer in ("images", "prior", "posterior", "manifold"):
        before = state(f"state.layers.{layer}")
        tab_to(page, f"input[value={layer}]")
        press("Space")
        assert state(f"state.layers.{layer}") != before
        press("Space")
    tab_to(page, "input[name=link]")
    press("ArrowDown")
    assert state("state.link") == "coordinates"
    press("ArrowUp")
    # The plane: moving, zoom, samples, images, path.
    tab_to(page, ".plane")
    press("Home")
    np.testing.assert_allclose(state("panels[0].place"), state("panels[0].plane.view.home.center"))
    for key, expected in (("+", 2), ("-", 1), ("=", 2), ("0", 1)):
        press(key)
        assert state("panels[0].plane.view.zoom") == pytest.approx(expected)
    for subject in ("pointer", "chosen"):
        press("c")
        assert state("state.subject") == subject
    press("f")
    assert state("panels[0].plane.view.zoom") != 1
    press("0")
    press("n", "n")
    chosen = state("state.chosen")
    press("Shift+N")
    assert state("state.chosen") == chosen - 1
    noise = state("[...state.noise]")
    press("r")
    assert state("[...state.noise]") != noise
    point = point_of(page)
    press("p")
    assert np.any(point_of(page) != point)
    press("g")
    assert state("state.layers.manifold")
    press("g", "l")
    assert state("state.link") == "coordinates"
    press("Enter", "ArrowRight", "ArrowRight", "ArrowDown", "Enter")
    assert state("path.complete")
    press("Space")
    assert state("path.playing")
    press("Space")
    view = view_of(page)
    press("+", "+", "+", *["Shift+ArrowLeft"] * 12)  # the view follows
    assert view_of(page)[0, 0] < point_of(page, 1)[0] < view_of(page)[0, 1]
    press("0")
    np.testing.assert_allclose(view_of(page), view)
    # Buttons of the plane, sliders, traversals.
    for name, zoom in (("in", 2), ("out", 1), ("in", 2), ("reset", 1)):
        page.locator(".plane").first.focus()
        tab_to(page, f".zoom-{name}")
        press("Enter")
        assert state("panels[0].plane.view.zoom") == pytest.approx(zoom)
    tab_to(page, ".zoom-posterior")
    press("Enter")
    assert state("panels[0].plane.view.zoom") != 1
    point = point_of(page)
    tab_to(page, ".sliders input")
    press("ArrowRight")
    assert np.any(point_of(page) != point)
    tab_to(page, ".more summary")
    press("Enter")
    tab_to(page, ".more input")
    press("ArrowLeft")
    tab_to(page, ".sliders .reset")
    press("Enter")
    tab_to(page, ".traversals summary")
    press("Enter")
    wait_until(page, "panels[0].sliders.isDone")
    # The path and the drawing.
    tab_to(page, "#path-play")
    press("Enter")
    assert state("path.playing")
    press("Enter")
    tab_to(page, "#path-save")
    with page.expect_download():
        press("Enter")
    tab_to(page, "#path-clear")
    press("Enter")
    assert not state("path.ends.length")
    tab_to(page, "#drawing-example")
    press("Enter")
    assert state("state.subject") == "drawn"
    page.keyboard.press("Shift+Tab")
    press("Enter")
    assert state("state.drawing") is None
    press("Enter")  # the focus went to the example
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    press("Enter")
    assert state("state.subject") == "drawn"  # one stroke of two is left
    tab_to(page, "footer summary")
    press("Enter")
    assert page.locator("#keys").is_visible()
    tab_to(page, "#time")
    press("Enter")
    assert "ms" in page.locator("#times").inner_text()
