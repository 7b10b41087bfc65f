"""The hooks of one runner: pluggy declares and orders them, tuples of bound methods call them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from operator import length_hint
from typing import Any

import pluggy

from core.component import Provider, provider_of
from core.errors import HookError
from core.hooks.adapter import HookAdapter
from core.hooks.points import POINTS
from core.hooks.priority import Priority, get_priority, priority_label
from core.hooks.specs import PROJECT, HookSpecs
from core.suggest import did_you_mean

Call = Callable[[Any], Any]


class HookManager:
    """Registers hooks in the order of their priority and calls them at the points of a run.

    Each point is frozen into a tuple of bound methods when it is first called; a hook that is registered
    later thaws them. A point that a wrapper surrounds goes through pluggy itself.

    Args:
        extra_points: names of points that the runner calls beyond those of `HookSpecs`.
    """

    def __init__(self, extra_points: tuple[str, ...] = ()) -> None:
        self.extra_points = extra_points
        self.adapters: list[HookAdapter] = []
        self._pluggy = pluggy.PluginManager(PROJECT)
        self._frozen: dict[str, tuple[Call, ...]] = {}
        self._owners: dict[str, tuple[HookAdapter, ...]] = {}
        self._narrowed: dict[str, Collection[Any]] = {}
        self._under_way: tuple[str, Iterator[Call]] | None = None
        self._declared = False
        self._begun: list[HookAdapter] = []
        self._all_began = False

    @property
    def hooks(self) -> list[Any]:
        """All hooks, in the order in which they run."""
        return [adapter.hook for adapter in self.adapters]

    def register(
        self,
        hook: Any,
        priority: int | str | Priority = Priority.NORMAL,
        provider: Provider | None = None,
    ) -> HookAdapter:
        """Add a hook behind those of the same or a smaller priority number.

        Args:
            hook: any object with methods named after hook points.
            priority: a number from 0 to 100 or a name.
            provider: where it comes from; None looks it up.

        Raises:
            HookError: if the priority is unknown or the hook marked `tryfirst` or `trylast`.
        """
        number = get_priority(priority)
        adapter = HookAdapter(hook, number, provider or provider_of(type(hook)), self.extra_points)
        place = len(self.adapters)
        while place and self.adapters[place - 1].priority > number:
            place -= 1
        self.adapters.insert(place, adapter)
        self._frozen.clear()
        self._declared = False
        return adapter

    def check(self) -> None:
        """Refuse misspelt hook points.

        Raises:
            HookError: naming hook, method and the point that was probably meant.
        """
        self._declare()
        try:
            self._pluggy.check_pending()
        except pluggy.PluginValidationError as error:
            lines = [
                f"{adapter.name}.{name}: no hook point of that name; did you mean {meant!r}?"
                for adapter in self.adapters
                for name, meant in adapter.misspelt.items()
            ]
            raise HookError("\n".join(lines)) from error

    def calls(self, point: str) -> tuple[Call, ...]:
        """Return what a point calls, in order.

        Raises:
            HookError: if there is no such point but a near one, and no hook has a method of that name.
        """
        frozen = self._frozen.get(point)
        if frozen is None:
            frozen = self._frozen[point] = self._freeze(point)
        return frozen

    def call(self, point: str, runner: Any) -> None:
        """Call a point of every hook that implements it, in order; an error bears a note on where it arose."""
        calls = self._frozen.get(point)
        if calls is None:
            calls = self._thawed(point)
        if not calls:
            return
        call: Call | None = None
        outer = self._under_way
        rest = iter(calls)
        if outer is None:
            self._under_way = point, rest
        try:
            for call in rest:
                call(runner)
        except Exception as error:
            self._note(error, point, runner, call)
            raise
        finally:
            self._under_way = outer

    @property
    def point(self) -> str | None:
        """The hook point that is under way, the outermost if a hook calls another one."""
        return None if self._under_way is None else self._under_way[0]

    def left(self) -> list[Any]:
        """Return the hooks that the point under way has not come to yet, in order."""
        if self._under_way is None:
            return []
        point, rest = self._under_way
        owners = self._owners[point]
        if self._is_wrapped(point):
            entered = [place for place, adapter in enumerate(owners) if adapter.entered]
            return [adapter.hook for adapter in owners[max(entered, default=-1) + 1 :]]
        return [adapter.hook for adapter in owners[len(owners) - length_hint(rest) :]]

    def narrow(self, point: str, hooks: Collection[Any]) -> None:
        """Let the next call of a point, and that alone, come to some of its hooks only.

        A wrapper around the point is called in any case.
        """
        self._narrowed[point] = hooks
        self._frozen.pop(point, None)

    def _thawed(self, point: str) -> tuple[Call, ...]:
        """Return what a point calls this time."""
        hooks = self._narrowed.pop(point, None)
        calls = self.calls(point)
        if hooks is None:
            return calls
        del self._frozen[point]  # the next call comes to all of them again
        owners = self._owners[point]
        wanted = tuple(adapter for adapter in owners if any(adapter.hook is hook for hook in hooks))
        self._owners[point] = wanted
        if self._is_wrapped(point):
            others = [adapter for adapter in owners if adapter not in wanted]
            return (self._wrapped(point, self._pluggy.subset_hook_caller(point, others)),)
        return tuple(call for call, adapter in zip(calls, owners, strict=True) if adapter in wanted)

    def begin(self, runner: Any) -> None:
        """Call `before_run` of every hook, remembering which began, since those are torn down."""
        self.check()
        calls = self.calls("before_run")
        plain = {adapter.bound.get("before_run"): adapter for adapter in self.adapters}
        if any(call not in plain for call in calls):
            self._begin_wrapped(runner)
            return
        self._begun = []
        for adapter in list(self.adapters):
            self._begun.append(adapter)
            method = adapter.bound.get("before_run")
            if method is not None:
                try:
                    method(runner)
                except Exception as error:
                    self._note(error, "before_run", runner, method)
                    raise
        self._all_began = True

    def _begin_wrapped(self, runner: Any) -> None:
        """Begin where a wrapper surrounds `before_run`, so that pluggy calls it."""
        adapters = list(self.adapters)
        for adapter in adapters:
            adapter.began = False
        try:
            self.call("before_run", runner)
        except BaseException:
            last = max((place for place, adapter in enumerate(adapters) if adapter.began), default=-1)
            self._begun = [
                adapter
                for place, adapter in enumerate(adapters)
                if adapter.began or (place < last and "before_run" not in adapter.bound)
            ]
            raise
        self._begun, self._all_began = adapters, True

    def end(self, runner: Any, error: BaseException | None) -> BaseException | None:
        """Tear down every hook that began, in reverse order, after telling each about `error`.

        Returns:
            the first error: `error` itself, with what failed later as notes, or the first failure of a
            teardown, or None.
        """
        begun, self._begun = self._begun, []
        if self._all_began:
            # Hooks that were added while the run went on had nothing to begin, but may have something to close.
            begun += [adapter for adapter in self.adapters if adapter not in begun]
        self._all_began = False
        first = error
        endings: list[tuple[str, tuple[Any, ...]]] = [("teardown", (runner,))]
        if error is not None:
            endings.insert(0, ("on_exception", (runner, error)))
        for point, arguments in endings:
            for adapter in reversed(begun):
                method = adapter.bound.get(point)
                if method is None:
                    continue
                try:
                    method(*arguments)
                except Exception as failure:
                    if first is None:
                        self._note(failure, point, runner, method)
                        first = failure
                    else:
                        first.add_note(
                            f"then {adapter.name}.{point} ({adapter.provider}) failed too: "
                            f"{type(failure).__name__}: {failure}"
                        )
        return first

    def describe(self) -> str:
        """Return a table of all hooks in order: priority, name, provider, points."""
        rows = [
            (priority_label(adapter.priority), adapter.name, str(adapter.provider), ", ".join(adapter.bound))
            for adapter in self.adapters
        ]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        return "\n".join(
            "  ".join((*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3])).rstrip()
            for row in rows
        )

    def _declare(self) -> None:
        self._pluggy = pluggy.PluginManager(PROJECT)
        self._pluggy.add_hookspecs(HookSpecs)
        # pluggy calls what was registered last first.
        for adapter in reversed(self.adapters):
            self._pluggy.register(adapter)
        self._declared = True

    def _freeze(self, point: str) -> tuple[Call, ...]:
        if point not in POINTS:
            return self._foreign(point)
        if not self._declared:
            self._declare()
        caller = getattr(self._pluggy.hook, point)
        # pluggy's own order is that of registration.
        implementations = [impl for impl in reversed(caller.get_hookimpls()) if not _wraps(impl)]
        self._owners[point] = tuple(impl.plugin for impl in implementations)
        if self._is_wrapped(point):
            return (self._wrapped(point, caller),)
        return tuple(impl.plugin.bound[point] for impl in implementations)

    def _is_wrapped(self, point: str) -> bool:
        return point in POINTS and any(map(_wraps, getattr(self._pluggy.hook, point).get_hookimpls()))

    def _wrapped(self, point: str, caller: Any) -> Call:
        def call(runner: Any) -> None:
            for adapter in self._owners[point]:
                adapter.entered = False
            caller(runner=runner)

        return call

    def _foreign(self, point: str) -> tuple[Call, ...]:
        """Collect the hooks that have a point which only a user's runner calls."""
        self._owners[point] = tuple(adapter for adapter in self.adapters if hasattr(adapter.hook, point))
        found = tuple(getattr(adapter.hook, point) for adapter in self._owners[point])
        hint = did_you_mean(point, POINTS, cutoff=0.88)
        if not found and hint and point not in self.extra_points:
            raise HookError(f"no hook point named {point!r}{hint}")
        return found

    def _note(self, error: Exception, point: str, runner: Any, call: Call | None) -> None:
        owner = next((a for a in self.adapters if a.bound.get(point) == call), None)
        who = f"hook {owner.name} ({owner.provider})" if owner else "a hook"
        where = f"epoch {runner.epoch + 1}, iteration {runner.iter + 1}"
        error.add_note(f"raised by {who} at {point}, {where}")


def _wraps(implementation: Any) -> bool:
    return bool(implementation.wrapper or implementation.hookwrapper)
