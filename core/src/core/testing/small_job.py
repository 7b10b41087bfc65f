"""A training job of nine iterations for trying hooks: a net with dropout and batch statistics, and evaluations."""

from __future__ import annotations

import contextlib
import logging
import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import torch
from torch import Tensor, nn

from core.data.loader import build_dataloader
from core.errors import HookError
from core.hooks.base import Hook
from core.hooks.evaluation import EvalHook
from core.hooks.iter_timer import IterTimerHook
from core.hooks.logger import LoggerHook
from core.hooks.optimizer import OptimizerHook
from core.hooks.priority import get_priority
from core.runner.epoch_based import EpochBasedRunner
from core.runner.iter_based import IterBasedRunner

EPOCHS, ITERS, BATCH = 3, 3, 4
SILENT = logging.Logger("core.testing")
SILENT.addHandler(logging.NullHandler())
Kind = type[EpochBasedRunner] | type[IterBasedRunner]


class Points(torch.utils.data.Dataset[dict[str, Tensor]]):
    """Twelve samples of a line; evaluations answer with scores that depend on the weights alone."""

    CLASSES = ("line",)

    def __len__(self) -> int:
        return ITERS * BATCH

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        x = torch.linspace(-1, 1, 4) * (index + 1)
        return {"x": x + 0.1 * torch.randn(4), "y": x.sum()}

    def evaluate(self, results: list[Any], logger: Any = None, **options: Any) -> dict[str, float]:
        """Return scores by the usual names."""
        mean = float(torch.stack([torch.as_tensor(one).double().mean() for one in results]).mean())
        return {"accuracy": 0.5 + 0.4 * math.tanh(mean), "loss": math.exp(-mean)}


class Net(nn.Module):
    """Two layers, with random numbers in training and statistics of the batches."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.norm = nn.BatchNorm1d(6)
        self.drop = nn.Dropout(0.3)
        self.last = nn.Linear(6, 1)

    def forward(self, x: Tensor, y: Tensor, return_loss: bool = True) -> Any:
        """Return the loss by name, or what is predicted."""
        found = self.last(self.drop(torch.tanh(self.norm(self.first(x))))).squeeze(-1)
        return {"loss": (found - y).square().mean()} if return_loss else found


class Wrapper(nn.Module):
    """A model inside another one, as DistributedDataParallel has it."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Ask the inner model."""
        return self.module(*args, **kwargs)


class _EndedError(Exception):
    """A run has come as far as it was to come."""


class FailingError(RuntimeError):
    """The failure of a run that is made to fail."""


@attrs.define
class Job:
    """How a hook is run.

    Args:
        folder: the work directory.
        kind: the runner.
        validates: whether each epoch is followed by a validation phase.
        wrapped: whether the model stands in a wrapper.
        fails_at: the iteration, from 0, in which the run fails; None for none.
        saves_at: the iteration after which a checkpoint `saved.pth` is written; None for none.
        resumes: whether the run goes on with that checkpoint.
        ends_at: the iteration after which the run is cut short.
        rank: of the process that the run takes itself for.
        watch: a further hook, called before the loggers.
    """

    folder: Path
    kind: Kind = EpochBasedRunner
    validates: bool = False
    wrapped: bool = False
    fails_at: int | None = None
    saves_at: int | None = None
    resumes: bool = False
    ends_at: int | None = None
    rank: int = 0
    watch: Hook | None = None

    def runner(self, *hooks: Any) -> Any:
        """Build the runner with the hooks of the job and those under test."""
        torch.manual_seed(1)
        model: nn.Module = Wrapper(Net()) if self.wrapped else Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        by_epoch = self.kind is EpochBasedRunner
        length: dict[str, Any] = {"max_epochs": EPOCHS} if by_epoch else {"max_iters": EPOCHS * ITERS}
        runner: Any = self.kind(
            model=model, optimizer=optimizer, work_dir=str(self.folder), logger=SILENT, meta={}, **length
        )
        if self.rank:
            runner._rank, runner._world_size = self.rank, self.rank + 1
        runner.register_hook(IterTimerHook(), 70)
        if not any(isinstance(hook, OptimizerHook) for hook in hooks):
            runner.register_hook(OptimizerHook(), 40)
        if not self.rank:
            every = 1 if by_epoch else ITERS
            runner.register_hook(EvalHook(loader(train=False), interval=every, by_epoch=by_epoch), 70)
        if self.watch is not None:
            runner.register_hook(self.watch, 80)
        for hook in hooks:
            runner.register_hook(hook, priority_of(hook))
        runner.register_hook(_Events(self), 100)
        if self.resumes:
            runner.resume(str(self.folder / "saved.pth"))
        return runner

    def run(self, *hooks: Any) -> Any:
        """Run the job with some hooks and return its runner."""
        runner = self.runner(*hooks)
        if self.kind is EpochBasedRunner:
            workflow = [("train", 1), *([("val", 1)] if self.validates else [])]
        else:
            workflow = [("train", ITERS), *([("val", 1)] if self.validates else [])]
        with contextlib.suppress(_EndedError):
            runner.run([loader() for _ in workflow], workflow)
        return runner


class _Events(Hook):
    """Saves, stops and fails where a job says so, after every other hook."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def after_train_iter(self, runner: Any) -> None:
        """Save or stop."""
        if runner.iter == self.job.saves_at:
            runner.save_checkpoint(str(self.job.folder), "saved.pth", create_symlink=False)
        if runner.iter == self.job.ends_at:
            raise _EndedError

    def before_train_iter(self, runner: Any) -> None:
        """Fail."""
        if runner.iter == self.job.fails_at:
            raise FailingError("made to fail")


def loader(*, train: bool = True) -> Any:
    """Return the batches of the job."""
    return build_dataloader(Points(), BATCH, 0, shuffle=train, seed=1)


def priority_of(hook: Any) -> int | str:
    """Return where a hook belongs: where it says, or where the runner puts hooks of its kind."""
    if isinstance(hook, OptimizerHook):
        return 40
    default: int | str = "VERY_LOW" if isinstance(hook, LoggerHook) else "NORMAL"
    own = getattr(type(hook), "default_priority", default)
    try:
        get_priority(own)
    except HookError:
        return default  # a check of its own tells of it
    return default if own == "NORMAL" else own


def final(runner: Any) -> dict[str, Tensor]:
    """Return the weights and statistics of a runner's model, without what a hook has added."""
    model = getattr(runner.model, "module", runner.model)
    own = Net().state_dict().keys()
    return {name: value.detach().clone() for name, value in model.state_dict().items() if name in own}


def same_weights(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the weights that differ."""
    return [name for name, value in one.items() if not torch.equal(value, other[name])]


@contextmanager
def work_dir() -> Iterator[Path]:
    """Give a folder that is removed afterwards, and is the current one: some trackers write there."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, contextlib.chdir(folder):
        yield Path(folder).resolve()
