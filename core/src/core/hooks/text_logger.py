"""The log that people read and grep: one line per record, and the same as JSON."""

from __future__ import annotations

import datetime
import json
import os
import shutil
from pathlib import Path
from typing import Any, TextIO

import attrs
import torch

from core.errors import WriteError
from core.hooks.define import hook
from core.hooks.logger import LoggerHook
from core.hooks.protocol import Runner

NOT_VALUES = {"mode", "Epoch", "iter", "lr", "time", "data_time", "memory", "epoch"}


@hook
class TextLoggerHook(LoggerHook):
    """Write records to `runner.logger` and, as JSON lines, to `<timestamp>.log.json` in the work directory.

    The first JSON line holds `runner.meta`. Floats are rounded to five digits.

    Args:
        by_epoch: whether intervals and lines count within the epoch or over the run.
        interval: iterations between two records.
        ignore_last: leave out the rest of an epoch that is shorter than `interval`.
        reset_flag: clear the averages after logging; set on the last logger of a run.
        interval_exp_name: iterations between two lines with `meta['exp_name']`.
        out_dir: a folder to which the logs are copied at the end; the last part of the work directory's
            path is appended.
        out_suffix: ends of the names of the files that are copied.
        keep_local: whether the originals are kept then.
        file_client_args: only the local disk is supported.
    """

    by_epoch: bool = True
    interval: int = attrs.field(default=10)
    ignore_last: bool = True
    reset_flag: bool = False
    interval_exp_name: int = 1000
    out_dir: str | None = None
    out_suffix: str | tuple[str, ...] = (".log.json", ".log", ".py")
    keep_local: bool = True
    file_client_args: dict[str, Any] | None = None
    time_sec_tot: float = attrs.field(default=0.0, init=False)
    start_iter: int = attrs.field(default=0, init=False)
    json_log_path: str | None = attrs.field(default=None, init=False)
    _stream: TextIO | None = attrs.field(default=None, init=False, repr=False)

    def before_run(self, runner: Runner) -> None:
        """Open the JSON log with the facts of the run."""
        super().before_run(runner)
        self.start_iter = runner.iter
        if runner.work_dir is not None:
            self.json_log_path = os.path.join(runner.work_dir, f"{runner.timestamp}.log.json")
        if runner.meta is not None:
            self._dump_log(runner.meta, runner)

    def log(self, runner: Runner) -> dict[str, Any]:
        """Write one record and return it."""
        output = runner.log_buffer.output
        record: dict[str, Any] = {
            "mode": self.get_mode(runner),
            "epoch": self.get_epoch(runner),
            # An evaluation names the number of its batches.
            "iter": output.pop("eval_iter_num") if "eval_iter_num" in output else self.get_iter(runner, True),
        }
        lr = runner.current_lr()
        record["lr"] = {name: rates[0] for name, rates in lr.items()} if isinstance(lr, dict) else lr[0]
        if "time" in output and torch.cuda.is_available():
            record["memory"] = torch.cuda.max_memory_allocated() // 2**20
        record.update(output)
        self._log_info(record, runner)
        self._dump_log(record, runner)
        return record

    def _log_info(self, record: dict[str, Any], runner: Runner) -> None:
        if (
            runner.meta is not None
            and "exp_name" in runner.meta
            and (self.every_n_iters(runner, self.interval_exp_name) or (self.by_epoch and self.end_of_epoch(runner)))
        ):
            runner.logger.info("Exp name: %s", runner.meta["exp_name"])
        if record["mode"] == "train":
            line = self._train_head(record, runner)
        elif self.by_epoch:
            line = f"Epoch({record['mode']}) [{record['epoch']}][{record['iter']}]\t"
        else:
            line = f"Iter({record['mode']}) [{record['iter']}]\t"
        values = [
            f"{name}: {value:.4f}" if isinstance(value, float) else f"{name}: {value}"
            for name, value in record.items()
            if name not in NOT_VALUES
        ]
        runner.logger.info("%s", line + ", ".join(values))

    def _train_head(self, record: dict[str, Any], runner: Runner) -> str:
        if self.by_epoch:
            line = f"Epoch [{record['epoch']}][{record['iter']}/{len(runner.data_loader)}]\t"
        else:
            line = f"Iter [{record['iter']}/{runner.max_iters}]\t"
        lr = record["lr"]
        if isinstance(lr, dict):
            line += " ".join(f"lr_{name}: {rate:.3e}" for name, rate in lr.items()) + ", "
        else:
            line += f"lr: {lr:.3e}, "
        if "time" in record:
            self.time_sec_tot += record["time"] * self.interval
            if runner.max_iters is not None:
                # A resumed run may begin with the hooks that were left in the iteration before its first.
                average = self.time_sec_tot / max(runner.iter - self.start_iter + 1, 1)
                left = int(average * (runner.max_iters - runner.iter - 1))
                line += f"eta: {datetime.timedelta(seconds=left)}, "
            line += f"time: {record['time']:.3f}, "
            if "data_time" in record:  # an evaluation before the first iteration forgets it
                line += f"data_time: {record['data_time']:.3f}, "
            if "memory" in record:
                line += f"memory: {record['memory']}, "
        return line

    def _dump_log(self, record: dict[str, Any], runner: Runner) -> None:
        if runner.rank != 0 or self.json_log_path is None:
            return
        line = json.dumps({name: _rounded(value) for name, value in record.items()}, default=_plain)
        try:
            if self._stream is None:
                self._stream = open(self.json_log_path, "a", encoding="utf-8")  # noqa: SIM115 - closed by teardown
            self._stream.write(line + "\n")
            self._stream.flush()
        except OSError as error:
            raise WriteError(f"log {self.json_log_path} cannot be written: {error.strerror}") from error

    def teardown(self, runner: Runner) -> None:
        """Close the JSON log."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def after_run(self, runner: Runner) -> None:
        """Copy the logs to `out_dir`, if there is one."""
        if self.out_dir is None or runner.work_dir is None or runner.rank != 0:
            return
        suffixes = (self.out_suffix,) if isinstance(self.out_suffix, str) else tuple(self.out_suffix)
        target = Path(self.out_dir) / Path(runner.work_dir).resolve().name
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(Path(runner.work_dir).iterdir()):
            if path.is_file() and path.name.endswith(suffixes):
                shutil.copyfile(path, target / path.name)
                if not self.keep_local:
                    path.unlink()
                runner.logger.info("%s was copied to %s", path, target / path.name)


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 5) if isinstance(value, float) else value


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") and getattr(value, "size", 1) == 1 else str(value)
