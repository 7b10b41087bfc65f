"""The form of a checkpoint stays readable: a file of every format is kept here and resumed from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from golden_models import TinyNet, loader
from runs import make_runner

from core.checkpoint import FORMAT, read_checkpoint, write_checkpoint
from core.checkpoint.format import migrate
from core.errors import CheckpointError

DATA = Path(__file__).parent / "data"


def tiny_runner(work_dir: Path, max_epochs: int) -> Any:
    model = TinyNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    runner = make_runner(
        {"type": "EpochBasedRunner", "max_epochs": max_epochs}, model, optimizer, work_dir=str(work_dir), meta={}
    )
    runner.register_training_hooks({"policy": "step", "step": [2]}, {}, {"interval": 1})
    return runner


def test_every_format_has_a_file() -> None:
    assert sorted(path.name for path in DATA.glob("format_*.pth")) == [f"format_{n}.pth" for n in range(1, FORMAT + 1)]


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_old_file_resumes_exactly(number: int, tmp_path: Path) -> None:
    """The file is that of two epochs of three iterations; a third one ends where an unbroken run ends."""
    whole = tiny_runner(tmp_path / "whole", 3)
    whole.run([loader(3)], [("train", 1)])
    resumed = tiny_runner(tmp_path / "resumed", 3)
    resumed.resume(str(DATA / f"format_{number}.pth"), strict=True)
    assert (resumed.epoch, resumed.iter) == (2, 6)
    resumed.run([loader(3)], [("train", 1)])
    for name, tensor in whole.model.state_dict().items():
        assert torch.allclose(tensor, resumed.model.state_dict()[name], rtol=0, atol=1e-12), name
    momentum = whole.optimizer.state_dict()["state"]
    for key, entry in resumed.optimizer.state_dict()["state"].items():
        assert torch.allclose(entry["momentum_buffer"], momentum[key]["momentum_buffer"], rtol=0, atol=1e-12)


def test_first_format_holds_what_it_did() -> None:
    saved = read_checkpoint(DATA / "format_1.pth")
    assert list(saved) == ["meta", "state_dict", "optimizer", "hookloom"]
    assert saved["meta"]["mmcv_version"] == "1.7.2"
    assert (saved["meta"]["epoch"], saved["meta"]["iter"]) == (2, 6)
    ours = saved["hookloom"]
    assert {"format", "runner", "iter", "epoch", "batch", "rng", "hooks", "providers"} <= set(ours)
    assert (ours["format"], ours["runner"], ours["epoch"], ours["iter"], ours["batch"]) == (
        1,
        "EpochBasedRunner",
        2,
        6,
        0,
    )
    assert sorted(ours["rng"]) == ["numpy", "python", "torch"]


def test_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "future.pth"
    write_checkpoint({"meta": {}, "state_dict": {}, "hookloom": {"format": FORMAT + 1}}, path)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    assert str(caught.value) == (
        f"checkpoint {str(path)!r} has format {FORMAT + 1}; the newest that this version of hookloom-core reads is "
        f"{FORMAT}: upgrade hookloom-core"
    )


@pytest.mark.parametrize("version", [0, -1, "1", None, True, 1.0])
def test_impossible_format_is_refused(version: Any) -> None:
    with pytest.raises(CheckpointError, match="which no version has written"):
        migrate({"hookloom": {"format": version}}, "x.pth")


def test_older_formats_are_migrated_step_by_step() -> None:
    def first(checkpoint: dict[str, Any]) -> dict[str, Any]:
        return {**checkpoint, "hookloom": {"format": 2, "steps": ["1 to 2"]}}

    def second(checkpoint: dict[str, Any]) -> dict[str, Any]:
        steps = [*checkpoint["hookloom"]["steps"], "2 to 3"]
        return {**checkpoint, "hookloom": {"format": 3, "steps": steps}}

    migrated = migrate({"hookloom": {"format": 1}, "meta": 5}, "x.pth", 3, {1: first, 2: second})
    assert migrated == {"hookloom": {"format": 3, "steps": ["1 to 2", "2 to 3"]}, "meta": 5}


def test_checkpoint_of_mmcv_has_no_format() -> None:
    plain = {"meta": {"epoch": 1}, "state_dict": {}}
    assert migrate(plain, "x.pth") is plain
