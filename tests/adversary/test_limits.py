"""Limits behind the limits: what a real Appwrite refuses or half does is refused before the first request, and what is
accepted is really done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from .harness import Arena

CASES = Path(__file__).parents[1] / "data" / "cases"
#: 117 characters: an update with it is half done.
LONG = ",".join(map(str, range(40))) + " * * * *"


def function(**settings: object) -> str:
    valid = {"name": "F", "runtime": "node-22", "specification": "s-1vcpu-512mb", "timeout": 9, "entrypoint": "m.js"}
    words = ", ".join(f"{name}={value!r}" for name, value in {**valid, **settings}.items())
    return f'stack.function(P + "fn", {words}, code=KEEP)'


def collection(*lines: str, permissions: tuple[str, ...] = ()) -> str:
    head = f'c = stack.database(P + "db", name="D").collection("c", name="C", permissions={list(permissions)!r})'
    return "\n".join((head, *lines))


#: What is declared, and what is said of it.
REFUSED: dict[str, tuple[str, str]] = {
    "a schedule of 117 characters": (function(schedule=LONG), "Appwrite's scheduler stores 100 characters"),
    "a variable of 5901 bytes": (function(variables={"K": "x" * 5901}), "this has 5901; split it"),
    "a variable of accents": (function(variables={"K": "é" * 2951}), "this has 5902; split it"),
    "variables that differ in an accent": (function(variables={"MĀ": "1", "ma": "2"}), "accents or blanks"),
    "variables that differ in a blank": (function(variables={"A": "1", "A ": "2"}), "accents or blanks"),
    "an event without an id": (function(events=["users.a b.create"]), "'a b' is neither * nor a valid id"),
    "an event of functions": (function(events=["functions.*"]), "events of functions themselves"),
    "a label with a hyphen": (function(execute=["label:vip-gold"]), "a label has 1 to 36 letters and digits"),
    "a role with an accent": (function(execute=["team:t/ä"]), "'ä' is not a valid id"),
    "101 roles": (function(execute=[f"user:u{each}" for each in range(101)]), "101 items, but Appwrite accepts 100"),
    "a name of 129 characters": (function(name="n" * 129), "longer than the 128 characters"),
    "101 permissions": (
        collection(permissions=tuple(f'read("user:u{each}")' for each in range(101))),
        "101 permissions, but Appwrite accepts 100",
    ),
    "permissions that differ in case": (
        collection(permissions=('read("user:A")', 'read("user:a")')),
        "differ only in case",
    ),
    "elements of 16526 characters": (
        collection('c.enum("e", [f"{n:03d}" + "x" * 252 for n in range(64)])'),
        "take 16526 characters as Appwrite stores them",
    ),
    "a default of 17012 characters": (
        collection('c.string("s", 20000, default="x" * 17000)'),
        "takes 17012 characters as Appwrite stores it",
    ),
    "a URL with an accent": (collection('c.url("u", default="https://a.nz/ä")'), "does not fit type url"),
    "an e-mail with two dots": (collection('c.email("m", default="a..b@c.nz")'), "does not fit type email"),
    "an address with a zone": (collection('c.ip("i", default="fe80::1%eth0")'), "does not fit type ip"),
    "a date without hyphens": (collection('c.datetime("t", default="20250717T010203Z")'), "does not fit type datetime"),
    "an open ring": (
        collection('c.polygon("p", default=[[[0, 0], [0, 1], [1, 1], [1, 0]]])'),
        "whose last is the first",
    ),
    "a key that is a number": (collection('c.boolean("2024")'), "is all digits"),
    "keys that become one column": (collection('c.boolean("a.b")', 'c.boolean("ab")'), "leaves dots out"),
    "32 strings in a page": (
        collection('[c.string(f"s{n}", 63) for n in range(32)]'),
        "of a page, MariaDB allows 8125",
    ),
    "1011 attributes": (collection('[c.boolean(f"b{n}") for n in range(1011)]'), "at most 1010 fit"),
    "an index of 3076 bytes": (
        collection('c.string("s", 767)', 'c.integer("i")', 'c.index("x", "s", "i")'),
        "is 3076 bytes long (4 for a character), MariaDB allows 3072",
    ),
    "an index of 33 attributes": (
        collection('[c.boolean(f"b{n}") for n in range(33)]', 'c.index("x", *[f"b{n}" for n in range(33)])'),
        "MariaDB takes 32 in an index",
    ),
    "a many-to-many of one column": (
        collection('c.relationship("x", "c", type="manyToMany", two_way_key="X")'),
        "treats them as one column",
    ),
    "a bound beyond a double": (collection('c.float("f", max=10**400)'), "is not a number that a double holds"),
    "the id 0": ('stack.database("0", name="D")', "Appwrite treats it as missing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_before_the_first_request(empty: Arena, case: str) -> None:
    text, said = REFUSED[case]
    empty.declare(text)
    ended = empty.run("plan")
    assert ended.code == 1
    assert said in ended.err
    assert "stacks/x.py:" in ended.err
    assert "nothing was read from or sent to Appwrite" in ended.err
    assert empty.proxy.count() == 0


@pytest.mark.parametrize("words", ["plan", "apply --auto-approve", "drift"])
@pytest.mark.parametrize(
    ("case", "problems"),
    [
        ("schedule-longer-than-100", 1),
        ("variable-value-over-5900-bytes", 1),
        ("enum-and-default-over-16384", 3),
        ("checks-looser-than-appwrite", 10),
    ],
)
def test_every_mistake_of_a_recorded_stack_is_reported_at_once(
    empty: Arena, case: str, problems: int, words: str
) -> None:
    empty.stack_file.write_text((CASES / case / "stack.py").read_text(encoding="utf-8"), encoding="utf-8")
    ended = empty.run(*words.split())
    assert ended.code == 1
    assert ended.err.count("stacks/x.py:") == problems
    assert empty.proxy.count() == 0
    assert max(map(len, ended.err.splitlines())) < 600


def test_a_schedule_that_an_environment_makes_too_long_is_reported_with_its_file(empty: Arena) -> None:
    empty.declare(function())
    overrides = {"overrides": {f"function.{empty.id('fn')}": {"schedule": LONG}}}
    file = empty.root / "stacks" / "environments" / "e2e.yaml"
    file.write_text(file.read_text(encoding="utf-8") + f"overrides: {json.dumps(overrides['overrides'])}\n")
    ended = empty.run("plan")
    assert ended.code == 1
    assert "e2e.yaml" in ended.err
    assert "stores 100 characters" in ended.err


def test_a_secret_that_is_too_long_is_not_shown(empty: Arena) -> None:
    empty.secret("LONG_SECRET", "hidden" * 1000)
    empty.declare(function().replace("code=KEEP", 'variables={"K": FromEnvironment("LONG_SECRET")}, code=KEEP'))
    ended = empty.run("plan")
    assert ended.code == 1
    assert "this has 6000" in ended.err
    assert "hidden" not in ended.text


AT_THE_LIMIT = """
    minutes = ",".join(["10"] * 31)
    stack.function(P + "fn", name="n" * 128, runtime="node-22", specification="s-1vcpu-512mb", timeout=900,
                   entrypoint="m.js", code=KEEP, schedule=minutes + " * * * *",
                   execute=["team:" + "a" * 36 + "/" + "b" * 36, *[f"user:u{n}/verified" for n in range(99)]],
                   events=["databases." + "d" * 36 + ".collections." + "c" * 36 + ".documents." + "x" * 36 + ".create"],
                   variables={"K" * 255: "x" * 5900, "E": "\\N{GRINNING FACE}" * 1475, " E": ""})
    db = stack.database(P + "db", name="é" * 128)
    c = db.collection("c" * 36, name="C", permissions=[f'write("user:u{n}")' for n in range(100)])
    c.enum("elements", [*[f"{n:03d}" + "x" * 252 for n in range(63)], "x" * 113])
    c.string("text", 16400, default="x" * 16372)
    c.url("url", default="https://a.nz/" + "x" * 1987)
    c.email("mail", default="a" * 64 + "@" + "b" * 63 + ".nz")
    c.ip("ip", default="2001:db8::ff00:42:8329")
    c.datetime("last", default="9999-12-31T23:59:59Z")
    c.integer("big", min=-2**63, max=2**63 - 1, default=-2**63)
    c.integer("small", min=-2**31 + 1, max=2**31 - 1, default=-2**31 + 1)
    c.float("double", max=1.7976931348623157e308)
    c.polygon("ring", default=[[[-180, -90], [180, -90], [180, 90], [-180, -90]]])
    c.string("tags", 50, array=True)
    c.string("dotted.key", 767)
    c.index("long", "dotted.key", "small")
    c.index("array", "small", "big", "tags")
    c.index("descending", "small", "tags", orders=["DESC"])
    full = db.collection("full", name="F")
    for n in range(31):
        full.string(f"s{n}", 63)
    many = db.collection("many", name="M")
    many.relationship("links", "full", type="manyToMany", two_way_key="back")
"""


def test_what_is_accepted_at_every_limit_is_done_and_stays_done(empty: Arena) -> None:
    empty.declare(AT_THE_LIMIT)
    applied = empty.run("apply", "--auto-approve")
    assert applied.code == 0, applied
    assert empty.run("plan", "--detailed-exitcode").code == 0


# What is live already because somebody else has made it.


def half_done(arena: Arena, method: str, path: str, **fields: str) -> None:
    """What another tool does, and is answered with 500."""
    body = {"name": "F", "runtime": "node-22", "entrypoint": "m.js", "schedule": LONG, **fields}
    headers = {"X-Appwrite-Project": arena.site.project, "X-Appwrite-Key": arena.site.key}
    assert requests.request(method, arena.site.endpoint + path, json=body, headers=headers).status_code == 500


def test_a_half_written_schedule_is_seen_and_healed_before_the_variables(empty: Arena) -> None:
    empty.declare(function(schedule="0 1 * * *", variables={"K": "old"}))
    empty.prepare("apply", "--auto-approve")
    half_done(empty, "PUT", f"/functions/{empty.id('fn')}")
    empty.declare(function(schedule="0 2 * * *", variables={"K": "new"}))
    healed = empty.run("apply", "--auto-approve")
    assert healed.code == 0, healed
    assert empty.run("plan", "--detailed-exitcode").code == 0


def test_a_function_without_a_row_at_the_scheduler_is_never_called_done(empty: Arena) -> None:
    half_done(empty, "POST", "/functions", functionId=empty.id("fn"))
    empty.declare(function(schedule="0 1 * * *"))
    ended = empty.run("apply", "--auto-approve")
    assert ended.code == 1
    assert "500" in ended.text
    assert "Traceback" not in ended.text
