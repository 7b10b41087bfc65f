"""What is wrong with a constructor's options, reported where it stands, before anything is built."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from core import OPTIMIZER_BUILDERS, DefaultOptimizerConstructor
from core.config.paramwise import CommonOptions

LINE = "optimizer = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4)"
LAYERS = "LayerDecayOptimizerConstructor"


@attrs.frozen(kw_only=True)
class OwnOptions(CommonOptions):
    twice: list[str] = attrs.field(factory=list, metadata={"names_parameters": "pattern"})
    factor: float = attrs.field(default=2.0, validator=attrs.validators.gt(0))


class Own(DefaultOptimizerConstructor):
    """What a package of somebody else's may offer."""

    paramwise_options = OwnOptions
    optimizer_keys = ("model_kind",)


@pytest.fixture(autouse=True)
def registered(own_components: None) -> None:
    OPTIMIZER_BUILDERS.register_module(module=Own)


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (
            f"constructor='{LAYERS}', paramwise_cfg=dict(decay_rat=0.9)",
            "optimizer.paramwise_cfg.decay_rat: unknown key; did you mean 'decay_rate'?",
        ),
        (
            f"constructor='{LAYERS}', paramwise_cfg=dict(decay_rate=-1)",
            "optimizer.paramwise_cfg.decay_rate: must be positive, got -1.0",
        ),
        (
            f"constructor='{LAYERS}', paramwise_cfg=dict(decay_rate=0.9, decay_type='layerwise')",
            "optimizer.paramwise_cfg.decay_type: expected 'layer_wise' or 'stage_wise' or 'layer_wise_vit', got str "
            "'layerwise'; did you mean 'layer_wise'?",
        ),
        (
            f"constructor='{LAYERS}'",
            "optimizer.paramwise_cfg: needs 'decay_rate', which is not given",
        ),
        (
            f"constructor='{LAYERS}', paramwise_cfg=dict(num_layers=12)",
            "optimizer.paramwise_cfg: needs 'decay_rate', which is not given",
        ),
        (
            f"constructor='{LAYERS}', layer_decay_rate=0.9, model_type='vti'",
            "optimizer.model_type: must be one of vit, swin, convnext, resnet, got 'vti'",
        ),
        (
            f"constructor='{LAYERS}', paramwise_cfg=dict(decay_rate=0.9, layer_ids={{'(': 1}})",
            "optimizer.paramwise_cfg.layer_ids['(']: is no regular expression: missing ), unterminated subpattern at "
            "position 0",
        ),
        (
            f"constructor='{LAYERS}', nestrov=True, paramwise_cfg=dict(decay_rate=0.9)",
            "optimizer.nestrov: unknown key; did you mean 'nesterov'?",
        ),
        (
            "constructor='FreezeConstructor', paramwise_cfg=dict(freze=['backbone'])",
            "optimizer.paramwise_cfg.freze: unknown key; did you mean 'freeze'?",
        ),
        (
            "constructor='FreezeConstructor', paramwise_cfg=dict(freeze='backbone')",
            "optimizer.paramwise_cfg.freeze: expected list of str, got str 'backbone'",
        ),
        (
            "constructor='NoDecay1dConstructor', paramwise_cfg=dict(also=['[a'])",
            "optimizer.paramwise_cfg.also[0]: is no regular expression: unterminated character set at position 0",
        ),
        (
            "constructor='MuonConstructor', paramwise_cfg=dict(exclude=['head'])",
            "optimizer.paramwise_cfg: SGD gets the matrices alone, since its groups have no option 'muon': 'rest' must "
            "name the optimizer of all other parameters, such as dict(type='AdamW', lr=3e-4)",
        ),
        (
            "constructor='MuonConstructor', paramwise_cfg=dict(rest=dict(type='AdamW', beta=(0.9, 0.99)))",
            "optimizer.paramwise_cfg.rest.beta: unknown key; did you mean 'betas'?",
        ),
        (
            "constructor='Own', paramwise_cfg=dict(twise=['a'])",
            "optimizer.paramwise_cfg.twise: unknown key; did you mean 'twice'?",
        ),
        ("constructor='Own', model_kind=3, paramwise_cfg=dict(twice=['a'], strict_keys=True)", ""),
        (
            "paramwise_cfg=dict(merge_group=True)",
            "optimizer.paramwise_cfg.merge_group: unknown key; did you mean 'merge_groups'?",
        ),
        ("paramwise_cfg=dict(merge_groups=True, strict_keys=True)", ""),
    ],
)
def test_a_mistake_is_reported_where_it_stands(problems: Any, new: str, expected: str) -> None:
    assert problems("weight_decay=1e-4", f"weight_decay=1e-4, {new}") == (expected and f"lenet.py:7 {expected}")
