"""Building optimizers from config sections."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from attrs import frozen

from core.errors import OptionError
from core.optim.default_constructor import DefaultOptimizerConstructor
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
    built = build(model, cfg)
    for part in built.parts:
        found = getattr(part.constructor, "unmatched", ())
        for one in found if isinstance(part.constructor, DefaultOptimizerConstructor) else ():
            logging.getLogger("core").warning("%s", one.text(part.model))
    return built.optimizer


@frozen
class Part:
    """What one constructor made.

    Args:
        name: of the sub-module it is for; empty for the whole model.
        model: that sub-module.
        constructor: the constructor.
        optimizer: the optimizer, or a dict of them by name.
    """

    name: str
    model: torch.nn.Module
    constructor: Any
    optimizer: Any


@frozen
class Built:
    """The optimizer or optimizers of a config, and what they were made by.

    Args:
        parts: one for each constructor.
        several: whether the config has optimizers by name.
    """

    parts: tuple[Part, ...]
    several: bool

    @property
    def optimizer(self) -> Any:
        """What the runner is given: an optimizer, or a dict of them by name."""
        if self.several:
            return {part.name: part.optimizer for part in self.parts}
        return self.parts[0].optimizer


def build(model: torch.nn.Module, cfg: Mapping[str, Any]) -> Built:
    """Do what `build_optimizer` does, and return the constructors too.

    Args:
        model: the model, or a wrapper that holds it as `module`.
        cfg: as `build_optimizer` takes it.
    """
    if not isinstance(cfg, Mapping):
        raise OptionError(f"optimizer must be a dict, got {type(cfg).__name__}: {cfg!r}")
    if not is_several(cfg):
        constructor = constructor_of(cfg)
        return Built((Part("", _inner(model), constructor, constructor(model)),), several=False)
    parts = []
    for name, one in cfg.items():
        constructor, part = constructor_of(one), part_of(model, name)
        optimizer = constructor(part)
        if isinstance(optimizer, dict):
            raise OptionError(
                f"optimizer.{name}: {type(constructor).__name__} makes {len(optimizer)} optimizers here, and can do "
                "so only where it is alone"
            )
        parts.append(Part(name, part, constructor, optimizer))
    return Built(tuple(parts), several=True)


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
    inner = _inner(model)
    part = getattr(inner, name, None)
    if not isinstance(part, torch.nn.Module):
        hint = did_you_mean(name, [child for child, _ in inner.named_children()])
        raise OptionError(f"optimizer.{name}: {type(inner).__name__} has no sub-module of that name{hint}")
    return part


def _inner(model: torch.nn.Module) -> torch.nn.Module:
    inner = getattr(model, "module", None)
    return inner if isinstance(inner, torch.nn.Module) else model
