"""However often and wherever a run is killed, it goes on by itself from a whole checkpoint to the same weights.

`nox -s storm` runs the long form: whole processes, a hundred kills, every variant.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from storm import EPOCHS, ITERS, Job, storm, sweep
from zygote import Zygote

LONG = bool(os.environ.get("HOOKLOOM_STORM"))
KILLS = 100 if LONG else 12
VARIANTS = list(itertools.product(("at once", "behind", "no links"), (1, 3, -1), (EPOCHS, ITERS)))
VARIANTS = VARIANTS if LONG else VARIANTS[:1]


@pytest.fixture
def a_job(zygote: Zygote, tmp_path: Path, elsewhere: Path) -> Iterator[Callable[..., tuple[Job, Callable[[], None]]]]:
    """Make a job whose work directory is on another file system than the temporary folder, and what empties it."""

    def make(*, whole_processes: bool = False, **changes: Any) -> tuple[Job, Callable[[], None]]:
        work_dir = elsewhere / "w"
        job = Job(tmp_path, work_dir, None if whole_processes else zygote, **changes)
        return job, lambda: shutil.rmtree(work_dir, ignore_errors=True)

    return make


@pytest.mark.slow
@pytest.mark.parametrize("keep", [1, 3])
def test_a_storm(a_job: Any, keep: int) -> None:
    job, fresh = a_job(keep=keep, whole_processes=LONG, **({"width": 20_000, "workers": 1} if LONG else {}))
    counts = storm(job, fresh, KILLS, seed=keep)
    print(counts)
    assert counts["kills"] == KILLS
    assert counts["aimed"] >= KILLS / 2


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "keep", "runner"), VARIANTS)
def test_killed_at_each_operation_of_a_save(a_job: Any, variant: str, keep: int, runner: str) -> None:
    """Every open, write, fsync, rename, link and unlink."""
    behind = variant == "behind"
    job, fresh = a_job(keep=keep, runner=runner, more="async_save=True" if behind else "")
    assert sweep(job, fresh, behind=behind, **({"links": False} if variant == "no links" else {})) > 30


@pytest.mark.slow
def test_killed_before_the_former_best_file_is_gone(a_job: Any) -> None:
    """The best one is the newest here, so that the run goes on from it."""
    job, fresh = a_job()
    config = job.folder / "job.py"
    config.write_text(
        config.read_text().replace("checkpoint_config = dict(interval=2", "checkpoint_config = dict(interval=100")
    )
    steps, _ = job.measure()
    place = 1 + max(place for place, step in enumerate(steps) if step.startswith("unlink best"))
    fresh()
    code, said = job.start(job.work_dir, {"kill_at": place})
    assert code == -9, said[-3000:]
    assert len(list(job.work_dir.glob("best_*.pth"))) == 2
    code, said = job.start(job.work_dir)
    assert code == 0, said[-3000:]
    job.check_end()
