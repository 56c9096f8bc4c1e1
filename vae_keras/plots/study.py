"""Variants of a study side by side."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vae_keras.plots.arrays import takes_arrays
from vae_keras.plots.colors import TEST_COLOR, TRAIN_COLOR, variant_colors
from vae_keras.plots.losses import end_limits, merge_columns, panel_title, tidy_axes
from vae_keras.support.terms import loss_columns

PUBLISHED_STYLE: dict[str, Any] = {
    "linestyle": "none",
    "marker": "D",
    "markersize": 4,
    "markeredgecolor": "black",
}


@takes_arrays
def plot_curves(
    curves: Mapping[str, Mapping[str, np.ndarray]],
    colors: Mapping[str, Any],
    published: Mapping[str, Sequence[tuple[int, float]]] | None = None,
) -> Figure:
    """Training and test curves of several variants: the mean over seeds, and a band of all.

    Args:
        curves: Dictionary from variant to dictionary from column of a run's history to an
            array `(seeds, epochs)`. A variant without a term is left out of its panels.
        colors: Dictionary from all variants of the study to colors, see `variant_colors`.
        published: Dictionary from variant to pairs of an epoch and a test loss that was
            published for it; or None.

    Returns:
        Figure with a row for training and one for test, and a column for each term, on
        logarithmic scales. The legend lists variants as their test loss ends, from the top.
        The first tenth of the epochs may leave a panel, so that the ends can be told apart.
        Published losses are diamonds in the color of their variant.
    """
    terms = merge_columns(loss_columns(columns) for columns in curves.values())
    figure = Figure(figsize=(3.4 * len(terms) + 1.8, 5.6), layout="constrained")
    panels = figure.subplots(2, len(terms), squeeze=False, sharex=True, sharey="col")
    styles = dict(zip(colors, itertools.cycle(("-", "--", "-.", (0, (4, 1, 1, 1, 1, 1))))))
    for axes_row, prefix, split in zip(panels, ("", "val_"), ("training", "test")):
        for axes, term in zip(axes_row, terms):
            for variant, columns in curves.items():
                if f"{prefix}{term}" in columns:
                    values = columns[f"{prefix}{term}"]
                    _plot_band(axes, values, colors[variant], styles[variant], label=variant)
            axes.set(title=f"{panel_title(term)}, {split}", yscale="log")
            tidy_axes(axes)
    for axes, term in zip(panels[1], terms):
        axes.set_xlabel("epoch")
        shown = (term, f"val_{term}")
        axes.set_ylim(
            end_limits(
                columns[name] for columns in curves.values() for name in shown if name in columns
            )
        )
    handles = {label: line for line, label in zip(*panels[1, 0].get_legend_handles_labels())}
    order = sorted(handles, key=lambda name: -handles[name].get_ydata()[-1])
    points = {name: published[name] for name in order if published and published.get(name)}
    for name, pairs in points.items():
        panels[1, 0].plot(*zip(*pairs), color=colors[name], **PUBLISHED_STYLE)
    if points:
        handles["published"] = Line2D([], [], color="0.4", **PUBLISHED_STYLE)
        order.append("published")
    lines = [handles[name] for name in order]
    figure.legend(lines, order, loc="outside right center", frameon=False, handlelength=3)
    return figure


def plot_differences(
    rows: Mapping[str, Sequence[tuple[float, float | None]]], labels: Sequence[str], title: str
) -> Figure:
    """A forest plot: differences with their intervals, one row for each variant.

    Args:
        rows: Dictionary from variant to a list of `(mean, half_width)`, one for each label;
            half_width is None where there is no interval.
        labels: What the values of a row are.
        title: What the horizontal axis shows.

    Returns:
        Figure.
    """
    figure = Figure(figsize=(7.2, 1.3 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(rows))
    offsets = np.linspace(-0.16, 0.16, len(labels)) if len(labels) > 1 else [0]
    styles = zip(("o", "s"), (TRAIN_COLOR, TEST_COLOR))
    for column, (label, offset, (marker, color)) in enumerate(zip(labels, offsets, styles)):
        means = [row[column][0] for row in rows.values()]
        half_widths = [row[column][1] or 0 for row in rows.values()]
        axes.errorbar(
            means,
            places + offset,
            xerr=half_widths,
            fmt=marker,
            color=color,
            label=label,
            markersize=5,
            capsize=2.5,
            elinewidth=1.4,
        )
    axes.axvline(0, color="0.4", linewidth=1)
    axes.set_yticks(places, list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)  # the first row on top
    axes.set_xlabel(title)
    axes.grid(True, axis="x", color="0.9")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=len(labels), frameon=False)
    return figure


def plot_rate_distortion(
    lines: Mapping[str, Sequence[tuple[float | str, np.ndarray, np.ndarray]]],
    marked: float = 0.0,
) -> Figure:
    """What each nat of the KL divergence buys: the error against the KL divergence.

    Args:
        lines: Dictionary from the title of a line to its places: the reconstruction weight, and
            two arrays `(seeds,)`, the KL divergence in nats and the mean squared error.
        marked: The weight to mark with a ring, or 0 for none.

    Returns:
        Figure with one line for each title, whose numbers are weights. Bars reach from the least
        to the greatest seed.
    """
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    colors = variant_colors(lines)
    for row, (title, places) in enumerate(lines.items()):
        fixed = sorted((each for each in places if each[0] != "auto"), key=lambda each: each[0])
        axes.plot(
            [kl.mean() for _, kl, _ in fixed],
            [error.mean() for _, _, error in fixed],
            color=colors[title],
            label=title,
        )
        for weight, kl, error in places:
            x, y = kl.mean(), error.mean()
            axes.errorbar(
                x,
                y,
                xerr=[[x - kl.min()], [kl.max() - x]],
                yerr=[[y - error.min()], [error.max() - y]],
                color=colors[title],
                marker="*" if weight == "auto" else "o",
                markersize=12 if weight == "auto" else 5,
                markeredgecolor="white" if weight == "auto" else colors[title],
                elinewidth=1,
                zorder=4 if weight == "auto" else 3,
            )
            if weight == marked:
                axes.plot(x, y, "o", markersize=13, fillstyle="none", color="0.3")
            if isinstance(weight, str):
                continue
            below = row > 0
            axes.annotate(
                f"{weight:,g}",
                (x, y),
                xytext=(-7 if below else 7, -7 if below else 7),
                textcoords="offset points",
                ha="right" if below else "left",
                va="top" if below else "bottom",
                fontsize=8,
                color=colors[title],
            )
    handles = axes.get_legend_handles_labels()[0]
    handles.append(Line2D([], [], linestyle="none", marker="*", markersize=10, color="0.4"))
    labels = [*lines, "weight found by the decoder (auto)"]
    if marked:
        ring: dict[str, Any] = {"marker": "o", "markersize": 11, "fillstyle": "none"}
        handles.append(Line2D([], [], linestyle="none", color="0.3", **ring))
        labels.append(f"weight {marked:,g}")
    axes.legend(handles, labels, frameon=False)
    axes.set_xlabel("rate: KL divergence (nats per image)")
    axes.set_ylabel("distortion: mean squared error per pixel")
    axes.set_yscale("log")
    axes.margins(0.1)
    tidy_axes(axes)
    return figure


def _plot_band(axes: Axes, values: np.ndarray, color: Any, style: Any, label: str) -> None:
    """The mean over the rows of an array, and a band from the least to the greatest."""
    epochs = np.arange(1, values.shape[1] + 1)
    marker = "o" if len(epochs) == 1 else None
    axes.plot(epochs, values.mean(axis=0), linestyle=style, color=color, label=label, marker=marker)
    if len(values) > 1:
        axes.fill_between(
            epochs, values.min(axis=0), values.max(axis=0), color=color, alpha=0.2, linewidth=0
        )
