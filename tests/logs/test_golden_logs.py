"""Every recorded log: its lines of text, its JSON records, and the tags that a logger hook sees."""

from __future__ import annotations

import copy
import json
import logging
import re
from pathlib import Path
from typing import Any

import golden
import pytest
import torch
from golden_models import Batches, Dummy, loader
from runs import make_runner

from core.hooks.evaluation import EvalHook
from core.hooks.logger import LoggerHook
from core.registries import HOOKS

CASES = golden.cases("logs")
LOGGED = re.compile(r"^(Epoch|Iter|Exp name)")


def log_fn(i: int, train: bool) -> tuple[dict[str, Any], int]:
    values: dict[str, Any] = {"loss": round(1.0 / (i + 1), 6)}
    if train and i % 2 == 0:
        values["sometimes"] = float(i)
    values["acc"] = i
    return values, i % 3 + 1


class TagLogger(LoggerHook):
    add_mode = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows: list[Any] = []

    def log(self, runner: Any) -> None:
        tags = self.get_loggable_tags(runner, allow_text=self.add_mode, add_mode=self.add_mode)
        self.rows.append([self.get_iter(runner), self.get_epoch(runner), self.get_mode(runner), tags])


class Judged(Batches):
    def evaluate(self, results: Any, logger: Any = None) -> Any:
        return {"accuracy": 0.25, "note": "text", "n": 3}


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture(autouse=True)
def tag_logger() -> Any:
    before = dict(HOOKS._local)
    HOOKS.register_module(module=TagLogger)
    yield
    HOOKS._local = before


def play(case: dict[str, Any], root: Path) -> tuple[Any, list[str]]:
    model = Dummy(2, lambda i, train: log_fn(i, train))
    if case["multi_optimizer"]:
        optimizer: Any = {
            "g": torch.optim.SGD([model.p0], lr=0.02, momentum=case["momentum"]),
            "d": torch.optim.SGD([model.p1], lr=0.1),
        }
    else:
        groups = [{"params": [model.p0], "lr": 0.1}, {"params": [model.p1], "lr": 0.5}]
        optimizer = torch.optim.SGD(groups, lr=0.1, momentum=case["momentum"] or 0)
    logger = logging.Logger("log")
    lines = Lines()
    logger.addHandler(lines)
    runner = make_runner(
        case["runner"], model, optimizer, work_dir=str(root), logger=logger, meta=copy.deepcopy(case["meta"])
    )
    lr_config = {"policy": "step", "step": [1], "by_epoch": True}
    runner.register_training_hooks(lr_config, log_config=copy.deepcopy(case["log_config"]))
    if case["evaluation"] is not None:
        val = torch.utils.data.DataLoader(Judged(case["val_len"]), batch_size=1)
        test_fn = lambda model, loader: [0]  # noqa: E731
        runner.register_hook(EvalHook(val, test_fn=test_fn, **case["evaluation"]), "LOW")
    workflow = [tuple(entry) for entry in case["workflow"]]
    lengths = {"train": case["iters_per_epoch"], "val": case["val_len"]}
    runner.run([loader(lengths[mode]) for mode, _ in workflow], workflow)
    return runner, lines.texts


def without_times(record: dict[str, Any]) -> dict[str, Any]:
    return {key: "<T>" if key in ("time", "data_time") else value for key, value in record.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_log(case: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> None:
    # Two cases were recorded with tags that do not begin with the mode, and without texts.
    monkeypatch.setattr(TagLogger, "add_mode", not (case["tags"] and "loss" in case["tags"][0][3]))
    runner, texts = play(case, tmp_path)
    (path,) = tmp_path.glob("*.log.json") if case["files"] else [None]
    if path is not None:
        assert path.name == f"{runner.timestamp}.log.json"
        records = [without_times(json.loads(line)) for line in path.read_text().splitlines()]
        assert records == [without_times(record) for record in case["json"]]
        assert [list(record) for record in records] == [list(record) for record in case["json"]]
    shown = [re.sub(r"(eta|time|data_time): [^,]+,", r"\1: <T>,", text) for text in texts if LOGGED.match(text)]
    assert shown == case["text"]
    rows = [row for hook in runner.hooks if isinstance(hook, TagLogger) for row in hook.rows]
    assert rows == case["tags"]
