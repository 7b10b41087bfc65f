"""A disk that is full, read-only or gone: the run says so and ends, keeps what it has, and goes on when it can."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from zygote import Zygote

from core.checkpoint.verify import verify_folder

CONFIG = """
model = dict(type='small.Net', width={width})
data = dict(samples_per_gpu=4, workers_per_gpu=0, train=dict(type='small.Points'))
optimizer = dict(type='SGD', lr=0.1, momentum=0.9)
optimizer_config = dict()
lr_config = dict(policy='fixed')
runner = dict(type='EpochBasedRunner', max_epochs=4)
checkpoint_config = dict(interval=1, {more})
log_config = dict(interval=100, hooks=[dict(type='TextLoggerHook')])
seed = 3
"""
REASONS = {"ENOSPC": "No space left on device", "EROFS": "Read-only file system", "EIO": "Input/output error"}
WIDTH = 20_000  # a checkpoint of 1.9 MB


def job(folder: Path, width: int = 8, more: str = "") -> None:
    (folder / "job.py").write_text(CONFIG.format(width=width, more=more))


def run(zygote: Zygote, folder: Path, work_dir: str, *options: str, **more: Any) -> tuple[int, str]:
    done = zygote.start("run", "job.py", "--work-dir", work_dir, *options, folder=folder, **more)
    return done.wait(), done.text


def final(folder: Path | str) -> dict[str, Any]:
    loaded: dict[str, Any] = torch.load(Path(folder) / "latest.pth", weights_only=True)
    return loaded


def same_weights(one: Any, other: Any) -> bool:
    return all(torch.equal(value, other["state_dict"][name]) for name, value in one["state_dict"].items())


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.pth") if not path.is_symlink()}


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of 5 MB of its own."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "none", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(zygote: Zygote, tmp_path: Path, mounted: Path) -> None:
    job(tmp_path, WIDTH)
    work_dir = mounted / "w"
    code, text = run(zygote, tmp_path, str(work_dir))
    assert code == 74, text[-3000:]
    (line,) = [line for line in text.splitlines() if line.startswith("checkpoint ")]
    said = rf"checkpoint {work_dir}/epoch_3.pth cannot be written: No space left on device \(about ([\d,]+) bytes .*"
    needed, free = (int(number.replace(",", "")) for number in re.findall(r"[\d,]{5,}", line))
    assert re.fullmatch(said, line)
    assert line.endswith(" free)")
    assert needed == pytest.approx((work_dir / "epoch_1.pth").stat().st_size, rel=0.01)
    assert free < needed
    assert "Traceback" not in text
    assert [state.whole for state in verify_folder(work_dir)] == [True] * 3
    assert {path.name for path in work_dir.iterdir() if "pth" in path.name} == {
        *("epoch_1.pth", "epoch_2.pth", "latest.pth")
    }
    before = snapshot(work_dir)
    code, text = run(zygote, tmp_path, str(work_dir), "--auto-resume")
    assert code == 74, "there is still no room"
    assert snapshot(work_dir) == before
    subprocess.run(["mount", "-o", "remount,size=20m", str(mounted)], check=True)
    code, text = run(zygote, tmp_path, str(work_dir), "--auto-resume")
    assert code == 0, text[-3000:]
    assert run(zygote, tmp_path, "whole")[0] == 0
    assert same_weights(final(work_dir), final(tmp_path / "whole"))


def test_the_reserve_is_named_where_it_is_what_lacks(zygote: Zygote, tmp_path: Path) -> None:
    job(tmp_path)
    folder = tmp_path / "tiny"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80k", "none", str(folder)], capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        code, text = run(zygote, tmp_path, str(folder / "w"))
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    assert code == 74, text[-3000:]
    (said,) = re.findall(r"\(about ([\d,]+) bytes needed and 65,536 in reserve, ([\d,]+) free\)", text)
    needed, free = (int(number.replace(",", "")) for number in said)
    assert needed <= free < needed + 65_536


def kinds_of(steps: Path) -> dict[str, int]:
    """Return each kind of operation in the second checkpoint, with the number of its first one in the run."""
    lines = steps.read_text().splitlines()
    second, third = (
        next(at for at, line in enumerate(lines) if name in line) for name in ("epoch_2.pth", "epoch_3.pth")
    )
    kinds: dict[str, int] = {}
    for place, line in enumerate(lines[second:third], second + 1):
        kinds.setdefault(re.sub(r"\.[0-9a-f]{8}\.tmp", "", line), place)
    return kinds


@pytest.mark.parametrize(
    ("code", "more", "every"), [("ENOSPC", "", 1), ("EROFS", "async_save=True", 4), ("EIO", "", 5)]
)
def test_a_disk_that_refuses(zygote: Zygote, tmp_path: Path, code: str, more: str, every: int) -> None:
    """From an operation on, for the first one of each kind in the second checkpoint."""
    job(tmp_path, more=f"max_keep_ckpts=1, {more}")
    assert run(zygote, tmp_path, "whole", faults={"log": str(tmp_path / "steps.txt")})[0] == 0
    expected = final(tmp_path / "whole")
    kinds = kinds_of(tmp_path / "steps.txt")
    assert {kind.split()[0] for kind in kinds} == {"open", "write", "fsync", "replace", "symlink", "unlink"}
    for step, place in list(kinds.items())[::every]:
        folder = f"after {step}"
        ended, text = run(zygote, tmp_path, folder, faults={"fail_at": place, "errno": code})
        assert ended == 74, (step, text[-2000:])
        (line,) = (line for line in text.splitlines() if "cannot be written" in line)
        assert f"{folder}/" in line, step
        assert re.search(rf" cannot be written: {REASONS[code]} \(about [\d,]+ bytes needed, [\d,]+ free\)$", line), (
            line
        )
        assert "Traceback" not in text
        assert all(state.whole for state in verify_folder(tmp_path / folder)), step
        ended, text = run(zygote, tmp_path, folder, "--auto-resume")
        assert ended == 0, (step, text[-2000:])
        assert same_weights(final(tmp_path / folder), expected)
        assert not list((tmp_path / folder).glob(".*.tmp"))


@pytest.mark.parametrize("more", ["", "async_save=True"], ids=["at once", "behind"])
def test_a_work_dir_that_vanishes(zygote: Zygote, tmp_path: Path, more: str) -> None:
    """It is not made again: where it was mounted, another disk would be filled in its place."""
    job(tmp_path, more=more)
    (tmp_path / "vanish.py").write_text(
        "import os\nclass Vanish:\n    def after_train_epoch(self, runner):\n"
        "        runner.writer.wait()\n"
        "        if runner.epoch == 1: os.rename(runner.work_dir, 'unmounted')\n"
    )
    options = ("--cfg-options", "custom_hooks.type=vanish.Vanish", "custom_hooks.priority=HIGH")
    code, text = run(zygote, tmp_path, "w", *options)
    assert code == 74, text[-3000:]
    said = (
        r"checkpoint w/epoch_2.pth cannot be written: the folder w is not there \(about [\d,]+ bytes needed, .* free\)"
    )
    assert re.search(rf"^{said}$", text, re.M), text[-2000:]
    assert not (tmp_path / "w").exists()
    (tmp_path / "unmounted").rename(tmp_path / "w")
    assert run(zygote, tmp_path, "w", "--auto-resume")[0] == 0
    assert run(zygote, tmp_path, "whole")[0] == 0
    assert same_weights(final(tmp_path / "w"), final(tmp_path / "whole"))


def test_a_loader_that_hangs(zygote: Zygote, tmp_path: Path) -> None:
    job(tmp_path)
    (tmp_path / "hanging.py").write_text(
        "import os, time\nfrom small import Points\nclass Hanging(Points):\n    def __getitem__(self, index):\n"
        "        if index == 7 and os.path.exists('w/epoch_1.pth') and not os.path.exists('healed'):\n"
        "            time.sleep(1000)\n        return super().__getitem__(index)\n"
    )
    options = ("--cfg-options", "data.train.type=hanging.Hanging", "data.workers_per_gpu=1")
    limited = (*options, "data.train_dataloader.timeout=1")
    code, text = run(zygote, tmp_path, "w", *limited)
    assert code == 1, text[-3000:]
    said = "a loader worker of dataset Hanging hangs: DataLoader timed out after 1 seconds"
    assert said in text
    (tmp_path / "healed").touch()
    assert run(zygote, tmp_path, "w", "--auto-resume", *options)[0] == 0, "and on a slow machine with no limit"
    assert run(zygote, tmp_path, "whole", *options)[0] == 0
    assert same_weights(final(tmp_path / "w"), final(tmp_path / "whole"))
