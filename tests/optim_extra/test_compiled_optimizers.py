"""compile=True: the same weights, and no second compilation when numbers or shapes change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from optimizers import NAMES, make
from torch import Tensor
from torch._dynamo.testing import CompileCounter, CompileCounterWithBackend

from hookloom_optim_extra.optim import compiled

SHAPES = [(70, 40), (50, 60), (9, 10, 40), (7,)]
"""The last is below the least size for compiled code, and the first three are of two numbers of dimensions."""
VECTORS = [(2800,), (3000,), (9, 7), (7,)]
"""Of Muon and SOAP only the AdamW half is compiled, which here has the first two."""


@pytest.fixture(autouse=True)
def afresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(compiled, "LEAST", 2000)
    torch._dynamo.reset()
    compiled.compiled.cache_clear()
    yield
    compiled.compiled.cache_clear()
    torch._dynamo.reset()


def end(
    name: str, options: list[dict[str, Any]], dtype: torch.dtype = torch.float32, shapes: Any = SHAPES, **made: Any
) -> list[Tensor]:
    """Return the weights after a step with each of `options`."""
    generator = torch.Generator().manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in shapes]
    optimizer = make(name, params, **made)
    for changed in options:
        for param in params:
            param.grad = torch.randn(param.shape, generator=generator).to(dtype)
        optimizer.param_groups[0].update(changed)
        optimizer.step()
    return [param.detach() for param in params]


def shapes_of(name: str) -> Any:
    return VECTORS if name in ("MuonAdamW", "SOAP") else SHAPES


def changes(name: str) -> list[dict[str, Any]]:
    first = 1.0 if name == "Prodigy" else 0.05
    return [{}, {}, {"lr": first / 3}, {"lr": torch.tensor(first)}, {"lr": 0.0}, {"lr": first, "weight_decay": 0.0}]


@pytest.mark.parametrize("name", NAMES)
def test_every_formula_is_one_graph_for_all_numbers_and_shapes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = CompileCounter()
    compile = torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda f, dynamic: compile(f, dynamic=dynamic, fullgraph=True, backend=counter)
    )
    shapes = shapes_of(name)
    found = end(name, changes(name), shapes=shapes, compile=True)
    assert counter.frame_count == 1
    for a, b in zip(found, end(name, changes(name), shapes=shapes), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_weights_go_in_portions_whatever_their_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = CompileCounter()
    compile = torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda f, dynamic: compile(f, dynamic=dynamic, fullgraph=True, backend=counter)
    )
    # Which of eight are of one size differs from portion to portion.
    shapes = [(50, 50)] * 8 + [(50, 50), (60, 50)] * 4 + [(40 + place, 60) for place in range(8)] + [(70, 70)] * 3
    assert len(shapes) % compiled.TOGETHER == 3
    steps: list[dict[str, Any]] = [{}, {"lr": 0.01}]
    found = end("Lion", steps, shapes=shapes, compile=True)
    assert counter.frame_count == 2  # for a portion and for one weight
    for a, b in zip(found, end("Lion", steps, shapes=shapes), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning")
@pytest.mark.parametrize("name", NAMES)
def test_compiled_code_updates_as_eager_code_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = CompileCounterWithBackend("inductor")
    compile = torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda f, dynamic: compile(f, dynamic=dynamic, fullgraph=True, backend=counter)
    )
    shapes = shapes_of(name)
    end(name, [{}], shapes=shapes[:1], compile=True)
    compiled_once = counter.frame_count  # torch may call the backend twice for one compilation
    found = end(name, changes(name), shapes=shapes, compile=True)
    for a, b in zip(found, end(name, changes(name), shapes=shapes), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
    low = end(name, changes(name), torch.bfloat16, shapes, compile=True)
    assert counter.frame_count == compiled_once > 0
    for a, b in zip(low, end(name, changes(name), torch.bfloat16, shapes), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-2)
