"""Rules on access and what a server offers: scopes, roles, permissions, secrets, runtimes, locks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from ..importing.project import looks_secret
from ..model.resource import LeftOut, WhyLeftOut
from ..model.validators import PERMISSION
from ..packaging.bundle import is_whole_copy
from .facts import CollectionFacts, FunctionFacts, Offered, VariableFacts
from .findings import Finding, Severity
from .usage import IDLE, Usage, satisfies

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


_KEEP = 'if it is needed at run time, keep it with include=["…"]'
_LEFT_OUT = {
    "BND001": (
        Severity.WARNING,
        f"add it to .gitignore, or move it away: a variable is the place for a secret; {_KEEP}",
    ),
    "BND002": (Severity.WARNING, "remove it, or name it in ignore="),
    "BND003": (Severity.INFO, _KEEP),
}


def copies(function: FunctionFacts, shared: Mapping[str, bytes]) -> Iterator[Finding]:
    """POL012 for a copy that is not what its header says, POL013 for one of an older version."""
    for path, content in sorted(function.copies.items()):
        name = PurePosixPath(path).name
        if name not in shared or content == shared[name]:
            continue
        if is_whole_copy(content):
            message = f"{path} is a copy of an older version of _shared/{name}"
            yield _finding(
                "POL013", Severity.WARNING, function, message, f"delete {path}: packing adds the current one"
            )
        else:
            message = f"{path} was edited, and packing puts _shared/{name} in its place: it is not deployed like this"
            yield _finding("POL012", Severity.ERROR, function, message, f"edit _shared/{name}, and delete {path}")


def left_out(function: FunctionFacts) -> Iterator[Finding]:
    """BND001 for what looks like a secret, BND002 for what cannot be packed, BND003 for all else."""
    groups: dict[str, list[LeftOut]] = {"BND001": [], "BND002": [], "BND003": []}
    for each in function.left_out:
        groups[_code_of(each)].append(each)
    for code, entries in groups.items():
        if entries:
            severity, fix = _LEFT_OUT[code]
            # Git keeps it from others already, so there is nothing to do.
            quiet = code == "BND001" and all(each.is_ignored for each in entries)
            message = f"not in its bundle: {'; '.join(_said(each) for each in entries)}"
            yield _finding(code, Severity.INFO if quiet else severity, function, message, fix)


def _code_of(entry: LeftOut) -> str:
    if entry.why is WhyLeftOut.SECRET:
        return "BND001"
    return "BND002" if entry.why in (WhyLeftOut.BROKEN, WhyLeftOut.SPECIAL) and not entry.is_ignored else "BND003"


def _said(entry: LeftOut) -> str:
    return f"{entry.path} ({', '.join(filter(None, (entry.why, entry.detail)))})"


def _finding(code: str, severity: Severity, function: FunctionFacts, message: str, fix: str) -> Finding:
    return Finding(code, severity, function.address, message, fix, function.location)


def lock_numbers(function: FunctionFacts) -> Iterator[Finding]:
    """SCH007 to SCH009."""
    lock = function.lock
    if lock is None:
        return
    if lock.expiry >= function.timeout:
        yield _error(
            "SCH007",
            function,
            f"expiry {lock.expiry} s, timeout {function.timeout} s: the run is killed before it stops itself",
            f"an expiry below {function.timeout} s, or a longer timeout",
        )
    if lock.stale_after > lock.expiry:
        message = f"stale after {lock.stale_after} s, expiry {lock.expiry} s: staleness is never seen"
        yield _error("SCH008", function, message, f"stale_after below {lock.expiry} s")
    elif lock.stale_after == lock.expiry:
        yield Finding(
            "SCH008",
            Severity.INFO,
            function.address,
            f"stale after {lock.stale_after} s, which is when it expires: a dead run blocks others until then",
            f"stale_after below {lock.expiry} s frees the lock of a dead run sooner",
            function.location,
        )
    if lock.heartbeat >= lock.stale_after:
        yield _error(
            "SCH009",
            function,
            f"heartbeat every {lock.heartbeat} s, stale after {lock.stale_after} s: a healthy run is taken for dead",
            f"a heartbeat of at most {max(1, lock.stale_after // 2)} s",
        )


def timeout_limit(function: FunctionFacts, limit: int) -> Iterator[Finding]:
    """SCH010."""
    if function.timeout > limit:
        yield _error(
            "SCH010",
            function,
            f"timeout {function.timeout} s, but the server takes at most {limit} s",
            f"a timeout of at most {limit} s, and work in parts that fit",
        )
