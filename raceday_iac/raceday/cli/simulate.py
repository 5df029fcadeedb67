"""`raceday-iac simulate`: a whole race day with the real functions, in virtual time."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated

import typer

from ...applying import apply_plan
from ...cli.options import Options, current
from ...cli.workspace import Target, Workspace, answer, make_plan, must_be_writable, provider, reader, write_file
from ...devserver.runner import start_server
from ...devserver.server import Settings
from ...errors import EXIT_ERROR, EXIT_OK, IacError
from ...loading.environment import load_environment
from ...loading.stack_file import load_stack
from ...model.secret import Secret, json_text, shown_document
from ...render.lines import Line, print_lines
from ...state.backends.local import LocalState
from ...state.document import new_state
from ..nztab.days import make_day
from ..nztab.model import Day, NztabSettings, Race
from ..nztab.player import NztabPlugin
from ..simulation.checks import DayResult, Stored, check_all
from ..simulation.day import NZ, DaySpec, count_phases, phase_of, run_day
from ..simulation.ledger import Execution, Ledger, Outcome
from ..simulation.legacy import ASSUMPTIONS, simulate_legacy
from ..simulation.legacy_world import CardRace
from ..simulation.recording import record as written_down
from ..simulation.report import DayReport, Duplicates, Polls, Quantiles, compare_runs
from ..simulation.virtual_time import Latencies, VirtualTime
from ..simulation_page import simulation_lines, simulation_page
from ..simulation_picture import timeline_svg

app = typer.Typer()

DATABASE = "raceday-db"
POLLER = "enhanced-race-poller"
#: The redundant poller of old ran by this schedule. With `--legacy-schedules` its place is taken by the new poller.
LEGACY_POLLER_SCHEDULE = "*/10 * * * *"
MOST_RACES = 400
#: Years that New Zealand's clock is known for, and that the server takes.
FIRST_YEAR, LAST_YEAR = 1975, 2099


@app.command("simulate")
def simulate(
    day: Annotated[str, typer.Option(help="New Zealand date; 2025-07-17 is the recorded day.")] = "2025-07-17",
    seed: Annotated[int, typer.Option(help="The seed of everything random.")] = 1,
    races: Annotated[int | None, typer.Option(help="A generated day with this number of races.")] = None,
    until: Annotated[str, typer.Option(metavar="HH:MM", help="Stop at this New Zealand time.")] = "",
    without_locks: Annotated[
        bool, typer.Option("--without-locks", help="Give every run its lock at once, whoever holds it.")
    ] = False,
    legacy_schedules: Annotated[
        bool, typer.Option("--legacy-schedules", help="Also start the poller every 10 minutes, as the deleted one was.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write the report as a page.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Write the timeline as a picture.")] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Record the day, to replay it in the console.")
    ] = None,
) -> int:
    """Set a server up, run the day on it, report."""
    options, wanted = current(), _wanted(day, seed, races, until, without_locks=without_locks)
    for path in (html, svg, record):
        if path is not None:
            must_be_writable(path)
    with tempfile.TemporaryDirectory(prefix="raceday-simulation-") as folder:
        lived, report = _simulate(options, wanted, Path(folder), legacy_schedules=legacy_schedules)
    for path, content in ((html, simulation_page), (svg, timeline_svg)):
        if path is not None:
            write_file(path, shown_document(content(report)))
    if record is not None:
        write_file(record, json_text(written_down(lived, report)) + "\n")
    answer(options, report.to_json(), simulation_lines(report))
    return EXIT_ERROR if report.violations else EXIT_OK


def _simulate(
    options: Options, wanted: DaySpec, folder: Path, *, legacy_schedules: bool
) -> tuple[DayResult, DayReport]:
    clock = VirtualTime(wanted.begin)
    plugins = (NztabPlugin(NztabSettings(seed=wanted.seed, races=wanted.races)),)
    settings = Settings(
        scheduler=False, processing_delay=0.0, build_preparation=0.0, build_minimum=0.0, plugins=plugins
    )
    workspace = _workspace(options, legacy_schedules=legacy_schedules)
    with start_server(folder / "server", settings=settings, clock=clock) as server:
        target = Target(server.endpoint, server.project, Secret(server.key))
        _report(options, "Setting up: the stack is applied to an empty server")
        _set_up(workspace, target, folder / "state")
        wanted = replace(wanted, variables=_variables(workspace))
        packages = folder / "packages"
        packages.mkdir()
        ledger = run_day(server, clock, wanted, packages, lambda instant: _report(options, _hour(instant)))
        stored = Stored.read(lambda collection: reader(target).documents(DATABASE, collection))
        day = make_day(wanted.day, wanted.seed, wanted.races)
        lived = DayResult(wanted, day, ledger, stored)
        return lived, report_of(lived, wanted_options(wanted, legacy_schedules=legacy_schedules))


def _workspace(options: Options, *, legacy_schedules: bool) -> Workspace:
    """The stack, with what only the simulation has."""
    environment = load_environment(options.stack, options.env)
    if not environment.is_embedded:
        raise IacError(
            f"A race day needs the embedded server, but environment {options.env!r} is not one.",
            hint="raceday-iac simulate --env local",
        )
    stack = load_stack(options.stack)
    overrides = {address: dict(fields) for address, fields in environment.overrides.items()}
    for declaration in stack.declarations:
        if declaration.kind == "function":
            # Nothing is installed: the functions run in this process, with what it has installed.
            overrides.setdefault(f"function.{declaration.arguments['id']}", {})["commands"] = ""
    if legacy_schedules:
        if f"function.{POLLER}" not in overrides:
            raise IacError(f"--legacy-schedules starts the function {POLLER}, and the stack has none.")
        overrides[f"function.{POLLER}"]["schedule"] = LEGACY_POLLER_SCHEDULE
    return Workspace.of(options, stack, environment.model_copy(update={"overrides": overrides, "schedules": True}))


def _set_up(workspace: Workspace, target: Target, folder: Path) -> None:
    """Apply the stack, as `apply` does."""
    store, state = LocalState(folder), new_state()
    connection = provider(target)
    plan = make_plan(workspace, state, connection)
    with store.locked("simulate"):
        applied = apply_plan(plan, workspace.desired, workspace.bundles, connection, store, state, lambda _: None, 8)
    if applied.failed:
        change, error = applied.failed[0]
        raise IacError(f"The stack could not be applied to the simulation's server: {change.key}: {error.message}")


def _variables(workspace: Workspace) -> dict[str, str]:
    """The variables of all functions; they share one process, and the stack gives each the same values."""
    found: dict[str, str] = {}
    for resource in workspace.desired.of_kind("variable"):
        value = resource.fields["value"]
        found[resource.address.name] = value.reveal() if isinstance(value, Secret) else str(value)
    return found


def _wanted(day: str, seed: int, races: int | None, until: str, *, without_locks: bool) -> DaySpec:
    """Read the options. Raises IacError for what makes no sense."""
    try:
        date_of_day = date.fromisoformat(day)
    except ValueError:
        raise IacError(f"--day {day!r} is not a date; write it as 2025-07-17.") from None
    if not FIRST_YEAR <= date_of_day.year <= LAST_YEAR:
        raise IacError(f"--day must be in the years {FIRST_YEAR} to {LAST_YEAR}, not {date_of_day}.")
    if races is not None and not 1 <= races <= MOST_RACES:
        raise IacError(f"--races must be 1 to {MOST_RACES}, not {races}.")
    end: time | None = None
    if until:
        try:
            end = time.fromisoformat(until)
        except ValueError:
            raise IacError(f"--until {until!r} is not a clock time; write it as 13:30.") from None
        if end == time():
            raise IacError(f"--until {until} is when the day begins; leave it out for the whole day.")
    return DaySpec(date_of_day, seed, races, end, not without_locks)


def _hour(instant: datetime) -> str:
    return f"{instant.astimezone(NZ):%a %H:%M} in New Zealand"


def _report(options: Options, text: str) -> None:
    """Progress goes to standard error, so that the output can be piped."""
    if not options.json:
        print_lines([Line(text, "dim")], color=options.color, stream=sys.stderr)


# From what was seen and stored to the report of the day, beside the legacy model of the same day.


#: A poll of a race that is already over, for dividends that come late.
SETTLING = "settling"


def report_of(lived: DayResult, options: Mapping[str, bool | int | str]) -> DayReport:
    """Check the invariants, run the legacy model over the same card, and put the numbers together."""
    wanted, day, ledger = lived.wanted, lived.day, lived.ledger
    begin, end = wanted.begin.timestamp(), wanted.end.timestamp()
    legacy = simulate_legacy(legacy_card(day), begin, end)
    fields = compare_runs(ledger.runs(), legacy.runs)
    fields["duplicates"] = Duplicates(fields["duplicates"].refused, saved_by_refusing(ledger))
    polls = count_phases(_phases(day, ledger))
    return DayReport(
        day=str(wanted.day),
        seed=wanted.seed,
        races=len(day.imported),
        begin=begin,
        end=end,
        lock_latency_ms=Quantiles.of(ledger.lock_ms),
        invariants=check_all(lived),
        polls=Polls(polls, sum(polls.values()) / max(1, len(day.imported))),
        legacy_polls=legacy.polls_report(),
        status_delay_seconds=Quantiles.of(status_delays(day, ledger)),
        assumptions=(*ASSUMPTIONS, *assumptions()),
        options=options,
        race_starts=tuple(race.start.timestamp() for race in day.imported),
        **fields,
    )


def assumptions(latencies: Latencies | None = None) -> Iterator[str]:
    """What the new side takes for granted."""
    used = latencies or Latencies()
    yield (
        "The new side is real code over real HTTP in virtual time, in which computing takes no time. "
        f"A read of Appwrite takes {used.read * 1000:g} ms, a write {used.write * 1000:g} ms and "
        f"{used.operation * 1000:g} ms more for each operation of a transaction, the NZ TAB {used.upstream * 1000:g} "
        "ms: each time by a factor between a half and two."
    )


def legacy_card(day: Day) -> tuple[CardRace, ...]:
    """The imported races as the legacy model takes them."""
    return tuple(_legacy_race(race) for race in day.imported)


def _legacy_race(race: Race) -> CardRace:
    line = race.timeline
    void = line.abandoned
    never: float | None = None
    return CardRace(
        race=race.id,
        meeting=race.meeting.id,
        start=line.advertised.timestamp(),
        jump=line.jump.timestamp(),
        interim=never if void and void <= line.interim else line.interim.timestamp(),
        final=never if void else line.final.timestamp(),
        abandoned=void.timestamp() if void else never,
    )


def status_delays(day: Day, ledger: Ledger) -> list[float]:
    """Seconds from a change of status upstream to its commit in the database; changes that nobody saw are left out."""
    first: dict[tuple[str, str], float] = {}
    for each in sorted(ledger.statuses, key=lambda write: write.at):
        first.setdefault((each.race, each.status), each.at)
    delays = []
    for race in day.imported:
        for instant, status in race.timeline.changes:
            written = first.get((race.id, status))
            if written is not None and written >= instant.timestamp():
                delays.append(written - instant.timestamp())
    return delays


def saved_by_refusing(ledger: Ledger) -> dict[str, float]:
    """What the refused runs would have spent, had they been like the other runs of their function."""
    saved = {"requests": 0.0, "seconds": 0.0, "polls": 0.0}
    for execution in ledger.executions.values():
        if execution.outcome is Outcome.REFUSED:
            alike = [each for each in ledger.executions.values() if _worked(each, execution.function)]
            number = max(1, len(alike))
            saved["requests"] += max(0.0, sum(each.requests for each in alike) / number - execution.requests)
            saved["seconds"] += sum((each.end or 0.0) - each.start for each in alike) / number
            saved["polls"] += sum(each.polls for each in alike) / number
    return saved if any(saved.values()) else {}


def _worked(execution: Execution, function: str) -> bool:
    return execution.function == function and execution.outcome is Outcome.COMPLETED and execution.end is not None


def _phases(day: Day, ledger: Ledger) -> Iterator[str]:
    """The row of the table that each poll was in, by what upstream said at that instant."""
    for poll in ledger.polls:
        race = day.race(poll.race)
        if race is None:
            continue
        row = phase_of(_status_before(race, poll.begin), (race.start.timestamp() - poll.begin) / 60)
        yield SETTLING if row == "terminal" else row


def _status_before(race: Race, instant: float) -> str:
    return race.timeline.status_at(datetime.fromtimestamp(instant, race.start.tzinfo))


def wanted_options(wanted: DaySpec, *, legacy_schedules: bool) -> dict[str, bool | int | str]:
    """How the day was asked for, for the report."""
    options: dict[str, bool | int | str] = {"locks": wanted.with_locks, "legacy_schedules": legacy_schedules}
    if wanted.until is not None:
        options["until"] = f"{wanted.until:%H:%M}"
    return options
