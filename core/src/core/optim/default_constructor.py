"""The optimizer constructor that gives every parameter the lr and decay its kind and name call for."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from core.config.paramwise import ParamwiseConfig, Unmatched, declared_of, unmatched
from core.errors import OptionError
from core.optim.capabilities import Capabilities, capabilities_of, unsplit
from core.optim.merge import merged
from core.registries import OPTIMIZERS
from core.registry import build_from_cfg

NORMS = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm)
# MMCV's deformable convolutions are compiled elsewhere: known by name, with what derives from them.
DEFORMABLE = frozenset({"DeformConv2d", "ModulatedDeformConv2d"})
DECAY_MULTIPLIERS = ("bias_decay_mult", "norm_decay_mult", "dwconv_decay_mult")

Groups = list[dict[str, Any]]


class DefaultOptimizerConstructor:
    """Build an optimizer whose parameter groups follow `paramwise_cfg`.

    Without `paramwise_cfg` all parameters form one group; with it every parameter is a group of its own,
    or with `merge_groups` those with equal settings form one.
    `custom_keys` come first: the longest key that occurs in a parameter's name decides (of equally long
    ones the alphabetically first), and no other rule applies to it. Otherwise the weight decay is that of
    a norm layer, else of a depthwise convolution, else of a bias; the learning rate that of a bias outside
    norms, or of the offset convolution in a deformable one.

    An optimizer with `needs_names` gets pairs of name and parameter, one with `needs_model` the model too.

    Args:
        optimizer_cfg: `type` and arguments of the optimizer.
        paramwise_cfg: `custom_keys` (`{part of a name: dict(lr_mult=, decay_mult=)}`), `bias_lr_mult`,
            `bias_decay_mult`, `norm_decay_mult`, `dwconv_decay_mult`, `dcn_offset_lr_mult` (each 1 by
            default), `bypass_duplicate` (leave out parameters met before; default False), `merge_groups`
            (default False), `strict_keys` (a rule that matches no parameter is an error; default False).

    Raises:
        OptionError: if an argument is no dict, or a decay multiplier is given without `weight_decay`.
    """

    always_groups: ClassVar[bool] = False
    """Whether parameters are grouped by rule where there is no `paramwise_cfg` either."""
    merges_by_default: ClassVar[bool] = False
    """What `merge_groups` is where it is not given."""
    splits: ClassVar[bool] = False  # whether the groups fit an optimizer that is not for all parameters alike

    def __init__(self, optimizer_cfg: Mapping[str, Any], paramwise_cfg: Mapping[str, Any] | None = None) -> None:
        if not isinstance(optimizer_cfg, Mapping):
            raise OptionError(f"optimizer must be a dict, got {type(optimizer_cfg).__name__}")
        self.optimizer_cfg = optimizer_cfg
        self.paramwise_cfg: Mapping[str, Any] = {} if paramwise_cfg is None else paramwise_cfg
        self.rules: dict[str, str] = {}  # by parameter: what of `paramwise_cfg` applied to it, for people to read
        self.unmatched: list[Unmatched] = []  # the rules of `paramwise_cfg` that name no parameter of the model
        self.base_lr: float | None = optimizer_cfg.get("lr")
        self.base_wd: float | None = optimizer_cfg.get("weight_decay")
        self._validate_cfg()

    def _validate_cfg(self) -> None:
        paramwise = self.paramwise_cfg
        if not isinstance(paramwise, Mapping):
            raise OptionError(f"paramwise_cfg must be a dict or None, got {type(paramwise).__name__}")
        custom = paramwise.get("custom_keys", {})
        if not isinstance(custom, Mapping):
            raise OptionError(f"paramwise_cfg.custom_keys must be a dict, got {type(custom).__name__}")
        if self.base_wd is None:
            needing = [f"custom_keys[{key!r}].decay_mult" for key in custom if "decay_mult" in self._rule(key)]
            needing += [key for key in DECAY_MULTIPLIERS if key in paramwise]
            if needing:
                raise OptionError(f"paramwise_cfg.{needing[0]} needs optimizer.weight_decay, which is not set")

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer:
        """Build the optimizer of a model.

        Args:
            model: the model, or a wrapper that holds it as `module`.

        Raises:
            OptionError: if a multiplier applies and the optimizer's config gives no `lr`, if a parameter
                occurs twice without `bypass_duplicate`, if the optimizer is not for all parameters alike, or with
                `strict_keys` if a rule matches no parameter.
        """
        if hasattr(model, "module"):
            model = model.module  # type: ignore[assignment]
        options = dict(self.optimizer_cfg)
        flags = capabilities_of(OPTIMIZERS.resolve(options["type"]).target) if "type" in options else Capabilities()
        if flags.needs_split and not self.splits:
            raise OptionError(unsplit(str(options["type"]), type(self).__name__))
        if self.paramwise_cfg or self.always_groups:
            options["params"] = self.groups_of(model)
            if flags.needs_names:
                names = {id(parameter): name for name, parameter in model.named_parameters()}
                for group in options["params"]:
                    group["params"] = [(names[id(parameter)], parameter) for parameter in group["params"]]
        else:
            options["params"] = model.named_parameters() if flags.needs_names else model.parameters()
        if flags.needs_model:
            options["model"] = model
        optimizer: torch.optim.Optimizer = build_from_cfg(options, OPTIMIZERS)
        return optimizer

    def groups_of(self, model: nn.Module) -> Groups:
        """Return the parameter groups of a model, merged if `merge_groups` says so.

        Raises:
            OptionError: as when the constructor is called.
        """
        self._match(model)
        params: Groups = []
        self.add_params(params, model)
        _refuse_duplicates(params, model)
        if not self.merges:
            return params
        given = {"lr": self.base_lr, "weight_decay": self.base_wd}
        return merged(params, {key: value for key, value in given.items() if value is not None})

    @property
    def merges(self) -> bool:
        """Whether parameters with equal settings form one group."""
        chosen = self.paramwise_cfg.get("merge_groups")
        return self.merges_by_default if chosen is None else bool(chosen)

    def _match(self, model: nn.Module) -> None:
        """Look for rules that name no parameter.

        Raises:
            OptionError: if there are any and `strict_keys` is set.
        """
        options = ParamwiseConfig if type(self) is DefaultOptimizerConstructor else declared_of(self)
        if options is not None:
            names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
            self.unmatched = unmatched(self.paramwise_cfg, options, names)
        if self.unmatched and self.paramwise_cfg.get("strict_keys"):
            raise OptionError("; ".join(one.text(model) for one in self.unmatched))

    def add_params(
        self, params: Groups, module: nn.Module, prefix: str = "", is_dcn_module: bool | None = None
    ) -> None:
        """Append the groups of a module's own parameters and of everything below it.

        Args:
            params: what to append to.
            module: the module.
            prefix: its name in the model; empty for the model itself.
            is_dcn_module: whether the module above it is a deformable convolution.
        """
        bypass = self.paramwise_cfg.get("bypass_duplicate", False)
        for name, parameter in module.named_parameters(recurse=False):
            group: dict[str, Any] = {"params": [parameter]}
            rule = "frozen: needs no gradient"
            if parameter.requires_grad:
                if bypass and self._is_in(group, params):
                    message = f"{prefix}.{name} is duplicate: it is left out, since bypass_duplicate is set"
                    warnings.warn(message, stacklevel=2)
                    continue
                options, rule = self._options(name, module, prefix, bool(is_dcn_module))
                group.update(options)
            self.rules[f"{prefix}.{name}".lstrip(".")] = rule
            params.append(group)
        below = any(kind.__name__ in DEFORMABLE for kind in type(module).__mro__)
        for child_name, child in module.named_children():
            child_prefix = f"{prefix}.{child_name}" if prefix else child_name
            self.add_params(params, child, prefix=child_prefix, is_dcn_module=below)

    def _is_in(self, param_group: dict[str, Any], param_group_list: Groups) -> bool:
        """Tell whether a group shares a parameter with one of the list."""
        known = {id(parameter) for group in param_group_list for parameter in group["params"]}
        return any(id(parameter) in known for parameter in param_group["params"])

    def _options(self, name: str, module: nn.Module, prefix: str, in_dcn: bool) -> tuple[dict[str, float], str]:
        """Return `lr` and `weight_decay` of a parameter as far as a rule sets them, and which rules did."""
        full_name = f"{prefix}.{name}"
        custom = self.paramwise_cfg.get("custom_keys", {})
        for key in sorted(sorted(custom), key=len, reverse=True):
            if key in full_name:
                rule = self._rule(key)
                options = {"lr": self._lr(full_name, rule.get("lr_mult", 1.0))}
                if self.base_wd is not None:
                    options["weight_decay"] = self.base_wd * rule.get("decay_mult", 1.0)
                said = ", ".join(f"{what}={value}" for what, value in rule.items())
                return options, f"custom_keys[{key!r}]: {said}" if said else f"custom_keys[{key!r}]"
        is_norm = isinstance(module, NORMS)
        free_bias = name == "bias" and not in_dcn
        options = {}
        applied = []
        # As in MMCV, such a bias has its lr written out even where no multiplier is given.
        if free_bias and not is_norm:
            applied.append("bias_lr_mult")
            options["lr"] = self._lr(full_name, self._multiplier("bias_lr_mult"))
        if in_dcn and "conv_offset" in prefix and isinstance(module, nn.Conv2d):
            applied.append("dcn_offset_lr_mult")
            options["lr"] = self._lr(full_name, self._multiplier("dcn_offset_lr_mult"))
        if self.base_wd is not None:
            key = "norm_decay_mult" if is_norm else "dwconv_decay_mult" if _is_depthwise(module) else None
            key = key or ("bias_decay_mult" if free_bias else None)
            if key:
                applied.append(key)
                options["weight_decay"] = self.base_wd * self._multiplier(key)
        given = [f"{key}={self.paramwise_cfg[key]}" for key in applied if key in self.paramwise_cfg]
        return options, ", ".join(given)

    def _rule(self, key: str) -> Mapping[str, float]:
        rule = self.paramwise_cfg["custom_keys"][key]
        if not isinstance(rule, Mapping):
            raise OptionError(f"paramwise_cfg.custom_keys[{key!r}] must be a dict, got {rule!r}")
        return rule

    def _multiplier(self, key: str) -> float:
        return self.paramwise_cfg.get(key, 1.0)  # type: ignore[no-any-return]

    def _lr(self, name: str, multiplier: float) -> float:
        if self.base_lr is None:
            raise OptionError(f"paramwise_cfg multiplies the lr of {name.lstrip('.')!r} but optimizer.lr is not set")
        return self.base_lr * multiplier


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.in_channels == module.groups


def _refuse_duplicates(params: Groups, model: nn.Module) -> None:
    seen: set[int] = set()
    for group in params:
        for parameter in group["params"]:
            if id(parameter) in seen:
                names = [name for name, one in model.named_parameters(remove_duplicate=False) if one is parameter]
                raise OptionError(
                    f"{' and '.join(map(repr, names))} are one parameter, which cannot be in two parameter "
                    "groups; paramwise_cfg.bypass_duplicate=True takes it once"
                )
            seen.add(id(parameter))
