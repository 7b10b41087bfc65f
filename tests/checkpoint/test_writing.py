"""A checkpoint is written whole or not at all, and what stood there before survives any failure."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from core.checkpoint import link_latest, read_checkpoint, save_checkpoint, write_checkpoint
from core.checkpoint.files import write_text
from core.errors import CheckpointError, UnsavableStateError, WriteError

OLD = {"state_dict": {"w": torch.zeros(3)}}


def value_of(path: Path) -> list[float]:
    return read_checkpoint(path)["state_dict"]["w"].tolist()


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_the_old_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.pth"
    write_checkpoint(OLD, path)
    write_checkpoint({"state_dict": {"w": torch.ones(3)}}, path)
    assert value_of(path) == [1.0, 1.0, 1.0]
    assert names(path.parent) == ["a.pth"]


def test_unsavable_state_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    write_checkpoint(OLD, path)
    before = path.stat()
    with pytest.raises(UnsavableStateError, match=r"^checkpoint\['meta'\]\['bad'\]"):
        write_checkpoint({"meta": {"bad": object()}}, path)
    assert path.stat() == before
    with pytest.raises(UnsavableStateError):
        write_checkpoint({"meta": {"bad": object()}}, tmp_path / "not made" / "b.pth")
    assert names(tmp_path) == ["a.pth"]


def test_the_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_checkpoint(OLD, tmp_path / "a.pth")
    finally:
        os.umask(before)
    assert (tmp_path / "a.pth").stat().st_mode & 0o777 == 0o640


# The limit on the size of files stands for a full disk: the same error at the same place, without rights of root.
LIMITED = """
import resource, signal, sys, torch
from core.checkpoint import write_checkpoint
from core.errors import WriteError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
for numbers in sys.argv[2:]:
    try:
        write_checkpoint({"state_dict": {"w": torch.ones(int(numbers)), "v": torch.ones(10)}}, sys.argv[1])
    except WriteError as error:
        print(error.exit_code, error)
"""


def test_a_full_disk_costs_nothing(tmp_path: Path) -> None:
    """Whether it is full at once or at the very end."""
    path = tmp_path / "a.pth"
    write_checkpoint(OLD, path)
    sizes = (1_000_000, 50_000)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), *map(str, sizes)], capture_output=True, text=True, check=True
    )
    for line, numbers in zip(done.stdout.splitlines(), sizes, strict=True):
        said = rf"74 checkpoint {path} cannot be written: File too large \(about ([\d,]+) bytes needed, [\d,]+ free\)"
        found = re.fullmatch(said, line)
        assert found, line
        assert 0 <= int(found[1].replace(",", "")) - (4 * numbers + 40) < 1000
    assert value_of(path) == [0.0, 0.0, 0.0]
    assert names(tmp_path) == ["a.pth"]


SLOW = """
import sys, torch
from core.checkpoint import write_checkpoint
content = {"state_dict": {"w": torch.ones(3), "big": torch.ones(20_000_000)}}
print("ready", flush=True)
while True:
    write_checkpoint(content, sys.argv[1])
"""


def test_a_kill_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    write_checkpoint(OLD, path)
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        while not (parts := list(tmp_path.glob(".a.pth.*.tmp"))) or parts[0].stat().st_size < 1_000_000:
            assert process.poll() is None
            time.sleep(0.001)
    except FileNotFoundError:
        pass  # renamed between the two looks: the next attempt is under way
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert value_of(path) in ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    write_checkpoint(OLD, path)
    assert names(tmp_path) == ["a.pth"], "what the killed process left is cleared away"


def test_leftovers_of_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / ".b.pth.0123abcd.tmp").touch()
    (tmp_path / ".a[1].pth.0123abcd.tmp").touch()
    (tmp_path / ".a[1].pth.mine.tmp").touch()
    write_checkpoint(OLD, tmp_path / "a[1].pth")
    assert names(tmp_path) == [".a[1].pth.mine.tmp", ".b.pth.0123abcd.tmp", "a[1].pth"]


@pytest.mark.parametrize("place", ["file/a.pth", "file/deeper/a.pth", "folder", f"{'x' * 300}.pth"])
def test_a_place_that_cannot_be_written(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder").mkdir()
    with pytest.raises(WriteError) as caught:
        write_checkpoint(OLD, tmp_path / place)
    assert str(caught.value).startswith(f"checkpoint {tmp_path / place} cannot be written: ")
    assert isinstance(caught.value.__cause__, OSError)
    assert names(tmp_path) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "kept"


def test_latest_names_the_newest(tmp_path: Path) -> None:
    for number in (1, 2):
        write_checkpoint(OLD, tmp_path / f"epoch_{number}.pth")
        link_latest(tmp_path / f"epoch_{number}.pth")
        assert os.readlink(tmp_path / "latest.pth") == f"epoch_{number}.pth"
    assert names(tmp_path) == ["epoch_1.pth", "epoch_2.pth", "latest.pth"]


def test_latest_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "latest.pth").write_bytes(b"a copy from elsewhere")
    write_checkpoint(OLD, tmp_path / "epoch_1.pth")
    link_latest(tmp_path / "epoch_1.pth")
    assert os.readlink(tmp_path / "latest.pth") == "epoch_1.pth"


def test_a_checkpoint_that_is_called_latest_stays_one(tmp_path: Path) -> None:
    write_checkpoint(OLD, tmp_path / "latest.pth")
    link_latest(tmp_path / "latest.pth")
    assert not (tmp_path / "latest.pth").is_symlink()
    assert value_of(tmp_path / "latest.pth") == [0.0, 0.0, 0.0]


def test_latest_is_a_copy_where_links_do_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    monkeypatch.setattr(Path, "symlink_to", refuse)
    write_checkpoint({"state_dict": {"w": torch.ones(1)}}, tmp_path / "epoch_1.pth")
    link_latest(tmp_path / "epoch_1.pth")
    assert not (tmp_path / "latest.pth").is_symlink()
    assert value_of(tmp_path / "latest.pth") == [1.0]
    assert names(tmp_path) == ["epoch_1.pth", "latest.pth"]


def test_latest_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "latest.pth").mkdir()
    (tmp_path / "latest.pth" / "x").touch()
    write_checkpoint(OLD, tmp_path / "epoch_1.pth")
    with pytest.raises(WriteError, match=r"latest\.pth cannot be written"):
        link_latest(tmp_path / "epoch_1.pth")
    assert names(tmp_path) == ["epoch_1.pth", "latest.pth"]


def test_small_files_are_whole_too(tmp_path: Path) -> None:
    write_text(tmp_path / "a.json", "größer")
    assert (tmp_path / "a.json").read_bytes() == "größer".encode()
    with pytest.raises(WriteError, match="cannot be written: "):
        write_text(tmp_path / "none" / "a.json", "x")


class TestSaveCheckpoint:
    """`core.save_checkpoint`, with MMCV's signature."""

    def test_it_writes_what_mmcv_writes(self, tmp_path: Path) -> None:
        model = torch.nn.Linear(2, 1)
        model.CLASSES = ("cat", "dog")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        save_checkpoint(model, str(tmp_path / "a.pth"), optimizer=optimizer, meta={"epoch": 3})
        saved = torch.load(tmp_path / "a.pth", weights_only=True)
        assert list(saved) == ["meta", "state_dict", "optimizer"]
        assert list(saved["meta"]) == ["epoch", "mmcv_version", "time", "CLASSES"]
        assert saved["meta"]["CLASSES"] == ("cat", "dog")
        assert saved["optimizer"]["param_groups"][0]["lr"] == 0.1

    def test_several_optimizers(self, tmp_path: Path) -> None:
        model = torch.nn.Linear(2, 1)
        optimizers = {"g": torch.optim.SGD([model.weight], lr=0.1), "d": torch.optim.Adam([model.bias])}
        save_checkpoint(model, tmp_path / "a.pth", optimizers)
        assert list(read_checkpoint(tmp_path / "a.pth")["optimizer"]) == ["g", "d"]

    def test_weights_alone(self, tmp_path: Path) -> None:
        save_checkpoint(torch.nn.Linear(2, 1), tmp_path / "a.pth")
        assert list(read_checkpoint(tmp_path / "a.pth")) == ["meta", "state_dict"]

    def test_a_wrapper_is_taken_off(self, tmp_path: Path) -> None:
        save_checkpoint(torch.nn.DataParallel(torch.nn.Linear(2, 1)), tmp_path / "a.pth")
        assert list(read_checkpoint(tmp_path / "a.pth")["state_dict"]) == ["weight", "bias"]

    def test_meta_must_be_a_dict(self, tmp_path: Path) -> None:
        with pytest.raises(TypeError, match="meta must be a dict or None, got list"):
            save_checkpoint(torch.nn.Linear(2, 1), tmp_path / "a.pth", meta=[1])  # type: ignore[arg-type]

    def test_only_the_disk(self, tmp_path: Path) -> None:
        save_checkpoint(torch.nn.Linear(2, 1), tmp_path / "a.pth", file_client_args={"backend": "disk"})
        with pytest.raises(CheckpointError, match="backend 'petrel' is not supported; checkpoints go to the disk"):
            save_checkpoint(torch.nn.Linear(2, 1), tmp_path / "b.pth", file_client_args={"backend": "petrel"})
        assert names(tmp_path) == ["a.pth"]
