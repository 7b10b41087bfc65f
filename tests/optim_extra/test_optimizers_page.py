"""The page of optimizers: every one there is, an example that can be built, its memory, and code that runs."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from optimizers import NAMES, make

from core import build_optimizer
from core.plugins.catalog import catalog

PAGE = Path(__file__).parents[2] / "docs" / "optimizers.md"
ROWS = {cells[1].strip("` "): cells for line in PAGE.read_text().splitlines() if len(cells := line.split("|")) == 7}


def test_every_optimizer_is_on_the_page() -> None:
    ours = {o.name for o in catalog().of("optimizers") if o.provider.distribution == "hookloom-optim-extra"}
    offered = {name for name in ours if not name.startswith("pytorch_optimizer.")}
    assert set(NAMES) == offered
    assert set(ROWS) - {"name", "---"} == offered


def example(name: str) -> dict[str, Any]:
    call = ast.parse(ROWS[name][5].strip("` "), mode="eval").body
    assert isinstance(call, ast.Call)
    return {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}


@pytest.mark.parametrize("name", NAMES)
def test_every_example_can_be_built(name: str) -> None:
    assert example(name)["type"] == name
    assert type(build_optimizer(torch.nn.Linear(2, 2), example(name))).__name__ == name


@pytest.mark.parametrize("name", NAMES)
def test_the_state_has_as_many_numbers_as_the_page_says(name: str) -> None:
    matrix, vector = torch.nn.Parameter(torch.ones(6, 4)), torch.nn.Parameter(torch.ones(5))
    optimizer = make(name, [matrix, vector])
    matrix.grad, vector.grad = torch.ones(6, 4), torch.ones(5)
    optimizer.step()
    held = [
        sum(value.numel() for value in optimizer.state[param].values() if isinstance(value, torch.Tensor))
        for param in (matrix, vector)
    ]
    said = int(re.match(r" (\d)", ROWS[name][3])[1])
    vectors, squares = {"MuonAdamW": (2, 0), "SOAP": (2, 2 * (36 + 16))}.get(name, (said, 0))
    assert held == [said * 24 + squares, vectors * 5]


def test_the_code_runs() -> None:
    (block,) = re.findall(r"```py\n(.*?)```", PAGE.read_text(), re.S)
    names: dict[str, Any] = {}
    exec(compile(block, str(PAGE), "exec"), names)
    assert not names["optimizer"].param_groups[0]["training"]
