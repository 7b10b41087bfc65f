"""Where exactly a run stands: the entry of the workflow, the batch, the hook point and the hooks it has not come to."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import torch

from core.data.sampler import EpochSampler


def _entries(workflow: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    return [tuple(entry) for entry in workflow]


@attrs.frozen(kw_only=True)
class Place:
    """A place in a run, as checkpoints hold it.

    Args:
        workflow: the phases and their lengths.
        entry: index of the phase under way, or of the next one, in the workflow.
        turn: how often, or for the iteration runner with how many iterations, it was run.
        mode: `train` or `val`; None between two phases.
        point: the hook point under way; None outside of all.
        left: ids of the hooks that the point had not come to.
        epoch: of the runner, as hooks see it at the point.
        iter: likewise.
        inner_iter: likewise.
        done: batches of the phase that the model has seen.
        samples: how many samples all processes together take in a batch; 0 where that is not known.
        beginning: generators when the phase began, for an order of data and for hooks that depend on them.
        outputs: what the model had answered, but for large tensors.
        loader: where the dataset of the phase stands, if it can tell.
        loaders: what each loader of the workflow goes on with.
    """

    workflow: list[tuple[Any, ...]] = attrs.field(converter=_entries)
    entry: int
    turn: int
    mode: str | None
    point: str | None
    left: list[str]
    epoch: int
    iter: int
    inner_iter: int
    done: int
    samples: int = 0
    beginning: dict[str, Any] = attrs.field(factory=dict)
    outputs: dict[str, Any] | None = None
    loader: dict[str, Any] = attrs.field(factory=dict)
    loaders: list[dict[str, Any]] = attrs.field(factory=list)

    @classmethod
    def saved(cls, content: Mapping[str, Any]) -> Place | None:
        """Return the place that a checkpoint names, or None if it names none."""
        saved, batch = content.get("place"), content.get("batch")
        if saved is not None:
            return cls(**saved)
        if not batch:
            return None
        # Saved outside of a run, after it was interrupted.
        counters = {"epoch": content["epoch"], "iter": content["iter"], "inner_iter": batch - 1}
        return cls(workflow=[], entry=0, turn=0, mode="train", point=None, left=[], done=batch, **counters)

    def at(self, point: str) -> bool:
        """Tell whether a hook point of the phase, such as `after_iter`, is the one under way."""
        when, _, what = point.partition("_")
        return self.point == f"{when}_{self.mode}_{what}"

    def fitted(self, loader: Any, logger: logging.Logger) -> Place:
        """Return the place for a loader whose batches may hold another number of samples.

        Args:
            loader: of the phase.
            logger: told of the difference.
        """
        batches = fitted_batches(self.done, self.samples, loader, logger) if self.mode == "train" else self.done
        return attrs.evolve(self, done=batches)


def samples_of(loader: Any) -> int:
    """Return how many samples all processes together take in a batch; 0 where they may not come in a common order."""
    batches = getattr(loader, "batch_sampler", None)
    sampler = getattr(batches, "sampler", None)
    if isinstance(sampler, EpochSampler) and batches is not None:
        return (batches.batch_size or 0) * sampler.world_size
    return 0


def fitted_batches(done: int, samples: int, loader: Any, logger: logging.Logger) -> int:
    """Return how many batches of a loader are done, after as many samples as `done` batches of `samples` held.

    The order of an epoch depends on neither the size of a batch nor the number of processes. No sample is left
    out: a batch that is done in part counts as not done.
    """
    now = samples_of(loader)
    if not done or not samples or not now or samples == now:
        return done
    logger.warning(
        "a batch of all processes held %d samples and holds %d now: the epoch goes on at batch %d instead of %d, and "
        "%d samples come a second time",
        samples,
        now,
        done * samples // now,
        done,
        done * samples % now,
    )
    return done * samples // now


def light(outputs: Any) -> dict[str, Any] | None:
    """Return of a model's answer what a checkpoint has room for: numbers, texts and scalar tensors."""
    if not isinstance(outputs, Mapping):
        return None
    kept: dict[str, Any] = {}
    for name, value in outputs.items():
        if isinstance(value, Mapping):
            kept[name] = light(value)
        elif isinstance(value, torch.Tensor):
            if value.numel() == 1:
                kept[name] = value.detach()
        elif value is None or isinstance(value, (bool, int, float, str, np.number)):
            kept[name] = value
    return kept
