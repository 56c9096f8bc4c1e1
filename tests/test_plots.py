import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.stats import norm

from vae_keras import plots

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
    assert [axes.get_title() for axes in figure.axes] == list(plots.TERM_TITLES.values())
    train, test = figure.axes[0].lines
    np.testing.assert_allclose(train.get_ydata(), [60, 30, 20, 15])
    np.testing.assert_allclose(test.get_ydata(), [61, 30.5, 61 / 3, 15.25])
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["training", "test"]


def test_losses_of_an_autoencoder_has_no_kl():
    rows = [{name: value for name, value in row.items() if "kl" not in name} for row in ROWS]
    assert len(plots.plot_losses(rows).axes) == 2


def test_reconstructions_stand_below_their_images():
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 1), dtype=np.uint8)
    rebuilt = images / 255 * 0.5
    shown = [axes.images[0] for axes in plots.plot_reconstructions(images, rebuilt).axes]
    np.testing.assert_array_equal(shown[1].get_array(), images[1, ..., 0])
    np.testing.assert_array_equal(shown[4].get_array(), rebuilt[1, ..., 0])
    assert shown[1].get_clim() == (0, 255) and shown[4].get_clim() == (0, 1)


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
    assert np.array_equal(colors[0], colors[3]) and not np.array_equal(colors[0], colors[1])
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["ankle boot", "bag", "c"]
    (name,) = axes.texts  # only the short one fits
    np.testing.assert_allclose(name.get_position(), np.median(points[labels == 2], axis=0))


def test_latent_scatter_without_labels():
    assert not plots.plot_latent(np.zeros((3, 2))).legends


def test_manifold_points_are_finite_quantiles_with_the_top_row_first():
    points = plots.manifold_points(4)
    assert np.isfinite(points).all()
    np.testing.assert_allclose(norm.cdf(np.unique(points[:, 0])), [0.125, 0.375, 0.625, 0.875], atol=1e-6)
    assert points[0, 0] < 0 < points[0, 1]  # top left: z1 low, z2 high
    assert points[-1, 0] > 0 > points[-1, 1]  # bottom right
    assert points[1, 0] > points[0, 0] and points[1, 1] == points[0, 1]  # along the row first


def test_manifold_places_each_image_at_its_point():
    side = 3
    z = plots.manifold_points(side)
    images = np.broadcast_to(norm.cdf(z[:, 1])[:, None, None, None], (9, 2, 5, 1))
    axes = plots.plot_manifold(images, side).axes[0]
    grid = np.asarray(axes.images[0].get_array())
    assert grid.shape == (6, 15)
    assert grid[0, 0] > grid[-1, 0]  # z2 falls from top to bottom
    ticks = {label.get_text(): position for label, position in zip(axes.get_yticklabels(), axes.get_yticks())}
    assert ticks["1.0"] < ticks["-1.0"]  # row numbers grow downwards


@pytest.mark.parametrize("count", [3, 10, 47])
def test_class_colors_differ(count):
    assert len({to_hex(color) for color in plots.class_colors(count)}) == count
