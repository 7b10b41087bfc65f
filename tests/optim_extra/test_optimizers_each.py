"""What single optimizers refuse, and where their formulas have corners."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from optimizers import make, parameters

import hookloom_optim_extra as extra
from core.errors import OptionError


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("LAMB", {"betas": (0.9, 1.0)}, "betas must be two numbers from 0 to below 1, got (0.9, 1.0)"),
        ("LAMB", {"eps": -1.0}, "eps must be a number of at least 0, got -1.0"),
        ("LARS", {"momentum": 1.0}, "momentum must be a number from 0 to below 1, got 1.0"),
        ("LARS", {"nesterov": True, "momentum": 0.0}, "nesterov needs a momentum above 0 and a dampening of 0"),
        ("Adan", {"betas": (0.9, 0.9)}, "betas must be three numbers from 0 to below 1, got (0.9, 0.9)"),
        ("AdEMAMix", {"t_alpha": 0}, "t_alpha must be a positive int or None, got 0"),
        ("MARS", {"gamma": -0.1}, "gamma must be a number of at least 0, got -0.1"),
        ("MuonAdamW", {"ns_steps": 0}, "ns_steps must be a positive int, got 0"),
        (
            "MuonAdamW",
            {"adjust_lr": "orginal"},
            "adjust_lr must be one of 'original', 'match_rms_adamw', got 'orginal'; did you mean 'original'?",
        ),
        ("MuonAdamW", {"muon": True}, "muon=True needs matrices, got a parameter of shape (5,)"),
        ("SOAP", {"precondition_frequency": 0}, "precondition_frequency must be a positive int, got 0"),
        ("Prodigy", {"d0": 0.0}, "d0 must be a number above 0, got 0.0"),
        ("ScheduleFreeAdamW", {"betas": (0.0, 0.9)}, "betas must begin with a number above 0, got (0.0, 0.9)"),
        ("ScheduleFreeSGD", {"momentum": 0.0}, "momentum must be a number above 0 and below 1, got 0.0"),
        ("ScheduleFreeSGD", {"warmup_steps": 0.5}, "warmup_steps must be an int of at least 0, got 0.5"),
    ],
)
def test_bad_options_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        make(name, parameters(), **options)
    assert str(caught.value) == message


@pytest.mark.parametrize("foreach", [None, False])
@pytest.mark.parametrize(("name", "moved"), [("LAMB", 0.5), ("LARS", 0.5 * 3.0)])
def test_a_layer_of_zeros_moves_as_if_it_were_not_scaled(name: str, moved: float, foreach: bool | None) -> None:
    param = torch.nn.Parameter(torch.zeros(2, 2))
    param.grad = torch.full((2, 2), 3.0)
    make(name, [param], lr=0.5, foreach=foreach).step()
    torch.testing.assert_close(param.detach(), torch.full((2, 2), -moved), rtol=1e-5, atol=0)


def test_muon_may_be_told_what_is_adamws() -> None:
    head, body = torch.nn.Parameter(torch.ones(3, 2)), torch.nn.Parameter(torch.ones(3, 2))
    optimizer = extra.MuonAdamW([{"params": [head], "muon": False}, {"params": [body]}])
    head.grad, body.grad = torch.ones(3, 2), torch.ones(3, 2)
    optimizer.step()
    assert "exp_avg_sq" in optimizer.state[head]
    assert list(optimizer.state[body]) == ["momentum_buffer", "step"]


def test_muon_is_torchs() -> None:
    ours, theirs = (torch.nn.Parameter(torch.randn(6, 4, generator=torch.Generator().manual_seed(0))) for _ in "ab")
    one = extra.MuonAdamW([ours], lr=0.1, weight_decay=0.1, adjust_lr="match_rms_adamw")
    two = torch.optim.Muon([theirs], lr=0.1, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for step in range(3):
        ours.grad = theirs.grad = torch.randn(6, 4, generator=torch.Generator().manual_seed(step + 1))
        one.step(), two.step()
    torch.testing.assert_close(ours, theirs, rtol=0.05, atol=0.01)  # torch multiplies in bfloat16


def test_matrices_of_one_shape_do_not_meet() -> None:
    """A batched product of several matrices is what each would be alone, transposed ones included."""
    for name in ("MuonAdamW", "SOAP"):
        together = [torch.nn.Parameter(torch.randn(s, generator=torch.Generator().manual_seed(1))) for s in SHAPES]
        alone = [torch.nn.Parameter(param.detach().clone()) for param in together]
        optimizers = [make(name, together), *(make(name, [param]) for param in alone)]
        for step in range(4):
            for params in (together, alone):
                for place, param in enumerate(params):
                    generator = torch.Generator().manual_seed(10 * step + place)
                    param.grad = torch.randn(param.shape, generator=generator)
            for optimizer in optimizers:
                optimizer.step()
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


SHAPES = [(4, 3), (3, 4), (4, 3), (3, 4), (2, 2, 3)]


def test_soap_leaves_long_dimensions_as_they_are() -> None:
    param = torch.nn.Parameter(torch.ones(6, 4, 1))
    optimizer = extra.SOAP([param], max_precondition_dim=5)
    for _ in range(3):
        param.grad = torch.randn(6, 4, 1, generator=torch.Generator().manual_seed(0))
        optimizer.step()
    assert sorted(optimizer.state[param]) == ["basis_1", "exp_avg", "exp_avg_sq", "gram_1", "step"]
    basis = optimizer.state[param]["basis_1"]
    torch.testing.assert_close(basis.T @ basis, torch.eye(4), rtol=0, atol=1e-5)


def test_soap_begins_with_the_second_gradient() -> None:
    param = torch.nn.Parameter(torch.ones(3, 2))
    param.grad = torch.ones(3, 2)
    optimizer = extra.SOAP([param], weight_decay=0.5)
    optimizer.step()
    assert torch.equal(param, torch.ones(3, 2))
    optimizer.step()
    assert not torch.equal(param, torch.ones(3, 2))


def test_prodigy_finds_how_far_it_is() -> None:
    """f(w) = |w - 1| from 0: the distance is 1, and d grows from far below it to that order of magnitude."""
    param = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = extra.Prodigy([param])
    found = []
    for _ in range(60):
        param.grad = torch.sign(param.detach() - 1)
        optimizer.step()
        found.append(float(optimizer.param_groups[0]["d"]))
    assert found[0] == pytest.approx(1e-6)
    assert found == sorted(found)
    assert 0.1 < found[-1] <= 2.0
    assert optimizer.param_groups[0]["d"].dtype == torch.float64


def test_prodigys_groups_share_one_estimate() -> None:
    params = parameters()
    optimizer = make("Prodigy", [{"params": params[:2]}, {"params": params[2:]}], d0=1e-4)
    for _ in range(9):
        for param in params:
            param.grad = param.detach().sign()
        optimizer.step()
    optimizer.add_param_group({"params": parameters()})
    assert len({float(group["d"]) for group in optimizer.param_groups}) == 1
    assert float(optimizer.param_groups[0]["d"]) > 0.001


def test_ademamix_warms_up_its_slow_average() -> None:
    from hookloom_optim_extra.optim.ademamix import slow_beta

    halves = [math.log(0.5) / math.log(slow_beta(0.9, 0.999, p)) for p in (0.0, 0.5, 1.0)]
    assert halves[0] == pytest.approx(6.579, rel=1e-3)
    assert halves[2] == pytest.approx(692.8, rel=1e-3)
    assert halves[1] == pytest.approx((halves[0] + halves[2]) / 2, rel=1e-3)
