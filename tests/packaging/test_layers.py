"""Who may import whom: layers without circles, readers that know no torch, plugins that know only what is public."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "core/src/core"

# From the bottom to the top: a module imports from its own layer and from those below it, never from above.
# The more specific name wins: `core.hooks.base` stands below `core.hooks`.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "suggest", "names", "lazy", "collector", "component", "plugins", "resolve", "__init__"),
    ("config.locations", "config.problems", "config.dict_action"),
    (
        *("config.located", "config.failure", "config.formats", "config.interpolate", "config.inherit"),
        *("config.static_reader", "config.static_values", "config.executed_reader", "config.json_reader"),
        *("config.toml_reader", "config.yaml_reader", "config.overrides", "config.loader", "config.__init__"),
        *("config.config", "config.config_dict", "config.custom_imports", "config.dump"),
        *("config.key_paths", "config.explain", "config.differences"),
        *("config.finish", "config.limits", "config.static_calls", "config.static_operations", "config.located_tree"),
        *("config.near_file", "config.trouble"),
    ),
    ("registry",),
    ("registries",),
    (
        "hooks.priority",
        "hooks.specs",
        "hooks.protocol",
        "hooks.define",
        "hooks.base",
        "hooks.points",
        "hooks.options",
        "hooks.preflight",
        "optim.capabilities",
    ),
    ("hooks.adapter", "hooks.manager"),
    ("config",),
    ("json_schema",),
    ("device", "distributed.env", "distributed.launch", "distributed.__init__", "runner.step"),
    (
        *("distributed", "seeding", "data", "checkpoint", "optim", "logs"),
        *("runner.log_buffer", "runner.loader", "runner.replay"),
    ),
    ("hooks", "lr", "momentum"),
    ("runner.registration", "runner.state"),
    ("runner",),
    ("plots",),
    ("testing",),
    ("public", "cli"),
    ("run", "__main__"),
)
# What reading a config consists of: plain text to a plain merged dict.
READERS = LAYERS[1] + LAYERS[2]
# Whatever stands behind the runner's Protocol, and so runs under any runner that has its shape.
BEHIND_THE_PROTOCOL = ("hooks", "lr", "momentum", "logs", "optim", "checkpoint", "data")
# What a plugin may import besides `core` itself; docs/write-a-plugin.md lists the same.
OFFERED = {
    *("core", "core.errors", "core.suggest", "core.lazy", "core.lr"),
    *("core.hooks.base", "core.hooks.define", "core.hooks.logger", "core.hooks.options", "core.hooks.protocol"),
    *("core.hooks.schedule", "core.hooks.steps", "core.hooks.best_score", "core.hooks.preflight", "core.seeding"),
    *("core.config.paramwise", "core.optim.capabilities", "core.optim.constructor"),
    "core.testing",
}


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def statements(body: list[ast.stmt], *, within: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield imports that are done at run time, those in functions too if `within`; never those for types alone."""
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            # The other branch, and all of `if not TYPE_CHECKING`, is there at run time.
            types_alone = ast.unparse(node.test) == "TYPE_CHECKING"
            yield from statements(node.orelse if types_alone else node.body, within=within)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not within:
            continue
        else:
            for _, value in ast.iter_fields(node):
                if isinstance(value, list):
                    blocks = [one for one in value if isinstance(one, ast.stmt)]
                    handled = [one.body for one in value if isinstance(one, (ast.ExceptHandler, ast.match_case))]
                    for block in (blocks, *handled):
                        yield from statements(block, within=within)


def imports(path: Path, *, within: bool = False) -> set[str]:
    """Return the modules a file imports, and `module.name` for each name it takes from one."""
    found: set[str] = set()
    for node in statements(ast.parse(path.read_text()).body, within=within):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif node.module and not node.level:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


FILES = {module_of(path): path for path in SOURCE.rglob("*.py")}
GRAPH = {name: sorted((imports(path) & FILES.keys()) - {name}) for name, path in FILES.items()}


def layer_of(module: str) -> int:
    """Return the layer that names a module, or the nearest package above it."""
    short = module.removeprefix("core").removeprefix(".")
    if FILES[module].name == "__init__.py":
        exact = f"{short}.__init__" if short else "__init__"
        numbers = [number for number, names in enumerate(LAYERS) if exact in names]
        if numbers:
            return numbers[0]
    while short:
        numbers = [number for number, names in enumerate(LAYERS) if short in names]
        if numbers:
            return numbers[0]
        short = short.rpartition(".")[0]
    raise LookupError(f"{module} stands in no layer")


def test_relative_imports_are_not_used() -> None:
    for path in (*SOURCE.rglob("*.py"), *(ROOT / "plugins").rglob("src/**/*.py")):
        levels = {node.level for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)}
        assert levels <= {0}, path


def test_no_circles() -> None:
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name in done:
            return
        for other in GRAPH[name]:
            visit(other, (*trail, name))
        done.add(name)

    for name in GRAPH:
        visit(name, ())


def test_layers_are_kept() -> None:
    upwards = [
        f"{name} (layer {layer_of(name)}) imports {other} (layer {layer_of(other)})"
        for name, others in GRAPH.items()
        for other in others
        if layer_of(other) > layer_of(name)
    ]
    assert upwards == []


def test_every_layer_names_what_exists() -> None:
    known = {name.removeprefix("core.") for name in FILES}
    known |= {f"{name}.__init__" for name in known} | {"__init__"}
    assert not {name for names in LAYERS for name in names} - known


@pytest.mark.parametrize("name", [name for name in READERS if not name.endswith("__init__")])
def test_reading_a_config_knows_neither_torch_nor_registries(name: str) -> None:
    seen: set[str] = set()
    waiting = [f"core.{name}"]
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        wanted = imports(FILES[module], within=True)
        foreign = {one for one in wanted if one.split(".")[0] in ("torch", "numpy", "cattrs", "pluggy")}
        above = {one for one in wanted & FILES.keys() if one.startswith(("core.regist", "core.runner", "core.hooks"))}
        assert not foreign | above, module
        waiting += [one for one in wanted & FILES.keys() if layer_of(one) <= 2]


@pytest.mark.parametrize("package", BEHIND_THE_PROTOCOL)
def test_hooks_see_the_runner_as_a_protocol(package: str) -> None:
    runners = {"core.runner.base", "core.runner.epoch_based", "core.runner.iter_based", "core.runner.train"}
    for path in (SOURCE / package).rglob("*.py"):
        assert not imports(path, within=True) & runners, path


def test_only_the_command_line_prints() -> None:
    for path in SOURCE.rglob("*.py"):
        if "cli" not in path.parts:
            calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
            assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"], path


def test_only_the_command_line_imports_the_conformance_kit() -> None:
    for name, path in FILES.items():
        if not name.startswith(("core.testing", "core.cli.conform")):
            assert not {one for one in imports(path, within=True) if one.startswith("core.testing")}, name


def test_nothing_of_core_names_a_plugin() -> None:
    for path in SOURCE.rglob("*.py"):
        assert not {one for one in imports(path, within=True) if one.startswith("hookloom_")}, path


@pytest.mark.parametrize("folder", ["optim_extra", "loggers", "hooks"])
def test_plugins_import_what_is_offered(folder: str) -> None:
    for path in (ROOT / "plugins" / folder / "src").rglob("*.py"):
        nodes = [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, (ast.Import, ast.ImportFrom))
        ]
        for node in nodes:
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            inner = {module for module in modules if module.split(".")[0] == "core"}
            assert inner <= OFFERED, path
            if inner:
                assert not [alias.name for alias in node.names if alias.name.startswith("_")], path
            others = {module.split(".")[0] for module in modules if module.startswith("hookloom_")}
            assert others <= {f"hookloom_{folder}"}, path


def test_the_offered_modules_are_documented() -> None:
    page = (ROOT / "docs/write-a-plugin.md").read_text()
    assert not [name for name in OFFERED if f"`{name}`" not in page]
