"""What a hand-written `__init__` does with its `**kwargs`, read from its source."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from typing import Any, ClassVar

import attrs


@attrs.frozen
class Forwarding:
    """How keywords go on.

    Args:
        to_parent: whether they go to the parent's `__init__` and nowhere else.
        keywords: parameters of the parent that are passed along by name.
        positional: how many are passed by position.
    """

    to_parent: bool
    keywords: frozenset[str] = frozenset()
    positional: int = 0

    UNKNOWN: ClassVar[Forwarding]


Forwarding.UNKNOWN = Forwarding(to_parent=False)


@functools.lru_cache(maxsize=256)
def forwarding(init: Any) -> Forwarding:
    """Read what an `__init__` does with its `**kwargs`.

    Whatever is not plainly `super().__init__(..., **kwargs)` or `Parent.__init__(self, ..., **kwargs)` counts
    as unknown: the keywords may then be anything.

    Args:
        init: the function.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(init))))
    except (OSError, TypeError, SyntaxError, ValueError):
        return Forwarding.UNKNOWN
    function = tree.body[0] if tree.body else None
    if not isinstance(function, ast.FunctionDef) or function.args.kwarg is None:
        return Forwarding.UNKNOWN
    name = function.args.kwarg.arg
    uses = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == name]
    calls = [call for node in ast.walk(function) if (call := _parent_call(node, name)) is not None]
    if len(calls) != 1 or len(uses) != 1:
        return Forwarding.UNKNOWN
    call = calls[0]
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return Forwarding.UNKNOWN
    explicit = frozenset(keyword.arg for keyword in call.keywords if keyword.arg is not None)
    return Forwarding(True, explicit, len(call.args) - (not _is_super(call)))


def _parent_call(node: ast.AST, kwargs: str) -> ast.Call | None:
    """Return the node if it calls some `__init__` with `**kwargs`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    if node.func.attr != "__init__":
        return None
    spread = [k.value for k in node.keywords if k.arg is None]
    if len(spread) != 1 or not isinstance(spread[0], ast.Name) or spread[0].id != kwargs:
        return None
    return node


def _is_super(call: ast.Call) -> bool:
    function = call.func
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Call):
        return False
    return isinstance(function.value.func, ast.Name) and function.value.func.id == "super"
