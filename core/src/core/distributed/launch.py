"""Joining the process group that torchrun or a scheduler has started."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist

from core.errors import HookloomError
from core.suggest import did_you_mean

LAUNCHERS = ("none", "pytorch", "slurm")
_SETTLING = 0.1  # seconds, of which a thread needs microseconds


class LaunchError(HookloomError):
    """The environment does not say what the chosen launcher should have put there."""


def init_dist(launcher: str, backend: str = "nccl", **kwargs: Any) -> None:
    """Join the process group.

    Args:
        launcher: `pytorch` (torchrun's environment) or `slurm` (the scheduler's).
        backend: torch's name of the backend; `nccl` without a GPU becomes `gloo`, which is logged.
        **kwargs: passed to `torch.distributed.init_process_group`; `port` sets MASTER_PORT under slurm.

    Raises:
        LaunchError: if the launcher is unknown or its environment variables are missing.
    """
    if launcher not in LAUNCHERS[1:]:
        raise LaunchError(f"no launcher named {launcher!r}{did_you_mean(launcher, LAUNCHERS)}")
    port = kwargs.pop("port", None)
    if launcher == "slurm":
        _from_slurm(port)
    missing = [name for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise LaunchError(
            f"launcher {launcher!r}: the environment lacks {', '.join(missing)}; "
            "start with torchrun --nproc-per-node N -m core.run CONFIG --launcher pytorch"
        )
    if backend == "nccl" and not torch.cuda.is_available():
        if os.environ["RANK"] == "0":
            logging.getLogger("core").warning("dist_params.backend: no GPU for 'nccl', using 'gloo'")
        backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
    dist.init_process_group(backend=backend, **kwargs)


@contextlib.contextmanager
def process_group(launcher: str, **dist_params: Any) -> Iterator[None]:
    """Join the process group for a block of code and leave it at its end; launcher `none` does nothing."""
    if launcher == "none":
        yield
        return
    init_dist(launcher, **dist_params)
    try:
        yield
    finally:
        # gloo's threads still drop the tensors of the last exchange, which takes the interpreter's lock; whoever
        # frees the group holds that lock and waits for the threads. Both would wait for ever.
        time.sleep(_SETTLING)
        dist.destroy_process_group()


def _from_slurm(port: int | None) -> None:
    """Translate the scheduler's variables into torch's."""
    names = {"RANK": "SLURM_PROCID", "WORLD_SIZE": "SLURM_NTASKS", "LOCAL_RANK": "SLURM_LOCALID"}
    missing = [theirs for theirs in (*names.values(), "SLURM_NODELIST") if theirs not in os.environ]
    if missing:
        raise LaunchError(f"launcher 'slurm': the environment lacks {', '.join(missing)}; start with srun")
    for ours, theirs in names.items():
        os.environ[ours] = os.environ[theirs]
    if "MASTER_ADDR" not in os.environ:
        os.environ["MASTER_ADDR"] = _first_host(os.environ["SLURM_NODELIST"])
    os.environ.setdefault("MASTER_PORT", str(port or 29500))


def _first_host(nodes: str) -> str:
    """Ask the scheduler which machine a list such as `node[3-7]` begins with."""
    command = ["scontrol", "show", "hostnames", nodes]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True)
        return listed.stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        raise LaunchError(
            f"launcher 'slurm': '{' '.join(command)}' does not name the first host ({error}); set MASTER_ADDR"
        ) from error
