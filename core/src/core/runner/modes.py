"""Optimizers with two sets of weights: those that are trained, and those that are evaluated and saved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from core.optim.capabilities import capabilities_of


class WeightModes:
    """Switches the weights of all optimizers that have modes; for a run without any it does nothing.

    Training goes on with the very bits that it had before a switch, so that a look at the evaluation weights
    changes nothing.

    Args:
        optimizers: of a run.
    """

    def __init__(self, optimizers: Iterable[Any] = ()) -> None:
        self._modal = [one for one in optimizers if capabilities_of(type(one)).has_modes]
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] | None = None

    def train(self) -> None:
        """Give the model the weights that are trained, until `end`."""
        for optimizer in self._modal:
            optimizer.train()

    def end(self) -> None:
        """Leave the model with the weights that are evaluated."""
        for optimizer in self._modal:
            optimizer.eval()
        self._modal, self._kept = [], None

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Give the model the weights that are evaluated, within a block of code."""
        if not self._modal or self._kept is not None:
            yield
            return
        self._kept = [(param, param.detach().clone()) for param in self._params()]
        try:
            for optimizer in self._modal:
                optimizer.eval()
            yield
        finally:
            kept, self._kept = self._kept, None
            self.train()
            with torch.no_grad():
                for param, weights in kept:
                    param.copy_(weights)

    def trained(self, model: torch.nn.Module) -> dict[str, torch.Tensor]:
        """Return, within `evaluating`, the weights that are trained, by name; none where they are not kept apart."""
        kept = {id(param): weights for param, weights in self._kept or ()}
        return {name: kept[id(param)] for name, param in model.named_parameters() if id(param) in kept}

    @torch.no_grad()
    def restore(self, model: torch.nn.Module, saved: Mapping[str, torch.Tensor]) -> None:
        """Begin to train, with weights that `trained` returned where there are any.

        Args:
            model: with the weights that are evaluated, as a checkpoint holds them.
            saved: by name.
        """
        self.train()
        switched = {id(param) for param in self._params()}
        for name, param in model.named_parameters():
            if name in saved and id(param) in switched:
                param.copy_(saved[name])

    def _params(self) -> Iterator[torch.Tensor]:
        for optimizer in self._modal:
            for group in optimizer.param_groups:
                yield from group["params"]
