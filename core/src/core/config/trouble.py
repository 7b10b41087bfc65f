"""Everything that goes wrong while one config is read, gathered so that one report can hold it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from core.config.inherit import DELETE, MergeError, join_bases, merge
from core.config.located import LDict
from core.config.locations import OPTIONS, KeyPath, Location
from core.config.overrides import LEFT_OUT
from core.config.problems import Problem
from core.errors import ConfigError


class Trouble:
    """The problems that were met so far.

    Args:
        filename: the config the user named.
    """

    def __init__(self, filename: str) -> None:
        self.filename = filename
        self.problems: list[Problem] = []
        self.incomplete = False
        self._cause: BaseException | None = None

    @contextmanager
    def file_left_out(self) -> Iterator[None]:
        """Go on where a file cannot be read: what it holds is not known then."""
        try:
            yield
        except ConfigError as error:
            self._note(error)
            self.incomplete = True

    def merged(self, child: LDict, base: LDict, name: str) -> LDict:
        """Merge as `inherit.merge` does; what cannot be merged is noted and left out.

        Args:
            child: wins.
            base: what it inherits.
            name: the file of the child.
        """
        while True:
            try:
                return merge(child, base)
            except MergeError as error:
                place = error.place or Location(name, error.line)
                self._note(ConfigError([Problem(error.message, error.path, place)], self.filename), error)
                child = _without(child, base, error.path)

    def joined(self, bases: list[LDict]) -> LDict:
        """Join bases as `inherit.join_bases` does; a key that several have is noted and the first one counts."""
        while True:
            try:
                return join_bases(bases)
            except MergeError as error:
                self._note(ConfigError([Problem(error.message, error.path, error.place)], self.filename), error)
                _, *others = (base for base in bases if error.path[0] in base)
                for base in others:
                    base.pop(error.path[0])

    def with_options(self, options: Mapping[str, Any] | None, finish: Callable[[Mapping[str, Any]], Any]) -> Any:
        """Call a function with the options; those it refuses are noted and left out.

        Args:
            options: `--cfg-options`, by dotted key.
            finish: takes them.
        """
        left = dict(options or {})
        while True:
            try:
                return finish(left)
            except ConfigError as error:
                place = error.problems[0].location
                if place is None or place.file != OPTIONS or not 0 < place.line <= len(left):
                    raise
                key = list(left)[place.line - 1]
                if left[key] is LEFT_OUT:
                    raise
                self._note(error)
                left[key] = LEFT_OUT

    def with_last(self, error: ConfigError) -> ConfigError:
        """Return the error that ended the reading together with all problems before it."""
        self._note(error)
        return self.error()

    def error(self) -> ConfigError:
        """Return one error that holds every problem; its cause is that of the first."""
        error = ConfigError(self.problems, self.filename or None)
        error.__cause__ = self._cause
        return error

    def _note(self, error: ConfigError, cause: BaseException | None = None) -> None:
        if not self.problems:
            self._cause = cause or error.__cause__
        # A file that several others inherit is read, and wrong, several times.
        self.problems += [problem for problem in error.problems if problem not in self.problems]


def _without(child: dict[Any, Any], base: Any, path: KeyPath) -> LDict:
    """Return a child without what cannot be merged; a dict where the base has None replaces it instead."""
    key, result = path[0], LDict(child)
    below, there = result[key], base.get(key)
    if len(path) > 1:
        result.put(key, _without(below, there, path[1:]), None)
    elif isinstance(below, dict) and there is None:
        whole = LDict(below)
        whole.put(DELETE, True, None)
        result.put(key, whole, None)
    else:
        del result[key]
    return result
