from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from installed import forget, install

from core import registries
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
    forget()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: Any) -> Callable[..., None]:
    """Install a distribution: metadata and one module, in a folder on the path."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    return functools.partial(install, tmp_path)
