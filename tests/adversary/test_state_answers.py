"""Wrong answers about the state where it is kept in Appwrite: what cannot be read is not "no state", and what is not
confirmed is not saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from e2e.places import documents_of, keep_in_appwrite, keep_state

from .harness import STACK, Arena, Case, Settled, make_quick, play

_DOCUMENTS = "GET /databases/state/collections/states/documents"
_LOCK = f"{_DOCUMENTS}/e2e-lock"


@pytest.fixture(scope="module")
def kept(server: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settled]:
    def make(arena: Arena) -> None:
        keep_in_appwrite(arena)
        arena.settle()

    with Settled(server, lambda: tmp_path_factory.mktemp("arena"), make).kept() as found:
        yield found


@pytest.fixture
def arena(kept: Settled, monkeypatch: pytest.MonkeyPatch) -> Iterator[Arena]:
    """A project that is applied, with its state in Appwrite."""
    make_quick(monkeypatch)
    yield kept.arena()
    kept.give_back()


READING = [
    *(
        Case(each, _DOCUMENTS, "state list")
        for each in (
            *"404-text 404-html 404-half 404-route 403-html 502-html 200-html 200-empty 200-null 200-object".split(),
            *"json-deep without:documents without:total set:documents.0=null without:documents.0.content".split(),
            *"without:documents.0.serial set:documents.0.content=null deep:documents.0.content emptied".split(),
            *'set:documents.0.content="" set:documents.0.content="{}" redirect:301:https://appwrite.example'.split(),
        )
    ),
    *(Case(each, _DOCUMENTS, "state pull") for each in ("404-text", "200-object")),
    *(Case(each, _DOCUMENTS, "state history") for each in ("404-text", "without:documents", "set:documents.0=null")),
    *(Case(each, _LOCK, "state lock list") for each in ("404-text", "404-half", "200-object", "200-html")),
    *(Case(each, _DOCUMENTS, "plan") for each in ("404-text", "200-empty", "404-route")),
    *(Case(each, _DOCUMENTS, "drift") for each in ("404-text", "200-object")),
]


@pytest.mark.parametrize("case", READING, ids=str)
def test_a_state_that_cannot_be_read_is_not_an_empty_one(arena: Arena, case: Case) -> None:
    # That the text is no state is known only after the answer was Appwrite's.
    reported = not case.answer.startswith('set:documents.0.content="')
    play(arena, replace(case, must_name=reported))


# Saving. The change itself is made; what may not happen is that its save passes for done.

_APPLY = "apply --auto-approve"
_LONGER = (('two.string("text", 20)', 'two.string("text", 30)'),)
_SAVE = "POST /databases/state/collections/states/documents"
_HOLD = "PATCH /databases/state/collections/states/documents/e2e-lock"
NEVER = "404-text 404-route 502-html 200-html 200-object 200-empty redirect:307:https://appwrite.example".split()


@pytest.mark.parametrize("answer", NEVER)
def test_a_save_that_is_not_confirmed_is_reported_as_none(arena: Arena, answer: str) -> None:
    before = arena.state_serials()
    ended = play(arena, Case(answer, _SAVE, _APPLY, _LONGER, lands=True))
    assert "The state could not be saved" in ended.text
    assert arena.state_serials() == before
    # The next run adopts what was done.
    arena.prepare("apply", "--auto-approve")
    arena.must_be_clean()


@pytest.mark.parametrize("answer", ["emptied", "without:content", "as:text/html", "status:302"])
def test_a_save_whose_answer_was_wrong_is_found_by_looking(arena: Arena, answer: str) -> None:
    arena.change(*_LONGER)
    arena.proxy.play(answer, "POST", documents_of(arena), times=1)
    arena.prepare("apply", "--auto-approve")
    arena.must_be_clean()


@pytest.mark.parametrize("answer", ["404-text", "409-text", "200-html", "200-object", "204-empty", "502-html"])
def test_a_lock_that_is_not_confirmed_is_not_held(arena: Arena, answer: str) -> None:
    play(arena, Case(answer, _HOLD, _APPLY, _LONGER))


@pytest.mark.parametrize("text", ['"[" * 100_000', '"{}"'])
def test_a_lock_that_cannot_be_read_is_somebodys(arena: Arena, text: str) -> None:
    content = json.dumps("[" * 100_000) if "100_000" in text else text
    play(
        arena,
        Case(f"set:content={content}", _LOCK, _APPLY, _LONGER, code=6, says=("somebody unknown",), must_name=False),
    )


def test_a_state_that_is_nested_without_end_is_reported(arena: Arena) -> None:
    deep = json.dumps("[" * 100_000)
    play(
        arena,
        Case(f"set:documents.0.content={deep}", _DOCUMENTS, "state list", says=("cannot be used",), must_name=False),
    )


def test_a_note_that_is_nested_without_end_is_passed_over(arena: Arena) -> None:
    deep = json.dumps("[" * 100_000)
    play(arena, Case(f"set:documents.0.note={deep}", _DOCUMENTS, "state history", code=0, must_name=False))


# A server that does not send its time.


def leave_lock(arena: Arena, expiry: float) -> str:
    """A lock of a run that is gone, which lets it be taken over after `expiry` seconds."""
    known = {"id": "dead", "reason": "apply", "owner": "me@there", "pid": 1, "run": "", "since": "then"}
    content = json.dumps({**known, "expiry": expiry, "beat": 1})
    arena.api.patch(f"{documents_of(arena)}/e2e-lock", {"data": {"content": content}})
    return content


@pytest.mark.parametrize("date", ["", "soon", "Thu, 99 Foo 2026 00:00:00 GMT"])
def test_a_lock_whose_age_nobody_knows_is_not_taken_over(arena: Arena, date: str) -> None:
    held = leave_lock(arena, 0.001)
    arena.change(*_LONGER)
    arena.proxy.play(f"date:{date}")
    refused = arena.run("apply", "--auto-approve")
    assert refused.code == 6, refused
    assert "does not send its time" in refused.err
    assert "raceday-iac state lock release dead" in refused.err
    assert arena.api.get(f"{documents_of(arena)}/e2e-lock")["content"] == held
    listed = arena.run("state", "lock", "list")
    assert "does not send its time" in listed.out
    (lock,) = arena.run("state", "lock", "list", "--json").json["locks"]
    assert (lock["age"], lock["expiresIn"], lock["expired"]) == (None, None, False)
    arena.prepare("state", "lock", "release", "dead", "--yes")
    arena.prepare("apply", "--auto-approve")


def test_with_its_time_the_same_lock_is_taken_over(arena: Arena) -> None:
    leave_lock(arena, 0.001)
    # The server says its time in whole seconds, rounded down.
    arena.change(*_LONGER)
    arena.proxy.play(f"date:{(datetime.now(UTC) + timedelta(seconds=2)):%a, %d %b %Y %H:%M:%S GMT}")
    arena.prepare("apply", "--auto-approve")


# The state in S3.


@pytest.fixture
def in_s3(empty: Arena, monkeypatch: pytest.MonkeyPatch) -> Arena:
    """A project whose state is to be in S3, where something else answers."""
    monkeypatch.setattr("raceday_iac.state.backends.s3._FIRST_PAUSE", 0.0)
    empty.variables["STATE_ACCESS_KEY"] = "AKSTATE"
    empty.secret("STATE_SECRET_KEY", "the-secret-of-the-s3-key")
    endpoint = empty.proxy.endpoint.removesuffix("/v1")
    keep_state(
        empty,
        f"backend: s3\nbucket: kept\nendpoint: {endpoint}\naccess_key_env: STATE_ACCESS_KEY\n"
        "secret_key_env: STATE_SECRET_KEY",
    )
    empty.declare(STACK)
    return empty


@pytest.mark.parametrize("answer", ["404-text", "403-html", "200-html", "200-empty"])
@pytest.mark.parametrize("command", ["state list", "state lock list", "plan", "apply --auto-approve"])
def test_a_state_in_s3_that_cannot_be_read_is_not_an_empty_one(in_s3: Arena, answer: str, command: str) -> None:
    in_s3.proxy.play(answer, "*", "/kept*")
    ended = in_s3.run(*command.split())
    assert ended.code == 1, ended
    assert in_s3.proxy.endpoint.removesuffix("/v1") in ended.err
    assert in_s3.api.ids("/databases", "databases") == []
