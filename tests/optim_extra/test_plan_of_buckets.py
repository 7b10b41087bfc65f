"""What is kept from step to step of how weights go together: whatever changes in between is noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from optimizers import NAMES, make

from core.runner.reentry import same

SHAPES = [(4, 3), (3, 4), (5,), (4, 3)]


def nothing(optimizer: Any, params: list[Any]) -> None: ...


def without_a_gradient(optimizer: Any, params: list[Any]) -> None:
    params[1].grad = None


def a_state_replaced(optimizer: Any, params: list[Any]) -> None:
    state = optimizer.state[params[0]]
    name = next(name for name, value in state.items() if isinstance(value, torch.Tensor) and value.shape == (4, 3))
    state[name] = torch.full_like(state[name], 0.01)


def a_state_begun_anew(optimizer: Any, params: list[Any]) -> None:
    optimizer.state[params[3]].clear()


def a_count_set(optimizer: Any, params: list[Any]) -> None:
    optimizer.state[params[0]]["step"] = 7


def more_precision(optimizer: Any, params: list[Any]) -> None:
    for param in params[:2]:
        param.data = param.data.double()
        param.grad = param.grad.double()
        state = optimizer.state[param]
        state.update(
            {k: v.double() if isinstance(v, torch.Tensor) and v.is_floating_point() else v for k, v in state.items()}
        )


CHANGES = (nothing, without_a_gradient, a_state_replaced, a_state_begun_anew, a_count_set, more_precision)


def trained(name: str, change: Callable[[Any, list[Any]], None], *, forgetful: bool) -> dict[Any, Any]:
    """Return weights and states after steps, of which the third comes after a change.

    Args:
        name: of the optimizer.
        change: what happens.
        forgetful: whether the optimizer keeps nothing from step to step but its state.
    """
    generator = torch.Generator().manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]
    optimizer: Any = make(name, params)
    for step in range(5):
        for param in params:
            param.grad = torch.randn(param.shape, generator=generator).to(param.dtype)
        if step == 2:
            change(optimizer, params)
        if forgetful:
            optimizer._plans.clear()
        optimizer.step()
    states = {
        (key, name): value for key, state in optimizer.state_dict()["state"].items() for name, value in state.items()
    }
    return {**dict(enumerate(params)), **states}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", NAMES)
def test_it_is_as_if_nothing_were_kept(name: str, change: Callable[[Any, list[Any]], None]) -> None:
    found, wanted, unchanged = (
        trained(name, one, forgetful=how) for one, how in ((change, False), (change, True), (nothing, True))
    )
    assert same(found, wanted)
    assert same(found, unchanged) is (change is nothing)
