"""The server: one project, kept as JSON values, so that a whole world can be copied and brought back.

Appwrite's asynchronous work goes on when somebody lists attributes or indexes, or looks at one of them. Lists of
collections do not move it: a plan that is made after a crash finds `processing` and `deleting`, as on a busy server.
"""

from __future__ import annotations

import json
import pickle
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from raceday_iac.errors import ProviderError
from raceday_iac.kinds.base import Call
from raceday_iac.provider.appwrite import AppwriteProvider

from . import functions, plain, schema, settings

Raw = dict[str, Any]
Handler = Callable[..., Any]

#: Method, path with placeholders, handler(project, body, *placeholders).
_ROUTES: list[tuple[str, re.Pattern[str], Handler]] = [
    (method, re.compile(re.sub(r"\{\w+\}", "([^/]+)", path)), handler)
    for method, path, handler in (*schema.ROUTES, *functions.ROUTES, *plain.ROUTES, *settings.ROUTES)
]
_FACTS: dict[str, Raw] = {
    "/health/version": {"version": "1.8.1"},
    "/functions/runtimes": {"runtimes": [{"$id": "python-3.12"}, {"$id": "node-22"}]},
    "/functions/specifications": {"specifications": []},
    "/sites/frameworks": {"frameworks": []},
}


class MemoryAppwrite:
    """Has the methods of a transport. `version` counts the writes that changed something."""

    def __init__(self) -> None:
        self.project: Raw = {"databases": {}, "functions": {}, "sites": {}, "deployments": {}, "numbers": 0}
        self.project |= {"variables": [], "rules": []}
        self.version = 0
        self._guard = threading.RLock()

    # The transport's interface.

    def request(
        self, call: Call, *, read_timeout: float | None = None, anonymous: bool = False, binary: bool = False
    ) -> Any:
        """Carry out a call. Raises the provider's errors."""
        if call.path in _FACTS:
            return _FACTS[call.path]
        with self._guard:
            handler, values = _route(call)
            if call.method != "get":
                self.version += 1
            answer = handler(self.project, dict(call.body), *values)
            return answer if isinstance(answer, bytes) else json.loads(json.dumps(answer))

    def upload(self, path: str, fields: Mapping[str, Any], archive: bytes) -> Any:
        """Take an archive whole."""
        with self._guard:
            self.version += 1
            _, plural, owner, _ = path.split("/")
            return dict(functions.create_deployment(self.project, plural, owner, fields, archive))

    def not_appwrite(self, call: Call, what: str) -> ProviderError:
        return ProviderError(f"no answer to {call}: {what}")

    # What tests do behind the reconciler's back.

    def copy(self) -> bytes:
        """The whole world, to be brought back with `restore`."""
        with self._guard:
            return pickle.dumps(self.project)

    def restore(self, world: bytes) -> None:
        self.project = pickle.loads(world)

    def put_document(self, database: str, collection: str, document: str, data: Raw) -> None:
        self.project["databases"][database]["collections"][collection]["documents"][document] = dict(data)

    def documents(self, database: str, collection: str) -> dict[str, Raw]:
        found: dict[str, Raw] = self.project["databases"][database]["collections"][collection]["documents"]
        return found

    def settle(self) -> None:
        """Let all work in the background end."""
        for database in self.project["databases"].values():
            schema.settle(database)


def _route(call: Call) -> tuple[Handler, Sequence[str]]:
    for method, pattern, handler in _ROUTES:
        if method == call.method and (found := pattern.fullmatch(call.path)):
            return handler, found.groups()
    raise AssertionError(f"this server does not know {call.method} {call.path}")


def provider_of(transport: Any) -> AppwriteProvider:
    """A provider over it that never really sleeps."""
    return AppwriteProvider(transport, sleep=lambda seconds: None)
