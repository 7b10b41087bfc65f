"""Who may import whom: no circles among core's modules, and the readers know neither torch nor registries."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "core/src/core"
READERS = [
    "locations",
    "located",
    "failure",
    "interpolate",
    "formats",
    "static_values",
    "static_reader",
    "executed_reader",
    "yaml_reader",
    "json_reader",
    "toml_reader",
    "inherit",
    "overrides",
    "loader",
    "config",
    "config_dict",
    "dump",
    "dict_action",
]


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Return what a module imports when it is imported itself: not within functions, not for types alone."""
    found: set[str] = set()

    def visit(body: list[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.If):
                if "TYPE_CHECKING" not in ast.unparse(node.test):
                    visit(node.body)
                visit(node.orelse)
            elif isinstance(node, (ast.Try, ast.With, ast.ClassDef)):
                visit(node.body)

    visit(ast.parse(path.read_text()).body)
    return found


MODULES = {module_of(path): imports(path) for path in SOURCE.rglob("*.py")}


def test_no_circles() -> None:
    graph = {name: sorted((wanted & MODULES.keys()) - {name}) for name, wanted in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name in done:
            return
        for other in graph[name]:
            visit(other, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def test_reading_a_config_knows_neither_torch_nor_registries() -> None:
    for name in READERS:
        wanted = MODULES[f"core.config.{name}"]
        assert not {one for one in wanted if one.startswith(("torch", "core.regist", "core.runner", "core.hooks"))}, (
            name
        )


def test_nothing_but_the_command_line_prints() -> None:
    for path in SOURCE.rglob("*.py"):
        if "cli" not in path.parts:
            calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
            assert not [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"], path


def test_plugins_use_public_modules() -> None:
    for path in (ROOT / "plugins").rglob("src/**/*.py"):
        private = {one for one in imports(path) if one.startswith("core.") and "._" in one}
        assert not private, path
