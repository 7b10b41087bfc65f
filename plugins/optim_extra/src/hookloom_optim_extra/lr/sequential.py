"""The LR policy `Sequential`: one policy after another."""

from __future__ import annotations

import inspect
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import attrs

from core import LR_UPDATERS, LrUpdaterHook, hook
from core.errors import HookloomError, OptionError
from core.hooks.preflight import Findings, RunFacts
from core.hooks.schedule import Values
from hookloom_optim_extra.lengths import Length, is_length, refuse, span
from hookloom_optim_extra.part_of_run import PartOfRun

if TYPE_CHECKING:
    from core.hooks.protocol import Runner

_OF_THE_WHOLE = ("by_epoch", "warmup", "warmup_iters", "warmup_ratio", "warmup_by_epoch")
_SCHEDULE = {"before_run", "before_train_epoch", "before_train_iter"}


def _policies(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, (list, tuple)) or len(value) < 2:
        raise OptionError(f"policies must be a list of at least two policies, got {value!r}")
    for index, table in enumerate(value):
        if not isinstance(table, Mapping) or "policy" not in table:
            raise OptionError(f"policies[{index}] must be a dict with 'policy', got {table!r}")
        for key in _OF_THE_WHOLE:
            if key in table:
                raise OptionError(f"policies[{index}] must not have {key!r}: it is said once, beside 'policies'")


def _milestones(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, (list, tuple)) or not all(is_length(one) and one > 0 for one in value):
        raise OptionError(
            "milestones must be a list of positive whole numbers of epochs or iterations, or of floats up to 1 for "
            f"parts of the run, got {value!r}"
        )
    policies = getattr(instance, "policies", None)
    if isinstance(policies, (list, tuple)) and len(value) != len(policies) - 1:
        raise OptionError(f"milestones must be {len(policies) - 1} for {len(policies)} policies, got {len(value)}")
    for kind in (int, float):
        same = [one for one in value if isinstance(one, kind)]
        if any(later <= earlier for earlier, later in pairwise(same)):
            raise OptionError(f"milestones must grow, got {value!r}")


@hook
class SequentialLrUpdaterHook(LrUpdaterHook):
    """Follow one policy up to the first milestone, the next one up to the second, and so on.

    lr = what policy k gives at progress - milestone[k-1] in a run as long as its part, from the same base lr. The
    warm-up is that of the whole (as torch's SequentialLR, with MMCV's policies).

    Args:
        policies: each a dict with `policy` and its options, as in `lr_config`; `by_epoch` and the warm-up are said
            once, for all of them.
        milestones: where each but the first begins: epochs or iterations, or floats for parts of the run.
    """

    policies: list[dict[str, Any]] = attrs.field(validator=_policies)
    milestones: list[Length] = attrs.field(validator=_milestones)
    _members: list[LrUpdaterHook] = attrs.field(factory=list, init=False, repr=False)
    _starts: list[int] = attrs.field(factory=list, init=False, repr=False)

    @classmethod
    def preflight(cls, options: Mapping[str, Any], run: RunFacts) -> Findings:
        """Refuse milestones beyond the run, policies that are no schedules, and what each refuses of its part."""
        by_epoch, policies = bool(options["by_epoch"]), options["policies"]
        total = run.length(by_epoch)
        try:
            starts = _begin(options["milestones"], total)
        except OptionError as error:
            yield "milestones", str(error)
            return
        for index, table in enumerate(policies):
            ends = [*starts, total]
            facts = attrs.evolve(
                run,
                max_epochs=_minus(ends[index + 1], starts[index]) if by_epoch else run.max_epochs,
                max_iters=run.max_iters if by_epoch else _minus(ends[index + 1], starts[index]),
            )
            for message in _of_member(table, by_epoch, facts):
                yield "policies", f"[{index}] {message}"

    def before_run(self, runner: Runner) -> None:
        """Make the policies and begin each.

        Raises:
            OptionError: if one of them cannot be part of a sequence, or does not fit its part of the run.
        """
        super().before_run(runner)
        refuse(self, runner)
        starts = _begin(self.milestones, self._total(runner))
        if None in starts:
            self.progress(runner)  # which says that the length of the run is needed
        self._starts = [start for start in starts if start is not None]
        self._members = [_made(table, self.by_epoch) for table in self.policies]
        for index, member in enumerate(self._members):
            member.before_run(self._part(runner, index))

    def get_regular_lr(self, runner: Runner) -> Values:
        """Return the lr of all groups from the policy whose turn it is."""
        index = bisect_right(self._starts, runner.epoch if self.by_epoch else runner.iter) - 1
        return self._members[index].get_regular_lr(self._part(runner, index))

    def _total(self, runner: Runner) -> int | None:
        return runner.max_epochs if self.by_epoch else runner.max_iters

    def _part(self, runner: Runner, index: int) -> Runner:
        start = self._starts[index]
        end = self._starts[index + 1] if index + 1 < len(self._starts) else self._total(runner)
        return cast("Runner", PartOfRun(runner, self.by_epoch, start, _minus(end, start)))


def _begin(milestones: list[Length], total: int | None) -> list[int | None]:
    """Return where each part begins; None for a part of a run whose length is not known.

    Raises:
        OptionError: if a part would have no length.
    """
    starts: list[int | None] = [0]
    for milestone in milestones:
        if isinstance(milestone, int):
            starts.append(milestone)
        else:
            starts.append(None if total is None else span(milestone, total))
    known = [start for start in [*starts, total] if start is not None]
    for earlier, later in pairwise(known):
        if later <= earlier:
            length = "" if total is None else f" in a run of {total}"
            raise OptionError(
                f"{milestones} leave a policy no time{length}: one begins at {earlier}, the next at {later}"
            )
    return starts


def _minus(end: int | None, start: int | None) -> int | None:
    return None if end is None or start is None else end - start


def _made(table: Mapping[str, Any], by_epoch: bool) -> LrUpdaterHook:
    options = dict(table)
    made: LrUpdaterHook = LR_UPDATERS.resolve(options.pop("policy")).target(by_epoch=by_epoch, **options)
    return made


def _of_member(table: Mapping[str, Any], by_epoch: bool, facts: RunFacts) -> Iterator[str]:
    """Find what keeps a policy from being a member; what its table alone tells is found elsewhere."""
    name = table["policy"]
    try:
        target = LR_UPDATERS.resolve(name).target
    except HookloomError as error:
        yield str(error)
        return
    if not inspect.isclass(target) or not issubclass(target, LrUpdaterHook):
        yield f"{name!r} is no LrUpdaterHook"
        return
    if not attrs.has(target):
        return  # a user's own class: making it might do more than make it
    try:
        member = _made(table, by_epoch)
    except (HookloomError, ValueError, TypeError) as error:
        yield str(error)
        return
    beyond = set(member.get_triggered_stages()) - _SCHEDULE | {"after_evaluation"} & set(dir(member))
    if beyond:
        yield f"policy {name!r} acts at {', '.join(sorted(beyond))} too, which only a policy by itself can"
        return
    for option, message in type(member).preflight(vars(member), facts):
        yield f"{option}: {message}"
