"""Optimizers from config sections: torch's whole family, several at once, own constructors, refusals."""

from __future__ import annotations

from typing import Any

import golden_models
import pytest
import torch

from core import (
    OPTIMIZER_BUILDERS,
    OPTIMIZERS,
    DefaultOptimizerConstructor,
    build_optimizer,
    build_optimizer_constructor,
)
from core.errors import HookloomError, UnknownComponentError
from core.optim.torch_optimizers import torch_optimizers


def test_every_optimizer_of_torch_is_known_by_name() -> None:
    found = torch_optimizers()
    assert {"SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "LBFGS", "Adafactor"} <= set(found)
    assert "Optimizer" not in found
    assert all(OPTIMIZERS.get(name) is target for name, target in found.items())


class Gan(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.generator = torch.nn.Linear(2, 2)
        self.discriminator = torch.nn.Linear(2, 1)


def test_a_dict_of_dicts_is_an_optimizer_for_each_submodule() -> None:
    model = Gan()
    config = {
        "generator": {"type": "Adam", "lr": 0.1, "paramwise_cfg": {"bias_lr_mult": 2.0}},
        "discriminator": {"type": "SGD", "lr": 0.2},
    }
    built = build_optimizer(model, config)
    assert {name: type(one).__name__ for name, one in built.items()} == {
        "generator": "Adam",
        "discriminator": "SGD",
    }
    assert [group["lr"] for group in built["generator"].param_groups] == [0.1, 0.2]
    assert built["discriminator"].param_groups[0]["params"] == list(model.discriminator.parameters())
    assert config["generator"]["paramwise_cfg"] == {"bias_lr_mult": 2.0}


def test_a_submodule_that_is_not_there_is_named() -> None:
    with pytest.raises(HookloomError) as caught:
        build_optimizer(Gan(), {"generater": {"type": "SGD", "lr": 0.1}})
    assert str(caught.value) == ("optimizer.generater: Gan has no sub-module of that name; did you mean 'generator'?")


def test_an_own_constructor_gets_the_config_and_its_own_paramwise_keys() -> None:
    @OPTIMIZER_BUILDERS.register_module()
    class LayerDecayConstructor(DefaultOptimizerConstructor):
        def add_params(self, params: list[Any], module: torch.nn.Module, **kwargs: Any) -> None:
            for depth, (_, parameter) in enumerate(module.named_parameters()):
                lr = self.base_lr * self.paramwise_cfg["layer_decay_rate"] ** depth
                params.append({"params": [parameter], "lr": lr, "weight_decay": self.base_wd})

    config = {
        "type": "SGD",
        "lr": 1.0,
        "weight_decay": 0.5,
        "constructor": "LayerDecayConstructor",
        "paramwise_cfg": {"layer_decay_rate": 0.5, "num_layers": 4},
    }
    optimizer = build_optimizer(Gan(), config)
    assert [group["lr"] for group in optimizer.param_groups] == [1.0, 0.5, 0.25, 0.125]
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.5}


def test_the_default_constructor_can_be_built_as_in_mmcv() -> None:
    constructor = build_optimizer_constructor(
        {"type": "DefaultOptimizerConstructor", "optimizer_cfg": {"type": "SGD", "lr": 0.1}}
    )
    assert type(constructor) is DefaultOptimizerConstructor
    assert len(constructor(Gan()).param_groups) == 1


def test_an_optimizer_class_stands_for_itself() -> None:
    assert type(build_optimizer(Gan(), {"type": torch.optim.Adam, "lr": 0.1})) is torch.optim.Adam


@pytest.mark.parametrize(
    ("model", "config", "message"),
    [
        (
            "tied",
            {"type": "SGD", "lr": 0.1, "paramwise_cfg": {"bias_lr_mult": 2.0}},
            "'emb.weight' and 'head.weight' are one parameter, which cannot be in two parameter groups; "
            "paramwise_cfg.bypass_duplicate=True takes it once",
        ),
        (
            "conv_bn",
            {"type": "SGD", "lr": 0.1, "paramwise_cfg": {"norm_decay_mult": 0.0}},
            "paramwise_cfg.norm_decay_mult needs optimizer.weight_decay, which is not set",
        ),
        (
            "conv_bn",
            {"type": "SGD", "lr": 0.1, "paramwise_cfg": {"custom_keys": {"fc": {"decay_mult": 0.0}}}},
            "paramwise_cfg.custom_keys['fc'].decay_mult needs optimizer.weight_decay, which is not set",
        ),
        (
            "conv_bn",
            {"type": "Adam", "paramwise_cfg": {"bias_lr_mult": 2.0}},
            "paramwise_cfg multiplies the lr of 'conv1.bias' but optimizer.lr is not set",
        ),
        (
            "conv_bn",
            {"type": "SGD", "lr": 0.1, "paramwise_cfg": [1]},
            "paramwise_cfg must be a dict or None, got list",
        ),
        ("conv_bn", [], "optimizer must be a dict, got list: []"),
    ],
)
def test_bad_sections_are_named(model: str, config: Any, message: str) -> None:
    with pytest.raises(HookloomError) as caught:
        build_optimizer(golden_models.PG_MODELS[model](), config)
    assert str(caught.value) == message


def test_a_misspelt_optimizer_is_suggested() -> None:
    with pytest.raises(UnknownComponentError, match="no optimizer named 'AdmaW'; did you mean 'AdamW'"):
        build_optimizer(Gan(), {"type": "AdmaW", "lr": 0.1})
