"""Making up for daily runs that were missed, in the order in which they depend on each other. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..health.daily import Daily, Stand
from ..health.observations import Observation, moment
from .steps import Left, Recovery, Remedy, Step

CHAIN = "daily"


def daily_steps(runs: Sequence[Daily], observation: Observation, held: Collection[str], is_quiet: bool) -> Recovery:
    """From the first missed run on, everything whose time has come is run: what ran on the incomplete data of the one
    before it has to run again. `held` are functions whose lock is held by a run that lives."""
    if not any(each.stand is Stand.MISSED for each in runs):
        return Recovery()
    wanted = _wanted(runs)
    reason = _why_not(runs, wanted, observation, held, is_quiet)
    if reason:
        return Recovery((), tuple(Left(f"function.{each.function}", "it missed its day", reason) for each in wanted))
    return Recovery(tuple(_step(each, observation) for each in wanted))


def _wanted(runs: Sequence[Daily]) -> list[Daily]:
    """The missed ones, and those that ran before what they need was there."""
    first = next(number for number, each in enumerate(runs) if each.stand is Stand.MISSED)
    return [each for each in runs[first:] if each.stand in (Stand.MISSED, Stand.DONE)]


def _why_not(
    runs: Sequence[Daily], wanted: Sequence[Daily], observation: Observation, held: Collection[str], is_quiet: bool
) -> str:
    if is_quiet:
        return "it is the quiet window, in which every run ends at once"
    running = next((each.function for each in runs if each.stand is Stand.RUNNING), None)
    if running is not None:
        return f"{running} is under way; look again when it has ended"
    for each in wanted:
        seen = observation.function(each.function)
        if seen is None or not seen.active:
            return f"{each.function} has no active deployment: raceday-iac apply"
        if each.function in held:
            return f"the lock of {each.function} is held by a run that lives"
    return ""


def _step(run: Daily, observation: Observation) -> Step:
    assert run.due is not None
    seen = observation.function(run.function)
    if run.stand is Stand.MISSED:
        why = f"its run of {run.due:%H:%M} UTC did not do its work: {run.why}"
    else:
        assert run.run is not None
        why = f"it ran at {moment(run.run.created_at):%H:%M} UTC, before what it needs was there"
    guard = "its lock keeps a second run out" if seen is not None and seen.lock else "no run of it is under way"
    more = f"; {guard}, and by health.yaml it may be repeated"
    what = f"start {run.function} and wait for its end"
    return Step(Remedy.RUN, f"function.{run.function}", "", what, f"{why}{more}", chain=CHAIN)
