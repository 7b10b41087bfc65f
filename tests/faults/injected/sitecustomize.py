"""Lets a process die, or be refused, at one chosen open, write, fsync, rename, link or unlink of a checkpoint.

Python imports a module of this name by itself where PYTHONPATH leads to it. FAULTS holds JSON: `kill_at` is the number
of the operation, from 1, before which the process is killed; `fail_at` that from which on each raises `errno`; `torn`
whether the half of a write that is killed still reaches the disk; `links` false where none can be made; `log` a file
that takes the name of every operation. Only files of checkpoints count, and their list. `on` names the process of a
group that is meant.
"""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import signal
from collections.abc import Callable
from typing import Any

WATCHED = (".pth", ".json", ".tmp")


class Faults:
    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.count = 0
        self.opened = builtins.open

    def step(self, name: str, path: Any, torn: Callable[[], object] | None = None) -> None:
        """Count an operation, and do what is planned for it."""
        self.count += 1
        if str(self.plan.get("on", "")) not in ("", os.environ.get("RANK", "")):
            return
        if self.plan.get("log"):
            with self.opened(self.plan["log"], "a") as log:
                log.write(f"{name} {os.path.basename(str(path))}\n")
        if self.count == self.plan.get("kill_at"):
            if torn is not None and self.plan.get("torn"):
                torn()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.count >= self.plan.get("fail_at", self.count + 1):
            number = getattr(errno, self.plan["errno"])
            raise OSError(number, os.strerror(number))


def watched(path: Any) -> bool:
    name = os.path.basename(os.fspath(path)) if isinstance(path, (str, os.PathLike)) else ""
    return name.endswith(WATCHED) and not name.endswith(".log.json")


def install(plan: dict[str, Any]) -> Faults:
    """Put the faults between Python and the system."""
    faults = Faults(plan)
    handles: dict[int, Any] = {}
    system = {name: getattr(os, name) for name in ("fsync", "replace", "rename", "unlink", "symlink", "link", "open")}

    class Raw(io.FileIO):
        def write(self, data: Any) -> int | None:
            faults.step("write", self.name, lambda: io.FileIO.write(self, bytes(data)[: len(data) // 2]))
            return super().write(data)

    def opened(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if "b" in mode and set(mode) & set("wxa") and watched(file):
            faults.step("open", file)
            return io.BufferedWriter(Raw(file, mode.replace("b", "")))
        return faults.opened(file, mode, *arguments, **options)

    def open_handle(path: Any, *arguments: Any, **options: Any) -> int:
        handle: int = system["open"](path, *arguments, **options)
        handles[handle] = path
        return handle

    def fsync(handle: int) -> None:
        faults.step("fsync", handles.pop(handle, "a file"))
        system["fsync"](handle)

    def moved(name: str) -> Callable[..., None]:
        def call(source: Any, target: Any, *arguments: Any, **options: Any) -> None:
            if watched(target):
                faults.step(name, target)
            if name in ("symlink", "link") and faults.plan.get("links") is False:
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            system[name](source, target, *arguments, **options)

        return call

    def unlink(path: Any, *arguments: Any, **options: Any) -> None:
        if watched(path) and os.path.lexists(path):
            faults.step("unlink", path)
        system["unlink"](path, *arguments, **options)

    builtins.open = io.open = opened  # type: ignore[assignment]
    os.open, os.fsync, os.unlink = open_handle, fsync, unlink  # type: ignore[assignment]
    for name in ("replace", "rename", "symlink", "link"):
        setattr(os, name, moved(name))
    return faults


if os.environ.get("FAULTS"):
    install(json.loads(os.environ["FAULTS"]))
