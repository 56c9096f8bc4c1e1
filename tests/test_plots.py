import inspect
import io
import subprocess
import sys

import matplotlib.figure
import matplotlib.pyplot
import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.stats import norm

from vae_keras import plots
from vae_keras.latent.space import even_grid, manifold_points
from vae_keras.plots.curves import end_limits
from vae_keras.plots.images import tile
from vae_keras.plots.layout import spread, spread_boxes
from vae_keras.plots.names import variant_title
from vae_keras.plots.outliers import outliers
from vae_keras.plots.style import STYLE

ROWS = [
    {
        "epoch": epoch,
        "loss": 60 / epoch,
        "val_loss": 61 / epoch,
        "reconstruction_loss": 55 / epoch,
        "val_reconstruction_loss": 56 / epoch,
        "kl_loss": 5.0,
        "val_kl_loss": 5.5,
    }
    for epoch in range(1, 5)
]


def test_losses_shows_each_term_for_training_and_test():
    figure = plots.plot_losses(ROWS)
    assert [axes.get_title() for axes in figure.axes] == ["Loss", "Reconstruction", "KL (nats)"]
    train, test = figure.axes[0].lines
    np.testing.assert_allclose(train.get_ydata(), [60, 30, 20, 15])
    np.testing.assert_allclose(test.get_ydata(), [61, 30.5, 61 / 3, 15.25])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "training",
        "test",
    ]


def written(axes):
    """The texts in a panel from the lowest, none of which covers another."""
    texts = sorted(axes.texts, key=lambda text: text.xyann[1])
    axes.figure.savefig(io.BytesIO())
    boxes = [matplotlib.text.Text.get_window_extent(text) for text in texts]
    for first, second in zip(*np.triu_indices(len(boxes), 1)):
        assert not boxes[first].overlaps(boxes[second])
    return texts


def test_losses_may_be_negative_and_end_with_their_values_apart():
    rows = [
        {"epoch": n, "loss": 500 / n - 104.5, "val_loss": 500 / n - 104.0, "kl_loss": 90 * 0.1**n}
        for n in range(1, 21)
    ]
    axes, kl = plots.plot_losses([{**row, "val_kl_loss": row["kl_loss"]} for row in rows]).axes
    assert axes.get_yscale() == "linear" and not axes.get_ylabel()
    low, high = axes.get_ylim()
    assert low < -79.5 and high < 500 / 2 - 104  # two of twenty epochs may leave the panel
    assert [text.get_text() for text in written(axes)] == ["−79.5", "−79.0"]
    assert {1, 20} <= set(axes.get_xticks()) and 19 not in axes.get_xticks()
    assert kl.get_yscale() == "log" and kl.get_ylabel() == "logarithmic scale"
    assert kl.get_ylim()[0] < 90 * 0.1**20 and kl.get_ylim()[1] > 9


def test_positive_losses_that_span_little_have_ticks_down_to_their_end():
    rows = [{"epoch": n, "loss": 28 + 90 / n, "val_loss": 31 + 80 / n} for n in range(1, 101)]
    axes = plots.plot_losses(rows).axes[0]
    low, high = axes.get_ylim()
    assert low < 28.9 < high < 118
    shown = [tick for tick in axes.get_yticks() if low <= tick <= high]
    assert len(shown) >= 3 and min(shown) <= 30
    assert [text.get_text() for text in written(axes)] == ["28.9", "31.8"]
    assert axes.lines[0].get_markevery() == [-1]


def test_values_that_do_not_fit_are_not_written():
    many = {f"model {n}": ROWS for n in range(9)}
    assert not plots.plot_loss_comparison(many).axes[0].texts
    assert len(plots.plot_loss_comparison({"one": ROWS}).axes[0].texts) == 2


def test_places_are_spread_as_little_as_needed():
    np.testing.assert_allclose(spread([0.5, 0.1, 0.5], 0.2), [0.4, 0.1, 0.6])
    np.testing.assert_allclose(spread([0.0, 0.0, 0.9], 0.3), [0.0, 0.3, 0.9])
    np.testing.assert_allclose(spread([1.0, 1.0], 0.25), [0.75, 1.0])


def test_boxes_move_until_none_covers_another():
    centers = np.float64([[0, 0], [0, 0], [0.3, 0], [5, 5]])
    moved = spread_boxes(centers, np.full((4, 2), (1, 0.5)))
    distances = np.abs(moved[:, None] - moved)
    apart = (distances[..., 0] > 0.999) | (distances[..., 1] > 0.499)
    assert apart[np.triu_indices(4, 1)].all()
    np.testing.assert_array_equal(moved[3], [5, 5])
    assert np.abs(moved - centers).max() < 1.5
    pair = spread_boxes(np.float64([[0, 0], [0.4, 0.1]]), np.ones((2, 2)))
    np.testing.assert_allclose(pair, [[-0.3, 0], [0.7, 0.1]])
    pair = spread_boxes(np.float64([[0.4, 0.1], [0, 0]]), np.ones((2, 2)))
    np.testing.assert_allclose(pair, [[0.7, 0.1], [-0.3, 0]])


def test_curves_over_decades_have_ticks_all_along():
    rows = [
        {"epoch": n + 1, "loss": loss, "val_loss": loss / 9}
        for n, loss in enumerate((900, 30, 2.0))
    ]
    axes = plots.plot_losses(rows).axes[0]
    low, high = axes.get_ylim()
    shown = [tick for tick in axes.get_yticks() if low <= tick <= high]
    assert min(shown) < 1
    assert max(shown) >= 500
    assert 6 < len(shown) < 10


def test_losses_of_an_autoencoder_has_no_kl():
    rows = [{name: value for name, value in row.items() if "kl" not in name} for row in ROWS]
    assert len(plots.plot_losses(rows).axes) == 2


def test_a_new_term_of_the_loss_has_a_panel_in_every_figure():
    rows = [{**row, "sparsity_loss": 3.0, "val_sparsity_loss": 4.0, "seconds": 1.0} for row in ROWS]
    titles = ["Loss", "Reconstruction", "KL (nats)", "Sparsity"]
    figure = plots.plot_losses(rows)
    assert [axes.get_title() for axes in figure.axes] == titles
    np.testing.assert_array_equal(figure.axes[3].lines[1].get_ydata(), [4, 4, 4, 4])
    comparison = plots.plot_loss_comparison({"old": ROWS, "new": rows})
    assert [axes.get_title() for axes in comparison.axes] == titles
    assert [line.get_label() for line in comparison.axes[3].lines] == ["new", "new, test"]
    only = plots.plot_loss_comparison({"old": ROWS, "new": rows}, terms=["sparsity_loss", "none"])
    assert [axes.get_title() for axes in only.axes] == titles[3:]
    curves = {
        name: {column: np.array([[row[column] for row in history]]) for column in history[0]}
        for name, history in (("old", ROWS), ("new", rows))
    }
    study = plots.plot_curves(curves, plots.variant_colors(curves))
    assert [axes.get_title() for axes in study.axes[4:]] == [f"{title}, test" for title in titles]
    assert len(study.axes[0].lines) == 2
    assert len(study.axes[3].lines) == 1


def test_the_first_tenth_of_the_epochs_does_not_set_the_limits():
    beginning, end = np.full(3, 1000.0), np.linspace(20, 10, 27)
    low, high = end_limits([np.concatenate([beginning, end])])
    assert 9 < low < 10
    assert 20 < high < 21
    assert end_limits([np.array([50.0])])[1] > 50  # a single epoch is shown
    assert end_limits([np.array([50.0, 20, 15, 12, 10])])[1] > 50  # and all of a few
    assert end_limits([np.array([50.0, 20, 15, 12, 10, 9])])[1] < 50


def test_reconstructions_stand_below_their_images():
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 1), dtype=np.uint8)
    rebuilt = images / 255 * 0.5
    shown = [axes.images[0] for axes in plots.plot_reconstructions(images, rebuilt).axes]
    np.testing.assert_array_equal(shown[1].get_array(), images[1, ..., 0])
    np.testing.assert_array_equal(shown[4].get_array(), rebuilt[1, ..., 0])
    assert shown[1].get_clim() == (0, 255)
    assert shown[4].get_clim() == (0, 1)


def test_reconstructions_carry_their_points_where_there_are_few_dimensions():
    images = np.zeros((2, 4, 4, 1))
    figure = plots.plot_reconstructions(images, images, np.array([[0.123, -4.5], [1, 2]]))
    assert [axes.get_xlabel() for axes in figure.axes[:2]] == ["0.12\n−4.50", "1.00\n2.00"]
    figure = plots.plot_reconstructions(images, images, np.zeros((2, 9)))
    assert not any(axes.get_xlabel() for axes in figure.axes[:2])


def test_reconstructions_carry_their_errors():
    images = np.full((2, 4, 4, 3), 255, np.uint8)
    rebuilt = np.stack([np.full((4, 4, 3), 0.9), np.ones((4, 4, 3))])
    figure = plots.plot_reconstructions(images, rebuilt)
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "0.010", "0.000"]
    assert "MSE" in figure.axes[2].get_ylabel()


def test_images_may_have_captions():
    figure = plots.plot_images(np.zeros((2, 4, 4, 1)), captions=["one", "two"])
    assert [axes.get_xlabel() for axes in figure.axes[:2]] == ["one", "two"]


def test_images_fill_rows_and_leave_the_rest_empty():
    figure = plots.plot_images(np.random.default_rng(0).random((7, 4, 4, 3)), columns=5)
    assert [len(axes.images) for axes in figure.axes] == [1] * 7 + [0] * 3


def test_latent_scatter_has_a_point_for_each_image_and_a_name_for_each_class():
    points = np.random.default_rng(0).normal(size=(30, 2))
    labels = np.arange(30) % 3
    figure = plots.plot_latent(points, labels, ("ankle boot", "bag", "c"))
    axes = figure.axes[0]
    scatter = axes.collections[0]
    np.testing.assert_allclose(scatter.get_offsets(), points)
    colors = scatter.get_facecolors()[:, :3]
    assert len(np.unique(colors, axis=0)) == 3
    assert np.array_equal(colors[0], colors[3])
    assert not np.array_equal(colors[0], colors[1])
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["ankle boot", "bag", "c"]
    (name,) = axes.texts  # only the short one fits
    np.testing.assert_allclose(name.get_position(), np.median(points[labels == 2], axis=0))
    assert axes.get_title() == "30 images" and not axes.lines


def test_names_of_classes_in_one_place_do_not_cover_each_other():
    points = np.random.default_rng(0).normal(size=(1000, 2))
    figure = plots.plot_latent(points, np.arange(1000) % 10, list("0123456789"))
    assert len(written(figure.axes[0])) == 10
    moved = [text for text in figure.axes[0].texts if text.arrow_patch]
    assert len(moved) > 0
    middle = np.median(points[np.arange(1000) % 10 == int(moved[0].get_text())], axis=0)
    np.testing.assert_allclose(moved[0].xy, middle)  # a line leads to the class


def test_latent_scatter_may_show_the_prior():
    axes = plots.plot_latent(np.zeros((1200, 2)), prior=True).axes[0]
    radii = [np.linalg.norm(line.get_xydata(), axis=1) for line in axes.lines]
    np.testing.assert_allclose(radii, np.broadcast_to([[1], [2], [3]], np.shape(radii)))
    title = "1,200 images; dashed: 1, 2 and 3 standard deviations of the prior"
    assert axes.get_title() == title


def test_latent_scatter_without_labels():
    assert not plots.plot_latent(np.zeros((3, 2))).legends


def test_manifold_places_each_image_at_its_point():
    side = 3
    z = manifold_points(side)
    images = np.broadcast_to(norm.cdf(z[:, 1])[:, None, None, None], (9, 2, 5, 1))
    axes = plots.plot_manifold(images, side).axes[0]
    grid = np.asarray(axes.images[0].get_array())
    assert grid.shape == (3 * 2, 3 * 5)
    lines = [line.get_xydata() for line in axes.lines]
    assert {line[0, 0] for line in lines if np.ptp(line[:, 0]) == 0} == {4.5, 9.5}
    assert {line[0, 1] for line in lines if np.ptp(line[:, 1]) == 0} == {1.5, 3.5}
    assert grid[0, 0] > grid[-1, 0]  # z2 falls from top to bottom
    labels = [label.get_text() for label in axes.get_yticklabels()]
    ticks = dict(zip(labels, axes.get_yticks()))
    assert ticks["1.0"] < ticks["−1.0"]  # row numbers grow downwards
    np.testing.assert_allclose(sorted(ticks.values()), [0.5, 2.5, 4.5])  # the middle of each row


def test_tiles_are_parted_by_white_lines():
    grid = tile(np.zeros((6, 4, 4, 1), np.uint8), columns=3)
    assert grid.shape == (9, 14, 1)
    assert set(grid[4].ravel()) == set(grid[:, 4].ravel()) == set(grid[:, 9].ravel()) == {255}
    assert grid.sum() == 255 * (14 + 2 * 9 - 2)


def test_lattice_runs_through_the_manifold_points():
    places = manifold_points(5)
    axes, quantiles = plots.plot_lattice(np.zeros((4, 2)), places).axes
    assert len(axes.lines) == 10
    drawn = {tuple(point) for line in axes.lines for point in line.get_xydata()}
    assert drawn == {tuple(point) for point in np.float64(places)}
    for line in axes.lines:  # along the rows or down the columns, never across
        assert min(np.ptp(line.get_xdata()), np.ptp(line.get_ydata())) == 0
    spacing = np.diff(np.unique(quantiles.lines[0].get_xdata().round(6)))
    np.testing.assert_allclose(spacing, 0.2, atol=1e-5)


def test_quantiles_stand_beside_the_latent_points():
    points = np.random.default_rng(0).normal(size=(30, 2))
    left, right = plots.plot_latent_and_quantiles(points, np.arange(30) % 3, ("a", "b", "c")).axes
    np.testing.assert_allclose(left.collections[0].get_offsets(), points)
    np.testing.assert_allclose(right.collections[0].get_offsets(), norm.cdf(points))
    assert right.get_xlim() == right.get_ylim() == (0, 1)
    assert right.get_xlabel() == "Φ($z_1$)"


def test_axes_of_a_plane_carry_its_names():
    axes = plots.plot_latent(np.zeros((3, 2)), axis_names=("first", "second")).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("first", "second")


def test_places_are_marked_and_their_images_captioned():
    random = np.random.default_rng(0)
    places, images = random.normal(size=(4, 2)), random.random((4, 3, 3, 1))
    figure = plots.plot_places(random.normal(size=(30, 2)), places, images)
    scatter, *cells = figure.axes
    marks = [text for text in scatter.texts if text.get_text().isdecimal()]
    assert [mark.get_text() for mark in marks] == ["1", "2", "3", "4"]
    np.testing.assert_allclose([mark.xy for mark in marks], places)
    for number, (cell, place, image) in enumerate(zip(cells, places, images), start=1):
        np.testing.assert_array_equal(cell.images[0].get_array(), image[..., 0])
        text = f"{number}\n({place[0]:.1f}, {place[1]:.1f})".replace("-", "−")
        assert cell.get_xlabel() == text


def test_posteriors_are_ellipses_of_one_and_two_standard_deviations():
    covariance = np.array([[4.0, 0], [0, 1]])
    turn = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    covariances = np.stack([covariance, turn @ covariance @ turn.T])
    means = np.array([[1.0, 2], [3, 4]])
    figure = plots.plot_posteriors(np.zeros((5, 2)), means, covariances, np.zeros((2, 3, 3, 1)))
    two, one, turned, _ = figure.axes[-1].patches
    np.testing.assert_array_equal([two.center, one.center, turned.center], [(1, 2), (1, 2), (3, 4)])
    assert (two.width, two.height) == (8, 4)
    assert (one.width, one.height) == (4, 2)
    assert two.angle % 180 == 0
    assert turned.angle % 180 == pytest.approx(np.degrees(0.5))


def test_density_is_drawn_over_its_grid_with_the_shares_of_the_prior():
    places = even_grid(41, 4)
    axes = plots.plot_density(places, np.exp(-((places - [1, 2]) ** 2).sum(axis=1))).axes[0]
    assert {text.get_text() for text in axes.texts} == {"50%", "90%", "99%"}
    shades, lines = axes.collections[:2]
    peak = shades.get_paths()[-1].vertices  # inside the highest level
    np.testing.assert_allclose(peak[peak.any(axis=1)].mean(axis=0), [1, 2], atol=0.1)
    radii = [np.linalg.norm(path.vertices, axis=1).mean() for path in lines.get_paths()]
    np.testing.assert_allclose(1 - np.exp(-np.square(radii) / 2), [0.99, 0.9, 0.5], atol=0.01)


def test_histograms_are_densities_beside_the_prior():
    z = np.random.default_rng(0).normal(size=(1000, 7))
    figure = plots.plot_histograms(z, kl=np.arange(7) / 10)
    shown = [axes for axes in figure.axes if axes.patches]
    assert [axes.get_title() for axes in shown][1] == "$z_{2}$, KL 0.10 nats"
    assert len(shown) == 7
    bars = shown[3].patches
    assert sum(bar.get_height() * bar.get_width() for bar in bars) == pytest.approx(1)
    counts, _ = np.histogram(
        z[:, 3], bins=40, range=(bars[0].get_x(), -bars[0].get_x()), density=True
    )
    np.testing.assert_allclose([bar.get_height() for bar in bars], counts)
    (prior,) = shown[3].lines
    np.testing.assert_allclose(prior.get_ydata(), norm.pdf(prior.get_xdata()))


def test_histograms_of_many_dimensions_stand_closer():
    figure = plots.plot_histograms(np.zeros((5, 32)), kl=np.zeros(32))
    shown = [axes for axes in figure.axes if axes.patches]
    assert len(shown) == 32
    assert shown[1].get_title() == "$z_{2}$\nKL 0.00 nats"
    # The lowest panel of every column has numbers, where the last row is not full too.
    figure = plots.plot_histograms(np.zeros((5, 7)))
    numbered = [axes.xaxis.get_tick_params()["labelbottom"] for axes in figure.axes[:7]]
    assert numbered == [False] * 3 + [True] * 4


def test_interpolations_are_paths_and_rows_of_images():
    random = np.random.default_rng(0)
    paths = {name: random.normal(size=(3, 2)) for name in ("linear", "spherical")}
    images = {name: random.random((3, 4, 4, 1)) for name in paths}
    plane, *cells = plots.plot_interpolations(random.normal(size=(9, 2)), paths, images).axes
    for line, path in zip(plane.lines, paths.values()):
        np.testing.assert_allclose(line.get_xydata(), path)
    shown = [cell.images[0].get_array() for cell in cells]
    np.testing.assert_array_equal(shown, np.concatenate(list(images.values()))[..., 0])
    assert [cells[0].get_ylabel(), cells[3].get_ylabel()] == ["linear", "spherical"]


def test_arithmetic_has_a_row_for_each_image_and_a_column_for_each_factor():
    images = np.random.default_rng(0).random((2, 3, 4, 4, 1))
    figure = plots.plot_arithmetic(images, (-0.5, 0, 1), "“4” − “9”")
    shown = [axes.images[0].get_array() for axes in figure.axes]
    np.testing.assert_array_equal(shown, images.reshape(6, 4, 4))
    assert [axes.get_title() for axes in figure.axes] == ["−0.5", "0", "+1", "", "", ""]


def test_arithmetic_may_begin_with_the_images_themselves():
    images = np.random.default_rng(0).random((2, 3, 4, 4, 3))
    figure = plots.plot_arithmetic(images, (-1, 0, 1), "“warm”", images[:, 1] / 2)
    assert [axes.get_title() for axes in figure.axes] == ["image", "−1", "0", "+1", "", "", "", ""]
    for row in range(2):
        shown = [axes.images[0].get_array() for axes in figure.axes[4 * row : 4 * row + 4]]
        np.testing.assert_array_equal(shown, [images[row, 1] / 2, *images[row]])


def test_convergence_shows_length_and_change_of_each_batch():
    rows = [
        {"images": 100, "norm": 4.0, "change": None, "cosine": 0.9},
        {"images": 200, "norm": 2.0, "change": 1.0, "cosine": 1.0},
    ]
    length, change = plots.plot_convergence(rows).axes
    np.testing.assert_array_equal(length.lines[0].get_xydata(), [[100, 4], [200, 2]])
    np.testing.assert_array_equal(change.lines[0].get_xydata(), [[200, 0.5]])
    assert len(plots.plot_convergence(rows[:1]).axes) == 2


def test_convergence_shows_the_end_and_not_the_wild_beginning():
    rows = [
        {"images": 100 * n, "norm": 2 + 20 * 0.5**n, "change": 20 * 0.5**n} for n in range(1, 41)
    ]
    length, change = plots.plot_convergence(rows).axes
    low, high = length.get_ylim()
    assert 1.8 < low < 2 < high < 4  # of the first, 12
    assert [text.get_text() for text in length.texts] == ["2.00"]
    assert change.get_ylim()[0] == 0 and change.get_ylim()[1] < 1


def test_loss_comparison_has_one_color_for_each_model_and_lighter_test_curves():
    figure = plots.plot_loss_comparison({"gelu": ROWS, "leaky_relu": ROWS[:3]})
    assert [axes.get_title() for axes in figure.axes] == ["Loss", "Reconstruction", "KL (nats)"]
    train, test, other, _ = figure.axes[0].lines
    np.testing.assert_allclose(train.get_ydata(), [60, 30, 20, 15])
    np.testing.assert_allclose(test.get_ydata(), [61, 30.5, 61 / 3, 15.25])
    assert train.get_color() == test.get_color() != other.get_color()
    assert train.get_alpha() > test.get_alpha()
    assert figure.axes[0].get_yscale() == "linear"
    assert figure.axes[0].get_ylim()[1] > 61  # a few epochs are shown as a whole


def test_training_shows_few_epochs_the_first_and_last_included():
    samples = {epoch: np.full((4, 2, 3, 1), epoch, np.uint8) for epoch in range(1, 101)}
    figure = plots.plot_training(samples)
    epochs = [int(axes.get_ylabel().removeprefix("epoch ")) for axes in figure.axes]
    assert len(epochs) == 7
    assert epochs[0] == 1
    assert epochs[-1] == 100
    assert epochs == sorted(epochs)
    for axes, epoch in zip(figure.axes, epochs):
        assert axes.images[0].get_array()[0, 0] == epoch
        assert axes.images[0].get_array().shape == (2, 4 * 3)
        assert len(axes.lines) == 3


@pytest.mark.parametrize("channels", [1, 3])
def test_frames_show_every_epoch(channels):
    samples = {epoch: np.full((8, 4, 4, channels), 10 * epoch, np.uint8) for epoch in (1, 2, 4)}
    frames = plots.training_frames(samples, columns=4, enlarge=3)
    assert [frame.getpixel((0, 0)) for frame in frames] == [(10,) * 3, (20,) * 3, (40,) * 3]
    assert frames[0].size == (3 * 19, 3 * 9 + 22)


@pytest.mark.parametrize("side, factor", [(28, 5), (160, 1)])
def test_frames_are_large_enough_to_be_seen(side, factor):
    (frame,) = plots.training_frames({1: np.zeros((8, side, side, 1), np.uint8)})
    assert frame.size == (factor * (4 * side + 3), factor * (2 * side + 1) + 22)
    assert frame.size[1] >= 300


def test_traversals_have_a_row_for_each_dimension_and_its_divergence_at_the_left():
    images = np.random.default_rng(0).random((2, 3, 4, 4, 1))
    figure = plots.plot_traversals(images, np.float64([-1.5, 0, 1.5]), [6, 0], np.array([1.234, 0]))
    shown = [axes.images[0].get_array() for axes in figure.axes]
    np.testing.assert_array_equal(shown, images.reshape(6, 4, 4))
    assert [axes.get_title() for axes in figure.axes] == ["−1.5", "0", "+1.5", "", "", ""]
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == ["$z_{7}$\nKL 1.23 nats", "", "", "$z_{1}$\nKL 0.00 nats", "", ""]
    assert figure.get_suptitle() == "One coordinate changes, the others stay 0"
    without = plots.plot_traversals(images, np.zeros(3), [6, 0], center="an image")
    assert without.axes[0].get_ylabel() == "$z_{7}$" and "an image" in without.get_suptitle()


def test_a_run_traverses_the_dimensions_that_say_the_most(monkeypatch):
    from vae_keras.training import figures

    model = type("Model", (), {"image_shape": (1, 2, 1)})
    monkeypatch.setattr(figures, "decode_points", lambda _, z: z[:, [3, 1], None][:, None])
    figure = figures._draw_traversals(model, np.array([0.0, 0.5, 0.1, 2.0]))
    assert len(figure.axes) == 4 * 7
    assert [axes.get_ylabel()[:7] for axes in figure.axes[::7]] == [
        f"$z_{{{number}}}$" for number in (4, 2, 3, 1)
    ]
    shown = np.array([axes.images[0].get_array().ravel() for axes in figure.axes]).reshape(4, 7, 2)
    np.testing.assert_allclose(shown[0], [(value, 0) for value in range(-3, 4)])
    np.testing.assert_allclose(shown[1], [(0, value) for value in range(-3, 4)])
    assert not shown[2:].any()


def test_functions_keep_their_colors_from_panel_to_panel():
    x = np.linspace(-1, 1, 5)
    left, right = plots.plot_functions(
        x, {"values": {"a": x, "b": x**2}, "slopes": {"b": 2 * x}}
    ).axes
    assert [line.get_label() for line in left.lines[:2]] == ["a", "b"]
    np.testing.assert_array_equal(left.lines[1].get_ydata(), x**2)
    assert left.lines[1].get_color() == right.lines[0].get_color() != left.lines[0].get_color()


def test_plots_need_no_tensorflow():
    code = "import sys; sys.argv[0] = '-m'; sys.orig_argv.append('vae_keras.fit'); "
    code += "import matplotlib; matplotlib.use('agg'); "
    code += "before = matplotlib.rcParams.copy(); import vae_keras.plots; "
    code += "print('tensorflow' in sys.modules, 'keras' in sys.modules); "
    code += "print(matplotlib.rcParams == before)"  # and they change nobody's settings
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.split() == ["False", "False", "True"], result.stderr


@pytest.mark.parametrize("count", [3, 10, 47])
def test_class_colors_differ(count):
    assert len({to_hex(color) for color in plots.class_colors(count)}) == count


@pytest.mark.parametrize(("classes", "named"), [(3, True), (400, False)])
def test_only_as_many_classes_are_named_as_fit(classes, named):
    names = [f"class {number}" for number in range(classes)]
    labels = np.arange(classes)
    figure = plots.plot_latent(np.random.default_rng(0).normal(size=(classes, 2)), labels, names)
    assert bool(figure.legends) == named
    shares = np.full(classes, 1 / classes)
    bars = plots.plot_evaluation(
        np.zeros((2, 2)), np.zeros((2, 2)), np.ones(2, bool), "prior", names, shares, shares
    ).axes[1]
    assert ("class 0" in [text.get_text() for text in bars.get_yticklabels()]) == named


CURVES = {
    variant: {
        column: level + np.random.default_rng(1).random((3, 20)) + 8 / np.arange(1, 21)
        for column in ("loss", "reconstruction_loss", "val_loss", "val_reconstruction_loss")
    }
    for variant, level in (("low", 40), ("high", 44))
}


def test_curves_show_the_mean_over_seeds_and_a_band_of_all():
    figure = plots.plot_curves(CURVES, plots.variant_colors(CURVES))
    titles = ["Loss, training", "Reconstruction, training", "Loss, test", "Reconstruction, test"]
    assert [axes.get_title() for axes in figure.axes] == titles
    axes = figure.axes[2]
    low, high = axes.lines
    np.testing.assert_allclose(low.get_ydata(), CURVES["low"]["val_loss"].mean(axis=0))
    band = axes.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(CURVES["low"]["val_loss"].min())
    assert to_hex(low.get_color()) != to_hex(high.get_color())
    # As the curves end, from the top; the end is in view.
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["high", "low"]
    assert "mean of 3 seeds\nband: minimum to maximum" in figure.legends[0].get_title().get_text()
    assert [text.get_text() for text in figure.axes[0].texts]
    assert {1, 20} <= set(axes.get_xticks())
    assert axes.get_ylim()[0] < CURVES["low"]["val_loss"][:, -1].min()


def test_curves_that_fall_below_zero_have_no_logarithmic_scale():
    curves = {name: {c: v - 45 for c, v in columns.items()} for name, columns in CURVES.items()}
    figure = plots.plot_curves(curves, plots.variant_colors(curves))
    ends = [columns["val_loss"][:, -1].min() for columns in curves.values()]
    assert figure.axes[2].get_yscale() == "linear" and figure.axes[2].get_ylim()[0] < min(ends) < 0


def test_variants_are_called_what_they_are():
    assert variant_title("gelu_layernorm_after") == "GELU, layer normalization after it"
    assert variant_title("gelu_encoder") == "GELU in the encoder alone"
    assert variant_title("gelu_tanh") == "GELU, tanh form"
    assert variant_title("leaky_relu_dropout") == "LeakyReLU, dropout"
    assert [variant_title(name) for name in ("deep", "gelu_mine", "dropout")] == [
        "deep",
        "gelu_mine",
        "dropout",
    ]
    curves = {"leaky_relu": CURVES["low"], "mine": CURVES["high"]}
    figure = plots.plot_curves(curves, plots.variant_colors(curves))
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["mine", "LeakyReLU"]


def test_published_losses_are_points_beside_the_curves():
    colors = plots.variant_colors(CURVES)
    test = {"low": [(10, 41.5), (20, 41.0)], "high": [], "far": [(1, 9)]}
    figure = plots.plot_curves(CURVES, colors, {"val_loss": test, "loss": {"high": [(5, 46.0)]}})
    train, points = [
        line for axes in figure.axes for line in axes.lines if line.get_marker() == "D"
    ]
    assert (train.axes.get_title(), points.axes.get_title()) == ("Loss, training", "Loss, test")
    assert to_hex(train.get_color()) == to_hex(colors["high"])
    assert to_hex(points.get_color()) == to_hex(colors["low"])
    np.testing.assert_array_equal(train.get_xydata(), [(5, 46.0)])
    np.testing.assert_array_equal(points.get_xydata(), [(10, 41.5), (20, 41.0)])
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["high", "low", "published loss, in the\ncolor of the variant"]


def many_curves(count, far=()):
    """Curves that end one apart, except for those that end 300 higher."""
    return {
        name: {
            column: values + 300 * (name in far) + row for column, values in CURVES["low"].items()
        }
        for row, name in enumerate(map(str, range(count)))
    }


def test_nine_variants_have_neither_bands_nor_published_losses():
    for count in (8, 9):
        curves = many_curves(count)
        published = {"val_loss": {"1": [(10, 41.5)]}}
        figure = plots.plot_curves(curves, plots.variant_colors(curves), published)
        assert len(figure.axes[2].lines) == (9 if count == 8 else count)
        assert len(figure.axes[2].collections) == (8 if count == 8 else 0)
        assert ("band" in figure.legends[0].get_title().get_text()) == (count == 8)


def test_a_variant_far_from_the_others_is_written_at_the_edge():
    curves = many_curves(5, far="2")
    figure = plots.plot_curves(curves, plots.variant_colors(curves))
    axes = figure.axes[2]
    assert axes.get_ylim()[1] < 60
    end = curves["2"]["val_loss"][:, -1].mean()
    assert [text.get_text() for text in axes.texts] == [f"2 {end:.1f} ↑"]
    curves = many_curves(4, far="2")  # too few to tell
    figure = plots.plot_curves(curves, plots.variant_colors(curves))
    assert figure.axes[2].get_ylim()[1] > 300


def test_outliers_are_far_in_all_columns():
    column = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 100.0}
    assert outliers([column]) == {"e"}
    assert outliers([{**column, "e": -100.0}]) == {"e"}
    assert outliers([column, {**column, "e": 5.0}]) == set()
    assert outliers([{**column, "f": 101.0, "g": 2.5, "h": 2.6}]) == {"e", "f"}
    assert outliers([{"a": 1.0, "b": 2.0, "c": 3.0, "e": 100.0}]) == set()
    assert outliers([dict.fromkeys("abcde", 1.0)]) == set()


def test_curves_of_one_seed_have_no_band_and_one_epoch_is_a_point():
    curves = {"only": {column: values[:1, :1] for column, values in CURVES["low"].items()}}
    axes = plots.plot_curves(curves, plots.variant_colors(curves)).axes[0]
    assert not axes.collections
    assert axes.lines[0].get_marker() == "o"
    assert "one seed" in axes.figure.legends[0].get_title().get_text()


def test_a_variant_has_the_same_color_in_every_figure():
    names = [f"variant {i}" for i in range(10)]
    colors = plots.variant_colors(names)
    assert len({to_hex(color) for color in colors.values()}) == 10
    assert len(plots.variant_colors(range(25))) == 25
    figure = plots.plot_curves({names[4]: CURVES["low"]}, colors)
    assert to_hex(figure.axes[0].lines[0].get_color()) == to_hex(colors[names[4]])


def test_differences_stand_in_rows_with_their_intervals():
    rows = {"a": [(-1.0, 0.5), (-1.1, 0.4)], "b": [(0.3, None), (0.2, None)]}
    figure = plots.plot_differences(rows, ("last epoch", "last five"), "difference")
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row on top
    segments = axes.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose(segments[0][:, 0], [-1.5, -0.5])
    np.testing.assert_allclose(segments[1][:, 0], [0.3, 0.3])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "last epoch, 95% interval",
        "last five, 95% interval",
    ]


def test_a_difference_far_from_the_others_is_written_at_the_edge():
    rows = {name: [(place, 0.5), (place + 0.1, None)] for place, name in enumerate("abcd")}
    rows["far"] = [(-80.0, 2.0), (-81.0, None)]
    (axes,) = plots.plot_differences(rows, ("last epoch", "last five"), "difference").axes
    assert axes.get_xlim()[0] > -5
    assert [text.get_text() for text in axes.texts] == ["← −80.0 ± 2.0", "← −81.0"]
    assert [text.get_text() for text in axes.get_yticklabels()] == [*"abcd", "far"]


def test_differences_say_of_how_many_seeds_they_are():
    rows = {"gelu": [(-1.0, None)], "b": [(0.3, None)]}
    (axes,) = plots.plot_differences(rows, ("end",), "difference", {"gelu": 4, "b": 4}).axes
    assert axes.get_xlabel() == "difference, n = 4"
    assert axes.figure.legends[0].get_texts()[0].get_text() == "end"  # without an interval
    (axes,) = plots.plot_differences(rows, ("end",), "difference", seeds={"gelu": 4, "b": 3}).axes
    assert axes.get_xlabel() == "difference"
    assert [text.get_text() for text in axes.get_yticklabels()] == ["GELU (n = 4)", "b (n = 3)"]


def arguments():
    """Arguments of every function that takes arrays, by its name."""
    random = np.random.default_rng(0)
    points, labels = np.float32(random.normal(size=(9, 2))), np.arange(9) % 3
    images = random.random((9, 4, 4, 1), dtype=np.float32)
    names = ("a", "b", "c")
    places, shares = manifold_points(3), np.full(3, 1 / 3)
    return {
        "plot_arithmetic": (np.stack([images, images]), np.linspace(-1, 1, 9), "“4”", images[:2]),
        "plot_curves": (CURVES, plots.variant_colors(CURVES)),
        "plot_density": (places, np.exp(-np.square(places).sum(axis=1))),
        "plot_evaluation": (points, points, labels == 1, "prior", names, shares, shares),
        "plot_functions": (points[:, 0], {"values": {"a": points[:, 1]}}),
        "plot_histograms": (points, shares[:2]),
        "plot_images": (images, 3, names * 3),
        "plot_interpolations": (points, {"a": points[:3]}, {"a": images[:3]}),
        "plot_latent": (points, labels, names),
        "plot_latent_and_quantiles": (points, labels, names),
        "plot_lattice": (points, places, labels, names),
        "plot_manifold": (images, 3),
        "plot_places": (points, points[:3], images[:3], labels, names),
        "plot_posteriors": (points, points[:3], np.stack([np.eye(2)] * 3), images[:3]),
        "plot_reconstructions": (images, images / 2, points),
        "plot_training": ({1: images, 2: images},),
        "plot_traversals": (images[None], np.linspace(-3, 3, 9), [3], shares[:1]),
        "training_frames": ({1: images[:8], 2: images[:8]},),
    }


NO_ARRAYS = {"class_colors", "plot_convergence", "plot_differences", "plot_losses"}
NO_ARRAYS |= {"plot_loss_comparison", "plot_rate_distortion", "variant_colors"}


def without_arrays():
    """Arguments of the other functions that make a figure."""
    convergence = [{"images": 100, "norm": 4.0, "change": None}]
    return {
        "plot_convergence": (convergence,),
        "plot_differences": ({"a": [(1.0, 0.5)]}, ("end",), "difference"),
        "plot_losses": (ROWS,),
        "plot_loss_comparison": ({"a": ROWS},),
        "plot_rate_distortion": ({"GELU": [(1000, np.ones(2), np.ones(2))]},),
    }


@pytest.mark.parametrize("name", [name for name in plots.__all__ if name.startswith("plot_")])
def test_every_figure_has_the_style_whatever_the_settings_are(name):
    given = {**arguments(), **without_arrays()}[name]
    with matplotlib.rc_context({"figure.facecolor": "black", "axes.titlesize": 33}):
        before = dict(matplotlib.rcParams)
        figure = getattr(plots, name)(*given)
        assert matplotlib.rcParams == before
    assert to_hex(figure.get_facecolor()) == "#ffffff"
    assert {axes.title.get_size() for axes in figure.axes} <= {9, 10, 11}
    assert type(figure).__name__ == "StyledFigure"


def test_a_figure_is_saved_in_the_style_whatever_the_settings_are_then():
    def pixels(**settings):
        figure, file = plots.plot_losses(ROWS), io.BytesIO()
        with matplotlib.rc_context(settings):
            figure.savefig(file, dpi=50)
            return file.getvalue()

    dark = {"savefig.facecolor": "black", "xtick.major.size": 9, "font.size": 20}
    assert pixels() == pixels(**dark)


def test_the_style_is_one_that_matplotlib_can_use():
    with matplotlib.pyplot.style.context(STYLE):
        assert not matplotlib.rcParams["axes.spines.top"]


def convert(values, change):
    if isinstance(values, np.ndarray):
        return change(values)
    if isinstance(values, dict):
        return {key: convert(each, change) for key, each in values.items()}
    return values


def drawn(figure):
    """What a figure, or a list of frames, shows."""
    if not isinstance(figure, matplotlib.figure.Figure):
        return [np.asarray(frame) for frame in figure]
    shown = []
    for axes in figure.axes:
        shown += [np.asarray(image.get_array()) for image in axes.images]
        shown += [line.get_xydata() for line in axes.lines]
        shown += [np.asarray(each.get_offsets()) for each in axes.collections]
        shown += [each.get_facecolors() for each in axes.collections]
        shown += [np.asarray(patch.get_path().vertices) for patch in axes.patches]
    return shown


@pytest.mark.parametrize("kind", ["tensor", "list"])
@pytest.mark.parametrize("name", sorted(set(plots.__all__) - NO_ARRAYS))
def test_figures_are_the_same_from_tensors_and_lists(name, kind):
    import tensorflow as tf

    change = tf.constant if kind == "tensor" else np.ndarray.tolist
    function, given = getattr(plots, name), arguments()[name]
    expected = drawn(function(*given))
    found = drawn(function(*(convert(each, change) for each in given)))
    assert len(found) == len(expected) > 0
    for ours, theirs in zip(found, expected):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_arrays_may_be_named_arguments():
    names = inspect.signature(plots.plot_reconstructions).parameters
    figure = plots.plot_reconstructions(**{name: [[[[0.5]]]] for name in list(names)[:2]})
    assert len(figure.axes) == 2


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_images_of_16_bits_are_drawn(dtype):
    import tensorflow as tf

    figure = plots.plot_images(tf.fill((1, 4, 4, 1), tf.cast(0.5, dtype)), columns=1)
    assert figure.axes[0].images[0].get_array().dtype == np.float32


def test_labels_without_names_are_named_by_their_numbers():
    figure = plots.plot_latent(np.zeros((3, 2)), np.array([0, 2, 2]))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["0", "1", "2"]
    assert len(plots.plot_lattice(np.zeros((3, 2)), manifold_points(3), np.arange(3)).axes) == 2


def test_losses_without_test_images_have_one_curve():
    history = {"reconstruction_loss": [3.0, 2.0], "loss": [4.0, 3.0], "mae": [1.0, 1.0]}
    figure = plots.plot_losses(history)
    assert [axes.get_title() for axes in figure.axes] == ["Loss", "Reconstruction"]
    assert [line.get_label() for line in figure.axes[0].lines] == ["training"]
    comparison = plots.plot_loss_comparison({"one": history, "two": ROWS})
    assert [line.get_label() for line in comparison.axes[0].lines] == ["one", "two", "two, test"]
    np.testing.assert_array_equal(comparison.axes[0].lines[0].get_ydata(), [4, 3])


def test_a_rate_distortion_curve_may_have_no_fixed_weight():
    one = [("auto", np.array([9.0]), np.array([0.02]))]
    assert len(plots.plot_rate_distortion({"GELU": one}).axes[0].texts) == 0


def test_a_rate_distortion_curve_joins_fixed_weights_and_marks_one():
    places = [
        (weight, np.array([kl, kl + 0.5]), np.array([error, 1.1 * error]))
        for weight, kl, error in ((1000, 5.0, 0.03), ("auto", 9.0, 0.02), (100, 1.0, 0.06))
    ]
    axes = plots.plot_rate_distortion({"LeakyReLU": places, "GELU": places[:1]}, 1000).axes[0]
    line = axes.lines[0].get_xydata()
    np.testing.assert_allclose(line, [[1.25, 0.063], [5.25, 0.0315]])
    assert [text.get_text() for text in axes.texts] == ["100", "1,000", "1,000"]
    assert (np.array(axes.texts[0].xyann) > 0).all()  # above the falling line
    assert axes.texts[2].xyann[1] < 0  # the second line has its weights below
    assert len([each for each in axes.lines if each.get_markersize() == 13]) == 2
    assert axes.get_yscale() == "log"
