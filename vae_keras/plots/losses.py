"""Curves of the loss over epochs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vae_keras.plots.colors import TEST_COLOR, TRAIN_COLOR, variant_colors
from vae_keras.support.terms import loss_columns, title

# Dictionaries with `epoch` and the columns of a run's history; or what Keras returns,
# `model.fit(...)` or its `history`.
History = Sequence[Mapping[str, Any]] | Mapping[str, Sequence[float]] | Any


def plot_losses(rows: History) -> Figure:
    """Training and test curves of the loss and its terms, on a logarithmic scale.

    Args:
        rows: Dictionaries with `epoch` and the columns of a run's history; or what Keras returns,
            `model.fit(...)` or its `history`. Without test images there are no test curves.

    Returns:
        Figure with one panel for each term.
    """
    rows = _rows(rows)
    terms = _terms(rows)
    figure = Figure(figsize=(3.6 * len(terms), 3.2), layout="constrained")
    numbers = [row["epoch"] for row in rows]
    for axes, term in zip(figure.subplots(1, len(terms), squeeze=False)[0], terms):
        marker = "o" if len(rows) == 1 else None
        for column, label, color, style in (
            (term, "training", TRAIN_COLOR, "-"),
            (f"val_{term}", "test", TEST_COLOR, "--"),
        ):
            if column in rows[0]:
                values = [row[column] for row in rows]
                axes.plot(numbers, values, style, color=color, label=label, marker=marker)
        axes.set(title=panel_title(term), xlabel="epoch", yscale="log")
        tidy_axes(axes)
    figure.axes[0].legend(frameon=False)
    return figure


def plot_loss_comparison(
    histories: Mapping[str, History], terms: Sequence[str] | None = None
) -> Figure:
    """Curves of several models in one color each, those of the test images lighter.

    Args:
        histories: Dictionary from the name of a model to its history, as for `plot_losses`.
        terms: Which losses to show; None for all that any history has.

    Returns:
        Figure with one panel for each term, on logarithmic scales. The first tenth of the epochs
        may leave a panel, so that the ends can be told apart.
    """
    runs = {name: _rows(history) for name, history in histories.items()}
    present = merge_columns(_terms(rows) for rows in runs.values())
    terms = present if terms is None else [term for term in terms if term in present]
    figure = Figure(figsize=(3.6 * len(terms), 3.6), layout="constrained")
    colors = variant_colors(list(runs))
    for axes, term in zip(figure.subplots(1, len(terms), squeeze=False)[0], terms):
        for name, rows in runs.items():
            if term not in rows[0]:
                continue
            epochs = [row["epoch"] for row in rows]
            marker = "o" if len(rows) == 1 else None
            for column, label, alpha in ((term, name, 1), (f"val_{term}", f"{name}, test", 0.45)):
                if column not in rows[0]:
                    continue
                values = [row[column] for row in rows]
                axes.plot(
                    epochs, values, color=colors[name], alpha=alpha, label=label, marker=marker
                )
        axes.set(title=panel_title(term), xlabel="epoch", yscale="log")
        tidy_axes(axes)
        axes.set_ylim(*end_limits([np.asarray(line.get_ydata()) for line in axes.lines]))
    handles = figure.axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", frameon=False, ncols=4)
    return figure


def merge_columns(histories: Iterable[Iterable[str]]) -> list[str]:
    """The columns that any of several histories has, in the order in which they appear."""
    return list(dict.fromkeys(column for columns in histories for column in columns))


def panel_title(term: str) -> str:
    """What to write above the curves of a loss."""
    text = title(term)
    return text[:1].upper() + text[1:]


def end_limits(curves: Iterable[np.ndarray]) -> tuple[float, float]:
    """Limits of a logarithmic axis that holds all curves but for the first tenth of their epochs.

    Args:
        curves: Arrays whose last axis is epochs. Of several epochs at least the first is left out.
    """
    shown = np.concatenate([curve[..., _first_epoch(curve) :].ravel() for curve in curves])
    low, high = max(shown.min(), 1e-9), max(shown.max(), 1e-9)
    margin = max(high / low, 1.01) ** 0.04
    return low / margin, high * margin


def tidy_axes(axes: Axes) -> None:
    """Whole epochs, and a few plain numbers on a logarithmic scale, however little it spans."""
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    for axis in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        axis(matplotlib.ticker.FormatStrFormatter("%g"))
    low, high = axes.get_ylim()
    if high > 20 * low:
        axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    else:
        axes.yaxis.set_minor_locator(matplotlib.ticker.MaxNLocator(4))
        axes.yaxis.set_major_locator(matplotlib.ticker.NullLocator())
    axes.grid(True, which="both", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)


def _rows(history: History) -> Sequence[Mapping[str, Any]]:
    """A history as one dictionary for each epoch."""
    columns = getattr(history, "history", history)  # `fit` returns a callback that holds it
    if not isinstance(columns, Mapping):
        return columns
    epochs = range(len(next(iter(columns.values()))))
    return [{"epoch": i + 1, **{name: columns[name][i] for name in columns}} for i in epochs]


def _terms(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The loss and its terms; without test images, the columns that are called a loss."""
    losses = [name for name in rows[0] if name == "loss" or name.endswith("_loss")]
    return loss_columns(rows[0]) or sorted(losses, key=lambda name: name != "loss")


def _first_epoch(curve: np.ndarray) -> int:
    epochs = curve.shape[-1]
    return min(max(1, epochs // 10), epochs - 1)
