"""An evaluation in the middle of training: what it gets, what it logs, and that training goes on unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from golden_models import TinyNet, batch, loader
from runs import QUIET, Recorder, make_runner
from torch import nn

from core import EvalHook, LoggerHook


class Distances(torch.utils.data.Dataset):
    """Rows of the recorded data with their targets; judged by the mean squared distance."""

    def __init__(self) -> None:
        self.x, self.y = batch(7, n=5)
        self.calls: list[Any] = []
        self.scores: list[float] = []

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Any:
        return self.x[index]

    def evaluate(self, results: Any, logger: Any = None, scale: float = 1.0) -> dict[str, float]:
        self.calls.append((len(results), logger))
        self.scores.append(scale * float(((torch.stack(results) - self.y) ** 2).mean()))
        return {"mse": self.scores[-1]}


def run(kind: str, *hooks: Any, length: int, model: Any = None, **options: Any) -> Any:
    model = model or TinyNet()
    size = "max_epochs" if kind == "Epoch" else "max_iters"
    runner = make_runner(
        {"type": f"{kind}BasedRunner", size: length},
        model,
        torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        meta={},
        **options,
    )
    runner.register_training_hooks({"policy": "fixed"}, {}, None)
    for hook, priority in hooks:
        runner.register_hook(hook, priority)
    runner.run([loader(2)], [("train", 1)])
    return runner


def test_results_reach_the_dataset_and_its_metrics_the_log() -> None:
    data = Distances()
    logged: list[Any] = []
    hook = EvalHook(torch.utils.data.DataLoader(data, batch_size=2), scale=2.0)

    def read(runner: Any) -> None:
        logged.append((dict(runner.log_buffer.output), runner.log_buffer.ready))
        with torch.no_grad():
            expected = 2.0 * float(((model(data.x) - data.y) ** 2).mean())
        assert logged[-1][0]["mse"] == pytest.approx(expected, abs=1e-12)

    model = TinyNet()
    run("Epoch", (hook, "LOW"), (Recorder("after_train_epoch", read), "LOWEST"), length=2, model=model)
    assert [set(output) for output, _ in logged] == [{"eval_iter_num", "mse"}] * 2
    assert all(ready for _, ready in logged)
    assert [output["eval_iter_num"] for output, _ in logged] == [3, 3]
    assert data.calls == [(5, QUIET), (5, QUIET)]


class Dropping(TinyNet):
    """Its weights depend on the mode in which every iteration is done, and on a frozen norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4).double()
        self.frozen = nn.BatchNorm1d(4).double().eval()
        self.modes: list[Any] = []

    def train(self, mode: bool = True) -> Any:
        super().train(mode)
        if hasattr(self, "frozen"):
            self.frozen.eval()
        return self

    def forward(self, x: Any) -> Any:
        return self.fc2(self.frozen(self.norm(torch.tanh(self.fc1(x)))))

    def step(self, i: int) -> Any:
        self.modes.append((self.training, self.norm.training, self.frozen.training))
        return super().step(i)


@pytest.mark.parametrize(("kind", "by_epoch"), [("Epoch", True), ("Epoch", False), ("Iter", False)])
def test_training_goes_on_as_if_nobody_had_evaluated(kind: str, by_epoch: bool) -> None:
    """MMCV leaves the model in evaluation mode for the rest of the epoch."""
    length = 3 if kind == "Epoch" else 6
    hook = EvalHook(torch.utils.data.DataLoader(Distances(), batch_size=5), by_epoch=by_epoch)
    plain, evaluated = Dropping(), Dropping()
    run(kind, length=length, model=plain)
    run(kind, (hook, "LOW"), length=length, model=evaluated)
    assert evaluated.modes == plain.modes == [(True, True, False)] * 6
    for name, value in plain.state_dict().items():
        assert torch.equal(value, evaluated.state_dict()[name]), name


def test_the_mode_is_restored_after_a_failure() -> None:
    class Failing(Distances):
        def evaluate(self, results: Any, logger: Any = None) -> Any:
            raise ZeroDivisionError("of the dataset")

    model = TinyNet()
    with pytest.raises(ZeroDivisionError, match="of the dataset"):
        run("Epoch", (EvalHook(torch.utils.data.DataLoader(Failing())), "LOW"), length=1, model=model)
    assert model.training


def test_an_own_test_fn() -> None:
    data = Distances()
    seen: list[Any] = []

    def mine(model: Any, dataloader: Any) -> list[Any]:
        seen.append((model, dataloader))
        return list(data.y)

    val = torch.utils.data.DataLoader(data)
    runner = run("Epoch", (EvalHook(val, test_fn=mine), "LOW"), length=1)
    assert seen == [(runner.model, val)]
    assert runner.log_buffer.output["mse"] == 0


def test_a_resumed_run_evaluates_as_the_whole_one_does(tmp_path: Path) -> None:
    """`start` and `interval` count from the beginning of the training, not of the process."""

    def scores(max_epochs: int, resume: str | None) -> list[Any]:
        data, seen = Distances(), []
        model = TinyNet()
        runner = make_runner(
            {"type": "EpochBasedRunner", "max_epochs": max_epochs},
            model,
            torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
            work_dir=str(tmp_path),
            meta={},
        )
        runner.register_training_hooks({"policy": "fixed"}, {}, {"interval": 1})
        runner.register_hook(EvalHook(torch.utils.data.DataLoader(data, batch_size=5), interval=2), "LOW")
        note = Recorder("after_train_epoch", lambda r: seen.append((r.epoch, data.scores[:])) or data.scores.clear())
        runner.register_hook(note, "LOWEST")
        if resume:
            runner.resume(str(tmp_path / resume))
        runner.run([loader(2)], [("train", 1)])
        return seen

    whole = scores(5, None)
    assert [(epoch, len(found)) for epoch, found in whole] == [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0)]
    assert scores(5, "epoch_3.pth") == whole[2:]  # the file was written before these hooks of epoch 3


class Keeping(LoggerHook):
    def __init__(self) -> None:
        super().__init__(interval=2, by_epoch=False)
        self.seen: list[Any] = []

    def log(self, runner: Any) -> None:
        output = runner.log_buffer.output
        self.seen.append((runner.iter + 1, self.get_mode(runner), "loss" in output, "mse" in output))


def test_the_loggers_speak_before_an_evaluation_by_iterations() -> None:
    """What training has logged and the metrics go into records of their own."""
    keeping = Keeping()
    hook = EvalHook(torch.utils.data.DataLoader(Distances(), batch_size=5), interval=2, by_epoch=False)
    run("Iter", (hook, "LOW"), (keeping, "VERY_LOW"), length=4)
    assert keeping.seen == [
        (2, "train", True, False),
        (2, "val", False, True),
        (4, "train", True, False),
        (4, "val", False, True),
    ]
