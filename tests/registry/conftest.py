from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core import registries
from core.plugins import catalog as catalog_module
from core.registry import Registry


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Forget what a test registers or installs."""
    known = [one for one in vars(registries).values() if isinstance(one, Registry)]
    before = [dict(registry._local) for registry in known]
    modules = set(sys.modules)
    yield
    for registry, local in zip(known, before, strict=True):
        registry._local = local
    for name in set(sys.modules) - modules:
        if name.endswith("_pkg"):
            del sys.modules[name]
    catalog_module.catalog.cache_clear()
    catalog_module._refused_core_range.cache_clear()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: Any) -> Callable[..., None]:
    """Install a distribution: metadata and one module, in a folder on the path."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def install(name: str, points: str, code: str = "", requires: str = "", version: str = "1.2") -> None:
        module = name.replace("-", "_")
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        (info / "entry_points.txt").write_text(points)
        (tmp_path / f"{module}.py").write_text(code)
        catalog_module.catalog.cache_clear()
        catalog_module._refused_core_range.cache_clear()

    return install
