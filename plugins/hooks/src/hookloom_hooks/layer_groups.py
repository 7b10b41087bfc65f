"""The parameters of a model, sorted into groups of layers by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs
import torch

from core.errors import OptionError

Groups = list[str] | dict[str, str] | None
Members = list[tuple[str, torch.nn.Parameter]]


def check_groups(instance: Any, attribute: attrs.Attribute[Any], value: Groups) -> None:
    """Validate regular expressions: a list of them, or a dict of them by the group's name.

    Raises:
        OptionError: naming the one that is none.
    """
    for pattern in _patterns(value).values():
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            raise OptionError(f"groups: {pattern!r} is no regular expression: {error}") from error


def grouped(model: torch.nn.Module, groups: Groups) -> dict[str, Members]:
    """Return the parameters of each group with their names, in the order of the model.

    Args:
        model: without a parallel wrapper.
        groups: as `check_groups` has it; the first expression found in a name counts, and a parameter that has
            none is left out. None groups by the first part of the name.

    Raises:
        OptionError: if an expression is found in no name.
    """
    named = list(model.named_parameters())
    found: dict[str, Members] = {name: [] for name in _patterns(groups)}
    for name, parameter in named:
        group = _group_of(name, groups)
        if group is not None:
            found.setdefault(group, []).append((name, parameter))
    for group, members in found.items():
        if not members:
            parts = ", ".join(dict.fromkeys(name.partition(".")[0] for name, _ in named))
            raise OptionError(f"groups: {group!r} is found in no parameter's name; the names begin with {parts}")
    return found


def _group_of(name: str, groups: Groups) -> str | None:
    if groups is None:
        return name.partition(".")[0]
    return next((group for group, pattern in _patterns(groups).items() if re.search(pattern, name)), None)


def _patterns(groups: Groups) -> Mapping[str, str]:
    if isinstance(groups, Mapping):
        return groups
    return {pattern: pattern for pattern in groups or ()}
