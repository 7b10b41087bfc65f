"""Runs that are killed again and again, and what must hold after each kill and at the end."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from zygote import HERE, INJECTED, Zygote

from core.checkpoint import find_latest
from core.checkpoint.verify import verify_folder

INTERVAL = 2
CONFIG = """
model = dict(type='small.Net', width={width})
data = dict(
    samples_per_gpu=3,
    workers_per_gpu={workers},
    train=dict(type='small.Points'),
    val=dict(type='small.Points', noise=0.0))
optimizer = dict(type='SGD', lr=0.1, momentum=0.9)
optimizer_config = dict(grad_clip=dict(max_norm=5))
lr_config = dict(policy='step', step=[2], warmup='linear', warmup_iters=3)
{runner}
evaluation = dict(interval={interval}, by_epoch=False, metric='score', save_best='score')
checkpoint_config = dict(interval={interval}, by_epoch=False, max_keep_ckpts={keep}, {more})
log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])
seed = 3
"""
EPOCHS = "runner = dict(type='EpochBasedRunner', max_epochs=3)"  # of 4 iterations each
ITERS = "runner = dict(type='IterBasedRunner', max_iters=12)"
LAST = 12


class Job:
    """One job, started again and again.

    Args:
        folder: where its config is and what it says goes.
        work_dir: where it writes.
        zygote: what starts it; None for whole processes.
        **changes: of the config.
    """

    def __init__(self, folder: Path, work_dir: Path, zygote: Zygote | None, **changes: Any) -> None:
        values = {"width": 8, "workers": 0, "runner": EPOCHS, "interval": INTERVAL, "keep": 1, "more": "", **changes}
        (folder / "job.py").write_text(CONFIG.format(**values))
        self.folder, self.work_dir, self.zygote, self.starts = folder, work_dir, zygote, 0
        self.unkilled = folder / "unkilled"

    def start(
        self, work_dir: Path, faults: dict[str, Any] | None = None, limit: float | None = None
    ) -> tuple[int, str]:
        """Start the job, going on where it was; return its exit code, negative if killed, and what it said.

        Args:
            work_dir: where it writes.
            faults: see tests/faults/injected.
            limit: seconds after which it is killed.
        """
        arguments = ("run", "job.py", "--work-dir", str(work_dir), "--auto-resume")
        if self.zygote is not None:
            run = self.zygote.start(*arguments, folder=self.folder, faults=faults)
            if limit is not None and not run.ended(limit):
                run.send(9)
            return run.wait(), run.text
        self.starts += 1
        said = self.folder / f"said by {self.starts}"
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "FAULTS": json.dumps(faults) if faults else "",
            "PYTHONPATH": os.pathsep.join([str(HERE), str(INJECTED), *filter(None, sys.path)]),
        }
        with said.open("w") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "core", *arguments],
                cwd=self.folder,
                env=environment,
                stdout=stream,
                stderr=stream,
            )
            try:
                code = process.wait(limit or 300)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
        return code, said.read_text()

    def measure(self) -> tuple[list[str], float]:
        """Run the job once, unkilled; return the operations on files that it did, and the seconds it took."""
        steps = self.folder / "steps"
        began = time.monotonic()
        code, said = self.start(self.unkilled, {"log": str(steps)})
        assert code == 0, said[-3000:]
        return steps.read_text().splitlines(), time.monotonic() - began

    def check_after_a_kill(self, said: str, *, behind: bool = False) -> int:
        """See that nothing is damaged and little is lost; return the iteration that the next start goes on with."""
        if not list(self.work_dir.glob("*.pth")):
            newest = 0
        else:
            bad = [state for state in verify_folder(self.work_dir) if not state.whole]
            assert not bad, bad
            found = find_latest(self.work_dir)
            assert found is not None
            newest = torch.load(found, weights_only=True)["meta"]["iter"]
        done = done_iterations(said)
        assert max(done, default=0) - newest <= INTERVAL * (2 if behind else 1), (done, newest)
        return newest

    def check_start(self, said: str, newest: int) -> None:
        """See that a start took what was to be taken, and skipped nothing."""
        assert "skipped" not in said, said
        assert (f"iter {newest}\n" if newest else "holds no checkpoint") in said, said[-3000:]

    def check_end(self) -> None:
        """See that the killed job has ended as the unkilled one did, and has left no traces."""
        one, other = (torch.load(folder / "latest.pth", weights_only=True) for folder in (self.unkilled, self.work_dir))
        assert equal(one["state_dict"], other["state_dict"])
        assert equal(one["optimizer"], other["optimizer"])
        assert names(self.unkilled) == names(self.work_dir), (names(self.unkilled), names(self.work_dir))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if ".log" not in path.name}


def done_iterations(said: str) -> list[int]:
    """Return which iterations a run has logged, counted over the whole run."""
    by_epoch = re.findall(r"Epoch \[(\d+)\]\[(\d+)/(\d+)\]", said)
    return [(int(epoch) - 1) * int(of) + int(number) for epoch, number, of in by_epoch] + [
        int(number) for number in re.findall(r"Iter \[(\d+)/\d+\]", said)
    ]


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def sweep(job: Job, fresh: Callable[[], None], *, behind: bool = False, **faults: Any) -> int:
    """Kill the job at each operation of its second and its last checkpoint in turn; return how many there were.

    After the second one more are to come; what is not done beside the last one nobody else would do.

    Args:
        job: the job.
        fresh: empties its work directory.
        behind: whether it saves behind the training.
        **faults: more of them.
    """
    steps, _ = job.measure()
    second, third = (first_of(steps, f"iter_{number * INTERVAL}.pth") for number in (2, 3))
    last = first_of(steps, f"iter_{LAST}.pth")
    places = [*range(second, third + 1), *range(last, len(steps) + 1)]
    for place in places:
        fresh()
        code, said = job.start(job.work_dir, {"kill_at": place, "torn": True, **faults})
        assert code == -9, (place, said[-3000:])
        newest = job.check_after_a_kill(said, behind=behind)
        code, said = job.start(job.work_dir, faults or None)
        assert code == 0, (place, said[-3000:])
        job.check_start(said, newest)
        job.check_end()
    return len(places)


def first_of(steps: list[str], name: str) -> int:
    """Return the number, from 1, of the first operation on a file."""
    return 1 + next(place for place, step in enumerate(steps) if name in step)


def storm(job: Job, fresh: Callable[[], None], kills: int, seed: int) -> dict[str, int]:
    """Kill the job at random moments, every second time aimed at an operation on a checkpoint; return what happened.

    Args:
        job: the job, begun anew whenever it has come to its end.
        fresh: empties its work directory.
        kills: how often.
        seed: of the moments.
    """
    steps, seconds = job.measure()
    draw = random.Random(seed)
    counts = {"kills": 0, "aimed": 0, "ends": 0}
    newest = 0
    fresh()
    while counts["kills"] < kills:
        aimed = counts["aimed"] <= counts["kills"] / 2
        if aimed:
            faults = {"kill_at": draw.randrange(1, max(len(steps) // 2, 2)), "torn": draw.random() < 0.5}
            code, said = job.start(job.work_dir, faults)
        else:
            began = time.monotonic()
            code, said = job.start(job.work_dir, limit=draw.uniform(0, seconds))
            if code == 0:
                seconds = time.monotonic() - began  # the machine is faster than it was
        if "hooks, in the order" in said:
            job.check_start(said, newest)
        assert code in (0, -9), said[-3000:]
        if code == 0:
            counts["ends"] += 1
            job.check_end()
            fresh()
            newest = 0
            continue
        counts["kills"] += 1
        counts["aimed"] += aimed
        newest = job.check_after_a_kill(said)
    code, said = job.start(job.work_dir)
    assert code == 0, said[-3000:]
    job.check_start(said, newest)
    job.check_end()
    return counts
