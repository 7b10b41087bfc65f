"""YAML configs, with the line of every key from the parser's own marks."""

from __future__ import annotations

from typing import Any

import yaml

from core.config.failure import ReadError
from core.config.located import LDict, LList
from core.config.locations import Location

# The C parser is five times as fast; a build of PyYAML without it works as well.
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str, file: str) -> LDict:
    """Return the content of a YAML config.

    Raises:
        ReadError: if it is no YAML, or no mapping.
    """
    loader = Loader(text)
    try:
        node = loader.get_single_node()
        content = LDict() if node is None else _convert(node, loader, file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ReadError(f"no YAML: {error.problem or error.context}", mark.line + 1 if mark else 1) from error
    except yaml.YAMLError as error:
        raise ReadError(f"no YAML: {error}", 1) from error
    finally:
        loader.dispose()
    if not isinstance(content, LDict):
        raise ReadError("a config must be a mapping of keys to values", 1)
    return content


def _convert(node: yaml.Node, loader: Any, file: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)  # `<<` merges
        result = LDict()
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            try:
                result.put(key, _convert(value_node, loader, file), Location(file, line))
            except TypeError as error:
                raise ReadError(f"a key cannot be a {type(key).__name__}", line) from error
        return result
    if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
        places: list[Location | None] = [Location(file, item.start_mark.line + 1) for item in node.value]
        return LList([_convert(item, loader, file) for item in node.value], places)
    return loader.construct_object(node, deep=True)
