"""Time of an optimizer's step as a ratio to torch's fused AdamW, for torch's, pytorch_optimizer's and ours.

In every round each optimizer takes its step right after fused AdamW has taken one on tensors of its own, so that what
the machine does besides hits both. Compiled ones are compiled before. The end compares the weights that ours and
pytorch_optimizer's reach.

    python benchmarks/optim_step.py [--rounds 7] [--sets resnet50 vit_s tiny matrices] [--only LAMB] [--device cuda]
"""

from __future__ import annotations

import argparse
import importlib
import math
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

import hookloom_optim_extra as ours

Make = Callable[[list[Tensor]], Optimizer]

NAMES = ("Lion", "LAMB", "LARS", "Adan", "AdEMAMix", "MARS", "MuonAdamW", "SOAP", "Prodigy")
NAMES += ("ScheduleFreeAdamW", "ScheduleFreeSGD")
THEIRS = {"LAMB": "Lamb", "MuonAdamW": "Muon"}
TORCHS = {"Adam": {}, "AdamW": {}, "NAdam": {}, "RAdam": {}, "SGD": {"momentum": 0.9}, "Adafactor": {}, "Muon": {}}
TO_REACH = {"Lion": 0.8, "LAMB": 2.5, "AdEMAMix": 2.5, "Adan": 2.5}


def resnet50() -> list[tuple[int, ...]]:
    """161 tensors, 25.6 million numbers."""
    shapes: list[tuple[int, ...]] = [(64, 3, 7, 7), (64,), (64,)]
    before = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            for out, inside, size in ((width, before, 1), (width, width, 3), (4 * width, width, 1)):
                shapes += [(out, inside, size, size), (out,), (out,)]
            if not block:
                shapes += [(4 * width, before, 1, 1), (4 * width,), (4 * width,)]
            before = 4 * width
    return [*shapes, (1000, 2048), (1000,)]


def vit_s() -> list[tuple[int, ...]]:
    """152 tensors, 22 million numbers."""
    block: list[tuple[int, ...]] = [(384,), (384,), (1152, 384), (1152,), (384, 384), (384,)]
    block += [(384,), (384,), (1536, 384), (1536,), (384, 1536), (384,)]
    return [(1, 1, 384), (1, 197, 384), (384, 3, 16, 16), (384,), *block * 12, (384,), (384,), (1000, 384), (1000,)]


def tiny() -> list[tuple[int, ...]]:
    """2,000 tensors of 8 to 256 numbers."""
    return [(8,), (16,), (64,), (16, 16)] * 500


def matrices() -> list[tuple[int, ...]]:
    """48 matrices of a transformer of width 128: for Muon and SOAP, which take minutes for the larger sets."""
    return [(384, 128), (128, 128), (512, 128), (128, 512)] * 12


SETS = {"resnet50": resnet50, "vit_s": vit_s, "tiny": tiny, "matrices": matrices}
PATIENCE = 30.0
"""Seconds after which an optimizer on a set gets no more rounds."""


def tensors(shapes: list[tuple[int, ...]], device: str) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    params = []
    for shape in shapes:
        param = torch.nn.Parameter((torch.randn(shape, generator=generator) * 0.05).to(device))
        param.grad = (torch.randn(shape, generator=generator) * 0.01).to(device)
        params.append(param)
    return params


def candidates(library: Any) -> Iterator[tuple[str, str, Make]]:
    """Yield who offers it, its name and how to make it."""
    for name, options in TORCHS.items():
        kind = getattr(torch.optim, name)
        yield "torch", name, lambda params, kind=kind, options=options: kind(params, lr=1e-3, **options)
    for name in NAMES:
        kind = getattr(ours, name)
        yield "ours", name, lambda params, kind=kind: kind(params, lr=1e-3, weight_decay=0.01)
        yield "ours, compiled", name, lambda params, kind=kind: kind(params, lr=1e-3, weight_decay=0.01, compile=True)
        if library is not None:
            theirs = getattr(library, THEIRS.get(name, name))
            yield "pytorch_optimizer", name, lambda params, kind=theirs: library_made(kind, params)


def library_made(kind: Any, params: list[Tensor]) -> Optimizer:
    options: dict[str, Any] = {"lr": 1e-3, "weight_decay": 0.01}
    if kind.__name__ == "Muon":
        muon = {"params": [param for param in params if param.ndim >= 2], "use_muon": True}
        return kind([muon, {"params": [param for param in params if param.ndim < 2], "use_muon": False}], **options)
    return kind(params, **options)


def seconds(step: Callable[[], Any], device: str) -> float:
    start = time.perf_counter()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def ratios(make: Make, shapes: list[tuple[int, ...]], rounds: int, device: str) -> tuple[float, float]:
    """Return the median ratio to fused AdamW and the median of milliseconds."""
    fused = torch.optim.AdamW(tensors(shapes, device), fused=True)
    optimizer = make(tensors(shapes, device))
    end = time.perf_counter() + PATIENCE
    for _ in range(3):  # the first steps make states and compile
        fused.step(), optimizer.step()
        if time.perf_counter() > end:
            break
    found = []
    for _ in range(rounds):
        found.append((seconds(fused.step, device), seconds(optimizer.step, device)))
        if time.perf_counter() > end:
            break
    return statistics.median(b / a for a, b in found), 1e3 * statistics.median(b for _, b in found)


def distance(name: str, library: Any) -> float:
    """Return the largest difference of weights after 10 steps of ours and theirs, in parts of how far they went."""
    kind = {"Lion": {}, "LARS": {"momentum": 0.9}, "Adan": {}}[name]
    reached = []
    for offers in (ours, library):
        params = tensors([(64, 32), (32,), (3, 3, 8, 8)], "cpu")
        start = [param.detach().clone() for param in params]
        optimizer = getattr(offers, name)(params, lr=1e-2, weight_decay=0.0, **kind)
        generator = torch.Generator().manual_seed(1)
        for _ in range(10):
            for param in params:
                param.grad = torch.randn(param.shape, generator=generator) * 0.01
            optimizer.step()
        reached.append([param.detach() for param in params])
    far = max((a - b).abs().max().item() for a, b in zip(reached[0], start, strict=True))
    return max((a - b).abs().max().item() for a, b in zip(*reached, strict=True)) / far


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["resnet50", "vit_s", "tiny"])
    parser.add_argument("--only", nargs="+", help="names of optimizers")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    try:
        library = importlib.import_module("pytorch_optimizer")
    except ImportError:
        library = None
        print("pytorch_optimizer is not installed: its rows are left out")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {options.device}, {options.rounds} rounds")
    print(f"{'':38}" + "".join(f"{name:>24}" for name in options.sets))
    for who, name, make in candidates(library):
        if options.only and name not in options.only:
            continue
        cells = ""
        for which in options.sets:
            shapes = SETS[which]()
            if who == "torch" and name == "Muon":  # takes matrices only, and so has less to do than ours
                shapes = [(shape[0], math.prod(shape[1:])) for shape in shapes if len(shape) > 1]
            try:
                ratio, milliseconds = ratios(make, shapes, options.rounds, options.device)
                cells += f"{ratio:10.2f} x {milliseconds:8.1f} ms"
            except Exception as error:
                cells += f"{type(error).__name__:>24}"
        goal = f"   to reach: {TO_REACH[name]}" if name in TO_REACH and who.startswith("ours") else ""
        print(f"{name:18} {who:18} {cells}{goal}", flush=True)
    if library is not None:
        for name in ("Lion", "LARS", "Adan"):
            parts = distance(name, library)
            print(f"{name}: farthest from pytorch_optimizer's after 10 steps, in parts of the way: {parts:.1e}")


if __name__ == "__main__":
    main()
