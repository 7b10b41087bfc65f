"""Dicts whose keys are attributes too, as users of MMCV configs expect them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from core.suggest import did_you_mean


class ConfigDict(dict[str, Any]):
    """A dict with attribute access; dicts put into it become ones of its kind."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.update(*args, **kwargs)

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, wrapped(value))

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        hint = did_you_mean(name, [key for key in self if isinstance(key, str)])
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'{hint}")

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Update as a dict does."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, which is set to `default` if it is not there."""
        if key not in self:
            self[key] = default
        return self[key]

    def copy(self) -> ConfigDict:
        """Return a shallow copy."""
        return type(self)(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain containers, all new."""
        plain: dict[str, Any] = unwrapped(self)
        return plain

    def __deepcopy__(self, memo: dict[int, Any]) -> ConfigDict:
        return type(self)({key: copy.deepcopy(value, memo) for key, value in self.items()})

    def __reduce__(self) -> Any:
        return type(self), (dict(self),)


def wrapped(value: Any) -> Any:
    """Return a value with every plain dict in it turned into a ConfigDict."""
    if isinstance(value, ConfigDict):
        return value
    if isinstance(value, Mapping):
        return ConfigDict(value)
    if type(value) is list:
        return [wrapped(item) for item in value]
    if type(value) is tuple:
        return tuple(wrapped(item) for item in value)
    return value


def unwrapped(value: Any) -> Any:
    """Return plain containers, all new."""
    if isinstance(value, Mapping):
        return {key: unwrapped(item) for key, item in value.items()}
    if type(value) is list:
        return [unwrapped(item) for item in value]
    if type(value) is tuple:
        return tuple(unwrapped(item) for item in value)
    return value
