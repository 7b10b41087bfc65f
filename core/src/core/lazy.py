"""Packages that hand on names without importing where they come from (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from core.suggest import did_you_mean


def lazy_names(package: str, names: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for a package.

    Args:
        package: the package's `__name__`.
        names: each public name, and the module that defines it.
    """

    def __getattr__(name: str) -> Any:
        if name not in names:
            hint = did_you_mean(name, names)
            raise AttributeError(f"module {package!r} has no attribute {name!r}{hint}")
        value = getattr(importlib.import_module(names[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__, lambda: sorted({*names, *vars(sys.modules[package])})
