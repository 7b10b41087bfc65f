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
        content = LDict() if node is None else _Converter(loader, file).value(node)
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


class _Converter:
    def __init__(self, loader: Any, file: str) -> None:
        self.loader, self.file = loader, file
        self.done: dict[yaml.Node, Any] = {}

    def value(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self.loader.construct_object(node)
        if node not in self.done:  # an alias is the node of its anchor
            self.done[node] = self._container(node)
        return self.done[node]

    def _container(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if node.tag == "tag:yaml.org,2002:seq":
            places: list[Location | None] = [Location(self.file, item.start_mark.line + 1) for item in node.value]
            return LList([self.value(item) for item in node.value], places)
        return self.loader.construct_object(node, deep=True)

    def _mapping(self, node: yaml.MappingNode) -> LDict:
        own = {id(key_node) for key_node, _ in node.value}
        self.loader.flatten_mapping(node)  # `<<` merges what the mapping's own keys may override
        result, named = LDict(), set[Any]()
        for key_node, value_node in node.value:
            key = self.loader.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            try:
                result.put(key, self.value(value_node), Location(self.file, line))
            except TypeError as error:
                raise ReadError(f"a key cannot be a {type(key).__name__}", line) from error
            if id(key_node) in own:
                if key in named:
                    raise ReadError(f"key {key!r} occurs twice", line)
                named.add(key)
        return result
