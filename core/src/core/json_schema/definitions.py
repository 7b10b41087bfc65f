"""The definitions that a schema refers to: what each component takes, and what holds of each table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from attrs import field, frozen

from core.config.signature import signature_of
from core.json_schema.installed import Installed, Note, installed
from core.json_schema.options import properties_of, required_by
from core.json_schema.texts import summary
from core.json_schema.types import DELETE, Schema
from core.registries import HOOKS, LR_SUFFIX, LR_UPDATERS, MOMENTUM_SUFFIX, MOMENTUM_UPDATERS
from core.registry import Registry

_FOLDED = {LR_UPDATERS.name, MOMENTUM_UPDATERS.name}
# What names a component that nobody has registered: `distribution/Name`, `scope.Name`, an import path.
_ELSEWHERE: Schema = {"pattern": "[./:]"}
_SPECIAL = re.compile(r"[.^$*+?()\[\]{}|\\]")
_UPDATERS: Schema = {"pattern": f"({LR_SUFFIX}|{MOMENTUM_SUFFIX})$"}
_BASE: dict[str, Schema] = {
    "delete": {"description": "drops what the file inherits here.", "type": "boolean"},
    "from_base": {
        "description": "a copy of what the bases hold.",
        "type": "string",
        "pattern": r"^\{\{\s*_base_\.[\w.]+\s*\}\}$",
    },
}


@frozen
class Table:
    """A table of a config that names a component.

    Args:
        name: what its definitions are called.
        registry: where the type is looked up.
        key: the key that names it.
        default: the types whose options are meant where that key is absent.
        injected: options that the run fills in.
        extra: keys of the table that are not the component's.
        nested: keys of the component that hold further tables: the table and the registry of each.
        closed_if: a condition without which the table takes any key.
        rules: what else holds of it, whatever the type.
        alone_rules: what else holds where no type can be inherited.
    """

    name: str
    registry: Registry
    key: str = "type"
    default: tuple[str, ...] = ()
    injected: frozenset[str] = frozenset()
    extra: Mapping[str, Schema] = field(factory=dict)
    nested: Mapping[str, tuple[str, Registry]] = field(factory=dict)
    closed_if: Schema | None = None
    rules: tuple[Schema, ...] = ()
    alone_rules: tuple[Schema, ...] = ()


def to(name: str) -> Schema:
    """Return a reference to a definition."""
    return {"$ref": f"#/$defs/{name}"}


class Definitions:
    """Collects definitions, each under a name that says what it is.

    `<registry>.<component>` holds the options of a component; `<registry>.names` its registry's names.
    `<table>` is what always holds of a table, `<table>.alone` what else holds where no type can be inherited,
    `<table>.whole` where nothing is missing, `<table>.installed` where every name must be one that is installed.

    Args:
        note: is told of every component that cannot be imported, and so is left out.

    Attributes:
        found: the definitions.
        injected: options that the run gives a component, by the name of its definition.
    """

    def __init__(self, note: Note) -> None:
        self.found: dict[str, Schema] = dict(_BASE)
        self.injected: dict[str, frozenset[str]] = {}
        self._note = note
        self.by_registry: dict[str, list[tuple[str, Installed]]] = {}

    def components(self, registry: Registry) -> list[tuple[str, Installed]]:
        """Return the components of a registry, each with the name of its definition."""
        if registry.name not in self.by_registry:
            self.by_registry[registry.name] = self._defined(registry, installed(registry, self._note))
        return self.by_registry[registry.name]

    def add(self, table: Table, whole_rules: Iterable[Schema] = ()) -> None:
        """Add the definitions of a table.

        Args:
            table: the table.
            whole_rules: what else holds of it where nothing is missing.
        """
        known, key = self.components(table.registry), table.key
        for name, one in known:
            theirs = table.injected & signature_of(one.component.target).parameters.keys()
            self.injected[name] = self.injected.get(name, frozenset()) | theirs
        default = {"default": table.default[0]} if table.default else {}
        takes = [{"if": naming(table, one), "then": _takes(table, [(name, one)])} for name, one in known]
        self.found[table.name] = {
            "type": "object",
            "properties": {key: {**default, **to(f"{table.registry.name}.type")}, **DELETE, **table.extra},
            **_all([*table.rules, *self._nested(table, ""), *takes]),
        }
        defaults = [entry for entry in known if entry[1].component.name in table.default]
        alone = [{"if": {"not": {"required": [key]}}, "then": _takes(table, defaults)}] if defaults else []
        self.found[f"{table.name}.alone"] = _all([*table.alone_rules, *self._nested(table, ".alone"), *alone])
        needs = [{"if": naming(table, one), "then": rules} for _, one in known if (rules := _needs(table, one))]
        if defaults and (rules := _needs(table, defaults[0][1])):
            needs.append({"if": {"not": {"required": [key]}}, "then": rules})
        required = {} if table.default else {"required": [key]}
        self.found[f"{table.name}.whole"] = {
            **required,
            **_all([*whole_rules, *self._nested(table, ".whole"), *needs]),
        }
        self.found[f"{table.name}.installed"] = {
            "properties": {key: to(f"{table.registry.name}.installed")},
            **_all(self._nested(table, ".installed")),
        }

    def _nested(self, table: Table, suffix: str) -> list[Schema]:
        """Return what holds of tables inside a table; who has nothing registered builds them in a way of its own."""
        rules = {
            key: _if_typed(to(name + suffix))
            for key, (name, registry) in table.nested.items()
            if suffix != ".installed" or self.components(registry)
        }
        return [{"properties": rules}] if rules else []

    def _defined(self, registry: Registry, found: list[Installed]) -> list[tuple[str, Installed]]:
        entries = []
        for one in found:
            component = one.component
            name = f"{registry.name}.{component.name}"
            if name in self.found:
                name = f"{name}@{component.provider.distribution}"
            self.found[name] = {
                "title": component.name,
                "description": f"{summary(component.target)} ({component.provider})".strip(),
                "properties": properties_of(component.target),
            }
            entries.append((name, one))
        self._add_names(registry, [name for one in found for name in one.names])
        return entries

    def _add_names(self, registry: Registry, names: list[str]) -> None:
        """Add what may name a component: for editors to offer, and for a whole config to be held to."""
        # Editors offer what an enum lists; a pattern alone would leave them without.
        known = [{"enum": names}] if names else []
        if names and registry.name in _FOLDED:
            known.append(_called(registry, names))
        text = {"type": "string", "description": f"the {registry.noun}: a name, or an import path."}
        self.found[f"{registry.name}.names"] = {"anyOf": known} if known else {"not": {}}
        self.found[f"{registry.name}.type"] = {**text, "anyOf": [*known, {"type": "string"}]}
        updaters = [_UPDATERS] if registry is HOOKS else []
        self.found[f"{registry.name}.installed"] = {"anyOf": [*known, _ELSEWHERE, *updaters]}


def naming(table: Table, one: Installed) -> Schema:
    """Return the condition that a table names a component."""
    return {"required": [table.key], "properties": {table.key: _called(table.registry, one.names)}}


def _called(registry: Registry, names: Iterable[str]) -> Schema:
    """Return the schema of some names; policies are matched in any case."""
    if registry.name in _FOLDED:
        return {"pattern": f"^({'|'.join(map(in_any_case, names))})$"}
    return {"enum": list(names)}


def _takes(table: Table, entries: Iterable[tuple[str, Installed]]) -> Schema:
    """Return what a table holds besides its type: the options of one component, or of one of several."""
    taken: Schema = {"allOf": [to(name) for name, _ in entries]}
    signatures = [signature_of(one.component.target) for _, one in entries]
    refused: Schema = {name: {"not": {}} for name in sorted(table.injected)}
    if any(signature.is_open for signature in signatures):
        return {**taken, "properties": refused} if refused else taken
    options = [name for signature in signatures for name in signature.parameters if name not in refused]
    closed: Schema = {"propertyNames": {"enum": [*dict.fromkeys([table.key, "_delete_", *table.extra, *options])]}}
    return {**taken, **(closed if table.closed_if is None else {"if": table.closed_if, "then": closed})}


def _needs(table: Table, one: Installed) -> Schema:
    """Return what a whole table of a component must hold."""
    rules = required_by(one.component.target)
    needed = [name for name in rules.get("required", ()) if name not in table.injected]
    return {key: value for key, value in {**rules, "required": needed}.items() if value}


def in_any_case(name: str) -> str:
    """Return a pattern that matches a name whatever the case of its letters."""
    return "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else _SPECIAL.sub(r"\\\g<0>", c) for c in name)


def _all(rules: list[Schema]) -> Schema:
    return {"allOf": rules} if rules else {}


def _if_typed(schema: Schema) -> Schema:
    """Return what holds of a table that names its type, or of several; of anything else nothing does."""
    one = {"if": {"type": "object", "required": ["type"]}, "then": schema}
    return {"if": {"type": "array"}, "then": {"items": one}, "else": one}


def one_or_many(item: Schema, listed: Schema | None = None) -> Schema:
    """Return the schema of one table or a list of them.

    Args:
        item: what holds of each.
        listed: what holds besides of those in a list, which is never merged with another.
    """
    return {"if": {"type": "array"}, "then": {"items": {"allOf": [item, listed]} if listed else item}, "else": item}
