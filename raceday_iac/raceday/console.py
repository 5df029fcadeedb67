"""Raceday's pages of the console: the day's races with their polls, due and late, and a simulated day played again.

Which race is due, and which is late, the rules of health say, of a stored race and of one of a recording alike.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Any

from starlette.requests import Request

from ..console.app import Console, Deed, Form, Look, Page, Part
from ..console.pages import Fact, look_at, rows, seen_of
from ..console.project import Project, Watched
from ..console.work import Task
from ..counting import counted, format_duration
from ..errors import IacError, Interrupted, NotFoundError
from ..health.data import conditions_of
from ..health.watched import Freshness, Grace
from .rules import RacingRules, Standing
from .simulation.day import conflicts
from .simulation.ledger import Outcome, Run
from .simulation.recording import PlayedRace, Recording, read_recording
from .simulation_page import TEMPLATES
from .simulation_picture import NZ_TIME, clock, day_name, now_name, place_of, timeline_svg

#: Where recordings lie, in the folder of the environment.
_FOLDER = "days"
#: What a race is shown by, where the collection has it.
_NAMES = ("name", "raceNumber")
#: The relationship that leads from a race to its meeting, and how that is called.
_MEETING, _MEETING_NAME = "meeting", "meetingName"
#: Seconds that the slider goes at a time, and the steps beside it.
_STEP, _STEPS = 60, (-3600, -900, -60, 60, 900, 3600)
#: Rows of the interval table in which nothing is urgent.
_CALM = ("baseline", "overdue")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")


# The day's races


@dataclass(frozen=True)
class Race:
    """A race for people. `path` is its document's page; empty where it has none."""

    standing: Standing
    title: str
    path: str = ""


@dataclass(frozen=True)
class Card:
    """The races of a day as they were at an instant."""

    races: tuple[Race, ...]
    day: date
    now: datetime
    zone: tzinfo
    is_quiet: bool
    is_scheduled: bool = True


def look_at_races(project: Project) -> Card:
    """The stored races of the day. Raises IacError."""
    watched = project.watched()
    rules, rule = _rules_of(watched), _rule_of(watched)
    reader = project.reader()
    members = reader.collection(*rule.place)
    if not members:
        hint = "apply the plan to create it"
        raise NotFoundError(f"There is no collection {'/'.join(rule.place)} yet, so there are no races.", hint=hint)
    known = {each.name for each in members}
    now = reader.server_time() or datetime.now(UTC)
    shown = [*(each for each in _NAMES if each in known), *([f"{_MEETING}.*"] if _MEETING in known else [])]
    wanted = (*rules.polled_fields, *shown)
    found = reader.documents(*rule.place, *conditions_of(rule, rules, now), only=wanted)
    races = (_stored(each, rules.standing(each, now, watched.config.grace), rule.place) for each in found)
    ordered = tuple(sorted(races, key=lambda each: (each.standing.start, each.standing.identity)))
    return Card(ordered, rules.day_of(now), now, NZ_TIME.zone, rules.is_quiet(now), watched.is_scheduled)


def _rules_of(watched: Watched) -> RacingRules:
    if not isinstance(watched.rules, RacingRules):
        hint = "functions/_shared needs due.py, card.py and nz_time.py"
        raise IacError("The functions share no code that says when a race is polled.", hint=hint)
    return watched.rules


def _rule_of(watched: Watched) -> Freshness:
    rule = next((each for each in watched.config.freshness if each.rule == "polled"), None)
    if rule is None:
        raise IacError("health.yaml does not say where the races are.", hint="add a rule `polled` under `freshness`")
    return rule


def _stored(document: Mapping[str, Any], standing: Standing, place: tuple[str, str]) -> Race:
    meeting = document.get(_MEETING)
    where = str(meeting.get(_MEETING_NAME) or "") if isinstance(meeting, Mapping) else ""
    title = _title(where, document.get("raceNumber"), str(document.get("name") or standing.identity))
    return Race(standing, title, f"/data/{place[0]}/{place[1]}/{standing.identity}")


def _title(meeting: str, number: Any, name: str) -> str:
    return " ".join(filter(None, (meeting, f"R{number}" if number is not None else "", name)))


def card_values(card: Card) -> dict[str, Any]:
    """What the page shows of them."""
    at = card.now.timestamp()
    return {
        "day": day_name(str(card.day)),
        "clock": f"{card.now.astimezone(card.zone):%H:%M:%S}",
        "utc": f"{card.now.astimezone(UTC):%H:%M:%S}",
        "is_quiet": card.is_quiet,
        "is_scheduled": card.is_scheduled,
        "facts": list(_facts(card.races, at)),
        "late": [_row(each, at, card.zone) for each in card.races if each.standing.late is not None],
        "races": [_row(each, at, card.zone) for each in card.races],
    }


def _facts(races: Sequence[Race], at: float) -> Iterator[Fact]:
    standings = [each.standing for each in races]
    late = [each.late for each in standings if each.late is not None]
    due = [each for each in standings if each.due is not None and each.due <= at]
    waiting = sorted(each.due for each in standings if each.due is not None and each.due > at)
    left = sum(not each.is_over for each in standings)
    yield Fact("Races", f"{left} open", f"of {len(races)}; {len(races) - left} over")
    yield Fact("Due", f"{len(due)}", "a poll is due now", "update" if due else "calm")
    longest = f"the longest for {format_duration(max(each.seconds for each in late))}" if late else "all polled on time"
    yield Fact("Late", f"{len(late)}", longest, "destroy" if late else "create")
    soon = f"in {format_duration(waiting[0] - at)}" if waiting else "none"
    yield Fact("Next poll", soon, "by the interval table of the functions")


def _row(race: Race, at: float, zone: tzinfo) -> dict[str, Any]:
    """A race as a row of a table."""
    standing = race.standing
    tone, due = _due_words(standing, at)
    return {
        "start": f"{datetime.fromtimestamp(standing.start, zone):%H:%M}",
        "title": race.title,
        "path": race.path,
        "status": standing.status,
        "row": standing.row,
        "polled": "never" if standing.polled is None else f"{format_duration(max(0.0, at - standing.polled))} ago",
        "due": due,
        "tone": tone,
    }


def _due_words(standing: Standing, at: float) -> tuple[str, str]:
    if standing.due is None:
        return "faint", "no more"
    if standing.late is not None:
        more = "more than " if standing.late.is_longer else ""
        allowed = format_duration(standing.late.patience)
        return "broken", f"late: due for {more}{format_duration(standing.late.seconds)}, the limit is {allowed}"
    if standing.due <= at:
        return "warn", f"due for {format_duration(at - standing.due)}"
    return "", f"in {format_duration(standing.due - at)}"


def races(console: Console, request: Request) -> str:
    """The races of the day, as they were seen last."""
    look_at(console, "races")
    seen = seen_of(console, "races")
    shown: dict[str, Any] = {"seen": seen, "names": ["races"], "tasks": rows(console, ["races"]), "back": "/races"}
    shown["days"] = len(_recordings(console.project))
    return console.show(TEMPLATES / "races.html", request, title="Races", **shown, card=seen.values)


# Simulated days


def days(console: Console, request: Request) -> str:
    """The recordings that there are, and the form that makes one."""
    task = console.tasks.latest("simulate")
    return console.show(
        TEMPLATES / "days.html",
        request,
        title="Simulated days",
        names=["simulate"],
        tasks=rows(console, ["simulate"]),
        error=task.error if task is not None else None,
        days=[
            {
                "name": each.stem,
                "size": f"{each.stat().st_size / 1e6:.1f} MB",
                "at": f"{datetime.fromtimestamp(each.stat().st_mtime, UTC):%Y-%m-%d %H:%M}",
            }
            for each in _recordings(console.project)
        ],
    )


def _recordings(project: Project) -> list[Path]:
    """The newest first."""
    found = [each for each in (project.folder / _FOLDER).glob("*.json") if _NAME.fullmatch(each.stem)]
    return sorted(found, key=lambda each: each.stat().st_mtime, reverse=True)


def simulate(console: Console, _request: Request, form: Form) -> str:
    """Live through a day in the background, and write it down. What the values may be, the command says."""
    asked = {name: form.get(name, "").strip() for name in ("day", "races", "until", "seed")}
    asked = {name: text for name, text in asked.items() if text}
    name = "-".join(f"{text}-races" if name == "races" else text.replace(":", "") for name, text in asked.items())
    if not _NAME.fullmatch(name) or any(text.startswith("-") for text in asked.values()):
        raise IacError("Enter a date, and numbers for races and seed.", unchanged=True)
    file = console.project.folder / _FOLDER / f"{name}.json"
    words = ["simulate", *(f"--{name}={text}" for name, text in asked.items()), f"--record={file}"]
    local = console.local
    assert local is not None

    def work(task: Task) -> str:
        said: list[str] = []

        def listen(line: str) -> None:
            said.append(line)
            task.say(line)

        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = file.stat().st_mtime_ns if file.exists() else 0
        code = local.command(words, listen)
        if task.interrupts.presses:
            raise Interrupted("Interrupted: the day was not recorded.")
        if code and (not file.exists() or file.stat().st_mtime_ns == before):
            begin = next((at for at, line in enumerate(said) if line.startswith("Error")), max(0, len(said) - 3))
            raise IacError(" ".join(said[begin:]).removeprefix("Error: ") or f"The simulation ended with {code}.")
        return name

    console.tasks.start("simulate", f"Simulating {day_name(asked.get('day', ''))}", work, changes=True)
    return console.to("/races/days")


@dataclass(frozen=True)
class Replay:
    """A recording with all that its page needs and that takes long to make: its picture, and when the conflicts of both
    sides were."""

    recording: Recording
    rules: RacingRules
    grace: Grace
    picture: str
    conflicts: Sequence[float]
    legacy_conflicts: Sequence[float]

    @property
    def first(self) -> float:
        """Where its page begins: at the first start."""
        report = self.recording.report
        return min((each for each in report.race_starts if report.begin <= each <= report.end), default=report.begin)


def load_replay(file: Path, watched: Watched) -> Replay:
    """Read a recording. Raises IacError."""
    rules = _rules_of(watched)
    try:
        recording = read_recording(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise NotFoundError(f"The recording {file} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        raise IacError(f"{file} cannot be replayed: {error}.", hint="record it again: simulate --record") from None
    report = recording.report
    begun, legacy = ([each.begin for each in conflicts(runs)] for runs in (report.runs, report.legacy_runs))
    picture = timeline_svg(report)
    return Replay(recording, rules, watched.config.grace, picture, sorted(begun), sorted(legacy))


def day(console: Console, request: Request) -> str:
    """A recorded day at an instant, with the slider that moves it."""
    name = request.path_params["day"]
    replay = _replay(console, name)
    if not isinstance(replay, Replay):
        reading = [replay] if isinstance(replay, str) else []
        return console.show(
            TEMPLATES / "day.html",
            request,
            title=name,
            replay=None,
            names=reading,
            tasks=rows(console, reading),
            error=replay if isinstance(replay, IacError) else None,
        )
    report = replay.recording.report
    at = _instant(request, replay)
    return console.show(
        TEMPLATES / "day.html",
        request,
        title=day_name(report.day),
        name=name,
        replay=replay,
        names=[],
        tasks=[],
        error=None,
        about=f"{counted(report.races, 'race')}, seed {report.seed}, {now_name(report).lower()}",
        broken=[each for each in report.invariants if not each.holds],
        held=sum(each.holds and each.checked > 0 for each in report.invariants),
        picture=replay.picture,
        begin=int(report.begin),
        end=int(report.end),
        step=_STEP,
        at=int(at),
        axis=[100 * place_of(report, each) for each in (report.begin, report.end)],
        here=100 * place_of(report, at),
        steps=[(_step_name(each), int(min(max(at + each, report.begin), report.end))) for each in _STEPS],
        **_at(replay, at),
    )


def day_at(console: Console, request: Request) -> str:
    """The part of that page which the slider changes."""
    replay = _replay(console, request.path_params["day"])
    if not isinstance(replay, Replay):
        raise NotFoundError("This day is not loaded yet.")
    return console.show(TEMPLATES / "day_at.html", request, **_at(replay, _instant(request, replay)))


def _replay(console: Console, name: str) -> Replay | IacError | str:
    """A recording, once it is read; why it cannot be; or the name of the task that reads it. Raises NotFoundError where
    there is none of that name."""
    file, project = console.project.folder / _FOLDER / f"{name}.json", console.project
    if not _NAME.fullmatch(name) or not file.is_file():
        raise NotFoundError(f"There is no recording {name} in {file.parent}.", hint="simulate --record writes one")
    # One that was written again is another one.
    reading = f"day {name} {file.stat().st_mtime_ns}"
    task = console.tasks.latest(reading)
    if task is None:
        task = console.tasks.start(reading, f"Reading {name}", lambda _task: load_replay(file, project.watched()))
    if task.is_running:
        return reading
    return task.error if task.error is not None else task.result


def _instant(request: Request, replay: Replay) -> float:
    """The instant that is asked for, within the day."""
    report, text = replay.recording.report, request.query_params.get("at", "")
    wanted = float(text) if text.isascii() and text.isdecimal() and len(text) < 12 else replay.first
    return min(max(wanted, report.begin), report.end)


def _step_name(seconds: int) -> str:
    sign = "-" if seconds < 0 else "+"
    return f"{sign}{abs(seconds) // 60} min" if abs(seconds) < 3600 else f"{sign}{abs(seconds) // 3600} h"


def _at(replay: Replay, at: float) -> dict[str, Any]:
    """How everything stood at an instant of a recorded day."""
    recording, now = replay.recording, datetime.fromtimestamp(at, UTC)
    stored = list(_played(recording.card, replay, now))
    lively = [each for each in stored if each.standing.late is not None or _is_lively(each.standing)]
    begun = recording.begun(at)
    return {
        "clock": f"{clock(at)}:{int(at) % 60:02}",
        "utc": f"{now:%H:%M:%S}",
        "is_quiet": replay.rules.is_quiet(now),
        "facts": [*(_facts(stored, at) if stored else ()), *_day_facts(replay, begun, at)],
        "runs": [_run_row(each, at) for each in recording.under_way(at)],
        "races": [_row(each, at, NZ_TIME.zone) for each in lively],
        "others": _others(stored, lively),
    }


def _played(card: Iterable[PlayedRace], replay: Replay, now: datetime) -> Iterator[Race]:
    for race in sorted(card, key=lambda each: (each.start, each.identity)):
        document = race.document_at(now.timestamp())
        if document is not None:
            standing = replay.rules.standing(document, now, replay.grace)
            yield Race(standing, _title(race.meeting, race.number, race.name))


def _is_lively(standing: Standing) -> bool:
    return not standing.is_over and standing.row not in _CALM


def _day_facts(replay: Replay, begun: Sequence[Run], at: float) -> Iterator[Fact]:
    """What had happened since the day began."""
    refused = sum(each.outcome is Outcome.REFUSED for each in begun)
    polls = sum(bisect_right(each.polls, at) for each in replay.recording.card)
    yield Fact("Runs so far", f"{len(begun):,}", f"{refused:,} refused by a lock")
    requests = sum(each.appwrite_requests for each in begun)
    yield Fact("Polls so far", f"{polls:,}", f"{requests:,} requests to Appwrite by these runs")
    now, legacy = (bisect_right(each, at) for each in (replay.conflicts, replay.legacy_conflicts))
    yield Fact("Conflicts so far", f"{now:,}", f"{legacy:,} with the legacy schedules", "destroy" if now else "create")


def _run_row(run: Run, at: float) -> dict[str, Any]:
    held = [each.subject for each in run.races if each.begin <= at < each.end]
    begun = f"{datetime.fromtimestamp(run.start, NZ_TIME.zone):%H:%M:%S}"
    return {"function": run.function, "begun": begun, "since": format_duration(at - run.start), "races": len(held)}


def _others(stored: Sequence[Race], shown: Sequence[Race]) -> str:
    """The races that are not in the table, in words."""
    left = Counter(each.standing.row for each in stored) - Counter(each.standing.row for each in shown)
    return ", ".join(f"{number} {row}" for row, number in sorted(left.items()))


PART = Part(
    pages=(
        Page("/races", races, "Races"),
        Page("/races/days", days),
        Page("/races/days/{day}", day),
        Page("/races/days/{day}/at", day_at),
    ),
    deeds=(Deed("/races/days", simulate),),
    looks={"races": Look("Looking at the races of the day", look_at_races, card_values)},
)
