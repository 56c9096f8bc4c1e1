"""Curves of the loss over epochs."""

import matplotlib
from matplotlib.figure import Figure

from vae_keras.plots.colors import TEST_COLOR, TRAIN_COLOR, variant_colors

TERM_TITLES = {
    "loss": "Loss",
    "reconstruction_loss": "Reconstruction term",
    "kl_loss": "KL divergence (nats)",
}


def plot_losses(rows):
    """Training and test curves of the loss and its terms, on a logarithmic scale.

    Args:
        rows: Dictionaries with `epoch` and the columns of a run's history.

    Returns:
        Figure with one panel for each term.
    """
    terms = [term for term in TERM_TITLES if term in rows[0]]
    figure = Figure(figsize=(3.6 * len(terms), 3.2), layout="constrained")
    epochs = [row["epoch"] for row in rows]
    for axes, term in zip(figure.subplots(1, len(terms), squeeze=False)[0], terms):
        marker = "o" if len(rows) == 1 else None
        for column, label, color, style in (
            (term, "training", TRAIN_COLOR, "-"),
            (f"val_{term}", "test", TEST_COLOR, "--"),
        ):
            values = [row[column] for row in rows]
            axes.plot(epochs, values, style, color=color, label=label, marker=marker)
        axes.set(title=TERM_TITLES[term], xlabel="epoch", yscale="log")
        tidy_axes(axes)
    figure.axes[0].legend(frameon=False)
    return figure


def plot_loss_comparison(histories, terms=tuple(TERM_TITLES)):
    """Curves of several models in one colour each, those of the test images lighter.

    Args:
        histories: Dictionary from the name of a model to its history, as for `plot_losses`.
        terms: Which of `TERM_TITLES` to show; those that no history has are left out.

    Returns:
        Figure with one panel for each term, on logarithmic scales. The first epoch may leave
        a panel, so that the ends can be told apart.
    """
    terms = [term for term in terms if any(term in rows[0] for rows in histories.values())]
    figure = Figure(figsize=(3.6 * len(terms), 3.6), layout="constrained")
    colors = variant_colors(list(histories))
    for axes, term in zip(figure.subplots(1, len(terms), squeeze=False)[0], terms):
        for name, rows in histories.items():
            if term not in rows[0]:
                continue
            epochs = [row["epoch"] for row in rows]
            marker = "o" if len(rows) == 1 else None
            for column, label, alpha in ((term, name, 1), (f"val_{term}", f"{name}, test", 0.45)):
                values = [row[column] for row in rows]
                axes.plot(
                    epochs, values, color=colors[name], alpha=alpha, label=label, marker=marker
                )
        axes.set(title=TERM_TITLES[term], xlabel="epoch", yscale="log")
        tidy_axes(axes)
        axes.set_ylim(*_limits([line.get_ydata() for line in axes.lines]))
    handles = figure.axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", frameon=False, ncols=4)
    return figure


def _limits(curves):
    """Limits of a logarithmic axis that holds curves but for their first epoch."""
    shown = [value for curve in curves for value in (curve[1:] if len(curve) > 1 else curve)]
    low, high = max(min(shown), 1e-9), max(*shown, 1e-9)
    margin = max(high / low, 1.01) ** 0.04
    return low / margin, high * margin


def tidy_axes(axes):
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
