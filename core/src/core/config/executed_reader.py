"""Python configs that only running them can read: run with containers that note their places."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable, Mapping
from typing import Any

from core.config.failure import ReadError
from core.config.located import LDict, LList, LTuple, places_of
from core.config.located_tree import HELPER, located_tree
from core.config.locations import Location


def read_executed(
    tree: ast.Module, file: str, variables: Mapping[str, str], base: Callable[[str], Any]
) -> tuple[LDict, set[str]]:
    """Run a config and return its top-level names with their places, and the names the file itself reads.

    Classes and other values that it imports or makes stay; modules and functions do not.

    Args:
        tree: the syntax tree; it is changed.
        file: the real name of the file.
        variables: values of the predefined placeholders.
        base: looks up `{{ _base_.key }}`.

    Raises:
        ReadError: if running it fails; the cause is chained.
    """
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    makers = Makers(file, _assigned_lines(tree))
    changed = located_tree(tree, variables)
    namespace: dict[str, Any] = {"__file__": file, "__name__": "hookloom_config", HELPER + "base": base}
    namespace |= makers.helpers()
    try:
        exec(compile(changed, file, "exec"), namespace)
    except Exception as error:
        raise ReadError(f"{type(error).__name__}: {error}", _line_in(error, file)) from error
    result = LDict()
    for name, value in namespace.items():
        if name.startswith(("__", HELPER)):
            continue
        if isinstance(value, (types.ModuleType, types.FunctionType, types.BuiltinFunctionType)):
            continue
        result.put(name, value, Location(file, makers.lines[name]) if name in makers.lines else None)
    return result, read


class Makers:
    """Make what the displays and calls of a config make, with places.

    Args:
        file: the file, whose lines the helpers are given.
        lines: where the top-level names are assigned, as far as that can be read.
    """

    def __init__(self, file: str, lines: Mapping[str, int]) -> None:
        self.file = file
        self.lines = dict(lines)

    def helpers(self) -> dict[str, Callable[..., Any]]:
        """Return what `located_tree` lets the config call, by name."""
        made = (self.make_dict, self.make_list, self.make_tuple, self.copied, self.comprehension)
        return {HELPER + method.__name__: method for method in (*made, self.set_item, self.assigned)}

    def make_dict(
        self, line: int, parts: list[Any] | None, pairs: list[tuple[Any, Any]], lines: list[int], spread: list[int]
    ) -> LDict:
        """`dict(*parts, name=value, **value)`, or without parts `{name: value, **value}`."""
        result = LDict()
        for part in parts or ():
            result.take(part if isinstance(part, Mapping) else dict(part), Location(self.file, line))
        named: set[Any] = set()
        for index, ((name, value), at) in enumerate(zip(pairs, lines, strict=True)):
            names = list(value) if index in spread else [name]
            twice = named.intersection(names) if parts is not None else None
            if twice:
                raise TypeError(f"dict() got multiple values for keyword argument {twice.pop()!r}")
            named.update(names)
            if index in spread:
                result.take(value, Location(self.file, at))
            else:
                result.put(name, value, Location(self.file, at))
        return result

    def make_list(self, values: list[Any], lines: list[int], spread: list[int]) -> LList:
        """`[value, *value]`."""
        return LList(*self._items(values, lines, spread))

    def make_tuple(self, values: list[Any], lines: list[int], spread: list[int]) -> LTuple:
        """`(value, *value)`."""
        return LTuple(*self._items(values, lines, spread))

    def _items(self, values: list[Any], lines: list[int], spread: list[int]) -> tuple[list[Any], list[Location | None]]:
        items: list[Any] = []
        places: list[Location | None] = []
        for index, (value, line) in enumerate(zip(values, lines, strict=True)):
            several = [*value] if index in spread else [value]
            known = places_of(value, len(several)) if index in spread else [None]
            items += several
            places += [place or Location(self.file, line) for place in known]
        return items, places

    def copied(self, function: Callable[[Any], Any], source: Any, line: int) -> Any:
        """`list(source)` and `tuple(source)`, unless the config means something else by these names."""
        value = function(source)
        if type(value) not in (list, tuple):
            return value
        places: list[Location | None] = [place or Location(self.file, line) for place in places_of(source, len(value))]
        return LList(value, places) if isinstance(value, list) else LTuple(value, places)

    def comprehension(self, made: Any, line: int) -> Any:
        """A list or a dict by comprehension."""
        if isinstance(made, dict):
            result = LDict()
            result.take(made, Location(self.file, line))
            return result
        return LList(made, [Location(self.file, line)] * len(made))

    def set_item(self, value: Any, owner: Any, key: Any, line: int) -> None:
        """`owner[key] = value`."""
        owner[key] = value
        if isinstance(owner, (LDict, LList)):
            owner.places[key] = Location(self.file, line)

    def assigned(self, names: list[str], line: int) -> None:
        """Note that top-level names were assigned."""
        self.lines.update(dict.fromkeys(names, line))


def _assigned_lines(tree: ast.Module) -> dict[str, int]:
    lines = {}
    for statement in ast.walk(tree):
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                for part in ast.walk(target):
                    if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                        lines[part.id] = part.lineno
    return lines


def _line_in(error: BaseException, file: str) -> int:
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
