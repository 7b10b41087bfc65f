"""Whether the optimizer that goes on with a checkpoint comes from where the checkpoint's came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.component import Provider, normal_name, provider_of
from core.errors import CheckpointError
from core.runner import state


def check_providers(runner: Any, checkpoint: str, saved: Mapping[str, Any], *, other_provider: bool) -> None:
    """Refuse the state of another distribution's optimizer, and warn of another version's.

    A name, such as `Lion`, says little of what a state means: two distributions may keep other things under it.

    Args:
        runner: with the optimizers that shall go on.
        checkpoint: its name, for the message.
        saved: our part of it; one of MMCV's records no providers, and nothing is said of it.
        other_provider: whether the user asked for it.

    Raises:
        CheckpointError: if an optimizer came from another distribution, unless that is asked for.
    """
    recorded = saved.get("providers") or {}
    classes = (saved.get("options") or {}).get("optimizers") or {}
    for name, optimizer in state.optimizers_of(runner).items():
        key = state.optimizer_key(name)
        if key not in recorded:
            continue
        before, now = _parsed(recorded[key]), provider_of(state.library_class(type(optimizer)))
        was, is_now = f"{classes.get(name, '')} of {before}".strip(), f"{type(optimizer).__name__} of {now}"
        said = f"the checkpoint's {key} is {was}, and the run's is {is_now}"
        if normal_name(before.distribution) == normal_name(now.distribution):
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
    """Tell whether an optimizer is of the very distribution and version that a checkpoint records.

    Args:
        saved: our part of the checkpoint.
        name: of the optimizer among several; empty for one alone.
        optimizer: that shall go on.
    """
    recorded = (saved.get("providers") or {}).get(state.optimizer_key(name))
    if recorded is None:
        return False
    before, now = _parsed(recorded), provider_of(state.library_class(type(optimizer)))
    return normal_name(before.distribution) == normal_name(now.distribution) and _public(before) == _public(now)


def _parsed(text: str) -> Provider:
    distribution, _, version = text.partition(" ")
    return Provider(distribution, version)


def _public(provider: Provider) -> str:
    """Return a version without the part that says what it was built for."""
    return provider.version.partition("+")[0]
