"""Importing a tracker's package, or saying which extra brings it."""

from __future__ import annotations

import importlib
from typing import Any

from core.errors import HookError


def need(name: str, *, hook: str, extra: str) -> Any:
    """Import a module that an extra of this distribution brings.

    Args:
        name: of the module, dotted.
        hook: what needs it, for the message.
        extra: the extra of `hookloom-loggers`.

    Raises:
        HookError: if it cannot be imported.
    """
    try:
        module = importlib.import_module(name)
        # The folder `wandb` of earlier runs passes for a package without a file.
        if getattr(module, "__file__", None) is None:
            raise ImportError(f"{name} is not installed")
    except ImportError as error:
        raise HookError(f"{hook} cannot import {name} ({error}): pip install 'hookloom-loggers[{extra}]'") from error
    return module
