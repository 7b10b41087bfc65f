"""Expressions of a config file, computed from its syntax tree without running anything."""

from __future__ import annotations

import ast
import operator
import os
from collections.abc import Callable, Mapping
from typing import Any

from core.config.failure import NeedsExecution, ReadError
from core.config.interpolate import BASE_TEXT, substitute
from core.config.located import LDict, LList, LTuple
from core.config.locations import Location
from core.suggest import did_you_mean

LARGEST = 1_000_000  # items, characters or bits: a config that makes more is a mistake or an attack

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
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sum": sum,
    "len": len,
    "round": round,
    "float": float,
    "int": int,
    "str": str,
    "bool": bool,
    "abs": abs,
    "min": min,
    "max": max,
    "sorted": sorted,
    "enumerate": enumerate,
    "zip": zip,
    "reversed": reversed,
    "set": set,
}
_SEQUENCES: dict[str, Callable[..., Any]] = {"list": LList, "tuple": LTuple}
_METHODS: dict[type, frozenset[str]] = {
    dict: frozenset({"items", "keys", "values", "get", "copy", "update", "pop", "setdefault"}),
    list: frozenset({"append", "extend", "insert", "copy", "index", "count", "pop"}),
    tuple: frozenset({"index", "count"}),
    str: frozenset({"format", "join", "split", "lower", "upper", "replace", "strip", "startswith", "endswith"}),
}
_OS: dict[str, Callable[..., Any]] = {
    "os.path.join": os.path.join,
    "os.getenv": os.getenv,
    "os.path.basename": os.path.basename,
}


class Evaluator:
    """Computes expressions; `names` holds the variables of the file and `assigned` their places.

    Args:
        file: the real name of the file.
        variables: values of the predefined placeholders.
        base: looks up `{{ _base_.key }}`.
    """

    def __init__(self, file: str, variables: Mapping[str, str], base: Callable[[str], Any]) -> None:
        self.file = file
        self.variables = variables
        self.base = base
        self.names: dict[str, Any] = {}
        self.assigned: dict[str, Location] = {}
        self.modules: dict[str, str] = {}
        self.read: set[str] = set()

    def place(self, node: ast.AST, value: ast.AST | None = None) -> Location:
        """Return the place of a node; a value that is a bare name is there via its assignment."""
        via = self.assigned.get(value.id) if isinstance(value, ast.Name) else None
        return Location(self.file, node.lineno, via=via)  # type: ignore[attr-defined]

    def evaluate(self, node: ast.AST) -> Any:
        """Return the value of an expression.

        Raises:
            NeedsExecution: if only running the file can tell.
            ReadError: if the expression is wrong.
        """
        method = getattr(self, f"_{type(node).__name__}", None)
        if method is None:
            raise NeedsExecution(f"{type(node).__name__} is not read statically", getattr(node, "lineno", 1))
        return method(node)

    def _Constant(self, node: ast.Constant) -> Any:
        if not isinstance(node.value, str) or "{{" not in node.value:
            return node.value
        try:
            text = BASE_TEXT.sub(lambda match: str(self.base(match[1])), node.value)
        except KeyError as error:
            raise ReadError(str(error.args[0]), node.lineno) from error
        return substitute(text, self.variables)

    def _Name(self, node: ast.Name) -> Any:
        self.read.add(node.id)
        try:
            return self.names[node.id]
        except KeyError:
            if node.id in _FUNCTIONS or node.id in ("dict", "list", "tuple", "range") or node.id in self.modules:
                raise NeedsExecution(f"{node.id} is used as a value", node.lineno) from None
            hint = did_you_mean(node.id, self.names)
            raise ReadError(f"name {node.id!r} is not defined{hint}", node.lineno) from None

    def _Dict(self, node: ast.Dict) -> LDict:
        result = LDict()
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                result.take(self.evaluate(value), self.place(value))
            else:
                result.put(self._hashable(key), self.evaluate(value), self.place(key, value))
        return result

    def _hashable(self, node: ast.AST) -> Any:
        key = self.evaluate(node)
        try:
            hash(key)
        except TypeError as error:
            raise ReadError(f"a key cannot be a {type(key).__name__}", node.lineno) from error  # type: ignore[attr-defined]
        return key

    def _items(self, nodes: list[ast.expr]) -> tuple[list[Any], list[Location | None]]:
        items: list[Any] = []
        places: list[Location | None] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                several = self.evaluate(node.value)
                own = getattr(several, "places", None)
                items.extend(several)
                same = isinstance(own, list) and len(own) == len(several)
                places.extend(own if same else [self.place(node)] * len(several))  # type: ignore[arg-type]
            else:
                items.append(self.evaluate(node))
                places.append(self.place(node, node))
        return items, places

    def _List(self, node: ast.List) -> LList:
        return LList(*self._items(node.elts))

    def _Tuple(self, node: ast.Tuple) -> LTuple:
        return LTuple(*self._items(node.elts))

    def _Set(self, node: ast.Set) -> Any:
        # `{{ _base_.a.b }}` is, to Python's parser, a set of a set of an attribute.
        inner = node.elts[0] if len(node.elts) == 1 else None
        if isinstance(inner, ast.Set) and len(inner.elts) == 1:
            name = ast.unparse(inner.elts[0])
            if name.startswith("_base_."):
                try:
                    return self.base(name.removeprefix("_base_."))
                except KeyError as error:
                    raise ReadError(str(error.args[0]), node.lineno) from error
            if name in self.variables:
                return self.variables[name]
            raise ReadError(f"placeholder {{{{ {name} }}}} is unknown{did_you_mean(name, self.variables)}", node.lineno)
        return {self._hashable(element) for element in node.elts}

    def _JoinedStr(self, node: ast.JoinedStr) -> str:
        parts = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                text = self.evaluate(part.value)
                if part.conversion in (114, 97):
                    text = repr(text) if part.conversion == 114 else ascii(text)
                elif part.conversion == 115:
                    text = str(text)
                form = self.evaluate(part.format_spec) if part.format_spec else ""
                parts.append(self._apply(format, (text, self._small_format(form, node)), node))
            else:
                parts.append(str(self.evaluate(part)))
        return "".join(parts)

    def _small_format(self, form: str, node: ast.AST) -> str:
        digits = "".join(c if c.isdigit() else " " for c in form).split()
        if any(int(number) > 1000 for number in digits):
            raise ReadError(f"format {form!r} is too wide", node.lineno)  # type: ignore[attr-defined]
        return form

    def _UnaryOp(self, node: ast.UnaryOp) -> Any:
        return self._apply(_UNARY[type(node.op)], (self.evaluate(node.operand),), node)

    def _BinOp(self, node: ast.BinOp) -> Any:
        operation = _BINARY.get(type(node.op))
        if operation is None:
            raise NeedsExecution(f"operator {type(node.op).__name__} is not read statically", node.lineno)
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        self._check_size(node, left, right)
        return self._apply(operation, (left, right), node)

    def _check_size(self, node: ast.BinOp, left: Any, right: Any) -> None:
        size = 0
        if isinstance(node.op, ast.Mult):
            for several, times in ((left, right), (right, left)):
                if isinstance(several, (str, bytes, list, tuple)) and isinstance(times, int):
                    size = len(several) * max(times, 0)
        if isinstance(node.op, ast.Pow) and isinstance(left, int) and isinstance(right, int):
            size = left.bit_length() * max(right, 0)
        if size > LARGEST:
            raise ReadError(f"the result would be larger than {LARGEST:,}", node.lineno)

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
            if not self._apply(_COMPARE[type(operation)], (left, right), node):
                return False
            left = right
        return True

    def _Subscript(self, node: ast.Subscript) -> Any:
        value = self.evaluate(node.value)
        if isinstance(node.slice, ast.Slice):
            parts = [
                self.evaluate(part) if part else None for part in (node.slice.lower, node.slice.upper, node.slice.step)
            ]
            return self._apply(operator.getitem, (value, slice(*parts)), node)
        return self._apply(operator.getitem, (value, self.evaluate(node.slice)), node)

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
        for count, item in enumerate(self.evaluate(first.iter)):
            if count > LARGEST:
                raise ReadError(f"a loop of more than {LARGEST:,}", first.target.lineno)
            self.bind(first.target, item)
            if all(self.evaluate(condition) for condition in first.ifs):
                yield from self._loop(rest)
        self.names = outer

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

    def _Call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func)
        if not isinstance(node.func, ast.Name) or node.func.id in self.names:
            raise NeedsExecution("a function is called", node.lineno)
        name = node.func.id
        if name == "dict":
            return self._dict_call(node)
        arguments, _ = self._items(node.args)
        if name in ("list", "tuple") and not node.keywords:
            source = arguments[0] if arguments else ()
            return self._apply(_SEQUENCES[name], (source,), node)
        if name == "range":
            made = self._apply(range, tuple(arguments), node)
            if len(made) > LARGEST:
                raise ReadError(f"a range of more than {LARGEST:,}", node.lineno)
            return made
        if name not in _FUNCTIONS:
            raise NeedsExecution(f"{name}() is called", node.lineno)
        keywords = {keyword.arg: self.evaluate(keyword.value) for keyword in node.keywords if keyword.arg}
        return self._apply(_FUNCTIONS[name], tuple(arguments), node, keywords)

    def _dict_call(self, node: ast.Call) -> LDict:
        result = LDict()
        for argument in node.args:
            source = self.evaluate(argument)
            pairs = source if isinstance(source, Mapping) else self._apply(dict, (source,), node)
            result.take(pairs, self.place(argument))
        for keyword in node.keywords:
            if keyword.arg is None:
                result.take(self.evaluate(keyword.value), self.place(keyword.value))
            else:
                result.put(keyword.arg, self.evaluate(keyword.value), self.place(keyword, keyword.value))
        return result

    def _method(self, node: ast.Call, func: ast.Attribute) -> Any:
        dotted = self._dotted(func)
        if dotted is not None:
            if dotted not in _OS:
                raise NeedsExecution(f"{dotted}() is called", node.lineno)
            return self._apply(_OS[dotted], tuple(self._items(node.args)[0]), node)
        owner = self.evaluate(func.value)
        kind = next((kind for kind in _METHODS if isinstance(owner, kind)), None)
        if kind is None or func.attr not in _METHODS[kind]:
            raise NeedsExecution(f".{func.attr}() is called", node.lineno)
        arguments, places = self._items(node.args)
        keywords = {keyword.arg: self.evaluate(keyword.value) for keyword in node.keywords if keyword.arg}
        if func.attr == "format":
            self._check_format(owner, node)
        if func.attr == "update" and isinstance(owner, LDict):
            for argument in arguments:
                owner.take(argument, self.place(node))
            for keyword in node.keywords:
                if keyword.arg is not None:
                    owner.put(keyword.arg, keywords[keyword.arg], self.place(keyword, keyword.value))
            return None
        answer = self._apply(getattr(owner, func.attr), tuple(arguments), node, keywords)
        if func.attr == "append" and isinstance(owner, LList):
            owner.places[-1] = places[0]
        return answer

    def _check_format(self, text: str, node: ast.AST) -> None:
        # `'{0.__class__}'.format(x)` would reach into the objects of this reader.
        fields = text.replace("{{", "").replace("}}", "").split("{")[1:]
        for part in fields:
            name, _, form = part.partition("}")[0].partition(":")
            if "." in name or "[" in name:
                raise ReadError("a format field with '.' or '[' is not read", node.lineno)  # type: ignore[attr-defined]
            self._small_format(form, node)

    def _dotted(self, node: ast.AST) -> str | None:
        """Return the full name of `osp.join` and the like, where `osp` was imported."""
        if isinstance(node, ast.Name):
            return self.modules.get(node.id) if node.id not in self.names else None
        if isinstance(node, ast.Attribute):
            outer = self._dotted(node.value)
            return f"{outer}.{node.attr}" if outer else None
        return None

    def _apply(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], node: ast.AST, keywords: Any = None
    ) -> Any:
        try:
            return function(*arguments, **(keywords or {}))
        except RecursionError:
            raise
        except Exception as error:
            raise ReadError(f"{type(error).__name__}: {error}", node.lineno) from error  # type: ignore[attr-defined]
