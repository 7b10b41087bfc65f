"""Starts runs of the command line in no time: a process that has imported everything forks one for each.

A request is a line of JSON: `arguments`, `folder`, `said` (the file that takes what it prints), `environment`,
`faults` (see tests/faults/injected). The answer is the number of the process; to `wait` it is the exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

HANGS = 300  # seconds: a run that takes as many does not end by itself
HERE = Path(__file__).parent
INJECTED = HERE.parent / "faults" / "injected"


class Run:
    """One run under way."""

    def __init__(self, zygote: Zygote, pid: int, said: Path) -> None:
        self.zygote, self.pid, self.said = zygote, pid, said
        assert pid > 0
        self.handle = os.pidfd_open(pid)
        self.code: int | None = None

    def send(self, number: int, *, group: bool = False) -> None:
        """Send a signal, if the run has not ended."""
        if not self.ended(0):
            (os.killpg if group else os.kill)(self.pid, number)

    def ended(self, seconds: float) -> bool:
        """Wait at most so long, and tell whether the run has ended."""
        return self.code is not None or bool(select.select([self.handle], [], [], seconds)[0])

    def hears(self, number: int) -> None:
        """Wait until a signal that was sent has arrived: of two that wait, the second one would be lost."""
        status = Path(f"/proc/{self.pid}/status")
        while not self.ended(0.001):
            pending = next(line for line in status.read_text().splitlines() if line.startswith("ShdPnd:"))
            if not int(pending.split()[1], 16) >> (number - 1) & 1:
                return

    def wait(self, seconds: float = HANGS) -> int:
        """Return the exit code; that of a killed process is negative."""
        if self.code is None:
            if not self.ended(seconds):
                os.killpg(self.pid, signal.SIGKILL)
                raise AssertionError(f"the run hangs: {self.text[-3000:]}")
            self.code = int(self.zygote.ask({"wait": self.pid}))
            os.close(self.handle)
        return self.code

    def until(self, said: str, seconds: float = HANGS) -> None:
        """Wait until the run has printed something."""
        deadline = time.monotonic() + seconds
        while said not in self.text:
            if self.ended(0.01) and said not in self.text:
                raise AssertionError(f"the run has ended without {said!r}: {self.text[-3000:]}")
            if time.monotonic() > deadline:
                raise AssertionError(f"the run does not say {said!r}: {self.text[-3000:]}")

    @property
    def text(self) -> str:
        return self.said.read_text() if self.said.exists() else ""


class Zygote:
    """The side of the tests."""

    def __init__(self) -> None:
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(HERE), str(INJECTED), *filter(None, sys.path)]),
        }
        self.process = subprocess.Popen(
            [sys.executable, __file__], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.runs = 0

    def start(self, *arguments: str, folder: Path, faults: dict[str, Any] | None = None, **environment: str) -> Run:
        self.runs += 1
        said = folder / f"said_{self.runs}.txt"
        request = {
            "arguments": arguments,
            "folder": str(folder),
            "said": str(said),
            "environment": environment,
            "faults": faults,
        }
        return Run(self, int(self.ask(request)), said)

    def ask(self, request: dict[str, Any]) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def serve() -> None:
    for module in (
        "small",
        "core.cli.checkpoint",
        "core.runner.build",
        "core.runner.evaluate",
        "core.config.converter",
        "torch._dynamo",  # which the first optimizer imports
    ):
        importlib.import_module(module)

    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                begin(request)
        print(answer, flush=True)


def begin(request: dict[str, Any]) -> None:
    code = 1
    try:
        os.setsid()
        said = os.open(request["said"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(said, 1)
        os.dup2(said, 2)
        os.close(0)
        os.chdir(request["folder"])
        os.environ.update(request["environment"])
        if request["faults"]:
            from sitecustomize import install

            install(request["faults"])
        from core.cli.main import main

        code = main(request["arguments"])
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve()
