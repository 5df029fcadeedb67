"""All rules on one configuration."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from . import schedules
from .expansion import Expansion, expand
from .facts import Configuration
from .findings import Finding, Report, Severity

_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)


def lint(configuration: Configuration, begin: date) -> Report:
    """Look at everything, with the schedules of the year from `begin`."""
    runs = expansions(configuration, begin)
    found = [*_mistakes(configuration), *_schedules(configuration, runs)]
    return Report(tuple(sorted(found, key=_rank)), configuration.skipped)


def expansions(configuration: Configuration, begin: date) -> dict[str, Expansion]:
    """The runs of every function with a readable schedule, by function id."""
    found = {each.id: expand(each.schedule, begin) for each in configuration.functions if each.schedule}
    return {name: runs for name, runs in found.items() if runs is not None}


def _mistakes(configuration: Configuration) -> Iterator[Finding]:
    for problem in configuration.problems:
        fix = "correct it; apply refuses the stack until then"
        yield Finding("STK001", Severity.ERROR, problem.subject, problem.message, fix, problem.location)


def _schedules(configuration: Configuration, runs: dict[str, Expansion]) -> Iterator[Finding]:
    for function in configuration.functions:
        if function.id in runs and function.enabled:
            own = runs[function.id]
            yield from schedules.never_fires(function, own)
            yield from schedules.self_overlap(function, own)


def _rank(finding: Finding) -> tuple[int, str, str]:
    return _ORDER.index(finding.effective), finding.code, finding.subject
