"""The style of all figures, `vae_keras.mplstyle`, without changes of the user's settings."""

import functools
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import matplotlib
from matplotlib.figure import Figure

Function = TypeVar("Function", bound=Callable[..., Any])

STYLE = Path(__file__).with_name("vae_keras.mplstyle")
SMALL = 8  # points: labels and remarks
# The line from a label to its point.
LEADER: dict[str, Any] = {"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 1, "shrinkB": 2}


class StyledFigure(Figure):
    """A figure that is also saved in the style, regardless of the user's settings."""

    def savefig(self, *arguments: Any, **options: Any) -> None:
        """Save the figure, as `matplotlib.figure.Figure.savefig` does."""
        with matplotlib.rc_context(_settings()):
            super().savefig(*arguments, **options)


def styled(function: Function) -> Function:
    """Let a function create its figures in the style of the package."""

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        with matplotlib.rc_context(_settings()):
            return function(*arguments, **options)

    return typing.cast(Function, call)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches, with a layout without overlap."""
    return StyledFigure(figsize=(width, height), layout="constrained")


@functools.cache
def _settings() -> Any:
    return matplotlib.rc_params_from_file(STYLE, use_default_template=False)
