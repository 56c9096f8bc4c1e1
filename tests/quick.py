"""Training without what takes longer than the steps of a tiny network.

A module of its own, because the processes that tests start import it: it must be small.
"""

from unittest import mock

from vae_keras.training import loop

build_model = loop.build_model


def build_eager_model(*arguments):
    """A model that takes its steps one by one: to trace a graph takes seconds."""
    model = build_model(*arguments)
    model.run_eagerly = True
    return model


def train_eagerly(*arguments, **options):
    """`train` without graphs. Its numbers differ from those of graphs in the last digits."""
    with mock.patch.object(loop, "build_model", build_eager_model):
        return loop.train(*arguments, **options)


# What takes the place of names in `loop` where no graphs, figures and exports are wanted.
QUICK = {
    "build_model": build_eager_model,
    "save_figures": lambda path, *_: path.mkdir(),
    "export_model": lambda model, path, _: path.mkdir(),
}
