"""Running the recorded cases of learning-rate and momentum curves."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import golden_models
import torch

from core.hooks.base import Hook
from core.registries import RUNNERS

BATCHES = [torch.tensor([i]) for i in range(7)]
SILENT = logging.getLogger("golden.silent")
SILENT.setLevel(logging.CRITICAL + 1)


class Recorder(Hook):
    """Reads every parameter group in `before_train_iter`, and saves a checkpoint where a case wants one."""

    def __init__(self, save_at: tuple[str, int, str] | None = None) -> None:
        self.lr: list[Any] = []
        self.momentum: list[Any] = []
        self.at: list[tuple[int, int]] = []
        self.save_at = save_at

    def before_train_iter(self, runner: Any) -> None:
        self.at.append((runner.epoch, runner.iter))
        self.lr.append(_read(runner.optimizer, lambda group: group["lr"]))
        self.momentum.append(_read(runner.optimizer, _momentum))

    def after_train_iter(self, runner: Any) -> None:
        self._save(runner, "iter", runner.iter + 1)

    def after_train_epoch(self, runner: Any) -> None:
        self._save(runner, "epoch", runner.epoch + 1)

    def _save(self, runner: Any, what: str, number: int) -> None:
        if self.save_at is not None and self.save_at[:2] == (what, number):
            runner.save_checkpoint(self.save_at[2], filename_tmpl="saved.pth", create_symlink=False)


def _momentum(group: dict[str, Any]) -> Any:
    if "betas" in group:
        return list(group["betas"])
    return group.get("momentum")


def _read(optimizer: Any, of_group: Any) -> Any:
    if isinstance(optimizer, dict):
        return {name: [of_group(group) for group in one.param_groups] for name, one in optimizer.items()}
    return [of_group(group) for group in optimizer.param_groups]


def _one_optimizer(cfg: Mapping[str, Any], params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    options = {key: value for key, value in cfg.items() if key not in ("type", "groups")}
    groups = [{"params": [param], **group} for param, group in zip(params, cfg["groups"], strict=True)]
    return getattr(torch.optim, cfg["type"])(groups, **options)


def make_runner(case: Mapping[str, Any]) -> Any:
    """Build the runner of a case, with its schedule hooks, on a model of one parameter per group."""
    several = case["optimizer"] if "type" not in case["optimizer"] else {"": case["optimizer"]}
    model = golden_models.Dummy(sum(len(cfg["groups"]) for cfg in several.values()))
    waiting = list(model.parameters())
    optimizers = {}
    for name, cfg in several.items():
        count = len(cfg["groups"])
        optimizers[name], waiting = _one_optimizer(cfg, waiting[:count]), waiting[count:]
    options = dict(case["runner"])
    runner = RUNNERS.get(options.pop("type"))(
        model=model, optimizer=optimizers.get("", optimizers), logger=SILENT, meta={}, **options
    )
    runner.register_training_hooks(
        lr_config=case["lr_config"], momentum_config=case.get("momentum_config"), timer_config=None
    )
    return runner


def run(case: Mapping[str, Any], folder: Path | None = None) -> Recorder:
    """Run a case to its end and return what its last runner showed.

    Args:
        case: a recorded case.
        folder: where the first run of a resumed case saves.
    """
    resume = case.get("resume")
    workflow = [tuple(entry) for entry in case.get("workflow") or [("train", 1)]]
    loaders = [BATCHES[: case["iters_per_epoch"]]] * len(workflow)
    if resume:
        first = make_runner({**case, **resume.get("first", {})})
        kind = "epoch" if "max_epochs" in case["runner"] else "iter"
        first.register_hook(Recorder((kind, resume["at"], str(folder))), "LOWEST")
        first.run(loaders, workflow)
    runner = make_runner(case)
    recorder = Recorder()
    runner.register_hook(recorder, "LOWEST")
    if resume:
        runner.resume(f"{folder}/saved.pth", resume_optimizer=resume.get("resume_optimizer", True))
    runner.run(loaders, workflow)
    return recorder


def seen(recorded: list[Any]) -> list[Any]:
    """Return recorded rows in one shape: a list per iteration, also for a single group."""
    return [row if isinstance(row, (list, dict)) else [row] for row in recorded]
