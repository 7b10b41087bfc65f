"""Two processes end together: when one of them is told to, and when the first one cannot write or judge."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from ports import free_port
from zygote import Run, Zygote

from core.checkpoint import find_latest
from core.checkpoint.verify import verify_folder

CONFIG = """
model = dict(type='small.Net', p=0.0)
data = dict(
    samples_per_gpu=2,
    workers_per_gpu={workers},
    train=dict(type='small.Points', size=24, noise=0.0),
    val=dict(type='unjudged.Unjudged', size=5, noise=0.0))
optimizer = dict(type='SGD', lr=0.1, momentum=0.9)
optimizer_config = dict()
lr_config = dict(policy='step', step=[2])
runner = dict(type='EpochBasedRunner', max_epochs=2)
checkpoint_config = dict({checkpoints})
log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])
custom_hooks = {hooks}
dist_params = dict(backend='gloo')
seed = 3
"""
UNJUDGED = """
from small import Points

class Unjudged(Points):
    def evaluate(self, results, logger=None):
        raise ValueError('no judgement')
"""


@pytest.fixture
def pair(zygote: Zygote, tmp_path: Path) -> Any:
    (tmp_path / "unjudged.py").write_text(UNJUDGED)

    def start(*options: str, **faults: Any) -> list[Run]:
        group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        arguments = ("run", "job.py", "--work-dir", "w", "--launcher", "pytorch", *(options or ("--no-validate",)))
        return [
            zygote.start(
                *arguments, folder=tmp_path, faults=faults or None, RANK=str(rank), LOCAL_RANK=str(rank), **group
            )
            for rank in range(2)
        ]

    def job(checkpoints: str, workers: int = 0, **pause: Any) -> Any:
        """Write the config; `pause` are the options of the hook that holds the run."""
        hooks = [{"type": "pausing.Pause", "folder": ".", "priority": "LOWEST", **pause}] if pause else []
        (tmp_path / "job.py").write_text(CONFIG.format(checkpoints=checkpoints, workers=workers, hooks=hooks))
        return start

    return job


def codes(runs: list[Run]) -> tuple[int, ...]:
    return tuple(run.wait() for run in runs)


def state(folder: Path) -> Any:
    found = find_latest(folder)
    assert found is not None
    return torch.load(found, weights_only=True)


@pytest.mark.parametrize(
    ("told", "name", "code", "workers"),
    [((0,), "SIGTERM", 75, 0), ((1,), "SIGUSR1", 75, 0), ((0, 1), "SIGINT", 130, 0), ((0, 1), "SIGTERM", 75, 1)],
)
def test_a_signal(pair: Any, tmp_path: Path, told: tuple[int, ...], name: str, code: int, workers: int) -> None:
    start = pair("interval=5", workers, iteration=2)
    runs = start()
    for run in runs:
        run.until("the run is held")
    for rank in told:
        runs[rank].send(getattr(signal, name), group=workers > 0)
        runs[rank].hears(getattr(signal, name))
    (tmp_path / "go on").touch()
    assert codes(runs) == (code, code), [run.text[-1500:] for run in runs]
    (done,) = {re.findall(rf"stopped by {name} after (\d+) iteration", run.text)[-1] for run in runs}
    assert 2 <= int(done) < 12
    assert state(tmp_path / "w")["meta"]["iter"] == int(done)
    assert "Traceback" not in "".join(run.text for run in runs)
    assert codes(start("--auto-resume", "--no-validate")) == (0, 0)
    assert state(tmp_path / "w")["meta"]["iter"] == 12


def test_a_signal_while_the_other_process_is_waited_for(pair: Any, tmp_path: Path) -> None:
    runs = pair("interval=5", iteration=2, rank=1)()
    runs[1].until("the run is held")
    runs[0].until("[1][2/6]")  # now the first process waits for what the second one says
    time.sleep(0.2)
    runs[0].send(signal.SIGTERM)
    runs[0].hears(signal.SIGTERM)
    (tmp_path / "go on").touch()
    assert codes(runs) == (75, 75), [run.text[-1500:] for run in runs]
    assert state(tmp_path / "w")["meta"]["iter"] < 12


@pytest.mark.parametrize("more", ["", "async_save=True"], ids=["at once", "behind"])
def test_a_disk_that_refuses_the_first(pair: Any, tmp_path: Path, more: str) -> None:
    start = pair(f"interval=2, by_epoch=False, {more}")
    assert codes(start(log=str(tmp_path / "steps"), on=0)) == (0, 0)
    steps = (tmp_path / "steps").read_text().splitlines()
    third = next(place for place, step in enumerate(steps, 1) if "iter_6.pth" in step)
    (tmp_path / "w").rename(tmp_path / "whole")
    runs = start(fail_at=third + 1, errno="ENOSPC", on=0)
    assert codes(runs) == (74, 74), [run.text[-1500:] for run in runs]
    first, second = (run.text for run in runs)
    assert "iter_6.pth cannot be written: No space left on device (about " in first
    assert "the first process failed: " in second
    assert all(each.whole for each in verify_folder(tmp_path / "w"))
    assert state(tmp_path / "w")["meta"]["iter"] == 4
    assert codes(start("--auto-resume", "--no-validate")) == (0, 0)
    whole, resumed = state(tmp_path / "whole"), state(tmp_path / "w")
    assert all(torch.equal(value, resumed["state_dict"][key]) for key, value in whole["state_dict"].items())


def test_a_work_dir_that_cannot_be_made(pair: Any, tmp_path: Path) -> None:
    (tmp_path / "w").write_text("a file")
    runs = pair("interval=1")()
    assert codes(runs) == (74, 74)
    assert "the first process failed: WriteError: work_dir 'w' cannot be written" in runs[1].text


def test_a_judge_that_fails(pair: Any, tmp_path: Path) -> None:
    runs = pair("interval=1")("--cfg-options", "evaluation.interval=1")
    assert codes(runs) == (1, 1), [run.text[-1500:] for run in runs]
    assert "ValueError: no judgement" in runs[0].text
    assert "the first process failed: ValueError: no judgement" in runs[1].text
