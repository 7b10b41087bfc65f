"""The one scan of installed metadata: every component that any distribution offers, without importing it."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable

import attrs
import importlib_metadata

from core.component import Provider, distribution_of, headers, normal_name
from core.errors import BrokenComponentError, MissingExtraError
from core.plugins.switches import CORE

PREFIX = "hookloom."
FAMILY = ".*"
_MANY = 5  # names with one prefix that are too many to be listed one by one


@attrs.frozen
class Offer:
    """One entry point of a distribution.

    Args:
        registry: the registry it is for, such as `optimizers`.
        name: the name of the component; `torch.*` stands for a family.
        value: where it is defined, as `module:attribute`.
        provider: the distribution and its version.
    """

    registry: str
    name: str
    value: str
    provider: Provider
    _entry_point: importlib_metadata.EntryPoint = attrs.field(eq=False, repr=False)

    @property
    def is_family(self) -> bool:
        """Whether the entry point stands for many components, found by reflection."""
        return self.name.endswith(FAMILY)

    @property
    def wants_install(self) -> str | None:
        """The command that installs the extra which the entry point names, if packages of it are missing."""
        # importlib_metadata takes the two halves of `my-extra` for two extras.
        _, _, extras = self.value.partition("[")
        for extra in filter(None, re.split(r"[],\s]+", extras)):
            if _lacks(self.provider, extra):
                return f"pip install '{self.provider.distribution}[{extra}]'"
        return None

    @property
    def module(self) -> str:
        """The module that the entry point names."""
        return self._entry_point.module

    def load(self) -> object:
        """Import the component.

        Raises:
            MissingExtraError: if the entry point names an extra of which packages are not installed.
            BrokenComponentError: if its distribution wants another version of core, or anything at all
                goes wrong on import; the cause is chained.
        """
        who = f"{self.name!r} of {self.provider}"
        wanted = _refused_core_range(self.provider)
        if wanted:
            raise BrokenComponentError(f"{who} cannot be used: the distribution asks for {wanted}")
        command = self.wants_install
        if command:
            raise MissingExtraError(f"{who} needs packages that are not installed: {command}")
        try:
            return self._entry_point.load()
        except (Exception, SystemExit) as error:
            cause = f"{type(error).__name__}: {error}"
            raise BrokenComponentError(f"{who} cannot be imported from {self.value!r}: {cause}") from error


@attrs.frozen
class Fault:
    """A distribution whose metadata could not be read; only `plugins doctor` minds."""

    distribution: str
    reason: str


@attrs.frozen
class Catalog:
    """Everything on offer.

    Args:
        offers: all entry points of all registries.
        faults: distributions that could not be read.
    """

    offers: tuple[Offer, ...]
    faults: tuple[Fault, ...] = ()

    def of(self, registry: str) -> tuple[Offer, ...]:
        """Return the offers for one registry, in the order of the scan."""
        return self._by_registry.get(registry, ())

    @functools.cached_property
    def _by_registry(self) -> dict[str, tuple[Offer, ...]]:
        table: dict[str, list[Offer]] = {}
        for offer in self.offers:
            table.setdefault(offer.registry, []).append(offer)
        return {registry: tuple(offers) for registry, offers in table.items()}


def scan(distributions: Iterable[importlib_metadata.Distribution] | None = None) -> Catalog:
    """Read the entry points of all installed distributions, of all registries at once.

    Args:
        distributions: what to read; None reads all that can be imported from `sys.path`. Of two with
            one name the first counts, as on import.
    """
    offers: list[Offer] = []
    faults: list[Fault] = []
    seen: set[str] = set()
    for found in importlib_metadata.distributions() if distributions is None else distributions:
        # Most distributions have no entry points of ours: their metadata need not even be parsed.
        try:
            text = found.read_text("entry_points.txt")
            if not text or PREFIX not in text:
                continue
            about = headers(found)
            name = normal_name(about["Name"])
            if name in seen:
                continue
            seen.add(name)
            if about["Version"] is None:
                raise ValueError("its metadata name no version")
            provider = Provider(name, about["Version"])
            for point in found.entry_points:
                if point.group.startswith(PREFIX):
                    offers.append(Offer(point.group[len(PREFIX) :], point.name, point.value, provider, point))
        except Exception as error:
            where = str(getattr(found, "_path", "an installed distribution"))
            faults.append(Fault(where, f"{type(error).__name__}: {error}"))
    return Catalog(tuple(offers), tuple(faults))


@functools.cache
def catalog() -> Catalog:
    """Return what is installed; read once a process. `catalog.cache_clear()` makes the next call read anew."""
    return scan()


def gathered(names: Iterable[str]) -> list[str]:
    """Put the names of a library, which have one prefix, together: `prefix.* (118)`."""
    names = list(names)
    counts = Counter(name.partition(".")[0] for name in names if not name.endswith(FAMILY) and "." in name)
    many = {prefix for prefix, count in counts.items() if count >= _MANY}
    rest = [name for name in names if name.partition(".")[0] not in many or "." not in name]
    return [*rest, *(f"{prefix}{FAMILY} ({counts[prefix]})" for prefix in many)]


@functools.cache
def _refused_core_range(provider: Provider) -> str | None:
    """Return the requirement on core that the running version does not meet, if there is one."""
    if provider.distribution == CORE:
        return None
    # Slow to import, and only a plugin that is used needs it.
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import InvalidVersion

    version = headers(importlib_metadata.distribution(CORE))["Version"]
    found = importlib_metadata.distribution(provider.distribution)
    for line in headers(found).get_all("Requires-Dist") or found.requires or ():
        try:
            wanted = Requirement(line)
            if normal_name(wanted.name) != CORE or (wanted.marker and not wanted.marker.evaluate()):
                continue
            if not wanted.specifier.contains(version, prereleases=True):
                return f"{wanted.name}{wanted.specifier} and {version} is installed"
        except (InvalidRequirement, InvalidVersion):
            continue
    return None


@functools.cache
def _lacks(provider: Provider, extra: str) -> bool:
    """Tell whether a package that an extra of a distribution asks for is not installed."""
    from packaging.requirements import InvalidRequirement, Requirement

    found = importlib_metadata.distribution(provider.distribution)
    for line in headers(found).get_all("Requires-Dist") or ():
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        marker = wanted.marker
        of_extra = marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})
        if of_extra and distribution_of(wanted.name) is None:
            return True
    return False
