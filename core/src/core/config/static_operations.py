"""Operators, indices, conditions and comprehensions of a config file, computed within limits."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from core.config.failure import NeedsExecution, ReadError
from core.config.limits import LARGEST
from core.config.located import LDict, LList
from core.config.locations import Location
from core.config.static_values import Values

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitOr: operator.or_,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


class Operations(Values):
    """Computes what a config makes of its values; `rounds` counts those of all loops together."""

    rounds = 0

    def _UnaryOp(self, node: ast.UnaryOp) -> Any:
        return self.apply(_UNARY[type(node.op)], (self.evaluate(node.operand),), node)

    def _BinOp(self, node: ast.BinOp) -> Any:
        operation = _BINARY.get(type(node.op))
        if operation is None:
            raise NeedsExecution(f"operator {type(node.op).__name__} is not read statically", node.lineno)
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        return self.apply(operation, (left, right), node)

    def _BoolOp(self, node: ast.BoolOp) -> Any:
        for operand in node.values:
            value = self.evaluate(operand)
            if bool(value) is isinstance(node.op, ast.Or):
                return value
        return value

    def _IfExp(self, node: ast.IfExp) -> Any:
        return self.evaluate(node.body if self.evaluate(node.test) else node.orelse)

    def _Compare(self, node: ast.Compare) -> bool:
        left = self.evaluate(node.left)
        for operation, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.evaluate(right_node)
            if not self.apply(_COMPARE[type(operation)], (left, right), node):
                return False
            left = right
        return True

    def _Subscript(self, node: ast.Subscript) -> Any:
        value = self.evaluate(node.value)
        if isinstance(node.slice, ast.Slice):
            parts = [
                self.evaluate(part) if part else None for part in (node.slice.lower, node.slice.upper, node.slice.step)
            ]
            return self.apply(operator.getitem, (value, slice(*parts)), node)
        return self.apply(operator.getitem, (value, self.evaluate(node.slice)), node)

    def _Attribute(self, node: ast.Attribute) -> Any:
        raise NeedsExecution(f"attribute {node.attr!r} is used", node.lineno)

    def _Lambda(self, node: ast.Lambda) -> Any:
        raise NeedsExecution("lambda", node.lineno)

    def _ListComp(self, node: ast.ListComp) -> LList:
        place = self.place(node.elt)
        items = [self.evaluate(node.elt) for _ in self._loop(node.generators)]
        return LList(items, [place] * len(items))

    def _GeneratorExp(self, node: ast.GeneratorExp) -> LList:
        return LList([self.evaluate(node.elt) for _ in self._loop(node.generators)])

    def _DictComp(self, node: ast.DictComp) -> LDict:
        result, source = LDict(), self._source_places(node)
        for _ in self._loop(node.generators):
            key = self._hashable(node.key)
            result.put(key, self.evaluate(node.value), source.get(key) or self.place(node.key))
        return result

    def _source_places(self, node: ast.DictComp) -> Mapping[Any, Location]:
        """`{k: v for k, v in d.items()}` keeps the places of `d`."""
        iterated = node.generators[0].iter
        if (
            isinstance(iterated, ast.Call)
            and isinstance(iterated.func, ast.Attribute)
            and iterated.func.attr == "items"
        ):
            return getattr(self.evaluate(iterated.func.value), "places", {})
        return {}

    def _loop(self, generators: list[ast.comprehension]) -> Any:
        if not generators:
            yield
            return
        first, rest = generators[0], generators[1:]
        outer = dict(self.names)
        for item in self.evaluate(first.iter):
            self.count_round(first.target)
            self.bind(first.target, item)
            if all(self.evaluate(condition) for condition in first.ifs):
                yield from self._loop(rest)
        self.names = outer

    def count_round(self, target: ast.expr) -> None:
        """Refuse to loop on and on, also in loops inside loops."""
        self.rounds += 1
        if self.rounds > LARGEST:
            raise ReadError(f"loops of more than {LARGEST:,} rounds", target.lineno)

    def bind(self, target: ast.AST, value: Any) -> None:
        """Assign a loop variable or a tuple of them."""
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            values = list(value)
            if len(values) != len(target.elts):
                raise ReadError(f"{len(target.elts)} names for {len(values)} values", target.lineno)
            for one, part in zip(target.elts, values, strict=True):
                self.bind(one, part)
        else:
            raise NeedsExecution("an assignment of this kind", getattr(target, "lineno", 1))
