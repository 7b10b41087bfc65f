"""The end of reading: located containers become plain ones, and their places a table by key path."""

from __future__ import annotations

from typing import Any

from core.config.inherit import DELETE
from core.config.limits import check_whole
from core.config.located import LDict, places_of
from core.config.locations import KeyPath, Location
from core.config.problems import Problem


def finish(merged: LDict) -> tuple[dict[Any, Any], dict[KeyPath, Location], list[Problem]]:
    """Return plain containers, none of which occurs twice, the place of every key and item, and findings.

    Every `_delete_` that is left found nothing to delete: it is dropped, and reported if it was meant.

    Raises:
        TooLarge: if a container holds itself, or sharing made the whole too large.
    """
    check_whole(merged)
    finisher = _Finisher()
    return finisher.mapping(merged, ()), finisher.places, finisher.findings


class _Finisher:
    def __init__(self) -> None:
        self.places: dict[KeyPath, Location] = {}
        self.findings: list[Problem] = []

    def container(self, value: dict[Any, Any] | list[Any] | tuple[Any, ...], path: KeyPath) -> Any:
        return self.mapping(value, path) if isinstance(value, dict) else self.sequence(value, path)

    def mapping(self, value: dict[Any, Any], path: KeyPath) -> dict[Any, Any]:
        places, known = self.places, getattr(value, "places", {})
        result = {}
        for key, item in value.items():
            below = (*path, key)
            place = known.get(key)
            if key == DELETE:
                if item:
                    message = "there is no base value here to delete"
                    self.findings.append(Problem(message, below, place, "warning"))
                continue
            if place is not None:
                places[below] = place
            result[key] = self.container(item, below) if isinstance(item, (dict, list, tuple)) else item
        return result

    def sequence(self, value: list[Any] | tuple[Any, ...], path: KeyPath) -> Any:
        places, result = self.places, []
        for index, (item, place) in enumerate(zip(value, places_of(value, len(value)), strict=True)):
            below = (*path, index)
            if place is not None:
                places[below] = place
            result.append(self.container(item, below) if isinstance(item, (dict, list, tuple)) else item)
        if isinstance(value, list):
            return result
        # A named tuple of an executed config stays one.
        return type(value)(*result) if hasattr(value, "_fields") else tuple(result)
