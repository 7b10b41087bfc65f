"""The parameter groups of an optimizer, gathered so that hundreds of parameters stay readable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from attrs import frozen

from core.plots.chart import Table

_NUMBER = re.compile(r"\d+")
_SHOWN = 4


@frozen
class Group:
    """One parameter group as its constructor made it.

    Args:
        optimizer: the name of its optimizer; empty where there is only one.
        names: its parameters.
        lr: its learning rate.
        weight_decay: its weight decay; None for an optimizer without any.
        rules: by parameter: what made it so.
    """

    optimizer: str
    names: tuple[str, ...]
    lr: float
    weight_decay: float | None
    rules: Mapping[str, str]


def groups_of(optimizer: torch.optim.Optimizer, model: torch.nn.Module, constructor: Any, name: str) -> list[Group]:
    """Return the groups of one optimizer in its order.

    Args:
        optimizer: the optimizer.
        model: the model, or the part of it that the optimizer is for.
        constructor: what made the optimizer; the default one tells which rule applied.
        name: of the optimizer among several; empty for one alone.
    """
    names = {id(parameter): label for label, parameter in reversed(list(model.named_parameters()))}
    told: Mapping[str, str] | None = getattr(constructor, "rules", None)
    maker = f"made by {type(constructor).__name__}"
    found = []
    for group in optimizer.param_groups:
        labels = [names.get(id(parameter), "(not of the model)") for parameter in group["params"]]
        rules = {label: maker if told is None else told.get(label, "") for label in labels}
        prefix = f"{name}." if name else ""
        found.append(
            Group(
                name,
                tuple(prefix + label for label in labels),
                float(group["lr"]),
                group.get("weight_decay"),
                {prefix + label: rule for label, rule in rules.items()},
            )
        )
    return found


def as_table(groups: Iterable[Group], curves: Iterable[int], *, each: bool = False) -> Table:
    """Return one row for all parameters that have curve, lr, weight decay and rule in common.

    Args:
        groups: the groups.
        curves: for each, the number of the curve it follows.
        each: whether every parameter has a row of its own.
    """
    gathered: dict[Any, list[str]] = {}
    for group, curve in zip(groups, curves, strict=True):
        for name in group.names:
            key = (curve, group.lr, group.weight_decay, group.rules[name])
            gathered.setdefault((*key, name) if each else key, []).append(name)
    rows = []
    for (curve, lr, decay, rule, *_), names in gathered.items():
        shown = "" if decay is None else f"{decay:g}"
        rows.append((str(curve), str(len(names)), in_short(names), f"{lr:g}", shown, rule or "none"))
    head = ("curve", "count", "parameters", "lr", "weight decay", "rule")
    return Table(head, tuple(rows))


def in_short(names: Iterable[str]) -> str:
    """Return names with those that differ only in numbers written as one: `layer*.conv*.weight (12)`."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(_NUMBER.sub("*", name), []).append(name)
    words = [several[0] if len(several) == 1 else f"{shape} ({len(several)})" for shape, several in alike.items()]
    more = len(words) - _SHOWN
    return ", ".join(words) if more <= 1 else ", ".join(words[:_SHOWN]) + f" and {more} more kinds"
