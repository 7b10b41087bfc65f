"""The base of optimizer constructors that declare their options and give each parameter its settings and a rule."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from torch import nn

from core.config.faults import Fault, StructureError
from core.config.locations import format_path
from core.config.paramwise import CommonOptions
from core.config.strict import structure
from core.errors import OptionError
from core.optim.default_constructor import NORMS, DefaultOptimizerConstructor, Groups

Setting = tuple[dict[str, Any], str]
"""The options of a parameter, as far as they are not the optimizer's, and the rule that made them so."""


class DeclaredConstructor(DefaultOptimizerConstructor):
    """Base of constructors with options of their own; a subclass says what holds of each parameter.

    Parameters with equal settings form one group unless `merge_groups=False`, and one that occurs twice is
    taken once, under its first name.

    Args:
        optimizer_cfg: `type` and arguments of the optimizer.
        paramwise_cfg: the options that `paramwise_options` declares.

    Raises:
        OptionError: if an argument is no dict, or an option is unknown or wrong.
    """

    paramwise_options: ClassVar[type] = CommonOptions
    """The attrs class of `paramwise_cfg`; a config is checked against it before anything is built."""
    optimizer_keys: ClassVar[tuple[str, ...]] = ()
    """Keys of the optimizer's own table that are for the constructor."""
    always_groups = True
    merges_by_default = True

    def __init__(self, optimizer_cfg: Mapping[str, Any], paramwise_cfg: Mapping[str, Any] | None = None) -> None:
        super().__init__(optimizer_cfg, paramwise_cfg)
        self.from_optimizer = {key: optimizer_cfg[key] for key in self.optimizer_keys if key in optimizer_cfg}
        self.optimizer_cfg = {key: value for key, value in optimizer_cfg.items() if key not in self.from_optimizer}

    def _validate_cfg(self) -> None:
        self.options: Any = checked_options(self.paramwise_cfg, self.paramwise_options)

    def begin(self, model: nn.Module) -> None:
        """Look at the whole model before its parameters; nothing by default.

        Args:
            model: the model, not wrapped.

        Raises:
            OptionError: if the options do not fit it.
        """

    @abstractmethod
    def setting(self, name: str, parameter: nn.Parameter, module: nn.Module) -> Setting | None:
        """Return the options of a parameter and the rule that made them so; None leaves the parameter out.

        Args:
            name: its name in the model.
            parameter: the parameter.
            module: the module whose own it is.
        """

    def add_params(
        self, params: Groups, module: nn.Module, prefix: str = "", is_dcn_module: bool | None = None
    ) -> None:
        """Append a group for each parameter of a model.

        Args:
            params: what to append to.
            module: the model.
            prefix: unused; a group is made from a parameter's whole name.
            is_dcn_module: unused.
        """
        self.begin(module)
        for name, parameter, owner in parameters_of(module):
            found = self.setting(name, parameter, owner)
            if found is None:
                self.rules[name] = "left out"
                continue
            options, self.rules[name] = found
            params.append({"params": [parameter], **options})


def checked_options(paramwise_cfg: Any, declared: type) -> Any:
    """Return the options of a `paramwise_cfg` as an object of the attrs class that declares them.

    Raises:
        OptionError: with everything that is unknown, missing or of the wrong type.
    """
    if not isinstance(paramwise_cfg, Mapping):
        raise OptionError(f"paramwise_cfg must be a dict or None, got {type(paramwise_cfg).__name__}")
    try:
        return structure(paramwise_cfg, declared)
    except StructureError as error:
        raise OptionError("; ".join(map(_said, error.faults))) from error


def parameters_of(model: nn.Module) -> Iterator[tuple[str, nn.Parameter, nn.Module]]:
    """Yield each parameter once, with its name and the module whose own it is, in the order of the model."""
    seen: set[int] = set()
    for prefix, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield f"{prefix}.{name}" if prefix else name, parameter, module


def is_flat(name: str, parameter: nn.Parameter, module: nn.Module) -> bool:
    """Tell whether a parameter is a bias, belongs to a norm layer or has at most one dimension."""
    return parameter.ndim <= 1 or name.rpartition(".")[2] == "bias" or isinstance(module, NORMS)


def _said(fault: Fault) -> str:
    where = format_path(("paramwise_cfg", *fault.path))
    said = fault.message or f"expected {fault.expected}, got {fault.found}"
    meant = f"; did you mean {fault.suggestion!r}?" if fault.suggestion else ""
    hint = f"; {fault.hint}" if fault.hint else ""
    return f"{where}: {said}{meant}{hint}"
