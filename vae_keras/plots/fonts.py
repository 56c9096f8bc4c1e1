"""Fonts for the names in figures, and substitutes for letters that no font has."""

import functools
import itertools
import unicodedata
from collections.abc import Iterable
from typing import Any

from matplotlib import font_manager

from vae_keras.support.reporting import warn

NORMAL_WEIGHT = 400
IGNORED = ("Cc", "Cf", "Mn")  # categories of characters without a shape
BOXES = "Last Resort"  # matplotlib's font, in which all characters of a script look alike
# Words before the sound of a letter in Unicode's names.
SOUNDS = (" LETTER ", " SYLLABLE ")

_said: set[str] = set()  # names whose substitutes were reported


def drawable(names: Iterable[str]) -> tuple[list[str], dict[str, Any]]:
    """Convert names to a form that a figure can show.

    If the usual font lacks their letters, other fonts of the machine are added. Letters that no
    font has are replaced by their sound, the name of an emoji, or their number in Unicode, with a
    warning. A `$` does not begin a formula.

    Args:
        names: Names chosen by a user.

    Returns:
        Tuple of the texts, and arguments of a `matplotlib.text.Text` that draws them.
    """
    names = tuple(names)
    families, replaced = _families(frozenset("".join(names)))
    shown = [_replace(name, replaced) for name in names]
    _warn_once(names, shown)
    options = {"fontfamily": ["sans-serif", *families]} if families else {}
    return [name.replace("$", r"\$") for name in shown], options


def _warn_once(names: tuple[str, ...], shown: list[str]) -> None:
    """Warn about substitutes of names, once for each name."""
    pairs = {name: text for name, text in zip(names, shown) if name != text and name not in _said}
    if not pairs:
        return
    _said.update(pairs)
    first = ", ".join(f"{text} for {name}" for name, text in itertools.islice(pairs.items(), 3))
    warn(
        f"no font of this machine has all letters of {len(pairs)} names: figures show {first}"
        f"{', …' if len(pairs) > 3 else ''}"
    )


@functools.cache
def _families(letters: frozenset[str]) -> tuple[list[str], frozenset[str]]:
    """Fonts to add to the usual one for these letters, and the letters that no font has."""
    usual = font_manager.findfont(font_manager.FontProperties(family=["sans-serif"]))
    missing = {letter for letter in letters if not letter.isspace()} - _letters(usual)
    families: list[str] = []
    if missing:
        fonts = {
            font.name: _letters(font.fname)
            for font in font_manager.fontManager.ttflist
            if font.style == "normal"
            and font.weight == NORMAL_WEIGHT
            and not font.name.startswith(BOXES)
        }
        while missing and fonts:
            name = max(sorted(fonts), key=lambda name: len(fonts[name] & missing))
            if not fonts[name] & missing:
                break
            families.append(name)
            missing -= fonts.pop(name)
    return families, frozenset(missing)


@functools.cache
def _letters(path: str) -> frozenset[str]:
    """The characters that a font file has; none if it cannot be read."""
    try:
        return frozenset(map(chr, font_manager.get_font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()


def _replace(name: str, missing: frozenset[str]) -> str:
    """A name with substitutes for the missing letters."""
    if not missing & set(name):
        return name
    shaped = [letter for letter in name if unicodedata.category(letter) not in IGNORED]
    parts = [f" {_describe(letter)} " if letter in missing else letter for letter in shaped]
    return " ".join("".join(parts).split())


def _describe(letter: str) -> str:
    """The sound of a letter, the name of a sign, or the number of an ideograph."""
    name = unicodedata.name(letter, "")
    for word in SOUNDS:
        if word in name:
            return name.rpartition(word)[2].lower()
    if "IDEOGRAPH" in name or not name:
        return f"U+{ord(letter):04X}"
    return name.lower()
