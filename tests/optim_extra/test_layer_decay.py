"""Layer decay: the numbers that the formula gives, on models whose parameters are named as those of the families."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from core import OptionError, build_optimizer
from core.optim.build import build

TABLE = {"type": "AdamW", "lr": 0.8, "weight_decay": 0.25}


def tensor(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape))


def model_of(kind: str, shapes: dict[str, tuple[int, ...]], *, head: bool = True) -> nn.Module:
    """Return a model with a backbone of a class of this name, whose parameters bear these names."""
    model = nn.Module()
    model.backbone = type(kind, (nn.Module,), {})()
    for name, shape in shapes.items():
        *path, last = name.split(".")
        module = model.backbone
        for step in path:
            if not hasattr(module, step):
                module.add_module(step, nn.Module())
            module = getattr(module, step)
        module.register_parameter(last, tensor(*shape))
    if head:
        model.decode_head = nn.Linear(2, 2)
    return model


def numbers(
    model: nn.Module, paramwise: dict[str, Any], name: str = "LayerDecayOptimizerConstructor", **more: Any
) -> Any:
    """Return lr and weight decay of each parameter, by its name without `backbone`."""
    optimizer = build_optimizer(model, {**TABLE, **more, "constructor": name, "paramwise_cfg": paramwise})
    names = {id(one): name.removeprefix("backbone.") for name, one in model.named_parameters()}
    return {
        names[id(one)]: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for one in group["params"]
    }


VIT = {
    "cls_token": (1, 1, 2),
    "pos_embed": (1, 3, 2),
    "patch_embed.projection.weight": (2, 3, 1, 1),
    "patch_embed.projection.bias": (2,),
    "layers.0.attn.weight": (2, 2),
    "layers.0.ln1.weight": (2,),
    "layers.1.attn.weight": (2, 2),
    "layers.11.ffn.weight": (2, 2),
    "ln1.weight": (2,),
}
# A BEiT of 12 layers: 14 steps, of which the embedding is the first; scale = 0.5 ** (14 - layer_id - 1).
OF_VIT = {
    "cls_token": (0.8 * 0.5**13, 0.25),
    "pos_embed": (0.8 * 0.5**13, 0.25),
    "patch_embed.projection.weight": (0.8 * 0.5**13, 0.25),
    "patch_embed.projection.bias": (0.8 * 0.5**13, 0.0),
    "layers.0.attn.weight": (0.8 * 0.5**12, 0.25),
    "layers.0.ln1.weight": (0.8 * 0.5**12, 0.0),
    "layers.1.attn.weight": (0.8 * 0.5**11, 0.25),
    "layers.11.ffn.weight": (0.8 * 0.5**1, 0.25),
    "ln1.weight": (0.8, 0.0),
    "decode_head.weight": (0.8, 0.25),
    "decode_head.bias": (0.8, 0.0),
}


@pytest.mark.parametrize("name", ["LayerDecayOptimizerConstructor", "LearningRateDecayOptimizerConstructor"])
@pytest.mark.parametrize(
    ("kind", "paramwise"),
    [
        ("BEiT", {"num_layers": 12, "layer_decay_rate": 0.5}),
        ("MAE", {"num_layers": 12, "decay_rate": 0.5, "decay_type": "layer_wise"}),
        ("Own", {"num_layers": 12, "decay_rate": 0.5, "decay_type": "layer_wise_vit"}),
        ("VisionTransformer", {"decay_rate": 0.5}),
        ("Own", {"decay_rate": 0.5, "model_type": "vit"}),
    ],
)
def test_a_vit_in_every_spelling(name: str, kind: str, paramwise: dict[str, Any]) -> None:
    assert numbers(model_of(kind, VIT), paramwise, name) == OF_VIT


def test_a_vit_as_mmselfsup_writes_it() -> None:
    assert numbers(model_of("Own", VIT), {}, model_type="vit", layer_decay_rate=0.5) == OF_VIT


def test_a_backbone_that_is_the_model_itself() -> None:
    model = model_of("VisionTransformer", VIT).backbone
    found = numbers(model, {"decay_rate": 0.5})
    assert found["layers.11.ffn.weight"] == (0.4, 0.25)
    # 1.x exempts these two where they bear just this name.
    assert found["cls_token"] == found["pos_embed"] == (0.8 * 0.5**13, 0.0)


CONVNEXT = {f"downsample_layers.{stage}.1.weight": (2, 2, 1, 1) for stage in range(4)} | {
    f"stages.{stage}.{block}.depthwise_conv.weight": (2, 1, 7, 7)
    for stage, blocks in enumerate((3, 3, 9, 3))
    for block in range(blocks)
}


@pytest.mark.parametrize("count", [{}, {"num_layers": 6}])
def test_convnext_by_layers(count: dict[str, int]) -> None:
    # The tiny one: 8 steps. Three blocks of the third stage are a layer, the fourth stage is the last one.
    found = numbers(
        model_of("ConvNeXt", CONVNEXT), {"decay_rate": 0.5, **count}, "LearningRateDecayOptimizerConstructor"
    )
    layers = {f"downsample_layers.{stage}.1.weight": layer for stage, layer in enumerate((0, 2, 3, 6))}
    for stage, ids in enumerate([(1, 1, 1), (2, 2, 2), (3, 3, 3, 4, 4, 4, 5, 5, 5), (6, 6, 6)]):
        layers |= {f"stages.{stage}.{block}.depthwise_conv.weight": layer for block, layer in enumerate(ids)}
    assert {name: found[name][0] for name in layers} == {name: 0.8 * 0.5 ** (7 - id) for name, id in layers.items()}
    assert found["decode_head.weight"] == (0.8, 0.25)


@pytest.mark.parametrize(("count", "last"), [({"num_layers": 12}, 13), ({}, 5)])
def test_convnext_by_stages(count: dict[str, int], last: int) -> None:
    paramwise = {"decay_rate": 0.5, "decay_type": "stage_wise", **count}
    found = numbers(model_of("ConvNeXt", CONVNEXT), paramwise, "LearningRateDecayOptimizerConstructor")
    for stage in range(4):
        assert found[f"downsample_layers.{stage}.1.weight"][0] == 0.8 * 0.5**last
        assert found[f"stages.{stage}.2.depthwise_conv.weight"][0] == 0.8 * 0.5 ** (last - stage - 1)
    assert found["decode_head.bias"] == (0.8, 0.0)


@pytest.mark.parametrize("word", ["stages", "layers"])
def test_swin(word: str) -> None:
    shapes = {
        "patch_embed.projection.weight": (2, 3, 1, 1),
        "absolute_pos_embed": (1, 4, 2),
        "norm3.weight": (2,),
        **{f"{word}.0.blocks.{block}.attn.weight": (2, 2) for block in range(2)},
        f"{word}.0.downsample.reduction.weight": (2, 2),
        f"{word}.0.downsample.norm.weight": (2,),
        **{f"{word}.1.blocks.{block}.attn.weight": (2, 2) for block in range(3)},
        f"{word}.1.blocks.0.attn.relative_position_bias_table": (9, 1),
    }
    found = numbers(model_of("SwinTransformer", shapes), {"decay_rate": 0.5, "no_decay": ["relative_position"]})
    # Depths 2 and 3: 7 steps.
    assert found["patch_embed.projection.weight"] == found["absolute_pos_embed"] == (0.8 * 0.5**6, 0.25)
    assert found[f"{word}.0.blocks.0.attn.weight"][0] == 0.8 * 0.5**5
    assert found[f"{word}.0.blocks.1.attn.weight"][0] == 0.8 * 0.5**4
    assert found[f"{word}.0.downsample.reduction.weight"] == (0.8 * 0.5**4, 0.25)
    assert found[f"{word}.0.downsample.norm.weight"] == (0.8 * 0.5**4, 0.0)
    assert [found[f"{word}.1.blocks.{block}.attn.weight"][0] for block in range(3)] == [0.1, 0.2, 0.4]
    assert found[f"{word}.1.blocks.0.attn.relative_position_bias_table"] == (0.1, 0.0)
    assert found["norm3.weight"] == (0.8, 0.0)
    stages = numbers(model_of("SwinTransformer", shapes), {"decay_rate": 0.5, "decay_type": "stage_wise"})
    assert stages["patch_embed.projection.weight"] == stages["absolute_pos_embed"] == (0.8 * 0.5**3, 0.25)
    assert stages[f"{word}.0.blocks.1.attn.weight"][0] == 0.8 * 0.5**2
    assert stages[f"{word}.1.blocks.0.attn.weight"][0] == 0.8 * 0.5


def test_resnet() -> None:
    shapes = {
        "conv1.weight": (2, 3, 1, 1),
        "bn1.weight": (2,),
        **{f"layer1.{block}.conv1.weight": (2, 2, 1, 1) for block in range(2)},
        "layer2.0.conv1.weight": (2, 2, 1, 1),
        "layer2.0.downsample.0.weight": (2, 2, 1, 1),
        "fc.weight": (2, 2),
    }
    found = numbers(model_of("ResNet", shapes), {"decay_rate": 0.5})
    # Three blocks: 5 steps.
    assert found == {
        "conv1.weight": (0.05, 0.25),
        "bn1.weight": (0.05, 0.0),
        "layer1.0.conv1.weight": (0.1, 0.25),
        "layer1.1.conv1.weight": (0.2, 0.25),
        "layer2.0.conv1.weight": (0.4, 0.25),
        "layer2.0.downsample.0.weight": (0.4, 0.25),
        "fc.weight": (0.8, 0.25),
        "decode_head.weight": (0.8, 0.25),
        "decode_head.bias": (0.8, 0.0),
    }
    found = numbers(model_of("ResNet", shapes), {"decay_rate": 0.5, "decay_type": "stage_wise"})
    assert [found[f"{name}.weight"][0] for name in ("conv1", "layer1.1.conv1", "layer2.0.conv1", "fc")] == [
        *(0.1, 0.2, 0.4, 0.8)
    ]


def test_layers_by_pattern() -> None:
    shapes = {"stem.weight": (2, 2), "enc.0.weight": (2, 2), "enc.1.weight": (2, 2), "neck.weight": (2, 2)}
    ids = {r"\.stem\.": 0, r"\.enc\.(\d+)\.": 1}
    found = numbers(model_of("Own", shapes), {"decay_rate": 0.5, "layer_ids": ids})
    assert [found[name][0] for name in shapes] == [0.1, 0.2, 0.4, 0.8]


def test_groups_are_those_of_1x() -> None:
    model = model_of("BEiT", VIT)
    model.backbone.layers.get_submodule("1").attn.weight.requires_grad_(False)
    table = {**TABLE, "constructor": "LayerDecayOptimizerConstructor"}
    built = build(model, {**table, "paramwise_cfg": {"num_layers": 12, "layer_decay_rate": 0.5}})
    groups = built.optimizer.param_groups
    assert [(group["group_name"], len(group["params"]), group["lr_scale"]) for group in groups] == [
        ("layer_0_decay", 3, 0.5**13),
        ("layer_0_no_decay", 1, 0.5**13),
        ("layer_1_decay", 1, 0.5**12),
        ("layer_1_no_decay", 1, 0.5**12),
        ("layer_12_decay", 1, 0.5),
        ("layer_13_no_decay", 2, 1.0),
        ("layer_13_decay", 1, 1.0),
    ]
    rules = built.parts[0].constructor.rules
    assert rules["backbone.layers.1.attn.weight"] == "left out"
    assert rules["backbone.layers.0.ln1.weight"] == "layer 1 of 13: lr x 0.0002441, no decay"
    apart = {**table, "paramwise_cfg": {"decay_rate": 0.5, "num_layers": 12, "merge_groups": False}}
    assert [len(group["params"]) for group in build_optimizer(model, apart).param_groups] == [1] * 10


def test_without_weight_decay_matrices_keep_the_optimizers_own() -> None:
    model = model_of("BEiT", VIT)
    table = {"type": "AdamW", "lr": 1.0, "constructor": "LayerDecayOptimizerConstructor"}
    groups = build_optimizer(model, {**table, "paramwise_cfg": {"decay_rate": 0.5}}).param_groups
    assert [group["weight_decay"] for group in groups] == [0.01, 0.0, 0.01, 0.0, 0.01, 0.01, 0.0, 0.01]


@pytest.mark.parametrize(
    ("paramwise", "said"),
    [
        (
            {"num_layers": 10},
            "backbone.layers.11.ffn.weight is in layer 12 although num_layers is 10 and layers are 0 to 11: its lr is "
            "multiplied with 2",
        ),
        (
            {"layer_ids": {"head": -2, r"layers\.(\d+)": -3}},
            "backbone.layers.0.attn.weight is in layer -3 although num_layers is 8 and layers are 0 to 9: its lr is "
            "multiplied with 0.000244141, and 4 more are in such layers",
        ),
    ],
)
def test_layers_outside_of_the_model_are_warned_of_once(
    paramwise: Any, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    numbers(model_of("BEiT", VIT), {"decay_rate": 0.5, **paramwise})
    assert caplog.messages == [said]


@pytest.mark.parametrize(
    ("kind", "paramwise", "message"),
    [
        (
            "HRNet",
            {"decay_rate": 0.5},
            "it is not known how the layers of HRNet are numbered: paramwise_cfg.model_type must be one of vit, swin, "
            "convnext, resnet, or paramwise_cfg.layer_ids give them by name",
        ),
        (
            "BEiT",
            {"decay_rate": 0.5, "decay_type": "stage_wise"},
            "BEiT has no stages that are named as those of 'vit'",
        ),
        ("ResNet", {"decay_rate": 0.5}, "ResNet has no layers that are named as those of 'resnet' are"),
        ("BEiT", {"decay_rate": 0.5, "prefix": "encoder"}, "paramwise_cfg.prefix: Module has no sub-module 'encoder'"),
        ("BEiT", {}, "needs 'decay_rate', which is not given"),
        ("BEiT", {"decay_rate": 0.5, "layer_decay_rate": 0.5}, "decay_rate and layer_decay_rate are one option"),
        ("BEiT", {"decay_rat": 0.5}, "paramwise_cfg.decay_rat: unknown key; did you mean 'decay_rate'?"),
        ("BEiT", {"decay_rate": "0.5"}, "paramwise_cfg.decay_rate: expected float or None, got str '0.5'"),
        ("BEiT", [], "paramwise_cfg must be a dict or None, got list"),
    ],
)
def test_what_cannot_be(kind: str, paramwise: Any, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        numbers(model_of(kind, VIT), paramwise)
    assert message in str(caught.value)
