"""The syntax tree of a config that is run, changed so that running it notes where everything was made."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from core.config.interpolate import substitute

# What the changed tree calls; one leading underscore, since two would be mangled inside a class.
HELPER = "_hookloom_"
# Functions whose result is new, but holds the items of their argument.
_COPYING = ("list", "tuple")


def located_tree(tree: ast.Module, variables: Mapping[str, str]) -> ast.Module:
    """Replace displays, comprehensions, `dict()`, assignments of items and placeholders by calls of helpers.

    The helpers are `base(key)` and the methods of `Makers` in `core.config.executed_reader`.

    Args:
        tree: the tree; it is changed.
        variables: values of the predefined placeholders.
    """
    changed: ast.Module = ast.fix_missing_locations(_Located(variables).visit(tree))
    return changed


class _Located(ast.NodeTransformer):
    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables
        self.inside = 0  # of how many functions

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str) and "{{" in node.value:
            return ast.copy_location(ast.Constant(substitute(node.value, self.variables)), node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name == "dict":
            pairs = [(_constant(one.arg) if one.arg is not None else None, one.value) for one in node.keywords]
            lines = [keyword.lineno for keyword in node.keywords]
            return self._dict(node, ast.List(node.args, ast.Load()), pairs, lines)
        if name in _COPYING and len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
            return _call("copied", node, node.func, node.args[0], _constant(node.lineno))
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        lines = [(key or value).lineno for key, value in zip(node.keys, node.values, strict=True)]
        self.generic_visit(node)
        return self._dict(node, _constant(None), list(zip(node.keys, node.values, strict=True)), lines)

    def _dict(
        self, node: ast.expr, parts: ast.expr, pairs: Sequence[tuple[ast.expr | None, ast.expr]], lines: list[int]
    ) -> ast.AST:
        """Make the call for `name=value` or `name: value`, where no name stands for `**value`."""
        made: list[ast.expr] = [
            ast.Tuple([_constant(None) if key is None else key, value], ast.Load()) for key, value in pairs
        ]
        spread = _literal([index for index, (key, _) in enumerate(pairs) if key is None])
        return _call(
            "make_dict", node, _constant(node.lineno), parts, ast.List(made, ast.Load()), _literal(lines), spread
        )

    def visit_List(self, node: ast.List) -> ast.AST:
        return self._items("make_list", node)

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        return self._items("make_tuple", node) if node.elts else node

    def _items(self, helper: str, node: ast.List | ast.Tuple) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            return node
        lines = _literal([item.lineno for item in node.elts])
        spread = _literal([index for index, item in enumerate(node.elts) if isinstance(item, ast.Starred)])
        values = ast.List([item.value if isinstance(item, ast.Starred) else item for item in node.elts], ast.Load())
        return _call(helper, node, values, lines, spread)

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        line = node.elt.lineno
        self.generic_visit(node)
        return _call("comprehension", node, node, _constant(line))

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        line = node.key.lineno
        self.generic_visit(node)
        return _call("comprehension", node, node, _constant(line))

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        target = node.targets[0]
        if len(node.targets) > 1 or not isinstance(target, ast.Subscript):
            return self._noted(node, node.targets)
        if any(isinstance(part, (ast.Slice, ast.Starred)) for part in ast.walk(target.slice)):
            return node
        # In this order Python evaluates the parts of an assignment.
        call = _call("set_item", node, node.value, target.value, target.slice, _constant(target.lineno))
        return ast.copy_location(ast.Expr(call), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        return self._noted(node, [node.target])

    def _noted(self, node: ast.stmt, targets: list[ast.expr]) -> ast.AST | list[ast.stmt]:
        """Let an assignment be followed by a note of its line: the last one that is reached counts."""
        parts = [part for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
        names: list[ast.expr] = [_constant(part.id) for part in parts if isinstance(part.ctx, ast.Store)]
        if self.inside or not names:
            return node
        call = _call("assigned", node, ast.List(names, ast.Load()), _constant(node.lineno))
        return [node, ast.copy_location(ast.Expr(call), node)]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.inside += 1
        self.generic_visit(node)
        self.inside -= 1
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        node.value = self.visit(node.value)  # an index such as `x[0, 1]` must stay a plain tuple
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return node  # what stands in a class is nobody's config

    def visit_Set(self, node: ast.Set) -> ast.AST:
        inner = node.elts[0] if len(node.elts) == 1 else None
        if isinstance(inner, ast.Set) and len(inner.elts) == 1:
            name = ast.unparse(inner.elts[0])
            if name.startswith("_base_."):
                return _call("base", node, _constant(name.removeprefix("_base_.")))
            if name in self.variables:
                return ast.copy_location(_constant(self.variables[name]), node)
        return self.generic_visit(node)


def _call(helper: str, node: ast.AST, *arguments: ast.expr) -> ast.Call:
    call = ast.Call(ast.Name(HELPER + helper, ast.Load()), list(arguments), [])
    ast.copy_location(call, node)
    return call


def _constant(value: Any) -> ast.Constant:
    return ast.Constant(value)


def _literal(numbers: list[int]) -> ast.expr:
    return ast.List([ast.Constant(number) for number in numbers], ast.Load())
