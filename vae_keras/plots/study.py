"""Variants of a study side by side."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from vae_keras.plots.arrays import takes_arrays
from vae_keras.plots.colors import TEST_COLOR, TRAIN_COLOR, shaded, variant_colors
from vae_keras.plots.curves import (
    label_ends,
    label_epochs,
    mark_ends,
    name_logarithmic,
    scale_axes,
    write_at_edge,
)
from vae_keras.plots.fonts import drawable
from vae_keras.plots.losses import merge_columns, panel_title
from vae_keras.plots.names import variant_title
from vae_keras.plots.outliers import outliers
from vae_keras.plots.style import SMALL, new_figure, styled
from vae_keras.support.terms import loss_columns
from vae_keras.support.text import minus

ROW_HEIGHT = 2.8  # inches
VALUED = 4  # more values would overlap
MOST_BANDS = 8  # more bands and diamonds would hide each other
PUBLISHED_STYLE: dict[str, Any] = {
    "linestyle": "none",
    "marker": "D",
    "markersize": 4.5,
    "markeredgecolor": "black",
    "markeredgewidth": 0.8,
}


@styled
@takes_arrays
def plot_curves(
    curves: Mapping[str, Mapping[str, np.ndarray]],
    colors: Mapping[str, Any],
    published: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]] | None = None,
) -> Figure:
    """Training and test curves of several variants: the mean over seeds and their range.

    Args:
        curves: Dictionary from variant to dictionary from column of a run's history to an
            array `(seeds, epochs)`. A variant without a term is omitted from its panels.
        colors: Dictionary from all variants of the study to colors, see `variant_colors`.
        published: Dictionary from column to dictionary from variant to pairs of an epoch and a
            published loss; or None.

    Returns:
        Figure with a row for training and one for test, and a column for each term, with axes as
        in `plot_losses`. The legend lists variants by decreasing final test loss and explains the
        bands. Published losses are diamonds in the color of their variant. With at most four
        variants, their final values are written beside the curves. With more than eight, bands and
        diamonds are omitted. With five or more, a variant whose final values in training and test
        are far from the others does not affect the limits of the axes; its values are written at
        the edge.
    """
    terms = merge_columns(loss_columns(columns) for columns in curves.values())
    figure = new_figure(3.2 * len(terms) + 2.6, 2 * ROW_HEIGHT)
    panels = figure.subplots(2, len(terms), squeeze=False, sharex=True, sharey="col")
    styles = dict(zip(colors, itertools.cycle(("-", "--", "-.", (0, (4, 1, 1, 1, 1, 1))))))
    is_crowded = len(curves) > MOST_BANDS
    for axes_row, prefix, split in zip(panels, ("", "val_"), ("training", "test")):
        for axes, term in zip(axes_row, terms):
            for variant, values in _with_column(curves, f"{prefix}{term}").items():
                line = _plot_mean(axes, values, color=colors[variant], linestyle=styles[variant])
                line.set_label(variant)
                if not is_crowded:
                    _plot_band(axes, values, colors[variant])
            axes.set_title(f"{panel_title(term)}, {split}")
    arrays = [values for columns in curves.values() for values in columns.values()]
    last = max(values.shape[1] for values in arrays)
    for column, term in zip(panels.T, terms):
        rows = [_with_column(curves, name) for name in (term, f"val_{term}")]
        ends = [{name: values[:, -1].mean() for name, values in row.items()} for row in rows]
        far = outliers(ends)
        near = [values for row in rows for name, values in row.items() if name not in far]
        scale_axes(column, near)
        for axes, end in zip(column, ends):
            label_epochs(axes, last)
            axes.tick_params(labelbottom=True)
            write_at_edge(
                axes,
                {variant_title(name): (end[name], colors[name]) for name in end if name in far},
            )
            if len(curves) <= VALUED:
                label_ends(axes, list(axes.lines), 0.7 * ROW_HEIGHT)
        column[0].set_xlabel("")
    handles = {label: line for line, label in zip(*panels[1, 0].get_legend_handles_labels())}
    order = sorted(handles, key=lambda name: -handles[name].get_ydata()[-1])
    lines = [handles[name] for name in order]
    texts, options = drawable(map(variant_title, order))
    if published and not is_crowded and _plot_published(panels, terms, published, colors, order):
        lines.append(Line2D([], [], color="0.4", **PUBLISHED_STYLE))
        texts.append("published loss, in the\ncolor of the variant")
    legend = figure.legend(
        lines,
        texts,
        loc="outside right center",
        handlelength=2.6,
        title=_meaning([len(values) for values in arrays], not is_crowded),
        alignment="left",
    )
    for text in legend.get_texts():
        text.set(**options)
    return figure


@styled
def plot_differences(
    rows: Mapping[str, Sequence[tuple[float, float | None]]],
    labels: Sequence[str],
    title: str,
    seeds: Mapping[str, int] | None = None,
    margin: float = 0.0,
) -> Figure:
    """A forest plot: differences with their intervals, one row for each variant.

    Args:
        rows: Dictionary from variant to a list of `(mean, half_width)`, one for each label;
            half_width is None without an interval.
        labels: Names of the values of a row.
        title: Label of the horizontal axis.
        seeds: Dictionary from variant to its number of seeds; None to omit it.
        margin: Differences up to this are practically equal and marked by a band; 0 for none.

    Returns:
        Figure.
    """
    counts = {} if seeds is None else {name: seeds[name] for name in rows}
    names = list(map(variant_title, rows))
    figure = new_figure(max(7.2, 4 + 0.075 * max(map(len, names))), 1.3 + 0.42 * len(rows))
    axes = figure.subplots()
    places = np.arange(len(rows))
    offsets = np.linspace(-0.16, 0.16, len(labels)) if len(labels) > 1 else [0]
    styles = zip(("o", "s"), (TRAIN_COLOR, TEST_COLOR))
    far = outliers([{name: row[i][0] for name, row in rows.items()} for i in range(len(labels))])
    is_near = np.array([name not in far for name in rows])
    for column, (label, offset, (marker, color)) in enumerate(zip(labels, offsets, styles)):
        means = np.array([row[column][0] for row in rows.values()])
        half_widths = np.array([row[column][1] or 0 for row in rows.values()])
        for place, mean, half_width in zip(
            *(each[~is_near] for each in (places, means, half_widths))
        ):
            _write_outside(axes, place + offset, mean, half_width, color)
        axes.errorbar(
            means[is_near],
            places[is_near] + offset,
            xerr=half_widths[is_near],
            fmt=marker,
            color=color,
            label=f"{label}, 95% interval" if any(half_widths) else label,
            markersize=5,
            capsize=2.5,
            elinewidth=1.4,
        )
    axes.axvline(0, color="0.4", linewidth=1)
    if margin:
        axes.axvspan(
            -margin, margin, color="0.9", zorder=0, label=f"practically equal, ±{margin:g}"
        )
    if len(set(counts.values())) == 1:
        title += f", n = {next(iter(counts.values()))}"
    elif counts:
        names = [f"{name} (n = {n})" for name, n in zip(names, counts.values())]
    (title, *names), options = drawable([title, *names])
    axes.set_yticks(places, names, **options)
    axes.set_ylim(len(rows) - 0.5, -0.5)  # the first row on top
    axes.set_xlabel(title, **options)
    axes.grid(True, axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    figure.legend(loc="outside upper center", ncols=len(labels) + bool(margin))
    return figure


def _write_outside(axes: Axes, place: float, mean: float, half_width: float, color: Any) -> None:
    """Write a difference far outside of the axes at their edge, with an arrow."""
    value = minus(f"{mean:+.1f}") + (f" ± {half_width:.1f}" if half_width else "")
    axes.text(
        1 if mean > 0 else 0,
        place,
        f"{value} →" if mean > 0 else f"← {value}",
        transform=axes.get_yaxis_transform(),
        ha="right" if mean > 0 else "left",
        va="center",
        fontsize=SMALL,
        color=shaded(color),
    )


@styled
def plot_rate_distortion(
    lines: Mapping[str, Sequence[tuple[float | str, np.ndarray, np.ndarray]]],
    marked: float = 0.0,
) -> Figure:
    """The rate–distortion curve: the error against the KL divergence.

    Args:
        lines: Dictionary from the title of a line to its points: the reconstruction weight, and
            two arrays `(seeds,)`, the KL divergence in nats and the mean squared error.
        marked: The weight to mark with a ring, or 0 for none.

    Returns:
        Figure with one line for each title, labeled with the weights. Bars show the range over
        seeds.
    """
    figure = new_figure(6.4, 4.2)
    axes = figure.subplots()
    colors = variant_colors(lines)
    curves = {}
    for title, places in lines.items():
        means = {weight: (kl.mean(), error.mean()) for weight, kl, error in places}
        curves[title] = {weight: means[weight] for weight in sorted(means.keys() - {"auto"})}
        points = np.reshape([*curves[title].values()], (-1, 2))
        axes.plot(*points.T, color=colors[title], label=title)
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
    handles = axes.get_legend_handles_labels()[0]
    handles.append(Line2D([], [], linestyle="none", marker="*", markersize=10, color="0.4"))
    texts, options = drawable(lines)
    labels = [*texts, "weight found by the decoder (auto)"]
    if marked:
        ring: dict[str, Any] = {"marker": "o", "markersize": 11, "fillstyle": "none"}
        handles.append(Line2D([], [], linestyle="none", color="0.3", **ring))
        labels.append(f"weight {marked:,g}")
    for text in axes.legend(handles, labels).get_texts():
        text.set(**options)
    axes.set_xlabel("rate: KL divergence (nats per image)")
    axes.set_ylabel("distortion: mean squared error per pixel")
    axes.set_yscale("log")
    axes.margins(0.1)
    name_logarithmic(axes)
    axes.grid(True)
    for row, (title, curve) in enumerate(curves.items()):
        if curve:
            _label_points(axes, curve, shaded(colors[title]), above=row == 0)
    return figure


def _label_points(
    axes: Axes, curve: Mapping[Any, tuple[float, float]], color: Any, above: bool
) -> None:
    """Write numbers beside the points of a line, at right angles to it."""
    places = axes.transData.transform([*curve.values()])
    steps = np.gradient(places, axis=0) if len(curve) > 1 else np.array([[1.0, 0.0]])
    normals = np.column_stack([-steps[:, 1], steps[:, 0]])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    normals *= np.where((normals[:, 1:] >= 0) == above, 1, -1)
    for (number, point), normal in zip(curve.items(), normals):
        axes.annotate(
            f"{number:,g}",
            point,
            xytext=(19 * normal[0], 14 * normal[1]),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=SMALL,
            color=color,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
            zorder=5,  # above the bars of other points
        )


def _with_column(
    curves: Mapping[str, Mapping[str, np.ndarray]], column: str
) -> dict[str, np.ndarray]:
    """A column of all variants that have it."""
    return {name: columns[column] for name, columns in curves.items() if column in columns}


def _plot_mean(axes: Axes, values: np.ndarray, **look: Any) -> Line2D:
    """Draw the mean over the rows of an array."""
    (line,) = axes.plot(np.arange(1, values.shape[1] + 1), values.mean(axis=0), **look)
    mark_ends(line)
    return line


def _plot_band(axes: Axes, values: np.ndarray, color: Any) -> None:
    """Draw a band over the range of the rows of an array."""
    if len(values) > 1:
        epochs = np.arange(1, values.shape[1] + 1)
        low, high = values.min(axis=0), values.max(axis=0)
        axes.fill_between(epochs, low, high, color=color, alpha=0.2, linewidth=0)


def _plot_published(
    panels: np.ndarray,
    terms: Sequence[str],
    published: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]],
    colors: Mapping[str, Any],
    variants: Sequence[str],
) -> bool:
    """Draw the published losses of variants; returns whether there are any."""
    found = False
    for axes_row, prefix in zip(panels, ("", "val_")):
        for axes, term in zip(axes_row, terms):
            points = published.get(f"{prefix}{term}", {})
            for name in filter(points.get, variants):
                axes.plot(*zip(*points[name]), color=colors[name], **PUBLISHED_STYLE)
                found = True
    return found


def _meaning(seeds: Sequence[int], with_bands: bool) -> str:
    """The explanation of lines and bands."""
    few, many = min(seeds), max(seeds)
    order = "order: test loss at the end"
    if many == 1:
        return f"one seed each\n{order}"
    number = f"{many}" if few == many else f"{few} to {many}"
    band = "band: minimum to maximum\n" if with_bands else ""
    return f"line: mean of {number} seeds\n{band}{order}"
