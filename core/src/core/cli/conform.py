"""`hookloom plugins conform`: how everything that a distribution offers stands the conformance kit."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.cli.table import print_table
from core.errors import EXIT_FAILED

if TYPE_CHECKING:
    from core.testing.report import Report, Result


def add_action(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to those of `plugins`."""
    conform = actions.add_parser("conform", help="run the conformance kit over everything a distribution offers")
    conform.add_argument(
        "name", metavar="DIST", help="a distribution, such as hookloom-hooks, or one class as module:Class"
    )
    conform.add_argument("--all", action="store_true", help="show every check, not only what failed or is exempt")
    conform.add_argument("--format", choices=("text", "json"), default="text", help="how the report is written")
    conform.set_defaults(run_command=conform_distribution)


def conform_distribution(options: argparse.Namespace) -> int:
    """Run all checks and print how they end."""
    from core.testing.check import run_checks
    from core.testing.distribution import class_checks, distribution_checks

    checks = class_checks(options.name) if ":" in options.name else distribution_checks(options.name)
    report = run_checks(checks)
    if options.format == "json":
        print(json.dumps({"name": options.name, "results": report.as_data()}, indent=2))
    else:
        print_report(report, options.all)
    return EXIT_FAILED if report.failures else 0


def print_report(report: Report, everything: bool) -> None:
    """Print a line for each component, and what is to be said of single checks.

    Args:
        report: the results.
        everything: whether checks that passed or were skipped have lines too.
    """
    from core.testing.report import OUTCOMES, counted

    names = {} if everything else _families(report.results)
    components: dict[tuple[str, str], list[Result]] = {}
    for result in report.results:
        name = names.get((result.kind, result.component), result.component)
        components.setdefault((result.kind, name), []).append(result)
    rows = []
    for (kind, name), results in components.items():
        counts = Counter(result.outcome for result in results)
        rows.append((name, kind, *(str(counts[outcome] or "") for outcome in OUTCOMES)))
    print_table(("component", "kind", *OUTCOMES), rows)
    shown = [one for one in report.results if everything or one.outcome not in ("passed", "skipped")]
    lines = [(names.get((one.kind, one.component), one.component), one.check, one.outcome, one.found) for one in shown]
    if lines:
        print()
        print_table(("component", "check", "outcome", "found"), dict.fromkeys(lines))
    print(f"\n{counted(report.results)}")


def _families(results: Sequence[Result]) -> dict[tuple[str, str], str]:
    """Return one name, `library.* (117)`, for all components of a library that are exempt from all for one reason."""
    found: dict[tuple[str, str, str], list[str]] = {}
    counts = Counter((one.kind, one.component) for one in results)
    for one in results:
        library, dot, _ = one.component.partition(".")
        if one.outcome == "exempt" and dot and counts[one.kind, one.component] == 1:
            found.setdefault((one.kind, library, one.found), []).append(one.component)
    return {
        (kind, name): f"{library}.* ({len(names)})"
        for (kind, library, _), names in found.items()
        for name in names
        if len(names) > 1
    }
