"""A config that is written loads again to an equal one, in every format that can hold it."""

from __future__ import annotations

import copy
import enum
import keyword
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core import Config, ConfigError
from core.config.dump import DumpError, to_python

FORMATS = (".py", ".json", ".yaml", ".toml")
RESERVED = ("filename", "text", "pretty_text")
SOME = settings(max_examples=50)

names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: not keyword.iskeyword(name) and name not in RESERVED
)
# Placeholders mean something in a file, and `_delete_` is never a key of a result.
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20).filter(
    lambda text: "{{" not in text and text != "_delete_"
)
scalars = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False) | texts
few = st.sampled_from(["model", "lr", "type", "steps"])  # so that a child meets its base's keys


def values(keys: Any) -> Any:
    def deeper(inner: Any) -> Any:
        return (
            st.lists(inner, max_size=4)
            | st.dictionaries(keys, inner, max_size=4)
            | st.tuples(inner, inner)
            | st.tuples()
        )

    return st.recursive(scalars, deeper, max_leaves=12)


def listed(value: Any) -> Any:
    """Only Python tells a tuple from a list."""
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    return [listed(item) for item in value] if isinstance(value, (list, tuple)) else value


def holds_none(value: Any) -> bool:
    if isinstance(value, (dict, list, tuple)):
        return any(map(holds_none, value.values() if isinstance(value, dict) else value))
    return value is None


def check_all_formats(config: Config, folder: Path) -> None:
    data = config.to_dict()
    for extension in FORMATS:
        file = folder / f"written{extension}"
        if extension == ".toml" and holds_none(data):
            with pytest.raises(DumpError, match="is None, which TOML cannot hold"):
                config.dump(file)
            continue
        config.dump(file)
        again = Config.fromfile(file, static=True).to_dict()
        assert again == (data if extension == ".py" else listed(data)), extension
        if extension != ".toml":  # there the values of a table come before its tables
            assert list(again) == list(data)
    assert Config.fromstring(config.pretty_text, ".py").to_dict() == data


@SOME
@given(data=st.dictionaries(names, values(names | texts), max_size=5))
def test_any_config(data: dict[str, Any], tmp_path: Path) -> None:
    config = Config(data)
    assert config.to_dict() == data
    check_all_formats(config, tmp_path)


@SOME
@given(
    base=st.dictionaries(few, values(few), max_size=4),
    child=st.dictionaries(few, values(few | st.just("_delete_")), max_size=4),
    options=st.dictionaries(st.sampled_from(["model.type", "lr", "new.steps"]), scalars, max_size=2),
)
def test_a_merged_config(base: dict[str, Any], child: dict[str, Any], options: dict[str, Any], tmp_path: Path) -> None:
    Config(base).dump(tmp_path / "base.py")
    (tmp_path / "child.py").write_text(to_python({"_base_": "base.py", **child}))
    try:
        config = Config.fromfile(tmp_path / "child.py")
        config.merge_from_dict(options)
    except (ConfigError, TypeError, KeyError):
        assume(False)  # a dict over something that is none, a name as an index
    assert "_delete_" not in repr(config.to_dict())
    check_all_formats(config, tmp_path)


class Colour(enum.StrEnum):
    RED = "red"


def test_numbers_of_numpy_and_enumerations_are_written_plain(tmp_path: Path) -> None:
    config = Config({"lr": np.float64(0.1), "steps": [np.int64(3), np.float32(0.5)], "colour": Colour.RED})
    check_all_formats(config, tmp_path)
    assert config.pretty_text == "lr = 0.1\nsteps = [3, 0.5]\ncolour = 'red'\n"


@pytest.mark.parametrize("extension", [".json", ".toml"])
def test_a_key_that_is_no_text_is_not_turned_into_one(extension: str, tmp_path: Path) -> None:
    config = Config({"classes": {1: "cat"}})
    with pytest.raises(DumpError, match=r"classes\[1\]: (JSON|TOML) has no key 1, only texts"):
        config.dump(tmp_path / f"c{extension}")
    config.dump(tmp_path / "c.yaml")
    assert Config.fromfile(tmp_path / "c.yaml").classes == {1: "cat"}


def test_the_format_of_a_file_is_its_extensions(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[optimizer]\nlr = 0.1\n")
    config = Config.fromfile(tmp_path / "c.toml")
    assert config.dump() == "[optimizer]\nlr = 0.1\n"
    with pytest.raises(DumpError, match=r"not as '\.txt'"):
        config.dump(tmp_path / "c.txt")
    assert not (tmp_path / "c.txt").exists()


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
