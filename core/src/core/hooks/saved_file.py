"""What is done beside a checkpoint that was just saved, by the run that saved it or by the one that resumes from it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from core.checkpoint import link_latest, record_checkpoint, remove_checkpoint
from core.checkpoint.listing import interim_checkpoints, mark_interim, read_listing


@attrs.frozen
class SavedFile:
    """A checkpoint of a schedule, and its place there.

    Args:
        path: of the file.
        number: epochs or iterations, as in its name.
        template: of the names.
        iteration: how many training iterations it holds.
        interim: whether it was written because the run was told to end, and not on its schedule.
    """

    path: str
    number: int
    template: str
    iteration: int
    interim: bool = False

    def state_dict(self) -> dict[str, Any]:
        """Return this for the file itself."""
        return {"last_ckpt": self.path, **attrs.asdict(self, filter=attrs.filters.exclude("path"))}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> SavedFile | None:
        """Return what `state_dict` returned; None if that was of a file which no hook of this kind has saved."""
        if "number" not in state:
            return None
        rest = ("number", "template", "iteration", "interim")
        return cls(path=state["last_ckpt"], **{key: state[key] for key in rest})

    def delete_older(self, keep: int, interval: int, logger: logging.Logger) -> None:
        """Delete what this file takes the place of, entries of the list included.

        Args:
            keep: how many of the schedule are kept; -1 for all.
            interval: between two of the schedule.
            logger: told what cannot be deleted.
        """
        folder = Path(self.path).parent
        if self.interim:
            mark_interim(self.path)
        if keep <= 0:
            return
        # The oldest go last: however the run ends, a whole one is there.
        _delete(interim_checkpoints(folder, self.iteration), logger)
        if not self.interim:
            _delete(self._too_old(folder, keep, max(interval, 1)), logger)

    def finish(self, folder: str, keep: int, interval: int, logger: logging.Logger, *, link: bool) -> None:
        """Do what a run that was killed just after it had saved may not have come to.

        Args:
            folder: where the files of the run are now. If this one is not there, nothing is done.
            keep: how many of the schedule are kept; -1 for all.
            interval: between two of the schedule.
            logger: told what cannot be deleted.
            link: whether `latest.pth` names the newest file.

        Raises:
            WriteError: if the list or `latest.pth` cannot be written.
        """
        path = Path(folder, os.path.basename(self.path))
        if not path.is_file():
            return
        listed = read_listing(path.parent)
        if path.name not in listed:
            record_checkpoint(path, self.iteration)
        if link and all(entry.iteration <= self.iteration for entry in listed.values()):
            link_latest(path)
        attrs.evolve(self, path=str(path)).delete_older(keep, interval, logger)

    def _too_old(self, folder: Path, keep: int, step: int) -> Iterator[Path]:
        """Walk back in steps of the interval, up to the first gap."""
        for old in range(self.number - keep * step, 0, -step):
            path = folder / self.template.format(old)
            if not path.is_file() or path.name == os.path.basename(self.path):
                break
            yield path


def _delete(paths: Iterable[Path], logger: logging.Logger) -> None:
    for path in paths:
        remove_checkpoint(path, logger)
