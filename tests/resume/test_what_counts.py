"""Checkpoint or config: base values of schedules, options of hooks, the seed; and the table that says which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from core.cli.main import main
from core.errors import OptionError

JOB = """
model = dict(type='small.Net')
data = dict(samples_per_gpu=2, train=dict(type='small.Points'), val=dict(type='small.Points', size=5))
optimizer = dict(type='SGD', lr=0.1, momentum=0.9)
optimizer_config = dict(grad_clip=dict(max_norm=5))
lr_config = dict(policy='step', step=[2], warmup='linear', warmup_iters=3)
runner = dict(type='EpochBasedRunner', max_epochs=3)
evaluation = dict(interval=1, metric='score', save_best='score')
checkpoint_config = dict(interval=2, by_epoch=False)
log_config = dict(interval=2, hooks=[dict(type='TextLoggerHook')])
custom_hooks = [dict(type='small.Course', priority='LOWEST'), dict(type='EMAHook', momentum=0.1)]
"""


@pytest.fixture
def job(tmp_path: Path, monkeypatch: Any, capfd: Any) -> Any:
    """Run `config.py` with changes; return what it says, and the learning rates of its iterations."""
    from small import Course

    monkeypatch.chdir(tmp_path)

    def run(work_dir: str, *options: str, resume: str = "", seed: str = "", text: str = "") -> tuple[str, list[float]]:
        Course.rows.clear()
        (tmp_path / "config.py").write_text(JOB + text)
        named = [word for flag, word in (("--resume-from", resume), ("--seed", seed)) if word for word in (flag, word)]
        changes = ["--cfg-options", *options] if options else []
        assert main(["run", "config.py", "--work-dir", work_dir, *named, *changes]) == 0
        return capfd.readouterr().err, [row[2] for row in Course.rows]

    return run


def rows(said: str) -> dict[str, list[str]]:
    """Return the table's rows by their first column."""
    lines = said.partition("resuming:\n")[2].splitlines()
    starts = [lines[0].index(word) for word in ("checkpoint", "config", "used")]
    found = {}
    for line in lines[1:]:
        cells = [line[a:b].strip() for a, b in zip([0, *starts], [*starts, None], strict=True)]
        found[cells[0]] = cells[1:]
        if cells[0] == "hooks":
            break
    return found


@pytest.mark.parametrize("file", ["iter_6.pth", "iter_10.pth"], ids=["end of an epoch", "inside an epoch"])
def test_base_values(job: Any, file: str) -> None:
    done = int(file[5:-4])
    _, whole = job("whole")
    _, lower = job("lower", "optimizer.lr=0.05")
    for choice, expected, base in ((None, whole, "0.1"), ("keep", whole, "0.1"), ("follow_config", lower, "0.05")):
        chosen = [] if choice is None else [f"resume.schedule={choice}"]
        said, rates = job("parts", "optimizer.lr=0.05", *chosen, resume=f"whole/{file}")
        assert rates == expected[done:]
        assert rows(said)["lr"] == ["0.1", "0.05", base]


def test_momentum_and_the_other_options(job: Any) -> None:
    job("whole", "momentum_config.policy=step", "momentum_config.step=[1]", "momentum_config.by_epoch=True")
    changes = ("optimizer.momentum=0.8", "optimizer.weight_decay=0.25")
    said, _ = job("keep", *changes, resume="whole/iter_10.pth")
    assert (rows(said)["momentum"], rows(said)["weight_decay"]) == (["0.45", "0.8", "0.45"], ["0", "0.25", "0"])
    said, _ = job("follow", *changes, "resume.schedule=follow_config", resume="whole/iter_10.pth")
    assert (rows(said)["momentum"], rows(said)["weight_decay"]) == (["0.45", "0.8", "0.8"], ["0", "0.25", "0"])
    groups = torch.load("follow/latest.pth", weights_only=True)["optimizer"]["param_groups"]
    assert (groups[0]["momentum"], groups[0]["weight_decay"]) == (0.8, 0)


def test_a_changed_policy_counts_at_once(job: Any) -> None:
    job("whole")
    said, rates = job("parts", "lr_config.step=[1]", resume="whole/iter_10.pth")
    assert rates[:2] == [0.1 * 0.1] * 2, "within the second epoch"
    assert rows(said)["schedule StepLrUpdaterHook"] == [
        "warmup='linear', warmup_iters=3, step=[2]",
        "warmup='linear', warmup_iters=3, step=[1]",
        "the config's",
    ]


def test_hooks_that_differ_have_a_row(job: Any) -> None:
    job("whole")
    said, _ = job("same", resume="whole/iter_6.pth")
    found = rows(said)
    assert list(found) == ["optimizer", "lr", "momentum", "schedule StepLrUpdaterHook", "hooks"]
    assert found["hooks"] == ["9", "9", "8 hooks are the same; 3 take a state over"]
    changes = ("evaluation.interval=2", "optimizer_config.grad_clip.max_norm=3")
    said, _ = job("other", *changes, resume="whole/iter_6.pth", text="custom_hooks = [dict(type='SyncBuffersHook')]\n")
    found = rows(said)
    assert found["hook EMAHook"] == ["momentum=0.1", "-", "dropped with its state"]
    assert found["hook SyncBuffersHook"] == ["-", "defaults", "begins anew"]
    before, now, used = found["hook EvalHook"]
    assert before.startswith("save_best='score', rule='greater'")
    assert now.startswith("interval=2, save_best='score', rule='greater'")
    assert used == "the config's, with the checkpoint's state"
    assert found["hook OptimizerHook"][2] == "the config's"
    assert found["hook Course"] == ["defaults", "-", "dropped"]


def test_a_file_of_mmcv_has_no_options_to_compare(job: Any) -> None:
    job("whole")
    saved = torch.load("whole/iter_6.pth", weights_only=True)
    del saved["hookloom"]
    torch.save(saved, "mmcv.pth")
    said, _ = job("parts", resume="mmcv.pth")
    found = rows(said)
    assert found["optimizer"] == ["not recorded", "SGD", "SGD"]
    assert found["lr"] == ["0.1", "0.1", "0.1"]
    assert found["schedule StepLrUpdaterHook"][0] == found["hooks"][0] == "not recorded"


def test_the_seed_that_the_run_began_with(job: Any) -> None:
    from small import Course

    job("whole")
    whole = [row[3] for row in Course.rows]
    said, _ = job("drawn", resume="whole/iter_4.pth")
    assert [row[3] for row in Course.rows] == whole[4:], "nobody named a seed, so both drew one"
    assert "as the run began with" in said
    said, _ = job("named", resume="whole/iter_4.pth", seed="5")
    assert [row[3] for row in Course.rows] != whole[4:]
    assert "seed: 5, and the checkpoint's is" in said
    assert torch.load("named/latest.pth", weights_only=True)["meta"]["seed"] == 5


def records(folder: str) -> list[dict[str, Any]]:
    (path,) = Path(folder).glob("*.log.json")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [{key: value for key, value in line.items() if "time" not in key} for line in lines if "mode" in line]


def test_log_records_go_on_within_an_interval(job: Any) -> None:
    text = "log_config = dict(interval=3, hooks=[dict(type='TextLoggerHook', ignore_last=False)])\n"
    job("whole", text=text)
    job("parts", text=text, resume="whole/iter_8.pth")
    whole, parts = records("whole"), records("parts")
    assert len(parts) == 6
    assert parts == whole[-6:]


def test_a_word_that_is_no_choice(tmp_path: Path) -> None:
    from small import Net

    from core import EpochBasedRunner

    runner = EpochBasedRunner(Net(), max_epochs=1)
    with pytest.raises(OptionError, match="got 'follow_confg'; did you mean 'follow_config'"):
        runner.resume("x.pth", schedule="follow_confg")  # type: ignore[arg-type]
