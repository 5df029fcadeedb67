"""One race day as one HTML page: the picture, an hour of it in detail, and every number. Its template is
`templates/simulation.html`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..render.lines import Line
from ..render.theme import page
from .simulation.day import PHASES, reduction
from .simulation.report import DayReport, FunctionCount, Invariant, Quantiles
from .simulation_picture import busiest_hour, clock, day_name, now_name, timeline_svg

#: Where this page's template lies.
TEMPLATES = Path(__file__).parent / "templates"


def simulation_page(report: DayReport) -> str:
    """The whole page."""
    begin, end = busiest_hour(report)
    found = invariant_table(report)
    return page(
        "simulation.html",
        folder=TEMPLATES,
        title=f"Race day {day_name(report.day)}",
        circumstances=_circumstances(report),
        verdict=_verdict(report),
        style="broken" if report.violations else "holds",
        cards=list(_cards(report)),
        picture=timeline_svg(report),
        hour=f"{clock(begin)} to {clock(end)}",
        detail=timeline_svg(report, begin=begin, end=end),
        invariant_table=found,
        invariant_head=(*found.head, ""),
        invariants=list(zip(report.invariants, found.rows, strict=True)),
        tables=list(tables(report)),
        assumptions=report.assumptions,
    )


def _circumstances(report: DayReport) -> str:
    parts = [f"{report.races:,} races", f"seed {report.seed}", now_name(report).lower()]
    parts += [f"{name} {value}" for name, value in report.options.items() if name != "locks"]
    return " · ".join(parts)


def _verdict(report: DayReport) -> str:
    checked = sum(each.checked for each in report.invariants)
    if not report.invariants:
        return ""
    if report.violations:
        return f"Invariants violated {report.violations:,} times in {checked:,} checks."
    # One that found nothing to check says nothing about this day.
    held = sum(each.checked > 0 for each in report.invariants)
    return f"All {held} invariants held in {checked:,} checks."


@dataclass(frozen=True)
class Card:
    """One of the three numbers: the verdict in large, and both numbers as bars (label, style, share in %, text)."""

    name: str
    big: str
    is_worse: bool
    bars: tuple[tuple[str, str, str, str], ...]


def _cards(report: DayReport) -> Iterator[Card]:
    requests = report.appwrite_requests
    triples = (
        (report.overlaps.legacy, report.overlaps.with_locks),
        (report.conflicts.legacy, report.conflicts.with_locks),
        (requests.legacy, requests.total),
    )
    for row, (legacy, now) in zip(comparison_table(report).rows, triples, strict=True):
        yield _card(row, legacy, now)


def _card(row: tuple[str, ...], legacy: int, now: int) -> Card:
    name, legacy_text, now_text, fewer = row
    largest = max(legacy, now, 1)
    worse = now > legacy
    big = f"{percent(100 * (now - legacy) / legacy)} more" if worse and legacy else f"{fewer} fewer"
    if worse and not legacy:
        big = f"{now_text} more"
    bars = (
        ("legacy", "l", f"{100 * legacy / largest:.1f}", legacy_text),
        ("now", "n", f"{100 * now / largest:.1f}", now_text),
    )
    return Card(name, big, worse, bars)


# The numbers of a race day as titled tables of text: one source for the terminal and for the page.


@dataclass(frozen=True)
class Table:
    """A title, the names of the columns, rows of text. The first column is text, the others are numbers."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    #: Sums, shown apart.
    foot: tuple[str, ...] = ()


def comparison_table(report: DayReport) -> Table:
    """Legacy against now, in the three numbers that the work was for."""
    requests = report.appwrite_requests
    triples = (
        ("Overlapping executions", report.overlaps.legacy, report.overlaps.with_locks),
        ("Execution conflicts", report.conflicts.legacy, report.conflicts.with_locks),
        ("Appwrite requests", requests.legacy, requests.total),
    )
    rows = tuple((name, number(old), number(new), percent(reduction(old, new))) for name, old, new in triples)
    return Table("Against the legacy schedules", ("", "legacy", "now", "fewer"), rows)


def execution_table(report: DayReport) -> Table:
    """Executions by function."""
    counts = report.executions
    rows = tuple((name, *_count_cells(count)) for name, count in counts.items())
    total = FunctionCount(
        sum(each.count for each in counts.values()),
        sum(each.refused for each in counts.values()),
        sum(each.failed for each in counts.values()),
        sum(each.seconds for each in counts.values()),
    )
    head = ("function", "runs", "refused", "failed", "total time")
    return Table("Executions", head, rows, ("together", *_count_cells(total)))


def request_table(report: DayReport) -> Table:
    """Appwrite requests by function, now and in the legacy model."""
    requests = report.appwrite_requests
    names = sorted({*requests.by_function, *requests.legacy_by_function})
    rows = tuple(
        (name, number(requests.legacy_by_function.get(name, 0)), number(requests.by_function.get(name, 0)))
        for name in names
    )
    foot = ("together", number(requests.legacy), number(requests.total))
    return Table("Appwrite requests", ("function", "legacy", "now"), rows, foot)


def poll_table(report: DayReport) -> Table:
    """Race polls by phase, now and in the legacy model."""
    now, legacy = report.polls, report.legacy_polls
    named = {*now.by_phase, *legacy.by_phase}
    names = [*(name for name in PHASES if name in named), *sorted(named.difference(PHASES))]
    rows = tuple((name, number(legacy.by_phase.get(name, 0)), number(now.by_phase.get(name, 0))) for name in names)
    mean = ("mean per race", f"{legacy.per_race_mean:.1f}", f"{now.per_race_mean:.1f}")
    foot = ("together", number(legacy.total), number(now.total))
    return Table("Race polls by phase", ("phase", "legacy", "now"), (*rows, mean), foot)


def latency_table(report: DayReport) -> Table:
    """Lock latencies, and how long a change of status took to reach the database."""
    rows = (
        ("lock check, ms", *_quantile_cells(report.lock_latency_ms, 2)),
        ("status change upstream to database, s", *_quantile_cells(report.status_delay_seconds, 1)),
    )
    return Table("How long it took", ("", "measured", "p50", "p95", "p99", "max"), rows)


def duplicate_table(report: DayReport) -> Table:
    """Runs that the lock refused, and what they saved."""
    saved = report.duplicates.saved
    rows = tuple((f"saved {_unit(name)}", f"{value:,.0f}") for name, value in saved.items())
    met = ("met a running one of their kind (no overlap: they did nothing)", number(report.refused_overlaps))
    return Table("Duplicates", ("", ""), (("refused by the lock", number(report.duplicates.refused)), met, *rows))


def invariant_table(report: DayReport) -> Table:
    """What must hold all day."""
    rows = tuple((each.name, number(each.checked), number(each.violations)) for each in report.invariants)
    return Table("Invariants", ("", "checked", "violations"), rows)


def clash_table(report: DayReport) -> Table:
    """Between whom the overlaps and conflicts were."""
    rows = tuple(
        (f"{kind}: {names}", number(compared.legacy_by_function.get(names, 0)),
         number(compared.with_locks_by_function.get(names, 0)))
        for kind, compared in (("overlap", report.overlaps), ("conflict", report.conflicts))
        for names in sorted({*compared.legacy_by_function, *compared.with_locks_by_function})
    )  # fmt: skip
    return Table("Overlaps and conflicts by function", ("", "legacy", "now"), rows)


def tables(report: DayReport) -> Iterator[Table]:
    """All but the comparison and the invariants, which are shown in their own way."""
    yield execution_table(report)
    yield request_table(report)
    yield poll_table(report)
    yield clash_table(report)
    yield latency_table(report)
    yield duplicate_table(report)


def number(value: int) -> str:
    return f"{value:,}"


def percent(value: float) -> str:
    """A reduction. Never rounded up to 100 where something was left."""
    return f"{value:.0f} %" if value == round(value) else f"{min(value, 99.9):.1f} %"


def duration(seconds: float) -> str:
    """`1 h 02 min`, `3 min 20 s`, `4.2 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _count_cells(count: FunctionCount) -> tuple[str, ...]:
    return number(count.count), number(count.refused), number(count.failed), duration(count.seconds)


def _quantile_cells(quantiles: Quantiles, digits: int) -> tuple[str, ...]:
    values = (quantiles.p50, quantiles.p95, quantiles.p99, quantiles.max)
    return (number(quantiles.count), *("-" if value is None else f"{value:.{digits}f}" for value in values))


def _unit(name: str) -> str:
    """`cpu_ms` as `CPU ms`."""
    words = name.split("_")
    return " ".join(word.upper() if word in ("cpu", "mb") else word for word in words)


# A race day as plain lines: what was compared, what held, and every number in aligned columns.


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
