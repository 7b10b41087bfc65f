"""Fewer parameter groups: those with equal settings become one, so that fused kernels see their parameters together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Groups = list[dict[str, Any]]


def merged(groups: Sequence[Mapping[str, Any]], defaults: Mapping[str, Any]) -> Groups:
    """Return groups of which no two have equal settings, in the order in which each kind comes first.

    Args:
        groups: dicts with `params` and options.
        defaults: what the optimizer gives a group that does not say otherwise; so an lr that is written out
            and equal to the optimizer's is the same setting as none.
    """
    found: list[tuple[dict[str, Any], list[Any]]] = []
    for group in groups:
        settings = {**defaults, **{key: value for key, value in group.items() if key != "params"}}
        known = next((params for other, params in found if same(other, settings)), None)
        if known is None:
            found.append((settings, known := []))
        known.extend(group["params"])
    return [{"params": params, **settings} for settings, params in found]


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two groups have the same options with equal values."""
    if one.keys() != other.keys():
        return False
    try:
        return all(bool(one[key] == other[key]) for key in one)
    except (RuntimeError, ValueError):  # tensors and arrays of several elements have no single truth
        return False
