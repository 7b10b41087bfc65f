"""A checked component that is not built yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from core.component import Component
    from core.config.locations import KeyPath


@frozen
class Recipe:
    """What to build, and from what.

    Args:
        component: the component itself.
        arguments: what the config gives it, checked, and what its section fills in.
        path: where it stands in the config.
        priority: of a hook: when it runs.
        given: its table as the config has it.
    """

    component: Component
    arguments: Mapping[str, Any]
    path: KeyPath = ()
    priority: int | str | None = None
    given: Mapping[str, Any] = field(factory=dict, repr=False)

    @property
    def name(self) -> str:
        """What an error calls it: the component's name, or its policy."""
        return title(self.component)

    def build(self, **injected: Any) -> Any:
        """Build it.

        Args:
            injected: what only the run knows, such as `dataloader`; goes before the config's arguments.
        """
        try:
            return self.component.target(**{**own_copy(self.arguments), **injected})
        except Exception as error:
            error.add_note(f"while building {self.component.name!r} ({self.component.provider})")
            raise

    def having(self, **arguments: Any) -> Recipe:
        """Return a recipe with further arguments; those that are there already stay as they are."""
        return evolve(self, arguments={**arguments, **self.arguments})


def title(component: Component) -> str:
    """Return what an error calls a component."""
    is_policy = component.registry in ("lr_updaters", "momentum_updaters")
    return f"policy {component.name!r}" if is_policy else component.name


def own_copy(value: Any) -> Any:
    """Copy the containers of plain data and nothing in them, so that who receives it may change it."""
    if type(value) is dict:
        return {key: own_copy(item) for key, item in value.items()}
    if type(value) is list:
        return [own_copy(item) for item in value]
    if type(value) is tuple:
        return tuple(own_copy(item) for item in value)
    return value
