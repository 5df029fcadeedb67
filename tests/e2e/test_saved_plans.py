"""Plans that are saved and applied as reviewed or not at all, parts of plans, refreshes, replacements and limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.planning.saved import FORMAT

from .command import Ended
from .project import Project, actions
from .test_audit import records

pytestmark = pytest.mark.live

STACK = """
    database = stack.database(P + "db", name={name!r})
    owner = database.collection("c", name={collection!r})
    owner.string("text", 20)
    owner.integer("number")
    owner.index("by_text", "text")
    database.collection("d", name="D").string("text", 20)
"""
FILE = "plan.json"
APPLY = ("apply", "--auto-approve")


def declare(project: Project, *, name: str = "Db", collection: str = "C", more: str = "") -> None:
    project.declare(STACK.format(name=name, collection=collection) + more)


def save(project: Project, *words: str) -> Path:
    """Save a plan; from here on requests are counted."""
    project.prepare("plan", "--out", str(project.root / FILE), *words)
    project.proxy.forget()
    return project.root / FILE


def refused(project: Project, *words: str, code: int = 6) -> Ended:
    """An apply that must not write anything, neither on the server nor in the state."""
    before = project.state_file.read_bytes() if project.state_file.exists() else b""
    ended = project.iac("apply", *words, code=code)
    assert "Nothing was changed" in ended.text
    assert project.proxy.writes() == 0
    assert (project.state_file.read_bytes() if project.state_file.exists() else b"") == before
    return ended


def collection(project: Project) -> str:
    return f"/databases/{project.id('db')}/collections/c"


def meddle(project: Project, path: str = "", name: str = "Meddled") -> None:
    """Somebody renames a collection (or the database) in the console."""
    place = path or collection(project)
    kept = {"permissions": [], "documentSecurity": False} if "/collections/" in place else {}
    project.api.put(place, {"name": name, "enabled": True, **kept})


def in_db(project: Project, kind: str, inner: str) -> str:
    return f"{kind}.{project.id('db')}/{inner}"


# Saved plans.


def test_a_saved_plan_is_shown_without_a_server_and_applied_without_a_terminal(project: Project) -> None:
    declare(project)
    said = project.iac("plan", "--out", FILE)
    assert f"To run exactly this: raceday-iac apply {FILE}" in said.out
    project.proxy.forget()
    shown, document = project.iac("show", FILE), project.iac("show", FILE, "--json").json
    assert project.proxy.exchanges() == []
    assert f"create {in_db(project, 'index', 'c/by_text')}" in shown.out
    assert document["format"] == FORMAT
    project.iac("apply", FILE)
    project.must_be_clean()
    # What was reviewed is what the audit log says was done.
    assert records(project)[0]["plan"] == document["id"]


def test_machines_learn_where_the_plan_is_and_which_one(project: Project) -> None:
    declare(project)
    document = project.plan("--out", FILE)
    assert document["saved"] == {"file": FILE, "id": json.loads((project.root / FILE).read_text())["id"]}
    assert document["format"] == 1


def test_a_plan_is_applied_once(project: Project) -> None:
    declare(project)
    save(project)
    project.prepare("apply", str(project.root / FILE))
    project.proxy.forget()
    assert "the state is now at serial" in refused(project, FILE).err


def test_what_somebody_changed_on_the_server_since_makes_a_plan_stale(project: Project) -> None:
    declare(project)
    project.prepare(*APPLY)
    declare(project, collection="Renamed")
    save(project)
    meddle(project)
    assert f"{in_db(project, 'collection', 'c')} was changed on the server" in refused(project, FILE).err


def test_another_apply_since_makes_a_plan_stale(project: Project) -> None:
    declare(project)
    project.prepare(*APPLY)
    declare(project, collection="Renamed", name="Renamed")
    save(project)
    project.prepare(*APPLY, "--target", f"database.{project.id('db')}", "--exclude", in_db(project, "collection", "c"))
    project.proxy.forget()
    assert "the state is now at serial" in refused(project, FILE).err


def test_another_stack_makes_a_plan_stale(project: Project) -> None:
    declare(project)
    save(project)
    declare(project, collection="Renamed")
    ended = refused(project, FILE)
    assert f"{in_db(project, 'collection', 'c')} was changed in the stack" in ended.err
    assert "raceday-iac plan --out FILE --env e2e" in ended.err


def test_a_secret_is_in_no_plan_and_another_value_makes_it_stale(project: Project) -> None:
    function = """
    stack.function(P + "fn", name={name!r}, runtime="python-3.12", specification="s-1vcpu-512mb", timeout=20,
        entrypoint="main.py", variables={{"TOKEN": FromEnvironment("E2E_TOKEN")}})
    """
    project.secret("E2E_TOKEN", f"first-{project.prefix}")
    project.declare(function.format(name="Fn"))
    project.prepare(*APPLY)
    project.secret("E2E_TOKEN", f"second-{project.prefix}")
    text = save(project).read_text(encoding="utf-8")
    assert not [each for each in project.secrets if each in text]
    project.secret("E2E_TOKEN", f"third-{project.prefix}")
    assert f"variable.{project.id('fn')}/TOKEN was changed in the stack" in refused(project, FILE).err


def test_an_edited_plan_and_options_beside_a_plan_are_refused(project: Project) -> None:
    declare(project)
    file = save(project)
    assert "Give options that change a plan to `plan --out`" in refused(project, FILE, "--refresh-only", code=1).err
    file.write_text(file.read_text(encoding="utf-8").replace('"create"', '"adopt"'), encoding="utf-8")
    assert "was changed after it was saved" in refused(project, FILE, code=5).err
    assert project.proxy.exchanges() == []


def test_a_plan_for_another_environment_is_not_applied_in_this_one(project: Project) -> None:
    declare(project)
    save(project)
    chosen = ("--env", "other", "--stack", "stacks/x.py")
    ended = project.start("apply", FILE, before=chosen).end()
    assert ended.code == 1
    assert "The saved plan is for environment e2e, but --env names other. Nothing was changed." in ended.err


def test_a_plan_that_is_refused_is_not_saved(project: Project) -> None:
    declare(project)
    project.prepare(*APPLY)
    project.api.post(f"{collection(project)}/documents", {"documentId": "one", "data": {"text": "a"}})
    project.declare("")
    assert f"Not saved as {FILE}" in project.iac("plan", "--out", FILE, code=5).out
    assert not (project.root / FILE).exists()


# Parts.


def test_a_target_brings_what_it_needs_and_the_rest_can_follow(project: Project) -> None:
    declare(project)
    target = in_db(project, "index", "c/by_text")
    shown = project.iac("plan", "--target", target).out
    assert f"create {in_db(project, 'attribute', 'c/text')}: the stack declares it (needed by {target})" in shown
    assert f"    create {in_db(project, 'collection', 'd')}\n" in shown
    said = project.apply("--target", target).out
    assert "3 changes were left out" in said
    assert set(project.state()) == {
        f"database.{project.id('db')}",
        in_db(project, "collection", "c"),
        in_db(project, "attribute", "c/text"),
        target,
    }
    project.prepare(*APPLY)
    project.must_be_clean()


def test_what_is_excluded_is_left_out_with_what_needs_it(project: Project) -> None:
    declare(project)
    project.apply("--exclude", in_db(project, "attribute", "c/text"))
    left = {in_db(project, "attribute", "c/text"), in_db(project, "index", "c/by_text")}
    assert set(actions(project.plan())) == left
    assert not project.api.has(f"{collection(project)}/attributes/text")


def test_what_is_excluded_does_not_go_with_its_database(project: Project) -> None:
    declare(project)
    project.prepare(*APPLY)
    project.declare("")
    project.apply("--exclude", in_db(project, "attribute", "c/text"))
    assert project.api.has(f"{collection(project)}/attributes/text")
    project.api.until_gone(f"{collection(project)}/attributes/number")
    assert not project.api.has(f"/databases/{project.id('db')}/collections/d")


def test_a_saved_part_does_not_mind_what_happens_elsewhere(project: Project) -> None:
    declare(project)
    project.prepare(*APPLY)
    declare(project, collection="Renamed")
    save(project, "--target", in_db(project, "collection", "c"))
    meddle(project, f"/databases/{project.id('db')}")
    project.prepare("apply", str(project.root / FILE))
    assert project.api.get(collection(project))["name"] == "Renamed"


def test_what_nobody_knows_cannot_be_a_target(project: Project) -> None:
    declare(project)
    assert (
        "no resource with this address is declared or managed"
        in refused(project, "--auto-approve", "--target", "function.nobody", code=1).err
    )


# Refreshes and replacements.


def test_a_refresh_takes_drift_into_the_state_and_then_it_is_a_change_of_the_stack(project: Project) -> None:
    declare(project)
    project.prepare(*APPLY)
    meddle(project)
    project.iac("drift", code=3)
    project.proxy.forget()
    said = project.apply("--refresh-only").out
    assert "The state matches Appwrite." in said
    assert project.proxy.writes() == 0
    (change,) = project.plan()["changes"]
    assert (change["action"], change["drift"]) == ("update", False)
    project.iac("drift", code=2)


def test_an_index_can_be_made_again(project: Project) -> None:
    declare(project)
    project.prepare(*APPLY)
    project.proxy.forget()
    project.apply("--replace", in_db(project, "index", "c/by_text"))
    assert [(each.method, each.path.rpartition("/")[2]) for each in writes(project)] == [
        ("DELETE", "by_text"),
        ("POST", "indexes"),
    ]
    project.must_be_clean()


def writes(project: Project) -> list[Any]:
    return [each for each in project.proxy.exchanges() if each.method != "GET"]


# Limits.


def test_a_limit_is_passed_with_the_number_that_the_plan_shows_and_no_other(project: Project) -> None:
    limits = """
    from raceday_iac.model.stack import Threshold
    stack.thresholds = {"delete index": Threshold(percent=10, number=0)}
    """
    declare(project)
    project.prepare(*APPLY)
    project.declare(STACK.format(name="Db", collection="C").replace('owner.index("by_text", "text")', "") + limits)
    project.proxy.forget()
    said = project.apply(code=5).out
    assert "1 of 1 managed index resources would be deleted, 100 %; that is over both limits, 10 % and 0" in said
    assert 'to allow it: --confirm "delete index=1"' in said
    project.apply("--confirm", "delete index=2", code=5)
    assert project.proxy.writes() == 0
    save(project, "--confirm", "delete index=1")
    project.iac("apply", FILE)
    project.must_be_clean()
