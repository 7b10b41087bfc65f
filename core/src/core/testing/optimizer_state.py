"""Checks of what an optimizer remembers: copies, checkpoints, memory."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from core.testing.check import Suite, expect, offered
from core.testing.optimizer_options import gap
from core.testing.optimizer_subject import OptimizerSubject
from core.testing.weights import equal, twins

STATE = Suite()


@STATE.check
def deepcopy(s: OptimizerSubject) -> None:
    """A deep copy of weights and optimizer goes on as the original does, to the last bit."""
    params = s.weights()
    optimizer = s.trained(params)
    _goes_on(s, (params, optimizer), copy.deepcopy((params, optimizer)))


@STATE.check
def pickling(s: OptimizerSubject) -> None:
    """Weights and optimizer that were pickled go on as the originals do, to the last bit."""
    params = s.weights()
    optimizer = s.trained(params)
    _goes_on(s, (params, optimizer), pickle.loads(pickle.dumps((params, optimizer))))


@STATE.check
def weights_only(s: OptimizerSubject) -> None:
    """The state_dict is data: `torch.load(weights_only=True)` reads it back, equal to the last bit."""
    saved = s.trained(s.weights()).state_dict()
    loaded = _stored(saved)
    expect(_same(saved, loaded), "what is read differs from what was saved")


@STATE.check
def resume(s: OptimizerSubject) -> None:
    """A new optimizer that loads the state_dict goes on as the first one does, to the last bit."""
    for times in (1, 4):
        params = s.weights()
        optimizer = s.trained(params, times)
        others = twins(params)
        resumed = s.build(others)
        resumed.load_state_dict(_stored(optimizer.state_dict()))
        _goes_on(s, (params, optimizer), (others, resumed), f" resumed after {times} steps")


@STATE.check
def resume_before_the_first_step(s: OptimizerSubject) -> None:
    """The state_dict of an optimizer that has not stepped yet can be loaded."""
    params = s.weights()
    optimizer = s.build(params)
    others = twins(params)
    resumed = s.build(others)
    resumed.load_state_dict(_stored(optimizer.state_dict()))
    _goes_on(s, (params, optimizer), (others, resumed))


@STATE.check
def saving_changes_nothing(s: OptimizerSubject) -> None:
    """Taking a state_dict between steps changes nothing of what follows."""
    usual = s.result(times=4)
    params = s.weights()
    optimizer = s.build(params)
    for _ in range(4):
        s.step(optimizer, params)
        optimizer.state_dict()
    expect(equal(usual, params), f"{gap(usual, params)}")


@STATE.check
def memory(s: OptimizerSubject) -> None:
    """The state takes as much memory as declared, in tensors of a weight's size."""
    params = s.weights((64, 48))
    state = s.trained(params, times=2).state_dict()
    held = sum(one.numel() * one.element_size() for one in set(_tensors(state)) if one.numel() > 1)
    found = held / sum(one.numel() * one.element_size() for one in params)
    declared = getattr(s.target, "state_per_weight", None) if s.state is None else s.state
    offered(declared is not None, f"not declared; it is {found:.3g} times the weights")
    expect(declared is not None and abs(found - declared) <= 0.05, f"{found:.3g} times the weights, not {declared:g}")


def _goes_on(
    s: OptimizerSubject, first: tuple[list[Parameter], Any], second: tuple[list[Parameter], Any], when: str = ""
) -> None:
    for params, optimizer in (first, second):
        s.step(optimizer, params, times=3)
    expect(equal(first[0], second[0]), f"{gap(first[0], second[0])} three steps later{when}")


def _stored(state: Any) -> Any:
    stored = io.BytesIO()
    torch.save(state, stored)
    stored.seek(0)
    return torch.load(stored, weights_only=True)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _tensors(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _tensors(one)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.dtype == other.dtype and equal([one], [other])
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, Sequence) and not isinstance(one, str):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
