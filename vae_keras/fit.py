"""Command line of the main job: `python -m vae_keras.fit --activation gelu`."""

import shlex
import sys

from vae_keras import cli
from vae_keras.activations import ACTIVATIONS
from vae_keras.config import (
    MODELS,
    NORMALIZATION_POSITIONS,
    NORMALIZATIONS,
    PRESETS,
    RECONSTRUCTIONS,
    make_config,
)
from vae_keras.data import check_dataset_name


def build_parser():
    """The options; those not given keep the preset's value."""
    parser = cli.Parser(
        prog="python -m vae_keras.fit",
        description="Train the variational autoencoder of 'Generative Deep Learning', draw what "
        "it does, save and export it.",
        argument_default=cli.argparse.SUPPRESS,
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--dataset",
        default="auto",
        help="digits, mnist, fashion_mnist, tfds:NAME, or auto: MNIST where it can be had, "
        "digits elsewhere",
    )
    data.add_argument("--data-dir", help="where tensorflow-datasets keeps its data")
    data.add_argument("--max-train-images", type=int, metavar="N", help="train on the first N only")

    model = parser.add_argument_group("model (where not given, the preset decides)")
    model.add_argument("--preset", metavar="NAME", help=_one_of(PRESETS))
    model.add_argument("--model", metavar="NAME", help=_one_of(MODELS))
    model.add_argument("--activation", metavar="NAME", help=_one_of(ACTIVATIONS))
    model.add_argument("--encoder-activation", metavar="NAME", help="where it differs")
    model.add_argument("--decoder-activation", metavar="NAME", help="where it differs")
    model.add_argument("--normalization", metavar="NAME", help=_one_of(NORMALIZATIONS))
    model.add_argument(
        "--normalization-position",
        metavar="NAME",
        help=f"{_one_of(NORMALIZATION_POSITIONS)} the activation",
    )
    model.add_argument("--dropout", type=float, metavar="RATE", help="in [0, 1)")
    model.add_argument("--latent-dim", type=int, metavar="N", help="size of the latent space")

    loss = parser.add_argument_group("loss")
    loss.add_argument("--reconstruction", metavar="NAME", help=_one_of(RECONSTRUCTIONS))
    loss.add_argument("--reconstruction-weight", type=float, metavar="W")
    loss.add_argument("--kl-weight", type=float, metavar="W")

    training = parser.add_argument_group("training")
    training.add_argument("--learning-rate", type=float, metavar="RATE")
    training.add_argument("--lr-decay", type=float, metavar="FACTOR", help="for each epoch")
    training.add_argument("--batch-size", type=int, metavar="N")
    training.add_argument("--epochs", type=int, metavar="N", help="the book and the study: 200")
    training.add_argument("--seed", type=int, metavar="N", help="decides the whole run")

    run = parser.add_argument_group("run")
    run.add_argument("--directory", default=None, help="folder of the run (saved_models/...)")
    run.add_argument("--overwrite", action="store_true", default=False, help="replace its run")
    run.add_argument("--tensorboard", action="store_true", default=False, help="write logs for it")
    return parser


def main(arguments=None):
    """Parse the arguments, train, and say where everything is."""
    options = vars(build_parser().parse_args(arguments))
    run_options = {name: options.pop(name) for name in ("directory", "overwrite", "tensorboard")}

    def check():
        check_dataset_name(options["dataset"])
        return make_config(**options)

    config = cli.run_command(check)
    cli.quiet_tensorflow()

    from vae_keras.training import train

    run = cli.run_command(lambda: train(config, **run_options))
    print(describe_run(run))


def describe_run(run):
    """The final table of a run, and where to look further."""
    metrics = run.read_metrics()
    columns = [name for name in ("loss", "reconstruction_loss", "kl_loss", "elbo")
               if name in metrics["test"]]
    lines = ["", "      " + "".join(f"{name:>21}" for name in columns)]
    for split in ("train", "test"):
        lines.append(f"{split:<6}" + "".join(f"{metrics[split][name]:>21.3f}" for name in columns))
    return "\n".join(lines)


def _one_of(names):
    return ", ".join(sorted(names))


if __name__ == "__main__":
    main(sys.argv[1:])
