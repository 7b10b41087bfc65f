"""A hook that holds a run until the test that started it has done something."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any


class Pause:
    """Says at an iteration that it is there, and waits until the test lets the run go on.

    Args:
        folder: where `reached` appears, and where the test puts `go on`.
        iteration: from 1.
    """

    def __init__(self, folder: str, iteration: int) -> None:
        self.folder, self.iteration = Path(folder), iteration

    def after_train_iter(self, runner: Any) -> None:
        if runner.iter + 1 == self.iteration:
            (self.folder / "reached").touch()
            end = time.monotonic() + 120
            while not (self.folder / "go on").exists() and time.monotonic() < end:
                time.sleep(0.05)
