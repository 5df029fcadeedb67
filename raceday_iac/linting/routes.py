"""Which scope Appwrite asks for at which endpoint (1.8.1, its route labels and the server's API description).

A path is a template: what is not known of it is `*`.
"""

from __future__ import annotations

import re

READ, WRITE = "read", "write"
_READING = frozenset({"GET", "HEAD"})

#: The first that fits decides. `*` in a template may stand for anything, but fixed words only for themselves.
_ROUTES: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), read, write)
    for pattern, read, write in (
        # The two reads of transactions are labelled with rows' scope.
        (r"/(databases|tablesdb)/transactions(/.*)?", "rows.read", "documents.write"),
        (r"/databases/[^/]+/collections/[^/]+/documents(/.*)?", "documents.read", "documents.write"),
        (r"/databases/[^/]+/collections(/.*)?", "collections.read", "collections.write"),
        (r"/databases(/[^/]+)?", "databases.read", "databases.write"),
        (r"/tablesdb/[^/]+/tables/[^/]+/rows(/.*)?", "rows.read", "rows.write"),
        (r"/tablesdb/[^/]+/tables(/.*)?", "tables.read", "tables.write"),
        (r"/tablesdb(/[^/]+)?", "databases.read", "databases.write"),
        # Needs no key.
        (r"/functions/runtimes", "", ""),
        (r"/functions/[^/]+/executions(/.*)?", "execution.read", "execution.write"),
        (r"/functions(/.*)?", "functions.read", "functions.write"),
    )
)
#: Scopes of the same thing under its other name, which a route takes as well.
_ALTERNATIVES = {
    "documents.read": ("rows.read",),
    "documents.write": ("rows.write",),
    "rows.read": ("documents.read",),
    "rows.write": ("documents.write",),
    "tables.read": ("collections.read",),
    "tables.write": ("collections.write",),
}
#: They can be granted, but no route of 1.8.1 asks for them.
IDLE = frozenset(f"{noun}.{act}" for noun in ("attributes", "columns", "indexes") for act in (READ, WRITE))


def scope_of(method: str, template: str) -> str | None:
    """The scope that a request needs; empty when it needs none, None when the path is not Appwrite's."""
    for pattern, read, write in _ROUTES:
        if pattern.fullmatch(template):
            return read if method in _READING else write
    return None


def satisfies(granted: frozenset[str], needed: str) -> str | None:
    """The granted scope with which a request passes that needs this one."""
    return next((each for each in (needed, *_ALTERNATIVES.get(needed, ())) if each in granted), None)
