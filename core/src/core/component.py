"""A component as the registries hand it out: the object, its name, and the distribution that brought it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import importlib_metadata


@attrs.frozen
class Provider:
    """Where a component comes from.

    Args:
        distribution: name of the installed distribution, or of the module for code that is not installed.
        version: its version; empty for code that is not installed.
    """

    distribution: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".rstrip()


@attrs.frozen
class Component:
    """One resolved component.

    Args:
        name: the name it was found under, without a qualifier.
        target: the class or function itself.
        provider: where it comes from.
        registry: name of the registry that was asked.
    """

    name: str
    target: Callable[..., Any]
    provider: Provider
    registry: str


def provider_of(target: Any) -> Provider:
    """Tell the distribution of a class or function from the name of its top-level module."""
    module = getattr(target, "__module__", None) or "__main__"
    top = module.partition(".")[0]
    if top == "core":
        top = "hookloom-core"
    try:
        found = importlib_metadata.distribution(top)
    except (importlib_metadata.PackageNotFoundError, ValueError):
        return Provider(module)
    return Provider(found.metadata["Name"] or top, found.version)
