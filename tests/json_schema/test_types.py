"""Types in JSON Schema: a value passes exactly where the checker lets it pass."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, Union

import attrs
import pytest
import torch
from jsonschema import Draft202012Validator

from core.config.faults import StructureError
from core.config.strict import structure
from core.json_schema.options import properties_of
from core.json_schema.texts import meanings, summary
from core.json_schema.types import bounds, of_class, of_type, plain


@attrs.frozen
class Clip:
    """How to clip.

    Args:
        most: the largest norm.
        kind: of norm.
    """

    most: float
    kind: Literal["l1", "l2"] | None = None


ANNOTATIONS: list[Any] = [
    *(bool, int, float, str, Path, None, Any, object, bytes),
    *(int | None, Optional[float], Union[int, str], bool | str | None),  # noqa: UP007, UP045 - users write them
    *(float | torch.Tensor, int | list[int]),
    *(list, list[int], list[float] | None, tuple, tuple[int, ...], tuple[int, float], tuple[str, int], tuple[int]),
    *(Sequence[str], set[str], list[list[int]], list[tuple[str, int]], str | Sequence[str] | None),
    *(dict, dict[str, int], Mapping[str, Any], dict[str, dict[str, float]]),
    *(Literal["a", "b"], Literal["a", 1] | None, Literal[True], Annotated[int, "meters"], Clip, Clip | None),
    *(Callable[..., Any], torch.dtype, list[Clip], float | str | dict[str, Any]),
]
VALUES: list[Any] = [
    *(None, True, False, 0, 3, -1, 0.5, "a", "text", ""),
    *([], [1], [1, 2], [0.5, 1], ["a"], ["train", 1], [[1], [2]], [["a", 1]], [None], [True]),
    *({}, {"a": 1}, {"a": 0.5}, {"a": "x"}, {"a": {"b": 1}}, {"a": {"b": "x"}}),
    *({"most": 1}, {"most": 1, "kind": "l1"}, {"most": "1"}, {"most": 1, "kind": "l3"}, {"most": 1, "other": 1}),
    [{"most": 1}],
]


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=str)
def test_what_passes(annotation: Any) -> None:
    schema = {**of_type(annotation), "$defs": {"delete": {"type": "boolean"}, "from_base": {"const": "{{ _base_.x }}"}}}
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for value in VALUES:
        try:
            structure(value, annotation)
            expected = True
        except StructureError as error:
            # Keys that a file leaves out may be inherited: the schema asks for them of whole configs alone.
            expected = all(fault.missing for fault in error.faults)
        assert validator.is_valid(value) is expected, value


def test_a_value_of_the_base_may_stand_for_any() -> None:
    schema = {**of_class(Clip), "$defs": {"delete": {"type": "boolean"}, "from_base": {"const": "{{ _base_.x }}"}}}
    validator = Draft202012Validator(schema)
    assert validator.is_valid({"most": "{{ _base_.x }}", "kind": "{{ _base_.x }}", "_delete_": True})
    assert not validator.is_valid({"most": "{{ _base.x }}"})
    assert schema["properties"]["most"]["description"] == "the largest norm."
    assert schema["properties"]["kind"]["default"] is None


def test_keys_of_json_are_texts() -> None:
    assert of_type(dict[int, str]) == {"type": "object"}


def test_rules_that_are_known() -> None:
    both = attrs.validators.and_(attrs.validators.ge(0), attrs.validators.lt(1))
    assert bounds(both) == {"minimum": 0, "exclusiveMaximum": 1}
    assert bounds(attrs.validators.optional(attrs.validators.gt(2))) == {"exclusiveMinimum": 2}
    assert bounds(lambda instance, attribute, value: None) == {}
    assert bounds(functools.partial(print)) == {}
    assert bounds(None) == {}


def test_options_of_a_foreign_class() -> None:
    class Foreign:
        def __init__(self, out: str = None, size: int = "auto", rate: float = 1e999, made=(), **rest: Any): ...  # noqa: RUF013

    found = properties_of(Foreign)
    validator = Draft202012Validator({"properties": found, "$defs": {"from_base": {"const": "{{ _base_.x }}"}}})
    # A default's own value is legal, whatever the annotation says.
    assert validator.is_valid({"out": None, "size": "auto", "rate": 1, "made": {"any": 1}})
    assert validator.is_valid({"out": "x", "size": 3})
    assert not validator.is_valid({"size": "big"})
    assert not validator.is_valid({"out": 3})
    assert "default" not in found["rate"]  # JSON knows no infinity
    assert found["made"] == {"default": []}


def test_a_factory_that_fails_leaves_the_default_out() -> None:
    @attrs.define
    class Broken:
        values: list[int] = attrs.field(factory=lambda: 1 // 0)
        names: list[str] = attrs.field(factory=lambda: ["a"])

    found = properties_of(Broken)
    assert "default" not in found["values"]
    assert found["names"]["default"] == ["a"]


@pytest.mark.parametrize("value", [object(), torch.zeros(1), {1: 2}, float("nan"), {"a": {3}}, int])
def test_what_json_cannot_hold(value: Any) -> None:
    with pytest.raises(TypeError, match="no form in JSON"):
        plain(value)


def test_meanings_are_inherited() -> None:
    class Base:
        """Do something.

        Over several paragraphs.

        Args:
            a: first, over
                two lines.
            b (int, optional): second: with a colon (default: 3).
            **rest: others.

        Returns:
            c: nothing of this.
        """

    class Child(Base):
        """Do something
        else.

        Args:
            b: overridden.
        """

    assert meanings(Child) == {"b": "overridden.", "a": "first, over two lines.", "rest": "others."}
    assert meanings(Base)["b"] == "second: with a colon (default: 3)."
    assert summary(Child) == "Do something else."
    assert summary(lambda: None) == ""
