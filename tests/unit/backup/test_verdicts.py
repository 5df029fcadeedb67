"""What a record of a backup means for a document as it is now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.backup import restoring as restoring_module
from raceday_iac.backup.manifest import Form, Left, Manifest, Section
from raceday_iac.backup.restoring import (
    Goal,
    RestorePlan,
    Restoring,
    Tally,
    goal_of,
    must_be_one,
    targets_first,
    verdict_of,
    verdict_of_item,
)
from raceday_iac.errors import IacError, RefusedError
from raceday_iac.kinds import kind_of
from raceday_iac.model.address import Address, collection_address, member_address
from raceday_iac.model.evidence import Answer
from raceday_iac.model.resource import Live, frozen
from raceday_iac.state.document import Binding

PLACE = collection_address("d", "c")
TEXT = {"type": "string", "array": False, "size": 10, "default": None}
NUMBER = {"type": "integer", "array": False, "min": None, "max": None, "default": None}
BEFORE, THEN, LATER = (f"2026-01-0{day}T00:00:00.000+00:00" for day in (1, 2, 3))


def section(form: Form = Form.VALUES, left: Left = Left(), **columns: Any) -> Section:  # noqa: B008
    return Section(PLACE.child("attribute", "text"), form, PLACE, columns or {"text": TEXT}, left=left)


def goal(of: Section, **columns: Any) -> Goal:
    return Goal(of, PLACE, {name: (name, frozen(fields)) for name, fields in (columns or of.columns).items()})


def record(links: dict[str, list[str]] | None = None, **data: Any) -> dict[str, Any]:
    return {"id": "a", "createdAt": BEFORE, "updatedAt": THEN, "data": data, "links": links or {}, "permissions": ["p"]}


def document(updated: str = THEN, **data: Any) -> dict[str, Any]:
    return {"$id": "a", "$updatedAt": updated, **data}


CUT = Left(size=3)
#: What the change left, the value of the backup, the value now, when that document was changed last; what is written
#: and what is newer.
VALUES = [
    (Left(), "old", None, LATER, "written"),
    (Left(), "old", "old", LATER, "same"),
    (Left(), "old", "new", LATER, "newer"),
    (Left(), "old", "new", THEN, "written"),
    (Left(), "old", "new", BEFORE, "written"),
    (CUT, "abcdef", "abc", LATER, "written"),
    (CUT, "abcdef", "abx", LATER, "newer"),
    (CUT, "abcdef", None, LATER, "newer"),
    (CUT, "abcdef", None, THEN, "written"),
    (Left(target=NUMBER), "007", "7", LATER, "written"),
    (Left(target=NUMBER), "007", "8", LATER, "newer"),
    (Left(target=NUMBER), "seven", None, LATER, "written"),
]


@pytest.mark.parametrize(("left", "value", "now", "updated", "expected"), VALUES)
def test_a_value_is_written_unless_somebody_wrote_a_newer_one(
    left: Left, value: str, now: Any, updated: str, expected: str
) -> None:
    found = verdict_of(goal(section(left=left)), record(text=value), document(updated, text=now), links=False)
    written = {name: each for name, each in found.values.items() if name != "$updatedAt"}
    assert (written, dict(found.newer)) == {
        "written": ({"text": value}, {}),
        "newer": ({}, {"text": value}),
        "same": ({}, {}),
    }[expected]
    assert found.seen == updated


def test_a_document_that_nobody_has_changed_since_keeps_its_timestamp() -> None:
    found = verdict_of(goal(section()), record(text="old"), document(THEN, text=None), links=False)
    assert found.values == {"text": "old", "$updatedAt": THEN}
    found = verdict_of(goal(section()), record(text="old"), document(LATER, text=None), links=False)
    assert found.values == {"text": "old"}


def test_the_default_of_an_attribute_that_was_made_again_is_no_newer_value() -> None:
    made = goal(section(), text={**TEXT, "default": "none"})
    assert verdict_of(made, record(text="old"), document(LATER, text="none"), links=False).values == {"text": "old"}


def test_of_a_whole_document_that_is_newer_nothing_is_written() -> None:
    whole = goal(section(Form.DOCUMENTS))
    assert not verdict_of(whole, record(text="old"), document(LATER, text=None), links=False).values
    assert verdict_of(whole, record(text="old"), document(THEN, text=None), links=False).values


def test_a_document_that_is_gone_is_created_whole_and_a_single_value_of_it_is_not() -> None:
    found = verdict_of(goal(section(Form.DOCUMENTS)), record(text="old"), None, links=False)
    assert found.creates
    expected = {"$id": "a", "$createdAt": BEFORE, "$updatedAt": THEN, "$permissions": ["p"], "text": "old"}
    assert found.values == expected
    found = verdict_of(goal(section()), record(text="old"), None, links=False)
    assert (found.creates, found.values) == (False, {})


@pytest.mark.parametrize(
    ("value", "now", "why"),
    [("a" * 10, TEXT, ""), ("a" * 11, TEXT, "11 characters"), ("7", NUMBER, ""), ("x", NUMBER, "not a number")],
)
def test_a_value_that_the_attribute_cannot_hold_is_named(value: str, now: Any, why: str) -> None:
    found = verdict_of(goal(section(), text=now), record(text=value), document(THEN, text=None), links=False)
    assert dict(found.unfit) == ({"text": why} if why else {})
    assert bool(found.values) is not bool(why)


def linked(form: Form, *, many: bool = True) -> Goal:
    of = Section(PLACE, form, PLACE, {"text": TEXT}, {"to": collection_address("d", "e")})
    return Goal(of, PLACE, {"text": ("text", frozen(TEXT))}, {"to": ("to", many)})


@pytest.mark.parametrize(
    ("now", "updated", "expected"),
    [
        ([], LATER, "written"),
        ([{"$id": "x"}], THEN, "written"),
        ([{"$id": "x"}], LATER, "newer"),
        ([{"$id": "2"}, {"$id": "1"}], LATER, "same"),
    ],
)
@pytest.mark.parametrize("form", [Form.DOCUMENTS, Form.VALUES])
def test_links_are_written_like_values_when_all_documents_are_there(
    form: Form, now: list[Any], updated: str, expected: str
) -> None:
    found = verdict_of(
        linked(form), record({"to": ["1", "2"]}, text="a"), document(updated, text="a", to=now), links=True
    )
    assert bool(found.values) is (expected == "written")
    assert bool(found.newer) is (expected == "newer")


def test_a_document_that_somebody_made_again_with_other_values_is_not_linked() -> None:
    found = verdict_of(
        linked(Form.DOCUMENTS), record({"to": ["1"]}, text="a"), document(LATER, text="b", to=[]), links=True
    )
    assert not found.values
    assert found.newer


def test_a_link_to_one_document_is_an_id() -> None:
    found = verdict_of(linked(Form.VALUES, many=False), record({"to": ["1"]}), document(THEN, to=None), links=True)
    assert found.values["to"] == "1"


def test_what_is_not_there_any_more_is_named() -> None:
    of = section(Form.DOCUMENTS, text=TEXT, gone=TEXT)
    at = member_address("attribute", "d", "c", "text")
    real = {PLACE: Live(PLACE, frozen({})), at: Live(at, frozen(TEXT))}
    found = goal_of(of, real)
    assert (found.missing, found.problem) == (("gone",), "")
    assert goal_of(of, {}).problem == "collection.d/c does not exist"
    assert goal_of(section(gone=TEXT), real).problem == "gone is not in collection.d/c"


def test_values_can_go_into_another_attribute() -> None:
    other = Address("attribute", "d/e/more")
    real = {collection_address("d", "e"): Live(PLACE, frozen({})), other: Live(other, frozen(TEXT))}
    found = goal_of(section(), real, other)
    assert found.place == collection_address("d", "e")
    assert verdict_of(found, record(text="old"), document(THEN, more=None), links=False).values["more"] == "old"


def test_a_number_covers_all_sections_of_an_address() -> None:
    """A migration's backup may have two of a collection: what it wrote over, and what it deleted."""
    goals = tuple(Goal(replace(section(form), address=PLACE), PLACE) for form in (Form.VALUES, Form.DOCUMENTS))
    manifest = Manifest("b", THEN, "apply", "e", Binding("x", "p", "s"))
    plan = RestorePlan(manifest, goals, (Tally(newer=190), Tally(newer=1)))
    plan.must_cover({PLACE: Answer(191)}, numbers_needed=True)
    with pytest.raises(RefusedError, match="191 documents"):
        plan.must_cover({PLACE: Answer(190)}, numbers_needed=True)


def test_only_one_thing_goes_into_one_place() -> None:
    whole = Section(PLACE, Form.DOCUMENTS, PLACE, {"text": TEXT, "other": TEXT})
    must_be_one([whole, replace(whole, form=Form.VALUES)], PLACE)
    must_be_one([replace(whole, columns={"text": TEXT})] * 2, PLACE.child("attribute", "note"))
    with pytest.raises(IacError, match="exactly one address of the backup, but 2 are selected"):
        must_be_one([whole], PLACE.child("attribute", "note"))


def test_each_document_counts_once() -> None:
    tally, whole = Tally(), goal(section(Form.DOCUMENTS))
    for live in (None, document(THEN, text="old"), document(THEN, text="x"), document(LATER, text="y")):
        tally.add(verdict_of(whole, record(text="old"), live, links=False), links=False)
    assert (tally.create, tally.same, tally.write, tally.newer, tally.to_write) == (1, 1, 1, 1, 2)


def member(*, confirm: bool = True, roles: tuple[str, ...] = ("owner", "judge")) -> dict[str, Any]:
    return {"$id": "m", "userId": "u", "userEmail": "u@example.org", "roles": list(roles), "confirm": confirm}


@pytest.mark.parametrize(
    ("kept", "live", "creates", "unfit"),
    [
        (member(), None, True, ""),
        (member(), {**member(roles=("judge", "owner")), "$id": "other"}, False, ""),
        (member(), member(roles=("guest",)), False, "another one with this id exists"),
        (member(confirm=False), None, False, "u@example.org had been invited, but not joined: invite again"),
        (member(confirm=False), member(), False, ""),
    ],
)
def test_a_member_is_known_by_the_user_and_an_invitation_makes_none(
    kept: dict[str, Any], live: dict[str, Any] | None, creates: bool, unfit: str
) -> None:
    contents = kind_of(Address("team", "t")).contents
    assert contents is not None
    found = verdict_of_item(contents, {"id": "m", "data": kept}, live)
    assert (found.identity, found.creates) == ("u", creates)
    assert found.unfit.get("membership", "").startswith(unfit)
    assert bool(found.unfit) == bool(unfit)


def leading(name: str, *targets: str) -> Goal:
    place, links = collection_address("d", name), {each: collection_address("d", each) for each in targets}
    of = Section(place, Form.DOCUMENTS, place, {}, links)
    return Goal(of, place, links={each: (each, True) for each in targets})


def test_what_others_lead_to_comes_first_also_where_there_is_a_circle() -> None:
    goals = [leading("a", "b", "a"), leading("b", "c"), leading("c", "elsewhere"), leading("x", "y"), leading("y", "x")]
    assert [each.place.name for each in targets_first(goals)] == ["c", "b", "a", "x", "y"]


class Server:
    """Has one document to lead to, and refuses whatever is linked with `refusing`."""

    def __init__(self, *, refusing: bool = False) -> None:
        self.refusing = refusing
        self.made: list[Any] = []

    def documents(self, _database: str, _collection: str, *_where: Any, **_only: Any) -> Iterator[dict[str, Any]]:
        yield {"$id": "there"}

    def create_documents(self, _database: str, _collection: str, documents: Sequence[Any]) -> dict[str, str]:
        refused = {each["$id"]: "no" for each in documents if self.refusing and "b" in each}
        self.made += [each for each in documents if each["$id"] not in refused]
        return refused


@pytest.mark.parametrize(
    ("ids", "refusing", "sent"),
    [(["there"], False, {"b": ["there"]}), (["there", "later"], False, {}), ([], False, {}), (["there"], True, {})],
)
def test_a_document_is_created_with_links_to_what_is_there(
    ids: list[str], refusing: bool, sent: dict[str, list[str]]
) -> None:
    goal, server = leading("a", "b"), Server(refusing=refusing)
    found = verdict_of(goal, record({"b": ids}), None, links=False)
    restoring: Any = Restoring(server, None, None, [goal])  # type: ignore[arg-type]
    assert restoring._create_documents(goal, [found]) == {}
    assert [{key: each[key] for key in each if not key.startswith("$")} for each in server.made] == [sent]


class Pages:
    """A backup with records in one order, and a server with documents in another one. Documents that somebody makes
    again while pages are read may be in none of them."""

    def __init__(self, records: list[int], documents: list[int], unseen: set[int], size: int) -> None:
        self._records, self._documents, self._unseen, self._size = records, documents, unseen, size

    def records(self, _manifest: Any, _section: Any) -> Iterator[list[dict[str, Any]]]:
        for start in range(0, len(self._records), self._size):
            yield [{"id": f"d{each}"} for each in self._records[start : start + self._size]]

    def every_document(self, *_place: str, only: Any) -> Iterator[list[dict[str, Any]]]:
        seen = [each for each in self._documents if each not in self._unseen]
        for start in range(0, len(seen), 3):
            yield [{"$id": f"d{each}"} for each in seen[start : start + 3]]

    def documents(self, *place: Any, only: Any) -> Iterator[dict[str, Any]]:
        yield from ({"$id": each} for each in place[-1].values if int(each[1:]) in self._documents)


@given(
    st.lists(st.integers(0, 30), unique=True),
    st.lists(st.integers(0, 40), unique=True),
    st.sets(st.integers(0, 40)),
    st.integers(1, 7),
)
def test_each_record_finds_its_document_once_in_whatever_order_they_come(
    records: list[int], documents: list[int], unseen: set[int], size: int
) -> None:
    pages: Any = Pages(records, documents, unseen, size)
    restoring: Any = Restoring(pages, pages, None, [])  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restoring_module, "MANY", 2)
        patch.setattr(restoring_module, "_AHEAD", 2)
        found = [pair for pairs in restoring._pairs(leading("a")) for pair in pairs]
    assert sorted(record["id"] for record, _ in found) == sorted(f"d{each}" for each in records)
    assert all((live is not None) == (int(record["id"][1:]) in documents) for record, live in found)
    assert all(live is None or live["$id"] == record["id"] for record, live in found)
