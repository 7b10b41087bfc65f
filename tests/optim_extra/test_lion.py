"""Lion against its formula, and its two paths against each other."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch

from core import OPTIMIZERS, build_optimizer
from hookloom_optim_extra.optim.lion import Lion

SHAPES = [(3, 4), (5,), (), (2, 1, 3)]


def tensors(seed: int, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in SHAPES]


def parameters(dtype: torch.dtype = torch.float64) -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(value) for value in tensors(0, dtype)]


def train(params: list[torch.nn.Parameter], optimizer: Lion, steps: range = range(1, 6)) -> None:
    for step in steps:
        for param, grad in zip(params, tensors(step), strict=True):
            param.grad = grad.to(param.dtype)
        optimizer.step()


def by_the_formula(
    weight: list[float],
    grads: list[list[float]],
    lr: float,
    betas: tuple[float, float],
    weight_decay: float,
    maximize: bool,
) -> list[float]:
    """Chen et al. 2023, program 1, in plain Python numbers."""
    weight, momentum = list(weight), [0.0] * len(weight)
    for row in grads:
        for i, g in enumerate(-g for g in row) if maximize else enumerate(row):
            c = betas[0] * momentum[i] + (1 - betas[0]) * g
            sign = (c > 0) - (c < 0)
            weight[i] -= lr * (sign + weight_decay * weight[i])
            momentum[i] = betas[1] * momentum[i] + (1 - betas[1]) * g
    return weight


@pytest.mark.parametrize("foreach", [None, False])
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize(("betas", "weight_decay"), [((0.9, 0.99), 0.0), ((0.95, 0.98), 0.3), ((0.0, 0.5), 0.1)])
def test_the_formula(betas: tuple[float, float], weight_decay: float, maximize: bool, foreach: bool | None) -> None:
    params = parameters()
    train(params, Lion(params, 0.02, betas, weight_decay, maximize=maximize, foreach=foreach))
    for place, param in enumerate(params):
        grads = [tensors(step)[place].reshape(-1).tolist() for step in range(1, 6)]
        start = tensors(0)[place].reshape(-1).tolist()
        expected = by_the_formula(start, grads, 0.02, betas, weight_decay, maximize)
        assert param.reshape(-1).tolist() == pytest.approx(expected, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("lr", [0.02, torch.tensor(0.02), torch.tensor([0.02], dtype=torch.float64)])
@pytest.mark.parametrize("maximize", [False, True])
def test_both_paths_are_equal_to_the_bit(dtype: torch.dtype, lr: Any, maximize: bool) -> None:
    single, several = parameters(dtype), parameters(dtype)
    one = Lion(single, lr, weight_decay=0.1, maximize=maximize, foreach=False)
    two = Lion(several, lr, weight_decay=0.1, maximize=maximize)
    train(single, one)
    train(several, two)
    assert all(torch.equal(a, b) for a, b in zip(single, several, strict=True))
    for a, b in zip(single, several, strict=True):
        momentum = two.state[b]["exp_avg"]
        assert momentum.dtype == b.dtype == dtype
        assert torch.equal(one.state[a]["exp_avg"], momentum)
    assert not torch.equal(single[0], parameters(dtype)[0])


def test_a_tensor_lr_is_a_number() -> None:
    plain, tensor = parameters(), parameters()
    train(plain, Lion(plain, 0.25))
    train(tensor, Lion(tensor, torch.tensor(0.25)))
    assert all(torch.equal(a, b) for a, b in zip(plain, tensor, strict=True))


@pytest.mark.parametrize("foreach", [None, False])
def test_gradients_are_left_as_they_are(foreach: bool | None) -> None:
    params = parameters()
    optimizer = Lion(params, 0.1, weight_decay=0.1, maximize=True, foreach=foreach)
    train(params, optimizer, range(1, 3))
    assert all(torch.equal(param.grad, grad) for param, grad in zip(params, tensors(2), strict=True))


@pytest.mark.parametrize("foreach", [None, False])
def test_groups_have_options_of_their_own_and_frozen_parameters_stay(foreach: bool | None) -> None:
    up, down, idle = (torch.nn.Parameter(torch.zeros(2, dtype=torch.float64)) for _ in range(3))
    optimizer = Lion([{"params": [up], "lr": 0.5, "maximize": True}, {"params": [down, idle]}], 0.25)
    for group in optimizer.param_groups:
        group["foreach"] = foreach
    up.grad = down.grad = torch.tensor([3.0, -4.0], dtype=torch.float64)
    optimizer.step()
    assert up.tolist() == [0.5, -0.5]
    assert down.tolist() == [-0.25, 0.25]
    assert idle.tolist() == [0.0, 0.0]
    assert idle not in optimizer.state


def test_a_zero_gradient_moves_nothing_but_decay() -> None:
    param = torch.nn.Parameter(torch.tensor([2.0]))
    param.grad = torch.zeros(1)
    Lion([param], 0.5, weight_decay=0.5).step()
    assert param.item() == 1.5


def test_a_stopped_run_goes_on_to_the_bit() -> None:
    whole, half = parameters(torch.bfloat16), parameters(torch.bfloat16)
    train(whole, Lion(whole, 0.02, weight_decay=0.1))
    first = Lion(half, 0.02, weight_decay=0.1)
    train(half, first, range(1, 3))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = Lion(half, 0.5)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert second.state_dict()["param_groups"] == first.state_dict()["param_groups"]
    train(half, second, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(whole, half, strict=True))


def test_a_closure_is_called_with_gradients_and_its_loss_returned() -> None:
    param = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = Lion([param], 0.5)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (param**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) == 4.0
    assert param.item() == 1.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -0.1}, "lr must be a number of at least 0, got -0.1"),
        ({"lr": float("nan")}, "lr must be a number of at least 0, got nan"),
        ({"lr": "0.1"}, "lr must be a number of at least 0, got '0.1'"),
        ({"lr": torch.ones(2)}, "lr must be one number, got a tensor of shape (2,)"),
        ({"betas": (0.9, 1.0)}, "betas must be two numbers from 0 to below 1, got (0.9, 1.0)"),
        ({"betas": (-0.1, 0.9)}, "betas must be two numbers from 0 to below 1, got (-0.1, 0.9)"),
        ({"betas": (0.9,)}, "betas must be two numbers from 0 to below 1, got (0.9,)"),
        ({"betas": 0.9}, "betas must be two numbers from 0 to below 1, got 0.9"),
        ({"weight_decay": -1}, "weight_decay must be a number of at least 0, got -1"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared below
        Lion(parameters(), **options)
    assert str(caught.value) == message


def test_a_bad_group_is_not_added() -> None:
    optimizer = Lion(parameters())
    with pytest.raises(ValueError, match="weight_decay must be"):
        optimizer.add_param_group({"params": parameters(), "weight_decay": -1})
    assert len(optimizer.param_groups) == 1


def test_complex_parameters_and_sparse_gradients_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Lion takes no complex parameters, got one of torch\.complex64"):
        Lion([torch.nn.Parameter(torch.zeros(2, dtype=torch.complex64))])
    param = torch.nn.Parameter(torch.ones(2))
    param.grad = torch.tensor([1.0, 0.0]).to_sparse()
    with pytest.raises(RuntimeError, match=r"Lion takes no sparse gradients, got one of layout torch\.sparse_coo"):
        Lion([param]).step()
    assert param.tolist() == [1.0, 1.0]


def test_a_config_builds_it_by_name() -> None:
    assert str(OPTIMIZERS.provider("Lion")).startswith("hookloom-optim-extra ")
    model = torch.nn.Linear(2, 2)
    optimizer = build_optimizer(model, {"type": "Lion", "lr": 3e-4, "weight_decay": 0.1, "betas": [0.95, 0.98]})
    assert type(optimizer) is Lion
    assert optimizer.param_groups[0]["lr"] == 3e-4
