"""Ctrl-C and SIGTERM: finish the steps under way, then stop."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop by a signal.

    Attributes:
        signal_number: `signal.SIGINT` or `signal.SIGTERM`.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


def handle(handler: Callable[[int, FrameType | None], object]) -> None:
    """Call `handler` at Ctrl-C and SIGTERM, but leave those alone that are ignored (`nohup`)."""
    for number in STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def end_process(number: int, frame: FrameType | None) -> NoReturn:
    """A handler for the time in which a command is imported and has nothing to lose."""
    over = "\r" if os.isatty(2) else ""  # the ^C that a terminal shows
    os.write(2, f"{over}{describe(number)}\n".encode())
    os._exit(128 + number)


def interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """A handler that raises `Interrupted`."""
    raise Interrupted(number)


def describe(number: int) -> str:
    """What a command says that a signal has stopped."""
    return "stopped" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"


class PendingSignal:
    """Remembers a signal until `check` is called at a moment where stopping is safe."""

    def __init__(self) -> None:
        self.number: int | None = None

    def check(self) -> None:
        """Raise `Interrupted` if a signal has come."""
        if self.number is not None:
            raise Interrupted(self.number)


@contextlib.contextmanager
def deferred_signals() -> Iterator[PendingSignal]:
    """Inside the block, the first SIGINT or SIGTERM waits for `PendingSignal.check`.

    A second one stops as soon as Python runs again. Only the main thread can do this; elsewhere,
    signals are left as they are.
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
