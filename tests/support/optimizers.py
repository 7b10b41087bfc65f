"""A small training of any optimizer, for tests of what they all have in common."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

import hookloom_optim_extra as extra

NAMES = [
    "Lion", "LAMB", "LARS", "Adan", "AdEMAMix", "MARS", "MuonAdamW", "SOAP", "Prodigy", "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
]  # fmt: skip

SHAPES = [(3, 4), (5,), (), (2, 1, 3), (4, 3), (3, 4)]


def tensors(seed: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Return random values of all shapes, the same for all dtypes up to rounding."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in SHAPES]


def parameters(dtype: torch.dtype = torch.float64) -> list[torch.nn.Parameter]:
    """Return the weights that every training begins with."""
    return [torch.nn.Parameter(value) for value in tensors(0, dtype)]


def make(name: str, params: Any, **options: Any) -> Optimizer:
    """Return an optimizer that moves its weights visibly within few steps."""
    own = {
        "Prodigy": {"lr": 1.0, "d0": 0.05},
        "SOAP": {"precondition_frequency": 2},
        "LARS": {"trust_coefficient": 0.2},
    }
    return getattr(extra, name)(params, **{"lr": 0.05, "weight_decay": 0.1, **own.get(name, {}), **options})


def train(params: list[torch.nn.Parameter], optimizer: Optimizer, steps: range = range(1, 6)) -> None:
    """Take steps with gradients that depend on the step alone."""
    for step in steps:
        for param, grad in zip(params, tensors(step), strict=True):
            param.grad = grad.to(param.dtype)
        optimizer.step()


def run(name: str, dtype: torch.dtype = torch.float64, steps: range = range(1, 6), **options: Any) -> list[Tensor]:
    """Return the weights after a training."""
    params = parameters(dtype)
    train(params, make(name, params, **options), steps)
    return [param.detach() for param in params]
