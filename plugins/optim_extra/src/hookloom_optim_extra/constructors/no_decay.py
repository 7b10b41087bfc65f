"""The constructor that takes weight decay off everything that is no matrix."""

from __future__ import annotations

import attrs
from torch import nn

from core.config.paramwise import NAMES, CommonOptions, pattern
from core.optim.constructor import DeclaredConstructor, Setting, is_flat


@attrs.frozen(kw_only=True)
class NoDecay1dOptions(CommonOptions):
    """The `paramwise_cfg` of `NoDecay1dConstructor`.

    Args:
        also: regular expressions; parameters whose name holds one do not decay either.
        keep: regular expressions; parameters whose name holds one decay, whatever the other rules say.
        strict_keys: whether a rule that matches no parameter is an error; else it is a warning.
        merge_groups: whether parameters with equal settings form one group; they do by default.
    """

    also: list[str] = attrs.field(factory=list, metadata={NAMES: "pattern"})
    keep: list[str] = attrs.field(factory=list, metadata={NAMES: "pattern"})


class NoDecay1dConstructor(DeclaredConstructor):
    """Build an optimizer that decays matrices and kernels, but no biases, norms and other 1-D parameters.

    Args:
        optimizer_cfg: `type` and arguments of the optimizer.
        paramwise_cfg: see `NoDecay1dOptions`.

    Raises:
        OptionError: if an option is unknown or wrong.
    """

    paramwise_options = NoDecay1dOptions
    options: NoDecay1dOptions

    def setting(self, name: str, parameter: nn.Parameter, module: nn.Module) -> Setting:
        """Return no weight decay, or the optimizer's."""
        kept = next((rule for rule in self.options.keep if pattern(rule, name)), None)
        if kept is not None:
            return {}, f"keep[{kept!r}]"
        also = next((rule for rule in self.options.also if pattern(rule, name)), None)
        if also is not None:
            return {"weight_decay": 0.0}, f"also[{also!r}]: no decay"
        if is_flat(name, parameter, module):
            return {"weight_decay": 0.0}, "bias, norm or 1-D: no decay"
        return {}, ""
