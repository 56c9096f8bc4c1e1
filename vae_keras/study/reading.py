"""Reading a study from a file of the package or of a user, and writing it."""

import dataclasses
import json
import re
import tomllib
import types
import typing
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from vae_keras.config import DATA, FitConfig
from vae_keras.data.sources import check_dataset
from vae_keras.study.definition import (
    OUTPUTS,
    TEST,
    Claim,
    CurveGroup,
    Published,
    RateDistortion,
    Rule,
    Study,
    check_squared_errors,
    within,
)
from vae_keras.support.errors import InputError, check_name, shown
from vae_keras.support.files import read_text, write_json
from vae_keras.support.settings import TYPE_NAMES, declarations, is_finite

SHIPPED = {path.stem: path for path in sorted((Path(__file__).parent / "shipped").glob("*.toml"))}
MOST_ENTRIES = 200  # of each list in a study
# A dotted key with too many parts, for which the parser of TOML takes minutes.
_PART = r"""(?:(?<![\w-])[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+"""
_LONG_KEY = re.compile(rf"(?:{_PART}\.[ \t]*+){{50}}")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tabs and line breaks
# Settings that a file cannot have, and the remedy or the reason.
RESERVED_SETTINGS = {
    "seed": "use --seeds",
    "data_dir": "use --data-dir",
    "early_stopping": "all runs of a study have the same number of epochs",
}
# Variants that differ in these cannot be paired.
SHARED_SETTINGS = {
    field.name for field, declared in declarations(FitConfig) if declared.group == DATA
} | {"epochs"}
KIND_NAMES = {**TYPE_NAMES, dict: "a table", list: "a list"}


def find_study(name: str) -> Study:
    """A study by its name in `SHIPPED`, or from a file that ends in .json or .toml.

    The file has the fields of `Study`. Only `variants` is required::

        reference = "two"               # default: the first variant
        [settings]                      # settings of all variants
        epochs = 50
        [variants.two]
        latent_dim = 2
        [variants.ten]
        latent_dim = 10
        [comparisons.sizes]             # one figure of curves; default: all variants
        title = "Latent sizes"
        members = ["two", "ten"]
        [published]                     # losses by epoch (test, training), of one run or several
        dataset = "mnist"
        tolerance = 0.6
        losses.ten = { 10 = 31.2, 20 = [30.1, 30.4] }
        train_losses.ten = { 10 = 30.8 }
        [rate_distortion]               # KL divergence against error, in lines of variants
        lines.sizes = ["two", "ten"]
        [[claims]]                      # the first of each pair is below the second
        text = "Ten dimensions beat two"
        below = [["ten", "two"], ["ten:loss", "two:loss"]]  # test loss, or VARIANT:COLUMN
        epoch = 50                      # epoch of the judgment; default: the last
        label = "A"                     # default: its number
        source = "a review"             # default: that of the study
        [rule]                          # fixed before the runs
        looks = [3, 8]                  # numbers of seeds at which the runs are analyzed
        margin = 0.3                    # smaller differences are practically equal

    Raises:
        InputError: If the name is unknown, or the file cannot be read or is invalid.
    """
    if name in SHIPPED:
        return read_study(SHIPPED[name])
    if not name.endswith((".json", ".toml")):
        try:
            check_name("study", name, SHIPPED)
        except InputError as error:
            raise InputError(f"{error}, or a file that ends in .json or .toml") from None
    study = read_study(Path(name))
    with within(name):
        if study.name in SHIPPED:
            raise InputError(f"name {study.name!r} belongs to a study of the package: rename it")
        if study.published is not None:
            check_dataset(study.published.dataset)
    return study


def read_study(path: Path) -> Study:
    """Read a study from a file, whose name is the default name of the study.

    Raises:
        InputError: If the file cannot be read or is invalid.
    """
    text = read_text(path, remedy="pass a file")
    try:
        content = _parse_toml(text) if path.suffix == ".toml" else _parse_json(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not {path.suffix[1:].upper()}: {error}") from None
    with within(path):
        _check_type("a study", content, dict)
        for text in _texts(content):
            if _CONTROL.search(text):
                raise InputError(f"{shown(text)} contains a control character")
        return _make_study(_entries(Study, {"name": path.stem, **content}))


def write_study(study: Study, path: Path) -> None:
    """Write a study as JSON for `read_study`."""
    content = {name: value for name, value in dataclasses.asdict(study).items() if value}
    for claim in content.get("claims", ()):
        claim["below"] = [[":".join(side) for side in pair] for pair in claim["below"]]
    write_json(path, content)


def _parse_toml(text: str) -> Any:
    if found := _LONG_KEY.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise ValueError(f"line {line} has a key of 50 or more parts")
    return tomllib.loads(text)


def _parse_json(text: str) -> Any:
    content = json.loads(text)
    json.dumps(content, ensure_ascii=False).encode()  # a lone surrogate could not be written
    return content


def _texts(content: Any) -> Iterator[str]:
    """All keys and texts of a file."""
    values = [content]
    while values:
        value = values.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            values += [*value, *value.values()]
        elif isinstance(value, list):
            values += value


def _make_study(values: dict[str, Any]) -> Study:
    variants = values["variants"]
    if len(variants) < 2:
        raise InputError(f"a study needs at least two variants, received {len(variants)}")
    for name in ("variants", "comparisons", "claims"):
        _check_length(name, values.get(name, ()))
    _check_file_names("name", [values["name"]])
    _check_file_names("variant", variants)
    _check_file_names("comparison", values.get("comparisons", ()))
    for name in variants:
        if name.casefold() in OUTPUTS:
            raise InputError(f"variant {name!r} has the name of an output of a study: rename it")
    reference = values.get("reference", next(iter(variants)))
    check_name("reference", reference, variants)
    _check_settings("settings", values.get("settings", {}), RESERVED_SETTINGS)
    for name, changes in variants.items():
        _check_settings(f"variant {name!r}", changes, {*RESERVED_SETTINGS, *SHARED_SETTINGS})
    groups, claims = values.get("comparisons", {}), values.get("claims", ())
    made = {
        "reference": reference,
        "comparisons": {name: _make_group(name, group, variants) for name, group in groups.items()},
        "claims": tuple(
            _make_claim(number, claim, variants) for number, claim in enumerate(claims, 1)
        ),
        "published": _make_published(values.get("published"), variants),
        "rate_distortion": _make_rate_distortion(values.get("rate_distortion"), variants),
        "rule": _make_rule(values.get("rule")),
    }
    study = Study(**{**values, **made})
    check_squared_errors(study, study.configs(study.settings.get("dataset", "digits"), seed=0))
    return study


def _make_group(name: str, content: Any, variants: Collection[str]) -> CurveGroup:
    _check_type(f"comparison {name!r}", content, dict)
    with within(f"comparison {name!r}"):
        values = _entries(CurveGroup, {"title": name, "members": list(variants), **content})
        for member in values["members"]:
            check_name("variant", member, variants)
    return CurveGroup(tuple(values["members"]), values["title"])


def _make_claim(number: int, content: Any, variants: Collection[str]) -> Claim:
    _check_type(f"claim {number}", content, dict)
    with within(f"claim {number}"):
        values = _entries(Claim, content)
        _check_length("below", values["below"])
        below = tuple(_make_pair(pair, variants) for pair in values["below"])
        if not below:
            raise InputError("below must contain at least one pair")
        if values.get("epoch", 0) < 0:
            raise InputError(f"epoch must be at least 0, received {values['epoch']}")
    return Claim(**{"label": str(number), **values, "below": below})


def _make_pair(content: Any, variants: Collection[str]) -> tuple[tuple[str, str], ...]:
    if not isinstance(content, list) or [type(side) for side in content] != [str, str]:
        raise InputError(f"below must contain pairs of VARIANT[:COLUMN], received {shown(content)}")
    sides = [side.partition(":") for side in content]
    return tuple(
        (check_name("variant", variant, variants), column or TEST) for variant, _, column in sides
    )


def _make_rule(content: Any) -> Rule | None:
    if content is None:
        return None
    with within("rule"):
        values = _entries(Rule, content)
        looks = values["looks"]
        _check_length("looks", looks)
        for look in looks:
            _check_type("looks", look, int)
        if not looks or looks[0] < 2 or sorted(set(looks)) != looks:
            raise InputError(f"looks must be increasing numbers of at least 2, received {looks}")
        if values.get("margin", 0) < 0:
            raise InputError(f"margin must be at least 0, received {values['margin']}")
    return Rule(**{**values, "looks": tuple(looks)})


def _make_published(content: Any, variants: Collection[str]) -> Published | None:
    if content is None:
        return None
    with within("published"):
        values = _entries(Published, content)
        if values["tolerance"] <= 0:
            raise InputError(f"tolerance must be above 0, received {values['tolerance']}")
        made = {"notes": _by_epoch("notes", values.get("notes", {}), str)}
        for entry in ("losses", "train_losses"):
            curves = values.get(entry, {})
            for name in curves:
                check_name("variant", name, variants)
            made[entry] = {
                name: _by_epoch(f"{entry}.{name}", curve, float) for name, curve in curves.items()
            }
    return Published(**{**values, **made})


def _make_rate_distortion(content: Any, variants: Collection[str]) -> RateDistortion | None:
    if content is None:
        return None
    with within("rate_distortion"):
        values = _entries(RateDistortion, content)
        for title, members in values["lines"].items():
            _check_type(f"lines.{title}", members, list)
            for member in members:
                check_name("variant", member, variants)
    lines = {title: tuple(members) for title, members in values["lines"].items()}
    return RateDistortion(**{**values, "lines": lines})


def _by_epoch(name: str, content: Any, kind: type) -> dict[int, Any]:
    """A table whose keys are epochs, which are strings in TOML and JSON."""
    _check_type(name, content, dict)
    values: dict[int, Any] = {}
    for epoch, found in content.items():
        if not re.fullmatch("[1-9][0-9]{0,8}", epoch):
            raise InputError(f"{name}: {epoch!r} is not an epoch (a whole number of at least 1)")
        # A list with the loss of each published run, or a single loss.
        several = found if isinstance(found, list) else [found]
        for value in several:
            _check_type(f"{name}.{epoch}", value, kind)
        values[int(epoch)] = found if kind is str else tuple(several)
    return values


def _entries(cls: type, content: dict[str, Any]) -> dict[str, Any]:
    """The entries of a table that describes a dataclass, after checks of names and types."""
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for name, value in content.items():
        check_name("entry", name, fields)
        _check_type(name, value, _kind(fields[name]))
    for name, field in fields.items():
        required = field.default is field.default_factory  # both are MISSING
        if required and name not in content:
            raise InputError(f"{name!r} is missing: it must be {KIND_NAMES[_kind(field)]}")
    return content


def _kind(field: dataclasses.Field) -> type:
    """The type of a field in a file."""
    kind: Any = typing.get_origin(field.type) or field.type
    kinds: dict[Any, type] = {tuple: list, types.UnionType: dict}
    return kinds.get(kind, kind)


def _check_type(name: str, value: Any, kind: type) -> None:
    allowed = (int, float) if kind is float else (kind,)
    if type(value) not in allowed or (kind is float and not is_finite(value)):
        raise InputError(f"{name} must be {KIND_NAMES[kind]}, received {shown(value)}")


def _check_length(name: str, values: Collection[Any]) -> None:
    if len(values) > MOST_ENTRIES:  # their report would take minutes
        raise InputError(f"{name} has {len(values):,} entries, more than {MOST_ENTRIES}")


def _check_file_names(what: str, names: Iterable[str]) -> None:
    """Raise `InputError` unless names can be file names in one folder, on every system."""
    seen: dict[str, str] = {}
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9][\w.+-]{0,99}", name) or name.endswith("."):
            raise InputError(
                f"{what} {shown(name)} cannot be a file name: use letters, digits and . _ + -, "
                "without a dot at the end"
            )
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(f"{what}s {other!r} and {name!r} differ only in case: rename one")


def _check_settings(place: str, settings: Any, refused: Collection[str]) -> None:
    _check_type(place, settings, dict)
    with within(place):
        for name in settings:
            check_name("setting", name, [field.name for field in dataclasses.fields(FitConfig)])
            if name in refused:
                remedy = RESERVED_SETTINGS.get(name, "set it in 'settings', for all")
                raise InputError(f"{name} cannot be set here: {remedy}")
