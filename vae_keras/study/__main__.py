"""Command line: `python -m vae_keras.study gelu`, `python -m vae_keras.study report DIR`."""

import itertools
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vae_keras.data.sources import check_dataset, check_options, resolve_dataset
from vae_keras.study import runner
from vae_keras.study.definition import (
    EVALUATIONS,
    RUNS,
    STUDY_FILE,
    Study,
    check_squared_errors,
    within,
)
from vae_keras.study.reading import SHIPPED, find_study, write_study
from vae_keras.support import cli, terminal
from vae_keras.support.errors import InputError, check_name
from vae_keras.support.files import check_file
from vae_keras.support.reporting import report, working
from vae_keras.support.signals import Interrupted
from vae_keras.support.start import check_backend, load
from vae_keras.training.lock import MovedError
from vae_keras.training.run import Run

BACKENDS = ("local", "dask")
REPORT_PATIENCE = 60  # seconds for another process to write its report
# Passed unchanged to every run.
RUN_SETTINGS = ("epochs", "max_train_images", "data_dir")


def build_parser() -> cli.Parser:
    """The options of the command line."""
    parser = cli.Parser(
        prog="python -m vae_keras.study",
        description="Train every variant with every seed, compare each variant with the reference, "
        "seed by seed, with error bars, and write tables and figures. The same command resumes a "
        "stopped study.",
        epilog="'report DIR' instead of NAME rewrites report.md, summary.csv and the figures "
        "from the tables in DIR.",
        example="python -m vae_keras.study gelu --dataset digits --epochs 20 --seeds 4",
    )
    add = parser.add_argument
    add("study", metavar="NAME|FILE", help=f"{', '.join(SHIPPED)}, or a .json or .toml file")
    add("--dataset", metavar="NAME", help="as for vae_keras.fit (default: the file's, or auto)")
    add("--data-dir", metavar="DIR", help="as for vae_keras.fit")
    add(
        "--max-train-images",
        type=int,
        metavar="N",
        help="train on the first N images only (default: all)",
    )
    add(
        "--epochs",
        type=int,
        metavar="N",
        help="number of epochs; a larger number extends the study (default: as for vae_keras.fit)",
    )
    add(
        "--seeds",
        type=int,
        default=3,
        metavar="N",
        help="number of seeds; a larger number extends the study",
    )
    add(
        "--jobs",
        type=int,
        metavar="N",
        help="number of runs to train in parallel, one thread each (default: the number of cores)",
    )
    add("--directory", metavar="DIR", help="folder of the study (default: saved_models/NAME-study)")
    add("--report-only", action="store_true", help="only report the existing runs")
    add("--evaluate", action="store_true", help="also evaluate the finished runs")
    add(
        "--backend",
        default="local",
        metavar="NAME",
        help="where to train: local (processes of this machine) or dask (a Dask cluster)",
    )
    add("--scheduler", metavar="ADDRESS", help="Dask scheduler, such as tcp://HOST:PORT")
    return parser


def parse(
    arguments: Sequence[str],
) -> tuple[Study, list[runner.PlannedRun], Path, dict[str, Any] | None, bool]:
    """Turn command-line arguments into a study and its runs, checked without TensorFlow.

    Returns:
        Tuple of `Study`, list of `PlannedRun`, folder, the arguments of `train_runs` (None to
        train nothing), and whether to evaluate.

    Raises:
        InputError: If the arguments cannot be used together, or not with the folder.
    """
    options = vars(build_parser().parse_args(arguments))
    study = find_study(options["study"])
    for name in ("seeds", "jobs"):
        cli.check_range(name, options.get(name), 1, 10_000)
    check_name("backend", options["backend"], BACKENDS)
    if (options["backend"] == "dask") != ("scheduler" in options):
        raise InputError(
            "--backend dask and --scheduler tcp://HOST:PORT belong together: pass both"
        )
    if options["backend"] == "dask":
        if "jobs" in options:
            raise InputError(
                "--jobs cannot be used with --backend dask, whose workers set the number of threads"
            )
        runner.check_dask(options["scheduler"])
    directory = options.get("directory", f"saved_models/{study.name}-study")
    if not directory:
        raise InputError("--directory is empty: pass a path")
    settings = {name: options[name] for name in RUN_SETTINGS if name in options}
    dataset = options.get("dataset", study.settings.get("dataset", "auto"))
    check_dataset(dataset)
    check_backend()
    configs = study.configs("digits" if dataset == "auto" else dataset, seed=0, **settings)
    runner.check_directory(study, directory)
    # Last, because it may wait for the network.
    remark = None
    if not options.get("report_only") or dataset == "auto":
        source, remark = resolve_dataset(dataset, options.get("data_dir"))
        if dataset != "auto":
            with within(options["study"]):
                check_options(source, {*study.settings, *itertools.chain(*study.variants.values())})
        dataset = source.name
    planned = runner.plan_runs(study, directory, dataset, options["seeds"], **settings)
    runner.check_runs(planned, training=not options.get("report_only"))
    if not options.get("report_only"):
        runner.check_trainable(planned)
    with within(options["study"]):
        runner.check_columns(study, configs.values())
        check_squared_errors(study, configs)
    if remark:
        report(remark)
    training: dict[str, Any] | None = {
        "jobs": options.get("jobs", -1),  # all cores
        "scheduler": options.get("scheduler"),
    }
    if options.get("report_only"):
        training = None
    return study, planned, Path(directory), training, options.get("evaluate", False)


def main(arguments: Sequence[str]) -> None:
    """Run a study, or rewrite its report."""
    if list(arguments[:1]) == ["report"]:
        cli.run_command(lambda: report_again(arguments[1:]))
    else:
        cli.run_command(lambda: run_study(arguments))


def report_again(arguments: Sequence[str]) -> None:
    """Write tables and figures from the tables in the folder, without its runs."""
    parser = cli.Parser(
        prog="python -m vae_keras.study report",
        description="Rewrite report.md, summary.csv and the figures of a study from the tables "
        "in its folder.",
        example="python -m vae_keras.study report saved_models/gelu-study",
    )
    parser.add_argument("directory", metavar="DIR", help="folder of the study")
    directory = Path(parser.parse_args(arguments).directory)
    check_file(directory / RUNS)
    if not (directory / RUNS).is_file():
        raise InputError(f"{directory} has no {RUNS}: choose the folder of a study")
    from vae_keras.study.report import check_report

    folder = Run(directory)
    folder.check_unlocked()
    check_report(directory)  # before a lock is left in the folder
    with folder.locked():
        _report(directory)


def run_study(arguments: Sequence[str]) -> None:
    """Train the unfinished runs, and report."""
    study, planned, directory, training, evaluate = parse(arguments)
    failures: dict[str, str] = {}
    if training is not None:
        report(
            f"{study.name}: {len(planned)} runs of {planned[0].config.epochs} epochs on "
            f"{planned[0].config.dataset}\nstudy folder: {directory}"
        )
        try:
            failures = runner.train_runs(planned, directory, **training)
        except (OSError, Interrupted, MovedError) as error:
            again = shlex.join(["python", "-m", "vae_keras.study", *arguments])
            error.add_note(f"resume with: {again}")
            raise
    table = runner.collect(study, planned)
    if table is not None:
        from vae_keras.study.table import write_table

        with Run(directory).locked(REPORT_PATIENCE):
            write_table(table, directory / RUNS)
            write_study(study, directory / STUDY_FILE)
            _evaluate(planned, directory, evaluate)
            _report(directory)
    elif not failures:
        raise InputError(
            f"{directory} has no finished epoch yet: train the study first, without --report-only"
        )
    if failures:
        for name, reason in failures.items():
            report(f"failed: {name}: {reason}")
        first = next(iter(failures))
        cli.fail(
            f"{len(failures)} of {len(planned)} runs failed, the first {first}: {failures[first]}; "
            "the same command retries them",
            cli.EXIT_FAILED,
        )


def _evaluate(planned: Sequence[runner.PlannedRun], directory: Path, wanted: bool) -> None:
    """Evaluate runs if `wanted`, and collect all evaluations."""
    from vae_keras.study.evaluations import collect_evaluations, evaluate_runs, write_evaluations

    if wanted:
        load("tensorflow")
        evaluate_runs(planned)
    if rows := collect_evaluations(planned):
        write_evaluations(rows, directory / EVALUATIONS)


def _report(directory: Path) -> None:
    with working("Writing tables and figures"):
        from vae_keras.study.report import write_report
        from vae_keras.study.table import read_table

        text = write_report(read_table(directory / RUNS), directory, terminal.width())
    report(text)


if __name__ == "__main__":
    main(sys.argv[1:])
