"""Every recorded momentum curve, to the last bit, by policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import curves
import golden
import pytest

CASES = golden.cases("momentum_curves")
# Errors in MMCV that are none here, each with what the config means.
MEANT = {
    "mom-validation-0652": {"policy": "step", "step": [1, 2]},
    "mom-validation-0656": {"policy": "cyclic", "target_ratio": (0.9, 1.0)},
}


def policy_of(case: dict[str, Any]) -> str:
    return str((case["momentum_config"] or {}).get("policy"))


@pytest.mark.parametrize("policy", sorted({policy_of(case) for case in CASES}))
def test_curves(policy: str, tmp_path: Path) -> None:
    cases = [case for case in CASES if policy_of(case) == policy and case["id"] not in MEANT]
    assert [found for case in cases if (found := curves.deviation(case, "mom", tmp_path))] == []


@pytest.mark.parametrize("case", [case for case in CASES if case["id"] in MEANT], ids=lambda case: case["id"])
def test_a_list_and_a_tuple_are_interchangeable(case: dict[str, Any], tmp_path: Path) -> None:
    meant = {**case, "momentum_config": MEANT[case["id"]]}
    assert curves.run_case(case, tmp_path).momentum == curves.run_case(meant, tmp_path).momentum
