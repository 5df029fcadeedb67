"""All rules on one configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from . import acceptances, dangers, policies, schedules
from .facts import Configuration, Offered
from .findings import Acceptance, Finding, Report, Severity
from .rules import Context, RuleSet
from .usage import Usage

#: The rules for every stack. Those of an extension are added to them.
RULES: RuleSet = schedules.RULES | policies.RULES | dangers.RULES
_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)
_NOT_ASKED = "specifications and runtimes that the server offers: it is asked with --live only"


def known_rules(rules: RuleSet = RULES) -> RuleSet:
    """Those that look at a configuration, and those on acceptances: all whose findings can be accepted or shown."""
    return rules | acceptances.RULES


def lint(
    configuration: Configuration,
    begin: date,
    server: Offered | None = None,
    accepted: Sequence[Acceptance] = (),
    today: date | None = None,
    rules: RuleSet = RULES,
) -> Report:
    """Look at everything, with the schedules of the year from `begin`. `server` is None when it was not asked;
    acceptances count as on the day `today`, which is the first of the year otherwise."""
    context = Context(configuration, begin, server or Offered())
    found = [finding for rule in rules for finding in rule.findings(context)]
    found = list(acceptances.apply_acceptances(found, accepted, today or begin))
    calls = {name: usage.calls for name, usage in context.used.items() if usage.calls}
    skipped = (*configuration.skipped, *_unread(context.used), *_silent(server))
    return Report(tuple(sorted(found, key=_rank)), skipped, calls, configuration.local_time)


def _unread(used: Mapping[str, Usage]) -> Iterator[str]:
    """Functions whose code tells nothing, by reason."""
    reasons: dict[str, list[str]] = {}
    for name, usage in sorted(used.items()):
        if usage.unread:
            reasons.setdefault(usage.unread, []).append(name)
    for reason, names in reasons.items():
        yield (
            f"the code of {', '.join(names)}: {reason}. Scopes are not compared with what it needs, and who may write "
            "documents is taken to write the same ones"
        )


def _silent(server: Offered | None) -> Iterator[str]:
    """What the server was not asked, or did not say."""
    if server is None:
        yield _NOT_ASKED
        return
    for name, known in (("specifications", server.specifications), ("runtimes", server.runtimes)):
        if not known:
            yield f"{name}: the server did not say which it offers (the key may lack functions.read)"


def _rank(finding: Finding) -> tuple[int, str, str]:
    return _ORDER.index(finding.effective), finding.code, finding.subject
