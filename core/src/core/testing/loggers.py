"""Checks of logger hooks beyond those of every hook: what they write, where, and that they let go of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.hooks.base import Hook
from core.hooks.logger import LoggerHook
from core.testing.check import Around, Check, Suite, expect, offered, run_checks
from core.testing.hook_subject import HookSubject, Read
from core.testing.hooks import HOOK
from core.testing.refusal import refusal
from core.testing.report import Report
from core.testing.small_job import EPOCHS, ITERS, Job, work_dir

LOGGER = Suite(HOOK)
PATIENCE = 5.0  # seconds in which a thread may come to its end
_PAUSE = 0.01  # seconds between two looks
ROUNDED = 2e-5


@LOGGER.check
def base_class(s: HookSubject) -> None:
    """It is a LoggerHook with a method `log`: intervals and names of what it logs are those of all loggers."""
    hook = s.build()
    expect(isinstance(hook, LoggerHook), "no LoggerHook")
    expect(type(hook).log is not LoggerHook.log, "it has no `log` of its own")


@LOGGER.check
def records(s: HookSubject) -> None:
    """It writes the loss of every iteration that it is given, under the number of the iteration, from 1."""
    losses = _Losses()
    with work_dir() as folder:
        Job(folder, watch=losses).run(s.build(interval=1))
        found = _losses(s, folder)
    expect([step for step, _ in found] == list(range(1, EPOCHS * ITERS + 1)), f"steps {[step for step, _ in found]}")
    gaps = [abs(value - usual) for (_, value), usual in zip(found, losses.values, strict=True)]
    expect(max(gaps) <= ROUNDED, f"a loss is {max(gaps):.3g} from what it was")


@LOGGER.check
def interval(s: HookSubject) -> None:
    """With an interval of 2 in epochs of 3 iterations it writes of each second iteration alone."""
    with work_dir() as folder:
        Job(folder).run(s.build(interval=2))
        steps = [step for step, _ in _losses(s, folder)]
    expect(steps == [2, 5, 8], f"steps {steps}")


@LOGGER.check
def resumed_axis(s: HookSubject) -> None:
    """After a resume the axis goes on where it was: no iteration is missing, repeated or before an earlier one."""
    with work_dir() as folder:
        Job(folder, saves_at=4, ends_at=4).run(s.build(interval=1))
        Job(folder, resumes=True).run(s.build(interval=1))
        steps = [step for step, _ in _losses(s, folder)]
    expect(steps == list(range(1, EPOCHS * ITERS + 1)), f"steps {steps}")


@LOGGER.check
def odd_values(s: HookSubject) -> None:
    """It takes nan, infinity, numbers of numpy and torch, and texts, and the run goes on."""
    with work_dir() as folder:
        runner = Job(folder, watch=_Odd()).run(s.build(interval=1))
        expect(runner.iter == EPOCHS * ITERS, f"the run ends after {runner.iter} iterations")


@LOGGER.check
def first_process_only(s: HookSubject) -> None:
    """On another process than the first it writes no file and starts no thread."""
    before = set(threading.enumerate())
    with work_dir() as folder:
        Job(folder, rank=1).run(s.build(interval=1))
        files = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    more = set(threading.enumerate()) - before
    expect(not files, f"files: {', '.join(files)}")
    expect(not more, f"threads: {', '.join(thread.name for thread in more)}")


@LOGGER.check
def lets_go(s: HookSubject) -> None:
    """At the end of a run, also of one that fails, none of its files is open and none of its threads alive."""
    for fails_at in (None, 4):
        before = set(threading.enumerate())
        with work_dir() as folder:
            refusal(partial(Job(folder, fails_at=fails_at).run, s.build(interval=1)))
            ended = "a run" if fails_at is None else "a run that fails"
            left = _threads(before)
            expect(not left, f"threads after {ended}: {', '.join(left)}")
            files = _open_files(folder)
            expect(not files, f"open after {ended}: {', '.join(files)}")


class _Losses(Hook):
    """Keeps the loss of every iteration."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def after_train_iter(self, runner: Any) -> None:
        """Keep it."""
        self.values.append(float(runner.outputs["loss"]))


class _Odd(Hook):
    """Logs what users log once in a while."""

    def after_train_iter(self, runner: Any) -> None:
        """Log it."""
        runner.log_buffer.update({"nan": float("nan"), "infinite": float("inf"), "huge": 1e300})
        runner.log_buffer.update({"numpy": np.float32(1.5), "torch": torch.tensor(2.5), "whole": 3})
        runner.log_buffer.output["text"] = "a text"


def _losses(s: HookSubject, folder: Path) -> list[tuple[int, float]]:
    offered(s.read is not None, "no function is given that reads what it writes")
    found = [] if s.read is None else s.read(str(folder))
    return [(step, value) for step, tag, value in found if tag.endswith("loss") and not tag.startswith("val")]


def _threads(before: set[threading.Thread]) -> list[str]:
    # Looks are counted, not seconds: a machine that stood still has given the thread no time either.
    for _ in range(round(PATIENCE / _PAUSE) + 1):
        left = set(threading.enumerate()) - before
        if not left:
            break
        time.sleep(_PAUSE)
    return [thread.name for thread in left]


def _open_files(folder: Path) -> list[str]:
    """Return the open files of a folder, on systems that tell of them."""
    listing = Path("/proc/self/fd")
    found = []
    for entry in listing.iterdir() if listing.is_dir() else ():
        try:
            path = Path(os.readlink(entry))
        except OSError:
            continue
        if path.is_relative_to(folder):
            found.append(str(path.relative_to(folder)))
    return found


def logger_hook_checks(
    target: Callable[..., Any],
    *,
    exempt: Mapping[str, str] | None = None,
    read: Read | None = None,
    around: Around | None = None,
    **options: Any,
) -> list[Check]:
    """Return the checks of a logger hook, those of every hook included, each of which can be called as a test.

    Args:
        target: the class, a subclass of `LoggerHook`.
        exempt: why it may fail a check, by the name of the check.
        read: returns what has been written, as `(step, tag, value)` in the order in which a reader meets it, given the
            work directory, which is also the current one; without it the checks of what is written are skipped.
        around: makes a context in which each check runs, such as one that starts a server.
        **options: what it is built with.

    Raises:
        OptionError: if an exemption names no check.
    """
    return LOGGER.of(HookSubject(target, options, "logger hook", read), exempt, around)


def check_logger_hook(
    target: Callable[..., Any],
    *,
    exempt: Mapping[str, str] | None = None,
    read: Read | None = None,
    around: Around | None = None,
    **options: Any,
) -> Report:
    """Run all checks of a logger hook and return their results; the arguments are those of `logger_hook_checks`.

    Raises:
        ConformanceError: listing every check that failed, what it expected and what it found.
    """
    return run_checks(logger_hook_checks(target, exempt=exempt, read=read, around=around, **options)).verify()
