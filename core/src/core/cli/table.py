"""Rows in columns, for people on a terminal and for programs behind a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns: a table on a terminal, aligned plain text elsewhere."""
    rows = list(rows)
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(*head, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*map(escape, row))
        Console().print(table)
        return
    widths = [max([len(head[i]), *(len(row[i]) for row in rows)]) for i in range(len(head))]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
