"""Statements of a Python config, followed one by one from its syntax tree without running anything."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from core.config.failure import NeedsExecution, ReadError
from core.config.limits import check_value
from core.config.located import LDict, LList
from core.config.static_calls import Evaluator
from core.errors import HookloomError

MODULES = {"os": "os", "os.path": "os.path"}
_IN_PLACE: dict[tuple[type, type], Callable[[Any, Any], None]] = {
    (LList, ast.Add): LList.extend,
    (LDict, ast.BitOr): LDict.update,
}


def read_static(
    tree: ast.Module, file: str, variables: Mapping[str, str], base: Callable[[str], Any]
) -> tuple[LDict, set[str]]:
    """Return the top-level names of a config with their places, and the names the file itself reads.

    Args:
        tree: the syntax tree.
        file: the real name of the file.
        variables: values of the predefined placeholders.
        base: looks up `{{ _base_.key }}`.

    Raises:
        NeedsExecution: at the first line that only running the file can follow.
        ReadError: if the file is wrong.
    """
    reader = _Statements(file, variables, base)
    reader.run(tree.body)
    result = LDict()
    for name, value in reader.names.items():
        if not name.startswith("__"):
            result.put(name, value, reader.assigned.get(name))
    return result, reader.read


class _Statements(Evaluator):
    def run(self, body: list[ast.stmt]) -> None:
        for statement in body:
            method = getattr(self, f"_{type(statement).__name__}", None)
            if method is None:
                raise NeedsExecution(_what(statement), statement.lineno)
            try:
                method(statement)
            except (ReadError, HookloomError, RecursionError):
                raise
            except Exception as error:  # such as a TypeError of looping over a number
                raise ReadError(f"{type(error).__name__}: {error}", statement.lineno) from error

    def _Assign(self, node: ast.Assign) -> None:
        value = self.evaluate(node.value)
        for target in node.targets:
            self._assign(target, value, node.value)

    def _AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assign(node.target, self.evaluate(node.value), node.value)

    def _assign(self, target: ast.expr, value: Any, source: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = value
            self.assigned[target.id] = self.place(target, source)
        elif isinstance(target, ast.Subscript):
            self._assign_item(target, value, source)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self.bind(target, value)
            for part in ast.walk(target):
                if isinstance(part, ast.Name):
                    self.assigned[part.id] = self.place(part)
        else:
            raise NeedsExecution("an attribute is assigned", target.lineno)

    def _assign_item(self, target: ast.Subscript, value: Any, source: ast.expr) -> None:
        owner = self.evaluate(target.value)
        if isinstance(target.slice, ast.Slice):
            raise NeedsExecution("a slice is assigned", target.lineno)
        key = self.evaluate(target.slice)
        if isinstance(owner, LDict):
            owner.put(key, value, self.place(target, source))
            return
        try:
            owner[key] = value
        except Exception as error:
            raise ReadError(f"{type(error).__name__}: {error}", target.lineno) from error
        if isinstance(owner, LList):
            owner.places[key] = self.place(target, source)

    def _AugAssign(self, node: ast.AugAssign) -> None:
        target = node.target
        if isinstance(target, ast.Attribute):
            raise NeedsExecution("an attribute is assigned", node.lineno)
        current = self.evaluate(target)
        in_place = _IN_PLACE.get((type(current), type(node.op)))
        if in_place is not None:
            # Other names of the same container see the change.
            self.apply(in_place, (current, self.evaluate(node.value)), node)
            self.apply(check_value, (current,), node)
        elif isinstance(current, (dict, list, set)):
            raise NeedsExecution("a container is changed in place", node.lineno)
        else:
            current = self.evaluate(ast.copy_location(ast.BinOp(target, node.op, node.value), node))
        self._assign(target, current, node.value)

    def _Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.evaluate(node.value)

    def _If(self, node: ast.If) -> None:
        taken, left = (node.body, node.orelse) if self.evaluate(node.test) else (node.orelse, node.body)
        for statement in left:
            self._check_keywords(statement)
        self.run(taken)

    def _check_keywords(self, unread: ast.stmt) -> None:
        """Refuse what Python refuses also where it is not reached: the parser lets it pass."""
        for node in ast.walk(unread):
            names = [keyword.arg for keyword in node.keywords if keyword.arg] if isinstance(node, ast.Call) else []
            for name in names:
                if names.count(name) > 1:
                    raise ReadError(f"keyword {name!r} is repeated", node.lineno)  # type: ignore[attr-defined]

    def _For(self, node: ast.For) -> None:
        if node.orelse or any(isinstance(part, (ast.Break, ast.Continue)) for part in ast.walk(node)):
            raise NeedsExecution("a loop with break, continue or else", node.lineno)
        for item in self.evaluate(node.iter):
            self.count_round(node.target)
            self.bind(node.target, item)
            for part in ast.walk(node.target):
                if isinstance(part, ast.Name):
                    self.assigned[part.id] = self.place(part)
            self.run(node.body)

    def _Pass(self, node: ast.Pass) -> None:
        """Do nothing."""

    def _Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id in self.names:
                del self.names[target.id]
            elif isinstance(target, ast.Subscript):
                owner, key = self.evaluate(target.value), self.evaluate(target.slice)
                try:
                    del owner[key]
                except (KeyError, IndexError, TypeError) as error:
                    raise ReadError(f"{type(error).__name__}: {error}", target.lineno) from error
            else:
                raise NeedsExecution("something else is deleted", node.lineno)

    def _Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name not in MODULES:
                raise NeedsExecution(f"import {alias.name}", node.lineno)
            self.modules[alias.asname or alias.name.partition(".")[0]] = (
                MODULES[alias.name] if alias.asname else alias.name.partition(".")[0]
            )

    def _ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if node.module == "os" and alias.name == "path":
                self.modules[alias.asname or "path"] = "os.path"
            else:
                raise NeedsExecution(f"from {node.module} import {alias.name}", node.lineno)


def _what(statement: ast.stmt) -> str:
    kinds: dict[type[ast.stmt], str] = {
        ast.FunctionDef: "a function is defined",
        ast.ClassDef: "a class is defined",
        ast.With: "a with statement",
        ast.Try: "a try statement",
        ast.While: "a while loop",
    }
    return kinds.get(type(statement), f"a statement of kind {type(statement).__name__}")
