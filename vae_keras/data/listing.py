"""The files in a folder of pictures: which count, and which are for training and for the test."""

import dataclasses
import os
import stat
from collections.abc import Iterable, Sequence
from typing import NoReturn

from vae_keras.data.pictures import ENDINGS, UNREADABLE
from vae_keras.data.source import Files
from vae_keras.support.errors import InputError
from vae_keras.support.reporting import report, warn

NAMED_FILES = 10  # in a message
# What systems and archives leave beside pictures, in lower case. Hidden files are left out, too.
JUNK_FILES = ("desktop.ini", "ehthumbs.db", "ehthumbs_vista.db", "icon\r", "thumbs.db")
JUNK_FOLDERS = ("$recycle.bin", "@eadir", "__macosx", "lost+found", "system volume information")

TRAIN, VALIDATION, TEST = "train", "validation", "test"
# Folders above the classes that are a split, in lower case.
SPLITS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
    "testing": TEST,
}


@dataclasses.dataclass(frozen=True)
class PictureFile:
    """A file in a folder of pictures.

    Attributes:
        name: Its path in the folder, with `/`.
        bytes: Its size.
        changed: When its content or its permissions were changed last, in nanoseconds.
        problem: Why it cannot be used, as far as that is known without reading it; or "".
        split: `TRAIN`, `VALIDATION` or `TEST` if it lies in a folder of that meaning, or "".
    """

    name: str
    bytes: int = 0
    changed: int = 0
    problem: str = ""
    split: str = ""

    @property
    def class_name(self) -> str:
        """The sub-folder that it lies in, below that of its split, or "" for none."""
        folders = self.name.split("/")[bool(self.split) : -1]
        return folders[0] if folders else ""

    @property
    def looks_like_picture(self) -> bool:
        """Whether its name ends as those of pictures do."""
        return self.name.lower().endswith(ENDINGS)


def list_files(folder: str) -> list[PictureFile]:
    """All files below a folder, sorted by name; hidden ones and those of systems do not count.

    Links are followed, but no folder is read twice, so that links in a circle end; such a link is
    named on stderr.

    Returns:
        List of `PictureFile`. Some have a problem and cannot be used: they are not regular files,
        cannot be reached, or are empty.

    Raises:
        InputError: If a folder cannot be read, or there are no files.
    """
    found, seen = [], set()
    for directory, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        status = os.stat(directory)
        if (status.st_dev, status.st_ino) in seen:
            warn(f"{directory} leads to a folder that is read already")
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not _is_junk(name, JUNK_FOLDERS))
        inner = os.path.relpath(directory, folder).replace(os.sep, "/")
        prefix = "" if inner == "." else f"{inner}/"
        found += [
            _look_at(os.path.join(directory, name), prefix + name)
            for name in names
            if not is_junk(name)
        ]
    if not found:
        raise InputError(f"{folder} holds no files: name a folder of pictures")
    found.sort(key=lambda file: file.name)
    return found


def is_junk(name: str) -> bool:
    """Whether a file of this name, without its folder, was made by a system and never counts."""
    return _is_junk(name, JUNK_FILES)


def arrange(folder: str, files: Sequence[PictureFile]) -> list[PictureFile]:
    """The files with their split, if folders such as `train/` and `test/` lie above the classes.

    Args:
        folder: Their folder.
        files: List of `PictureFile`, from `list_files`.

    Returns:
        List of `PictureFile`. Pictures that lie beside the folders of the classes, or of the
        splits, have a problem.

    Raises:
        InputError: If it cannot be told whether a folder is a split or a class.
    """
    splits = _find_splits(folder, files)
    place = "splits" if splits else "classes"
    found = [
        dataclasses.replace(file, split=splits.get(file.name.partition("/")[0], ""))
        for file in files
    ]
    with_classes = {file.split for file in found if _is_picture(file) and file.class_name}
    return [
        dataclasses.replace(file, problem=f"lies beside the folders of the {place}")
        if not file.problem
        and ((splits and not file.split) or (file.split in with_classes and not file.class_name))
        else file
        for file in found
    ]


def check_same_files(folder: str, listed: Iterable[PictureFile], expected: Files) -> None:
    """Raise `InputError` unless a folder holds the same files, of the same sizes, as before."""
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
            f"the files in {folder} have changed since this run, so that the split into training "
            f"and test would be another: {found}. Restore them, or start a new run"
        )


def some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    rest = len(names) - NAMED_FILES
    return ", ".join(names[:NAMED_FILES]) + (f" and {rest:,} more" if rest > 0 else "")


def _find_splits(folder: str, files: Sequence[PictureFile]) -> dict[str, str]:
    """Dictionary from the name of a sub-folder to its split; empty without splits."""
    pictures = [file.name.split("/") for file in files if _is_picture(file)]
    _check_no_inner_splits(folder, pictures)
    holders = sorted({parts[0] for parts in pictures if len(parts) > 1})
    splits = {name: SPLITS[name.casefold()] for name in holders if name.casefold() in SPLITS}
    others = [name for name in holders if name not in splits]
    names = {split: [name for name in splits if splits[name] == split] for split in splits.values()}
    if not splits or (set(names) == {TRAIN} and others):  # a class of trains, among others
        return {}
    for split, same in names.items():
        if len(same) > 1:
            raise InputError(
                f"{folder} has {_folders(same)}: only one folder can be for {split}. Move their "
                "pictures together, or name one of them"
            )
    if others:
        raise InputError(
            f"{folder} has {_folders(splits)} beside {_folders(others)}: these may be classes, or "
            "a split of the images. Rename or move some of them"
        )
    if TRAIN not in names:
        raise InputError(
            f"{folder} has {_folders(splits)}, and no folder train/ to train on: name "
            f"{os.path.join(folder, next(iter(splits)))} to train on these pictures"
        )
    if TEST not in names and VALIDATION in names:
        splits = {name: TEST if split == VALIDATION else split for name, split in splits.items()}
    _report_splits(folder, splits)
    return splits


def _check_no_inner_splits(folder: str, pictures: Iterable[Sequence[str]]) -> None:
    """Raise `InputError` if a sub-folder has a split of its own, whose test would be trained on."""
    inner: dict[str, dict[str, str]] = {}
    for parts in pictures:
        if len(parts) > 2 and parts[1].casefold() in SPLITS:
            inner.setdefault(parts[0], {})[SPLITS[parts[1].casefold()]] = parts[1]
    for name, found in inner.items():
        if TRAIN in found and len(found) > 1:
            raise InputError(
                f"{folder} has a split inside of {name}/: name {os.path.join(folder, name)}, or "
                f"move {_folders(found.values())} above the classes"
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


def _is_picture(file: PictureFile) -> bool:
    return file.looks_like_picture and not file.problem


def _is_junk(name: str, junk: Sequence[str]) -> bool:
    return name[0] == "." or name.lower() in junk


def _refuse(error: OSError) -> NoReturn:
    """Stop `os.walk` at a folder that cannot be read: nobody knows what is missing then."""
    raise InputError(f"{error.filename} cannot be read: {error.strerror}") from None


def _look_at(path: str, name: str) -> PictureFile:
    """What the system says of a file without reading it."""
    try:
        status = os.stat(path)
    except OSError as error:  # a link to nothing, or to itself
        return PictureFile(name, problem=f"{UNREADABLE}{error.strerror}")
    if not stat.S_ISREG(status.st_mode):  # to open a pipe could take forever
        return PictureFile(name, problem="is not a regular file")
    problem = "" if status.st_size else "is empty"
    return PictureFile(name, status.st_size, status.st_ctime_ns, problem)
