"""Command line of the main job: `python -m vae_keras.fit --activation gelu`."""

import argparse
import os
import sys

from vae_keras import cli
from vae_keras.activations import ACTIVATIONS
from vae_keras.config import (
    MODELS,
    NORMALIZATION_POSITIONS,
    NORMALIZATIONS,
    PRESETS,
    RECONSTRUCTIONS,
    FitConfig,
    make_config,
)
from vae_keras.data import check_dataset_name, is_folder, resolve_dataset
from vae_keras.errors import InputError
from vae_keras.runs import Run, check_run
from vae_keras.signals import deferred_signals

RUN_OPTIONS = {
    "directory": None,
    "resume": False,
    "overwrite": False,
    "tensorboard": False,
    "devices": 1,
}

PATHS = ("cache", "attributes")
FOLDER_OPTIONS = ("test_fraction", "attributes")


def build_parser():
    """The options of the command line; those that are not given keep the preset's value."""
    parser = cli.Parser(
        prog="python -m vae_keras.fit",
        description="Train the variational autoencoder of 'Generative Deep Learning', draw what "
        "it does, save and export it.",
        epilog="What is not given follows from the preset, and the preset from the data set.",
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--dataset",
        metavar="NAME",
        help="digits, mnist, fashion_mnist, tfds:NAME, the path of a folder of pictures, or auto "
        "(the default): MNIST where it can be had, digits elsewhere",
    )
    data.add_argument("--data-dir", metavar="DIR", help="where tensorflow-datasets keeps its data")
    data.add_argument(
        "--image-size",
        type=_image_size,
        metavar="SIZE",
        help="cut and scale images to a square of N, or to HEIGHTxWIDTH",
    )
    data.add_argument(
        "--channels", type=int, metavar="N", help="1 for grey, 3 for colour; of a folder 3"
    )
    data.add_argument(
        "--test-fraction",
        type=float,
        metavar="F",
        help="share of a folder's pictures that is kept for the test (0.1)",
    )
    data.add_argument(
        "--attributes", metavar="FILE", help="CSV file with properties of a folder's pictures"
    )
    data.add_argument(
        "--cache", metavar="DIR", help="keep decoded images there, and not in memory"
    )
    data.add_argument("--max-train-images", type=int, metavar="N", help="train on the first N only")

    model = parser.add_argument_group("model")
    model.add_argument("--preset", metavar="NAME", help=f"network of the book: {_list(PRESETS)}")
    model.add_argument("--model", metavar="NAME", help=_list(MODELS))
    model.add_argument("--activation", metavar="NAME", help=_list(ACTIVATIONS))
    model.add_argument("--encoder-activation", metavar="NAME", help="where it differs")
    model.add_argument("--decoder-activation", metavar="NAME", help="where it differs")
    model.add_argument("--normalization", metavar="NAME", help=_list(NORMALIZATIONS))
    model.add_argument(
        "--normalization-position",
        metavar="NAME",
        help=f"{_list(NORMALIZATION_POSITIONS)} the activation",
    )
    model.add_argument("--dropout", type=float, metavar="RATE", help="at least 0 and below 1")
    model.add_argument("--latent-dim", type=int, metavar="N", help="size of the latent space")

    loss = parser.add_argument_group("loss")
    loss.add_argument("--reconstruction", metavar="NAME", help=_list(RECONSTRUCTIONS))
    loss.add_argument(
        "--reconstruction-weight",
        type=float,
        metavar="W",
        help="factor of the error averaged over pixels",
    )
    loss.add_argument("--kl-weight", type=float, metavar="W", help="factor of the KL divergence")

    training = parser.add_argument_group("training")
    training.add_argument("--learning-rate", type=float, metavar="RATE", help="of Adam")
    training.add_argument(
        "--lr-decay", type=float, metavar="FACTOR", help="of the learning rate, every epoch"
    )
    training.add_argument("--batch-size", type=int, metavar="N", help="images in a step")
    training.add_argument(
        "--epochs", type=int, metavar="N", help="digits 100, mnist 20; 200 in the book and the study"
    )
    training.add_argument("--seed", type=int, metavar="N", help="decides the whole run")

    run = parser.add_argument_group("run")
    run.add_argument("--directory", metavar="DIR", help="its folder; by default in saved_models/")
    run.add_argument(
        "--resume",
        nargs="?",
        const=True,
        metavar="DIR",
        help="go on with the run in DIR, or in --directory; --epochs may make it longer",
    )
    run.add_argument("--overwrite", action="store_true", help="replace the run in --directory")
    run.add_argument("--tensorboard", action="store_true", help="also write logs for TensorBoard")
    run.add_argument(
        "--devices", type=_devices, metavar="N", help="GPUs that share every batch: a number, or all"
    )
    return parser


def parse(arguments=None):
    """Turn command-line arguments into settings, checked as far as that needs no TensorFlow.

    Returns:
        Tuple of a `FitConfig` and a dictionary of the other arguments of `train`.

    Raises:
        InputError: If the arguments cannot be used together.
    """
    options = vars(build_parser().parse_args(arguments))
    run = {name: options.pop(name, default) for name, default in RUN_OPTIONS.items()}
    if isinstance(run["resume"], str):
        if run["directory"] not in (None, run["resume"]):
            raise InputError(
                f"--resume {run['resume']} and --directory {run['directory']} name two folders: "
                "give one"
            )
        run["directory"], run["resume"] = run["resume"], True
    if run["resume"] and run["overwrite"]:
        raise InputError("--resume and --overwrite contradict each other: give one")
    if run["resume"] and not run["directory"]:
        raise InputError("--resume needs the folder of a run: --resume DIR")
    if run["overwrite"] and not run["directory"]:
        raise InputError("--overwrite needs the folder of a run: --directory DIR")
    for name, value in (("directory", run["directory"]), *((name, options.get(name)) for name in PATHS)):
        if value == "":
            raise InputError(f"--{name} is empty: name a path")
    # As whole paths, so that the run can be gone on with from another folder.
    options |= {name: os.path.abspath(options[name]) for name in PATHS if name in options}
    if is_folder(options.get("dataset", "auto")):
        options["dataset"] = os.path.abspath(options["dataset"])
    if run["resume"]:
        stored = Run(run["directory"]).read_config()
        if options.get("dataset") == "auto":
            del options["dataset"]
        config = FitConfig.from_dict({**stored.to_dict(), **options})
    else:
        dataset = options.pop("dataset", "auto")
        check_dataset_name(dataset)
        config = make_config("digits" if dataset == "auto" else dataset, **options)
    for name in FOLDER_OPTIONS:
        if name in options and not is_folder(config.dataset):
            raise InputError(
                f"--{name.replace('_', '-')} is for folders of pictures, received --dataset {config.dataset}"
            )
    if run["directory"]:
        check_run(config, Run(run["directory"]), run["resume"], run["overwrite"])
    if not run["resume"]:
        # Last, because it may have to wait for the network.
        dataset, remark = resolve_dataset(dataset, config.data_dir)
        if remark:
            print(remark)
        config = make_config(dataset, **options)
    return config, run


def main(arguments=None):
    """Train what the arguments ask for, and say where everything is."""
    cli.run_command(lambda: fit(*_parse_safely(arguments)))


def _parse_safely(arguments):
    try:
        return parse(arguments)
    except OSError as error:  # a name too long, a folder that may not be read
        raise InputError(f"{error.filename} cannot be used: {error.strerror}") from None


def fit(config, run_options):
    """Train, and print the final table."""
    with deferred_signals() as signals:  # an interrupted import fails in many ways
        cli.import_tensorflow()
        from vae_keras.training import train
    signals.check()
    print(describe_run(train(config, **run_options)))


def describe_run(run):
    """The final table of a run, where its files are, and how to look further."""
    metrics = run.read_metrics()
    titles = {
        "loss": "loss",
        "reconstruction_loss": "reconstruction",
        "kl_loss": "KL (nats)",
        "elbo": "ELBO (nats/image)",
    }
    columns = {name: title for name, title in titles.items() if name in metrics["test"]}
    lines = ["", " " * 8 + "".join(f"{title:>19}" for title in columns.values())]
    for split, title in (("train", "training"), ("test", "test")):
        lines.append(f"{title:<8}" + "".join(f"{metrics[split][name]:>19.3f}" for name in columns))
    if "elbo" in columns and "implied_variance" in metrics:
        lines.append(
            f"The ELBO is that of a Gaussian decoder of variance {metrics['implied_variance']:.3g}, "
            "which the weight of the reconstruction term implies."
        )
    elif "elbo" in columns:
        lines.append("The ELBO is that of a Bernoulli decoder: for grey pixels a pseudo-likelihood.")
    lines += [
        "",
        f"figures    {run.figures}",
        f"history    {run.history_file}",
        f"model      {run.model_file}   (import vae_keras; keras.saving.load_model)",
        f"SavedModel {run.saved_model}   (tf.saved_model.load)",
        "",
        "Look further:",
        f"  python -m vae_keras.evaluate {run.directory}",
        f"  saved_model_cli show --dir {run.saved_model} --all",
        f"  python -m vae_keras.fit --resume {run.directory} --epochs {2 * metrics['epochs']}",
    ]
    if run.read_config().latent_dim > 1:  # a plane to explore needs two
        lines.append(f"  python -m vae_keras.explore {run.directory}")
    if run.read_config().attributes:
        lines.append(f"  python -m vae_keras.attributes {run.directory} --attribute NAME")
    if run.tensorboard.exists():
        lines.append(f"  tensorboard --logdir {run.tensorboard}")
    return "\n".join(lines)


def _devices(text):
    if text == "all":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be 'all' or a number of at least 1, received {text!r}")
    return int(text)


def _image_size(text):
    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise argparse.ArgumentTypeError(f"must be N or HEIGHTxWIDTH, received {text!r}")
    return tuple(int(side) for side in sides * (3 - len(sides)))


def _list(names):
    return ", ".join(sorted(names))


if __name__ == "__main__":
    main(sys.argv[1:])
