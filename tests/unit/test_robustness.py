"""Whatever the user writes, the answer is a result or a sentence, never a traceback."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from raceday_iac.cli.options import take_globals
from raceday_iac.cron import cron_problem
from raceday_iac.errors import IacError, StackError, StateError
from raceday_iac.loading.environment import environment_file, load_environment
from raceday_iac.loading.resolve import resolve
from raceday_iac.model.address import Address
from raceday_iac.model.stack import Collection, Database, FromEnvironment, Lock, Stack
from raceday_iac.packaging.bundle import digest_of_archive
from raceday_iac.state.backends.local import LocalState
from raceday_iac.state.document import State, from_json

from .declaring import environment

WORDS = st.sampled_from(["a", "b", "d", "c", "f", "", "_x", "any", 'read("any")', "string", "key", "0 1 * * *", "$id"])
SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5)
WILD = st.recursive(
    SIMPLE | st.builds(FromEnvironment, WORDS) | st.builds(Lock, SIMPLE, SIMPLE, SIMPLE, SIMPLE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=2) | st.tuples(inner),
    max_leaves=4,
)
FUNCTION: dict[str, Any] = {
    "id": "f",
    "name": "F",
    "runtime": "python-3.12",
    "specification": "s-1vcpu-1gb",
    "timeout": 60,
    "entrypoint": "main.py",
}
FUNCTION_MORE = (
    "schedule",
    "execute",
    "events",
    "scopes",
    "enabled",
    "commands",
    "code",
    "schema",
    "lock",
    "variables",
)
#: Valid arguments of every method of a collection, and what else it takes.
MEMBERS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "string": ({"key": "a", "size": 10}, ("default", "array", "required", "encrypt")),
    "integer": ({"key": "a"}, ("default", "array", "min", "max")),
    "float": ({"key": "a"}, ("default", "required", "min", "max")),
    "datetime": ({"key": "a"}, ("default", "array")),
    "ip": ({"key": "a"}, ("default",)),
    "enum": ({"key": "a", "elements": ["x"]}, ("default", "array")),
    "polygon": ({"key": "a"}, ("default",)),
    "relationship": ({"key": "a", "related": "c", "type": "oneToOne"}, ("two_way", "two_way_key", "on_delete")),
}


def spoiled(valid: dict[str, Any], more: tuple[str, ...] = ()) -> st.SearchStrategy[dict[str, Any]]:
    """Valid arguments, but for one or two."""
    return st.dictionaries(st.sampled_from([*valid, *more]), WILD, max_size=2).map(lambda wild: {**valid, **wild})


def call(method: Any, arguments: dict[str, Any]) -> None:
    """As a user may: what Python itself refuses is reported with its line by `load_stack`."""
    with suppress(TypeError):
        method(**arguments)


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    stack = Stack("test", lock_store=("d", "c"))
    call(stack.function, draw(spoiled(FUNCTION, FUNCTION_MORE)))
    call(stack.database, draw(spoiled({"id": "d", "name": "D"}, ("enabled",))))
    base = Database(stack, "d")
    call(base.collection, draw(spoiled({"id": "c", "name": "C"}, ("permissions", "enabled", "document_security"))))
    owner = Collection(stack, "d", "c")
    method = draw(st.sampled_from(sorted(MEMBERS)))
    call(getattr(owner, method), draw(spoiled(*MEMBERS[method])))
    with suppress(TypeError):
        owner.index("i", *draw(st.lists(WORDS, max_size=2)), **draw(spoiled({"type": "key"}, ("orders", "lengths"))))
    stack.absent(draw(WORDS), reason="x")
    return stack


OVERRIDES = st.dictionaries(
    st.sampled_from(["function.f", "collection.d/c", "attribute.d/c/a", "index.d/c/a", "x"]),
    st.dictionaries(st.sampled_from([*FUNCTION, *FUNCTION_MORE, "id", "key", "size"]), WILD, max_size=3),
    max_size=2,
)


@settings(max_examples=80)
@given(stacks(), OVERRIDES)
def test_any_declaration_resolves_or_is_refused_with_its_problems(stack: Stack, overrides: dict[str, Any]) -> None:
    with suppress(StackError):
        resolve(stack, environment(overrides=overrides), Path("/nowhere"), {})


JSON = st.recursive(
    SIMPLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)
ENVIRONMENT_KEYS = st.sampled_from(
    ["endpoint", "project", "api_key_env", "schedules", "overrides", "name", "file", "x"]
)


@settings(max_examples=40)
@given(st.one_of(st.text(), st.dictionaries(ENVIRONMENT_KEYS, JSON).map(yaml.safe_dump)))
def test_any_environment_file_loads_or_is_refused(tmp_path_factory: Any, text: str) -> None:
    stack = tmp_path_factory.getbasetemp() / "stack.py"
    file = environment_file(stack, "test")
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text.encode("utf-8", errors="replace"))
    with suppress(IacError):
        load_environment(stack, "test", {"a": "b"})


STORED = st.fixed_dictionaries(
    {"format": st.just(1) | JSON},
    optional={"lineage": JSON, "serial": JSON, "salt": JSON, "resources": JSON | st.dictionaries(WORDS, JSON)},
)


@settings(max_examples=60)
@given(JSON | STORED)
def test_any_json_is_a_state_or_refused(content: Any) -> None:
    with suppress(StateError):
        assert isinstance(from_json(content), State)


@settings(max_examples=60)
@given(st.binary(max_size=60) | JSON.map(lambda each: json.dumps(each).encode()))
def test_any_bytes_in_the_state_file_are_read_or_refused_and_any_in_the_journal_passed_over(
    tmp_path_factory: Any, content: bytes
) -> None:
    store = LocalState(tmp_path_factory.getbasetemp() / "any-state")
    store.folder.mkdir(exist_ok=True)
    store.file.write_bytes(content)
    store.journal.write_bytes(content)
    with suppress(StateError):
        store.read()
    assert isinstance(store.interrupted_changes(), list)


@given(st.text())
def test_any_text_is_a_schedule_or_has_a_problem(text: str) -> None:
    assert isinstance(cron_problem(text), str)


@given(st.text("0123456789*/-,#LW? JAN", max_size=20))
def test_so_is_anything_that_looks_like_one(text: str) -> None:
    assert isinstance(cron_problem(text), str)


@given(st.lists(st.sampled_from(["--env", "--env=", "--stack", "--json", "--", "plan", "--log-level", "x", ""])))
def test_any_command_line_is_taken_apart_or_refused(words: list[str]) -> None:
    with suppress(IacError):
        take_globals(words)


@given(st.text())
def test_any_text_is_an_address_or_no_address(text: str) -> None:
    with suppress(ValueError):
        assert str(Address.parse(text)) == text


@given(st.binary())
def test_any_bytes_have_a_digest_or_none(content: bytes) -> None:
    assert isinstance(digest_of_archive(content), str)
