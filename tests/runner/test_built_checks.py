"""What only the built model and loaders tell of a config: warnings in the log, errors where they count so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import small
import torch

from core import OPTIMIZER_BUILDERS, OPTIMIZERS, ConfigError, DefaultOptimizerConstructor, train
from core.cli.main import main

CONFIG = """\
model = dict(type='small.Net')
data = dict(samples_per_gpu=3, workers_per_gpu=0, train=dict(type='small.Points', size=12))
optimizer = dict(
    type='SGD', lr=0.1, weight_decay=1e-4,
    {paramwise})
optimizer_config = dict()
lr_config = dict({schedule})
runner = dict(type='{kind}', {length})
"""
EPOCHS = {"kind": "EpochBasedRunner", "length": "max_epochs=2"}
FIXED = {"schedule": "policy='fixed'", **EPOCHS}


@pytest.fixture
def warned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Train and return what the log warns of."""
    monkeypatch.chdir(tmp_path)

    def run(paramwise: str = "", **parts: str) -> list[str]:
        (tmp_path / "net.py").write_text(CONFIG.format(**{"paramwise": paramwise, **FIXED, **parts}))
        train("net.py", work_dir="work")
        (log,) = (tmp_path / "work").glob("*.log")
        lines = [line.partition(" - WARNING - ")[2] for line in log.read_text().splitlines()]
        return [re.sub(r"^config: ", "", line) for line in lines if line]

    return run


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("first=dict(lr_mult=0.1)", []),
        ("bias=dict(decay_mult=0)", []),
        ("{'last.weight': dict(lr_mult=2)}", []),
        ("frst=dict(lr_mult=0.1)", ["custom_keys.frst: matches no parameter of Net; did you mean 'first'?"]),
        (
            "{'last.wieght': dict(lr_mult=2), 'head': dict(lr_mult=10), 'last': dict(lr_mult=1)}",
            [
                "custom_keys['last.wieght']: matches no parameter of Net; did you mean 'last.weight'?",
                "custom_keys.head: matches no parameter of Net",
            ],
        ),
    ],
)
def test_a_rule_that_matches_nothing(warned: Any, rules: str, said: list[str]) -> None:
    written = rules if rules.startswith("{") else f"dict({rules})"
    lines = warned(f"paramwise_cfg=dict(custom_keys={written})")
    assert lines == [f"net.py:5: optimizer.paramwise_cfg.{line}" for line in said]


def test_a_parameter_of_the_model_itself_is_named_with_a_dot(warned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def scaled(net: Any) -> None:
        init(net)
        net.scale = torch.nn.Parameter(torch.ones((), dtype=torch.float64), requires_grad=False)

    init = small.Net.__init__
    monkeypatch.setattr(small.Net, "__init__", scaled)
    assert warned("paramwise_cfg=dict(custom_keys={'.scale': dict(decay_mult=0)})") == []


def test_rules_of_several_optimizers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    optimizer = "type='SGD', lr=0.1, paramwise_cfg=dict(custom_keys={'wight': dict(lr_mult=2)})"
    text = CONFIG.format(paramwise="", **FIXED).replace(
        "optimizer = dict(\n    type='SGD', lr=0.1, weight_decay=1e-4,\n    )",
        f"optimizer = dict(\n    first=dict({optimizer}),\n    last=dict(type='SGD', lr=0.1))",
    )
    (tmp_path / "net.py").write_text(text)
    with pytest.raises(ConfigError) as caught:
        train("net.py", work_dir="work", strict=True)
    assert str(caught.value) == (
        "net.py: 1 problem\n  net.py:4   optimizer.first.paramwise_cfg.custom_keys.wight: matches no parameter of "
        "Linear; did you mean 'weight'?"
    )


def test_rules_that_another_constructor_reads_are_its_own_business(warned: Any) -> None:
    class Own(DefaultOptimizerConstructor):
        pass

    OPTIMIZER_BUILDERS.register_module(module=Own)
    try:
        assert warned("constructor='Own', paramwise_cfg=dict(custom_keys=dict(layer_1=dict(lr_mult=2)))") == []
    finally:
        OPTIMIZER_BUILDERS._local.pop("Own")


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("policy='fixed', warmup='linear', warmup_iters=8", []),
        (
            "policy='fixed', warmup='linear', warmup_iters=9",
            ["lr_config.warmup_iters: the warm-up of 9 iterations is longer than the run of 8"],
        ),
        ("policy='step', step=[1, 7], by_epoch=False", []),
        (
            "policy='step', step=[1, 8], by_epoch=False",
            ["lr_config.step[1]: step 8 is never reached: the run ends after 8 iterations"],
        ),
        # Known before anything was built, and so said once.
        ("policy='step', step=[1, 2]", ["lr_config.step[1]: step 2 is never reached: the run ends after 2 epochs"]),
    ],
)
def test_lengths_in_iterations_of_a_run_by_epochs(warned: Any, schedule: str, said: list[str]) -> None:
    assert warned(schedule=schedule) == [f"net.py:7: {line}" for line in said]


def test_a_run_by_iterations_knows_its_length_before(warned: Any) -> None:
    lines = warned(kind="IterBasedRunner", length="max_iters=3", schedule="policy='step', step=[3]")
    assert lines == ["net.py:7: lr_config.step[0]: step 3 is never reached: the run ends after 3 iterations"]


def test_strict_ends_before_the_first_iteration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rules = "paramwise_cfg=dict(custom_keys=dict(frst=dict(lr_mult=1)))"
    (tmp_path / "net.py").write_text(CONFIG.format(**{"paramwise": rules, **FIXED}))
    with pytest.raises(ConfigError) as caught:
        train("net.py", work_dir="work", strict=True)
    assert [problem.severity for problem in caught.value.problems] == ["error"]
    assert not list((tmp_path / "work").glob("*.pth"))


class Fussy(torch.optim.SGD):
    """An optimizer of the user's own, with a bug."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, lr=float("a"))


@pytest.mark.parametrize(
    ("optimizer", "said"),
    [
        ("dict(type='AdamW', lr=-1.0)", "optimizer: Invalid learning rate: -1.0"),
        (
            "dict(type='SGD', lr=0.1, constructor='FreezeConstructor', paramwise_cfg=dict(freeze=['.']))",
            "optimizer: paramwise_cfg.freeze leaves no parameter of Net to train",
        ),
        (
            "dict(firts=dict(type='SGD', lr=0.1))",
            "optimizer: firts: Net has no sub-module of that name; did you mean 'first'?",
        ),
    ],
)
@pytest.mark.parametrize("command", [("run", "--work-dir", "work"), ("plot", "lr")])
def test_options_that_an_optimizer_refuses_have_a_place(
    optimizer: str, said: str, command: tuple[str, ...], tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    text = re.sub(r"optimizer = dict\(.*?\)\n", f"optimizer = {optimizer}\n", CONFIG, flags=re.DOTALL)
    (tmp_path / "net.py").write_text(text.format(**FIXED))
    assert main([*command, "net.py"]) == 2
    assert f"net.py: 1 problem\n  net.py:3   {said}\n" in capsys.readouterr().err


def test_a_bug_of_the_users_own_optimizer_keeps_its_traceback(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    text = re.sub(r"optimizer = dict\(.*?\)\n", "optimizer = dict(type='Fussy')\n", CONFIG, flags=re.DOTALL)
    (tmp_path / "net.py").write_text(text.format(**FIXED))
    monkeypatch.setattr(OPTIMIZERS, "_local", dict(OPTIMIZERS._local))
    OPTIMIZERS.register_module(module=Fussy)
    assert main(["run", "net.py", "--work-dir", "work"]) == 1
    assert "could not convert string to float: 'a'" in capsys.readouterr().err
