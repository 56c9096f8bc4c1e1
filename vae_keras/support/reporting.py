"""What the package says while it works: lines through `logging`, and progress bars.

The library logs to the logger "vae_keras". Commands, and functions called with `verbose=1`, show
its lines: information on stdout, warnings on stderr.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

LOGGER = logging.getLogger("vae_keras")


class _Printer(logging.Handler):
    """Prints lines above a progress bar. Looks up the streams anew, since they can be replaced."""

    def emit(self, record: logging.LogRecord) -> None:
        is_warning = record.levelno >= logging.WARNING
        text = f"warning: {record.getMessage()}" if is_warning else record.getMessage()
        stream = sys.stderr if is_warning else sys.stdout
        tqdm.write(text, file=stream)
        stream.flush()


_printer = _Printer()


@contextlib.contextmanager
def showing(verbose: int = 1) -> Iterator[None]:
    """Inside the block, print what the package reports, and show its progress bars.

    Args:
        verbose: 0 to stay silent but for warnings.
    """
    level, handlers, propagate = LOGGER.level, LOGGER.handlers[:], LOGGER.propagate
    LOGGER.setLevel(logging.INFO if verbose else logging.WARNING)
    if _printer not in handlers:
        LOGGER.addHandler(_printer)
        LOGGER.propagate = False
    try:
        yield
    finally:
        LOGGER.setLevel(level)
        LOGGER.handlers[:] = handlers
        LOGGER.propagate = propagate


def report(line: str) -> None:
    """Say one line."""
    LOGGER.info(line)


def warn(line: str) -> None:
    """Say one line that the user should not miss."""
    LOGGER.warning(line)


def progress_bar(iterable: Any = None, **options: Any) -> tqdm:
    """A `tqdm` bar on a terminal; none where lines are not shown, or stderr is not a terminal."""
    hidden = True if not LOGGER.isEnabledFor(logging.INFO) else None
    return tqdm(iterable, **{"leave": False, "disable": hidden, **options})
