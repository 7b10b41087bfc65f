"""`custom_imports`: modules whose import registers components."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from core.config.locations import Locations
from core.config.problems import Problem
from core.errors import ConfigError

KEY = "custom_imports"


def import_modules_from_strings(
    imports: str | list[str] | None, allow_failed_imports: bool = False
) -> ModuleType | list[ModuleType | None] | None:
    """Import modules by name.

    Args:
        imports: one name or a list of them.
        allow_failed_imports: whether a module that cannot be imported is None, with a warning.

    Returns:
        the module, or the list of them.

    Raises:
        ImportError: if one cannot be imported; what went wrong in it is its cause.
        TypeError: if `imports` is neither a text nor a list of texts.
    """
    if not imports:
        return None
    names = [imports] if isinstance(imports, str) else imports
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"custom_imports must be a module name or a list of them, got {imports!r}")
    modules: list[ModuleType | None] = []
    for name in names:
        try:
            modules.append(importlib.import_module(name))
        except Exception as error:
            said = f"module {name!r} cannot be imported: {type(error).__name__}: {error}"
            if not allow_failed_imports:
                raise ImportError(said) from error
            warnings.warn(said, UserWarning, stacklevel=2)
            modules.append(None)
    return modules[0] if isinstance(imports, str) else modules


def apply_custom_imports(data: Mapping[str, Any], locations: Locations, filename: str | None) -> None:
    """Import what the section of a config asks for.

    Args:
        data: the config.
        locations: the places of its keys.
        filename: the config the user named.

    Raises:
        ConfigError: if the section is malformed or an import fails; the cause is chained.
    """
    section = data.get(KEY)
    if section is None:
        return
    if isinstance(section, (str, list, tuple)):
        section = {"imports": section}
    if not isinstance(section, Mapping):
        raise _problem(f"expected dict, got {type(section).__name__}", (KEY,), locations, filename)
    unknown = [key for key in section if key not in ("imports", "allow_failed_imports")]
    if unknown:
        raise _problem("unknown key; known are imports, allow_failed_imports", (KEY, unknown[0]), locations, filename)
    try:
        imports = section.get("imports")
        names = list(imports) if isinstance(imports, tuple) else imports
        import_modules_from_strings(names, bool(section.get("allow_failed_imports", False)))
    except (ImportError, TypeError) as error:
        raise _problem(str(error), (KEY, "imports"), locations, filename) from (error.__cause__ or error)


def _problem(message: str, path: tuple[str, ...], locations: Locations, filename: str | None) -> ConfigError:
    return ConfigError([Problem(message, path, locations.nearest(path)[0])], filename)
