"""The schema of a whole config: what always holds, and what more where nothing is inherited or nothing is missing."""

from __future__ import annotations

from core.config.sections.tables import CustomImports
from core.json_schema.definitions import Definitions, to
from core.json_schema.sections import placed, properties
from core.json_schema.tables import define
from core.json_schema.types import Schema, required_of
from core.plugins.switches import CORE

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_FILES: dict[str, Schema] = {
    "$schema": {"description": "where an editor finds this schema; the reader passes over it.", "type": "string"},
    "_base_": {
        "description": "the file or files whose keys this one inherits, relative to it.",
        "type": ["string", "array"],
        "items": {"type": "string"},
    },
    "_deprecation_": {"description": "what a reader of this file is warned of.", "type": "object"},
}
_INHERITS: Schema = {"required": ["_base_"]}
_IMPORTS: Schema = {"required": ["custom_imports"]}
# A file that says what is trained, on what and how is taken for a whole config.
_WHOLE: Schema = {
    "required": ["model", "data"],
    "anyOf": [{"required": ["optimizer"]}, {"required": ["optimizers"]}],
}


def json_schema(definitions: Definitions) -> Schema:
    """Return the JSON Schema (draft 2020-12) of a config, for the components that can be used.

    A file may be a part of a config: it can inherit the rest, or be inherited. So keys are required only of one
    that inherits nothing and has `model`, `data` and `optimizer`, and names that are not installed are refused only
    if it has no `custom_imports` either.

    Args:
        definitions: none yet; those that the schema refers to are added.
    """
    define(definitions)
    return {
        "$schema": DRAFT,
        "title": "A config of Hookloom",
        "description": f"Made by `hookloom config schema` for {', '.join(_providers(definitions))}.",
        "type": "object",
        "properties": {**_FILES, **properties()},
        "allOf": [
            {"if": {"not": _INHERITS}, "then": _tables(".alone")},
            {"if": {**_WHOLE, "not": _INHERITS}, "then": whole()},
            {"if": {**_WHOLE, "not": {"anyOf": [_INHERITS, _IMPORTS]}}, "then": _tables(".installed")},
            _closed_checkpoint(),
        ],
        "$defs": dict(sorted(definitions.found.items())),
    }


def _tables(kind: str) -> Schema:
    return {"properties": placed(lambda name: to(name + kind))}


def whole() -> Schema:
    """Return what more holds of a config of which nothing is missing."""
    found = placed(lambda name: to(f"{name}.whole"))
    found["model"] = {"type": "object", **found["model"]}
    found["log_config"]["else"]["required"] = ["interval", "hooks"]
    found["custom_imports"] = required_of(CustomImports)
    lengths = [{"required": [key]} for key in ("runner", "total_epochs", "total_iters")]
    return {"properties": found, "anyOf": lengths}


def _closed_checkpoint() -> Schema:
    """Return the rule that an installed runner's `save_checkpoint` takes no key that nobody knows."""
    installed = {"properties": {"runner": {"properties": {"type": to("runners.names")}}}}
    closed = {"if": to("nothing"), "else": to("checkpoint_config.closed")}
    return {"if": installed, "then": {"properties": {"checkpoint_config": closed}}}


def _providers(definitions: Definitions) -> list[str]:
    """Return the distributions that bring the components, core first."""
    found = {str(one.component.provider) for entries in definitions.by_registry.values() for _, one in entries}
    return sorted(found, key=lambda provider: (not provider.startswith(CORE), provider))
