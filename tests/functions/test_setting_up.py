"""The set-up against an in-memory server: complete, repeatable, careful with what is there, and honest about it."""

from __future__ import annotations

from typing import Any

import pytest

from .bundles import schema_document
from .fake_appwrite import FakeAppwrite
from .setting_up import Bundle, run
from .small_schema import attribute, collection, index, meetings, races, results, size, small_schema, without

SMALL = small_schema()


def writes_of(server: FakeAppwrite) -> list[tuple[str, str]]:
    """From now on, the writing requests are noted in the returned list."""
    noted: list[tuple[str, str]] = []

    def note(method: str, path: str, _body: Any) -> None:
        if method != "GET":
            noted.append((method, path))

    server.before = note
    return noted


def test_everything_is_created_from_nothing(bundle_modules: Bundle, server: FakeAppwrite) -> None:
    made = run(bundle_modules, server, SMALL)

    assert made.report.healthy
    assert made.report.created == size(SMALL)
    assert made.answer["version"] == 1


def test_a_second_run_writes_nothing_and_needs_three_requests(bundle_modules: Bundle, built: FakeAppwrite) -> None:
    writes = writes_of(built)

    again = run(bundle_modules, built, SMALL)

    assert writes == []
    assert again.report.unchanged == size(SMALL)
    assert again.work.client.requests == 3


def test_things_are_created_in_the_order_in_which_they_need_each_other(
    bundle_modules: Bundle, server: FakeAppwrite
) -> None:
    writes = writes_of(server)

    run(bundle_modules, server, SMALL)

    kinds = [_kind(path) for method, path in writes if method == "POST"]
    order = ["databases", "collections", "attributes", "relationship", "indexes"]
    assert [kind for kind in dict.fromkeys(kinds) if kind in order] == order
    assert kinds[-2:] == ["transactions", "operations"], "the version is recorded last of all"


def _kind(path: str) -> str:
    parts = path.strip("/").split("/")
    return "relationship" if parts[-1] == "relationship" else "attributes" if "attributes" in parts else parts[-1]


def test_only_what_is_missing_is_created(bundle_modules: Bundle, server: FakeAppwrite) -> None:
    run(bundle_modules, server, without(SMALL, "races", "distance"))

    later = run(bundle_modules, server, SMALL)

    assert (later.report.created, later.report.updated) == (1, 0)
    assert later.answer["version"] == 2


def test_a_changed_size_and_default_are_updated_in_place(bundle_modules: Bundle, built: FakeAppwrite) -> None:
    changed = meetings()
    changed["attributes"][2] |= {"size": 30, "default": None}
    writes = writes_of(built)

    later = run(bundle_modules, built, schema_document(changed, races(), results()))

    assert later.report.updated == 1
    assert [write for write in writes if "attributes" in write[1]] == [
        ("PATCH", "/databases/raceday-db/collections/meetings/attributes/string/country")
    ]
    assert later.report.healthy


def test_a_changed_collection_is_updated_with_all_its_fields(bundle_modules: Bundle, built: FakeAppwrite) -> None:
    changed = meetings() | {"permissions": ['read("users")']}

    run(bundle_modules, built, schema_document(changed, races(), results()))

    assert built.collections["meetings"]["$permissions"] == ['read("users")']
    assert built.collections["meetings"]["name"] == "Meetings"


@pytest.mark.parametrize(
    "change", [{"type": "integer"}, {"array": True}, {"type": "email"}], ids=["type", "array", "format"]
)
def test_an_incompatible_difference_is_reported_and_never_dropped(
    bundle_modules: Bundle, built: FakeAppwrite, change: dict[str, Any]
) -> None:
    changed = meetings()
    changed["attributes"][2] = attribute("country", **{"size": 10, **change})
    writes = writes_of(built)

    later = run(bundle_modules, built, schema_document(changed, races(), results()))

    assert later.problems() == {"attribute.raceday-db/meetings/country": "incompatible"}
    assert later.report.status == 500
    assert [write for write in writes if write[0] == "DELETE"] == []


def test_an_incompatible_difference_does_not_hold_up_the_rest(bundle_modules: Bundle, server: FakeAppwrite) -> None:
    run(bundle_modules, server, without(SMALL, "races", "distance"))
    changed = meetings()
    changed["attributes"][2] = attribute("country", "integer")

    later = run(bundle_modules, server, schema_document(changed, races(), results()))

    assert later.report.created == 1
    assert any(each["key"] == "distance" for each in server.collections["races"]["attributes"])


def test_a_narrower_range_is_refused_while_documents_are_outside(bundle_modules: Bundle, built: FakeAppwrite) -> None:
    changed = races()
    changed["attributes"][1] |= {"max": 10}
    built.documents["races"]["r1"] = {"raceNumber": 20}

    later = run(bundle_modules, built, schema_document(meetings(), changed, results()))

    assert later.problems() == {"attribute.raceday-db/races/raceNumber": "incompatible"}
    assert "1 stored documents would become invalid" in later.report.problems[0].message


def test_a_narrower_range_is_applied_when_no_document_is_outside(bundle_modules: Bundle, built: FakeAppwrite) -> None:
    changed = races()
    changed["attributes"][1] |= {"max": 10}

    later = run(bundle_modules, built, schema_document(meetings(), changed, results()))

    assert later.report.healthy
    assert later.report.updated == 1


def test_a_bound_that_is_no_longer_declared_is_sent_as_the_extreme(bundle_modules: Bundle, built: FakeAppwrite) -> None:
    changed = races()
    changed["attributes"][1] = attribute("raceNumber", "integer", min=1)

    assert run(bundle_modules, built, schema_document(meetings(), changed, results())).report.healthy


def test_what_is_not_declared_is_named_and_left_alone(bundle_modules: Bundle, built: FakeAppwrite) -> None:
    later = run(bundle_modules, built, without(SMALL, "races", "distance"))

    assert later.report.healthy
    assert later.report.unmanaged == ["attribute.raceday-db/races/distance"]


def test_a_schema_that_contradicts_itself_touches_nothing(bundle_modules: Bundle, server: FakeAppwrite) -> None:
    broken = collection("c", [attribute("a")], indexes=[index("i", "nothing")])

    made = run(bundle_modules, server, schema_document(broken))

    assert made.problems() == {"collection.raceday-db/c": "impossible"}
    assert server.database is None


def test_a_broken_attribute_that_was_there_before_is_reported_and_kept(
    bundle_modules: Bundle, built: FakeAppwrite
) -> None:
    stuck = next(each for each in built.collections["races"]["attributes"] if each["key"] == "distance")
    stuck |= {"status": "stuck", "error": "no reason"}
    writes = writes_of(built)

    made = run(bundle_modules, built, SMALL)

    assert made.problems() == {"attribute.raceday-db/races/distance": "incompatible"}
    assert writes == []


def test_the_version_counts_up_with_every_changed_schema(bundle_modules: Bundle, server: FakeAppwrite) -> None:
    numbers = [
        run(bundle_modules, server, document).answer["version"]
        for document in (without(SMALL, "races", "distance", "link"), without(SMALL, "races", "link"), SMALL, SMALL)
    ]

    assert numbers == [1, 2, 3, 3]


def test_verifying_finds_every_kind_of_damage_and_writes_nothing(bundle_modules: Bundle, built: FakeAppwrite) -> None:
    built.collections["meetings"]["name"] = "Other"
    built.collections["races"]["attributes"] = [
        each for each in built.collections["races"]["attributes"] if each["key"] != "kind"
    ]
    built.collections["meetings"]["attributes"] = [
        each for each in built.collections["meetings"]["attributes"] if each["key"] != "races"
    ]
    built.collections["races"]["indexes"][0]["attributes"] = ["raceNumber"]
    writes = writes_of(built)

    made = run(bundle_modules, built, SMALL, "verify")

    assert sorted(made.problems()) == [
        "attribute.raceday-db/races/kind",
        "collection.raceday-db/meetings",
        "index.raceday-db/races/idx_race",
        "relationship.raceday-db/meetings/races",
    ]
    assert writes == []
    assert made.report.details["available"]["attributes"] == made.report.details["declared"]["attributes"] - 1


def test_health_says_when_the_recorded_version_is_not_the_declared_one(
    bundle_modules: Bundle, built: FakeAppwrite
) -> None:
    declared = without(SMALL, "races", "distance")

    made = run(bundle_modules, built, declared, "health", lock_id="database-setup-lock")

    assert made.problems() == {"database.raceday-db": "unfinished"}
    assert made.report.details["lock"] == {"held": False}


def test_health_of_a_sound_database_is_200(bundle_modules: Bundle, built: FakeAppwrite) -> None:
    made = run(bundle_modules, built, SMALL, "health", lock_id="database-setup-lock")

    assert made.report.status == 200
    assert made.answer["relationshipDepth"] == 2
