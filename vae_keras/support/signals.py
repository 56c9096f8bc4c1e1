"""Ctrl-C and SIGTERM: finish the steps under way, then stop."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop by a signal.

    Attributes:
        signal_number: `signal.SIGINT` or `signal.SIGTERM`.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


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

    previous = {
        number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield pending
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
