from __future__ import annotations

from typing import Any

import attrs
import pytest
from checked_config import GOOD

from core.hooks.base import Hook
from core.hooks.define import hook, positive
from core.registries import HOOKS


@hook
class Window(Hook):
    size: int = attrs.field(default=4, validator=positive)
    stride: int = attrs.field(default=2)
    names: list[str] = attrs.field(factory=lambda: [][0])
    ratio: float = attrs.field(default=0.5, converter=float)
    state: Any = attrs.field(default=None, init=False)

    @stride.validator
    def _not_wider(self, attribute: Any, value: int) -> None:
        if value > self.size:
            raise ValueError(f"stride {value} is wider than size {self.size}")

    @size.validator
    def _asks_for_state(self, attribute: Any, value: int) -> None:
        self.loader.batch  # noqa: B018

    def __attrs_post_init__(self) -> None:
        raise SystemExit("a hook was initialised")


class PlainWindow(Window):
    def __init__(self, colour: str = None, **kwargs: Any) -> None:  # type: ignore[assignment]  # noqa: RUF013
        super().__init__(**kwargs)


@pytest.fixture(autouse=True)
def windows() -> None:
    HOOKS.register_module(module=Window)
    HOOKS.register_module(module=PlainWindow)


@pytest.mark.parametrize("name", ["Window", "PlainWindow"])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("size=0", "custom_hooks.size: must be positive, got 0\ncustom_hooks: stride 2 is wider than size 0"),
        ("size=1", "custom_hooks: stride 2 is wider than size 1"),
        ("size=8, stride=9", "custom_hooks.stride: stride 9 is wider than size 8"),
        ("size='8', stride=9", "custom_hooks.size: expected int, got str '8'; remove the quotes"),
        ("ratio='x'", "custom_hooks.ratio: expected float, got str 'x'"),
    ],
)
def test_validators_see_the_other_options(report, name, options, expected):
    text = report(GOOD + f"custom_hooks = dict(type='{name}', {options})\n")
    reported = [line.split("   ", 1)[1] for line in text.splitlines()[1:]]
    assert sorted(reported) == sorted(expected.split("\n"))


@pytest.mark.parametrize("options", ["ratio='0.5'", "ratio=1", "size=2", "names=['a']"])
def test_what_a_converter_accepts_is_legal(run_config, options):
    assert run_config(GOOD + f"custom_hooks = dict(type='Window', {options})\n").custom_hooks


def test_a_default_is_legal_whatever_the_annotation_says(run_config):
    hooks = run_config(GOOD + "custom_hooks = dict(type='PlainWindow', colour=None)\n").custom_hooks
    assert hooks[0].arguments == {"colour": None}
