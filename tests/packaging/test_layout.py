"""The shape of the distributions, and what their metadata promises."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import importlib_metadata
import pytest

from core.plugins.missing import FIRST_PARTY, FOLDERS

ROOT = Path(__file__).parent.parent.parent
PLUGINS = ("plugins/optim_extra", "plugins/loggers", "plugins/hooks")
DISTRIBUTIONS = ("core", *PLUGINS)


def project(folder: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]


def points(folder: str) -> list[tuple[str, str, str]]:
    groups = project(folder)["entry-points"]
    return [(group, name, value) for group, table in groups.items() for name, value in table.items()]


def test_no_init_file_shadows_an_installed_package() -> None:
    assert not [folder for folder in DISTRIBUTIONS if (ROOT / folder / "__init__.py").exists()]
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_shape(folder: str) -> None:
    table = project(folder)
    for name in ("README.md", "LICENSE"):
        assert (ROOT / folder / name).is_file()
    assert (ROOT / folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    (package,) = (ROOT / folder / "src").iterdir()
    assert (package / "py.typed").is_file()
    assert (package / "__init__.py").is_file()
    assert table["license"] == "Apache-2.0"
    assert table["requires-python"] == ">=3.11"
    assert importlib_metadata.version(table["name"]) == table["version"]
    assert any(line.startswith("torch>=") for line in table["dependencies"])


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_every_entry_point_is_installed_and_imports(folder: str) -> None:
    installed = importlib_metadata.distribution(project(folder)["name"]).entry_points
    found = {(point.group, point.name, point.value) for point in installed if point.group.startswith("hookloom.")}
    assert found == set(points(folder))
    for _, _, value in points(folder):
        module, _, name = value.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_the_table_of_first_party_components() -> None:
    table: dict[str, dict[str, str]] = {}
    for folder in PLUGINS:
        for group, name, _ in points(folder):
            table.setdefault(group.removeprefix("hookloom."), {})[name] = project(folder)["name"]
    assert table == FIRST_PARTY
    assert {project(folder)["name"]: folder for folder in PLUGINS} == FOLDERS


def test_constraints_pin_what_the_readme_installs() -> None:
    pinned = re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(), re.M)
    assert "torch" in pinned
    wanted = {re.split(r"[>=\[]", line)[0] for folder in DISTRIBUTIONS for line in project(folder)["dependencies"]}
    assert {name for name in wanted if not name.startswith("hookloom")} <= set(pinned)
