"""The set-up in trouble: complaints, lost answers, things made badly, lost time; isolated, taken back or resumed."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from .bundles import schema_document
from .fake_appwrite import FakeAppwrite
from .scripted import CutOff, Reply, error
from .setting_up import Bundle, run
from .small_schema import attribute, collection, index, meetings, races, results, size, small_schema

SMALL = small_schema()


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


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_burst_of_complaints_is_survived(bundle_modules: Bundle, server: FakeAppwrite, status: int) -> None:
    server.before = failing_first(30, error(status, "general_unknown"), ending="attributes/string")

    made = run(bundle_modules, server, SMALL)

    assert made.report.healthy
    assert made.context.events("setup.slower")


def test_the_threads_become_fewer_under_complaints(bundle_modules: Bundle, server: FakeAppwrite) -> None:
    server.before = failing_first(30, error(429, "general_rate_limit_exceeded"), ending="attributes/string")

    made = run(bundle_modules, server, SMALL)

    widths = [event["threads"] for event in made.context.events("setup.slower")]
    assert min(widths) < 8
    assert widths == sorted(widths, reverse=True)


def test_creations_whose_answer_is_lost_after_the_write_are_found_again(
    bundle_modules: Bundle, server: FakeAppwrite
) -> None:
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
    made = run(bundle_modules, server, SMALL)

    assert made.report.healthy
    assert made.report.created == size(SMALL)


def test_an_attribute_that_the_server_made_badly_is_made_again(bundle_modules: Bundle, server: FakeAppwrite) -> None:
    server.fates["distance"] = ["failed", "available"]

    made = run(bundle_modules, server, SMALL)

    assert made.report.healthy
    assert made.context.events("setup.remake")


def test_one_attribute_that_always_fails_does_not_keep_the_others_from_being_made(
    bundle_modules: Bundle, server: FakeAppwrite
) -> None:
    server.fates["startTime"] = ["failed"]

    made = run(bundle_modules, server, SMALL, rollback=False)

    assert made.problems() == {
        "attribute.raceday-db/races/startTime": "refused",
        "index.raceday-db/races/idx_race": "unfinished",
    }
    assert made.report.created == size(SMALL) - 1


def test_what_this_run_created_is_taken_back_when_it_cannot_be_completed(
    bundle_modules: Bundle, built: FakeAppwrite
) -> None:
    more = races()
    more["attributes"] += [attribute("good"), attribute("bad")]
    more["indexes"].append(index("idx_good", "good"))
    extra = collection("extra", [attribute("a")], indexes=[index("idx_a", "a")])
    built.fates["bad"] = ["failed"]
    before = {name: len(each["attributes"]) for name, each in built.collections.items()}

    made = run(bundle_modules, built, schema_document(meetings(), more, results(), extra))

    assert {name: len(each["attributes"]) for name, each in built.collections.items()} == before
    assert (made.report.rolled_back, made.report.created) == (6, 0)
    assert made.report.status == 500


def test_taking_back_leaves_what_holds_documents(bundle_modules: Bundle, built: FakeAppwrite) -> None:
    extra = collection("extra", [attribute("a"), attribute("bad")])
    built.fates["bad"] = ["failed"]

    def write_meanwhile(method: str, path: str, _body: Any) -> None:
        if method == "DELETE" and path.endswith("/bad"):
            built.documents["extra"]["d1"] = {"a": "x"}

    built.before = write_meanwhile
    made = run(bundle_modules, built, schema_document(meetings(), races(), results(), extra))

    assert "extra" in built.collections
    assert made.problems()["collection.raceday-db/extra"] == "unfinished"


def test_the_lock_and_version_collections_are_never_taken_back(bundle_modules: Bundle, server: FakeAppwrite) -> None:
    server.fates["distance"] = ["failed"]

    made = run(bundle_modules, server, SMALL)

    assert set(server.collections) == {"locks", "schema-versions"}
    assert made.report.rolled_back > 0


def test_a_refused_creation_is_taken_back_too(bundle_modules: Bundle, server: FakeAppwrite) -> None:
    def refuse(method: str, path: str, body: Any) -> Reply | None:
        wide = method == "POST" and path.endswith("attributes/string") and body["key"] == "notes"
        return error(400, "attribute_limit_exceeded") if wide else None

    server.before = refuse
    made = run(bundle_modules, server, SMALL)

    assert made.problems()["attribute.raceday-db/meetings/notes"] == "refused"
    assert "meetings" not in server.collections


def test_an_attribute_that_stays_in_the_making_is_left_for_the_next_run(
    bundle_modules: Bundle, server: FakeAppwrite
) -> None:
    server.fates["startTime"] = ["processing"]
    first = run(bundle_modules, server, SMALL)
    server.fates.clear()

    second = run(bundle_modules, server, SMALL)

    assert first.problems()["attribute.raceday-db/races/startTime"] == "unfinished"
    assert first.report.rolled_back == 0
    assert second.report.healthy
    assert second.report.resumed == {"phase": "indexes", "execution": "e1", "run": 2}


def test_a_run_out_of_time_stops_and_the_next_one_goes_on(bundle_modules: Bundle, server: FakeAppwrite) -> None:
    first = run(bundle_modules, server, SMALL, seconds=0.12)
    second = run(bundle_modules, server, SMALL)

    assert first.report.stopped == "the time of this run is used up"
    assert 0 < first.report.created < size(SMALL)
    assert second.report.healthy
    assert first.report.created + second.report.created == size(SMALL)


def test_a_run_that_was_killed_at_any_request_is_completed_by_the_next(bundle_modules: Bundle) -> None:
    class Killed(BaseException):
        pass

    whole = run(bundle_modules, FakeAppwrite(), SMALL).work.client.requests
    for survives in range(1, whole - 1, 4):
        server, left = FakeAppwrite(), [survives]

        def before(_method: str, _path: str, _body: Any, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Killed

        server.before = before
        with pytest.raises(Killed):
            run(bundle_modules, server, SMALL)
        server.before = lambda *_: None

        assert run(bundle_modules, server, SMALL).report.healthy, survives
        assert run(bundle_modules, server, SMALL).work.client.requests == 3, survives


def test_a_lost_lock_stops_the_run_before_the_next_write(bundle_modules: Bundle, server: FakeAppwrite) -> None:
    lost = bundle_modules.actions.LockLost
    left = [20]

    def permit() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise lost("taken over by other")

    made = run(bundle_modules, server, SMALL, permit=permit)

    assert made.report.stopped == "taken over by other"
    assert 10 < made.report.created <= 20
    assert made.report.status == 500


def test_a_server_that_takes_no_requests_ends_the_run_without_taking_anything_back(
    bundle_modules: Bundle, server: FakeAppwrite
) -> None:
    server.before = failing_first(10_000, error(503, "general_unknown"), ending="attributes/string")

    made = run(bundle_modules, server, SMALL)

    assert made.report.stopped
    assert made.report.rolled_back == 0
    assert "meetings" in server.collections
