"""Every rule finds what it is for and nothing else, has its docs, and is run because it is registered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import pytest

from raceday_iac.kinds import KINDS
from raceday_iac.linting.expansion import Expansion
from raceday_iac.linting.facts import (
    CollectionFacts,
    Configuration,
    FunctionFacts,
    Offered,
    ResourceFacts,
    VariableFacts,
    read_stack,
)
from raceday_iac.linting.findings import Acceptance, Report, Severity
from raceday_iac.linting.linter import RULES, known_rules, lint
from raceday_iac.linting.rules import Rule, RuleSet, Violation, functions, scheduled, violation
from raceday_iac.model.address import Address
from raceday_iac.model.limits import SCOPES
from raceday_iac.model.resource import Diagnostic, LeftOut, Location, WhyLeftOut
from raceday_iac.model.secret import Secret
from raceday_iac.model.stack import MigrationDeclaration, Stack

from ..declaring import environment, stack_with_function
from .made import BEGIN, NZ_TIME, function, locked

READS = """
from .vendor.appwrite_http import path_of
def f(client):
    client.get("/databases/d/collections/c/documents")
"""
SHARED = {"lock.py": b"# Copied from functions/_shared/lock.py, version 0000000000000000. Do not edit.\nx = 1\n"}
NOTHING = Configuration(())
OFFERED = Offered(frozenset({"python-3.12"}), frozenset({"s-1vcpu-1gb"}))


def old_copy() -> bytes:
    content = b"x = 0\n"
    digest = sha256(content).hexdigest()[:16]
    return f"# Copied from functions/_shared/lock.py, version {digest}. Do not edit.\n".encode() + content


@dataclass(frozen=True)
class Case:
    """What a rule looks at."""

    configuration: Configuration = NOTHING
    server: Offered = OFFERED
    accepted: tuple[Acceptance, ...] = ()


def with_functions(*found: FunctionFacts, collections: tuple[CollectionFacts, ...] = ()) -> Case:
    return Case(Configuration(found, collections, shared=SHARED, local_time=NZ_TIME))


def with_collection(permission: str, *, security: bool = False) -> Case:
    return Case(Configuration((), (CollectionFacts("d", "c", (permission,), security),)))


def leaving_out(why: WhyLeftOut, path: str = "x") -> Case:
    return with_functions(replace(function(), left_out=(LeftOut(path, why),)))


def writers(other: str) -> Case:
    writing = ("documents.write",)
    return with_functions(function("a", "0 1 * * *", 600, scopes=writing), function("b", other, 600, scopes=writing))


def calling(schedule: str) -> Case:
    """A caller, by its scopes, and a function of 150 s without a schedule."""
    return with_functions(function("caller", schedule, scopes=("execution.write",)), function("called", timeout=150))


def accepting(subject: str, until: date) -> Case:
    accepted = Acceptance("POL005", subject, "because", until)
    return replace(with_collection('read("any")'), accepted=(accepted,))


def resource(kind: str, **settings: Any) -> Case:
    """One that a kind brings rules for, as declared."""
    declaring = KINDS[kind].declaring
    assert declaring is not None
    model = declaring.model_of({"type": "", **settings})
    assumed = {name: value for name, value in {"id": "x", "name": "X"}.items() if name in model.model_fields}
    given = {**assumed, **settings}
    fields = declaring.fields(model.model_validate(declaring.checked(given)), Address(kind, "x"), {})
    return Case(Configuration((), resources=(ResourceFacts(kind, str(given.get("id", "x")), fields),)))


def beside(*several: tuple[str, dict[str, Any]]) -> Case:
    """Several of those."""
    found = [each for kind, settings in several for each in resource(kind, **settings).configuration.resources]
    return Case(Configuration((), resources=tuple(found)))


def documents(number: int) -> Case:
    """So many in one collection, and some in another."""
    names = [*(f"d/c/{each}" for each in range(number)), "d/other/x"]
    return Case(Configuration((), resources=tuple(ResourceFacts("document", name, {}) for name in names)))


def hiding(key: str) -> Stack:
    """A function with a variable KEY, in a project with a variable of that key."""
    stack = stack_with_function(variables={"KEY": "its own"})
    stack.variables = {key: "the project's"}
    return stack


REDIRECT = {"type": "redirect", "domain": "a.example.org", "resource_type": "site", "resource": "s"}
HOOK = {"url": "https://example.org", "events": ("users.*.create",)}
MAIL = {"type": "smtp", "host": "h", "from_email": "a@example.org"}
SMTP = {"host": "h.example.org", "sender_email": "a@example.org"}
OAUTH = {"id": "auth0", "client_id": "c", "secret": Secret("s")}
STATUS = "*/15 21-23,0-11 * * *"


#: For every code: what it finds, and what is just no case of it.
def migrating(*needs: str) -> Case:
    return Case(Configuration((), migrations=(MigrationDeclaration("m", "m.py", needs, (), Location()),)))


CASES: dict[str, tuple[Case, Case]] = {
    "STK001": (
        Case(Configuration((), problems=(Diagnostic(Location("s.py", 3), "function.f", "is wrong"),))),
        Case(),
    ),
    "SCH001": (with_functions(function("f", "* * * * *", 61)), with_functions(function("f", "* * * * *", 60))),
    "SCH002": (calling("*/2 * * * *"), calling("*/3 * * * *")),
    "SCH003": (writers("9 1 * * *"), writers("10 1 * * *")),
    "SCH004": (with_functions(function("f", "55 11 * * *", 301)), with_functions(function("f", "55 11 * * *", 300))),
    "SCH005": (with_functions(function("f", "30 13 * * *")), with_functions(function("f", "0 19 * * *"))),
    "SCH006": (with_functions(function("f", "0 12 * * *")), with_functions(function("f", "59 11 * * *"))),
    "SCH007": (with_functions(function(lock=locked(60))), with_functions(function(lock=locked(59)))),
    "SCH008": (with_functions(function(lock=locked(50, 50, 10))), with_functions(function(lock=locked(50, 49, 10)))),
    "SCH009": (with_functions(function(lock=locked(50, 49, 49))), with_functions(function(lock=locked(50, 49, 48)))),
    "SCH010": (with_functions(function(timeout=901)), with_functions(function(timeout=900))),
    "SCH011": (with_functions(function("f", STATUS)), with_functions(function("f", "* * * * *"))),
    "SCH012": (with_functions(function("f", "0 22-2 * * *")), with_functions(function("f", "0 0 29 1 *"))),
    "SCH013": (with_functions(function("f", "0 20,8 * * *")), with_functions(function("f", "0 8,20 * * *"))),
    "POL001": (
        with_functions(function(code=READS, scopes=("documents.read", "users.read"))),
        with_functions(function(code=READS, scopes=("documents.read",))),
    ),
    "POL002": (
        with_functions(function(code=READS)),
        with_functions(function(code=READS, scopes=("rows.read",))),
    ),
    "POL003": (with_functions(function(execute=("users",))), with_functions(function(execute=("team:x",)))),
    "POL004": (with_collection('create("guests")'), with_collection('create("users")')),
    "POL005": (with_collection('read("any")'), with_collection('read("users")')),
    "POL006": (with_collection('update("users")'), with_collection('update("users")', security=True)),
    "POL007": (
        Case(Configuration((), variables=(VariableFacts("f", "NZTAB_API_KEY", "x1y2"),))),
        Case(Configuration((), variables=(VariableFacts("f", "URL", "https://api.example"),))),
    ),
    "POL014": (
        Case(read_stack(hiding("KEY "), environment())),
        Case(read_stack(hiding("KEY2"), environment())),
    ),
    "POL008": (
        replace(with_functions(function()), server=Offered(OFFERED.runtimes, frozenset({"s-2vcpu-2gb"}))),
        with_functions(function()),
    ),
    "POL009": (
        replace(with_functions(function()), server=Offered(frozenset({"node-22"}), OFFERED.specifications)),
        with_functions(function()),
    ),
    "POL015": (
        resource("bucket", permissions=('read("usrs")',)),
        resource("bucket", permissions=('read("users")',)),
    ),
    "POL010": (with_functions(replace(function(), runtime="node-16.0")), with_functions(function())),
    "POL011": (with_functions(function(schedule="0 5 * * *")), with_functions(function())),
    "POL012": (
        with_functions(replace(function(), copies={"src/vendor/lock.py": old_copy() + b"y = 1\n"})),
        with_functions(replace(function(), copies={"src/vendor/lock.py": SHARED["lock.py"]})),
    ),
    "POL013": (
        with_functions(replace(function(), copies={"src/vendor/lock.py": old_copy()})),
        with_functions(replace(function(), copies={"src/vendor/lock.py": SHARED["lock.py"]})),
    ),
    "BND001": (leaving_out(WhyLeftOut.SECRET, ".env"), leaving_out(WhyLeftOut.ENVIRONMENT, "venv/")),
    "BND002": (leaving_out(WhyLeftOut.SPECIAL), leaving_out(WhyLeftOut.SECRET)),
    "BND004": (
        with_functions(function(code="def main(context:\n    pass")),
        with_functions(function(code="def main(context):\n    pass")),
    ),
    "BND003": (leaving_out(WhyLeftOut.ENVIRONMENT, "venv/"), leaving_out(WhyLeftOut.BROKEN)),
    "BKT001": (
        resource("bucket", permissions=('write("any")',)),
        resource("bucket", permissions=('write("users")', 'read("any")')),
    ),
    "BKT002": (
        resource("bucket", permissions=('read("guests")',)),
        resource("bucket", permissions=('read("users")', 'create("any")')),
    ),
    "BKT003": (
        resource("bucket", permissions=('delete("users")',)),
        resource("bucket", permissions=('delete("users")',), file_security=True),
    ),
    "TPC001": (resource("topic", subscribe=("guests",)), resource("topic", subscribe=("users",))),
    "PRV001": (
        resource("provider", **MAIL, encryption="none", auto_tls=False),
        resource("provider", **MAIL, encryption="none", auto_tls=True),
    ),
    "PLT001": (
        resource("platform", type="web", hostname="*"),
        resource("platform", type="web", hostname="*.example.com"),
    ),
    "SMT001": (
        resource("smtp", **SMTP, secure=None),
        resource("smtp", **SMTP),
    ),
    "MCK001": (
        resource("mock_phone", number="+14155550100", otp="123456"),
        resource("smtp", **SMTP),
    ),
    "OAT001": (
        resource("oauth", **OAUTH, endpoint="http://id.example.org"),
        resource("oauth", **OAUTH, endpoint="https://id.example.org"),
    ),
    "PLC001": (
        resource("policy", type="password-dictionary", enabled=False),
        resource("policy", type="password-personal-data", enabled=False),
    ),
    "PLC002": (
        resource("policy", type="session-invalidation", enabled=False),
        resource("policy", type="session-invalidation", enabled=True),
    ),
    "PLC003": (
        resource("policy", type="session-duration", duration=2_678_401),
        resource("policy", type="session-duration", duration=2_678_400),
    ),
    "PLC004": (
        resource("policy", type="membership-privacy", user_email=True),
        resource("policy", type="membership-privacy", user_name=True),
    ),
    "PLC005": (
        resource("policy", type="password-strength", min=9),
        resource("policy", type="password-strength", min=9, number=True),
    ),
    "PLC006": (
        resource("policy", type="session-limit", total=None),
        resource("policy", type="session-limit", total=10),
    ),
    "AUT001": (
        resource("auth_method", id="anonymous", enabled=True),
        resource("auth_method", id="jwt", enabled=True),
    ),
    "SVC001": (
        beside(("service", {"id": "storage", "enabled": False}), ("bucket", {"permissions": ('read("users")',)})),
        beside(("service", {"id": "storage", "enabled": False}), ("bucket", {"permissions": ()})),
    ),
    "RUL001": (
        resource("rule", **REDIRECT, url="http://example.org"),
        resource("rule", **REDIRECT, url="https://example.org"),
    ),
    "DOC001": (documents(301), documents(300)),
    "MIG001": (migrating(), migrating("collection.d/c")),
    "WHK001": (resource("webhook", **HOOK, tls=False), resource("webhook", **HOOK)),
    "WHK002": (resource("webhook", **HOOK), resource("webhook", **HOOK, secret=Secret("12345678"))),
    "KEY001": (resource("key", scopes=("users.read",)), resource("key", scopes=("users.read",), expire="2099-01-01")),
    "KEY002": (resource("key", scopes=tuple(SCOPES)), resource("key", scopes=tuple(SCOPES)[1:])),
    "KEY003": (resource("key", scopes=("project.write",)), resource("key", scopes=("project.read",))),
    "KEY004": (resource("key", scopes=("keys.write",)), resource("key", scopes=("keys.read",))),
    "ACC001": (accepting("*", BEGIN + timedelta(days=1)), accepting("*", BEGIN + timedelta(days=2))),
    "ACC002": (accepting("collection.e/*", BEGIN), accepting("collection.d/*", BEGIN)),
}


def kinds_of(case: Case) -> set[str]:
    """The kinds of what a rule looks at."""
    configuration = case.configuration
    plain = [*(configuration.functions and ["function"]), *(configuration.collections and ["collection"])]
    return {*plain, *(each.kind for each in (*configuration.resources, *configuration.variables))}


OFF = {"id": "databases", "enabled": False}, {"id": "tablesdb", "enabled": False}


@pytest.mark.parametrize(
    ("services", "found"),
    [
        ([{"id": "functions", "enabled": False}], ["service.functions"]),
        ([{"id": "functions", "enabled": True}], []),
        # A collection is reached through either.
        ([OFF[0]], []),
        ([OFF[1]], []),
        ([*OFF], ["service.databases"]),
        ([{"id": "account", "enabled": False}], ["service.account"]),
    ],
)
def test_a_service_that_is_off_cuts_off_what_nothing_else_leads_to(
    services: list[dict[str, Any]], found: list[str]
) -> None:
    settings = [*(("service", each) for each in services), ("auth_method", {"id": "jwt", "enabled": True})]
    case = replace(
        beside(*settings).configuration,
        functions=(function("f", execute=("users",)),),
        collections=(CollectionFacts("d", "c", ('read("users")',), document_security=False),),
    )
    said = [each.subject for each in report_of(Case(case)).findings if each.code == "SVC001"]
    assert said == found


def report_of(case: Case, rules: RuleSet = RULES) -> Report:
    return lint(case.configuration, BEGIN, case.server, case.accepted, BEGIN, rules)


def codes_of(report: Report) -> set[str]:
    return {each.code for each in report.findings}


def test_every_rule_is_tried_on_both_sides() -> None:
    assert set(CASES) == set(known_rules().codes)


@pytest.mark.shows("lint", kinds=sorted(set().union(*(kinds_of(found) for found, _ in CASES.values()))))
@pytest.mark.parametrize("code", CASES)
def test_a_rule_finds_what_it_is_for(code: str) -> None:
    found = [each for each in report_of(CASES[code][0]).findings if each.code == code]
    assert found
    assert {each.title for each in found} == {known_rules().codes[code]}


@pytest.mark.parametrize("code", CASES)
def test_a_rule_finds_nothing_else(code: str) -> None:
    assert code not in codes_of(report_of(CASES[code][1]))


@pytest.mark.parametrize("rule", list(known_rules()), ids=lambda rule: rule.code)
def test_a_rule_says_why_it_matters_and_what_to_do(rule: Rule) -> None:
    for text in (rule.why, rule.fix):
        assert text.endswith(".")
        assert "\n" not in text


def extension() -> RuleSet:
    rules = RuleSet()

    @rules.rule("EXT001", Severity.INFO, "a function that runs at all", each=scheduled)
    def runs_at_all(found: FunctionFacts, runs: Expansion) -> Iterator[Violation]:
        """Because.

        Fix: delete the schedule.
        """
        if not runs.is_empty:
            yield violation(found, "it runs", "delete its schedule", times=runs.total)

    return rules


def test_rules_of_an_extension_are_run_beside_ours_and_only_where_it_is_on() -> None:
    case = with_functions(function("f", "0 1 * * *", 901))
    assert codes_of(report_of(case, RULES | extension())) >= {"EXT001", "SCH010"}
    assert "EXT001" not in codes_of(report_of(case))
    (found,) = (each for each in report_of(case, extension()).findings if each.code == "EXT001")
    assert (found.severity, found.subject, found.times, found.title) == (
        Severity.INFO,
        "function.f",
        365,
        "a function that runs at all",
    )


def test_a_code_exists_once() -> None:
    with pytest.raises(ValueError, match="two rules have the code EXT001"):
        _ = extension() | extension()


def test_a_rule_without_docs_is_refused() -> None:
    def undocumented(found: FunctionFacts) -> Iterator[Violation]:
        """Why, and no advice."""
        yield violation(found, "m", "f")

    with pytest.raises(ValueError, match="docstring of rule EXT002"):
        RuleSet().rule("EXT002", Severity.INFO, "t", each=functions)(undocumented)
