"""What of a loader's data a resumed run cannot repeat, told before it matters."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import IterableDataset

_GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


def not_resumable(loader: Any) -> list[str]:
    """Return sentences about what goes on differently if a run is resumed inside of an epoch or after one.

    Args:
        loader: of the run; nothing is loaded.
    """
    found = []
    dataset, batches = getattr(loader, "dataset", None), getattr(loader, "batch_sampler", None)
    if isinstance(dataset, IterableDataset) and getattr(loader, "persistent_workers", False):
        found.append(
            f"the workers that read {type(dataset).__name__} live on between epochs: what they draw at random is "
            "not repeated by a resumed run; persistent_workers=False makes it so"
        )
    owners = [*_inner(dataset), getattr(loader, "sampler", None), batches, getattr(batches, "sampler", None)]
    said = set()
    for owner in owners:
        for name, value in getattr(owner, "__dict__", {}).items():
            # A loader's and a sampler's `generator` is saved; so is whatever an object saves itself.
            kept = name == "generator" and owner is not dataset and isinstance(value, torch.Generator)
            if isinstance(value, _GENERATORS) and not kept and not hasattr(owner, "state_dict"):
                said.add(f"{type(owner).__name__}.{name}")
    if said:
        found.append(
            f"{', '.join(sorted(said))}: a generator of its own is not part of a checkpoint; drawing from the global "
            "ones of torch, numpy or Python is repeated exactly"
        )
    return found


def _inner(dataset: Any) -> Iterator[Any]:
    """Yield a dataset and those that it wraps."""
    if dataset is None:
        return
    yield dataset
    wrapped = [getattr(dataset, "dataset", None), *(getattr(dataset, "datasets", None) or ())]
    for one in wrapped:
        if one is not dataset:
            yield from _inner(one)
