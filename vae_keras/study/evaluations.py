"""`evaluations.csv`: one row for each evaluated run of a study."""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vae_keras.study.runner import PlannedRun
from vae_keras.study.table import run_of
from vae_keras.support.errors import InputError
from vae_keras.support.files import read_text, write_csv
from vae_keras.support.reporting import progress_bar, report
from vae_keras.support.settings import is_number, plain_number

IMPORTANCE_SAMPLES = 50  # if there are too many dimensions to integrate
SAMPLES_SETTING = ("settings", "importance_samples")
# Column: its title, the number of its decimals, and its path in evaluation.json.
FIGURES: dict[str, tuple[str, int, tuple[str | int, ...]]] = {
    "elbo": ("ELBO", 2, ("likelihood", "elbo")),
    "log_likelihood": ("log-likelihood", 2, ("likelihood", "log_likelihood")),
    "bound": ("log-likelihood bound", 2, ("likelihood", "bound")),
    "calibrated_variance": ("best variance", 4, ("calibrated", "variance")),
    "calibrated_elbo": ("ELBO at best variance", 2, ("calibrated", "elbo")),
    "calibrated_log_likelihood": (
        "log-likelihood at best variance",
        2,
        ("calibrated", "log_likelihood"),
    ),
    "calibrated_bound": ("log-likelihood bound at best variance", 2, ("calibrated", "bound")),
    "mutual_information": ("mutual information", 2, ("information", "mutual_information")),
    "label_accuracy": ("labels from 10 neighbors", 3, ("labels", -1, "nearest_neighbors")),
    "class_entropy": ("entropy of sampled classes (bits)", 3, ("samples", "class_entropy")),
    "frechet_distance": ("Fréchet distance", 1, ("samples", "frechet_distance")),
}
BOUNDS = ("bound", "calibrated_bound")


def evaluate_runs(planned: Sequence[PlannedRun]) -> None:
    """Evaluate every finished run that has its weights and no equivalent evaluation."""
    import joblib

    from vae_keras.evaluation import evaluate_run, samples_of

    # None if the likelihood is integrated.
    samples = {
        item.name: IMPORTANCE_SAMPLES if samples_of(None, item.config.latent_dim) else None
        for item in planned
    }
    todo = [
        item
        for item in planned
        if item.finished
        and item.run.model_file.exists()
        and not _is_evaluated(item, integrated=samples[item.name] is None)
    ]
    for number, item in enumerate(progress_bar(todo, desc="evaluated", unit="run"), 1):
        report(f"Evaluating {item.name} ({number} of {len(todo)}) …")
        evaluate_run(item.run, samples[item.name], processes=joblib.cpu_count())


def collect_evaluations(planned: Sequence[PlannedRun]) -> list[dict[str, Any]]:
    """The results of the evaluations of a study's runs.

    Returns:
        List of dictionaries with `variant`, `seed` and the columns in `FIGURES`. A column is None
        if a kind of model or data set has no such value, and for a bound with more importance
        samples than the study's, which would be higher than the others.
    """
    rows = []
    for item in planned:
        if _is_evaluated(item):
            found = item.run.read_evaluation()
            try:
                figures = {name: _find(found, path) for name, (_, _, path) in FIGURES.items()}
            except ValueError:
                raise InputError(
                    f"{item.run.evaluation_file} is damaged: remove it and evaluate again"
                ) from None
            if _find(found, SAMPLES_SETTING) != IMPORTANCE_SAMPLES:
                figures |= dict.fromkeys(BOUNDS)
            rows.append({"variant": item.variant, "seed": item.seed, **figures})
    return rows


def write_evaluations(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the return value of `collect_evaluations`."""
    write_csv(path, rows, ["variant", "seed", *FIGURES])


def read_evaluations(path: Path) -> dict[str, dict[str, list[float]]]:
    """Read the file of `write_evaluations`.

    Returns:
        Dictionary from variants to dictionaries from columns to lists of numbers, one for each
        seed that has the value; empty if there is no such file.

    Raises:
        InputError: If the file is damaged.
    """
    if not os.path.lexists(path):
        return {}
    values: dict[str, dict[str, list[float]]] = {}
    runs = set()
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        names = list(reader.fieldnames or [])
        if len(set(names)) < len(names):
            raise ValueError("duplicate columns")
        for row in reader:
            run = run_of(row["variant"], row["seed"])
            if run in runs or row.keys() != set(names) or None in row.values():
                raise ValueError(run)
            runs.add(run)
            columns = values.setdefault(run[0], {name: [] for name in FIGURES})
            for name in filter(row.get, FIGURES):  # earlier versions have fewer columns
                columns[name].append(_number(plain_number(row[name])))
    except (KeyError, TypeError, ValueError, csv.Error):
        raise InputError(f"{path} is damaged: remove it and evaluate again") from None
    return values


def _is_evaluated(item: PlannedRun, integrated: bool = False) -> bool:
    """Whether a run has an evaluation that is at least as complete as that of a study.

    Args:
        item: `PlannedRun`.
        integrated: Whether an integrated likelihood is required, if the model can have one.
    """
    if not item.run.evaluation_file.exists():
        return False
    settings = item.run.read_evaluation().get("settings", {})
    test_images = item.run.read_data_summary().get("test_images")
    if settings.get("seed") != 0 or settings.get("images") != test_images:
        return False
    if item.config.model != "vae" or "quadrature" in settings:
        return True
    return not integrated and settings.get("importance_samples", 0) >= IMPORTANCE_SAMPLES


def _find(values: Any, path: Sequence[str | int]) -> float | None:
    """The number at a path in an evaluation; None if the evaluation has no such path."""
    for step in path:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return None
    return None if values is None else _number(values)


def _number(value: Any) -> float:
    """A finite number; `ValueError` otherwise."""
    if not is_number(value):
        raise ValueError(value)
    return value
