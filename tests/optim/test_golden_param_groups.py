"""Every recorded split of a model into parameter groups."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import golden
import pytest
from golden_models import PG_MODELS

from core.optim.build import build_optimizer

CASES = golden.cases("param_groups")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_groups(case: dict[str, Any]) -> None:
    model = PG_MODELS[case["model"]]()
    config = copy.deepcopy(case["optimizer"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if "error" in case:
            with pytest.raises(Exception):  # noqa: B017, PT011 - the mistake is the contract, not its class
                build_optimizer(model, config)
            return
        optimizer = build_optimizer(model, config)
    assert config == case["optimizer"], "the config is left as it is"
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = [
        [[names[id(p)] for p in group["params"]], group["lr"], group["weight_decay"]]
        for group in optimizer.param_groups
    ]
    assert type(optimizer).__name__ == case["optimizer_class"]
    assert groups == case["groups"]
    assert sum("duplicate" in str(one.message) for one in caught) == case["warnings"]
