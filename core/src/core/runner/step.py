"""One step of a model: `train_step` or `val_step` where it has one, else the batch goes to `forward`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from core.errors import ModelOutputError


def forward_step(model: torch.nn.Module, batch: Any) -> dict[str, Any]:
    """Run a model that has no step methods on a batch and make its answer that of `train_step`.

    Args:
        model: called with the batch: a mapping by keyword, a sequence by position, anything else as it is.
        batch: what the loader gave.

    Returns:
        `loss` (a scalar tensor), `log_vars` (detached scalars by name) and `num_samples`.

    Raises:
        ModelOutputError: if the answer is neither a loss nor a mapping with one.
    """
    if isinstance(batch, Mapping):
        answer = model(**batch)
    elif isinstance(batch, (list, tuple)):
        answer = model(*batch)
    else:
        answer = model(batch)
    loss, log_vars = sum_losses(answer)
    return {"loss": loss, "log_vars": log_vars, "num_samples": batch_size(batch)}


def sum_losses(answer: Any) -> tuple[torch.Tensor, dict[str, Any]]:
    """Add up the losses of a model's answer, as MMCV's downstream models do.

    Args:
        answer: a scalar loss tensor, or a mapping whose keys that hold `loss` are summed; a tensor counts
            with its mean, a list of tensors with the sum of their means.

    Returns:
        the total, and everything to be logged, detached; the total under `loss`.

    Raises:
        ModelOutputError: if there is no loss, or it is not a scalar tensor.
    """
    if isinstance(answer, torch.Tensor):
        check_loss(answer)
        return answer, {"loss": answer.detach()}
    if not isinstance(answer, Mapping):
        raise ModelOutputError(
            f"the model answered with {_kind(answer)}: a scalar loss tensor or a mapping of losses is wanted"
        )
    values = {str(name): _scalar(name, value) for name, value in answer.items()}
    losses = [value for name, value in values.items() if "loss" in name]
    if not losses:
        raise ModelOutputError(
            f"the model answered with the keys {', '.join(values) or '(none)'}: none of them holds 'loss'"
        )
    total = torch.stack([value.reshape(()) for value in losses]).sum() if len(losses) > 1 else losses[0]
    log_vars = {name: value.detach() for name, value in values.items()}
    log_vars["loss"] = total.detach()
    return total, log_vars


def check_loss(loss: Any) -> None:
    """Refuse anything but a scalar tensor.

    Raises:
        ModelOutputError: saying what it is instead.
    """
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
        raise ModelOutputError(f"the loss must be a scalar tensor, got {_kind(loss)}")


def batch_size(batch: Any) -> int:
    """Return the length of the first tensor in a batch, 1 if there is none."""
    if isinstance(batch, torch.Tensor):
        return int(batch.shape[0]) if batch.ndim else 1
    parts = batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, (list, tuple)) else ()
    for part in parts:
        if isinstance(part, (torch.Tensor, Mapping, list, tuple)):
            return batch_size(part)
    return 1


def _scalar(name: object, value: Any) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.mean() if value.ndim else value
    if isinstance(value, (list, tuple)) and value and all(isinstance(one, torch.Tensor) for one in value):
        return torch.stack([one.mean() for one in value]).sum()
    if isinstance(value, (int, float)) and "loss" not in str(name):
        return torch.tensor(float(value))
    raise ModelOutputError(f"{name} must be a tensor or a list of tensors, got {_kind(value)}")


def _kind(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"{type(value).__name__} ({value!r:.60})"
