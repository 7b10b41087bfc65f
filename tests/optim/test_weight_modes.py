"""Optimizers with two sets of weights: what is evaluated, saved and resumed, and that no look at them changes any."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from core import CheckpointHook, EpochBasedRunner, EvalHook, Hook, IterBasedRunner, OptimizerHook
from core.checkpoint.publish import publish
from core.data.loader import build_dataloader
from core.errors import OptionError
from core.registries import HOOKS

QUIET = logging.getLogger("modes")
QUIET.setLevel(logging.CRITICAL)


class Averaging(torch.optim.Optimizer):
    """SGD that is evaluated at the mean of all weights it had; as with schedule-free ones the mean is not stored.

    The weights that are trained are y = (z + x) / 2, so that x = 2 y - z loses bits on the way there and back.
    """

    has_modes = True

    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr, "mode": "eval"})  # a user has to call train() first

    def train(self) -> None:
        self._switch("train", lambda p, z: p.add_(z).mul_(0.5))

    def eval(self) -> None:
        self._switch("eval", lambda p, z: p.mul_(2).sub_(z))

    @torch.no_grad()
    def _switch(self, mode: str, change: Any) -> None:
        for group in self.param_groups:
            if group["mode"] != mode:
                group["mode"] = mode
                for p in group["params"]:
                    if p in self.state:
                        change(p, self.state[p]["z"])

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            if group["mode"] != "train":
                raise RuntimeError("not in training mode")
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state.update(z=p.clone(), n=1)
                x = 2 * p - state["z"]
                state["z"].sub_(p.grad, alpha=group["lr"])
                state["n"] += 1
                x.lerp_(state["z"], 1 / state["n"])
                p.copy_((x + state["z"]) / 2)


class Points(torch.utils.data.Dataset[Any]):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"x": torch.tensor([index / 6, 1.0]), "y": torch.tensor(0.3 * index)}

    def evaluate(self, results: Any, logger: Any = None) -> dict[str, float]:
        return {"score": float(torch.stack(list(results)).sum())}


class Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.line = nn.Linear(2, 1)
        self.seen: list[tuple[bool, torch.Tensor]] = []

    def forward(self, x: torch.Tensor, y: torch.Tensor, return_loss: bool = True) -> Any:
        self.seen.append((self.training, self.line.weight.detach().clone()))
        out = self.line(x).squeeze(-1)
        return ((out - y) ** 2).mean() if return_loss else out


class Trail(Hook):
    """Keeps the weights that each iteration trained."""

    def __init__(self) -> None:
        self.rows: list[torch.Tensor] = []

    def before_train_iter(self, runner: Any) -> None:
        self.rows.append(runner.model.line.weight.detach().clone())


def loader() -> Any:
    return build_dataloader(Points(), 2, shuffle=False)


def run(
    folder: Path | None = None, *hooks: Any, by: str = "epoch", resume: str = "", workflow: Any = (("train", 1),)
) -> Any:
    model = Line()
    length: Any = {"max_epochs": 3} if by == "epoch" else {"max_iters": 9}
    runner: Any = (EpochBasedRunner if by == "epoch" else IterBasedRunner)(
        model, optimizer=Averaging(model.parameters()), work_dir=folder and str(folder), logger=QUIET, meta={}, **length
    )
    trail = Trail()
    for hook, priority in ((OptimizerHook(), 40), (trail, 50), *((hook, 50) for hook in hooks)):
        runner.register_hook(hook, priority)
    if resume:
        runner.resume(resume)
    runner.run([loader() for _ in workflow], list(workflow))
    return runner, trail.rows


def equal(one: Any, other: Any) -> bool:
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def mean_of_steps() -> list[torch.Tensor]:
    """Return x after each iteration, in float64 and by the definition: the mean of all z."""
    model = Line().double()
    z = [p.detach().clone() for p in model.parameters()]
    means: list[torch.Tensor] = []
    zs = [z[0].clone()]
    batches = [{key: value.double() for key, value in batch.items()} for batch in loader()] * 3
    x = [one.clone() for one in z]
    for n, batch in enumerate(batches, 2):
        for p, a, b in zip(model.parameters(), x, z, strict=True):
            p.data = (a + b) / 2
        model.zero_grad()
        model(**batch).backward()
        z = [b - 0.1 * p.grad for p, b in zip(model.parameters(), z, strict=True)]  # type: ignore[operator]
        x = [a + (b - a) / n for a, b in zip(x, z, strict=True)]
        zs.append(z[0])
        means.append(torch.stack(zs).mean(0))
    return means


def test_evaluation_sees_the_mean_and_training_does_not_notice() -> None:
    means = mean_of_steps()
    runner, alone = run()
    assert torch.allclose(runner.model.line.weight.double(), means[-1], atol=1e-6), "the run ends with the mean"
    evaluation = EvalHook(loader())
    runner, watched = run(None, evaluation)
    assert equal(alone, watched)
    evaluated = [weight for training, weight in runner.model.seen if not training]
    for epoch in range(3):
        for weight in evaluated[3 * epoch : 3 * epoch + 3]:
            assert torch.allclose(weight.double(), means[3 * epoch + 2], atol=1e-6)
    assert not torch.allclose(watched[-1].double(), means[-2], atol=1e-3), "it is another one that is trained"


@pytest.mark.parametrize("by", ["epoch", "iter"])
def test_validation_of_the_workflow_sees_the_mean(by: str) -> None:
    means = mean_of_steps()
    length = 1 if by == "epoch" else 3
    runner, rows = run(by=by, workflow=(("train", length), ("val", length)))
    assert equal(rows, run()[1])
    validated = [weight for training, weight in runner.model.seen if not training]
    assert len(validated) == 9
    assert torch.allclose(validated[0].double(), means[2], atol=1e-6)
    assert torch.allclose(validated[-1].double(), means[8], atol=1e-6)


@pytest.mark.parametrize("by", ["epoch", "iter"])
@pytest.mark.parametrize("behind", [False, True])
def test_a_checkpoint_holds_the_mean_and_a_resumed_run_goes_on_to_the_bit(
    by: str, behind: bool, tmp_path: Path
) -> None:
    saving = CheckpointHook(interval=2, by_epoch=False, async_save=behind)
    whole, rows = run(tmp_path, saving, by=by)
    assert equal(rows, run(by=by)[1]), "saving changes nothing"
    path = tmp_path / "iter_4.pth"
    saved = torch.load(path, weights_only=True)
    mean = saved["state_dict"]["line.weight"]
    assert torch.allclose(mean.double(), mean_of_steps()[3], atol=1e-6)
    assert torch.equal(saved["hookloom"]["training_weights"]["line.weight"], rows[4])
    published = torch.load(publish(path, tmp_path / "out"), weights_only=True)
    assert torch.equal(published["state_dict"]["line.weight"], mean)
    assert set(published) == {"meta", "state_dict"}
    resumed, rest = run(None, by=by, resume=str(path))
    assert equal(rest, rows[4:])
    assert equal(list(resumed.model.parameters()), list(whole.model.parameters()))


def test_the_best_weights_are_those_that_were_evaluated_and_can_be_resumed(tmp_path: Path) -> None:
    runner, rows = run(tmp_path, EvalHook(loader(), save_best="score", rule="greater"))
    (best,) = tmp_path.glob("best_score_epoch_*.pth")
    epoch = int(best.stem.rpartition("_")[2])
    evaluated = [weight for training, weight in runner.model.seen if not training]
    saved = torch.load(best, weights_only=True)
    assert torch.equal(saved["state_dict"]["line.weight"], evaluated[3 * (epoch - 1)])
    if epoch < 3:
        assert torch.equal(saved["hookloom"]["training_weights"]["line.weight"], rows[3 * epoch])


def test_resuming_without_the_optimizer_starts_from_the_mean(tmp_path: Path) -> None:
    run(tmp_path, CheckpointHook(interval=1))
    model = Line()
    runner = EpochBasedRunner(model, optimizer=Averaging(model.parameters()), max_epochs=3, logger=QUIET)
    runner.register_hook(OptimizerHook())
    runner.register_hook(trail := Trail())
    runner.resume(str(tmp_path / "epoch_2.pth"), resume_optimizer=False)
    runner.run([loader()], [("train", 1)])
    saved = torch.load(tmp_path / "epoch_2.pth", weights_only=True)
    assert torch.equal(trail.rows[0], saved["state_dict"]["line.weight"])


def test_a_hook_of_the_users_may_look_at_the_evaluation_weights() -> None:
    class Look(Hook):
        def after_train_epoch(self, runner: Any) -> None:
            trained = runner.model.line.weight.detach().clone()
            with runner.evaluation_weights():
                self.mean = runner.model.line.weight.detach().clone()
                assert not torch.equal(self.mean, trained)
            assert torch.equal(runner.model.line.weight, trained)

    look = Look()
    run(None, look)
    assert torch.allclose(look.mean.double(), mean_of_steps()[-1], atol=1e-6)


def test_a_hook_with_an_average_of_its_own_is_refused() -> None:
    ema = HOOKS.get("EMAHook")
    assert ema is not None
    with pytest.raises(
        OptionError, match="Averaging has weights of its own for evaluation, which EMAHook would exchange"
    ):
        run(None, ema())


def test_modes_without_their_methods_are_refused() -> None:
    class Half(torch.optim.SGD):
        has_modes = True

        def train(self) -> None: ...

    model = Line()
    runner = EpochBasedRunner(model, optimizer=Half(model.parameters(), lr=0.1), max_epochs=1, logger=QUIET)
    with pytest.raises(
        OptionError, match=r"Half\.has_modes promises the methods train\(\) and eval\(\); it lacks eval"
    ):
        runner.run([loader()], [("train", 1)])
