"""Running the recorded cases of learning-rate and momentum curves."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from runs import dummy_optimizer, make_runner

from core.hooks.base import Hook

BATCHES = [torch.tensor([i]) for i in range(7)]


class CurveRecorder(Hook):
    """Reads every parameter group in `before_train_iter`."""

    def __init__(self) -> None:
        self.lr: list[Any] = []
        self.momentum: list[Any] = []
        self.at: list[tuple[int, int]] = []

    def before_train_iter(self, runner: Any) -> None:
        self.at.append((runner.epoch, runner.iter))
        self.lr.append(_read(runner.optimizer, lambda group: group["lr"]))
        self.momentum.append(_read(runner.optimizer, _momentum))


class SaveAt(Hook):
    """Saves one checkpoint, at the end of an epoch or iteration counted from 1."""

    def __init__(self, by_epoch: bool, number: int, folder: Path) -> None:
        self.by_epoch, self.number, self.folder = by_epoch, number, folder

    def after_train_iter(self, runner: Any) -> None:
        if not self.by_epoch and runner.iter + 1 == self.number:
            self._save(runner)

    def after_train_epoch(self, runner: Any) -> None:
        if self.by_epoch and runner.epoch + 1 == self.number:
            self._save(runner)

    def _save(self, runner: Any) -> None:
        runner.save_checkpoint(str(self.folder), filename_tmpl="saved.pth", create_symlink=False)


def _momentum(group: dict[str, Any]) -> Any:
    return list(group["betas"]) if "betas" in group else group.get("momentum")


def _read(optimizer: Any, of_group: Any) -> Any:
    if isinstance(optimizer, dict):
        return {name: _read(one, of_group) for name, one in optimizer.items()}
    return [of_group(group) for group in optimizer.param_groups]


def scheduled_runner(case: Mapping[str, Any]) -> Any:
    """Build the runner of a case, with its updaters, on a model of one parameter per group."""
    model, optimizer = dummy_optimizer(case["optimizer"])
    runner = make_runner(case["runner"], model, optimizer, meta={})
    lr_config, momentum_config = copy.deepcopy((case["lr_config"], case.get("momentum_config")))
    runner.register_training_hooks(lr_config, momentum_config=momentum_config, timer_config=None)
    assert (lr_config, momentum_config) == (case["lr_config"], case.get("momentum_config")), "left as it is"
    return runner


def run_case(case: Mapping[str, Any], folder: Path) -> CurveRecorder:
    """Run a case to its end and return what its last runner showed.

    Args:
        case: a recorded case.
        folder: where the first run of a resumed case saves.
    """
    resume = case.get("resume")
    workflow = [tuple(entry) for entry in case.get("workflow") or [("train", 1)]]
    # A list is a loader, and a quick one.
    loaders = [BATCHES[: case["iters_per_epoch"]]] * len(workflow)
    if resume:
        first = scheduled_runner({**case, **resume.get("first", {})})
        first.register_hook(SaveAt("max_epochs" in case["runner"], resume["at"], folder), "LOWEST")
        first.run(loaders, workflow)
    runner = scheduled_runner(case)
    recorder = CurveRecorder()
    runner.register_hook(recorder, "LOWEST")
    if resume:
        runner.resume(f"{folder}/saved.pth", resume_optimizer=resume.get("resume_optimizer", True))
    runner.run(loaders, workflow)
    return recorder


def deviation(case: Mapping[str, Any], key: str, folder: Path) -> str | None:
    """Run a case and tell how it differs from what was recorded, or None where it does not.

    Args:
        case: a recorded case.
        key: `lr` or `mom`, the curve that every case of the file has.
        folder: for checkpoints.
    """
    try:
        found = run_case(case, folder)
    except Exception as error:
        return None if "error" in case else f"{case['id']}: {type(error).__name__}: {error}"
    if "error" in case:
        return f"{case['id']}: should have failed: {case['error']['message']}"
    start = 0
    if case.get("resume"):
        recorded = tuple(case["at"][0])
        # An iteration runner's file says how many iterations are done; nothing is repeated as it was in MMCV.
        start = found.at[0][1] - recorded[1]
        if start != int("max_iters" in case["runner"]) or (not start and found.at[0] != recorded):
            return f"{case['id']}: resumed at {found.at[0]}, recorded {recorded}"
    for name, values in (("lr", found.lr), ("mom", found.momentum)):
        if name not in case and name != key:
            continue
        rows = [row if isinstance(row, (list, dict)) else [row] for row in case[name]]
        if values != rows[start:]:
            return f"{case['id']}: {name} of {case['runner']} is {values}, recorded {rows[start:]}"
    return None
