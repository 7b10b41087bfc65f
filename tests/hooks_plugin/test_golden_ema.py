"""Every recorded course of averaged weights."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import golden
import pytest
import torch
from golden_models import TinyNet, loader
from runs import OPTIMIZERS, Recorder, make_runner

CASES = golden.cases("ema")
POINTS = ("before_train_epoch", "after_train_iter", "after_train_epoch")


class Stop(Exception):
    pass


def digest(tensors: list[torch.Tensor]) -> list[float]:
    flat = torch.cat([one.detach().reshape(-1) for one in tensors])
    return [flat[0].item(), flat[-1].item(), flat.sum().item()]


def build(case: dict[str, Any], root: Path, rows: list[Any], extra: dict[str, Any] | None = None) -> Any:
    case = copy.deepcopy(case)
    model = TinyNet()
    optimizer = OPTIMIZERS[case["optim"]](model.parameters())
    runner = make_runner(case["runner"], model, optimizer, work_dir=str(root), meta={})
    hooks = [{**entry, **(extra or {})} if entry["type"] == "EMAHook" else entry for entry in case["custom_hooks"]]
    runner.register_training_hooks(
        None,
        case["optimizer_config"],
        case.get("checkpoint_config"),
        custom_hooks_config=hooks,
        timer_config=None,
    )

    def reader(point: str) -> Any:
        def read(r: Any) -> None:
            averages = [b for n, b in r.model.named_buffers() if n.startswith("ema_")]
            rows.append([point, r.epoch, r.iter, digest(list(r.model.parameters())), digest(averages)])

        return read

    for point in POINTS:
        runner.register_hook(Recorder(point, reader(point)), "LOWEST")
    return runner


def close(found: Any, recorded: Any) -> bool:
    if isinstance(recorded, float):
        return math.isclose(found, recorded, rel_tol=1e-12, abs_tol=1e-12)
    if isinstance(recorded, (list, tuple)):
        return len(found) == len(recorded) and all(map(close, found, recorded))
    return bool(found == recorded)


def whole(case: dict[str, Any], root: Path) -> tuple[Any, list[Any]]:
    rows: list[Any] = []
    runner = build(case, root, rows)
    runner.run([loader(case["iters_per_epoch"])], [("train", 1)])
    return runner, rows


@pytest.mark.parametrize("case", [c for c in CASES if "stop_after" not in c], ids=lambda case: case["id"])
def test_average(case: dict[str, Any], tmp_path: Path) -> None:
    if "error" in case:
        with pytest.raises(Exception):  # noqa: B017, PT011 - the mistake is the contract, not its class
            whole(case, tmp_path)
        return
    runner, rows = whole(case, tmp_path)
    recorded = [row for row in case["per_iter"] if row[0] in POINTS]
    assert len(rows) == len(recorded)
    for found, wanted in zip(rows, recorded, strict=True):
        assert close(found, wanted), (found, wanted)
    flat = torch.cat([p.detach().reshape(-1) for p in runner.model.parameters()]).tolist()
    assert close(flat, case["final_weights"])
    for name, values in case["final_ema"].items():
        assert close(runner.model.state_dict()[name].reshape(-1).tolist(), values)
    if "ckpt_digests" in case:
        saved = torch.load(tmp_path / "latest.pth", weights_only=True)["state_dict"]
        assert sorted(saved) == sorted(case["ckpt_state_dict_keys"])
        for name, values in case["ckpt_digests"].items():
            assert close(digest([saved[name]]), values), name


@pytest.mark.parametrize("case", [c for c in CASES if "stop_after" in c], ids=lambda case: case["id"])
def test_average_survives_a_resume(case: dict[str, Any], tmp_path: Path) -> None:
    """A deliberate difference: MMCV drops the averages when a run is resumed before its buffers exist."""
    _, uninterrupted = whole({k: v for k, v in case.items() if k != "stop_after"}, tmp_path / "whole")
    first: list[Any] = []
    runner = build(case, tmp_path / "parts", first)

    def stop(r: Any) -> None:
        if r.epoch + 1 == case["stop_after"]:
            raise Stop

    runner.register_hook(Recorder("after_train_epoch", stop), "LOWEST")
    with pytest.raises(Stop):
        runner.run([loader(case["iters_per_epoch"])], [("train", 1)])
    second: list[Any] = []
    resumed = build(case, tmp_path / "parts", second)
    resumed.resume(str(tmp_path / "parts" / "latest.pth"))
    resumed.run([loader(case["iters_per_epoch"])], [("train", 1)])
    rest = [row for row in uninterrupted if row[1] >= case["stop_after"]]
    trained = [row for row in second if row[0] == "after_train_iter"]
    assert trained == [row for row in rest if row[0] == "after_train_iter"]
