"""Overview, plan, health and schedule: what is looked at in the background, and shown as it was seen last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from .. import __version__
from ..applying import Event, EventKind
from ..audit import Inspection
from ..counting import counted, format_duration
from ..drift import Standing
from ..errors import IacError
from ..health.observations import Severity
from ..health.report import Report
from ..linting.expansion import Timetable
from ..planning import Action
from ..render.health_page import health_values
from ..render.health_text import headline
from ..render.plan_page import plan_values, rehearsal_values
from ..render.progress import event_text
from ..render.schedule_page import schedule_values
from ..state.document import Saved
from ..waiting import WAITS
from .app import Console, Deed, Form, Look, Page
from .project import Outcome, Planned, Project
from .work import Task, Work

#: What is looked at in the background, by the name of its page.
LOOKS: Mapping[str, Look] = {
    "plan": Look(
        "Comparing the stack with the server",
        lambda project: project.plan(),
        lambda planned: plan_values(planned.plan, planned.where, planned.kept),
    ),
    "health": Look("Checking runs, locks and data", lambda project: project.health(), health_values),
    "schedule": Look(
        "Calculating the schedules",
        lambda project: project.timetable(),
        lambda timetable: schedule_values(timetable, datetime.now(UTC)),
    ),
}
_TONES = {None: "create", Severity.WARNING: "update", Severity.ERROR: "destroy"}


# Looking


def look_at(console: Console, *names: str, again: bool = False) -> None:
    """Begin to look at what nobody has looked at yet, or at all of it."""
    for name in names:
        if again or console.tasks.latest(name) is None:
            console.tasks.start(name, console.looks[name].title, _work(console, console.looks[name]))


def _work(console: Console, look: Look) -> Work:
    def work(_task: Task) -> tuple[Any, Mapping[str, Any]]:
        found = look.at(console.project)
        return found, look.values(found)

    return work


def look_again(console: Console, _request: Request, form: Form) -> str:
    """Look at everything, or at what the form names."""
    names = [form["what"]] if form.get("what") in console.looks else list(LOOKS)
    look_at(console, *names, again=True)
    return console.to(form["back"] if form.get("back") in {f"/{name}" for name in console.looks} else "/")


@dataclass(frozen=True)
class Seen:
    """What a page has to show of something that is looked at: what was seen last, what is wrong, what goes on."""

    found: Any
    values: Mapping[str, Any] | None
    at: datetime | None
    error: IacError | None
    is_running: bool

    @property
    def ago(self) -> str:
        """When it was seen."""
        return "" if self.at is None else f"{format_duration(datetime.now(UTC) - self.at)} ago"


def seen_of(console: Console, name: str) -> Seen:
    """What was seen of it."""
    latest, well = console.tasks.latest(name), console.tasks.seen(name)
    found, values = well.result if well else (None, None)
    error = latest.error if latest is not None else None
    return Seen(found, values, well.at if well else None, error, latest is not None and latest.is_running)


def progress(console: Console, request: Request) -> str:
    """The part of a page that says what goes on, for the script that asks again and again."""
    return console.show("progress.html", request, tasks=rows(console, request.query_params.getlist("of")))


def rows(console: Console, names: Iterable[str]) -> list[dict[str, Any]]:
    """What goes on of these, for a page."""
    found = [task for name in names if (task := console.tasks.latest(name)) is not None and task.is_running]
    waits = WAITS.under_way()
    return [
        {
            "title": each.title,
            "seconds": f"{each.lasts:.0f} s",
            "done": each.done,
            "total": each.total,
            "lines": each.lines[-14:] or list(waits[:2]),
        }
        for each in found
    ]


# Overview


@dataclass(frozen=True)
class Fact:
    """One figure of the overview, and where more of it is."""

    title: str
    big: str
    words: str
    tone: str = "calm"
    path: str = ""


def overview(console: Console, request: Request) -> str:
    """How the project is."""
    place = console.project.place()
    look_at(console, *LOOKS)
    planned, health, schedule = (seen_of(console, name) for name in LOOKS)
    facts = [*_drift(planned), *_health(health), *_applied(console.project)]
    return console.show(
        "overview.html",
        request,
        title=f"Overview of {console.project.environment}",
        place=f"{place}; raceday-iac {__version__}",
        facts=facts,
        schedule=schedule,
        next_runs=_next_runs(schedule.found),
        tasks=rows(console, LOOKS),
        names=list(LOOKS),
        seen=planned,
        problems=[each.error for each in (planned, health, schedule) if each.error is not None],
    )


def _drift(seen: Seen) -> Iterator[Fact]:
    if not isinstance(seen.found, Planned):
        yield Fact("Drift", "…", "not checked yet", path="/plan")
        return
    plan, verdict = seen.found.plan, seen.found.verdict
    changed, pending = len(verdict.drifted), len(verdict.pending)
    big = f"{changed} changed" if changed else "none"
    yield Fact("Drift", big, "outside of raceday-iac", "update" if changed else "create", "/plan")
    big = f"{pending} to apply" if pending else "applied"
    refused = f"; refused by {counted(len(plan.refusals), 'guard')}" if plan.refusals else ""
    unmanaged = len(verdict.of(Standing.UNMANAGED))
    words = f"changes of the stack{refused}" if pending else f"{unmanaged} unmanaged on the server"
    tone = "destroy" if plan.refusals else "deploy" if pending else "create"
    yield Fact("Stack", big, words, tone, "/plan")
    yield Fact("Appwrite", plan.server_version or "?", seen.found.where.partition(" at ")[0])


def _health(seen: Seen) -> Iterator[Fact]:
    report = seen.found
    if not isinstance(report, Report):
        yield Fact("Health", "…", "not checked yet", path="/health")
        return
    words = {None: "well", Severity.WARNING: "degraded", Severity.ERROR: "unhealthy"}[report.worst]
    yield Fact("Health", words, headline(report).text.rstrip("."), _TONES[report.worst], "/health")


def _applied(project: Project) -> Iterator[Fact]:
    with project.states() as store:
        holder, newest = store.lock_holder(), next(iter(store.history()), None)
    yield from _last_apply(project.audit(), newest.saved if newest else None)
    owned = newest.saved.resources if newest else 0
    lock = f"locked: {holder.reason} by {holder.owner}" if holder else "not locked"
    serial = f"serial {newest.serial}" if newest else "nothing applied yet"
    yield Fact("Owned", f"{owned:,}", f"{serial}, {lock}", "update" if holder else "calm", "/state")


def _last_apply(log: Inspection, saved: Saved | None) -> Iterator[Fact]:
    """What carried out a plan last: by the audit log, which is this machine's, or by a state that another one saved."""
    begun = next((each for each in reversed(log.records) if each.get("event") == "begin"), None)
    ending = next((each for each in log.records if begun and each.get("begun") == begun.get("number")), None)
    last = str((ending or begun or {}).get("at", ""))
    if saved is not None and _is_later(saved.at, last):
        yield Fact("Last apply", "saved", f"{saved.command} by {saved.by}, {_minute(saved.at)}", "create", "/state")
    elif begun is not None:
        result = str(ending.get("result", "")) if ending is not None else "not ended"
        tone = {"success": "create", "not ended": "update"}.get(result, "destroy")
        yield Fact("Last apply", result, f"{begun.get('command', '')}, {_minute(last)}", tone, "/state")


def _is_later(first: str, second: str) -> bool:
    """Of two instants; one that cannot be read is before all others."""
    first_at, second_at = (_instant(each) for each in (first, second))
    return first_at is not None and (second_at is None or first_at > second_at)


def _instant(text: str) -> datetime | None:
    """An instant with its zone, as state and audit log have it."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _minute(text: str) -> str:
    found = _instant(text)
    return f"{found.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if found is not None else text


def _next_runs(found: Any) -> list[tuple[str, str, str]]:
    """Function, instant and how soon, of the next run of each, the soonest first."""
    if not isinstance(found, Timetable):
        return []
    now = datetime.now(UTC)
    runs = [(run, lane.function) for lane in found.lanes for run in lane.following if run > now]
    first = {function: run for run, function in sorted(runs, reverse=True)}
    ordered = sorted(first.items(), key=lambda each: each[1])
    return [(name, found.local_time.said(run), f"in {format_duration(run - now)}") for name, run in ordered]


# Health and schedule


def health(console: Console, request: Request) -> str:
    """The health of the project, as it was seen last."""
    return _report(console, request, "health")


def schedule(console: Console, request: Request) -> str:
    """The day's timetable."""
    return _report(console, request, "schedule")


def _report(console: Console, request: Request, name: str) -> str:
    look_at(console, name)
    seen = seen_of(console, name)
    shown = {"seen": seen, "names": [name], "tasks": rows(console, [name]), "back": f"/{name}"}
    if seen.values is None:
        return console.show("waiting.html", request, title=name.capitalize(), **shown)
    return console.show(f"{name}_live.html", request, **shown, **seen.values)


# The plan, and applying it


def plan(console: Console, request: Request) -> str:
    """The plan as it was computed last, and the form that applies it."""
    look_at(console, "plan")
    seen, names = seen_of(console, "plan"), ["plan", "apply", "rehearsal"]
    shown = {"seen": seen, "names": names, "tasks": rows(console, names), "back": "/plan"}
    shown["applied"] = _outcome(console)
    if seen.values is None:
        return console.show("waiting.html", request, title="Plan", **shown)
    shown["sentence"] = sentence(seen.found)
    shown["plan_id"] = seen.found.id
    shown |= _rehearsal(console, seen.found)
    return console.show("plan_live.html", request, **shown, **seen.values)


def _rehearsal(console: Console, planned: Planned) -> dict[str, Any]:
    """What the migrations of this plan would do, where somebody has asked for it."""
    latest, seen = console.tasks.latest("rehearsal"), seen_of(console, "rehearsal")
    is_of_it = seen.found == planned.id
    return {
        "can_rehearse": any(each.action is Action.MIGRATE for each in planned.plan.changes),
        "is_rehearsing": seen.is_running,
        "rehearsed": seen.values["found"] if is_of_it and seen.values is not None else [],
        "rehearsed_ago": seen.ago if is_of_it else "",
        "rehearsal_error": seen.error if latest is not None and latest.at > planned.at else None,
    }


def rehearse(console: Console, _request: Request, form: Form) -> str:
    """Begin to run the migrations of the plan that the form is about, without writing."""
    planned = seen_of(console, "plan").found
    if not isinstance(planned, Planned) or planned.id != form.get("plan"):
        return console.to("/plan", "The plan has changed since it was shown; look at it again.")

    def work(task: Task) -> tuple[Any, Mapping[str, Any]]:
        return planned.id, {"found": rehearsal_values(console.project.rehearse(planned, task.say))}

    console.tasks.start("rehearsal", "Rehearsing migrations", work)
    return console.to("/plan")


def sentence(planned: Planned) -> str:
    """What a person types to apply this plan; nothing where there is nothing to apply, or it is refused."""
    found = planned.plan
    if found.is_empty or found.refusals:
        return ""
    return f"apply {len(found.changes)}"


def _outcome(console: Console) -> dict[str, Any] | None:
    """What came of the last apply."""
    task = console.tasks.latest("apply")
    if task is None or task.is_running:
        return None
    task.shown.set()
    outcome = task.result
    if not isinstance(outcome, Outcome):
        assert task.error is not None
        return {"tone": "destroy", "headline": task.error.message, "entries": [("", task.error.hint)]}
    applied = outcome.applied
    entries = [(f"{change.key}: {error.message}", error.hint) for change, error in applied.failed]
    entries += [(error.message, error.hint) for error in applied.unsettled]
    entries += [(f"{each.key} was not begun", "") for each in applied.skipped]
    entries += [(f"{each} is still to do", "") for each in outcome.left]
    entries += [(each, "") for each in outcome.kept if entries]
    done = f"{counted(len(applied.done), 'change')} in {outcome.seconds:.1f} s."
    if applied.interrupted:
        headline = f"Interrupted: {done} Everything that was done is in the state; apply again to continue."
        return {"tone": "destroy", "headline": headline, "entries": entries}
    if entries:
        return {"tone": "destroy", "headline": f"Not complete: {done}", "entries": entries}
    kept = [(each, "") for each in outcome.kept]
    return {"tone": "create", "headline": f"Applied: {done} {outcome.claim}", "entries": kept}


def apply(console: Console, _request: Request, form: Form) -> str:
    """Begin to apply the plan that the form is about."""
    local, seen = console.local, seen_of(console, "plan")
    assert local is not None
    if not isinstance(seen.found, Planned) or seen.found.id != form.get("plan"):
        return console.to("/plan", "The plan has changed since it was shown. Nothing was changed; look at it again.")
    wanted = sentence(seen.found)
    if not wanted or " ".join(form.get("sentence", "").split()) != wanted:
        return console.to("/plan", f"Nothing was changed: to apply this plan, type {wanted!r}." if wanted else "")
    plan_id, total = seen.found.id, len(seen.found.plan.changes)

    def work(task: Task) -> Outcome:
        task.total = total
        try:
            return local.apply(plan_id, lambda event: _report_event(task, event))
        finally:
            if not task.interrupts.presses:
                look_at(console, *LOOKS, again=True)

    console.tasks.start("apply", "Applying", work, changes=True)
    return console.to("/plan")


def _report_event(task: Task, event: Event) -> None:
    """An event of an apply, as progress."""
    if event.kind in (EventKind.DONE, EventKind.FAILED):
        task.done += 1
    if event.kind is not EventKind.STARTED:
        task.say(event_text(event))


PAGES = (
    Page("/", overview, "Overview"),
    Page("/plan", plan, "Plan"),
    Page("/health", health, "Health"),
    Page("/schedule", schedule, "Schedule"),
    Page("/progress", progress),
)
DEEDS = (
    Deed("/look", look_again, is_looking=True),
    Deed("/rehearse", rehearse, is_looking=True),
    Deed("/apply", apply),
)
