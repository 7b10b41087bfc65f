"""The family of torch's own optimizers, found by reflection."""

from __future__ import annotations

import functools
import inspect

import torch


@functools.cache
def torch_optimizers() -> dict[str, type[torch.optim.Optimizer]]:
    """Return every optimizer class that the installed torch has in `torch.optim`, by name."""
    return {
        name: member
        for name, member in vars(torch.optim).items()
        if inspect.isclass(member) and issubclass(member, torch.optim.Optimizer) and member is not torch.optim.Optimizer
    }
