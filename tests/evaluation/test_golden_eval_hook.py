"""Every recorded evaluation: when, with what, and which best weights are kept."""

from __future__ import annotations

import copy
import logging
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import golden
import pytest
import torch
from golden_models import Batches, TinyNet, loader
from runs import Recorder, make_runner

from core.errors import HookloomError
from core.hooks.evaluation import EvalHook

CASES = golden.cases("eval_hook")


class Judged(Batches):
    """Answers with the next recorded metrics, and notes when it is asked."""

    def __init__(self, n: int, results: list[Any]) -> None:
        super().__init__(n)
        self.results, self.asked, self.kwargs = results, 0, []

    def evaluate(self, results: Any, logger: Any = None, **kwargs: Any) -> Any:
        answer = self.results[min(self.asked, len(self.results) - 1)]
        self.asked += 1
        self.kwargs.append(sorted([key, listed(value)] for key, value in kwargs.items()))
        return answer


def listed(value: Any) -> Any:
    """Tuples were recorded as lists here."""
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    return [listed(item) for item in value] if isinstance(value, (list, tuple)) else value


class DynamicEvalHook(EvalHook):
    """As the detection project has it: the interval changes at milestones."""

    def __init__(self, *args: Any, dynamic_intervals: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dynamic = dynamic_intervals is not None
        if self.dynamic:
            if not all(isinstance(entry, tuple) for entry in dynamic_intervals):
                raise TypeError("dynamic_intervals must be a list of tuples")
            self.milestones = [0, *(start for start, _ in dynamic_intervals)]
            self.intervals = [self.interval, *(interval for _, interval in dynamic_intervals)]

    def _decide(self, runner: Any) -> None:
        if self.dynamic:
            progress = (runner.epoch if self.by_epoch else runner.iter) + 1
            step = sum(progress >= milestone for milestone in self.milestones)
            self.interval = self.intervals[step - 1]

    def before_train_epoch(self, runner: Any) -> None:
        self._decide(runner)
        super().before_train_epoch(runner)

    def before_train_iter(self, runner: Any) -> None:
        self._decide(runner)
        super().before_train_iter(runner)


class Messages(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def best_files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*.pth"))


def play(case: dict[str, Any], root: Path) -> dict[str, Any]:
    case = copy.deepcopy(case)
    logger = logging.Logger("eval")
    messages = Messages()
    logger.addHandler(messages)
    seen: dict[str, Any] = {"evaluated_at": [], "files": [], "messages": messages.texts}

    class Watched(DynamicEvalHook if case["hook_class"] == "mmdet" else EvalHook):  # type: ignore[misc]
        def evaluate(self, runner: Any, results: Any) -> Any:
            seen["evaluated_at"].append([runner.epoch, runner.iter, runner.mode])
            return super().evaluate(runner, results)

    model = TinyNet()
    runner = make_runner(
        case["runner"],
        model,
        torch.optim.SGD(model.parameters(), lr=0.1),
        work_dir=str(root / "exp1"),
        logger=logger,
        meta={},
    )
    if "start_epoch_iter" in case:
        runner._epoch, runner._iter = case["start_epoch_iter"]
    dataset = Judged(case["val_len"], case["results"])
    seen["dataset"] = dataset
    evaluation = case["evaluation"]
    priority = evaluation.pop("priority", "LOW")
    if evaluation.get("out_dir"):
        evaluation["out_dir"] = evaluation["out_dir"].replace("$TMP", str(root))
    val = torch.utils.data.DataLoader(dataset, batch_size=1)
    hook = Watched(val, test_fn=lambda model, loader: [0] * len(loader), **evaluation)
    seen["hook"] = hook
    runner.register_hook(hook, priority)

    def note(r: Any) -> None:
        files = best_files(root)
        if files != (seen["files"][-1][2] if seen["files"] else []):
            seen["files"].append([r.epoch, r.iter, files])

    for point in ("before_train_epoch", "before_train_iter", "after_train_iter", "after_train_epoch"):
        runner.register_hook(Recorder(point, note), "LOWEST")
    try:
        runner.run([loader(case["iters_per_epoch"])], [("train", 1)])
    finally:
        seen["hook_msgs"] = (runner.meta or {}).get("hook_msgs")
    return seen


def zero_counts(case: dict[str, Any]) -> bool:
    """A deliberate difference: MMCV drops a score of 0, here it can be the best."""
    key = case["evaluation"].get("save_best")
    return bool(key) and any(next(iter(result.values()), 1) == 0 for result in case["results"] if result)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_evaluation(case: dict[str, Any], tmp_path: Path) -> None:
    if "error" in case:
        # The mistake is the contract, not the class; that of the detection project's is in the subclass above.
        with pytest.raises(TypeError if case["hook_class"] == "mmdet" else HookloomError):
            play(case, tmp_path)
        assert best_files(tmp_path) == []
        return
    with pytest.warns(UserWarning, match="without metrics") if is_warned(case) else nullcontext():
        seen = play(case, tmp_path)
    assert seen["evaluated_at"] == case["evaluated_at"]
    assert distinct(seen["dataset"].kwargs) == case["eval_kwargs"]
    assert seen["hook"].rule == case["rule"]
    assert seen["hook"].key_indicator == case["key_indicator"]
    expected = with_zeros(case) if zero_counts(case) else case
    assert seen["files"] == expected["files"]
    said = ("The best", "Now best", "Best ", "The previous best")
    texts = [text.replace(str(tmp_path), "$TMP") for text in seen["messages"] if text.startswith(said)]
    assert texts == expected["log_messages"]
    if case["hook_msgs"] is None:
        assert not seen["hook_msgs"]
    else:
        assert symbolic(seen["hook_msgs"], tmp_path) == expected["hook_msgs"]


def symbolic(messages: dict[str, Any], root: Path) -> dict[str, Any]:
    return {k: v.replace(str(root), "$TMP") if isinstance(v, str) else v for k, v in messages.items()}


def with_zeros(case: dict[str, Any]) -> dict[str, Any]:
    """What MMCV would have recorded if a score of 0 counted."""
    key, rule = case["key_indicator"], case["rule"]
    by_epoch = case["evaluation"]["by_epoch"]
    unit = "epoch" if by_epoch else "iter"
    best, path = None, None
    files: list[Any] = []
    lines: list[str] = []
    for place, (epoch, iteration, _) in enumerate(case["evaluated_at"]):
        score = case["results"][min(place, len(case["results"]) - 1)][key]
        if best is not None and not (score > best if rule == "greater" else score < best):
            continue
        if path:
            lines.append(f"The previous best checkpoint {path} was removed")
        number = (epoch if by_epoch else iteration) + 1
        name = f"best_{key}_{unit}_{number}.pth"
        best, path = score, f"$TMP/exp1/{name}"
        lines += [f"Now best checkpoint is saved as {name}.", f"Best {key} is {best:.4f} at {number} {unit}."]
        files.append([epoch, iteration, [f"exp1/{name}"]])
    return {"files": files, "log_messages": lines, "hook_msgs": {"best_score": best, "best_ckpt": path}}


def distinct(found: list[Any]) -> list[Any]:
    return [one for place, one in enumerate(found) if one not in found[:place]]


def is_warned(case: dict[str, Any]) -> bool:
    asked = len(case["evaluated_at"])
    given = [case["results"][min(i, len(case["results"]) - 1)] for i in range(asked)]
    return bool(case["evaluation"].get("save_best")) and any(not result for result in given)


# A deliberate difference: MMCV wants a rule for these.
KNOWN_HERE = {
    "NME": "less",
    "PCK": "greater",
    "AP_rgb": "greater",
    "MPJPE": "less",
    "PSNR": "greater",
    "recall": "greater",
    "Mean PCK": "greater",
    "0_hmean-iou:hmean": "greater",
}


@pytest.mark.parametrize("entry", golden.load("eval_hook")["rule_inference"], ids=lambda entry: entry["key"])
def test_rule(entry: dict[str, Any]) -> None:
    val = torch.utils.data.DataLoader(Judged(1, []))
    expected = KNOWN_HERE[entry["key"]] if "error" in entry else entry["rule"]
    assert EvalHook(val, save_best=entry["key"]).rule == expected
