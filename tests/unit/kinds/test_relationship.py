from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.diff import compare_fields
from raceday_iac.kinds import KINDS
from raceday_iac.kinds.relationship import KIND, parse
from raceday_iac.kinds.schema_rules import is_mirror
from raceday_iac.model.resource import Live
from raceday_iac.model.stack import Stack

from .. import recorded
from ..applied import live_as, plan, state_of
from ..declaring import address, database, resolved

CREATED = [pair for pair in recorded.writes("relationships", "POST", "/attributes/relationship") if "key" in pair[0]]
AT = address("relationship.d/own/r")
REQUESTS = KINDS["relationship"].requests


def declare(sent: dict[str, Any], own: str) -> Any:
    """The wanted fields of a stack that declares what was sent. A two-way key that was not sent is the own id."""
    stack = Stack("test")
    base = database(stack)
    for id in {own, sent["relatedCollectionId"]} - {own}:
        base.collection(id, name="N")
    base.collection(own, name="O").relationship(
        "r",
        sent["relatedCollectionId"],
        type=sent["type"],
        two_way=sent.get("twoWay", False),
        two_way_key=sent.get("twoWayKey"),
        on_delete=sent.get("onDelete", "restrict"),
    )
    return resolved(stack).resources[address(f"relationship.d/{own}/r")].fields


@pytest.mark.parametrize(("sent", "answer"), CREATED, ids=[str(sent["key"]) for sent, _ in CREATED])
def test_what_the_server_answers_to_a_creation_is_no_drift(sent: dict[str, Any], answer: dict[str, Any]) -> None:
    own = (sent.get("twoWayKey") and "own") or answer["twoWayKey"]
    live = parse(("d", own), answer)
    assert compare_fields(KIND, declare(sent, own), live.fields, None) == []


def test_the_side_that_the_server_made_is_a_mirror() -> None:
    assert is_mirror(recorded.answer("relationships", "other side"))
    assert not is_mirror(recorded.answer("relationships", "oneToMany two way"))


def test_only_on_delete_can_be_updated() -> None:
    live = parse(("d", "own"), recorded.answer("relationships", "oneToMany two way"))
    call = REQUESTS.update(AT, live.fields, live)
    assert call.path == "/databases/d/collections/own/attributes/r/relationship"
    assert call.body == {"onDelete": "cascade"}
    assert KIND.in_place == {"onDelete"}


def test_creation_and_deletion_go_to_their_paths() -> None:
    live = Live(AT, parse(("d", "own"), recorded.answer("relationships", "oneToOne")).fields)
    assert REQUESTS.create(AT, live.fields).path == "/databases/d/collections/own/attributes/relationship"
    assert REQUESTS.delete(AT, live).path == "/databases/d/collections/own/attributes/r"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "documents cannot set it"),
        ({"two_way": True, "two_way_key": "parent"}, "documents can set only 'parent'"),
    ],
)
def test_the_plan_that_relates_a_collection_with_itself_says_what_documents_will_have(
    settings: dict[str, Any], said: str
) -> None:
    stack = Stack("test")
    base = database(stack)
    base.collection("other", name="O")
    own = base.collection("own", name="N")
    own.relationship("r", "own", type="manyToOne", **settings)
    own.relationship("s", "other", type="manyToOne")
    (note,) = plan(resolved(stack)).notes
    assert note.startswith(f"relationship.d/own/r: {said}: ")
    assert plan(resolved(stack), state_of(resolved(stack)), live_as(resolved(stack))).notes == ()
