"""The main example: a newcomer's first run, and the accuracy that the README quotes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "core.run", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800)


def last_accuracy(work_dir: Path) -> float:
    (log,) = work_dir.glob("*.log.json")
    records = [json.loads(line) for line in log.read_text().splitlines()[1:]]
    return [record["accuracy_top-1"] for record in records if record["mode"] == "val"][-1]


@pytest.mark.slow
def test_accuracy_is_the_one_the_readme_quotes(tmp_path: Path) -> None:
    done = run("examples/digits/lenet.py", "--work-dir", str(tmp_path))
    assert done.returncode == 0, done.stderr[-2000:]
    accuracy = last_accuracy(tmp_path)
    assert accuracy >= 97
    quoted = re.search(r"([\d.]+) % of 359 held-out", (ROOT / "README.md").read_text())
    assert quoted is not None
    # Another processor rounds differently: two of the 359 digits may change sides.
    assert abs(accuracy - float(quoted[1])) < 0.6
    assert list(tmp_path.glob("best_accuracy_top-1_epoch_*.pth"))
    assert list((tmp_path / "tf_logs").glob("events*"))


@pytest.mark.slow
def test_twins(tmp_path: Path) -> None:
    short = ["--cfg-options", "runner.max_epochs=3"]
    for name in ("lenet.py", "lenet.yaml"):
        assert run(f"examples/digits/{name}", "--work-dir", str(tmp_path / name), *short).returncode == 0
    assert last_accuracy(tmp_path / "lenet.py") == last_accuracy(tmp_path / "lenet.yaml")
    done = run("examples/digits/lenet_iter.py", "--work-dir", str(tmp_path / "iter"))
    assert done.returncode == 0, done.stderr[-2000:]
    names = sorted(path.name for path in (tmp_path / "iter").glob("iter_*.pth"))
    assert names == ["iter_575.pth", "iter_690.pth"]
    assert last_accuracy(tmp_path / "iter") >= 97


@pytest.mark.slow
def test_another_optimizer(tmp_path: Path) -> None:
    options = ["--cfg-options", "optimizer.type=Lion", "optimizer.lr=1e-4"]
    done = run("examples/digits/smoke.py", "--work-dir", str(tmp_path), *options)
    assert done.returncode == 2
    assert "optimizer.momentum: Lion takes no 'momentum'" in done.stderr
    assert "optimizer._delete_=True" in done.stderr
    options.insert(1, "optimizer._delete_=True")
    done = run("examples/digits/smoke.py", "--work-dir", str(tmp_path), *options)
    assert done.returncode == 0, done.stderr[-2000:]
