"""The lock on a run's folder, which only one process may use at a time."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import filelock

from vae_keras.support.errors import InputError, is_refusal
from vae_keras.support.files import check_file


class MovedError(InputError):
    """The folder of a run was renamed or removed during the run."""


class FolderLock:
    """The lock on a folder.

    Args:
        directory: The folder; it must exist when it is locked.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file = directory / ".lock"
        self._identity: tuple[int, int] | None = None  # of the folder, while it is locked

    def check_free(self) -> None:
        """Raise `InputError` if another process uses the folder."""
        if os.path.lexists(self._file):
            with self.held():
                pass

    @contextlib.contextmanager
    def held(self, patience: float = 0) -> Iterator[None]:
        """Hold the lock inside a `with` block.

        The operating system releases the lock when the process ends for any reason.

        Args:
            patience: Seconds to wait for another process that uses the folder.

        Raises:
            InputError: If another process uses the folder.
            MovedError: If the block fails because the folder was moved.
        """
        if self._file.is_symlink():  # a lock must not create or cut a file elsewhere
            raise InputError(f"{self._file} is a link: move it away")
        check_file(self._file)
        lock = filelock.FileLock(self._file, timeout=patience)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise InputError(
                f"{self.directory} is in use by another process: wait for it, or choose another "
                "folder"
            ) from None
        except OSError as error:
            if is_refusal(error):
                raise
            raise InputError(
                f"{self.directory} cannot be written ({error.strerror}): make it writable, or use "
                "another folder"
            ) from None
        self._identity = self._identify()
        try:
            yield
        except Exception:  # TensorFlow and HDF5 have their own exceptions
            self.check_in_place()
            raise
        finally:
            self._identity = None
            lock.release()

    def check_in_place(self) -> None:
        """Raise `MovedError` if the locked folder was renamed or removed."""
        if self._identity not in (None, self._identify()):
            raise MovedError(
                f"{self.directory} was renamed or removed while it was in use: move it back"
            )

    def _identify(self) -> tuple[int, int] | None:
        """Device and inode of the folder; None if it does not exist."""
        try:
            status = os.stat(self.directory)
        except OSError:
            return None
        return status.st_dev, status.st_ino


def unwritable(directory: Path, reason: str | None) -> InputError:
    """The error for a folder that cannot be written."""
    return InputError(f"{directory} cannot be written ({reason}): choose another ⟨directory⟩")
