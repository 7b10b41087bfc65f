"""The shape of the distributions: their folders, their versions and the ranges they ask of one another."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import importlib_metadata
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
PLUGINS = ("plugins/optim_extra", "plugins/loggers", "plugins/hooks")
DISTRIBUTIONS = ("core", *PLUGINS)
EXAMPLE = "examples/hookloom-signsgd"


def project(folder: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]


def requirements(folder: str) -> dict[str, Requirement]:
    return {one.name: one for one in map(Requirement, project(folder)["dependencies"])}


def test_no_init_file_shadows_an_installed_package() -> None:
    assert not [folder for folder in DISTRIBUTIONS if (ROOT / folder / "__init__.py").exists()]
    assert not list((ROOT / "tests").rglob("__init__.py"))
    assert not [path for path in (ROOT / "plugins").iterdir() if path.is_file()]


def test_every_folder_of_a_plugin_is_a_distribution() -> None:
    assert {f"plugins/{path.name}" for path in (ROOT / "plugins").iterdir()} == set(PLUGINS)


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_shape(folder: str) -> None:
    table = project(folder)
    assert (ROOT / folder / table["readme"]).is_file()
    assert (ROOT / folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    (package,) = (ROOT / folder / "src").iterdir()
    assert package.name == ("core" if folder == "core" else table["name"].replace("-", "_"))
    assert (package / "py.typed").is_file()
    assert (package / "__init__.py").is_file()
    assert table["license"] == "Apache-2.0"
    assert table["requires-python"] == ">=3.11"


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_every_folder_of_modules_is_a_package(folder: str) -> None:
    folders = {path.parent for path in (ROOT / folder / "src").rglob("*.py")}
    assert not [path for path in folders if not (path / "__init__.py").is_file()]


def test_versions_agree() -> None:
    versions = {folder: project(folder)["version"] for folder in (".", *DISTRIBUTIONS)}
    assert len(set(versions.values())) == 1, versions
    for folder in DISTRIBUTIONS:
        assert importlib_metadata.version(project(folder)["name"]) == versions[folder]


@pytest.mark.parametrize("folder", PLUGINS)
def test_a_plugin_asks_for_the_core_it_was_made_for(folder: str) -> None:
    wanted = requirements(folder)["hookloom-core"].specifier
    version = project("core")["version"]
    major, minor = version.split(".")[:2]
    assert wanted == requirements(PLUGINS[0])["hookloom-core"].specifier
    assert version in wanted
    assert f"{major}.{int(minor) + 1}.0" not in wanted


def test_what_two_distributions_ask_for_is_the_same() -> None:
    asked: dict[str, set[str]] = {}
    for folder in DISTRIBUTIONS:
        for name, one in requirements(folder).items():
            asked.setdefault(name, set()).add(str(one.specifier))
    assert {name: ranges for name, ranges in asked.items() if len(ranges) > 1} == {}


def test_the_whole_brings_every_part() -> None:
    brought = {
        line.split("@")[0].split("[")[0].strip(): line.partition("{root:uri}/")[2]
        for line in project(".")["dependencies"]
    }
    assert brought == {project(folder)["name"]: folder for folder in DISTRIBUTIONS}


def test_constraints_pin_everything_that_is_installed() -> None:
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.M))
    assert pinned["torch"] == "2.13.0"
    for folder in (*DISTRIBUTIONS, EXAMPLE):
        extras = [line for lines in project(folder).get("optional-dependencies", {}).values() for line in lines]
        for one in map(Requirement, [*project(folder)["dependencies"], *extras]):
            if not one.name.startswith("hookloom"):
                assert pinned[one.name] in one.specifier, one
