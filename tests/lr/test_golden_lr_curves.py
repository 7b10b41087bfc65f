"""Every recorded learning-rate curve of the policies that exist, to the last bit."""

from __future__ import annotations

import copy
from typing import Any

import golden
import pytest
from runs import Recorder, dummy_optimizer, make_runner, run

from core.registries import LR_UPDATERS

POLICIES = {name.casefold() for name in LR_UPDATERS.names()}
# Recorded as errors; here the spelling of a policy's case does not matter, and a tuple is as good as a list.
FORGIVEN = "policy names are matched in any case; a tuple of steps is a list"


def known(case: dict[str, Any]) -> bool:
    policy = (case["lr_config"] or {}).get("policy", "fixed")
    return not isinstance(policy, str) or policy.casefold() in POLICIES or "error" in case


CASES = [case for case in golden.cases("lr_curves") if known(case)]


def forgiven(case: dict[str, Any]) -> bool:
    config = case["lr_config"]
    if "error" not in case or not isinstance(config, dict):
        return False
    policy = config.get("policy")
    other_case = isinstance(policy, str) and policy.casefold() in POLICIES and "KeyError" in case["error"]["type"]
    return other_case or isinstance(config.get("step"), tuple)


def lr_of(optimizer: Any) -> Any:
    if isinstance(optimizer, dict):
        return {name: lr_of(one) for name, one in optimizer.items()}
    lrs = [group["lr"] for group in optimizer.param_groups]
    return lrs[0] if len(lrs) == 1 else lrs


def curve(case: dict[str, Any], tmp_path: Any) -> tuple[list[Any], list[Any]]:
    case = copy.deepcopy(case)
    resume = case.get("resume")
    checkpoint = None
    if resume:
        checkpoint = first_run({**case, **resume.get("first", {})}, resume["at"], tmp_path)
    model, optimizer = dummy_optimizer(case["optimizer"])
    runner = make_runner(case["runner"], model, optimizer)
    recorder = Recorder("before_train_iter", lambda r: ([r.epoch, r.iter], lr_of(r.optimizer)))
    runner.register_training_hooks(case["lr_config"], timer_config=None)
    runner.register_hook(recorder, "LOWEST")
    if checkpoint:
        runner.resume(checkpoint, resume_optimizer=resume.get("resume_optimizer", True))
    try:
        run(runner, case["iters_per_epoch"], case.get("workflow"))
    finally:
        case["seen"] = recorder.seen
    return [at for at, _ in recorder.seen], [lr for _, lr in recorder.seen]


def first_run(case: dict[str, Any], at: int, tmp_path: Any) -> str:
    """Train up to `at` and save there."""
    model, optimizer = dummy_optimizer(case["optimizer"])
    runner = make_runner(case["runner"], model, optimizer)
    runner.register_training_hooks(case["lr_config"], timer_config=None)
    saved = []
    by_epoch = case["runner"]["type"].startswith("Epoch")

    def save(runner: Any) -> None:
        if (runner.epoch if by_epoch else runner.iter) + 1 == at:
            saved.append(runner.save_checkpoint(str(tmp_path)))

    runner.register_hook(Recorder("after_train_epoch" if by_epoch else "after_train_iter", save), "LOWEST")
    run(runner, case["iters_per_epoch"])
    return saved[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_curve(case: dict[str, Any], tmp_path: Any) -> None:
    if "error" in case and not forgiven(case):
        with pytest.raises(Exception):  # noqa: B017, PT011 - the mistake is the contract, not its class
            curve(case, tmp_path)
        return
    at, lrs = curve(case, tmp_path)
    if forgiven(case):
        assert lrs, FORGIVEN
        return
    expected, where = case["lr"], case.get("at")
    if case.get("resume") and case["runner"]["type"].startswith("Iter"):
        # The file says how many iterations are done, so none is repeated: the curve starts one later.
        expected, where = expected[1:], None
        assert at[0][1] == case["at"][0][1] + 1
    assert lrs == expected
    if where:
        assert at[0] == where[0]
