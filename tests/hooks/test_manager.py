"""Which hooks are called, in which order, and what happens when one fails."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import torch
from golden_models import TinyNet, loader
from runs import make_runner

from core import ClosureHook, Hook, HookError, RunStateError, get_priority, hookimpl
from core.hooks.define import hook
from core.hooks.manager import HookManager


class Runner:
    epoch = iter = inner_iter = 0


class Say(Hook):
    def __init__(self, said: list[Any], name: str) -> None:
        self.said, self.name = said, name

    def before_run(self, runner: Any) -> None:
        self.said.append(f"{self.name} begins")

    def after_train_iter(self, runner: Any) -> None:
        self.said.append(self.name)

    def on_exception(self, runner: Any, exception: BaseException) -> None:
        self.said.append(f"{self.name} hears of {type(exception).__name__}")

    def teardown(self, runner: Any) -> None:
        self.said.append(f"{self.name} ends")


def small_runner(epochs: int = 1) -> Any:
    model = TinyNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return make_runner({"type": "EpochBasedRunner", "max_epochs": epochs}, model, optimizer)


def test_order_is_priority_then_registration() -> None:
    said: list[str] = []
    manager = HookManager()
    for name, priority in (("c", "LOW"), ("a", 10), ("b", "NORMAL"), ("b2", 50), ("z", "lowest"), ("first", 0)):
        manager.register(Say(said, name), priority)
    manager.call("after_train_iter", Runner())
    assert said == ["first", "a", "b", "b2", "c", "z"]
    manager.register(Say(said, "late"), 10)
    said.clear()
    manager.call("after_train_iter", Runner())
    assert said == ["first", "a", "late", "b", "b2", "c", "z"]


@pytest.mark.parametrize("bad", ["HIHG", 101, -1, 1.5, True, None])
def test_bad_priority(bad: Any) -> None:
    with pytest.raises(HookError, match="HIGH" if bad == "HIHG" else "priority"):
        get_priority(bad)


def test_any_object_is_a_hook() -> None:
    said: list[Any] = []

    class Plain:
        def after_train_iter(self, trainer: Any) -> None:
            said.append("plain")

    class Starred:
        def after_train_iter(self, *args: Any) -> None:
            said.append(len(args))

    class Bare(Hook):
        def __init__(self) -> None:
            pass

    on_instance = Bare()
    on_instance.after_train_iter = lambda runner: said.append("instance")  # type: ignore[method-assign]
    manager = HookManager()
    for one in (Plain(), Starred(), on_instance, ClosureHook("after_train_iter", lambda r: said.append("closure"))):
        manager.register(one)
    manager.call("after_train_iter", Runner())
    assert said == ["plain", 1, "instance", "closure"]


def test_equal_hooks_are_two() -> None:
    @hook
    class Count(Hook):
        step: int = 1
        seen: int = attrs.field(default=0, init=False)

        def after_train_iter(self, runner: Any) -> None:
            self.seen += self.step

    one, other = Count(2), Count(2)
    manager = HookManager()
    manager.register(one)
    manager.register(other)
    manager.call("after_train_iter", Runner())
    assert (one.seen, other.seen) == (2, 2)


def test_a_twin_stands_in_and_nobody_pays_for_the_rest() -> None:
    said: list[str] = []

    class Twin(Hook):
        def before_iter(self, runner: Any) -> None:
            said.append("iter")

    manager = HookManager()
    manager.register(Twin())
    for point in ("before_train_iter", "before_val_iter", "after_train_iter", "before_train_epoch"):
        manager.call(point, Runner())
    assert said == ["iter", "iter"]
    assert manager.calls("after_train_iter") == ()


def test_misspelt_points() -> None:
    class Wrong(Hook):
        def before_trian_iter(self, runner: Any) -> None: ...

    manager = HookManager()
    manager.register(Wrong())
    with pytest.raises(HookError, match=r"Wrong\.before_trian_iter: .*did you mean 'before_train_iter'\?"):
        manager.begin(Runner())
    with pytest.raises(HookError, match="did you mean 'after_train_epoch'"):
        HookManager().call("after_trian_epoch", Runner())
    with pytest.raises(HookError, match="did you mean 'after_run'"):
        ClosureHook("after_runn", print)


def test_wrappers_surround_prefixed_points_too() -> None:
    said: list[str] = []

    class Around(Hook):
        @hookimpl(wrapper=True)
        def after_iter(self, runner: Any) -> Any:
            said.append("in")
            result = yield
            said.append("out")
            return result

    manager = HookManager()
    manager.register(Say(said, "hook"))
    manager.register(Around(), "LOWEST")
    manager.call("after_train_iter", Runner())
    assert said == ["in", "hook", "out"]


def test_order_belongs_to_the_priority() -> None:
    class First(Hook):
        @hookimpl(tryfirst=True)
        def after_train_iter(self, runner: Any) -> None: ...

    with pytest.raises(HookError, match="tryfirst"):
        HookManager().register(First())


def test_points_of_a_users_runner() -> None:
    said: list[str] = []

    class Own:
        def after_discriminator_step(self, runner: Any) -> None:
            said.append("own")

    manager = HookManager()
    manager.register(Own())
    manager.register(Hook())
    manager.call("after_discriminator_step", Runner())
    assert said == ["own"]


def test_a_failure_is_noted_and_everything_ends_in_reverse() -> None:
    said: list[str] = []

    class Fails(Say):
        def after_train_iter(self, runner: Any) -> None:
            raise ValueError("broken")

        def teardown(self, runner: Any) -> None:
            super().teardown(runner)
            raise OSError("also broken")

    runner = small_runner()
    runner.register_hook(Say(said, "a"), "HIGH")
    runner.register_hook(Fails(said, "b"), "NORMAL")
    with pytest.raises(ValueError, match="broken") as caught:
        runner.run([loader(2)], [("train", 1)])
    assert said == ["a begins", "b begins", "a", "b hears of ValueError", "a hears of ValueError", "b ends", "a ends"]
    notes = "\n".join(caught.value.__notes__)
    assert "raised by hook Fails" in notes
    assert "at after_train_iter, epoch 1, iteration 1" in notes
    assert "OSError: also broken" in notes


def test_only_what_began_is_torn_down() -> None:
    said: list[str] = []

    class Fails(Say):
        def before_run(self, runner: Any) -> None:
            raise ValueError("cannot begin")

    runner = small_runner()
    runner.register_hook(Say(said, "a"), 10)
    runner.register_hook(Fails(said, "b"), 20)
    runner.register_hook(Say(said, "c"), 30)
    with pytest.raises(ValueError, match="cannot begin"):
        runner.run([loader(2)], [("train", 1)])
    assert said == ["a begins", "b hears of ValueError", "a hears of ValueError", "b ends", "a ends"]


def test_a_failing_teardown_fails_a_run_that_went_well() -> None:
    class Fails(Hook):
        def teardown(self, runner: Any) -> None:
            raise OSError("not closed")

    runner = small_runner()
    runner.register_hook(Fails())
    with pytest.raises(OSError, match="not closed"):
        runner.run([loader(2)], [("train", 1)])
    assert runner.iter == 2


def test_interrupted_and_run_again() -> None:
    said: list[str] = []

    class Interrupts(Say):
        def after_train_iter(self, runner: Any) -> None:
            if runner.epoch == 0 and not said.count("stopped"):
                said.append("stopped")
                raise KeyboardInterrupt

    runner = small_runner(epochs=2)
    runner.register_hook(Interrupts(said, "a"))
    with pytest.raises(KeyboardInterrupt):
        runner.run([loader(2)], [("train", 1)])
    assert said == ["a begins", "stopped", "a hears of KeyboardInterrupt", "a ends"]
    runner.run([loader(2)], [("train", 1)])
    assert runner.epoch == 2
    assert said[-1] == "a ends"


def test_one_runner_runs_once_at_a_time() -> None:
    runner = small_runner()
    runner.register_hook(ClosureHook("after_train_iter", lambda r: r.run([loader(1)], [("train", 1)])))
    runner.register_hook(ClosureHook("before_run", lambda r: None))
    seen: list[BaseException] = []

    class Nested(Hook):
        def before_train_epoch(self, r: Any) -> None:
            try:
                with r.lifecycle():
                    pass
            except RunStateError as error:
                seen.append(error)

    other = small_runner()
    other.register_hook(Nested())
    other.run([loader(1)], [("train", 1)])
    assert "running already" in str(seen[0])


def test_a_users_own_run_ends_as_ours_does() -> None:
    said: list[str] = []
    from core import EpochBasedRunner

    class Own(EpochBasedRunner):
        def run(self, data_loaders: Any, workflow: Any, **kwargs: Any) -> None:
            self.call_hook("before_run")
            raise ValueError("own")

    model = TinyNet()
    runner = Own(model, optimizer=None, max_epochs=1)
    runner.register_hook(Say(said, "a"))
    with pytest.raises(ValueError, match="own"):
        runner.run([loader(1)], [("train", 1)])
    assert said == ["a begins", "a hears of ValueError", "a ends"]
