"""Lost answers, errors and refusals on the way: looked up, waited for, or said."""

from __future__ import annotations

from typing import Any

import pytest

from .mixed import (
    FUNCTION,
    FUNCTION_WRITES,
    SCHEMA,
    SCHEMA_OBJECTS,
    declare_function,
    declare_schema,
    must_be_single,
)
from .project import Project

live = pytest.mark.live


@live
@pytest.mark.parametrize("when", ["before", "after"])
def test_lost_answers_to_creations_are_settled_by_looking(project: Project, when: str) -> None:
    objects = declare_schema(project)
    paths = ["/databases", "*/collections", "*/attributes/string", "*/attributes/relationship", "*/indexes"]
    paths = paths if objects == SCHEMA_OBJECTS else paths[2:]
    for path in paths:
        project.proxy.lose(when, "POST", path)
    project.apply()
    # What was created is not created again.
    assert project.proxy.count("POST") == objects + (len(paths) if when == "before" else 0)
    project.must_be_clean()


@pytest.mark.parametrize("when", ["before", "after"])
def test_lost_answers_about_a_function_are_settled_by_looking(project: Project, when: str) -> None:
    declare_function(project)
    for method, path in set(FUNCTION_WRITES) - {("POST", "*/deployments")}:
        project.proxy.lose(when, method, path)
    project.apply()
    project.must_be_clean()
    must_be_single(project)


@pytest.mark.parametrize("when", ["before", "after"])
def test_after_a_lost_answer_to_an_upload_there_is_one_deployment(project: Project, when: str) -> None:
    declare_function(project)
    project.proxy.lose(when, "POST", "*/deployments")
    # An upload is not repeated blindly; this run or the next one finds it.
    project.apply(code=None)
    project.apply()
    project.must_be_clean()
    must_be_single(project)


@live
@pytest.mark.parametrize("when", ["before", "after"])
def test_lost_answers_to_changes_and_deletions_are_settled(project: Project, when: str) -> None:
    project.declare(SCHEMA)
    project.apply()
    changed = (
        SCHEMA.replace('"text0", "text1"', '"text1"').replace(", 20)", ", 30)").replace('name="three"', 'name="3"')
    )
    project.declare(changed)
    for method, path in (("PATCH", "*/attributes/*"), ("PUT", "*/collections/*"), ("DELETE", "*/indexes/*")):
        project.proxy.lose(when, method, path, times=2)
    project.apply()
    project.must_be_clean()


@live
def test_bursts_of_errors_are_ridden_out_with_the_pauses_that_the_server_asks_for(project: Project) -> None:
    declare_schema(project)
    project.proxy.answer(500, "GET", "*", skip=3, times=4)
    project.proxy.answer(503, "POST", "*/attributes/*", times=3)
    project.proxy.answer(502, "POST", "*/indexes", times=1)
    project.proxy.answer(429, "POST", "*/collections", times=2, retry_after=1)
    project.apply()
    project.must_be_clean()


def test_a_throttled_creation_of_a_function_is_not_repeated_because_attempts_count(project: Project) -> None:
    declare_function(project, FUNCTION.replace('code="functions/fn",', ""))
    project.proxy.answer(429, "POST", "/functions", times=9, retry_after=1)
    ended = project.apply(code=1)
    assert project.proxy.count("POST", "/functions") == 1
    assert "429" in ended.text
    assert "50 function creations" in ended.text
    project.proxy.forget()
    project.apply()
    project.must_be_clean()


@live
def test_a_lasting_refusal_fails_only_what_depends_on_it(project: Project) -> None:
    declare_schema(project)
    project.proxy.answer(400, "POST", "*/collections/two/attributes/*", times=99)
    ended = project.apply(code=1)
    assert "6 failed" in ended.out
    assert "Run apply again" in ended.out
    owned = set(project.state())
    assert f"index.{project.id('db')}/one/by_text" in owned
    assert f"index.{project.id('db')}/two/by_text" not in owned
    project.proxy.forget()
    project.apply()
    project.must_be_clean()


@live
def test_a_server_that_goes_away_ends_the_run_and_nothing_is_forgotten(project: Project) -> None:
    project.declare(SCHEMA)
    project.proxy.lose("before", "*", "*", skip=12, times=999)
    ended = project.apply(code=1)
    assert "cannot be reached" in ended.text
    assert project.state()
    project.proxy.forget()
    assert not [each for each in project.plan()["changes"] if each["drift"]]
    project.apply()
    project.must_be_clean()


def test_an_attribute_that_fails_on_the_server_is_reported_and_made_again_by_the_next_run(
    project: Project, faults: Any
) -> None:
    project.declare(SCHEMA)
    faults.failing_attributes = {"text3"}
    ended = project.apply(code=1)
    assert f"attribute.{project.id('db')}/one/text3 is failed" in ended.text
    faults.clear()
    planned = {each["address"]: each["action"] for each in project.plan()["changes"]}
    assert planned[f"attribute.{project.id('db')}/one/text3"] == "replace"
    project.apply()
    project.must_be_clean()


def test_a_build_that_the_server_fails_is_reported_and_tried_again_by_the_next_run(
    project: Project, faults: Any
) -> None:
    declare_function(project)
    faults.failing_builds = 1
    ended = project.apply(code=1)
    assert f"The build of function.{project.id('fn')} ended failed" in ended.text
    # The schedule waits for code that works.
    assert project.api.get(f"/functions/{project.id('fn')}")["schedule"] == ""
    project.apply()
    project.must_be_clean()
    assert project.api.get(f"/functions/{project.id('fn')}")["schedule"] == "0 3 1 1 *"
