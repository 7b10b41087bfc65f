"""Told to end by a signal or by another process: the iteration in hand is finished and saved, and the run ends."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

from core.data.failures import STOPPING
from core.distributed.together import Vote, peer_failure
from core.errors import EXIT_INTERRUPTED, InterruptedRunError, LostWorkerError, StoppedError
from core.hooks.checkpoint import CheckpointHook, on_first
from core.runner.loader import read

if TYPE_CHECKING:
    from core.runner.base import BaseRunner

GRACE = 3.0  # seconds that a second Ctrl-C leaves the run for its end
_FAILED = signal.NSIG  # greater than any signal: the first process could not write


class Leaving(BaseException):
    """Raised out of a signal handler where nothing would be lost by going at once."""


class AllSaved(Leaving):
    """Raised where all that was done is saved, and something goes on that can be done again."""


class NoLongerWaiting(Leaving):
    """Raised where a batch was waited for that others load."""


class Interruption:
    """What ends a run early; `BaseRunner.interruption` while it is due or has to be asked.

    With one process it is set by the signal handler, so that an iteration costs one look at an attribute. Several
    processes vote, since whoever left alone would be waited for.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._runner: BaseRunner | None = None
        self._vote: Vote | None = None
        self._stack = contextlib.ExitStack()

    @contextlib.contextmanager
    def handling(self) -> Iterator[None]:
        """Take over the signals for a block of code; outside the main thread this cannot be done, and is not.

        Raises:
            StoppedError: if a signal came before there was anything to save.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        with contextlib.ExitStack() as stack:
            stack.enter_context(_leaving_at_the_second_ctrl_c())
            self._stack = stack
            for number in STOPPING:
                if signal.getsignal(number) is not signal.SIG_IGN:  # such as that of a shell's background jobs
                    self._take_over(number, self._on_signal)
            try:
                yield
            except Leaving:
                raise self._error("before the first iteration") from None

    @contextlib.contextmanager
    def watching(self, runner: BaseRunner) -> Iterator[None]:
        """End this run when told so."""
        self._runner = runner
        if runner.world_size > 1:
            self._vote = Vote()
            runner.interruption = self
        try:
            yield
        finally:
            runner.interruption = None

    def at_iteration(self, runner: BaseRunner) -> None:
        """End the run if that is due, an iteration and its hooks being over.

        Raises:
            StoppedError: when it is saved.
            WriteError: if it could not be saved, or a former checkpoint could not be written behind the run.
        """
        if self._vote is not None:
            if not self._vote.due(runner.iter):
                return
            said = _FAILED if runner.writer.failed else self.signal or 0
            greatest = self._vote.hold(said, runner.iter)
            if greatest == _FAILED:
                runner.writer.check()
                raise peer_failure("a checkpoint could not be written", writing=True)
            if not greatest:
                return  # a signal that came during the vote is told in the next one
            self.signal = greatest
        if self.signal is not None:
            raise self._saved(runner)

    def conclude(self, runner: BaseRunner, error: BaseException) -> BaseException:
        """Return what a run ends with: lost workers and a wait that was broken off are part of being told to end.

        Args:
            runner: the run, its hooks not yet torn down.
            error: what came out of it.
        """
        lost = isinstance(error, LostWorkerError) and error.loader is _source(runner)
        if self.signal is None or self._vote is not None or not (lost or isinstance(error, Leaving)):
            return error
        hook = _hook(runner)
        try:
            if isinstance(error, AllSaved) and hook is not None:
                runner.writer.wait()
                return self._told(runner, hook.saved_at or 0, hook.saved_as)
            if runner.completed_iters == runner.began_at:
                return self._error("before the first iteration was over")
            return self._saved(runner)
        except Exception as failure:
            return failure

    def _saved(self, runner: BaseRunner) -> StoppedError:
        done = runner.completed_iters
        return self._told(runner, done, save_now(runner))

    def _told(self, runner: BaseRunner, done: int, path: str | None) -> StoppedError:
        kept = f"{path} is saved, and --auto-resume goes on with it" if path else "there is no folder to save it in"
        error = self._error(f"after {done} iteration{'' if done == 1 else 's'}; {kept}")
        runner.logger.info("%s", error)
        return error

    def _error(self, when: str) -> StoppedError:
        name = signal.Signals(self.signal or signal.SIGTERM).name
        kind = InterruptedRunError if self.signal == signal.SIGINT else StoppedError
        return kind(f"stopped by {name} {when}")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            if number == signal.SIGINT == self.signal:
                raise KeyboardInterrupt
            return
        self.signal = number
        if hasattr(signal, "SIGCHLD"):
            # Workers that the same signal has ended must not raise in the middle of the iteration.
            self._take_over(signal.SIGCHLD, _nothing)
        runner = self._runner
        if runner is None:
            raise Leaving
        if number == signal.SIGINT:
            os.write(2, b"finishing the iteration, then saving; Ctrl-C again leaves at once\n")
        if self._vote is None:
            runner.interruption = self
            if runner.running and runner.hook_manager.point is None and _waiting_for_workers(runner, frame):
                raise NoLongerWaiting
            if runner.running and nothing_to_lose(runner):
                raise AllSaved

    def _take_over(self, number: int, handler: Callable[[int, FrameType | None], None]) -> None:
        former = signal.signal(number, handler)
        self._stack.callback(signal.signal, number, signal.SIG_DFL if former is None else former)


def save_now(runner: BaseRunner) -> str | None:
    """Save a run that ends early, as its checkpoint hook would, and return the path; None if there is no place.

    Raises:
        WriteError: if it cannot be saved.
    """
    hook = _hook(runner)
    path = None
    if hook is not None:
        path = hook.save_now(runner)
    elif runner.work_dir is not None and runner.completed_iters:
        folder = runner.work_dir
        runner.collect_generators()
        on_first(runner, lambda: runner.save_checkpoint(folder, filename_tmpl="iter_{}.pth"))
        path = os.path.join(folder, f"iter_{runner.completed_iters}.pth")
    runner.writer.wait()
    return path


def waited_in_vain(error: BaseException | None) -> bool:
    """Tell whether a run has ended because loader workers did not answer any more."""
    cause = None if error is None else error.__cause__
    return any(isinstance(one, (LostWorkerError, NoLongerWaiting)) for one in (error, cause))


def nothing_to_lose(runner: BaseRunner) -> bool:
    """Tell whether all that was done is saved, and what goes on now, such as an evaluation, can be done again."""
    hook = _hook(runner)
    return hook is not None and hook.saved_at == runner.completed_iters and runner.past_the_step


def _hook(runner: BaseRunner) -> CheckpointHook | None:
    return next((one for one in runner.hooks if isinstance(one, CheckpointHook) and one.save_optimizer), None)


def _waiting_for_workers(runner: BaseRunner, frame: FrameType | None) -> bool:
    """Tell from the stack, which costs the loop nothing, whether a batch is waited for that others load."""
    while frame is not None:
        if frame.f_code is read.__code__:
            loader = frame.f_locals["loader"]
            return loader is _source(runner) and getattr(loader, "num_workers", 0) > 0
        frame = frame.f_back
    return False


def _source(runner: BaseRunner) -> Any:
    """Return the loader that the run trains from; None while it does something else."""
    loader = runner.data_loader if runner.mode == "train" else None
    return getattr(loader, "_dataloader", loader)


@contextlib.contextmanager
def _leaving_at_the_second_ctrl_c() -> Iterator[None]:
    """End the process a little after the second Ctrl-C, also where code in C keeps Python from hearing of it."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    over = threading.Event()

    def listen() -> None:
        heard = 0
        while numbers := os.read(ours, 256):
            heard += numbers.count(signal.SIGINT)
            if heard > 1 and not over.wait(GRACE):
                os._exit(EXIT_INTERRUPTED)

    former = signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
    listener = threading.Thread(target=listen, name="ctrl-c", daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(former)
        over.set()
        os.close(theirs)
        listener.join()
        os.close(ours)


def _nothing(number: int, frame: Any) -> None:
    """Stand in for a handler."""
