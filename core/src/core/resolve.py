"""Import paths as names of components: `pkg.mod.Class`, `pkg.mod.Class.method` and `pkg.mod:Class`."""

from __future__ import annotations

import importlib
import sys
from functools import reduce

from core.errors import BrokenComponentError, UnknownComponentError
from core.suggest import nearest


def looks_like_path(name: str) -> bool:
    """Tell whether a name can be an import path: identifiers joined by dots, at most one colon."""
    head, colon, tail = name.partition(":")
    if not colon and "." not in head:
        return False
    parts = head.split(".") + (tail.split(".") if colon else [])
    return all(part.isidentifier() for part in parts)


def import_object(path: str) -> object:
    """Import the object that an import path names.

    Args:
        path: `pkg.mod:Class`, or `pkg.mod.Class` where the longest importable part is the module.

    Raises:
        UnknownComponentError: if the module or the attribute does not exist.
        BrokenComponentError: if the module raises while it is imported; the cause is chained.
    """
    module_name, colon, attribute = path.partition(":")
    if colon:
        return _attribute(_module(module_name, path), attribute, path)
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            module = _module(".".join(parts[:cut]), path)
        except UnknownComponentError:
            if cut == 1:
                raise
            continue
        return _attribute(module, ".".join(parts[cut:]), path)
    raise UnknownComponentError(f"{path!r} is not an import path")


def _module(name: str, path: str) -> object:
    if name in sys.modules:
        return sys.modules[name]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise UnknownComponentError(f"{path!r} cannot be imported: {error}") from error
        raise BrokenComponentError(f"{path!r} cannot be imported: {type(error).__name__}: {error}") from error
    except Exception as error:
        raise BrokenComponentError(f"{path!r} cannot be imported: {type(error).__name__}: {error}") from error


def _attribute(module: object, attribute: str, path: str) -> object:
    try:
        return reduce(getattr, attribute.split("."), module)
    except AttributeError as error:
        name = getattr(module, "__name__", str(module))
        near = nearest(attribute, dir(module))
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownComponentError(f"module {name!r} has no {attribute!r}{hint}", near[0] if near else None) from error
