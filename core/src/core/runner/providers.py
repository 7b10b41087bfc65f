"""Whether the optimizer that goes on with a checkpoint is the one that the checkpoint's was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.component import Provider, normal_name, provider_of
from core.errors import CheckpointError
from core.runner import state


def check_providers(runner: Any, checkpoint: str, saved: Mapping[str, Any], *, other_provider: bool) -> None:
    """Refuse the state of another optimizer, also of one of that name, and warn of another version's.

    Neither a name, such as `Lion`, nor the keys of a state say much of what it means.

    Args:
        runner: with the optimizers that shall go on.
        checkpoint: its name, for the message.
        saved: our part of it; one of MMCV's records no providers, and nothing is said of it.
        other_provider: whether the user asked for it.

    Raises:
        CheckpointError: if an optimizer was of another class or distribution, unless that is asked for.
    """
    recorded = saved.get("providers") or {}
    classes = _classes(saved)
    for name, optimizer in state.optimizers_of(runner).items():
        key = state.optimizer_key(name)
        if key not in recorded:
            continue
        before, now = _parsed(recorded[key]), provider_of(state.library_class(type(optimizer)))
        kind = type(optimizer).__name__
        kind_before = classes.get(name, kind)
        said = f"the checkpoint's {key} is {kind_before} of {before}, and the run's is {kind} of {now}"
        if normal_name(before.distribution) == normal_name(now.distribution) and kind_before == kind:
            if _public(before) != _public(now):
                runner.logger.warning("resuming: %s: another version may keep its state otherwise", said)
        elif other_provider or not (before.version or now.version):  # a user's own module may well be renamed
            runner.logger.warning("resuming: %s", said)
        else:
            raise CheckpointError(
                f"{checkpoint}: {said}: its state may mean something else; write resume=dict(other_provider=True) "
                "to go on with it all the same, or load_from to go on with the weights alone"
            )


def is_as_recorded(saved: Mapping[str, Any], name: str, optimizer: Any) -> bool:
    """Tell whether an optimizer is of the very class, distribution and version that a checkpoint records.

    Args:
        saved: our part of the checkpoint.
        name: of the optimizer among several; empty for one alone.
        optimizer: that shall go on.
    """
    recorded = (saved.get("providers") or {}).get(state.optimizer_key(name))
    kind = type(optimizer).__name__
    if recorded is None or _classes(saved).get(name, kind) != kind:
        return False
    before, now = _parsed(recorded), provider_of(state.library_class(type(optimizer)))
    return normal_name(before.distribution) == normal_name(now.distribution) and _public(before) == _public(now)


def _classes(saved: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the class of each optimizer by its name, as far as a checkpoint tells."""
    return (saved.get("options") or {}).get("optimizers") or {}


def _parsed(text: str) -> Provider:
    distribution, _, version = text.partition(" ")
    return Provider(distribution, version)


def _public(provider: Provider) -> str:
    """Return a version without the part that says what it was built for."""
    return provider.version.partition("+")[0]
