"""One race day as one HTML page: the picture, an hour of it in detail, and every number. It loads nothing and runs no
script; whatever the report says in words is escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ..simulation.report import DayReport, Invariant
from .simulation_axis import clock
from .simulation_figures import Table, comparison_table, invariant_table, percent, tables
from .simulation_picture import busiest_hour, day_name, now_name, timeline_svg
from .simulation_style import PAGE_STYLE


def simulation_page(report: DayReport) -> str:
    """The whole page."""
    title = f"Race day {day_name(report.day)}"
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{escape(title)}</title><style>{PAGE_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1><p class=faint>{escape(_circumstances(report))}</p>",
            *_verdict(report),
            f"<div class=cards>{''.join(_cards(report))}</div>",
            *_pictures(report),
            *_invariants(report),
            f"<div class=tables>{''.join(f'<section>{_table(each)}</section>' for each in tables(report))}</div>",
            *_assumptions(report),
            "</body></html>\n",
        )
    )


def _circumstances(report: DayReport) -> str:
    parts = [f"{report.races:,} races", f"seed {report.seed}", now_name(report).lower()]
    parts += [f"{name} {value}" for name, value in report.options.items() if name != "locks"]
    return " · ".join(parts)


def _verdict(report: DayReport) -> Iterator[str]:
    checked = sum(each.checked for each in report.invariants)
    if not report.invariants:
        return
    if report.violations:
        yield f"<p class=broken>Invariants violated {report.violations:,} times in {checked:,} checks.</p>"
    else:
        # One that found nothing to check says nothing of this day.
        held = sum(each.checked > 0 for each in report.invariants)
        yield f"<p class=holds>All {held} invariants held in {checked:,} checks.</p>"


# -- the three numbers


def _cards(report: DayReport) -> Iterator[str]:
    requests = report.appwrite_requests
    triples = (
        (report.overlaps.legacy, report.overlaps.with_locks),
        (report.conflicts.legacy, report.conflicts.with_locks),
        (requests.legacy, requests.total),
    )
    for row, (legacy, now) in zip(comparison_table(report).rows, triples, strict=True):
        yield _card(row, legacy, now)


def _card(row: tuple[str, ...], legacy: int, now: int) -> str:
    name, legacy_text, now_text, fewer = row
    largest = max(legacy, now, 1)
    worse = now > legacy
    big = f"{percent(100 * (now - legacy) / legacy)} more" if worse and legacy else f"{fewer} fewer"
    if worse and not legacy:
        big = f"{now_text} more"
    return (
        f"<div class=card><h3>{escape(name)}</h3><div class='big {'bad' if worse else 'good'}'>{big}</div>"
        f"<div class=pair>{_bar('legacy', 'l', legacy / largest)}<b>{legacy_text}</b>"
        f"{_bar('now', 'n', now / largest)}<b>{now_text}</b></div></div>"
    )


def _bar(label: str, style: str, share: float) -> str:
    return f'<span>{label}</span><i class={style} style="width:{100 * share:.1f}%"></i>'


# -- pictures, tables, words


def _pictures(report: DayReport) -> Iterator[str]:
    yield f"<figure>{timeline_svg(report)}</figure>"
    yield "<p class=faint>Runs at the same time stand on each other. Legacy runs come from a model, see below.</p>"
    begin, end = busiest_hour(report)
    yield f"<h2>{clock(begin)} to {clock(end)} in detail: the hour with the most legacy conflicts</h2>"
    yield f"<figure>{timeline_svg(report, begin=begin, end=end)}</figure>"


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in table.head)
    rows = "".join(_row(row) for row in table.rows)
    foot = f"<tfoot>{_row(table.foot)}</tfoot>" if table.foot else ""
    return f"<h2>{escape(table.title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>{foot}</table>"


def _row(cells: tuple[str, ...]) -> str:
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _invariants(report: DayReport) -> Iterator[str]:
    if not report.invariants:
        return
    table = invariant_table(report)
    head = "".join(f"<th>{escape(name)}</th>" for name in (*table.head, ""))
    rows = zip(report.invariants, table.rows, strict=True)
    body = "".join(_invariant_row(each, row) for each, row in rows)
    yield f"<h2>{table.title}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _invariant_row(invariant: Invariant, row: tuple[str, ...]) -> str:
    name, checked, violations = (escape(cell) for cell in row)
    examples = "".join(f"<li>{escape(example)}</li>" for example in invariant.examples)
    shown = f"<ul class=faint>{examples}</ul>" if examples else ""
    return f"<tr><td>{name}{shown}</td><td>{checked}</td><td>{violations}</td>{_judgement(invariant)}</tr>"


def _judgement(invariant: Invariant) -> str:
    if not invariant.holds:
        return "<td class=broken>violated</td>"
    return "<td class=holds>holds</td>" if invariant.checked else "<td class=faint>nothing to check</td>"


def _assumptions(report: DayReport) -> Iterator[str]:
    if report.assumptions:
        items = "".join(f"<li>{escape(sentence)}</li>" for sentence in report.assumptions)
        yield f"<h2>Assumptions of the legacy model</h2><ul>{items}</ul>"
