"""The components that can be used: what installed distributions offer, and what the process has registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import frozen

from core.component import Component, provider_of
from core.errors import HookloomError, RegistryError
from core.plugins.catalog import Offer, catalog
from core.plugins.switches import current
from core.registries import HOOKS, LR_SUFFIX, LR_UPDATERS, MOMENTUM_SUFFIX, MOMENTUM_UPDATERS
from core.registry import Registry

Note = Callable[[str], None]
_SUFFIXES = {LR_UPDATERS.name: LR_SUFFIX, MOMENTUM_UPDATERS.name: MOMENTUM_SUFFIX}


@frozen
class Installed:
    """One component, and what a config may call it.

    Args:
        names: its bare name, unless that means another one, and the one qualified by its distribution.
        component: the component, imported.
    """

    names: tuple[str, ...]
    component: Component


def installed(registry: Registry, note: Note) -> list[Installed]:
    """Return the components of a registry that can be used, by name.

    Args:
        registry: the registry.
        note: is told of every component that cannot be imported, and so is left out.
    """
    found = []
    for name, target in registry.module_dict.items():
        found.append(Installed((name,), Component(name, target, provider_of(target), registry.name)))
    for offer in catalog().of(registry.name):
        for name, target in _loaded(offer, note):
            provider = provider_of(target) if offer.is_family else offer.provider
            bare = (name,) if _means(registry, name, target) else ()
            component = Component(name, target, provider, registry.name)
            found.append(Installed((*bare, f"{provider.distribution}/{name}"), component))
    suffix = _SUFFIXES.get(registry.name)
    if suffix is not None:
        found += _policies_among_hooks(registry, suffix, note)
    return sorted(found, key=lambda one: (one.component.name.casefold(), one.names))


def _loaded(offer: Offer, note: Note) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Import what stands behind one entry point."""
    if not current().admits(offer.provider.distribution):
        return
    try:
        target: Any = offer.load()
        if not callable(target):
            raise RegistryError(
                f"{offer.name!r} of {offer.provider} is a {type(target).__name__}, no class or function"
            )
        members: Mapping[str, Callable[..., Any]] = target() if offer.is_family else {offer.name: target}
    except HookloomError as error:
        note(str(error))
        return
    yield from members.items()


def _means(registry: Registry, name: str, target: Any) -> bool:
    """Tell whether a bare name leads to a component, and not to another one or to two of them."""
    try:
        return registry.resolve(name).target is target
    except RegistryError:
        return False


def _policies_among_hooks(registry: Registry, suffix: str, note: Note) -> Iterator[Installed]:
    """Yield the updaters that stand among the hooks, where MMCV's users put theirs."""
    for one in installed(HOOKS, note):
        component = one.component
        policy = component.name.removesuffix(suffix)
        if policy and policy != component.name and _means(registry, policy, component.target):
            yield Installed((policy,), Component(policy, component.target, component.provider, registry.name))
