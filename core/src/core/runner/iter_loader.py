"""The loader without end that iteration runners read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.errors import EmptyDatasetError
from core.runner.loader import dataset_name, read, set_epoch
from core.runner.replay import (
    Replay,
    beginning,
    dataset_state,
    depends_on_globals,
    generator_states,
    restore_generators,
)


class IterLoader:
    """A loader without end: the next epoch begins where the last one ended.

    Args:
        dataloader: the loader of one epoch.
    """

    def __init__(self, dataloader: Any) -> None:
        self._dataloader = dataloader
        self._epoch = 0
        self._batch = 0
        self._batches: Iterator[Any] | None = None
        self._beginning: dict[str, Any] = {}
        self._replay: Replay | None = None
        self._ahead = False  # whether a resumed run has still to find that the epoch before is over

    @property
    def dataloader(self) -> Any:
        """The loader of one epoch."""
        return self._dataloader

    @property
    def epoch(self) -> int:
        """How often the loader was read to its end."""
        return self._epoch - self._ahead

    def __len__(self) -> int:
        return len(self._dataloader)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_dataloader":
            raise AttributeError(name)
        return getattr(self._dataloader, name)

    def __iter__(self) -> IterLoader:
        return self

    def __next__(self) -> Any:
        if self._batches is None:
            self._batches = self._open()
        batch = next(self._batches, self)
        if batch is self:
            self._epoch += 1
            self._batch = 0
            self._batches = self._open()
            batch = next(self._batches, self)
            if batch is self:
                raise EmptyDatasetError(f"the loader of {dataset_name(self._dataloader)} gives no batches")
        self._batch += 1
        return batch

    def _open(self) -> Iterator[Any]:
        loader, (replay, self._replay) = self._dataloader, (self._replay, None)
        self._ahead = False
        if self._epoch or self._batch:
            set_epoch(loader, self._epoch)
        if replay is None and depends_on_globals(loader):
            self._beginning = beginning(loader)
        return read(loader, self._batch, replay)

    def state_dict(self, *, drawn: bool = False) -> dict[str, Any]:
        """Return how far the run has come: full epochs, and batches consumed of the running one.

        Args:
            drawn: whether the last batch is loaded and not consumed yet.
        """
        state: dict[str, Any] = {"epoch": self._epoch, "batch": self._batch - drawn}
        if self._replay is not None:  # a resumed run has not asked for a batch of this one yet
            state = {**self._replay.saved, **state}
        elif self._batches is not None:
            state |= {**self._beginning, **({} if drawn else dataset_state(self._dataloader))}
        now = generator_states(self._dataloader)
        return {**state, "now": now} if now else state

    def load_state_dict(self, state: Mapping[str, Any], *, drawn: bool = False) -> None:
        """Go on after the batch that `state_dict` named; nothing is loaded twice.

        Args:
            state: as `state_dict` returned it.
            drawn: as it was given there.
        """
        self._epoch, self._batch = state["epoch"], state["batch"]
        self._batches = None
        # No batch of this epoch is consumed, so it was begun by asking for one.
        self._ahead = self._epoch > 0 and self._batch == 0
        self._beginning = {key: state[key] for key in ("rng", "generators") if key in state}
        self._replay = Replay(state, drawn) if {"rng", "dataset"} & state.keys() else None
        restore_generators(self._dataloader, state.get("now", {}))
