"""Registering the hooks of a training run from MMCV's config sections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.component import Provider
from core.errors import HookError
from core.hooks.adapter import HookAdapter
from core.hooks.manager import HookManager
from core.hooks.priority import Priority, priority_label
from core.registries import HOOKS, LR_UPDATERS, MOMENTUM_UPDATERS
from core.registry import Registry, build_from_cfg

Section = Mapping[str, Any] | object | None

TIMER = {"type": "IterTimerHook"}


class HookRegistration:
    """The part of a runner that takes hooks: one by one, or the default ones from config sections.

    A section is a dict, left as it is, or a hook that is built already, or None for none.
    """

    hook_points: tuple[str, ...] = ()  # points that a runner of the user's calls beyond the usual ones

    def __init__(self) -> None:
        self.hook_manager = HookManager(self.hook_points)

    @property
    def hooks(self) -> list[Any]:
        """All hooks, in the order in which they run."""
        return self.hook_manager.hooks

    @property
    def _hooks(self) -> list[Any]:
        return self.hook_manager.hooks

    def register_hook(
        self, hook: Any, priority: int | str | Priority = "NORMAL", provider: Provider | None = None
    ) -> None:
        """Add a hook behind those of the same or a smaller priority number.

        Args:
            hook: any object with methods named after hook points.
            priority: 0 (first) to 100 (last), or a name.
            provider: the distribution it comes from, if that is known.
        """
        if isinstance(hook, (Mapping, str, type)):
            raise HookError(f"register_hook takes a hook object, got {hook!r}; a dict goes to register_hook_from_cfg")
        self.hook_manager.register(hook, priority, provider)

    def register_hook_from_cfg(self, hook_cfg: Mapping[str, Any]) -> None:
        """Build a hook from a dict with `type`, its options and perhaps `priority`, and add it.

        Without one, the hook's own `default_priority` counts, which is NORMAL unless its class says otherwise.
        """
        options = dict(hook_cfg)
        own = {"priority": options.pop("priority")} if "priority" in options else {}
        hook = build_from_cfg(options, HOOKS)
        self.register_hook(hook, **{"priority": getattr(hook, "default_priority", "NORMAL"), **own})

    def register_lr_hook(self, lr_config: Section) -> None:
        """Add the LR updater, priority VERY_HIGH; a dict names it by `policy`."""
        self._register_policy("lr_config", lr_config, LR_UPDATERS, "VERY_HIGH")

    def register_momentum_hook(self, momentum_config: Section) -> None:
        """Add the momentum updater, priority HIGH; a dict names it by `policy`."""
        self._register_policy("momentum_config", momentum_config, MOMENTUM_UPDATERS, "HIGH")

    def register_optimizer_hook(self, optimizer_config: Section) -> None:
        """Add the hook that steps the optimizer, priority ABOVE_NORMAL; default `type` OptimizerHook."""
        self._register_section(optimizer_config, "OptimizerHook", "ABOVE_NORMAL")

    def register_checkpoint_hook(self, checkpoint_config: Section) -> None:
        """Add the hook that saves, priority NORMAL; default `type` CheckpointHook."""
        self._register_section(checkpoint_config, "CheckpointHook", "NORMAL")

    def register_timer_hook(self, timer_config: Section) -> None:
        """Add the timer, priority LOW; default `type` IterTimerHook."""
        self._register_section(timer_config, "IterTimerHook", "LOW")

    def register_profiler_hook(self, profiler_config: Section) -> None:
        """Add a profiler, priority NORMAL; default `type` ProfilerHook."""
        self._register_section(profiler_config, "ProfilerHook", "NORMAL")

    def register_logger_hooks(self, log_config: Mapping[str, Any] | None) -> None:
        """Add the loggers, priority VERY_LOW.

        Args:
            log_config: `hooks`, a list of dicts or hooks, and `interval`, the default interval of each.

        Raises:
            HookError: if `interval` or `hooks` is missing.
        """
        if log_config is None:
            return
        for key in ("interval", "hooks"):
            if key not in log_config:
                raise HookError(f"log_config needs the key {key!r}, got {dict(log_config)!r}")
        for entry in log_config["hooks"]:
            if isinstance(entry, Mapping):
                entry = build_from_cfg(entry, HOOKS, {"interval": log_config["interval"]})
            self.register_hook(entry, "VERY_LOW")

    def register_custom_hooks(self, custom_config: Section | list[Section]) -> None:
        """Add the user's own hooks: one or a list of dicts (perhaps with `priority`) or hooks."""
        if custom_config is None:
            return
        for entry in custom_config if isinstance(custom_config, (list, tuple)) else [custom_config]:
            if isinstance(entry, Mapping):
                self.register_hook_from_cfg(entry)
            else:
                self.register_hook(entry, getattr(entry, "default_priority", "NORMAL"))

    def register_training_hooks(
        self,
        lr_config: Section,
        optimizer_config: Section = None,
        checkpoint_config: Section = None,
        log_config: Mapping[str, Any] | None = None,
        momentum_config: Section = None,
        timer_config: Section = TIMER,
        custom_hooks_config: Section | list[Section] = None,
    ) -> None:
        """Add the hooks of a usual training run, each from its section."""
        self.register_lr_hook(lr_config)
        self.register_momentum_hook(momentum_config)
        self.register_optimizer_hook(optimizer_config)
        self.register_checkpoint_hook(checkpoint_config)
        self.register_timer_hook(timer_config)
        self.register_logger_hooks(log_config)
        self.register_custom_hooks(custom_hooks_config)

    def get_hook_info(self) -> str:
        """Return the hooks of every stage with their priorities, as MMCV prints them."""
        by_stage: dict[str, list[str]] = {}
        for adapter in self.hook_manager.adapters:
            line = f"({priority_label(adapter.priority):<12}) {adapter.name:<35}"
            for stage in _stages(adapter):
                by_stage.setdefault(stage, []).append(line)
        from core.hooks.base import Hook

        blocks = [
            "\n".join([f"{stage}:", *by_stage[stage], " -------------------- "])
            for stage in Hook.stages
            if stage in by_stage
        ]
        return "\n".join(blocks)

    def _register_section(self, section: Section, default_type: str, priority: str) -> None:
        if section is None:
            return
        if isinstance(section, Mapping):
            section = build_from_cfg(section, HOOKS, {"type": default_type})
        self.register_hook(section, priority)

    def _register_policy(self, key: str, section: Section, registry: Registry, priority: str) -> None:
        if section is None:
            return
        if isinstance(section, Mapping):
            options = dict(section)
            if "policy" not in options:
                raise HookError(f"{key} needs the key 'policy', got {options!r}")
            build: Callable[..., Any] = registry.resolve(options.pop("policy")).target
            section = build(**options)
        self.register_hook(section, priority)


def _stages(adapter: HookAdapter) -> list[str]:
    triggered = getattr(adapter.hook, "get_triggered_stages", None)
    if triggered is not None:
        return list(triggered())
    from core.hooks.base import Hook

    return [point for point in adapter.bound if point in Hook.stages]
