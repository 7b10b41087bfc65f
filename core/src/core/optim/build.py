"""Building optimizers from config sections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from core.errors import HookloomError
from core.registries import OPTIMIZER_BUILDERS
from core.registry import build_from_cfg
from core.suggest import did_you_mean


class OptimizerConfigError(HookloomError, ValueError):
    """An optimizer section that does not fit the model."""


def build_optimizer_constructor(cfg: Mapping[str, Any]) -> Any:
    """Build the constructor that a dict (`type`, `optimizer_cfg`, `paramwise_cfg`) describes."""
    return build_from_cfg(cfg, OPTIMIZER_BUILDERS)


def build_optimizer(model: torch.nn.Module, cfg: Mapping[str, Any]) -> Any:
    """Build the optimizer of a model.

    Args:
        model: the model, perhaps inside a parallel wrapper.
        cfg: `type` and the optimizer's arguments; `constructor` (default `DefaultOptimizerConstructor`)
            and `paramwise_cfg` say how its parameters are grouped. A dict of such dicts builds several, each
            for the sub-module of its name. It is left as it is.

    Returns:
        the optimizer, or a dict of them.

    Raises:
        OptimizerConfigError: if the model has no sub-module of a name.
        RegistryError: if a type is not known.
    """
    if is_several(cfg):
        inner = model.module if isinstance(getattr(model, "module", None), torch.nn.Module) else model
        optimizers = {}
        for name, one in cfg.items():
            part = getattr(inner, name, None)
            if not isinstance(part, torch.nn.Module):
                hint = did_you_mean(name, dict(inner.named_children()))
                raise OptimizerConfigError(
                    f"optimizer {name!r}: {type(inner).__name__} has no sub-module of that name{hint}"
                )
            optimizers[name] = build_optimizer(part, one)
        return optimizers
    options = dict(cfg)
    constructor = options.pop("constructor", "DefaultOptimizerConstructor")
    paramwise = options.pop("paramwise_cfg", None)
    construct = build_optimizer_constructor(
        {"type": constructor, "optimizer_cfg": options, "paramwise_cfg": paramwise}
    )
    return construct(model)


def is_several(cfg: Mapping[str, Any]) -> bool:
    """Tell whether a section is a dict of optimizers: no `type` of its own, only dicts inside."""
    return "type" not in cfg and bool(cfg) and all(isinstance(one, Mapping) for one in cfg.values())
