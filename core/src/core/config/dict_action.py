"""`--cfg-options KEY=VALUE ...` on a command line of argparse."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any


class DictAction(argparse.Action):
    """Collect `KEY=VALUE` words in a dict, with MMCV's reading of values.

    A value is a number, `True`/`False` in any case, `None`, a list `a,b` or `[a,b]`, a tuple `(a,b)`, nested
    at will and with or without spaces, or else text. Words of several uses of the option add up.
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

    Quotes around a text keep its commas and spaces; they do not make a text of a number.

    Args:
        text: what stands behind the `=`.

    Raises:
        ValueError: if brackets do not match.
    """
    text = text.strip()
    if _quoted(text):
        inner = text[1:-1]
        nested = _bracketed(inner.strip()) or _quoted(inner.strip())
        return parse_value(inner) if nested else _scalar(inner)
    if _bracketed(text):
        items = [parse_value(item) for item in _items(text[1:-1])]
        return tuple(items) if text[0] == "(" else items
    # As in MMCV, commas alone make a list.
    items = _items(text) if "," in text else []
    return _scalar(text) if len(items) < 2 and not text.endswith(",") else [parse_value(item) for item in items]


def _quoted(text: str) -> bool:
    """Tell whether one pair of quotes stands around all of a text."""
    return len(text) > 1 and text[0] in "'\"" and text.find(text[0], 1) == len(text) - 1


def _bracketed(text: str) -> bool:
    """Tell whether the bracket at the beginning of a text is closed at its end and no sooner."""
    if text[:1] + text[-1:] not in ("()", "[]"):
        return False
    depths = [depth for _, _, depth in _walk(text)]
    return depths[-1] == 0 and all(depths[:-1])


def _items(text: str) -> list[str]:
    """Split at the commas that stand neither in brackets nor in quotes; an item behind the last one may lack."""
    items, start, depth = [], 0, 0
    for place, character, depth in _walk(text):
        if character == "," and depth == 0:
            items.append(text[start:place])
            start = place + 1
    if depth != 0:
        raise ValueError(f"the brackets in {text!r} do not match")
    return [*items, text[start:]] if text[start:].strip() else items


def _walk(text: str) -> Iterator[tuple[int, str, int]]:
    """Yield place, character and depth behind it of everything outside quotes; quotes open where an item begins."""
    depth, before, place = 0, ",", 0
    while place < len(text):
        character = text[place]
        if character in "'\"" and before in ",([" and (end := text.find(character, place + 1)) > 0:
            place = end
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        yield place, character, depth
        before = before if character == " " else character
        place += 1


def _scalar(text: str) -> Any:
    text = text.strip("'\"")
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    if text.strip().lower() in ("true", "false"):
        return text.strip().lower() == "true"
    return None if text.strip() == "None" else text
