"""`hookloom checkpoint`: what is in a file, which files of a folder are whole, and weights to hand on."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path
from typing import Any

import pytest
import torch

SHORT = ("--cfg-options", "runner.max_epochs=2")


@pytest.fixture
def trained(command: Any, tmp_path: Path) -> Path:
    """Train two epochs into `w`."""
    assert command("run", "config.py", "--work-dir", "w", *SHORT)[0] == 0
    return tmp_path / "w"


def changed(path: Path, change: Any) -> Path:
    """Write a checkpoint anew."""
    saved = torch.load(path, weights_only=True)
    change(saved)
    torch.save(saved, path)
    return path


def test_inspect_says_what_it_is(command: Any, trained: Path) -> None:
    code, out, err = command("checkpoint", "inspect", "w/epoch_2.pth")
    assert (code, err) == (0, "")
    size = (trained / "epoch_2.pth").stat().st_size
    assert out.startswith(f"w/epoch_2.pth: {size:,} bytes\n  iteration 6, epoch 2 of EpochBasedRunner\n")
    assert re.search(r"^  saved .{24} by Hookloom, format 1; seed 3$", out, re.M)
    assert re.search(r"^  best score so far [\d.]+, in w/best_score_epoch_1.pth$", out, re.M)
    assert re.search(r"^  weights +4 tensors, 49 numbers, about [\d,]+ bytes$", out, re.M)
    assert re.search(r"^  optimizer +4 tensors, 49 numbers, about [\d,]+ bytes$", out, re.M)
    assert re.search(r"^  optimizer +torch \S+$", out, re.M)
    assert re.search(r"^  hooks.EvalHook +hookloom-core \S+$", out, re.M)
    assert "changed since\n  nothing that is recorded\n" in out
    assert "config: config.py\n  model = dict(type='small.Net')\n" in out


def test_inspect_says_what_has_changed(command: Any, trained: Path) -> None:
    def age(saved: Any) -> None:
        saved["meta"]["env_info"] = re.sub(r"PyTorch: \S+", "PyTorch: 1.2.3", saved["meta"]["env_info"])
        providers = saved["hookloom"]["providers"]
        providers["hooks.EvalHook"] = "hookloom-core 0.0.1"
        providers["hooks.Gone"] = "no-such-package 4.5"

    changed(trained / "epoch_2.pth", age)
    _, out, _ = command("checkpoint", "inspect", "w/epoch_2.pth")
    from core import __version__

    for line in (
        f"PyTorch: 1.2.3, now {torch.__version__}",
        f"hookloom-core: 0.0.1, now {__version__}",
        "no-such-package: 4.5, now not installed",
    ):
        assert f"\n  {line}\n" in out


def test_inspect_files_of_others(command: Any, tmp_path: Path) -> None:
    torch.save({"w": torch.ones(3)}, tmp_path / "bare.pth")
    code, out, _ = command("checkpoint", "inspect", "bare.pth")
    assert code == 0
    assert "weights alone: no run can be resumed from it" in out
    assert "1 tensors, 3 numbers" in out
    meta = {"epoch": 4, "iter": 80, "mmcv_version": "1.3.17", "time": "long ago"}
    torch.save({"meta": meta, "state_dict": {"w": torch.ones(3)}}, tmp_path / "mmcv.pth")
    _, out, _ = command("checkpoint", "inspect", "mmcv.pth")
    assert "  iteration 80, epoch 4\n  saved long ago by MMCV 1.3.17; seed unknown\n" in out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "checkpoint 'x.pth' is empty"),
        (b"PK\x03\x04 and nothing", "checkpoint 'x.pth' is truncated"),
        (b"hello", "checkpoint 'x.pth' is no file of torch: it begins with 'hello'"),
        (None, "checkpoint 'x.pth' does not exist"),
    ],
)
@pytest.mark.parametrize("action", [("inspect", "x.pth"), ("publish", "x.pth", "y.pth")], ids=["inspect", "publish"])
def test_files_that_are_none(
    command: Any, tmp_path: Path, action: tuple[str, ...], content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "x.pth").write_bytes(content)
    code, out, err = command("checkpoint", *action)
    assert (code, out) == (2, "")
    assert err.startswith(said)


def test_verify_says_the_state_of_each(command: Any, trained: Path) -> None:
    code, out, _ = command("checkpoint", "verify", "w")
    assert code == 0
    rows = {line.split()[0]: line.split(None, 2)[1:] for line in out.splitlines()}
    assert rows["epoch_2.pth"][0] == "ok"
    assert rows["epoch_2.pth"][1] == f"whole, iteration 6, {(trained / 'epoch_2.pth').stat().st_size:,} bytes"
    assert rows["latest.pth"][1] == "a link to epoch_2.pth"
    assert list(rows) == ["latest.pth", "best_score_epoch_1.pth", "epoch_1.pth", "epoch_2.pth"]


def test_verify_finds_what_is_damaged(command: Any, trained: Path) -> None:
    content = bytearray((trained / "epoch_2.pth").read_bytes())
    content[-900] ^= 1
    (trained / "epoch_2.pth").write_bytes(content)
    (trained / "epoch_1.pth").unlink()
    (trained / "cut.pth").write_bytes(content[:2000])
    (trained / ".epoch_3.pth.0123abcd.tmp").touch()
    torch.save({"w": torch.ones(1)}, trained / "pretrained.pth")
    code, out, _ = command("checkpoint", "verify", "w")
    assert code == 2
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines()}
    assert rows["epoch_2.pth"] == "BAD checkpoint 'epoch_2.pth' is damaged: its checksum is not the recorded one"
    assert rows["epoch_1.pth"] == "gone deleted, iteration 3"
    assert rows["cut.pth"].startswith("BAD checkpoint 'cut.pth' is truncated")
    assert rows[".epoch_3.pth.0123abcd.tmp"].startswith("ok what a killed process has left")
    assert rows["pretrained.pth"].startswith("ok whole by its own checksums, weights alone, ")
    assert rows["best_score_epoch_1.pth"].startswith("ok ")


def test_verify_minds_no_deleted_ones_but_nothing_at_all(command: Any, trained: Path) -> None:
    for name in ("epoch_1.pth", "best_score_epoch_1.pth"):
        (trained / name).unlink()
    assert command("checkpoint", "verify", "w")[0] == 0
    for path in trained.glob("*.pth"):
        path.unlink()
    code, out, _ = command("checkpoint", "verify", "w")
    assert code == 2
    assert {line.split()[1] for line in out.splitlines()} == {"gone"}


@pytest.mark.parametrize(("folder", "said"), [("none", "'none' is no folder"), (".", "'.' holds no checkpoints")])
def test_verify_nothing(command: Any, folder: str, said: str) -> None:
    assert command("checkpoint", "verify", folder) == (2, "", f"{said}\n")


@pytest.mark.parametrize("name", ["net", "net.pth", "v1.5"])
def test_publish_writes_the_weights_alone(command: Any, trained: Path, tmp_path: Path, name: str) -> None:
    code, out, _ = command("checkpoint", "publish", "w/epoch_2.pth", f"out/{name}")
    assert code == 0
    path = tmp_path / out.strip()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f"{name.removesuffix('.pth')}_{time.strftime('%Y%m%d')}-{digest[:8]}.pth"
    assert [one.name for one in (tmp_path / "out").iterdir()] == [path.name]
    before, published = (torch.load(one, weights_only=True) for one in (trained / "epoch_2.pth", path))
    assert list(published) == ["meta", "state_dict"]
    assert list(published["meta"]) == ["CLASSES", "config", "mmcv_version"]
    assert published["meta"]["CLASSES"] == ("line",)
    assert all(torch.equal(weight, before["state_dict"][key]) for key, weight in published["state_dict"].items())
    assert published["state_dict"].keys() == before["state_dict"].keys()
    assert path.stat().st_size < (trained / "epoch_2.pth").stat().st_size / 2
    assert command("run", "config.py", "--load-from", str(path), "--work-dir", "v", *SHORT)[0] == 0
    code, _, err = command("run", "config.py", "--resume-from", str(path), "--work-dir", "v", *SHORT)
    assert (code, "these are weights, not a run that can be resumed" in err) == (2, True)


def test_equal_weights_have_one_name(command: Any, trained: Path, tmp_path: Path) -> None:
    first = command("checkpoint", "publish", "w/epoch_2.pth", "net")[1]
    changed(trained / "epoch_2.pth", lambda saved: saved["meta"].update(time="later", iter=9))
    assert command("checkpoint", "publish", "w/epoch_2.pth", "net")[1] == first
    assert command("checkpoint", "publish", "w/epoch_1.pth", "net")[1] != first


def test_publish_what_others_wrote(command: Any, tmp_path: Path) -> None:
    torch.save({"a.w": torch.ones(3)}, tmp_path / "bare.pth")
    _, out, _ = command("checkpoint", "publish", "bare.pth", "net")
    assert torch.load(out.strip(), weights_only=True)["state_dict"]["a.w"].tolist() == [1, 1, 1]
    torch.save({"meta": {}, "state_dict": {}}, tmp_path / "empty.pth")
    code, _, err = command("checkpoint", "publish", "empty.pth", "net")
    assert (code, err) == (2, "checkpoint 'empty.pth' holds no weights by name under 'state_dict'\n")


def test_publish_where_nothing_can_be_written(command: Any, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, err = command("checkpoint", "publish", "w/epoch_2.pth", "file/net")
    assert code == 74
    assert re.match(r"checkpoint file/net cannot be written: file is no folder \(about [\d,]+ bytes needed, ", err)
