"""Commands without what takes longer than the steps of a tiny network.

A module of its own, because the processes that tests start import it: it must be small. Started as
a script, it is a training of a study.
"""

import sys
from unittest import mock

from vae_keras.evaluation import judge
from vae_keras.study import job
from vae_keras.training import loop, saving

JUDGE_STEPS = 300  # instead of thousands, of the classifier that judges samples
# A network for digits that computes a hundredth of the book's, as settings and as options.
SMALL = {
    "encoder_filters": (8, 8),
    "encoder_strides": (2, 2),
    "decoder_filters": (8,),
    "decoder_strides": (2, 2),
}
SMALL_OPTIONS = [
    f"--{name.replace('_', '-')}={','.join(map(str, numbers))}" for name, numbers in SMALL.items()
]

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


# What takes the place of names in modules where no graphs, figures and exports are wanted.
QUICK = {
    (loop, "build_model"): build_eager_model,
    (saving, "save_figures"): lambda path, *_: path.mkdir(),
    (saving, "export_model"): lambda model, path, _: path.mkdir(),
}


def leave_out(patch):
    """Put these things in their places with a `pytest.MonkeyPatch`."""
    for (module, name), replacement in QUICK.items():
        patch.setattr(module, name, replacement)


def be_quick(traces_graphs=False):
    """Put these things in their places, for the rest of the process."""
    for (module, name), replacement in QUICK.items():
        setattr(module, name, replacement)
    if traces_graphs:
        loop.build_model = build_model
    judge.STEPS = JUDGE_STEPS
    job.COMMAND = [sys.executable, __file__]


if __name__ == "__main__":
    be_quick(traces_graphs=True)  # many steps are quicker so
    job.main()
