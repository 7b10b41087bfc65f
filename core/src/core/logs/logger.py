"""The loggers that hooks and users write to: standard ones, bridged one way into loguru."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import WriteError
from core.logs.screen import write

if TYPE_CHECKING:
    from loguru import Logger

FORMAT = "{time:YYYY-MM-DD HH:mm:ss,SSS} - {extra[source]} - {level} - {message}"


def _loguru() -> Logger:
    """Return loguru's logger, which knows where records go; it is slow to import, and only a run needs it."""
    from loguru import logger

    return logger


class Bridge(logging.Handler):
    """Hands the records of one standard logger to loguru, marked with the run they belong to.

    Args:
        run: what the sinks of the run filter on.
    """

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run = run

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on."""
        try:
            level: str | int = _loguru().level(record.levelname).name
        except ValueError:
            level = record.levelno
        bound = _loguru().bind(run=self.run, source=record.name)
        bound.opt(exception=record.exc_info).log(level, "{}", record.getMessage())


def add_sink(target: Any, run: str, level: int | str = logging.INFO, **options: Any) -> int:
    """Add a loguru sink that takes the records of one run only; return its number."""
    return _loguru().add(
        target,
        level=level,
        format=FORMAT,
        filter=lambda record: record["extra"].get("run") == run,
        backtrace=False,
        diagnose=False,
        catch=True,
        **options,
    )


def get_logger(
    name: str,
    log_file: str | os.PathLike[str] | None = None,
    log_level: int | str = logging.INFO,
    file_mode: str = "w",
) -> logging.Logger:
    """Return a standard logger that writes to the standard error output, once, and to a file if one is named.

    Args:
        name: its name; asking again for a name returns the same logger.
        log_file: where it writes too; only on the first process.
        log_level: the least level that is written; processes but the first write errors only.
        file_mode: `w` or `a`.
    """
    from core.distributed.env import get_dist_info

    logger = logging.getLogger(name)
    if logger.handlers or any(name.startswith(known + ".") and name != known for known in _named):
        return logger
    _named.add(name)
    logger.propagate = False
    rank = get_dist_info()[0]
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if log_file is not None and rank == 0:
        handlers.append(logging.FileHandler(log_file, file_mode, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s"))
        logger.addHandler(handler)
    logger.setLevel(log_level if rank == 0 else logging.ERROR)
    return logger


_named: set[str] = set()


@contextlib.contextmanager
def run_log(
    run: str, log_file: Path | None, level: int | str = logging.INFO, *, rank: int = 0
) -> Iterator[logging.Logger]:
    """Open the log of one run and close it at the end.

    Args:
        run: a text of its own for each run.
        log_file: the file; None for none. Only the first process writes it.
        level: the least level that is written; other processes than the first write errors only.
        rank: the number of this process.

    Raises:
        WriteError: if the file cannot be opened.
    """
    logger = logging.getLogger("core")
    before = logger.level, logger.propagate, list(logger.handlers)
    bridge = Bridge(run)
    logger.handlers = [bridge]
    logger.propagate = False
    logger.setLevel(level if rank == 0 else logging.ERROR)
    sink = None
    try:
        if log_file is not None and rank == 0:
            try:
                sink = add_sink(log_file, run, level, encoding="utf-8")
            except OSError as error:
                raise WriteError(f"log file {str(log_file)!r} cannot be written: {error.strerror}") from error
        yield logger
    finally:
        if sink is not None:
            _loguru().remove(sink)
        logger.level, logger.propagate, logger.handlers = before
        logger.setLevel(before[0])


@contextlib.contextmanager
def console(run: str, level: int | str = logging.INFO) -> Iterator[None]:
    """Show the records of one run on the terminal; only the command line does this.

    Args:
        run: the run's own text.
        level: the least level that is shown.
    """
    with contextlib.suppress(ValueError):
        _loguru().remove(0)  # loguru's own default sink would show every record twice
    sink = add_sink(write, run, level)
    try:
        yield
    finally:
        _loguru().remove(sink)
