"""Small tables of a config that are no component: fixed keys with types."""

from __future__ import annotations

from attrs import frozen


@frozen
class CustomImports:
    """Modules to import before any type is looked up.

    Args:
        imports: one name or a list.
        allow_failed_imports: go on where one cannot be imported.
    """

    imports: str | list[str]
    allow_failed_imports: bool = False


@frozen
class AutoScaleLr:
    """The batch size that the optimizer's lr was chosen for.

    Args:
        enable: whether the lr is scaled to the total batch size of this run.
        base_batch_size: that batch size.
    """

    enable: bool = False
    base_batch_size: int | None = None


@frozen
class PluginSwitches:
    """Which distributions may take part in the run.

    Args:
        allow: only these, besides core; None for all.
        block: never these.
    """

    allow: list[str] | None = None
    block: list[str] | None = None
