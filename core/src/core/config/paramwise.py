"""What an optimizer constructor declares of its `paramwise_cfg`, and which rules in it name no parameter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import attrs
from attrs import frozen

from core.component import Component
from core.errors import OptionError
from core.plugins.switches import CORE
from core.suggest import nearest

How = Literal["part", "pattern"]
NAMES = "names_parameters"
"""The metadata of a field whose keys or items name parameters; its value says how."""
COMPONENT = "registry"
"""The metadata of a field that holds the table of a component; its value is the name of the registry."""


@frozen
class CustomKey:
    """What parameters whose name holds a text are multiplied with.

    Args:
        lr_mult: factor of the lr.
        decay_mult: factor of the weight decay.
    """

    lr_mult: float = 1.0
    decay_mult: float = 1.0


@frozen(kw_only=True)
class CommonOptions:
    """What every constructor's `paramwise_cfg` may hold.

    Args:
        strict_keys: whether a rule that matches no parameter is an error; else it is a warning.
        merge_groups: whether parameters with equal settings form one group; None leaves it to the constructor.
    """

    strict_keys: bool = False
    merge_groups: bool | None = None


@frozen(kw_only=True)
class ParamwiseConfig(CommonOptions):
    """The default constructor's `paramwise_cfg`.

    Args:
        custom_keys: rules by a part of the parameter's name, each `dict(lr_mult=, decay_mult=)`.
        bias_lr_mult: factor of the lr of biases outside of norm layers.
        bias_decay_mult: factor of their weight decay.
        norm_decay_mult: factor of the weight decay of norm layers.
        dwconv_decay_mult: factor of the weight decay of depthwise convolutions.
        dcn_offset_lr_mult: factor of the lr of offsets in deformable convolutions.
        bypass_duplicate: leave out parameters that were met before.
        strict_keys: whether a rule that matches no parameter is an error; else it is a warning.
        merge_groups: whether parameters with equal settings form one group; else each is a group of its own.
    """

    custom_keys: dict[str, CustomKey] | None = attrs.field(default=None, metadata={NAMES: "part"})
    bias_lr_mult: float = 1.0
    bias_decay_mult: float = 1.0
    norm_decay_mult: float = 1.0
    dwconv_decay_mult: float = 1.0
    dcn_offset_lr_mult: float = 1.0
    bypass_duplicate: bool = False


@frozen
class Unmatched:
    """A rule that names no parameter.

    Args:
        path: where it stands in `paramwise_cfg`.
        rule: the rule.
        near: what was perhaps meant.
    """

    path: tuple[str | int, ...]
    rule: str
    near: str | None

    def text(self, model: Any) -> str:
        """Return the sentence about it.

        Args:
            model: whose parameters were looked at.
        """
        where = "".join(f"[{step!r}]" if number else str(step) for number, step in enumerate(self.path))
        hint = f"; did you mean {self.near!r}?" if self.near else ""
        return f"paramwise_cfg.{where} matches no parameter of {type(model).__name__}{hint}"


def declared_by(component: Component) -> type | None:
    """Return the attrs class of a constructor's `paramwise_cfg`; None if it declares none, and takes anything."""
    # Another constructor may be registered under the name of the default one.
    return ParamwiseConfig if component.provider.distribution == CORE else declared_of(component.target)


def declared_of(constructor: Any) -> type | None:
    """Return the attrs class that a constructor names as its `paramwise_options`; None if it names none."""
    found = getattr(constructor, "paramwise_options", None)
    return found if isinstance(found, type) and attrs.has(found) else None


def part(rule: str, name: str) -> bool:
    """Tell whether a rule is part of a parameter's name, written as MMCV does: `.weight` in the model itself."""
    return rule in (name if "." in name else f".{name}")


def pattern(rule: str, name: str) -> bool:
    """Tell whether a regular expression is found in a parameter's name.

    Raises:
        OptionError: if it is none.
    """
    try:
        return re.search(rule, name) is not None
    except re.error as error:
        raise OptionError(f"{rule!r} is no regular expression: {error}") from error


_MATCHES: Mapping[Any, Callable[[str, str], bool]] = {"part": part, "pattern": pattern}


def naming_rules(paramwise: Mapping[str, Any], options: type) -> Iterator[tuple[tuple[str | int, ...], str, How]]:
    """Yield each rule that names parameters: where it stands, the rule, and how it names them.

    Args:
        paramwise: the `paramwise_cfg`.
        options: its declaration.
    """
    for field in attrs.fields(options):
        how, rules = field.metadata.get(NAMES), paramwise.get(field.name)
        if how not in _MATCHES or isinstance(rules, str) or not isinstance(rules, Iterable):
            continue
        for place, rule in ((one, one) for one in rules) if isinstance(rules, Mapping) else enumerate(rules):
            if isinstance(rule, str) and isinstance(place, (str, int)):
                yield (field.name, place), rule, how


def unmatched(paramwise: Mapping[str, Any], options: type, names: Iterable[str]) -> list[Unmatched]:
    """Return the rules that name none of a model's parameters, each with a near name.

    Args:
        paramwise: the `paramwise_cfg`.
        options: its declaration.
        names: of all parameters.
    """
    known = list(names)
    found = []
    for path, rule, how in naming_rules(paramwise, options):
        if not any(_MATCHES[how](rule, name) for name in known):
            close = nearest(_plain(rule) if how == "pattern" else rule, _parts(known))
            found.append(Unmatched(path, rule, close[0] if close else None))
    return found


def _plain(rule: str) -> str:
    """Return a pattern without what only patterns have, to compare it with names."""
    return re.sub(r"\\d\+?|[\\^$()*+?\[\]]", "", rule).strip(".")


def _parts(names: Iterable[str]) -> list[str]:
    """Return what a rule could name: each module and parameter, alone and with what leads to it."""
    found: dict[str, None] = {}
    for name in names:
        steps = name.split(".")
        for end in range(1, len(steps) + 1):
            found[steps[end - 1]] = found[".".join(steps[:end])] = None
    return list(found)
