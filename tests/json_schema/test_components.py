"""The schema follows what is installed: every component's options, names that two share, broken and blocked plugins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from core.config.signature import signature_of
from core.json_schema.build import json_schema
from core.json_schema.definitions import Definitions
from core.plugins.switches import Switches, switched

POINTS = {
    "good-plugin": (
        "[hookloom.hooks]\nGoodHook = good_plugin:GoodHook\nWavyLrUpdaterHook = good_plugin:WavyLrUpdaterHook\n"
        "[hookloom.optimizers]\nLion = good_plugin:Lion\n"
    ),
    "bad-plugin": "[hookloom.hooks]\nBadHook = bad_plugin:BadHook\nNumber = bad_plugin:NUMBER\n",
    "late-plugin": "[hookloom.hooks]\nLateHook = late_plugin:LateHook\n",
}
CODE = {
    "good-plugin": (
        "class GoodHook:\n"
        "    '''Count.\n\n    Args:\n        upto: where counting ends.\n    '''\n"
        "    def __init__(self, upto: int, names: list[str] = (), out: str = None, weird=object()): ...\n"
        "class WavyLrUpdaterHook:\n"
        "    def __init__(self, waves: int = 2): ...\n"
        "class Lion:\n"
        "    def __init__(self, params, roar: bool = True): ...\n"
    ),
    "bad-plugin": "import no_such_module_anywhere\n",
    "late-plugin": "class LateHook: ...\n",
}
# One component that stands for each table: where it is written, and what else must be there.
SECTIONS = {
    "optimizers": ("optimizer", "type"),
    "lr_updaters": ("lr_config", "policy"),
    "momentum_updaters": ("momentum_config", "policy"),
    "hooks": ("custom_hooks", "type"),
    "runners": ("runner", "type"),
}


def built(**switches: Any) -> tuple[dict[str, Any], Definitions, list[str]]:
    notes: list[str] = []
    with switched(Switches(**switches)):
        definitions = Definitions(notes.append)
        return json_schema(definitions), definitions, notes


@pytest.fixture(scope="module")
def whole() -> tuple[dict[str, Any], Definitions]:
    schema, definitions, notes = built()
    assert notes == []
    return schema, definitions


def components(definitions: Definitions) -> Iterator[tuple[str, str, str, Any]]:
    for registry, (section, key) in SECTIONS.items():
        for name, one in definitions.by_registry[registry]:
            # What other tests have registered in this process comes and goes.
            if one.component.provider.version:
                yield section, key, name, one


def test_every_component_takes_its_own_defaults_and_no_other_key(whole: tuple[dict[str, Any], Definitions]) -> None:
    schema, definitions = whole
    validator = Draft202012Validator(schema)
    seen = 0
    for section, key, name, one in components(definitions):
        signature = signature_of(one.component.target)
        given = definitions.injected.get(name, frozenset())
        options = definitions.found[name]["properties"]
        assert list(options) == list(signature.parameters)
        table: dict[str, Any] = {key: one.names[0]}
        table |= {option: rule["default"] for option, rule in options.items() if "default" in rule}
        table = {option: value for option, value in table.items() if option not in given}
        part = {"_base_": "x.py", section: table}
        if section == "runner":
            part[section] = {option: value for option, value in table.items() if value is not None}
        assert [error.message for error in validator.iter_errors(part)] == [], name
        table["no_such_option_anywhere"] = 1
        assert bool(list(validator.iter_errors(part))) is not signature.is_open or section == "runner", name
        for option in given if section != "custom_hooks" else ():
            assert list(validator.iter_errors({"_base_": "x.py", section: {key: one.names[0], option: 1}})), name
        seen += 1
    assert seen > 40


def test_options_are_described(whole: tuple[dict[str, Any], Definitions]) -> None:
    found = whole[1].found
    step = found["lr_updaters.step"]
    assert step["description"] == "Multiply the learning rate by gamma at every step. (hookloom-core 0.1.0)"
    assert step["properties"]["gamma"] == {
        "description": "the factor.",
        "if": {"$ref": "#/$defs/from_base"},
        "else": {"type": "number"},
        "default": 0.1,
    }
    assert found["optimizers.SGD"]["properties"]["lr"]["description"].startswith("learning rate")
    ours = [name for name in found if "hookloom-" in found[name].get("description", "")]
    library = {name for name in ours if name.count(".") > 1}  # in the library's words, which leave some out
    assert all("description" in found[name]["properties"]["protect_grad"] for name in library)
    ours = [name for name in ours if name not in library]
    unsaid = [
        f"{name}.{option}"
        for name in ours
        for option, rule in found[name]["properties"].items()
        if "description" not in rule
    ]
    assert unsaid == []


def test_a_blocked_plugin_is_as_if_it_were_not_there() -> None:
    schema, _, notes = built(block=["hookloom-optim-extra"])
    assert notes == []
    assert "lr_updaters.step" in schema["$defs"]
    assert "lr_updaters.exp" not in schema["$defs"]
    assert not [
        name for name in schema["$defs"] if name.startswith("momentum_updaters.") and "title" in schema["$defs"][name]
    ]
    validator = Draft202012Validator(schema)
    assert not list(validator.iter_errors({"_base_": "x", "lr_config": {"policy": "exp", "no_such_option": 1}}))


@pytest.fixture(scope="module")
def with_plugins(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """Return the schema, and what is said beside it, where three more distributions are installed."""
    folder = tmp_path_factory.mktemp("installed")
    for name, points in POINTS.items():
        module = name.replace("-", "_")
        info = folder / f"{module}-1.2.dist-info"
        info.mkdir()
        needs = "Requires-Dist: hookloom-core>=99\n" if name == "late-plugin" else ""
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n{needs}")
        (info / "entry_points.txt").write_text(points)
        (folder / f"{module}.py").write_text(CODE[name])
    command = [sys.executable, "-m", "core", "config", "schema"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout), done.stderr


def test_a_broken_plugin_is_left_out_and_named(with_plugins: tuple[dict[str, Any], str]) -> None:
    schema, said = with_plugins
    for name in ("BadHook", "Number", "LateHook"):
        assert f"hooks.{name}" not in schema["$defs"]
        assert name not in json.dumps(schema["$defs"]["hooks.names"])
    assert sorted(line.split(" cannot be ")[0] for line in said.splitlines()) == [
        "left out: 'BadHook' of bad-plugin 1.2",
        "left out: 'LateHook' of late-plugin 1.2",
        "left out: 'Number' of bad-plugin 1.2",
    ]
    assert "No module named 'no_such_module_anywhere'" in said
    assert "asks for hookloom-core>=99" in said


def test_a_plain_class_is_described_from_its_signature(with_plugins: tuple[dict[str, Any], str]) -> None:
    schema, _ = with_plugins
    validator = Draft202012Validator(schema)
    assert schema["$defs"]["hooks.GoodHook"]["properties"]["upto"]["description"] == "where counting ends."

    def errors(hook: dict[str, Any]) -> list[str]:
        return [error.message for error in validator.iter_errors({"custom_hooks": [{"type": "GoodHook", **hook}]})]

    assert errors({"upto": 3, "names": ["a"], "out": None, "weird": {"any": 1}, "priority": "LOW"}) == []
    assert errors({"upto": 3, "names": [], "out": "x"}) == []
    assert errors({}) == ["'upto' is a required property"]
    assert errors({"upto": "3"}) == ["'3' is not of type 'integer'"]
    assert errors({"upto": 3, "names": "ab"}) == ["'ab' is not of type 'array'"]


def test_an_updater_among_the_hooks_is_a_policy(with_plugins: tuple[dict[str, Any], str]) -> None:
    validator = Draft202012Validator(with_plugins[0])
    assert not list(validator.iter_errors({"lr_config": {"policy": "wavy", "waves": 3}}))
    (error,) = validator.iter_errors({"lr_config": {"policy": "Wavy", "waves": "3"}})
    assert list(error.absolute_path) == ["lr_config", "waves"]


def test_a_name_that_two_offer_must_be_qualified(with_plugins: tuple[dict[str, Any], str]) -> None:
    schema, _ = with_plugins
    names = schema["$defs"]["optimizers.names"]["anyOf"][0]["enum"]
    assert "Lion" not in names
    assert {"good-plugin/Lion", "hookloom-optim-extra/Lion"} <= set(names)
    validator = Draft202012Validator(schema)
    assert not list(validator.iter_errors({"optimizer": {"type": "good-plugin/Lion", "roar": False}}))
    assert list(validator.iter_errors({"optimizer": {"type": "hookloom-optim-extra/Lion", "roar": False}}))


def test_the_components_of_a_config_are_included(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from core import MODELS\n@MODELS.register_module()\nclass Mine:\n    def __init__(self, width: int = 8): ...\n"
    )
    (tmp_path / "net.py").write_text("custom_imports = dict(imports=['mine'])\n")
    command = [sys.executable, "-m", "core", "config", "schema"]
    done = subprocess.run([*command, "net.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["$defs"]["models.Mine"]["properties"]["width"]["default"] == 8
    (tmp_path / "net.py").write_text("custom_imports = dict(imports=['nowhere'])\n")
    done = subprocess.run([*command, "net.py"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "net.py:1" in done.stderr
    assert "No module named 'nowhere'" in done.stderr
