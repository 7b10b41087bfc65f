"""The manager at its corners: hooks that come late, wrappers that fail, names that are points of another runner."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from core import Hook, HookError, hookimpl
from core.hooks.manager import HookManager
from core.hooks.points import POINTS


class Runner:
    epoch = iter = inner_iter = 0


class Say:
    """A plain class: no base, no constructor of a base."""

    def __init__(self, said: list[str], name: str) -> None:
        self.said, self.name = said, name

    def before_run(self, runner: Any) -> None:
        self.said.append(f"{self.name} begins")

    def after_train_iter(self, runner: Any) -> None:
        self.said.append(self.name)

    def teardown(self, runner: Any) -> None:
        self.said.append(f"{self.name} ends")


def test_a_late_hook_takes_part_even_after_a_point_of_a_users_runner() -> None:
    said: list[str] = []
    manager = HookManager()
    manager.register(Say(said, "early"))
    manager.begin(Runner())
    manager.register(Say(said, "late"))
    manager.call("after_discriminator_step", Runner())
    manager.call("after_train_iter", Runner())
    assert said == ["early begins", "early", "late"]
    assert manager.end(Runner(), None) is None
    assert said[3:] == ["late ends", "early ends"]


def test_a_point_of_a_users_runner_may_come_first() -> None:
    said: list[str] = []
    manager = HookManager()
    manager.register(Say(said, "a"))
    assert manager.calls("my_own_point") == ()
    manager.call("after_train_iter", Runner())
    assert said == ["a"]


def test_many_ties_keep_their_order() -> None:
    said: list[str] = []
    manager = HookManager()
    priorities = [50, 10, 90, 50, 10, "LOW", 70, "VERY_HIGH", 50, 0, 100, "LOWEST", "HIGHEST"]
    numbers = {"LOW": 70, "VERY_HIGH": 10, "LOWEST": 100, "HIGHEST": 0}
    for place, priority in enumerate(priorities):
        manager.register(Say(said, str(place)), priority)
    manager.call("after_train_iter", Runner())
    expected = sorted(range(len(priorities)), key=lambda i: numbers.get(str(priorities[i]), priorities[i]))
    assert [int(name) for name in said] == expected == [9, 12, 1, 4, 7, 0, 3, 8, 5, 6, 2, 10, 11]


def test_a_hook_twice_is_called_twice() -> None:
    said: list[str] = []
    once = Say(said, "a")
    manager = HookManager()
    manager.register(once)
    manager.register(once, "LOW")
    manager.begin(Runner())
    manager.call("after_train_iter", Runner())
    manager.end(Runner(), None)
    assert said == ["a begins", "a begins", "a", "a", "a ends", "a ends"]


def test_methods_behind_decorators() -> None:
    said: list[str] = []

    def starred(function: Any) -> Any:
        def call(*args: Any) -> Any:
            return function(*args)

        return call

    class Decorated(Hook):
        @starred
        def after_train_iter(self, trainer: Any) -> None:
            said.append("starred")

    class Partial:
        after_train_iter = functools.partialmethod(lambda self, word, runner: said.append(word), "partial")

    class Static:
        @staticmethod
        def after_train_iter(runner: Any) -> None:
            said.append("static")

    manager = HookManager()
    for one in (Decorated(), Partial(), Static()):
        manager.register(one)
    manager.call("after_train_iter", Runner())
    assert said == ["starred", "partial", "static"]


def test_the_prefixed_point_comes_before_its_twin() -> None:
    said: list[str] = []

    class Both(Hook):
        def before_iter(self, runner: Any) -> None:
            said.append("twin")

        def before_train_iter(self, runner: Any) -> None:
            said.append("train")

    manager = HookManager()
    manager.register(Both())
    manager.call("before_train_iter", Runner())
    manager.call("before_val_iter", Runner())
    assert said == ["train", "twin"]


def test_a_wrapper_sees_the_failure_of_what_it_surrounds() -> None:
    said: list[str] = []

    class Around(Hook):
        @hookimpl(wrapper=True)
        def after_train_iter(self, runner: Any) -> Any:
            try:
                return (yield)
            except ValueError as error:
                said.append(f"saw {error}")
                raise

    class Fails(Hook):
        def after_train_iter(self, runner: Any) -> None:
            raise ValueError("broken")

    manager = HookManager()
    manager.register(Around())
    manager.register(Fails(), 0)
    with pytest.raises(ValueError, match="broken") as caught:
        manager.call("after_train_iter", Runner())
    assert said == ["saw broken"]
    assert "at after_train_iter, epoch 1, iteration 1" in caught.value.__notes__[0]


def test_only_what_began_is_torn_down_where_a_wrapper_surrounds_the_beginning() -> None:
    said: list[str] = []

    class Around(Say):
        @hookimpl(wrapper=True)
        def before_run(self, runner: Any) -> Any:
            said.append(f"around {self.name}")
            return (yield)

    class Fails(Say):
        def before_run(self, runner: Any) -> None:
            raise ValueError("cannot begin")

    manager = HookManager()
    for priority, one in enumerate(
        (Say(said, "a"), Fails(said, "b"), Say(said, "never"), Around(said, "w"), Say(said, "never either"))
    ):
        manager.register(one, priority)
    with pytest.raises(ValueError, match="cannot begin") as caught:
        manager.begin(Runner())
    assert manager.end(Runner(), caught.value) is caught.value
    assert said == ["around w", "a begins", "w ends", "b ends", "a ends"]
    manager.end(Runner(), None)
    assert len(said) == 5, "what is torn down once is not torn down again"


@pytest.mark.parametrize("option", ["tryfirst", "trylast"])
@pytest.mark.parametrize("point", ["before_run", "after_iter", "teardown"])
def test_order_cannot_be_claimed(option: str, point: str) -> None:
    method = hookimpl(**{option: True})(lambda self, runner: None)
    kind = type("Pushy", (Hook,), {point: method})
    with pytest.raises(HookError, match=rf"Pushy\.\w+ is marked {option}: .*give the hook a priority instead"):
        HookManager().register(kind())


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("befor_run", "before_run"),
        ("after_trian_epoch", "after_train_epoch"),
        ("before_val_itr", "before_val_iter"),
        ("on_exeption", "on_exception"),
        ("tear_down", "teardown"),
    ],
)
def test_misspelt_points_are_told_with_what_was_meant(wrong: str, meant: str) -> None:
    manager = HookManager()
    manager.register(type("Wrong", (), {wrong: lambda self, runner: None})())
    with pytest.raises(HookError) as caught:
        manager.check()
    assert str(caught.value) == f"Wrong.{wrong}: no hook point of that name; did you mean {meant!r}?"


def test_every_misspelt_point_is_told_at_once() -> None:
    manager = HookManager()
    for name in ("One", "Two"):
        manager.register(type(name, (), {"before_runn": lambda self, runner: None})())
    with pytest.raises(HookError) as caught:
        manager.check()
    assert [line.partition(".")[0] for line in str(caught.value).splitlines()] == ["One", "Two"]


def test_helpers_with_names_of_their_own_are_no_mistake() -> None:
    class Mine(Hook):
        before_training_anything = None

        def before_everything(self) -> None: ...

        def after_iterating_over_it(self) -> None: ...

    manager = HookManager()
    manager.register(Mine())
    manager.check()


def test_points_of_a_users_runner_are_no_mistake() -> None:
    said: list[str] = []

    class Own:
        def before_train_item(self, runner: Any) -> None:
            said.append("own")

    strict = HookManager()
    strict.register(Own())
    with pytest.raises(HookError, match="'before_train_iter'"):
        strict.check()
    manager = HookManager(extra_points=("before_train_item",))
    manager.register(Own())
    manager.check()
    manager.call("before_train_item", Runner())
    assert said == ["own"]


def test_all_points_can_be_called_without_a_hook() -> None:
    manager = HookManager()
    assert all(manager.calls(point) == () for point in POINTS)
    assert {"before_run", "after_train_iter", "on_exception", "teardown"} <= set(POINTS)
