"""An optimizer constructor as the checks use it: with an optimizer to build and a model to build it for."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import torch
from torch import Tensor, nn

SGD = {"type": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}


class Parts(nn.Module):
    """A model with one of each kind of layer that rules speak of."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, groups=4))
        self.neck = nn.LayerNorm(4)
        self.head = nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        """Return what the head says of the mean over the picture."""
        found: Tensor = self.head(self.neck(self.backbone(x).mean((2, 3)))) * self.scale
        return found


@attrs.frozen(eq=False)
class ConstructorSubject:
    """A constructor under test.

    Args:
        target: the class.
        optimizer_cfg: the optimizer's `type` and arguments.
        paramwise_cfg: what it makes of the parameters.
        model: makes a model that it is for.
        label: its name in reports.
    """

    target: Callable[..., Any]
    optimizer_cfg: Mapping[str, Any] = attrs.field(factory=lambda: SGD)
    paramwise_cfg: Mapping[str, Any] | None = None
    model: Callable[[], nn.Module] = Parts
    label: str = attrs.field(default=attrs.Factory(lambda self: self.target.__name__, takes_self=True))
    kind: str = "optimizer constructor"

    def optimizer(self, model: nn.Module) -> Any:
        """Build the optimizer of a model."""
        return self.target(copy.deepcopy(self.optimizer_cfg), copy.deepcopy(self.paramwise_cfg))(model)
