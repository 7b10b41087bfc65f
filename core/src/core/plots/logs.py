"""Curves of runs that were logged: the JSON lines that `TextLoggerHook` writes, ours and MMCV's."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from attrs import field, frozen

from core.plots.chart import Chart, Curve, Panel, PlotError
from core.suggest import did_you_mean

_HEAD = re.compile(r"Epoch \[\d+\]\[\d+/(\d+)\]")
_COUNTERS = ("mode", "epoch", "iter")


@frozen
class Record:
    """One line of a log.

    Args:
        mode: `train` or `val`.
        epoch: the epoch, or the position in epochs within it.
        iteration: training iterations done in the run.
        values: numbers by key; those of several optimizers as `lr/name`.
    """

    mode: str
    epoch: float
    iteration: float
    values: Mapping[str, float]


@frozen
class RunLog:
    """What one file tells.

    Args:
        path: the file.
        records: its lines in order.
        by_epoch: whether the run counted epochs.
        notes: what was assumed about it.
    """

    path: str
    records: tuple[Record, ...]
    by_epoch: bool
    notes: tuple[str, ...] = field(default=())

    def names(self) -> list[str]:
        """Return the keys that have numbers, in the order of their first appearance."""
        return list(dict.fromkeys(key for record in self.records for key in record.values))


def log_chart(paths: Sequence[str], keys: Sequence[str], legend: Sequence[str] | None, axis: str | None) -> Chart:
    """Draw keys of several logs, a panel for each key.

    Args:
        paths: the files.
        keys: what to draw; `lr` stands for those of all optimizers.
        legend: what to call each file; None tells them apart by their paths.
        axis: `epoch` or `iter`; None follows the runs.

    Raises:
        PlotError: if a file is no such log, or has none of the keys.
    """
    if legend is not None and len(legend) != len(paths):
        raise PlotError(f"--legend names {len(legend)} files and there are {len(paths)}")
    logs = [read_log(path) for path in paths]
    labels = list(legend) if legend is not None else _labels(paths)
    by_epoch = axis == "epoch" or (axis is None and all(log.by_epoch for log in logs))
    panels = []
    for key in dict.fromkeys(keys):
        curves = [
            curve
            for log, label in zip(logs, labels, strict=True)
            for curve in _curves(log, label, key, by_epoch=by_epoch)
        ]
        if not curves:
            known = list(dict.fromkeys(one for log in logs for one in log.names()))
            raise PlotError(f"no log has {key!r}{did_you_mean(key, known)}; there are {', '.join(known)}")
        panels.append(Panel(key, tuple(curves)))
    missing = [
        f"{label} has no {key!r}"
        for key in dict.fromkeys(keys)
        for log, label in zip(logs, labels, strict=True)
        if not any(_is(one, key) for one in log.names())
    ]
    notes = [note for log in logs for note in log.notes]
    title = ", ".join(labels) if len(labels) < 4 else f"{len(labels)} logs"
    return Chart(title, "epoch" if by_epoch else "iteration", tuple(panels), (*notes, *missing))


def read_log(path: str) -> RunLog:
    """Read a log of JSON lines.

    An epoch-based run counts the iterations of a record from the start of its epoch; how many an epoch has is taken
    from the text log beside the file, else from the largest number there is.

    Raises:
        PlotError: if it cannot be read or holds no records.
    """
    notes: list[str] = []
    rows = [row for row in _rows(path, notes) if isinstance(row.get("mode"), str)]
    if not rows:
        raise PlotError(f"{path} holds no records of a run")
    trained = [row for row in rows if row["mode"] == "train"]
    by_epoch = _counts_within_epochs(trained) if trained else True
    per_epoch = 0
    if by_epoch and trained:
        per_epoch = _in_text_log(path) or 0
        if not per_epoch:
            per_epoch = max(int(row["iter"]) for row in trained)
            notes.append(f"{path}: an epoch is taken to have {per_epoch} iterations, the largest number in the log")
    return RunLog(path, tuple(_records(rows, by_epoch, per_epoch)), by_epoch, tuple(notes))


def _rows(path: str, notes: list[str]) -> Iterator[dict[str, Any]]:
    if os.path.isdir(path):
        logs = sorted(Path(path).glob("*.log.json"))
        hint = f"; its newest log is {logs[-1]}" if logs else ""
        raise PlotError(f"{path} is a folder{hint}")
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PlotError(f"log {path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            if number == len(lines):
                notes.append(f"{path}: line {number} is cut off, as by the end of the process that wrote it")
                return
            raise PlotError(f"{path}:{number}: no JSON; a .log.json has one object a line") from error
        if not isinstance(row, dict):
            raise PlotError(f"{path}:{number}: no object; a .log.json has one a line")
        yield row


def _counts_within_epochs(trained: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether `iter` begins anew with every epoch."""
    places = [(row.get("epoch", 1), row["iter"]) for row in trained if "iter" in row]
    if any(later[1] < earlier[1] for earlier, later in pairwise(places)):
        return True
    # One record an epoch has the same iteration each time; an iteration runner's grow without end.
    return len({epoch for epoch, _ in places}) == 1 or len({iteration for _, iteration in places}) == 1


def _in_text_log(path: str) -> int | None:
    """Return the iterations of an epoch from the lines for people, which stand beside the JSON."""
    text = Path(path.removesuffix(".json"))
    if not path.endswith(".log.json") or not text.is_file():
        return None
    with text.open(encoding="utf-8", errors="replace") as lines:
        found = next((match for line in lines if (match := _HEAD.search(line))), None)
    return int(found[1]) if found else None


def _records(rows: Sequence[Mapping[str, Any]], by_epoch: bool, per_epoch: int) -> Iterator[Record]:
    last = 0.0  # how far training had come; an evaluation does not say it
    for row in rows:
        epoch, iteration = float(row.get("epoch", 1)), float(row.get("iter", 0))
        if by_epoch:
            if row["mode"] == "train":
                done = (epoch - 1) * per_epoch + iteration
                epoch = epoch - 1 + (iteration / per_epoch if per_epoch else 1)
            else:
                done = epoch * per_epoch
        else:
            done = last = iteration if row["mode"] == "train" else last
        yield Record(row["mode"], epoch, done, dict(_numbers(row)))


def _numbers(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in row.items():
        if key in _COUNTERS:
            continue
        several = value.items() if isinstance(value, dict) else [(None, value)]
        for name, one in several:
            number = one[0] if isinstance(one, list) and one else one
            if isinstance(number, (int, float)) and not isinstance(number, bool):
                yield (key if name is None else f"{key}/{name}"), float(number)


def _is(found: str, key: str) -> bool:
    return found == key or (key == "lr" and found.startswith("lr/"))


def _curves(log: RunLog, label: str, key: str, *, by_epoch: bool) -> Iterator[Curve]:
    """Make one curve for each mode of a key; evaluations log the lr too, which is that of training."""
    for one in log.names():
        if not _is(one, key):
            continue
        modes = dict.fromkeys(record.mode for record in log.records if one in record.values)
        if _is(one, "lr") and "train" in modes:
            modes = {"train": None}
        for mode in modes:
            there = [record for record in log.records if record.mode == mode and one in record.values]
            words = [label, *([one.partition("/")[2]] if one != key else []), *([mode] if mode != "train" else [])]
            yield Curve(
                " ".join(words),
                [record.epoch if by_epoch else record.iteration for record in there],
                [record.values[one] for record in there],
                dotted=mode != "train",
            )


def _labels(paths: Sequence[str]) -> list[str]:
    """Return what tells paths apart: the last parts of them, as few as possible."""
    parts = [Path(os.path.abspath(path)).parts for path in paths]
    names = [one[-1].removesuffix(".log.json").removesuffix(".json") for one in parts]
    depth = 2
    while len(set(names)) < len(names) and depth <= max(map(len, parts)):
        names = ["/".join(one[-depth:]).removesuffix(".log.json").removesuffix(".json") for one in parts]
        depth += 1
    return names
