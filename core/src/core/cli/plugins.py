"""`hookloom plugins`: what is installed, what one component is, what is wrong, and what stands the conformance kit."""

from __future__ import annotations

import argparse
import inspect
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from core.cli import conform
from core.cli.table import print_table
from core.errors import EXIT_FAILED, HookloomError, MissingExtraError
from core.plugins.catalog import Catalog, Offer, catalog
from core.plugins.switches import current

if TYPE_CHECKING:
    from core.registry import Registry

REGISTRIES = (
    "optimizers",
    "optimizer_builders",
    "lr_updaters",
    "momentum_updaters",
    "hooks",
    "runners",
    "models",
    "datasets",
    "pipelines",
)


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its sub-commands."""
    parser = commands.add_parser("plugins", help="list, explain and check the installed components")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="every component, from metadata alone")
    listing.add_argument("registry", nargs="?", choices=REGISTRIES, metavar="REGISTRY", help=", ".join(REGISTRIES))
    listing.set_defaults(run_command=list_components)
    info = actions.add_parser("info", help="what one component is and takes; imports it")
    info.add_argument("name", help="as a config's `type` or `policy` says it")
    info.set_defaults(run_command=explain)
    doctor = actions.add_parser("doctor", help="import everything and report what is broken or in conflict")
    doctor.set_defaults(run_command=examine)
    conform.add_action(actions)


def list_components(options: argparse.Namespace) -> int:
    """Print name, registry, provider and version of every component; nothing is imported."""
    rows = [
        (offer.registry, offer.name, offer.provider.distribution, offer.provider.version, _switch(offer))
        for registry in REGISTRIES
        for offer in sorted(catalog().of(registry), key=lambda offer: offer.name.casefold())
        if options.registry in (None, registry)
    ]
    print_table(("registry", "name", "provider", "version", ""), rows)
    return 0


def explain(options: argparse.Namespace) -> int:
    """Print where a component comes from, its options and its description."""
    from core import registries
    from core.resolve import looks_like_path

    found = 0
    # What nobody offers under a name with dots is an import path, for which any registry will do.
    owner = next((one for one in _registries() if _offers(one.name, options.name)), registries.MODELS)
    for registry in _registries():
        if looks_like_path(options.name) and registry is not owner:
            continue
        if looks_like_path(options.name) or "/" in options.name or options.name in registry:
            try:
                component = registry.resolve(options.name)
            except HookloomError:
                if "/" in options.name:
                    continue
                raise
            target = component.target
            print(f"{component.name}: {registry.noun} of {component.provider}")
            print(f"  {target.__module__}.{getattr(target, '__qualname__', component.name)}")
            print(f"  {component.name}{_signature(target)}\n")
            print(inspect.cleandoc(target.__doc__ or "(no description)"))
            found += 1
    if not found:
        raise _not_found(options.name)
    return 0


def _registries() -> list[Registry]:
    from core import registries
    from core.registry import Registry

    return [one for one in vars(registries).values() if isinstance(one, Registry)]


def _offers(registry: str, name: str) -> bool:
    return any(offer.name == name for offer in catalog().of(registry))


def examine(options: argparse.Namespace) -> int:
    """Import every component; print what fails, and names that several distributions offer."""
    found = catalog()
    rows = [(fault.distribution, "", "", f"metadata cannot be read: {fault.reason}") for fault in found.faults]
    rows += _conflicts(found)
    absent: Counter[str] = Counter()
    for offer in found.offers:
        try:
            offer.load()
        except MissingExtraError:
            absent[offer.wants_install or ""] += 1
        except HookloomError as error:
            cause = error.__cause__
            said = f"{type(cause).__name__}: {cause}" if cause is not None else str(error)
            rows.append((str(offer.provider), offer.registry, offer.name, said))
    for command, count in absent.items():
        print(f"{count} components need packages that are not installed: {command}")
    if not rows:
        print(f"{len(found.offers) - absent.total()} components of {_count(found)} distributions: all can be used")
        return 0
    print_table(("provider", "registry", "name", "problem"), rows)
    return EXIT_FAILED


def _conflicts(found: Catalog) -> list[tuple[str, str, str, str]]:
    by_name: dict[tuple[str, str], list[Offer]] = defaultdict(list)
    for offer in found.offers:
        fold = offer.registry in ("lr_updaters", "momentum_updaters")
        by_name[offer.registry, offer.name.casefold() if fold else offer.name].append(offer)
    return [
        (
            " and ".join(str(offer.provider) for offer in offers),
            registry,
            offers[0].name,
            "offered twice; write " + " or ".join(f"{o.provider.distribution}/{o.name}" for o in offers),
        )
        for (registry, _), offers in by_name.items()
        if len(offers) > 1
    ]


def _count(found: Catalog) -> int:
    return len({offer.provider.distribution for offer in found.offers})


def _switch(offer: Offer) -> str:
    return "" if current().admits(offer.provider.distribution) else "switched off"


def _signature(target: object) -> str:
    try:
        return str(inspect.signature(target))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return "(...)"


def _not_found(name: str) -> HookloomError:
    from core.suggest import did_you_mean

    return HookloomError(f"no component named {name!r}{did_you_mean(name, [o.name for o in catalog().offers])}")
