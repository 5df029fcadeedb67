"""Rules on access and what a server offers: scopes, roles, permissions, secrets, runtimes, locks."""

from __future__ import annotations

from collections.abc import Iterator

from ..importing.secrets import looks_secret
from ..model.validators import PERMISSION
from .facts import CollectionFacts, FunctionFacts, Offered, VariableFacts
from .findings import Finding, Severity
from .routes import IDLE, satisfies
from .usage import Usage

#: Runtimes that Appwrite 1.8.1 itself marks as deprecated in its list.
DEPRECATED = frozenset(
    """
    node-14.5 node-16.0 php-8.0 ruby-3.0 python-3.8 deno-1.21 deno-1.24 deno-1.35 dart-2.15 dart-2.16 dart-2.17
    dotnet-6.0 dotnet-7.0 java-18.0 swift-5.5 kotlin-1.6
    """.split()
)
_EVERYBODY = ("any", "guests")
_WRITES = ("create", "update", "delete", "write")


def scopes(function: FunctionFacts, usage: Usage) -> Iterator[Finding]:
    """POL001 and POL002: only where the code was read."""
    if not usage.is_known:
        return
    granted = frozenset(function.scopes)
    used = {needed: satisfies(granted, needed) for needed in usage.scopes}
    for scope in sorted(granted - {each for each in used.values() if each}):
        why = "no route of Appwrite 1.8 asks for it" if scope in IDLE else "no request in its code needs it"
        yield _warning("POL001", function, f"scope {scope}: {why}", f"take {scope} away from its scopes")
    for scope in sorted(needed for needed, by in used.items() if by is None):
        fix = f"add {scope} to its scopes"
        yield _error("POL002", function, f"scope {scope} is needed for {usage.scopes[scope]}", fix)


def who_may_start(function: FunctionFacts) -> Iterator[Finding]:
    """POL003."""
    for role in function.execute:
        if role in _EVERYBODY:
            message = f'execute holds "{role}": anybody on the internet may start it'
            yield _error("POL003", function, message, "empty execute: keys and schedules start it all the same")
        elif role.startswith("users"):
            message = f'execute holds "{role}": everybody with an account may start it, and may make one'
            yield _warning("POL003", function, message, "name a team or a label, or empty execute")


def runtime(function: FunctionFacts) -> Iterator[Finding]:
    """POL010."""
    if function.runtime in DEPRECATED:
        message = f"runtime {function.runtime} is deprecated by Appwrite 1.8"
        yield _warning("POL010", function, message, "move to a newer version of its runtime")


def missing_lock(function: FunctionFacts) -> Iterator[Finding]:
    """POL011."""
    if function.lock is None:
        message = "two runs of it can be at work at the same time"
        yield _warning("POL011", function, message, "give it a lock: lock=Lock(...)")


def offered(function: FunctionFacts, server: Offered) -> Iterator[Finding]:
    """POL008 and POL009: what the server does not offer, where it said what it does."""
    for code, word, value, known in (
        ("POL008", "specification", function.specification, server.specifications),
        ("POL009", "runtime", function.runtime, server.runtimes),
    ):
        if known and value not in known:
            message = f"the server does not offer {word} {value}"
            yield _error(code, function, message, f"choose one of {', '.join(sorted(known))}")


def permissions(collection: CollectionFacts) -> Iterator[Finding]:
    """POL004 to POL006."""
    granted: dict[str, list[str]] = {}
    for permission in collection.permissions:
        match = PERMISSION.fullmatch(permission)
        if match:
            granted.setdefault(match[2], []).append(match[1])
    for role, actions in sorted(granted.items()):
        writes = [action for action in actions if action in _WRITES]
        if role in _EVERYBODY and writes:
            yield _open("POL004", Severity.ERROR, collection, f'"{role}" may {", ".join(writes)}: nobody is asked who')
        if role in _EVERYBODY and "read" in actions:
            yield _open("POL005", Severity.WARNING, collection, f'"{role}" may read all its documents')
        changes = [action for action in writes if action != "create"]
        if role.startswith("users") and changes and not collection.document_security:
            message = f'"{role}" may {", ".join(changes)} every document, also those of others'
            yield _open("POL006", Severity.WARNING, collection, message)


def _open(code: str, severity: Severity, collection: CollectionFacts, message: str) -> Finding:
    fix = "grant less; with document_security=True each document says whose it is"
    return Finding(code, severity, collection.address, message, fix, collection.location)


def plain_secret(variable: VariableFacts) -> Iterator[Finding]:
    """POL007. The value is never told."""
    if looks_secret(variable.key, variable.value):
        yield Finding(
            "POL007",
            Severity.ERROR,
            variable.address,
            "its name or value looks like a secret, and it lies in a file and can be read back from the server",
            'declare it as FromEnvironment("NAME"), and change the secret: it has been seen',
            variable.location,
        )


def _warning(code: str, function: FunctionFacts, message: str, fix: str) -> Finding:
    return Finding(code, Severity.WARNING, function.address, message, fix, function.location)


def _error(code: str, function: FunctionFacts, message: str, fix: str) -> Finding:
    return Finding(code, Severity.ERROR, function.address, message, fix, function.location)
