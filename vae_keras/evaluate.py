"""Command line: `python -m vae_keras.evaluate RUN_DIR [RUN_DIR …]`."""

import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from vae_keras.support import cli, terminal
from vae_keras.support.errors import InputError
from vae_keras.support.reporting import report
from vae_keras.support.start import load
from vae_keras.support.terms import title
from vae_keras.support.text import plain, wrap
from vae_keras.training.names import run_name, run_titles
from vae_keras.training.run import Run

Results = Mapping[str, Any]
Cell = Callable[[Results], str | None]
Row = tuple[str, Cell]


def build_parser() -> cli.Parser:
    """The options of the command line."""
    parser = cli.Parser(
        prog="python -m vae_keras.evaluate",
        description="Evaluate trained models: loss, likelihood, latent space, samples. "
        "Prints one table for all runs, and writes evaluation.json and figures/evaluation.png "
        "into each.",
        example="python -m vae_keras.evaluate saved_models/digits-gelu",
    )
    parser.add_argument(
        "directories", nargs="+", metavar="RUN_DIR", help="folder of a finished run"
    )
    parser.add_argument(
        "--importance-samples",
        type=int,
        metavar="K",
        help="importance samples per image for the lower bound on the log-likelihood (default: "
        "500; with one or two latent dimensions none, because the likelihood is integrated "
        "numerically)",
    )
    parser.add_argument(
        "--images",
        type=int,
        metavar="N",
        help="number of test images, chosen at random (default: all)",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="processes that share the work (default: the number of cores)",
    )
    cli.add_data_dir(parser)
    cli.add_dataset(parser)
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace an evaluation even if it has more images or samples",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of all random draws")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate the runs that the arguments name, and print one table."""
    cli.run_command(lambda: evaluate_all(**vars(build_parser().parse_args(arguments))))


def evaluate_all(
    directories: Sequence[str],
    seed: int,
    importance_samples: int | None = None,
    images: int | None = None,
    jobs: int | None = None,
    data_dir: str | None = None,
    overwrite: bool = False,
    dataset: str | None = None,
) -> None:
    """Evaluate runs one after the other, and report one table."""
    runs = [Run(directory) for directory in directories]
    for name, value, least in (
        ("importance_samples", importance_samples, 1),
        ("images", images, 2),
        ("jobs", jobs, 1),
        ("seed", seed, 0),
    ):
        cli.check_range(name, value, least)
    for run in runs:  # before the work begins
        run.check_finished()
        run.check_places()
        run.check_unlocked()
        cli.check_range("images", images, 2, run.read_data_summary().get("test_images", 10**9))
    evaluation = load("vae_keras.evaluation")
    for run in runs if not overwrite else ():
        samples = evaluation.samples_of(importance_samples, run.read_config().latent_dim)
        _check_replaceable(run, images, samples)
    import joblib

    processes = jobs or joblib.cpu_count()
    results = []
    for run in runs:
        report(f"Evaluating {run.directory} …")
        results.append(
            evaluation.evaluate_run(
                run, importance_samples, images, seed, data_dir, processes, dataset
            )
        )
        report(f"written: {run.evaluation_file} and {run.evaluation_figure}")
    report(describe(runs, results, terminal.width()))


def _check_replaceable(run: Run, images: int | None, importance_samples: int) -> None:
    """Raise `InputError` if an evaluation would replace one with more images or samples."""
    if not run.evaluation_file.exists():
        return
    settings = run.read_evaluation().get("settings", {})
    had_images, had_samples = settings.get("images", 0), settings.get("importance_samples", 0)
    fewer = 0 < importance_samples < had_samples  # the integral, with 0 samples, is better
    if (images is not None and images < had_images) or fewer:
        raise InputError(
            f"{run.evaluation_file} has {had_images:,} images and {had_samples} importance "
            "samples: use at least as many, or replace it with ⟨overwrite⟩"
        )


def describe(runs: Sequence[Run], results: Sequence[Results], width: int) -> str:
    """The table of several evaluations, a column for each, and one for the mean of seeds.

    Args:
        runs: List of `Run`.
        results: The return value of `evaluate_run` for each.
        width: Columns of the terminal.

    Returns:
        Text.
    """
    from vae_keras.evaluation.seeds import means_of_seeds

    configs = [run.read_config() for run in runs]
    means = means_of_seeds(configs, [run_name(config) for config in configs], results)
    columns = [*results, *(mean for _, mean in means)]
    header = ["", *run_titles(runs), *(name for name, _ in means)]
    sections = {"Loss on the test images": list(_loss_rows(columns)), **SECTIONS}
    table = plain([header, *_rows(sections, columns)], width)
    summary = plain([header, *_rows({"Summary": SUMMARY}, columns)], width)
    return "\n\n".join([table, wrap(FOOTNOTE, width, "  "), summary])


def _rows(sections: Mapping[str, Sequence[Row]], columns: Sequence[Results]) -> list[list[str]]:
    """The rows of sections, without those that no column has a value for."""
    rows: list[list[str]] = []
    for heading, cells in sections.items():
        texts = [[f"  {name}", *(_cell(cell, each) for each in columns)] for name, cell in cells]
        shown = [row for row in texts if any(row[1:])]
        if shown:
            empty = [""] * len(columns)
            rows += [["", *empty], [heading, *empty]]
        rows += [[text or "–" for text in row] for row in shown]
    return rows


def _cell(cell: Cell, result: Results) -> str | None:
    """The text of a cell, or None if this kind of model or data has no such value."""
    try:
        return cell(result)
    except KeyError:
        return None


def _loss_rows(results: Sequence[Results]) -> Iterator[Row]:
    """The rows of the loss and of the terms of all models."""
    yield "images", _value("settings", "images", "{:,}")
    kinds: tuple[tuple[str, str, Callable[[str], Cell]], ...] = (
        ("loss with noise in z", "draws", _draws),
        ("loss without noise in z", "through_the_mean", _through_the_mean),
    )
    for heading, kind, cell in kinds:
        found = (result["loss"].get(kind, {}) for result in results)
        for name in dict.fromkeys(itertools.chain.from_iterable(found)):
            yield heading if name == "loss" else f"  {title(name)}", cell(name)


def _value(section: str, name: str, form: str) -> Cell:
    """A value with its standard error, if there is one; None if the model has no value."""
    return lambda result: _with_error(result[section], name, f"{name}_standard_error", form)


def _with_error(values: Results, name: str, error: str, form: str) -> str | None:
    if values[name] is None:
        return None
    text = form.format(values[name])
    return text if values.get(error) is None else f"{text} ± {form.format(values[error])}"


def _loss_form(name: str) -> str:
    return "{:.4f}" if name.endswith("_error") else "{:.2f}"  # per pixel; losses are in nats


def _draws(name: str) -> Cell:
    form = _loss_form(name)
    return lambda result: _with_error(result["loss"]["draws"][name], "mean", "standard_error", form)


def _through_the_mean(name: str) -> Cell:
    form, error = _loss_form(name), f"{name}_standard_error"
    return lambda result: _with_error(result["loss"]["through_the_mean"], name, error, form)


def _either(name: str) -> Cell:
    """With noise in z, or without it for a model without a prior."""

    def cell(result: Results) -> str | None:
        kind = _draws if "draws" in result["loss"] else _through_the_mean
        return kind(name)(result)

    return cell


def _per_axis(section: str, name: str, form: str) -> Cell:
    """The values of all latent axes, or their range for more than three axes."""

    def cell(result: Results) -> str:
        texts = [form.format(value) for value in result[section][name]]
        if len(texts) <= 3:
            return ", ".join(texts)
        values = result[section][name]
        return f"{form.format(min(values))} to {form.format(max(values))}"

    return cell


def _labels(size: int | None) -> Cell:
    """Accuracy from this many training images; None for all."""

    def cell(result: Results) -> str | None:
        last = result["labels"][-1]
        found = [
            row
            for row in result["labels"]
            if (row is last if size is None else row["train_images"] == size)
        ]
        if not found:
            return None
        accuracies = found[0]["nearest_neighbors"], found[0]["logistic_regression"]
        return " / ".join("–" if value is None else f"{value:.1%}" for value in accuracies)

    return cell


def _rarest_class(result: Results) -> str:
    share, name = min(zip(result["samples"]["class_shares"], result["samples"]["class_names"]))
    return f"{name}: {share:.1%}"


def _moved(section: str, change: str) -> Cell:
    """The mean and maximal change of the integral."""

    def cell(result: Results) -> str:
        mean, most = (result[section][f"{change}_{kind}"] for kind in ("mean", "max"))
        return f"{mean:.4f} / {most:.4f}"

    return cell


def _effective(result: Results, section: str) -> str:
    found = result[section]
    median, low = (found[f"effective_samples_{name}"] for name in ("median", "5th_percentile"))
    return f"{median:.0f} / {low:.0f}"


def _active_units(result: Results) -> str:
    return f"{result['information']['active_units']} of {len(result['geometry']['offset'])}"


def _likelihood_rows(section: str) -> list[Row]:
    return [
        ("variance of the decoder", _value(section, "variance", "{:#.4g}")),
        ("ELBO", _value(section, "elbo", "{:.2f}")),
        ("  in bits per dimension", _value(section, "elbo_bits_per_dimension", "{:.4f}")),
        ("log-likelihood, integrated on a grid", _value(section, "log_likelihood", "{:.2f}")),
        ("  in bits per dimension", _value(section, "log_likelihood_bits_per_dimension", "{:.4f}")),
        ("  change by halving the step (mean / max)", _moved(section, "halving")),
        ("  change by enlarging the grid (mean / max)", _moved(section, "enlarging")),
        ("importance-weighted bound", _value(section, "bound", "{:.2f}")),
        ("  in bits per dimension", _value(section, "bound_bits_per_dimension", "{:.4f}")),
        ("  effective samples (median / 5%)", lambda result: _effective(result, section)),
    ]


DRAWN_FROM = {"prior": "N(0, I)", "box": "the points' range"}
SECTIONS: dict[str, list[Row]] = {
    "Log-likelihood (nats per image)": [
        ("decoder", _value("likelihood", "decoder", "{}")),
        *_likelihood_rows("likelihood"),
        ("samples K of the bound", _value("settings", "importance_samples", "{:,}")),
        (
            "points of the integral",
            lambda result: f"{result['settings']['quadrature']['points']:,.0f}",
        ),
    ],
    "At the best variance for the training images": _likelihood_rows("calibrated"),
    "Information in z (nats)": [
        ("KL per axis", _per_axis("information", "kl_per_dimension", "{:.2f}")),
        (
            "mutual information with the image",
            _value("information", "mutual_information", "{:.2f}"),
        ),
        (
            "KL of the aggregate posterior from the prior",
            _value("information", "marginal_kl", "{:.2f}"),
        ),
        ("active units", _active_units),
    ],
    "Latent space": [
        ("offset per axis (standard deviations)", _per_axis("geometry", "offset", "{:+.2f}")),
        ("share of points above 0, per axis", _per_axis("geometry", "share_positive", "{:.0%}")),
        ("smallest value per axis", _per_axis("geometry", "minimum", "{:.1f}")),
        ("largest value per axis", _per_axis("geometry", "maximum", "{:.1f}")),
        (
            "gaps: draws from N(0, I) far from all images",
            _value("geometry", "gaps_prior", "{:.1%}"),
        ),
        ("  uniform draws over the range of the points", _value("geometry", "gaps_box", "{:.1%}")),
        (
            "separation: agreement with neighbors' labels",
            _value("geometry", "neighbor_agreement", "{:.1%}"),
        ),
    ],
    "Labels from latents (neighbors / logistic)": [
        ("learned from 100 images", _labels(100)),
        ("learned from 1,000 images", _labels(1000)),
        ("learned from all training images", _labels(None)),
    ],
    "Samples, judged by a classifier": [
        ("drawn from", lambda result: DRAWN_FROM[result["samples"]["drawn_from"]]),
        ("entropy of their classes (bits)", _value("samples", "class_entropy", "{:.3f}")),
        ("  of the test images", _value("samples", "test_class_entropy", "{:.3f}")),
        ("  rarest class", _rarest_class),
        ("confidence", _value("samples", "confidence", "{:.1%}")),
        ("Fréchet distance to test images", _value("samples", "frechet_distance", "{:.1f}")),
        ("  of training images", _value("samples", "frechet_distance_floor", "{:.1f}")),
        ("classifier's accuracy", _value("samples", "judge_accuracy", "{:.1%}")),
    ],
}
SUMMARY: list[Row] = [
    ("loss", _either("loss")),
    ("error per pixel", _either("reconstruction_error")),
    ("ELBO at the best variance", _value("calibrated", "elbo", "{:.2f}")),
    ("active units", _active_units),
    ("labels, neighbors / logistic", _labels(None)),
    ("Fréchet distance of samples", _value("samples", "frechet_distance", "{:.1f}")),
]
FOOTNOTE = (
    "± is a standard error over images: the expected change with other test images. In a mean over "
    "seeds it includes the scatter between seeds.\n"
    "Log-likelihood: a bound with few effective samples is loose. The value of a Bernoulli decoder "
    "is a pseudo-likelihood of gray pixels; do not compare it with that of a Gaussian decoder.\n"
    "Bits per dimension: for a Gaussian decoder, of 8-bit pixel values; a uniform density over "
    "[0, 1] has 7.99.\n"
    "Information: the mutual information cannot exceed log(images). With fewer images, the KL of "
    "the aggregate posterior is larger.\n"
    "Gaps: a draw is far from all images if its distance to the nearest one is above the 99th "
    "percentile of the distances between nearest images (for a VAE, of one random z per image).\n"
    "Separation: the share of images whose label is the most frequent one among their ten nearest "
    "images.\n"
    "Labels from latents: a vote of the ten nearest training images (five when learning from 100 "
    "images), and a logistic regression.\n"
    "Samples: the Fréchet distance is between features of a small classifier for this data set. Do "
    "not compare it with FID, which uses Inception, or between data sets or numbers of images."
)


if __name__ == "__main__":
    main(sys.argv[1:])
