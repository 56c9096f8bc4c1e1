"""The notebooks: run in full with a tiny configuration, and looked at as they are committed."""

import ast
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 1.5 * 2**20  # bytes

# Put behind the notebook's own parameters. The second line shows what the package does that is
# about to go out of use; Python hides that outside __main__.
SETUP = """\
epochs, runs = 1, {runs!r}
import warnings; warnings.filterwarnings("default", category=DeprecationWarning, module="vae_keras")
"""


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One folder for all notebooks: they share models, as they do where they are read."""
    return tmp_path_factory.mktemp("runs")


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def noise(notebook):
    """What a notebook wrote to stderr: warnings, and remarks of libraries."""
    return [output.text for output in outputs(notebook) if output.get("name") == "stderr"]


def figures(notebook):
    """How many figures there are: the drawing of a network depends on what is installed."""
    return sum(
        "Figure size" in output.get("data", {}).get("text/plain", "")
        for output in outputs(notebook)
    )


def test_there_are_six():
    assert [path.stem for path in NOTEBOOKS] == [
        "01_autoencoder",
        "02_variational_autoencoder",
        "03_latent_space",
        "04_gelu_or_leaky_relu",
        "05_export_and_reuse",
        "06_your_own_images",
    ]


@pytest.mark.slow
def test_a_notebook_runs_without_errors_and_warnings(path, notebook, runs, monkeypatch):
    # The kernel runs the package that is tested, wherever it was installed from.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    committed = figures(notebook)
    (place,) = [
        number
        for number, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", [])
    ]
    setup = nbformat.v4.new_code_cell(SETUP.format(runs=str(runs)))
    notebook.cells.insert(place + 1, setup)
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources=resources).execute()
    assert noise(notebook) == []
    assert figures(notebook) == committed > 0
    assert any(runs.iterdir())


def test_a_committed_notebook_was_run_in_order_from_the_top(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_a_committed_notebook_shows_no_errors_and_no_warnings(notebook):
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert noise(notebook) == []


def test_a_committed_notebook_is_small(path):
    assert path.stat().st_size < LARGEST


def test_a_notebook_defines_nothing(notebook):
    for cell in code_cells(notebook):
        lines = [line for line in cell.source.splitlines() if not line.startswith("%")]
        definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        found = [
            node for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, definitions)
        ]
        assert not found, cell.source
