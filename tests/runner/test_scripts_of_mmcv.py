"""A training script of MMCV's runs when its imports are changed, and trains as a loop by hand does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
CONFIG = """
seed = 7
model = dict(type='TwoLayers', hidden=5)
optimizer = dict(type='Nudge', lr=0.2, momentum=0.9, constructor='HeadFaster', paramwise_cfg=dict(head_lr_mult=2))
optimizer_config = dict(grad_clip=dict(max_norm=1))
lr_config = dict(policy='halving', every=2, warmup='linear', warmup_iters=4, warmup_ratio=0.1)
checkpoint_config = dict(interval=1)
log_config = dict(interval=2, hooks=[dict(type='TextLoggerHook')])
runner = dict(type='EpochBasedRunner', max_epochs=4)
"""


@pytest.fixture
def script(tmp_path: Path) -> Any:
    """Run the script, ported as the documentation says; return what it said."""
    text = (HERE / "scripts/train_with_mmcv.py").read_text()
    page = (HERE.parent.parent / "docs/coming-from-mmcv.md").read_text()
    (tmp_path / "train.py").write_text(text)
    (tmp_path / "config.py").write_text(CONFIG)
    (port,) = re.findall(r"^    (sed .*) train\.py$", page, re.M)
    subprocess.run(f"{port} train.py", shell=True, cwd=tmp_path, check=True)
    assert "mmcv" not in re.sub(r'""".*?"""', "", (tmp_path / "train.py").read_text(), flags=re.S)

    def run(*arguments: str, work_dir: str = "w", code: int = 0) -> str:
        (tmp_path / work_dir).mkdir(exist_ok=True)
        command = [sys.executable, "-W", "error", "train.py", "config.py", "--work-dir", work_dir, *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == code, done.stderr
        return done.stderr

    return run


def points(size: int, offset: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.arange(offset, offset + 2 * size, dtype=torch.float64).reshape(size, 2).sin()
    return x, x.sum(1, keepdim=True) ** 2


def by_hand(epochs: int = 4, max_norm: float = 1) -> tuple[list[str], dict[str, torch.Tensor]]:
    """Train the script's job without any of its classes; return the lines it records and the weights."""
    torch.manual_seed(7)
    backbone, head = torch.nn.Linear(2, 5), torch.nn.Linear(5, 1)
    backbone, head = backbone.double(), head.double()
    net = torch.nn.ModuleDict({"backbone": backbone, "head": head})
    groups = [{"params": list(backbone.parameters())}, {"params": list(head.parameters()), "lr": 0.4}]
    optimizer = torch.optim.SGD(groups, lr=0.2, momentum=0.9)
    x, y = points(10)
    val = points(4, 50)
    lines, number = [], 0
    for epoch in range(epochs):
        for inner, start in enumerate(range(0, 10, 4)):
            missing = (1 - number / 4) * (1 - 0.1)
            for group, base in zip(optimizer.param_groups, (0.2, 0.4), strict=True):
                regular = base * 0.5 ** (epoch // 2)
                group["lr"] = regular * (1 - missing) if number < 4 else regular
            rows = slice(start, start + 4)
            loss = ((head(backbone(x[rows]).tanh()) - y[rows]) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), max_norm)
            optimizer.step()
            lr = [group["lr"] for group in optimizer.param_groups]
            lines.append(f"train {epoch} {number} {inner} {lr!r} {loss.item()!r}")
            number += 1
        if epoch % 2:
            lines.append(f"two epochs, last: {epoch + 1 == epochs}")
        with torch.no_grad():
            lines.append(f"val {epoch + 1} {((head(backbone(val[0]).tanh()) - val[1]) ** 2).mean().item()!r}")
    return lines, net.state_dict()


def assert_trained(tmp_path: Path, work_dir: str = "w") -> None:
    lines, weights = by_hand()
    assert (tmp_path / work_dir / "records.txt").read_text().splitlines() == lines
    final = torch.load(tmp_path / work_dir / "final.pth")
    assert list(final) == list(weights)
    assert all(torch.equal(final[name], weights[name]) for name in weights)


def test_a_script_of_mmcv_trains_as_a_loop_by_hand(script: Any, tmp_path: Path) -> None:
    err = script()
    assert_trained(tmp_path)
    assert "Epoch [4][2/3]\tlr: 1.000e-01, eta: 0:00:00" in err
    assert re.search(r"mean loss [\d.]+ of train", err)
    assert (tmp_path / "w/script.log").read_text().count("mean loss") == 4 + 4


def test_with_a_wrapper_around_the_model(script: Any, tmp_path: Path) -> None:
    script("--parallel")
    assert_trained(tmp_path)


def test_resuming_goes_on_as_without_a_stop(script: Any, tmp_path: Path) -> None:
    script("--cfg-options", "runner.max_epochs=2", "lr_config.every=2")
    records = tmp_path / "w/records.txt"
    # What comes behind the hook that saved, in the last epoch and the validation after it, the resumed run does.
    *before, behind, validated = records.read_text().splitlines(keepends=True)
    assert (behind, validated[:6]) == ("two epochs, last: True\n", "val 2 ")
    records.write_text("".join(before))
    err = script("--resume-from", "w/epoch_2.pth")
    assert "resumed epoch 2, iter 6" in err
    assert_trained(tmp_path)


@pytest.mark.parametrize("parallel", [(), ("--parallel",)])
def test_several_optimizers_that_the_model_steps(script: Any, tmp_path: Path, parallel: tuple[str, ...]) -> None:
    (tmp_path / "config.py").write_text(
        CONFIG + "optimizer = dict(backbone=dict(type='SGD', lr=0.2, momentum=0.9), head=dict(type='SGD', lr=0.4,"
        " momentum=0.9))\noptimizer_config = None\n"
    )
    script(*parallel)
    lines = (tmp_path / "w/records.txt").read_text().splitlines()
    expected, weights = by_hand(max_norm=float("inf"))
    # The hook records the lr of the first optimizer alone.
    assert lines == [re.sub(r"\[(\S+), \S+\]", r"[\1]", line) for line in expected]
    final = torch.load(tmp_path / "w/final.pth")
    assert all(torch.equal(final[name], weights[name]) for name in weights)
    saved = torch.load(tmp_path / "w/epoch_4.pth")["optimizer"]
    assert {name: state["param_groups"][0]["initial_lr"] for name, state in saved.items()} == {
        "backbone": 0.2,
        "head": 0.4,
    }


def test_a_runner_of_their_own_calls_points_of_its_own(script: Any, tmp_path: Path) -> None:
    script("--cfg-options", "runner.type=WarmStartRunner", "checkpoint_config=None")
    lines, weights = by_hand()
    assert (tmp_path / "w/records.txt").read_text().splitlines() == ["warm start at 0", *lines]
    final = torch.load(tmp_path / "w/final.pth")
    assert all(torch.equal(final[name], weights[name]) for name in weights)
