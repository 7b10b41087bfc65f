"""Python's global generator is put back exactly as it was, whichever way its state is kept."""

from __future__ import annotations

import random
from typing import Any

import pytest

from core.data import python_random
from core.data.python_random import current_state, put_back


def drawn() -> list[Any]:
    return [random.random(), random.getrandbits(100), random.gauss(0, 1), random.sample(range(50), 5)]


@pytest.mark.parametrize("known", [True, False], ids=["as memory", "as numbers"])
@pytest.mark.parametrize("before", [0, 1, 2], ids=["even", "with a gauss kept", "even again"])
def test_what_was_drawn_is_drawn_again(monkeypatch: Any, known: bool, before: int) -> None:
    assert python_random._KNOWN, "the interpreter keeps it in another way: only slower, but worth to know"
    monkeypatch.setattr(python_random, "_KNOWN", known)
    random.seed(5)
    for _ in range(before):
        random.gauss(0, 1)
    state, full = current_state(), random.getstate()
    first = [drawn() for _ in range(200)]  # over the end of the words that are there
    random.seed(6)
    put_back(state)
    assert random.getstate() == full
    assert [drawn() for _ in range(200)] == first
