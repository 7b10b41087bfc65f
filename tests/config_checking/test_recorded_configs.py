from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import golden
import pytest

from core.config.converter import check
from core.config.loader import from_dict
from core.errors import ConfigError

BASE: dict[str, Any] = {
    "model": {"type": "Net"},
    "data": {"train": {"type": "Digits"}},
    "optimizer": {"type": "SGD", "lr": 0.1, "momentum": 0.9},
}
# No error, but without any effect: decided to be a mistake.
WITHOUT_EFFECT = (
    "paramwise_cfg.unknown",
    "checkpoint_config.unknown",
    "custom_keys.fc: expected dict, got None",
)


def schedule(case: dict[str, Any]) -> dict[str, Any]:
    # What a schedule may say depends on the kind of optimizer at most.
    optimizer = {**case["optimizer"]} if case.get("momentum_config") else BASE["optimizer"]
    optimizer = copy.deepcopy(optimizer)
    for one in [optimizer] if "type" in optimizer else optimizer.values():
        one.pop("groups", None)
    return {
        **BASE,
        "runner": case["runner"],
        "optimizer": optimizer,
        "lr_config": case["lr_config"],
        "momentum_config": case.get("momentum_config"),
    }


def groups(case: dict[str, Any]) -> dict[str, Any]:
    runner = {"type": "EpochBasedRunner", "max_epochs": 1}
    return {**BASE, "runner": runner, "optimizer": case["optimizer"]}


def saving(case: dict[str, Any]) -> dict[str, Any]:
    return {**BASE, "runner": case["runner"], "checkpoint_config": case["checkpoint_config"]}


def stepping(case: dict[str, Any]) -> dict[str, Any]:
    return {**BASE, "runner": case["runner"], "optimizer_config": case["optimizer_config"]}


def different(name: str, make: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[tuple[bool, Any]]:
    """Yield each config once, with whether the reference refused it."""
    seen = set()
    for case in golden.cases(name):
        config = make(case)
        key = json.dumps(config, default=list, sort_keys=True)
        if key not in seen:
            seen.add(key)
            yield bool(case.get("error")), config


def refusal(config: dict[str, Any]) -> str | None:
    try:
        check(from_dict(config))
    except ConfigError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("name", "make", "least"),
    [
        ("lr_curves", schedule, 100),
        ("momentum_curves", schedule, 50),
        ("param_groups", groups, 10),
        ("checkpoints", saving, 20),
        ("optimizer_hook", stepping, 10),
    ],
)
def test_no_config_that_trained_is_refused(name, make, least):
    passed = 0
    for refused, config in different(name, make):
        if refused:
            continue
        said = refusal(config)
        assert said is None or any(known in said for known in WITHOUT_EFFECT), f"{config}\n{said}"
        passed += 1
    assert passed >= least
