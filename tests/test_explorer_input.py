"""Mouse, fingers and keys on the explorer's page, in a real browser."""

import re
from pathlib import Path

import numpy as np
import pytest
from browsing import (
    ROUNDING,
    at,
    canvas_image,
    draw,
    link_by,
    move_to,
    numbers_in,
    point_of,
    read_contents,
    settle,
    table_of,
    view_of,
    wait_until,
)
from PIL import Image

from vae_keras import load_model

AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"


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
    assert page.locator(".original + figcaption").first.inner_text().endswith("class 8")
    buttons.nth(8).dblclick()
    assert shown() == list(range(10))


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
    assert announcement.inner_text().startswith(f"{where}; nearest test image\xa0")
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
    assert page.locator("#drawing-results").is_hidden()
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
    middle = state("panels[0].plane.view.home.center")
    np.testing.assert_allclose(state("panels[0].place"), middle, atol=1e-5)
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
    press("0")
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
