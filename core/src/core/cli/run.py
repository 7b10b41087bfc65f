"""`hookloom run CONFIG`, which is `python -m core.run CONFIG`: train, or evaluate a checkpoint."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from core.cli.options import add_config_options, add_plugin_options, local_rank
from core.collector import collector_paused


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("run", help="train from a config")
    add_config_options(parser)
    add_plugin_options(parser)
    add = parser.add_argument
    add("--work-dir", metavar="DIR", help="where the run writes (default: ./work_dirs/<config name>)")
    add(
        "--resume-from",
        metavar="PATH",
        help="go on with this checkpoint: weights, optimizer, counters, data order",
    )
    add(
        "--auto-resume",
        action="store_true",
        help="go on with the newest valid checkpoint of the work dir, if any",
    )
    add("--load-from", metavar="PATH", help="start with the weights of this checkpoint, a path or an address")
    add("--no-validate", action="store_true", help="train without the config's evaluation")
    add("--device", metavar="NAME", help="cpu, cuda, cuda:1, mps (default: the best one there is)")
    add("--gpu-id", type=int, metavar="N", help="the same as --device cuda:N")
    add("--seed", type=int, metavar="N", help="seed of every generator (default: the config's, else drawn)")
    add("--diff-seed", action="store_true", help="give every process a seed of its own")
    add("--deterministic", action="store_true", help="use deterministic algorithms")
    add("--launcher", choices=("none", "pytorch", "slurm"), default="none", help="who started the processes")
    add("--local-rank", "--local_rank", type=int, metavar="N", help=argparse.SUPPRESS)
    add("--check", action="store_true", help="only check the config")
    add("--test", metavar="CHECKPOINT", help="evaluate this checkpoint on data.test instead of training")
    add(
        "--trust-checkpoint",
        action="store_true",
        help="unpickle checkpoints whole, which runs any code in them; only for files whose author you know",
    )
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> int:
    """Train, check or evaluate."""
    local_rank(options.local_rank)
    if options.check:
        from core.cli.check import check_command

        return check_command(options)
    arguments: dict[str, Any] = {
        "overrides": options.cfg_options,
        "static": options.static,
        "strict": options.strict,
        "allow_plugins": options.allow_plugins,
        "block_plugins": options.block_plugins,
        "device": options.device or (None if options.gpu_id is None else f"cuda:{options.gpu_id}"),
        "seed": options.seed,
        "deterministic": options.deterministic,
        "diff_seed": options.diff_seed,
        "launcher": options.launcher,
        "trust_checkpoint": options.trust_checkpoint,
        "console": True,
    }
    if options.test:
        from core.runner.evaluate import evaluate

        metrics = evaluate(options.config, options.test, **arguments)
        if metrics:
            print(json.dumps(metrics, default=float))
        return 0
    with collector_paused():
        from core.runner.train import train

    train(
        options.config,
        work_dir=options.work_dir,
        resume_from=options.resume_from,
        auto_resume=options.auto_resume,
        load_from=options.load_from,
        validate=not options.no_validate,
        signals=True,
        **arguments,
    )
    sys.stdout.flush()
    return 0
