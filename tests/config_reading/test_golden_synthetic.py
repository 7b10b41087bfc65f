"""Every recorded small tree of config files: its result, its order, its mistakes."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import golden
import pytest

from core.config import Config
from core.config.dict_action import parse_value
from core.errors import ConfigError

CASES = golden.cases("config_synthetic")
RAW = {case["id"]: case for case in golden.raw("config_synthetic")["cases"]}

# Where the reference raises because it is limited, or leaks, and what is read here; a page lists them all.
OURS: dict[str, dict[str, Any]] = {
    "tuple of bases": {"m": 1, "t": 3},
    "_delete_ of a key the base lacks": {"m": {"a": 1}, "q": {"b": 2}},
    "_delete_ nested under a key the base lacks": {"m": {"a": 1}, "q": {"w": {"b": 2}}},
    "_delete_ without base": {"q": {"b": 2}},
    "_delete_ inside a list": {"m": [{"b": 2}]},
    "{{ _base_.x }} used in arithmetic": {"n": 7, "q": 14},
    "{{ _base_.x }} inside a string": {"n": "abc", "q": "pre_abc"},
    "{{ _base_.x }} as a dict key": {"n": "abc", "q": {"abc": 1}},
    "unsupported extension": {"a": 1},
    "merge_from_dict 12": golden.canon(
        {
            "model": {"type": "net", "depth": 18, "layers": [1, 2], "shape": (3, 4)},
            "optimizer": {"type": "SGD", "lr": 0.1, "momentum": 0.9},
            "lr_config": {"policy": "step", "step": [1, 2]},
            "workflow": [("train", 1)],
            "data": {"pipe": [{"type": "A", "k": 1}, {"type": "B"}], "size": (9, 3)},
            "nothing": None,
        },
        "?",
    ),
}
# Where the reference leaves its random placeholder in the result.
REFUSED_HERE = {"{{ _base_.x }} without _base_": "is used in a file without _base_"}


def play(case: dict[str, Any], root: Path) -> tuple[Config, list[str]]:
    for name, text in case["files"].items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        config = Config.fromfile(root / case["entry"], **case.get("kwargs", {}))
        if "cfg_options" in case:
            config.merge_from_dict(case["cfg_options"])
    return config, [
        str(one.message).replace(str(root), "$ROOT") for one in caught if one.category is DeprecationWarning
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_tree(case: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    name, recorded = case["name"], RAW[case["id"]]
    if name in REFUSED_HERE:
        with pytest.raises(ConfigError, match=REFUSED_HERE[name]):
            play(case, tmp_path)
        return
    if "error" in case and name not in OURS:
        with pytest.raises((ConfigError, TypeError, KeyError)):  # the mistake is the contract, not its class
            play(case, tmp_path)
        return
    config, deprecations = play(case, tmp_path)
    found = golden.canon(config.to_dict(), str(tmp_path))
    if name in OURS:
        assert found == OURS[name]
        return
    assert json.dumps(found, sort_keys=True) == json.dumps(recorded["result"], sort_keys=True)  # in text NaN is NaN
    assert list(config) == recorded["order"]
    assert deprecations == recorded["deprecation_warnings"]
    if recorded.get("pretty_text_roundtrips") is True:
        again = Config.fromstring(config.pretty_text, ".py")
        assert again.to_dict() == config.to_dict()


def test_all_are_played_and_each_difference_stands_on_the_page() -> None:
    assert len(CASES) == 79
    assert {*OURS, *REFUSED_HERE} <= {case["name"] for case in CASES}
    page = (golden.FOLDER.parent.parent / "docs/differences-from-mmcv.md").read_text()
    assert [name for name in (*OURS, *REFUSED_HERE) if name not in page] == []


@pytest.mark.parametrize("entry", golden.raw("config_synthetic")["dict_action"], ids=lambda entry: entry["text"])
def test_option_value(entry: dict[str, Any]) -> None:
    if "error" in entry:
        with pytest.raises(ValueError, match="brackets"):
            parse_value(entry["text"])
    else:
        assert golden.canon(parse_value(entry["text"]), "?") == entry["value"]
