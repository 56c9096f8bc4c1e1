"""The lock on a run's folder, which one process at a time works in."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import filelock

from vae_keras.support.errors import InputError


class MovedError(InputError):
    """The folder of a run was renamed or removed by somebody else while the run was at work."""


class FolderLock:
    """The lock on a folder.

    Args:
        directory: The folder; it need not exist until it is locked.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file = directory / ".lock"
        self._identity: tuple[int, int] | None = None  # of the folder, while it is locked

    def check_free(self) -> None:
        """Raise `InputError` if another process works in the folder."""
        if self._file.exists():
            with self.held():
                pass

    @contextlib.contextmanager
    def held(self, patience: float = 0) -> Iterator[None]:
        """Keep the folder for this process inside a `with`.

        The operating system gives the lock back when the process ends, however it ends.

        Args:
            patience: Seconds to wait for another process that has the folder.

        Raises:
            InputError: If another process has the folder.
            MovedError: If the block fails because the folder is no longer there.
        """
        lock = filelock.FileLock(self._file, timeout=patience)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise InputError(
                f"{self.directory} is in use by another process: wait for it, or choose another "
                "folder"
            ) from None
        except OSError as error:
            raise unwritable(self.directory, error.strerror) from None
        self._identity = self._identify()
        try:
            yield
        except Exception:  # TensorFlow and HDF5 raise errors of their own
            self.check_in_place()
            raise
        finally:
            self._identity = None
            lock.release()

    def check_in_place(self) -> None:
        """Raise `MovedError` if the folder that is locked no longer has its name."""
        if self._identity not in (None, self._identify()):
            raise MovedError(
                f"{self.directory} was renamed or removed while it was in use: move it back"
            )

    def _identify(self) -> tuple[int, int] | None:
        """What tells the folder from another one of its name; None if there is none."""
        try:
            status = os.stat(self.directory)
        except OSError:
            return None
        return status.st_dev, status.st_ino


def unwritable(directory: Path, reason: str | None) -> InputError:
    """The error that a folder cannot be written."""
    return InputError(f"{directory} cannot be written ({reason}): choose another ⟨directory⟩")
