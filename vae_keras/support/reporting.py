"""Messages through `logging`, and progress bars.

The library logs to the logger "vae_keras". Commands, and functions called with `verbose=1`, print
its messages: information on stdout, warnings on stderr.
"""

import contextlib
import io
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from tqdm import tqdm

from vae_keras.support import terminal
from vae_keras.support.errors import with_names
from vae_keras.support.text import wrap

LOGGER = logging.getLogger("vae_keras")
LABEL_COLORS = {"error:": terminal.RED, "warning:": terminal.YELLOW}


class _Printer(logging.Handler):
    """Prints lines above a progress bar, wrapped between words at the width of the terminal.

    It looks up the streams for each line, because they can be replaced.

    Attributes:
        render: Function that replaces ⟨argument_names⟩ in a warning.
    """

    render: Callable[[str], str] = staticmethod(with_names)

    def emit(self, record: logging.LogRecord) -> None:
        is_warning = record.levelno >= logging.WARNING
        stream = sys.stderr if is_warning else sys.stdout
        if stream is None:  # as in a process without a console
            return
        text = self.render(getattr(record, "line", record.getMessage()))
        text = fitted(f"warning: {text}", stream) if is_warning else wrap(text, terminal.width())
        tqdm.write(text, file=stream)
        stream.flush()


_printer = _Printer()


@contextlib.contextmanager
def showing(verbose: int = 1, render: Callable[[str], str] | None = None) -> Iterator[None]:
    """Inside the block, print the messages of the package and show its progress bars.

    Args:
        verbose: 0 to print warnings only.
        render: Function that replaces ⟨argument_names⟩; None for the current one, initially
            `with_names`.
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


def fitted(text: str, stream: TextIO) -> str:
    """A line wrapped between words on a terminal, with its label in color; unchanged elsewhere."""
    if not stream.isatty():
        return text
    text = wrap(text, terminal.width())
    if terminal.shows_colors(stream):
        for label, color in LABEL_COLORS.items():
            if text.startswith(label):
                return color + label + terminal.PLAIN + text.removeprefix(label)
    return text


def report(line: str) -> None:
    """Log a message."""
    LOGGER.info(line)


def warn(line: str) -> None:
    """Log a warning. Like an error, it may contain ⟨argument_names⟩."""
    LOGGER.warning(with_names(line), extra={"line": line})


def progress_bar(iterable: Any = None, **options: Any) -> tqdm:
    """A `tqdm` bar on a terminal or in a notebook; a disabled one elsewhere, or without messages.

    A notebook also shows it outside of `showing`.
    """
    is_shown = LOGGER.isEnabledFor(logging.INFO)
    # Leave room behind the bar for the ^C that a terminal prints.
    settings = {"leave": False, "ncols": terminal.width() - 3, **options}
    if terminal.in_notebook():
        return _NotebookBar(iterable, disable=not is_shown and bool(LOGGER.level), **settings)
    return tqdm(iterable, disable=None if is_shown else True, **settings)


@contextlib.contextmanager
def working(on: str) -> Iterator[None]:
    """Show a long task: on a terminal until the block ends, elsewhere as a line."""
    with progress_bar(bar_format="{desc}", desc=f"{on} …") as bar:
        if bar.disable:
            report(f"{on} …")
        yield


class _NotebookBar(tqdm):
    """A bar in the output of a notebook cell, without widgets."""

    def __init__(self, iterable: Any = None, **options: Any) -> None:
        from IPython.display import DisplayHandle

        self._place = DisplayHandle()
        self._is_placed = False
        super().__init__(iterable, file=io.StringIO(), mininterval=0.5, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Show the bar, or another text, in its place."""
        text = {"text/plain": str(self) if msg is None else msg}
        show = self._place.update if self._is_placed else self._place.display
        self._is_placed = True
        show(text, raw=True)
