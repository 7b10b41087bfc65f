"""A registry: components by name, whether an installed distribution offers them or the user's code registers them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from core.component import Component, Provider, provider_of
from core.errors import RegistryError, UnknownComponentError
from core.plugins import unknown
from core.plugins.missing import LIBRARIES, how_to_install
from core.plugins.offered import Offered
from core.plugins.switches import CORE
from core.resolve import import_object, looks_like_path

Target = Callable[..., Any]
_all: dict[str, Registry] = {}


class Registry:
    """Components of one kind, by name.

    What installed distributions offer under the entry-point group `hookloom.<name>` is known without an
    import; a component is imported when it is asked for.

    Args:
        name: name of the registry; MMCV users pass their own ('model', 'my hooks').
        build_func: `(cfg, registry, **kwargs)` that `build` calls; default `build_from_cfg`.
        parent: a registry whose components are found here too, and here under this one's scope.
        scope: prefix of this registry's components in its parent (`scope.Name`); default is the top-level
            package of the caller.
        noun: what one component is called in an error.
        fold_case: whether names are matched without regard to case.
    """

    def __init__(
        self,
        name: str,
        build_func: Callable[..., Any] | None = None,
        parent: Registry | None = None,
        scope: str | None = None,
        *,
        noun: str | None = None,
        fold_case: bool = False,
    ) -> None:
        self._name = name
        self.noun = noun or name
        self.parent = parent
        self.scope = scope if scope is not None else _caller_package()
        self.children: dict[str, Registry] = {}
        inherited: Callable[..., Any] = build_from_cfg if parent is None else parent.build_func
        self.build_func: Callable[..., Any] = build_func or inherited
        self.offered = Offered(name, self.noun, str.casefold if fold_case else str)
        self._local: dict[str, Component] = {}
        # Names in other registries that mean a component of this one; set by core.registries.
        self.aliases: Callable[[str], Component | None] = lambda name: None
        if parent is not None:
            if self.scope in parent.children:
                raise RegistryError(f"registry {parent.name!r} has a child of scope {self.scope!r} already")
            parent.children[self.scope] = self

    @property
    def name(self) -> str:
        """The registry's name; its entry-point group is `hookloom.<name>`."""
        return self._name

    @property
    def module_dict(self) -> dict[str, Target]:
        """What the running process has registered, by name (installed components are not imported for it)."""
        return {component.name: component.target for component in self._local.values()}

    def names(self) -> list[str]:
        """Return all known names, sorted; a family counts as one name."""
        offered = {offer.name for offer in self.offered.all()}
        return sorted(offered | {component.name for component in self._local.values()}, key=str.casefold)

    def __len__(self) -> int:
        return len(self.names())

    def __contains__(self, key: str) -> bool:
        if self.offered.matching(key):
            return True
        try:
            return self._find(key) is not None
        except UnknownComponentError:  # a distribution that does not offer it
            return False

    def __repr__(self) -> str:
        return f"Registry(name={self.name!r}, names={self.names()})"

    def get(self, key: str) -> Target | None:
        """Return the component of that name, or None if nobody offers one, as in MMCV.

        Raises:
            RegistryError: if the name is ambiguous, blocked or its package broken.
        """
        try:
            return self.resolve(key).target
        except UnknownComponentError:
            return None

    def provider(self, key: str) -> Provider:
        """Return the distribution and version behind a name, without importing the component.

        Raises:
            RegistryError: if the name is unknown, ambiguous or blocked.
        """
        matching = [] if self.offered.fold(key) in self._local else self.offered.matching(key)
        return self.offered.only(key, matching).provider if matching else self.resolve(key).provider

    def resolve(self, type_: str | Target) -> Component:
        """Find a component by its `type`.

        Args:
            type_: a registered name, `distribution/Name`, `scope.Name`, an import path, or a class or
                function itself; tried in this order.

        Raises:
            UnknownComponentError: if nothing is found; the message suggests near names.
            AmbiguousComponentError: if several distributions offer the bare name.
            BlockedComponentError: if only a distribution that is switched off offers it.
            MissingExtraError: if packages of the extra that it needs are not installed.
            BrokenComponentError: if its package fails on import.
        """
        if not isinstance(type_, str):
            if not callable(type_):
                raise UnknownComponentError(f"type must be a name, a class or a function, got {type_!r}")
            return Component(getattr(type_, "__name__", repr(type_)), type_, provider_of(type_), self.name)
        found = self._find(type_)
        if found is not None:
            return found
        self.offered.refuse_claimed(type_)
        if looks_like_path(type_):
            target = self._imported(type_)
            if not callable(target):
                raise UnknownComponentError(f"{type_!r} is a {type(target).__name__}, no class or function")
            return Component(type_, target, provider_of(target), self.name)
        raise self._unknown(type_)

    def _find(self, name: str) -> Component | None:
        """Look in everything but import paths."""
        local = self._local.get(self.offered.fold(name))
        if local is not None:
            return local
        reserved = self.offered.family_member(name, reserved=True)
        if reserved is not None:
            return reserved
        matching = self.offered.matching(name)
        if matching:
            return self.offered.loaded(self.offered.only(name, matching))
        member = self.offered.family_member(name, reserved=False)
        if member is not None:
            return member
        distribution, slash, bare = name.partition("/")
        if slash:
            return self.offered.qualified(distribution, bare)
        scope, dot, rest = name.partition(".")
        if dot and scope in self.children:
            return self.children[scope]._find(rest)
        if dot and scope == self.scope:
            return self._find(rest)
        return self.aliases(name) or (None if self.parent is None else self.parent._find(name))

    def _imported(self, path: str) -> object:
        try:
            return import_object(path)
        except UnknownComponentError as error:
            brings = LIBRARIES.get(self.name, {}).get(path.partition(".")[0])
            if brings is None:
                raise
            raise UnknownComponentError(f"{error}; it comes with {brings}; {how_to_install(brings)}") from error

    def _has(self, name: str) -> bool:
        offered = self.offered
        return bool(
            self._local.get(self.offered.fold(name))
            or offered.matching(name)
            or offered.family_member(name, reserved=True)
        )

    def _unknown(self, name: str) -> UnknownComponentError:
        error = unknown.not_installed(self.offered, name)
        if error is not None:
            return error
        for other in _all.values():
            if other is not self and other._has(name):
                return unknown.elsewhere(self.offered, name, other.name, other.noun)
        local = {component.name: str(component.provider) for component in self._local.values()}
        return unknown.nowhere(self.offered, name, local)

    def build(self, cfg: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Build a component from a dict with a `type`, through this registry's `build_func`."""
        return self.build_func(cfg, *args, **kwargs, registry=self)

    def register_module(
        self,
        name: str | Iterable[str] | Target | None = None,
        force: bool = False,
        module: Target | None = None,
    ) -> Any:
        """Register a class or function of the running process; a decorator unless `module` is given.

        Registering the same module and qualified name again replaces it, so notebook cells can be rerun.

        Args:
            name: its name or names; default the name of the class.
            force: replace another component of that name.
            module: what to register.

        Raises:
            RegistryError: if the name is taken by core, torch or another registered component.
            TypeError: if `name` is neither a text nor several.
        """
        if name is not None and not isinstance(name, str) and callable(name):
            name, module = None, name  # `@X.register_module` without parentheses
        if name is not None and not isinstance(name, Iterable):
            raise TypeError(f"name must be a text, several texts or None, got {type(name).__name__}")
        names = [name] if isinstance(name, str) else None if name is None else list(name)

        def register(target: Target) -> Target:
            for one in names or [target.__name__]:
                self._register(one, target, force)
            return target

        return register if module is None else register(module)

    def _register(self, name: str, target: Target, force: bool) -> None:
        if not isinstance(name, str) or not callable(target):
            raise RegistryError(f"cannot register {target!r} as {name!r}: a class or function under a text is wanted")
        key = self.offered.fold(name)
        taken = self._local.get(key)
        if taken is not None and _identity(taken.target) == _identity(target):
            taken = None
        if taken is None and not force:
            taken = next(
                (self.offered.loaded(o) for o in self.offered.matching(name) if o.provider.distribution == CORE), None
            )
            taken = taken or self.offered.family_member(name, reserved=True)
            if taken is not None and _identity(taken.target) == _identity(target):
                taken = None
        if taken is not None and not force:
            raise RegistryError(
                f"{self.noun} {name!r} is already registered, by {taken.provider} as {_where(taken.target)}; "
                "choose another name or pass force=True"
            )
        self._local[key] = Component(name, target, provider_of(target), self.name)


def build_from_cfg(cfg: Mapping[str, Any], registry: Registry, default_args: Mapping[str, Any] | None = None) -> Any:
    """Build the component that a dict describes.

    Args:
        cfg: its `type`, and its arguments under the other keys; left as it is.
        registry: where to look for `type`.
        default_args: arguments (or the `type`) that `cfg` lacks.

    Raises:
        TypeError: if `cfg` is no dict or `registry` no Registry.
        RegistryError: if there is no `type`, or it cannot be resolved.
    """
    if not isinstance(cfg, Mapping):
        raise TypeError(f"cfg must be a dict, got {type(cfg).__name__}: {cfg!r}")
    if not isinstance(registry, Registry):
        raise TypeError(f"registry must be a Registry, got {type(registry).__name__}")
    if not (default_args is None or isinstance(default_args, Mapping)):
        raise TypeError(f"default_args must be a dict or None, got {type(default_args).__name__}")
    arguments = {**(default_args or {}), **cfg}
    if "type" not in arguments:
        raise RegistryError(f"a {registry.noun} needs the key 'type', got {dict(cfg)!r}")
    component = registry.resolve(arguments.pop("type"))
    try:
        return component.target(**arguments)
    except Exception as error:
        error.add_note(f"while building {registry.noun} {component.name!r} ({component.provider})")
        raise


def declare(registry: Registry) -> Registry:
    """Make a registry known to the others, so that an error can say which of them holds a name."""
    _all[registry.name] = registry
    return registry


def _identity(target: Target) -> tuple[str | None, str | None]:
    return getattr(target, "__module__", None), getattr(target, "__qualname__", None)


def _where(target: Target) -> str:
    return ".".join(str(part) for part in _identity(target))


def _caller_package() -> str:
    """Name the top-level package of whoever makes a registry."""
    name: str = sys._getframe(2).f_globals.get("__name__", "__main__")
    return name.partition(".")[0]
