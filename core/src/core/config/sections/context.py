"""What every section needs while it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from core.config.components import Components
from core.config.report import Report
from core.suggest import nearest

# How near a user's own name must be to a key of ours to be a slip.
_SLIP = 0.84
# Names of older configs, with the section each stands for.
_STAND_FOR = (("optimizers", "optimizer"), ("total_epochs", "runner"), ("total_iters", "runner"))


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

    def missing(self, key: str, why: str = "") -> None:
        """Report a required section that is not there, unless it only seems to be misspelt.

        Args:
            key: its name.
            why: what cannot be done without it.
        """
        meant = set(self.misspelt().values())
        if key not in meant and not any(section == key and alias in meant for alias, section in _STAND_FOR):
            self.report.error((), f"required key {key!r} is missing{why and f': {why}'}")

    def misspelt(self) -> dict[str, str]:
        """Return top-level names that nobody reads and that are nearly one that is absent."""
        from core.config.schema import known_keys

        known = known_keys()
        present = set(self.data)
        stands_for = dict(_STAND_FOR)
        present |= {section for alias, section in _STAND_FOR if alias in present}
        absent = [key for key in known if key not in present and stands_for.get(key) not in present]
        found = {}
        for name in self.data:
            if isinstance(name, str) and name not in known and name not in self.report.loaded.used_names:
                near = nearest(name, absent, cutoff=_SLIP)
                if near:
                    found[name] = near[0]
        return found
