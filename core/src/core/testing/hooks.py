"""Checks of hooks: what they leave alone, what they remember, and how they end."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from core.checkpoint.plain import plain
from core.component import Provider
from core.errors import HookloomError
from core.hooks.adapter import HookAdapter
from core.hooks.manager import HookManager
from core.hooks.points import implemented_points
from core.hooks.priority import get_priority
from core.runner.iter_based import IterBasedRunner
from core.runner.reentry import same
from core.testing.check import Around, Check, Suite, expect, offered, run_checks, said
from core.testing.construction import CONSTRUCTION
from core.testing.hook_subject import HookSubject
from core.testing.hook_watch import Progress, watched, without_hook
from core.testing.refusal import refusal
from core.testing.report import Report
from core.testing.small_job import EPOCHS, ITERS, FailingError, Job, final, same_weights, work_dir

HOOK = Suite(CONSTRUCTION)


@HOOK.check
def points(s: HookSubject) -> None:
    """Its methods are hook points, none is misspelt, and each takes the runner alone."""
    hook = s.build()
    manager = HookManager()
    manager.register(hook, provider=Provider("conformance"))
    manager.check()
    for name in implemented_points(hook):
        method = getattr(hook, name)
        wanted = 2 if name == "on_exception" else 1
        try:
            inspect.signature(method).bind(*range(wanted))
        except (TypeError, ValueError) as error:
            expect(False, f"{name} cannot be called with {wanted} argument{'s' * (wanted > 1)}: {error}")


@HOOK.check
def priority(s: HookSubject) -> None:
    """The priority that it asks for is a number from 0 to 100 or a name."""
    get_priority(getattr(s.target, "default_priority", "NORMAL"))


@HOOK.check
def epochs(s: HookSubject) -> None:
    """It goes through a run of an epoch-based runner, with and without validation and a wrapper of the model."""
    for validates, wrapped in ((False, False), (True, False), (False, True)):
        with work_dir() as folder:
            runner = Job(folder, validates=validates, wrapped=wrapped).run(s.build())
            expect(runner.iter > 0, "no iteration was done")


@HOOK.check
def iterations(s: HookSubject) -> None:
    """It goes through a run of an iteration-based runner, or says before training that it does not."""
    with work_dir() as folder:
        job = Job(folder, IterBasedRunner, validates=True)
        hook, watch = s.build(), Progress()
        error = refusal(lambda: job.run(hook, watch))
        expect(error is None or isinstance(error, HookloomError), f"it raised {said(error)}" if error else "")
        expect(error is None or not watch.states, f"it fails after {len(watch.states)} iterations, not before: {error}")


@HOOK.check
def state_is_data(s: HookSubject) -> None:
    """Its state_dict is a mapping of tensors and plain data, which a checkpoint can hold, and is its own to load."""
    with work_dir() as folder:
        hook = s.build()
        Job(folder).run(hook)
        offered(hasattr(hook, "state_dict"), "it has no state_dict")
        state = hook.state_dict()
        expect(isinstance(state, Mapping), f"a {type(state).__name__}")
        saved = plain(copy.deepcopy(dict(state)))
        s.build().load_state_dict(copy.deepcopy(saved))


@HOOK.check
def resume(s: HookSubject) -> None:
    """A run that is stopped and resumed ends with the weights and the state of one that was not."""
    with work_dir() as folder:
        hook = s.build()
        whole = Job(folder).run(hook)
        offered(whole.iter == ITERS * EPOCHS, "it ends the run itself")
    for at in (1, 4):
        with work_dir() as other:
            Job(other, saves_at=at, ends_at=at).run(s.build())
            resumed_hook = s.build()
            resumed = Job(other, resumes=True).run(resumed_hook)
        differing = same_weights(final(whole), final(resumed))
        expect(not differing, f"resumed after iteration {at + 1}: {', '.join(differing)} differ")
        if hasattr(hook, "state_dict"):
            one, two = _placeless(hook.state_dict(), folder), _placeless(resumed_hook.state_dict(), other)
            expect(same(one, two), f"resumed after iteration {at + 1} its state is {two!r:.100}, not {one!r:.100}")


@HOOK.check
def random_numbers(s: HookSubject) -> None:
    """It draws nothing from the generators of torch, numpy and Python: a run with it sees those of one without."""
    usual, _ = without_hook()
    found = Progress()
    with work_dir() as folder:
        Job(folder).run(s.build(), found)
    for number, (one, two) in enumerate(zip(usual, found.states, strict=False)):
        drawn = [name for name in one if not same(one[name], two[name])]
        expect(not drawn, f"another state of {', '.join(drawn)} before iteration {number + 1}")


@HOOK.check
def weights(s: HookSubject) -> None:
    """A run with it ends with the weights, to the last bit, of a run without it."""
    _, usual = without_hook()
    with work_dir() as folder:
        found = Job(folder).run(s.build())
    offered(found.iter == ITERS * EPOCHS, "it ends the run itself")
    differing = same_weights(usual, final(found))
    expect(not differing, f"{', '.join(differing)} differ")


@HOOK.check
def two_runs(s: HookSubject) -> None:
    """One object goes through two runs of two runners."""
    hook = s.build()
    ends = []
    for _ in range(2):
        with work_dir() as folder:
            ends.append(final(Job(folder).run(hook)))
    expect(not same_weights(*ends), f"the second run ends with other weights: {', '.join(same_weights(*ends))}")


@HOOK.check
def failed_run(s: HookSubject) -> None:
    """A run that fails ends with its own error, to which it adds none, and its hooks can be used again."""
    hook = s.build()
    with work_dir() as folder:
        error = refusal(lambda: Job(folder, fails_at=4).run(hook))
        expect(isinstance(error, FailingError), f"the run ends with {said(error)}" if error else "without an error")
        name = type(hook).__name__
        notes = [note for note in getattr(error, "__notes__", ()) if f"{name}." in note]
        expect(not notes, "; ".join(notes))
    with work_dir() as folder:
        Job(folder).run(hook)


@HOOK.check
def no_waiting(s: HookSubject) -> None:
    """An iteration in which nothing is due reads no value of a tensor: on an accelerator it would wait for it."""
    with work_dir() as folder:
        hook = s.build()
        every = getattr(hook, "interval", None)
        adapter = HookAdapter(hook, 50, Provider("conformance"))
        names = [name for name in ("before_train_iter", "after_train_iter") if name in adapter.bound]
        offered(names, "it does nothing in an iteration")
        offered(every != 1, "something is due in every iteration (interval=1)")
        reads: list[str] = []
        for name in names:
            setattr(hook, name, watched(adapter.bound[name], name, every, reads))
        Job(folder).run(hook)
        expect(not reads, reads[0] if reads else "")


def _placeless(state: Mapping[str, Any], folder: Any) -> Any:
    """Return a state without the name of the folder it is of."""
    return {
        name: value.replace(str(folder), "") if isinstance(value, str) else value for name, value in dict(state).items()
    }


def hook_checks(
    target: Callable[..., Any],
    *,
    exempt: Mapping[str, str] | None = None,
    around: Around | None = None,
    **options: Any,
) -> list[Check]:
    """Return the checks of a hook, each of which can be called as a test.

    Args:
        target: the class.
        exempt: why it may fail a check, by the name of the check.
        around: makes a context in which each check runs, such as one that starts a server.
        **options: what it is built with.

    Raises:
        OptionError: if an exemption names no check.
    """
    return HOOK.of(HookSubject(target, options), exempt, around)


def check_hook(
    target: Callable[..., Any],
    *,
    exempt: Mapping[str, str] | None = None,
    around: Around | None = None,
    **options: Any,
) -> Report:
    """Run all checks of a hook and return their results; the arguments are those of `hook_checks`.

    Raises:
        ConformanceError: listing every check that failed, what it expected and what it found.
    """
    return run_checks(hook_checks(target, exempt=exempt, around=around, **options)).verify()
