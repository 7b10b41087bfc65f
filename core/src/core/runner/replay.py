"""What an epoch of data was begun with, so that a resumed run can begin it again and go on inside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import torch
from torch.utils.data import DataLoader, IterableDataset

from core.data.loader import SeededLoader
from core.seeding import restore_rng_state, rng_state


def beginning(loader: Any) -> dict[str, Any]:
    """Return the state of every generator that the order of an epoch may depend on, fit for a checkpoint."""
    return {"rng": rng_state(), **generator_states(loader)}


def generator_states(loader: Any) -> dict[str, Any]:
    """Return the states of the generators that a loader and its samplers were given; empty if there are none."""
    states = [generator.get_state() for generator in _generators(loader)]
    return {"generators": states} if states else {}


def restore_generators(loader: Any, saved: Mapping[str, Any]) -> None:
    """Put back what `generator_states` returned."""
    for generator, state in zip(_generators(loader), saved.get("generators", ()), strict=False):
        generator.set_state(state.cpu())


def dataset_state(loader: Any) -> dict[str, Any]:
    """Return where an iterable dataset stands, if it can tell and is read in this process; else nothing."""
    dataset = _stateful(loader)
    return {} if dataset is None else {"dataset": dataset.state_dict()}


def depends_on_globals(loader: Any) -> bool:
    """Tell whether the order of an epoch may depend on the global generators or on some that live on."""
    return not isinstance(loader, SeededLoader) or bool(_generators(loader))


@attrs.frozen
class Replay:
    """How a resumed run comes to the batch of an epoch that it goes on with.

    Args:
        saved: of the checkpoint: what `beginning` and `dataset_state` returned.
        ahead: whether one batch more than those that were trained on had been loaded.
    """

    saved: Mapping[str, Any]
    ahead: bool = False

    def place(self, loader: Any, start: int) -> int:
        """Put a dataset that knows its place there; return how many batches are still to be left out."""
        dataset = _stateful(loader)
        if dataset is None or "dataset" not in self.saved:
            return start
        dataset.load_state_dict(self.saved["dataset"])
        if isinstance(loader, SeededLoader):
            loader.start_at(start)
        return 0

    @contextlib.contextmanager
    def generators(self, loader: Any) -> Iterator[None]:
        """Let a block of code draw what was drawn when the epoch began; afterwards all is as it was."""
        if "rng" not in self.saved:
            yield
            return
        now = beginning(loader)
        restore_rng_state(self.saved["rng"])
        restore_generators(loader, self.saved)
        try:
            yield
        finally:
            restore_rng_state(now["rng"])
            restore_generators(loader, now)


def _generators(loader: Any) -> list[torch.Generator]:
    """Return the generators that were handed to a loader, each once; not the one it makes for its workers."""
    batches = getattr(loader, "batch_sampler", None)
    owners = [loader, getattr(loader, "sampler", None), batches, getattr(batches, "sampler", None)]
    found = [getattr(owner, "generator", None) for owner in owners]
    own = getattr(loader, "_of_workers", None)
    unique = {id(one): one for one in found if isinstance(one, torch.Generator) and one is not own}
    return list(unique.values())


def _stateful(loader: Any) -> Any:
    dataset = getattr(loader, "dataset", None)
    in_process = isinstance(loader, DataLoader) and not loader.num_workers and isinstance(dataset, IterableDataset)
    if in_process and hasattr(dataset, "state_dict") and hasattr(dataset, "load_state_dict"):
        return dataset
    return None
