"""Which weights are the best, also over resumed runs and for metrics of every kind."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from golden_models import Batches, TinyNet, loader
from runs import make_runner

from core import CheckpointHook, EvalHook
from core.checkpoint import read_checkpoint
from core.errors import HookError, OptionError
from core.hooks.best_score import UnknownRuleError, infer_rule


class Scores(Batches):
    """Gives one score after the other."""

    def __init__(self, scores: Any, key: str = "acc") -> None:
        super().__init__(2)
        self.scores, self.key = list(scores), key

    def evaluate(self, results: Any, logger: Any = None) -> Any:
        return {self.key: self.scores.pop(0), "other": 1.0}


def eval_hook(scores: Any, key: str = "acc", **options: Any) -> EvalHook:
    val = torch.utils.data.DataLoader(Scores(scores, key))
    return EvalHook(val, test_fn=lambda model, loader: [0, 0], **{"save_best": "auto", **options})


def runner_with(work_dir: Path, *hooks: Any, max_epochs: int = 3, logger: Any = None) -> Any:
    model = TinyNet()
    runner = make_runner(
        {"type": "EpochBasedRunner", "max_epochs": max_epochs},
        model,
        torch.optim.SGD(model.parameters(), lr=0.1),
        work_dir=str(work_dir),
        meta={},
        **({"logger": logger} if logger else {}),
    )
    runner.register_training_hooks({"policy": "fixed"}, {}, None)
    for hook in hooks:
        runner.register_hook(hook, "LOW" if isinstance(hook, EvalHook) else "NORMAL")
    return runner


def train(runner: Any) -> None:
    runner.run([loader(2)], [("train", 1)])


def bests(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("best_*"))


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([0, 0, 0], 0),
        ([0.0, -1.0, 0.5], 0.5),
        ([-3, -2, -5], -2),
        ([None, 0.1, None], 0.1),
        ([float("nan"), 0.1, float("nan")], 0.1),
        ([np.float32(0.5), np.float64(0.25), np.int64(0)], 0.5),
        ([torch.tensor(0.5), torch.tensor([0.75]), torch.tensor(0)], 0.75),
    ],
    ids=["zeros", "zero first", "negative", "none", "not a number", "of numpy", "tensors"],
)
def test_the_greatest_score(tmp_path: Path, scores: list[Any], best: float) -> None:
    hook = eval_hook(scores)
    runner = runner_with(tmp_path, hook)
    train(runner)
    messages = runner.meta["hook_msgs"]
    assert messages["best_score"] == best
    assert type(messages["best_score"]) in (int, float), "a checkpoint holds plain numbers"
    number = next(place for place, score in enumerate(scores, 1) if score is not None and float(score) == best)
    assert bests(tmp_path) == [f"best_acc_epoch_{number}.pth"]
    saved = read_checkpoint(tmp_path / f"best_acc_epoch_{number}.pth")["meta"]
    assert saved["hook_msgs"]["best_score"] == best
    assert saved["epoch"] == number


@pytest.mark.parametrize("score", ["0.5", [0.5], {"a": 1}, np.array([1, 2]), torch.ones(2), True])
def test_a_score_must_be_a_number(tmp_path: Path, score: Any) -> None:
    with pytest.raises(HookError, match="save_best: 'acc' must be a number, the dataset gives "):
        train(runner_with(tmp_path, eval_hook([score])))


def test_names_of_metrics_become_names_of_files(tmp_path: Path) -> None:
    train(runner_with(tmp_path, eval_hook([1, 0, 0], key="bbox/mAP{50}")))
    assert bests(tmp_path) == ["best_bbox_mAP{50}_epoch_1.pth"]


def test_a_metric_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HookError, match=r"save_best: the dataset gives no 'accu' but acc, other; did you mean 'acc'\?"):
        train(runner_with(tmp_path, eval_hook([1], save_best="accu", rule="greater")))


@pytest.mark.parametrize("answer", [None, 0.5, [1]])
def test_a_dataset_must_answer_with_metrics(tmp_path: Path, answer: Any) -> None:
    hook = eval_hook([])
    hook.dataloader.dataset.evaluate = lambda results, logger: answer
    with pytest.raises(HookError) as caught:
        train(runner_with(tmp_path, hook))
    assert str(caught.value) == f"Scores.evaluate must answer with a dict of metrics, got {type(answer).__name__}"


def resumed(tmp_path: Path, from_name: str, hook: EvalHook, **options: Any) -> Any:
    runner = runner_with(tmp_path, CheckpointHook(1), hook, max_epochs=4, **options)
    runner.resume(str(tmp_path / from_name))
    return runner


def first_run(tmp_path: Path) -> None:
    """Two epochs; the second is the best, and was saved by an evaluation hook."""
    train(runner_with(tmp_path, CheckpointHook(1), eval_hook([0.3, 0.5]), max_epochs=2))
    assert bests(tmp_path) == ["best_acc_epoch_2.pth"]


def test_the_best_score_outlives_the_run(tmp_path: Path) -> None:
    first_run(tmp_path)
    hook = eval_hook([0.4, 0.6])
    runner = resumed(tmp_path, "best_acc_epoch_2.pth", hook)
    train(runner)
    assert runner.meta["hook_msgs"]["best_score"] == 0.6
    assert bests(tmp_path) == ["best_acc_epoch_4.pth"], "the one of the first run is replaced"
    assert hook.state_dict() == {
        "key_indicator": "acc",
        "rule": "greater",
        "best_score": 0.6,
        "best_ckpt": str(tmp_path / "best_acc_epoch_4.pth"),
    }


def test_a_worse_score_after_the_resume_is_not_the_best(tmp_path: Path) -> None:
    first_run(tmp_path)
    runner = resumed(tmp_path, "best_acc_epoch_2.pth", eval_hook([0.4, 0.45]))
    train(runner)
    assert runner.meta["hook_msgs"]["best_score"] == 0.5
    assert bests(tmp_path) == ["best_acc_epoch_2.pth"]


def test_auto_goes_on_with_the_same_metric(tmp_path: Path) -> None:
    """The first metric of a dict may be another one tomorrow."""
    first_run(tmp_path)
    hook = eval_hook([0.4, 0.6])
    scores = hook.dataloader.dataset
    hook.dataloader.dataset.evaluate = lambda results, logger: {"loss": 9.0, "acc": scores.scores.pop(0)}
    train(resumed(tmp_path, "best_acc_epoch_2.pth", hook))
    assert (hook.key_indicator, hook.rule, hook.best_score) == ("acc", "greater", 0.6)


@pytest.mark.parametrize(
    ("options", "now"),
    [
        ({"save_best": "loss", "key": "loss"}, "loss (less is better)"),
        ({"save_best": "acc", "rule": "less"}, "acc (less is better)"),
    ],
    ids=["metric", "rule"],
)
def test_another_metric_begins_anew(
    tmp_path: Path, options: dict[str, Any], now: str, caplog: pytest.LogCaptureFixture
) -> None:
    """MMCV compares the loss with the accuracy."""
    first_run(tmp_path)
    logger = logging.getLogger("anew")
    with caplog.at_level(logging.INFO, "anew"):
        runner = resumed(tmp_path, "best_acc_epoch_2.pth", eval_hook([0.9, 0.8], **options), logger=logger)
        train(runner)
    assert runner.meta["hook_msgs"]["best_score"] == 0.8
    assert f"save_best is {now} now: the best acc so far, 0.5, does not count" in caplog.messages
    assert "best_acc_epoch_2.pth" in bests(tmp_path), "the best of the other metric stays"


def test_a_checkpoint_of_mmcv_knows_the_best_too(tmp_path: Path) -> None:
    first_run(tmp_path)
    content = read_checkpoint(tmp_path / "best_acc_epoch_2.pth")
    del content["hookloom"]
    torch.save(content, tmp_path / "of_mmcv.pth")
    train(resumed(tmp_path, "of_mmcv.pth", eval_hook([0.45, 0.6])))
    assert bests(tmp_path) == ["best_acc_epoch_4.pth"]


def test_a_moved_work_dir_keeps_one_best_file(tmp_path: Path) -> None:
    first_run(tmp_path / "old")
    os.rename(tmp_path / "old", tmp_path / "new")
    runner = resumed(tmp_path / "new", "best_acc_epoch_2.pth", eval_hook([0.4, 0.6]))
    train(runner)
    assert bests(tmp_path / "new") == ["best_acc_epoch_4.pth"]


def test_two_hooks_keep_one_best_each(tmp_path: Path) -> None:
    """MMCV has them share one score."""
    first, second = eval_hook([0.1, 0.2, 0.15]), eval_hook([0.9, 0.8, 0.7], key="top")
    train(runner_with(tmp_path, first, second))
    assert (first.best_score, second.best_score) == (0.2, 0.9)
    assert bests(tmp_path) == ["best_acc_epoch_2.pth", "best_top_epoch_1.pth"]


def test_the_new_file_is_whole_before_the_old_one_goes(tmp_path: Path) -> None:
    runner = runner_with(tmp_path, eval_hook([0.1, 0.2]), max_epochs=2)
    real, seen = runner.save_checkpoint, []

    def save(*args: Any, **kwargs: Any) -> str:
        seen.append(bests(tmp_path))
        path = real(*args, **kwargs)
        seen.append(bests(tmp_path))
        return path

    runner.save_checkpoint = save
    train(runner)
    one, two = "best_acc_epoch_1.pth", "best_acc_epoch_2.pth"
    assert seen == [[], [one], [one], [one, two]]
    assert bests(tmp_path) == [two]


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("AP", "greater"),
        ("coco/AP50", "greater"),
        ("AR", "greater"),
        ("PCKh@0.1", "greater"),
        ("SSIM", "greater"),
        ("f1-score", "greater"),
        ("HOTA", "greater"),
        ("P-MPJPE", "less"),
        ("EPE", "less"),
        ("val_mse", "less"),
        ("FID", "less"),
        ("LPIPS", "less"),
        ("wer", "less"),
    ],
)
def test_rules_beyond_those_of_mmcv(key: str, rule: str) -> None:
    assert infer_rule(key) == rule


@pytest.mark.parametrize("key", ["", "value", "chart", "gap", "ap_error", "apple"])
def test_a_rule_is_never_guessed(key: str) -> None:
    with pytest.raises(UnknownRuleError, match="cannot tell whether a greater or a smaller"):
        infer_rule(key)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": 0}, "evaluation interval must be a positive whole number, got 0"),
        ({"interval": 1.5}, "evaluation interval must be a positive whole number, got 1.5"),
        ({"interval": True}, "evaluation interval must be a positive whole number, got True"),
        ({"start": -1}, "evaluation start must be a whole number from 0, or None, got -1"),
        ({"by_epoch": 1}, "by_epoch must be True or False, got 1"),
        ({"save_best": True}, "save_best must be the name of a metric, 'auto' or None, got True"),
        ({"rule": "greatest"}, "rule must be 'greater' or 'less', got 'greatest'; did you mean 'greater'?"),
        ({"greater_keys": 3}, "greater_keys must be a text or a list of texts, got 3"),
        ({"less_keys": ["a", 1]}, "less_keys must be a text or a list of texts, got ['a', 1]"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        eval_hook([], **options)
    assert str(caught.value) == message


def test_a_loader_that_cannot_be_evaluated_on() -> None:
    with pytest.raises(OptionError, match=r"Batches cannot be evaluated on: it has no evaluate\(results, \*\*kw\)"):
        EvalHook(torch.utils.data.DataLoader(Batches(2)))
    with pytest.raises(OptionError, match="dataloader must be a DataLoader, got list"):
        EvalHook([1, 2])


def test_own_keys_of_a_subclass() -> None:
    class OfAProject(EvalHook):
        _default_greater_keys = ("quality",)

    val = torch.utils.data.DataLoader(Scores([]))
    assert OfAProject(val, save_best="quality").rule == "greater"
    with pytest.raises(UnknownRuleError):
        EvalHook(val, save_best="quality")


def test_arguments_stand_in_the_order_of_mmcv() -> None:
    def test_fn(model: Any, loader: Any) -> list[Any]:
        return []

    val = torch.utils.data.DataLoader(Scores([]))
    hook = EvalHook(val, 2, 3, False, "acc", "less", test_fn, ["x"], ["y"], "/out", None, metric="bbox")
    assert (hook.dataloader, hook.start, hook.interval, hook.by_epoch) == (val, 2, 3, False)
    assert (hook.save_best, hook.rule, hook.test_fn) == ("acc", "less", test_fn)
    assert (hook.greater_keys, hook.less_keys, hook.out_dir) == (("x",), ("y",), "/out")
    assert hook.eval_kwargs == {"metric": "bbox"}
