"""From the text of one file to its keys: which reader a file needs."""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Callable
from typing import Any

from core.config.failure import NeedsExecution, ReadError
from core.config.interpolate import mark_bases, predefined, replace_marks, substitute
from core.config.limits import TooLarge, check_whole
from core.config.located import LDict

EXTENSIONS = (".py", ".json", ".yaml", ".yml", ".toml")


def read_text(
    text: str,
    file: str,
    base: Callable[[str], Any],
    *,
    static: bool = False,
    use_predefined_variables: bool = True,
    ran: Callable[[NeedsExecution], None] = lambda needed: None,
) -> tuple[LDict, set[str]]:
    """Return the keys of one file, and the names that it reads itself.

    Args:
        text: its content.
        file: its name, whose extension says how it is read.
        base: looks up `{{ _base_.key }}`.
        static: refuse a Python file that would have to be run.
        use_predefined_variables: whether `{{ fileDirname }}` and its kin are replaced.
        ran: told why a Python file is run.

    Raises:
        ReadError: if it cannot be read.
    """
    variables = predefined(file) if use_predefined_variables else {}
    extension = os.path.splitext(file)[1].lower()
    if extension == ".py":
        return _python(text, file, variables, base, None if static else ran)
    marked, words = mark_bases(substitute(text, variables))
    if extension == ".json":
        from core.config.json_reader import read_json as reader
    elif extension == ".toml":
        from core.config.toml_reader import read_toml as reader
    else:
        from core.config.yaml_reader import read_yaml as reader
    content = reader(marked, file)
    if not words:
        return content, set()
    check_whole(content)

    def lookup(name: str) -> Any:
        try:
            return base(name)
        except (KeyError, TooLarge) as error:
            lines = enumerate(text.splitlines(), 1)
            raise ReadError(str(error.args[0]), next(line for line, one in lines if f"_base_.{name}" in one)) from error

    return replace_marks(content, words, lookup), set()


def _python(
    text: str,
    file: str,
    variables: dict[str, str],
    base: Callable[[str], Any],
    ran: Callable[[NeedsExecution], None] | None,
) -> tuple[LDict, set[str]]:
    from core.config.static_reader import read_static

    tree = parse(text, file)
    try:
        return read_static(tree, file, variables, base)
    except NeedsExecution as needed:
        if ran is None:
            raise ReadError(
                f"{needed.message}: the file would have to be run, which --static refuses", needed.line
            ) from needed
        ran(needed)
    from core.config.executed_reader import read_executed

    try:
        # A tree that parses may still be refused, for `return` outside a function and the like.
        compile(text, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise _syntax(error, text) from error
    return read_executed(tree, file, variables, base)


def parse(text: str, file: str) -> ast.Module:
    """Parse a Python config.

    Raises:
        ReadError: with the line itself, if it is no Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an escape such as '\\d' is none of ours, and loads as it always did
            return ast.parse(text, file)
    except SyntaxError as error:
        raise _syntax(error, text) from error
    except ValueError as error:
        raise ReadError(f"no Python: {error}", 1) from error


def _syntax(error: SyntaxError, text: str) -> ReadError:
    line = error.lineno or 1
    lines = text.splitlines()
    shown = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    return ReadError(f"syntax error: {error.msg}" + (f": {shown}" if shown else ""), line)
