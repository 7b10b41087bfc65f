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
            self.report.missing((), f"required key {key!r} is missing{why and f': {why}'}")

    def misspelt(self) -> dict[str, str]:
        """Return top-level names that nobody reads and that are nearly a known one, each with that one."""
        from core.config.schema import known_keys

        known = known_keys()
        present = set(self.data)
        stands_for = dict(_STAND_FOR)
        present |= {section for alias, section in _STAND_FOR if alias in present}
        absent = [key for key in known if key not in present and stands_for.get(key) not in present]
        found = {}
        for name in self.data:
            if not isinstance(name, str) or name in known or name in self.report.loaded.used_names:
                continue
            near = nearest(name, absent, cutoff=_SLIP)
            near = near or [key for key in nearest(name, known, cutoff=_SLIP) if self._is_slip(name, key)]
            if near:
                found[name] = near[0]
        return found

    def _is_slip(self, name: str, key: str) -> bool:
        """Tell whether a name stands for a known key that is there too.

        Who writes both in one file knows them apart if one is a longer form of the other (`seed`, `seeds`).
        """
        place, other = self.report.at((name,)), self.report.at((key,))
        if place is not None and other is not None and place.file not in {one.file for one in other.chain()}:
            return True
        return not name.startswith(key) and not key.startswith(name)
