"""The nine registries, and how policies and updater hooks are one thing under two names."""

from __future__ import annotations

from collections.abc import Callable

from core.component import Component
from core.registry import Registry, declare

OPTIMIZERS = declare(Registry("optimizers", noun="optimizer"))
OPTIMIZER_BUILDERS = declare(Registry("optimizer_builders", noun="optimizer constructor"))
LR_UPDATERS = declare(Registry("lr_updaters", noun="LR policy", fold_case=True))
MOMENTUM_UPDATERS = declare(Registry("momentum_updaters", noun="momentum policy", fold_case=True))
HOOKS = declare(Registry("hooks", noun="hook"))
RUNNERS = declare(Registry("runners", noun="runner"))
MODELS = declare(Registry("models", noun="model"))
DATASETS = declare(Registry("datasets", noun="dataset"))
PIPELINES = declare(Registry("pipelines", noun="pipeline step"))

LR_SUFFIX = "LrUpdaterHook"
MOMENTUM_SUFFIX = "MomentumUpdaterHook"


def _hook_of(policies: Registry, suffix: str) -> Callable[[str], Component | None]:
    """MMCV users register `MyLrUpdaterHook` in HOOKS and write `policy='my'`."""

    def find(policy: str) -> Component | None:
        wanted = (policy + suffix).casefold()
        names = [name for name in HOOKS.names() if name.casefold() == wanted]
        if not names:
            return None
        found = HOOKS.resolve(names[0])
        return Component(found.name, found.target, found.provider, policies.name)

    return find


def _policy_of(name: str) -> Component | None:
    """An updater under its class name (`StepLrUpdaterHook`) is the policy's component."""
    for policies, suffix in ((LR_UPDATERS, LR_SUFFIX), (MOMENTUM_UPDATERS, MOMENTUM_SUFFIX)):
        policy = name.removesuffix(suffix)
        if policy and policy != name and policies.offered.matching(policy):
            found = policies.resolve(policy)
            return Component(name, found.target, found.provider, HOOKS.name)
    return None


LR_UPDATERS.aliases = _hook_of(LR_UPDATERS, LR_SUFFIX)
MOMENTUM_UPDATERS.aliases = _hook_of(MOMENTUM_UPDATERS, MOMENTUM_SUFFIX)
HOOKS.aliases = _policy_of
