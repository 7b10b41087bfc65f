"""What holds a run until the test that started it has done something."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any


def hold(file: str | Path) -> None:
    """Wait until a test has put a file there; a test that is gone is not waited for.

    Raises:
        TimeoutError: after a quarter of an hour.
    """
    end = time.monotonic() + 900
    while not Path(file).exists():
        if time.monotonic() > end:
            raise TimeoutError(f"nobody has put {file!r} there")
        time.sleep(0.01)


class Pause:
    """Says at the end of an iteration that it is there, and waits until the test lets the run go on.

    Args:
        folder: where `reached` appears, and where the test puts `go on`.
        iteration: from 1.
        rank: the process that is held; None for all.
    """

    def __init__(self, folder: str, iteration: int, rank: int | None = None) -> None:
        self.folder, self.iteration, self.rank = Path(folder), iteration, rank

    def after_train_iter(self, runner: Any) -> None:
        if runner.iter + 1 == self.iteration and self.rank in (None, runner.rank):
            (self.folder / "reached").touch()
            print("the run is held", flush=True)
            hold(self.folder / "go on")
