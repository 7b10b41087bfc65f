"""What installed distributions offer to one registry, imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import attrs

from core.component import Component, provider_of
from core.errors import AmbiguousComponentError, BlockedComponentError, UnknownComponentError
from core.plugins.catalog import Offer, catalog
from core.plugins.switches import CORE, current
from core.suggest import nearest

Target = Callable[..., Any]


@attrs.frozen
class Offered:
    """The components that distributions offer to a registry through entry points.

    Args:
        registry: its name.
        noun: what one component is called in an error.
        fold: makes names equal that are not told apart.
    """

    registry: str
    noun: str
    fold: Callable[[str], str]

    def all(self) -> tuple[Offer, ...]:
        """Return every offer, also those that are switched off."""
        return catalog().of(self.registry)

    def matching(self, name: str) -> list[Offer]:
        """Return the offers of a name, families left aside."""
        wanted = self.fold(name)
        return [offer for offer in self.all() if self.fold(offer.name) == wanted and not offer.is_family]

    def only(self, name: str, matching: list[Offer]) -> Offer:
        """Return the one that is meant of several offers of a name.

        Raises:
            BlockedComponentError: if all are switched off.
            AmbiguousComponentError: if several are left.
        """
        admitted = [offer for offer in matching if current().admits(offer.provider.distribution)]
        if not admitted:
            who = ", ".join(str(offer.provider) for offer in matching)
            raise BlockedComponentError(f"{self.noun} {name!r} comes from {who}, which the plugin switches leave out")
        if len(admitted) > 1:
            admitted.sort(key=lambda offer: offer.provider.distribution)
            who = " and ".join(str(offer.provider) for offer in admitted)
            ways = " or ".join(repr(f"{offer.provider.distribution}/{offer.name}") for offer in admitted)
            raise AmbiguousComponentError(f"{self.noun} {name!r} is offered by {who}; write {ways}")
        return admitted[0]

    def loaded(self, offer: Offer) -> Component:
        """Import a component.

        Raises:
            UnknownComponentError: if it is no class or function.
            RegistryError: if an extra is missing or its package is broken.
        """
        target = offer.load()
        if not callable(target):
            raise UnknownComponentError(
                f"{offer.name!r} of {offer.provider} is a {type(target).__name__}, no class or function"
            )
        return Component(offer.name, target, offer.provider, self.registry)

    def family_member(self, name: str, *, reserved: bool) -> Component | None:
        """Return the component of that name in a family, found by reflection.

        Args:
            name: its name.
            reserved: whether to look in core's families, whose names nobody else may take, or in the others.
        """
        for offer in self.all():
            if offer.is_family and (offer.provider.distribution == CORE) is reserved:
                if not current().admits(offer.provider.distribution):
                    continue
                target = _family(offer).get(name)
                if target is not None:
                    return Component(name, target, provider_of(target), self.registry)
        return None

    def family_names(self) -> dict[str, str]:
        """Return the names in all families, and who provides each."""
        admits = current().admits
        return {
            name: str(provider_of(target))
            for offer in self.all()
            if offer.is_family and admits(offer.provider.distribution)
            for name, target in _family(offer).items()
        }

    def qualified(self, distribution: str, name: str) -> Component:
        """Return what one distribution offers under a name.

        Raises:
            UnknownComponentError: if it does not.
        """
        wanted = distribution.replace("_", "-").casefold()
        offers = [offer for offer in self.matching(name) if offer.provider.distribution == wanted]
        if offers:
            return self.loaded(self.only(name, offers))
        for reserved in (True, False):
            member = self.family_member(name, reserved=reserved)
            if member is not None and member.provider.distribution.casefold() == wanted:
                return member
        known = sorted(f"{offer.provider.distribution}/{offer.name}" for offer in self.all() if not offer.is_family)
        hint, meant = _hint(f"{wanted}/{name}", known)
        raise UnknownComponentError(f"distribution {distribution!r} offers no {self.noun} {name!r}{hint}", meant)

    def refuse_claimed(self, name: str) -> None:
        """Refuse `prefix.Name` where a distribution offers components of that prefix and not this one.

        The import path of the same spelling would lead past whatever the distribution puts around them; with a
        colon it is still an import path.
        """
        prefix, _, rest = name.partition(".")
        claimed = [offer for offer in self.all() if rest and offer.name.startswith(f"{prefix}.")]
        claimed = [offer for offer in claimed if not offer.is_family and current().admits(offer.provider.distribution)]
        if not claimed or not rest.isidentifier():
            return
        try:
            getattr(import_module(claimed[0].module), rest)
        except AttributeError as error:
            who = claimed[0].provider
            if name in str(error):  # it says why
                raise UnknownComponentError(f"{error} ({who})") from error
            hint, meant = _hint(name, [offer.name for offer in claimed])
            raise UnknownComponentError(f"{who} offers no {self.noun} {name!r}{hint}", meant) from error


def _hint(name: str, known: list[str]) -> tuple[str, str | None]:
    close = nearest(name, known)
    return (f"; did you mean {close[0]!r}?", close[0]) if close else ("", None)


def _family(offer: Offer) -> Mapping[str, Target]:
    family = offer.load()
    if not callable(family):
        raise UnknownComponentError(f"family {offer.name!r} of {offer.provider} is not a function")
    members: Mapping[str, Target] = family()
    return members
