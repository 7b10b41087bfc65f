"""`--cfg-options KEY=VALUE ...` on a command line of argparse."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any


class DictAction(argparse.Action):
    """Collect `KEY=VALUE` words in a dict, with MMCV's reading of values.

    A value is a number, `True`/`False` in any case, `None`, a list `a,b` or `[a,b]`, a tuple `(a,b)`, nested
    at will, or else text. Words of several uses of the option add up.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Read the words."""
        options = dict(getattr(namespace, self.dest, None) or {})
        for word in [values] if isinstance(values, str) else values or []:
            key, equals, text = str(word).partition("=")
            if not equals or not key:
                parser.error(f"{option_string}: KEY=VALUE is wanted, got {word!r}")
            try:
                options[key] = parse_value(text)
            except ValueError as error:
                parser.error(f"{option_string}: {key}: {error}")
        setattr(namespace, self.dest, options)


def parse_value(text: str) -> Any:
    """Return what a value on the command line means.

    Args:
        text: what stands behind the `=`.

    Raises:
        ValueError: if brackets do not match.
    """
    text = text.strip("'\"").replace(" ", "")
    is_tuple = False
    if text.startswith("(") and text.endswith(")"):
        is_tuple, text = True, text[1:-1]
    elif text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    elif "," not in text or _next_comma(text) == len(text):
        return _scalar(text)  # a comma inside other brackets, as in dict(a=1, b=2), parts nothing
    items = []
    while text:
        end = _next_comma(text)
        items.append(parse_value(text[:end]))
        text = text[end + 1 :]
    return tuple(items) if is_tuple else items


def _next_comma(text: str) -> int:
    depth = 0
    if text.count("(") != text.count(")") or text.count("[") != text.count("]"):
        raise ValueError(f"the brackets in {text!r} do not match")
    for place, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            return place
    return len(text)


def _scalar(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return None if text == "None" else text
