"""A reading problem on its way to the report: raised deep inside a reader, with the line it concerns."""

from __future__ import annotations

from core.config.locations import KeyPath, Location
from core.config.problems import Problem
from core.errors import ConfigError


class ReadError(Exception):
    """Something in a file that cannot be read as a config.

    Args:
        message: what is wrong.
        line: where, from 1.
        path: the key it concerns, if there is one.
    """

    def __init__(self, message: str, line: int, path: KeyPath = ()) -> None:
        super().__init__(message)
        self.message, self.line, self.path = message, line, path


class NeedsExecution(ReadError):
    """Something that only running the file can do, such as an import or a function."""


def fail(message: str, file: str, line: int, filename: str, path: KeyPath = ()) -> ConfigError:
    """Return the error of one problem at one place.

    Args:
        message: what is wrong.
        file: the file with the problem.
        line: the line, from 1.
        filename: the config the user named.
        path: the key it concerns.
    """
    return ConfigError([Problem(message, path, Location(file, line))], filename)
