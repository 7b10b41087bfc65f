"""The newest checkpoint that is whole: where an interrupted run goes on by itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import attrs

from core.checkpoint.archive import check_archive
from core.checkpoint.listing import Entry, check_recorded, read_listing
from core.checkpoint.read import read_meta
from core.errors import CheckpointError

_LATEST = "latest.pth"


@attrs.frozen
class _Candidate:
    path: Path
    iteration: int
    entry: Entry | None

    @property
    def rank(self) -> tuple[int, int, str]:
        """Newer ones first; of one age, those that the run wrote for resuming."""
        name = self.path.name
        return self.iteration, 0 if name == _LATEST else 1 if name.startswith("best_") else 2, name

    def check(self) -> None:
        """Compare the file with what was recorded of it, else with its own checksums; and see that it can be read.

        Whoever can write the file can write the list too: that they agree says nothing of what is in it.
        """
        if self.entry is None:
            check_archive(self.path, self.path.name, trusted=True)
        else:
            check_recorded(self.path, self.entry)
            read_meta(self.path)


def find_latest(
    work_dir: str | Path, logger: logging.Logger | None = None, *, also: Iterable[str | Path] = ()
) -> Path | None:
    """Find the newest checkpoint that is whole and that this version may read.

    Files with weights alone, such as pretrained ones that somebody keeps here, are no checkpoints of a run.

    Args:
        work_dir: the folder of the run.
        logger: told what was skipped and why.
        also: more folders to look into, such as the `out_dir` of a checkpoint hook.

    Returns:
        its path, or None if there is no checkpoint at all.

    Raises:
        CheckpointError: if there are checkpoints and none can be used; a run never starts over silently.
    """
    log = logger or logging.getLogger("core")
    skipped: list[str] = []

    def skip(reason: object) -> None:
        skipped.append(str(reason))
        log.warning("checkpoint skipped: %s", reason)

    candidates: list[_Candidate] = []
    for folder in dict.fromkeys([Path(work_dir), *map(Path, also)]):
        listed = read_listing(folder, log)
        for path in _files(folder):
            try:
                candidate = _candidate(path, listed.get(path.name))
            except CheckpointError as error:
                skip(error)
                continue
            if candidate is None:
                log.info("%s holds weights alone: not a checkpoint to resume from", path)
            else:
                candidates.append(candidate)
    for candidate in sorted(candidates, key=lambda one: one.rank, reverse=True):
        try:
            candidate.check()
        except (CheckpointError, OSError) as error:
            skip(error)
        else:
            return candidate.path
    if skipped:
        raise CheckpointError(
            f"{work_dir}: every checkpoint is damaged or cannot be used, so there is nothing to resume from:\n  "
            + "\n  ".join(skipped)
        )
    return None


def _files(folder: Path) -> list[Path]:
    """Return the files that may be checkpoints; a link to one that is there too does not count."""
    found: dict[Path, Path] = {}
    for path in sorted(folder.glob("*.pth"), key=lambda one: (one.name == _LATEST, one.is_symlink(), one.name)):
        found.setdefault(path.resolve(), path)
    return list(found.values())


def _candidate(path: Path, entry: Entry | None) -> _Candidate | None:
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path.name!r} is a link to {path.resolve()}, which is not there")
    if entry is not None:
        return _Candidate(path, entry.iteration, entry)
    meta = read_meta(path)
    if meta is None or not isinstance(meta.get("iter"), int):
        return None
    return _Candidate(path, meta["iter"], None)
