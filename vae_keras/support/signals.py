"""Ctrl-C and SIGTERM: finish the current steps, then stop."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal asked training to stop.

    Attributes:
        signal_number: `signal.SIGINT` or `signal.SIGTERM`.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


def handle(handler: Callable[[int, FrameType | None], object]) -> None:
    """Call `handler` at Ctrl-C and SIGTERM, except for signals that are ignored (`nohup`)."""
    for number in STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def end_process(number: int, frame: FrameType | None) -> NoReturn:
    """A handler that ends the process at once, for the time in which a command is imported."""
    over = "\r" if os.isatty(2) else ""  # overwrites the ^C that a terminal prints
    os.write(2, f"{over}{describe(number)}\n".encode())
    os._exit(128 + number)


def interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """A handler that raises `Interrupted`."""
    raise Interrupted(number)


def describe(number: int) -> str:
    """The message of a command that a signal has stopped."""
    return "stopped" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"


class PendingSignal:
    """Remembers a signal until `check` is called at a point where stopping is safe."""

    def __init__(self) -> None:
        self.number: int | None = None

    def check(self) -> None:
        """Raise `Interrupted` if a signal has arrived."""
        if self.number is not None:
            raise Interrupted(self.number)


@contextlib.contextmanager
def deferred_signals() -> Iterator[PendingSignal]:
    """Inside the block, the first SIGINT or SIGTERM waits for `PendingSignal.check`.

    A second signal stops as soon as Python runs again. Other threads than the main thread cannot
    handle signals; there, nothing changes.
    """
    pending = PendingSignal()
    if threading.current_thread() is not threading.main_thread():
        yield pending
        return

    def remember(number: int, frame: FrameType | None) -> None:
        if pending.number is not None:
            raise Interrupted(number)
        pending.number = number

    previous = {number: signal.getsignal(number) for number in STOPPING}
    handle(remember)
    try:
        yield pending
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
