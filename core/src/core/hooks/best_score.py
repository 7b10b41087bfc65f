"""Which of two scores is the better one, told from the metric's name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from core.errors import HookError

Rule = Literal["greater", "less"]
RULES = ("greater", "less")

GREATER_KEYS = ("acc", "top", "AR@", "auc", "precision", "mAP", "mDice", "mIoU", "mAcc", "aAcc")
LESS_KEYS = ("loss",)

# Whole words of names that MMCV cannot tell; consulted only when the keys above say nothing.
GREATER_WORDS = frozenset(
    {
        "ap",
        "ar",
        "dice",
        "eao",
        "f1",
        "fscore",
        "hmean",
        "hota",
        "idf1",
        "iou",
        "kappa",
        "map",
        "mota",
        "pck",
        "pckh",
        "pcp",
        "pq",
        "psnr",
        "r2",
        "recall",
        "score",
        "ssim",
        "success",
    }
)
LESS_WORDS = frozenset(
    {
        "cer",
        "epe",
        "err",
        "error",
        "fid",
        "lpips",
        "mae",
        "mape",
        "mpjpe",
        "mrrpe",
        "mse",
        "niqe",
        "nme",
        "perplexity",
        "rmse",
        "wer",
    }
)


class UnknownRuleError(HookError, ValueError):
    """Nobody knows whether a greater or a smaller value of the metric is better."""


def infer_rule(key: str, greater_keys: Sequence[str] = GREATER_KEYS, less_keys: Sequence[str] = LESS_KEYS) -> Rule:
    """Tell whether greater or smaller values of a metric are better.

    Args:
        key: the metric's name; case does not matter.
        greater_keys: names, or parts of names, whose greater values are better; looked at first.
        less_keys: those whose smaller values are.

    Raises:
        UnknownRuleError: if the name tells nothing.
    """
    name = key.lower()
    greater = [one.lower() for one in greater_keys]
    less = [one.lower() for one in less_keys]
    if name in greater:
        return "greater"
    if name in less:
        return "less"
    if any(part in name for part in greater):
        return "greater"
    if any(part in name for part in less):
        return "less"
    words = {word.rstrip("0123456789") or word for word in re.split(r"[^a-z0-9]+", name)} | set(
        re.split(r"[^a-z0-9]+", name)
    )
    better, worse = words & GREATER_WORDS, words & LESS_WORDS
    if better and not worse:
        return "greater"
    if worse and not better:
        return "less"
    raise UnknownRuleError(
        f"save_best: cannot tell whether a greater or a smaller {key!r} is better; say rule='greater' or 'less'"
    )


def is_better(rule: Rule, score: float, best: float | None) -> bool:
    """Tell whether a score beats the best so far, if there is one."""
    if best is None:
        return score == score  # not a number is never the best
    return score > best if rule == "greater" else score < best
