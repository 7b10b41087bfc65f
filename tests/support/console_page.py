"""Repeats the commands of a documentation page in the files that the page shows, and writes down what they answer."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from core.cli.main import main

BLOCK = re.compile(r"^```(python|py|yaml|console)\n(.*?)^```$", re.M | re.S)
NAME = re.compile(r"# ([\w./]+\.\w+)$")
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - ")


def repeated(page: str, folder: Path) -> str:
    """Return the page with the output of its commands as it is today.

    Args:
        page: Markdown; a block whose first line is a comment with a name is a file, a `console` block holds commands
            behind `$ `, each with its output.
        folder: where the files are made and the commands run.
    """

    def block(match: re.Match[str]) -> str:
        kind, text = match.groups()
        if kind == "console":
            commands = [line for line in text.splitlines() if line.startswith("$ ")]
            return "```console\n" + "".join(f"{line}\n{answer(line[2:])}" for line in commands) + "```"
        name = NAME.match(text.partition("\n")[0])
        if name:
            path = folder / name[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return match[0]

    with inside(folder):
        return BLOCK.sub(block, page)


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Make a folder the current one, and forget the modules that were imported there."""
    before, path, modules = Path.cwd(), list(sys.path), set(sys.modules)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]


def answer(command: str) -> str:
    """Return what a command prints, without log lines and inner lines of tracebacks, and its exit code if not 0."""
    program, *arguments = shlex.split(command, comments=True)
    if program != "hookloom":
        raise ValueError(f"a page runs hookloom alone: {command!r}")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = main(arguments)
    lines = []
    for line in printed.getvalue().replace(str(Path.cwd()) + os.sep, "").splitlines():
        if not LOG_LINE.match(line):
            lines.append(line)
    kept = list(without_frames(lines))
    return "".join(f"{line}\n" for line in kept) + (f"[exit code {code}]\n" if code else "")


def without_frames(lines: list[str]) -> Iterator[str]:
    """Yield the lines, with an ellipsis for what stands inside a traceback."""
    inner = False
    for line in lines:
        if line.startswith("Traceback"):
            inner = True
            yield line
            yield "  ..."
        elif not inner or not line.startswith(" "):
            inner = False
            yield line


if __name__ == "__main__":
    import tempfile

    for name in sys.argv[1:]:
        page = Path(name).resolve()
        with tempfile.TemporaryDirectory() as made:
            page.write_text(repeated(page.read_text(), Path(made)))
