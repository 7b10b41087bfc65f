"""Stopping and going on: the resumed run equals the uninterrupted one, bit for bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from small import Course

EPOCHS = """
_base_ = 'config.py'
checkpoint_config = dict(interval={interval}, by_epoch={by_epoch})
custom_hooks = [dict(type='small.Course', priority='LOWEST')]
"""
ITERS = (
    EPOCHS
    + """
runner = dict(_delete_=True, type='IterBasedRunner', max_iters=9)
evaluation = dict(interval=3)
lr_config = dict(step=[6])
"""
)


def final(folder: Path) -> dict[str, Any]:
    return torch.load(folder / "latest.pth", weights_only=True)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def run(command: Any, *arguments: str) -> list[Any]:
    Course.rows.clear()
    code, _, err = command("run", *arguments)
    assert code in (0, 130), err
    return list(Course.rows)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("text", "stop"),
    [
        (EPOCHS.format(interval=1, by_epoch=True), "dict(type='small.StopAfterEpoch', epoch=2, priority='LOWEST')"),
        (EPOCHS.format(interval=2, by_epoch=False), "dict(type='small.StopAfterIter', iteration=4, priority='LOWEST')"),
        (EPOCHS.format(interval=1, by_epoch=False), "dict(type='small.StopAfterIter', iteration=5, priority='LOWEST')"),
        (ITERS.format(interval=1, by_epoch=False), "dict(type='small.StopAfterIter', iteration=6, priority='LOWEST')"),
        (ITERS.format(interval=1, by_epoch=False), "dict(type='small.StopAfterIter', iteration=4, priority='LOWEST')"),
    ],
    ids=["epoch end", "inside an epoch", "inside an epoch, odd", "iterations, loader's end", "iterations, inside"],
)
def test_resumed_equals_uninterrupted(command: Any, tmp_path: Path, text: str, stop: str, workers: int) -> None:
    (tmp_path / "whole.py").write_text(text)
    (tmp_path / "parts.py").write_text(
        text.replace("custom_hooks = [", f"custom_hooks = [\n    {stop},\n    ").replace("'config.py'", "'config.py'")
    )
    option = ("--cfg-options", f"data.workers_per_gpu={workers}")
    whole = run(command, "whole.py", "--work-dir", "whole", *option)
    first = run(command, "parts.py", "--work-dir", "parts", *option)
    assert 0 < len(first) < len(whole)
    second = run(command, "whole.py", "--work-dir", "parts", "--auto-resume", *option)
    assert first + second == whole
    uninterrupted, resumed = final(tmp_path / "whole"), final(tmp_path / "parts")
    for part in ("state_dict", "optimizer"):
        assert same(uninterrupted[part], resumed[part])


def test_resume_from_a_path(command: Any, tmp_path: Path) -> None:
    (tmp_path / "whole.py").write_text(EPOCHS.format(interval=1, by_epoch=True))
    whole = run(command, "whole.py", "--work-dir", "whole")
    shutil.copy(tmp_path / "whole" / "epoch_2.pth", tmp_path / "here.pth")
    rest = run(command, "whole.py", "--work-dir", "other", "--resume-from", "here.pth")
    assert rest == whole[6:]
    assert same(final(tmp_path / "whole")["state_dict"], final(tmp_path / "other")["state_dict"])


def test_auto_resume_without_a_checkpoint_starts_and_with_damaged_ones_stops(command: Any, tmp_path: Path) -> None:
    code, _, err = command("run", "config.py", "--work-dir", "w", "--auto-resume")
    assert code == 0
    assert "no checkpoint" in err
    for path in (tmp_path / "w").glob("*_*.pth"):
        path.write_bytes(path.read_bytes()[:100])
    before = sorted(path.name for path in (tmp_path / "w").glob("*.pth"))
    code, _, err = command("run", "config.py", "--work-dir", "w", "--auto-resume")
    assert code == 2
    assert "damaged" in err
    assert sorted(path.name for path in (tmp_path / "w").glob("*.pth")) == before


def test_auto_resume_takes_the_newest_whole_checkpoint(command: Any, tmp_path: Path) -> None:
    assert command("run", "config.py", "--work-dir", "w", "--cfg-options", "runner.max_epochs=2")[0] == 0
    newest = tmp_path / "w" / "epoch_2.pth"
    newest.write_bytes(newest.read_bytes()[:-300])
    code, _, err = command("run", "config.py", "--work-dir", "w", "--auto-resume")
    assert code == 0
    assert "epoch_2.pth" in err
    assert "resumed epoch 1, iter 3" in err


def test_load_from_takes_weights_alone(command: Any, tmp_path: Path) -> None:
    assert command("run", "config.py", "--work-dir", "w")[0] == 0
    saved = final(tmp_path / "w")
    torch.save({f"module.{key}": value for key, value in saved["state_dict"].items()}, tmp_path / "bare.pth")
    arguments = ("--load-from", "bare.pth", "--work-dir", "v", "--cfg-options", "optimizer.lr=0", "runner.max_epochs=1")
    assert command("run", "config.py", *arguments)[0] == 0
    loaded = final(tmp_path / "v")
    assert same(loaded["state_dict"], saved["state_dict"])
    assert loaded["meta"]["epoch"] == 1


def test_spawned_workers(command: Any, tmp_path: Path) -> None:
    options = ("data.workers_per_gpu=1", "mp_start_method=spawn", "runner.max_epochs=1")
    code, _, err = command("run", "config.py", "--work-dir", "w", "--cfg-options", *options)
    assert code == 0, err
    options = ("data.workers_per_gpu=2", "runner.max_epochs=1")
    assert command("run", "config.py", "--work-dir", "v", "--cfg-options", *options)[0] == 0
    assert same(final(tmp_path / "w")["state_dict"], final(tmp_path / "v")["state_dict"])
