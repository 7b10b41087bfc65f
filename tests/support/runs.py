"""Short runs of small models, as the recorded cases describe them."""

from __future__ import annotations

import copy
import logging
from typing import Any

import torch
from golden_models import Dummy, loader

from core.hooks.base import Hook
from core.registries import RUNNERS

QUIET = logging.getLogger("quiet")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False

# The optimizers of the recorded runs, by the name the cases give them.
OPTIMIZERS: dict[str, Any] = {
    "sgd": lambda params: torch.optim.SGD(params, lr=0.2, momentum=0.9, weight_decay=0.01),
    "plain": lambda params: torch.optim.SGD(params, lr=0.3),
    "adam": lambda params: torch.optim.Adam(params, lr=0.05),
    "adamw": lambda params: torch.optim.AdamW(params, lr=0.05, weight_decay=0.1),
}


def make_runner(runner: dict[str, Any], model: Any, optimizer: Any, **kwargs: Any) -> Any:
    """Build the runner that a case describes."""
    kwargs.setdefault("logger", QUIET)
    options = dict(runner)
    return RUNNERS.get(options.pop("type"))(model=model, optimizer=optimizer, **options, **kwargs)


def dummy_optimizer(spec: dict[str, Any]) -> tuple[Dummy, Any]:
    """Build the scalar model and the optimizer, or the several ones, of a recorded schedule."""
    spec = copy.deepcopy(spec)
    if "type" in spec:
        groups = spec.pop("groups")
        model = Dummy(len(groups))
        params = [{"params": [getattr(model, f"p{k}")], **group} for k, group in enumerate(groups)]
        return model, getattr(torch.optim, spec.pop("type"))(params, **spec)
    model = Dummy(sum(len(one["groups"]) for one in spec.values()))
    place, optimizers = 0, {}
    for name, one in spec.items():
        groups = one.pop("groups")
        params = []
        for group in groups:
            params.append({"params": [getattr(model, f"p{place}")], **group})
            place += 1
        optimizers[name] = getattr(torch.optim, one.pop("type"))(params, **one)
    return model, optimizers


class Recorder(Hook):
    """Keeps what `read(runner)` says at a hook point."""

    def __init__(self, point: str, read: Any) -> None:
        self.seen: list[Any] = []
        setattr(self, point, lambda runner: self.seen.append(read(runner)))


def run(runner: Any, iters_per_epoch: int, workflow: Any = None) -> None:
    workflow = [tuple(entry) for entry in workflow or [("train", 1)]]
    runner.run([loader(iters_per_epoch) for _ in workflow], workflow)
