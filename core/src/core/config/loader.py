"""From a file name to one merged config with the place of every key: bases, inheritance, options."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen

from core.config.failure import NeedsExecution, ReadError, fail
from core.config.finish import finish
from core.config.formats import EXTENSIONS, read_text
from core.config.inherit import MergeError, merge
from core.config.interpolate import base_value
from core.config.limits import TooLarge, count
from core.config.located import LDict
from core.config.locations import OPTIONS, Location, Locations
from core.config.near_file import comma_hint, near_file
from core.config.overrides import nested
from core.config.problems import Problem
from core.config.trouble import Trouble
from core.errors import ConfigError

BASE = "_base_"
DEPRECATION = "_deprecation_"
EDITORS = "$schema"  # by which editors find the JSON Schema of a file
RESERVED = ("filename", "text", "pretty_text")


@frozen
class Loaded:
    """A config as it was read.

    Args:
        data: the merged config, plain containers only.
        locations: the place of every key and item.
        filename: the file the user named; None for a text or a dict.
        text: the texts of all files, the child's last.
        used_names: top-level names that the files themselves read.
        findings: suspicious things met while reading, and what could not be read if that is tolerated.
        incomplete: whether a base could not be read, so that anything may be missing.
        executed: for every file that had to be run, its name, the line that asked for it, and why.
    """

    data: dict[str, Any]
    locations: Locations = field(factory=Locations)
    filename: str | None = None
    text: str = ""
    used_names: frozenset[str] = frozenset()
    findings: tuple[Problem, ...] = ()
    incomplete: bool = False
    executed: tuple[str, ...] = ()


def load(
    filename: str | os.PathLike[str],
    *,
    overrides: Mapping[str, Any] | None = None,
    static: bool = False,
    use_predefined_variables: bool = True,
    tolerant: bool = False,
) -> Loaded:
    """Read a config file with everything it inherits.

    Args:
        filename: a `.py`, `.yaml`, `.yml`, `.json` or `.toml` file.
        overrides: values by dotted key, merged last.
        static: refuse a Python file that would have to be run.
        use_predefined_variables: whether `{{ fileDirname }}` and its kin are replaced.
        tolerant: go on without a base that cannot be read and values that cannot be merged; they are findings.

    Raises:
        ConfigError: if a file is missing or cannot be read, or child and base do not go together.
    """
    name = os.path.abspath(os.path.expanduser(os.fspath(filename)))
    reading = _Reading(name, static, use_predefined_variables)
    trouble = reading.trouble
    try:
        merged = reading.file(name, None)
        loaded: Loaded = trouble.with_options(overrides, lambda options: reading.finished(merged, options))
    except ConfigError as error:
        raise trouble.with_last(error) from error.__cause__
    if trouble.problems and not tolerant:
        raise trouble.error()
    findings = (*trouble.problems, *(() if trouble.incomplete else loaded.findings))
    return evolve(loaded, findings=findings, incomplete=trouble.incomplete)


def from_dict(data: Mapping[str, Any], *, overrides: Mapping[str, Any] | None = None) -> Loaded:
    """Treat a dict of Python as a config that was read; its keys have no places."""
    from core.config.overrides import placed

    reading = _Reading("", False, True)
    merged = placed(data, Location("", 0))
    _forget_places(merged)
    loaded = reading.finished(merged, overrides)
    return Loaded(loaded.data, loaded.locations, None, "", loaded.used_names, loaded.findings)


def read_string(
    text: str,
    extension: str,
    *,
    folder: str = "",
    overrides: Mapping[str, Any] | None = None,
    static: bool = False,
) -> Loaded:
    """Read a config from a text.

    Args:
        text: the content.
        extension: the kind of file it would stand in, such as `.py`.
        folder: where that file would stand: bases are relative to it; default the working directory.
        overrides: values by dotted key, merged last.
        static: refuse a Python text that would have to be run.
    """
    name = os.path.abspath(os.path.join(folder, f"config{extension}"))
    reading = _Reading(name, static, True)
    merged = reading.text(text, name)
    if reading.trouble.problems:
        raise reading.trouble.error()
    return reading.finished(merged, overrides)


class _Reading:
    """One config on its way from its files to a plain dict."""

    def __init__(self, filename: str, static: bool, use_predefined_variables: bool) -> None:
        self.filename = filename
        self.static = static
        self.use_predefined_variables = use_predefined_variables
        self.texts: list[str] = []
        self.used: set[str] = set()
        self.executed: list[str] = []
        self.open: list[str] = []
        self.trouble = Trouble(filename)

    def file(self, name: str, asked: Location | None) -> LDict:
        """Read a file and its bases."""
        at = asked or Location(name, 1)
        if os.path.splitext(name)[1].lower() not in EXTENSIONS:
            raise fail(f"{name!r} is no config: {', '.join(EXTENSIONS)} are read", at.file, at.line, self.filename)
        if name in self.open:
            chain = " -> ".join(os.path.basename(one) for one in (*self.open[self.open.index(name) :], name))
            raise fail(f"the bases go in a circle: {chain}", at.file, at.line, self.filename)
        try:
            with open(name, encoding="utf-8") as stream:
                text = stream.read()
        except FileNotFoundError as error:
            raise self.no_file(name, asked) from error
        except (OSError, UnicodeDecodeError) as error:
            raise fail(f"file {name!r} cannot be read: {error}", at.file, at.line, self.filename) from error
        self.open.append(name)
        try:
            return self.text(text, name)
        finally:
            self.open.pop()

    def text(self, text: str, name: str) -> LDict:
        """Read the text of a file and its bases, and merge."""
        bases: list[LDict] = []

        def base(key: str) -> Any:
            self.used.add(key.partition(".")[0])
            if not bases:
                bases.append(self.early_bases(text, name))
            try:
                return base_value(key, bases[0])
            except KeyError:
                if self.trouble.incomplete:  # it may well stand in what could not be read
                    raise self.trouble.error() from None
                raise

        def ran(needed: NeedsExecution) -> None:
            self.executed.append(f"{name}:{needed.line}: {needed.message}, so the config is run")
            logging.getLogger("core").info(self.executed[-1])

        try:
            content, read = read_text(
                text,
                name,
                base,
                static=self.static,
                use_predefined_variables=self.use_predefined_variables,
                ran=ran,
            )
            self.used |= read
            content.pop(EDITORS, None)
            _deprecated(content, name)
            merged = content
            if BASE in content:
                parent = bases[0] if bases else self.bases(content, name)
                content = content.copy()
                content.pop(BASE)
                merged = self.trouble.merged(content, parent, name)
        except ReadError as error:
            raise fail(error.message, name, error.line, self.filename, error.path) from error
        except RecursionError as error:
            raise fail("the file is nested too deeply", name, 1, self.filename) from error
        self.texts.append(f"{name}\n{text}")
        return merged

    def bases(self, content: LDict, name: str) -> LDict:
        """Read all bases of a file."""
        named, place = content[BASE], content.places.get(BASE) or Location(name, 1)
        several = named if isinstance(named, (list, tuple)) else [named]
        places = getattr(named, "places", None) or [place] * len(several)
        found = []
        for one, at in zip(several, places, strict=True):
            at = at or place
            with self.trouble.file_left_out():
                if not isinstance(one, str):
                    raise fail(f"_base_ names files, got {one!r}", at.file, at.line, self.filename, (BASE,))
                path = os.path.normpath(os.path.join(os.path.dirname(name), one))
                found.append(self.file(path, at))
        return self.trouble.joined(found)

    def no_file(self, name: str, asked: Location | None) -> ConfigError:
        """Return the error of a config that does not exist, or of a base that `asked` names."""
        near = near_file(name)
        meant = None if near is None else os.path.relpath(near, os.path.dirname(asked.file) if asked else None)
        message, path = f"file {name!r} does not exist", (BASE,) if asked else ()
        return ConfigError([Problem(message, path, asked, suggestion=meant, hint=comma_hint(name))], self.filename)

    def early_bases(self, text: str, name: str) -> LDict:
        """Read the bases while the file itself is being read, for a `{{ _base_.key }}` in it."""
        import ast

        from core.config.formats import parse
        from core.config.static_calls import Evaluator

        content = LDict()
        if name.endswith(".py"):
            for node in parse(text, name).body:
                targets = node.targets if isinstance(node, ast.Assign) else []
                if any(isinstance(one, ast.Name) and one.id == BASE for one in targets):
                    evaluator = Evaluator(name, {}, lambda key: None)
                    content.put(BASE, evaluator.evaluate(node.value), Location(name, node.lineno))  # type: ignore[attr-defined]
        else:
            content = read_text(text, name, lambda key: None)[0]
        if BASE not in content:
            raise KeyError("{{ _base_ }} is used in a file without _base_")
        return self.bases(content, name)

    def finished(self, merged: LDict, overrides: Mapping[str, Any] | None) -> Loaded:
        """Merge the options in and return plain data with places."""
        for key in RESERVED:
            if key in merged:
                place = merged.places.get(key) or Location(self.filename, 1)
                raise fail(
                    f"{key!r} is reserved: a Config has an attribute of that name",
                    place.file,
                    place.line,
                    self.filename,
                    (key,),
                )
        if overrides:
            try:
                merged = merge(nested(overrides), merged, index_lists=True)
            except MergeError as error:
                place = error.place or Location(OPTIONS, 1)
                raise ConfigError([Problem(error.message, error.path, place)], self.filename or None) from error
        try:
            data, places, findings = finish(merged)
        except TooLarge as error:
            largest = max(merged, key=lambda key: count(merged[key]))
            problem = Problem(str(error), (largest,), merged.places.get(largest))
            raise ConfigError([problem], self.filename or None) from error
        except RecursionError as error:
            raise ConfigError([Problem("the config is nested too deeply")], self.filename or None) from error
        return Loaded(
            data,
            Locations(places),
            self.filename,
            "\n".join(self.texts),
            frozenset(self.used),
            tuple(findings),
            executed=tuple(self.executed),
        )


def _forget_places(value: Any) -> None:
    if isinstance(value, dict):
        getattr(value, "places", {}).clear()
        for item in value.values():
            _forget_places(item)
    elif isinstance(value, (list, tuple)):
        places = getattr(value, "places", [])
        places[:] = [None] * len(places)
        for item in value:
            _forget_places(item)


def _deprecated(content: LDict, name: str) -> None:
    if DEPRECATION not in content:
        return
    facts = content.pop(DEPRECATION)
    text = f"The config file {name} will be deprecated in the future."
    if "expected" in facts:
        text += f" Please use {facts['expected']} instead."
    if "reference" in facts:
        text += f" More information can be found at {facts['reference']}"
    warnings.warn(text, DeprecationWarning, stacklevel=4)
