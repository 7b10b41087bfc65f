"""Python configs that only running them can read: executed with containers that note their places."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable, Mapping
from typing import Any

from core.config.failure import ReadError
from core.config.interpolate import substitute
from core.config.located import LDict, LList, LTuple
from core.config.locations import Location

# Names that the transformed tree calls; one leading underscore, since two would be mangled inside a class.
DICT, LIST, TUPLE, BASE = "_hookloom_dict", "_hookloom_list", "_hookloom_tuple", "_hookloom_base"
HELPERS = {DICT, LIST, TUPLE, BASE}


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
    lines = _assigned_lines(tree)
    changed = ast.fix_missing_locations(_Located(variables).visit(tree))

    def place(line: int) -> Location:
        return Location(file, line)

    def make_dict(line: int, keyword_lines: dict[str, int], *parts: Any, **keywords: Any) -> LDict:
        result = LDict()
        for part in parts:
            result.take(part if isinstance(part, Mapping) else dict(part), place(line))
        for key, value in keywords.items():
            result.put(key, value, place(keyword_lines.get(key, line)))
        return result

    def make_display(lines: list[int], keys: list[Any], values: list[Any]) -> LDict:
        result = LDict()
        for line, key, value in zip(lines, keys, values, strict=True):
            if key is _SPREAD:
                result.take(value, place(line))
            else:
                result.put(key, value, place(line))
        return result

    def make_list(items: list[Any], lines: list[int]) -> LList:
        return LList(items, [place(line) for line in lines] if len(lines) == len(items) else None)

    def make_tuple(items: tuple[Any, ...], lines: list[int]) -> LTuple:
        return LTuple(items, [place(line) for line in lines] if len(lines) == len(items) else None)

    namespace: dict[str, Any] = {
        "__file__": file,
        "__name__": "hookloom_config",
        DICT: make_dict,
        DICT + "_display": make_display,
        DICT + "_spread": _SPREAD,
        LIST: make_list,
        TUPLE: make_tuple,
        BASE: base,
    }
    try:
        exec(compile(changed, file, "exec"), namespace)
    except Exception as error:
        raise ReadError(f"{type(error).__name__}: {error}", _line_in(error, file)) from error
    result = LDict()
    for name, value in namespace.items():
        if name.startswith("__") or any(name.startswith(helper) for helper in HELPERS):
            continue
        if isinstance(value, (types.ModuleType, types.FunctionType, types.BuiltinFunctionType)):
            continue
        result.put(name, value, place(lines[name]) if name in lines else None)
    return result, read


class _Spread:
    """Marks `**other` in a dict display."""


_SPREAD = _Spread()


class _Located(ast.NodeTransformer):
    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str) and "{{" in node.value:
            return ast.copy_location(ast.Constant(substitute(node.value, self.variables)), node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not (isinstance(node.func, ast.Name) and node.func.id == "dict"):
            return node
        lines = {keyword.arg: keyword.lineno for keyword in node.keywords if keyword.arg}
        leading: list[ast.expr] = [ast.Constant(node.lineno), _literal(lines)]
        return ast.copy_location(ast.Call(_load(DICT), leading + node.args, node.keywords), node)

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        lines = [(key or value).lineno for key, value in zip(node.keys, node.values, strict=True)]
        self.generic_visit(node)
        keys = ast.List([key if key is not None else _load(DICT + "_spread") for key in node.keys], ast.Load())
        values = ast.List(node.values, ast.Load())
        return ast.copy_location(ast.Call(_load(DICT + "_display"), [_literal(lines), keys, values], []), node)

    def visit_List(self, node: ast.List) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            return node
        lines = _literal([item.lineno for item in node.elts])
        return ast.copy_location(ast.Call(_load(LIST), [node, lines], []), node)

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load) or not node.elts:
            return node
        lines = _literal([item.lineno for item in node.elts])
        return ast.copy_location(ast.Call(_load(TUPLE), [node, lines], []), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        node.value = self.visit(node.value)  # an index such as `x[0, 1]` must stay a plain tuple
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return node  # the bodies of classes and functions are nobody's config

    def visit_Set(self, node: ast.Set) -> ast.AST:
        inner = node.elts[0] if len(node.elts) == 1 else None
        if isinstance(inner, ast.Set) and len(inner.elts) == 1:
            name = ast.unparse(inner.elts[0])
            if name.startswith("_base_."):
                key = ast.Constant(name.removeprefix("_base_."))
                return ast.copy_location(ast.Call(_load(BASE), [key], []), node)
            if name in self.variables:
                return ast.copy_location(ast.Constant(self.variables[name]), node)
        return self.generic_visit(node)


def _load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _literal(value: Any) -> ast.expr:
    return ast.parse(repr(value), mode="eval").body


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
