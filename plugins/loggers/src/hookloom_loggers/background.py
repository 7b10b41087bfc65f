"""Calls to a tracker that may be slow, hang or fail, made by a thread of their own so that training never waits."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable


class Background:
    """Makes calls one after another, in the order they were handed over.

    What goes wrong is one warning in the log of the run, never an exception. The thread is a daemon: a call that
    never returns does not keep the process alive.

    Args:
        name: of the tracker, as the warning shows it.
        logger: of the run.
        patience: seconds without an answer after which `wait` gives up.
        limit: calls that may wait; further ones are dropped.
    """

    def __init__(self, name: str, logger: logging.Logger, patience: float, limit: int = 10_000) -> None:
        self.name, self.logger, self.patience, self.limit = name, logger, patience, limit
        self._calls: deque[Callable[[], object]] = deque()
        self._changed = threading.Condition()
        self._heard = 0.0  # when the call under way began
        self._lost = 0
        self._said: set[str] = set()
        self._refused = self._closed = False
        threading.Thread(target=self._work, name=f"hookloom {name}", daemon=True).start()

    def open(self, function: Callable[[], object]) -> None:
        """Make the first call and wait for it; if it raises, no other call is made.

        Python's random numbers go on afterwards as if nothing had been called: trackers draw names from them.
        """
        state = random.getstate()
        self.call(lambda: self._open(function))
        self.wait()
        random.setstate(state)

    def call(self, function: Callable[[], object]) -> bool:
        """Hand over a call, without waiting, and tell whether there was room for it."""
        with self._changed:
            if self._refused or self._closed or len(self._calls) >= self.limit:
                self._lost += 1
                full = not (self._refused or self._closed)
            else:
                if not self._calls:
                    self._heard = time.monotonic()
                self._calls.append(function)
                self._changed.notify_all()
                return True
        if full:
            self._say("full", f"is slower than training: {self.limit} records wait, further ones are lost")
        return False

    def wait(self) -> bool:
        """Wait until every call is made, but no longer than `patience`, and tell whether that was enough."""
        end = time.monotonic() + self.patience
        with self._changed:
            while self._calls:
                left = min(end, self._heard + self.patience) - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            else:
                return True
        self._say("silent", f"has not answered for {self.patience:g} s; training does not wait for it")
        return False

    def close(self) -> None:
        """Wait as `wait` does, then give up what is left."""
        self.wait()
        with self._changed:
            self._closed = True
            self._lost += len(self._calls)
            self._changed.notify_all()
        if self._lost:
            self.logger.info("%s: %d calls did not get through", self.name, self._lost)

    def _open(self, function: Callable[[], object]) -> None:
        try:
            function()
        except BaseException:
            with self._changed:
                self._refused = True
            raise

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._calls or self._closed)
                if self._closed:
                    return
                function = self._calls[0]
                self._heard = time.monotonic()
                drop = self._refused
            try:
                if not drop:
                    function()
            except BaseException as error:  # libraries exit, too; here this would only end the thread
                self._fail(error)
            with self._changed:
                self._lost += drop
                self._calls.popleft()
                self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._lost += 1
        text = " ".join(str(error).split())[:500]
        goes_on = "nothing is logged there" if self._refused else "something is missing there"
        self._say("failed", f"failed with {type(error).__name__}: {text}; training goes on, {goes_on}")

    def _say(self, kind: str, text: str) -> None:
        """Log the first trouble as a warning, the first of every other kind for information."""
        with self._changed:
            if self._closed or kind in self._said:
                return
            level = logging.INFO if self._said else logging.WARNING
            self._said.add(kind)
        self.logger.log(level, "%s %s", self.name, text)
