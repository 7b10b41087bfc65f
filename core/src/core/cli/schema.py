"""`hookloom config schema`: what a config may say, for editors and for people."""

from __future__ import annotations

import argparse
import json
import sys

from core.cli.options import add_plugin_options
from core.plugins.switches import Switches, switched


def add_action(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to those of `hookloom config`."""
    parser = actions.add_parser("schema", help="the JSON Schema of configs for all installed components")
    parser.add_argument("config", nargs="?", help="a config whose custom_imports bring further components")
    parser.add_argument("--format", choices=("json", "markdown"), default="json", help="a schema, or pages to read")
    add_plugin_options(parser)
    parser.set_defaults(run_command=print_schema)


def print_schema(options: argparse.Namespace) -> int:
    """Print the schema; what cannot be imported is left out, and said on stderr."""
    from core.json_schema.build import json_schema
    from core.json_schema.definitions import Definitions
    from core.json_schema.reference import markdown

    said: set[str] = set()

    def note(text: str) -> None:
        if text not in said:
            said.add(text)
            print(f"left out: {text}", file=sys.stderr)

    with switched(Switches(options.allow_plugins, options.block_plugins)):
        if options.config is not None:
            _import(options.config)
        definitions = Definitions(note)
        schema = json_schema(definitions)
        text = json.dumps(schema, indent=2) + "\n" if options.format == "json" else markdown(schema, definitions)
    sys.stdout.write(text)
    return 0


def _import(config: str) -> None:
    from core.config.custom_imports import apply_custom_imports
    from core.config.loader import load

    loaded = load(config)
    apply_custom_imports(loaded.data, loaded.locations, loaded.filename)
