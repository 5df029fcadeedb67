"""The numbers of a race day as titled tables of text: one source for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..simulation.clashes import reduction
from ..simulation.phases import PHASES
from ..simulation.report import DayReport, FunctionCount, Quantiles


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
