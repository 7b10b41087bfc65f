"""The table of a resume: what the checkpoint says, what the config says, and what is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from core.hooks.schedule import SCHEDULED, ScheduleHook

Groups = Mapping[str, Sequence[Mapping[str, Any]]]
"""The options of the parameter groups of every optimizer by name."""

_HEAD = ("", "checkpoint", "config", "used")
_WIDTH = 48
_UNKNOWN = "not recorded"


@attrs.frozen
class OptimizerChoice:
    """The optimizers' options around a resume.

    Args:
        checkpoint: groups as saved; empty if none were.
        config: groups as the config had made them.
        used: groups as they are now.
    """

    checkpoint: Groups
    config: Groups
    used: Groups


def is_schedule(hook: Any) -> bool:
    """Tell whether a hook sets learning rates or momenta by a schedule."""
    return isinstance(hook, ScheduleHook)


def groups_of(optimizers: Mapping[str, Any]) -> Groups:
    """Return copies of the parameter groups of optimizers, or of their saved states, without the parameters."""

    def of_one(optimizer: Any) -> list[dict[str, Any]]:
        # An optimizer around another one may save the groups in a place of its own.
        groups = optimizer.get("param_groups", ()) if isinstance(optimizer, Mapping) else optimizer.param_groups
        return [{key: _number(value) for key, value in group.items() if key != "params"} for group in groups]

    return {name: of_one(optimizer) for name, optimizer in optimizers.items()}


def resume_table(
    choice: OptimizerChoice, saved: Mapping[str, Any], now: Mapping[str, Any], hooks: Mapping[str, Any]
) -> str:
    """Return the table as text.

    Args:
        choice: the optimizers.
        saved: our part of the checkpoint; empty for one of MMCV's.
        now: the description of this run, as `core.runner.state.describe` returns it.
        hooks: this run's hooks by id.
    """
    before = saved.get("options", {})
    rows: list[tuple[str, ...]] = [_HEAD]
    for name, used in choice.used.items():
        rows += _optimizer_rows(name, choice, used, before.get("optimizers", {}), now["optimizers"])
    rows += _hook_rows(before.get("hooks"), now["hooks"], saved.get("hooks", {}), hooks)
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _optimizer_rows(
    name: str,
    choice: OptimizerChoice,
    used: Sequence[Mapping[str, Any]],
    classes: Mapping[str, str],
    classes_now: Mapping[str, str],
) -> list[tuple[str, ...]]:
    mark = f"[{name}]" if name else ""
    checkpoint, config = choice.checkpoint.get(name, ()), choice.config[name]
    kind = classes_now[name]
    rows: list[tuple[str, ...]] = [(f"optimizer{mark}", classes.get(name, _UNKNOWN) if checkpoint else "-", kind, kind)]
    for key in (one for one in config[0] if not one.startswith("initial_")):
        base = "initial_lr" if key == "lr" else key  # the lr that the policy begins with
        values = [[group.get(base, group.get(key)) for group in part] for part in (checkpoint, config, used)]
        if key == "lr" or (checkpoint and (key in SCHEDULED or values[0] != values[1])):
            rows.append((f"{key}{mark}", *map(_values, values)))
    return rows


def _hook_rows(
    before: Mapping[str, Any] | None, now: Mapping[str, Any], states: Mapping[str, Any], hooks: Mapping[str, Any]
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    common = 0
    for name in (*now, *(name for name in before or () if name not in now)):
        kind, state = _kind(name), name in states
        schedule = is_schedule(hooks.get(name))
        label = f"schedule {kind}" if schedule else f"hook {kind}"
        there = before is not None and name in before
        if name not in now:
            what = "dropped with its state" if state else "dropped"
            rows.append((label, _call(before, name), "-", what))
        elif schedule or (before is not None and (not there or before[name] != now[name])):
            of_checkpoint = _UNKNOWN if before is None else _call(before, name) if there else "-"
            used = "the config's, with the checkpoint's state" if state else "the config's"
            rows.append((label, of_checkpoint, _call(now, name), used if there or schedule else "begins anew"))
        else:
            common += 1
    count = _UNKNOWN if before is None else str(len(before))
    rest = f"{common} hooks" if before is None else f"{common} hooks are the same"
    return [*rows, ("hooks", count, str(len(now)), f"{rest}; {len(states)} take a state over")]


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


def _call(options: Mapping[str, Any] | None, name: str) -> str:
    given = ", ".join(f"{key}={value!r}" for key, value in (options or {})[name].items()) or "defaults"
    return given if len(given) <= _WIDTH else f"{given[: _WIDTH - 3]}..."


def _values(values: Sequence[Any]) -> str:
    """Show the values of all groups, each once."""
    unique = list(dict.fromkeys(repr(value) for value in values))
    shown = ", ".join(unique[:4]) + (f" ... ({len(unique)} values)" if len(unique) > 4 else "")
    return shown or "-"


def _number(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
