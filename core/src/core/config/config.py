"""`Config`: a merged config as a script uses it, with attribute and item access."""

from __future__ import annotations

import copy
import functools
import operator
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.config.config_dict import ConfigDict
from core.config.custom_imports import apply_custom_imports
from core.config.dump import DumpError, to_json, to_python, to_toml, to_yaml
from core.config.inherit import MergeError
from core.config.loader import Loaded, from_dict, load, read_string
from core.config.locations import Locations, format_path


class Config:
    """A config.

    Args:
        cfg_dict: its keys; None for none.
        cfg_text: the text it was read from.
        filename: the file it was read from.

    Raises:
        TypeError: if `cfg_dict` is no dict.
        ConfigError: if it uses a reserved key.
    """

    def __init__(
        self,
        cfg_dict: Mapping[str, Any] | None = None,
        cfg_text: str | None = None,
        filename: str | None = None,
    ) -> None:
        if cfg_dict is not None and not isinstance(cfg_dict, Mapping):
            raise TypeError(f"cfg_dict must be a dict, got {type(cfg_dict).__name__}")
        loaded = from_dict(cfg_dict or {})
        self._take(Loaded(loaded.data, loaded.locations, filename, cfg_text or ""))
        if cfg_text is None and filename:
            self.__dict__["_text"] = Path(filename).read_text(encoding="utf-8")

    def _take(self, loaded: Loaded) -> None:
        values = {
            "_cfg_dict": ConfigDict(loaded.data),
            "_filename": loaded.filename,
            "_text": loaded.text,
            "_locations": loaded.locations,
            "_used_names": loaded.used_names,
            "_findings": loaded.findings,
            "_executed": loaded.executed,
        }
        self.__dict__.update(values)

    @classmethod
    def of(cls, loaded: Loaded) -> Config:
        """Return a Config of what was read."""
        config = cls.__new__(cls)
        config._take(loaded)
        return config

    @staticmethod
    def fromfile(
        filename: str | os.PathLike[str],
        use_predefined_variables: bool = True,
        import_custom_modules: bool = True,
        static: bool = False,
    ) -> Config:
        """Read a config file with everything it inherits.

        Args:
            filename: a `.py`, `.yaml`, `.yml`, `.json` or `.toml` file.
            use_predefined_variables: whether `{{ fileDirname }}` and its kin are replaced.
            import_custom_modules: whether the modules of `custom_imports` are imported.
            static: refuse a Python file that would have to be run.

        Raises:
            ConfigError: if it cannot be read.
        """
        loaded = load(filename, static=static, use_predefined_variables=use_predefined_variables)
        if import_custom_modules:
            apply_custom_imports(loaded.data, loaded.locations, loaded.filename)
        return Config.of(loaded)

    @staticmethod
    def fromstring(cfg_str: str, file_format: str) -> Config:
        """Read a config from a text.

        Args:
            cfg_str: the text.
            file_format: `.py`, `.json`, `.yaml`, `.yml` or `.toml`.

        Raises:
            OSError: if the format is unknown.
            ConfigError: if the text cannot be read.
        """
        if file_format not in (".py", ".json", ".yaml", ".yml", ".toml"):
            raise OSError("only the formats .py, .json, .yaml, .yml and .toml are read")
        return Config.of(read_string(cfg_str, file_format))

    @property
    def filename(self) -> str | None:
        """The file it was read from."""
        return self._filename  # type: ignore[no-any-return]

    @property
    def text(self) -> str:
        """The text it was read from, bases first."""
        return self._text  # type: ignore[no-any-return]

    @property
    def pretty_text(self) -> str:
        """The merged config as Python text, which loads again to an equal one."""
        return to_python(self.to_dict())

    @property
    def locations(self) -> Locations:
        """The place of every key that a file or an option has set."""
        return self._locations  # type: ignore[no-any-return]

    @property
    def loaded(self) -> Loaded:
        """The config as the checker takes it, with what has been changed since it was read."""
        return Loaded(
            self.to_dict(),
            self._locations,
            self._filename,
            self._text,
            self._used_names,
            self._findings,
            self._executed,
        )

    def merge_from_dict(self, options: Mapping[str, Any], allow_list_keys: bool = True) -> None:
        """Merge values by dotted key.

        Args:
            options: such as `{'optimizer.lr': 0.1, 'data.train.pipeline.0.type': 'Load'}`.
            allow_list_keys: whether a key of digits is an index into a list.

        Raises:
            TypeError: if a key leads into something that is neither a dict nor a list.
            KeyError: if an index is too large.
        """
        from core.config.finish import finish
        from core.config.inherit import merge
        from core.config.overrides import nested, placed

        placeless = placed(self.to_dict(), None)  # type: ignore[arg-type]
        try:
            merged = merge(nested(options), placeless, index_lists=allow_list_keys)
        except MergeError as error:
            kind = KeyError if "too large" in error.message else TypeError
            raise kind(f"{format_path(error.path)}: {error.message}" if error.path else error.message) from error
        data, fresh, _ = finish(merged)
        places = dict(self._locations)
        for path, place in fresh.items():
            merges = isinstance(functools.reduce(operator.getitem, path, data), dict)
            places[path] = place.over(places.get(path), "merge" if merges else "override")
        self.__dict__["_cfg_dict"] = ConfigDict(data)
        self.__dict__["_locations"] = Locations(places)

    def to_dict(self) -> dict[str, Any]:
        """Return plain containers, all new."""
        return self._cfg_dict.to_dict()  # type: ignore[no-any-return]

    def dump(self, file: str | os.PathLike[str] | None = None) -> str | None:
        """Write the merged config.

        Args:
            file: where to; its extension (`.py`, `.json`, `.yaml`, `.yml`, `.toml`) says in which format. None
                returns the text, in the format of the file it was read from.

        Raises:
            DumpError: if the format is none of these, or cannot hold a value.
        """
        name = os.fspath(file) if file is not None else self.filename or ".py"
        extension = os.path.splitext(name)[1] or ".py"
        writers = {".py": to_python, ".json": to_json, ".yaml": to_yaml, ".yml": to_yaml, ".toml": to_toml}
        if extension not in writers:
            raise DumpError(f"a config is written as {', '.join(writers)}, not as {extension!r}")
        text = writers[extension](self.to_dict())
        if file is None:
            return text
        Path(file).write_text(text, encoding="utf-8")
        return None

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or `default`."""
        return self._cfg_dict.get(key, default)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_cfg_dict" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self._cfg_dict, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._cfg_dict, name, value)

    def __getitem__(self, name: str) -> Any:
        return self._cfg_dict[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._cfg_dict[name] = value

    def __delitem__(self, name: str) -> None:
        del self._cfg_dict[name]

    def __contains__(self, name: str) -> bool:
        return name in self._cfg_dict

    def __iter__(self) -> Iterator[str]:
        return iter(self._cfg_dict)

    def __len__(self) -> int:
        return len(self._cfg_dict)

    def __repr__(self) -> str:
        return f"Config (path: {self.filename}): {dict(self._cfg_dict)!r}"

    def __copy__(self) -> Config:
        return self._copied(copy.copy(self._cfg_dict))

    def __deepcopy__(self, memo: dict[int, Any]) -> Config:
        return self._copied(copy.deepcopy(self._cfg_dict, memo))

    def _copied(self, cfg_dict: ConfigDict) -> Config:
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.__dict__["_cfg_dict"] = cfg_dict
        return other

    def __getstate__(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
