"""A config that is written loads again to an equal one."""

from __future__ import annotations

import copy
import keyword
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import Config

names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: not keyword.iskeyword(name) and name not in ("filename", "text", "pretty_text")
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20).filter(
    lambda t: "{{" not in t and t != "_delete_"
)
scalars = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False) | texts


def configs(containers: bool) -> Any:
    def deeper(inner: Any) -> Any:
        kinds = st.lists(inner, max_size=4) | st.dictionaries(names | texts, inner, max_size=4)
        return kinds | st.tuples(inner, inner) if containers else kinds

    return st.dictionaries(names, st.recursive(scalars, deeper, max_leaves=12), max_size=5)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=configs(containers=True))
def test_python(data: dict[str, Any], tmp_path: Path) -> None:
    config = Config(data)
    config.dump(tmp_path / "c.py")
    assert Config.fromfile(tmp_path / "c.py").to_dict() == data
    assert Config.fromstring(config.pretty_text, ".py").to_dict() == data


@pytest.mark.parametrize("extension", [".json", ".yaml"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=configs(containers=False))
def test_json_and_yaml(data: dict[str, Any], extension: str, tmp_path: Path) -> None:
    Config(data).dump(tmp_path / f"c{extension}")
    assert Config.fromfile(tmp_path / f"c{extension}").to_dict() == data


def test_the_surface_of_a_config(tmp_path: Path) -> None:
    (tmp_path / "c.py").write_text("a = dict(b=dict(c=1), d=[dict(e=2)])\n")
    config = Config.fromfile(tmp_path / "c.py")
    assert config.a.b.c == config["a"]["b"]["c"] == 1
    assert config.a.d[0].e == 2
    assert config.get("zz", 5) == 5
    assert "a" in config
    assert len(config) == 1
    config.a.b.c = 7
    config.merge_from_dict({"a.d.0.e": 3, "new.key": (1, 2)})
    assert config.to_dict() == {"a": {"b": {"c": 7}, "d": [{"e": 3}]}, "new": {"key": (1, 2)}}
    for other in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert other.to_dict() == config.to_dict()
        assert other.filename == config.filename
    with pytest.raises(AttributeError, match="did you mean 'a'"):
        Config({"aa": 1, "a": 2}).A  # noqa: B018
    with pytest.raises(TypeError):
        Config([1])  # type: ignore[arg-type]
