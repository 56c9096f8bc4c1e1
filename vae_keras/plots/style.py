"""One look for every figure, `vae_keras.mplstyle`, without a change to anyone's settings."""

import functools
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import matplotlib
from matplotlib.figure import Figure

Function = TypeVar("Function", bound=Callable[..., Any])

STYLE = Path(__file__).with_name("vae_keras.mplstyle")
SMALL = 8  # points: numbers and remarks beside what they speak of
MUTED = "0.4"  # the color of remarks
# The line from a text to what it speaks of.
LEADER: dict[str, Any] = {"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 1, "shrinkB": 2}


class StyledFigure(Figure):
    """A figure that is saved in the style too, also where others are saved on black."""

    def savefig(self, *arguments: Any, **options: Any) -> None:
        """Save the figure, as `matplotlib.figure.Figure.savefig` does."""
        with matplotlib.rc_context(_settings()):
            super().savefig(*arguments, **options)


def styled(function: Function) -> Function:
    """Let a function make its figures in the style of the package."""

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        with matplotlib.rc_context(_settings()):
            return function(*arguments, **options)

    return typing.cast(Function, call)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size, in inches, whose parts keep clear of each other."""
    return StyledFigure(figsize=(width, height), layout="constrained")


@functools.cache
def _settings() -> Any:
    return matplotlib.rc_params_from_file(STYLE, use_default_template=False)
