"""Every recorded learning-rate curve, to the last bit, by policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import curves
import golden
import pytest

CASES = golden.cases("lr_curves")
# Errors in MMCV that are none here, each with what the config means.
MEANT = {
    "lr-validation-1012": {"policy": "step", "step": [1, 2]},
    "lr-validation-1013": {"policy": "step", "step": [1, 2]},
    "lr-validation-1018": {"policy": "step", "step": 2},
    "lr-validation-1019": {"policy": "step", "step": 2},
    "lr-validation-1020": {"policy": "CosineAnnealing", "min_lr": 0},
    "lr-validation-1021": {"policy": "CosineAnnealing", "min_lr": 0},
    "lr-validation-1062": {"policy": "cyclic", "target_ratio": (10, 0.0001)},
    "lr-validation-1063": {"policy": "cyclic", "target_ratio": (10, 0.0001)},
}


def policy_of(case: dict[str, Any]) -> str:
    return str((case["lr_config"] or {}).get("policy")).casefold()


@pytest.mark.parametrize("policy", sorted({policy_of(case) for case in CASES}))
def test_curves(policy: str, tmp_path: Path) -> None:
    cases = [case for case in CASES if policy_of(case) == policy and case["id"] not in MEANT]
    assert [found for case in cases if (found := curves.deviation(case, "lr", tmp_path))] == []


@pytest.mark.parametrize("case", [case for case in CASES if case["id"] in MEANT], ids=lambda case: case["id"])
def test_more_is_understood_than_mmcv_does(case: dict[str, Any], tmp_path: Path) -> None:
    meant = {**case, "lr_config": MEANT[case["id"]]}
    assert curves.run_case(case, tmp_path).lr == curves.run_case(meant, tmp_path).lr
