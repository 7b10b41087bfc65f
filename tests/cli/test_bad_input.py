"""What bad input gets: one clear error, the right exit code, nothing written over."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("optimizer.weight_dacay=0.1", "optimizer.weight_dacay: unknown key; did you mean 'weight_decay'?"),
        ("optimizer.lr='1e-3x'", "optimizer.lr: "),
        ("optimizer.type=SDG", "optimizer.type: no optimizer named 'SDG'; did you mean 'SGD'"),
        ("lr_config.policy=stpe", "lr_config.policy: no LR policy named 'stpe'; did you mean 'step'"),
        ("log_config.interval=0", "log_config.interval: must be positive, got 0"),
        ("evaluation.interval=-1", "evaluation.interval: must be positive, got -1"),
        ("evaluation.intervall=1", "evaluation.intervall: unknown key; did you mean 'interval'?"),
        ("runner.max_epoch=4", "runner.max_epoch: unknown key; did you mean 'max_epochs'?"),
        (
            "momentum_confg.policy=step",
            "momentum_confg: unknown key, which nothing reads; did you mean 'momentum_config'?",
        ),
        ("model.type=small.Nett", "module 'small' has no 'Nett'; did you mean 'Net'?"),
        ("model.type=nowhere.Net", "No module named 'nowhere'"),
        ("custom_hooks.0.type=x", "custom_hooks"),
        ("load_from=missing.pth", "missing.pth"),
        ("resume_from=missing.pth", "missing.pth"),
    ],
)
def test_config_mistake(command: Any, tmp_path: Path, options: str, said: str) -> None:
    code, _, err = command("run", "config.py", "--cfg-options", options)
    assert code == 2, err
    assert said in err
    assert "Traceback" not in err
    assert not (tmp_path / "work_dirs").exists(), "nothing is written before the config is right"


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("dict(type='small.Misspelt')", "did you mean 'before_train_iter'?"),
        ("dict(type='small.StopAfterEpoch', epoch=1, priority='HIHG')", "did you mean 'HIGH'?"),
        ("dict(type='small.StopAfterEpoch')", "'epoch'"),
        ("dict(type='EMAHok')", "did you mean 'EMAHook' (hookloom-hooks 0.1.0)?"),
    ],
)
def test_hook_mistake(command: Any, tmp_path: Path, hook: str, said: str) -> None:
    (tmp_path / "hooks.py").write_text(f"_base_ = 'config.py'\ncustom_hooks = [\n    {hook}]\n")
    code, _, err = command("run", "hooks.py")
    assert code == 2, err
    assert said in err
    assert "hooks.py:3" in err


def test_missing_and_circular_config(command: Any, tmp_path: Path) -> None:
    code, _, err = command("run", "nowhere.py")
    assert code == 2
    assert "nowhere.py' does not exist" in err
    (tmp_path / "a.py").write_text("_base_ = 'b.py'\n")
    (tmp_path / "b.py").write_text("x = 1\n_base_ = ['a.py']\n")
    code, _, err = command("run", "a.py")
    assert code == 2
    assert "b.py:2" in err
    assert "the bases go in a circle: a.py -> b.py -> a.py" in err


def test_empty_dataset(command: Any) -> None:
    code, _, err = command("run", "config.py", "--cfg-options", "data.train.size=0")
    assert code == 2
    assert "is empty" in err


def test_unwritable_work_dir(command: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    code, _, err = command("run", "config.py", "--work-dir", "file/below")
    assert code == 74
    assert "work_dir 'file/below' cannot be written" in err
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("workers", [0, 2])
def test_dataset_that_raises(command: Any, tmp_path: Path, workers: int) -> None:
    assert command("run", "config.py", "--work-dir", "w", "--cfg-options", "runner.max_epochs=1")[0] == 0
    # The evaluation that comes after this file is made up for, and saves the best weights again.
    before = {path.name: path.read_bytes() for path in (tmp_path / "w").glob("epoch_*.pth")}
    options = ("data.train.fail_at=5", f"data.workers_per_gpu={workers}", "runner.max_epochs=3")
    code, _, err = command("run", "config.py", "--work-dir", "w", "--auto-resume", "--cfg-options", *options)
    assert code == 1
    assert "dataset Points failed at index 5" in err
    assert "broken sample" in err
    assert ("in loader worker" in err) is (workers > 0)
    after = {path.name: path.read_bytes() for path in (tmp_path / "w").glob("epoch_*.pth")}
    assert after == before, "the last checkpoint stays intact"


def test_killed_worker(command: Any) -> None:
    code, _, err = command("run", "config.py", "--cfg-options", "data.train.kill_at=5", "data.workers_per_gpu=1")
    assert code == 1
    # torch tells of it in a signal handler: mostly while the loader waits, sometimes while something else goes on.
    assert re.search(r"a loader worker( of dataset Points)? died: ", err)


def test_loss_that_is_no_scalar(command: Any) -> None:
    code, _, err = command("run", "config.py", "--cfg-options", "model.answer=errors")
    assert code == 1
    assert "the loss must be a scalar tensor, got a tensor of shape (4,)" in err


def test_state_that_cannot_be_saved(command: Any, tmp_path: Path) -> None:
    (tmp_path / "hooks.py").write_text("_base_ = 'config.py'\ncustom_hooks = [dict(type='small.NotPlain')]\n")
    code, _, err = command("run", "hooks.py", "--work-dir", "w", "--no-validate")
    assert code == 1
    assert "handle" in err
    assert not list((tmp_path / "w").glob("*.pth"))


@pytest.mark.parametrize("option", ["--resume-from", "--load-from", "--test"])
def test_checkpoint_that_is_truncated_or_does_not_fit(command: Any, tmp_path: Path, option: str) -> None:
    assert command("run", "config.py", "--work-dir", "w", "--cfg-options", "runner.max_epochs=1")[0] == 0
    whole = tmp_path / "w" / "epoch_1.pth"
    cut = tmp_path / "cut.pth"
    cut.write_bytes(whole.read_bytes()[:-500])
    code, _, err = command("run", "config.py", "--work-dir", "v", option, "cut.pth")
    assert code == 2, err
    assert "cut.pth" in err
    assert "Traceback" not in err
    if option != "--load-from":
        code, _, err = command(
            "run", "config.py", "--work-dir", "v", option, str(whole), "--cfg-options", "model.width=9"
        )
        assert code == 2, err
        assert "first.weight" in err
        assert "(8, 4)" in err
    saved = torch.load(whole, weights_only=True)
    foreign = {f"other.{key}": value for key, value in saved["state_dict"].items()}
    torch.save({**saved, "state_dict": foreign}, tmp_path / "foreign.pth")
    code, _, err = command("run", "config.py", "--work-dir", "v", option, "foreign.pth")
    assert code == 2, err
    assert "other.first.weight" in err


def test_unknown_option(command: Any) -> None:
    code, _, err = command("run", "config.py", "--wrok-dir", "w")
    assert code == 2
    assert "--wrok-dir" in err
