"""The generated page of settings, and a MkDocs hook that shows files outside of docs/.

`python docs/hooks.py` regenerates docs/settings.md.
"""

import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.structure.files import Files

DOCS = Path(__file__).parent
ROOT = DOCS.parent
SETTINGS = DOCS / "settings.md"
PLACE = "repository"  # where the site has files of the repository that lie outside of docs/
LINK = re.compile(r"(\]\()(?!\w+:|#|/)([^)\s#]+)")
HEADER = """\
# Settings

<!-- Written by `python docs/hooks.py`. Do not edit. -->

Every setting has an option of `python -m vae_keras.fit`, a field of `vae_keras.FitConfig`, and an
entry in `config.json`. `make_config(dataset, **settings)` takes the same names.

A default applies if neither the preset nor the data set changes it. For the data set, the default
of the command is `auto`; that of `FitConfig` is `digits`. Options without a value, such as
`--decoder-dense-activation`, also have a form with `--no-`.
"""
PRESETS_HEADER = """\
## Presets

A preset changes these defaults. [Getting started](getting-started.md#presets) lists the preset of
each data set.
"""


def settings_page() -> str:
    """The text of docs/settings.md."""
    from vae_keras.config import PRESETS, FitConfig
    from vae_keras.support.settings import reference_table

    names = list(dict.fromkeys(name for changes in PRESETS.values() for name in changes))
    rows = [
        ["setting", *(f"`{preset}`" for preset in PRESETS)],
        ["---"] * (len(PRESETS) + 1),
        *([f"`{name}`", *(_cell(PRESETS[preset], name) for preset in PRESETS)] for name in names),
    ]
    presets = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([HEADER, reference_table(FitConfig), "", PRESETS_HEADER, presets, ""])


def _cell(changes: dict[str, Any], name: str) -> str:
    return f"`{changes[name]}`" if name in changes else ""


def on_files(files: "Files", config: Any) -> "Files":
    """Add the files of the repository that pages link to."""
    from mkdocs.structure.files import File

    for path in sorted(linked_files()):
        files.append(File.generated(config, f"{PLACE}/{path}", abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links out of docs/ into links to the files' places on the site."""
    if page.file.src_uri.startswith(f"{PLACE}/"):
        return markdown

    def there(link: re.Match) -> str:
        target = posixpath.normpath(posixpath.join("docs", link[2]))
        return link[1] + (link[2] if target.startswith("docs/") else f"{PLACE}/{target}")

    return LINK.sub(there, markdown)


def linked_files() -> set[str]:
    """Paths of files outside of docs/ that pages link to, and that reports among them show."""
    found: set[str] = set()
    waiting = [path.relative_to(ROOT).as_posix() for path in DOCS.glob("*.md")]
    while waiting:
        page = waiting.pop()
        for target in _targets(page):
            if target.startswith("docs/") or target in found or not (ROOT / target).is_file():
                continue
            found.add(target)
            if target.endswith(".md"):
                waiting.append(target)
    return found


def _targets(page: str) -> Iterator[str]:
    for link in LINK.finditer((ROOT / page).read_text(encoding="utf-8")):
        yield posixpath.normpath(posixpath.join(posixpath.dirname(page), link[2]))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    SETTINGS.write_text(settings_page(), encoding="utf-8")
