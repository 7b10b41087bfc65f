# ruff: noqa: UP007, UP045 - both spellings of a union are meant
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional, Union

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config.faults import StructureError
from core.config.strict import structure


@attrs.frozen
class Clip:
    max_norm: float
    norm_type: float | str = 2.0


class Celsius(float):
    pass


Count = NewType("Count", int)


@pytest.mark.parametrize(
    ("value", "annotation", "result"),
    [
        (1, float, 1.0),
        (Celsius(21.5), float, 21.5),
        (np.float32(0.5), float, 0.5),
        (np.int64(3), int, 3),
        (np.int64(3), float, 3.0),
        (np.bool_(True), bool, True),
        (torch.tensor(0.5), float, 0.5),
        (1, int | float, 1),
        (1, float | int | None, 1),
        (None, Optional[int], None),
        ("a", str | None, "a"),
        (Path("a/b"), str, "a/b"),
        ([1, 2], tuple[float, ...], (1.0, 2.0)),
        ((1, 2), list[float], [1.0, 2.0]),
        ([1, 2], tuple[float, float], (1.0, 2.0)),
        ((1, 2), tuple[int], (1, 2)),
        ([1, 2], Sequence[int], [1, 2]),
        ((1, 2), Iterable[int], (1, 2)),
        (range(2), list[int], [0, 1]),
        (np.arange(3), list[int], [0, 1, 2]),
        (["a", "a"], set[str], {"a"}),
        ({"a": 1}, Mapping[str, float], {"a": 1.0}),
        ({"a": [1]}, dict[str, list[float]], {"a": [1.0]}),
        ("cos", Literal["cos", "linear"], "cos"),
        (True, Literal[True], True),
        ({"max_norm": 35}, Clip, Clip(35.0)),
        ({"max_norm": 35}, Clip | dict[str, Any] | None, Clip(35.0)),
        ({"type": "Own", "x": 1}, Clip, {"type": "Own", "x": 1}),
        (3, Count, 3),
        (3, Annotated[int, "counted"], 3),
        ("relu", Callable[..., Any] | str, "relu"),
        ("a", Any, "a"),
        (3, object, 3),
        ({"type": "ReLU"}, torch.nn.Module, {"type": "ReLU"}),
        ("data", Path, Path("data")),
        (0.1, Union[float, torch.Tensor], 0.1),
        ([1, [2, "a"]], list, [1, [2, "a"]]),
    ],
)
def test_what_is_legal_gets_its_type(value, annotation, result):
    made = structure(value, annotation)
    assert made == result
    assert type(made) is type(result)


@pytest.mark.parametrize(
    ("value", "annotation", "faults"),
    [
        (True, int, [((), "int", "bool True")]),
        (True, float, [((), "float", "bool True")]),
        (np.bool_(True), float, [((), "float", "bool np.True_")]),
        (True, int | float, [((), "int or float", "bool True")]),
        (False, Optional[int], [((), "int or None", "bool False")]),
        (1, bool, [((), "bool", "int 1")]),
        (2.0, int, [((), "int", "float 2.0")]),
        ("1e-3", float, [((), "float", "str '1e-3'")]),
        (10**400, float, [((), "float", f"int {str(10**400)[:57]}...")]),
        (3, str, [((), "str", "int 3")]),
        (None, str, [((), "str", "None")]),
        (0, None, [((), "None", "int 0")]),
        ("ab", list[str], [((), "list of str", "str 'ab'")]),
        ("ab", Sequence[str], [((), "list of str", "str 'ab'")]),
        ({"a": 1}, list[str], [((), "list of str", "dict {'a': 1}")]),
        ([1, "a", 2.5], list[int], [((1,), "int", "str 'a'"), ((2,), "int", "float 2.5")]),
        ([1, "a"], int | list[int], [((1,), "int", "str 'a'")]),
        ([1, 2, 3], tuple[float, float], [((), "2 values of float", "list [1, 2, 3]")]),
        ([[1], 2], set[Any], [((), "set", "list [[1], 2]")]),
        ({"a": {"b": "x"}}, dict[str, dict[str, int]], [(("a", "b"), "int", "str 'x'")]),
        ("x", Literal["cos", "linear"] | None, [((), "'cos' or 'linear' or None", "str 'x'")]),
        (1, Literal[True], [((), "True", "int 1")]),
        (True, Literal[1, 2], [((), "1 or 2", "bool True")]),
        (35, Clip, [((), "dict", "int 35")]),
        ({"max_norm": "3"}, Clip | dict[str, Any] | None, [(("max_norm",), "float", "str '3'")]),
        ("1e-3", Union[float, torch.Tensor], [((), "float", "str '1e-3'")]),
        ([0.1], Union[float, torch.Tensor], [((), "float", "list [0.1]")]),
        (torch.ones(3), float, [((), "float", "Tensor tensor([1., 1., 1.])")]),
    ],
)
def test_what_is_not_legal_is_named_with_its_path(value, annotation, faults):
    with pytest.raises(StructureError) as caught:
        structure(value, annotation)
    assert [(fault.path, fault.expected, fault.found) for fault in caught.value.faults] == faults


def test_unknown_and_missing_keys_of_a_nested_table():
    with pytest.raises(StructureError) as caught:
        structure([{"norm_tpye": 1}, {"maxnorm": 1}], list[Clip])
    assert [(fault.path, fault.message, fault.suggestion) for fault in caught.value.faults] == [
        ((0,), "required key 'max_norm' is missing", None),
        ((0, "norm_tpye"), "unknown key", "norm_type"),
        ((1, "maxnorm"), "unknown key", "max_norm"),
    ]


def test_a_bare_number_where_a_table_is_meant():
    with pytest.raises(StructureError) as caught:
        structure(35, Clip | None)
    assert caught.value.faults[0].hint == "write dict(max_norm=35)"


def test_a_near_word_is_suggested():
    with pytest.raises(StructureError) as caught:
        structure("liner", Literal["constant", "linear"] | None)
    assert caught.value.faults[0].suggestion == "linear"


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=60)
@given(PLAIN, st.sampled_from([int, float, bool, str, list[int], dict[str, float], int | None, int | str]))
def test_a_result_is_always_of_the_type_and_never_of_another_kind(value, annotation):
    try:
        made = structure(value, annotation)
    except StructureError:
        return
    assert structure(made, annotation) == made or made != made
    if annotation in (int, float):
        assert type(made) is annotation
        assert not isinstance(value, (bool, str))


@settings(max_examples=30)
@given(PLAIN)
def test_what_cannot_be_checked_passes_as_it_is(value):
    assert structure(value, Any) is value
    assert structure(value, torch.nn.Module) is value
