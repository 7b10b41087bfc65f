"""A run with any optimizer of torch, of whatever dtype its weights are, goes on to the bit; so does a user's own."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from core import CheckpointHook, IterBasedRunner, OptimizerHook
from core.data.loader import build_dataloader
from core.optim.torch_optimizers import torch_optimizers

QUIET = logging.getLogger("every optimizer")
QUIET.setLevel(logging.CRITICAL)
DTYPES = [torch.float32, torch.float64, torch.bfloat16]
HALF_WAY = 4


class Points(torch.utils.data.Dataset[Any]):
    def __len__(self) -> int:
        return 9

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"row": torch.tensor(index % 4), "wanted": torch.tensor([index / 3, 1.0, -index / 5])}


class Table(nn.Module):
    """A matrix of which each sample asks for a row; its gradient may be sparse."""

    def __init__(self, dtype: torch.dtype, *, sparse: bool = False) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.rows = nn.Embedding(4, 3, sparse=sparse, dtype=dtype)

    def forward(self, row: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        found = self.rows(row)
        return ((found - wanted.to(found.dtype)) ** 2).mean()


class Line(nn.Module):
    """The same with a bias and a number beside the matrix."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.line = nn.Linear(4, 3, dtype=dtype)
        self.scale = nn.Parameter(torch.tensor(0.7, dtype=dtype))

    def forward(self, row: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        found = self.line(nn.functional.one_hot(row, 4).to(self.scale.dtype)) * self.scale
        return ((found - wanted.to(found.dtype)) ** 2).mean()


def run(
    kind: type[torch.optim.Optimizer], dtype: torch.dtype, folder: Path | None = None, resume: Any = "", **options: Any
) -> Any:
    """Run six iterations, or what is left of them."""
    name = kind.__name__
    model = Table(dtype, sparse=name == "SparseAdam") if name in ("Muon", "SparseAdam") else Line(dtype)
    optimizer = kind(model.parameters(), **options)
    runner = IterBasedRunner(
        model, optimizer=optimizer, work_dir=folder and str(folder), logger=QUIET, meta={}, max_iters=6
    )
    runner.register_hook(OptimizerHook(), 40)
    if folder is not None:
        runner.register_hook(CheckpointHook(interval=HALF_WAY, by_epoch=False, save_last=False))
    if resume:
        runner.resume(str(resume))
    runner.run([build_dataloader(Points(), 3, seed=4)], [("train", 1)])
    return runner


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Return where two states differ, in a bit or in a dtype."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [found for key in one for found in differences(one[key], other[key], f"{path}.{key}")]
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        return [found for k, (a, b) in enumerate(zip(one, other, strict=True)) for found in differences(a, b, f"{k}")]
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return [] if one.dtype == other.dtype and torch.equal(one, other) else [f"{path}: {one!r} {other!r}"]
    return [] if type(one) is type(other) and one == other else [f"{path}: {one!r} {other!r}"]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", torch_optimizers())
def test_weights_and_state_equal(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    kind = torch_optimizers()[name]
    whole = run(kind, dtype, tmp_path, lr=0.1)
    assert whole.iter == 6
    parts = run(kind, dtype, resume=tmp_path / f"iter_{HALF_WAY}.pth", lr=0.1)
    assert differences(dict(whole.model.state_dict()), dict(parts.model.state_dict())) == []
    assert differences(whole.optimizer.state_dict(), parts.optimizer.state_dict()) == []
    assert all(torch.isfinite(weight).all() for weight in whole.model.parameters())


class Mixed(torch.optim.SGD):
    """Keeps what torch's loading would cast or take apart: a wide sum, a counter, a flag for each weight, a word."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        super().step()
        for p in self.param_groups[0]["params"]:
            state = self.state[p]
            if "sums" not in state:
                state.update(sums=[torch.zeros_like(p, dtype=torch.float64), torch.zeros((), dtype=torch.int64)])
                state.update(seen=torch.zeros_like(p, dtype=torch.bool), word="first")
            wide, count = state["sums"]
            wide += p.grad.double() ** 2
            count += 2**40 + 1
            state["seen"] |= p.grad != 0
            state["word"] = "later"
            p.sub_((0.01 * wide.sqrt()).to(p.dtype))


def test_a_users_optimizer_whose_states_have_dtypes_of_their_own(tmp_path: Path) -> None:
    whole = run(Mixed, torch.float32, tmp_path, lr=0.1)
    parts = run(Mixed, torch.float32, resume=tmp_path / f"iter_{HALF_WAY}.pth", lr=0.1)
    assert differences(whole.optimizer.state_dict(), parts.optimizer.state_dict()) == []
    assert differences(dict(whole.model.state_dict()), dict(parts.model.state_dict())) == []
    (state, *_) = parts.optimizer.state.values()
    assert [one.dtype for one in state["sums"]] == [torch.float64, torch.int64]


def test_weights_of_another_dtype_have_states_of_theirs(tmp_path: Path) -> None:
    run(torch.optim.NAdam, torch.float32, tmp_path, lr=0.1)
    runner = run(torch.optim.NAdam, torch.float64, resume=tmp_path / f"iter_{HALF_WAY}.pth", lr=0.1)
    dtypes = {key: value.dtype for state in runner.optimizer.state.values() for key, value in state.items()}
    assert dtypes == {"step": torch.float32, **dict.fromkeys(("mu_product", "exp_avg", "exp_avg_sq"), torch.float64)}


def test_what_another_version_has_saved_is_loaded_as_the_optimizer_will(tmp_path: Path) -> None:
    run(torch.optim.NAdam, torch.float64, tmp_path, lr=0.1)
    path = tmp_path / f"iter_{HALF_WAY}.pth"
    saved = torch.load(path, weights_only=True)
    saved["hookloom"]["providers"]["optimizer"] = "torch 1.9.1"
    torch.save(saved, path)
    runner = run(torch.optim.NAdam, torch.float64, resume=path, lr=0.1)
    assert {state["mu_product"].dtype for state in runner.optimizer.state.values()} == {torch.float64}


class Narrow(torch.optim.NAdam):
    """Saves its averages in fewer bits than it calculates with."""

    def state_dict(self) -> Any:
        saved = super().state_dict()
        narrow = {key: {**state, "exp_avg": state["exp_avg"].bfloat16()} for key, state in saved["state"].items()}
        return {**saved, "state": narrow}


def test_a_state_dict_of_its_own_is_left_to_the_optimizer(tmp_path: Path) -> None:
    run(Narrow, torch.float32, tmp_path, lr=0.1)
    runner = run(Narrow, torch.float32, resume=tmp_path / f"iter_{HALF_WAY}.pth", lr=0.1)
    assert {state["exp_avg"].dtype for state in runner.optimizer.state.values()} == {torch.float32}
