"""Commands without what takes longer than the steps of a tiny network.

A module of its own, because the processes that tests start import it: it must be small. Started as
a script, it is a training of a study.
"""

import gc
import sys
from unittest import mock

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


def build_eager_model(*arguments):
    """A model that takes its steps one by one: to trace a graph takes seconds."""
    from vae_keras.training.build import build_model

    model = build_model(*arguments)
    model.run_eagerly = True
    return model


def train_eagerly(*arguments, **options):
    """`train` without graphs. Its numbers differ from those of graphs in the last digits."""
    from vae_keras.training.loop import train

    with mock.patch("vae_keras.training.loop.build_model", build_eager_model):
        return train(*arguments, **options)


# What takes the place of names in modules where no graphs, figures and exports are wanted.
QUICK = {
    "vae_keras.training.loop.build_model": build_eager_model,
    "vae_keras.training.saving.save_figures": lambda path, *_: path.mkdir(),
    "vae_keras.training.saving.export_model": lambda model, path, _: path.mkdir(),
}


def leave_out(patch):
    """Put these things in their places with a `pytest.MonkeyPatch`."""
    for name, replacement in QUICK.items():
        patch.setattr(name, replacement)


def be_quick(traces_graphs=False, exports=False):
    """Put these things in their places, for the rest of the process."""
    gc.disable()  # as commands do while they import TensorFlow
    replacements = QUICK | {
        "vae_keras.evaluation.judge.STEPS": JUDGE_STEPS,
        "vae_keras.study.job.COMMAND": [sys.executable, __file__],
    }
    if traces_graphs:
        del replacements["vae_keras.training.loop.build_model"]
    if exports:
        del replacements["vae_keras.training.saving.export_model"]
    for name, replacement in replacements.items():
        mock.patch(name, replacement).start()
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    be_quick(traces_graphs=True)  # many steps are quicker so
    from vae_keras.study.job import main

    main()
