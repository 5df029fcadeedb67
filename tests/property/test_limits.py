"""What the stack accepts, the server accepts: values near every limit, sent as they would be.

The other direction does not hold everywhere on purpose; `STRICTER` names each such place."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from raceday_iac.devserver.databases.catalog import Attribute
from raceday_iac.devserver.databases.limits import is_table_full, metadata_problem
from raceday_iac.devserver.runner import RunningServer, start_server
from raceday_iac.devserver.server import Settings
from raceday_iac.errors import StackError
from raceday_iac.kinds import KINDS
from raceday_iac.kinds.base import Call
from raceday_iac.loading.environment import Environment
from raceday_iac.loading.resolve import resolve
from raceday_iac.model.resource import Desired
from raceday_iac.model.server import ServerFacts
from raceday_iac.model.stack import Collection, Stack

from .effort import PAIRS, pairs

near = settings(pairs, max_examples=max(60, PAIRS // 2))
NUMBERS = itertools.count()
SESSION = requests.Session()
FINISHED = {"available", "failed", "stuck"}
SERVER = ServerFacts("1.8.1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    chosen = Settings(function_creation_limit=0, scheduler=False, processing_delay=0)
    with start_server(tmp_path_factory.mktemp("limits"), settings=chosen) as running:
        yield running


def ask(server: RunningServer, method: str, path: str, body: Any = None) -> requests.Response:
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.key}
    return SESSION.request(method, server.endpoint + path, json=body, headers=headers, timeout=30)


def accepted(stack: Stack) -> Desired | None:
    """The wanted resources, or None where the stack is refused."""
    try:
        return resolve(stack, Environment(name="t", endpoint="embedded", project="p"), Path("/nowhere"), {})
    except StackError:
        return None


def calls(desired: Desired) -> Iterator[Call]:
    """The requests that create everything, in order."""
    for resource in sorted(desired.resources.values(), key=lambda each: KINDS[each.address.kind].stage):
        yield KINDS[resource.address.kind].requests.create(resource.address, resource.fields)


def must_be_accepted(server: RunningServer, stack: Stack) -> bool:
    """Send what the stack accepts, and require that it becomes available. Whether there was something to send."""
    desired = accepted(stack)
    if desired is None or is_doubtful(desired):
        return False
    for call in calls(desired):
        if call.path.endswith("/indexes"):
            settled(server, call.path.removesuffix("/indexes"))
        answer = ask(server, call.method.upper(), call.path, call.body)
        assert answer.ok, f"{call.method} {call.path} {str(call.body)[:300]}: {answer.status_code} {answer.text[:300]}"
    for each in desired.of_kind("collection"):
        database, collection = each.address.parts
        parts = settled(server, f"/databases/{database}/collections/{collection}")
        assert [each for each in parts if each["status"] != "available"] == []
    return True


def is_doubtful(desired: Desired) -> bool:
    """Whether it has names that a newer server may know, so that the plan leaves it to the server."""
    resources = desired.resources.items()
    return any(True for at, each in resources for _ in KINDS[at.kind].all_doubts(each.fields, SERVER))


def settled(server: RunningServer, path: str) -> list[Any]:
    deadline = time.monotonic() + 20
    while True:
        found = ask(server, "GET", path).json()
        parts = [*found["attributes"], *found["indexes"]]
        if all(each["status"] in FINISHED for each in parts):
            return parts
        assert time.monotonic() < deadline, parts
        time.sleep(0.005)


def function(**changed: Any) -> Stack:
    valid = {"name": "F", "runtime": "node-22", "specification": "s-1vcpu-512mb", "timeout": 9, "entrypoint": "m.js"}
    stack = Stack("near")
    stack.function(f"f{next(NUMBERS)}", **{**valid, **changed})
    return stack


def with_collection(declare: Callable[[Collection], object], **changed: Any) -> Stack:
    stack = Stack("near")
    declare(stack.database(f"d{next(NUMBERS)}", name="D").collection("c", **{"name": "C", **changed}))
    return stack


def around(limit: int) -> st.SearchStrategy[int]:
    return st.integers(limit - 2, limit + 2)


def texts(limit: int, letters: str = "x\u00e9/\N{GRINNING FACE}") -> st.SearchStrategy[str]:
    """Texts of about so many characters, or so many bytes or characters of JSON."""
    return st.tuples(st.sampled_from(letters), around(limit), st.sampled_from([1, 2, 4, 6, 12])).map(
        lambda chosen: chosen[0] * (chosen[1] // chosen[2])
    )


@st.composite
def spoiled(draw: st.DrawFn, seeds: list[str], letters: str) -> str:
    """A text that is nearly one of the seeds."""
    text = list(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(text)))
        text[place : place + draw(st.integers(0, 1))] = draw(st.sampled_from(["", *letters]))
    return "".join(text)


SEEDS = {
    "url": ["https://example.nz/a?b=c#d", "http://us:p%20w@a-b.nz:8080/", "ftp://a_b", "http://[::1]:80/", "app://x"],
    "email": ["a.b+c@d-e.nz", "A@B.NZ", "x@1.nz"],
    "ip": ["1.2.3.4", "::1", "2001:db8::ff00:42:8329", "::ffff:1.2.3.4"],
    "datetime": ["2025-07-17T01:02:03.5Z", "2025-07-17", "1000-01-01T00:00:00Z", "9999-12-31T23:59:59+00:00"],
}
LETTERS = "aZ09.-_:/@%+ T,\u00e9"
ROLES = ["any", "users/verified", "user:a/verified", "team:a/b", "member:a", "label:vip", "team:" + "a" * 36]
EVENTS = ["users.*.update.email", "databases.*.collections.*.documents.*.create", "teams.*.memberships.*", "rules.x"]
SCHEDULES = st.builds(
    lambda tens, ones: ",".join(["10"] * tens + ["1"] * ones) + " * * * *", st.integers(28, 32), st.integers(0, 4)
)
FUNCTIONS = st.one_of(
    st.builds(lambda name: function(name=name), texts(128)),
    st.builds(lambda schedule: function(schedule=schedule), SCHEDULES),
    st.builds(lambda role: function(execute=[role]), spoiled(ROLES, LETTERS)),
    st.builds(lambda number: function(execute=[f"user:u{each}" for each in range(number)]), around(100)),
    st.builds(lambda event: function(events=[event]), spoiled(EVENTS, "*.0create$")),
    st.builds(lambda length: function(events=["users." + "x" * length + ".create"]), around(243)),
    st.builds(lambda entrypoint: function(entrypoint=entrypoint), texts(1028)),
    st.builds(lambda commands: function(commands=commands), texts(8192)),
    st.builds(lambda timeout: function(timeout=timeout), st.one_of(around(1), around(900))),
)
KEYS = st.lists(st.sampled_from(["A", "a", "\u00e1", "A ", " A", "B", "\u00df", "S", "ss"]), unique=True, max_size=3)
VARIABLES = st.one_of(
    st.builds(lambda value: function(variables={"K": value}), texts(5900)),
    st.builds(lambda key: function(variables={key: ""}), texts(255)),
    st.builds(lambda keys: function(variables=dict.fromkeys(keys, "")), KEYS),
)


@near
@given(FUNCTIONS | VARIABLES)
def test_functions_that_the_stack_accepts_are_accepted(server: RunningServer, stack: Stack) -> None:
    must_be_accepted(server, stack)


def defaulted(kind: str, value: Any, **more: Any) -> Stack:
    return with_collection(lambda owner: getattr(owner, kind)("a", default=value, **more))


BOUNDS = st.sampled_from([-(2**63) - 1, -(2**63), -(2**31) - 1, -(2**31), -(2**31) + 1, 0, 2**31 - 1, 2**31, 2**63])
COORDINATES = st.sampled_from([-180.5, -180, -90.5, -90, 0, 90, 90.5, 180, 180.5])
POINTS = st.tuples(COORDINATES, COORDINATES)
ATTRIBUTES = st.one_of(
    *(st.builds(lambda value, kind=kind: defaulted(kind, value), spoiled(SEEDS[kind], LETTERS)) for kind in SEEDS),
    st.builds(lambda value: defaulted("string", value, size=16_384), texts(16_372)),
    st.builds(lambda value, size: defaulted("string", value, size=size), texts(150), around(150)),
    st.builds(lambda value: defaulted("string", value, size=200, encrypt=True), texts(57, "x")),
    st.builds(lambda each, last: enum([*[f"{n:02d}" + "x" * 253 for n in range(each)], last]), around(62), texts(113)),
    st.builds(lambda number: enum([str(each) for each in range(number)]), around(100)),
    st.builds(lambda low, high, default: defaulted("integer", default, min=low, max=high), *[st.none() | BOUNDS] * 3),
    st.builds(lambda value: defaulted("point", value), POINTS),
    st.builds(lambda value: defaulted("line", value), st.lists(POINTS, min_size=1, max_size=3)),
    st.builds(lambda ring: defaulted("polygon", [[*ring, ring[0]]]), st.lists(POINTS, min_size=2, max_size=4)),
)


def enum(elements: list[str]) -> Stack:
    return with_collection(lambda owner: owner.enum("e", elements))


@near
@given(ATTRIBUTES)
def test_attributes_that_the_stack_accepts_are_accepted(server: RunningServer, stack: Stack) -> None:
    must_be_accepted(server, stack)


PERMISSIONS = st.lists(
    spoiled([f'{each}("{role}")' for each in ("read", "write") for role in ROLES], LETTERS), max_size=3
)
MANY = st.builds(
    lambda action, number: [f'{action}("user:u{each}")' for each in range(number)],
    st.sampled_from(["read", "write"]),
    around(100),
)


@near
@given(PERMISSIONS | MANY)
def test_permissions_that_the_stack_accepts_are_accepted(server: RunningServer, permissions: list[str]) -> None:
    must_be_accepted(server, with_collection(lambda owner: owner, permissions=permissions))


SIZES = st.sampled_from([255, 256, 257, 511, 512, 766, 767, 768])
KINDS_OF_PARTS = st.sampled_from(["integer", "float", "boolean", "datetime", "small", "tags", "email", "ip", "$id"])


@near
@given(st.lists(SIZES, max_size=2), st.lists(KINDS_OF_PARTS, unique=True, max_size=2), st.booleans())
def test_indexes_that_the_stack_accepts_are_built(
    server: RunningServer, sizes: list[int], others: list[str], first: bool
) -> None:
    def declare(owner: Collection) -> None:
        strings = [f"s{number}" for number in range(len(sizes))]
        for key, size in zip(strings, sizes, strict=True):
            owner.string(key, size)
        for kind in others:
            if kind == "tags":
                owner.string(kind, 20, array=True)
            elif kind == "small":
                owner.integer(kind, max=5)
            elif kind != "$id":
                getattr(owner, kind)(kind)
        owner.index("i", *([*strings, *others] if first else [*others, *strings]))

    must_be_accepted(server, with_collection(declare))


#: By method: the type and size that the server keeps.
KEPT = {"boolean": ("boolean", 0), "integer": ("integer", 8), "float": ("double", 0), "datetime": ("datetime", 0)}
COLUMNS = st.lists(
    st.sampled_from([*KEPT, "point", "list"]) | st.sampled_from([20, 36, 50, 63, 63, 64, 255, 1000]), max_size=120
)


@near
@given(COLUMNS)
def test_rows_that_the_stack_accepts_are_built(columns: list[Any]) -> None:
    """The server's own arithmetic: a request for each column would take minutes."""

    def declare(owner: Collection) -> None:
        for number, kind in enumerate(columns):
            if isinstance(kind, int):
                owner.string(f"a{number}", kind)
            elif kind == "list":
                owner.string(f"a{number}", 9, array=True)
            else:
                getattr(owner, kind)(f"a{number}")

    if accepted(with_collection(declare)) is None:
        return
    built: list[Attribute] = []
    for number, kind in enumerate(columns):
        more = kept(f"a{number}", kind)
        assert metadata_problem(built, more) == ""
        assert not is_table_full(built, more)
        built.append(more)


def kept(key: str, kind: Any) -> Attribute:
    wire, size = ("string", kind) if isinstance(kind, int) else KEPT.get(kind, (kind, 0))
    if kind == "list":
        wire, size = "string", 9
    return Attribute(key, wire, "", size, False, kind == "list", False, None, {}, False)


def test_both_answers_occur() -> None:
    assert accepted(function(name="n" * 128)) is not None
    assert accepted(function(name="n" * 129)) is None


#: What Appwrite takes and the stack refuses, and why: it can never work, or is a slip.
STRICTER: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a second colon, of which Appwrite forgets the rest": ("execute", "", {"execute": ["user:a:b"]}),
    "an event with an id that cannot be": ("events", "", {"events": ["users.a b.create"]}),
    "a variable that no environment can hold": ("key", "/variables", {"key": "A=B", "value": ""}),
    "a date of the past with a day too many": (
        "default",
        "/attributes/datetime",
        {"key": "a", "required": False, "default": "2025-02-30"},
    ),
    "an address that is longer than its column": (
        "default",
        "/attributes/ip",
        {"key": "a", "required": False, "default": "0000:0000:0000:0000:0000:ffff:192.168.100.200"},
    ),
    "a URL that is longer than its column": (
        "default",
        "/attributes/url",
        {"key": "a", "required": False, "default": "https://a.nz/" + "x" * 1988},
    ),
    "a min that four bytes cannot hold": (
        "min",
        "/attributes/integer",
        {"key": "a", "required": False, "min": -(2**40), "max": 5},
    ),
    "a key that is a number": ("", "/attributes/boolean", {"key": "2024", "required": False}),
}


def declared(path: str, body: dict[str, Any]) -> Stack:
    if not path:
        return function(**body)
    if path == "/variables":
        return function(variables={body["key"]: body["value"]})
    kind = path.rpartition("/")[2]
    return with_collection(lambda owner: getattr(owner, kind)(**body))


@pytest.mark.parametrize("why", STRICTER)
def test_where_the_stack_is_stricter_on_purpose(server: RunningServer, why: str) -> None:
    field, path, body = STRICTER[why]
    assert accepted(declared(path, body)) is None
    assert field in body or not field
    if path.startswith("/attributes"):
        database = f"d{next(NUMBERS)}"
        ask(server, "POST", "/databases", {"databaseId": database, "name": "D"})
        ask(server, "POST", f"/databases/{database}/collections", {"collectionId": "c", "name": "C"})
        answer = ask(server, "POST", f"/databases/{database}/collections/c{path}", body)
    else:
        fields = {"functionId": f"f{next(NUMBERS)}", "name": "F", "runtime": "node-22"}
        answer = ask(server, "POST", "/functions", fields if path else {**fields, **body})
        if path:
            answer = ask(server, "POST", f"/functions/{fields['functionId']}{path}", body)
    assert answer.ok, answer.text
