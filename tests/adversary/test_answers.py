"""Wrong answers to every kind of request, and what no command may make of them: tables of cases. See `harness`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from raceday_iac.provider.appwrite import answers

from .harness import FUNCTION, Arena, Case, Elsewhere, play

#: What may come back for any request, whatever was asked.
ANYWHERE = (
    *("404-text 404-html 404-json 404-half 400-html 401-html 403-html 405-html 409-text".split()),
    *("500-html 502-html 503-html 504-html 200-html 200-text 200-empty 200-null 200-list 200-string".split()),
    *("200-object 204-empty 204-body json-cut json-deep json-latin json-nan not-http bad-chunks".split()),
    *("body-cut head-cut drip huge bomb bomb-twice emptied cut as:text/html as:text/plain".split()),
)
#: The same project at another address, and elsewhere.
REDIRECTS = tuple(f"redirect:{status}:https://appwrite.example" for status in (301, 302, 303, 307, 308))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no end is found out sooner."""
    monkeypatch.setattr(answers, "LONGEST", 1 << 20)
    monkeypatch.setattr(answers, "LONGEST_FILE", 1 << 20)
    monkeypatch.setattr(answers, "_SLOWEST", 1 << 20)


@pytest.mark.parametrize("answer", ANYWHERE)
def test_a_plan_believes_no_wrong_answer(arena: Arena, answer: str) -> None:
    play(arena, Case(answer, "GET /functions", "plan"))


# What lists and objects lack.

_COLLECTIONS = "GET /databases/db/collections"
SPOILT = [
    ("GET /functions", ["without:total", 'set:total="1"', "set:total=null", "without:functions", "set:functions=null"]),
    (
        "GET /functions",
        ["set:functions.0=null", "set:functions.0=[]", "without:functions.*.$id"],
    ),
    ("GET /functions", ["without:functions.0.schedule", "set:functions.0.vars.0=null", "without:functions.0.vars"]),
    ("GET /functions", ["without:functions.0.deploymentId", 'set:functions.0.timeout="9"']),
    ("GET /databases", ["404-text", "without:databases.0.name", "set:databases.0=7", "set:databases.0.enabled=null"]),
    (_COLLECTIONS, ["404-text", "200-object", "without:total", "set:collections.0=null", "without:collections.*.name"]),
    (_COLLECTIONS, ["without:collections.*.attributes", "set:collections.*.attributes.0=null", "json-deep"]),
    (_COLLECTIONS, ["without:collections.*.attributes.0.type", "without:collections.*.attributes.0.status"]),
    (_COLLECTIONS, ["without:collections.*.attributes.*.size", "without:collections.*.indexes"]),
    (_COLLECTIONS, ["deep:collections.*.attributes.0.default", "set:collections.*.indexes.0.attributes=null"]),
    ("GET /functions/runtimes", ["404-text", "200-html", "set:runtimes.0=null"]),
    ("GET /functions/specifications", ["404-text", "without:specifications.0.slug"]),
    ("GET /health/version", ["404-text", "200-list", "set:version=null"]),
]


@pytest.mark.parametrize("case", [Case(each, at, "plan") for at, spoilt in SPOILT for each in spoilt], ids=str)
def test_a_plan_believes_no_answer_that_lacks_something(arena: Arena, case: Case) -> None:
    play(arena, case)


# Other commands that read. What they read first and last, with what did most harm.

REFRESH = "apply --refresh-only --auto-approve"
READING = [
    *(Case(each, "GET /functions", "drift") for each in ("404-text", "200-empty", "without:functions", "502-html")),
    *(Case(each, _COLLECTIONS, "drift") for each in ("404-text", "200-object", "set:collections.1=null")),
    *(Case(each, "GET /databases", "drift") for each in ("404-text", "200-list")),
    *(Case(each, "GET /functions", REFRESH) for each in ("404-text", "200-empty", "cut")),
    *(Case(each, _COLLECTIONS, REFRESH) for each in ("404-text", "404-html", "204-empty")),
    *(Case(each, "GET /functions", "import --all") for each in ("404-text", "200-null", "without:total")),
    *(Case(each, _COLLECTIONS, "import --all") for each in ("404-text", "emptied")),
    *(
        Case(each, "GET /functions/fn/executions", "logs fn")
        for each in ("404-text", "200-object", "200-html", "json-deep")
    ),
    *(Case(each, "GET /functions/fn/deployments", "deployments fn") for each in ("404-text", "200-null", "404-half")),
    *(Case(each, "GET /functions/fn", "deployments fn") for each in ("404-text", "without:deploymentId", "200-empty")),
    *(Case(each, "GET /functions/fn/executions", "health") for each in ("404-text", "without:executions")),
    *(Case(each, "GET /functions/fn/deployments", "recover --dry-run") for each in ("404-text", "200-object")),
    *(Case(each, "POST /functions/fn/executions", "run fn") for each in ("404-text", "200-html", "200-object")),
]


@pytest.mark.parametrize("case", READING, ids=str)
def test_no_other_reading_command_believes_one_either(arena: Arena, case: Case) -> None:
    play(arena, case)


# Writing: one change each.

APPLY = "apply --auto-approve"
WITHOUT_FUNCTION = ((FUNCTION, ""),)
WITHOUT_TWO = (('    two = db.collection("two", name="Two")\n    two.string("text", 20)\n', ""),)
WITHOUT_TWO_TEXT = (('    two.string("text", 20)\n', ""),)
WITHOUT_INDEX = (('    one.index("by_text", "text")\n', ""),)
WITHOUT_VARIABLE = ((', variables={"COLOUR": "red"}', ""),)
_LINES_OF_ONE = (
    '    one.string("text", 20)\n',
    '    one.integer("number")\n',
    '    one.index("by_text", "text")\n',
)
_ONE, _TWO = "/databases/db/collections/one", "/databases/db/collections/two"
DELETED = (
    "404-text 404-html 404-half 404-route 200-html 200-empty 200-object 200-null 204-body 502-html body-cut".split()
)
DELETING = [
    *(Case(each, "DELETE /functions/fn", APPLY, WITHOUT_FUNCTION) for each in DELETED),
    *(Case(each, "DELETE /functions/fn", "destroy fn --auto-approve") for each in DELETED[::3]),
    *(Case(each, f"DELETE {_TWO}", APPLY, WITHOUT_TWO) for each in ("404-text", "200-object", "404-route")),
    *(Case(each, f"DELETE {_TWO}/attributes/text", APPLY, WITHOUT_TWO_TEXT) for each in ("404-text", "200-html")),
    *(Case(each, f"DELETE {_ONE}/indexes/by_text", APPLY, WITHOUT_INDEX) for each in ("404-text", "404-json")),
    *(Case(each, "DELETE /functions/fn/variables/*", APPLY, WITHOUT_VARIABLE) for each in ("404-text", "200-empty")),
    Case("status:200", "DELETE /functions/fn", APPLY, WITHOUT_FUNCTION, lands=True),
    Case("status:202", f"DELETE {_TWO}", APPLY, WITHOUT_TWO, lands=True),
]


@pytest.mark.parametrize("case", DELETING, ids=str)
def test_nothing_counts_as_deleted_but_by_appwrites_own_word(arena: Arena, case: Case) -> None:
    ended = play(arena, case)
    assert "✓" not in ended.out


MADE = "404-text 200-html 200-empty 200-null 200-object 502-html redirect:302:https://appwrite.example".split()
_NEW_DATABASE = ((FUNCTION, f'    stack.database(P + "more", name="More")\n{FUNCTION}'),)
_NEW_COLLECTION = ((FUNCTION, f'    db.collection("three", name="Three")\n{FUNCTION}'),)
_NEW_ATTRIBUTE = ((FUNCTION, f'    two.integer("number")\n{FUNCTION}'),)
_NEW_INDEX = ((FUNCTION, f'    two.index("by_text", "text")\n{FUNCTION}'),)
_NEW_RELATION = ((FUNCTION, f'    two.relationship("one", "one", type="manyToOne")\n{FUNCTION}'),)
_NEW_VARIABLE = (('{"COLOUR": "red"}', '{"COLOUR": "red", "SIZE": "1"}'),)
_NEW_FUNCTION = ((FUNCTION, f"{FUNCTION}{FUNCTION.replace(chr(34) + 'fn' + chr(34), chr(34) + 'gn' + chr(34))}"),)
MAKING = [
    *(Case(each, "POST /databases", APPLY, _NEW_DATABASE) for each in MADE),
    *(Case(each, "POST /functions", APPLY, _NEW_FUNCTION) for each in MADE),
    *(Case(each, "POST /databases/db/collections", APPLY, _NEW_COLLECTION) for each in ("404-text", "200-object")),
    *(Case(each, f"POST {_TWO}/attributes/integer", APPLY, _NEW_ATTRIBUTE) for each in ("404-text", "200-html")),
    *(Case(each, f"POST {_TWO}/attributes/relationship", APPLY, _NEW_RELATION) for each in ("404-text", "200-list")),
    *(Case(each, f"POST {_TWO}/indexes", APPLY, _NEW_INDEX) for each in ("404-text", "200-null")),
    *(Case(each, "POST /functions/fn/variables", APPLY, _NEW_VARIABLE) for each in ("404-text", "200-object")),
]
_LONGER = (('two.string("text", 20)', 'two.string("text", 30)'),)
CHANGED = "404-text 404-route 200-html 200-object 502-html redirect:302:https://appwrite.example".split()
CHANGING = [
    *(Case(each, "PUT /functions/fn", APPLY, (("timeout=9", "timeout=10"),)) for each in CHANGED),
    *(Case(each, "PUT /databases/db", APPLY, (('name="Db"', 'name="DB"'),)) for each in ("404-text", "200-object")),
    *(Case(each, f"PUT {_TWO}", APPLY, (('name="Two"', 'name="2"'),)) for each in ("404-text", "200-empty")),
    *(Case(each, f"PATCH {_TWO}/attributes/string/text", APPLY, _LONGER) for each in ("404-text", "200-null")),
    *(Case(each, "PUT /functions/fn/variables/*", APPLY, (('"red"', '"blue"'),)) for each in ("404-text", "200-list")),
    Case("without:name", "PUT /functions/fn", APPLY, (("timeout=9", "timeout=10"),), lands=True),
]


@pytest.mark.parametrize("case", [*MAKING, *CHANGING], ids=str)
def test_nothing_counts_as_written_but_by_appwrites_own_word(arena: Arena, case: Case) -> None:
    ended = play(arena, case)
    assert "✓" not in ended.out
    assert "older than the stack expects" not in ended.text


@pytest.mark.parametrize("answer", ["emptied", "without:$id", "without:key", "as:text/html", "cut"])
def test_what_was_made_behind_a_wrong_answer_is_found_by_looking(arena: Arena, answer: str) -> None:
    arena.change(*_NEW_DATABASE)
    arena.proxy.play(answer, "POST", "/databases", times=1)
    ended = arena.run("apply", "--auto-approve")
    assert ended.code == 0, ended
    assert f"database.{arena.id('more')}" in arena.state()
    arena.must_be_clean()


# What a deletion would lose.

_WITHOUT_ONE = (('    one = db.collection("one", name="One")\n', ""), *((line, "") for line in _LINES_OF_ONE))
COUNTING = "404-text 404-route 200-object 200-empty without:total without:documents set:total=null 502-html".split()


@pytest.mark.parametrize("answer", COUNTING)
@pytest.mark.parametrize("command", ["plan", f"{APPLY} --allow-data-loss one"])
def test_documents_that_cannot_be_counted_are_not_none(arena: Arena, answer: str, command: str) -> None:
    command = command.replace(" one", f" collection.{arena.id('db')}/one")
    ended = play(arena, Case(answer, f"GET {_ONE}/documents", command, _WITHOUT_ONE))
    assert "0 documents" not in ended.text


# Redirects.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_its_place_is_reported(arena: Arena, status: int) -> None:
    home = arena.home.removesuffix("/v1").replace("http:", "https:")
    case = Case(f"redirect:{status}:{home}", "GET /functions", "plan", says=("Redirects are not followed",))
    ended = play(arena, case)
    assert f"write it into the environment file: endpoint: {home}/v1\n" in ended.err


@pytest.mark.parametrize("status", [301, 307])
@pytest.mark.parametrize(
    "case",
    [
        Case("", "GET /functions", "plan"),
        Case("", "POST /databases", APPLY, _NEW_DATABASE),
        Case("", "PUT /functions/fn", APPLY, (("timeout=9", "timeout=10"),)),
        Case("", "DELETE /functions/fn", APPLY, WITHOUT_FUNCTION),
    ],
    ids=str,
)
def test_the_key_never_goes_to_another_server(arena: Arena, other: Elsewhere, case: Case, status: int) -> None:
    ended = play(arena, replace(case, answer=f"redirect:{status}:{other.address}"))
    assert other.headers == []
    assert f"endpoint: {other.address}/v1" in ended.text


def test_a_redirect_to_a_page_gives_no_endpoint_away(arena: Arena) -> None:
    ended = play(arena, Case("redirect:302:/login?next=/v1", "GET /functions", "plan"))
    assert "endpoint: " not in ended.err
    assert "/login?next=/v1" in ended.err


def test_a_redirect_shows_no_password(arena: Arena) -> None:
    ended = play(arena, Case("redirect:302:http://user:hidden@other.example", "GET /functions", "plan"))
    assert "hidden" not in ended.text
    assert "endpoint: http://other.example/v1" in ended.err


# A server that does not send its time.


@pytest.mark.parametrize(
    ("command", "code", "is_reported"),
    [
        ("plan", 0, False),
        ("drift", 0, False),
        # The function has no code, which is unhealthy at any time.
        ("health", 8, True),
        ("recover --dry-run", 0, True),
    ],
)
def test_without_the_servers_time_nothing_counts_as_old(
    arena: Arena, command: str, code: int, is_reported: bool
) -> None:
    ended = play(arena, Case("date:", "GET *", command, code=code, must_name=False))
    assert ("does not send its time" in ended.text) == is_reported
