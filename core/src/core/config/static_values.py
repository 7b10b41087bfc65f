"""Values written out in a config file, read from its syntax tree: names, containers, text."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.config.failure import NeedsExecution, ReadError
from core.config.interpolate import BASE_TEXT, substitute
from core.config.limits import BadFormat, TooLarge, check_call, check_format, check_value, check_whole
from core.config.located import LDict, LList, LTuple, places_of
from core.config.locations import Location
from core.suggest import did_you_mean

_CONVERSIONS: dict[int, Callable[[Any], str]] = {ord("r"): repr, ord("a"): ascii, ord("s"): str}


class Values:
    """Reads values; `names` holds the variables of the file and `assigned` their places.

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
        self.lines: dict[int, Location] = {}  # made once for all keys of a line

    def place(self, node: ast.AST, value: ast.AST | None = None) -> Location:
        """Return the place of a node; a value that is a bare name is there via its assignment."""
        line: int = node.lineno  # type: ignore[attr-defined]
        if isinstance(value, ast.Name) and value.id in self.assigned:
            return Location(self.file, line, via=self.assigned[value.id])
        place = self.lines.get(line)
        if place is None:
            place = self.lines[line] = Location(self.file, line)
        return place

    def evaluate(self, node: ast.AST) -> Any:
        """Return the value of an expression.

        Raises:
            NeedsExecution: if only running the file can tell.
            ReadError: if the expression is wrong.
        """
        if type(node) is ast.Constant:  # as most are
            return self._Constant(node)
        method = getattr(self, f"_{type(node).__name__}", None)
        if method is None:
            raise NeedsExecution(f"{type(node).__name__} is not read statically", getattr(node, "lineno", 1))
        return method(node)

    def apply(self, function: Callable[..., Any], arguments: Sequence[Any], node: ast.AST, keywords: Any = None) -> Any:
        """Call a function of Python's, within limits.

        Args:
            function: an operator, a built-in function or a method of a plain value.
            arguments: by position.
            node: where the config does so.
            keywords: further arguments, by name.

        Raises:
            ReadError: if it fails, or its result would be too large.
        """
        keywords = keywords or {}
        try:
            check_call(function, arguments, keywords)
            answer = function(*arguments, **keywords)
            check_value(answer)
        except RecursionError:
            raise
        except Exception as error:
            kind = "" if type(error) in (TooLarge, BadFormat) else f"{type(error).__name__}: "
            raise ReadError(f"{kind}{error}", node.lineno) from error  # type: ignore[attr-defined]
        return answer

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
            if hasattr(builtins, node.id) or node.id.startswith("__") or node.id in self.modules:
                raise NeedsExecution(f"{node.id} is used as a value", node.lineno) from None
            hint = did_you_mean(node.id, self.names)
            raise ReadError(f"name {node.id!r} is not defined{hint}", node.lineno) from None

    def _Dict(self, node: ast.Dict) -> LDict:
        result = LDict()
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                result.take(self._mapping(value), self.place(value))
            else:
                result.put(self._hashable(key), self.evaluate(value), self.place(key, value))
        return result

    def _mapping(self, node: ast.expr) -> Mapping[Any, Any]:
        value = self.evaluate(node)
        if not isinstance(value, Mapping):
            raise ReadError(f"'**' takes a dict, got {value!r}", node.lineno)
        return value

    def _hashable(self, node: ast.AST) -> Any:
        key = self.evaluate(node)
        if isinstance(key, tuple):
            self.apply(check_whole, (key,), node)
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
                before = len(items)
                items.extend(several)
                own = places_of(several, len(items) - before)
                places.extend(place or self.place(node) for place in own)
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
                if part.conversion in _CONVERSIONS:
                    text = self.apply(_CONVERSIONS[part.conversion], (text,), node)
                form = self.evaluate(part.format_spec) if part.format_spec else ""
                self.apply(check_format, (form,), node)
                parts.append(self.apply(format, (text, form), node))
            else:
                parts.append(str(self.evaluate(part)))
        return self.apply("".join, (parts,), node)  # type: ignore[no-any-return]
