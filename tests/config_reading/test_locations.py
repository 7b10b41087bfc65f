"""Where every key was set: rules, chains, and the proof by renaming keys where the map says they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from core.config.loader import Loaded, load
from core.config.locations import format_path
from core.errors import ConfigError

BASE = """\
norm = dict(
    type='BN', eps=1e-5)
model = dict(depth=18, norm=norm,
             widths=[8, 16], stem=dict(k=3, s=2))
optimizer = dict(type='SGD', lr=0.1)
pipeline = [dict(type='Load'),
            dict(type='Flip', p=0.5)]
"""
CHILD = """\
_base_ = 'base.py'
common = dict(a=1,
              b=2)
model = dict(depth=50,
             stem=dict(_delete_=True, k=7))
extra = dict(**common, c=3)
extra['d'] = 4
extra.update(e=5)
names = ['x']
names.append('y')
names += ['z']
copy = {{ _base_.optimizer }}
squares = {f'k{i}': i * i for i in range(3)}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "base.py").write_text(BASE)
    (tmp_path / "child.py").write_text(CHILD)
    return tmp_path


def places(loaded: Loaded) -> dict[str, str]:
    return {format_path(path): f"{Path(place.file).name}:{place.line}" for path, place in loaded.locations.items()}


def test_rules(tree: Path) -> None:
    found = places(load(tree / "child.py"))
    expected = {
        "model": "child.py:4",
        "model.depth": "child.py:4",
        "model.norm": "base.py:3",
        "model.norm.type": "base.py:2",
        "model.widths[1]": "base.py:4",
        "model.stem.k": "child.py:5",
        "optimizer.lr": "base.py:5",
        "pipeline[1].p": "base.py:7",
        "extra.a": "child.py:2",
        "extra.b": "child.py:3",
        "extra.c": "child.py:6",
        "extra.d": "child.py:7",
        "extra.e": "child.py:8",
        "names[0]": "child.py:9",
        "names[1]": "child.py:10",
        "names[2]": "child.py:11",
        "copy": "child.py:12",
        "copy.lr": "base.py:5",
        "squares.k1": "child.py:13",
    }
    assert {key: found.get(key) for key in expected} == expected
    assert "model.stem.s" not in found


def test_a_chain_names_what_was_overridden(tree: Path) -> None:
    loaded = load(tree / "child.py", overrides={"model.depth": 101, "pipeline.1.p": 0.1})
    chain = [(Path(place.file).name, place.how) for place in loaded.locations["model", "depth"].chain()]
    assert chain == [("--cfg-options", "override"), ("child.py", "override"), ("base.py", "set")]
    assert loaded.data["pipeline"][1] == {"type": "Flip", "p": 0.1}
    assert loaded.locations["model", "stem"].how == "delete"
    assert loaded.locations["model", "norm"].via.line == 1


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Any:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from leaves(item, (*path, key))
        yield (*path, key)


def test_renaming_a_key_where_the_map_says_it_stands(tree: Path) -> None:
    whole = load(tree / "child.py")
    for path in leaves(whole.data):
        place = whole.locations[path]
        file = Path(place.file)
        text = file.read_text()
        lines = text.splitlines()
        key = re.escape(str(path[-1]))
        line = re.sub(rf"\b{key}\b(?=\s*(\+?=|'\]|'?:))", "renamed", lines[place.line - 1], count=1)
        if line == lines[place.line - 1]:
            assert path[0] == "squares", path
            continue
        file.write_text("\n".join([*lines[: place.line - 1], line, *lines[place.line :]]) + "\n")
        try:
            moved = load(tree / "child.py").locations.get(path)
        except ConfigError:
            moved = None  # the key was needed by something else
        finally:
            file.write_text(text)
        assert moved != place, f"{format_path(path)} is not set at {place}"


def test_executed_configs_are_located_too(tmp_path: Path, caplog: Any) -> None:
    (tmp_path / "c.py").write_text("from math import sqrt\nx = dict(a=1,\n         b=sqrt(4))\ny = [1,\n     2]\n")
    with caplog.at_level("INFO", logger="core"):
        loaded = load(tmp_path / "c.py")
    assert loaded.data["x"] == {"a": 1, "b": 2.0}
    assert places(loaded)["x.b"] == "c.py:3"
    assert places(loaded)["y[1]"] == "c.py:5"
    assert "c.py:1: from math import sqrt, so the config is run" in caplog.text
    with pytest.raises(ConfigError, match=r"c\.py:1 .*which --static refuses"):
        load(tmp_path / "c.py", static=True)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.yaml", "a: &x {k: 1}\nb:\n  - 2\n  - <<: *x\n    m: 1.0e-5\n"),
        ("c.json", '{\n "a": {"k": 1},\n "b": [\n  2,\n  {"k": 1, "m": 1e-5}]}\n'),
        ("c.toml", "a.k = 1\n\nb = [\n 2,\n {k = 1, m = 1e-5}]\n"),
    ],
)
def test_other_formats(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    loaded = load(tmp_path / name)
    assert loaded.data == {"a": {"k": 1}, "b": [2, {"k": 1, "m": 1e-5}]}
    assert all(isinstance(place.line, int) for place in loaded.locations.values())
    expected = {"c.yaml": "c.yaml:5", "c.json": "c.json:5", "c.toml": "c.toml:3"}[name]
    assert places(loaded)["b[1].m"] == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = dict(a=1 b=2)\n", r"c\.py:1 +syntax error: .*: x = dict\(a=1 b=2\)"),
        ("x = 1\ny = dict(a=1,\n  a=2)\n", r"c\.py:3 +keyword 'a' is repeated"),
        ("lr = 1\ny = lrr\n", r"c\.py:2 +name 'lrr' is not defined; did you mean 'lr'\?"),
        ("x = [1][3]\n", r"c\.py:1 +IndexError"),
        ("x = 'a' * 10**9\n", r"c\.py:1 +the result would be larger"),
        ("x = 9**9**9**9\n", r"c\.py:1 +the result would be larger"),
        ("x = '{0.__class__}'.format(1)\n", r"c\.py:1 +a format field"),
        ("x = f'{1:9999999}'\n", r"c\.py:1 +format .* too wide"),
        ("filename = 1\n", r"c\.py:1 +filename: 'filename' is reserved"),
        ("_base_ = ['nowhere.py']\n", r"c\.py:1 +file .*nowhere\.py' does not exist"),
    ],
)
def test_mistakes_are_placed(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "c.py").write_text(text)
    with pytest.raises(ConfigError, match=said):
        load(tmp_path / "c.py")


def test_a_key_in_two_bases_names_both(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\ny = 2\n")
    (tmp_path / "b.py").write_text("z = 1\ny = 3\n")
    (tmp_path / "c.py").write_text("_base_ = ['a.py', 'b.py']\n")
    with pytest.raises(ConfigError, match=r"b\.py:2 .*key 'y' is in two bases, also at .*a\.py:2"):
        load(tmp_path / "c.py")


def test_a_delete_that_deletes_nothing_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "c.py").write_text("x = dict(a=1,\n         _delete_=True)\n")
    loaded = load(tmp_path / "c.py")
    assert loaded.data == {"x": {"a": 1}}
    (problem,) = loaded.findings
    assert (problem.severity, problem.path, problem.location.line) == ("warning", ("x", "_delete_"), 2)
