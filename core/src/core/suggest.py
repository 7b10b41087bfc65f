"""Did-you-mean: the nearest known names to one that is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], *, count: int = 1, cutoff: float = 0.7) -> list[str]:
    """Find the names that `name` was probably meant to be, best first.

    Args:
        name: the name that is not known.
        known: the names that are.
        count: how many to return at most.
        cutoff: how alike two names must be, from 0 (anything) to 1 (equal but for case).
    """
    by_fold: dict[str, str] = {}
    for candidate in known:
        by_fold.setdefault(_fold(candidate), candidate)
    wanted = _fold(name)
    folded = difflib.get_close_matches(wanted, by_fold, n=count, cutoff=cutoff)
    if not folded:  # in a short name two letters that changed places weigh too much
        folded = [known for known in by_fold if sorted(known) == sorted(wanted)][:count]
    return [by_fold[match] for match in folded]


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.7) -> str:
    """Return `"; did you mean 'x'?"` for the nearest known name, or an empty text when none is near."""
    found = nearest(name, known, cutoff=cutoff)
    return f"; did you mean {found[0]!r}?" if found else ""


def _fold(name: str) -> str:
    return name.casefold().replace("-", "_")
