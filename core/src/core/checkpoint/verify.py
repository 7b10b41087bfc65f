"""The state of every checkpoint in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

from core.checkpoint.archive import check_archive
from core.checkpoint.files import leftovers
from core.checkpoint.listing import Entry, check_recorded, read_listing
from core.checkpoint.read import read_meta
from core.errors import CheckpointError

OK, BAD, GONE = "ok", "BAD", "gone"


@attrs.frozen
class State:
    """What is known of one file.

    Args:
        name: of the file, without its folder.
        word: `ok`, `BAD`, or `gone` for one that is on the list and was deleted.
        text: the same in words.
    """

    name: str
    word: str
    text: str

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.word != BAD


def verify_folder(folder: Path) -> list[State]:
    """Read every checkpoint of a folder, and compare it with what was recorded of it or with its own checksums.

    Args:
        folder: such as the work directory of a run.

    Raises:
        CheckpointError: if it is no folder, or has no checkpoints.
    """
    if not folder.is_dir():
        raise CheckpointError(f"{str(folder)!r} is no folder")
    listed = read_listing(folder)
    files = {path.name: path for path in folder.glob("*.pth")}
    files.update({name: folder / name for name in listed if name == Path(name).name})
    states = [
        _state(path, listed.get(name)) for name, path in sorted(files.items(), key=lambda one: _order(one[0], listed))
    ]
    if not states:
        raise CheckpointError(f"{str(folder)!r} holds no checkpoints")
    states += [
        State(path.name, OK, "what a killed process has left; the next run removes it") for path in leftovers(folder)
    ]
    return states


def _order(name: str, listed: dict[str, Entry]) -> tuple[bool, int, str]:
    return (name in listed, listed[name].iteration if name in listed else 0, name)


def _state(path: Path, entry: Entry | None) -> State:
    if entry is not None and not os.path.lexists(path):
        return State(path.name, GONE, f"deleted, iteration {entry.iteration}")
    try:
        return State(path.name, OK, _found(path, entry))
    except CheckpointError as error:
        return State(path.name, BAD, str(error))
    except OSError as error:
        return State(path.name, BAD, f"cannot be read: {error.strerror or error}")


def _found(path: Path, entry: Entry | None) -> str:
    if path.is_symlink():
        if not path.exists():
            raise CheckpointError(f"a link to {path.readlink()}, which is not there")
        if path.resolve().parent == path.parent.resolve():
            return f"a link to {path.readlink()}"
    size = f"{path.stat().st_size:,} bytes"
    if entry is not None:
        check_recorded(path, entry)
        read_meta(path)
        told = ", written when the run was told to end" if entry.interim else ""
        return f"whole, iteration {entry.iteration}, {size}{told}"
    check_archive(path, path.name)
    meta = read_meta(path)
    if meta is None or "iter" not in meta:
        return f"whole by its own checksums, weights alone, {size}"
    return f"whole by its own checksums, not on the list, iteration {meta['iter']}, {size}"
