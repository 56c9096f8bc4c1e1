"""Ways to damage the files of a run: what stands in their place, their bytes and their content."""

import io
import json
import os
import zipfile

import numpy as np

from vae_keras.training.checkpoints import _digest

PLACES = ["folder", "pipe", "dangling link", "circular link", "endless device", "missing"]
BYTES = ["empty", "cut", "flipped", "noise", "zeros", "doubled", "enormous", "Latin-1"]
EDITED = "edited"
KINDS = [*PLACES, *BYTES, *[EDITED] * 8]  # most often the file is still one of its kind
ODD = [None, True, -1, 0, 10**400, 1e300, float("nan"), "", "x", "\x00", "\udcff", [], {}, [[]]]
ODD_CELLS = ["", "nan", "inf", "-1", "1e400", "٣", "x" * 10, '"', "9" * 5000, "a\nb", "\x00", "=1"]


def damage(path, kind, random):
    """Damage a file; return its path, which is another one if its name carries its digest.

    Args:
        path: `pathlib.Path` of the file.
        kind: One of `KINDS`.
        random: `random.Random` that decides the rest.
    """
    content = path.read_bytes()
    path.unlink()
    if kind in PLACES:
        put_in_place(path, kind)
    elif kind == "enormous":
        with open(path, "wb") as file:
            file.truncate(2**42)
    elif kind == EDITED:
        content = _edit(path.name, content, random)
        if path.parent.name == "checkpoints":  # a whole one, though not of this run
            kept, number, _ = path.stem.split("-")
            path = path.with_name(f"{kept}-{number}-{_digest(content)}.npz")
        path.write_bytes(content)
    else:
        path.write_bytes(_spoil(content, kind, random))
    return path


def put_in_place(path, kind):
    """Put something that is no regular file, one of `PLACES`, in the place of a file."""
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "dangling link":
        path.symlink_to("nowhere")
    elif kind == "circular link":
        path.symlink_to(path.name)
    elif kind == "endless device":
        path.symlink_to("/dev/zero")


def _spoil(content, kind, random):
    if kind == "empty":
        return b""
    if kind == "cut":
        return content[: random.randrange(len(content))]
    if kind == "flipped":
        flipped = bytearray(content)
        for _ in range(random.randint(1, 20)):
            flipped[random.randrange(len(flipped))] ^= 1 << random.randrange(8)
        return bytes(flipped)
    if kind == "noise":
        return random.randbytes(random.randint(1, 1000))
    if kind == "zeros":
        return bytes(len(content))
    if kind == "doubled":
        return content + content
    return "größe".encode("latin-1")


def _edit(name, content, random):
    if name.endswith(".json"):
        return _edit_json(content, random)
    if name.endswith(".csv"):
        return _edit_table(content, random)
    if name.endswith(".npz"):
        return _edit_arrays(content, random)
    if name.endswith(".keras"):
        return _edit_model(content, random)
    return _spoil(content, "flipped", random)


def _edit_json(content, random):
    """Replace or remove one value, however deep."""
    tree = json.loads(content)
    places = []

    def collect(node):
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], (dict, list)):
                collect(node[key])

    collect(tree)
    node, key = random.choice(places)
    if random.random() < 0.2:
        del node[key]
    else:
        node[key] = random.choice(ODD)
    return json.dumps(tree).encode()


def _edit_table(content, random):
    """Change a cell, a row or a column."""
    rows = [line.split(",") for line in content.decode().splitlines()]
    row = random.randrange(len(rows))
    column = random.randrange(len(rows[row]))
    change = random.choice(["cell", "cell", "cell", "remove", "repeat", "swap", "column", "longer"])
    if change == "cell":
        rows[row][column] = random.choice(ODD_CELLS)
    elif change == "remove":
        del rows[row]
    elif change == "repeat":
        rows.insert(row, rows[row])
    elif change == "swap":
        rows[row], rows[0] = rows[0], rows[row]
    elif change == "column":
        rows = [cells[:column] + cells[column + 1 :] for cells in rows]
    else:
        rows[row] = [*rows[row], "1"]
    return "\n".join(map(",".join, rows)).encode()


def _edit_arrays(content, random):
    """Change an array: its type, its shape, its values, its name."""
    with np.load(io.BytesIO(content)) as archive:
        arrays = dict(archive)
    name = random.choice(sorted(arrays))
    array = arrays.pop(name)
    changes = {
        "remove": {},
        "rename": {f"{name}_": array},
        "text": {name: array.astype(str)},
        "objects": {name: array.astype(object)},
        "shape": {name: array[None]},
        "nothing": {name: array[..., None][:0]},
    }
    if array.dtype.kind in "iuf":
        changes["complex"] = {name: array.astype(np.complex128)}
        changes["negative"] = {name: -array.astype(np.int64) - 1}
    arrays |= changes[random.choice(sorted(changes))]
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _edit_model(content, random):
    """Change a member of a .keras file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(sorted(members))
    if name.endswith(".json") and random.random() < 0.8:
        members[name] = _edit_json(members[name], random)
    else:
        members[name] = _spoil(members[name], random.choice(["empty", "cut", "noise"]), random)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member, value in members.items():
            archive.writestr(member, value)
    return file.getvalue()
