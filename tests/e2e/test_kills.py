"""Killed, interrupted and raced: nothing is lost or done twice, and the next run finishes the work."""

from __future__ import annotations

import random
import signal
import threading
from typing import Any

import pytest

from .mixed import FUNCTION, FUNCTION_WRITES, SCHEMA, SCHEMA_OBJECTS, declare_function, declare_schema, must_be_single
from .project import Project

live = pytest.mark.live
LAST = SCHEMA_OBJECTS
#: At most so many requests are under way when a run is killed, and may have to be sent again.
PARALLEL = 8


def kill(project: Project, method: str, path: str, **options: Any) -> None:
    """Apply, and kill the process when this request comes."""
    run = project.start("apply", "--auto-approve")
    project.proxy.call(lambda: run.signal(signal.SIGKILL), method, path, **options)
    ended = run.end()
    assert ended.code == -signal.SIGKILL, ended
    project.must_keep_no_secret()
    project.proxy.forget()


def must_be_consistent(project: Project) -> None:
    """The state owns nothing that is not there: no change is a drift."""
    planned = project.plan()["changes"]
    assert not [each for each in planned if each["drift"]]


@live
@pytest.mark.parametrize(("write", "when"), [(1, "after"), (7, "before"), (15, "after"), (LAST, "after")])
def test_a_schema_whose_creation_is_killed_is_finished_by_the_next_run(project: Project, write: int, when: str) -> None:
    objects = declare_schema(project)
    write = min(write, objects)
    kill(project, "WRITE", "*", when=when, skip=write - 1)
    project.apply()
    assert project.proxy.count("POST") <= objects - write + PARALLEL
    project.must_be_clean()
    assert len(project.state()) == SCHEMA_OBJECTS


@live
def test_a_run_that_is_killed_anywhere_is_finished_by_the_next_one(project: Project) -> None:
    """Where is decided again each time; the assertion names it."""
    where = random.SystemRandom().randrange(2 * 6 + declare_schema(project))
    run = project.start("apply", "--auto-approve")
    project.proxy.call(lambda: run.signal(signal.SIGKILL), "*", "*", skip=where)
    killed = run.end()
    assert killed.code == -signal.SIGKILL, f"at request {where}\n{killed}"
    project.proxy.forget()
    ended = project.apply(code=None)
    assert ended.code == 0, f"after a kill at request {where}\n{ended}"
    project.must_be_clean()
    assert len(project.state()) == SCHEMA_OBJECTS


@pytest.mark.parametrize(("write", "when"), [(1, "after"), (3, "after"), (4, "before"), (5, "after")])
def test_a_function_whose_creation_is_killed_is_there_once_after_the_next_run(
    project: Project, write: int, when: str
) -> None:
    declare_function(project)
    method, path = FUNCTION_WRITES[write - 1]
    kill(project, method, path, when=when, skip=FUNCTION_WRITES[: write - 1].count((method, path)))
    project.apply()
    project.must_be_clean()
    must_be_single(project)


@live
@pytest.mark.usefixtures("_builds_functions")
def test_a_kill_between_upload_and_activation_does_not_cost_a_second_upload(project: Project) -> None:
    declare_function(project)
    kill(project, "POST", "*/deployments", when="after")
    assert "found the upload of an earlier run" in project.apply().out
    project.must_be_clean()
    must_be_single(project)


#: How many are left after a kill nobody can say beforehand, so no number could be confirmed.
UNLIMITED = """
    from raceday_iac.model.stack import Threshold
    stack.thresholds["delete attribute"] = Threshold(percent=100, number=0)
"""


@live
def test_replacements_that_are_killed_are_finished_by_the_next_run(project: Project) -> None:
    project.declare(SCHEMA)
    project.apply()
    changed = SCHEMA.replace("string(f", "url(f").replace(", 20)", ")").replace('"text0", "text1"', '"$createdAt"')
    project.declare(f"{UNLIMITED}\n{changed}")
    kill(project, "POST", "*/attributes/url", skip=3, when="after")
    project.apply()
    project.must_be_clean()


@live
def test_deletions_that_are_killed_are_finished_by_the_next_run(project: Project) -> None:
    project.declare(SCHEMA)
    project.apply()
    project.declare(SCHEMA.partition("for name")[0])
    kill(project, "DELETE", "*", skip=1, when="after")
    project.apply()
    project.must_be_clean()
    assert set(project.state()) == {f"database.{project.id('db')}"}


@live
def test_the_next_run_says_that_an_earlier_one_was_cut_short(project: Project) -> None:
    project.declare(SCHEMA)
    kill(project, "POST", "/databases", when="after")
    assert f"create:database.{project.id('db')}" in project.apply().err


@live
def test_ctrl_c_finishes_what_is_under_way_and_says_what_was_not_done(project: Project) -> None:
    declare_schema(project)
    run = project.start("apply", "--auto-approve")
    project.proxy.call(run.interrupt, "POST", "*/attributes/*", skip=2)
    ended = run.end()
    assert ended.code == 130, ended
    assert "Interrupted" in ended.err
    assert "not started" in ended.out
    collections = project.api.get(f"/databases/{project.id('db')}/collections")["collections"]
    there = [each for one in collections for each in one["attributes"]]
    # Appwrite lists a relationship among the attributes; it may have been under way as well.
    owned = [each for each in project.state() if each.startswith(("attribute.", "relationship."))]
    assert len(owned) == len(there) > 0
    must_be_consistent(project)
    project.apply()
    project.must_be_clean()


@live
def test_a_second_ctrl_c_ends_at_once_and_the_next_run_finishes(project: Project) -> None:
    declare_schema(project)
    run = project.start("apply", "--auto-approve")
    answered = threading.Event()

    def press_twice() -> None:
        run.interrupt()
        run.signal(signal.SIGINT)
        answered.wait()

    project.proxy.call(press_twice, "POST", "*/attributes/*", skip=1, when="after")
    ended = run.end()
    answered.set()
    assert ended.code == 130, ended
    assert "Stopped. The saved state is consistent" in ended.err
    project.proxy.forget()
    must_be_consistent(project)
    project.apply()
    project.must_be_clean()


@live
def test_ctrl_c_while_planning_says_so(project: Project) -> None:
    project.declare(SCHEMA)
    run = project.start("plan")
    project.proxy.call(run.interrupt, "GET", "/databases")
    ended = run.end()
    assert ended.code == 130, ended
    assert "Interrupted" in ended.err, ended


@live
def test_ctrl_c_after_the_last_write_does_not_claim_that_nothing_was_changed(project: Project) -> None:
    project.declare(SCHEMA)
    run = project.start("apply", "--auto-approve")
    project.proxy.call(run.interrupt, "GET", "/databases", skip=1)
    ended = run.end()
    assert ended.code == 130, ended
    assert "Interrupted" in ended.err, ended
    assert "Nothing was changed" not in ended.text
    assert len(project.state()) == SCHEMA_OBJECTS
    project.proxy.forget()
    project.must_be_clean()


@live
def test_of_two_applies_at_once_one_wins_and_the_other_writes_nothing_but_a_plan_is_possible(project: Project) -> None:
    project.declare(SCHEMA)
    others = []

    def meanwhile() -> None:
        before = project.proxy.writes()
        others.append(project.iac("apply", "--auto-approve", code=None))
        others.append(project.iac("plan", code=None))
        # Only the first write of the winner, which waits for us, is under way.
        assert project.proxy.writes() == before

    project.proxy.call(meanwhile, "POST", "/databases")
    project.apply()
    loser, plan = others
    assert loser.code == 6, loser
    assert "locked by apply" in loser.err
    assert plan.code == 0, plan
    project.must_be_clean()


def test_a_function_that_is_destroyed_and_killed_meanwhile_is_gone_after_the_next_run(project: Project) -> None:
    declare_function(project, FUNCTION.replace('code="functions/fn",', ""))
    project.apply()
    run = project.start("destroy", project.id("fn"), "--auto-approve")
    project.proxy.call(lambda: run.signal(signal.SIGKILL), "DELETE", "*", when="after")
    assert run.end().code == -signal.SIGKILL
    project.proxy.forget()
    project.declare("")
    project.apply()
    project.must_be_clean()
    assert project.state() == {}
