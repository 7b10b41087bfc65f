"""The LR policy `Plateau`: the learning rate falls when a metric of the evaluation stops getting better."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any, Literal

import attrs
import torch

from core import LrUpdaterHook, hook
from core.errors import HookError, OptionError
from core.hooks.best_score import infer_rule
from core.hooks.define import ge
from core.hooks.options import is_int, is_number, one_of
from core.hooks.preflight import Findings, RunFacts
from core.suggest import did_you_mean
from hookloom_optim_extra.lengths import refuse

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


def _from_zero(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not is_int(value) or value < 0:
        raise OptionError(f"{attribute.name} must be a whole number from 0, got {value!r}")


def _below_one(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not is_number(value) or not 0 <= value < 1:
        raise OptionError(f"{attribute.name} must be at least 0 and below 1, got {value!r}")


def _rule(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    one_of(None, "greater", "less")(instance, attribute, value)
    if value is None and isinstance(instance.monitor, str):
        try:
            infer_rule(instance.monitor)
        except HookError as error:
            raise OptionError(str(error).removeprefix("save_best: ")) from error


@hook
class PlateauLrUpdaterHook(LrUpdaterHook):
    """Multiply the learning rate by a factor when a metric has not got better for some evaluations.

    An evaluation is better if its metric beats the best so far by more than the threshold; after more than
    `patience` others in a row, lr = max(lr * factor, min_lr), and `cooldown` evaluations do not count. Each
    evaluation is one `step(metric)` of torch.optim.lr_scheduler.ReduceLROnPlateau, whose numbers these are.

    It is the one policy with a state: how often the lr has been reduced, the best metric, and both counts are in
    every checkpoint. A checkpoint that `checkpoint_config` writes at the end of an epoch is written before the
    evaluation of that epoch, as in MMCV, and knows nothing of its metric.

    Args:
        monitor: the metric, as the dataset's `evaluate` names it.
        rule: `greater` or `less`: which is better; None tells it from the metric's name.
        factor: what the lr is multiplied by, below 1.
        patience: how many evaluations without progress are borne.
        threshold: by how much the metric must beat the best one.
        threshold_mode: whether that is a part of the best metric (`rel`) or a difference (`abs`).
        cooldown: how many evaluations after a reduction do not count.
        min_lr: what the lr does not fall below.
        eps: a reduction by no more than this is left out.
    """

    monitor: str
    rule: Literal["greater", "less"] | None = attrs.field(default=None, validator=_rule)
    factor: float = attrs.field(default=0.1, validator=_below_one)
    patience: int = attrs.field(default=10, validator=_from_zero)
    threshold: float = attrs.field(default=1e-4, validator=ge(0))
    threshold_mode: str = attrs.field(default="rel", validator=one_of("rel", "abs"))
    cooldown: int = attrs.field(default=0, validator=_from_zero)
    min_lr: float = attrs.field(default=0.0, validator=ge(0))
    eps: float = attrs.field(default=1e-8, validator=ge(0))
    reductions: int = attrs.field(default=0, init=False)
    best: float | None = attrs.field(default=None, init=False)
    bad: int = attrs.field(default=0, init=False)
    cooling: int = attrs.field(default=0, init=False)
    _resumed: Mapping[str, Any] | None = attrs.field(default=None, init=False, repr=False)

    @classmethod
    def preflight(cls, options: Mapping[str, Any], run: RunFacts) -> Findings:
        """Refuse a run without evaluation."""
        if not run.evaluates:
            yield "monitor", f"{options['monitor']!r} is never measured: there is no evaluation in this run"

    @property
    def greater(self) -> bool:
        """Whether greater metrics are better."""
        return (self.rule or infer_rule(self.monitor)) == "greater"

    def before_run(self, runner: Runner) -> None:
        """Begin anew, or go on with the state of a resumed run if it is of the same metric."""
        super().before_run(runner)
        refuse(self, runner)
        saved, self._resumed = self._resumed, None
        self.reductions, self.best, self.bad, self.cooling = 0, None, 0, 0
        if saved is None:
            return
        self.reductions = saved["reductions"]
        if (saved["monitor"], saved["greater"]) == (self.monitor, self.greater):
            self.best, self.bad, self.cooling = saved["best"], saved["bad"], saved["cooling"]
        else:
            runner.logger.info("Plateau follows %s now: the best %s does not count", self.monitor, saved["monitor"])

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the base lr after the reductions so far."""
        lr = base_lr
        for _ in range(self.reductions):
            reduced = max(lr * self.factor, self.min_lr)
            if lr - reduced > self.eps:
                lr = reduced
        return lr

    def after_evaluation(self, runner: Runner) -> None:
        """Take in one metric; every process takes that of the first.

        Raises:
            HookError: if the evaluation has no such metric, or it is no number.
        """
        metric = [self._read(runner) if runner.rank == 0 else 0.0]
        if runner.world_size > 1:
            torch.distributed.broadcast_object_list(metric)
        before = self.reductions
        self.step(metric[0])
        if self.reductions > before:
            runner.logger.info("Plateau: %s is no better than %g, the lr falls", self.monitor, self.best)

    def step(self, metric: float) -> None:
        """Count one evaluation."""
        if self._better(metric):
            self.best, self.bad = metric, 0
        else:
            self.bad += 1
        if self.cooling > 0:
            self.cooling -= 1
            self.bad = 0
        if self.bad > self.patience:
            self.reductions += 1
            self.cooling, self.bad = self.cooldown, 0

    def _better(self, metric: float) -> bool:
        best = (-inf if self.greater else inf) if self.best is None else self.best
        if self.threshold_mode == "rel":
            return metric > best * (self.threshold + 1.0) if self.greater else metric < best * (1.0 - self.threshold)
        return metric > best + self.threshold if self.greater else metric < best - self.threshold

    def _read(self, runner: Runner) -> float:
        metrics = {name: value for name, value in runner.log_buffer.output.items() if name != "eval_iter_num"}
        if self.monitor not in metrics:
            hint = did_you_mean(self.monitor, metrics)
            raise HookError(f"Plateau: the evaluation gives no {self.monitor!r} but {', '.join(metrics)}{hint}")
        try:
            return float(metrics[self.monitor])
        except (TypeError, ValueError) as error:
            raise HookError(f"Plateau: {self.monitor!r} is no number: {metrics[self.monitor]!r:.60}") from error

    def state_dict(self) -> dict[str, Any]:
        """Return the reductions so far, the best metric and the counts."""
        return {
            "monitor": self.monitor,
            "greater": self.greater,
            "reductions": self.reductions,
            "best": self.best,
            "bad": self.bad,
            "cooling": self.cooling,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the state of a resumed run, when it begins.

        Args:
            state: as `state_dict` returned it.
        """
        self._resumed = dict(state)
