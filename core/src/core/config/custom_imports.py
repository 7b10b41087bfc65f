"""`custom_imports`: modules whose import registers components."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import sys
import traceback
import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from core.config.locations import Locations, shown_path
from core.config.problems import Problem
from core.errors import ConfigError
from core.suggest import nearest

KEY = "custom_imports"
_NO_NAME = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")


class CustomImportError(ImportError):
    """A module that cannot be imported.

    Args:
        module: its name.
        error: what went wrong.
    """

    def __init__(self, module: str, error: BaseException) -> None:
        self.message, self.meant = f"module {module!r} cannot be imported: {_said(error)}", _meant(module, error)
        self.where = _where(module, error)
        parts = [self.message, self.meant and f"did you mean {self.meant!r}?", self.where]
        super().__init__("; ".join(part for part in parts if part))


def import_module(name: str) -> ModuleType:
    """Import a module.

    Raises:
        CustomImportError: if it, or something that it imports, fails; the cause is chained.
    """
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise CustomImportError(name, error) from error


def _said(error: BaseException) -> str:
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {said}".rstrip(": ")


def _meant(module: str, error: BaseException) -> str | None:
    """Return the name that was probably meant: of an attribute, or of the module itself."""
    if isinstance(error, AttributeError) and error.name is not None:
        return next(iter(nearest(error.name, dir(error.obj))), None)
    from_import = _NO_NAME.match(str(error)) if isinstance(error, ImportError) else None
    if from_import and from_import[2] in sys.modules:
        return next(iter(nearest(from_import[1], dir(sys.modules[from_import[2]]))), None)
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing is None or not f"{module}.".startswith(f"{missing}."):
        return None
    package, _, last = missing.rpartition(".")
    folders = sys.modules[package].__path__ if package else [os.getcwd()]
    close = nearest(last, [found.name for found in pkgutil.iter_modules(folders)])
    return f"{package}.{close[0]}".lstrip(".") + module[len(missing) :] if close else None


def _where(module: str, error: BaseException) -> str | None:
    """Return file, line and text of what failed: the last line of the user's own package on the way there."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{shown_path(error.filename, None)}:{error.lineno}: {(error.text or '').strip()}"
    top, found = module.partition(".")[0], None
    for frame in traceback.extract_tb(error.__traceback__):
        parts = os.path.splitext(frame.filename)[0].split(os.sep)
        if top in parts:
            found = frame
    return found and f"{shown_path(found.filename, None)}:{found.lineno}: {found.line}"


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
            modules.append(import_module(name))
        except CustomImportError as error:
            if not allow_failed_imports:
                raise
            warnings.warn(str(error), UserWarning, stacklevel=2)
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
