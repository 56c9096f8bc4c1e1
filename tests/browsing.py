"""The explorer's page in a browser: how tests make one, drive it and read what it shows."""

import base64
import io
import json
import re

import numpy as np
from commands import run_command
from PIL import Image

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


def run_explore(*arguments, cwd=None):
    return run_command("explore", *arguments, cwd=cwd)


def scramble(model):
    """Weights as after a long training: no value is 0 or 1, and images have many grays."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        if weight.name == "kernel":
            values = random.normal(0, 2.5 / np.sqrt(weight.shape[0] * 9), weight.shape)
        elif weight.name in ("gamma", "moving_variance"):
            values = random.uniform(0.5, 1.5, weight.shape)
        elif weight.name == "variance":
            values = 0.04
        else:
            values = random.normal(0, 0.3, weight.shape)
        if "seed" not in weight.path:
            weight.assign(values)
    return model


def read_contents(path):
    """The data that a page holds."""
    return json.loads(re.search(r'id="contents">(.*?)</script>', path.read_text(), re.S)[1])


def canvas_image(page, selector, index=0):
    """What a canvas shows, float `(height, width)` in [0, 1]."""
    return canvas_colors(page, selector, index)[..., 0]


def canvas_colors(page, selector, index=0):
    """What a canvas shows, float `(height, width, 3)` in [0, 1]."""
    uri = page.locator(selector).nth(index).evaluate("(canvas) => canvas.toDataURL()")
    return read_uri(uri)


def read_uri(uri):
    with Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))) as image:
        return np.asarray(image)[..., :3] / 255


def at(page, limits, place, plane=0):
    """Where a place of a plane is in the window, `(x, y)`."""
    box = page.locator(".plane").nth(plane).bounding_box()
    (left, right), (bottom, top) = limits["x"], limits["y"]
    x = box["x"] + (place[0] - left) / (right - left) * box["width"]
    y = box["y"] + (top - place[1]) / (top - bottom) * box["height"]
    return float(x), float(y)


def move_to(page, limits, place, plane=0, click=False):
    """Moves the mouse to a place of a plane; returns the place that its pixel stands for."""
    page.locator(".plane").nth(plane).scroll_into_view_if_needed()
    page.mouse.move(*at(page, limits, place, plane))
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


def wait_until(page, expression):
    """Waits until an expression is true; the page's policy forbids Playwright's own way to."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{expression} does not become true")


def draw(page, points):
    """Draws a stroke with the mouse; points are parts of the canvas."""
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


def numbers_in(text):
    """The numbers of a text, with a sign of typographers."""
    return [float(found.replace("−", "-")) for found in re.findall(r"−?\d+\.\d+", text)]


def table_of(page, run=0):
    """The numbers of a computation: a dictionary from column to values."""
    table = page.locator(".numbers").nth(run)
    names = table.locator("thead th").all_inner_texts()
    rows = [numbers_in(text) for text in table.locator("tbody tr").all_inner_texts()]
    return dict(zip(names, np.array(rows).T))


def sum_of(page, run=0):
    """The loss of a computation: a dictionary from term to value."""
    rows = page.locator(".sum").nth(run).locator("div")
    return {
        row.locator("dt").inner_text(): numbers_in(row.locator("b").inner_text())[0]
        for row in rows.all()
    }


def link_by(page, link):
    page.locator(f"input[name=link][value={link}]").check()
    settle(page)


def point_of(page, panel=0):
    """The latent point whose image a panel shows."""
    return np.array(page.evaluate("(panel) => [...panels[panel].point]", panel))


def view_of(page, panel=0):
    """The part of a plane that is seen, `((left, right), (bottom, top))`."""
    return np.array(page.evaluate("(i) => [panels[i].plane.view.x, panels[i].plane.view.y]", panel))
