"""Where every key was set: rules, chains, and the proof by renaming keys where the map says they stand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import yaml

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


PECULIAR = """\
import os.path as osp
common = dict(a=1, b=2)
both = dict(
    **common, type=osp.join('a', 'b'),
    keys=[*common, 'c'])
lines = [
    'one'
    'two',
    dict(x=1,
         y=2)]
lines.append(
    dict(z=3))
both['type'] = 'B'
both.update(dict(a=5),
            d=6)
if both['d'] > 5:
    chosen = dict(k=1)
else:
    chosen = dict(k=2)
many = list(range(2))
copied = list(lines)
shared = {k: v for k, v in common.items()}
common = 0
same = chosen
"""
PECULIAR_PLACES = {
    "both": 3,
    "both.a": 14,
    "both.b": 2,
    "both.type": 13,
    "both.keys": 5,
    "both.keys[0]": 5,
    "both.keys[2]": 5,
    "both.d": 15,
    "lines[0]": 7,
    "lines[1].y": 10,
    "lines[2]": 12,
    "lines[2].z": 12,
    "chosen": 17,
    "chosen.k": 17,
    "many[1]": 20,
    "copied[1]": 9,
    "copied[1].y": 10,
    "shared.a": 2,
    "common": 23,
    "same": 24,
    "same.k": 17,
}
# Where a config is run, nothing tells where a method was called, nor where a comprehension has its items from.
RUN_DIFFERENTLY = {"lines[2]": None, "both.d": None, "shared.a": 22}


def test_peculiar_places(tmp_path: Path) -> None:
    (tmp_path / "c.py").write_text(PECULIAR)
    loaded = load(tmp_path / "c.py", static=True)
    found = places(loaded)
    assert {key: found[key] for key in PECULIAR_PLACES} == {k: f"c.py:{line}" for k, line in PECULIAR_PLACES.items()}
    assert loaded.locations["same",].via.line == 17


def test_executed_configs_are_located_too(tmp_path: Path, caplog: Any) -> None:
    (tmp_path / "c.py").write_text(PECULIAR.replace("import os.path as osp", "from os import path as osp; import math"))
    with caplog.at_level("INFO", logger="core"):
        loaded = load(tmp_path / "c.py")
    assert "c.py:1: import math, so the config is run" in caplog.text
    found = places(loaded)
    expected = {**PECULIAR_PLACES, **RUN_DIFFERENTLY}
    assert {key: found.get(key) for key in expected} == {k: f"c.py:{n}" if n else None for k, n in expected.items()}
    with pytest.raises(ConfigError, match=r"c\.py:1 .*import math.*which --static refuses"):
        load(tmp_path / "c.py", static=True)


def test_three_levels_name_all_that_set_a_key(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("model = dict(depth=18, norm=dict(type='BN'))\n")
    (tmp_path / "b.py").write_text("_base_ = 'a.py'\nmodel = dict(depth=34,\n  norm=dict(_delete_=True, type='GN'))\n")
    (tmp_path / "c.py").write_text("_base_ = ['b.py']\n\nmodel = dict(depth=50)\n")
    loaded = load(tmp_path / "c.py")

    def chain(*path: Any) -> list[tuple[str, str]]:
        return [(f"{Path(place.file).name}:{place.line}", place.how) for place in loaded.locations[path].chain()]

    assert chain("model", "depth") == [("c.py:3", "override"), ("b.py:2", "override"), ("a.py:1", "set")]
    assert chain("model") == [("c.py:3", "merge"), ("b.py:2", "merge"), ("a.py:1", "set")]
    assert chain("model", "norm") == [("b.py:3", "delete"), ("a.py:1", "set")]
    assert chain("model", "norm", "type") == [("b.py:3", "set")]


TOML = """\
title = "a"

[optimizer]
lr = 0.1
nested.deep = 1
[[hooks]]
type = "A"
steps = [
  1, # one
  2,
]
[[hooks]]
type = "B"
[hooks.options]
text = '''
x = 5
'''
[[hooks.rules]]
k = 1
[a."b.c"]
d = { e = 1 }
"""


def test_toml_statements(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(TOML)
    found = places(load(tmp_path / "c.toml"))
    expected = {
        "title": 1,
        "optimizer": 3,
        "optimizer.lr": 4,
        "optimizer.nested": 5,
        "optimizer.nested.deep": 5,
        "hooks": 6,
        "hooks[0]": 6,
        "hooks[0].type": 7,
        "hooks[0].steps": 8,
        "hooks[0].steps[1]": 8,
        "hooks[1]": 12,
        "hooks[1].type": 13,
        "hooks[1].options": 14,
        "hooks[1].options.text": 15,
        "hooks[1].rules": 18,
        "hooks[1].rules[0].k": 19,
        "a": 20,
        "a['b.c']": 20,
        "a['b.c'].d.e": 21,
    }
    assert found == {key: f"c.toml:{line}" for key, line in expected.items()} | {"hooks[0].steps[0]": "c.toml:8"} | {
        "hooks[1].rules[0]": "c.toml:18",
        "a['b.c'].d": "c.toml:21",
    }


def test_yaml_anchors(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("a: &a\n  k: 1\n  l: 2\nb:\n  <<: *a\n  k: 3\nc: *a\n")
    loaded = load(tmp_path / "c.yaml")
    assert loaded.data == {"a": {"k": 1, "l": 2}, "b": {"k": 3, "l": 2}, "c": {"k": 1, "l": 2}}
    assert loaded.data["a"] is not loaded.data["c"]
    found = places(loaded)
    assert {key: found[key].partition(":")[2] for key in ("b", "b.k", "b.l", "c", "c.k")} == {
        "b": "4",
        "b.k": "6",
        "b.l": "3",
        "c": "7",
        "c.k": "2",
    }


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("c.yaml", "a: 1\nb:\n  c: 1\n  c: 2\n", 4),
        ("c.json", '{"a": 1,\n "b": {"c": 1,\n "c": 2}}', 3),
        ("c.toml", "a = 1\n[b]\nc = 1\nc = 2\n", 4),
    ],
)
def test_a_key_that_stands_twice_is_refused(tmp_path: Path, name: str, text: str, line: int) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=rf"{name}:{line} +.*(occurs twice|overwrite)"):
        load(tmp_path / name)


@pytest.mark.parametrize("extension", ["yaml", "json", "toml"])
def test_placeholders_in_other_formats(tmp_path: Path, extension: str) -> None:
    (tmp_path / "base.py").write_text("sizes = [1, 2]\nname = 'net'\n")
    data = {
        "_base_": "base.py",
        "a": "{{ _base_.sizes.1 }}",
        "b": ["{{_base_.sizes}}"],
        "c": "x-{{ _base_.name }}",
        "d": {"{{ _base_.name }}": "{{ fileBasenameNoExtension }}"},
    }
    file = tmp_path / f"c.{extension}"
    file.write_text({"yaml": yaml.safe_dump, "json": json.dumps, "toml": tomli_w.dumps}[extension](data))
    loaded = load(file)
    assert loaded.data == {
        "sizes": [1, 2],
        "name": "net",
        "a": 2,
        "b": [[1, 2]],
        "c": "x-net",
        "d": {"net": "c"},
    }
    assert loaded.locations["b", 0].file == str(file)
    assert loaded.locations["b", 0, 1].file.endswith("base.py")


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
        ("_base_ = ['nowhere.py']\n", r"c\.py:1 +_base_: file .*nowhere\.py' does not exist"),
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


def test_the_key_by_which_editors_find_a_schema_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('"$schema" = "./a.json"\nx = 1\n')
    (tmp_path / "other.json").write_text('{"$schema": "./b.json", "y": {"$schema": "kept"}}')
    (tmp_path / "c.yaml").write_text("$schema: ./c.json\n_base_: [base.toml, other.json]\nz: 3\n")
    loaded = load(tmp_path / "c.yaml")
    assert loaded.data == {"x": 1, "y": {"$schema": "kept"}, "z": 3}
    assert ("$schema",) not in loaded.locations
