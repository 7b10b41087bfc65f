"""The reference of every section and key as Markdown, written from the schema."""

from __future__ import annotations

from collections.abc import Iterator

from core.config.signature import signature_of
from core.json_schema.build import whole
from core.json_schema.definitions import Definitions
from core.json_schema.installed import Installed
from core.json_schema.texts import summary
from core.json_schema.types import Schema
from core.json_schema.words import inner, shown, words

_TITLES = {
    "lr_updaters": "LR policies",
    "momentum_updaters": "Momentum policies",
    "runners": "Runners",
    "hooks": "Hooks",
    "optimizers": "Optimizers",
    "optimizer_builders": "Optimizer constructors",
    "models": "Models",
    "datasets": "Datasets",
    "pipelines": "Pipeline steps",
}
_HEAD = ("| key | type | default | what it says |", "|---|---|---|---|")
_TORCH = "Every optimizer class of the installed torch; its options are those of torch's documentation."


def markdown(schema: Schema, definitions: Definitions) -> str:
    """Return the reference: the top-level keys, the sections with keys of their own, the components.

    Args:
        schema: the schema of a config.
        definitions: those that it refers to.
    """
    return "\n".join(_Reference(schema, definitions).lines()) + "\n"


class _Reference:
    def __init__(self, schema: Schema, definitions: Definitions) -> None:
        self.sections = {key: section for key, section in schema["properties"].items() if key[0] not in "$_"}
        self.defs, self.definitions = definitions.found, definitions
        self.whole = whole()["properties"]

    def lines(self) -> Iterator[str]:
        yield from ("### Top-level keys", "", "Each may be None, too, which is as if it were not there.", "", *_HEAD)
        for key, section in self.sections.items():
            yield self._row(key, section, of_config=True)
        for key, section in self.sections.items():
            if key != "optimizers":
                yield from self._section(key, section)
        for registry, title in _TITLES.items():
            found = self.definitions.by_registry.get(registry)
            if found:
                yield from ("", f"### {title}", "", *self._components(found))

    def _section(self, key: str, section: Schema) -> Iterator[str]:
        """Yield the keys of a section, unless it has none but a component's."""
        own = self._keys(section)
        registry = self._registry(section)
        own |= self.defs.get(f"{key}.closed", {}).get("then", {}).get("properties", {})
        if not own or (len(own) == 1 and registry and "default" not in next(iter(own.values()))):
            return
        yield from ("", f"### `{key}`", "")
        if registry:
            yield from (f"The options of {self._link(registry)}, and:", "")
        needed = inner(self.whole.get(key, {}), self.defs).get("required", ())
        yield from (*_HEAD, *(self._row(name, one, required=name in needed) for name, one in own.items()))
        for name, one in own.items():
            below = {} if self._registry(one) else self._keys(self.defs.get(name, one))
            if below.keys() - own.keys():
                yield from ("", f"### `{key}.{name}`", "", *_HEAD, *(self._row(*row) for row in below.items()))

    def _components(self, found: list[tuple[str, Installed]]) -> Iterator[str]:
        """Yield the options of components, those first that all of them have."""
        ours = [(name, one.component) for name, one in found if one.component.provider.distribution != "torch"]
        if len(ours) < len(found):
            yield from (_TORCH, *([""] if ours else []))
        options = [self._options(name) for name, _ in ours]
        shared = _shared(options)
        if shared:
            yield from ("All of them take:", "", *_HEAD, *(self._row(*row) for row in shared.items()), "")
        for number, ((_, component), taken) in enumerate(zip(ours, options, strict=True)):
            parameters = signature_of(component.target).parameters
            rows = [
                self._row(key, option, required=parameters[key].required)
                for key, option in taken.items()
                if key not in shared
            ]
            yield from ([""] if number else [])
            yield f"`{component.name}` ({component.provider.distribution}): {_escaped(summary(component.target))}"
            yield from ("", *_HEAD, *rows) if rows else ()

    def _row(self, key: str, schema: Schema, *, required: bool = False, of_config: bool = False) -> str:
        default = "required" if required else f"`{shown(schema['default'])}`" if "default" in schema else ""
        kind = words(schema, self.defs, null=not of_config)
        if of_config and default == "`None`":
            default = ""
        registry = self._registry(schema)
        if registry:
            kind = f"{kind}: {self._link(registry)}"
        text = schema.get("description") or inner(schema, self.defs).get("description", "")
        return f"| `{key}` | {_escaped(kind)} | {_escaped(default)} | {_escaped(text)} |"

    def _keys(self, schema: Schema) -> dict[str, Schema]:
        """Return the keys that a table has whatever its type."""
        found = inner(schema, self.defs).get("properties", {})
        return {key: one for key, one in found.items() if key != "_delete_"}

    def _registry(self, schema: Schema) -> str | None:
        """Return the registry of the component that a table names."""
        for key in ("type", "policy"):
            reference = str(self._keys(schema).get(key, {}).get("$ref"))
            registry = reference.rpartition("/")[2].removesuffix(".type")
            if registry in _TITLES:
                return registry
        return None

    def _link(self, registry: str) -> str:
        title = _TITLES[registry]
        name = title if title.startswith("LR") else title.lower()
        if not self.definitions.by_registry.get(registry):
            return f"one of the {name}"
        return f"one of the [{name}](#{title.lower().replace(' ', '-')})"

    def _options(self, name: str) -> dict[str, Schema]:
        given = self.definitions.injected.get(name, frozenset())
        return {key: one for key, one in self.defs[name]["properties"].items() if key not in given}


def _shared(options: list[dict[str, Schema]]) -> dict[str, Schema]:
    """Return the options that several components have all alike."""
    if len(options) < 3:
        return {}
    return {key: one for key, one in options[0].items() if all(others.get(key) == one for others in options[1:])}


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
