"""A run that is stopped: where it ends, what it saves, how it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from golden_models import TinyNet, loader
from hook_jobs import job, kept_log, log_of, same, saved
from runs import make_runner

from core import Hook, RunStateError
from core.runner.train import train


class Stops(Hook):
    """Stops at a point once an iteration number is reached, and keeps the points that follow."""

    def __init__(self, point: str = "after_train_iter", at: int = 4) -> None:
        self.at, self.points = at, []
        for name in ("after_train_iter", "after_train_epoch", "after_val_epoch", "on_stop", "after_run", "teardown"):
            setattr(self, name, self._keeping(name, stops=name == point))

    def _keeping(self, name: str, *, stops: bool) -> Any:
        def call(runner: Any) -> None:
            self.points.append((name, runner.epoch, runner.iter))
            if stops and runner.iter >= self.at:
                runner.stop("that is enough")

        return call


def a_runner(kind: str, hook: Any, **options: Any) -> Any:
    length = {"max_epochs": 5} if kind == "EpochBasedRunner" else {"max_iters": 10}
    runner = make_runner({"type": kind, **length}, TinyNet(), None, **options)
    runner.register_hook(hook)
    return runner


def test_an_epoch_is_finished() -> None:
    hook = Stops(at=3)
    runner = a_runner("EpochBasedRunner", hook)
    runner.run([loader(2), loader(1)], [("train", 1), ("val", 1)])
    assert (runner.epoch, runner.iter, runner.stop_reason) == (2, 4, "that is enough")
    assert hook.points[-4:] == [
        ("after_train_epoch", 1, 4),
        ("on_stop", 1, 4),
        ("after_run", 2, 4),
        ("teardown", 2, 4),
    ]


def test_an_iteration_is_finished() -> None:
    hook = Stops(at=3)
    runner = a_runner("IterBasedRunner", hook)
    runner.run([loader(2)], [("train", 3)])
    assert (runner.iter, runner.stop_reason) == (4, "that is enough")
    assert hook.points[-3:] == [("on_stop", 1, 3), ("after_run", 1, 4), ("teardown", 1, 4)]


def test_a_run_stopped_in_a_validation_trains_no_more() -> None:
    hook = Stops("after_val_epoch", at=4)
    runner = a_runner("EpochBasedRunner", hook)
    runner.run([loader(2), loader(1)], [("train", 1), ("val", 3)])
    assert (runner.epoch, runner.iter) == (2, 4)
    assert [point for point, _, _ in hook.points].count("after_val_epoch") == 4
    assert hook.points[-3:] == [("on_stop", 2, 4), ("after_run", 2, 4), ("teardown", 2, 4)]


def test_the_first_reason_counts_and_is_logged() -> None:
    class Twice(Hook):
        def after_train_iter(self, runner: Any) -> None:
            runner.stop("one")
            runner.stop("two")

    with kept_log() as (logger, lines):
        runner = a_runner("IterBasedRunner", Twice(), logger=logger)
        runner.run([loader(2)], [("train", 1)])
    assert [line for line in lines if "stopped" in line] == ["the run is stopped: one"]


def test_the_next_run_knows_nothing_of_it() -> None:
    hook = Stops(at=3)
    runner = a_runner("EpochBasedRunner", hook)
    runner.run([loader(2)], [("train", 1)])
    hook.at = 100
    runner.run([loader(2)], [("train", 1)])
    assert (runner.epoch, runner.stop_reason) == (5, None)


def test_without_a_run_there_is_nothing_to_stop() -> None:
    runner = a_runner("EpochBasedRunner", Stops(at=100))
    with pytest.raises(RunStateError, match="no run is under way that could be stopped: because"):
        runner.stop("because")


@pytest.mark.parametrize(
    ("kind", "point", "interval", "files"),
    [
        ("EpochBasedRunner", "after_train_iter", -1, ["epoch_2.pth", "latest.pth"]),
        ("EpochBasedRunner", "after_train_iter", 1, ["epoch_1.pth", "epoch_2.pth", "latest.pth"]),
        ("EpochBasedRunner", "after_val_epoch", -1, ["epoch_2.pth", "latest.pth"]),
        ("IterBasedRunner", "after_train_iter", -1, ["iter_5.pth", "latest.pth"]),
        ("IterBasedRunner", "after_train_iter", 3, ["iter_3.pth", "iter_5.pth", "latest.pth"]),
    ],
)
def test_the_last_state_is_saved(tmp_path: Path, kind: str, point: str, interval: int, files: list[str]) -> None:
    changes: dict[str, Any] = {"checkpoint_config": {"interval": interval}}
    if point == "after_val_epoch":
        changes["workflow"] = [("train", 1), ("val", 1)]
    runner = train(job(tmp_path, {"type": Stops, "point": point, "priority": "LOWEST"}, kind=kind, **changes))
    assert sorted(path.name for path in tmp_path.glob("*.pth")) == files
    state = saved(tmp_path / "latest.pth")
    assert state["hookloom"]["iter"] == state["meta"]["iter"] == runner.iter
    assert state["hookloom"]["epoch"] == runner.epoch
    assert "the run is stopped: that is enough" in log_of(tmp_path)


@pytest.mark.parametrize("kind", ["EpochBasedRunner", "IterBasedRunner"])
def test_what_was_saved_goes_on_as_if_nothing_had_happened(tmp_path: Path, kind: str) -> None:
    train(job(tmp_path / "whole", kind=kind))
    nothing = {"checkpoint_config": {"interval": -1}, "kind": kind}
    train(job(tmp_path / "parts", {"type": Stops, "priority": "LOWEST"}, **nothing))
    train(job(tmp_path / "parts", auto_resume=True, **nothing))
    for part in ("state_dict", "optimizer"):
        assert same(saved(tmp_path / "whole/latest.pth")[part], saved(tmp_path / "parts/latest.pth")[part])


def test_last_states_that_are_not_wanted_are_not_saved(tmp_path: Path) -> None:
    changes = {"checkpoint_config": {"interval": -1, "save_last": False}}
    train(job(tmp_path, {"type": Stops}, **changes))
    assert not list(tmp_path.glob("*.pth"))


class First(Hook):
    default_priority = 12

    def before_run(self, runner: Any) -> None: ...


def test_a_class_says_where_it_stands() -> None:
    runner = a_runner("EpochBasedRunner", First())
    runner.register_hook_from_cfg({"type": First})
    runner.register_hook_from_cfg({"type": First, "priority": "LOW"})
    runner.register_custom_hooks([First(), {"type": First}])
    assert [adapter.priority for adapter in runner.hook_manager.adapters] == [12, 12, 12, 50, 70]


def test_a_config_may_say_otherwise(tmp_path: Path) -> None:
    runner = train(job(tmp_path, {"type": First}, {"type": First, "priority": 95}))
    found = [adapter.priority for adapter in runner.hook_manager.adapters if isinstance(adapter.hook, First)]
    assert found == [12, 95]
