"""Turning one table of a config into a recipe, its keys and values checked against the component."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from core.component import Component, provider_of
from core.config.describe import describe_value
from core.config.faults import missing
from core.config.recipe import Recipe, title
from core.config.report import Report
from core.config.signature import Signature, signature_of
from core.config.values import check_values
from core.errors import RegistryError, UnknownComponentError
from core.hooks.points import misspelt_points
from core.hooks.priority import PriorityError, get_priority
from core.registries import DATASETS, HOOKS, LR_UPDATERS, MOMENTUM_UPDATERS, OPTIMIZERS, PIPELINES
from core.suggest import nearest

if TYPE_CHECKING:
    from core.config.locations import KeyPath
    from core.registry import Registry

_HOOKS = {HOOKS.name, LR_UPDATERS.name, MOMENTUM_UPDATERS.name}
# Keys that hold further tables, whatever the component: what they are is in the name.
_NESTED: dict[str, Registry] = {"dataset": DATASETS, "datasets": DATASETS, "pipeline": PIPELINES}
# A policy that is made of others names them so.
_POLICIES = {LR_UPDATERS.name: LR_UPDATERS, MOMENTUM_UPDATERS.name: MOMENTUM_UPDATERS}
# How near an unknown key must be to a known one to be a slip, where a component takes any key at all.
_SLIP = 0.84


@attrs.frozen
class Slot:
    """What a section knows about its component.

    Args:
        registry: where the type is looked up.
        key: the key that names it.
        default_type: the type where that key may be absent.
        injected: parameters that the run fills in.
        defaults: arguments that the section fills in where the component takes them.
        priority: of hooks: when it runs unless the table says otherwise.
        own_priority: whether the table may say so.
        also: further keywords that are taken although nothing declares them.
        sink: who takes the keys that the component hands on; None for anybody.
        any_key: whether further keys are somebody else's business.
    """

    registry: Registry
    key: str = "type"
    default_type: str | None = None
    injected: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = attrs.field(factory=dict)
    priority: str | None = None
    own_priority: bool = False
    also: frozenset[str] = frozenset()
    sink: Signature | None = None
    any_key: bool = False


class Components:
    """Makes recipes and reports what is wrong with their tables.

    Args:
        report: where findings go.

    Attributes:
        unsure: why a type that nobody knows may yet be a good one, where there is a reason.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        self.unsure: str | None = None

    def recipe(self, path: KeyPath, table: Any, slot: Slot) -> Recipe | None:
        """Check one table.

        Args:
            path: where it stands.
            table: the table, or an object that is built already.
            slot: what its section knows.

        Returns:
            the recipe, also where single values are wrong; None if it is not even known what to build.
        """
        if not isinstance(table, Mapping):
            return self._built(path, table, slot)
        component = self._component(path, table, slot)
        if component is None:
            return None
        signature = signature_of(component.target)
        options = {key: value for key, value in table.items() if key != slot.key}
        priority: Any = slot.priority
        if slot.own_priority:
            priority = getattr(component.target, "default_priority", priority)
            if "priority" in options:
                priority = self._priority((*path, "priority"), options.pop("priority"))
        taken = {key: value for key, value in options.items() if self._takes(path, key, component, signature, slot)}
        self._required(path, taken, options, component, signature, slot)
        filled = {
            key: value
            for key, value in slot.defaults.items()
            if key not in options and (key in signature.parameters or signature.is_open)
        }
        given = {key: value for key, value in taken.items() if key in signature.parameters}
        checked = check_values(self.report, path, component.target, signature, given, slot.injected)
        if component.registry in _HOOKS:
            self._points(path, slot.key, component)
        self._nested(path, taken, component.registry)
        arguments = {**filled, **taken, **checked}
        return Recipe(component, arguments, path, priority, dict(table))

    def recipes(self, path: KeyPath, tables: Any, slot: Slot) -> list[Recipe]:
        """Check a list of tables, or a single one."""
        if isinstance(tables, (list, tuple)):
            made = [self.recipe((*path, index), table, slot) for index, table in enumerate(tables)]
        else:
            made = [self.recipe(path, tables, slot)]
        return [recipe for recipe in made if recipe is not None]

    def _built(self, path: KeyPath, value: Any, slot: Slot) -> Recipe | None:
        if value is None or isinstance(value, (str, bytes, bool, int, float, list, tuple, set)):
            example = f"dict({slot.key}={value!r})" if isinstance(value, str) else None
            self.report.error(path, expected="dict", found=describe_value(value), hint=example and f"write {example}")
            return None
        kind = type(value)
        component = Component(kind.__name__, lambda: value, provider_of(kind), slot.registry.name)
        return Recipe(component, {}, path, slot.priority)

    def _component(self, path: KeyPath, table: Mapping[str, Any], slot: Slot) -> Component | None:
        type_ = table.get(slot.key, slot.default_type)
        if slot.key not in table and slot.default_type is None:
            close = nearest(slot.key, [key for key in table if isinstance(key, str)])
            hint = f"is {close[0]!r} meant for it?" if close else None
            self.report.missing(path, missing(slot.key), hint=hint)
            return None
        try:
            return slot.registry.resolve(type_)
        except RegistryError as error:
            at = (*path, slot.key) if slot.key in table else path
            is_unknown = isinstance(error, UnknownComponentError) and error.meant is None
            hint = self._where_from(slot.registry) if is_unknown else None
            self.report.error(at, str(error), found=describe_value(type_), suggestion=error.meant, hint=hint)
        return None

    def _where_from(self, registry: Registry) -> str | None:
        """Say how a type that is unknown to a registry may yet become known."""
        if self.unsure is None and len(registry) == 0:
            return "custom_imports names the module that registers it"
        return self.unsure

    def _takes(self, path: KeyPath, key: Any, component: Component, signature: Signature, slot: Slot) -> bool:
        """Tell whether a component takes a key; report it if not."""
        own = [name for name in signature.parameters if name not in slot.injected]
        if key in own or key in slot.also:
            return True
        known = [*own, *sorted(slot.also)]
        if slot.own_priority:
            known.append("priority")
        if not isinstance(key, str):
            self.report.error(path, f"keys must be text, got {describe_value(key)}")
            return False
        at = (*path, key)
        if key in slot.injected:
            self.report.error(at, f"{title(component)} is given this by the run, not by the config")
            return False
        brought = self._brought_by_merge(path, key, component, slot)
        if not signature.is_open and not slot.any_key:
            if brought:
                self.report.error(at, brought)
            else:
                self.report.unknown(at, known, taker=title(component))
            return False
        slip = [] if key in (slot.sink.parameters if slot.sink else ()) else nearest(key, known, cutoff=_SLIP)
        if slip or key == "_delete":
            self.report.error(at, "unknown key", suggestion=slip[0] if slip else "_delete_")
            return False
        if slot.sink is not None and not slot.sink.is_open and key not in slot.sink.parameters:
            self.report.unknown(at, [*known, *slot.sink.parameters], taker=title(component))
            return False
        return True

    def _brought_by_merge(self, path: KeyPath, key: str, component: Component, slot: Slot) -> str | None:
        """Explain a key that was fine before another file or the command line chose another type."""
        brought = self.report.brought(path, key, slot.key)
        return brought and f"{title(component)} takes no {key!r}; it {brought}"

    def _required(
        self,
        path: KeyPath,
        taken: Mapping[str, Any],
        options: Mapping[str, Any],
        component: Component,
        signature: Signature,
        slot: Slot,
    ) -> None:
        strange = [key for key in options if key not in taken and isinstance(key, str)]
        for name, parameter in signature.parameters.items():
            if not parameter.required or name in taken or name in slot.injected or name in slot.defaults:
                continue
            # A key that was only misspelt is not missing too.
            if not nearest(name, strange):
                self.report.missing(path, f"{title(component)} needs {name!r}, which is not given")

    def _priority(self, path: KeyPath, value: Any) -> Any:
        try:
            get_priority(value)
        except PriorityError as error:
            self.report.error(path, str(error).removeprefix("priority "))
        return value

    def _points(self, path: KeyPath, key: str, component: Component) -> None:
        if not inspect.isclass(component.target):
            return
        for name, meant in misspelt_points(component.target).items():
            self.report.error(
                (*path, key),
                f"{component.name}.{name} is no hook point and would never run",
                suggestion=meant,
            )

    def _nested(self, path: KeyPath, options: Mapping[str, Any], registry: str) -> None:
        """Check tables inside tables; who has nothing registered builds them in a way of its own."""
        nested = {key: Slot(one) for key, one in _NESTED.items() if len(one)}
        if registry in _POLICIES:
            nested["policies"] = Slot(_POLICIES[registry], key="policy")
        if registry == OPTIMIZERS.name:  # what one that is built around another takes, perhaps with its lr outside
            outside = {key: options[key] for key in ("lr", "weight_decay") if key in options}
            nested["base_optimizer"] = Slot(OPTIMIZERS, injected=frozenset({"params"}), defaults=outside)
        for key, slot in nested.items():
            value = options.get(key)
            tables = value if isinstance(value, (list, tuple)) else [value]
            if all(isinstance(table, Mapping) and slot.key in table for table in tables):
                self.recipes((*path, key), value, slot)
