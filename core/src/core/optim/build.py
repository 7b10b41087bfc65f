"""Building optimizers from config sections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from core.errors import OptionError
from core.registries import OPTIMIZER_BUILDERS
from core.registry import build_from_cfg
from core.suggest import did_you_mean


def build_optimizer_constructor(cfg: Mapping[str, Any]) -> Any:
    """Build the constructor that a dict (`type`, `optimizer_cfg`, `paramwise_cfg`) describes."""
    return build_from_cfg(cfg, OPTIMIZER_BUILDERS)


def build_optimizer(model: torch.nn.Module, cfg: Mapping[str, Any]) -> Any:
    """Build the optimizer of a model.

    Args:
        model: the model, or a wrapper that holds it as `module`.
        cfg: `type` and the optimizer's arguments; `constructor` (default `DefaultOptimizerConstructor`)
            and `paramwise_cfg` say how its parameters are grouped. A dict of such dicts builds several, each
            for the sub-module of its name. It is left as it is.

    Returns:
        the optimizer, or a dict of them by name.

    Raises:
        OptionError: if the model has no sub-module of a name.
        RegistryError: if a type is not known.
    """
    if not isinstance(cfg, Mapping):
        raise OptionError(f"optimizer must be a dict, got {type(cfg).__name__}: {cfg!r}")
    if is_several(cfg):
        return {name: build_optimizer(part_of(model, name), one) for name, one in cfg.items()}
    return constructor_of(cfg)(model)


def constructor_of(cfg: Mapping[str, Any]) -> Any:
    """Return the constructor that builds one optimizer of a section when it is called with the model.

    Args:
        cfg: as `build_optimizer` takes it, of one optimizer.
    """
    options = dict(cfg)
    constructor = options.pop("constructor", "DefaultOptimizerConstructor")
    paramwise = options.pop("paramwise_cfg", None)
    return build_optimizer_constructor({"type": constructor, "optimizer_cfg": options, "paramwise_cfg": paramwise})


def is_several(cfg: Mapping[str, Any]) -> bool:
    """Tell whether a section is a dict of optimizers: no `type` of its own, only dicts inside."""
    return "type" not in cfg and bool(cfg) and all(isinstance(one, Mapping) for one in cfg.values())


def part_of(model: torch.nn.Module, name: str) -> torch.nn.Module:
    """Return the sub-module that one of several optimizers is for.

    Raises:
        OptionError: if there is none of that name.
    """
    inner = model.module if isinstance(getattr(model, "module", None), torch.nn.Module) else model
    part = getattr(inner, name, None)
    if not isinstance(part, torch.nn.Module):
        hint = did_you_mean(name, [child for child, _ in inner.named_children()])  # type: ignore[union-attr]
        raise OptionError(f"optimizer.{name}: {type(inner).__name__} has no sub-module of that name{hint}")
    return part
