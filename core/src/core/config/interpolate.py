"""Placeholders: `{{ fileDirname }}` and its kin inside text, and `{{ _base_.key }}` as a whole value."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from core.config.limits import check_whole
from core.config.located import LDict, LList, unaliased
from core.suggest import did_you_mean

_PREDEFINED = re.compile(r"\{\{\s*(fileDirname|fileBasename|fileBasenameNoExtension|fileExtname)\s*\}\}")
BASE_TEXT = re.compile(r"\{\{\s*_base_\.([\w.]+)\s*\}\}")


def predefined(file: str) -> dict[str, str]:
    """Return the values of the predefined variables of a file."""
    base = os.path.basename(file)
    stem, extension = os.path.splitext(base)
    return {
        "fileDirname": os.path.dirname(file),
        "fileBasename": base,
        "fileBasenameNoExtension": stem,
        "fileExtname": extension,
    }


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Replace the predefined variables in a text; without values the text stays as it is."""
    if "{{" not in text or not values:
        return text
    return _PREDEFINED.sub(lambda match: values[match[1]], text)


def base_value(name: str, base: Mapping[str, Any]) -> Any:
    """Return a copy of what `{{ _base_.name }}` stands for.

    Args:
        name: keys joined by dots; a number is an index of a list.
        base: the merged bases.

    Raises:
        KeyError: if there is no such key; the text says which one was probably meant.
        TooLarge: if a copy would be.
    """
    value: Any = base
    done: list[str] = []
    for key in name.split("."):
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(value, (list, tuple)) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            known = list(value) if isinstance(value, Mapping) else []
            where = ".".join(["_base_", *done])
            raise KeyError(f"{where} has no key {key!r}{did_you_mean(key, [str(k) for k in known])}")
        done.append(key)
    check_whole(value)
    return unaliased(value)


def mark_bases(text: str) -> tuple[str, dict[str, str]]:
    """Replace `{{ _base_.key }}` in YAML, JSON or TOML text by words; return them with the keys they stand for."""
    words: dict[str, str] = {}

    def mark(match: re.Match[str]) -> str:
        word = f"hookloom-base-{len(words)}-placeholder"
        words[word] = match[1]
        return word

    return BASE_TEXT.sub(mark, text), words


def replace_marks(value: Any, words: Mapping[str, str], lookup: Callable[[str], Any]) -> Any:
    """Put the bases' values where `mark_bases` left its words, inside located containers too."""
    if isinstance(value, str):
        if value in words:
            return lookup(words[value])
        for word, key in words.items():
            if word in value:
                value = value.replace(word, str(lookup(key)))
        return value
    if isinstance(value, LDict):
        result = LDict()
        for key, item in value.items():
            name = replace_marks(key, words, lookup) if isinstance(key, str) else key
            result.put(name, replace_marks(item, words, lookup), value.places.get(key))
        return result
    if isinstance(value, LList):
        return LList([replace_marks(item, words, lookup) for item in value], list(value.places))
    return value
