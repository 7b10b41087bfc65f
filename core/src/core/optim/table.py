"""Which parameters have which lr and weight decay, and why: the table of an optimizer's parameter groups."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from attrs import frozen

from core.optim.build import Built

_NUMBER = re.compile(r"\d+")
_SHOWN = 4
_ROWS = 60
_HEAD = ("groups", "count", "parameters", "lr", "weight decay", "rule")


@frozen
class Group:
    """One parameter group as its constructor made it.

    Args:
        optimizer: the name of its optimizer; empty where there is only one.
        names: its parameters.
        lr: its learning rate; None for an optimizer without any.
        weight_decay: its weight decay; None for an optimizer without any.
        rules: by parameter: what made it so.
    """

    optimizer: str
    names: tuple[str, ...]
    lr: float | None
    weight_decay: float | None
    rules: Mapping[str, str]


def described(built: Built) -> list[Group]:
    """Return the groups of all optimizers in their order."""
    found = []
    for part in built.parts:
        optimizers = part.optimizer if isinstance(part.optimizer, dict) else {part.name: part.optimizer}
        for name, optimizer in optimizers.items():
            if not hasattr(optimizer, "param_groups"):
                continue  # whatever a user's constructor makes for a loop of its own
            found += groups_of(optimizer, part.model, part.constructor, name, prefix=part.name)
    return found


def left_out(built: Built) -> dict[str, str]:
    """Return the rule of each parameter that no optimizer was given, as far as the constructors tell."""
    given = {name for group in described(built) for name in group.names}
    told: dict[str, str] = {}
    for part in built.parts:
        before = f"{part.name}." if part.name else ""
        told |= {before + name: rule for name, rule in (rules_of(part.constructor) or {}).items()}
    return {name: rule for name, rule in told.items() if name not in given}


def rules_of(constructor: Any) -> Mapping[str, str] | None:
    """Return what a constructor tells of each parameter; None if it tells nothing, or uses the name otherwise."""
    rules = getattr(constructor, "rules", None)
    if isinstance(rules, Mapping) and all(isinstance(word, str) for pair in rules.items() for word in pair):
        return rules
    return None


def groups_of(
    optimizer: torch.optim.Optimizer, model: torch.nn.Module, constructor: Any, name: str, *, prefix: str = ""
) -> list[Group]:
    """Return the groups of one optimizer in its order.

    Args:
        optimizer: the optimizer.
        model: the model, or the part of it that the optimizer is for.
        constructor: what made the optimizer; its `rules` tell which one applied to a parameter.
        name: of the optimizer among several; empty for one alone.
        prefix: the name of the part in the model; empty for the model itself.
    """
    names = {id(parameter): label for label, parameter in reversed(list(model.named_parameters()))}
    told = rules_of(constructor)
    maker = f"made by {type(constructor).__name__}"
    before = f"{prefix}." if prefix else ""
    found = []
    for group in optimizer.param_groups:
        labels = [names.get(id(parameter), "(not of the model)") for parameter in group["params"]]
        rules = {before + label: maker if told is None else told.get(label, "") for label in labels}
        found.append(Group(name, tuple(rules), _number(group.get("lr")), _number(group.get("weight_decay")), rules))
    return found


def in_words(lr: float | None, decay: float | None, rule: str) -> tuple[str, str, str]:
    """Return the cells that say how a parameter is trained."""
    shown, decayed = ("" if number is None else f"{number:g}" for number in (lr, decay))
    return shown, decayed, rule or "none"


def as_text(built: Built, rows: int = _ROWS) -> str:
    """Return one line for all parameters that have optimizer, lr, weight decay and rule in common.

    Args:
        built: the optimizers.
        rows: how many lines there are at most, besides one that tells how many are left out.
    """
    gathered: dict[Any, tuple[list[str], set[int]]] = {}
    counted: Counter[str] = Counter()
    for group in described(built):
        number, counted[group.optimizer] = counted[group.optimizer], counted[group.optimizer] + 1
        for name in group.names:
            key = (group.optimizer, group.lr, group.weight_decay, group.rules[name])
            names, numbers = gathered.setdefault(key, ([], set()))
            names.append(name)
            numbers.add(number)
    for name, rule in left_out(built).items():
        gathered.setdefault(("", None, None, rule), ([], set()))[0].append(name)
    several = any(counted)
    lines = [(("optimizer",) if several else ()) + _HEAD]
    for (optimizer, *how), (names, numbers) in list(gathered.items())[:rows]:
        cells = (_span(numbers), str(len(names)), in_short(names), *in_words(*how))
        lines.append(((optimizer or "-",) if several else ()) + cells)
    text = _aligned(lines)
    more = len(gathered) - rows
    return f"{text}\n... and {more} more lines, which `hookloom plot lr` shows" if more > 0 else text


def in_short(names: Iterable[str]) -> str:
    """Return names with those that differ only in numbers written as one: `layer*.conv*.weight (12)`."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(_NUMBER.sub("*", name), []).append(name)
    words = [several[0] if len(several) == 1 else f"{shape} ({len(several)})" for shape, several in alike.items()]
    more = len(words) - _SHOWN
    return ", ".join(words) if more <= 1 else ", ".join(words[:_SHOWN]) + f" and {more} more kinds"


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _span(numbers: set[int]) -> str:
    """Return the numbers of groups, from 1, in short."""
    if not numbers:
        return "-"
    first, last = min(numbers) + 1, max(numbers) + 1
    if first == last:
        return str(first)
    return f"{first}-{last}" if last - first + 1 == len(numbers) else f"{len(numbers)} of {first}-{last}"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
