"""Every recorded course of weights under the optimizer hooks: clipping, accumulation, mixed precision."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import golden
import pytest
import torch
from golden_models import LossScaleNet, TinyNet, loader
from runs import Recorder, make_runner

CASES = golden.cases("optimizer_hook")
OPTIMIZERS = {
    "sgd": lambda params: torch.optim.SGD(params, lr=0.2, momentum=0.9, weight_decay=0.01),
    "plain": lambda params: torch.optim.SGD(params, lr=0.3),
    "adam": lambda params: torch.optim.Adam(params, lr=0.05),
    "adamw": lambda params: torch.optim.AdamW(params, lr=0.05, weight_decay=0.1),
}


def digest(model: Any) -> list[float]:
    flat = torch.cat([p.detach().reshape(-1) for p in model.parameters()])
    return [flat[0].item(), flat[-1].item(), flat.sum().item()]


def build(case: dict[str, Any], root: Path) -> Any:
    case = copy.deepcopy(case)
    model = LossScaleNet(case["bad"]) if "bad" in case else TinyNet()
    optimizer = OPTIMIZERS[case["optim"]](model.parameters())
    runner = make_runner(case["runner"], model, optimizer, work_dir=str(root), meta={})
    runner.register_training_hooks(
        case.get("lr_config"), case["optimizer_config"], case.get("checkpoint_config"), timer_config=None
    )
    return runner


def play(case: dict[str, Any], root: Path, *, whole: bool = False) -> tuple[Any, list[Any]]:
    """Run a case; one that stops goes on with a file as MMCV writes it, or, if `whole`, with ours."""
    runner = build(case, root)
    rows: list[Any] = []

    runner.register_hook(Recorder("after_train_iter", read_into(rows, case)), "LOWEST")
    if "stop_after" in case:
        runner.register_hook(StopAfter(case["stop_after"]), "LOWEST")
    try:
        runner.run([loader(case["iters_per_epoch"])], [("train", 1)])
    except Stop:
        case = {key: value for key, value in case.items() if key != "stop_after"}
        runner = build(case, root)
        if not whole:
            saved = torch.load(root / "latest.pth", weights_only=True)
            del saved["hookloom"]
            torch.save(saved, root / "latest.pth")
        runner.resume(str(root / "latest.pth"))
        runner.register_hook(Recorder("after_train_iter", read_into(rows, case)), "LOWEST")
        runner.run([loader(case["iters_per_epoch"])], [("train", 1)])
    return runner, rows


def read_into(rows: list[Any], case: dict[str, Any]) -> Any:
    def read(r: Any) -> None:
        row = ["after_train_iter", r.epoch, r.iter, digest(r.model)]
        if case.get("grad_norm"):
            history = r.log_buffer.val_history.get("grad_norm")
            row.append(float(history[-1]) if history else None)
        scaler = next((h.loss_scaler for h in r.hooks if hasattr(h, "loss_scaler")), None)
        if scaler is not None:
            row.append(scaler.state_dict())
        rows.append(row)

    return read


class Stop(Exception):
    pass


class StopAfter:
    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def after_train_epoch(self, runner: Any) -> None:
        if runner.epoch + 1 == self.epochs:
            raise Stop


def close(found: Any, recorded: Any) -> bool:
    if isinstance(recorded, float) and isinstance(found, (int, float)):
        both_nan = math.isnan(found) and math.isnan(recorded)
        return both_nan or math.isclose(found, recorded, rel_tol=1e-12, abs_tol=1e-12)
    if isinstance(recorded, (list, tuple)):
        return len(found) == len(recorded) and all(map(close, found, recorded))
    if isinstance(recorded, dict):
        return found.keys() == recorded.keys() and all(close(found[key], recorded[key]) for key in recorded)
    return bool(found == recorded)


# Deliberate: `loss_scale=512` is as good as 512.0.
def forgiven(case: dict[str, Any]) -> bool:
    return type((case["optimizer_config"] or {}).get("loss_scale")) is int and "error" in case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_weights(case: dict[str, Any], tmp_path: Path) -> None:
    if "error" in case and not forgiven(case):
        with pytest.raises(Exception):  # noqa: B017, PT011 - the mistake is the contract, not its class
            play(case, tmp_path)
        return
    runner, rows = play(case, tmp_path)
    if forgiven(case):
        assert {row[-1]["scale"] for row in rows} == {float(case["optimizer_config"]["loss_scale"])}
        return
    recorded_rows = [row for row in case["per_iter"] if row[0] != "resumed"]
    for found, recorded in zip(rows, recorded_rows, strict=True):
        # The state of the scaler was not recorded before its first step.
        assert close(found[: len(recorded)], recorded), (found, recorded)
    flat = torch.cat([p.detach().reshape(-1) for p in runner.model.parameters()]).tolist()
    assert close(flat, case["final_weights"])


@pytest.mark.parametrize("case", [c for c in CASES if "stop_after" in c], ids=lambda case: case["id"])
def test_accumulation_survives_a_resume(case: dict[str, Any], tmp_path: Path) -> None:
    """A deliberate difference: MMCV loses the gradients that were accumulated when the run was stopped."""
    uninterrupted = {key: value for key, value in case.items() if key != "stop_after"}
    for folder in ("whole", "parts"):
        (tmp_path / folder).mkdir()
    model, rows = play(uninterrupted, tmp_path / "whole")
    resumed, parts = play(case, tmp_path / "parts", whole=True)
    assert parts == rows
    for one, other in zip(model.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(one, other)
