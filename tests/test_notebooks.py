"""The notebooks: run in full with a tiny configuration, and looked at as they are committed."""

import ast
import os
import re
import shlex
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from test_docs import anchors, links

import vae_keras
from vae_keras import fit
from vae_keras.data.source import Unavailable
from vae_keras.data.sources import find_source

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 1.5 * 2**20  # bytes
EXPORTING = ("03_latent_space", "05_export_and_reuse")  # the second uses the first one's export
IN_PLAIN_KERAS = ("01_autoencoder", "02_variational_autoencoder")
SOLUTION = re.compile(r"<details>\n<summary>Solution</summary>\n\n(.*?)\n</details>", re.DOTALL)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Put behind the notebook's own parameters. The second line shows what the package does that is
# about to go out of use; Python hides that outside __main__.
SETUP = """\
dataset, train_images, epochs, runs = {dataset!r}, 96, 1, {runs!r}
import warnings; warnings.filterwarnings("default", category=DeprecationWarning, module="vae_keras")
"""
# Put before the first cell: leaves out figures of runs, and their exports where no cell uses them.
# It defines no names, which other cells could use by mistake.
QUICK = f"""\
__import__("sys").path.append({str(Path(__file__).parent)!r})
__import__("quick").be_quick(exports={{exports}})
"""
# Graphs that compute the same may round differently, and training amplifies that.
SAME_LOSSES = """\
assert "loss" in plain.history
for name, values in plain.history.items():
    np.testing.assert_allclose(packaged.history[name][0], values[0], rtol=5e-3, err_msg=name)
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


@pytest.fixture
def kernel(monkeypatch):
    """Kernels run the package that is tested, wherever it was installed from."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def has_tag(cell, tag):
    return tag in cell.metadata.get("tags", [])


def noise(notebook):
    """What a notebook wrote to stderr: warnings, and remarks of libraries."""
    return [output.text for output in outputs(notebook) if output.get("name") == "stderr"]


def figures(notebook):
    """How many figures there are."""
    return sum(
        "Figure size" in output.get("data", {}).get("text/plain", "")
        for output in outputs(notebook)
    )


def solutions(notebook):
    """The solutions of the exercises, in Markdown."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return [solution for text in texts for solution in SOLUTION.findall(text)]


def blocks(text, language):
    return [code for found, code in BLOCK.findall(text) if found == language]


def execute(notebook, path, runs, dataset="digits", further=()):
    """Run a notebook on few images, then further code in the same kernel."""
    (place,) = [n for n, cell in enumerate(notebook.cells) if has_tag(cell, "parameters")]
    code = SETUP.format(dataset=dataset, runs=str(runs))
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(code))
    code = QUICK.format(exports=path.stem in EXPORTING)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(code))
    own = len(notebook.cells)
    notebook.cells += [nbformat.v4.new_code_cell(code) for code in further]
    resources = {"metadata": {"path": str(path.parent)}}
    options = {"timeout": 900, "kernel_name": "python3", "shutdown_kernel": "immediate"}
    NotebookClient(notebook, resources=resources, **options).execute()
    del notebook.cells[own:]


def test_there_are_seven():
    assert [path.stem for path in NOTEBOOKS] == [
        "01_autoencoder",
        "02_variational_autoencoder",
        "03_latent_space",
        "04_gelu_or_leaky_relu",
        "05_export_and_reuse",
        "06_your_own_images",
        "07_choosing_the_weight",
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("kernel")
def test_a_notebook_and_its_solutions_run_without_errors_and_warnings(path, notebook, runs):
    committed = figures(notebook)
    further = [code for solution in solutions(notebook) for code in blocks(solution, "python")]
    if path.stem in IN_PLAIN_KERAS:
        further.insert(0, SAME_LOSSES)
    execute(notebook, path, runs, further=further)
    assert noise(notebook) == []
    assert figures(notebook) == committed > 0


@pytest.mark.slow
@pytest.mark.usefixtures("kernel")
def test_on_mnist_a_notebook_uses_the_models_of_the_package(runs):
    try:
        if find_source("mnist").prepare() is not None:
            pytest.skip("MNIST would have to be downloaded")
    except Unavailable:
        pytest.skip("MNIST is not available")
    path = ROOT / "notebooks" / "04_gelu_or_leaky_relu.ipynb"
    notebook = nbformat.read(path, as_version=4)
    committed = figures(notebook)
    two_dimensions = {run.name for run in runs.glob("mnist*") if "10-dimensions" not in run.name}
    execute(notebook, path, runs, dataset="mnist")
    assert noise(notebook) == []
    assert figures(notebook) == committed > 0
    trained = {run.name for run in runs.glob("mnist*") if "10-dimensions" not in run.name}
    assert trained == two_dimensions


def test_a_committed_notebook_was_run_in_order_from_the_top(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_a_committed_notebook_shows_no_errors_and_no_warnings(notebook):
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert noise(notebook) == []


def test_a_notebook_imports_the_package_before_tensorflow(notebook):
    code = "\n".join(cell.source for cell in code_cells(notebook))
    imported = re.findall(r"^(?:import|from) (vae_keras|keras|tensorflow)\b", code, re.MULTILINE)
    assert imported[0] == "vae_keras"  # only then TensorFlow starts without its messages


def test_a_committed_notebook_is_small(path):
    assert path.stat().st_size < LARGEST


def test_only_the_notebooks_in_plain_keras_define_functions_and_classes(path, notebook):
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    found = []
    for cell in code_cells(notebook):
        lines = [line for line in cell.source.splitlines() if not line.startswith("%")]
        nodes = ast.walk(ast.parse("\n".join(lines)))
        found += [node.name for node in nodes if isinstance(node, definitions)]
    assert {"build_encoder", "build_decoder", "train_step"} <= set(found) or not found
    assert bool(found) == (path.stem in IN_PLAIN_KERAS)


def test_a_notebook_ends_with_a_summary_and_three_exercises(notebook):
    end = notebook.cells[-1].source
    assert re.findall("^## (.+)$", end, re.MULTILINE)[-2:] == ["What you have seen", "Exercises"]
    assert re.findall(r"^\*\*(\d)\.\*\* ", end, re.MULTILINE) == ["1", "2", "3"]
    assert len(solutions(notebook)) == 3
    assert all(solution.strip() for solution in solutions(notebook))


def test_every_link_of_a_notebook_is_there(path, notebook):
    for cell in notebook.cells:
        for target in links(cell.source) if cell.cell_type == "markdown" else ():
            file, _, anchor = target.partition("#")
            assert (path.parent / file).is_file(), target
            assert not anchor or anchor in anchors(path.parent / file), target


def test_the_command_of_a_notebook_trains_the_model_of_its_cells(tmp_path):
    notebook = nbformat.read(ROOT / "notebooks" / "06_your_own_images.ipynb", as_version=4)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    (text,) = [text for text in texts if "trains the same model" in text]
    (command,) = blocks(text, "bash")
    pictures, table = tmp_path / "patches", tmp_path / "patches.csv"
    pictures.mkdir()
    table.touch()
    here = {f"saved_models/notebooks/{path.name}": str(path) for path in (pictures, table)}
    python, _, module, *arguments = [here.get(word, word) for word in shlex.split(command)]
    assert (python, module) == ("python", "vae_keras.fit")

    (parameters,) = [cell.source for cell in code_cells(notebook) if has_tag(cell, "parameters")]
    (training,) = [cell.source for cell in code_cells(notebook) if "make_config" in cell.source]
    names = {"vae_keras": vae_keras, "pictures": pictures, "table": table}
    exec(parameters + "\n" + ast.unparse(ast.parse(training).body[0]), names)
    assert fit.parse(arguments)[0] == names["config"]
