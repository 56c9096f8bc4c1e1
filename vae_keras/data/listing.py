"""The files of an image folder: ignored files, and the split into training and test."""

import dataclasses
import os
import re
import stat
from collections.abc import Iterable, Sequence
from typing import NoReturn

from vae_keras.data.pictures import ENDINGS, UNREADABLE
from vae_keras.data.source import Files
from vae_keras.support.errors import InputError
from vae_keras.support.reporting import report, warn

NAMED_FILES = 10  # in a message
# Files that systems and archives create, in lower case. Hidden files are ignored, too.
JUNK_FILES = ("desktop.ini", "ehthumbs.db", "ehthumbs_vista.db", "icon\r", "thumbs.db")
JUNK_FOLDERS = ("$recycle.bin", "@eadir", "__macosx", "lost+found", "system volume information")

TRAIN, VALIDATION, TEST = "train", "validation", "test"
# Names of split folders above the classes, in lower case.
SPLITS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
# Longer names, such as train_data, test-images and testset2: no letter follows.
_LONG_NAME = re.compile(rf"({'|'.join(SPLITS)})(?:set|data)?(?![^\W\d_])")


@dataclasses.dataclass(frozen=True)
class PictureFile:
    """A file in an image folder.

    Attributes:
        name: Its path in the folder, with `/`.
        bytes: Its size.
        changed: Time of the last change of its content or permissions, in nanoseconds.
        problem: A problem that is known without reading the file, or "".
        split: `TRAIN`, `VALIDATION` or `TEST` if it is in such a folder, or "".
    """

    name: str
    bytes: int = 0
    changed: int = 0
    problem: str = ""
    split: str = ""

    @property
    def class_name(self) -> str:
        """The sub-folder that contains it, below the folder of its split, or ""."""
        folders = self.name.split("/")[bool(self.split) : -1]
        return folders[0] if folders else ""

    @property
    def looks_like_picture(self) -> bool:
        """Whether its name has the ending of a picture format."""
        return self.name.lower().endswith(ENDINGS)


def list_files(folder: str) -> list[PictureFile]:
    """All files below a folder, sorted by name, except for hidden files and files of systems.

    Links are followed, but no folder is read twice, because of circular links; a warning names such
    a link.

    Returns:
        List of `PictureFile`. Files that are not regular files, cannot be reached or are empty have
        a problem.

    Raises:
        InputError: If a folder cannot be read, or there are no files.
    """
    found, seen = [], set()
    for directory, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        status = os.stat(directory)
        if (status.st_dev, status.st_ino) in seen:
            warn(f"{directory} is a link to a folder that was already read: skipped")
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not _is_junk(name, JUNK_FOLDERS))
        inner = os.path.relpath(directory, folder).replace(os.sep, "/")
        prefix = "" if inner == "." else f"{inner}/"
        found += [
            look_at(os.path.join(directory, name), prefix + name)
            for name in names
            if not is_junk(name)
        ]
    if not found:
        raise InputError(f"{folder} contains no files: choose an image folder")
    found.sort(key=lambda file: file.name)
    return found


def is_junk(name: str) -> bool:
    """Whether a file of this name, without its folder, is hidden or a file of a system."""
    return _is_junk(name, JUNK_FILES)


def look_at(path: str, name: str) -> PictureFile:
    """The properties of a file that are known without reading it, under a name in a folder."""
    try:
        status = os.stat(path)
    except OSError as error:  # a broken or circular link
        return PictureFile(name, problem=f"{UNREADABLE}{error.strerror}")
    if not stat.S_ISREG(status.st_mode):  # opening a pipe could block forever
        return PictureFile(name, problem="is not a regular file")
    problem = "" if status.st_size else "is empty"
    return PictureFile(name, status.st_size, status.st_ctime_ns, problem)


def arrange(folder: str, files: Sequence[PictureFile]) -> list[PictureFile]:
    """The files with their split, if there are folders such as `train/` and `test/`.

    Args:
        folder: Their folder.
        files: List of `PictureFile`, from `list_files`.

    Returns:
        List of `PictureFile`. Pictures outside of the folders of the splits, or of the classes,
        have a problem.

    Raises:
        InputError: If a folder may be a split or a class.
    """
    pictures = _pictures(files)
    splits = _find_splits(folder, pictures)
    found = [
        dataclasses.replace(file, split=splits.get(file.name.partition("/")[0], ""))
        for file in files
    ]
    with_classes = {file.split for file in _pictures(found) if file.class_name}

    def problem(file: PictureFile) -> str:
        if splits and not file.split:
            return f"is outside of the split folders {_folders(splits)}"
        if file.split in with_classes and not file.class_name:
            return "is not in the folder of a class"
        return ""

    return [dataclasses.replace(file, problem=file.problem or problem(file)) for file in found]


def check_same_files(folder: str, listed: Iterable[PictureFile], expected: Files) -> None:
    """Raise `InputError` unless a folder has the same files, of the same sizes, as before."""
    now = {file.name: file.bytes for file in listed}
    before = {name: size for name, size, _ in expected}
    changes = {
        "added": now.keys() - before.keys(),
        "removed": before.keys() - now.keys(),
        "changed": {name for name in now.keys() & before.keys() if now[name] != before[name]},
    }
    found = "; ".join(
        f"{len(names):,} {change} ({some(sorted(names))})"
        for change, names in changes.items()
        if names
    )
    if found:
        raise InputError(
            f"the files in {folder} have changed since this run, which changes the split into "
            f"training and test: {found}. Restore them, or start a new run"
        )


def some(names: Sequence[str]) -> str:
    """The first names, and the number of the others."""
    rest = len(names) - NAMED_FILES
    return ", ".join(names[:NAMED_FILES]) + (f" and {rest:,} more" if rest > 0 else "")


def _find_splits(folder: str, pictures: Iterable[PictureFile]) -> dict[str, str]:
    """Dictionary from the name of a sub-folder to its split; empty without splits."""
    paths = [file.name.split("/") for file in pictures]
    _check_no_inner_splits(folder, paths)
    holders = sorted({parts[0] for parts in paths if len(parts) > 1})
    splits = _named_splits(holders)
    others = [name for name in holders if name not in splits]
    names = {split: [name for name in splits if splits[name] == split] for split in splits.values()}
    if not splits or (set(names) == {TRAIN} and others):  # "train" is a class among others
        return {}
    for split, same in names.items():
        if len(same) > 1:
            raise InputError(
                f"{folder} has {_folders(same)}, but only one folder can be for {split}: merge or "
                "rename them"
            )
    if others:
        raise InputError(
            f"{folder} has {_folders(splits)} beside {_folders(others)}: these can be classes or a "
            "split. Rename or move some of them"
        )
    if TRAIN not in names:
        raise InputError(
            f"{folder} has {_folders(splits)}, but no folder train/: choose "
            f"{os.path.join(folder, next(iter(splits)))} to train on these pictures"
        )
    if TEST not in names and VALIDATION in names:
        splits = {name: TEST if split == VALIDATION else split for name, split in splits.items()}
    _report_splits(folder, splits)
    return splits


def _named_splits(names: Iterable[str]) -> dict[str, str]:
    """Dictionary from the names of splits among the names of folders to their splits.

    Long names count only beside a name of another split: `test_tube` alone is a class.
    """
    matches = {name: _LONG_NAME.match(name.casefold()) for name in names}
    splits = {name: SPLITS[match[1]] for name, match in matches.items() if match}
    if len(set(splits.values())) > 1:
        return splits
    return {name: split for name, split in splits.items() if name.casefold() in SPLITS}


def _check_no_inner_splits(folder: str, paths: Iterable[Sequence[str]]) -> None:
    """Raise `InputError` if a sub-folder has its own split: its test would be trained on."""
    inner: dict[str, set[str]] = {}
    for parts in paths:
        if len(parts) > 2:
            inner.setdefault(parts[0], set()).add(parts[1])
    for name, folders in inner.items():
        found = _named_splits(sorted(folders))
        if TRAIN in found.values() and len(set(found.values())) > 1:
            raise InputError(
                f"{folder} has a split inside of {name}/: choose {os.path.join(folder, name)}, or "
                f"move {_folders(found)} above the classes"
            )


def _report_splits(folder: str, splits: dict[str, str]) -> None:
    words = {TRAIN: "for training", VALIDATION: "for validation", TEST: "for the test"}
    text = ", ".join(f"{name}/ is {words[split]}" for name, split in splits.items())
    if set(splits.values()) == {TRAIN}:
        text += ", and a share of it is held out for the test"
    report(f"{folder}: {text}")


def _folders(names: Iterable[str]) -> str:
    """Names as folders, the first few of them."""
    return some([f"{name}/" for name in names])


def _pictures(files: Iterable[PictureFile]) -> list[PictureFile]:
    """The files with the ending of a picture, or all files if there are none."""
    usable = [file for file in files if not file.problem]
    return [file for file in usable if file.looks_like_picture] or usable


def _is_junk(name: str, junk: Sequence[str]) -> bool:
    return name[0] == "." or name.lower() in junk


def _refuse(error: OSError) -> NoReturn:
    """Stop `os.walk` at an unreadable folder, because the missing files are unknown."""
    raise InputError(f"{error.filename} cannot be read: {error.strerror}") from None
