"""Every config of eleven MMCV 1.x projects: read to the recorded result, placed, run and written again."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import corpus
import golden
import pytest

from core.config import Config, static_reader
from core.config.dump import to_python
from core.config.failure import NeedsExecution
from core.config.loader import Loaded, load, read_string
from core.errors import ConfigError

FOLDER = corpus.folder()
PROJECTS = sorted(golden.load("config_frequency")["summary"])

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(FOLDER is None, reason="`nox -s corpus` fetches the configs"),
    pytest.mark.filterwarnings("ignore:The config file:DeprecationWarning"),
    pytest.mark.parametrize("project", PROJECTS, scope="module"),  # all tests of a project, then those of the next
]


@pytest.fixture(scope="module")
def home(project: str) -> Path:
    assert FOLDER is not None
    return FOLDER / project


@functools.lru_cache(maxsize=1)
def readable(home: Path) -> dict[Path, Loaded]:
    """Return the configs of a project; the tests of one project follow each other."""
    read = {}
    for file in corpus.files(home):
        # Those that do not load are counted, and those recorded are looked at.
        with contextlib.suppress(ConfigError):
            read[file] = load(file, static=True)
    return read


def differences(case: dict[str, Any], home: Path) -> str | None:
    """Say how a config differs from its record."""
    file = home / case["path"]
    loaded = readable(home).get(file)
    if loaded is None:
        with pytest.raises(ConfigError) as caught:
            load(file, static=True)
        error, missing = caught.value, {"FileNotFoundError": "does not exist", "KeyError": "_base_ has no key"}
        known = missing.get(case.get("exc", ""))
        return None if known is not None and known in str(error) else str(error)
    if "exc" in case:
        return f"{file} loads, but {case['exc']} was recorded"
    found = golden.canon(loaded.data, str(home))
    if golden.digest(found) == case["sha256"] and golden.digest(found, ordered=True) == case["sha256_ordered"]:
        return None
    recorded = case["keys"]
    keys = [key for key in {**found, **recorded} if recorded.get(key) != golden.digest(found.get(key))[:8]]
    return f"{file}: {keys or 'the order of keys'}"


def test_results_are_those_recorded(project: str, home: Path) -> None:
    cases = [case for case in golden.raw("config_resolution")["cases"] if case["project"] == project]
    assert len(cases) > 40
    assert [said for case in cases if (said := differences(case, home))] == []


def test_imports_that_failed_there_fail_here(project: str, home: Path) -> None:
    cases = [case for case in golden.raw("config_resolution")["cases"] if case["project"] == project]
    for case in cases:
        if "with_imports" in case:
            with pytest.raises(ConfigError, match=r"custom_imports.*No module named"):
                Config.fromfile(home / case["path"])


def test_as_many_load_as_were_counted(project: str, home: Path) -> None:
    counted = golden.load("config_frequency")["summary"][project]
    assert len(corpus.files(home)) == counted["files"]
    assert len(readable(home)) == counted["loaded"]


def paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*above, key)
        if isinstance(item, (dict, list, tuple)):
            yield from paths(item, (*above, key))


def test_every_key_and_item_has_a_place_of_its_own(project: str, home: Path) -> None:
    for file, loaded in readable(home).items():
        if file.suffix == ".py":
            assert [path for path in paths(loaded.data) if path not in loaded.locations] == [], file


def test_running_a_config_gives_what_reading_it_does(project: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(tree: Any, *arguments: Any) -> Any:
        raise NeedsExecution("nothing is read", 1)

    read = {file: loaded for file, loaded in readable(home).items() if file.suffix == ".py"}
    monkeypatch.setattr(static_reader, "read_static", refuse)
    for file, loaded in read.items():
        assert repr(load(file).data) == repr(loaded.data), file


def test_what_is_written_loads_again(project: str, home: Path) -> None:
    for file, loaded in readable(home).items():
        again = read_string(to_python(loaded.data), ".py")
        assert repr(again.data) == repr(loaded.data), file
