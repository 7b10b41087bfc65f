"""numpy's numbers and arrays in checkpoints that others wrote, read as plain data without running numpy's code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from core.errors import CheckpointError


class _Dtype:
    """Stands for `numpy.dtype`."""

    def __init__(self, code: Any = "", *_: Any) -> None:
        self.code = str(code)
        self.order = "<"

    def __setstate__(self, state: Any) -> None:
        self.order = state[1] if isinstance(state, tuple) and len(state) > 1 else "<"

    def real(self) -> np.dtype[Any]:
        if self.code[:1] not in tuple("biufcSU") or self.order not in tuple("<>|="):
            raise CheckpointError(f"holds numpy data of type {self.code!r}, which is no number and no text")
        return np.dtype(self.order + self.code)


class _Scalar:
    """Stands for the function that makes a numpy number again: it makes Python's."""

    def __new__(cls, dtype: Any, data: Any) -> Any:
        return _values(dtype, data).item()


class _Array(list[Any]):
    """Stands for `numpy.ndarray`: a list, or a list of lists."""

    def __init__(self, *_: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, is_fortran, data = state
        values = _values(dtype, data).reshape(shape, order="F" if is_fortran else "C").tolist()
        self[:] = values if isinstance(values, list) else [values]


class _Reconstruct:
    """Stands for the function that makes an empty array, to be filled by its state."""

    def __new__(cls, kind: Any, *_: Any) -> Any:
        if not (isinstance(kind, type) and issubclass(kind, _Array)):
            raise CheckpointError("holds a class derived from a numpy array")
        return kind()


def _values(dtype: Any, data: Any) -> np.ndarray[Any, Any]:
    if not isinstance(dtype, _Dtype) or not isinstance(data, bytes):
        raise CheckpointError("holds numpy data in a form that is not known")
    return np.frombuffer(data, dtype.real())


def _named(stand_in: type, path: str) -> Callable[..., Any]:
    module, _, name = path.rpartition(".")
    return type(name, (stand_in,), {"__module__": module, "__qualname__": name})


# torch compares names, and old and new numpy differ in them.
STAND_INS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    bytes,  # an empty one is written as a call
    _named(_Dtype, "numpy.dtype"),
    _named(_Array, "numpy.ndarray"),
    *(
        _named(stand_in, f"numpy.{core}.multiarray.{name}")
        for core in ("core", "_core")
        for stand_in, name in ((_Scalar, "scalar"), (_Reconstruct, "_reconstruct"))
    ),
]
