"""Exact statistics of batch normalisations, against a computation by hand, and nothing else changed by them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import small
import torch
from hook_jobs import job, log_of, same, saved

from core import Hook, OptionError
from core.data.sampler import EpochSampler
from core.errors import ConfigError
from core.runner.train import train
from hookloom_hooks.batch_moments import Moments

KINDS = ["EpochBasedRunner", "IterBasedRunner"]


class Normed(torch.nn.Module):
    """Two normalised layers, dropout, and a buffer that every training step changes."""

    def __init__(self, p: float = 0.3, frozen: bool = False, affine: bool = True) -> None:
        super().__init__()
        self.first = torch.nn.Linear(4, 8, dtype=torch.float64)
        self.norm1 = torch.nn.BatchNorm1d(8, dtype=torch.float64, affine=affine)
        self.middle = torch.nn.Conv1d(1, 2, 3, dtype=torch.float64)
        self.norm2 = torch.nn.BatchNorm1d(2, dtype=torch.float64, momentum=None)
        self.drop = torch.nn.Dropout(p)
        self.last = torch.nn.Linear(12, 1, dtype=torch.float64)
        self.register_buffer("seen", torch.zeros(()))
        self.frozen = frozen

    def train(self, mode: bool = True) -> Normed:
        super().train(mode)
        if self.frozen:
            self.norm2.eval()
        return self

    def forward(self, x: torch.Tensor, y: torch.Tensor, return_loss: bool = True) -> Any:
        hidden = self.middle(torch.tanh(self.norm1(self.first(x))).unsqueeze(1))
        out = self.last(self.drop(self.norm2(hidden).flatten(1))).squeeze(-1)
        if not return_loss:
            return out
        self.seen = self.seen + 1
        return {"loss": ((out - y) ** 2).mean()}


def by_hand(model: Normed, epoch: int, batches: int) -> dict[str, torch.Tensor]:
    """Return mean and variance of what reaches each normalisation over the first batches of an epoch."""
    model = copy.deepcopy(model).train()
    inputs: dict[str, list[torch.Tensor]] = {"norm1": [], "norm2": []}
    for name, kept in inputs.items():
        getattr(model, name).register_forward_pre_hook(lambda module, given, kept=kept: kept.append(given[0].detach()))
    data = small.Points(noise=0.0)
    sampler = EpochSampler(data, True, seed=1)
    sampler.set_epoch(epoch)
    order = list(sampler)
    for start in range(0, 4 * batches, 4):
        samples = [data[index] for index in order[start : start + 4]]
        model(torch.stack([one["x"] for one in samples]), torch.stack([one["y"] for one in samples]))
    found = {}
    for name, kept in inputs.items():
        channels = torch.cat([one.transpose(0, 1).flatten(1) for one in kept], dim=1)
        found[f"{name}.running_mean"], found[f"{name}.running_var"] = channels.mean(1), channels.var(1)
    return found


class Compares(Hook):
    """Stands after the hook and computes the same by hand."""

    rows: list[Any] = []  # noqa: RUF012 - read by the test after the run

    def __init__(self, batches: int) -> None:
        self.batches = batches

    def before_run(self, runner: Any) -> None:
        self.rows.clear()

    def look(self, runner: Any) -> None:
        wanted = by_hand(runner.model, runner.iter // 3 if runner.max_epochs is None else runner.epoch, self.batches)
        state = runner.model.state_dict()
        exact = all(torch.allclose(state[name], value, rtol=1e-12, atol=1e-14) for name, value in wanted.items())
        self.rows.append((runner.iter, exact))

    def after_train_epoch(self, runner: Any) -> None:
        self.look(runner)

    def after_train_iter(self, runner: Any) -> None:
        if runner.max_epochs is None and (runner.iter + 1) % 2 == 0:
            self.look(runner)


def config(work_dir: Path, *hooks: Any, kind: str = "EpochBasedRunner", noise: float = 0.0, **changes: Any) -> Any:
    made = job(work_dir, *hooks, kind=kind, **changes)
    made["model"] = {"type": Normed, **changes.get("model", {})}
    made["data"]["train"] = {"type": small.Points, "noise": noise}
    return made


@pytest.mark.parametrize("batches", [2, 3])
def test_statistics_are_exact(tmp_path: Path, batches: int) -> None:
    precise = {"type": "PreciseBNHook", "num_iters": batches}
    compares = {"type": Compares, "batches": batches, "priority": 46}
    train(config(tmp_path, precise, compares))
    assert Compares.rows == [(3, True), (6, True), (9, True)]


def test_on_iterations_too(tmp_path: Path) -> None:
    precise = {"type": "PreciseBNHook", "num_iters": 3, "interval": 2}
    compares = {"type": Compares, "batches": 3, "priority": 46}
    train(config(tmp_path, precise, compares, kind="IterBasedRunner"))
    assert Compares.rows == [(1, True), (3, True), (5, True), (7, True)]


def test_no_more_batches_than_there_are(tmp_path: Path) -> None:
    train(config(tmp_path, {"type": "PreciseBNHook"}, {"type": Compares, "batches": 3, "priority": 46}))
    assert all(exact for _, exact in Compares.rows)


@pytest.mark.parametrize(("interval", "exact"), [(1, [True] * 3), (2, [False, True, True])])
def test_the_interval_and_the_last_epoch(tmp_path: Path, interval: int, exact: list[bool]) -> None:
    precise = {"type": "PreciseBNHook", "num_iters": 3, "interval": interval}
    train(config(tmp_path, precise, {"type": Compares, "batches": 3, "priority": 46}))
    assert [one for _, one in Compares.rows] == exact


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("workers", [0, 2])
def test_training_takes_no_notice(tmp_path: Path, kind: str, workers: int) -> None:
    precise = {"type": "PreciseBNHook", "num_iters": 2, **({} if kind == "EpochBasedRunner" else {"interval": 2})}
    records, courses = [], []
    for name, hooks in (("with", [precise]), ("without", [])):
        made = config(tmp_path / name, *hooks, {"type": small.Course, "priority": "LOWEST"}, kind=kind, noise=0.1)
        made["data"]["workers_per_gpu"] = workers
        made["evaluation"] = None
        small.Course.rows.clear()
        train(made)
        courses.append(list(small.Course.rows))
        (path,) = (tmp_path / name).glob("*.log.json")
        lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
        records.append([{k: v for k, v in line.items() if "time" not in k} for line in lines])
    assert courses[0] == courses[1]
    assert records[0] == records[1]
    states = [saved(tmp_path / name / "latest.pth") for name in ("with", "without")]
    own = [{k: v for k, v in one["state_dict"].items() if "running" not in k} for one in states]
    assert same(*own)
    assert own[0]["seen"] == 9
    assert same(states[0]["hookloom"]["rng"], states[1]["hookloom"]["rng"])
    assert not same(states[0]["state_dict"], states[1]["state_dict"])


def test_checkpoints_and_evaluations_have_the_statistics(tmp_path: Path) -> None:
    class Looks(Hook):
        def before_evaluation(self, runner: Any) -> None:
            state = {name: value.clone() for name, value in runner.model.state_dict().items()}
            assert same(state, dict(saved(tmp_path / f"epoch_{runner.epoch + 1}.pth")["state_dict"]))
            wanted = by_hand(runner.model, runner.epoch, 3)
            assert all(torch.allclose(state[name], value, rtol=1e-12) for name, value in wanted.items())

    train(config(tmp_path, {"type": Looks}, {"type": "PreciseBNHook"}))


def test_a_resumed_run_equals_the_whole_one(tmp_path: Path) -> None:
    precise = {"type": "PreciseBNHook", "num_iters": 2}
    train(config(tmp_path / "whole", precise, noise=0.1))
    stop = {"type": small.StopAfterIter, "iteration": 5, "priority": "LOWEST"}
    with pytest.raises(KeyboardInterrupt):
        train(config(tmp_path / "parts", precise, stop, noise=0.1))
    train(config(tmp_path / "parts", precise, noise=0.1, auto_resume=True))
    assert same(*(saved(tmp_path / name / "latest.pth")["state_dict"] for name in ("whole", "parts")))


def test_frozen_layers_are_left_alone(tmp_path: Path) -> None:
    train(config(tmp_path, {"type": "PreciseBNHook"}, model={"frozen": True}))
    state = saved(tmp_path / "latest.pth")["state_dict"]
    assert torch.equal(state["norm2.running_mean"], torch.zeros(2, dtype=torch.float64))
    assert not torch.equal(state["norm1.running_mean"], torch.zeros(8, dtype=torch.float64))


def test_a_model_without_such_layers_is_told_once(tmp_path: Path) -> None:
    train(job(tmp_path, {"type": "PreciseBNHook"}))
    assert log_of(tmp_path).count("PreciseBNHook has nothing to do") == 1


def test_a_hook_that_comes_too_late_is_told(tmp_path: Path) -> None:
    train(config(tmp_path / "late", {"type": "PreciseBNHook", "priority": 60}))
    said = log_of(tmp_path / "late")
    assert "PreciseBNHook comes after CheckpointHook, which will not see its statistics" in said
    assert "after EvalHook" not in said
    train(config(tmp_path / "fine", {"type": "PreciseBNHook"}))
    assert "PreciseBNHook comes after" not in log_of(tmp_path / "fine")


class Stream(torch.utils.data.IterableDataset):
    """Counts how often it was begun; each epoch gives other samples."""

    def __init__(self) -> None:
        self.begun = 0

    def __iter__(self) -> Any:
        self.begun += 1
        return (
            {"x": torch.full((4,), (self.begun + index) / 12, dtype=torch.float64), "y": torch.ones(())}
            for index in range(12)
        )


class OwnOrder(torch.utils.data.Sampler[int]):
    """Draws from a generator of its own, so that reading it twice changes the order."""

    def __init__(self) -> None:
        self.generator = torch.Generator()
        self.generator.manual_seed(5)

    def __iter__(self) -> Any:
        return iter(torch.randperm(12, generator=self.generator).tolist())

    def __len__(self) -> int:
        return 12


class NoCopy(OwnOrder):
    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("holds a socket")


@pytest.mark.parametrize("workers", [0, 1])
def test_the_order_of_a_stream_is_kept(tmp_path: Path, workers: int) -> None:
    courses = []
    for name, hooks in (("with", [{"type": "PreciseBNHook", "num_iters": 2}]), ("without", [])):
        made = config(tmp_path / name, *hooks, {"type": small.Course, "priority": "LOWEST"})
        made["data"].update(train={"type": Stream}, workers_per_gpu=workers)
        made.update(evaluation=None, log_config=None)
        small.Course.rows.clear()
        train(made)
        courses.append(list(small.Course.rows))
    assert len(courses[0]) == 9
    assert courses[0] == courses[1]


def run_with_sampler(tmp_path: Path, sampler: Any, *hooks: Any) -> list[Any]:
    from core import EpochBasedRunner

    model, rows = Normed(), small.Course()
    rows.rows = []
    data = torch.utils.data.DataLoader(small.Points(noise=0.0), batch_size=4, sampler=sampler)
    runner = EpochBasedRunner(model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), max_epochs=3)
    runner.register_training_hooks({"policy": "fixed"}, {})
    for hook in (*hooks, rows):
        runner.register_hook(hook)
    runner.run([data], [("train", 1)])
    return rows.rows


def test_a_sampler_with_a_generator_of_its_own_is_not_disturbed(tmp_path: Path) -> None:
    from core import HookError
    from hookloom_hooks import PreciseBNHook

    assert run_with_sampler(tmp_path, OwnOrder(), PreciseBNHook()) == run_with_sampler(tmp_path, OwnOrder())
    with pytest.raises(HookError, match=r"NoCopy cannot be copied, so its batches cannot be read .* holds a socket"):
        run_with_sampler(tmp_path, NoCopy(), PreciseBNHook())


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="PreciseBNHook needs an interval where iterations are counted"):
        train(config(tmp_path / "a", {"type": "PreciseBNHook"}, kind="IterBasedRunner"))
    with pytest.raises(OptionError, match="by_epoch=True needs a runner that counts epochs"):
        train(config(tmp_path / "b", {"type": "PreciseBNHook", "by_epoch": True}, kind="IterBasedRunner"))
    with pytest.raises(ConfigError, match=r"num_iters: must be a positive int, got 0"):
        train(config(tmp_path / "c", {"type": "PreciseBNHook", "num_iters": 0}))
    with pytest.raises(ConfigError, match=r"interval: must be a positive int, got 0"):
        train(config(tmp_path / "d", {"type": "PreciseBNHook", "interval": 0}))


@pytest.mark.parametrize("sizes", [(7, 1, 4), (12,), (0, 5, 7), (1, 1)])
def test_moments_do_not_depend_on_the_cut(sizes: tuple[int, ...]) -> None:
    values = torch.randn(sum(sizes), 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 3 + 1e3
    moments = Moments()
    for part in values.split(sizes):
        moments.add(part)
    flat = values.transpose(0, 1).flatten(1)
    assert moments.count == flat.shape[1]
    assert torch.allclose(moments.mean, flat.mean(1), rtol=1e-13)
    assert torch.allclose(moments.variance(), flat.var(1), rtol=1e-12)


def test_one_value_has_no_variance() -> None:
    moments = Moments()
    assert moments.variance() is None
    moments.add(torch.ones(1, 3))
    assert moments.variance() is None
