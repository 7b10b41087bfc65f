"""What may stand in a checkpoint: tensors, numbers, texts and containers of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch

from core.errors import UnsavableStateError

_ATOMS = (bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.Size, torch.layout)
_INT_BITS = 2032  # more would take a form that reading as data does not know


def plain(value: Any, path: str = "checkpoint") -> Any:
    """Return a copy of the containers with only tensors and plain data in them.

    numpy numbers become Python's, since reading refuses foreign classes; everything else that is foreign is
    refused here, before anything is written.

    Args:
        value: what shall be saved.
        path: where it stands, for the error.

    Raises:
        UnsavableStateError: naming the path of the first value that cannot be saved.
    """
    return _plain(value, path, ())


def _plain(value: Any, path: str, outer: tuple[int, ...]) -> Any:
    if value is None or type(value) in _ATOMS:
        if type(value) is int and value.bit_length() > _INT_BITS:
            raise UnsavableStateError(f"{path}: an int of {value.bit_length()} bits is too long to be saved")
        return value
    if isinstance(value, torch.Tensor):
        return _tensor(value, path)
    if isinstance(value, (Mapping, list, tuple, set, frozenset, range)):
        if id(value) in outer:
            raise UnsavableStateError(f"{path}: a {type(value).__name__} that contains itself cannot be saved")
        return _container(value, path, (*outer, id(value)))
    return _number(value, path)


def _container(value: Any, path: str, outer: tuple[int, ...]) -> Any:
    if isinstance(value, OrderedDict):
        ordered = OrderedDict(_items(value, path, outer))
        # A state dict keeps the versions of the modules, `_metadata`, as an attribute.
        for name, item in vars(value).items():
            setattr(ordered, name, _plain(item, f"{path}.{name}", outer))
        return ordered
    if isinstance(value, Mapping):
        return dict(_items(value, path, outer))
    if isinstance(value, (set, frozenset)):
        return {_plain(item, path, outer) for item in value}
    items = [_plain(item, f"{path}[{place}]", outer) for place, item in enumerate(value)]
    return tuple(items) if isinstance(value, tuple) else items


def _items(value: Mapping[Any, Any], path: str, outer: tuple[int, ...]) -> list[tuple[Any, Any]]:
    return [
        (_plain(key, f"{path}: the key {key!r:.40}", outer), _plain(item, f"{path}[{key!r:.80}]", outer))
        for key, item in value.items()
    ]


def _tensor(value: torch.Tensor, path: str) -> torch.Tensor:
    if type(value) is not torch.Tensor and not type(value).__module__.startswith("torch."):
        raise UnsavableStateError(
            f"{path}: an object of class {_class(value)} cannot be saved; "
            "`.as_subclass(torch.Tensor)` makes it a plain one"
        )
    if torch.nn.parameter.is_lazy(value):
        raise UnsavableStateError(f"{path}: a lazy parameter has no shape before the first forward pass")
    # Neither the graph behind it nor attributes that somebody set on it belong into the file.
    return value.detach()


def _number(value: Any, path: str) -> Any:
    kinds: tuple[Any, ...] = (int, float, complex, str, bytes)
    for kind in kinds:
        if isinstance(value, kind):  # a subclass, such as numpy's float64
            return _plain(kind(value), path, ())
    is_numpy = type(value).__module__ == "numpy"
    if is_numpy and getattr(value, "ndim", None) == 0:
        number = value.item()
        if type(number) in _ATOMS:
            return number
    hint = "; `.tolist()` or torch.from_numpy makes it savable" if is_numpy and hasattr(value, "tolist") else ""
    raise UnsavableStateError(
        f"{path}: an object of class {_class(value)} cannot be saved; tensors, numbers, texts and containers of "
        f"them can{hint}"
    )


def _class(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
