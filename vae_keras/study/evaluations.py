"""`evaluations.csv`: one row for each evaluated run of a study."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vae_keras.study.runner import PlannedRun
from vae_keras.support.errors import InputError
from vae_keras.support.files import write_csv
from vae_keras.support.reporting import progress_bar, report

IMPORTANCE_SAMPLES = 50  # a study compares many models, which needs no tight bound
# Column: its title, the number of its decimals, and where evaluation.json has it.
FIGURES: dict[str, tuple[str, int, tuple[str | int, ...]]] = {
    "bound": ("bound on log-likelihood (nats)", 2, ("likelihood", "bound")),
    "mutual_information": ("mutual information (nats)", 2, ("information", "mutual_information")),
    "label_accuracy": ("labels from 10 neighbours", 3, ("labels", -1, "nearest_neighbours")),
    "class_entropy": ("entropy of sampled classes (bits)", 3, ("samples", "class_entropy")),
    "frechet_distance": ("Fréchet distance", 1, ("samples", "frechet_distance")),
}


def evaluate_runs(planned: Sequence[PlannedRun]) -> None:
    """Evaluate every finished run that has its weights and was not evaluated as fully yet."""
    import joblib

    from vae_keras.evaluation import evaluate_run

    todo = [
        item
        for item in planned
        if item.finished and item.run.model_file.exists() and not _is_evaluated(item)
    ]
    for number, item in enumerate(progress_bar(todo, desc="evaluated", unit="run"), 1):
        report(f"Evaluating {item.name} ({number} of {len(todo)}) …")
        evaluate_run(item.run, IMPORTANCE_SAMPLES, processes=joblib.cpu_count())


def collect_evaluations(planned: Sequence[PlannedRun]) -> list[dict[str, Any]]:
    """What the evaluations of a study's runs found.

    Returns:
        List of dictionaries with `variant`, `seed` and the columns in `FIGURES`, None where a
        kind of model or data set has no such figure, and for a bound of more importance samples
        than the study's, which would lie above the others.
    """
    rows = []
    for item in planned:
        if _is_evaluated(item):
            found = item.run.read_evaluation()
            figures = {name: _find(found, path) for name, (_, _, path) in FIGURES.items()}
            if _find(found, ("settings", "importance_samples")) != IMPORTANCE_SAMPLES:
                figures["bound"] = None
            rows.append({"variant": item.variant, "seed": item.seed, **figures})
    return rows


def write_evaluations(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write what `collect_evaluations` returned."""
    write_csv(path, rows, ["variant", "seed", *FIGURES])


def read_evaluations(path: Path) -> dict[str, dict[str, list[float]]]:
    """Read what `write_evaluations` wrote.

    Returns:
        Dictionary from variants to dictionaries from columns to lists of numbers, one for each
        seed that has the figure; empty if there is no such file.

    Raises:
        InputError: If the file is damaged.
    """
    if not path.exists():
        return {}
    values: dict[str, dict[str, list[float]]] = {}
    try:
        with open(path, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                columns = values.setdefault(row["variant"], {name: [] for name in FIGURES})
                for name in FIGURES:
                    if row[name]:
                        columns[name].append(float(row[name]))
    except (KeyError, TypeError, ValueError):  # also of text that is not UTF-8
        raise InputError(f"{path} is damaged: remove it, or evaluate again") from None
    return values


def _is_evaluated(item: PlannedRun) -> bool:
    """Whether a run was evaluated as a study does, or more fully."""
    if not item.run.evaluation_file.exists():
        return False
    found = item.run.read_evaluation().get("settings", {})
    return (
        found.get("seed") == 0
        and found.get("images") == item.run.read_data_summary().get("test_images")
        and found.get("importance_samples", IMPORTANCE_SAMPLES) >= IMPORTANCE_SAMPLES
    )


def _find(values: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return None
    return values
