"""Calls in a config file: `dict()`, some functions and methods that do no more than they say."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any

from core.config.failure import NeedsExecution, ReadError
from core.config.limits import check_format, check_value
from core.config.located import LDict, LList, LTuple
from core.config.static_operations import Operations


def _listed(function: Callable[..., Any]) -> Callable[..., LList]:
    """An iterator would be used up by whoever looks at it first."""
    return lambda *arguments, **keywords: LList(list(function(*arguments, **keywords)))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "range": range,
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
    "enumerate": _listed(enumerate),
    "zip": _listed(zip),
    "reversed": _listed(reversed),
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


class Evaluator(Operations):
    """Computes any expression that can be computed without running the file."""

    def _Call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func)
        if not isinstance(node.func, ast.Name) or node.func.id in self.names:
            raise NeedsExecution("a function is called", node.lineno)
        name = node.func.id
        if name == "dict":
            return self._dict_call(node)
        arguments, _ = self._items(node.args)
        if name in _SEQUENCES and len(arguments) < 2 and not node.keywords:
            made = self.apply(_SEQUENCES[name], arguments, node)
            made.places[:] = [place or self.place(node) for place in made.places]
            return made
        if name not in _FUNCTIONS:
            raise NeedsExecution(f"{name}() is called", node.lineno)
        return self.apply(_FUNCTIONS[name], tuple(arguments), node, self._keywords(node))

    def _dict_call(self, node: ast.Call) -> LDict:
        result = LDict()
        for argument in node.args:
            source = self.evaluate(argument)
            pairs = source if isinstance(source, Mapping) else self.apply(dict, (source,), node)
            result.take(pairs, self.place(argument))
        keywords = self._keywords(node)
        if not result:
            return keywords
        result.take(keywords, None)
        return result

    def _keywords(self, node: ast.Call) -> LDict:
        """Return the keyword arguments of a call, each at its place."""
        result = LDict()
        for keyword in node.keywords:
            if keyword.arg is None:
                several = self._mapping(keyword.value)
                for name in several:
                    _check_keyword(name, result, keyword)
                result.take(several, self.place(keyword.value))
            else:
                _check_keyword(keyword.arg, result, keyword)
                result.put(keyword.arg, self.evaluate(keyword.value), self.place(keyword, keyword.value))
        return result

    def _method(self, node: ast.Call, func: ast.Attribute) -> Any:
        dotted = self._dotted(func)
        if dotted is not None:
            if dotted not in _OS:
                raise NeedsExecution(f"{dotted}() is called", node.lineno)
            return self.apply(_OS[dotted], tuple(self._items(node.args)[0]), node)
        owner = self.evaluate(func.value)
        kind = next((kind for kind in _METHODS if isinstance(owner, kind)), None)
        if kind is None or func.attr not in _METHODS[kind]:
            raise NeedsExecution(f".{func.attr}() is called", node.lineno)
        arguments, places = self._items(node.args)
        keywords = self._keywords(node)
        if func.attr == "format":
            self._check_format(owner, node)
        if func.attr == "update" and isinstance(owner, LDict):
            for argument in arguments:
                pairs = argument if isinstance(argument, Mapping) else self.apply(dict, (argument,), node)
                owner.take(pairs, self.place(node))
            owner.take(keywords, None)
            return None
        answer = self.apply(getattr(owner, func.attr), tuple(arguments), node, keywords)
        self.apply(check_value, (owner,), node)
        if func.attr == "append" and isinstance(owner, LList):
            owner.places[-1] = places[0]
        return answer

    def _check_format(self, text: str, node: ast.AST) -> None:
        # `'{0.__class__}'.format(x)` would reach into the objects of this reader.
        for _, name, form, _ in Formatter().parse(text):
            if name and ("." in name or "[" in name):
                raise ReadError("a format field with '.' or '[' is not read", node.lineno)  # type: ignore[attr-defined]
            self.apply(check_format, (form or "",), node)

    def _dotted(self, node: ast.AST) -> str | None:
        """Return the full name of `osp.join` and the like, where `osp` was imported."""
        if isinstance(node, ast.Name):
            return self.modules.get(node.id) if node.id not in self.names else None
        if isinstance(node, ast.Attribute):
            outer = self._dotted(node.value)
            return f"{outer}.{node.attr}" if outer else None
        return None


def _check_keyword(name: Any, before: LDict, node: ast.keyword) -> None:
    if name in before:
        raise ReadError(f"keyword {name!r} is repeated", node.lineno)
    if not isinstance(name, str):
        raise ReadError(f"a keyword must be text, got {name!r}", node.lineno)
