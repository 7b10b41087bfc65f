"""The view of `hookloom check --order`: every point of a run with the hooks that run there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.cli.table import print_table

if TYPE_CHECKING:
    from core.config.schema import RunConfig

HEAD = ("point", "priority", "hook", "provider", "section")


def print_order(config: RunConfig) -> None:
    """Print one row for each hook at each point, in the order in which they run."""
    from core.hooks.priority import priority_label
    from core.runner.hook_order import at_points, ordered_hooks, without_effect

    hooks = ordered_hooks(config)
    rows = []
    for point, there in at_points(hooks, config).items():
        for place, one in enumerate(there):
            label = priority_label(one.priority)
            priority = label if label.isdigit() else f"{one.priority} {label}"
            name = f"{one.name} (around all others)" if point in one.wraps else one.name
            rows.append(("" if place else point, priority, name, one.provider, one.section))
    print_table(HEAD, rows)
    for one in without_effect(hooks, config):
        print(f"{one.name} ({one.section}) is never called: it waits for {', '.join(one.points or ()) or 'no point'}")
    for one in hooks:
        if one.points is None:
            print(f"{one.name} ({one.section}) is made by a function: its points are known when it is built")


def order_as_data(config: RunConfig) -> list[dict[str, Any]]:
    """Return the same for programs."""
    from core.runner.hook_order import at_points, ordered_hooks

    return [
        {
            "point": point,
            "hooks": [
                {"name": one.name, "priority": one.priority, "provider": one.provider, "section": one.section}
                for one in there
            ],
        }
        for point, there in at_points(ordered_hooks(config), config).items()
    ]
