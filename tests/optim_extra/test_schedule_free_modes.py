"""Schedule-free optimizers: which weights the model has in which mode."""

from __future__ import annotations

import copy

import pytest
import torch
from optimizers import make, parameters, train

import hookloom_optim_extra as extra
from core.errors import HookloomError

both = pytest.mark.parametrize("name", ["ScheduleFreeAdamW", "ScheduleFreeSGD"])


@both
def test_they_say_what_they_need(name: str) -> None:
    kind = getattr(extra, name)
    assert kind.has_modes
    assert kind.owns_schedule


@both
def test_evaluation_has_the_average_and_training_what_it_had(name: str) -> None:
    params = parameters()
    optimizer = make(name, params)
    train(params, optimizer)
    y = [param.detach().clone() for param in params]
    optimizer.eval()
    optimizer.eval()
    for param, before in zip(params, y, strict=True):
        z = optimizer.state[param]["z"]
        torch.testing.assert_close(0.9 * param + 0.1 * z, before, rtol=1e-12, atol=1e-12)
        assert not torch.allclose(param, before, rtol=1e-3)
    optimizer.train()
    optimizer.train()
    for param, before in zip(params, y, strict=True):
        torch.testing.assert_close(param.detach(), before, rtol=1e-12, atol=1e-12)


def test_with_a_constant_lr_the_average_is_the_mean_of_all_z() -> None:
    param = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimizer = extra.ScheduleFreeSGD([param], lr=0.5, momentum=0.75)
    z, seen = param.detach().clone(), []
    for step in range(1, 6):
        param.grad = torch.tensor([1.0, 3.0], dtype=torch.float64) / step
        optimizer.step()
        z = z - 0.5 * param.grad
        seen.append(z)
    optimizer.eval()
    torch.testing.assert_close(param.detach(), torch.stack(seen).mean(0), rtol=1e-13, atol=1e-13)


@both
def test_a_step_in_evaluation_mode_is_refused(name: str) -> None:
    params = parameters()
    optimizer = make(name, params)
    train(params, optimizer, range(1, 2))
    optimizer.eval()
    before = [param.detach().clone() for param in params]
    with pytest.raises(HookloomError) as caught:
        optimizer.step()
    assert str(caught.value) == f"{name} is in evaluation mode: call train() before step()"
    assert all(torch.equal(a, b) for a, b in zip(params, before, strict=True))


@both
def test_what_is_saved_in_evaluation_mode_goes_on_as_the_run_that_saved_it(name: str) -> None:
    params = parameters()
    optimizer = make(name, params)
    train(params, optimizer, range(1, 4))
    optimizer.eval()
    saved = copy.deepcopy(([param.detach() for param in params], optimizer.state_dict()))
    optimizer.train()
    train(params, optimizer, range(4, 6))
    others = [torch.nn.Parameter(value) for value in saved[0]]
    other = make(name, others)
    other.load_state_dict(saved[1])
    other.train()
    train(others, other, range(4, 6))
    assert all(torch.equal(a, b) for a, b in zip(params, others, strict=True))


@both
def test_weights_that_never_had_a_gradient_have_no_modes(name: str) -> None:
    params = parameters()
    optimizer = make(name, params)
    optimizer.eval()
    assert all(torch.equal(a, b) for a, b in zip(params, parameters(), strict=True))
    assert not optimizer.state
