"""A plan as one HTML page: counts, what stands in its way, the picture, and every change under what it belongs to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from html import escape

from ..model.address import Address
from ..planning import Action, Change, Plan
from ..planning.changes import DECLARED
from .page_parts import addresses, banner, change_row, chips_row, listed, page, tile
from .plan_graph import grouped, plan_svg
from .plan_words import SIGNS, UNMANAGED, counts_by_kind, nothing_to_do
from .tones import TONES, strongest


def plan_page(plan: Plan, where: str) -> str:
    """The whole page."""
    title = f"Plan for {plan.environment}"
    return page(title, _body(plan, title, where))


def _body(plan: Plan, title: str, where: str) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1><p class=faint>{escape(where)}</p>"
    if plan.refusals:
        entries = (f"{escape(each.message)}{_hint(each.hint)}" for each in plan.refusals)
        headline = f"Refused ({len(plan.refusals)}): nothing will be applied while this stands"
        yield banner("destroy", headline, entries)
    if plan.is_empty:
        yield banner("create", nothing_to_do(plan))
    else:
        yield f'<div class="tiles">{"".join(_tiles(plan))}</div>'
        picture = plan_svg(plan, where)
        yield f"<figure>{picture}</figure>"
        if 'class="arrow"' in picture:
            yield "<p class=faint>Arrows lead from what is done first to what waits for it.</p>"
        yield "<h2>Changes</h2>"
        yield from (_box(at, changes) for at, changes in grouped(plan.changes).items())
        yield f"<h2>Counts by kind</h2>{_counts(plan)}"
    yield from listed("Notes", plan.notes)
    yield from addresses("Left out: not asked for in this plan", (f"{c.action} {c.address}" for c in plan.left_out))
    unmanaged = map(str, plan.unmanaged)
    yield from addresses(UNMANAGED, unmanaged)
    made_from = f"state {plan.lineage}, serial {plan.serial}" if plan.serial else "no state yet"
    yield f'<p class="faint" style="margin-top:40px">Made from {escape(made_from)}.</p>'


def _hint(hint: str) -> str:
    return f"<div class=faint>→ {escape(hint)}</div>" if hint else ""


def _tiles(plan: Plan) -> Iterator[str]:
    counts = Counter(change.action for change in plan.changes)
    yield from (tile(counts[action], f"to {action}", TONES[action]) for action in SIGNS if counts[action])
    drifted = len(plan.drifted)
    if drifted:
        yield tile(drifted, "undo what others changed", "update")


def _box(at: Address, changes: Sequence[Change]) -> str:
    tone = strongest({TONES[each.action] for each in changes})
    counts = Counter(str(each.action) for each in changes)
    counted = ", ".join(f"{number} {action}" for action, number in counts.items())
    rows = "".join(_rows(at, changes))
    return (
        f'<details class="box t-{tone}" open><summary><span class=kind>{escape(at.kind)}</span>'
        f"<span class=path>{escape(at.path)}</span><span class=count>{escape(counted)}</span></summary>{rows}</details>"
    )


def _rows(at: Address, changes: Sequence[Change]) -> Iterator[str]:
    """What needs words, one by one; then what is merely created or adopted, or goes with all of it, by action."""
    is_deleted = any(each.address == at and each.action is Action.DELETE for each in changes)
    plain = [each for each in changes if _is_plain(each) or (is_deleted and _merely_goes(each, at))]
    yield from (_row(each, at) for each in changes if each not in plain)
    for action in dict.fromkeys(each.action for each in plain):
        groups: dict[str, list[str]] = defaultdict(list)
        for change in plain:
            if change.action is action:
                groups[change.address.kind].append(change.address.name)
        yield chips_row(f"{SIGNS[action]} {action}", TONES[action], groups.items())


def _is_plain(change: Change) -> bool:
    is_plain = change.action is Action.ADOPT or (change.action is Action.CREATE and change.reason == DECLARED)
    return is_plain and not change.fields


def _merely_goes(change: Change, at: Address) -> bool:
    return change.goes_with is not None and change.managed and change.address != at


def _row(change: Change, at: Address) -> str:
    what = "" if change.address == at else f"{change.address.kind} {change.address.name}"
    if change.address.kind == "deployment":
        what = "code"
    if change.action is Action.MOVE and change.origin is not None:
        what = f"{what or change.address.name} (was {change.origin.name})"
    company = f"it goes with {change.goes_with}" if change.goes_with is not None else ""
    drift = "somebody changed it on the server" if change.drifted and "server" not in change.reason else ""
    tag = f"{SIGNS[change.action]} {change.action}"
    return change_row(tag, TONES[change.action], what, change.fields, (company, change.reason, drift))


def _counts(plan: Plan) -> str:
    counts = counts_by_kind(plan)
    actions = [action for action in SIGNS if any(each[action] for each in counts.values())]
    head = "".join(f"<th>{action}</th>" for action in actions)
    rows = "".join(
        f"<tr><td>{escape(kind)}</td>{''.join(f'<td>{found[each] or str()}</td>' for each in actions)}</tr>"
        for kind, found in counts.items()
    )
    return f'<table class="counts"><tr><th></th>{head}</tr>{rows}</table>'
