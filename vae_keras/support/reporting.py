"""What the package says while it works: lines through `logging`, and progress bars.

The library logs to the logger "vae_keras". Commands, and functions called with `verbose=1`, show
its lines: information on stdout, warnings on stderr.
"""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tqdm import tqdm

from vae_keras.support.errors import with_names

LOGGER = logging.getLogger("vae_keras")


class _Printer(logging.Handler):
    """Prints lines above a progress bar. Looks up the streams anew, since they can be replaced.

    Attributes:
        render: What becomes of ⟨argument_names⟩ in a warning.
    """

    render: Callable[[str], str] = staticmethod(with_names)

    def emit(self, record: logging.LogRecord) -> None:
        is_warning = record.levelno >= logging.WARNING
        text = self.render(getattr(record, "line", record.getMessage()))
        text = f"warning: {text}" if is_warning else text
        stream = sys.stderr if is_warning else sys.stdout
        tqdm.write(text, file=stream)
        stream.flush()


_printer = _Printer()


@contextlib.contextmanager
def showing(verbose: int = 1, render: Callable[[str], str] | None = None) -> Iterator[None]:
    """Inside the block, print what the package reports, and show its progress bars.

    Args:
        verbose: 0 to stay silent but for warnings.
        render: What becomes of ⟨argument_names⟩; None for what it is now, at first their names.
    """
    level, handlers, propagate = LOGGER.level, LOGGER.handlers[:], LOGGER.propagate
    before = _printer.render
    _printer.render = render or before
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
        _printer.render = before


def report(line: str) -> None:
    """Say one line."""
    LOGGER.info(line)


def warn(line: str) -> None:
    """Say one line that the user should not miss. It may have ⟨argument_names⟩, as an error may."""
    LOGGER.warning(with_names(line), extra={"line": line})


def progress_bar(iterable: Any = None, **options: Any) -> tqdm:
    """A `tqdm` bar on a terminal; none where lines are not shown, or stderr is not a terminal."""
    hidden = True if not LOGGER.isEnabledFor(logging.INFO) else None
    return tqdm(iterable, **{"leave": False, "disable": hidden, **options})
