"""Running a model over a loader for its results, on one process or several."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.modules.batchnorm import _BatchNorm

from core.checkpoint.fit import unwrapped
from core.device import move
from core.errors import ModelOutputError
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
        if not _is_list(answer):
            shown = "a single number" if isinstance(answer, torch.Tensor) else f"a {type(answer).__name__}"
            raise ModelOutputError(
                f"{type(unwrapped(model)).__name__} answered a batch of the evaluation with {shown}: a list or "
                "tensor with one result for each sample is wanted"
            )
        # Results of a whole dataset need not fit beside the model.
        results.extend(answer if device.type == "cpu" else move(answer, torch.device("cpu")))
    return results


@contextlib.contextmanager
def keeping_modes(model: torch.nn.Module) -> Iterator[None]:
    """Put every module back into the mode, training or evaluation, that it is in now."""
    was_training = model.training
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        model.train(was_training)  # a model may do more than set flags
        for module, mode in modes:
            module.training = mode


def _is_list(answer: Any) -> bool:
    if isinstance(answer, torch.Tensor):
        return answer.ndim > 0
    return isinstance(answer, Iterable) and not isinstance(answer, (Mapping, str))


def _step_of(model: torch.nn.Module) -> Callable[[Any], Iterable[Any]]:
    inner: Any = unwrapped(model)
    if hasattr(inner, "test_step"):
        step: Callable[[Any], Iterable[Any]] = inner.test_step
        return step
    parameters = inspect.signature(inner.forward).parameters.values()
    takes_flag = any(p.name == "return_loss" or p.kind is p.VAR_KEYWORD for p in parameters)

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
    return in_turns(parts, len(dataloader.dataset))


def in_turns(parts: Sequence[Sequence[Any]], total: int) -> list[Any]:
    """Put the results of several processes into the order of the dataset.

    Args:
        parts: of each process; the sampler deals the samples out in turns, and may repeat some at the end to
            make the parts even.
        total: how many samples there are.
    """
    gap = object()
    merged = [result for turn in zip_longest(*parts, fillvalue=gap) for result in turn if result is not gap]
    return merged[:total]
