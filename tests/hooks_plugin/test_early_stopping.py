"""Early stopping: when a run ends, with which exit code, what its log says and how it goes on."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest
import small
from hook_jobs import Judged, job, log_of, saved

from core import HookError, OptionError
from core.cli.main import main
from core.errors import ConfigError
from core.runner.train import train
from hookloom_hooks import EarlyStoppingHook

SUPPORT = str(Path(__file__).parent.parent / "support")
NAN, INF = math.nan, math.inf


def config(work_dir: Path, scores: Any, *hooks: Any, kind: str = "EpochBasedRunner", **stopping: Any) -> Any:
    made = job(work_dir, {"type": "EarlyStoppingHook", "monitor": "accuracy", **stopping}, *hooks, kind=kind)
    made["data"]["val"] = {"type": Judged, "scores": scores}
    made["runner"] = {"type": kind, **({"max_epochs": 10} if kind == "EpochBasedRunner" else {"max_iters": 30})}
    return made


@pytest.mark.parametrize("kind", ["EpochBasedRunner", "IterBasedRunner"])
@pytest.mark.parametrize(
    ("scores", "options", "epochs", "reason"),
    [
        ((0.5, 0.6, 0.6, 0.55), {"patience": 2}, 4, "has not improved on 0.6 in 2 evaluations"),
        ((0.5, 0.6, 0.6, 0.7, 0.7), {"patience": 2}, 6, "has not improved on 0.7 in 2 evaluations"),
        (
            (0.5, 0.6, 0.65, 0.68, 0.7),
            {"patience": 2, "min_delta": 0.1},
            5,
            "has not improved on 0.65 by more than 0.1 in 2 evaluations",
        ),
        ((0.5, 0.4, 0.3, 0.35), {"patience": 1, "rule": "less"}, 4, "has not improved on 0.3 in 1 evaluation"),
        ((0.5, 0.8, 0.9), {"stopping_threshold": 0.8}, 2, "is 0.8 and has reached 0.8"),
        ((0.5, 0.2), {"stopping_threshold": 0.25, "rule": "less"}, 2, "is 0.2 and has reached 0.25"),
        ((0.5, NAN), {}, 2, "is nan"),
        ((0.5, INF), {}, 2, "is inf"),
        ((NAN, 0.5, INF, 0.4), {"check_finite": False, "patience": 2}, 4, "has not improved on 0.5 in 2 evaluations"),
        ((NAN,), {"check_finite": False, "patience": 2}, 2, "has not improved in 2 evaluations"),
    ],
)
def test_a_run_ends_when_nothing_improves(
    tmp_path: Path, kind: str, scores: Any, options: dict[str, Any], epochs: int, reason: str
) -> None:
    runner = train(config(tmp_path, scores, kind=kind, **options))
    assert runner.iter == 3 * epochs
    assert runner.stop_reason == f"early stopping: accuracy {reason}"
    assert f"the run is stopped: early stopping: accuracy {reason}" in log_of(tmp_path)


def test_a_run_that_improves_comes_to_its_end(tmp_path: Path) -> None:
    runner = train(config(tmp_path, tuple(range(11)), patience=1))
    assert (runner.epoch, runner.stop_reason) == (10, None)


@pytest.mark.parametrize("kind", ["EpochBasedRunner", "IterBasedRunner"])
def test_a_resumed_run_goes_on_counting(tmp_path: Path, kind: str) -> None:
    scores = (0.5, 0.6, 0.6, 0.6, 0.6, 0.6)
    stop = {"type": small.StopAfterIter, "iteration": 11, "priority": "LOWEST"}
    with pytest.raises(KeyboardInterrupt):
        train(config(tmp_path, scores, stop, kind=kind, patience=4))
    # The checkpoint of epoch 3 was written before its evaluation, which the resumed run makes up for.
    runner = train({**config(tmp_path, scores[2:], kind=kind, patience=4), "auto_resume": True})
    assert "has not improved on 0.6 in 4 evaluations" in str(runner.stop_reason)
    assert runner.iter == 3 * 6


@pytest.mark.parametrize("interval", [-1, 1])
def test_a_run_that_had_stopped_stops_at_once_unless_its_options_change(tmp_path: Path, interval: int) -> None:
    options = {"checkpoint_config": {"interval": interval}}
    first = train({**config(tmp_path, (0.5,), patience=2), **options})
    assert first.epoch == 3
    assert saved(tmp_path / "latest.pth")["hookloom"]["epoch"] == 3
    again = train({**config(tmp_path, (0.5,), patience=2), **options, "auto_resume": True})
    assert (again.epoch, again.stop_reason) == (3, first.stop_reason)
    longer = train({**config(tmp_path, (0.5,), patience=4), **options, "auto_resume": True})
    assert (longer.epoch, longer.stop_reason) == (5, str(first.stop_reason).replace("2 eval", "4 eval"))


def test_the_best_score_of_another_metric_does_not_count(tmp_path: Path) -> None:
    first = EarlyStoppingHook(monitor="loss")
    first.best_score, first.wait, first.last_score = 0.1, 3, 0.2
    other = EarlyStoppingHook(monitor="accuracy")
    other.load_state_dict(first.state_dict())
    assert (other.best_score, other.wait) == (None, 0)
    same = EarlyStoppingHook(monitor="loss", patience=3)
    same.load_state_dict(first.state_dict())
    assert (same.best_score, same.wait, same.last_score) == (0.1, 3, 0.2)


def test_an_evaluation_before_training_counts(tmp_path: Path) -> None:
    made = config(tmp_path, (0.9,), stopping_threshold=0.9)
    made["evaluation"] = {"interval": 1, "start": 0}
    assert train(made).epoch == 1


def test_of_two_evaluations_the_one_with_the_metric_counts(tmp_path: Path) -> None:
    from core import EvalHook

    class Second(EvalHook):
        def __init__(self) -> None:
            import torch

            data = Judged(scores=(1.0, 0.5, 0.5, 0.5))
            data.evaluate = lambda results, logger=None: {"recall": data.scores.pop(0)}  # type: ignore[method-assign]
            super().__init__(torch.utils.data.DataLoader(data, batch_size=4))

    made = config(tmp_path, (0.5,), {"type": Second, "priority": 75}, monitor="recall", patience=2)
    assert "recall has not improved on 1 in 2 evaluations" in str(train(made).stop_reason)


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(HookError, match=r"the evaluation gives no 'acuracy' but accuracy; did you mean 'accuracy'\?"):
        train(config(tmp_path / "a", (0.5,), monitor="acuracy", rule="greater"))
    with pytest.raises(HookError, match="'accuracy' must be a number, got 'high'"):
        train(config(tmp_path / "b", ("high",)))
    with pytest.raises(OptionError, match=r"cannot tell whether a greater or a smaller 'zeal' is better; say rule="):
        EarlyStoppingHook(monitor="zeal")
    with pytest.raises(ConfigError) as caught:
        train(config(tmp_path / "c", (0.5,), patience=0, min_delta=-1, rule="bigger"))
    for part in ("patience: must be a positive int, got 0", "min_delta: must be 0 or more, got -1", "'bigger'"):
        assert part in str(caught.value)
    with pytest.raises(ConfigError, match=r"say rule='greater' or 'less'"):
        train(config(tmp_path / "d", (0.5,), monitor="zeal"))


def test_a_run_without_evaluations_says_so(tmp_path: Path) -> None:
    made = config(tmp_path, (0.5,))
    del made["data"]["val"], made["evaluation"]
    assert train(made).epoch == 10
    assert "early stopping: no evaluation has given 'accuracy'" in log_of(tmp_path)


def test_the_exit_code_is_0(tmp_path: Path, monkeypatch: Any, capfd: Any) -> None:
    (tmp_path / "config.py").write_text(
        "model = dict(type='small.Net')\n"
        "data = dict(samples_per_gpu=4, train=dict(type='small.Points'), val=dict(type='hook_jobs.Judged'))\n"
        "optimizer = dict(type='SGD', lr=0.1)\nlr_config = dict(policy='fixed')\ntotal_epochs = 9\n"
        "log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])\n"
        "custom_hooks = [dict(type='EarlyStoppingHook', monitor='accuracy', patience=2)]\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [SUPPORT, *sys.path])
    assert main(["run", "config.py", "--work-dir", "w"]) == 0
    assert "the run is stopped: early stopping: accuracy has not improved on 0.5 in 2" in capfd.readouterr().err
    assert "Epoch [4]" not in log_of(tmp_path / "w")


def test_two_hooks_in_one_process_know_nothing_of_each_other(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert train(config(tmp_path / name, (0.5,), patience=2)).epoch == 3
