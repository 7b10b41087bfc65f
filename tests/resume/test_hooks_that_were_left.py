"""A resumed run first calls the hooks that had not run when the file was saved, and no others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from resumable import QUIET, Net, Noisy

from core import BaseRunner, CheckpointHook, EpochBasedRunner, EvalHook, Hook, IterBasedRunner, hookimpl
from core.data.loader import build_dataloader
from core.hooks.manager import HookManager


class Stop(Exception):
    pass


class Saves(Hook):
    """Saves at one point and ends the run there; once resumed it does nothing."""

    def __init__(self, point: str) -> None:
        self.path = ""
        self.resumed = False
        setattr(self, point, self.act)

    def act(self, runner: Any) -> None:
        if not self.resumed:
            self.path = runner.save_checkpoint(runner.work_dir, "stop.pth", create_symlink=False)
            raise Stop

    def state_dict(self) -> dict[str, Any]:
        return {"resumed": True}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.resumed = state["resumed"]


class Notes(Hook):
    """Keeps the points it is called at."""

    def __init__(self, *points: str) -> None:
        self.seen: list[Any] = []
        for point in points:
            setattr(self, point, lambda runner, point=point: self.seen.append(self.note(point, runner)))

    def note(self, point: str, runner: Any) -> Any:
        return f"{point} {runner.epoch} {runner.inner_iter}"


class Two(EpochBasedRunner):
    """A runner with a `train` of its own, as MMCV's users write it."""

    def train(self, data_loader: Any, **kwargs: Any) -> None:
        self.model.train()
        self.mode = "train"
        self.data_loader = data_loader
        self.call_hook("before_train_epoch")
        for index, batch in enumerate(data_loader):
            self._inner_iter = index
            self.call_hook("before_train_iter")
            self.run_iter(batch, train_mode=True)
            self.call_hook("after_train_iter")
            self._iter += 1
        self.call_hook("after_train_epoch")
        self._epoch += 1


def runner(folder: Path, *hooks: tuple[Any, int], kind: Any = EpochBasedRunner, logger: Any = QUIET) -> BaseRunner:
    torch.manual_seed(1)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    length = {"max_iters": 4} if kind is IterBasedRunner else {"max_epochs": 2}
    made: BaseRunner = kind(model, optimizer=optimizer, work_dir=str(folder), logger=logger, meta={}, **length)
    made.register_training_hooks({"policy": "fixed"}, {})
    for hook, priority in hooks:
        made.register_hook(hook, priority)
    return made


def train(made: BaseRunner, *workflow: tuple[str, int]) -> list[Noisy]:
    workflow = workflow or (("train", 1),)
    data = [Noisy(6) for _ in workflow]
    made.run([build_dataloader(one, 3, seed=1) for one in data], list(workflow))
    return data


def stop_and_resume(folder: Path, point: str, priority: int, *points: str, **options: Any) -> list[str]:
    """Return what a hook of priority 50 sees after a resume from a file that one of `priority` saved."""
    saves = Saves(point)
    with pytest.raises(Stop):
        train(runner(folder, (saves, priority), (Notes(*points), 50), **options))
    notes = Notes(*points)
    second = runner(folder, (Saves(point), priority), (notes, 50), **options)
    second.resume(saves.path)
    train(second)
    return notes.seen


def test_an_evaluation_that_comes_after_the_file(tmp_path: Path) -> None:
    counts, bests = [], []
    for resume in (None, "epoch_1.pth"):
        data = Noisy(4)
        evaluation = EvalHook(build_dataloader(data, 2), save_best="score", rule="greater")
        made = runner(tmp_path, (CheckpointHook(1), 50), (evaluation, 70))
        if resume is not None:
            made.resume(str(tmp_path / resume))
        train(made)
        counts.append(len(data.read))
        bests.append(evaluation.best_score)
    assert counts == [8, 8]
    assert bests[0] == bests[1]


def test_at_the_end_of_an_epoch(tmp_path: Path) -> None:
    points = ("before_train_epoch", "after_train_epoch")
    rest = ["before_train_epoch 1 1", "after_train_epoch 1 1"]
    assert stop_and_resume(tmp_path, "after_train_epoch", 45, *points) == ["after_train_epoch 0 1", *rest]
    assert stop_and_resume(tmp_path, "after_train_epoch", 55, *points) == rest


def test_within_an_epoch(tmp_path: Path) -> None:
    points = ("before_train_epoch", "before_train_iter", "after_train_iter")
    rest = ["before_train_iter 0 1", "after_train_iter 0 1", "before_train_epoch 1 1"]
    seen = stop_and_resume(tmp_path, "after_train_iter", 45, *points)
    assert seen[:5] == ["before_train_epoch 0 0", "after_train_iter 0 0", *rest]
    seen = stop_and_resume(tmp_path, "after_train_iter", 55, *points)
    assert seen[:4] == ["before_train_epoch 0 0", *rest]
    seen = stop_and_resume(tmp_path, "before_train_iter", 45, *points)
    assert seen[:3] == ["before_train_epoch 0 0", "before_train_iter 0 0", "after_train_iter 0 0"]
    seen = stop_and_resume(tmp_path, "before_train_iter", 55, *points)
    assert seen[:2] == ["before_train_epoch 0 0", "after_train_iter 0 0"]


@pytest.mark.parametrize("kind", [EpochBasedRunner, IterBasedRunner])
def test_at_the_end_of_the_run(tmp_path: Path, kind: Any) -> None:
    points = ("before_train_iter", "after_epoch", "after_run") if kind is IterBasedRunner else ("after_run",)
    seen = stop_and_resume(tmp_path, "after_run", 45, *points, kind=kind)
    assert [one.split()[0] for one in seen] == ["after_run"]
    assert stop_and_resume(tmp_path, "after_run", 55, *points, kind=kind) == []


def test_a_hook_that_was_not_there_was_not_left(tmp_path: Path) -> None:
    saves = Saves("after_train_epoch")
    with pytest.raises(Stop):
        train(runner(tmp_path, (saves, 50)))
    notes = Notes("after_train_epoch")
    second = runner(tmp_path, (Saves("after_train_epoch"), 50), (notes, 60))
    second.resume(saves.path)
    train(second)
    assert notes.seen == ["after_train_epoch 1 1"]


class Around:
    def __init__(self) -> None:
        self.seen: list[str] = []

    @hookimpl(wrapper=True)
    def after_train_epoch(self, runner: Any) -> Iterator[None]:
        self.seen.append(f"before {runner.epoch}")
        yield
        self.seen.append(f"after {runner.epoch}")


@pytest.mark.parametrize(("priority", "first"), [(45, ["after_train_epoch 0 1"]), (55, [])])
def test_a_wrapper_surrounds_what_was_left(tmp_path: Path, priority: int, first: list[str]) -> None:
    saves = Saves("after_train_epoch")
    with pytest.raises(Stop):
        train(runner(tmp_path, (saves, priority), (Notes("after_train_epoch"), 50), (Around(), 60)))
    notes, around = Notes("after_train_epoch"), Around()
    second = runner(tmp_path, (Saves("after_train_epoch"), priority), (notes, 50), (around, 60))
    second.resume(saves.path)
    train(second)
    assert notes.seen == [*first, "after_train_epoch 1 1"]
    assert around.seen == ["before 0", "after 0", "before 1", "after 1"]


class Sees(Notes):
    def note(self, point: str, runner: Any) -> Any:
        return runner.data_batch is None, runner.outputs["loss"].item(), sorted(runner.outputs["log_vars"])


def test_what_such_a_hook_finds(tmp_path: Path) -> None:
    saves = Saves("after_train_iter")
    whole = Sees("after_train_iter")
    train(runner(tmp_path, (whole, 50)))
    with pytest.raises(Stop):
        train(runner(tmp_path, (saves, 45), (Sees("after_train_iter"), 50)))
    sees = Sees("after_train_iter")
    second = runner(tmp_path, (Saves("after_train_iter"), 45), (sees, 50))
    second.resume(saves.path)
    train(second)
    assert sees.seen[0] == (True, *whole.seen[0][1:])
    assert sees.seen[1:] == whole.seen[1:]


class NeedsTheBatch(Hook):
    def after_train_iter(self, runner: Any) -> None:
        runner.data_batch["x"].sum()


def test_one_that_needs_the_batch_fails_with_a_reason(tmp_path: Path) -> None:
    saves = Saves("after_train_iter")
    with pytest.raises(Stop):
        train(runner(tmp_path, (saves, 45), (NeedsTheBatch(), 50)))
    second = runner(tmp_path, (Saves("after_train_iter"), 45), (NeedsTheBatch(), 50))
    second.resume(saves.path)
    with pytest.raises(TypeError) as caught:
        train(second)
    assert caught.value.__notes__[-1] == (
        "after_train_iter went on after a resume: the batch and large outputs are not there any more"
    )


def test_a_step_that_was_left_cannot_be_made_up_for(tmp_path: Path, caplog: Any) -> None:
    logger = logging.getLogger("left")
    saves = Saves("after_train_iter")
    with pytest.raises(Stop):
        train(runner(tmp_path, (saves, 5)))
    second = runner(tmp_path, (Saves("after_train_iter"), 5), logger=logger)
    second.resume(saves.path)
    with caplog.at_level(logging.WARNING, "left"):
        train(second)
    said = "the checkpoint was saved before OptimizerHook had stepped: the step of iteration 1 is lost"
    assert caplog.messages == [said]
    assert second.iter == 4


class Sets(Hook):
    """Sets up an epoch where no checkpoint reaches, counts, and meddles with all that it does reach."""

    def __init__(self) -> None:
        self.epochs = 0

    def before_train_epoch(self, runner: Any) -> None:
        self.epochs += 1
        runner.data_loader.dataset.switched = True
        torch.rand(3)
        runner.log_buffer.update({"stray": 1})
        runner.optimizer.param_groups[0]["lr"] = 0.1 / self.epochs
        with torch.no_grad():
            runner.model.d.bias.zero_()
        runner.save_checkpoint(runner.work_dir, f"begun_{self.epochs}.pth", create_symlink=False)

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": self.epochs}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epochs = state["epochs"]


def test_setting_up_an_epoch_again_changes_nothing_else(tmp_path: Path) -> None:
    whole = runner(tmp_path / "whole", (Sets(), 60))
    train(whole)
    saves = Saves("after_train_iter")
    with pytest.raises(Stop):
        train(runner(tmp_path, (saves, 50), (Sets(), 60)))
    (tmp_path / "begun_1.pth").unlink()
    sets = Sets()
    second = runner(tmp_path, (Saves("after_train_iter"), 50), (sets, 60))
    second.resume(saves.path)
    (data,) = train(second)
    assert data.switched
    assert sets.epochs == 2
    assert [path.name for path in tmp_path.glob("begun_*")] == ["begun_2.pth"]
    assert second.current_lr() == whole.current_lr() == [0.05]
    for one, other in zip(whole.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_train_of_ones_own_begins_an_epoch_anew_and_says_so(tmp_path: Path, caplog: Any) -> None:
    points = ("before_train_epoch", "before_train_iter", "after_train_epoch")
    seen = stop_and_resume(tmp_path, "after_train_epoch", 45, *points, kind=Two)
    assert seen[:2] == ["after_train_epoch 0 1", "before_train_epoch 1 1"]
    with caplog.at_level(logging.WARNING, "own"):
        seen = stop_and_resume(tmp_path, "after_train_iter", 45, *points, kind=Two, logger=logging.getLogger("own"))
    assert seen[:3] == ["before_train_epoch 0 0", "before_train_iter 0 0", "before_train_iter 0 1"]
    assert caplog.messages == [
        "the resumed run stood at batch 1 of this epoch, but Two has a train of its own, which began it anew"
    ]


def test_a_changed_workflow_begins_its_round_anew(tmp_path: Path, caplog: Any) -> None:
    saves = Saves("after_val_iter")
    with pytest.raises(Stop):
        train(runner(tmp_path, (saves, 50)), ("train", 1), ("val", 1))
    notes = Notes("before_train_epoch", "before_val_epoch")
    second = runner(tmp_path, (Saves("after_val_iter"), 50), (notes, 60), logger=logging.getLogger("changed"))
    second.resume(saves.path)
    with caplog.at_level(logging.WARNING, "changed"):
        train(second)
    assert notes.seen == ["before_train_epoch 1 0"]
    assert caplog.messages == [
        "the workflow was [('train', 1), ('val', 1)] and is [('train', 1)]: its present round begins anew"
    ]


def test_the_manager_calls_some_hooks_once() -> None:
    manager = HookManager()
    notes = [Notes("after_run") for _ in range(3)]
    for note in notes:
        manager.register(note)
    manager.narrow("after_run", notes[1:2])
    at = type("At", (), {"epoch": 0, "iter": 0, "inner_iter": 0})
    manager.call("after_run", at)
    manager.call("after_run", at)
    assert [len(note.seen) for note in notes] == [1, 2, 1]
    assert manager.point is None
    assert manager.left() == []
