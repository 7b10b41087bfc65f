"""Small tables of a config that are no component: fixed keys with types."""

from __future__ import annotations

from typing import Literal

from attrs import frozen


@frozen
class CustomImports:
    """Modules to import before any type is looked up.

    Args:
        imports: one name or a list.
        allow_failed_imports: go on where one cannot be imported.
    """

    imports: str | list[str]
    allow_failed_imports: bool = False


@frozen
class AutoScaleLr:
    """The batch size that the optimizer's lr was chosen for; the lr grows in proportion to the real one.

    lr = optimizer.lr * data.samples_per_gpu * processes / base_batch_size, as in MMDetection, which takes no
    account of gradient accumulation (Goyal et al., Accurate, Large Minibatch SGD, 2017, arXiv 1706.02677)

    Args:
        enable: whether the lr is scaled.
        base_batch_size: the samples, on all devices together, of an iteration that the lr was chosen for.
    """

    enable: bool = False
    base_batch_size: int | None = None


@frozen
class ResumeConfig:
    """How a run goes on with a checkpoint.

    Args:
        from_: its path, or True for the newest valid one of the work directory; None where the command line or
            another key says it.
        schedule: whether learning rates and momenta begin with the base values of the checkpoint (`keep`, as
            in MMCV) or with those of the config.
        other_provider: whether the checkpoint may hold the state of an optimizer of another distribution or class
            than the config's.
    """

    from_: bool | str | None = None
    schedule: Literal["keep", "follow_config"] = "keep"
    other_provider: bool = False


@frozen
class PluginSwitches:
    """Which distributions may take part in the run.

    Args:
        allow: only these, besides core; None for all.
        block: never these.
    """

    allow: list[str] | None = None
    block: list[str] | None = None
