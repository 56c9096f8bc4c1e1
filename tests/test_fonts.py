"""Names of classes in figures: all of them are shown, whatever their letters are."""

import matplotlib
import numpy as np
import pytest

from vae_keras import plots
from vae_keras.plots import fonts
from vae_keras.plots.fonts import drawable

FONTS = list(fonts.font_manager.fontManager.ttflist)
POINTS = np.random.default_rng(0).random((30, 2))


@pytest.fixture(autouse=True)
def nothing_is_remembered():
    """Lines that were said once are said again, and fonts are looked for anew."""
    fonts._said.clear()
    fonts._families.cache_clear()
    yield
    fonts._families.cache_clear()


@pytest.fixture
def machine(monkeypatch):
    """Makes this a machine that has certain fonts besides matplotlib's."""

    def has(letters):
        entries = [
            fonts.font_manager.FontEntry(fname=name, name=name, style="normal", weight=400)
            for name in letters
        ]
        own = [font for font in FONTS if font.fname.startswith(matplotlib.get_data_path())]
        monkeypatch.setattr(fonts.font_manager.fontManager, "ttflist", [*own, *entries])
        usual = fonts._letters
        monkeypatch.setattr(
            fonts,
            "_letters",
            lambda path: frozenset(letters[path]) if path in letters else usual(path),
        )

    return has


def legend(names):
    figure = plots.plot_latent(POINTS, np.arange(30) % len(names), names, ("a", "b"))
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_class_that_begins_with_an_underscore_stands_in_the_legend():
    assert legend(("_background", "cat", "_")) == ["_background", "cat", "_"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "names",
    [("_a", "$5 or $6", "$x"), ("猫", "犬", "cat"), ("🐱", "❤️", "👩‍👩‍👧"), ("ab", "cd", "\\alpha")],
)
def test_figures_with_any_names_are_drawn_without_remarks(names, tmp_path, machine, caplog):
    machine({})
    plots.plot_latent(POINTS, np.arange(30) % 3, names, ("a", "b")).savefig(tmp_path / "a.png")
    shares = np.ones(3) / 3
    plots.plot_evaluation(
        POINTS, POINTS, np.zeros(30, bool), "prior", names, shares, shares
    ).savefig(tmp_path / "b.png")
    images = np.zeros((1, 2, 4, 4, 1))
    plots.plot_arithmetic(images, (-1, 1), names[0]).savefig(tmp_path / "c.png")
    assert len(caplog.messages) <= 1


def test_letters_that_no_font_has_are_described_in_one_line(machine, caplog):
    machine({})
    texts, _ = drawable(["猫", "ねこ", "고양이", "🐈‍⬛ a", "cat"])
    assert texts[:3] == ["U+732B", "ne ko", "go yang i"] and texts[4] == "cat"
    assert texts[3] == "cat ⬛ a"  # which matplotlib's own font has
    (line,) = caplog.messages
    assert line.startswith("no font of this machine has all letters of 4 names: figures show U+")
    drawable(["猫", "ねこ", "고양이", "🐈‍⬛ a", "cat"])
    assert len(caplog.messages) == 1


def test_fonts_of_the_machine_are_used_where_they_have_the_letters(machine, caplog):
    machine({"Few": "猫", "Many": "猫犬鳥", "Hangul": "고양이", "Unneeded": "abc"})
    texts, options = drawable(["猫犬", "고양이", "cat"])
    assert texts == ["猫犬", "고양이", "cat"]
    assert options["fontfamily"][0] == "sans-serif"
    assert set(options["fontfamily"][1:]) == {"Many", "Hangul"}
    assert not caplog.messages


def test_a_sign_of_money_begins_no_formula():
    figure = plots.plot_latent(POINTS, np.arange(30) % 2, ("$5 or $6", "b$"), ("a", "b"))
    shown = [text._preprocess_math(text.get_text()) for text in figure.legends[0].get_texts()]
    assert shown == [("$5 or $6", False), ("b$", False)]
