"""A race day as plain lines: what was compared, what held, and every number in aligned columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from ..simulation.report import DayReport, Invariant
from .lines import Line
from .simulation_figures import Table, comparison_table, number, tables
from .simulation_picture import day_name, now_name

_WIDTH = 110
_EXAMPLES = 3


def simulation_lines(report: DayReport, *, verbose: bool = False) -> Iterator[Line]:
    """The report for a terminal. The assumptions belong to the comparison and are always there; `verbose` adds between
    whom the overlaps and conflicts were, and all examples of violations."""
    yield Line(f"Race day {day_name(report.day)}", "bold")
    yield Line(f"{report.races:,} races, seed {report.seed}, {now_name(report).lower()}", "dim")
    yield from _table_lines(comparison_table(report))
    yield from _invariant_lines(report, verbose=verbose)
    for table in tables(report):
        if verbose or not table.title.startswith("Overlaps and conflicts"):
            yield from _table_lines(table)
    if report.assumptions:
        yield Line()
        yield Line("Assumptions of the legacy model", "bold")
        for sentence in report.assumptions:
            wrapped = textwrap.wrap(sentence, _WIDTH - 4, initial_indent="  - ", subsequent_indent="    ")
            yield from (Line(text, "dim") for text in wrapped)


def _table_lines(table: Table) -> Iterator[Line]:
    everything = [row for row in (table.head, *table.rows, table.foot) if row]
    widths = [max(len(row[column]) for row in everything) for column in range(len(table.head))]
    yield Line()
    yield Line(table.title, "bold")
    if any(table.head):
        yield Line(_aligned(table.head, widths), "dim")
    yield from (Line(_aligned(row, widths)) for row in table.rows)
    if table.foot:
        yield Line(_aligned(table.foot, widths), "bold")


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  " + "   ".join((first, *rest)).rstrip()


def _invariant_lines(report: DayReport, *, verbose: bool) -> Iterator[Line]:
    if not report.invariants:
        return
    yield Line()
    yield Line("Invariants", "bold")
    width = max(len(each.name) for each in report.invariants)
    for each in report.invariants:
        yield from _invariant(each, width, verbose=verbose)


def _invariant(invariant: Invariant, width: int, *, verbose: bool) -> Iterator[Line]:
    checked = f"{number(invariant.checked):>9} checked"
    if invariant.holds and not invariant.checked:
        # Of such a day it says nothing; it must not look as if it held.
        yield Line(f"  -         {invariant.name.ljust(width)}   nothing to check", "dim")
        return
    if invariant.holds:
        yield Line(f"  ok        {invariant.name.ljust(width)} {checked}", "green")
        return
    yield Line(
        f"  VIOLATED  {invariant.name.ljust(width)} {checked}, {number(invariant.violations)} violations", "bold red"
    )
    shown = invariant.examples if verbose else invariant.examples[:_EXAMPLES]
    yield from (Line(f"              {example}", "red") for example in shown)
    if (hidden := invariant.violations - len(shown)) > 0:
        yield Line(f"              and {hidden:,} more", "red")
