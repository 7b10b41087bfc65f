"""The optimizer constructor that gives every parameter the learning rate and decay its kind and name call for."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from core.errors import HookloomError
from core.registries import OPTIMIZERS
from core.registry import build_from_cfg
from core.suggest import did_you_mean

NORMS = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm)
# MMCV's deformable convolutions are compiled elsewhere: known by name, with everything that derives from them.
DEFORMABLE = {"DeformConv2d", "ModulatedDeformConv2d"}
MULTIPLIERS = (
    "bias_lr_mult",
    "bias_decay_mult",
    "norm_decay_mult",
    "dwconv_decay_mult",
    "dcn_offset_lr_mult",
)
KEYS = (*MULTIPLIERS, "custom_keys", "bypass_duplicate")


class ParamwiseError(HookloomError, ValueError, TypeError):
    """A `paramwise_cfg` that cannot be applied."""


class DefaultOptimizerConstructor:
    """Build an optimizer whose parameter groups follow `paramwise_cfg`.

    Without `paramwise_cfg` all parameters form one group; with it every parameter is a group of its own.
    `custom_keys` come first: the longest key that occurs in a parameter's name decides (of equally long
    ones the alphabetically first), and no other rule applies to it. Otherwise norm layers, depthwise
    convolutions and biases have their multipliers, in this order for the weight decay.

    Args:
        optimizer_cfg: `type` and arguments of the optimizer.
        paramwise_cfg: `custom_keys` (`{part of a name: dict(lr_mult=, decay_mult=)}`), `bias_lr_mult`,
            `bias_decay_mult`, `norm_decay_mult`, `dwconv_decay_mult`, `dcn_offset_lr_mult` (each 1 by
            default), `bypass_duplicate` (leave out parameters met before; default False).

    Raises:
        ParamwiseError: if an argument is no dict, or a decay multiplier is given without `weight_decay`.
    """

    def __init__(
        self, optimizer_cfg: Mapping[str, Any], paramwise_cfg: Mapping[str, Any] | None = None
    ) -> None:
        if not isinstance(optimizer_cfg, Mapping):
            raise ParamwiseError(f"optimizer_cfg must be a dict, got {type(optimizer_cfg).__name__}")
        self.optimizer_cfg = optimizer_cfg
        self.paramwise_cfg: Mapping[str, Any] = {} if paramwise_cfg is None else paramwise_cfg
        self.base_lr = optimizer_cfg.get("lr")
        self.base_wd = optimizer_cfg.get("weight_decay")
        self._validate_cfg()

    def _validate_cfg(self) -> None:
        if not isinstance(self.paramwise_cfg, Mapping):
            raise ParamwiseError(
                f"paramwise_cfg must be a dict or None, got {type(self.paramwise_cfg).__name__}"
            )
        custom = self.paramwise_cfg.get("custom_keys", {})
        if not isinstance(custom, Mapping) or not all(isinstance(rule, Mapping) for rule in custom.values()):
            raise ParamwiseError(f"paramwise_cfg.custom_keys must be a dict of dicts, got {custom!r}")
        if self.base_wd is not None:
            return
        needing = [f"custom_keys[{key!r}].decay_mult" for key, rule in custom.items() if "decay_mult" in rule]
        needing += [key for key in MULTIPLIERS if "decay" in key and key in self.paramwise_cfg]
        if needing:
            raise ParamwiseError(f"paramwise_cfg.{needing[0]} needs the optimizer's weight_decay, which is not given")

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer:
        """Build the optimizer of a model.

        Raises:
            ParamwiseError: if a multiplier applies where the optimizer has no `lr`, or a parameter occurs
                twice without `bypass_duplicate`.
        """
        if hasattr(model, "module"):
            model = model.module
        options = dict(self.optimizer_cfg)
        if self.paramwise_cfg:
            params: list[dict[str, Any]] = []
            self.add_params(params, model)
            options["params"] = params
        else:
            options["params"] = model.parameters()
        optimizer: torch.optim.Optimizer = build_from_cfg(options, OPTIMIZERS)
        return optimizer

    def add_params(
        self, params: list[dict[str, Any]], module: nn.Module, prefix: str = "", is_dcn_module: bool = False
    ) -> None:
        """Append the groups of a module's own parameters and of everything below it.

        Args:
            params: what to append to.
            module: the module.
            prefix: its name in the model.
            is_dcn_module: whether the module above it is a deformable convolution.
        """
        for name, parameter in module.named_parameters(recurse=False):
            group: dict[str, Any] = {"params": [parameter]}
            if parameter.requires_grad:
                if self.paramwise_cfg.get("bypass_duplicate", False) and _is_in(parameter, params):
                    warnings.warn(
                        f"{prefix} is duplicate. It is skipped since bypass_duplicate=True", stacklevel=2
                    )
                    continue
                group.update(self._options(name, module, prefix, is_dcn_module))
            params.append(group)
        below = any(kind.__name__ in DEFORMABLE for kind in type(module).__mro__)
        for child_name, child in module.named_children():
            self.add_params(params, child, f"{prefix}.{child_name}" if prefix else child_name, below)

    def _options(self, name: str, module: nn.Module, prefix: str, is_dcn_module: bool) -> dict[str, Any]:
        custom = self.paramwise_cfg.get("custom_keys", {})
        for key in sorted(sorted(custom), key=len, reverse=True):
            if key in f"{prefix}.{name}":
                rule = custom[key]
                options = {"lr": self._lr(rule.get("lr_mult", 1.0))}
                if self.base_wd is not None:
                    options["weight_decay"] = self.base_wd * rule.get("decay_mult", 1.0)
                return options
        options = {}
        is_norm = isinstance(module, NORMS)
        is_conv = isinstance(module, nn.Conv2d)
        # Without any multiplier the rate is still written out, as MMCV does.
        if name == "bias" and not (is_norm or is_dcn_module):
            options["lr"] = self._lr(self._multiplier("bias_lr_mult"))
        if "conv_offset" in prefix and is_dcn_module and is_conv:
            options["lr"] = self._lr(self._multiplier("dcn_offset_lr_mult"))
        if self.base_wd is not None:
            if is_norm:
                options["weight_decay"] = self.base_wd * self._multiplier("norm_decay_mult")
            elif isinstance(module, nn.Conv2d) and module.in_channels == module.groups:
                options["weight_decay"] = self.base_wd * self._multiplier("dwconv_decay_mult")
            elif name == "bias" and not is_dcn_module:
                options["weight_decay"] = self.base_wd * self._multiplier("bias_decay_mult")
        return options

    def _multiplier(self, key: str) -> float:
        return self.paramwise_cfg.get(key, 1.0)  # type: ignore[no-any-return]

    def _lr(self, multiplier: float) -> float:
        if self.base_lr is None:
            raise ParamwiseError("paramwise_cfg scales the learning rate, but the optimizer's lr is not given")
        return self.base_lr * multiplier  # type: ignore[no-any-return]


def unknown_paramwise_keys(paramwise_cfg: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys that no rule knows, each with a hint at what was meant."""
    return {key: did_you_mean(key, KEYS) for key in paramwise_cfg if key not in KEYS}


def _is_in(parameter: nn.Parameter, params: list[dict[str, Any]]) -> bool:
    return any(parameter is other for group in params for other in group["params"])
