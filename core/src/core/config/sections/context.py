"""What every section needs while it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from core.config.components import Components
from core.config.report import Report


@frozen
class Context:
    """The config at hand, and where findings go.

    Args:
        data: the merged config.
        report: the findings.
        components: makes recipes.
        training: whether the config shall train; an evaluation alone needs no optimizer.
    """

    data: Mapping[str, Any]
    report: Report
    components: Components
    training: bool = True

    def table(self, key: str) -> Mapping[str, Any] | None:
        """Return a section that must be a table; None, reported, if it is something else."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, Mapping):
            return value
        self.report.not_a_table((key,), value)
        return None
