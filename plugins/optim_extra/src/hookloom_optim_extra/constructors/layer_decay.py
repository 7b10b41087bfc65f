"""The constructors that let a backbone learn the slower the nearer a layer is to its input."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs
from torch import nn

from core import OptionError
from core.config.paramwise import NAMES, CommonOptions, pattern
from core.hooks.define import positive
from core.hooks.options import positive_int
from core.optim.constructor import DeclaredConstructor, Setting
from hookloom_optim_extra.constructors.layer_ids import (
    KINDS,
    Backbone,
    Kind,
    by_layer,
    by_patterns,
    by_stage,
    count_of,
    kind_of,
    stages_of,
)

_optional = attrs.validators.optional


@attrs.frozen(kw_only=True)
class LayerDecayOptions(CommonOptions):
    """The `paramwise_cfg` of the layer-decay constructors.

    Args:
        decay_rate: what the lr is multiplied with for every layer nearer to the input, above 0.
        layer_decay_rate: an older name of `decay_rate`.
        num_layers: layers of the backbone between its embedding and the rest; None counts them in the model.
        decay_type: whether each layer or each stage is a step; `layer_wise_vit` numbers layers as in a ViT.
        model_type: whose rule numbers the layers; None tells it from the name of the backbone's class.
        prefix: where the backbone is in the model; None for `backbone`, or the model itself if it has none.
        layer_ids: layers by regular expression, in place of those rules: the id, or where the expression
            captures a number, what is added to that; anything else is not scaled.
        no_decay: regular expressions; parameters whose name holds one have no weight decay, as biases and other
            1-D parameters.
        strict_keys: whether a rule that matches no parameter is an error; else it is a warning.
        merge_groups: whether the parameters of a layer form one group or, with and without decay, two; they do
            by default.
    """

    decay_rate: float | None = attrs.field(default=None, validator=_optional(positive))
    layer_decay_rate: float | None = attrs.field(default=None, validator=_optional(positive))
    num_layers: int | None = attrs.field(default=None, validator=_optional(positive_int))
    decay_type: Literal["layer_wise", "stage_wise", "layer_wise_vit"] = "layer_wise"
    model_type: Kind | None = None
    prefix: str | None = None
    layer_ids: dict[str, int] = attrs.field(factory=dict, metadata={NAMES: "pattern"})
    no_decay: list[str] = attrs.field(factory=list, metadata={NAMES: "pattern"})


class LayerDecayOptimizerConstructor(DeclaredConstructor):
    """Build an optimizer whose lr shrinks from the head to the input of the backbone.

    scale = decay_rate ** (num_layers + 2 - layer_id - 1)

    The embedding has the id 0, the backbone's layers 1 to `num_layers`, everything behind them
    `num_layers + 1` and so the optimizer's own lr. Biases and other 1-D parameters have no weight decay; what is
    frozen is left out. Groups carry `lr_scale` and `group_name`, as those of MMSegmentation, MMDetection and
    MMSelfSup 1.x do, whose numbers these are (Clark et al., 2020, arXiv 2003.10555; Bao et al., 2021,
    arXiv 2106.08254).

    Args:
        optimizer_cfg: `type` and arguments of the optimizer, `lr` among them; `model_type` and
            `layer_decay_rate` may stand here too, as in MMSelfSup.
        paramwise_cfg: see `LayerDecayOptions`.

    Raises:
        OptionError: if an option is wrong or missing.
    """

    paramwise_options = LayerDecayOptions
    optimizer_keys = ("model_type", "layer_decay_rate")
    options: LayerDecayOptions

    def __init__(self, optimizer_cfg: Mapping[str, Any], paramwise_cfg: Mapping[str, Any] | None = None) -> None:
        super().__init__(optimizer_cfg, paramwise_cfg)
        problems = [said for _, said in self.preflight(optimizer_cfg, self.paramwise_cfg)]
        if problems:
            raise OptionError("; ".join(problems))
        given = self.options.decay_rate, self.options.layer_decay_rate, self.from_optimizer.get("layer_decay_rate")
        self.decay_rate: float = next(rate for rate in given if rate is not None)
        self.prefix = ""
        self.backbone = Backbone("vit", (), 0)
        self._outside: list[tuple[str, int, float]] = []  # parameters whose layer there cannot be

    @classmethod
    def preflight(
        cls, optimizer_cfg: Mapping[str, Any], paramwise_cfg: Mapping[str, Any]
    ) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield what is wrong with options that are right by themselves, each with its place.

        Args:
            optimizer_cfg: the optimizer's table.
            paramwise_cfg: the constructor's.
        """
        rates = [paramwise_cfg.get("decay_rate"), paramwise_cfg.get("layer_decay_rate")]
        rates.append(optimizer_cfg.get("layer_decay_rate"))
        if sum(rate is not None for rate in rates) != 1:
            few = all(rate is None for rate in rates)
            said = "needs 'decay_rate', which is not given" if few else "decay_rate and layer_decay_rate are one option"
            yield ("paramwise_cfg",), said
        if optimizer_cfg.get("lr") is None:
            yield (), "the lr of each layer is a part of the optimizer's lr, which is not given"
        kind = optimizer_cfg.get("model_type")
        if kind is not None and kind not in KINDS:
            yield ("model_type",), f"must be one of {', '.join(KINDS)}, got {kind!r}"

    def begin(self, model: nn.Module) -> None:
        """Find the backbone, its family and its number of layers.

        Raises:
            OptionError: if the family is not known, or has no such layers.
        """
        names = [name for name, _ in model.named_parameters()]
        if self.options.layer_ids:
            found = [by_patterns(name, self.options.layer_ids, -1)[0] for name in names]
            self.backbone = Backbone("vit", (), self.options.num_layers or max(max(found), 0))
            return
        prefix = self.options.prefix
        if prefix is None:
            prefix = "backbone" if isinstance(getattr(model, "backbone", None), nn.Module) else ""
        self.prefix = f"{prefix}." if prefix else ""
        try:
            inner = model.get_submodule(prefix)
        except AttributeError as error:
            raise OptionError(f"paramwise_cfg.prefix: {type(model).__name__} has no sub-module {prefix!r}") from error
        kind = self._kind(inner)
        stages = stages_of(kind, (name.removeprefix(self.prefix) for name in names if name.startswith(self.prefix)))
        if not stages or (kind == "vit" and self._by_stage):
            what = "stages" if self._by_stage else "layers"
            raise OptionError(f"{type(inner).__name__} has no {what} that are named as those of {kind!r} are")
        count = self.options.num_layers or count_of(kind, stages, by_stage=self._by_stage)
        self.backbone = Backbone(kind, stages, count)

    def groups_of(self, model: nn.Module) -> list[dict[str, Any]]:
        """Return the parameter groups of a model, and warn of layers that there cannot be."""
        self._outside.clear()
        groups = super().groups_of(model)
        if self._outside:
            name, number, scale = self._outside[0]
            more = f", and {len(self._outside) - 1} more are in such layers" if len(self._outside) > 1 else ""
            logging.getLogger("core").warning(
                "%s is in layer %d although num_layers is %d and layers are 0 to %d: its lr is multiplied with %g%s",
                *(name, number, self.backbone.num_layers, self.backbone.last, scale, more),
            )
        return groups

    @property
    def _by_stage(self) -> bool:
        return self.options.decay_type == "stage_wise"

    def _kind(self, backbone: nn.Module) -> Kind:
        chosen: Kind | None = self.options.model_type or self.from_optimizer.get("model_type")
        found = chosen or kind_of(type(backbone).__name__)
        if found is None and self.options.decay_type == "layer_wise_vit":
            found = "vit"
        if found is None:
            raise OptionError(
                f"it is not known how the layers of {type(backbone).__name__} are numbered: paramwise_cfg.model_type "
                f"must be one of {', '.join(KINDS)}, or paramwise_cfg.layer_ids give them by name"
            )
        return found

    def setting(self, name: str, parameter: nn.Parameter, module: nn.Module) -> Setting | None:
        """Return the scaled lr and the weight decay of a parameter."""
        if not parameter.requires_grad:
            return None
        number, rule = self._layer(name)
        last = self.backbone.last
        scale = self.decay_rate ** (last - number)
        if not 0 <= number <= last:
            self._outside.append((name, number, scale))
        extra = next((one for one in self.options.no_decay if pattern(one, name)), None)
        # The names are those that 1.x looks for: whole ones, which stand in a model that is a backbone itself.
        bare = parameter.ndim == 1 or name.endswith(".bias") or name in ("pos_embed", "cls_token")
        flat = bare or extra is not None
        lr = 0.0 if self.base_lr is None else scale * self.base_lr
        options = {"lr": lr, "lr_scale": scale, "group_name": f"layer_{number}_{'no_decay' if flat else 'decay'}"}
        if flat:
            options["weight_decay"] = 0.0
        elif self.base_wd is not None:
            options["weight_decay"] = self.base_wd
        said = f"layer {number} of {last}: lr x {scale:.4g}"
        why = ", no decay" if bare else f", no_decay[{extra!r}]" if flat else ""
        return options, said + why + (f", layer_ids[{rule!r}]" if rule else "")

    def _layer(self, name: str) -> tuple[int, str | None]:
        if self.options.layer_ids:
            return by_patterns(name, self.options.layer_ids, self.backbone.last)
        if not name.startswith(self.prefix):
            return self.backbone.last, None
        number = by_stage if self._by_stage else by_layer
        return number(name.removeprefix(self.prefix), self.backbone), None


class LearningRateDecayOptimizerConstructor(LayerDecayOptimizerConstructor):
    """The same under its later 1.x name, with `decay_rate`, `decay_type` and `num_layers`."""
