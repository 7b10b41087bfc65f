"""`hookloom plot lr`: the schedule of every parameter group, and which rule gave it its lr, without training."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from core.cli.main import main
from core.registries import DATASETS, HOOKS, MODELS


@pytest.fixture(autouse=True)
def own_components(monkeypatch: Any) -> None:
    for registry in (DATASETS, HOOKS, MODELS):
        monkeypatch.setattr(registry, "_local", dict(registry._local))


def columns(out: str, head: str) -> list[list[str]]:
    """Return the rows of the table whose head begins so."""
    lines = out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(head))
    rows = []
    for line in lines[start + 1 :]:
        if not line.strip():
            break
        rows.append(line.split())
    return rows


def test_numbers_and_groups_of_a_plain_config(command: Any, tmp_path: Path) -> None:
    code, out, err = command("plot", "lr", "config.py")
    assert (code, err) == (0, "")
    assert out == (
        "config.py\n"
        "  an epoch has 3 iterations: 12 samples in batches of 4\n"
        "curve  count  parameters                                            lr   weight decay  rule\n"
        "1      4      first.weight, first.bias, last.weight, last.bias      0.1  0             none\n"
        "\n"
        "epoch     lr     momentum\n"
        "0         0.01   0.9\n"
        "0.333333  0.055  0.9\n"
        "0.666667  0.1    0.9\n"
        "1         0.1    0.9\n"
        "1.33333   0.1    0.9\n"
        "1.66667   0.1    0.9\n"
        "2         0.01   0.9\n"
        "2.33333   0.01   0.9\n"
        "2.66667   0.01   0.9\n"
    ).replace(
        "first.weight, first.bias, last.weight, last.bias      ", "first.weight, first.bias, last.weight, last.bias  "
    ).replace(
        "parameters                                            ", "parameters                                        "
    )
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".pyc") == ["config.py"]


RULES = """
_base_ = 'config.py'
optimizer = dict(
    weight_decay=0.5,
    paramwise_cfg=dict(bias_lr_mult=2.0, bias_decay_mult=0.0, custom_keys={'last': dict(lr_mult=0.1, decay_mult=0.5)}))
momentum_config = dict(policy='step', step=[2], gamma=0.5)
"""


def test_the_rule_that_matched(command: Any, tmp_path: Path) -> None:
    (tmp_path / "rules.py").write_text(RULES)
    code, out, _ = command("plot", "lr", "rules.py", "--iters-per-epoch", "1", "--x", "iter")
    assert code == 0
    assert "an epoch has" not in out
    assert [row[:3] + row[3:] for row in columns(out, "curve")] == [
        ["1", "1", "first.weight", "0.1", "0.5", "none"],
        ["2", "1", "first.bias", "0.2", "0", "bias_lr_mult=2.0,", "bias_decay_mult=0.0"],
        [
            "3",
            "2",
            "last.weight,",
            "last.bias",
            "0.01",
            "0.25",
            "custom_keys['last']:",
            "lr_mult=0.1,",
            "decay_mult=0.5",
        ],
    ]
    assert columns(out, "iteration") == [
        ["0", "0.01", "0.02", "0.001", "0.9"],
        ["1", "0.055", "0.11", "0.0055", "0.9"],
        ["2", "0.01", "0.02", "0.001", "0.45"],
    ]
    code, out, _ = command("plot", "lr", "rules.py", "--iters-per-epoch", "1", "--each")
    assert [row[2] for row in columns(out, "curve")] == ["first.weight", "first.bias", "last.weight", "last.bias"]


@pytest.mark.parametrize("iterations", [False, True])
@pytest.mark.parametrize(
    "policy",
    [
        "dict(policy='CosineAnnealing', min_lr=0, warmup='exp', warmup_iters=4, warmup_ratio=0.1)",
        "dict(policy='poly', by_epoch=False, power=0.9)",
        "dict(policy='OneCycle', max_lr=[0.5])",
        "dict(policy='Sequential', milestones=[1], policies=[dict(policy='fixed'), dict(policy='poly', power=2.0)])",
    ],
)
def test_the_numbers_are_those_of_the_run(policy: str, iterations: bool, command: Any, tmp_path: Path) -> None:
    runner = "dict(_delete_=True, type='IterBasedRunner', max_iters=9)" if iterations else "dict(max_epochs=3)"
    text = (
        f"_base_ = 'config.py'\nlr_config = {policy.replace('dict(', 'dict(_delete_=True, ', 1)}\nrunner = {runner}\n"
    )
    (tmp_path / "one.py").write_text(text)
    assert command("run", "one.py", "--work-dir", "w", "--no-validate")[0] == 0
    log = next(Path("w").glob("*.log.json"))
    logged = [json.loads(line)["lr"] for line in log.read_text().splitlines()[1:]]
    code, out, _ = command("plot", "lr", "one.py", "--x", "iter")
    assert code == 0
    assert [round(float(row[1]), 5) for row in columns(out, "iteration")] == pytest.approx(logged, abs=1e-5)
    assert len(set(logged)) > 1


def test_a_dataset_that_is_not_here(command: Any) -> None:
    wrong = ("--cfg-options", "data.train.fail_at=0", "data.train.size=-1")
    code, out, err = command("plot", "lr", "config.py", *wrong)
    assert (code, out) == (2, "")
    assert err == (
        "the training dataset cannot be asked how long an epoch is (ValueError: __len__() should return >= 0); "
        "--iters-per-epoch N says it\n"
    )
    assert command("plot", "lr", "config.py", *wrong, "--iters-per-epoch", "7")[0] == 0


def test_more_processes_and_the_lr_scaled_to_them(command: Any) -> None:
    scaled = ("--cfg-options", "auto_scale_lr.enable=True", "auto_scale_lr.base_batch_size=16")
    code, out, _ = command("plot", "lr", "config.py", "--world-size", "2", *scaled)
    assert code == 0
    assert (
        "  auto_scale_lr: the lr was chosen for batches of 16; this run's hold 8, so it is multiplied by 0.5\n" in out
    )
    assert "  an epoch has 2 iterations: 12 samples in batches of 4 on each of 2 processes\n" in out
    assert [row[1] for row in columns(out, "epoch")] == ["0.005", "0.0275", "0.05", "0.05", "0.005", "0.005"]


MODULE = """
import torch


class Loads(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = torch.nn.Linear(1, 1)
        self.critic = torch.nn.Sequential(*[torch.nn.Conv2d(1, 1, 1) for _ in range(150)])

    def init_weights(self):
        raise SystemExit("weights were downloaded")

    def train_step(self, batch, optimizer):
        raise SystemExit("the model was trained")
"""
SEVERAL = """
model = dict(type='gan.Loads')
data = dict(train=dict(type='small.Points'))
optimizer = dict(generator=dict(type='SGD', lr=0.5), critic=dict(type='Adam', lr=0.25))
lr_config = dict(policy='step', step=[2], gamma=0.5)
runner = dict(type='IterBasedRunner', max_iters=4)
"""


def test_several_optimizers_and_hundreds_of_parameters(command: Any, tmp_path: Path) -> None:
    (tmp_path / "gan.py").write_text(MODULE)
    (tmp_path / "several.py").write_text(SEVERAL)
    sys.path.insert(0, str(tmp_path))
    code, out, _ = command("plot", "lr", "several.py")
    assert code == 0
    assert columns(out, "curve") == [
        ["1", "2", "generator.weight,", "generator.bias", "0.5", "0", "none"],
        ["2", "300", "critic.*.weight", "(150),", "critic.*.bias", "(150)", "0.25", "0", "none"],
    ]
    assert out.splitlines()[-5].split() == ["iteration", "lr", "1", "lr", "2", "momentum", "1", "momentum", "2"]
    assert columns(out, "iteration") == [
        ["0", "0.5", "0.25", "0", "0.9"],
        ["1", "0.5", "0.25", "0", "0.9"],
        ["2", "0.25", "0.125", "0", "0.9"],
        ["3", "0.25", "0.125", "0", "0.9"],
    ]


def test_a_policy_that_follows_a_metric(command: Any) -> None:
    options = ("lr_config._delete_=True", "lr_config.policy=Plateau", "lr_config.monitor=score")
    code, out, _ = command("plot", "lr", "config.py", "--cfg-options", *options)
    assert code == 0
    assert "  policy 'Plateau' follows evaluations, which only a run has: drawn as if there were none\n" in out


def test_pictures(command: Any, tmp_path: Path) -> None:
    (tmp_path / "rules.py").write_text(RULES)
    code, out, _ = command("plot", "lr", "rules.py", "--out", "deep/lr.svg")
    assert code == 0
    assert out.splitlines()[-1] == "drawn in deep/lr.svg"
    svg = Path("deep/lr.svg").read_text()
    for word in ("rules.py", ">lr<", ">momentum<", ">epoch<", ">1 (1 parameter)<", ">3 (2 parameters)<"):
        assert word in svg
    assert command("plot", "lr", "rules.py", "--out", "again.svg")[0] == 0
    assert Path("again.svg").read_text() == svg
    assert command("plot", "lr", "rules.py", "--out", "lr.PNG")[0] == 0
    assert Path("lr.PNG").read_bytes().startswith(b"\x89PNG")
    assert command("plot", "lr", "rules.py", "--out", "lr.html")[0] == 0
    page = Path("lr.html").read_text()
    assert "<svg" in page
    assert "<td>custom_keys[&#x27;last&#x27;]: lr_mult=0.1, decay_mult=0.5</td>" in page


@pytest.mark.parametrize(
    ("out", "code", "message"),
    [
        ("lr.gif", 2, "lr.gif: the name of a picture ends in .png, .svg, .html\n"),
        ("config.py/lr.svg", 74, "picture config.py/lr.svg cannot be written: "),
    ],
)
def test_pictures_that_cannot_be_written(out: str, code: int, message: str, command: Any) -> None:
    ended, _, err = command("plot", "lr", "config.py", "--out", out)
    assert ended == code
    assert message in err


def test_a_wrong_config(command: Any) -> None:
    code, out, err = command("plot", "lr", "config.py", "--cfg-options", "optimizer.lrr=1")
    assert (code, out) == (2, "")
    assert "optimizer.lrr: unknown key; did you mean 'lr'?" in err


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("colours", [True, False])
def test_braille_on_a_terminal(colours: bool, command: Any, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "rules.py").write_text(RULES)
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not colours:
        monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["plot", "lr", "rules.py"]) == 0
    text = terminal.getvalue()
    plot = text[text.index("(lr)") :]
    assert ("\x1b[91m" in plot) is colours
    assert any(0x2801 <= ord(letter) <= 0x28FF for letter in plot)
    assert "(epoch)" in plot
    assert "3 (2 parameters)" in plot
    assert "(momentum)" in plot
    assert max(map(len, plot.splitlines())) < 90 or colours


def test_without_the_extra(command: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "plotille", None)
    code, _, err = command("plot", "lr", "config.py", "--out", "lr.svg")
    assert code == 2
    assert err == "a picture needs matplotlib, which is not installed: pip install 'hookloom-core[plot]'\n"
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["plot", "lr", "config.py"]) == 0
    assert "0.333333" in terminal.getvalue()
