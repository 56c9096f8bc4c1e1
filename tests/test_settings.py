"""Settings that are declared once: validation, options and the table of reference."""

import dataclasses
import inspect
import pathlib
import shlex

import keras
import numpy as np
import pytest

from vae_keras import VAE, build_decoder, build_encoder, fit
from vae_keras.config import LOSS, MODEL, FitConfig
from vae_keras.support import cli
from vae_keras.support.errors import InputError, with_names, with_options
from vae_keras.support.settings import (
    add_options,
    declarations,
    option,
    reference_table,
    setting,
    validate,
)


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Settings of every kind, which no part of the package knows."""

    sides: tuple[int, ...] = setting((3, 4), "sides in cm", "shape", least=1)
    share: float = setting(0.5, "share in %", "shape", above=0, below=1)
    count: int | None = setting(None, "at most this many", "amount", least=0)
    color: str = setting("red", "color, unlike ⟨other_color⟩", "look", choices=("red", "green"))
    other_color: str | None = setting(None, "path of a picture", "look")
    framed: bool = setting(False, "draw a frame", "look")
    inks: tuple[str, ...] = setting((), "inks", "look", choices=("cyan", "key"))

    def __post_init__(self):
        validate(self)


@pytest.mark.parametrize(
    "values, name, expected",
    [
        ({"sides": [5]}, "sides", (5,)),
        ({"sides": [np.int64(5), 6]}, "sides", (5, 6)),
        ({"sides": (5, 6)}, "sides", (5, 6)),
        ({"share": np.float32(0.25)}, "share", 0.25),
        ({"count": np.int32(0)}, "count", 0),
        ({"count": None}, "count", None),
        ({"other_color": pathlib.Path("a") / "b"}, "other_color", str(pathlib.Path("a", "b"))),
        ({"framed": True}, "framed", True),
        ({"inks": ["key", "cyan", "key"]}, "inks", ("key", "cyan")),
    ],
)
def test_a_value_becomes_one_of_the_declared_type(values, name, expected):
    value = getattr(Sizes(**values), name)
    assert value == expected and type(value) is type(expected)
    if isinstance(value, tuple):
        assert {type(each) for each in value} == {type(expected[0])}


def test_a_whole_number_is_a_number_too():
    @dataclasses.dataclass(frozen=True)
    class Weight:
        weight: float = setting(1.0, "weight", "loss")

        def __post_init__(self):
            validate(self)

    weight = Weight(weight=3).weight
    assert weight == 3 and type(weight) is float


@pytest.mark.parametrize(
    "values, message",
    [
        ({"sides": 3}, "sides must be a list of whole numbers, received 3"),
        ({"sides": "34"}, "sides must be a list of whole numbers, received '34'"),
        ({"sides": [3.0]}, "sides must be a list of whole numbers, received [3.0]"),
        ({"sides": [True]}, "sides must be a list of whole numbers, received [True]"),
        ({"sides": None}, "sides must be a list of whole numbers, received None"),
        ({"sides": (3, 0)}, "sides must be numbers of at least 1, received (3, 0)"),
        ({"sides": ()}, "sides must be numbers of at least 1, received ()"),
        ({"share": "0.5"}, "share must be a number, received '0.5'"),
        ({"share": True}, "share must be a number, received True"),
        ({"share": float("nan")}, "share must be finite, received nan"),
        ({"share": 0}, "share must be above 0 and below 1, received 0.0"),
        ({"share": 1}, "share must be above 0 and below 1, received 1.0"),
        ({"count": -1}, "count must be at least 0, received -1"),
        ({"count": 1.0}, "count must be a whole number, received 1.0"),
        ({"count": False}, "count must be a whole number, received False"),
        ({"color": "gren"}, "unknown color 'gren': did you mean 'green'? Known: green, red"),
        ({"color": "gren\n"}, "unknown color 'gren\\n': did you mean 'green'?"),
        ({"color": "octarine"}, "unknown color 'octarine'. Known: green, red"),
        ({"color": None}, "color must be a text, received None"),
        ({"other_color": 7}, "other_color must be a text, received 7"),
        ({"inks": ["ky"]}, "unknown inks 'ky': did you mean 'key'? Known: cyan, key"),
        ({"inks": "key"}, "inks must be a list of names, received 'key'"),
        ({"inks": [1]}, "inks must be a list of names, received [1]"),
        ({"framed": 1}, "framed must be true or false, received 1"),
        ({"framed": np.int64(1)}, "framed must be true or false, received"),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_used_is_refused(values, message):
    with pytest.raises(InputError) as caught:
        Sizes(**values)
    assert str(caught.value).startswith(message)


def test_the_command_line_has_an_option_for_every_setting(capsys):
    parser = cli.Parser(prog="sizes")
    add_options(parser, Sizes)
    text = (
        "--sides 1,2 --share 0.1 --count 3 --color green --other-color x --framed --inks key,cyan"
    )
    given = parser.parse_args(shlex.split(text))
    assert Sizes(**vars(given)) == Sizes((1, 2), 0.1, 3, "green", "x", True, ("key", "cyan"))
    assert vars(parser.parse_args([])) == {}  # an omitted option has no value of its own
    assert vars(parser.parse_args(["--no-framed"])) == {"framed": False}
    text = parser.format_help()
    for part in ("shape:", "amount:", "look:", "sides in cm", "share in %", "green, red"):
        assert part in text
    assert "unlike --other-color" in text
    with pytest.raises(SystemExit):
        parser.parse_args(["--sides", "1,x"])
    assert "such as 32,64, received '1,x'" in capsys.readouterr().err


def test_the_table_of_reference_has_a_row_for_every_setting():
    lines = reference_table(Sizes).splitlines()
    assert lines[2] == "| `sides` | `--sides` | whole numbers | `(3, 4)` | sides in cm |"
    assert lines[-3].startswith("| `other_color` | `--other-color` | str |  |")
    assert lines[-2] == "| `framed` | `--framed` | bool | `False` | draw a frame |"
    assert lines[-1] == "| `inks` | `--inks` | names | `()` | inks: cyan, key |"
    assert "unlike other_color: green, red" in lines[-4]
    assert len(lines) == 2 + len(dataclasses.fields(Sizes))


def test_a_setting_that_is_added_is_known_everywhere():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Longer(FitConfig):
        beta: float = setting(1.0, "strength of disentangling", MODEL, least=0)

    assert Longer.from_dict({"beta": 4}).beta == 4
    assert Longer.from_dict(Longer(beta=4).to_dict()) == Longer(beta=4)
    assert Longer(beta=2).replace(epochs=3).beta == 2
    assert Longer().differences(Longer(beta=2, epochs=3)) == {"beta": (1, 2)}
    with pytest.raises(InputError, match="beta must be at least 0, received -1"):
        Longer(beta=-1)
    with pytest.raises(InputError, match="epochs must be at least 1"):
        Longer(epochs=0)
    parser = cli.Parser()
    add_options(parser, Longer)
    assert parser.parse_args(["--beta", "2"]).beta == 2
    assert "strength of disentangling" in parser.format_help()
    assert "| `beta` | `--beta` | float | `1.0` | strength of disentangling |" in (
        reference_table(Longer).splitlines()
    )
    with pytest.raises(InputError, match="unknown setting 'beta'"):
        FitConfig.from_dict({"beta": 4})


def test_every_setting_of_a_run_is_an_option_of_fit():
    options = {text for action in fit.build_parser()._actions for text in action.option_strings}
    for field, declared in declarations(FitConfig):
        assert option(field.name) in options
        assert declared.help and "\n" not in declared.help


def test_a_message_names_arguments_in_python_and_options_on_the_command_line():
    error = InputError("⟨batch_size⟩ must be at least 1: see ⟨data_dir⟩")
    assert str(error) == with_names("⟨batch_size⟩ must be at least 1: see ⟨data_dir⟩")
    assert str(error) == "batch_size must be at least 1: see data_dir"
    assert error.for_command_line() == "--batch-size must be at least 1: see --data-dir"
    assert with_options("nothing to name") == "nothing to name"


GROUPS = (MODEL, LOSS)


def test_every_setting_of_networks_and_loss_is_a_parameter():
    functions = {"": (VAE, keras.optimizers.Adam), "encoder_": (build_encoder,)}
    functions["decoder_"] = (build_decoder,)
    known = {
        f"{start}{name}"
        for prefix, several in functions.items()
        for function in several
        for name in inspect.signature(function).parameters
        for start in {"", prefix}
    }
    known |= {"model", "preset", "kl_warmup"}  # they decide what is built, or change while training
    groups = {field.name for field, declared in declarations(FitConfig) if declared.group in GROUPS}
    assert {"latent_dim", "decoder_strides", "kl_weight"} <= groups
    assert groups <= known
