"""The page: one HTML file with its scripts, its style and its data."""

import importlib.resources
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vae_keras.data.images import ImageData
from vae_keras.explorer.contents import SHEET_VALUES, describe_images, describe_page, load_runs
from vae_keras.support.errors import InputError
from vae_keras.training.run import Run

PAGE_LIMIT = 5 * 2**20  # bytes
FEWEST_IMAGES = 50


def build_page(runs: Sequence[Run], data: ImageData, images: int = 2000) -> tuple[str, int]:
    """Build the explorer's page for some runs.

    Args:
        runs: List of `Run`, finished, of the same data set.
        data: Their complete `ImageData`.
        images: Maximum number of test images, chosen at random; fewer if the page would be larger
            than `PAGE_LIMIT`.

    Returns:
        Tuple of the page, text, and the number of images it shows.

    Raises:
        InputError: If a run cannot be shown, or the page would be too large.
    """
    trained = load_runs(runs, data)
    contents = describe_page(trained, data)
    most = SHEET_VALUES // math.prod(data.image_shape)
    count = min(images, most, len(data.test_images))
    while True:
        page = assemble({**contents, "images": describe_images(trained, data, count)})
        if len(page.encode()) < PAGE_LIMIT:
            return page, count
        if count <= FEWEST_IMAGES:
            raise InputError(
                f"the page would be larger than {PAGE_LIMIT / 2**20:.0f} MiB with {len(runs)} "
                "runs: pass fewer"
            )
        count = max(FEWEST_IMAGES, count // 2)


def assemble(contents: Mapping[str, Any]) -> str:
    """Join the files of `web/` into one page, with the data for its scripts.

    Args:
        contents: Dictionary for JSON.
    """
    web = importlib.resources.files(__package__) / "web"

    def embed(match: re.Match[str]) -> str:
        return (web / match["name"]).read_text(encoding="utf-8").rstrip()

    page = (web / "explorer.html").read_text(encoding="utf-8")
    page = re.sub(
        r'<link rel="stylesheet" href="(?P<name>[^"]+)">',
        lambda match: f"<style>\n{embed(match)}\n</style>",
        page,
    )
    page = re.sub(
        r'<script src="(?P<name>[^"]+)"></script>',
        lambda match: f"<script>\n{embed(match)}\n</script>",
        page,
    )
    # "<" could end the script that contains the data.
    text = json.dumps(contents, ensure_ascii=False).replace("<", "\\u003c")
    return page.replace("{contents}", text)
