"""The constructor that gives matrices to Muon and everything else to AdamW."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import torch
from torch import nn

from core import OPTIMIZERS, OptionError, build_from_cfg
from core.config.paramwise import COMPONENT, NAMES, CommonOptions, pattern
from core.optim.constructor import DeclaredConstructor, Setting, is_flat
from core.suggest import did_you_mean

EMBEDDINGS = r"(^|[._])(\w*embed(ding)?s?|tokens?|\w+_token|wte|wpe|\w*relative_position_bias_table)([._]|$)"
HEADS = r"(^|\.)(\w*heads?|classifier|cls|fc_(cls|reg|out)|logits|conv_seg|output_proj(ection)?)\.|^fc\."

_OWN = ("params", "muon")
# What the other groups of pytorch_optimizer's classes may have; the signatures tell it of Muon's alone.
_REST = ("lr", "betas", "eps", "weight_decay", "weight_decouple")


@attrs.frozen(kw_only=True)
class MuonOptions(CommonOptions):
    """The `paramwise_cfg` of `MuonConstructor`.

    Args:
        exclude: regular expressions; parameters whose name holds one do not go to Muon.
        include: regular expressions; matrices whose name holds one go to Muon, also embeddings and heads.
        kernels: whether kernels of convolutions count as matrices; None for where the optimizer takes them.
        rest: for two optimizers, the table of the one for everything that is not Muon's, such as
            `dict(type='AdamW', lr=3e-4)`; for one object, options of its groups that are not Muon's.
        strict_keys: whether a rule that matches no parameter is an error; else it is a warning.
        merge_groups: whether parameters with equal settings form one group; they do by default.
    """

    exclude: list[str] = attrs.field(factory=list, metadata={NAMES: "pattern"})
    include: list[str] = attrs.field(factory=list, metadata={NAMES: "pattern"})
    kernels: bool | None = None
    rest: dict[str, Any] | None = attrs.field(default=None, metadata={COMPONENT: OPTIMIZERS.name})


class MuonConstructor(DeclaredConstructor):
    """Build Muon for matrices and AdamW for the rest: one `MuonAdamW`, or torch's two in a dictionary.

    Matrices are weights of two dimensions, and kernels of convolutions where the optimizer takes them. Embeddings
    and heads stay with AdamW: what an `nn.Embedding` owns, and what bears a usual name of theirs
    (`EMBEDDINGS`, `HEADS`).

    With an optimizer whose groups have the option `muon`, as those of `MuonAdamW`, or another one that its class
    attribute `muon_mark` names, as pytorch_optimizer's have `use_muon`, the result is one object.
    With any other, such as `torch.optim.Muon`, it is the dictionary `{'muon': ..., 'rest': ...}`, the second
    made of `paramwise_cfg.rest`.

    Args:
        optimizer_cfg: `type` and arguments of the optimizer of the matrices.
        paramwise_cfg: see `MuonOptions`.

    Raises:
        OptionError: if an option is wrong, or `rest` does not fit the optimizer.
    """

    splits = True
    paramwise_options = MuonOptions
    options: MuonOptions

    def __init__(self, optimizer_cfg: Mapping[str, Any], paramwise_cfg: Mapping[str, Any] | None = None) -> None:
        super().__init__(optimizer_cfg, paramwise_cfg)
        problems = [f"{'.'.join(at)}: {said}" for at, said in self.preflight(self.optimizer_cfg, self.paramwise_cfg)]
        if problems:
            raise OptionError("; ".join(problems))
        self._mark = _mark_of(self.optimizer_cfg)
        self._is_one = self._mark is not None
        kernels = self._is_one if self.options.kernels is None else self.options.kernels
        self._dims = (2, 3, 4, 5) if kernels else (2,)

    @classmethod
    def preflight(
        cls, optimizer_cfg: Mapping[str, Any], paramwise_cfg: Mapping[str, Any]
    ) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield what is wrong with options that are right by themselves, each with its place.

        Args:
            optimizer_cfg: the optimizer's table.
            paramwise_cfg: the constructor's.
        """
        rest = paramwise_cfg.get("rest")
        named = isinstance(rest, Mapping) and "type" in rest
        mark = _mark_of(optimizer_cfg)
        one = mark is not None
        if not one and not named:
            yield (
                ("paramwise_cfg",),
                f"{optimizer_cfg['type']} gets the matrices alone, since its groups have no option 'muon': 'rest' must "
                "name the optimizer of all other parameters, such as dict(type='AdamW', lr=3e-4)",
            )
        if one and named:
            yield (
                ("paramwise_cfg", "rest"),
                f"{optimizer_cfg['type']} trains all parameters: options of its groups go here, without a type",
            )
        elif one and isinstance(rest, Mapping):  # torch takes any key of a group, and nobody would read this one
            known = _REST if mark != "muon" else [key for key in _parameters(optimizer_cfg) if key not in _OWN]
            for key in rest:
                if key not in known:
                    near = did_you_mean(str(key), known) or f"; {optimizer_cfg['type']} takes {', '.join(known)}"
                    yield ("paramwise_cfg", "rest", str(key)), f"unknown key{near}"

    def setting(self, name: str, parameter: nn.Parameter, module: nn.Module) -> Setting:
        """Return whether a parameter is Muon's."""
        muon, rule = self._choose(name, parameter, module)
        return {self._mark or "muon": muon, **({} if muon or not self._is_one else self.options.rest or {})}, rule

    def __call__(self, model: nn.Module) -> Any:
        """Build the optimizer or both.

        Raises:
            OptionError: if nothing is left for one of two.
        """
        if self._is_one:
            return super().__call__(model)
        wrapped = getattr(model, "module", None)
        inner = wrapped if isinstance(wrapped, nn.Module) else model
        groups = self.groups_of(inner)
        tables = {"muon": self.optimizer_cfg, "rest": self.options.rest or {}}
        built: dict[str, torch.optim.Optimizer] = {}
        for key, table in tables.items():
            own = [_without_mark(group) for group in groups if group["muon"] is (key == "muon")]
            if not own:
                raise OptionError(f"no parameter of {type(inner).__name__} is left for optimizer {key!r}")
            built[key] = build_from_cfg({**table, "params": own}, OPTIMIZERS)
        return built

    def groups_of(self, model: nn.Module) -> list[dict[str, Any]]:
        """Return the groups of both, each marked; without the lr and decay of Muon where the rest has its own."""
        given = self.base_lr, self.base_wd
        if self._mark != "muon":
            self.base_lr = self.base_wd = None
        try:
            return super().groups_of(model)
        finally:
            self.base_lr, self.base_wd = given

    def _choose(self, name: str, parameter: nn.Parameter, module: nn.Module) -> tuple[bool, str]:
        if is_flat(name, parameter, module):
            return False, "AdamW: no matrix"
        if parameter.ndim not in self._dims:
            return False, f"AdamW: {parameter.ndim} dimensions"
        for option in ("include", "exclude"):
            rule = next((one for one in getattr(self.options, option) if pattern(one, name)), None)
            if rule is not None:
                return option == "include", f"{'Muon' if option == 'include' else 'AdamW'}: {option}[{rule!r}]"
        if isinstance(module, (nn.Embedding, nn.EmbeddingBag)) or pattern(EMBEDDINGS, name):
            return False, "AdamW: embedding"
        if pattern(HEADS, name):
            return False, "AdamW: head"
        return True, "Muon: matrix"


def _mark_of(optimizer_cfg: Mapping[str, Any]) -> str | None:
    """Return the option that tells groups of both kinds apart; None for an optimizer that has only one."""
    if "muon" in _parameters(optimizer_cfg):
        return "muon"
    mark: str | None = getattr(OPTIMIZERS.resolve(optimizer_cfg["type"]).target, "muon_mark", None)
    return mark


def _parameters(optimizer_cfg: Mapping[str, Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(OPTIMIZERS.resolve(optimizer_cfg["type"]).target).parameters


def _without_mark(group: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key != "muon"}
