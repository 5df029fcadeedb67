"""Killed, cut off, refused and raced: nothing is lost, nothing is done twice, and the next run finishes the work."""

from __future__ import annotations

import signal

import pytest

from .project import Project

pytestmark = pytest.mark.live

SMALL = """
    database = stack.database(P + "db", name="Small")
    for name in ("one", "two"):
        collection = database.collection(name, name=name)
        for number in range(6):
            collection.string(f"text{number}", 20)
        collection.index("by_text", "text0", "text1")
    database.collection("three", name="three").relationship("one", "one", type="manyToOne", two_way_key="threes")
"""
OBJECTS = 1 + 3 + 12 + 2 + 1


@pytest.mark.parametrize("write", [1, 3, 7, 15, OBJECTS])
def test_a_run_that_is_killed_is_finished_by_the_next_one(project: Project, write: int) -> None:
    project.declare(SMALL)
    run = project.start("apply", "--auto-approve")
    project.proxy.call(lambda: run.signal(signal.SIGKILL), "WRITE", "*", when="after", skip=write - 1)
    assert run.end().code == -signal.SIGKILL
    project.proxy.forget()
    again = project.apply()
    assert "Applied" in again.out
    project.must_be_clean()
    assert len(project.state()) == OBJECTS


def test_ctrl_c_finishes_what_is_under_way_and_says_what_was_not_done(project: Project) -> None:
    project.declare(SMALL)
    run = project.start("apply", "--auto-approve")
    project.proxy.call(lambda: run.signal(signal.SIGINT), "POST", "*/attributes/*", skip=2)
    ended = run.end()
    assert ended.code == 130, ended
    assert "not started" in ended.out
    live = project.api.get(f"/databases/{project.id('db')}/collections")["collections"]
    keys = {each["key"] for one in live for each in one["attributes"] if each.get("side") != "child"}
    assert keys
    assert len([each for each in project.state() if each.startswith("attribute.")]) == sum(
        len(each["attributes"]) for each in live
    )
    project.apply()
    project.must_be_clean()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("path", ["/databases", "*/collections", "*/attributes/string", "*/indexes"])
def test_a_lost_answer_to_a_creation_is_settled_by_looking(project: Project, path: str, when: str) -> None:
    project.declare(SMALL)
    project.proxy.lose(when, "POST", path)
    project.apply()
    project.must_be_clean()


def test_a_burst_of_errors_is_ridden_out(project: Project) -> None:
    project.declare(SMALL)
    project.proxy.answer(500, "GET", "*", skip=3, times=4)
    project.proxy.answer(503, "POST", "*/attributes/*", times=3)
    project.proxy.answer(429, "POST", "*/collections", times=2, retry_after=1)
    project.apply()
    project.must_be_clean()


def test_a_lasting_refusal_fails_only_what_depends_on_it(project: Project) -> None:
    project.declare(SMALL)
    project.proxy.answer(400, "POST", "*/collections/two/attributes/*", times=99)
    ended = project.apply(code=1)
    assert "6 failed" in ended.out
    assert "Run apply again" in ended.out
    project.proxy.forget()
    project.apply()
    project.must_be_clean()


def test_of_two_applies_at_once_one_wins_and_the_other_writes_nothing(project: Project) -> None:
    project.declare(SMALL)
    losers: list[int] = []

    def second() -> None:
        seen = project.proxy.writes()
        other = project.iac("apply", "--auto-approve", code=None)
        losers.append(other.code)
        assert "locked by apply" in other.err
        assert project.proxy.writes() - seen <= 1

    project.proxy.call(second, "POST", "/databases")
    project.apply()
    assert losers == [6]
    project.must_be_clean()
