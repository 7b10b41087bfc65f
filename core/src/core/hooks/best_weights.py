"""Keeping the best weights of a run: the score so far, the file that has it, and the file it replaces."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

from core.checkpoint import remove_checkpoint
from core.errors import HookError
from core.hooks.base import Hook
from core.hooks.best_score import GREATER_KEYS, LESS_KEYS, Rule, infer_rule, is_better
from core.hooks.checkpoint import DISK, on_first, settle_out_dir
from core.hooks.protocol import Runner


class BestWeightsHook(Hook):
    """The part of an evaluation hook that keeps the best weights.

    `save_best`, `rule`, `key_indicator`, `out_dir` and `best_ckpt_path` are MMCV's names.
    """

    # Subclasses of MMCV's projects set these.
    _default_greater_keys: Sequence[str] = GREATER_KEYS
    _default_less_keys: Sequence[str] = LESS_KEYS

    save_best: str | None = None
    by_epoch: bool = True
    out_dir: str | None = None
    greater_keys: Sequence[str] = ()
    less_keys: Sequence[str] = ()
    rule: Rule | None = None
    key_indicator: str | None = None
    best_score: int | float | None = None
    best_ckpt_path: str | None = None
    _replaces: str | None = None  # the former file, while that which takes its place is being written
    _resumed: dict[str, Any] | None = None
    _settled: str | None = None

    def _init_rule(self, rule: Rule | None, key_indicator: str) -> None:
        if rule is None and key_indicator != "auto":
            rule = infer_rule(key_indicator, self.greater_keys, self.less_keys)
        self.rule = rule
        self.key_indicator = key_indicator

    def before_run(self, runner: Runner) -> None:
        """Settle where the best weights go, and recall those of a resumed run.

        Raises:
            WriteError: if the folder cannot be made.
        """
        if self.save_best is None:
            return
        if self.out_dir is None or self.out_dir != self._settled:  # a second run finds it settled
            self.out_dir = self._settled = settle_out_dir(self.out_dir, runner)
        folder = self.out_dir
        on_first(runner, lambda: runner.writer.settle(folder))
        if self.out_dir != runner.work_dir:
            runner.logger.info("The best checkpoint will be saved to %s by %s", self.out_dir, DISK)
        if runner.meta is None:
            runner.meta = {}
        self._recall(runner, runner.meta.setdefault("hook_msgs", {}))

    def _recall(self, runner: Runner, messages: dict[str, Any]) -> None:
        """Go on with the best score of a resumed run, unless it was that of another metric."""
        saved, self._resumed = self._resumed, None
        if saved is None:  # a new run, or a checkpoint of MMCV
            self.best_score, self.best_ckpt_path = messages.get("best_score"), messages.get("best_ckpt")
            return
        metric, rule = saved["key_indicator"], saved["rule"]
        if self.key_indicator == "auto" and metric != "auto":
            self._init_rule(self.rule, metric)
        if (metric, rule) == (self.key_indicator, self.rule):
            self.best_score, self.best_ckpt_path = saved["best_score"], saved["best_ckpt"]
            if runner.rank == 0 and saved.get("replaces"):
                self._finish(saved["replaces"], saved["best_ckpt"], runner.logger)
        elif saved["best_score"] is not None:
            runner.logger.info(
                "save_best is %s (%s is better) now: the best %s so far, %g, does not count",
                self.key_indicator,
                self.rule,
                metric,
                saved["best_score"],
            )

    def _finish(self, old: str, new: str, logger: logging.Logger) -> None:
        """Remove what a run that was killed just after it had saved may not have come to."""
        old, new = (os.path.join(str(self.out_dir), os.path.basename(path)) for path in (old, new))
        if os.path.isfile(new) and os.path.isfile(old):
            _remove(old, new, logger)

    def state_dict(self) -> dict[str, Any]:
        """Return the best score so far, of which metric it is, and its file."""
        if self.save_best is None:
            return {}
        return {
            "key_indicator": self.key_indicator,
            "rule": self.rule,
            "best_score": self.best_score,
            "best_ckpt": self.best_ckpt_path,
            **({} if self._replaces is None else {"replaces": self._replaces}),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the best score of a resumed run, when it begins.

        Args:
            state: as `state_dict` returned it.
        """
        if self.save_best is not None and state:
            self._resumed = dict(state)

    def _save_ckpt(self, runner: Runner, key_score: Any) -> None:
        """Save the run if its score is the best so far; None is no score."""
        if key_score is None:
            return
        if runner.meta is None or self.rule is None or self.key_indicator is None:
            raise HookError("save_best needs before_run to have been called")
        score = as_score(key_score, self.key_indicator)
        if not is_better(self.rule, score, self.best_score):
            return
        unit, number = ("epoch", runner.epoch + 1) if self.by_epoch else ("iter", runner.iter + 1)
        previous, folder = self.best_ckpt_path, str(self.out_dir)
        name = f"best_{self.key_indicator}_{unit}_{number}.pth".replace("/", "_").replace(os.sep, "_")
        messages = runner.meta.setdefault("hook_msgs", {})
        # The file itself shall say that it is the best.
        messages["best_score"] = self.best_score = score
        messages["best_ckpt"] = self.best_ckpt_path = os.path.join(folder, name)
        if runner.rank != 0:
            return
        template = name.replace("{", "{{").replace("}", "}}")
        self._replaces = previous
        try:
            runner.save_checkpoint(folder, filename_tmpl=template, create_symlink=False)
        finally:
            self._replaces = None
        # Only then, since a crash in between must not leave the run without any.
        runner.writer.later(lambda: _remove(_found(previous, folder), os.path.join(folder, name), runner.logger))
        runner.logger.info("Now best checkpoint is saved as %s.", name)
        runner.logger.info("Best %s is %.4f at %d %s.", self.key_indicator, score, number, unit)


def as_score(value: Any, metric: str) -> int | float:
    """Return a metric as a plain number, as it goes into checkpoints.

    Args:
        value: a number of Python or numpy, or a tensor with one.
        metric: its name, for the error.

    Raises:
        HookError: if it is no number.
    """
    number = value
    if hasattr(value, "item"):
        try:
            number = value.item()
        except (RuntimeError, ValueError):
            number = None  # an array with several
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise HookError(f"save_best: {metric!r} must be a number, the dataset gives {value!r:.60}")
    return number


def _remove(old: str | None, new: str, logger: logging.Logger) -> None:
    if old is not None and old != new and remove_checkpoint(old, logger):
        logger.info("The previous best checkpoint %s was removed", old)


def _found(previous: str | None, folder: str) -> str | None:
    """Return the recorded path, or the same name in the present folder, to which the run may have been moved."""
    if not previous:
        return None
    here = os.path.join(folder, os.path.basename(previous))
    return next((path for path in (previous, here) if os.path.isfile(path)), None)
