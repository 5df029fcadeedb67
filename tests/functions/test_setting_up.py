"""The set-up against an in-memory server: complete, repeatable, isolated failures, rollback and resuming."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from .bundles import assemble, schema_document
from .fake_appwrite import FakeAppwrite
from .scripted import CutOff, Reply, error
from .setting_up import Bundle, run
from .small_schema import attribute, collection, index, meetings, races, results, size, small_schema, without

SMALL = small_schema()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle.of(assemble(tmp_path_factory.mktemp("setup"), SMALL))


@pytest.fixture
def server() -> FakeAppwrite:
    return FakeAppwrite()


@pytest.fixture
def built(bundle: Bundle, server: FakeAppwrite) -> FakeAppwrite:
    """A server on which the small schema is set up."""
    assert run(bundle, server, SMALL).report.healthy
    return server


def writes_of(server: FakeAppwrite) -> list[tuple[str, str]]:
    """From now on, the writing requests are noted in the returned list."""
    noted: list[tuple[str, str]] = []

    def note(method: str, path: str, _body: Any) -> None:
        if method != "GET":
            noted.append((method, path))

    server.before = note
    return noted


def failing_first(times: int, reply: Any, *, method: str = "POST", ending: str = "") -> Any:
    """The first requests that match get this reply."""
    left = [times]

    def before(asked: str, path: str, _body: Any) -> Reply | None:
        if asked == method and path.split("?", maxsplit=1)[0].endswith(ending) and left[0] > 0:
            left[0] -= 1
            if isinstance(reply, Exception):
                raise reply
            return reply
        return None

    return before


def test_everything_is_created_from_nothing(bundle: Bundle, server: FakeAppwrite) -> None:
    made = run(bundle, server, SMALL)

    assert made.report.healthy
    assert made.report.created == size(SMALL)
    assert made.answer["version"] == 1


def test_a_second_run_writes_nothing_and_needs_three_requests(bundle: Bundle, built: FakeAppwrite) -> None:
    writes = writes_of(built)

    again = run(bundle, built, SMALL)

    assert writes == []
    assert again.report.unchanged == size(SMALL)
    assert again.work.client.requests == 3


def test_things_are_created_in_the_order_in_which_they_need_each_other(bundle: Bundle, server: FakeAppwrite) -> None:
    writes = writes_of(server)

    run(bundle, server, SMALL)

    kinds = [_kind(path) for method, path in writes if method == "POST"]
    order = ["databases", "collections", "attributes", "relationship", "indexes", "documents"]
    assert [kind for kind in dict.fromkeys(kinds) if kind in order] == order


def _kind(path: str) -> str:
    parts = path.strip("/").split("/")
    return "relationship" if parts[-1] == "relationship" else "attributes" if "attributes" in parts else parts[-1]


def test_only_what_is_missing_is_created(bundle: Bundle, server: FakeAppwrite) -> None:
    run(bundle, server, without(SMALL, "races", "distance"))

    later = run(bundle, server, SMALL)

    assert (later.report.created, later.report.updated) == (1, 0)
    assert later.answer["version"] == 2


def test_a_changed_size_and_default_are_updated_in_place(bundle: Bundle, built: FakeAppwrite) -> None:
    changed = meetings()
    changed["attributes"][2] |= {"size": 30, "default": None}
    writes = writes_of(built)

    later = run(bundle, built, schema_document(changed, races(), results()))

    assert later.report.updated == 1
    assert [write for write in writes if "attributes" in write[1]] == [
        ("PATCH", "/databases/raceday-db/collections/meetings/attributes/string/country")
    ]
    assert later.report.healthy


def test_a_changed_collection_is_updated_with_all_its_fields(bundle: Bundle, built: FakeAppwrite) -> None:
    changed = meetings() | {"permissions": ['read("users")']}

    run(bundle, built, schema_document(changed, races(), results()))

    assert built.collections["meetings"]["$permissions"] == ['read("users")']
    assert built.collections["meetings"]["name"] == "Meetings"


@pytest.mark.parametrize(
    "change", [{"type": "integer"}, {"array": True}, {"type": "email"}], ids=["type", "array", "format"]
)
def test_an_incompatible_difference_is_reported_and_never_dropped(
    bundle: Bundle, built: FakeAppwrite, change: dict[str, Any]
) -> None:
    changed = meetings()
    changed["attributes"][2] = attribute("country", **{"size": 10, **change})
    writes = writes_of(built)

    later = run(bundle, built, schema_document(changed, races(), results()))

    assert later.problems() == {"attribute.raceday-db/meetings/country": "incompatible"}
    assert later.report.status == 500
    assert [write for write in writes if write[0] == "DELETE"] == []


def test_an_incompatible_difference_does_not_hold_up_the_rest(bundle: Bundle, server: FakeAppwrite) -> None:
    run(bundle, server, without(SMALL, "races", "distance"))
    changed = meetings()
    changed["attributes"][2] = attribute("country", "integer")

    later = run(bundle, server, schema_document(changed, races(), results()))

    assert later.report.created == 1
    assert any(each["key"] == "distance" for each in server.collections["races"]["attributes"])


def test_a_narrower_range_is_refused_while_documents_are_outside(bundle: Bundle, built: FakeAppwrite) -> None:
    changed = races()
    changed["attributes"][1] |= {"max": 10}
    built.documents["races"]["r1"] = {"raceNumber": 20}

    later = run(bundle, built, schema_document(meetings(), changed, results()))

    assert later.problems() == {"attribute.raceday-db/races/raceNumber": "incompatible"}
    assert "1 stored documents would become invalid" in later.report.problems[0].message


def test_a_narrower_range_is_applied_when_no_document_is_outside(bundle: Bundle, built: FakeAppwrite) -> None:
    changed = races()
    changed["attributes"][1] |= {"max": 10}

    later = run(bundle, built, schema_document(meetings(), changed, results()))

    assert later.report.healthy
    assert later.report.updated == 1


def test_a_bound_that_is_no_longer_declared_is_sent_as_the_extreme(bundle: Bundle, built: FakeAppwrite) -> None:
    changed = races()
    changed["attributes"][1] = attribute("raceNumber", "integer", min=1)

    assert run(bundle, built, schema_document(meetings(), changed, results())).report.healthy


def test_what_is_not_declared_is_named_and_left_alone(bundle: Bundle, built: FakeAppwrite) -> None:
    later = run(bundle, built, without(SMALL, "races", "distance"))

    assert later.report.healthy
    assert later.report.unmanaged == ["attribute.raceday-db/races/distance"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_burst_of_complaints_is_survived(bundle: Bundle, server: FakeAppwrite, status: int) -> None:
    server.before = failing_first(30, error(status, "general_unknown"), ending="attributes/string")

    made = run(bundle, server, SMALL)

    assert made.report.healthy
    assert made.context.events("setup.slower")


def test_the_threads_become_fewer_under_complaints(bundle: Bundle, server: FakeAppwrite) -> None:
    server.before = failing_first(30, error(429, "general_rate_limit_exceeded"), ending="attributes/string")

    made = run(bundle, server, SMALL)

    widths = [event["threads"] for event in made.context.events("setup.slower")]
    assert min(widths) < 8
    assert widths == sorted(widths, reverse=True)


def test_creations_whose_answer_is_lost_after_the_write_are_found_again(bundle: Bundle, server: FakeAppwrite) -> None:
    draw = random.Random(1)
    posts: Counter[str] = Counter()

    def before(method: str, path: str, body: Any) -> Reply | None:
        if method == "POST" and "documents" not in path:
            name = f"{path} {body.get('key')}"
            posts[name] += 1
            if draw.random() < 0.3 and posts[name] == 1:
                server.before = lambda *_: None
                server.handle(method, path, body)
                server.before = before
                raise CutOff("after the write")
        return None

    server.before = before
    made = run(bundle, server, SMALL)

    assert made.report.healthy
    assert made.report.created == size(SMALL)


def test_an_attribute_that_the_server_made_badly_is_made_again(bundle: Bundle, server: FakeAppwrite) -> None:
    server.fates["distance"] = ["failed", "available"]

    made = run(bundle, server, SMALL)

    assert made.report.healthy
    assert made.context.events("setup.remake")


def test_one_attribute_that_always_fails_does_not_keep_the_others_from_being_made(
    bundle: Bundle, server: FakeAppwrite
) -> None:
    server.fates["startTime"] = ["failed"]

    made = run(bundle, server, SMALL, rollback=False)

    assert made.problems() == {
        "attribute.raceday-db/races/startTime": "refused",
        "index.raceday-db/races/idx_race": "unfinished",
    }
    assert made.report.created == size(SMALL) - 1


def test_what_this_run_created_is_taken_back_when_it_cannot_be_completed(bundle: Bundle, built: FakeAppwrite) -> None:
    more = races()
    more["attributes"] += [attribute("good"), attribute("bad")]
    more["indexes"].append(index("idx_good", "good"))
    extra = collection("extra", [attribute("a")], indexes=[index("idx_a", "a")])
    built.fates["bad"] = ["failed"]
    before = {name: len(each["attributes"]) for name, each in built.collections.items()}

    made = run(bundle, built, schema_document(meetings(), more, results(), extra))

    assert {name: len(each["attributes"]) for name, each in built.collections.items()} == before
    assert (made.report.rolled_back, made.report.created) == (6, 0)
    assert made.report.status == 500


def test_taking_back_leaves_what_holds_documents(bundle: Bundle, built: FakeAppwrite) -> None:
    extra = collection("extra", [attribute("a"), attribute("bad")])
    built.fates["bad"] = ["failed"]

    def write_meanwhile(method: str, path: str, _body: Any) -> None:
        if method == "DELETE" and path.endswith("/bad"):
            built.documents["extra"]["d1"] = {"a": "x"}

    built.before = write_meanwhile
    made = run(bundle, built, schema_document(meetings(), races(), results(), extra))

    assert "extra" in built.collections
    assert made.problems()["collection.raceday-db/extra"] == "unfinished"


def test_the_lock_and_version_collections_are_never_taken_back(bundle: Bundle, server: FakeAppwrite) -> None:
    server.fates["distance"] = ["failed"]

    made = run(bundle, server, SMALL)

    assert set(server.collections) == {"locks", "schema-versions"}
    assert made.report.rolled_back > 0


def test_a_refused_creation_is_taken_back_too(bundle: Bundle, server: FakeAppwrite) -> None:
    def refuse(method: str, path: str, body: Any) -> Reply | None:
        wide = method == "POST" and path.endswith("attributes/string") and body["key"] == "notes"
        return error(400, "attribute_limit_exceeded") if wide else None

    server.before = refuse
    made = run(bundle, server, SMALL)

    assert made.problems()["attribute.raceday-db/meetings/notes"] == "refused"
    assert "meetings" not in server.collections


def test_an_attribute_that_stays_in_the_making_is_left_for_the_next_run(bundle: Bundle, server: FakeAppwrite) -> None:
    server.fates["startTime"] = ["processing"]
    first = run(bundle, server, SMALL)
    server.fates.clear()

    second = run(bundle, server, SMALL)

    assert first.problems()["attribute.raceday-db/races/startTime"] == "unfinished"
    assert first.report.rolled_back == 0
    assert second.report.healthy
    assert second.report.resumed == {"phase": "indexes", "execution": "e1", "run": 2}


def test_a_run_out_of_time_stops_and_the_next_one_goes_on(bundle: Bundle, server: FakeAppwrite) -> None:
    first = run(bundle, server, SMALL, seconds=0.12)
    second = run(bundle, server, SMALL)

    assert first.report.stopped == "the time of this run is used up"
    assert 0 < first.report.created < size(SMALL)
    assert second.report.healthy
    assert first.report.created + second.report.created == size(SMALL)


def test_a_run_that_was_killed_at_any_request_is_completed_by_the_next(bundle: Bundle) -> None:
    class Killed(BaseException):
        pass

    whole = run(bundle, FakeAppwrite(), SMALL).work.client.requests
    for survives in range(1, whole - 1, 4):
        server, left = FakeAppwrite(), [survives]

        def before(_method: str, _path: str, _body: Any, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Killed

        server.before = before
        with pytest.raises(Killed):
            run(bundle, server, SMALL)
        server.before = lambda *_: None

        assert run(bundle, server, SMALL).report.healthy, survives
        assert run(bundle, server, SMALL).work.client.requests == 3, survives


def test_a_lost_lock_stops_the_run_before_the_next_write(bundle: Bundle, server: FakeAppwrite) -> None:
    lost = bundle.actions.LockLost
    left = [20]

    def permit() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise lost("taken over by other")

    made = run(bundle, server, SMALL, permit=permit)

    assert made.report.stopped == "taken over by other"
    assert 10 < made.report.created <= 20
    assert made.report.status == 500


def test_a_server_that_takes_no_requests_ends_the_run_without_taking_anything_back(
    bundle: Bundle, server: FakeAppwrite
) -> None:
    server.before = failing_first(10_000, error(503, "general_unknown"), ending="attributes/string")

    made = run(bundle, server, SMALL)

    assert made.report.stopped
    assert made.report.rolled_back == 0
    assert "meetings" in server.collections


def test_a_schema_that_contradicts_itself_touches_nothing(bundle: Bundle, server: FakeAppwrite) -> None:
    broken = collection("c", [attribute("a")], indexes=[index("i", "nothing")])

    made = run(bundle, server, schema_document(broken))

    assert made.problems() == {"collection.raceday-db/c": "impossible"}
    assert server.database is None


def test_a_broken_attribute_that_was_there_before_is_reported_and_kept(bundle: Bundle, built: FakeAppwrite) -> None:
    stuck = next(each for each in built.collections["races"]["attributes"] if each["key"] == "distance")
    stuck |= {"status": "stuck", "error": "no reason"}
    writes = writes_of(built)

    made = run(bundle, built, SMALL)

    assert made.problems() == {"attribute.raceday-db/races/distance": "incompatible"}
    assert writes == []


def test_the_version_counts_up_with_every_changed_schema(bundle: Bundle, server: FakeAppwrite) -> None:
    numbers = [
        run(bundle, server, document).answer["version"]
        for document in (without(SMALL, "races", "distance", "link"), without(SMALL, "races", "link"), SMALL, SMALL)
    ]

    assert numbers == [1, 2, 3, 3]


def test_verifying_finds_every_kind_of_damage_and_writes_nothing(bundle: Bundle, built: FakeAppwrite) -> None:
    built.collections["meetings"]["name"] = "Other"
    built.collections["races"]["attributes"] = [
        each for each in built.collections["races"]["attributes"] if each["key"] != "kind"
    ]
    built.collections["meetings"]["attributes"] = [
        each for each in built.collections["meetings"]["attributes"] if each["key"] != "races"
    ]
    built.collections["races"]["indexes"][0]["attributes"] = ["raceNumber"]
    writes = writes_of(built)

    made = run(bundle, built, SMALL, "verify")

    assert sorted(made.problems()) == [
        "attribute.raceday-db/races/kind",
        "collection.raceday-db/meetings",
        "index.raceday-db/races/idx_race",
        "relationship.raceday-db/meetings/races",
    ]
    assert writes == []
    assert made.report.details["available"]["attributes"] == made.report.details["declared"]["attributes"] - 1


def test_health_tells_when_the_recorded_version_is_not_the_declared_one(bundle: Bundle, built: FakeAppwrite) -> None:
    declared = without(SMALL, "races", "distance")

    made = run(bundle, built, declared, "health", lock_id="database-setup-lock")

    assert made.problems() == {"database.raceday-db": "unfinished"}
    assert made.report.details["lock"] == {"held": False}


def test_health_of_a_sound_database_is_200(bundle: Bundle, built: FakeAppwrite) -> None:
    made = run(bundle, built, SMALL, "health", lock_id="database-setup-lock")

    assert made.report.status == 200
    assert made.answer["relationshipDepth"] == 2
