"""Training without what takes longer than the steps of a tiny network.

A module of its own, because the processes that tests start import it: it must be small.
"""

import contextlib
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


@contextlib.contextmanager
def without_graphs_and_files():
    """Training that traces no graphs, draws no figures and exports nothing."""
    with (
        mock.patch.object(loop, "build_model", build_eager_model),
        mock.patch.object(loop, "save_figures", lambda path, *_: path.mkdir()),
        mock.patch.object(loop, "export_model", lambda model, path, _: path.mkdir()),
    ):
        yield
