"""Entry points: what the pyproject files promise is installed, can be imported, and is known when it is missing."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import importlib_metadata
import pytest

from core import Registry, registries
from core.plugins.catalog import catalog
from core.plugins.missing import FIRST_PARTY, FOLDERS

ROOT = Path(__file__).parent.parent.parent
PLUGINS = ("plugins/optim_extra", "plugins/loggers", "plugins/hooks")
DISTRIBUTIONS = ("core", *PLUGINS)
REGISTRIES = {f"hookloom.{one.name}": one for one in vars(registries).values() if isinstance(one, Registry)}


def project(folder: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]


def points(folder: str) -> Iterator[tuple[str, str, str]]:
    for group, table in project(folder)["entry-points"].items():
        for name, value in table.items():
            if group.startswith("hookloom."):
                yield group, name, value


POINTS = [(folder, *point) for folder in DISTRIBUTIONS for point in points(folder)]


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_what_is_promised_is_installed(folder: str) -> None:
    installed = importlib_metadata.distribution(project(folder)["name"]).entry_points
    found = {(point.group, point.name, point.value) for point in installed if point.group.startswith("hookloom.")}
    assert found == set(points(folder))


@pytest.mark.parametrize(("folder", "group", "name", "value"), POINTS, ids=[f"{p[1]}-{p[2]}" for p in POINTS])
def test_what_is_promised_can_be_imported(folder: str, group: str, name: str, value: str) -> None:
    (package,) = (path.name for path in (ROOT / folder / "src").iterdir())
    module, _, attribute = value.partition(" ")[0].partition(":")
    assert module.split(".")[0] == package
    target = getattr(importlib.import_module(module), attribute)
    assert callable(target)
    assert (target.__doc__ or "").strip()
    if name.endswith(".*"):
        assert all(isinstance(one, type) for one in target().values())
    elif "." in name:
        assert name.endswith(f".{attribute}")
    elif group in ("hookloom.lr_updaters", "hookloom.momentum_updaters"):
        kind = "Lr" if group == "hookloom.lr_updaters" else "Momentum"
        assert attribute.casefold() == f"{name}{kind}UpdaterHook".casefold()
    else:
        assert attribute == name


@pytest.mark.parametrize(("folder", "group", "name", "value"), POINTS, ids=[f"{p[1]}-{p[2]}" for p in POINTS])
def test_what_is_promised_is_offered_by_its_registry(folder: str, group: str, name: str, value: str) -> None:
    if name.endswith(".*"):
        return
    component = REGISTRIES[group].resolve(name)
    assert f"{component.target.__module__}:{component.target.__qualname__}" == value.partition(" ")[0]
    assert str(component.provider) == f"{project(folder)['name']} {project(folder)['version']}"


def test_every_group_is_one_of_a_registry() -> None:
    assert len(REGISTRIES) == 9
    assert {group for _, group, _, _ in POINTS} <= REGISTRIES.keys()
    assert {f"hookloom.{offer.registry}" for offer in catalog().offers} <= REGISTRIES.keys()


def test_no_two_distributions_offer_the_same_name() -> None:
    names = [(group, name.casefold()) for _, group, name, _ in POINTS]
    assert len(names) == len(set(names))


def test_the_table_of_what_a_missing_plugin_would_bring() -> None:
    table: dict[str, dict[str, str]] = {}
    for folder in PLUGINS:
        for group, name, _ in points(folder):
            if "." in name:  # a library's, of which its prefix tells
                continue
            table.setdefault(group.removeprefix("hookloom."), {})[name] = project(folder)["name"]
    assert table == FIRST_PARTY
    assert {project(folder)["name"]: folder for folder in PLUGINS} == FOLDERS
