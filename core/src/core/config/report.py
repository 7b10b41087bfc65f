"""Collecting what is wrong with one config, each finding with the place that set the value."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.config.describe import describe_value
from core.config.faults import Fault, StructureError
from core.config.locations import OPTIONS, format_path
from core.config.problems import Problem, Severity
from core.config.strict import structure
from core.suggest import nearest

if TYPE_CHECKING:
    from core.config.loader import Loaded
    from core.config.locations import KeyPath, Location

_WHOLE_MANTISSA = re.compile(r"([+-]?\d+)[eE]([+-]?)(\d+)")
_SHOWN = 12


class Report:
    """The findings about one config.

    Args:
        loaded: the config as it was read, whose own findings come first.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self._root = os.path.dirname(loaded.filename) if loaded.filename else None
        self._found: list[Problem] = list(loaded.findings)

    def error(self, path: KeyPath, message: str = "", **details: Any) -> None:
        """Add an error.

        Args:
            path: the key it is about.
            message: what is wrong.
            details: further fields of `Problem`.
        """
        self._add(path, message, "error", details)

    def warn(self, path: KeyPath, message: str, **details: Any) -> None:
        """Add a warning: suspicious, but it trains.

        Args:
            path: the key it is about.
            message: what is suspicious.
            details: further fields of `Problem`.
        """
        self._add(path, message, "warning", details)

    def must(self, path: KeyPath, wanted: str, value: Any) -> None:
        """Add the error of a value of the right type that is no legal one.

        Args:
            path: the key.
            wanted: what it must be, such as `positive`.
            value: what it is.
        """
        self.error(path, f"must be {wanted}, got {value}", found=describe_value(value))

    def missing(self, path: KeyPath, message: str, **details: Any) -> None:
        """Add the error of something that is not there, unless it may stand in a file that could not be read.

        Args:
            path: the table that lacks it.
            message: what is missing.
            details: further fields of `Problem`.
        """
        if not self.loaded.incomplete:
            self.error(path, message, **details)

    def unknown(self, path: KeyPath, known: Iterable[str], *, taker: str = "") -> None:
        """Add the error of a key that nobody takes, with a near name or else the names there are.

        Args:
            path: the key.
            known: what would be taken.
            taker: who would take it, such as `SGD`.
        """
        names = list(known)
        close = nearest(str(path[-1]), [*names, "_delete_"])
        if close:
            self.error(path, "unknown key", suggestion=close[0])
            return
        shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        takes = f"{taker} takes" if taker else "known are"
        self.error(path, "unknown key", hint=f"{takes} {shown}" if names else f"{taker} takes none")

    def faults(self, path: KeyPath, faults: Iterable[Fault]) -> None:
        """Add the errors that a value's type check found.

        Args:
            path: the key of the value.
            faults: what is wrong inside it.
        """
        for fault in faults:
            where = (*path, *fault.path)
            hint = fault.hint or self._number_hint(where, fault)
            self.error(
                where,
                fault.message,
                expected=fault.expected,
                found=fault.found,
                suggestion=fault.suggestion,
                hint=hint,
            )

    def typed(self, path: KeyPath, value: Any, annotation: Any) -> bool:
        """Tell whether a value has a type; add the errors if it has not.

        Args:
            path: the key of the value.
            value: the value.
            annotation: the type.
        """
        try:
            structure(value, annotation)
        except StructureError as error:
            self.faults(path, error.faults)
            return False
        return True

    def not_a_table(self, path: KeyPath, value: Any) -> None:
        """Add the error of a section that is no dict."""
        self.error(path, expected="dict", found=describe_value(value))

    def at(self, path: KeyPath) -> Location | None:
        """Return the place that set a key, or its nearest ancestor."""
        location: Location | None = self.loaded.locations.nearest(path)[0]
        return location

    def place(self, location: Location) -> str:
        """Return a place as the report writes it."""
        return location.display(self._root)

    def brought(self, path: KeyPath, key: str, by: str) -> str | None:
        """Say where a key of a table came from, if another file or the command line chose `by` after it was set.

        Args:
            path: the table.
            key: the key that was fine where it was set.
            by: the key that was set later, such as `type`.
        """
        of_key, of_other = self.at((*path, key)), self.at((*path, by))
        whole = self.at(path)
        if of_key is None or of_other is None or whole is None:
            return None
        files = [one.file for one in whole.chain()]  # newest first
        if of_other.file not in files or of_key.file not in files[files.index(of_other.file) + 1 :]:
            return None
        place = format_path(path)
        chosen = f"the {by}" if by in ("type", "policy") else by
        said = f"came from {self.place(of_key)}, {chosen} from {self.place(of_other)}; "
        if of_other.file == OPTIONS:
            return said + f"{place}._delete_=True in front of the other options drops it"
        return said + f"_delete_=True in {place} there drops it"

    def has_error_at(self, path: KeyPath) -> bool:
        """Tell whether a key, or something inside it, has an error already."""
        return any(p.severity == "error" and p.path[: len(path)] == path for p in self._found)

    def sorted(self) -> list[Problem]:
        """Return all findings in the order in which the config holds their keys."""
        return sorted(self._found, key=lambda problem: tuple(self._order(problem.path)))

    def _add(self, path: KeyPath, message: str, severity: Severity, details: Mapping[str, Any]) -> None:
        location = details.get("location") or (self.at(path) if path else None)
        others = {key: value for key, value in details.items() if key != "location"}
        self._found.append(Problem(message, path, location, severity, **others))

    def _order(self, path: KeyPath) -> Iterator[int]:
        level: Any = self.loaded.data
        if path[:1] == ("_base_",):
            yield -1  # what could not be read comes first
            return
        for key in path:
            if isinstance(level, Mapping):
                keys = list(level)
                yield keys.index(key) if key in level else len(keys)
                level = level.get(key)
            elif isinstance(level, Sequence) and not isinstance(level, str) and isinstance(key, int):
                yield key
                level = level[key] if key < len(level) else None
            else:
                return

    def _number_hint(self, path: KeyPath, fault: Fault) -> str | None:
        """Explain a number that is text: in YAML `1e-3` is one."""
        if fault.expected is None or not ({"int", "float"} & set(fault.expected.split())):
            return None
        value: Any = self.loaded.data
        for key in path:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return None
        if not isinstance(value, str):
            return None
        try:
            number = float(value)
        except ValueError:
            return None
        match, location = _WHOLE_MANTISSA.fullmatch(value), self.at(path)
        in_yaml = match and location is not None and location.file.endswith((".yaml", ".yml"))
        start = f"YAML reads {value} as text, " if in_yaml else ""
        if "float" not in fault.expected.split() and not value.strip().lstrip("+-").isdigit():
            return f"{start}write {int(number)}" if number.is_integer() else None
        if match and in_yaml:
            mantissa, sign, exponent = match.groups()
            return f"{start}write {mantissa}.0e{sign or '+'}{exponent}"
        return "remove the quotes"
