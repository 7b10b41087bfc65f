"""A tracker's package that is missing or broken is named, with the extra that brings it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import HookError
from hookloom_loggers.packages import need


def test_missing() -> None:
    with pytest.raises(HookError) as caught:
        need("no_such_tracker", hook="NoSuchLoggerHook", extra="none")
    assert str(caught.value) == (
        "NoSuchLoggerHook cannot import no_such_tracker (No module named 'no_such_tracker'): "
        "pip install 'hookloom-loggers[none]'"
    )


def test_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_tracker.py").write_text("from os import no_such_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(HookError, match="cannot import name 'no_such_name'"):
        need("broken_tracker", hook="Hook", extra="none")


def test_a_folder_of_earlier_runs_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tracker_folder").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(HookError, match="tracker_folder is not installed"):
        need("tracker_folder", hook="Hook", extra="none")
