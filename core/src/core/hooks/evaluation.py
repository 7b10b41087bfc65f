"""Evaluation during training: the model's results go to the dataset, the best weights are kept."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.checkpoint import check_file_client
from core.distributed.together import on_first_process
from core.errors import HookError, OptionError
from core.hooks.best_score import RULES, Rule
from core.hooks.best_weights import BestWeightsHook
from core.hooks.logger import LoggerHook
from core.hooks.options import is_int
from core.hooks.predict import collect_results, keeping_modes, predict
from core.hooks.protocol import Runner
from core.seeding import untouched_rng
from core.suggest import did_you_mean


class EvalHook(BestWeightsHook):
    """Evaluate the model on a loader every `interval` epochs or iterations.

    Args:
        dataloader: whose dataset has `evaluate(results, logger=, **eval_kwargs)`, which answers with a dict
            of metrics.
        start: the first epoch or iteration to evaluate after; a run that begins there or later is
            evaluated before training too. None begins with the first interval.
        interval: epochs or iterations between two evaluations.
        by_epoch: which of the two is counted.
        save_best: the metric whose best weights are kept as `best_<metric>_epoch_N.pth`; `auto` for the
            first one; None for none.
        rule: `greater` or `less`: which is better; None tells it from the metric's name.
        test_fn: `(model, dataloader)` to the list of results; default `core.hooks.predict.predict`.
        greater_keys: names or parts of names of metrics whose greater values are better.
        less_keys: those whose smaller values are.
        out_dir: the folder for the best weights, to which the last part of the work directory's path is
            appended; default the work directory.
        file_client_args: only the local disk is supported.
        **eval_kwargs: passed to `dataset.evaluate`.

    Raises:
        OptionError: if an option is out of its range or the dataset cannot evaluate.
        UnknownRuleError: if `save_best` tells no direction and there is no `rule`.
    """

    def __init__(
        self,
        dataloader: Any,
        start: int | None = None,
        interval: int = 1,
        by_epoch: bool = True,
        save_best: str | None = None,
        rule: Rule | None = None,
        test_fn: Callable[[Any, Any], list[Any]] | None = None,
        greater_keys: str | Sequence[str] | None = None,
        less_keys: str | Sequence[str] | None = None,
        out_dir: str | None = None,
        file_client_args: dict[str, Any] | None = None,
        **eval_kwargs: Any,
    ) -> None:
        _check_loader(dataloader)
        if not is_int(interval) or interval <= 0:
            raise OptionError(f"evaluation interval must be a positive whole number, got {interval!r}")
        if not isinstance(by_epoch, bool):
            raise OptionError(f"by_epoch must be True or False, got {by_epoch!r}")
        if start is not None and (not is_int(start) or start < 0):
            raise OptionError(f"evaluation start must be a whole number from 0, or None, got {start!r}")
        if save_best is not None and not isinstance(save_best, str):
            raise OptionError(f"save_best must be the name of a metric, 'auto' or None, got {save_best!r}")
        if rule not in (None, "greater", "less"):
            raise OptionError(f"rule must be 'greater' or 'less', got {rule!r}{did_you_mean(str(rule), RULES)}")
        check_file_client(file_client_args)
        self.dataloader = dataloader
        self.start = start
        self.interval = interval
        self.by_epoch = by_epoch
        self.save_best = save_best
        self.test_fn = test_fn or predict
        self.greater_keys = _keys("greater_keys", greater_keys, self._default_greater_keys)
        self.less_keys = _keys("less_keys", less_keys, self._default_less_keys)
        self.out_dir = out_dir
        self.eval_kwargs = eval_kwargs
        self.initial_flag = True
        self.rule = rule
        if save_best is not None:
            self._init_rule(rule, save_best)

    def before_train_epoch(self, runner: Runner) -> None:
        """Evaluate before training, if the run begins at or after `start`."""
        if self.by_epoch and self.initial_flag:
            if self.start is not None and runner.epoch >= self.start:
                self.after_train_epoch(runner)
            self.initial_flag = False

    def before_train_iter(self, runner: Runner) -> None:
        """Evaluate before training, if the run begins at or after `start`."""
        if not self.by_epoch and self.initial_flag:
            if self.start is not None and runner.iter >= self.start:
                self.after_train_iter(runner)
            self.initial_flag = False

    def after_train_epoch(self, runner: Runner) -> None:
        """Evaluate, if epochs are counted and one is due."""
        if self.by_epoch and self._should_evaluate(runner):
            self._evaluate_here(runner)

    def after_train_iter(self, runner: Runner) -> None:
        """Evaluate, if iterations are counted and one is due."""
        if not self.by_epoch and self._should_evaluate(runner):
            # The loggers come after this hook: what training has logged must not mix with the metrics.
            for other in runner.hooks:
                if isinstance(other, LoggerHook):
                    other.after_train_iter(runner)
            runner.log_buffer.clear()
            self._evaluate_here(runner)

    def _evaluate_here(self, runner: Runner) -> None:
        runner.metrics = {}
        runner.call_hook("before_evaluation")
        with runner.evaluation_weights(), keeping_modes(runner.model):
            self._do_evaluate(runner)
        runner.call_hook("after_evaluation")

    def state_dict(self) -> dict[str, Any]:
        """Return the best score so far, and whether the evaluation before training is over."""
        state = super().state_dict()
        return state if self.start is None else {**state, "initial_flag": self.initial_flag}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned, when a resumed run begins.

        Args:
            state: the saved mapping.
        """
        self.initial_flag = state.get("initial_flag", self.initial_flag)
        super().load_state_dict({key: value for key, value in state.items() if key != "initial_flag"})

    def _should_evaluate(self, runner: Runner) -> bool:
        done = (runner.epoch if self.by_epoch else runner.iter) + 1
        if self.start is None:
            return done % self.interval == 0
        return done >= self.start and (done - self.start) % self.interval == 0

    def _do_evaluate(self, runner: Runner) -> None:
        # Random test pipelines must not change what training draws next, or a resumed run would differ.
        with untouched_rng():
            results = self.test_fn(runner.model, self.dataloader)
        self._judge(runner, results)

    def _judge(self, runner: Runner, results: list[Any]) -> None:
        runner.log_buffer.output["eval_iter_num"] = len(self.dataloader)
        with untouched_rng():
            score = self.evaluate(runner, results)
        if self.save_best is not None:
            self._save_ckpt(runner, score)

    def evaluate(self, runner: Runner, results: list[Any]) -> Any:
        """Have the dataset judge the results, log its metrics, and return the one `save_best` names.

        Raises:
            HookError: if that metric is not among them, or the dataset answers with something else.
        """
        dataset = self.dataloader.dataset
        metrics = dataset.evaluate(results, logger=runner.logger, **self.eval_kwargs)
        if not isinstance(metrics, Mapping):
            raise HookError(
                f"{type(dataset).__name__}.evaluate must answer with a dict of metrics, got {type(metrics).__name__}"
            )
        runner.metrics = dict(metrics)
        runner.log_buffer.output.update(metrics)
        runner.log_buffer.ready = True
        if self.save_best is None:
            return None
        if not metrics:
            warnings.warn("the dataset answered without metrics: no best weights are kept this time", stacklevel=2)
            return None
        if self.key_indicator == "auto":
            self._init_rule(self.rule, next(iter(metrics)))
        if self.key_indicator not in metrics:
            hint = did_you_mean(str(self.key_indicator), metrics)
            raise HookError(f"save_best: the dataset gives no {self.key_indicator!r} but {', '.join(metrics)}{hint}")
        return metrics[self.key_indicator]


class DistEvalHook(EvalHook):
    """Evaluate on several processes, each on its part of the data; the first one judges.

    Args:
        dataloader: whose sampler gives this process its part, in turns.
        broadcast_bn_buffer: whether the running statistics of the first process are used by all.
        tmpdir: taken over from MMCV; results travel through the process group instead.
        gpu_collect: without effect, as `tmpdir`.
        **kwargs: the options of `EvalHook`.
    """

    state_id = "core.hooks.evaluation.EvalHook"  # which a run with another number of processes has in its place

    def __init__(
        self,
        dataloader: Any,
        start: int | None = None,
        interval: int = 1,
        by_epoch: bool = True,
        save_best: str | None = None,
        rule: Rule | None = None,
        test_fn: Callable[[Any, Any], list[Any]] | None = None,
        greater_keys: str | Sequence[str] | None = None,
        less_keys: str | Sequence[str] | None = None,
        broadcast_bn_buffer: bool = True,
        tmpdir: str | None = None,
        gpu_collect: bool = False,
        out_dir: str | None = None,
        file_client_args: dict[str, Any] | None = None,
        **eval_kwargs: Any,
    ) -> None:
        super().__init__(
            dataloader,
            start=start,
            interval=interval,
            by_epoch=by_epoch,
            save_best=save_best,
            rule=rule,
            test_fn=test_fn,
            greater_keys=greater_keys,
            less_keys=less_keys,
            out_dir=out_dir,
            file_client_args=file_client_args,
            **eval_kwargs,
        )
        self.broadcast_bn_buffer = broadcast_bn_buffer
        self.tmpdir = tmpdir
        self.gpu_collect = gpu_collect

    def _do_evaluate(self, runner: Runner) -> None:
        with untouched_rng():
            results = collect_results(
                runner.model, self.dataloader, self.test_fn, broadcast_buffers=self.broadcast_bn_buffer
            )
        if self.save_best is not None:
            runner.collect_generators()  # every process comes here, and only the first one learns whether it saves
        on_first_process(lambda: self._judge(runner, results))


def _check_loader(dataloader: Any) -> None:
    if not hasattr(dataloader, "dataset"):
        raise OptionError(f"dataloader must be a DataLoader, got {type(dataloader).__name__}")
    if not callable(getattr(dataloader.dataset, "evaluate", None)):
        raise OptionError(
            f"{type(dataloader.dataset).__name__} cannot be evaluated on: it has no evaluate(results, **kw)"
        )


def _keys(name: str, given: str | Sequence[str] | None, default: Sequence[str]) -> tuple[str, ...]:
    keys = default if given is None else (given,) if isinstance(given, str) else given
    if not isinstance(keys, Sequence) or not all(isinstance(key, str) for key in keys):
        raise OptionError(f"{name} must be a text or a list of texts, got {given!r}")
    return tuple(keys)
