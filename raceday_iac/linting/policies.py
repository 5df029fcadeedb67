"""Rules on the stack as a whole, on access and on what a server offers: scopes, roles, permissions, secrets, runtimes,
locks, code folders."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import PurePosixPath

from ..kinds import KINDS
from ..kinds.variable import looks_secret
from ..model.limits import PERMISSION
from ..model.resource import Diagnostic, LeftOut, WhyLeftOut
from ..model.server import ServerFacts
from ..model.stack import MigrationDeclaration
from ..packaging.bundle import is_whole_copy
from .facts import CollectionFacts, FunctionFacts, LockFacts, Offered, ResourceFacts, VariableFacts
from .findings import Severity
from .rules import Context, RuleSet, Violation, collections, functions, used_functions, variables, violation
from .usage import IDLE, Usage, satisfies, syntax_errors

RULES = RuleSet()

#: Runtimes that Appwrite 1.8.1 itself marks as deprecated in its list.
DEPRECATED = frozenset(
    """
    node-14.5 node-16.0 php-8.0 ruby-3.0 python-3.8 deno-1.21 deno-1.24 deno-1.35 dart-2.15 dart-2.16 dart-2.17
    dotnet-6.0 dotnet-7.0 java-18.0 swift-5.5 kotlin-1.6
    """.split()
)
_EVERYBODY = ("any", "guests")
_PYTHON = re.compile(r"python-(?:ml-)?(\d+)\.(\d+)")
_WRITES = ("create", "update", "delete", "write")


def _mistakes(context: Context) -> Iterator[tuple[Diagnostic]]:
    return ((each,) for each in context.configuration.problems)


@RULES.rule("STK001", Severity.ERROR, "the stack has a mistake", each=_mistakes)
def mistake(problem: Diagnostic) -> Iterator[Violation]:
    """What cannot be resolved is not applied. The rest is still checked.

    Fix: correct it; `apply` refuses the stack until then.
    """
    yield Violation(
        problem.subject, problem.message, "correct it; apply refuses the stack until then", problem.location
    )


@RULES.rule("POL001", Severity.WARNING, "a scope that the function's code does not need", each=used_functions)
def superfluous_scopes(function: FunctionFacts, usage: Usage) -> Iterator[Violation]:
    """The key that each run gets can do more than it has to. Only where the code was read.

    Fix: remove the scope.
    """
    granted = frozenset(function.scopes)
    used = {satisfies(granted, needed) for needed in usage.scopes}
    for scope in sorted(granted - used) if usage.is_known else ():
        why = "no route of Appwrite 1.8 asks for it" if scope in IDLE else "no request in its code needs it"
        yield violation(function, f"scope {scope}: {why}", f"remove {scope} from its scopes")


@RULES.rule("POL002", Severity.ERROR, "a scope that the function's code needs and does not have", each=used_functions)
def missing_scopes(function: FunctionFacts, usage: Usage) -> Iterator[Violation]:
    """The request will be refused, with 401. Only where the code was read.

    Fix: add the scope.
    """
    granted = frozenset(function.scopes)
    for scope in sorted(usage.scopes) if usage.is_known else ():
        if satisfies(granted, scope) is None:
            message = f"scope {scope} is needed for {usage.scopes[scope]}"
            yield violation(function, message, f"add {scope} to its scopes")


@RULES.rule("POL003", Severity.ERROR, "a function that people may start", each=functions)
def who_may_start(function: FunctionFacts) -> Iterator[Violation]:
    """`any` and `guests` are the whole internet. Warning for `users`.

    Fix: empty `execute`, or name a team or a label: keys and schedules still start the function.
    """
    for role in function.execute:
        if role in _EVERYBODY:
            message = f'execute holds "{role}": anybody on the internet may start it'
            yield violation(function, message, "empty execute: keys and schedules still start it")
        elif role.startswith("users"):
            message = f'execute holds "{role}": everybody with an account may start it, and may make one'
            yield violation(function, message, "name a team or a label, or empty execute", Severity.WARNING)


def _granted(collection: CollectionFacts) -> list[tuple[str, list[str]]]:
    """What each role may do, by role."""
    matches = [match for match in map(PERMISSION.fullmatch, collection.permissions) if match]
    pairs = sorted(((match[2], match[1]) for match in matches), key=lambda each: each[0])
    return [(role, [action for _, action in group]) for role, group in groupby(pairs, key=lambda each: each[0])]


_GRANT_LESS = "grant less; with document_security=True each document has its own permissions"


@RULES.rule("POL004", Severity.ERROR, "a collection that anyone may write", each=collections)
def open_to_write(collection: CollectionFacts) -> Iterator[Violation]:
    """No sign-in is needed.

    Fix: grant less, or give each document its own permissions with `document_security=True`.
    """
    for role, actions in _granted(collection):
        writes = [action for action in actions if action in _WRITES]
        if role in _EVERYBODY and writes:
            yield violation(collection, f'"{role}" may {", ".join(writes)} without signing in', _GRANT_LESS)


@RULES.rule("POL005", Severity.WARNING, "a collection that anyone may read", each=collections)
def open_to_read(collection: CollectionFacts) -> Iterator[Violation]:
    """Sometimes wanted: accept it.

    Fix: grant less, or accept the finding.
    """
    for role, actions in _granted(collection):
        if role in _EVERYBODY and "read" in actions:
            yield violation(collection, f'"{role}" may read all its documents', _GRANT_LESS)


@RULES.rule(
    "POL006",
    Severity.WARNING,
    "a collection in which each user may change the documents of all others",
    each=collections,
)
def open_to_users(collection: CollectionFacts) -> Iterator[Violation]:
    """`users` may update or delete, and documents have no permissions of their own.

    Fix: grant less, or give each document its own permissions with `document_security=True`.
    """
    for role, actions in _granted(collection):
        changes = [action for action in actions if action in _WRITES and action != "create"]
        if role.startswith("users") and changes and not collection.document_security:
            message = f'"{role}" may {", ".join(changes)} every document, also those of others'
            yield violation(collection, message, _GRANT_LESS)


@RULES.rule("POL007", Severity.ERROR, "a secret in a plain variable", each=variables)
def plain_secret(variable: VariableFacts) -> Iterator[Violation]:
    """It is in a file and can be read from the server. Its value is never shown here.

    Fix: declare it as `FromEnvironment("NAME")`, and rotate the secret, which others may have seen.
    """
    if looks_secret(variable.key, variable.value):
        yield violation(
            variable,
            "its name or value looks like a secret, but it is in a file and can be read from the server",
            'declare it as FromEnvironment("NAME"), and rotate the secret, which others may have seen',
        )


def _shadows(context: Context) -> Iterator[tuple[VariableFacts]]:
    return ((each,) for each in context.configuration.shadows)


@RULES.rule("POL014", Severity.WARNING, "a variable that hides one of the project", each=_shadows)
def hidden_project_variable(variable: VariableFacts) -> Iterator[Violation]:
    """The function or site gets its own value. A later change of the project's variable has no effect there.

    Fix: give it another key, or remove one of the two; accept the finding if they should differ.
    """
    yield violation(variable, "the project has a variable of that key, which does not reach it", "give it another key")


def _offers(context: Context) -> Iterator[tuple[FunctionFacts, Offered]]:
    return ((each, context.server) for each in context.configuration.functions)


@RULES.rule("POL008", Severity.ERROR, "a specification that the server does not offer", each=_offers)
def offered_specification(function: FunctionFacts, server: Offered) -> Iterator[Violation]:
    """The server refuses it. Only with `--live`, and where the server says what it offers.

    Fix: choose one that it offers.
    """
    for each in function.specifications:
        yield from _not_offered(function, "specification", each, server.specifications)


@RULES.rule("POL009", Severity.ERROR, "a runtime that the server does not offer", each=_offers)
def offered_runtime(function: FunctionFacts, server: Offered) -> Iterator[Violation]:
    """The server refuses it. Only with `--live`, and where the server says what it offers.

    Fix: choose one that it offers.
    """
    yield from _not_offered(function, "runtime", function.runtime, server.runtimes)


def _not_offered(function: FunctionFacts, word: str, value: str, known: frozenset[str] | None) -> Iterator[Violation]:
    if known and value not in known:
        message = f"the server does not offer {word} {value}"
        yield violation(function, message, f"choose one of {', '.join(sorted(known))}")


def _named(context: Context) -> Iterator[tuple[ResourceFacts, Offered]]:
    return ((each, context.server) for each in context.configuration.resources)


@RULES.rule("POL015", Severity.WARNING, "a name that this tool does not know", each=_named)
def unknown_name(facts: ResourceFacts, server: Offered) -> Iterator[Violation]:
    """A runtime, specification, scope, role or event that has the right form, and that no recorded version of Appwrite
    has. A newer one may; else the apply fails at it.

    Fix: look for a typing mistake; where there is none, try it with a server that has it.
    """
    offers = ServerFacts("", server.runtimes or frozenset(), server.specifications or frozenset())
    for doubt in KINDS[facts.kind].all_doubts(facts.fields, offers):
        yield Violation(facts.address, doubt, "look for a typing mistake", facts.location)


@RULES.rule("POL010", Severity.WARNING, "a deprecated runtime", each=functions)
def deprecated_runtime(function: FunctionFacts) -> Iterator[Violation]:
    """By the list of Appwrite 1.8.

    Fix: move to a newer version of the runtime.
    """
    if function.runtime in DEPRECATED:
        message = f"runtime {function.runtime} is deprecated by Appwrite 1.8"
        yield violation(function, message, "move to a newer version of its runtime")


@RULES.rule("POL011", Severity.WARNING, "a scheduled function without a lock", each=functions)
def missing_lock(function: FunctionFacts) -> Iterator[Violation]:
    """A late run overlaps with the next one, and so does a run that is started by hand. A function without a schedule
    may overlap on purpose.

    Fix: give it a lock: `lock=Lock(...)`.
    """
    if function.lock is None and function.schedule:
        message = "two runs of it can be at work at the same time"
        yield violation(function, message, "give it a lock: lock=Lock(...)")


def _with_shared(context: Context) -> Iterator[tuple[FunctionFacts, Mapping[str, bytes]]]:
    return ((each, context.configuration.shared) for each in context.configuration.functions)


@RULES.rule("POL012", Severity.ERROR, "an edited copy of a shared module", each=_with_shared)
def edited_copies(function: FunctionFacts, shared: Mapping[str, bytes]) -> Iterator[Violation]:
    """The copy differs from its header. Packing would replace it with the shared module, so it is refused.

    Fix: edit the shared module, and delete the copy.
    """
    for path, name, content in _foreign_copies(function, shared):
        if not is_whole_copy(content):
            message = f"{path} was edited, and packing puts _shared/{name} in its place: it is not deployed like this"
            yield violation(function, message, f"edit _shared/{name}, and delete {path}")


@RULES.rule("POL013", Severity.WARNING, "an outdated copy of a shared module", each=_with_shared)
def outdated_copies(function: FunctionFacts, shared: Mapping[str, bytes]) -> Iterator[Violation]:
    """Packing replaces it, too; the old copy only misleads readers.

    Fix: delete the copy: packing adds the current one.
    """
    for path, name, content in _foreign_copies(function, shared):
        if is_whole_copy(content):
            message = f"{path} is a copy of an older version of _shared/{name}"
            yield violation(function, message, f"delete {path}: packing adds the current one")


def _foreign_copies(function: FunctionFacts, shared: Mapping[str, bytes]) -> Iterator[tuple[str, str, bytes]]:
    """Path, module and content of copies that are not the shared module as it is."""
    for path, content in sorted(function.copies.items()):
        name = PurePosixPath(path).name
        if name in shared and content != shared[name]:
            yield path, name, content


# What lies in a function's folder and is not deployed as it is: copies of shared modules, which packing replaces, and
# what it leaves out.


_KEEP = 'if it is needed at run time, keep it with include=["…"]'


@RULES.rule("BND001", Severity.WARNING, "a file that looks like a secret is in a code folder", each=functions)
def secrets_left_out(function: FunctionFacts) -> Iterator[Violation]:
    """It is not deployed, but it may be committed. Only information if git ignores it, too.

    Fix: add it to `.gitignore`, or move it away; keep it with `include=` if it is needed at run time.
    """
    entries = [each for each in function.left_out if each.why is WhyLeftOut.SECRET]
    # Git keeps it from others already, so there is nothing to do.
    severity = Severity.INFO if all(each.is_ignored for each in entries) else None
    fix = f"add it to .gitignore, or move it away: a variable is the place for a secret; {_KEEP}"
    yield from _left_out(function, entries, fix, severity)


@RULES.rule(
    "BND002", Severity.WARNING, "a broken link, or something other than a file, is in a code folder", each=functions
)
def broken_left_out(function: FunctionFacts) -> Iterator[Violation]:
    """It is not deployed.

    Fix: remove it, or name it in `ignore=`.
    """
    entries = [each for each in function.left_out if _is_broken(each)]
    yield from _left_out(function, entries, "remove it, or name it in ignore=")


@RULES.rule("BND003", Severity.INFO, "files of a code folder that are not deployed", each=functions)
def others_left_out(function: FunctionFacts) -> Iterator[Violation]:
    """The finding names the reason for each: `.gitignore`, `ignore=`, or a built-in rule.

    Fix: keep what is needed at run time with `include=`.
    """
    entries = [each for each in function.left_out if each.why is not WhyLeftOut.SECRET and not _is_broken(each)]
    yield from _left_out(function, entries, _KEEP)


@RULES.rule("BND004", Severity.WARNING, "a Python file with a syntax error", each=functions)
def syntax_error(function: FunctionFacts) -> Iterator[Violation]:
    """It is deployed, and whoever imports it fails. The file is read by the Python that runs this command. A newer
    one in the function's runtime may understand more; the message says so.

    Fix: correct it, or name it in `ignore=` where nothing imports it.
    """
    runtime = _PYTHON.fullmatch(function.runtime)
    if runtime is None:
        return
    is_newer = (int(runtime[1]), int(runtime[2])) > sys.version_info[:2]
    for path, reason in syntax_errors(function.files or {}):
        message = f"{path} has a syntax error: {reason}"
        if is_newer:
            message += f" (read by Python {sys.version_info[0]}.{sys.version_info[1]}, not by {function.runtime})"
        yield violation(function, message, "correct it, or name it in ignore=")


def _is_broken(entry: LeftOut) -> bool:
    return entry.why in (WhyLeftOut.BROKEN, WhyLeftOut.SPECIAL) and not entry.is_ignored


def _left_out(
    function: FunctionFacts, entries: list[LeftOut], fix: str, severity: Severity | None = None
) -> Iterator[Violation]:
    if entries:
        names = "; ".join(f"{each.path} ({', '.join(filter(None, (each.why, each.detail)))})" for each in entries)
        yield violation(function, f"not in its bundle: {names}", fix, severity)


def _locked(context: Context) -> Iterator[tuple[FunctionFacts, LockFacts]]:
    return ((each, each.lock) for each in context.configuration.functions if each.lock)


@RULES.rule("SCH007", Severity.ERROR, "a lock expires no sooner than the function times out", each=_locked)
def late_expiry(function: FunctionFacts, lock: LockFacts) -> Iterator[Violation]:
    """The run is killed before it can stop itself and tidy up.

    Fix: an expiry below the timeout, or a longer timeout.
    """
    if lock.expiry >= function.timeout:
        yield violation(
            function,
            f"expiry {lock.expiry} s, timeout {function.timeout} s: the run is killed before it stops itself",
            f"an expiry below {function.timeout} s, or a longer timeout",
        )


@RULES.rule("SCH008", Severity.ERROR, "a lock goes stale no sooner than it expires", each=_locked)
def late_staleness(function: FunctionFacts, lock: LockFacts) -> Iterator[Violation]:
    """Staleness is never seen. Only information if the two are equal: a dead run blocks until the expiry.

    Fix: a `stale_after` below the expiry.
    """
    if lock.stale_after > lock.expiry:
        message = f"stale after {lock.stale_after} s, expiry {lock.expiry} s: staleness is never seen"
        yield violation(function, message, f"stale_after below {lock.expiry} s")
    elif lock.stale_after == lock.expiry:
        yield violation(
            function,
            f"stale after {lock.stale_after} s, which is when it expires: a dead run blocks others until then",
            f"stale_after below {lock.expiry} s frees the lock of a dead run sooner",
            Severity.INFO,
        )


@RULES.rule(
    "SCH009",
    Severity.ERROR,
    "a lock's heartbeat is no shorter than the time after which it is stale",
    each=_locked,
)
def slow_heartbeat(function: FunctionFacts, lock: LockFacts) -> Iterator[Violation]:
    """A healthy run looks dead.

    Fix: a heartbeat of at most half of `stale_after`.
    """
    if lock.heartbeat >= lock.stale_after:
        yield violation(
            function,
            f"heartbeat every {lock.heartbeat} s, stale after {lock.stale_after} s: a healthy run looks dead",
            f"a heartbeat of at most {max(1, lock.stale_after // 2)} s",
        )


def _limited(context: Context) -> Iterator[tuple[FunctionFacts, int]]:
    return ((each, context.configuration.timeout_limit) for each in context.configuration.functions)


# Rules on the numbers of a lock and a timeout.


@RULES.rule("SCH010", Severity.ERROR, "a timeout above the server's limit", each=_limited)
def timeout_limit(function: FunctionFacts, limit: int) -> Iterator[Violation]:
    """Appwrite accepts at most 900 s unless its operator allows more.

    Fix: a timeout within the limit, and work in parts that fit.
    """
    if function.timeout > limit:
        yield violation(
            function,
            f"timeout {function.timeout} s, but the server accepts at most {limit} s",
            f"a timeout of at most {limit} s, and work in parts that fit",
        )


def _migrations(context: Context) -> Iterator[tuple[MigrationDeclaration]]:
    return ((each,) for each in context.configuration.migrations)


@RULES.rule("MIG001", Severity.WARNING, "a migration without a place in the plan", each=_migrations)
def unplaced(migration: MigrationDeclaration) -> Iterator[Violation]:
    """It runs at any point of its plan: perhaps before the attribute that it fills exists, or after the attribute that
    it reads is deleted.

    Fix: in `needs`, name resources that must exist first; in `before`, those that become stricter or are deleted.
    """
    if not migration.needs and not migration.before:
        message = "it names neither what it needs nor what comes after it, so it runs at any time in a plan"
        fix = "needs=[…] names resources that must exist first, before=[…] those that become stricter or are deleted"
        yield Violation(f"migration.{migration.name}", message, fix, migration.location)
