"""A component as the registries hand it out: the object, its name, and the distribution that brought it."""

from __future__ import annotations

import email
import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import importlib_metadata

if TYPE_CHECKING:
    from email.message import Message


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
    return distribution_of(top) or Provider(module)


@functools.cache
def distribution_of(name: str) -> Provider | None:
    """Return the installed distribution of a name; looked up once a process, as the catalog is."""
    try:
        about = headers(importlib_metadata.distribution(name))
    except (importlib_metadata.PackageNotFoundError, ValueError):
        return None
    return Provider(about["Name"] or name, about["Version"] or "")


def normal_name(distribution: str) -> str:
    """Return the normal form of a distribution's name (PEP 503): `Hookloom_Core` is `hookloom-core`.

    `packaging.utils` does the same, but its import takes milliseconds that every start would pay.
    """
    return re.sub(r"[-_.]+", "-", distribution).lower()


def headers(distribution: Any) -> Message:
    """Read the metadata of a distribution without the long description that follows the headers.

    `Distribution.metadata` parses both, which takes longer than everything else that is asked of a distribution.

    Args:
        distribution: one of `importlib_metadata`.
    """
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    return email.message_from_string(text.partition("\n\n")[0])
