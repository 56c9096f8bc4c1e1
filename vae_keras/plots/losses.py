"""Curves of the loss over epochs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vae_keras.plots.colors import TEST_COLOR, TRAIN_COLOR, variant_colors
from vae_keras.plots.curves import label_ends, label_epochs, mark_ends, scale_axes
from vae_keras.plots.names import variant_title
from vae_keras.plots.style import new_figure, styled
from vae_keras.support.terms import loss_columns, title

# Dictionaries with `epoch` and the columns of a run's history; or the return value of
# `model.fit(...)`, or its `history`.
History = Sequence[Mapping[str, Any]] | Mapping[str, Sequence[float]] | Any

PANEL, HEIGHT = 3.4, 3.0  # inches of a panel


@styled
def plot_losses(rows: History) -> Figure:
    """Training and test curves of the loss and its terms, with their final values.

    The limits fit the ends: if there are more than five epochs, the first tenth of them (at least
    one) may be outside of a panel. Positive losses that span more than a factor of ten have a
    logarithmic scale.

    Args:
        rows: Dictionaries with `epoch` and the columns of a run's history; or the return value of
            `model.fit(...)`, or its `history`. Without test images, there are no test curves.

    Returns:
        Figure with one panel for each term.
    """
    rows = _rows(rows)
    terms = _terms(rows)
    figure = new_figure(PANEL * len(terms) + 0.2, HEIGHT + 0.3)
    for axes, term in zip(figure.subplots(1, len(terms), squeeze=False)[0], terms):
        for column, label, color, style in (
            (term, "training", TRAIN_COLOR, "-"),
            (f"val_{term}", "test", TEST_COLOR, "--"),
        ):
            if column in rows[0]:
                _plot_column(axes, rows, column, label=label, color=color, linestyle=style)
        _finish_panel(axes, term)
    handles = figure.axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2)
    return figure


@styled
def plot_loss_comparison(
    histories: Mapping[str, History], terms: Sequence[str] | None = None
) -> Figure:
    """Curves of several models in one color each, with dashed and lighter curves for the test.

    Args:
        histories: Dictionary from the name of a model to its history, as for `plot_losses`.
        terms: Losses to show; None for all losses of all histories.

    Returns:
        Figure with one panel for each term, with axes and values as in `plot_losses`.
    """
    runs = {name: _rows(history) for name, history in histories.items()}
    present = merge_columns(_terms(rows) for rows in runs.values())
    terms = present if terms is None else [term for term in terms if term in present]
    figure = new_figure(PANEL * len(terms) + 0.2, HEIGHT + 0.4)
    colors = variant_colors(list(runs))
    for axes, term in zip(figure.subplots(1, len(terms), squeeze=False)[0], terms):
        for name, rows in runs.items():
            for column, label, style, alpha in (
                (term, variant_title(name), "-", 1),
                (f"val_{term}", f"{variant_title(name)}, test", "--", 0.7),
            ):
                if column in rows[0]:
                    look = {"color": colors[name], "linestyle": style, "alpha": alpha}
                    _plot_column(axes, rows, column, label=label, **look)
        _finish_panel(axes, term)
    handles = figure.axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4)
    return figure


def merge_columns(histories: Iterable[Iterable[str]]) -> list[str]:
    """The columns of all histories, in order of appearance."""
    return list(dict.fromkeys(column for columns in histories for column in columns))


def panel_title(term: str) -> str:
    """The title of the panel of a loss."""
    text = title(term)
    return text[:1].upper() + text[1:]


def _plot_column(axes: Axes, rows: Sequence[Mapping[str, Any]], column: str, **look: Any) -> None:
    """Draw one column of a history."""
    (line,) = axes.plot([row["epoch"] for row in rows], [row[column] for row in rows], **look)
    mark_ends(line)


def _finish_panel(axes: Axes, term: str) -> None:
    """Add title, axes and final values to a panel with its curves."""
    lines = list(axes.lines)
    epochs = np.concatenate([np.asarray(line.get_xdata()) for line in lines])
    scale_axes([axes], [np.asarray(line.get_ydata()) for line in lines])
    label_epochs(axes, int(epochs.max()), int(epochs.min()))
    label_ends(axes, lines, 0.65 * HEIGHT)
    axes.set_title(panel_title(term))


def _rows(history: History) -> Sequence[Mapping[str, Any]]:
    """A history as one dictionary for each epoch."""
    columns = getattr(history, "history", history)  # `fit` returns a callback with it
    if not isinstance(columns, Mapping):
        return columns
    epochs = range(len(next(iter(columns.values()))))
    return [{"epoch": i + 1, **{name: columns[name][i] for name in columns}} for i in epochs]


def _terms(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The loss and its terms; without test images, the columns named as losses."""
    losses = [name for name in rows[0] if name == "loss" or name.endswith("_loss")]
    return loss_columns(rows[0]) or sorted(losses, key=lambda name: name != "loss")
