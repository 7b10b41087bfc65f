"""What one parameter group for each parameter costs, as MMCV's constructor makes them, against merged ones.

The parameters are those of a ResNet-50: 161 tensors, 25.6 million weights, made by its constructor from
`norm_decay_mult=0` with and without `merge_groups`: 161 groups or 2. Both take their steps in turns, in one process.

    python benchmarks/param_groups.py [--rounds 30] [--device cpu]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from core import build_optimizer

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
KINDS: dict[str, dict[str, Any]] = {
    "SGD": {"type": "SGD", "lr": 1e-4, "momentum": 0.9, "weight_decay": 1e-4},
    "AdamW": {"type": "AdamW", "lr": 1e-5, "weight_decay": 0.05},
}
WAYS: dict[str, dict[str, Any]] = {"default": {}, "foreach": {"foreach": True}, "fused": {"fused": True}}


class Resnet(nn.Module):
    """The parameters of a ResNet-50, which never sees an image.

    Args:
        width: what the numbers of channels are divided by.
    """

    def __init__(self, width: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64 // width, 7, bias=False), nn.BatchNorm2d(64 // width)
        inside = 64 // width
        for number, (channels, blocks) in enumerate(STAGES, 1):
            channels //= width
            stage = nn.ModuleList()
            for index in range(blocks):
                stage.append(block(inside, channels, first=index == 0))
                inside = 4 * channels
            self.add_module(f"layer{number}", stage)
        self.fc = nn.Linear(inside, 1000 // width)


def block(inside: int, channels: int, *, first: bool) -> nn.Module:
    """Return a bottleneck block, with a shortcut of its own if it is the first of its stage."""
    parts: dict[str, nn.Module] = {}
    for number, (before, after, size) in enumerate(
        [(inside, channels, 1), (channels, channels, 3), (channels, 4 * channels, 1)], 1
    ):
        parts[f"conv{number}"] = nn.Conv2d(before, after, size, bias=False)
        parts[f"bn{number}"] = nn.BatchNorm2d(after)
    if first:
        parts["downsample"] = nn.Sequential(
            nn.Conv2d(inside, 4 * channels, 1, bias=False), nn.BatchNorm2d(4 * channels)
        )
    return nn.ModuleDict(parts)


def stepping(model: nn.Module, table: dict[str, Any], *, merged: bool) -> tuple[int, Callable[[], Any]]:
    """Return the number of groups, and what takes a step."""
    paramwise = {"norm_decay_mult": 0.0, "merge_groups": merged}
    optimizer = build_optimizer(model, {**table, "paramwise_cfg": paramwise})
    for _ in range(3):
        optimizer.step()
    return len(optimizer.param_groups), optimizer.step


def timed(step: Callable[[], Any], device: str, repeats: int) -> float:
    """Return the seconds of a step, the device's work included."""
    wait = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    wait()
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    wait()
    return (time.perf_counter() - start) / repeats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.manual_seed(0)
    for width, repeats in ((1, 1), (16, 5)):
        model = Resnet(width).to(options.device)
        tensors = list(model.parameters())
        for tensor in tensors:
            tensor.grad = torch.randn_like(tensor)
        weights = sum(tensor.numel() for tensor in tensors) / 1e6
        print(f"{len(tensors)} tensors, {weights:.1f} million weights, {options.device}")
        print("optimizer  way      groups      a group each, ms      merged, ms  ratio, median [quartiles]")
        for name, table in KINDS.items():
            for way, more in WAYS.items():
                each, step_each = stepping(model, {**table, **more}, merged=False)
                few, step_few = stepping(model, {**table, **more}, merged=True)
                pairs = [
                    (timed(step_each, options.device, repeats), timed(step_few, options.device, repeats))
                    for _ in range(options.rounds)
                ]
                low, middle, high = statistics.quantiles([first / second for first, second in pairs], n=4)
                first, second = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
                print(
                    f"{name:9}  {way:7}  {each:3} -> {few:<2}  {first:18.3f}  {second:14.3f}  "
                    f"{middle:.2f} [{low:.2f}, {high:.2f}]"
                )


if __name__ == "__main__":
    main()
