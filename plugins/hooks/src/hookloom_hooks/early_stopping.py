"""Ending a run when its evaluations no longer improve."""

from __future__ import annotations

import math
from typing import Any

import attrs
import torch.distributed as dist

from core import EvalHook
from core.errors import HookError, OptionError
from core.hooks.base import Hook
from core.hooks.best_score import Rule, UnknownRuleError, infer_rule
from core.hooks.define import hook
from core.hooks.options import is_number, one_of, positive_int
from core.hooks.protocol import Runner
from core.suggest import did_you_mean


def _check_rule(instance: EarlyStoppingHook, attribute: attrs.Attribute[Any], value: Any) -> None:
    one_of(None, "greater", "less")(instance, attribute, value)
    if value is None:
        _rule_of(instance.monitor)


def _rule_of(monitor: str) -> Rule:
    try:
        return infer_rule(monitor)
    except UnknownRuleError as error:
        raise OptionError(str(error).removeprefix("save_best: ")) from error


def _not_negative(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not (is_number(value) and value >= 0):
        raise OptionError(f"{attribute.name} must be 0 or more, got {value!r}")


@hook
class EarlyStoppingHook(Hook):
    """Stop the run, as a success, when a metric of its evaluations has not improved for a while.

    The epoch (on an iteration-based runner: the iteration) is finished and the last state saved, if the
    checkpoint hook saves last states. Of several processes the first one decides for all. A resumed run
    remembers the best value and how long it stands.

    Args:
        monitor: the metric, as the dataset's `evaluate` names it.
        rule: `greater` or `less`: which is better; None tells it from the metric's name, as `save_best` does.
        min_delta: by how much more than this the best value must be beaten to count as improved.
        patience: evaluations in a row without improvement after which the run stops.
        stopping_threshold: a value that is good enough: reaching it stops the run; None for none.
        check_finite: whether an infinite value, or one that is not a number, stops the run; else it counts
            as not improved.

    Raises:
        OptionError: if an option is out of its range, or the metric's name tells no direction.
    """

    monitor: str
    rule: Rule | None = attrs.field(default=None, validator=_check_rule)
    min_delta: float = attrs.field(default=0.0, validator=_not_negative)
    patience: int = attrs.field(default=5, validator=positive_int)
    stopping_threshold: float | None = None
    check_finite: bool = True
    best_score: float | None = attrs.field(default=None, init=False)
    wait: int = attrs.field(default=0, init=False)  # evaluations since the best one
    last_score: float | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.rule = self.rule or _rule_of(self.monitor)

    def before_run(self, runner: Runner) -> None:
        """Stop at once a resumed run that had come to its end."""
        reason = self._verdict()
        if reason is not None:
            runner.stop(reason)

    def after_evaluation(self, runner: Runner) -> None:
        """Judge the newest value of the metric.

        Raises:
            HookError: if the evaluation does not give the metric, or it is no number.
        """
        found = [self._read(runner) if runner.rank == 0 else None]
        if runner.world_size > 1 and dist.is_initialized():
            dist.broadcast_object_list(found)
        score = found[0]
        if score is None:
            return
        self.last_score = score
        if self._improves(score):
            self.best_score, self.wait = score, 0
        else:
            self.wait += 1
        reason = self._verdict()
        if reason is not None:
            runner.stop(reason)

    def after_run(self, runner: Runner) -> None:
        """Say so if no evaluation of the run gave the metric."""
        if self.last_score is None:
            runner.logger.warning("early stopping: no evaluation has given %r", self.monitor)

    def _read(self, runner: Runner) -> float | None:
        if self.monitor not in runner.metrics:
            several = sum(isinstance(other, EvalHook) for other in runner.hooks) > 1
            if several or not runner.metrics:
                return None  # another evaluation may give it
            names = ", ".join(runner.metrics)
            hint = did_you_mean(self.monitor, runner.metrics)
            raise HookError(f"early stopping: the evaluation gives no {self.monitor!r} but {names}{hint}")
        value = runner.metrics[self.monitor]
        try:
            return float(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise HookError(f"early stopping: {self.monitor!r} must be a number, got {value!r:.60}") from error

    def _improves(self, score: float) -> bool:
        if not math.isfinite(score) or self.best_score is None:
            return math.isfinite(score)
        gain = score - self.best_score if self.rule == "greater" else self.best_score - score
        return gain > self.min_delta

    def _verdict(self) -> str | None:
        """Return why the run is to stop after the last value, or None."""
        score, limit = self.last_score, self.stopping_threshold
        if score is None:
            return None
        if self.check_finite and not math.isfinite(score):
            return f"early stopping: {self.monitor} is {score}"
        if limit is not None and (score >= limit if self.rule == "greater" else score <= limit):
            return f"early stopping: {self.monitor} is {score:.6g} and has reached {limit:g}"
        if self.wait < self.patience:
            return None
        than = "" if self.best_score is None else f" on {self.best_score:.6g}"
        by = f" by more than {self.min_delta:g}" if self.min_delta else ""
        return f"early stopping: {self.monitor} has not improved{than}{by} in {self.wait} evaluations"

    def state_dict(self) -> dict[str, Any]:
        """Return the best value so far, of which metric it is, and how long it stands."""
        return {
            "monitor": self.monitor,
            "rule": self.rule,
            "best_score": self.best_score,
            "wait": self.wait,
            "last_score": self.last_score,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the best value of a resumed run, unless it was that of another metric.

        Args:
            state: as `state_dict` returned it.
        """
        if (state["monitor"], state["rule"]) == (self.monitor, self.rule):
            self.best_score, self.wait, self.last_score = state["best_score"], state["wait"], state["last_score"]
