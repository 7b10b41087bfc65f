"""Which weights of a group are updated together, found out once and looked over at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_
from typing import Any, TypeVar

import attrs
import torch
from torch import Tensor

from hookloom_optim_extra.optim.bucket import Bucket

T = TypeVar("T")


@attrs.define
class _Lot:
    """The weights of one bucket.

    Args:
        step: the number of the last step of these weights.
        kind: what `ExtraOptimizer.kind` says of them.
        names: names of the state tensors.
        members: places among the weights that have a gradient.
        columns: for each name of a state its tensors.
        kept: `Bucket.kept` of each step.
    """

    step: int
    kind: str
    names: tuple[str, ...]
    members: list[int]
    columns: tuple[list[Tensor], ...]
    kept: dict[str, Any]


@attrs.define
class Plan:
    """How the weights of a group were put into buckets at the last step.

    To look over whether that still holds costs a fraction of finding it out anew: whoever replaces a state, loads
    one, or converts a weight is noticed.

    Args:
        params: the weights that had a gradient.
        kinds: of each of them.
        dtypes: of each of them.
        states: the dict with the state of each of them.
        lots: the buckets.
    """

    params: list[Tensor]
    kinds: list[str]
    dtypes: list[torch.dtype]
    states: list[dict[str, Any]]
    lots: list[_Lot]

    @classmethod
    def make(
        cls,
        params: list[Tensor],
        kinds: list[str],
        states: list[dict[str, Any]],
        names_of: Callable[[str, Tensor], tuple[str, ...]],
    ) -> Plan:
        """Put weights of one device, dtype and kind, with as many steps behind them, into one bucket each.

        Args:
            params: the weights that have a gradient.
            kinds: of each of them.
            states: the dict with the state of each of them, complete.
            names_of: tells the names of the state tensors from kind and weight.
        """
        found: dict[tuple[Any, ...], list[int]] = {}
        for place, (param, kind, state) in enumerate(zip(params, kinds, states, strict=True)):
            step = state["step"] = int(state.get("step", 0))
            found.setdefault((param.device, param.dtype, kind, names_of(kind, param), step), []).append(place)
        lots = []
        for (_, _, kind, names, step), members in found.items():
            columns = tuple([states[place][name] for place in members] for name in names)
            lots.append(_Lot(step, kind, names, members, columns, {}))
        return cls(params, kinds, [param.dtype for param in params], states, lots)

    def fits(self, params: list[Tensor], kinds: list[str], states: list[dict[str, Any]]) -> bool:
        """Tell whether nothing has changed since but numbers."""
        if not (
            _same(params, self.params)
            and _same(states, self.states)
            and kinds == self.kinds
            and [param.dtype for param in params] == self.dtypes
        ):
            return False
        for lot in self.lots:
            mine = picked(states, lot.members)
            if [state.get("step") for state in mine].count(lot.step) < len(mine):
                return False
            for name, column in zip(lot.names, lot.columns, strict=True):
                if not _same([state.get(name) for state in mine], column):
                    return False
        return True

    def step(self, grads: list[Tensor]) -> list[Bucket]:
        """Count a step of all weights, and return their buckets.

        Args:
            grads: the gradients of the weights, in their order.
        """
        buckets = []
        for lot in self.lots:
            lot.step += 1
            for state in picked(self.states, lot.members):
                state["step"] = lot.step
            columns = [picked(self.params, lot.members), picked(grads, lot.members), *lot.columns]
            buckets.append(Bucket(lot.step, lot.kind, lot.names, columns, lot.kept))
        return buckets


def picked(values: list[T], places: list[int]) -> list[T]:
    """Return the values at places, which go up; all of them if there are as many."""
    return values if len(places) == len(values) else [values[place] for place in places]


def _same(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return len(one) == len(other) and all(map(is_, one, other))
