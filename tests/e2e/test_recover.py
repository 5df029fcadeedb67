"""What is stuck for good is ended by a safe step, and everything else is left alone."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from raceday_iac.errors import (
    EXIT_CHANGES,
    EXIT_DEGRADED,
    EXIT_ERROR,
    EXIT_LOCKED,
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_UNHEALTHY,
)
from raceday_iac.state.backends.local import LocalState

from .conftest import OpenProject
from .here import look, run_here
from .mixed import declare_function
from .project import Project
from .ruins import BEFORE, NOW, clock_of, declare, ruin
from .target import Target, needs
from .test_orphans import LARGE, be_patient_for
from .walk import Walk

FUNCTION = """
    stack.function(
        P + "fn", name="Fn", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=20,
        entrypoint="main.py", code="functions/fn", variables={"A": "a", "TOKEN": FromEnvironment("E2E_TOKEN")},
    )
"""


READING = ["functions.read", "execution.read", "databases.read", "collections.read", "documents.read"]
WRITING = ["functions.write", "execution.write", "collections.write", "documents.write"]


@pytest.fixture(scope="module")
def walk(target: Target, open_project: OpenProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    needs("only the embedded server does wrong on demand", not target.is_live)
    server = target.server.server
    with open_project(tmp_path_factory.mktemp("ruins")) as project, clock_of(server) as set_clock:
        try:
            keys = [
                target.server.create_key(project.site.project, scopes) for scopes in (READING, [*READING, *WRITING])
            ]
            yield _walked(Walk(project), server.faults, set_clock, keys)
        finally:
            server.faults.clear()


def _walked(walk: Walk, faults: Any, set_clock: Any, keys: list[str]) -> Walk:
    project = walk.project
    set_clock(BEFORE)
    declare(project, more=False)
    project.prepare("apply", "--auto-approve")
    walk.seen.update(ruin(project, faults))
    declare(project, more=True)
    # From here on with no more than docs/health.md and docs/recovery.md ask for.
    project.variables["APPWRITE_API_KEY"] = keys[0]
    look(walk, "young", "recover", "--dry-run", "--json")
    set_clock(NOW)
    look(walk, "health", "health", "--json")
    look(walk, "short look", "health", "--since", "30m", "--json")
    look(walk, "dry run", "recover", "--dry-run", "--json")
    look(walk, "unasked", "recover")
    look(walk, "unasked by a machine", "recover", "--json")
    faults.stuck_executions.clear()
    project.variables["APPWRITE_API_KEY"] = keys[1]
    look(walk, "recover", "recover", "--auto-approve", "--json")
    faults.stuck_attributes.clear()
    look(walk, "again", "recover", "--dry-run", "--json")
    look(walk, "health after", "health", "--json")
    del project.variables["APPWRITE_API_KEY"]
    look(walk, "apply", "apply", "--auto-approve")
    return walk


def steps(walk: Walk, name: str) -> list[tuple[str, str]]:
    found = walk.json(name)["recovery"]["steps"]
    return [(each["remedy"], each["subject"].replace(walk.project.prefix, "")) for each in found]


def left(walk: Walk, name: str) -> dict[str, str]:
    return {
        each["subject"].replace(walk.project.prefix, ""): each["why"] for each in walk.json(name)["recovery"]["left"]
    }


def codes(walk: Walk, name: str) -> set[tuple[str, str]]:
    found = walk.json(name)["health"]["findings"]
    return {(each["code"], each["subject"].replace(walk.project.prefix, "")) for each in found}


def audit(project: Project) -> list[dict[str, Any]]:
    text = (project.state_folder / "audit.jsonl").read_text(encoding="utf-8")
    return [record for line in text.splitlines() if (record := json.loads(line))["command"] == "recover"]


def test_what_has_only_just_begun_is_not_stuck(walk: Walk) -> None:
    walk.must_end("young", EXIT_OK)
    assert steps(walk, "young") == []


def test_health_reports_everything_that_is_stuck(walk: Walk) -> None:
    walk.must_end("health", EXIT_UNHEALTHY)
    assert codes(walk, "health") >= {
        ("run.stuck", "function.other"),
        ("run.expired", "function.other"),
        ("run.overdue", "function.first"),
        ("run.overdue", "function.second"),
        ("daily.missed", "function.first"),
        ("daily.missed", "function.second"),
        ("lock.stale", "lock.second"),
        ("lock.deaths", "lock.second"),
        ("attribute.stuck", "attribute.db/meetings/late"),
        ("attribute.stuck", "attribute.db/meetings/theirs"),
        ("index.stuck", "index.db/meetings/by_date"),
        ("data.missing", "collection.db/meetings"),
    }


def test_what_is_stuck_is_found_however_short_the_look_is(walk: Walk) -> None:
    assert ("run.stuck", "function.other") in codes(walk, "short look")


def test_looking_sends_nothing_but_gets(walk: Walk) -> None:
    for name in ("young", "health", "dry run", "again", "health after"):
        assert walk.writes(name) == []


def test_a_dry_run_names_each_step_in_a_safe_order_and_exits_2(walk: Walk) -> None:
    walk.must_end("dry run", EXIT_CHANGES)
    assert steps(walk, "dry run") == [
        ("delete-from-schema", "attribute.db/meetings/late"),
        ("delete-from-schema", "index.db/meetings/by_date"),
        ("free-lock", "lock.second"),
        ("delete-execution", "function.other"),
        ("run", "function.other"),
        ("run", "function.first"),
        ("run", "function.second"),
    ]


def test_what_is_not_ours_and_what_appwrite_cannot_do_is_explained_and_left(walk: Walk) -> None:
    reasons = left(walk, "dry run")
    assert "its owner is unknown" in reasons["attribute.db/meetings/theirs"]
    assert "no endpoint that ends it" in reasons["function.other"]


def test_nothing_is_done_unasked(walk: Walk) -> None:
    walk.must_end("unasked", EXIT_REFUSED)
    assert walk.writes("unasked") == []
    walk.must_end("unasked by a machine", EXIT_REFUSED)
    assert walk.writes("unasked by a machine") == []
    # One document, and no other beside it.
    assert "recover --dry-run --json" in walk.json("unasked by a machine")["error"]["hint"]


def test_every_step_is_done_and_audited(walk: Walk) -> None:
    walk.must_end("recover", EXIT_OK)
    done = walk.json("recover")["recovery"]["done"]
    assert [each["problem"] for each in done] == [""] * 7
    begun, ended = audit(walk.project)[:2]
    assert (begun["event"], ended["event"], ended["result"]) == ("begin", "end", "success")
    assert ended["done"] == [each["step"] for each in begun["steps"]]


def test_nothing_is_stuck_afterwards_but_what_cannot_be_ended(walk: Walk) -> None:
    walk.must_end("again", EXIT_OK)
    assert steps(walk, "again") == []
    assert "a later run has done the work" in left(walk, "again")["function.other"]
    gone = {("lock.stale", "lock.second"), ("daily.missed", "function.first"), ("run.expired", "function.other")}
    assert not codes(walk, "health after") & gone


def test_daily_runs_are_made_up_for_one_after_the_other(walk: Walk) -> None:
    def runs(name: str) -> list[dict[str, Any]]:
        path = f"/functions/{walk.project.id(name)}/executions"
        found: list[dict[str, Any]] = walk.project.api.get(path)["executions"]
        return found

    ((first,), (second,)) = runs("first"), runs("second")
    assert first["status"] == second["status"] == "completed"
    assert first["$updatedAt"] <= second["$createdAt"]


def test_a_stale_lock_is_taken_over_and_given_back_and_its_progress_is_kept(walk: Walk) -> None:
    path = f"/databases/{walk.project.id('db')}/collections/locks/documents"
    writes = [each.method for each in walk.writes("recover") if "/collections/locks/" in each.path]
    # Taken over; the fence of the dead run removed; our own made and, behind it, the progress kept; both given back.
    assert writes == ["PATCH", "DELETE", "POST", "DELETE", "DELETE"]
    assert len([each for each in walk.writes("recover") if "/transactions" in each.path]) == 3
    (kept,) = walk.project.api.get(path)["documents"]
    assert kept["$id"] == walk.project.id("second-progress")
    assert (kept["nzDate"], kept["progress"]) == ("2030-01-16", '{"done": 7}')


def test_a_scheduled_execution_that_never_began_is_gone_and_a_lost_one_stays(walk: Walk) -> None:
    path = f"/functions/{walk.project.id('other')}/executions"
    there = walk.project.api.ids(path, "executions")
    assert walk.seen["late"] not in there
    assert walk.seen["lost"] in there
    assert len(there) == 2


def test_what_was_deleted_is_made_again_by_the_next_apply(walk: Walk) -> None:
    walk.must_end("apply", EXIT_OK)
    collection = walk.project.api.get(f"/databases/{walk.project.id('db')}/collections/meetings")
    statuses = {each["key"]: each["status"] for each in (*collection["attributes"], *collection["indexes"])}
    assert statuses == {"date": "available", "late": "available", "theirs": "processing", "by_date": "available"}


def test_a_build_that_never_ends_and_an_upload_that_was_cut_are_reported_and_then_deleted(
    project: Project, target: Target, faults: Any
) -> None:
    declare_function(project, FUNCTION)
    project.prepare("apply", "--auto-approve")
    (active,) = deployments(project)
    faults.stuck_builds = 1
    project.code("fn", main="def main(context):\n    return context.res.text('new')\n")
    be_patient_for(project, 0.3)
    assert run_here(project, "apply", "--auto-approve").code == EXIT_ERROR
    (stuck,) = set(deployments(project)) - {active}
    (cut,) = set(begin_an_upload(project)) - {active, stuck}
    assert run_here(project, "recover", "--dry-run").code == EXIT_OK
    server = target.server.server
    with clock_of(server) as set_clock:
        set_clock(server.clock.now() + timedelta(hours=3))
        reported = run_here(project, "health")
        assert reported.code == EXIT_DEGRADED, reported
        assert f"deployment {stuck}: it is building, begun 3 h ago" in reported.out
        planned = run_here(project, "recover", "--dry-run")
        assert planned.code == EXIT_CHANGES, planned
        assert f"cancel the build of deployment {stuck}" in planned.out
        assert f"cancel and delete deployment {cut}" in planned.out
        with LocalState(project.state_folder).locked("apply"):
            assert run_here(project, "recover", "--auto-approve").code == EXIT_LOCKED
        done = run_here(project, "recover", "--auto-approve")
        assert done.code == EXIT_OK, done
        assert run_here(project, "recover", "--dry-run").code == EXIT_OK
    assert deployments(project) == [active]
    begun, ended = audit(project)
    assert ended["done"] == [each["step"] for each in begun["steps"]]


def begin_an_upload(project: Project) -> list[str]:
    """An upload in pieces, whose second one never arrives. All deployments that there are then."""
    noise = project.root / "functions" / "fn" / "noise.bin"
    noise.write_bytes(random.Random(1).randbytes(LARGE))
    project.proxy.answer(503, "POST", "*/deployments", skip=1, times=9)
    assert run_here(project, "apply", "--auto-approve").code == EXIT_ERROR
    project.proxy.forget()
    noise.unlink()
    return deployments(project)


def deployments(project: Project) -> list[str]:
    found: list[str] = project.api.ids(f"/functions/{project.id('fn')}/deployments", "deployments")
    return found
