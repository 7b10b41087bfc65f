"""A run from the command line: its doors, its files, its options."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from core import Config


def test_files_of_a_run(command: Any, tmp_path: Path) -> None:
    code, _, err = command("run", "config.py", "--work-dir", "w")
    assert code == 0
    work_dir = tmp_path / "w"
    names = sorted(path.name for path in work_dir.iterdir())
    (log,) = work_dir.glob("*.log")
    assert [name for name in names if not name.startswith(log.stem)] == [
        "best_score_epoch_1.pth",
        "checkpoints.json",
        "config.py",
        "epoch_1.pth",
        "epoch_2.pth",
        "epoch_3.pth",
        "latest.pth",
    ]
    assert Config.fromfile(work_dir / "config.py").to_dict() == Config.fromfile(tmp_path / "config.py").to_dict()
    records = [json.loads(line) for line in (work_dir / f"{log.stem}.log.json").read_text().splitlines()]
    assert records[0]["seed"] == 3
    assert [record["mode"] for record in records[1:]] == ["train", "train", "train", "val"] * 3
    text = log.read_text()
    assert "Epoch [1][1/3]\tlr: 1.000e-02, eta: " in text
    assert "StepLrUpdaterHook" in text
    assert all(line in err for line in text.splitlines()[:3])
    saved = torch.load(work_dir / "epoch_3.pth", weights_only=True)
    assert list(saved) == ["meta", "state_dict", "optimizer", "hookloom"]
    assert saved["meta"]["epoch"] == 3
    assert saved["meta"]["iter"] == 9
    assert saved["hookloom"]["format"] == 1
    providers = json.dumps(saved["hookloom"]["providers"], default=str)
    assert "hookloom-core" in providers
    assert "torch" in providers


def test_a_config_that_has_to_be_run_is_named_in_the_log_or_refused(command: Any, tmp_path: Path) -> None:
    config = tmp_path / "config.py"
    config.write_text(f"import math\n{config.read_text()}lr = math.sqrt(4)\n")
    code, _, err = command("run", "config.py", "--static", "--work-dir", "w")
    assert code == 2
    assert "config.py:1   import math: the file would have to be run, which --static refuses" in err
    assert not (tmp_path / "w").exists()
    assert command("run", "config.py", "--work-dir", "w")[0] == 0
    (log,) = (tmp_path / "w").glob("*.log")
    assert f"INFO - config: {config}:1: import math, so the config is run\n" in log.read_text()
    assert Config.fromfile(tmp_path / "w/config.py", static=True).lr == 2.0


def test_evaluating_a_checkpoint(command: Any) -> None:
    assert command("run", "config.py", "--work-dir", "w")[0] == 0
    code, out, _ = command("run", "config.py", "--test", "w/epoch_3.pth")
    assert code == 0
    first = json.loads(out)["score"]
    code, out, _ = command("run", "config.py", "--test", "w/epoch_1.pth")
    assert json.loads(out)["score"] != first
    log = next(Path("w").glob("*.log.json"))
    assert json.loads(log.read_text().splitlines()[-1])["score"] == pytest.approx(first, abs=1e-5)


def test_check_builds_nothing(command: Any, tmp_path: Path) -> None:
    code, out, _ = command("run", "config.py", "--check")
    assert code == 0
    assert "no problems" in out
    code, out, _ = command("check", "config.py", "--cfg-options", "optimizer.lrr=1", "--format", "json")
    assert code == 2
    (problem,) = json.loads(out)["problems"]
    assert problem["key"] == "optimizer.lrr"
    assert problem["suggestion"] == "lr"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == ["config.py"]


def test_no_validate_and_seed(command: Any, tmp_path: Path) -> None:
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert command("run", "config.py", "--work-dir", name, "--no-validate", "--seed", seed)[0] == 0
    assert not list((tmp_path / "a").glob("best_*"))
    weights = [torch.load(tmp_path / n / "latest.pth", weights_only=True)["state_dict"]["last.bias"] for n in "abc"]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_two_runs_leave_no_sink_behind(command: Any, tmp_path: Path) -> None:
    assert command("run", "config.py", "--work-dir", "a")[0] == 0
    size = next((tmp_path / "a").glob("*.log")).stat().st_size
    assert command("run", "config.py", "--work-dir", "b")[0] == 0
    assert next((tmp_path / "a").glob("*.log")).stat().st_size == size
    lines = next((tmp_path / "b").glob("*.log")).read_text().splitlines()
    assert len(lines) == len(set(lines)) or len([line for line in lines if "Epoch [1][1/3]" in line]) == 1


def test_a_run_after_an_interrupted_one(command: Any, tmp_path: Path) -> None:
    hook = "dict(type='small.StopAfterEpoch', epoch=1)"
    (tmp_path / "stop.py").write_text(f"_base_ = 'config.py'\ncustom_hooks = {hook}\n")
    assert command("run", "stop.py", "--work-dir", "a")[0] == 130
    assert command("run", "config.py", "--work-dir", "b")[0] == 0


def test_plugin_switches(command: Any, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "ema.py").write_text("_base_ = 'config.py'\ncustom_hooks = [dict(type='EMAHook')]\n")
    said = "hook 'EMAHook' comes from hookloom-hooks 0.1.0, which the plugin switches leave out"
    code, _, err = command("run", "ema.py", "--block-plugins", "hookloom-hooks")
    assert (code, said in err) == (2, True)
    code, _, err = command("run", "ema.py", "--cfg-options", "plugins.allow=[]")
    assert (code, said in err) == (2, True)
    monkeypatch.setenv("HOOKLOOM_ALLOW_PLUGINS", "")
    code, _, err = command("run", "ema.py")
    assert (code, said in err) == (2, True)
    code, _, err = command("run", "ema.py", "--allow-plugins", "hookloom_hooks")
    assert code == 0, err


def test_config_print(command: Any, tmp_path: Path) -> None:
    code, out, _ = command("config", "print", "config.py", "--cfg-options", "optimizer.lr=0.5")
    assert code == 0
    (tmp_path / "again.py").write_text(out)
    assert Config.fromfile(tmp_path / "again.py").optimizer.lr == 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "door",
    [
        ("-m", "core.run"),
        ("-m", "core", "run"),
        (
            "-m",
            "core.cli.main_door",
        ),
    ],
)
def test_doors(command: Any, tmp_path: Path, door: tuple[str, ...]) -> None:
    if door[-1] == "core.cli.main_door":
        launch = [str(Path(sys.executable).with_name("hookloom")), "run"]
    else:
        launch = [sys.executable, *door]
    done = subprocess.run([*launch, "config.py", "--work-dir", "w"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "w" / "epoch_3.pth").is_file()


@pytest.mark.slow
def test_ctrl_c(command: Any, tmp_path: Path) -> None:
    options = ["--cfg-options", "runner.max_epochs=100000", "checkpoint_config.interval=100"]
    said = tmp_path / "said"
    with said.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "core.run", "config.py", "--work-dir", "w", *options],
            cwd=tmp_path,
            stderr=stream,
            env=dict(os.environ),
        )
    try:
        while not list((tmp_path / "w").glob("epoch_*.pth")):
            assert process.poll() is None, said.read_text()[-2000:]
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=600) == 130, said.read_text()[-2000:]
    finally:
        process.kill()
    assert "Traceback" not in said.read_text()
