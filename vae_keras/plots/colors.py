"""Colours that colour-blind readers can tell apart."""

import matplotlib
import numpy as np

TRAIN_COLOR, TEST_COLOR = "#0072b2", "#d55e00"  # from Okabe & Ito's palette
NAMED_CLASSES = 40  # more names than that fit into no figure
PALE = "0.75"  # what other things are compared with


def class_colors(count):
    """Colours for so many classes, ten of them told apart by colour-blind readers too.

    The first ten are Petroff's (2021, https://arxiv.org/abs/2107.02270); more classes
    than that take colours from a continuous scale.
    """
    if count <= 10:
        return matplotlib.color_sequences["petroff10"][:count]
    return list(matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, count))[:, :3])


def variant_colors(names):
    """Dictionary from the variants of a study to colours, the same in all its figures."""
    colors = class_colors(len(names))
    if len(names) <= 10:
        colors = class_colors(10)
        colors.append(colors.pop(3))  # grey, which looks like an aside, comes last
    return dict(zip(names, colors))
