"""Runs are written down, whatever becomes of them; and a log that is damaged stops nobody."""

from __future__ import annotations

import json
import signal
from typing import Any

from .mixed import SCHEMA, declare_function
from .project import Project

STACK = """
    stack.database(P + "db", name={name!r}).collection("c", name="C").string("text", 20)
"""


def records(project: Project) -> list[dict[str, Any]]:
    text = (project.state_folder / "audit.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]


def results(project: Project) -> list[tuple[str, str]]:
    return [(each["command"], each["result"]) for each in records(project) if each["event"] == "end"]


def test_an_apply_and_a_destroy_are_written_down_without_secrets(project: Project) -> None:
    declare_function(project)
    project.apply()
    project.iac("destroy", project.id("fn"), "--auto-approve")
    assert results(project) == [("apply", "success"), ("destroy", "success")]
    begun = records(project)[0]
    assert {each["address"] for each in begun["changes"]} >= {f"function.{project.id('fn')}"}
    assert begun["who"]
    assert len(begun["plan"]) == 64
    project.must_keep_no_secret()
    assert "unbroken: 5 records" in project.iac("state", "verify").out


def test_planning_and_an_apply_without_changes_write_nothing_down(project: Project) -> None:
    project.declare(STACK.format(name="Db"))
    project.iac("plan")
    assert not (project.state_folder / "audit.jsonl").exists()
    assert "no audit log yet" in project.iac("state", "verify").out
    project.apply()
    project.apply()
    assert len(records(project)) == 2


def test_a_failed_and_an_interrupted_apply_are_written_down(project: Project) -> None:
    project.declare(SCHEMA)
    project.proxy.answer(400, "POST", "*/indexes")
    project.apply(code=1)
    end = records(project)[-1]
    assert (end["result"], [each["change"].partition(":")[0] for each in end["failed"]]) == ("failed", ["create"])
    project.declare(SCHEMA.replace("range(6)", "range(9)"))
    run = project.start("apply", "--auto-approve")
    project.proxy.call(run.interrupt, "POST", "*", when="after")
    assert run.end().code == 130
    assert results(project) == [("apply", "failed"), ("apply", "interrupted")]


def test_a_killed_run_has_no_end(project: Project) -> None:
    project.declare(SCHEMA)
    run = project.start("apply", "--auto-approve")
    project.proxy.call(lambda: run.signal(signal.SIGKILL), "POST", "*/attributes/*")
    assert run.end().code == -signal.SIGKILL
    assert results(project) == []
    assert "has no end" in project.iac("state", "verify").out


def test_a_damaged_log_is_reported_and_stops_no_apply(project: Project) -> None:
    project.declare(STACK.format(name="Db"))
    project.apply()
    file = project.state_folder / "audit.jsonl"
    file.write_text(file.read_text(encoding="utf-8").replace("collection.", "collectiom.", 1), encoding="utf-8")
    assert "line 1" in project.iac("state", "verify", code=1).out
    project.declare(STACK.format(name="Renamed"))
    assert "damaged at line 1" in project.apply().err
    document = project.iac("state", "verify", "--json", code=1).json["audit"]
    assert [each["line"] for each in document["breaks"]] == [1]
    assert document["records"] == 4


def test_a_log_that_cannot_be_written_is_reported_and_stops_no_apply(project: Project) -> None:
    project.declare(STACK.format(name="Db"))
    (project.state_folder / "audit.jsonl").mkdir(parents=True)
    assert "cannot be written" in project.apply().err
    project.must_be_clean()
