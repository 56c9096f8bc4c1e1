"""Settings declared once: a dataclass field has type, default, range, choices and help.

Validation, command-line options, JSON and the reference table use this declaration.
"""

import argparse
import dataclasses
import math
import numbers
import os
import re
import types
import typing
from collections.abc import Callable, Collection, Iterator

from vae_keras.support.errors import (
    InputError,
    check_name,
    check_text,
    shown,
    with_names,
    with_options,
)
from vae_keras.support.files import absolute

SMALLEST, LARGEST = 1e-12, 10**9
TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """The declaration of a field besides its type and default.

    Attributes:
        help: One phrase for `--help` and the reference table.
        group: Heading under which `--help` lists the option.
        choices: Names that are allowed; None for any value.
        least: Smallest value, included; of a tuple, of each of its numbers.
        most: Largest magnitude, included.
        above: Lower limit, excluded.
        below: Upper limit, excluded.
        words: Strings that are allowed instead of a number.
        metavar: Placeholder of the value in `--help`.
        parse: Function from the text of the option to its value; None for the parser of the type.
        identity: Whether two runs that differ in it are different runs.
        is_path: Whether the value is a path, which is made absolute.
        is_place: Whether the value is a location of files. A resumed run may use other locations.
    """

    help: str
    group: str
    choices: Collection[str] | None = None
    least: float | None = None
    most: float = LARGEST
    above: float | None = None
    below: float | None = None
    words: tuple[str, ...] = ()
    metavar: str | None = None
    parse: Callable[[str], object] | None = None
    identity: bool = True
    is_path: bool = False
    is_place: bool = False


def setting(default: object, help: str, group: str, **options: typing.Any) -> typing.Any:
    """A dataclass field that is a setting; `options` are further fields of `Setting`."""
    return dataclasses.field(default=default, metadata={"setting": Setting(help, group, **options)})


def declarations(cls: type) -> Iterator[tuple[dataclasses.Field, Setting]]:
    """The fields of a settings class with their declarations, in order."""
    for field in dataclasses.fields(cls):
        yield field, field.metadata["setting"]


def validate(settings: object) -> None:
    """Convert and check every field of a frozen dataclass of settings.

    Raises:
        InputError: If a value has the wrong type, is out of range or unknown.
    """
    for field, declared in declarations(type(settings)):
        value = getattr(settings, field.name)
        if isinstance(value, str) and value in declared.words:
            continue
        value = _convert(field, declared, value)
        if declared.is_path and value is not None:
            if not value:
                raise InputError(f"⟨{field.name}⟩ is empty: pass a path")
            value = absolute(value)
        object.__setattr__(settings, field.name, value)
        if value is None:
            continue
        if declared.choices is not None:
            for name in value if isinstance(value, tuple) else (value,):
                check_name(field.name.replace("_", " "), name, declared.choices)
        else:
            _check_range(field.name, value, declared)


def add_options(parser: argparse.ArgumentParser, cls: type, preset: Collection[str] = ()) -> None:
    """Add one option for each setting, in the groups that the declarations name.

    Args:
        parser: Where to add them.
        cls: The class of settings.
        preset: Names of settings whose default a preset may change.
    """
    groups: dict[str, argparse._ArgumentGroup] = {}
    for field, declared in declarations(cls):
        if declared.group not in groups:
            groups[declared.group] = parser.add_argument_group(declared.group)
        kind, _ = _value_type(field)
        text = describe(declared) + _default(field, declared, field.name in preset)
        help_text = with_options(text).replace("%", "%%")
        options: dict[str, typing.Any] = {"help": help_text}
        if kind is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options["metavar"] = declared.metavar or _METAVARS[kind]
            parse = declared.parse or _PARSERS[kind]
            options["type"] = _or_words(parse, declared.words) if declared.words else parse
        groups[declared.group].add_argument(option(field.name), **options)


def option(name: str) -> str:
    """The command-line option of a setting."""
    return f"--{name.replace('_', '-')}"


def describe(declared: Setting) -> str:
    """The help of a setting with its choices."""
    if declared.choices is None:
        return declared.help
    return f"{declared.help}: {', '.join(sorted(declared.choices))}"


def _default(field: dataclasses.Field, declared: Setting, is_by_preset: bool) -> str:
    """The default of a setting in `--help`, unless the help of the setting has it."""
    if field.default is None or "(default" in declared.help:
        return ""
    value = field.default
    if isinstance(value, bool):
        text = "on" if value else "off"
    elif isinstance(value, tuple):
        text = ",".join(map(str, value))
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return f" (default: {text}, or the preset's)" if is_by_preset else f" (default: {text})"


def reference_table(cls: type) -> str:
    """All settings as a Markdown table: name, option, type, default and meaning."""
    rows = ["| setting | option | type | default | meaning |", "|---|---|---|---|---|"]
    for field, declared in declarations(cls):
        kind, _ = _value_type(field)
        name = _TYPE_WORDS.get(kind) or kind.__name__
        name = " or ".join((name, *(f"`{word}`" for word in declared.words)))
        default = "" if field.default is None else f"`{field.default}`"
        cells = (
            f"`{field.name}`",
            f"`{option(field.name)}`",
            name,
            default,
            with_names(describe(declared)),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _value_type(field: dataclasses.Field) -> tuple[typing.Any, bool]:
    """The type of a field's values, and whether None is allowed."""
    kind, optional = field.type, False
    if isinstance(kind, types.UnionType):
        kind, optional = kind.__args__[0], types.NoneType in kind.__args__
    return kind, optional


def _convert(field: dataclasses.Field, declared: Setting, value: typing.Any) -> typing.Any:
    """A value as the field's type: JSON has no tuples, and NumPy has its own numbers."""
    kind, optional = _value_type(field)
    if value is None and optional:
        return None
    if kind == _NUMBERS:
        if isinstance(value, (list, tuple)) and all(map(_is_whole, value)):
            return tuple(map(int, value))
        raise InputError(f"⟨{field.name}⟩ must be a list of whole numbers, received {shown(value)}")
    if kind == _NAMES:
        if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
            return tuple(dict.fromkeys(value))  # a name counts once
        raise InputError(f"⟨{field.name}⟩ must be a list of names, received {shown(value)}")
    if kind is str and isinstance(value, os.PathLike):
        value = os.fspath(value)
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if kind is int and _is_whole(value):
        return int(value)
    if kind is float and is_real:
        if not is_finite(value):
            raise InputError(f"⟨{field.name}⟩ must be finite, received {shown(value)}")
        return float(value)
    if type(value) is not kind:
        expected = " or ".join((TYPE_NAMES[kind], *map(repr, declared.words)))
        raise InputError(f"⟨{field.name}⟩ must be {expected}, received {shown(value)}")
    if isinstance(value, str):
        check_text(value)
    return value


def is_number(value: object) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and is_finite(value)


def is_count(value: object) -> bool:
    """Whether a value is a whole number of at least 1."""
    return _is_whole(value) and is_number(value) and typing.cast(int, value) >= 1


def is_finite(value: typing.Any) -> bool:
    """Whether a number is finite as a float."""
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the range of floats
        return False


def _is_whole(value: object) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _check_range(name: str, value: typing.Any, declared: Setting) -> None:
    least, above, below = declared.least, declared.above, declared.below
    values = value if isinstance(value, tuple) else (value,)
    fits = all(
        (least is None or each >= least)
        and (above is None or each > above)
        and (below is None or each < below)
        for each in values
    )
    if fits and (values or least is None):
        if not isinstance(value, (str, bool)) and max(map(abs, values), default=0) > declared.most:
            raise InputError(f"⟨{name}⟩ must be at most {declared.most:,}, received {shown(value)}")
        if isinstance(value, float) and 0 < value < SMALLEST:
            raise InputError(f"⟨{name}⟩ must be at least {SMALLEST}, received {value}")
        return
    if isinstance(value, tuple):
        raise InputError(f"⟨{name}⟩ must be numbers of at least {least}, received {shown(value)}")
    limits = [
        f"{words} {limit}"
        for words, limit in (("at least", least), ("above", above), ("below", below))
        if limit is not None
    ]
    raise InputError(f"⟨{name}⟩ must be {' and '.join(limits)}, received {shown(value)}")


def _parse_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(whole_number(number) for number in text.split(","))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"must be whole numbers separated by commas, such as 32,64, received {text[:50]!r}"
        ) from None


def whole_number(text: str) -> int:
    """The value of an option that consists of ASCII digits and an optional sign."""
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"must be a whole number, received {text[:50]!r}")
    return int(text)


def plain_number(text: str) -> float:
    """The number in a cell of a table; `ValueError` if it is not one, or is not `_is_plain`."""
    if not _is_plain(text):
        raise ValueError(f"must be a number, received {text[:50]!r}")
    return float(text)


def _number(text: str) -> float:
    try:
        return plain_number(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, received {text[:50]!r}") from None


def _is_plain(text: str) -> bool:
    """Whether a text has none of the blanks, underscores and other digits that `float` accepts."""
    return text.isascii() and text == text.strip() and "_" not in text


def _or_words(parse: Callable[[str], object], words: tuple[str, ...]) -> Callable[[str], object]:
    """A parser of an option that also accepts some words."""

    def parse_option(text: str) -> object:
        if text in words:
            return text
        try:
            return parse(text)
        except (ValueError, argparse.ArgumentTypeError):
            expected = " or ".join(("a number", *map(repr, words)))
            raise argparse.ArgumentTypeError(
                f"must be {expected}, received {text[:50]!r}"
            ) from None

    return parse_option


def parse_names(text: str) -> tuple[str, ...]:
    """The value of an option: names separated by commas."""
    return tuple(text.split(","))


_NUMBERS, _NAMES = tuple[int, ...], tuple[str, ...]
_TYPE_WORDS = {_NUMBERS: "whole numbers", _NAMES: "names"}
_METAVARS = {int: "N", float: "X", str: "NAME", _NUMBERS: "N,N,…", _NAMES: "NAME,NAME,…"}
_PARSERS: dict[typing.Any, Callable[[str], object]] = {
    int: whole_number,
    float: _number,
    str: str,
    _NUMBERS: _parse_numbers,
    _NAMES: parse_names,
}
