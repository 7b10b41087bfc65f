"""Offline runs of W&B, whose file is read back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import logged
import pytest
import torch
from wandb_file import of_kind, only_file, rows

from core.errors import ConfigError, HookError
from core.runner.train import train


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    yield
    if sys.modules.get("wandb"):
        sys.modules["wandb"].teardown()


def job(work_dir: Path, *hooks: dict[str, Any], by_epoch: bool = True, **options: Any) -> dict[str, Any]:
    return logged.job(work_dir, {"type": "WandbLoggerHook", "timeout": 300, **options}, *hooks, by_epoch=by_epoch)


@pytest.mark.parametrize("by_epoch", [True, False], ids=["by epoch", "by iteration"])
def test_train_and_val_share_one_axis(by_epoch: bool, tmp_path: Path) -> None:
    train(job(tmp_path / "work", by_epoch=by_epoch))
    read = rows(only_file(tmp_path))
    losses = {row["_step"]: row["train/loss"] for row in read if "train/loss" in row}
    assert list(losses) == list(range(1, 10))
    assert list(losses.values()) == pytest.approx(logged.train_losses(tmp_path / "work"), abs=1e-5)
    # An evaluation at the end of an epoch bears the number of the iteration that comes next.
    assert [row["_step"] for row in read if "val/score" in row] == ([4, 7, 10] if by_epoch else [3, 6, 9])
    assert [row["_step"] for row in read] == list(range(1, 11 if by_epoch else 10)), "none is dropped, none twice"
    rates = [row["learning_rate"] for row in read if row["_step"] < 10]
    assert rates == pytest.approx([0.1 * (1 - i / 9) for i in range(9)])
    assert all(row["momentum"] == 0.9 for row in read)
    assert [record.exit_code for record in of_kind(only_file(tmp_path), "exit")] == [0]


def test_without_a_step(tmp_path: Path) -> None:
    train(job(tmp_path / "work", with_step=False))
    read = rows(only_file(tmp_path))
    assert [row["_step"] for row in read] == list(range(12)), "one row for each record"
    assert [row["global_step"] for row in read] == [1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9, 10]


def test_without_committing(tmp_path: Path) -> None:
    train(job(tmp_path / "work", with_step=False, commit=False))
    (row,) = rows(only_file(tmp_path))
    assert (row["global_step"], row["_step"]) == (10, 0)


def test_init_kwargs_and_summaries(tmp_path: Path) -> None:
    given = {"project": "lines", "name": "first", "config": {"width": 8}, "tags": ["a", "b"], "id": "chosen"}
    summaries = {"val/score": "max", "train/loss": "min,last", "momentum": "mean", "learning_rate": "last", "x": "none"}
    train(job(tmp_path / "work", init_kwargs=given, define_metric_cfg=summaries))
    path = only_file(tmp_path)
    assert path.name == "run-chosen.wandb"
    first = of_kind(path, "run")[0]
    assert (first.project, first.display_name, list(first.tags)) == ("lines", "first", ["a", "b"])
    assert [(item.key, item.value_json) for item in first.config.update if item.key == "width"] == [("width", "8")]
    defined = {record.name: record.summary for record in of_kind(path, "metric")}
    assert {name: {field.name for field, _ in kind.ListFields()} for name, kind in defined.items()} == {
        name: set(kinds.split(",")) for name, kinds in summaries.items()
    }
    assert "WARNING" not in logged.text_log(tmp_path / "work")


def test_logs_and_configs_are_an_artifact(tmp_path: Path) -> None:
    work_dir = tmp_path / "work"
    train(job(work_dir, init_kwargs={"dir": str(work_dir)}))
    (artifact,) = of_kind(only_file(work_dir), "artifact")
    assert (artifact.name, artifact.type) == ("artifacts", "model")
    sent = {entry.path for entry in artifact.manifest.contents}
    assert sent == {path.name for path in work_dir.iterdir() if path.suffix in (".py", ".log", ".json")} - {
        "checkpoints.json"
    }
    assert len(sent) == 3


def test_chosen_files_or_none_are_an_artifact(tmp_path: Path) -> None:
    train(job(tmp_path / "some", out_suffix=".py", init_kwargs={"dir": str(tmp_path / "some")}))
    (artifact,) = of_kind(only_file(tmp_path / "some"), "artifact")
    assert [entry.path for entry in artifact.manifest.contents] == ["config.py"]
    train(job(tmp_path / "none", log_artifact=False, init_kwargs={"dir": str(tmp_path / "none")}))
    assert not of_kind(only_file(tmp_path / "none"), "artifact")


def test_a_run_that_is_cut_short_is_failed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(job(tmp_path / "work", logged.stop(5)))
    path = only_file(tmp_path)
    assert rows(path)[-1]["_step"] == 5
    assert [record.exit_code for record in of_kind(path, "exit")] == [1]
    assert not of_kind(path, "artifact")


def test_a_run_of_the_script_is_used_and_stays_open(tmp_path: Path) -> None:
    import wandb

    run = wandb.init(id="mine", settings=wandb.Settings(console="off"))
    run.log({"before": 1.0}, step=6)
    train(job(tmp_path / "work"))
    assert wandb.run is run
    run.log({"after": 1.0}, step=20)
    run.finish()
    read = rows(only_file(tmp_path))
    # Steps never go back: what lies before the script's own row is left out, and is said once.
    assert [row["_step"] for row in read] == [6, 7, 8, 9, 10, 20]
    assert "before" in read[0]
    assert "train/loss" in read[0]
    log = logged.text_log(tmp_path / "work")
    assert log.count("W&B: run mine holds steps up to 5 already") == 1
    assert "WARNING" not in log


def test_nothing_changes_for_training(tmp_path: Path) -> None:
    train(job(tmp_path / "with"))
    config = job(tmp_path / "without")
    config["log_config"]["hooks"].pop()
    train(config)
    one, two = (torch.load(tmp_path / name / "latest.pth", weights_only=True) for name in ("with", "without"))
    for name, weight in one["state_dict"].items():
        assert torch.equal(weight, two["state_dict"][name])
    torch.set_printoptions(profile="full")
    assert str(one["hookloom"]["rng"]) == str(two["hookloom"]["rng"])
    torch.set_printoptions(profile="default")


def test_disabled(tmp_path: Path) -> None:
    train(job(tmp_path / "work", init_kwargs={"mode": "disabled"}))
    assert "WARNING" not in logged.text_log(tmp_path / "work")
    assert not list(tmp_path.glob("wandb/*"))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"init_kwargs": {"projct": "x"}}, HookError, r"no argument 'projct'; did you mean 'project'\?"),
        (
            {"init_kwargs": {"settings": {"init_timeout": "soon"}}},
            HookError,
            r"init_kwargs.settings: (.|\n)*init_timeout",
        ),
        ({"define_metric_cfg": {"val/score": "maxx"}}, ConfigError, r"'val/score'.*got 'maxx'; did you mean 'max'\?"),
        ({"define_metric_cfg": {"val/score": "best"}}, ConfigError, "got 'best'; say 'max' or 'min'"),
        ({"timeout": 0}, ConfigError, "timeout: must be positive, got 0"),
    ],
)
def test_mistakes_are_found_before_training(options: Any, error: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=text):
        train(job(tmp_path / "work", **options))
    assert not list(tmp_path.glob("work/*.pth"))


def test_without_wandb_the_run_does_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(HookError, match=r"pip install 'hookloom-loggers\[wandb\]'"):
        train(job(tmp_path / "work"))
    assert not list(tmp_path.glob("work/*.pth"))
