"""`hookloom check`: everything that can be known of a config before anything is built."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from core.errors import EXIT_USAGE, ConfigError


def check(
    path: str, overrides: Mapping[str, Any] | None = None, strict: bool = False, output: str = "text"
) -> int:
    """Check a config and print what is wrong with it.

    Args:
        path: the config.
        overrides: `--cfg-options`, by dotted key.
        strict: whether warnings count as errors.
        output: `text` or `json`.

    Returns:
        the exit code: 0 if it can be run, else 2.
    """
    from core.config.converter import check as check_loaded
    from core.config.loader import load
    from core.config.problems import render

    try:
        _, warnings = check_loaded(load(path, overrides=overrides), strict=strict)
    except ConfigError as error:
        print(_as_json(path, error.problems) if output == "json" else error)
        return EXIT_USAGE
    print(_as_json(path, warnings) if output == "json" else render(warnings, path))
    return 0


def _as_json(path: str, problems: Iterable[Any]) -> str:
    from core.config.locations import format_path

    rows = []
    for problem in problems:
        location, previous = problem.location, getattr(problem.location, "previous", None)
        rows.append(
            {
                "severity": problem.severity,
                "file": location.file if location else None,
                "line": location.line if location else None,
                "overrides": {"file": previous.file, "line": previous.line} if previous else None,
                "key": format_path(problem.path),
                "message": problem.message,
                "expected": problem.expected,
                "found": problem.found,
                "suggestion": problem.suggestion,
                "hint": problem.hint,
            }
        )
    return json.dumps({"config": path, "problems": rows}, indent=2)
