"""The optimizers of the library pytorch_optimizer, each behind an adapter that is made when it is first asked for."""

from __future__ import annotations

from typing import Any

from hookloom_optim_extra.pytorch_optimizer.table import REFUSED, USABLE

__all__ = list(USABLE)


def __dir__() -> list[str]:
    return sorted(USABLE)


def __getattr__(name: str) -> Any:
    if name in REFUSED:
        raise AttributeError(f"pytorch_optimizer.{name} cannot be used: it {REFUSED[name]}")
    if name not in USABLE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hookloom_optim_extra.pytorch_optimizer.adapter import adapted

    globals()[name] = cls = adapted(name)
    return cls
