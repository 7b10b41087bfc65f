"""The table of parameter groups at the start of a run, and rules that match nothing, whoever wrote the constructor."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch

from core import OPTIMIZER_BUILDERS, ConfigError, DefaultOptimizerConstructor, train
from core.config.paramwise import CommonOptions
from core.optim.build import build
from core.optim.constructor import DeclaredConstructor, Setting
from core.optim.table import as_text

CONFIG = """\
model = dict(type='small.Net')
data = dict(samples_per_gpu=6, workers_per_gpu=0, train=dict(type='small.Points', size=12))
optimizer = dict(
    type='SGD', lr=0.1, weight_decay=1e-4,
    {paramwise})
optimizer_config = dict()
lr_config = dict(policy='fixed')
runner = dict(type='EpochBasedRunner', max_epochs=1)
"""


@attrs.frozen(kw_only=True)
class TenfoldOptions(CommonOptions):
    names: list[str] = attrs.field(factory=list, metadata={"names_parameters": "pattern"})


class Tenfold(DeclaredConstructor):
    """A constructor of somebody else's, as short as one can be."""

    paramwise_options = TenfoldOptions

    def setting(self, name: str, parameter: torch.nn.Parameter, module: torch.nn.Module) -> Setting:
        if any(re.search(rule, name) for rule in self.options.names):
            return {"lr": 10 * self.base_lr}, "ten times as fast"
        return {}, ""


class Mute(DefaultOptimizerConstructor):
    """One of MMCV's time, which tells nobody what it does."""

    def __call__(self, model: torch.nn.Module) -> torch.optim.Optimizer:
        self.rules = ["not what a table wants"]
        return torch.optim.SGD([{"params": [one]} for one in model.parameters()], lr=0.5)


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Train and return the log without its times."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(OPTIMIZER_BUILDERS, "_local", dict(OPTIMIZER_BUILDERS._local))
    for one in (Tenfold, Mute):
        OPTIMIZER_BUILDERS.register_module(module=one)

    def run(paramwise: str = "", **options: Any) -> str:
        (tmp_path / "net.py").write_text(CONFIG.format(paramwise=paramwise))
        train("net.py", work_dir="work", **options)
        (log,) = (tmp_path / "work").glob("*.log")
        return re.sub(r"^\S+ \S+ - ", "", log.read_text(), flags=re.M)

    return run


def table(log: str) -> list[str]:
    lines = log.partition("INFO - parameter groups:\n")[2].splitlines()
    return [re.sub(" {2,}", " | ", line) for line in lines[: next(i for i, x in enumerate(lines) if " - " in x)]]


HEAD = "groups | count | parameters | lr | weight decay | rule"


def test_the_default_constructor(logged: Any) -> None:
    assert table(logged("paramwise_cfg=dict(bias_lr_mult=2.0)")) == [
        HEAD,
        "2 of 1-3 | 2 | first.weight, last.weight | 0.1 | 0.0001 | none",
        "2 of 2-4 | 2 | first.bias, last.bias | 0.2 | 0.0001 | bias_lr_mult=2.0",
    ]


def test_no_rules_at_all(logged: Any) -> None:
    line = "1 | 4 | first.weight, first.bias, last.weight, last.bias | 0.1 | 0.0001 | none"
    assert table(logged()) == [HEAD, line]


def test_a_constructor_of_somebody_else(logged: Any) -> None:
    log = logged("constructor='Tenfold', paramwise_cfg=dict(names=['^last', 'frst'])")
    assert table(log) == [
        HEAD,
        "1 | 2 | first.weight, first.bias | 0.1 | 0.0001 | none",
        "2 | 2 | last.weight, last.bias | 1 | 0.0001 | ten times as fast",
    ]
    said = "config: net.py:5: optimizer.paramwise_cfg.names[1]: matches no parameter of Net; did you mean 'first'?"
    assert f"WARNING - {said}\n" in log
    assert log.count("matches no parameter") == 1


def test_a_constructor_that_tells_nothing(logged: Any) -> None:
    assert table(logged("constructor='Mute'"))[1:] == [
        "1-4 | 4 | first.weight, first.bias, last.weight, last.bias | 0.5 | 0 | made by Mute"
    ]


@pytest.mark.parametrize(
    ("paramwise", "said"),
    [
        (
            "constructor='Tenfold', paramwise_cfg=dict(names=['frst'], strict_keys=True)",
            "optimizer.paramwise_cfg.names[0]: matches no parameter of Net; did you mean 'first'?",
        ),
        (
            "paramwise_cfg=dict(custom_keys=dict(lst=dict(lr_mult=2)), strict_keys=True)",
            "optimizer.paramwise_cfg.custom_keys.lst: matches no parameter of Net; did you mean 'last'?",
        ),
    ],
)
def test_strict_keys(logged: Any, paramwise: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        logged(paramwise)
    assert str(caught.value) == f"net.py: 1 problem\n  net.py:5   {said}"


class Deep(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(1, 1) for _ in range(100))


def test_a_long_table_is_cut() -> None:
    rules = {f"layers.{index}.": {"lr_mult": 1 + index} for index in range(100)}
    built = build(Deep(), {"type": "SGD", "lr": 1.0, "paramwise_cfg": {"custom_keys": rules}})
    lines = as_text(built).splitlines()
    assert len(lines) == 62
    assert lines[60].split()[:5] == ["119-120", "2", "layers.59.weight,", "layers.59.bias", "60"]
    assert lines[61] == "... and 40 more lines, which `hookloom plot lr` shows"
    whole = as_text(build(Deep(), {"type": "SGD", "lr": 1.0}))
    assert whole.splitlines()[1].split()[:4] == ["1", "200", "layers.*.weight", "(100),"]
