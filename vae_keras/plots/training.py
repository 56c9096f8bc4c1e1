"""The change of samples during training."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from vae_keras.plots.arrays import takes_arrays
from vae_keras.plots.images import show_tiles, tile
from vae_keras.plots.style import new_figure, styled

ROWS = 7
FRAME_HEIGHT, CAPTION = 300, 22  # pixels


@styled
@takes_arrays
def plot_training(samples: Mapping[int, np.ndarray]) -> Figure:
    """Images decoded from the same z after some epochs: a row for each epoch, the first on top.

    Args:
        samples: Dictionary from epoch to an array `(count, height, width, channels)`, uint8 or
            in [0, 1]. Of more than seven epochs, at most seven are shown. They are spaced about
            evenly on a logarithmic scale, because a model changes most at the beginning.

    Returns:
        Figure.
    """
    epochs = _chosen(np.array(sorted(samples)))
    figure = new_figure(7.2, 0.66 * len(epochs))
    panels = figure.subplots(len(epochs), 1, squeeze=False)[:, 0]
    for axes, epoch in zip(panels, epochs):
        show_tiles(axes, samples[epoch], len(samples[epoch]))
        label = f"epoch {epoch}" if epoch == epochs[0] else str(epoch)
        axes.set_ylabel(label, rotation=0, ha="right", va="center")
    return figure


@takes_arrays
def training_frames(
    samples: Mapping[int, np.ndarray], columns: int = 4, enlarge: int | None = None
) -> list[Image.Image]:
    """The frames of an animation: the samples of each epoch above its number.

    Args:
        samples: As for `plot_training`; all epochs become frames.
        columns: Images in a row; a divisor of their number.
        enlarge: Factor of both sides; None for the smallest that makes frames 300 pixels high.

    Returns:
        List of `PIL.Image.Image`, for `frames[0].save(path, save_all=True,
        append_images=frames[1:])`.
    """
    font = ImageFont.load_default(size=14)
    frames = []
    for epoch in sorted(samples):
        images = samples[epoch]
        if images.dtype != np.uint8:
            images = np.round(255 * images).astype(np.uint8)
        grid = tile(images, columns)
        factor = enlarge or max(1, -(-(FRAME_HEIGHT - CAPTION) // len(grid)))
        grid = grid.repeat(factor, axis=0).repeat(factor, axis=1)
        height, width = grid.shape[:2]
        colored = np.broadcast_to(grid, (height, width, 3))
        frame = Image.new("RGB", (width, height + CAPTION), "white")
        frame.paste(Image.fromarray(np.ascontiguousarray(colored)))
        ImageDraw.Draw(frame).text((4, height + 2), f"epoch {epoch}", fill="black", font=font)
        frames.append(frame)
    return frames


def _chosen(epochs: np.ndarray) -> list[int]:
    """At most `ROWS` epochs, about even on a logarithmic scale, with the first and the last."""
    if len(epochs) <= ROWS:
        return epochs.tolist()
    wanted = np.geomspace(epochs[0], epochs[-1], ROWS)
    nearest = [np.abs(np.log(epochs) - np.log(value)).argmin() for value in wanted]
    return epochs[np.unique(nearest)].tolist()
