"""`hookloom plugins conform`: how everything that a distribution offers stands the conformance kit."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable
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

    components: dict[tuple[str, str], list[Result]] = {}
    for result in report.results:
        components.setdefault((result.kind, result.component), []).append(result)
    rows = []
    for (kind, name), results in components.items():
        counts = Counter(result.outcome for result in results)
        rows.append((name, kind, *(str(counts[outcome] or "") for outcome in OUTCOMES)))
    print_table(("component", "kind", *OUTCOMES), rows)
    shown = [one for one in report.results if everything or one.outcome not in ("passed", "skipped")]
    if shown:
        print()
        print_table(("component", "check", "outcome", "found"), _lines(shown))
    print(f"\n{counted(report.results)}")


def _lines(results: Iterable[Result]) -> list[tuple[str, str, str, str]]:
    return [(one.component, one.check, one.outcome, one.found) for one in results]
