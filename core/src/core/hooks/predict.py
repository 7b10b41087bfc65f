"""Running a model over a loader for its results, on one process or several."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.modules.batchnorm import _BatchNorm

from core.device import move
from core.runner.loader import read


@torch.no_grad()
def predict(model: torch.nn.Module, dataloader: Any) -> list[Any]:
    """Return the model's result for every sample of a loader, in order; the model is left in eval mode.

    A batch goes to `test_step(batch)` if the model has one, else to `model(return_loss=False, **batch)` if
    it takes that, else to `forward`.

    Args:
        model: the model; batches are moved to its device.
        dataloader: the batches.
    """
    model.eval()
    step = _step_of(model)
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    results: list[Any] = []
    for batch in read(dataloader):
        answer = step(batch if device.type == "cpu" else move(batch, device))
        results.extend(answer.cpu() if isinstance(answer, torch.Tensor) else answer)
    return results


def _step_of(model: torch.nn.Module) -> Callable[[Any], Iterable[Any]]:
    inner: Any = getattr(model, "module", model)
    if hasattr(inner, "test_step"):
        step: Callable[[Any], Iterable[Any]] = inner.test_step
        return step
    parameters = inspect.signature(inner.forward).parameters
    takes_flag = "return_loss" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())

    def call(batch: Any) -> Any:
        if isinstance(batch, Mapping):
            return inner(return_loss=False, **batch) if takes_flag else inner(**batch)
        return inner(*batch) if isinstance(batch, (list, tuple)) else inner(batch)

    return call


def collect_results(
    model: torch.nn.Module,
    dataloader: Any,
    test_fn: Callable[[Any, Any], list[Any]],
    *,
    broadcast_buffers: bool = True,
) -> list[Any]:
    """Run `test_fn` on every process and return the results in the order of the dataset, on the first one.

    Args:
        model: the model.
        dataloader: the part of this process: every n-th sample.
        test_fn: `(model, dataloader)` to the list of results.
        broadcast_buffers: whether batch normalisations take the first process's statistics.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return test_fn(model, dataloader)
    if broadcast_buffers:
        for module in model.modules():
            if isinstance(module, _BatchNorm) and module.track_running_stats:
                dist.broadcast(module.running_var, 0)  # type: ignore[arg-type]
                dist.broadcast(module.running_mean, 0)  # type: ignore[arg-type]
    part = test_fn(model, dataloader)
    parts: list[Any] | None = [None] * dist.get_world_size() if dist.get_rank() == 0 else None
    dist.gather_object(part, parts)
    if parts is None:
        return []
    # The sampler deals the samples out in turns, and repeats some to make the parts even.
    merged = [result for turn in zip(*parts, strict=False) for result in turn]
    return merged[: len(dataloader.dataset)]
