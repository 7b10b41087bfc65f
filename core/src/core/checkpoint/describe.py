"""What stands in a checkpoint, for people: how far it is, what it was made with, what each part takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import importlib_metadata
import torch

from core.checkpoint.read import read_checkpoint
from core.checkpoint.space import size_of


def describe(path: str | Path, environment: str) -> str:
    """Return a text about a checkpoint.

    Args:
        path: the file.
        environment: the present one, a fact a line, as `meta.env_info` keeps that of the run.

    Raises:
        CheckpointError: if it cannot be read.
    """
    checkpoint = read_checkpoint(path)
    meta = checkpoint.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    ours = checkpoint.get("hookloom")
    ours = ours if isinstance(ours, Mapping) else {}
    lines = [f"{path}: {Path(path).stat().st_size:,} bytes", *_progress(meta, ours)]
    lines += ["", "parts", *_parts(checkpoint)]
    providers = ours.get("providers") or {}
    if providers:
        lines += ["", "made with", *_table([(name, provider) for name, provider in providers.items()])]
    changed = list(dict.fromkeys(_changes(str(meta.get("env_info") or ""), environment, providers)))
    lines += ["", "changed since", *(changed or ["  nothing that is recorded"])]
    config = meta.get("config")
    if config:
        lines += ["", f"config: {meta.get('exp_name', '')}", *(f"  {line}" for line in str(config).splitlines())]
    return "\n".join(lines)


def _progress(meta: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[str]:
    if "iter" not in meta:
        yield "  weights alone: no run can be resumed from it"
        return
    batch = f", {ours['batch']} batches of the next one" if ours.get("batch") else ""
    runner = f" of {ours['runner']}" if "runner" in ours else ""
    yield f"  iteration {meta['iter']}, epoch {ours.get('epoch', meta.get('epoch'))}{batch}{runner}"
    writer = f"Hookloom, format {ours['format']}" if "format" in ours else f"MMCV {meta.get('mmcv_version', '')}"
    yield f"  saved {meta.get('time', 'at an unknown time')} by {writer}; seed {meta.get('seed', 'unknown')}"
    messages = meta.get("hook_msgs") or {}
    if messages.get("best_score") is not None:
        yield f"  best score so far {messages['best_score']}, in {messages.get('best_ckpt')}"


def _parts(checkpoint: Mapping[str, Any]) -> list[str]:
    if "state_dict" not in checkpoint:
        return _table([("weights", _size(checkpoint))])
    names = {"state_dict": "weights", "hookloom": "generators, hooks, position"}
    return _table([(names.get(key, key), _size(value)) for key, value in checkpoint.items() if key != "meta"])


def _size(value: Any) -> str:
    tensors = list(_tensors(value))
    numbers = sum(tensor.numel() for tensor in tensors)
    return f"{len(tensors):,} tensors, {numbers:,} numbers, about {size_of(value):,} bytes"


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


def _changes(then: str, now: str, providers: Mapping[str, Any]) -> Iterator[str]:
    """Compare the facts that both sides know, and the versions of the components' distributions."""
    present = dict(line.split(": ", 1) for line in now.splitlines() if ": " in line)
    for line in then.splitlines():
        name, _, value = line.partition(": ")
        if name in present and present[name] != value:
            yield f"  {name}: {value}, now {present[name]}"
    for provider in sorted({str(value) for value in providers.values()}):
        name, _, version = provider.rpartition(" ")
        if not name:  # a module that no distribution brings has no version
            continue
        try:
            found = importlib_metadata.version(name)
        except importlib_metadata.PackageNotFoundError:
            yield f"  {name}: {version}, now not installed"
        else:
            if found != version:
                yield f"  {name}: {version}, now {found}"


def _table(rows: list[tuple[str, Any]]) -> list[str]:
    width = max((len(name) for name, _ in rows), default=0)
    return [f"  {name.ljust(width)}  {value}" for name, value in rows]
