"""How the optimizers of torch, of ours and of pytorch_optimizer stand the conformance kit.

python benchmarks/optim_conformance.py [torch] [ours] [pytorch_optimizer] [--each] [--compile]

Every class is built with its own defaults and without exemptions; capabilities are those it declares, and for
libraries that declare none those of the table below.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import inspect
import io
import os
import pkgutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from core.optim.torch_optimizers import torch_optimizers
from core.testing import Report, optimizer_checks, run_checks

CLOSURES = {"LBFGS", "SAM", "GSAM", "WSAM", "BSAM", "LookSAM", "AliG", "AliG_", "FriendlySAM"}
MATRICES = {"Muon"}


def capabilities(name: str, target: Any) -> dict[str, bool]:
    """Return what a class needs that it does not say itself."""
    parameters = inspect.signature(target).parameters
    return {
        **({"needs_closure": True} if name in CLOSURES else {}),
        **({"needs_split": True} if name in MATRICES else {}),
        **({"has_modes": True} if name.startswith("ScheduleFree") else {}),
        **({"needs_model": True} if "model" in parameters else {}),
    }


def of_torch() -> Iterator[tuple[str, Any]]:
    yield from torch_optimizers().items()


def of_ours() -> Iterator[tuple[str, Any]]:
    package = importlib.import_module("hookloom_optim_extra.optim")
    for found in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        for name, member in vars(module).items():
            if not (inspect.isclass(member) and issubclass(member, torch.optim.Optimizer)):
                continue
            is_base = getattr(getattr(member, "single", None), "__isabstractmethod__", False)
            if member.__module__ == module.__name__ and not is_base:
                yield name, member


def of_pytorch_optimizer() -> Iterator[tuple[str, Any]]:
    library = importlib.import_module("pytorch_optimizer")
    for name, member in sorted(vars(library).items()):
        is_optimizer = inspect.isclass(member) and issubclass(member, torch.optim.Optimizer)
        if is_optimizer and member.__module__.startswith("pytorch_optimizer"):
            yield name, member


LIBRARIES = {"torch": of_torch, "ours": of_ours, "pytorch_optimizer": of_pytorch_optimizer}


def measure(name: str, target: Any, compiled: bool) -> Report:
    checks = optimizer_checks(target, capabilities=capabilities(name, target))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return run_checks([check for check in checks if compiled or check.name != "compile"])


def table(library: str, each: bool, compiled: bool) -> None:
    start, reports, left_out = time.perf_counter(), {}, []
    for name, target in LIBRARIES[library]():
        parameters = inspect.signature(target).parameters.values()
        needed = [one.name for one in parameters if one.default is one.empty and one.kind is not one.VAR_KEYWORD]
        if inspect.isabstract(target) or set(needed) - {"params", "model", "self"}:
            left_out.append(f"{name} ({', '.join(needed)})")
            continue
        reports[name] = measure(name, target, compiled)
        if each:
            failed = ", ".join(one.check for one in reports[name].failures) or "-"
            print(f"  {name:<24}{len(reports[name].of('passed')):>4} passed  failed: {failed}", flush=True)
    clean = [name for name, report in reports.items() if not report.failures]
    version = importlib.metadata.version({"ours": "hookloom-optim-extra"}.get(library, library))
    print(f"\n{library} {version}: {len(clean)} of {len(reports)} classes without a failure")
    if left_out:
        print(f"  not tried, for they need more than parameters: {'; '.join(left_out)}")
    failures = Counter(one.check for report in reports.values() for one in report.failures)
    for check, count in failures.most_common():
        print(f"  {count:>4}  {check}")
    print(f"  ({time.perf_counter() - start:.0f} s)", flush=True)


def main(arguments: list[str]) -> None:
    named = [one for one in arguments if not one.startswith("--")]
    for library in named or LIBRARIES:
        try:
            table(library, "--each" in arguments, "--compile" in arguments)
        except ModuleNotFoundError as error:
            print(f"\n{library}: not installed ({error.name})")


if __name__ == "__main__":
    main(sys.argv[1:])
