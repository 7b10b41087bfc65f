"""A run goes on from the newest checkpoint that is whole, says what it skipped, and never starts over silently."""

from __future__ import annotations

import json
import logging
import os
import shutil
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch

from core.checkpoint import (
    Writer,
    find_latest,
    forget_checkpoint,
    record_checkpoint,
    remove_checkpoint,
    write_checkpoint,
)
from core.checkpoint.verify import verify_folder
from core.errors import CheckpointError

LOG = logging.getLogger("finding")


def put(path: Path, iteration: int, *, recorded: bool = True) -> Path:
    write_checkpoint({"meta": {"epoch": 1, "iter": iteration}, "state_dict": {"w": torch.ones(500)}}, path)
    if recorded:
        record_checkpoint(path, iteration)
    return path


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-900] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records]


def entries(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "checkpoints.json").read_text())["checkpoints"]


def test_the_list_holds_iteration_size_and_checksum(tmp_path: Path) -> None:
    put(tmp_path / "iter_10.pth", 10)
    put(tmp_path / "iter_5.pth", 5)
    listed = entries(tmp_path)
    assert [(entry["name"], entry["iteration"]) for entry in listed] == [("iter_5.pth", 5), ("iter_10.pth", 10)]
    assert listed[0]["size"] == (tmp_path / "iter_5.pth").stat().st_size
    assert listed[0]["checksum"] == f"crc32:{zlib.crc32((tmp_path / 'iter_5.pth').read_bytes()):08x}"
    put(tmp_path / "iter_5.pth", 7)
    assert [entry["iteration"] for entry in entries(tmp_path)] == [7, 10]
    forget_checkpoint(tmp_path / "iter_5.pth")
    forget_checkpoint(tmp_path / "iter_5.pth")
    assert [entry["name"] for entry in entries(tmp_path)] == ["iter_10.pth"]


def test_nothing_there(tmp_path: Path, said: Any) -> None:
    assert find_latest(tmp_path, LOG) is None
    assert find_latest(tmp_path / "none", LOG) is None
    assert said() == []


@pytest.mark.parametrize("recorded", [True, False], ids=["listed", "unlisted"])
def test_the_newest_by_iteration_not_by_name_or_time(tmp_path: Path, recorded: bool) -> None:
    newest = put(tmp_path / "iter_10.pth", 10, recorded=recorded)
    put(tmp_path / "iter_9.pth", 9, recorded=recorded)
    put(tmp_path / "epoch_300.pth", 8, recorded=recorded)
    os.utime(newest, (0, 0))
    assert find_latest(tmp_path, LOG) == newest


def test_listed_and_unlisted_ones_together(tmp_path: Path) -> None:
    """A run that MMCV began and Hookloom went on with, or the other way round."""
    put(tmp_path / "epoch_6.pth", 6000)
    newest = put(tmp_path / "epoch_7.pth", 7000, recorded=False)
    assert find_latest(tmp_path, LOG) == newest
    newest = put(tmp_path / "epoch_8.pth", 8000)
    assert find_latest(tmp_path, LOG) == newest


@pytest.mark.parametrize("recorded", [True, False], ids=["listed", "unlisted"])
@pytest.mark.parametrize("harm", [damage, cut, lambda path: path.write_bytes(b"")], ids=["damaged", "cut", "empty"])
def test_the_newest_whole_one(tmp_path: Path, said: Any, harm: Any, recorded: bool) -> None:
    whole = put(tmp_path / "epoch_1.pth", 3, recorded=recorded)
    broken = put(tmp_path / "epoch_2.pth", 6, recorded=recorded)
    harm(broken)
    assert find_latest(tmp_path, LOG) == whole
    (line,) = said()
    assert line.startswith("checkpoint skipped: checkpoint ")
    assert "epoch_2.pth" in line


def test_what_is_wrong_is_said(tmp_path: Path, said: Any) -> None:
    put(tmp_path / "epoch_1.pth", 3)
    put(tmp_path / "epoch_2.pth", 6)
    put(tmp_path / "epoch_3.pth", 9)
    damage(tmp_path / "epoch_3.pth")
    size = (tmp_path / "epoch_2.pth").stat().st_size
    cut(tmp_path / "epoch_2.pth")
    assert find_latest(tmp_path, LOG) == tmp_path / "epoch_1.pth"
    assert said() == [
        "checkpoint skipped: checkpoint 'epoch_3.pth' is damaged: its checksum is not the recorded one",
        f"checkpoint skipped: checkpoint 'epoch_2.pth' has {size - 100:,} bytes, not {size:,}",
    ]


@pytest.mark.parametrize("recorded", [True, False], ids=["listed", "unlisted"])
def test_all_damaged_is_an_error(tmp_path: Path, recorded: bool) -> None:
    for number in (1, 2):
        cut(put(tmp_path / f"epoch_{number}.pth", number, recorded=recorded))
    with pytest.raises(CheckpointError) as caught:
        find_latest(tmp_path, LOG)
    assert str(caught.value).startswith(
        f"{tmp_path}: every checkpoint is damaged or cannot be used, so there is nothing to resume from:\n  checkpoint "
    )
    assert str(caught.value).count("\n") == 2


def test_only_a_broken_link_is_left(tmp_path: Path) -> None:
    (tmp_path / "latest.pth").symlink_to("epoch_1.pth")
    with pytest.raises(CheckpointError, match=r"'latest\.pth' is a link to .*epoch_1\.pth, which is not there"):
        find_latest(tmp_path, LOG)


def test_a_damaged_list_is_not_needed(tmp_path: Path, said: Any) -> None:
    put(tmp_path / "epoch_1.pth", 3)
    newest = put(tmp_path / "epoch_2.pth", 6)
    for text in ("{", "[]", '{"checkpoints": [{"name": "epoch_1.pth"}]}', '{"checkpoints": [1]}'):
        (tmp_path / "checkpoints.json").write_text(text)
        assert find_latest(tmp_path, LOG) == newest
    assert len(said()) == 4
    assert said()[0].startswith(f"{tmp_path / 'checkpoints.json'} is damaged and was not used: ")
    record_checkpoint(newest, 6)
    assert [entry["name"] for entry in entries(tmp_path)] == ["epoch_2.pth"]


def test_pretrained_weights_are_no_checkpoint_of_the_run(tmp_path: Path, said: Any) -> None:
    torch.save({"w": torch.ones(1)}, tmp_path / "resnet.pth")
    torch.save({"meta": {}, "state_dict": {}}, tmp_path / "published.pth")
    assert find_latest(tmp_path, LOG) is None
    assert said() == [
        f"{tmp_path / name} holds weights alone: not a checkpoint to resume from"
        for name in ("published.pth", "resnet.pth")
    ]
    mine = put(tmp_path / "epoch_1.pth", 3)
    assert find_latest(tmp_path, LOG) == mine


def test_best_weights_count_where_nothing_newer_is_there(tmp_path: Path) -> None:
    best = put(tmp_path / "best_acc_epoch_2.pth", 6)
    assert find_latest(tmp_path, LOG) == best
    put(tmp_path / "epoch_1.pth", 3)
    assert find_latest(tmp_path, LOG) == best
    same = put(tmp_path / "a_2.pth", 6)
    assert find_latest(tmp_path, LOG) == same


def test_latest_itself_is_nothing_of_its_own(tmp_path: Path) -> None:
    first = put(tmp_path / "epoch_1.pth", 3)
    (tmp_path / "latest.pth").symlink_to("epoch_1.pth")
    assert find_latest(tmp_path, LOG) == first
    (tmp_path / "latest.pth").unlink()
    shutil.copy(first, tmp_path / "latest.pth")
    assert find_latest(tmp_path, LOG) == first
    first.unlink()
    assert find_latest(tmp_path, LOG) == tmp_path / "latest.pth"


def test_latest_that_points_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "big disk"
    target = put(elsewhere / "epoch_1.pth", 3)
    here = tmp_path / "work"
    here.mkdir()
    (here / "latest.pth").symlink_to(target)
    assert find_latest(here, LOG) == here / "latest.pth"


def test_more_folders(tmp_path: Path) -> None:
    old = put(tmp_path / "work" / "epoch_1.pth", 3)
    assert find_latest(tmp_path / "work", LOG, also=[tmp_path / "none"]) == old
    new = put(tmp_path / "out" / "epoch_2.pth", 6)
    assert find_latest(tmp_path / "work", LOG, also=[tmp_path / "out"]) == new


def test_temporary_files_are_not_looked_at(tmp_path: Path, said: Any) -> None:
    (tmp_path / ".epoch_1.pth.0a1b2c3d.tmp").write_bytes(b"half")
    assert find_latest(tmp_path, LOG) is None
    assert said() == []


def test_a_file_that_cannot_be_deleted_is_no_failure(tmp_path: Path, said: Any) -> None:
    stubborn = tmp_path / "epoch_1.pth"
    stubborn.mkdir()
    assert remove_checkpoint(stubborn, LOG) is False
    (line,) = said()
    assert line.startswith(f"checkpoint {stubborn} could not be deleted: ")
    path = put(tmp_path / "epoch_2.pth", 6)
    assert remove_checkpoint(path, LOG) is True
    assert not path.exists()
    assert entries(tmp_path) == []


def test_killed_while_an_old_one_is_deleted(tmp_path: Path, said: Any) -> None:
    """The file goes first, then its entry; in between, neither is damage, and the next run takes the entry away."""
    old, newest = put(tmp_path / "iter_5.pth", 5), put(tmp_path / "iter_10.pth", 10)
    steps: list[str] = []

    class Killed(BaseException):
        pass

    def forget(path: Path) -> None:
        steps.append(f"forget, while the file is {'there' if path.exists() else 'gone'}")
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.checkpoint.listing.forget_checkpoint", forget)
        with pytest.raises(Killed):
            remove_checkpoint(old, LOG)
    assert steps == ["forget, while the file is gone"]
    assert [(state.name, state.word) for state in verify_folder(tmp_path)] == [
        ("iter_5.pth", "gone"),
        ("iter_10.pth", "ok"),
    ]
    assert find_latest(tmp_path, LOG) == newest
    assert said() == []
    Writer().settle(str(tmp_path))
    assert [entry["name"] for entry in entries(tmp_path)] == ["iter_10.pth"]


def test_killed_between_a_file_and_its_entry(tmp_path: Path, said: Any) -> None:
    put(tmp_path / "iter_5.pth", 5)
    newest = put(tmp_path / "iter_10.pth", 10, recorded=False)
    assert all(state.whole for state in verify_folder(tmp_path))
    assert find_latest(tmp_path, LOG) == newest
    assert said() == []
