"""A run that is told to end finishes its iteration, saves itself, and goes on later as if nothing had been."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from zygote import Run, Zygote

from core.checkpoint import find_latest
from core.checkpoint.verify import verify_folder
from core.runner.interruption import GRACE

CONFIG = """
model = dict(type='small.Net')
data = dict(
    samples_per_gpu=4,
    workers_per_gpu={workers},
    train=dict(type='held.Held', size={size}, hold_at={hold_at}),
    val=dict(type='small.Points', noise=0.0))
optimizer = dict(type='SGD', lr=0.1, momentum=0.9)
optimizer_config = dict()
lr_config = dict(policy='step', step=[2], warmup='linear', warmup_iters=2)
{runner}
checkpoint_config = dict({checkpoints})
log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])
seed = 3
"""
HELD = """
import os, time
from pausing import hold
from small import Points

class Held(Points):
    def __init__(self, size, hold_at, hang_at=None):
        super().__init__(size)
        self.hold_at, self.hang_at, self.calls = hold_at, hang_at, 0

    def __getitem__(self, index):
        self.calls += 1
        if self.calls == self.hold_at:
            print('loading is held', flush=True)
            hold('go on')
        if index == self.hang_at and not os.path.exists('healed'):
            print('loading hangs', flush=True)
            time.sleep(1000)
        return super().__getitem__(index)

class HeldEval(Points):
    def __getitem__(self, index):
        print('evaluating', index, flush=True)
        if index == 2:
            hold('go on')
        return super().__getitem__(index)
"""
EPOCHS = "runner = dict(type='EpochBasedRunner', max_epochs=3)"
ITERS = "runner = dict(type='IterBasedRunner', max_iters=9)"


def job(folder: Path, **changes: Any) -> None:
    values = {"workers": 0, "size": 12, "hold_at": None, "runner": EPOCHS, "checkpoints": "interval=5", **changes}
    (folder / "held.py").write_text(HELD)
    (folder / "job.py").write_text(CONFIG.format(**values))


def pause(iteration: int) -> tuple[str, ...]:
    """Return the options that hold a run at the end of an iteration."""
    hook = {"type": "pausing.Pause", "folder": ".", "iteration": iteration}
    return ("--cfg-options", *(f"custom_hooks.{name}={value}" for name, value in hook.items()))


def tell(run: Run, name: int | str, *, group: bool = False) -> None:
    """Send a signal to a run that is held, and let it go on when it has got it."""
    number = getattr(signal, name) if isinstance(name, str) else name
    run.send(number, group=group)
    run.hears(number)
    (run.said.parent / "go on").touch()


def weights(folder: Path) -> Any:
    found = find_latest(folder)
    assert found is not None
    return torch.load(found, weights_only=True)


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def same(one: Path, other: Path) -> bool:
    first, second = weights(one), weights(other)
    return all(equal(first[part], second[part]) for part in ("state_dict", "optimizer"))


@pytest.fixture(scope="module")
def whole(zygote: Zygote, tmp_path_factory: Any) -> Callable[..., Path]:
    """Return the work directory of the run that nobody stops."""
    known: dict[Any, Path] = {}

    def run(**changes: Any) -> Path:
        key = tuple(sorted(changes.items()))
        if key not in known:
            folder = known[key] = tmp_path_factory.mktemp("whole")
            job(folder, **changes)
            done = zygote.start("run", "job.py", "--work-dir", "w", folder=folder)
            assert done.wait() == 0, done.text
        return known[key] / "w"

    return run


def resume(zygote: Zygote, folder: Path, *options: str) -> str:
    again = zygote.start("run", "job.py", "--work-dir", "w", "--auto-resume", *options, folder=folder)
    assert again.wait() == 0, again.text[-3000:]
    return again.text


@pytest.mark.parametrize(
    ("name", "code", "runner", "workers", "group", "where"),
    [
        ("SIGTERM", 75, EPOCHS, 0, False, "loading"),
        ("SIGTERM", 75, EPOCHS, 2, True, "a hook"),
        ("SIGTERM", 75, ITERS, 2, True, "a hook"),
        ("SIGUSR1", 75, ITERS, 0, False, "loading"),
        ("SIGUSR1", 75, EPOCHS, 2, True, "loading"),
        ("SIGINT", 130, EPOCHS, 0, False, "a hook"),
        ("SIGINT", 130, ITERS, 2, True, "loading"),
    ],
)
def test_the_iteration_is_finished_and_saved(
    zygote: Zygote,
    tmp_path: Path,
    whole: Any,
    name: str,
    code: int,
    runner: str,
    workers: int,
    group: bool,
    where: str,
) -> None:
    """In a hook of the second iteration, or while the third batch is loaded: by the run itself or by its workers."""
    loading = where == "loading"
    hold_at = (5 if workers else 9) if loading else None
    job(tmp_path, runner=runner, workers=workers, hold_at=hold_at)
    options = () if loading else pause(2)
    run = zygote.start("run", "job.py", "--work-dir", "w", *options, folder=tmp_path)
    for text in ("loading is held", "[2/" if runner == ITERS else "[1][2/3]") if loading else ("the run is held",):
        run.until(text)
    tell(run, name, group=group)
    assert run.wait() == code, run.text[-3000:]
    assert "Traceback" not in run.text
    (said,) = set(re.findall(rf"stopped by {name} after (\d) iterations; (w/iter_\d.pth) is saved", run.text))
    done, saved = int(said[0]), tmp_path / said[1]
    # A batch that others load may be left to the run that goes on.
    assert done in ((2, 3) if loading and workers else (3,) if loading else (2,))
    assert saved.name == f"iter_{done}.pth"
    assert weights(tmp_path / "w")["meta"]["iter"] == done
    assert (tmp_path / "w" / "latest.pth").resolve() == saved
    assert f"iter {done}" in resume(zygote, tmp_path)
    assert same(tmp_path / "w", whole(runner=runner, workers=workers))


def test_workers_that_are_lost_in_spite_of_all(zygote: Zygote, tmp_path: Path, whole: Any) -> None:
    """Workers that heed the signal themselves: the run still ends where its last iteration ended."""
    job(tmp_path, workers=2, hold_at=5)
    (tmp_path / "mortal.py").write_text(
        "import signal\ndef mortal(worker):\n    signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
    )
    config = (tmp_path / "job.py").read_text()
    (tmp_path / "job.py").write_text(
        "from mortal import mortal\n" + config.replace("workers_per_gpu=2", "workers_per_gpu=2, worker_init_fn=mortal")
    )
    run = zygote.start("run", "job.py", "--work-dir", "w", folder=tmp_path)
    run.until("[1][2/3]")
    run.until("loading is held")
    run.send(signal.SIGTERM, group=True)
    assert run.wait() == 75, run.text[-3000:]
    (tmp_path / "go on").touch()
    resume(zygote, tmp_path)
    assert same(tmp_path / "w", whole(runner=EPOCHS, workers=2))


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_loader_that_hangs_is_not_waited_for(zygote: Zygote, tmp_path: Path, whole: Any, name: str) -> None:
    job(tmp_path, workers=1, runner=EPOCHS)
    hanging = ("--cfg-options", "data.train.hang_at=7")
    run = zygote.start("run", "job.py", "--work-dir", "w", *hanging, folder=tmp_path)
    run.until("loading hangs")
    run.send(getattr(signal, name))
    assert run.wait() == {"SIGTERM": 75, "SIGINT": 130}[name], run.text[-3000:]
    done = weights(tmp_path / "w")["meta"]["iter"] if list((tmp_path / "w").glob("*.pth")) else 0
    assert f"after {done} iteration" in run.text or "before the first iteration was over" in run.text
    (tmp_path / "healed").touch()
    resume(zygote, tmp_path, *hanging)
    assert same(tmp_path / "w", whole(runner=EPOCHS, workers=1))


def test_a_second_ctrl_c_leaves_at_once(zygote: Zygote, tmp_path: Path) -> None:
    job(tmp_path, hold_at=1)
    run = zygote.start("run", "job.py", "--work-dir", "w", folder=tmp_path)
    run.until("loading is held")
    run.send(signal.SIGINT)
    run.until("Ctrl-C again leaves at once")
    assert not run.ended(0.5)
    run.send(signal.SIGINT)
    assert run.wait() == 130, "although the batch does not come"
    assert not list((tmp_path / "w").glob("*.pth"))


def test_a_second_ctrl_c_where_python_does_not_hear_it(zygote: Zygote, tmp_path: Path) -> None:
    """In a call that never comes back from C, such as a collective whose peers are gone."""
    job(tmp_path)
    (tmp_path / "deep.py").write_text(
        "import ctypes\nclass Deep:\n    def after_train_iter(self, runner):\n"
        "        print('deep', flush=True)\n"
        "        lock = ctypes.create_string_buffer(64)\n"
        "        for _ in range(2): ctypes.CDLL(None).pthread_mutex_lock(lock)\n"
    )
    run = zygote.start(
        "run", "job.py", "--work-dir", "w", "--cfg-options", "custom_hooks.type=deep.Deep", folder=tmp_path
    )
    run.until("deep")
    run.send(signal.SIGINT)
    run.hears(signal.SIGINT)
    assert not run.ended(0.2)
    began = time.monotonic()
    run.send(signal.SIGINT)
    assert run.wait() == 130
    assert time.monotonic() - began >= GRACE, "Python is given the time to hear it"


def test_an_evaluation_is_not_waited_for_where_all_is_saved(zygote: Zygote, tmp_path: Path) -> None:
    job(tmp_path, checkpoints="interval=1")
    options = ("--cfg-options", "data.val.type=held.HeldEval", "evaluation.interval=1", "evaluation.metric=score")
    run = zygote.start("run", "job.py", "--work-dir", "w", *options, folder=tmp_path)
    run.until("evaluating 2")
    tell(run, "SIGTERM")
    assert run.wait() == 75, run.text[-3000:]
    assert "evaluating 11" not in run.text
    assert "stopped by SIGTERM after 3 iterations; w/epoch_1.pth is saved" in run.text


def test_before_there_is_anything_to_save(zygote: Zygote, tmp_path: Path) -> None:
    job(tmp_path)
    (tmp_path / "held.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(1000)\n")
    run = zygote.start("run", "job.py", "--work-dir", "w", folder=tmp_path)
    run.until("importing")
    run.send(signal.SIGTERM)
    assert run.wait() == 75, run.text
    assert run.text.splitlines()[-1] == "stopped by SIGTERM before the first iteration"


def test_what_was_saved_in_between_goes_with_the_next_of_the_schedule(zygote: Zygote, tmp_path: Path) -> None:
    job(tmp_path, size=40, checkpoints="interval=5, by_epoch=False, max_keep_ckpts=1")
    for iteration in (2, 4, 7):
        (tmp_path / "go on").unlink(missing_ok=True)
        run = zygote.start("run", "job.py", "--work-dir", "w", "--auto-resume", *pause(iteration), folder=tmp_path)
        run.until("the run is held")
        tell(run, "SIGTERM")
        assert run.wait() == 75
    names = {path.name for path in (tmp_path / "w").glob("iter_*.pth")}
    assert weights(tmp_path / "w")["meta"]["iter"] == 7
    assert names == {"iter_5.pth", "iter_7.pth"}
    states = {state.name: state.text for state in verify_folder(tmp_path / "w")}
    assert "written when the run was told to end" in states["iter_7.pth"]
    assert "told to end" not in states["iter_5.pth"]
    assert zygote.start("run", "job.py", "--work-dir", "w", "--auto-resume", folder=tmp_path).wait() == 0
    assert {path.name for path in (tmp_path / "w").glob("iter_*.pth")} == {"iter_30.pth"}


def test_without_a_checkpoint_hook(zygote: Zygote, tmp_path: Path) -> None:
    job(tmp_path)
    options = (*pause(2), "checkpoint_config=None")
    run = zygote.start("run", "job.py", "--work-dir", "w", *options, folder=tmp_path)
    run.until("the run is held")
    tell(run, "SIGTERM")
    assert run.wait() == 75
    assert weights(tmp_path / "w")["meta"]["iter"] == 2
    assert "after 2 iterations; w/iter_2.pth is saved" in run.text
