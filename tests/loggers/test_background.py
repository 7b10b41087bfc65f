"""Calls in the background: their order, what they may take, and what is said of those that fail."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hookloom_loggers.background import Background

LONG = 300.0  # seconds that no call takes and no test waits


@pytest.fixture
def hung() -> Iterator[threading.Event]:
    """A call that never returns: `hung.wait`."""
    event = threading.Event()
    yield event
    event.set()


def background(patience: float = LONG, **options: Any) -> Background:
    return Background("Tracker", logging.getLogger("tracker"), patience, **options)


def fail() -> None:
    raise ValueError("no such\nproject")


def said(caplog: pytest.LogCaptureFixture, level: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == level]


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_calls_are_made_in_order_by_one_other_thread(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []
    threads: set[int] = set()
    calls = background()
    calls.open(lambda: threads.add(threading.get_ident()))
    for i in range(200):
        assert calls.call(lambda i=i: (done.append(i), threads.add(threading.get_ident())))
    calls.close()
    assert done == list(range(200))
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    assert not caplog.records


def test_handing_over_never_waits(hung: threading.Event) -> None:
    calls = background()
    begun = time.perf_counter()
    for _ in range(1000):
        calls.call(hung.wait)
    assert time.perf_counter() - begun < LONG


def test_a_tracker_that_hangs_costs_its_patience_once(
    hung: threading.Event, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = background(patience=0.5)
    begun = time.perf_counter()
    calls.open(hung.wait)
    assert time.perf_counter() - begun >= 0.5
    for _ in range(3):
        calls.call(hung.wait)
    assert said(caplog, "WARNING") == ["Tracker has not answered for 0.5 s; training does not wait for it"]
    waits: list[float | None] = []
    monkeypatch.setattr(calls._changed, "wait", waits.append)
    calls.close()
    assert not waits, "it has been silent for long enough"
    assert len(said(caplog, "WARNING")) == 1
    assert said(caplog, "INFO") == ["Tracker: 4 calls did not get through"]


def test_a_slow_tracker_gets_no_more_than_its_patience_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    calls = background(patience=0.5)
    done: list[int] = []
    for i in range(5000):  # four minutes
        calls.call(lambda i=i: (time.sleep(0.05), done.append(i)))
    calls.close()
    assert len(done) < 5000
    assert len(said(caplog, "WARNING")) == 1


def test_an_answer_that_comes_late_is_taken(hung: threading.Event, caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []
    calls = background(patience=0.2)
    calls.open(hung.wait)
    for i in range(5):
        calls.call(lambda i=i: done.append(i))
    hung.set()
    calls.patience = LONG
    assert calls.wait()
    calls.close()
    assert done == [0, 1, 2, 3, 4]
    assert len(said(caplog, "WARNING")) == 1
    assert not said(caplog, "INFO")


def test_failures_are_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []
    calls = background()
    for i in range(3):
        calls.call(fail)
        calls.call(lambda i=i: done.append(i))
    calls.close()
    assert done == [0, 1, 2]
    assert said(caplog, "WARNING") == [
        "Tracker failed with ValueError: no such project; training goes on, something is missing there"
    ]
    assert said(caplog, "INFO") == ["Tracker: 3 calls did not get through"]


def test_nothing_is_called_where_opening_failed(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []
    calls = background()
    calls.open(fail)
    assert not calls.call(lambda: done.append(1))
    calls.close()
    assert not done
    assert said(caplog, "WARNING") == [
        "Tracker failed with ValueError: no such project; training goes on, nothing is logged there"
    ]
    assert said(caplog, "INFO") == ["Tracker: 2 calls did not get through"]


def test_opening_that_fails_late_drops_what_waits(hung: threading.Event, caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []
    calls = background(patience=0.2)
    calls.open(lambda: hung.wait() and fail())
    calls.call(lambda: done.append(1))
    hung.set()
    calls.patience = LONG
    assert calls.wait()
    calls.close()
    assert not done
    assert len(said(caplog, "WARNING")) == 1
    assert said(caplog, "INFO") == [
        "Tracker failed with ValueError: no such project; training goes on, nothing is logged there",
        "Tracker: 2 calls did not get through",
    ]


def test_what_waits_is_bounded(hung: threading.Event, caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []
    calls = background(limit=10)
    calls.call(hung.wait)
    taken = [calls.call(lambda i=i: done.append(i)) for i in range(20)]
    assert taken == [True] * 9 + [False] * 11
    hung.set()
    calls.close()
    assert done == list(range(9))
    assert said(caplog, "WARNING") == ["Tracker is slower than training: 10 records wait, further ones are lost"]
    assert said(caplog, "INFO") == ["Tracker: 11 calls did not get through"]


def test_opening_draws_no_random_numbers_of_the_training() -> None:
    random.seed(4)
    expected = random.random()
    random.seed(4)
    calls = background()
    calls.open(random.random)
    assert random.random() == expected
    calls.close()


def test_a_library_that_exits_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    calls = background()
    calls.call(lambda: exit(3))
    calls.close()
    assert "SystemExit" in said(caplog, "WARNING")[0]
