"""Which layer of a backbone a parameter belongs to, told from its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import attrs

Kind = Literal["vit", "swin", "convnext", "resnet"]
KINDS: tuple[Kind, ...] = ("vit", "swin", "convnext", "resnet")
_OF_CLASS: tuple[tuple[str, Kind], ...] = (
    *(("ConvNeXt", "convnext"), ("Swin", "swin"), ("ResNet", "resnet"), ("ResNeXt", "resnet")),
    *(("BEiT", "vit"), ("MAE", "vit"), ("ViT", "vit"), ("VisionTransformer", "vit"), ("DeiT", "vit")),
)
_TOKENS = ("cls_token", "mask_token", "pos_embed")
_BLOCK = re.compile(r"(?:layers|blocks)\.(\d+)\.")
_STAGE = re.compile(r"(?:stages|layers)\.(\d+)\.")
_STAGE_BLOCK = re.compile(r"(?:stages|layers)\.(\d+)\.(?:blocks\.)?(\d+)\.")
_RESNET = re.compile(r"layer(\d+)\.(\d+)\.")
_STEM = re.compile(r"(conv1|bn1|norm1|stem)\.")


@attrs.frozen
class Backbone:
    """What the rules need to know of a backbone.

    Args:
        kind: the family.
        stages: the number of blocks of each stage; one stage for a plain transformer.
        num_layers: layers between the embedding, whose id is 0, and the rest, whose id is `num_layers + 1`.
    """

    kind: Kind
    stages: tuple[int, ...]
    num_layers: int

    @property
    def last(self) -> int:
        """The id of everything behind the backbone's blocks, whose lr is not scaled."""
        return self.num_layers + 1


def kind_of(class_name: str) -> Kind | None:
    """Return the family that a backbone's class is named after; None if it is none of them."""
    return next((kind for part, kind in _OF_CLASS if part in class_name), None)


def stages_of(kind: Kind, names: Iterable[str]) -> tuple[int, ...]:
    """Return how many blocks each stage has.

    Args:
        kind: the family.
        names: the parameters of the backbone.
    """
    expression = {"vit": _BLOCK, "resnet": _RESNET}.get(kind, _STAGE_BLOCK)
    found: dict[int, int] = {}
    for name in names:
        match = expression.match(name)
        if match:
            stage, block = (0, int(match[1])) if kind == "vit" else (int(match[1]), int(match[2]))
            found[stage] = max(found.get(stage, 0), block + 1)
    return tuple(found[stage] for stage in sorted(found))


def count_of(kind: Kind, stages: tuple[int, ...], *, by_stage: bool) -> int:
    """Return `num_layers` of a backbone: its stages, or its blocks; those of ConvNeXt's third stage in threes."""
    if by_stage:
        return len(stages)
    if kind == "convnext":
        return 3 + -(-stages[2] // 3) if len(stages) > 2 else len(stages)
    return sum(stages)


def by_layer(name: str, backbone: Backbone) -> int:
    """Return the id of a parameter's layer, as MMSegmentation, MMDetection and MMSelfSup 1.x number them.

    Args:
        name: of the parameter in the backbone.
        backbone: what is known of it.
    """
    return _BY_LAYER[backbone.kind](name, backbone)


def by_stage(name: str, backbone: Backbone) -> int:
    """Return the number of a parameter's stage, from 1, as MMSegmentation 1.x does for ConvNeXt.

    Args:
        name: of the parameter in the backbone.
        backbone: what is known of it.
    """
    before = ("downsample_layers", "patch_embed", "absolute_pos_embed")
    if name in _TOKENS or name.startswith(before) or _STEM.match(name):
        return 0
    match = _RESNET.match(name)
    if match:
        return int(match[1])
    match = _STAGE.match(name)
    return int(match[1]) + 1 if match else backbone.last


def by_patterns(name: str, ids: Mapping[str, int], last: int) -> tuple[int, str | None]:
    """Return the id that the first matching pattern gives, and that pattern; `last` and None if none matches.

    Args:
        name: of the parameter in the model.
        ids: regular expressions; where one has a group that captured a number, its id is added to that number.
        last: the id of everything else.
    """
    for rule, number in ids.items():
        match = re.search(rule, name)
        if match:
            return number + (int(match[1]) if match.groups() and match[1] else 0), rule
    return last, None


def _vit(name: str, backbone: Backbone) -> int:
    if name in _TOKENS or name.startswith("patch_embed"):
        return 0
    match = _BLOCK.match(name)
    return int(match[1]) + 1 if match else backbone.last


def _swin(name: str, backbone: Backbone) -> int:
    if "mask_token" in name or "patch_embed" in name or name == "absolute_pos_embed":
        return 0
    stage = _STAGE.match(name)
    if not stage:
        return backbone.last
    number, block = int(stage[1]), _STAGE_BLOCK.match(name)
    if block:
        return sum(backbone.stages[:number]) + int(block[2]) + 1
    return sum(backbone.stages[: number + 1])  # what lies between two stages goes with the one before


def _convnext(name: str, backbone: Backbone) -> int:
    if name in _TOKENS:
        return 0
    if name.startswith("downsample_layers."):
        return (0, 2, 3, backbone.num_layers)[int(name.split(".")[1])]
    match = _STAGE_BLOCK.match(name)
    if not match:
        return backbone.last
    number, block = int(match[1]), int(match[2])
    return (1, 2, 3 + block // 3, backbone.num_layers)[number]


def _resnet(name: str, backbone: Backbone) -> int:
    if _STEM.match(name):
        return 0
    match = _RESNET.match(name)
    if not match:
        return backbone.last
    return sum(backbone.stages[: int(match[1]) - 1]) + int(match[2]) + 1


_BY_LAYER: Mapping[Kind, Callable[[str, Backbone], int]] = {
    "vit": _vit,
    "swin": _swin,
    "convnext": _convnext,
    "resnet": _resnet,
}
