"""What surrounds one run and is put back at its end: plugin switches, process group, log, flags, the work directory."""

from __future__ import annotations

import contextlib
import copy
import logging
import os
import platform
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from core.checkpoint.files import write_text
from core.config.config import Config
from core.config.loader import Loaded, from_dict, load
from core.errors import RunStateError, WriteError
from core.logs.logger import console, run_log

if TYPE_CHECKING:
    from core.config.schema import RunConfig

_running = threading.Lock()


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Refuse a second run beside one that is under way: they would share generators, flags and device.

    Raises:
        RunStateError: if there is one.
    """
    if not _running.acquire(blocking=False):
        raise RunStateError("a run is under way in this process; two at a time would disturb each other")
    try:
        yield
    finally:
        _running.release()


def as_loaded(config: Any, overrides: Mapping[str, Any] | None = None, *, static: bool = False) -> Loaded:
    """Return a config to be checked: from a file, a `Config`, a dict, or what was read already."""
    if isinstance(config, Loaded):
        return config
    if isinstance(config, Config):
        if overrides:
            own: Config = copy.deepcopy(config)  # the caller's stays as it is
            own.merge_from_dict(overrides)
            return own.loaded
        return config.loaded
    if isinstance(config, Mapping):
        return from_dict(config, overrides=overrides)
    return load(config, overrides=overrides, static=static, tolerant=True)


def work_dir_of(config: RunConfig, chosen: str | None, filename: str | None) -> Path:
    """Return the work directory: the caller's choice, the config's, or one named after the config."""
    if chosen or config.work_dir:
        return Path(chosen or str(config.work_dir))
    return Path("work_dirs") / config_name(filename)


def config_name(filename: str | None) -> str:
    """Return the name of a config without its extension."""
    return Path(filename).stem if filename else "config"


def make_work_dir(path: Path) -> None:
    """Make the work directory and see that files can be written there.

    Raises:
        WriteError: if they cannot.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".write-test-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise WriteError(f"work_dir {str(path)!r} cannot be written: {error.strerror or error}") from error


def write_config(loaded: Loaded, work_dir: Path) -> None:
    """Write the merged config into the work directory; it loads again to an equal one.

    Where the user's own files stand in the work directory, its name gets a `_merged`: they are not written over.
    """
    name = config_name(loaded.filename)
    own = {os.path.realpath(place.file) for place in loaded.locations.values() if place.file}
    own |= {os.path.realpath(loaded.filename)} if loaded.filename else set()
    path = work_dir / f"{name}.py"
    if os.path.realpath(path) in own:
        path = work_dir / f"{name}_merged.py"
    write_text(path, Config.of(loaded).pretty_text)


@contextlib.contextmanager
def logging_to(
    work_dir: Path | None, level: int | str, timestamp: str, rank: int, *, on_console: bool
) -> Iterator[logging.Logger]:
    """Open the run's log file, and the console if the command line asks for it."""
    run = uuid.uuid4().hex
    log_file = None if work_dir is None else work_dir / f"{timestamp}.log"
    with contextlib.ExitStack() as stack:
        logger = stack.enter_context(run_log(run, log_file, level, rank=rank))
        if on_console:
            stack.enter_context(console(run, level))
        yield logger


def timestamp() -> str:
    """Return the present time as files are named: YYYYMMDD_HHMMSS."""
    return time.strftime("%Y%m%d_%H%M%S", time.localtime())


def environment() -> str:
    """Return what the run depends on besides its config, one fact a line."""
    facts = {
        "sys.platform": sys.platform,
        "Python": platform.python_version(),
        "PyTorch": torch.__version__,
        "CUDA": torch.version.cuda or "none",
        "GPU": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none",
        "hookloom-core": _core_version(),
    }
    return "\n".join(f"{name}: {value}" for name, value in facts.items())


def _core_version() -> str:
    from core import __version__

    return __version__


def set_opencv_threads(number: int | None) -> None:
    """Set OpenCV's threads, if the process has imported it."""
    cv2 = sys.modules.get("cv2")
    if number is not None and cv2 is not None:
        cv2.setNumThreads(number)
