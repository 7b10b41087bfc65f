# ruff: noqa: RUF013, B008 - what users write, and what must not trouble a check
from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import torch

from core.config.signature import signature_of
from core.hooks.base import Hook
from core.hooks.define import hook

if TYPE_CHECKING:
    from nowhere import Missing


@hook
class Timed(Hook):
    interval: int = attrs.field(default=10, kw_only=True)
    by_epoch: bool = attrs.field(default=True, kw_only=True)
    ticks: list[int] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        raise SystemExit("a component was initialised")


@hook
class Named(Timed):
    name: str
    _secret: int = 3


class PlainChild(Timed):
    def __init__(self, colour: str = "red", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.colour = colour


class FixedChild(Timed):
    def __init__(self, colour: str = "red", **kwargs: Any) -> None:
        super().__init__(interval=1, **kwargs)


class OldStyleChild(Timed):
    def __init__(self, **kwargs: Any) -> None:
        Timed.__init__(self, **kwargs)


class KeepsThem(Timed):
    def __init__(self, colour: str = "red", **kwargs: Any) -> None:
        super().__init__()
        self.others = kwargs


class LooksAtThem(Timed):
    def __init__(self, **kwargs: Any) -> None:
        kwargs.pop("old", None)
        super().__init__(**kwargs)


class Positional:
    def __init__(self, first: int, second: int = 2, third: int = 3) -> None: ...


class PassesByPosition(Positional):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(1, **kwargs)


class NoInit(PlainChild):
    pass


def names(target: Any) -> list[str]:
    return list(signature_of(target).parameters)


def test_fields_of_an_attrs_class_are_its_parameters():
    assert names(Named) == ["interval", "by_epoch", "name", "secret"]
    parameters = signature_of(Named).parameters
    assert [parameters[name].annotation for name in names(Named)] == [int, bool, str, int]
    assert parameters["name"].required
    assert not signature_of(Named).is_open


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (PlainChild, ["colour", "interval", "by_epoch"]),
        (NoInit, ["colour", "interval", "by_epoch"]),
        (FixedChild, ["colour", "by_epoch"]),
        (OldStyleChild, ["interval", "by_epoch"]),
        (PassesByPosition, ["second", "third"]),
    ],
)
def test_keywords_that_go_to_the_parent_are_the_parents(target, expected):
    assert names(target) == expected
    assert not signature_of(target).is_open


@pytest.mark.parametrize("target", [KeepsThem, LooksAtThem, lambda **options: None])
def test_keywords_that_go_elsewhere_leave_it_open(target):
    assert signature_of(target).is_open


def test_one_annotation_that_cannot_be_resolved_spoils_no_other():
    def component(one: Missing, two: int, three: list[Missing] = (), four: float = None) -> None: ...  # type: ignore

    parameters = signature_of(component).parameters
    assert [parameter.annotation for parameter in parameters.values()] == [Any, int, Any, float]
    assert parameters["four"].is_default(None)
    assert not parameters["two"].is_default(2)


def test_a_decorated_init_is_looked_through():
    def logged(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    class Component:
        @logged
        def __init__(self, size: int, name: str = "a") -> None: ...

    assert names(Component) == ["size", "name"]


def test_optimizers_of_torch():
    assert names(torch.optim.SGD)[:4] == ["params", "lr", "momentum", "dampening"]
    for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adadelta", "LBFGS"):
        signature = signature_of(getattr(torch.optim, name))
        assert "lr" in signature.parameters
        assert not signature.is_open


def test_a_class_without_an_init_takes_nothing():
    class Empty:
        pass

    assert names(Empty) == []
    assert not signature_of(Empty).is_open


def test_a_default_is_equal_to_itself_only():
    def component(sizes: int = (1, 2), weights: Any = torch.zeros(2)) -> None: ...  # type: ignore

    parameters = signature_of(component).parameters
    assert parameters["sizes"].is_default((1, 2))
    assert not parameters["sizes"].is_default([1, 2])
    assert not parameters["weights"].is_default(torch.zeros(2))
