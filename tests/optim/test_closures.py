"""Optimizers that compute the loss anew within their step: LBFGS of torch, and those of the SAM kind."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from core import EpochBasedRunner, Hook, OptimizerHook
from core.errors import OptionError, RunStateError

QUIET = logging.getLogger("closures")
QUIET.setLevel(logging.CRITICAL)


class Regression(nn.Module):
    """A small network, with dropout and running statistics if wanted."""

    def __init__(self, p: float = 0.0, norm: bool = False) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first = nn.Linear(3, 6, dtype=torch.float64)
        self.norm = nn.BatchNorm1d(6, dtype=torch.float64) if norm else nn.Identity()
        self.drop = nn.Dropout(p)
        self.last = nn.Linear(6, 1, dtype=torch.float64)
        self.masks: list[Tensor] = []

    def forward(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        out = self.drop(torch.tanh(self.norm(self.first(x))))
        self.masks.append((out == 0).detach())
        return {"loss": ((self.last(out).squeeze(-1) - y) ** 2).mean()}


class Valley(nn.Module):
    """Rosenbrock's function, whose minimum is at (1, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.at = nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))

    def forward(self, scale: Tensor) -> Tensor:
        a, b = self.at
        return (1 - a) ** 2 + scale * (b - a**2) ** 2


class Sam(torch.optim.SGD):
    """Sharpness-aware minimisation: the gradients that are there lead up hill, those found there are taken."""

    needs_closure = True

    @torch.no_grad()
    def step(self, closure: Any) -> Any:  # type: ignore[override]
        params = [p for group in self.param_groups for p in group["params"]]
        up = [0.05 * p.grad for p in params]
        torch._foreach_add_(params, up)
        loss = closure()
        torch._foreach_sub_(params, up)
        super().step()
        return loss


def batches(count: int = 3) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(5)
    xs = [torch.randn(8, 3, generator=generator, dtype=torch.float64) for _ in range(count)]
    return [{"x": x, "y": x.sin().sum(1)} for x in xs]


def run(model: nn.Module, optimizer: Any, data: Any, *, hook: Any = None, epochs: int = 2, hooks: Any = ()) -> Any:
    runner = EpochBasedRunner(model, optimizer=optimizer, max_epochs=epochs, logger=QUIET, meta={})
    runner.register_hook(hook or OptimizerHook(), "ABOVE_NORMAL")
    for one in hooks:
        runner.register_hook(one, "LOWEST")
    runner.run([data], [("train", 1)])
    return runner


def test_lbfgs_reaches_the_optimum() -> None:
    model = Valley()
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=60, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )
    run(model, optimizer, [{"scale": torch.tensor(100.0)}], epochs=3)
    assert torch.allclose(model.at, torch.ones(2, dtype=torch.float64), atol=1e-9)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_equals_a_loop_by_hand(search: str | None) -> None:
    ours, by_hand = Regression(), Regression()
    options: dict[str, Any] = {"lr": 0.5, "max_iter": 5, "line_search_fn": search}
    run(ours, torch.optim.LBFGS(ours.parameters(), **options), batches(), hook=OptimizerHook(grad_clip={"max_norm": 2}))
    optimizer = torch.optim.LBFGS(by_hand.parameters(), **options)
    for batch in batches() * 2:

        def closure(batch: Any = batch) -> Any:
            optimizer.zero_grad()
            loss = by_hand(**batch)["loss"]
            loss.backward()
            nn.utils.clip_grad_norm_(by_hand.parameters(), 2)
            return loss

        optimizer.step(closure)
    for one, other in zip(ours.parameters(), by_hand.parameters(), strict=True):
        assert torch.equal(one, other)


def test_gradients_are_there_before_the_step_and_those_of_the_closure_are_taken() -> None:
    ours, by_hand = Regression(), Regression()
    run(ours, Sam(ours.parameters(), lr=0.1, momentum=0.9), batches())
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.1, momentum=0.9)
    for batch in batches() * 2:
        by_hand(**batch)["loss"].backward()
        up = [0.05 * p.grad for p in by_hand.parameters()]  # type: ignore[operator]
        for sign in (1, -1):
            with torch.no_grad():
                for p, by in zip(by_hand.parameters(), up, strict=True):
                    p.add_(by, alpha=sign)
            if sign == 1:
                optimizer.zero_grad()
                by_hand(**batch)["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    for one, other in zip(ours.parameters(), by_hand.parameters(), strict=True):
        assert torch.equal(one, other)


def test_an_iteration_is_one_whatever_its_evaluations() -> None:
    class Seen(Hook):
        rows: ClassVar[list[Any]] = []

        def before_train_iter(self, runner: Any) -> None:
            runner.model.masks.clear()
            self.random = torch.get_rng_state()

        def after_train_iter(self, runner: Any) -> None:
            masks = runner.model.masks
            assert len(masks) > 3
            assert all(torch.equal(mask, masks[0]) for mask in masks), "the same units are dropped"
            assert 0 < masks[0].sum() < masks[0].numel()
            now = torch.get_rng_state()
            torch.set_rng_state(self.random)
            nn.functional.dropout(torch.ones(8, 6, dtype=torch.float64), 0.4)
            assert torch.equal(torch.get_rng_state(), now), "later random numbers are those of one evaluation"
            self.rows.append((runner.outputs["loss"].item(), runner.model.norm.num_batches_tracked.item()))

    model, first = Regression(0.4, norm=True), Regression(0.4, norm=True)
    torch.manual_seed(11)
    runner = run(model, torch.optim.LBFGS(model.parameters(), max_iter=4), batches(1), epochs=2, hooks=[Seen()])
    assert [row[1] for row in Seen.rows] == [1, 2], "running statistics see each batch once"
    torch.manual_seed(11)
    assert Seen.rows[0][0] == first(**batches(1)[0])["loss"].item()
    assert len(runner.log_buffer.val_history["loss"]) == 2


def test_a_resumed_lbfgs_goes_on_to_the_bit(tmp_path: Path) -> None:
    def runner(epochs: int, resume: str = "") -> Any:
        model = Regression(0.2)
        optimizer = torch.optim.LBFGS(model.parameters(), lr=0.3, max_iter=3)
        made = EpochBasedRunner(model, optimizer=optimizer, max_epochs=epochs, work_dir=str(tmp_path), logger=QUIET)
        made.register_training_hooks({"policy": "fixed"}, {}, {"interval": 1})
        if resume:
            made.resume(resume)
        made.run([batches()], [("train", 1)])
        return model, optimizer

    whole, _ = runner(3)
    parts, optimizer = runner(3, str(tmp_path / "epoch_1.pth"))
    assert optimizer.state[next(parts.parameters())]["n_iter"] == 18
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), parts.parameters(), strict=True))


def test_hooks_that_cannot_give_a_closure_are_refused_before_the_run() -> None:
    from core import Fp16OptimizerHook, GradientCumulativeOptimizerHook

    class Own(OptimizerHook):
        def after_train_iter(self, runner: Any) -> None:
            runner.optimizer.step()

    class Able(Own):
        gives_closure = True

    def job(hook: Any) -> Any:
        model = Regression()
        return run(model, torch.optim.LBFGS(model.parameters()), batches(1), hook=hook)

    for hook, name in (
        (GradientCumulativeOptimizerHook(cumulative_iters=2), "GradientCumulativeOptimizerHook"),
        (Fp16OptimizerHook(), "Fp16OptimizerHook"),
        (Own(), "Own"),
    ):
        with pytest.raises(OptionError, match=f"LBFGS needs a closure, which {name} cannot give"):
            job(hook)
    with pytest.raises(OptionError, match=r"Own\.gives_closure = True"):
        job(Own())
    with pytest.raises(TypeError, match="closure"):
        job(Able())  # it said so, and does not


def test_one_of_several_optimizers_cannot_have_a_closure() -> None:
    model = Regression()
    several = {
        "first": torch.optim.LBFGS(model.first.parameters()),
        "last": torch.optim.SGD(model.last.parameters(), lr=0.1),
    }
    with pytest.raises(OptionError, match=r"LBFGS computes the loss anew within its step, .* the only optimizer"):
        run(model, several, batches(1))


def test_ordinary_optimizers_keep_nothing_for_a_second_evaluation() -> None:
    class Again(Hook):
        def after_train_iter(self, runner: Any) -> None:
            runner.run_again()

    model = Regression()
    with pytest.raises(RunStateError, match="no training step to run again"):
        run(model, torch.optim.SGD(model.parameters(), lr=0.1), batches(1), hooks=[Again()])


def test_a_batch_that_the_model_changes_is_whole_in_every_evaluation() -> None:
    class Popping(Valley):
        def train_step(self, data: Any, optimizer: Any) -> dict[str, Any]:
            return {"loss": self(data.pop("scale")), "log_vars": {}, "num_samples": 1}

    model = Popping()
    run(model, torch.optim.LBFGS(model.parameters(), max_iter=3), [{"scale": torch.tensor(1.0)}], epochs=1)
    assert model.at.tolist() != [-1.2, 1.0]
