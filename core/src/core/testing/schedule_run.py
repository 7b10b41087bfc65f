"""Runs of twenty iterations that record what an updater sets in each of them."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import torch

from core.errors import HookloomError
from core.hooks.base import Hook
from core.hooks.evaluation import EvalHook
from core.runner.epoch_based import EpochBasedRunner
from core.testing.check import NotApplicable
from core.testing.construction import fresh
from core.testing.small_job import SILENT, loader

EPOCHS, PER_EPOCH = 4, 5
ITERS = EPOCHS * PER_EPOCH
BASES = (0.8, 0.5)
BATCHES = [torch.tensor([float(number)]) for number in range(PER_EPOCH)]
OWN = {"lr": ("lr", "initial_lr"), "momentum": ("momentum", "initial_momentum", "betas")}


class Weights(torch.nn.Module):
    """A model of one number for each parameter group."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.numbers = torch.nn.ParameterList([torch.nn.Parameter(torch.ones(())) for _ in range(count)])

    def forward(self, x: Any = None, y: Any = None, return_loss: bool = True) -> Any:
        """Return a loss, or as many predictions as there are inputs."""
        total = torch.stack(list(self.numbers)).sum()
        return total if return_loss else [total]


class Watch(Hook):
    """Notes what the groups hold in every iteration, before the step, and saves where it is told to."""

    def __init__(self, subject: ScheduleSubject, hook: Any, twice: bool, save: tuple[Path, int] | None) -> None:
        self.subject, self.hook, self.twice, self.save = subject, hook, twice, save
        self.values: list[list[float]] = []
        self.iterations: list[int] = []
        self.differing: list[int] = []
        self.others: list[str] = []
        self.replaced = ""
        self._before: list[dict[str, Any]] = []

    def before_run(self, runner: Any) -> None:
        """Note what the groups begin with."""
        self._before = [dict(group) for group in _groups(runner)]

    def before_train_iter(self, runner: Any) -> None:
        """Note what is set."""
        groups = _groups(runner)
        self.iterations.append(runner.iter)
        self.values.append([self.subject.read(group) for group in groups])
        if self.twice:
            answers = [_flat(getattr(self.hook, f"get_regular_{self.subject.quantity}")(runner)) for _ in range(2)]
            if answers[0] != answers[1] or (self.hook.warmup is None and answers[0] != self.values[-1]):
                self.differing.append(runner.iter)
        for now, before in zip(groups, self._before, strict=True):
            own = OWN[self.subject.quantity]
            self.others += [name for name in now if name not in own and not _same(now[name], before.get(name))]
            if isinstance(before["lr"], torch.Tensor) and now["lr"] is not before["lr"]:
                self.replaced = type(now["lr"]).__name__

    def after_train_iter(self, runner: Any) -> None:
        """Save a checkpoint and stop, where that is wanted."""
        if self.save is not None and runner.iter + 1 == self.save[1]:
            runner.save_checkpoint(str(self.save[0]), "saved.pth", create_symlink=False)
            runner.stop("the check has seen enough")


@attrs.frozen(eq=False)
class ScheduleSubject:
    """An updater under test.

    Args:
        target: the class.
        quantity: `lr` or `momentum`: what it sets.
        given: its options, or a function that returns them.
        label: its name in reports.
    """

    target: Callable[..., Any]
    quantity: str
    given: Mapping[str, Any] | Callable[[], Mapping[str, Any]] = attrs.field(factory=dict)
    label: str = attrs.field(default=attrs.Factory(lambda self: self.target.__name__, takes_self=True))

    @property
    def kind(self) -> str:
        """What it is."""
        return "LR updater" if self.quantity == "lr" else "momentum updater"

    def options(self) -> dict[str, Any]:
        """Return its options, which nothing else holds."""
        return fresh(self.given)

    def build(self, **changes: Any) -> Any:
        """Build it, with options in the place of its usual ones."""
        return self.target(**{**self.options(), **changes})

    def variants(self) -> Iterator[dict[str, Any]]:
        """Yield options for counting epochs and iterations, as far as it takes both and is not told which.

        Raises:
            NotApplicable: if it takes neither.
        """
        if "by_epoch" in self.options() or "by_epoch" not in inspect.signature(self.target).parameters:
            yield {}
            return
        taken = []
        for by_epoch in (True, False):
            try:
                self.build(by_epoch=by_epoch)
            except (HookloomError, ValueError):
                continue
            taken.append({"by_epoch": by_epoch})
        if not taken:
            raise NotApplicable("it can be built neither with by_epoch=True nor with by_epoch=False")
        yield from taken

    def read(self, group: Mapping[str, Any]) -> float:
        """Return the value that a parameter group has."""
        if self.quantity == "lr":
            return float(group["lr"])
        return float(group["momentum"] if "momentum" in group else group["betas"][0])

    def run(
        self,
        *,
        hook: Any = None,
        bases: Sequence[float] = BASES,
        several: bool = False,
        elsewhere: bool = False,
        twice: bool = False,
        resume_after: int | None = None,
        **changes: Any,
    ) -> Watch:
        """Run it and return what was seen.

        Args:
            hook: the updater; None builds one.
            bases: what each group begins with.
            several: whether each group has an optimizer of its own.
            elsewhere: whether the lr is a tensor, or the momentum the first of two betas.
            twice: whether it is asked twice in every iteration.
            resume_after: how many iterations an earlier run had done, whose checkpoint is resumed.
            **changes: options.
        """
        with tempfile.TemporaryDirectory() as folder:
            if resume_after is not None:
                first = self._runner(
                    self.build(**changes), bases, several, elsewhere, False, (Path(folder), resume_after)
                )
                first.run([BATCHES], [("train", 1)])
            runner = self._runner(hook or self.build(**changes), bases, several, elsewhere, twice, None)
            if resume_after is not None:
                runner.resume(f"{folder}/saved.pth")
            runner.run([BATCHES], [("train", 1)])
        watch: Watch = runner.hooks[-1]
        return watch

    def _runner(
        self, hook: Any, bases: Sequence[float], several: bool, elsewhere: bool, twice: bool, save: Any
    ) -> EpochBasedRunner:
        model = Weights(len(bases))
        groups = [self._group(number, base, elsewhere) for number, base in zip(model.numbers, bases, strict=True)]
        kind: Any = torch.optim.AdamW if elsewhere else torch.optim.SGD
        made: Any = {str(n): kind([group]) for n, group in enumerate(groups)} if several else kind(groups)
        runner = EpochBasedRunner(model=model, optimizer=made, logger=SILENT, meta={}, max_epochs=EPOCHS)
        runner.register_hook(hook, 10 if self.quantity == "lr" else 30)
        if hasattr(hook, "after_evaluation"):
            runner.register_hook(EvalHook(loader(train=False)), 70)
        runner.register_hook(Watch(self, hook, twice, save), 100)
        return runner

    def _group(self, number: Any, base: float, elsewhere: bool) -> dict[str, Any]:
        if self.quantity == "lr":
            return {"params": [number], "lr": torch.tensor(base, dtype=torch.float64) if elsewhere else base}
        value = {"betas": (base, 0.9)} if elsewhere else {"momentum": base}
        return {"params": [number], "lr": 0.1, **value}


def _groups(runner: Any) -> list[dict[str, Any]]:
    several = runner.optimizer.values() if isinstance(runner.optimizer, dict) else [runner.optimizer]
    return [group for optimizer in several for group in optimizer.param_groups]


def _flat(values: Any) -> list[float]:
    return [value for group in values.values() for value in group] if isinstance(values, dict) else list(values)


def _same(one: Any, other: Any) -> bool:
    return one is other or bool(one == other)
