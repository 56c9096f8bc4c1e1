"""Functions of one variable, such as activations."""

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from vae_keras.plots.arrays import takes_arrays
from vae_keras.plots.colors import variant_colors
from vae_keras.plots.style import new_figure, styled


@styled
@takes_arrays
def plot_functions(x: np.ndarray, panels: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Curves over the same x, in panels side by side.

    Args:
        x: Array `(count,)`.
        panels: Dictionary from title to a dictionary from the names of curves to arrays
            `(count,)`. A name has the same color in every panel.

    Returns:
        Figure.
    """
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    colors = variant_colors(names)
    figure = new_figure(3.9 * len(panels), 3.4)
    for axes, (title, curves) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items()
    ):
        for name, values in curves.items():
            style = ("-", "--", "-.", ":")[names.index(name) % 4]
            axes.plot(x, values, style, color=colors[name], label=name)
        axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
        axes.axvline(0, color="0.7", linewidth=0.8, zorder=0)
        axes.set(title=title, xlabel="$x$")
        axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.legend()
    return figure
