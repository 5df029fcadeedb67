"""A small project that is applied, a server that can be made to answer wrongly, and what must hold whatever comes back.

A case is one wrong answer to one request of one command. Nothing that comes back wrong may be believed: the command
ends with an error that names request and server, and neither what is live nor what the state owns has changed. Write
cases as tables (see `test_answers.py`); a case costs some tenths of a second. The names of wrong answers are those of
`raceday_iac.devserver.faults`, which the embedded server plays as well: `RequestFault(answer=…)`.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from e2e.budget import Creations
from e2e.command import Ended
from e2e.here import run_here
from e2e.places import documents_of
from e2e.project import Project
from e2e.proxy import Proxy
from e2e.target import Target

#: One of each that a stack declares, but for code: that costs a build.
STACK = """
    db = stack.database(P + "db", name="Db")
    one = db.collection("one", name="One")
    one.string("text", 20)
    one.integer("number")
    one.index("by_text", "text")
    two = db.collection("two", name="Two")
    two.string("text", 20)
    stack.function(P + "fn", name="Fn", runtime="node-22", specification="s-1vcpu-512mb", timeout=9,
                   entrypoint="m.js", code=KEEP, variables={"COLOUR": "red"})
"""
FUNCTION = STACK[STACK.index("    stack.function") :]
#: What is in the collection `one`.
DOCUMENTS = 3


class Arena(Project):
    """A project of its own on the server that all tests share, reached through a proxy that does wrong on demand."""

    #: What is live, while nothing has changed since it was looked at.
    known: Mapping[str, Any] | None = None
    #: The server's database, and what was live when it had counted so many rows that were ever written.
    database: sqlite3.Connection
    _looked: tuple[int, Mapping[str, Any]] = (-1, {})

    @property
    def home(self) -> str:
        """How messages name the server."""
        return self.proxy.endpoint

    def settle(self) -> None:
        """Apply the stack and put documents into it."""
        self.declare(STACK)
        self.prepare("apply", "--auto-approve")
        for number in range(DOCUMENTS):
            body = {"documentId": f"d{number}", "data": {"text": f"text {number}", "number": number}}
            self.api.post(f"{self.path('one')}/documents", body)
        self.proxy.forget()

    def path(self, collection: str) -> str:
        return f"/databases/{self.id('db')}/collections/{collection}"

    def change(self, *replacements: tuple[str, str]) -> None:
        """Declare the stack with texts replaced; each must be in it."""
        text = STACK
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        self.declare(text)

    def run(self, *words: str, answer: str = "") -> Ended:
        """A whole run in this process, however it ends. A traceback fails the test by itself, a secret too."""
        ended = run_here(self, *words, answer=answer)
        assert "Traceback" not in ended.text, ended
        assert not [each for each in self.secrets if each in ended.text], f"a secret was printed by {ended.command}"
        return ended

    def live(self) -> Mapping[str, Any]:
        """All that is in the project, as the server itself shows it. Times are left out: reading changes none. While no
        row was written since, it is what it was."""
        age = self.database.total_changes
        if self._looked[0] != age:
            self._looked = age, self._live()
        return self._looked[1]

    def _live(self) -> Mapping[str, Any]:
        functions = list(self.api.all("/functions", "functions"))
        deployments = {
            each["$id"]: self.api.ids(f"/functions/{each['$id']}/deployments", "deployments")
            for each in functions
            if each["latestDeploymentId"]
        }
        databases = {each: self._database(each) for each in self.api.ids("/databases", "databases")}
        return {"functions": functions, "deployments": deployments, "databases": databases}

    def _database(self, database: str) -> Mapping[str, Any]:
        collections = list(self.api.all(f"/databases/{database}/collections", "collections"))
        documents = {
            each["$id"]: self.api.ids(f"/databases/{database}/collections/{each['$id']}/documents", "documents")
            for each in collections
        }
        return {"collections": collections, "documents": documents}

    def state_serials(self) -> list[int]:
        """What is kept of a state that is in Appwrite, oldest first."""
        kept = self.api.all(documents_of(self), "documents")
        return sorted(each["serial"] for each in kept if each["serial"])

    def owned(self) -> str:
        """What the state owns, but for uploads that were begun: these it has to remember. Where it is kept in Appwrite,
        that is part of what is live."""
        resources = self.state() if self.state_file.exists() else {}
        known = {
            at: {name: value for name, value in each.items() if name != "uploads"} for at, each in resources.items()
        }
        return json.dumps(known, sort_keys=True)


@dataclass(frozen=True)
class Case:
    """One wrong `answer` to every request like `request` of the command `words`; ids written as `db`, `fn` and `state`
    stand for the project's own. `change` are texts of the stack and what to declare instead.

    `lands` says that the server carries the request out all the same, so that what is live may change. `must_name`:
    the error has to name request and server.
    """

    answer: str
    request: str
    words: str
    change: tuple[tuple[str, str], ...] = ()
    code: int = 1
    says: tuple[str, ...] = ()
    lands: bool = False
    must_name: bool = True

    def __str__(self) -> str:
        """Its name among the tests."""
        return f"{self.words} | {self.request} | {self.answer}"[:150]

    def method_and_path(self, arena: Arena) -> tuple[str, str]:
        method, _, path = self.request.partition(" ")
        parts = [arena.id(part) if part in ("db", "fn", "state") else part for part in path.split("/")]
        return method, "/".join(parts)

    def command(self, arena: Arena) -> list[str]:
        return [arena.id(word) if word == "fn" else word for word in self.words.split()]


def play(arena: Arena, case: Case) -> Ended:
    """Run a case on a settled project, and require that nothing was believed."""
    if case.change:
        arena.change(*case.change)
    live, owned = arena.known or arena.live(), arena.owned()
    method, path = case.method_and_path(arena)
    fault = arena.proxy.play(case.answer, method, path)
    before = fault.times
    ended = arena.run(*case.command(arena))
    assert fault.times < before, f"no request was like {case.request}\n{ended}"
    arena.proxy.forget()
    must_not_believe(arena, case, ended, path)
    assert arena.owned() == owned, f"the state has changed\n{ended}"
    assert case.lands or arena.live() == live, f"what is live has changed\n{ended}"
    return ended


def must_not_believe(arena: Arena, case: Case, ended: Ended, path: str) -> None:
    """The command failed, and says at which request of which server."""
    assert ended.code == case.code, f"expected exit {case.code}\n{ended}"
    for text in case.says:
        assert text in ended.text, f"does not say {text!r}\n{ended}"
    if case.must_name:
        assert arena.home in ended.text, f"does not name the server\n{ended}"
        method = case.request.partition(" ")[0]
        assert f"{method} {path.partition('*')[0]}" in ended.text, f"does not name the request\n{ended}"


@dataclass
class Elsewhere:
    """Another server: it answers everything as an empty project would, and notes the headers that came."""

    address: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)

    def must_know_no_key(self, key: str) -> None:
        assert not [each for each in self.headers if key in each.values()], "the key went to another server"


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """Such a server, for as long as a block lasts."""
    seen = Elsewhere()
    empty = {"total": 0, "functions": [], "databases": [], "collections": [], "documents": [], "$id": "x", "name": "x"}
    content = json.dumps(empty).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            seen.headers.append(dict(self.headers.items()))
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen.address = f"http://127.0.0.1:{web.server_port}"
    threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield seen
    finally:
        web.shutdown()
        web.server_close()


def make_quick(patch: pytest.MonkeyPatch, read: float = 1.0) -> None:
    """Pauses between attempts are left out, there are two of them, and an answer may take `read` seconds."""
    from raceday_iac.provider.appwrite import AppwriteProvider, RetryPolicy, Transport

    defaults = {
        "patience": RetryPolicy(read=read, attempts=2),
        "sleep": lambda _seconds: None,
        "jitter": lambda _longest: 0.0,
    }
    patch.setattr(Transport.__init__, "__kwdefaults__", {**Transport.__init__.__kwdefaults__, **defaults})
    patched = {**AppwriteProvider.__init__.__kwdefaults__, "sleep": lambda _seconds: None}
    patch.setattr(AppwriteProvider.__init__, "__kwdefaults__", patched)


@contextmanager
def opened(server: Any, folder: Path) -> Iterator[Arena]:
    """An arena on a server, for as long as a block lasts."""
    site = Target({}, server, Creations(0)).site()
    proxy = Proxy(site.endpoint, site.creations).start()
    try:
        arena = Arena(folder, site, proxy)
        arena.database = server.server.db
        yield arena
    finally:
        proxy.stop()


class Settled:
    """Hands out a settled arena, and the same one again unless a case has changed it."""

    def __init__(self, server: Any, folder: Callable[[], Path], make: Callable[[Arena], object] = Arena.settle) -> None:
        self._server, self._folder, self._make = server, folder, make
        self._stack = ExitStack()
        self._arena: Arena | None = None
        self._files: dict[Path, bytes] = {}
        self._seen: tuple[Any, ...] = ()

    @contextmanager
    def kept(self) -> Iterator[Settled]:
        with self._stack:
            yield self

    def arena(self) -> Arena:
        if self._arena is None:
            self._arena = self._stack.enter_context(opened(self._server, self._folder()))
            self._make(self._arena)
            self._files = _declared(self._arena)
            self._arena.known = self._arena.live()
            self._seen = _looks(self._arena)
        return self._arena

    def give_back(self) -> None:
        assert self._arena is not None
        self._arena.proxy.forget()
        for file, content in self._files.items():
            file.write_bytes(content)
        # A change that failed stays in the journal until the next run.
        (self._arena.state_folder / "journal.jsonl").unlink(missing_ok=True)
        if _looks(self._arena) != self._seen or self._arena.live() != self._arena.known:
            self._arena = None


def _declared(arena: Arena) -> dict[Path, bytes]:
    """What a user would keep in git."""
    folders = (arena.root / "stacks", arena.root / "functions")
    files = (file for folder in folders for file in folder.rglob("*") if "__pycache__" not in file.parts)
    return {file: file.read_bytes() for file in files if file.is_file()}


def _looks(arena: Arena) -> tuple[Any, ...]:
    """What a case may have changed in the folder and matters to the next one: what is owned, and the files that a user
    has. Earlier states, logs and caches do not count."""
    kept = sorted(str(file) for file in arena.root.rglob("*") if not {"__pycache__", "state"} & {*file.parts})
    return arena.state() if arena.state_file.exists() else None, kept
