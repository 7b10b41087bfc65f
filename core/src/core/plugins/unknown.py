"""What is said of a name that no component of a registry has: who brings it, and what was probably meant."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import UnknownComponentError
from core.plugins.catalog import Offer, gathered
from core.plugins.missing import FIRST_PARTY, how_to_install
from core.plugins.offered import Offered
from core.plugins.switches import CORE
from core.suggest import nearest


def not_installed(offered: Offered, name: str) -> UnknownComponentError | None:
    """Return the error for a name that a first-party plugin would bring, or None if there is none."""
    missing = FIRST_PARTY.get(offered.registry, {})
    by_fold = {offered.fold(known): known for known in missing}
    if offered.fold(name) not in by_fold:
        return None
    brings = missing[by_fold[offered.fold(name)]]
    return UnknownComponentError(
        f"no {offered.noun} named {name!r}: it comes with {brings}, which is not installed; {how_to_install(brings)}"
    )


def elsewhere(offered: Offered, name: str, registry: str, noun: str) -> UnknownComponentError:
    """Return the error for a name that is in another registry."""
    article = "an" if noun.startswith(("LR", *"aeiou")) else "a"
    return UnknownComponentError(
        f"no {offered.noun} named {name!r}; registry {registry!r} has one: it is {article} {noun}"
    )


def nowhere(offered: Offered, name: str, local: Mapping[str, str]) -> UnknownComponentError:
    """Return the error for a name that nobody knows, with the nearest ones.

    Args:
        offered: what distributions offer.
        name: the name.
        local: what the process has registered, and who provides each.
    """
    start = f"no {offered.noun} named {name!r}"
    known = {offer.name: _told(offer) for offer in offered.all() if not offer.is_family}
    known |= offered.family_names()
    known |= local
    for component, brings in FIRST_PARTY.get(offered.registry, {}).items():
        known.setdefault(component, f"{brings}, not installed: {how_to_install(brings)}")
    ends = [one for one in known if one.casefold() == name.casefold()]
    ends += [one for one in known if one.casefold().endswith(f".{name}".casefold())]
    begins = [one for one in known if len(name) > 2 and one.casefold().startswith(name.casefold())]
    begins.sort(key=lambda one: (not known[one].startswith(CORE), one.casefold()))
    # Who writes the beginning of a name has more likely left off its end than misspelt a shorter one.
    close = ends or nearest(name, known, cutoff=0.85) or begins or nearest(name, known)
    if close:
        meant = " or ".join(f"{one!r} ({known[one]})" for one in close[:3])
        return UnknownComponentError(f"{start}; did you mean {meant}?", close[0])
    registered = ", ".join(sorted(gathered(known), key=str.casefold)) or "none"
    return UnknownComponentError(f"{start}; known are: {registered}")


def _told(offer: Offer) -> str:
    command = offer.wants_install
    return f"{offer.provider}, after {command}" if command else str(offer.provider)
