"""A schedule-free optimizer on two processes: trained, evaluated, saved and resumed as on one with twice the batch."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from zygote import Zygote

CONFIG = """
model = dict(type='small.Net', p=0.0)
data = dict(
    samples_per_gpu=2,
    train=dict(type='small.Points', noise=0.0),
    val=dict(type='small.Points', size=6, noise=0.0))
optimizer = dict(type='ScheduleFreeAdamW', lr=0.05, warmup_steps=2, weight_decay=0.01)
runner = dict(type='EpochBasedRunner', max_epochs=3)
workflow = [('train', 1), ('val', 1)]
evaluation = dict(interval=1, metric='score', save_best='score', rule='less')
checkpoint_config = dict(interval=2, by_epoch=False)
log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])
seed = 3
"""
# Six iterations would end an epoch; the fourth and the eighth are inside one.
HALF_WAY = "iter_4.pth"


@pytest.fixture
def zygote() -> Iterator[Zygote]:
    made = Zygote()
    yield made
    made.close()


def on_two_ranks(zygote: Zygote, folder: Path, *options: str) -> None:
    """Run the config with the environment that torchrun gives two processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    command = ("run", "config.py", "--launcher", "pytorch", *options)
    ranks = [zygote.start(*command, folder=folder, RANK=rank, LOCAL_RANK=rank, **group) for rank in ("0", "1")]
    for rank in ranks:
        assert rank.wait() == 0, rank.text[-3000:]


def saved(folder: Path, name: str) -> Any:
    return torch.load(folder / name, weights_only=True)


def scores(folder: Path) -> list[float]:
    (log,) = folder.glob("*.log.json")
    return [record["score"] for record in map(json.loads, log.read_text().splitlines()) if "score" in record]


def far(one: Any, other: Any) -> float:
    """Return how far tensors of two mappings are from each other."""
    assert one.keys() == other.keys()
    return max(float((tensor - other[name]).abs().max()) for name, tensor in one.items())


@pytest.mark.slow
def test_weights_scores_and_checkpoints(zygote: Zygote, tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text(CONFIG)
    twice = ("--cfg-options", "data.samples_per_gpu=4")
    alone = zygote.start("run", "config.py", "--work-dir", "one", *twice, folder=tmp_path)
    assert alone.wait() == 0, alone.text[-3000:]
    on_two_ranks(zygote, tmp_path, "--work-dir", "two")
    two, one = tmp_path / "two", tmp_path / "one"
    for name in (HALF_WAY, "iter_8.pth", "latest.pth"):
        ours, theirs = saved(two, name), saved(one, name)
        assert far(ours["state_dict"], theirs["state_dict"]) <= 1e-12, name
        trained = ours["hookloom"]["training_weights"]
        assert far(trained, theirs["hookloom"]["training_weights"]) <= 1e-12, name
        assert far(trained, ours["state_dict"]) > 1e-3, "what is evaluated is not what is trained"
        for param, state in ours["optimizer"]["state"].items():
            other = theirs["optimizer"]["state"][param]
            assert state.pop("step") == other.pop("step")
            assert far(state, other) <= 1e-12
    assert len(scores(two)) == 3
    assert scores(two) == pytest.approx(scores(one), rel=0, abs=1e-10)
    assert [path.name for path in two.glob("best_*")] == [path.name for path in one.glob("best_*")]

    on_two_ranks(zygote, tmp_path, "--work-dir", "parts", "--resume-from", f"two/{HALF_WAY}")
    whole, parts = saved(two, "latest.pth"), saved(tmp_path / "parts", "latest.pth")
    assert parts["meta"]["iter"] == whole["meta"]["iter"] == 9
    assert far(parts["state_dict"], whole["state_dict"]) == 0
    assert far(parts["hookloom"]["training_weights"], whole["hookloom"]["training_weights"]) == 0
    assert scores(tmp_path / "parts") == scores(two)[1:]
