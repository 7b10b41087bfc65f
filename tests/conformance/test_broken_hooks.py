"""Hooks and loggers with one mistake each: the check of that mistake finds it, and no other does."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch

from core import Hook, LoggerHook, hook
from core.testing import check_hook, check_logger_hook, hook_checks, logger_hook_checks, run_checks


@hook
class Good(Hook):
    """Counts iterations."""

    every: int = 2
    count: int = attrs.field(default=0, init=False)

    def before_run(self, runner: Any) -> None:
        self.count = runner.iter

    def before_train_iter(self, runner: Any) -> None:
        self.look(runner)

    def after_train_iter(self, runner: Any) -> None:
        self.count += 1

    def look(self, runner: Any) -> None:
        pass

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count}


class TakesAnything(Hook):
    def __init__(self, **options: Any) -> None:
        self.options = options


@hook
class Alters(Good):
    names: list[str] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.names.append("more")


class Single(Good):
    made: Any = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        cls.made = cls.made or super().__new__(cls)
        return cls.made


class Misspelt(Good):
    def after_trian_iter(self, runner: Any) -> None:
        """Be never called."""


class TakesTwo(Good):
    def after_val_epoch(self, runner: Any, other: Any) -> None:
        """Be called with one."""


class NoSuchPriority(Good):
    default_priority = "FIRST"


class NeedsTheModelItself(Good):
    def before_run(self, runner: Any) -> None:
        super().before_run(runner)
        runner.model.first.weight.shape  # noqa: B018


class NeedsEpochs(Good):
    def look(self, runner: Any) -> None:
        if runner.max_epochs is None and runner.iter == 4:
            raise TypeError("no epochs")


class KeepsObjects(Good):
    def state_dict(self) -> dict[str, Any]:
        return {"lock": object()}


class Forgets(Good):
    def before_run(self, runner: Any) -> None:
        """Begin where the object was: at 0 after a resume."""


class Draws(Good):
    def look(self, runner: Any) -> None:
        random.random()


class Nudges(Good):
    def after_train_iter(self, runner: Any) -> None:
        super().after_train_iter(runner)
        next(runner.model.parameters()).data.add_(1e-3)


class Once(Good):
    ended = False

    def before_run(self, runner: Any) -> None:
        super().before_run(runner)
        if self.ended:
            raise RuntimeError("used up")

    def after_run(self, runner: Any) -> None:
        self.ended = True


class Masks(Good):
    def on_exception(self, runner: Any, error: BaseException) -> None:
        raise RuntimeError("while cleaning up")


class Reads(Good):
    def look(self, runner: Any) -> None:
        next(runner.model.parameters()).sum().item()


BROKEN: list[tuple[Callable[..., Any], str, dict[str, Any]]] = [
    (TakesAnything, "unknown_keyword", {}),
    (Alters, "options_untouched", {"names": ["one"]}),
    (Single, "construction", {}),
    (NoSuchPriority, "priority", {}),
    (NeedsTheModelItself, "epochs", {}),
    (NeedsEpochs, "iterations", {}),
    (KeepsObjects, "state_is_data", {}),
    (Forgets, "resume", {}),
    (Draws, "random_numbers", {}),
    (Nudges, "weights", {}),
    (Once, "two_runs", {}),
    (Masks, "failed_run", {}),
    (Reads, "no_waiting", {}),
]
SEVERAL_RUNS = {"epochs", "iterations", "resume", "two_runs"}


def found(target: Any, wanted: str, **options: Any) -> set[str]:
    """Return what fails of all checks but those that take several runs, and of that which should."""
    left_out = SEVERAL_RUNS - {wanted}
    checks = [one for one in hook_checks(target, **options) if one.name not in left_out]
    return {one.check for one in run_checks(checks).failures}


def test_a_good_one_passes() -> None:
    assert str(check_hook(Good)) == "16 checks: 15 passed, 1 skipped"


@pytest.mark.parametrize(("target", "wanted", "options"), BROKEN, ids=lambda one: getattr(one, "__name__", ""))
def test_a_mistake_is_found_by_its_check(target: Any, wanted: str, options: dict[str, Any]) -> None:
    assert found(target, wanted, **options) == {wanted}


@pytest.mark.parametrize("target", [Misspelt, TakesTwo])
def test_what_no_run_survives_is_explained(target: Any) -> None:
    checks = [one for one in hook_checks(target) if one.name in ("points", "epochs")]
    first, second = run_checks(checks).failures
    assert (first.check, second.check) == ("points", "epochs")
    what = "after_trian_iter: no hook point of that name" if target is Misspelt else "after_val_epoch cannot be called"
    assert what in first.found


def test_what_cannot_be_left_out_is_missed() -> None:
    @hook
    class Late(Good):
        monitor: str = attrs.field(kw_only=True)

    class Later(Hook):
        def __init__(self, monitor: str) -> None:
            self.monitor = monitor

        def __new__(cls, monitor: str = "", **rest: Any) -> Any:
            made = super().__new__(cls)
            if not monitor:
                cls.__init__ = lambda self, **options: None  # type: ignore[method-assign]
            return made

    def of(target: Any) -> str:
        checks = [one for one in hook_checks(target, monitor="loss") if one.name == "required_options"]
        return run_checks(checks).results[0].outcome

    assert [of(Late), of(Later)] == ["passed", "failed"]


@hook
class Lines(LoggerHook):
    """Writes records as JSON lines, as a logger should."""

    stream: Any = attrs.field(default=None, init=False)

    def before_run(self, runner: Any) -> None:
        super().before_run(runner)
        if runner.rank == 0:
            self.stream = open(f"{runner.work_dir}/lines", "a")  # noqa: SIM115 - closed by teardown

    def log(self, runner: Any) -> None:
        if self.stream is not None:
            tags = self.get_loggable_tags(runner)
            self.write({"step": self.step(runner), **{name: float(value) for name, value in tags.items()}})

    def step(self, runner: Any) -> int:
        return self.get_iter(runner)

    def write(self, record: dict[str, Any]) -> None:
        self.stream.write(json.dumps(record) + "\n")

    def teardown(self, runner: Any) -> None:
        if self.stream is not None:
            self.stream.close()
            self.stream = None


def read(work_dir: str) -> list[tuple[int, str, float]]:
    records = [json.loads(line) for line in Path(work_dir, "lines").read_text().splitlines()]
    return [(record["step"], name, value) for record in records for name, value in record.items() if name != "step"]


class NoLog(Hook):
    def __init__(self, interval: int = 10) -> None:
        self.interval = interval


class Rounds(Lines):
    def write(self, record: dict[str, Any]) -> None:
        super().write({name: value if name == "step" else round(value, 1) for name, value in record.items()})


class WritesAlways(Lines):
    def after_train_iter(self, runner: Any) -> None:
        runner.log_buffer.average(1)
        self._log_and_reset(runner)


class CountsFromItsStart(Lines):
    def step(self, runner: Any) -> int:
        self.seen = getattr(self, "seen", 0) + (runner.mode == "train" and "time" in runner.log_buffer.output)
        return self.seen


class RefusesNan(Lines):
    def write(self, record: dict[str, Any]) -> None:
        json.dumps(record, allow_nan=False)
        super().write(record)


class WritesEverywhere(Lines):
    def before_run(self, runner: Any) -> None:
        super().before_run(runner)
        Path(runner.work_dir, f"rank{runner.rank}").touch()


class StaysOpen(Lines):
    def teardown(self, runner: Any) -> None:
        if self.stream is not None:
            self.stream.flush()
            type(self).kept = [*getattr(self, "kept", ()), self.stream]


class KeepsThread(Lines):
    def before_run(self, runner: Any) -> None:
        super().before_run(runner)
        if runner.rank == 0:
            type(self).ended = getattr(type(self), "ended", threading.Event())
            threading.Thread(target=self.ended.wait, name="kept alive", daemon=True).start()


LOGGERS: list[tuple[Any, str]] = [
    (Rounds, "records"),
    (WritesAlways, "interval"),
    (CountsFromItsStart, "interval resumed_axis"),
    (RefusesNan, "odd_values"),
    (WritesEverywhere, "first_process_only"),
    (StaysOpen, "lets_go"),
    (KeepsThread, "lets_go"),
]
OWN = ("base_class", "records", "interval", "resumed_axis", "odd_values", "first_process_only", "lets_go")


def test_a_good_logger_passes() -> None:
    assert str(check_logger_hook(Lines, read=read)) == "23 checks: 22 passed, 1 skipped"
    assert {one.check for one in check_logger_hook(Lines).of("skipped")} >= {"records", "interval", "resumed_axis"}


@pytest.mark.parametrize(("target", "wanted"), LOGGERS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_mistake_of_a_logger_is_found_by_its_check(target: Any, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.testing.loggers.PATIENCE", 0.05)
    checks = [one for one in logger_hook_checks(target, read=read) if one.name in OWN]
    try:
        assert {one.check for one in run_checks(checks).failures} == set(wanted.split())
    finally:
        for stream in getattr(target, "kept", ()):
            stream.close()
        getattr(target, "ended", threading.Event()).set()


def test_what_is_no_logger_is_said_to_be_none() -> None:
    (failure,) = (one for one in run_checks(logger_hook_checks(NoLog)).failures if one.check == "base_class")
    assert failure.found == "no LoggerHook"


def test_generators_and_threads_are_put_back() -> None:
    random.seed(3)
    torch.manual_seed(3)
    before, threads = (random.getstate(), torch.get_rng_state()), torch.get_num_threads()
    run_checks([one for one in hook_checks(Good) if one.name == "weights"])
    assert (random.getstate(), torch.get_num_threads()) == (before[0], threads)
    assert torch.equal(torch.get_rng_state(), before[1])
