"""The life of resources: renamed, forgotten, protected, left to others, given another type. Nothing is lost unasked."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from .here import run_here
from .project import Project, actions

HEAD = """
    things = stack.database(P + "db", name="Db").collection("things", name="Things")
"""
FUNCTION = """
    stack.function(
        P + "fn", name="Fn", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=20, entrypoint="main.py",
        schedule="0 1 * * *", variables={"OLD": FromEnvironment("IE2E_SECRET")},
    )
"""


def declare(project: Project, *lines: str, head: str = HEAD) -> None:
    project.declare("\n".join([head, *(f"    {line}" for line in lines)]))


def here(project: Project, *words: str, code: int = 0) -> Any:
    """A run in this process, which must end with `code`."""
    ended = run_here(project, *words)
    assert ended.code == code, f"expected exit {code}\n{ended}"
    return ended


def apply(project: Project, *words: str, code: int = 0) -> Any:
    return here(project, "apply", "--auto-approve", *words, code=code)


def fill(project: Project, *values: dict[str, Any], collection: str = "things") -> None:
    """Documents with these values, a hundred at a time."""
    path = f"/databases/{project.id('db')}/collections/{collection}/documents"
    documents = [{"$id": f"n{number}", **each} for number, each in enumerate(values)]
    for start in range(0, len(documents), 100):
        project.api.post(path, {"documents": documents[start : start + 100]})


def values(project: Project, key: str) -> dict[str, Any]:
    path = f"/databases/{project.id('db')}/collections/things/documents"
    return {each["$id"]: each.get(key) for each in project.api.all(path, "documents")}


def at(project: Project, key: str, kind: str = "attribute") -> str:
    return f"{kind}.{project.id('db')}/things/{key}"


# Renames.


def test_renamed_attributes_keep_their_values_their_indexes_and_each_its_place_in_a_chain(project: Project) -> None:
    declare(project, 'things.string("a", 20)', 'things.string("b", 20)', 'things.index("i", "a", "b", type="unique")')
    apply(project)
    fill(project, {"a": "first", "b": "second"})
    declare(
        project,
        'things.string("b", 30)',
        'things.string("c", 20)',
        'things.index("i", "b", "c", type="unique")',
        'stack.moved(f"attribute.{P}db/things/a", f"attribute.{P}db/things/b")',
        'stack.moved(f"attribute.{P}db/things/b", f"attribute.{P}db/things/c")',
    )
    project.proxy.forget()
    assert project.carried_out() == {at(project, "b"): "update", at(project, "c"): "move"}
    assert [each.method for each in project.proxy.exchanges() if each.method != "GET"] == ["PATCH"] * 3
    assert (values(project, "b"), values(project, "c")) == ({"n0": "first"}, {"n0": "second"})
    project.must_be_clean()
    assert set(project.state()) >= {at(project, "b"), at(project, "c")}
    assert project.state()[at(project, "i", "index")]["fields"]["attributes"] == ["b", "c"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_rename_that_is_killed_is_finished_by_the_next_run(project: Project, when: str) -> None:
    declare(project, 'things.string("a", 20)')
    apply(project)
    fill(project, {"a": "kept"})
    declare(project, 'things.string("b", 20)', 'stack.moved(f"attribute.{P}db/things/a", f"attribute.{P}db/things/b")')
    run = project.start("apply", "--auto-approve")
    project.proxy.call(lambda: run.signal(signal.SIGKILL), "PATCH", "*/attributes/*", when=when)
    assert run.end().code == -signal.SIGKILL
    project.proxy.forget()
    apply(project)
    assert values(project, "b") == {"n0": "kept"}
    project.must_be_clean()


def test_a_renamed_secret_is_not_sent_again_and_is_used_under_its_new_name(project: Project) -> None:
    project.secret("IE2E_SECRET", "hidden-value-1")
    project.declare(FUNCTION)
    apply(project)
    renamed = FUNCTION.replace("OLD", "NEW")
    project.declare(renamed + '    stack.moved(f"variable.{P}fn/OLD", f"variable.{P}fn/NEW")')
    project.proxy.forget()
    assert project.carried_out() == {f"variable.{project.id('fn')}/NEW": "move"}
    assert project.proxy.writes() == 1
    project.must_be_clean()
    (variable,) = project.api.get(f"/functions/{project.id('fn')}")["vars"]
    assert (variable["key"], variable["secret"]) == ("NEW", True)


# Kept, protected, left to others.


def test_what_is_forgotten_stays_live_and_what_is_protected_is_not_destroyed(project: Project) -> None:
    project.secret("IE2E_SECRET", "hidden-value-2")
    function = f"function.{project.id('fn')}"
    project.declare(FUNCTION + '    stack.protect(f"function.{P}fn", reason="the only one")')
    apply(project)
    refused = here(project, "destroy", project.id("fn"), "--auto-approve", code=5)
    assert f"delete of {function} is refused: {function} is protected (the only one)" in refused.out
    project.declare('stack.protect(f"function.{P}fn", reason="the only one")')
    assert "is protected (the only one)" in apply(project, code=5).out
    project.declare('stack.forget(f"function.{P}fn", reason="theirs now")')
    apply(project)
    assert project.state() == {}
    assert project.api.has(f"/functions/{project.id('fn')}")
    plan = here(project, "plan", "--json").json
    assert (plan["empty"], plan["unmanaged"]) == (True, [function])


def test_fields_that_are_left_to_others_are_no_drift_and_are_sent_as_they_are(project: Project) -> None:
    project.secret("IE2E_SECRET", "hidden-value-3")
    ignore = '    stack.ignore(f"function.{P}fn", "schedule", "timeout")'
    project.declare(FUNCTION + ignore)
    apply(project)
    project.api.put_function(project.id("fn"), schedule="30 2 * * *", timeout=77)
    assert here(project, "drift").code == 0
    project.declare(FUNCTION.replace('name="Fn"', 'name="Other"') + ignore)
    apply(project)
    live = project.api.get(f"/functions/{project.id('fn')}")
    assert (live["name"], live["schedule"], live["timeout"]) == ("Other", "30 2 * * *", 77)
    project.must_be_clean()


# Another type.

TEXT = ('things.string("a", 20)', 'things.index("i", "a")')
NUMBER = ('things.integer("a", default=0)', 'things.index("i", "a")', 'stack.convert(f"attribute.{P}db/things/a")')


@pytest.mark.parametrize(
    ("method", "path", "skip", "when"),
    [
        ("POST", "*/attributes/integer", 0, "after"),
        ("PATCH", "/databases/transactions/*", 1, "after"),
        ("DELETE", "*/attributes/a", 0, "after"),
        ("PATCH", "*/attributes/integer/a_conv", 0, "after"),
    ],
)
def test_a_conversion_that_is_killed_goes_on_where_it_was_and_loses_nothing(
    project: Project, method: str, path: str, skip: int, when: str
) -> None:
    declare(project, *TEXT)
    apply(project)
    fill(project, *({"a": str(number)} for number in range(250)), {})
    declare(project, *NUMBER)
    run = project.start("apply", "--auto-approve")
    project.proxy.call(lambda: run.signal(signal.SIGKILL), method, path, skip=skip, when=when)
    assert run.end().code == -signal.SIGKILL
    project.proxy.forget()
    # Who changes a value that was copied already is not overlooked.
    attributes = project.api.get(f"/databases/{project.id('db')}/collections/things")["attributes"]
    types = {each["key"]: each["type"] for each in attributes if each["status"] == "available"}
    expected = {**{f"n{number}": number for number in range(250)}, "n250": None}
    if types.get("a") == "string":
        document = f"/databases/{project.id('db')}/collections/things/documents/n5"
        project.api.patch(document, {"data": {"a": "5555"}})
        expected["n5"] = 5555
    apply(project)
    assert values(project, "a") == expected
    project.must_be_clean()
    assert set(values(project, "a_conv").values()) == {None}


def test_values_that_cannot_be_converted_are_counted_and_given_up_only_with_permission(project: Project) -> None:
    declare(project, *TEXT)
    apply(project)
    fill(project, {"a": "1"}, {"a": "two"}, {"a": "three"})
    declare(project, *NUMBER)
    assert "2 values cannot be converted and would be lost" in apply(project, code=5).out
    apply(project, "--allow-data-loss", f"{at(project, 'a')}=2")
    assert values(project, "a") == {"n0": 1, "n1": None, "n2": None}
    project.must_be_clean()


# Evidence.

BEFORE = (
    'things.string("size", 20)',
    'things.string("hidden", 200, encrypt=True)',
    'things.string("needed", 20)',
    'things.enum("kind", ["x", "y", "z"])',
    'things.enum("kinds", ["x", "y"], array=True)',
    'things.integer("count")',
    'things.string("gone", 20)',
    'things.string("same", 20)',
)
AFTER = (
    'things.string("size", 4)',
    'things.string("needed", 20, required=True)',
    'things.enum("kind", ["x"])',
    'things.enum("kinds", ["x"], array=True)',
    'things.integer("count", min=0, max=9)',
    'things.string("same", 20)',
    'things.index("only", "same", type="unique")',
)
ROWS: tuple[dict[str, Any], ...] = (
    {"size": "short", "kind": "y", "kinds": ["x", "y"], "count": -1, "gone": "a", "same": "Same", "hidden": "h"},
    {"size": "longest of all", "kind": "z", "kinds": ["x"], "count": 10, "gone": "b", "same": "same"},
    {"size": "fit", "kind": "x", "count": 5, "needed": "here", "same": "other"},
)
COSTS = {
    "size": "2 values are longer than 4 characters (the longest has 14)",
    "hidden": "1 document would lose its values",
    "needed": "2 documents have no value, which would be required",
    "kind": "2 documents have a value that would not be allowed any more (y, z)",
    "kinds": "1 document has a value that would not be allowed any more (y)",
    "count": "2 values lie outside the new bounds",
    "gone": "2 documents would lose its values",
}
DUPLICATES = "2 documents are not unique in same"


def test_every_loss_is_counted_refused_and_let_through_by_name_but_for_duplicates(project: Project) -> None:
    declare(project, *BEFORE)
    apply(project)
    fill(project, *ROWS)
    declare(project, *AFTER)
    plan = here(project, "plan", "--json", code=5).json
    said = {each["address"]: each["message"] for each in plan["refusals"]}
    assert len(said) == len(COSTS) + 1
    for key, cost in COSTS.items():
        assert f"is refused: {cost} (" in said[at(project, key)], said
    assert DUPLICATES in said[at(project, "only", "index")]
    assert actions(plan)[at(project, "gone")] == "delete"
    numbers = {key: cost.split()[0] for key, cost in COSTS.items()}
    allowed = [word for key in COSTS for word in ("--allow-data-loss", f"{at(project, key)}={numbers[key]}")]
    project.proxy.forget()
    out = apply(project, *allowed, "--allow-data-loss", f"{at(project, 'only', 'index')}=2", code=5).out
    assert "Refused (1)" in out
    assert DUPLICATES in out
    assert project.proxy.writes() == 0
    path = f"/databases/{project.id('db')}/collections/things/documents/n1"
    project.api.patch(path, {"data": {"same": "different"}})
    out = apply(project, *allowed).out
    assert f"{COSTS['size']}; --allow-data-loss allows that" in out
    assert values(project, "size") == {"n0": "shor", "n1": "long", "n2": "fit"}
    project.must_be_clean()
