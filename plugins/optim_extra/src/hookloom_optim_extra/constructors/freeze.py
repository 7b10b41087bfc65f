"""The constructor that freezes parameters by name, and sees to it that something still trains."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
from torch import nn

from core import DefaultOptimizerConstructor, OptionError
from core.config.paramwise import NAMES, ParamwiseConfig, pattern
from core.optim.constructor import checked_options, parameters_of


@attrs.frozen(kw_only=True)
class FreezeOptions(ParamwiseConfig):
    """The `paramwise_cfg` of `FreezeConstructor`: what to freeze, and the default constructor's for the rest.

    Args:
        freeze: regular expressions; parameters whose name holds one get no gradient.
        keep: regular expressions; parameters whose name holds one train although `freeze` names them too.
        custom_keys: rules by a part of the parameter's name, each `dict(lr_mult=, decay_mult=)`.
        bias_lr_mult: factor of the lr of biases outside of norm layers.
        bias_decay_mult: factor of their weight decay.
        norm_decay_mult: factor of the weight decay of norm layers.
        dwconv_decay_mult: factor of the weight decay of depthwise convolutions.
        dcn_offset_lr_mult: factor of the lr of offsets in deformable convolutions.
        bypass_duplicate: leave out parameters that were met before.
        strict_keys: whether a rule that matches no parameter is an error; else it is a warning.
        merge_groups: whether parameters with equal settings form one group; they do by default.
    """

    freeze: list[str] = attrs.field(metadata={NAMES: "pattern"})
    keep: list[str] = attrs.field(factory=list, metadata={NAMES: "pattern"})


class FreezeConstructor(DefaultOptimizerConstructor):
    """Freeze parameters by name, and build an optimizer of the others as the default constructor does.

    A frozen parameter has `requires_grad=False` and is not given to the optimizer. Buffers, such as the running
    statistics of a batch norm, are no parameters and go on as the model's mode says.

    Args:
        optimizer_cfg: `type` and arguments of the optimizer.
        paramwise_cfg: see `FreezeOptions`.

    Raises:
        OptionError: if `freeze` is missing, or an option is unknown or wrong.
    """

    paramwise_options: ClassVar[type] = FreezeOptions
    merges_by_default = True

    def _validate_cfg(self) -> None:
        self.options: FreezeOptions = checked_options(self.paramwise_cfg, FreezeOptions)
        super()._validate_cfg()

    def add_params(
        self, params: list[dict[str, Any]], module: nn.Module, prefix: str = "", is_dcn_module: bool | None = None
    ) -> None:
        """Freeze what is to be frozen, and append the groups of everything else.

        Raises:
            OptionError: if nothing is left to train.
        """
        if prefix:
            super().add_params(params, module, prefix, is_dcn_module)
            return
        frozen = self._freeze(module)
        super().add_params(params, module)
        params[:] = [group for group in params if group["params"][0].requires_grad]
        self.rules.update(frozen)
        if not params:
            raise OptionError(f"paramwise_cfg.freeze leaves no parameter of {type(module).__name__} to train")

    def _freeze(self, model: nn.Module) -> dict[str, str]:
        frozen = {}
        for name, parameter, _ in parameters_of(model):
            rule = next((one for one in self.options.freeze if pattern(one, name)), None)
            if rule is not None and not any(pattern(one, name) for one in self.options.keep):
                parameter.requires_grad_(False)
                frozen[name] = f"freeze[{rule!r}]"
        return frozen
