"""The one family of errors that a user of Hookloom meets, each with the exit code the command line answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from core.config.problems import Problem

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_WRITE = 74
EXIT_STOPPED = 75
EXIT_INTERRUPTED = 130


class HookloomError(Exception):
    """Base of all errors raised on purpose: the message says what is wrong, where, and what was meant.

    The command line prints such an error without a traceback and ends with `exit_code`.
    """

    exit_code: ClassVar[int] = EXIT_USAGE


class ConfigError(HookloomError):
    """A config with everything that is wrong in it.

    Args:
        problems: every finding, in the order of the file.
        filename: the config the user named.
    """

    def __init__(self, problems: Iterable[Problem], filename: str | None = None) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        self.filename = filename
        super().__init__(self.problems, filename)

    def __str__(self) -> str:
        from core.config.problems import render

        return render(self.problems, self.filename)


class RegistryError(HookloomError, KeyError):
    """A component that cannot be had under the name that was asked for; also a KeyError, as in MMCV.

    Args:
        message: what is wrong, near names included.
        meant: the nearest name, if there is one.
    """

    def __init__(self, message: object = "", meant: str | None = None) -> None:
        super().__init__(message)
        self.meant = meant

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class UnknownComponentError(RegistryError):
    """No provider offers the name."""


class AmbiguousComponentError(RegistryError):
    """Several distributions offer the name that was used bare."""


class BlockedComponentError(RegistryError):
    """The name belongs to a distribution that the user's switches leave out."""


class BrokenComponentError(RegistryError):
    """The component exists but its package fails on import; the cause is chained."""


class MissingExtraError(BrokenComponentError):
    """The component needs packages of an extra that is not installed; the message says how to install it."""


class OptionError(HookloomError, ValueError):
    """An option of a component that has no meaning, alone or together with the others or with the run."""


class HookError(HookloomError):
    """A hook that cannot be used as it is: a misspelt hook point, an unknown priority, `tryfirst` ..."""


class CheckpointError(HookloomError):
    """A checkpoint that cannot be read, trusted or fitted to the model."""


class UnsavableStateError(HookloomError, TypeError):
    """Something in a checkpoint is neither a tensor nor plain data; the message names its key path."""

    exit_code = EXIT_FAILED


class WriteError(HookloomError, OSError):
    """A file of the run could not be written; what had been saved before is untouched."""

    exit_code = EXIT_WRITE

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class StoppedError(HookloomError):
    """A run that was told to end before its time; what it had done is saved, and it can be resumed."""

    exit_code = EXIT_STOPPED


class InterruptedRunError(StoppedError):
    """The same, told by Ctrl-C."""

    exit_code = EXIT_INTERRUPTED


class PeerError(HookloomError):
    """Another process of the group has failed, without which this one cannot go on."""

    exit_code = EXIT_FAILED


class DataError(HookloomError):
    """The user's dataset or a loader worker failed during training."""

    exit_code = EXIT_FAILED


class LostWorkerError(DataError):
    """A loader worker died, or let a batch be waited for longer than the loader's `timeout`.

    Args:
        message: what is known of it.
        loader: whose it was.
    """

    def __init__(self, message: str, loader: object = None) -> None:
        super().__init__(message)
        self.loader = loader


class EmptyDatasetError(HookloomError, ValueError):
    """A dataset or loader that has nothing to train on."""


class ModelOutputError(HookloomError, TypeError):
    """A model answered with something that is no loss."""

    exit_code = EXIT_FAILED


class RunStateError(HookloomError, RuntimeError):
    """Something was asked of a runner that is not possible now, such as two runs at the same time."""
