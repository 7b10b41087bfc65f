"""What holds for every optimizer of the package, whatever its formula."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest
import torch
from optimizers import NAMES, make, parameters, run, tensors, train

from core import OPTIMIZERS, build_optimizer
from core.errors import HookloomError, OptionError

pytestmark = pytest.mark.parametrize("name", NAMES)

FLOATS = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


@pytest.mark.parametrize("dtype", FLOATS)
def test_both_paths_are_equal(name: str, dtype: torch.dtype) -> None:
    several, single = run(name, dtype), run(name, dtype, foreach=False)
    tolerance = {torch.float64: 1e-13, torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 2e-3}[dtype]
    for a, b, start in zip(several, single, tensors(0, dtype), strict=True):
        assert a.dtype == dtype
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)
        assert not torch.equal(a, start)


@pytest.mark.parametrize("dtype", FLOATS[1:])
def test_lower_precision_goes_the_same_way(name: str, dtype: torch.dtype) -> None:
    tolerance = {torch.float32: 1e-4, torch.bfloat16: 6e-2, torch.float16: 1e-2}[dtype]
    for exact, low in zip(run(name, steps=range(1, 4)), run(name, dtype, range(1, 4)), strict=True):
        torch.testing.assert_close(low.double(), exact, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("lr", [torch.tensor(0.25), torch.tensor([0.25], dtype=torch.float64)])
def test_a_tensor_lr_is_a_number(name: str, lr: torch.Tensor) -> None:
    for a, b in zip(run(name, lr=0.25), run(name, lr=lr), strict=True):
        assert torch.equal(a, b)


def test_an_lr_on_the_device_stays_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run(name, torch.float32)
    base = "hookloom_optim_extra.optim.base"
    monkeypatch.setattr(f"{base}._rate", lambda lr, weight: torch.tensor(lr))
    monkeypatch.setattr(f"{base}._at", lambda number, weight: number.float() if hasattr(number, "float") else number)
    for foreach in (None, False):
        for a, b in zip(run(name, torch.float32, foreach=foreach), plain, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("foreach", [None, False])
def test_an_lr_of_zero_moves_nothing(name: str, foreach: bool | None) -> None:
    for end, start in zip(run(name, lr=0.0, foreach=foreach), tensors(0), strict=True):
        assert torch.equal(end, start)


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_stopped_run_goes_on_to_the_bit(name: str, dtype: torch.dtype) -> None:
    whole = run(name, dtype)
    half = parameters(dtype)
    first = make(name, half)
    train(half, first, range(1, 4))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = make(name, half, lr=0.5, weight_decay=0.0)
    second.load_state_dict(torch.load(file, weights_only=True))
    saved, loaded = first.state_dict(), second.state_dict()
    assert loaded["param_groups"] == saved["param_groups"]
    for place, state in saved["state"].items():
        assert list(loaded["state"][place]) == list(state)
        for key, value in state.items():
            again = loaded["state"][place][key]
            if isinstance(value, torch.Tensor):
                assert again.dtype == value.dtype
                assert torch.equal(again, value)
            else:
                assert again == value
    train(half, second, range(4, 6))
    assert all(torch.equal(a, b) for a, b in zip(whole, half, strict=True))


def test_states_are_what_the_weights_are(name: str) -> None:
    params = parameters(torch.bfloat16)
    optimizer = make(name, params)
    train(params, optimizer, range(1, 3))
    for param in params:
        for key, value in optimizer.state[param].items():
            if key.startswith(("gram", "basis")):
                assert value.dtype == torch.float32
            elif key != "step":
                assert value.dtype == torch.bfloat16
                assert value.shape == param.shape


@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_a_copy_goes_its_own_way(name: str, how: str) -> None:
    params = parameters()
    optimizer = make(name, params)
    train(params, optimizer, range(1, 3))
    pair = (params, optimizer)
    others, other = copy.deepcopy(pair) if how == "deepcopy" else pickle.loads(pickle.dumps(pair))
    before = [param.detach().clone() for param in params]
    train(others, other, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(params, before, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(others, run(name), strict=True))


@pytest.mark.parametrize("foreach", [None, False])
def test_a_gradient_of_nan_spoils_no_other_weight(name: str, foreach: bool | None) -> None:
    params, clean = parameters(), parameters()
    for several, skip in ((params, False), (clean, True)):
        optimizer = make(name, several, foreach=foreach)
        for step in range(1, 5):
            for place, (param, grad) in enumerate(zip(several, tensors(step), strict=True)):
                param.grad = grad if place else None if skip else grad * float("nan")
            optimizer.step()
    for a, b in zip(params[1:], clean[1:], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("foreach", [None, False])
def test_weights_without_a_gradient_stay(name: str, foreach: bool | None) -> None:
    params = parameters()
    optimizer = make(name, params, foreach=foreach)
    for param, grad in zip(params[1:], tensors(1)[1:], strict=True):
        param.grad = grad
    optimizer.step()
    assert torch.equal(params[0], tensors(0)[0])
    assert params[0] not in optimizer.state
    optimizer.zero_grad()
    optimizer.step()


def test_groups_that_come_later_have_steps_of_their_own(name: str) -> None:
    alone = parameters()
    early, late = parameters(), parameters()
    one, two = make(name, alone), make(name, early)
    train(early, two, range(1, 3))
    two.add_param_group({"params": late, "lr": one.param_groups[0]["lr"]})
    early_stays = [param.detach().clone() for param in early]
    for param in early:
        param.grad = None
    train(alone, one, range(1, 4))
    train(late, two, range(1, 4))
    assert all(torch.equal(a, b) for a, b in zip(early, early_stays, strict=True))
    if name != "Prodigy":  # there the estimate is one for all
        assert all(torch.equal(a, b) for a, b in zip(late, alone, strict=True))


def test_layout_in_memory_does_not_matter(name: str) -> None:
    ends = []
    for layout in (torch.contiguous_format, torch.channels_last):
        for foreach in (None, False):
            generator = torch.Generator().manual_seed(3)
            weight = torch.randn(4, 3, 2, 2, generator=generator, dtype=torch.float64)
            param = torch.nn.Parameter(weight.to(memory_format=layout))
            part = torch.nn.Parameter(torch.randn(6, 4, generator=generator, dtype=torch.float64).T[::2])
            optimizer = make(name, [param, part], foreach=foreach)
            for _ in range(3):
                grad = torch.randn(4, 3, 2, 2, generator=generator, dtype=torch.float64)
                param.grad = grad  # contiguous, unlike a weight in channels_last
                part.grad = torch.randn(2, 6, generator=generator, dtype=torch.float64)
                optimizer.step()
            ends.append((param.detach(), part.detach()))
    for param, part in ends[1:]:
        torch.testing.assert_close(param, ends[0][0], rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(part, ends[0][1], rtol=1e-13, atol=1e-13)


def test_tensors_beyond_one_piece_are_updated_to_their_end(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(name)
    monkeypatch.setattr("hookloom_optim_extra.optim.bucket.PER_THREAD", 1)
    monkeypatch.setattr("torch.get_num_threads", lambda: 5)
    for a, b in zip(run(name), whole, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-13)


def test_empty_weights_are_no_trouble(name: str) -> None:
    param = torch.nn.Parameter(torch.zeros(0, 3))
    param.grad = torch.zeros(0, 3)
    optimizer = make(name, [param])
    optimizer.step()
    make(name, [param], foreach=False).step()
    assert optimizer.state[param]["step"] == 1


def test_a_closure_is_called_with_gradients_and_its_loss_returned(name: str) -> None:
    param = torch.nn.Parameter(torch.full((2, 2), 2.0))
    optimizer = make(name, [param])

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (param**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) == 16.0
    optimizer.step(closure)
    assert param.norm() < 4.0


def test_complex_weights_and_sparse_gradients_are_refused(name: str) -> None:
    with pytest.raises(OptionError) as caught:
        make(name, [torch.nn.Parameter(torch.zeros(2, dtype=torch.complex64))])
    assert str(caught.value) == f"{name} takes no complex parameters, got one of torch.complex64"
    first, param = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    first.grad, param.grad = torch.ones(2), torch.tensor([1.0, 0.0]).to_sparse()
    with pytest.raises(HookloomError) as sparse:
        make(name, [first, param]).step()
    assert str(sparse.value) == f"{name} takes no sparse gradients, got one of layout torch.sparse_coo"
    assert first.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -0.1}, "lr must be a number of at least 0, got -0.1"),
        ({"lr": torch.tensor(float("nan"))}, "lr must be a number of at least 0, got nan"),
        ({"lr": torch.ones(2)}, "lr must be one number, got a tensor of shape (2,)"),
        ({"weight_decay": float("inf")}, "weight_decay must be a number of at least 0, got inf"),
        ({"maximize": 1}, "maximize must be True or False, got 1"),
        ({"foreach": "yes"}, "foreach must be True or False, got 'yes'"),
        ({"compile": None}, "compile must be True or False, got None"),
    ],
)
def test_bad_options_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        make(name, parameters(), **options)
    assert str(caught.value) == message
    optimizer = make(name, parameters())
    with pytest.raises(OptionError, match="must be"):
        optimizer.add_param_group({"params": parameters(), **options})
    assert len(optimizer.param_groups) == 1


def test_a_misspelt_option_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match="weigth_decay"):
        make(name, parameters(), weigth_decay=0.1)


def test_a_config_builds_it_by_name(name: str) -> None:
    assert str(OPTIMIZERS.provider(name)).startswith("hookloom-optim-extra ")
    optimizer = build_optimizer(torch.nn.Linear(2, 2), {"type": name, "lr": 3e-4, "weight_decay": 0.1})
    assert type(optimizer).__name__ == name
    assert optimizer.param_groups[0]["lr"] == 3e-4
