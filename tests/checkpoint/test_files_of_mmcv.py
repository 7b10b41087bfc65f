"""Checkpoints that MMCV wrote are read, with the numpy numbers and arrays in their meta."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.checkpoint import load_checkpoint, read_checkpoint, write_checkpoint
from core.errors import CheckpointError

META = {
    "env_info": "sys.platform: linux\nPyTorch: 1.8.1",
    "config": "model = dict(type='ResNet')\n",
    "seed": None,
    "exp_name": "resnet.py",
    "CLASSES": ("cat", "dog"),
    "PALETTE": np.array([[0, 128, 255], [1, 2, 3]], dtype=np.uint8),
    "hook_msgs": {"last_ckpt": "/w/epoch_1.pth", "best_score": np.float64(0.625), "best_ckpt": "/w/best.pth"},
    "epoch": 2,
    "iter": 20,
    "mmcv_version": "1.3.9",
    "time": "Mon Jun 28 12:00:00 2021",
}


def written_by(numpy: str, content: Any, path: Path) -> None:
    """Save as with an older or newer numpy, whose functions have other names."""
    torch.save(content, path)
    here, there = b"cnumpy._core.multiarray\n", f"cnumpy.{numpy}.multiarray\n".encode()
    with zipfile.ZipFile(path) as archive:
        records = {info.filename: archive.read(info) for info in archive.infolist()}
    if not any(here in data for data in records.values()):
        here = b"cnumpy.core.multiarray\n"
    assert any(here in data for data in records.values())
    with zipfile.ZipFile(path, "w") as archive:
        for record, data in records.items():
            archive.writestr(record, data.replace(here, there))


@pytest.mark.parametrize("numpy", ["core", "_core"], ids=["numpy 1", "numpy 2"])
def test_numpy_in_the_meta_is_read_as_plain_data(numpy: str, tmp_path: Path) -> None:
    written_by(numpy, {"meta": META, "state_dict": {"w": torch.ones(2)}}, tmp_path / "a.pth")
    meta = read_checkpoint(tmp_path / "a.pth")["meta"]
    assert meta["hook_msgs"]["best_score"] == 0.625
    assert type(meta["hook_msgs"]["best_score"]) is float
    assert meta["PALETTE"] == [[0, 128, 255], [1, 2, 3]]
    assert {key: value for key, value in meta.items() if key not in ("PALETTE", "hook_msgs")} == {
        key: value for key, value in META.items() if key not in ("PALETTE", "hook_msgs")
    }
    write_checkpoint({"meta": meta}, tmp_path / "b.pth")
    again = torch.load(tmp_path / "b.pth", weights_only=True)["meta"]
    assert again["PALETTE"] == [[0, 128, 255], [1, 2, 3]]


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        (np.float16(0.5), 0.5),
        (np.int8(-3), -3),
        (np.uint64(2**63), 2**63),
        (np.bool_(True), True),
        (np.complex64(1 + 2j), 1 + 2j),
        (np.str_("größe"), "größe"),
        (np.bytes_(b"ab"), b"ab"),
        (np.array(3.5), [3.5]),
        (np.array([[1, 2], [3, 4]], order="F"), [[1, 2], [3, 4]]),
        (np.array([1, 2], dtype=">i4"), [1, 2]),
        (np.zeros((0, 3)), []),
        (np.array(["ab", "c"]), ["ab", "c"]),
        (np.array([True, False]), [True, False]),
    ],
    ids=repr,
)
def test_numbers_and_arrays_of_all_kinds(value: Any, becomes: Any, tmp_path: Path) -> None:
    torch.save({"value": value}, tmp_path / "a.pth")
    assert read_checkpoint(tmp_path / "a.pth") == {"value": becomes}


@pytest.mark.parametrize("value", [np.datetime64("2020-01-01"), np.zeros(2, dtype="i4,f4"), np.timedelta64(1, "s")])
def test_other_numpy_data_is_refused(value: Any, tmp_path: Path) -> None:
    torch.save({"value": value}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="which is no number and no text"):
        read_checkpoint(tmp_path / "a.pth")


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    torch.save({"value": np.array([1, "a", None], dtype=object)}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="holds numpy data in a form that is not known"):
        read_checkpoint(tmp_path / "a.pth")


def test_numpy_is_allowed_nowhere_else(tmp_path: Path) -> None:
    torch.save({"value": np.float64(1)}, tmp_path / "a.pth")
    assert read_checkpoint(tmp_path / "a.pth") == {"value": 1.0}
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load(tmp_path / "a.pth", weights_only=True)


@pytest.mark.parametrize("prefix", ["", "module."], ids=["plain", "of DataParallel"])
@pytest.mark.parametrize("nested", [True, False], ids=["with meta", "bare"])
def test_weights_of_every_shape_of_file(prefix: str, nested: bool, tmp_path: Path) -> None:
    weights = {f"{prefix}weight": torch.full((1, 2), 3.0), f"{prefix}bias": torch.full((1,), 4.0)}
    content = {"meta": META, "state_dict": weights, "optimizer": {"state": {}}} if nested else weights
    torch.save(content, tmp_path / "a.pth")
    model = torch.nn.Linear(2, 1)
    returned = load_checkpoint(model, str(tmp_path / "a.pth"))
    assert list(returned) == list(content)
    assert model.weight.tolist() == [[3.0, 3.0]]
    assert model.bias.tolist() == [4.0]
