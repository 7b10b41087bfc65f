"""A policy of the user's own says before training what does not fit the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from checked_config import GOOD

from core import LR_UPDATERS, LrUpdaterHook, hook


@hook
class HalvingLrUpdaterHook(LrUpdaterHook):
    """Halve the learning rate once."""

    start: int = 3

    @classmethod
    def preflight(cls, options: Mapping[str, Any], run: Any) -> Iterator[tuple[str, str]]:
        length = run.length(options["by_epoch"])
        if length is not None and options["start"] >= length:
            yield "start", f"of {options['start']} is never reached in {length}"
        if not run.evaluates:
            yield "by_epoch", "needs an evaluation"

    def get_lr(self, runner: Any, base_lr: float) -> float:
        raise SystemExit("the policy was asked")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("dict(policy='halving')", ""),
        ("dict(policy='halving', start=9)", "lenet.py:9 lr_config.start: of 9 is never reached in 6"),
        ("dict(policy='halving', start=9, by_epoch=False)", ""),
        ("dict(policy='halving', start='x')", "lenet.py:9 lr_config.start: expected int, got str 'x'"),
    ],
)
def test_what_it_finds_is_reported(problems: Any, report: Any, policy: str, expected: str) -> None:
    LR_UPDATERS.register_module("halving", module=HalvingLrUpdaterHook)
    old = next(line for line in GOOD.splitlines() if line.startswith("lr_config"))
    if expected:
        assert problems(old, f"lr_config = {policy}") == expected
    else:
        assert report(GOOD.replace(old, f"lr_config = {policy}")) == "lenet.py: no problems"


def test_an_option_that_is_not_given_is_named_at_the_section(report: Any) -> None:
    LR_UPDATERS.register_module("halving", module=HalvingLrUpdaterHook)
    old = next(line for line in GOOD.splitlines() if line.startswith("lr_config"))
    text = GOOD.replace(old, "lr_config = dict(policy='halving')").replace("evaluation = ", "evaluation_of_mine = ")
    text = text.replace("    val=dict(type='Digits', train=False))", ")")
    assert "lr_config: by_epoch needs an evaluation" in report(text)
