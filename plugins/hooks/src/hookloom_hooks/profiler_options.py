"""The options of the profiler hook: what there is to record, and what may be done with it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import torch.profiler as torch_profiler
from torch.autograd.profiler_util import EventList, FunctionEventAvg

from core.errors import OptionError
from core.hooks.options import is_int
from core.suggest import did_you_mean

ACTIVITIES = {
    "cpu": torch_profiler.ProfilerActivity.CPU,
    "cuda": torch_profiler.ProfilerActivity.CUDA,
    "xpu": torch_profiler.ProfilerActivity.XPU,
}
HANDLERS: dict[str, Callable[..., Any]] = {
    "tb_trace": torch_profiler.tensorboard_trace_handler,
    "log_trace": EventList.table,
}


def _refuse_unknown(what: str, given: Mapping[str, Any], taker: Callable[..., Any]) -> None:
    known = [name for name in inspect.signature(taker).parameters if name != "self"]
    for key in given:
        if key not in known:
            raise OptionError(f"{what} has no option {key!r}{did_you_mean(str(key), known)}")


def check_activities(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate names of what torch can record.

    Raises:
        OptionError: naming the one it does not know.
    """
    for one in value:
        if str(one).lower() not in ACTIVITIES:
            hint = did_you_mean(str(one).lower(), ACTIVITIES)
            raise OptionError(f"activities must be of {', '.join(ACTIVITIES)}, got {one!r}{hint}")
    if not value:
        raise OptionError("activities must not be empty: nothing would be recorded")


def check_schedule(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate the steps of a cycle, arguments of `torch.profiler.schedule`, or None.

    Raises:
        OptionError: if one is unknown, missing or out of range.
    """
    if value is None:
        return
    _refuse_unknown("schedule", value, torch_profiler.schedule)
    missing = [key for key in ("wait", "warmup", "active") if key not in value]
    if missing:
        raise OptionError(f"schedule needs {', '.join(missing)}, got {value!r}")
    for key, steps in value.items():
        least = 1 if key == "active" else 0
        if not is_int(steps) or steps < least:
            raise OptionError(f"schedule: {key} must be an int of at least {least}, got {steps!r}")


def check_handler(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a callable, a dict of a kind of trace and its options, or None.

    Raises:
        OptionError: naming the option that is unknown.
    """
    if value is None or (callable(value) and not isinstance(value, Mapping)):
        return
    if not isinstance(value, Mapping) or value.get("type") not in HANDLERS:
        kind = value.get("type") if isinstance(value, Mapping) else value
        hint = did_you_mean(kind, HANDLERS) if isinstance(kind, str) else ""
        raise OptionError(
            f"on_trace_ready must be callable, or a dict of type 'tb_trace' or 'log_trace', got {kind!r}{hint}"
        )
    options = {key: option for key, option in value.items() if key != "type"}
    column = options.get("sort_by")
    # torch calls the columns of every accelerator by one name.
    if column is not None and not hasattr(FunctionEventAvg(), str(column).replace("cuda", "device")):
        raise OptionError(f"on_trace_ready: the table has no column {column!r} to sort by")
    _refuse_unknown(f"on_trace_ready of type {value['type']}", options, HANDLERS[value["type"]])


def check_json_path(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate that nothing else writes the trace.

    Raises:
        OptionError: if a `tb_trace` does.
    """
    handler = instance.on_trace_ready
    if value is not None and isinstance(handler, Mapping) and handler.get("type") == "tb_trace":
        raise OptionError("json_trace_path and a tb_trace would write the same trace, which torch writes only once")
