"""The documentation: links that lead somewhere, commands that parse, examples that compile."""

import importlib
import importlib.util
import itertools
import re
import shlex
from pathlib import Path

import pytest

import vae_keras
from vae_keras import __main__ as commands
from vae_keras import evaluate, fit
from vae_keras.benchmark import __main__ as benchmark
from vae_keras.config import FitConfig, make_config
from vae_keras.data.sources import check_options, find_source
from vae_keras.study import __main__ as study
from vae_keras.study.reading import SHIPPED
from vae_keras.training.run import Run

ROOT = Path(vae_keras.__file__).parent.parent
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
NOT_EXECUTED = "<!-- not executed -->"
FENCE = re.compile(r"^ *```(\w*) *\n(.*?)^ *``` *$", re.MULTILINE | re.DOTALL)
LINKS = (
    re.compile(r"\]\(([^)\s]+)(?: [^)]*)?\)"),  # [text](target), ![text](target)
    re.compile(r"<(?:a|img)\b[^>]*\b(?:href|src)=\"([^\"]+)\""),
    re.compile(r"^\[[^\]]+\]: *(\S+)", re.MULTILINE),  # [text]: target
)
SNIPPET = re.compile(r"^--8<-- \"(.+)\"$", re.MULTILINE)
ELSEWHERE = re.compile(r"https?://|mailto:")


def name(page):
    return page.relative_to(ROOT).as_posix()


def without_code(text):
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))


def links(text):
    found = [target for pattern in LINKS for target in pattern.findall(without_code(text))]
    return [target for target in found if not ELSEWHERE.match(target)]


def anchors(page):
    """The anchors of a page's headings, as GitHub and MkDocs make them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page):
    text = page.read_text(encoding="utf-8")
    broken = [file for file in SNIPPET.findall(text) if not (ROOT / file).is_file()]
    for target in links(text):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        is_there = file.is_file() and file.is_relative_to(ROOT) and not target.startswith("/")
        if not is_there or (anchor and anchor not in anchors(file)):
            broken.append(target)
    return broken


def blocks(page, *languages):
    """The fenced blocks of a page in these languages, with the line before each."""
    text = page.read_text(encoding="utf-8")
    for block in FENCE.finditer(text):
        if block[1] in languages:
            before = text[: block.start()].rstrip().rpartition("\n")[2].strip()
            yield block[2], before


def invocations(text):
    """The arguments of each of the package's commands in a shell script, without the program."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        for is_end, group in itertools.groupby(words, lambda word: word in ("&&", ";", "|")):
            command = list(group)
            if is_end:
                continue
            for i, word in enumerate(command):  # not only the first: `time vae-keras fit`
                module, _, submodule = word.partition(".")
                if module == "vae_keras" and command[i - 1] == "-m":
                    yield [submodule, *command[i + 1 :]] if submodule else command[i + 1 :]
                elif word == "vae-keras":
                    yield command[i + 1 :]


def check_command(command, *arguments):
    """Parse arguments with the command's own parser; SystemExit or InputError if that fails."""
    assert command in commands.COMMANDS
    if arguments == ("--help",):
        return
    if command == "fit":
        check_fit(arguments)
    elif command == "benchmark" or (command == "study" and arguments[0] == "report"):
        importlib.import_module(f"vae_keras.{command}.__main__").main(list(arguments))
    elif command == "study":
        options = study.build_parser().parse_args(arguments)
        assert options.study in SHIPPED or options.study.endswith((".toml", ".json"))
        find_source_or_auto(getattr(options, "dataset", "auto"))
    else:
        module = f"vae_keras.{command}" + ".__main__" * (command in commands.PACKAGES)
        importlib.import_module(module).build_parser().parse_args(arguments)


def check_fit(arguments):
    options = vars(fit.build_parser().parse_args(arguments))
    run = {key: options.pop(key) for key in fit.RUN_OPTIONS if key in options}
    source = find_source_or_auto(options.pop("dataset", "auto"))
    if run.get("resume"):
        FitConfig().replace(**options)
    else:
        make_config(source.name, **options)
    check_options(source, options)


def find_source_or_auto(dataset):
    return find_source("digits" if dataset == "auto" else dataset)


@pytest.fixture
def nothing_runs(monkeypatch):
    """Commands whose parser cannot be had alone parse their arguments, and do no more."""
    monkeypatch.chdir(ROOT)  # `study report` looks for its folder
    monkeypatch.setattr(study, "_report", lambda directory: None)
    monkeypatch.setattr(benchmark, "benchmark", lambda batch_size, blocks, steps: None)


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 200


def test_there_are_pages_and_all_are_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert len(PAGES) > 15
    for page in PAGES:
        assert f": {page.name}\n" in navigation


@pytest.mark.parametrize("page", [README, ROOT / "CONTRIBUTING.md", *PAGES], ids=name)
def test_every_link_and_image_is_there(page):
    assert broken_links(page) == []


def test_a_broken_link_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("test_docs.ROOT", tmp_path)
    page = tmp_path / "page.md"
    (tmp_path / "there.md").write_text("# A heading, with `code`\n```\n# no heading\n```\n")
    page.write_text(
        "# Page\n[a](there.md) [b](there.md#a-heading-with-code) [c](https://x.org) [d](#page)\n"
        "`[e](in-code.md)`\n```\n[f](in-block.md)\n```\n"
    )
    assert broken_links(page) == []
    page.write_text(
        "[a](gone.md) ![b](gone.png) [c](there.md#no-heading) [d](#gone) [e](/there.md) "
        '<img width="9" src="gone.gif"> [f](..)\n\n[g]: gone.txt\n\n--8<-- "GONE.md"\n'
    )
    missing = "GONE.md gone.md gone.png there.md#no-heading #gone /there.md .. gone.gif gone.txt"
    assert broken_links(page) == missing.split()


def test_the_page_of_settings_is_up_to_date():
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == hooks.settings_page(), "run python docs/hooks.py"


def test_the_page_of_the_api_has_every_public_name():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^::: (vae_keras\S*)$", page, re.MULTILINE)
    for path in listed:
        module, _, attribute = path.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), path
    assert {path.rpartition(".")[2] for path in listed} == set(vae_keras.__all__)


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize("page", [README, ROOT / "CONTRIBUTING.md", *PAGES], ids=name)
def test_every_command_parses(page):
    for script, before in blocks(page, "bash"):
        if before == NOT_EXECUTED:
            continue
        for arguments in invocations(script):
            try:
                check_command(*arguments)
            except (SystemExit, vae_keras.InputError) as error:
                pytest.fail(f"{name(page)}: {shlex.join(arguments)}: {error}")


@pytest.mark.parametrize("page", [README, ROOT / "CONTRIBUTING.md", *PAGES], ids=name)
def test_no_block_is_in_a_language_that_is_not_looked_at(page):
    text = page.read_text(encoding="utf-8")
    found = FENCE.findall(text)
    assert {language for language, _ in found} <= {"", "bash", "python", "toml"}
    assert 2 * len(found) == len(re.findall("^ *```", text, re.MULTILINE))


def test_the_readme_and_the_pages_have_commands():
    count = sum(
        before != NOT_EXECUTED and len(list(invocations(script)))
        for page in (README, *PAGES)
        for script, before in blocks(page, "bash")
    )
    assert count > 40


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize(
    "line",
    [
        "python -m vae_keras.fit --activations gelu",
        "python -m vae_keras.fit --activation geluu",
        "python -m vae_keras fit --epochs 0",
        "vae-keras fit --dataset digits --test-fraction 0.1",
        "python -m vae_keras.fit --resume DIR --epochs x",
        "pip install x && python -m vae_keras.evaluate RUN_DIR --job 2",
        "python -m vae_keras.explore RUN_DIR --out x",
        "python -m vae_keras.attributes RUN_DIR",
        "python -m vae_keras.export RUN_DIR",
        "python -m vae_keras.study gelus",
        "python -m vae_keras.study gelu --seed 3",
        "python -m vae_keras.study report saved_models/gelu-study --jobs 2",
        "python -m vae_keras.study report saved_models/gone-study",
        "python -m vae_keras.benchmark --block 3",
        "python -m vae_keras.fits",
        "vae-keras nothing",
        "time vae-keras fit --gelu",
    ],
)
def test_a_broken_command_is_found(line):
    ((command, *arguments),) = invocations(line)
    with pytest.raises((SystemExit, AssertionError, vae_keras.InputError)):
        check_command(command, *arguments)


@pytest.mark.parametrize("page", [README, ROOT / "CONTRIBUTING.md", *PAGES], ids=name)
def test_every_python_example_compiles(page):
    for number, (code, _) in enumerate(blocks(page, "python"), 1):
        compile(code, f"{name(page)}, example {number}", "exec")


RESULTS = [README, ROOT / "docs/study.md", ROOT / "docs/choosing-the-weight.md"]
MEAN = re.compile(r"\d+\.\d+ ± \d+\.\d+")
EFFECT = re.compile(r"([−+]\d+\.\d+) \(([−+]\d+\.\d+ to [−+]\d+\.\d+)\)")


@pytest.mark.parametrize("page", RESULTS, ids=name)
def test_means_and_effects_are_those_of_a_committed_report(page):
    reports = [path.read_text() for path in (ROOT / "saved_models").glob("*/report.md")]
    text = page.read_text(encoding="utf-8")
    means, effects = MEAN.findall(text), EFFECT.findall(text)
    assert means
    for mean in means:
        assert any(mean in report for report in reports), mean
    for effect, interval in effects:
        assert any(f"{effect} | {interval}" in report for report in reports), (effect, interval)


def test_the_example_of_an_evaluation_is_that_of_the_committed_models():
    runs = [Run(ROOT / f"saved_models/gelu-study/{name}/seed-0") for name in ("leaky_relu", "gelu")]
    text = evaluate.describe(runs, [run.read_evaluation() for run in runs], width=100)
    table = text.partition("\n\n±")[0]
    assert f"```\n{table}\n```" in (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")


def test_the_elbos_of_the_weights_are_those_that_the_example_prints(monkeypatch, capsys):
    page = ROOT / "docs" / "choosing-the-weight.md"
    ((code, _),) = blocks(page, "python")
    monkeypatch.chdir(ROOT)
    exec(code, {})
    printed = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    rows = re.findall(r"^\| (?:LeakyReLU|GELU) \| (.*) \|$", page.read_text(), re.MULTILINE)
    assert " | ".join(printed) == " | ".join(rows)
