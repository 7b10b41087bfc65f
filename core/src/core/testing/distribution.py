"""Everything that a distribution offers through its entry points, each with the checks of its kind."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import importlib_metadata
import torch

from core.component import normal_name
from core.config.signature import signature_of
from core.errors import BrokenComponentError, OptionError, UnknownComponentError
from core.hooks.logger import LoggerHook
from core.hooks.points import points_of_class
from core.lr.base import LrUpdaterHook
from core.momentum.base import MomentumUpdaterHook
from core.plugins.catalog import Offer, catalog
from core.resolve import import_object
from core.suggest import did_you_mean
from core.testing.check import EVERYTHING, Check, Suite, expect
from core.testing.constructor_subject import ConstructorSubject
from core.testing.constructors import CONSTRUCTOR
from core.testing.hook_subject import HookSubject
from core.testing.hooks import HOOK
from core.testing.loggers import LOGGER
from core.testing.optimizer_subject import OptimizerSubject
from core.testing.optimizers import OPTIMIZER
from core.testing.schedule_run import ScheduleSubject
from core.testing.schedules import SCHEDULE

GROUP = "hookloom_conformance"
KINDS = {
    "optimizers": "optimizer",
    "optimizer_builders": "optimizer constructor",
    "lr_updaters": "LR updater",
    "momentum_updaters": "momentum updater",
    "hooks": "hook",
}
CASE_KEYS = ("options", "exempt", "state", "capabilities", "read", "around", "model", "optimizer_cfg", "paramwise_cfg")
WHOLE = Suite()


@attrs.frozen
class Unbuildable:
    """A component that none of its checks can be made of."""

    label: str
    kind: str
    reason: str


@WHOLE.check
def usable(s: Unbuildable) -> None:
    """It can be imported, and what it cannot do without is said in the distribution's conformance cases."""
    expect(not s.reason, s.reason)


def distribution_checks(distribution: str) -> list[Check]:
    """Return the checks of all optimizers, constructors, updaters and hooks of a distribution.

    What a component cannot be built without, and which checks it is exempt from, say its cases: a function behind an
    entry point of the group `hookloom_conformance` that returns a dict by `registry/Name`.

    Args:
        distribution: its name.

    Raises:
        UnknownComponentError: if there is no such distribution, or it offers nothing.
        OptionError: if a case is of nothing that it offers, or has an unknown key.
    """
    wanted = normal_name(distribution)
    offers = [offer for offer in catalog().offers if normal_name(offer.provider.distribution) == wanted]
    if not offers:
        hint = did_you_mean(distribution, {offer.provider.distribution for offer in catalog().offers})
        raise UnknownComponentError(f"no distribution {distribution!r} offers a component{hint}")
    cases = cases_of(wanted)
    found: dict[str, list[Check]] = {}
    for offer in offers:
        if offer.registry in KINDS:
            found.update(_of_offer(offer, cases))
    for key in cases:
        if key not in found:
            raise OptionError(f"{distribution}: its conformance cases name {key!r}{did_you_mean(key, found)}")
    return [check for checks in found.values() for check in checks]


def class_checks(path: str) -> list[Check]:
    """Return the checks of one class, whether or not a distribution offers it.

    Args:
        path: `module:Class`.

    Raises:
        UnknownComponentError: if it cannot be imported.
        OptionError: if it is none of what there are checks for.
    """
    target: Any = import_object(path)
    registry = _registry_of(target) if isinstance(target, type) else None
    if registry is not None:
        return component_checks(registry, target.__name__, target)
    raise OptionError(f"{path}: neither an optimizer nor an optimizer constructor, updater or hook")


def _registry_of(target: Any) -> str | None:
    for base, registry in (
        (torch.optim.Optimizer, "optimizers"),
        (LrUpdaterHook, "lr_updaters"),
        (MomentumUpdaterHook, "momentum_updaters"),
    ):
        if issubclass(target, base):
            return registry
    if "optimizer_cfg" in signature_of(target).parameters:
        return "optimizer_builders"
    return "hooks" if points_of_class(target) else None


def cases_of(distribution: str) -> dict[str, Mapping[str, Any]]:
    """Return what a distribution says of the checks of its components, by `registry/Name`.

    Raises:
        BrokenComponentError: if its cases cannot be imported; the cause is chained.
    """
    cases: dict[str, Mapping[str, Any]] = {}
    for point in importlib_metadata.distribution(distribution).entry_points.select(group=GROUP):
        try:
            cases.update(point.load()())
        except Exception as error:
            message = f"the conformance cases {point.value!r} of {distribution} cannot be read: {error}"
            raise BrokenComponentError(message) from error
    return cases


def component_checks(
    registry: str, name: str, target: Callable[..., Any], case: Mapping[str, Any] | None = None
) -> list[Check]:
    """Return the checks of one component.

    Args:
        registry: that it is for, such as `hooks`.
        name: its name there.
        target: the class.
        case: its options, exemptions and so on; see `distribution_checks`.

    Raises:
        OptionError: if the case has an unknown key or exempts from what is no check.
    """
    case = case or {}
    for key in case:
        if key not in CASE_KEYS:
            raise OptionError(f"conformance case of {registry}/{name}: no key {key!r}{did_you_mean(key, CASE_KEYS)}")
    exempt: Mapping[str, str] = case.get("exempt", {})
    if EVERYTHING in exempt:
        unbuildable = Unbuildable(name, KINDS[registry], "it is exempt from all checks")
        return WHOLE.of(unbuildable, {"usable": exempt[EVERYTHING]})
    options: Any = case.get("options", {})
    around = case.get("around")
    lacking = [] if callable(options) else _lacking(registry, target, options)
    if lacking:
        reason = f"it needs {', '.join(lacking)}: say so under {registry + '/' + name!r} in the group {GROUP}"
        return WHOLE.of(Unbuildable(name, KINDS[registry], reason))
    if registry == "optimizers":
        subject = OptimizerSubject(target, options, case.get("state"), case.get("capabilities", {}), name)
        return OPTIMIZER.of(subject, exempt, around)
    if registry == "optimizer_builders":
        given = {key: case[key] for key in ("around", "model", "optimizer_cfg", "paramwise_cfg") if key in case}
        return CONSTRUCTOR.of(ConstructorSubject(target, label=name, **given), exempt, around)
    if registry in ("lr_updaters", "momentum_updaters"):
        quantity = "lr" if registry == "lr_updaters" else "momentum"
        return SCHEDULE.of(ScheduleSubject(target, quantity, options, name), exempt, around)
    if inspect.isclass(target) and issubclass(target, LoggerHook):
        return LOGGER.of(HookSubject(target, options, "logger hook", case.get("read"), name), exempt, around)
    return HOOK.of(HookSubject(target, options, label=name), exempt, around)


def _of_offer(offer: Offer, cases: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Check]]:
    key = f"{offer.registry}/{offer.name}"
    try:
        loaded: Any = offer.load()
        members = loaded() if offer.is_family else {offer.name: loaded}
    except Exception as error:
        return {key: WHOLE.of(Unbuildable(offer.name, KINDS[offer.registry], str(error)))}
    keys = {f"{offer.registry}/{name}": (name, target) for name, target in members.items()}
    return {key: component_checks(offer.registry, *found, cases.get(key)) for key, found in keys.items()}


def _lacking(registry: str, target: Callable[..., Any], options: Mapping[str, Any]) -> list[str]:
    if registry == "optimizer_builders":
        return []
    parameters = signature_of(target).parameters
    injected = ("params", "model") if registry == "optimizers" else ()
    return [name for name, one in parameters.items() if one.required and name not in options and name not in injected]
