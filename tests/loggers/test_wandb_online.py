"""Runs that are sent to a W&B server, resumed ones and ones that nobody has logged in for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import logged
import pytest
from wandb_server import WandbServer

from core.runner.train import train


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    server = WandbServer()
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.port}")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    yield server
    sys.modules["wandb"].teardown()
    server.close()


def job(work_dir: Path, *hooks: dict[str, Any], **options: Any) -> dict[str, Any]:
    return logged.job(work_dir, {"type": "WandbLoggerHook", "log_artifact": False, "timeout": 300, **options}, *hooks)


@pytest.mark.parametrize("with_step", [True, False])
def test_a_resumed_run_goes_on_where_the_tracker_stands(
    with_step: bool, server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    name = "_step" if with_step else "global_step"
    options = {"init_kwargs": {"project": "lines", "id": "long", "resume": "allow"}, "with_step": with_step}
    with pytest.raises(KeyboardInterrupt):
        train(job(tmp_path / "work", logged.stop(5), **options))
    first = list(server.rows["long"])
    assert [row[name] for row in first] == ([1, 2, 3, 4, 5] if with_step else [1, 2, 3, 4, 4, 5])
    # The last checkpoint is that of iteration 3: what comes next is in the run already.
    runner = train(job(tmp_path / "work", **options), auto_resume=True)
    assert runner.iter == 9
    steps = [row[name] for row in server.rows["long"]]
    assert steps == ([*range(1, 11)] if with_step else [1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9, 10])
    assert [row["_step"] for row in server.rows["long"]] == sorted(row["_step"] for row in server.rows["long"])
    assert server.rows["long"][: len(first)] == first
    assert sum("val/score" in row for row in server.rows["long"]) == 3
    said = logged.text_log(tmp_path / "work")
    assert said.count("W&B: run long holds steps up to 5 already; they are not sent again") == 1
    assert "WARNING" not in said


def test_nobody_is_logged_in(server: WandbServer, tmp_path: Path) -> None:
    runner = train(job(tmp_path / "work"))
    assert runner.iter == 9
    assert not server.rows
    said = logged.text_log(tmp_path / "work")
    assert said.count("WARNING") == 1
    assert "W&B failed with UsageError" in said
    assert "training goes on, nothing is logged there" in said
