"""Command line of the main job: `python -m vae_keras.fit --activation gelu`."""

import argparse
import math
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from vae_keras.config import PRESETS, FitConfig, make_config
from vae_keras.data.sources import check_dataset, check_options, find_source, resolve_dataset
from vae_keras.export.formats import FORMATS, check_formats
from vae_keras.support import cli, terminal
from vae_keras.support.errors import InputError
from vae_keras.support.reporting import report
from vae_keras.support.settings import add_options, whole_number
from vae_keras.support.start import load
from vae_keras.support.terms import loss_columns, title
from vae_keras.support.text import plain, wrap
from vae_keras.training.requirements import check_requirements
from vae_keras.training.run import Run, check_run

FEW_STEPS = 200  # of training; with fewer, decoded images are gray or blurred
RUN_OPTIONS = {
    "directory": None,
    "resume": False,
    "overwrite": False,
    "tensorboard": False,
    "devices": 1,
}


def build_parser() -> cli.Parser:
    """The options of the command line; omitted ones come from the preset."""
    parser = cli.Parser(
        prog="python -m vae_keras.fit",
        usage="%(prog)s [OPTION …]",
        description="Train the variational autoencoder of 'Generative Deep Learning', draw "
        "figures, save and export it.",
        epilog="Omitted options come from the preset, and the preset from the data set.",
        example="python -m vae_keras.fit --dataset digits --activation gelu --epochs 20",
    )
    add_options(parser, FitConfig, {name for changes in PRESETS.values() for name in changes})
    run = parser.add_argument_group("run")
    run.add_argument(
        "--directory", metavar="DIR", help="folder of the run (default: a new one in saved_models/)"
    )
    run.add_argument(
        "--resume",
        nargs="?",
        const=True,
        metavar="DIR",
        help="resume the run in DIR, or in --directory; --epochs extends it",
    )
    run.add_argument("--overwrite", action="store_true", help="replace the run in --directory")
    run.add_argument("--tensorboard", action="store_true", help="also write logs for TensorBoard")
    run.add_argument(
        "--devices",
        type=_devices,
        metavar="N",
        help="GPUs that share each batch: a number, or all (default: 1)",
    )
    return parser


def parse(arguments: Sequence[str] | None = None) -> tuple[FitConfig, dict[str, Any]]:
    """Turn command-line arguments into settings and check them without TensorFlow.

    Returns:
        Tuple of the settings and a dictionary of the other arguments of `train`.

    Raises:
        InputError: If the arguments cannot be used together.
    """
    options = vars(build_parser().parse_args(arguments))
    run = _run_options({name: options.pop(name, default) for name, default in RUN_OPTIONS.items()})
    dataset = options.pop("dataset", "auto")
    check_dataset(dataset)
    if run["resume"]:
        stored = Run(run["directory"]).read_config()
        source = find_source(stored.dataset if dataset == "auto" else dataset)
        config = stored.replace(**options, dataset=source.name)
    else:
        source = find_source("digits" if dataset == "auto" else dataset)
        config = make_config(source.name, **options)
    if dataset != "auto" or run["resume"]:
        check_options(source, options)
    check_formats(config.export)
    if run["directory"]:
        check_run(config, Run(run["directory"]), run["resume"], run["overwrite"])
    if not run["resume"]:
        # Last, because it may wait for the network.
        source, remark = resolve_dataset(dataset, config.data_dir)
        if remark:
            report(remark)
        config = make_config(source.name, **options)
    shape = source.image_shape(config)
    if shape is not None:  # before TensorFlow is imported and images are decoded
        check_requirements(config, shape)
    return config, run


def main(arguments: Sequence[str] | None = None) -> None:
    """Train with the given arguments, and print the results and where they are."""
    cli.run_command(lambda: fit(*parse(arguments)))


def fit(config: FitConfig, run_options: dict[str, Any]) -> None:
    """Train, and print the final table."""
    train = load("vae_keras.training.loop").train
    report(describe_run(train(config, **run_options)))


def describe_run(run: Run) -> str:
    """The final table of a run, the paths of its files, and the next steps."""
    metrics, config = run.read_metrics(), run.read_config()
    history = run.read_history()
    if not history:
        raise InputError(f"{run.history_file} has no rows: restore it")
    names = [*loss_columns(history[-1]), "elbo"]
    names = [name for name in names if name in metrics["test"]]
    rows = [["", *map(title, names)]]
    for split, words in (("train", "training"), ("test", "test")):
        rows.append([words, *(f"{metrics[split][name]:.3f}" for name in names)])
    files = [
        f"figures     {run.figures}",
        f"history     {run.history_file}",
        f"model       {run.model_file} (import vae_keras; keras.saving.load_model)",
        *(
            f"{FORMATS[name].title:<11} {run.exports[name]} ({FORMATS[name].reader})"
            for name in config.export
        ),
    ]
    width = terminal.width()
    steps = _steps_per_epoch(run, config)
    parts = [plain(rows, width), *_describe_decoder(metrics)]
    if metrics["epochs"] * steps < FEW_STEPS:
        parts.append(
            f"Only {metrics['epochs'] * steps} training steps: images may be gray or blurred. To "
            "train longer, see the next steps."
        )
    parts += ["", *(wrap(line, width, " " * len("SavedModel  ")) for line in files)]
    return "\n".join(["", *parts, "", "Next steps:", *_next_steps(run, config, metrics, steps)])


def _steps_per_epoch(run: Run, config: FitConfig) -> int:
    """The number of training steps in an epoch, including those of images held out."""
    return -(-run.read_data_summary().get("train_images", 1) // config.batch_size)


def _describe_decoder(metrics: dict[str, Any]) -> list[str]:
    """The decoder that the ELBO in a run's metrics assumes; empty without an ELBO."""
    if "elbo" not in metrics["test"]:
        return []
    if "calibrated_variance" in metrics:
        deviation = math.sqrt(metrics["calibrated_variance"])
        return [
            "The losses and the ELBO use the decoder's final standard deviation, "
            f"{deviation:.3g}. The lines printed after each epoch use its value at that epoch."
        ]
    if "implied_variance" in metrics:
        return [
            "The ELBO is that of a Gaussian decoder with variance "
            f"{metrics['implied_variance']:.3g}, implied by the reconstruction weight."
        ]
    return ["The ELBO is that of a Bernoulli decoder, a pseudo-likelihood of gray pixels."]


def _next_steps(
    run: Run, config: FitConfig, metrics: dict[str, Any], steps_per_epoch: int
) -> list[str]:
    """Commands to copy."""
    python = ["python", "-m"]
    more = _more(config, metrics, steps_per_epoch)
    steps = [
        [*python, "vae_keras.evaluate", run.directory],
        [*python, "vae_keras.fit", "--resume", run.directory, *more],
    ]
    if "saved_model" in config.export:
        steps.append(["saved_model_cli", "show", "--dir", run.saved_model, "--all"])
    if config.latent_dim > 1:  # a plane to explore needs two
        steps.append([*python, "vae_keras.explore", run.directory])
    for attribute in run.read_data_summary().get("attributes", [])[:1]:
        steps.append([*python, "vae_keras.attributes", run.directory, "--attribute", attribute])
    if run.tensorboard.exists():
        steps.append(["tensorboard", "--logdir", run.tensorboard])
    return [f"  {shlex.join(map(str, step))}" for step in steps]


def _more(config: FitConfig, metrics: dict[str, Any], steps_per_epoch: int) -> tuple[str, int]:
    """The option that extends a run: to twice its length, and beyond few steps."""
    if config.early_stopping and metrics["epochs"] < config.epochs:
        return "--early-stopping", 2 * config.early_stopping
    return "--epochs", max(2 * config.epochs, -(-FEW_STEPS // steps_per_epoch))


def _run_options(run: dict[str, Any]) -> dict[str, Any]:
    """The checked arguments that name a run; `resume` becomes a bool."""
    if isinstance(run["resume"], str):
        if run["directory"] not in (None, run["resume"]):
            raise InputError(
                f"--resume {run['resume']} and --directory {run['directory']} name two folders: "
                "pass one of them"
            )
        run = {**run, "directory": run["resume"], "resume": True}
    if run["resume"] and run["overwrite"]:
        raise InputError("--resume and --overwrite contradict each other: pass one of them")
    if run["resume"] and not run["directory"]:
        raise InputError("--resume needs the folder of a run: --resume DIR")
    if run["overwrite"] and not run["directory"]:
        raise InputError("--overwrite needs the folder of a run: --directory DIR")
    if run["directory"] == "":
        raise InputError("--directory is empty: pass a path")
    return run


def _devices(text: str) -> int | str:
    if text == "all":
        return text
    try:
        number = whole_number(text)
    except argparse.ArgumentTypeError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(
            f"must be 'all' or a whole number of at least 1, received {text[:50]!r}"
        )
    return number


if __name__ == "__main__":
    main(sys.argv[1:])
