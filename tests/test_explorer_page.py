"""What the explorer's page shows, in a real browser, against the models it shows."""

import re

import numpy as np
import pytest
from browsing import (
    ROUNDING,
    canvas_colors,
    canvas_image,
    draw,
    link_by,
    move_to,
    numbers_in,
    point_of,
    read_contents,
    read_uri,
    settle,
    sum_of,
    table_of,
    view_of,
    wait_until,
)

from vae_keras import load_model
from vae_keras.data.batches import scale
from vae_keras.explorer import contents
from vae_keras.explorer import page as page_module
from vae_keras.explorer.network import count_multiplications, describe_network
from vae_keras.latent.inference import decode_points, latent_points
from vae_keras.latent.space import latent_plane
from vae_keras.likelihood import log_likelihood


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
    assert captions == [f"image\xa0{chosen + 1}\nclass {label}"] * 2
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
            assert caption.startswith("difference\n≤ ")
            assert numbers_in(caption)[0] == pytest.approx(change.max(), abs=0.01)
            np.testing.assert_allclose(
                canvas_image(page, ".change", index) * change.max(), change, atol=0.02
            )
    assert page.evaluate("panels[0].draws.length") == 3
    assert re.search("new z, .*loss", page.locator("#announcement").inner_text())


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
        boxes = page.evaluate("panels[0].plane.names.map(({ box }) => box)")
        assert len(boxes) == 10
        for i, a in enumerate(boxes):
            side = page.evaluate("panels[0].plane.background.width")
            assert a["width"] / 2 <= a["x"] <= side - a["width"] / 2
            for b in boxes[:i]:
                apart = abs(a["x"] - b["x"]) >= (a["width"] + b["width"]) / 2 - 1e-6
                assert apart or abs(a["y"] - b["y"]) >= (a["height"] + b["height"]) / 2 - 1e-6
        # A name gives way to the pointer.
        covered = page.evaluate("panels[0].plane.names[0]")
        place = [covered["box"][axis] / side for axis in "xy"]
        page.evaluate("(p) => moveTo(panels[0], panels[0].plane.view.fromScreen(p))", place)
        settle(page)
        moved = page.evaluate("panels[0].plane.written")
        (box,) = [name["box"] for name in moved if name["text"] == covered["text"]]
        assert max(abs(box[axis] - covered["box"][axis]) for axis in "xy") > 10
        assert len(moved) == 10
    crowd = [{"anchor": [50, 50], "width": 60, "height": 20}] * 12
    placed = page.evaluate("(names) => placeNames(names, 100, [])", crowd)
    assert 2 <= sum(box is not None for box in placed) < 12  # there is no room for all


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
    values = page.locator(".scale span").all_inner_texts()
    assert values[::4] == [f"−{reach}", "0", f"{reach}"] and values[1] == ""
    kl = read_contents(path)["runs"][0]["dimensions"][0]["note"]
    assert page.locator(".traversals > div > span").nth(1).inner_text().endswith(kl)
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
    assert re.fullmatch(r"image\xa0\d+", page.locator(".original + figcaption").first.inner_text())
    for selector in ("#sampling", "#prior", "#posterior", ".zoom-posterior", ".rebuilt"):
        assert page.locator(selector).first.is_hidden()
