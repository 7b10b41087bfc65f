"""compile=True: the same weights, no second compilation, and torch asked once for each set of sizes."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from optimizers import NAMES, make
from torch import Tensor

from hookloom_optim_extra import Lion
from hookloom_optim_extra.optim import compiled, direct, lots

SHAPES = [(70, 60), (50, 90), (9, 10, 51), (7,)]
"""The first three are large enough for formulas that sum."""
VECTORS = [(4200,), (4500,), (9, 7), (7,)]
"""Of Muon and SOAP only the AdamW half is compiled, which here is all but the matrix."""


class Counter:
    """Counts what goes to the compiler and what goes through `torch.compile`; the code is the graph itself.

    Args:
        inductor: compiles a graph, instead of running it as it is.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, inductor: Callable[..., Any] | None = None) -> None:
        self.compiled = self.asked = 0
        first = direct.Direct._first

        def counted(graph: torch.fx.GraphModule, examples: list[Any]) -> Callable[..., Any]:
            self.compiled += 1
            return inductor(graph, examples) if inductor else graph.forward

        def asking(found: direct.Direct, key: Any, tensors: list[Tensor]) -> Any:
            self.asked += 1
            return first(found, key, tensors)

        monkeypatch.setattr(direct, "inductor", counted)
        monkeypatch.setattr(direct.Direct, "_first", asking)


@pytest.fixture(autouse=True)
def afresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(lots, "LEAST_SUM", 4100)
    torch._dynamo.reset()
    compiled.compiled.cache_clear()
    yield
    compiled.compiled.cache_clear()
    torch._dynamo.reset()


def parameters(shapes: Any = SHAPES, dtype: torch.dtype = torch.float32) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in shapes]


def give_gradients(params: list[torch.nn.Parameter], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for param in params:
        grad = torch.randn(param.shape, generator=generator).to(param.dtype)
        param.grad = torch.empty_like(param).copy_(grad)


def end(name: str, options: list[dict[str, Any]], params: list[torch.nn.Parameter], **made: Any) -> list[Tensor]:
    """Return the weights after a step with each of `options`."""
    optimizer = make(name, params, **made)
    for step, changed in enumerate(options):
        give_gradients(params, step)
        optimizer.param_groups[0].update(changed)
        optimizer.step()
    return [param.detach() for param in params]


def shapes_of(name: str) -> Any:
    return VECTORS if name in ("MuonAdamW", "SOAP") else SHAPES


def sums(name: str) -> bool:
    """Tell whether each of the three weights that are large enough needs a call."""
    return name in ("LAMB", "LARS", "MARS", "Prodigy")


def changes(name: str) -> list[dict[str, Any]]:
    first = 1.0 if name == "Prodigy" else 0.05
    return [{}, {}, {"lr": first / 3}, {"lr": torch.tensor(first)}, {"lr": 0.0}, {"lr": first, "weight_decay": 0.0}]


def alike(found: list[Tensor], wanted: list[Tensor], tolerance: float = 1e-5) -> None:
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_every_formula_is_one_graph_for_all_numbers_and_shapes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    shapes = shapes_of(name)
    found = end(name, changes(name), parameters(shapes), compile=True)
    assert counter.compiled == 1
    assert counter.asked == 1 + (3 if sums(name) else 1)
    alike(found, end(name, changes(name), parameters(shapes)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning")
@pytest.mark.parametrize("name", NAMES)
def test_compiled_code_updates_as_eager_code_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lots, "TOGETHER", 2)  # which takes less time to compile
    counter = Counter(monkeypatch, direct.inductor)
    shapes = shapes_of(name)
    found = end(name, changes(name), parameters(shapes), compile=True)
    assert counter.compiled in (1, 2)  # torch may call the backend twice for one compilation
    alike(found, end(name, changes(name), parameters(shapes)))
    low = end(name, changes(name), parameters(shapes, torch.bfloat16), compile=True)
    assert counter.compiled in (2, 3, 4)
    assert counter.asked == 2 * (1 + (3 if sums(name) else 2))
    wanted = end(name, changes(name), parameters(shapes, torch.bfloat16))
    if name == "Lion":  # steps by a sign, which rounding decides where momentum and gradient of few bits cancel out
        different = [(a - b).abs() > 1e-2 for a, b in zip(low, wanted, strict=True)]
        assert sum(int(one.sum()) for one in different) <= 5
        low = [torch.where(one, b, a) for one, a, b in zip(different, low, wanted, strict=True)]
    alike(low, wanted, 1e-2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_stopped_run_goes_on_to_the_bit(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lots, "TOGETHER", 2)
    whole, half = parameters(dtype=dtype), parameters(dtype=dtype)
    end("AdEMAMix", [{}] * 4, whole, compile=True)
    first = make("AdEMAMix", half, compile=True)
    for step in range(2):
        give_gradients(half, step)
        first.step()
    moved = [torch.nn.Parameter(param.detach().clone()) for param in half]
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = make("AdEMAMix", moved, compile=True)
    second.load_state_dict(torch.load(file, weights_only=True))
    for step in range(2, 4):
        give_gradients(moved, step)
        second.step()
    assert all(torch.equal(a, b) for a, b in zip(whole, moved, strict=True))


def test_weights_go_in_portions_whatever_their_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    # Which of sixteen are of one size differs from portion to portion.
    shapes = [(5, 5)] * 16 + [(5, 5), (6, 5)] * 8 + [(4 + place, 6) for place in range(16)] + [(7, 7)] * 3
    assert len(shapes) % lots.TOGETHER == 3
    steps: list[dict[str, Any]] = [{}, {"lr": 0.01}, {}]
    found = end("Lion", steps, parameters(shapes), compile=True)
    assert (counter.compiled, counter.asked) == (1, 1 + 4)
    alike(found, end("Lion", steps, parameters(shapes)))
    end("Lion", steps, parameters(shapes), compile=True)
    assert (counter.compiled, counter.asked) == (1, 1 + 4)
    end("Lion", steps, parameters([(3,), (8, 8)]), compile=True)
    assert (counter.compiled, counter.asked) == (1, 1 + 4 + 1)


def test_a_compilation_is_said_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[list[str]] = []
    Counter(monkeypatch, lambda graph, examples: said.append(list(caplog.messages)) or graph.forward)
    with caplog.at_level("INFO", "core"):
        end("Lion", [{}] * 2, parameters(), compile=True)
    line = "compiling Lion for torch.float32: up to half a minute, the first time"
    assert said == [[line]]
    assert caplog.messages == [line]


def test_what_code_returns_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    shapes = [(4100,), (4500,), (50, 90)]
    found = end("Prodigy", [{}] * 4, parameters(shapes), compile=True)
    assert counter.asked == 1 + 2
    alike(found, end("Prodigy", [{}] * 4, parameters(shapes)))


def no_change(optimizer: Any, params: Any) -> None: ...


def other_memory(optimizer: Any, params: Any) -> None:
    params[0].data = params[0].data.clone()
    params[1].data = params[1].data + 1


def fewer_channels(optimizer: Any, params: Any) -> None:
    params[0].data = params[0].data[:3]
    params[0].grad = params[0].grad[:3]
    optimizer.state[params[0]]["exp_avg"] = optimizer.state[params[0]]["exp_avg"][:3]


def another_order(optimizer: Any, params: Any) -> None:
    params[0].data = params[0].data.to(memory_format=torch.channels_last)
    state = optimizer.state[params[0]]
    state["exp_avg"] = state["exp_avg"].to(memory_format=torch.channels_last)


def another_order_in_place(optimizer: Any, params: Any) -> None:
    params[1].data = params[1].data.t()


def gradient_in_another_order(optimizer: Any, params: Any) -> None:
    params[0].grad = params[0].grad.contiguous().to(memory_format=torch.channels_last)
    params[1].grad = params[1].grad.t().contiguous().t()


def state_elsewhere(optimizer: Any, params: Any) -> None:
    state = optimizer.state[params[1]]["exp_avg"]
    state.data = state.data * 2


def more_precision(optimizer: Any, params: Any) -> None:
    for param in params:
        param.data, grad = param.data.double(), param.grad.double()
        param.grad = grad
        optimizer.state[param]["exp_avg"] = optimizer.state[param]["exp_avg"].double()


def without_a_gradient(optimizer: Any, params: Any) -> None:
    params[1].grad = None


@pytest.mark.parametrize(
    "change",
    [
        no_change, other_memory, fewer_channels, another_order, another_order_in_place, gradient_in_another_order,
        state_elsewhere, more_precision, without_a_gradient,
    ],
)  # fmt: skip
def test_what_changes_between_steps_is_noticed(change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Counter(monkeypatch)

    def trained(**made: Any) -> list[Tensor]:
        params = parameters([(4, 5, 3, 2), (6, 6), (3,)])
        optimizer = make("Lion", params, **made)
        for step in range(4):
            give_gradients(params, step)
            if step == 2:
                change(optimizer, params)
            optimizer.step()
        return [*(param.detach() for param in params), *(optimizer.state[param]["exp_avg"] for param in params)]

    alike(trained(compile=True), trained())


def test_settings_that_are_a_part_of_the_code_are_asked_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    params = parameters()
    optimizer = make("Lion", params, compile=True)

    def asked_for_a_step() -> int:
        before = counter.asked
        give_gradients(params, 0)
        optimizer.step()
        return counter.asked - before

    assert [asked_for_a_step() for _ in range(3)] == [2, 0, 0]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        assert [asked_for_a_step() for _ in range(2)] == [1, 0]
    finally:
        torch.set_num_threads(threads)
    with torch.autocast("cpu"):
        assert asked_for_a_step() == 1
    assert asked_for_a_step() == 0


def test_weights_that_share_a_storage_need_no_code_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    alone = parameters()
    flat = torch.cat([param.detach().flatten() for param in alone])
    pieces = flat.split([param.numel() for param in alone])
    shared = [torch.nn.Parameter(piece.view_as(param)) for piece, param in zip(pieces, alone, strict=True)]
    assert shared[0].untyped_storage().data_ptr() == shared[3].untyped_storage().data_ptr()
    wanted = end("Lion", [{}] * 3, parameters())
    alike(end("Lion", [{}] * 3, shared, compile=True), wanted)
    alike(end("Lion", [{}] * 3, alone, compile=True), wanted)
    assert counter.compiled == 1


class NoMemory(Tensor):
    """A tensor that has no memory to be looked at, as those have none that are spread over processes."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (Tensor.data_ptr, Tensor.as_strided, Tensor.untyped_storage):
            raise AssertionError(f"{func} was called")
        return super().__torch_function__(func, types, args, kwargs or {})


def test_a_class_of_tensors_that_torch_does_not_know_is_updated_the_usual_way(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    params = parameters()
    params[1] = torch.nn.Parameter(params[1].detach().as_subclass(NoMemory))
    assert isinstance(params[1], NoMemory)
    optimizer = make("Lion", params, compile=True)
    for step in range(3):
        give_gradients([params[0], *params[2:]], step)
        params[1].grad = torch.ones_like(params[1])
        optimizer.step()
    assert counter.asked == 2  # for the other three
    plain = parameters()
    optimizer = make("Lion", plain)
    for step in range(3):
        give_gradients([plain[0], *plain[2:]], step)
        plain[1].grad = torch.ones_like(plain[1])
        optimizer.step()
    alike([param.detach().as_subclass(Tensor) for param in params], [param.detach() for param in plain])


@pytest.mark.parametrize("options", [{}, {"compile": True}])
def test_a_state_that_does_not_fit_its_weight_is_an_error(options: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Counter(monkeypatch)
    params = parameters()
    optimizer = make("Lion", params, **options)
    give_gradients(params, 0)
    optimizer.step()
    params[0].data = params[0].data[:9]
    give_gradients(params, 1)
    with pytest.raises(RuntimeError, match="must match the size"):
        optimizer.step()


def test_gradients_are_not_held_after_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    Counter(monkeypatch)
    params = parameters()
    optimizer = make("Lion", params, compile=True)
    for step in range(3):
        give_gradients(params, step)
        optimizer.step()
        memory = {param.grad.data_ptr() for param in params if param.grad is not None}
        assert len(memory) == len(params)
        optimizer.zero_grad()
        gc.collect()
        held = [one for one in gc.get_objects() if type(one) is Tensor and one.layout is torch.strided]
        assert not [one.shape for one in held if one.device.type == "cpu" and one.data_ptr() in memory]


def test_autograd_notices_that_weights_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    Counter(monkeypatch)
    params = parameters()
    optimizer = make("Lion", params, compile=True)
    for step in range(3):
        loss = sum((param**2).sum() for param in params)
        give_gradients(params, step)
        optimizer.step()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()  # type: ignore[union-attr]


@pytest.mark.filterwarnings("ignore")
def test_a_step_that_is_compiled_as_a_whole_compiles_nothing_within(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    params = parameters(SHAPES[:2])
    optimizer = Lion(params, 0.05, weight_decay=0.1, compile=True)
    step = torch.compile(optimizer.step, backend="eager")
    for seed in range(3):
        give_gradients(params, seed)
        step()
    assert counter.compiled == 0
    alike([param.detach() for param in params], end("Lion", [{}] * 3, parameters(SHAPES[:2])))


def test_a_function_that_does_more_than_run_code_is_asked_for_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    Counter(monkeypatch)

    def broken_in_two(tensors: list[Tensor]) -> list[Any]:
        tensors[0].add_(tensors[1])
        torch._dynamo.graph_break()
        tensors[0].mul_(2)
        return []

    code = direct.Direct(broken_in_two)
    tensors = [torch.ones(3), torch.ones(3)]
    with torch.no_grad():
        for _ in range(3):
            assert code("key", tensors) == []
    assert tensors[0].tolist() == [22.0] * 3
    assert not code._ways
