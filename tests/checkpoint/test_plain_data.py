"""What may be saved, and that it comes back as it was."""

from __future__ import annotations

import datetime
import math
import warnings
from collections import Counter, OrderedDict, defaultdict, namedtuple
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.checkpoint import read_checkpoint, write_checkpoint
from core.checkpoint.plain import plain
from core.errors import UnsavableStateError

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
    | st.complex_numbers(allow_nan=False)
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.integers(-5, 5) | st.tuples(st.booleans())
DATA = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.sets(st.integers() | st.text(st.characters(exclude_categories=["Cs"])), max_size=4)
    ),
    max_leaves=12,
)


def typed(value: Any) -> Any:
    """Tell True from 1 and a tuple from a list; a set has no order."""
    kind = type(value).__name__
    if isinstance(value, dict):
        return kind, [(typed(key), typed(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return kind, [typed(item) for item in value]
    return kind, sorted(map(repr, value)) if isinstance(value, set) else repr(value)


@settings(max_examples=60)
@given(data=DATA)
def test_plain_data_comes_back_as_it_was(data: Any, tmp_path: Path) -> None:
    write_checkpoint({"data": data}, tmp_path / "x.pth")
    found = read_checkpoint(tmp_path / "x.pth")["data"]
    assert found == data
    assert typed(found) == typed(data)


def test_tensors_come_back_bit_for_bit(tmp_path: Path) -> None:
    tensors = {
        "float64": torch.tensor([0.1, math.inf, math.nan, -0.0], dtype=torch.float64),
        "bfloat16": torch.arange(5, dtype=torch.bfloat16),
        "int64": torch.tensor([[2**62, -1]]),
        "bool": torch.tensor([True, False]),
        "empty": torch.empty(0, 3),
        "scalar": torch.tensor(7),
        "transposed": torch.arange(6.0).reshape(2, 3).t(),
        "sparse": torch.tensor([[0.0, 2.0], [0.0, 0.0]]).to_sparse(),
    }
    write_checkpoint({"state": tensors}, tmp_path / "x.pth")
    for name, tensor in read_checkpoint(tmp_path / "x.pth")["state"].items():
        assert tensor.dtype == tensors[name].dtype
        assert tensor.shape == tensors[name].shape
        same = torch.equal(tensor.to_dense(), tensors[name].to_dense())
        assert same or torch.equal(tensor.view(torch.int64), tensors[name].view(torch.int64)), name


def test_shared_tensors_are_written_once(tmp_path: Path) -> None:
    big = torch.zeros(100_000)
    write_checkpoint({"state": {"a": big, "b": big, "c": torch.nn.Parameter(big)}}, tmp_path / "x.pth")
    assert (tmp_path / "x.pth").stat().st_size < 420_000
    state = read_checkpoint(tmp_path / "x.pth")["state"]
    assert state["a"].data_ptr() == state["b"].data_ptr() == state["c"].data_ptr()


class Colour(IntEnum):
    RED = 3


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.bytes_(b"a"), b"a"),
        (np.array(2), 2),
        (np.complex64(1j), 1j),
        (Colour.RED, 3),
        (Point(1, 2), (1, 2)),
        (range(3), [0, 1, 2]),
        (frozenset([1]), {1}),
        (Counter("aab"), {"a": 2, "b": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        ({np.int64(1): 2}, {1: 2}),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_relatives_of_plain_data_become_plain(value: Any, becomes: Any, tmp_path: Path) -> None:
    write_checkpoint({"value": value}, tmp_path / "x.pth")
    found = read_checkpoint(tmp_path / "x.pth")["value"]
    assert found == becomes
    assert type(found) is type(becomes)


class Tagged(torch.Tensor):
    pass


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "object"),
        (print, "builtin_function_or_method"),
        (Path("x"), "pathlib."),
        (datetime.datetime(2020, 1, 1), "datetime.datetime"),
        (np.zeros(2), "numpy.ndarray"),
        (np.longdouble(1), "numpy.longdouble"),
        (np.datetime64("2020"), "numpy.datetime64"),
        (torch.zeros(2).as_subclass(Tagged), "Tagged"),
        (torch.nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
        (lambda: None, "function"),
        (slice(1), "slice"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_refused_by_its_path(value: Any, name: str) -> None:
    with pytest.raises(UnsavableStateError) as caught:
        plain({"meta": {"seed": 1}, "hooks": {"mine": [0, {"deep": (value,)}]}})
    assert str(caught.value).startswith("checkpoint['hooks']['mine'][1]['deep'][0]: an object of class ")
    assert name in str(caught.value)


def test_arrays_are_refused_with_the_remedy() -> None:
    with pytest.raises(UnsavableStateError, match=r"`\.tolist\(\)` or torch\.from_numpy makes it savable"):
        plain({"a": np.zeros(2)})


def test_foreign_key_is_refused() -> None:
    with pytest.raises(UnsavableStateError, match=r"^checkpoint\['a'\]: the key PosixPath\('x'\): an object"):
        plain({"a": {Path("x"): 1}})


def test_containers_that_contain_themselves_are_refused() -> None:
    loop: list[Any] = [1]
    loop.append({"again": loop})
    with pytest.raises(UnsavableStateError, match=r"^checkpoint\['a'\]\[1\]\['again'\]: a list that contains itself"):
        plain({"a": loop})


def test_the_same_container_twice_is_fine() -> None:
    shared = [1]
    assert plain({"a": shared, "b": [shared, shared]}) == {"a": [1], "b": [[1], [1]]}


def test_ints_of_any_usable_length(tmp_path: Path) -> None:
    write_checkpoint({"a": [2**2031, -(2**2031)]}, tmp_path / "x.pth")
    assert read_checkpoint(tmp_path / "x.pth") == {"a": [2**2031, -(2**2031)]}
    with pytest.raises(UnsavableStateError, match="an int of 3001 bits is too long"):
        plain({"a": 2**3000})


def test_lazy_parameter_is_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some versions of torch call lazy modules a new feature
        model = torch.nn.LazyLinear(2)
    with pytest.raises(UnsavableStateError, match=r"\['weight'\]: a lazy parameter has no shape"):
        plain({"state_dict": model.state_dict()})


def test_versions_of_modules_are_kept(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.BatchNorm2d(1))
    write_checkpoint({"state_dict": model.state_dict()}, tmp_path / "x.pth")
    found = read_checkpoint(tmp_path / "x.pth")["state_dict"]
    assert type(found) is OrderedDict
    assert found._metadata["1"] == {"version": 2}


def test_a_graph_behind_a_tensor_is_not_saved(tmp_path: Path) -> None:
    leaf = torch.ones(2, requires_grad=True)
    grown = leaf * 2
    grown.register_hook(print)
    write_checkpoint({"a": grown}, tmp_path / "x.pth")
    found = read_checkpoint(tmp_path / "x.pth")["a"]
    assert found.tolist() == [2.0, 2.0]
    assert not found.requires_grad
