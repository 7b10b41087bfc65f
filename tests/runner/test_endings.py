"""How runs end and begin again: second runs, failed beginnings, runs inside runs, workflows without an end."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import small
import torch
from golden_models import TinyNet, loader
from runs import make_runner

from core import Config, Hook, RunStateError
from core.errors import CheckpointError, ConfigError
from core.runner.train import train

KINDS = {"EpochBasedRunner": {"max_epochs": 2}, "IterBasedRunner": {"max_iters": 4}}


def a_runner(
    kind: str = "EpochBasedRunner", work_dir: Path | None = None, optimizer: str = "SGD", **length: int
) -> Any:
    model = TinyNet()
    made = getattr(torch.optim, optimizer)(model.parameters(), lr=0.1)
    options = {"type": kind, **(length or KINDS[kind])}
    return make_runner(options, model, made, work_dir=None if work_dir is None else str(work_dir), meta={})


def job(work_dir: Path, *hooks: Any, **changes: Any) -> dict[str, Any]:
    config: dict[str, Any] = {
        "model": {"type": small.Net},
        "data": {"samples_per_gpu": 4, "train": {"type": small.Points}},
        "optimizer": {"type": "SGD", "lr": 0.1, "momentum": 0.9},
        "optimizer_config": {},
        "lr_config": {"policy": "fixed"},
        "runner": {"type": "EpochBasedRunner", "max_epochs": 2},
        "checkpoint_config": {"interval": 1},
        "work_dir": str(work_dir),
        "seed": 1,
        "custom_hooks": list(hooks),
    }
    return {**config, **changes}


class Keeps(Hook):
    """Counts iterations, over a resume too."""

    def __init__(self, broken: bool = False) -> None:
        self.count, self.broken = 0, broken

    def after_train_iter(self, runner: Any) -> None:
        self.count += 1

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count}

    def load_state_dict(self, state: Any) -> None:
        if self.broken:
            raise ValueError("cannot take this over")
        self.count = state["count"]


class Nested(Hook):
    said: str | None = None

    def after_train_epoch(self, runner: Any) -> None:
        try:
            train(job(Path(runner.work_dir) / "inner"))
        except RunStateError as error:
            type(self).said = str(error)


class Interrupts(Hook):
    def after_train_iter(self, runner: Any) -> None:
        if runner.iter == 4:
            raise KeyboardInterrupt


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_runner_that_runs_on_takes_nothing_over_twice(kind: str, tmp_path: Path) -> None:
    first = a_runner(kind, tmp_path)
    first.register_hook(Keeps())
    first.run([loader(2)], [("train", 1)])
    saved = first.save_checkpoint(str(tmp_path))

    second = a_runner(kind, tmp_path)
    keeps = Keeps()
    second.register_hook(keeps)
    second.resume(saved)
    word = "max_epochs" if kind == "EpochBasedRunner" else "max_iters"
    longer = {word: KINDS[kind][word] + (1 if word == "max_epochs" else 2)}
    second.run([loader(2)], [("train", 1)], **longer)
    assert keeps.count == second.iter == 6
    longer[word] += 1 if word == "max_epochs" else 2
    second.run([loader(2)], [("train", 1)], **longer)
    assert keeps.count == second.iter == 8


def test_a_resume_that_fails_leaves_a_runner_that_can_run(tmp_path: Path) -> None:
    first = a_runner(work_dir=tmp_path)
    first.register_hook(Keeps())
    first.run([loader(2)], [("train", 1)])
    second = a_runner(work_dir=tmp_path, max_epochs=4)
    keeps = Keeps(broken=True)
    second.register_hook(keeps)
    second.resume(first.save_checkpoint(str(tmp_path)))
    with pytest.raises(ValueError, match="cannot take this over"):
        second.run([loader(2)], [("train", 1)])
    keeps.broken = False
    second.run([loader(2)], [("train", 1)])
    assert keeps.count == second.iter == 8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("workflow", [[("val", 1)], [("train", 0)], [("val", 1), ("train", 0)]])
def test_a_workflow_that_never_trains_is_refused(kind: str, workflow: Any) -> None:
    with pytest.raises(ValueError, match="never trains: the run would have no end"):
        a_runner(kind).run([loader(2)] * len(workflow), workflow)


@pytest.mark.parametrize(("saved_by", "taken_by"), [("SGD", "Adam"), ("Adam", "SGD"), ("SGD", "Adagrad")])
def test_the_state_of_another_optimizer_does_not_fit(saved_by: str, taken_by: str, tmp_path: Path) -> None:
    first = a_runner(work_dir=tmp_path, optimizer=saved_by)
    first.register_training_hooks({"policy": "fixed"}, {})
    first.run([loader(2)], [("train", 1)])
    path = first.save_checkpoint(str(tmp_path))
    with pytest.raises(CheckpointError, match=f"it is the state of another optimizer than {taken_by}: it") as caught:
        a_runner(work_dir=tmp_path, optimizer=taken_by).resume(path, other_provider=True)
    assert path in str(caught.value)
    a_runner(work_dir=tmp_path, optimizer=taken_by).resume(path, resume_optimizer=False)
    a_runner(work_dir=tmp_path, optimizer=saved_by).resume(path)


def test_one_and_several_optimizers_do_not_fit(tmp_path: Path) -> None:
    one = a_runner(work_dir=tmp_path)
    one.run([loader(1)], [("train", 1)])
    path = one.save_checkpoint(str(tmp_path))
    several = a_runner(work_dir=tmp_path)
    several.optimizer = {"a": several.optimizer}
    with pytest.raises(CheckpointError, match="the optimizer state does not fit"):
        several.resume(path)


def test_a_run_inside_a_run_is_refused(tmp_path: Path) -> None:
    Nested.said = None
    runner = train(job(tmp_path, {"type": Nested}))
    assert runner.epoch == 2
    assert Nested.said == "a run is under way in this process; two at a time would disturb each other"
    assert not (tmp_path / "inner").exists()


def test_two_runs_in_a_row_are_equal_and_one_after_an_interrupted_one_too(tmp_path: Path) -> None:
    weights = [train(job(tmp_path / name)).model.state_dict() for name in ("a", "b")]
    with pytest.raises(KeyboardInterrupt):
        train(job(tmp_path / "c", {"type": Interrupts}))
    weights.append(train(job(tmp_path / "d")).model.state_dict())
    for other in weights[1:]:
        assert all(torch.equal(weights[0][key], other[key]) for key in weights[0])
    assert sorted(path.name for path in (tmp_path / "c").glob("*.pth")) == ["epoch_1.pth", "latest.pth"]


def test_the_flags_of_torch_are_put_back(tmp_path: Path) -> None:
    before = (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark)
    train(job(tmp_path, deterministic=True, cudnn_benchmark=True))
    assert (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark) == before


def test_overrides_leave_the_callers_config_alone(tmp_path: Path) -> None:
    config = Config(job(tmp_path, model={"type": "small.Net"}, data={"train": {"type": "small.Points"}}))
    before = copy.deepcopy(config.to_dict())
    runner = train(config, overrides={"runner.max_epochs": 1, "optimizer.lr": 0.5})
    assert (runner.epoch, runner.current_lr()) == (1, [0.5])
    assert config.to_dict() == before


def test_a_dict_that_is_wrong_names_every_key(tmp_path: Path) -> None:
    wrong = job(tmp_path / "w", optimzer_config={}, runner={"type": "EpochBasedRunner", "max_epoch": 1})
    with pytest.raises(ConfigError) as caught:
        train(wrong)
    text = str(caught.value)
    assert "runner.max_epoch: unknown key; did you mean 'max_epochs'?" in text
    assert not (tmp_path / "w").exists()
