"""A run that is stopped anywhere and resumed ends as the uninterrupted one does, bit for bit.

`HOOKLOOM_EXAMPLES=2000 pytest tests/resume/test_any_stop.py` looks at more, at random.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from resumable import AROUND, BETWEEN, POINTS, Job, Run, differences

EXAMPLES = int(os.environ.get("HOOKLOOM_EXAMPLES", "0"))
CHOICES: dict[str, Any] = {
    "data": (
        *("own", "own", "own", "list", "torch", "generator", "shared"),
        *("sampler", "batches", "owning", "stream", "placed"),
    ),
    "optimizer": ("sgd", "adamw", "several"),
    "lr": ("fixed", "step", "poly", "cosineannealing", "cyclic"),
    "momentum": (False, True),
    "stepping": ("plain", "fp16"),
    "accumulate": (1, 2, 3),
    "autocast": (False, True),
    "ema": (None, 45, 50),
    "evaluation": (None, {"interval": 1}, {"interval": 2, "start": 1}, {"interval": 1, "start": 0}),
    "log_interval": (1, 2, 3),
    "workers": (0, 0, 0, 0, 0, 2) if EXAMPLES else (0,),
}
WORKFLOWS = {
    "epoch": ([("train", 1)], [("train", 2), ("val", 1)], [("val", 2), ("train", 1)], [("train", 1), ("val", 1)]),
    "iter": ([("train", 1)], [("train", 3), ("val", 2)], [("val", 1), ("train", 2)]),
}
# The default checkpoint hook's place (50), before and behind it, and the ends.
PRIORITIES = (0, 42, 50, 60, 80, 100)


@st.composite
def jobs(draw: Any) -> Job:
    kind = draw(st.sampled_from(("epoch", "iter")))
    workflow = draw(st.sampled_from(WORKFLOWS[kind]))
    length = 3 if kind == "epoch" else draw(st.integers(5, 9))
    chosen = {name: draw(st.sampled_from(values)) for name, values in CHOICES.items()}
    return Job(kind=kind, workflow=tuple(workflow), length=length, **chosen)


@st.composite
def stops(draw: Any, job: Job) -> tuple[str, int]:
    point = draw(st.sampled_from((*POINTS, BETWEEN, AROUND)))
    assume(point != BETWEEN or job.kind == "epoch")
    priority = draw(st.sampled_from(PRIORITIES))
    # No checkpoint holds the graph of a loss that has still to be stepped from.
    assume(point != "after_train_iter" or priority > 40)
    # A loader of torch's own loads with the generators of training, so a batch cannot be loaded a second time.
    assume(
        job.data not in ("torch", "generator", "shared")
        or not (point.startswith("before_") and point.endswith("_iter"))
    )
    return point, priority


def compare(whole: Run, resumed: Run, logged: int) -> None:
    assert differences(whole.end(), resumed.end()) == []
    assert differences(whole.records()[logged:], resumed.records()) == []


@settings(
    max_examples=EXAMPLES or 30,
    derandomize=not EXAMPLES,
    phases=[Phase.reuse, Phase.generate],  # a smaller example takes minutes to find and says no more
)
@given(st.data())
def test_a_resumed_run_ends_as_the_whole_one(data: Any) -> None:
    job = data.draw(jobs())
    stop = data.draw(stops(job))
    with tempfile.TemporaryDirectory() as folder:
        whole = Run(job, Path(folder, "whole"), stop)
        assume(whole.saver.files)
        index = data.draw(st.integers(0, len(whole.saver.files) - 1))
        path, logged = whole.saver.files[index]
        resumed = Run(job, Path(folder, "resumed"), stop, path)
        compare(whole, resumed, logged)
        if resumed.saver.files:  # and once more
            path, again = resumed.saver.files[data.draw(st.integers(0, len(resumed.saver.files) - 1))]
            compare(whole, Run(job, Path(folder, "again"), stop, path), logged + again)


@pytest.mark.parametrize("data", ["own", "sampler"])
@pytest.mark.parametrize(("before", "after"), [(0, 2), (2, 0), (2, 1)])
def test_the_number_of_workers_may_change(before: int, after: int, data: str, tmp_path: Path) -> None:
    job = Job(data=data, workers=before, length=2, evaluation={"interval": 1}, accumulate=2)
    stop = ("after_train_iter", 50)
    whole = Run(job, tmp_path / "whole", stop)
    path, logged = whole.saver.files[2]
    compare(whole, Run(job, tmp_path / "resumed", stop, path, workers=after), logged)


@pytest.mark.parametrize("data", ["torch", "stream"])
def test_workers_that_own_their_generators_are_replayed(data: str, tmp_path: Path) -> None:
    job = Job(kind="iter", data=data, workers=2, length=7)
    stop = ("after_train_iter", 50)
    whole = Run(job, tmp_path / "whole", stop)
    path, logged = whole.saver.files[4]
    compare(whole, Run(job, tmp_path / "resumed", stop, path), logged)


@pytest.mark.parametrize("kind", ["epoch", "iter"])
@pytest.mark.parametrize("workers", [0, 2])
def test_loaders_that_share_a_generator(kind: str, workers: int, tmp_path: Path) -> None:
    """The state that it has now is another than any of the epochs under way began with."""
    workflow = (("train", 1), ("val", 1)) if kind == "epoch" else (("train", 3), ("val", 1))
    job = Job(kind=kind, data="shared", workers=workers, workflow=workflow, length=3 if kind == "epoch" else 14)
    stop = ("after_train_iter", 50)
    whole = Run(job, tmp_path / "whole", stop)
    for index in (2, 7, 9) if workers == 0 else (7,):
        path, logged = whole.saver.files[index]
        compare(whole, Run(job, tmp_path / f"resumed {index}", stop, path), logged)


@pytest.mark.parametrize(
    ("kind", "workers", "point"),
    [
        ("epoch", 0, "after_train_iter"),
        ("epoch", 0, BETWEEN),  # with a loader around the loader
        ("iter", 0, "after_train_iter"),
        ("iter", 1, "after_train_iter"),
    ],
)
def test_a_sampler_with_a_generator_of_its_own(kind: str, workers: int, point: str, tmp_path: Path) -> None:
    """Its order is drawn again when the run goes on inside an epoch, and the next epoch's after that."""
    job = Job(kind=kind, data="owning", workers=workers, length=3 if kind == "epoch" else 9)
    stop = (point, 50)
    whole = Run(job, tmp_path / "whole", stop)
    for index in (1, 3, 6):
        path, logged = whole.saver.files[index]
        compare(whole, Run(job, tmp_path / f"resumed {index}", stop, path), logged)


def test_a_stream_that_a_resumed_run_has_not_come_to(tmp_path: Path) -> None:
    """The place of the validation's dataset goes from checkpoint to checkpoint until it is read again."""
    job = Job(kind="iter", data="placed", workflow=(("val", 1), ("train", 3)), length=7)
    stop = ("after_train_iter", 50)
    whole = Run(job, tmp_path / "whole", stop)
    path, _ = whole.saver.files[0]
    resumed = Run(job, tmp_path / "resumed", stop, path)
    path, again = resumed.saver.files[0]
    compare(whole, Run(job, tmp_path / "again", stop, path), whole.saver.files[0][1] + again)
