"""Training one model on several processes: DDP around the model's own steps."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from core.runner.step import forward_step


class StepModule(torch.nn.Module):
    """Dispatches a call to `train_step`, `val_step` or `forward`, so that DDP sees every one of them.

    Args:
        module: the user's model.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, step: str | None, *args: Any, **kwargs: Any) -> Any:
        """Call the named step, or the model itself for None."""
        if step is None:
            return self.module(*args, **kwargs)
        method = getattr(self.module, step, None)
        return forward_step(self.module, args[0]) if method is None else method(*args, **kwargs)


class ParallelModel(torch.nn.Module):
    """A model whose gradients are averaged over all processes; `module` is the user's model.

    Args:
        module: the user's model, on its device.
        device: that device.
        find_unused_parameters: whether some parameters may get no gradient in an iteration.
    """

    def __init__(self, module: torch.nn.Module, device: torch.device, find_unused_parameters: bool = False) -> None:
        super().__init__()
        self.module = module
        # Not a sub-module: parameters and state_dict are those of `module`, under MMCV's `module.` prefix.
        self.__dict__["_ddp"] = DistributedDataParallel(
            StepModule(module),
            device_ids=[device.index or 0] if device.type == "cuda" else None,
            find_unused_parameters=find_unused_parameters,
        )

    def train(self, mode: bool = True) -> ParallelModel:
        """Switch the model and the wrapper."""
        self.__dict__["_ddp"].train(mode)
        return super().train(mode)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the model."""
        return self.__dict__["_ddp"](None, *args, **kwargs)

    def train_step(self, *args: Any, **kwargs: Any) -> Any:
        """Call the model's `train_step`; the backward pass then averages the gradients."""
        return self.__dict__["_ddp"]("train_step", *args, **kwargs)

    def val_step(self, *args: Any, **kwargs: Any) -> Any:
        """Call the model's `val_step`."""
        return self.__dict__["_ddp"]("val_step", *args, **kwargs)


def unwrap(model: torch.nn.Module) -> torch.nn.Module:
    """Return the user's model from inside any parallel wrapper."""
    inner = getattr(model, "module", None)
    return inner if isinstance(inner, torch.nn.Module) else model
