"""All rules on one configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from . import policies, schedules
from .expansion import Expansion, expand, presences
from .facts import Configuration, Offered
from .findings import Acceptance, Finding, Report, Severity, judge
from .policies import copies, left_out
from .usage import Usage, usages

_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)


_NOT_ASKED = "specifications and runtimes that the server offers: it is asked with --live only"


def lint(
    configuration: Configuration,
    begin: date,
    server: Offered | None = None,
    acceptances: Sequence[Acceptance] = (),
    today: date | None = None,
) -> Report:
    """Look at everything, with the schedules of the year from `begin`. `server` is None when it was not asked;
    acceptances count as on the day `today`, which is the first of the year otherwise."""
    runs = expansions(configuration, begin)
    used = usages(configuration)
    found = [
        *_mistakes(configuration),
        *_schedules(configuration, runs, used),
        *_locks(configuration),
        *_policies(configuration, used),
        *_offers(configuration, server or Offered()),
    ]
    found = list(judge(found, acceptances, today or begin))
    calls = {name: usage.calls for name, usage in used.items() if usage.calls}
    skipped = (*configuration.skipped, *_unread(used), *_silent(server))
    return Report(tuple(sorted(found, key=_rank)), skipped, calls)


def _unread(used: Mapping[str, Usage]) -> Iterator[str]:
    """Functions whose code tells nothing."""
    unread = sorted(name for name, usage in used.items() if not usage.is_known)
    if unread:
        yield (
            f"the code of {', '.join(unread)}: it is not managed, or does not use the shared client. Scopes are not "
            "compared, and who may write documents is taken to write the same ones"
        )


def _silent(server: Offered | None) -> Iterator[str]:
    """What the server was not asked, or did not say."""
    if server is None:
        yield _NOT_ASKED
        return
    for name, known in (("specifications", server.specifications), ("runtimes", server.runtimes)):
        if not known:
            yield f"{name}: the server did not say which it offers (the key may lack functions.read)"


def expansions(configuration: Configuration, begin: date) -> dict[str, Expansion]:
    """The runs of every function with a readable schedule, by function id."""
    found = {each.id: expand(each.schedule, begin) for each in configuration.functions if each.schedule}
    return {name: runs for name, runs in found.items() if runs is not None}


def _mistakes(configuration: Configuration) -> Iterator[Finding]:
    for problem in configuration.problems:
        fix = "correct it; apply refuses the stack until then"
        yield Finding("STK001", Severity.ERROR, problem.subject, problem.message, fix, problem.location)


def _schedules(configuration: Configuration, runs: dict[str, Expansion], used: dict[str, Usage]) -> Iterator[Finding]:
    functions = tuple(each for each in configuration.functions if each.enabled)
    runs = {each.id: runs[each.id] for each in functions if each.id in runs}
    for function in functions:
        yield from schedules.called_too_often(function, functions, runs, used)
        if function.id in runs:
            own = runs[function.id]
            yield from schedules.never_fires(function, own)
            yield from schedules.fires_otherwise(function, own)
            yield from schedules.self_overlap(function, own)
            yield from schedules.day_crossings(function, own)
            yield from schedules.clock_change_runs(function, own)
            yield from schedules.quiet_runs(function, own, used[function.id])
            yield from schedules.drift(function, own)
    yield from schedules.collisions(functions, presences(functions, runs, used), used)


def _locks(configuration: Configuration) -> Iterator[Finding]:
    for function in configuration.functions:
        yield from policies.lock_numbers(function)
        yield from policies.timeout_limit(function, configuration.timeout_limit)


def _policies(configuration: Configuration, used: dict[str, Usage]) -> Iterator[Finding]:
    for function in configuration.functions:
        yield from policies.scopes(function, used[function.id])
        yield from policies.who_may_start(function)
        yield from policies.runtime(function)
        yield from policies.missing_lock(function)
        yield from copies(function, configuration.shared)
        yield from left_out(function)
    for collection in configuration.collections:
        yield from policies.permissions(collection)
    for variable in configuration.variables:
        yield from policies.plain_secret(variable)


def _offers(configuration: Configuration, server: Offered) -> Iterator[Finding]:
    for function in configuration.functions:
        yield from policies.offered(function, server)


def _rank(finding: Finding) -> tuple[int, str, str]:
    return _ORDER.index(finding.effective), finding.code, finding.subject
