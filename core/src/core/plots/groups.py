"""The table beside a drawn schedule: which parameters follow which curve, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.optim.table import Group, in_short, in_words
from core.plots.chart import Table


def as_table(
    groups: Iterable[Group], curves: Iterable[int], left_out: Mapping[str, str], *, each: bool = False
) -> Table:
    """Return one row for all parameters that have curve, lr, weight decay and rule in common.

    Args:
        groups: the groups.
        curves: for each, the number of the curve it follows.
        left_out: the rules of the parameters that no optimizer was given.
        each: whether every parameter has a row of its own.
    """
    gathered: dict[Any, list[str]] = {}
    for group, curve in zip(groups, curves, strict=True):
        for name in group.names:
            key = (curve, group.lr, group.weight_decay, group.rules[name])
            gathered.setdefault((*key, name) if each else key, []).append(name)
    for name, rule in left_out.items():
        gathered.setdefault(("-", None, None, rule, name) if each else ("-", None, None, rule), []).append(name)
    rows = []
    for (curve, lr, decay, rule, *_), names in gathered.items():
        rows.append((str(curve), str(len(names)), in_short(names), *in_words(lr, decay, rule)))
    head = ("curve", "count", "parameters", "lr", "weight decay", "rule")
    return Table(head, tuple(rows))
