"""One stack applied to a server of each age, through real requests: what is sent, how often, and what stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.applying.run import Applied, apply_plan
from raceday_iac.importing.source import PLAIN
from raceday_iac.kinds import Kind, in_words_of, kind_of
from raceday_iac.kinds.base import Call, Shape
from raceday_iac.kinds.fields import wire_fields
from raceday_iac.loading.resolve import resolve
from raceday_iac.loading.stack_file import load_stack
from raceday_iac.model.address import database_address
from raceday_iac.model.evidence import Answer
from raceday_iac.model.resource import Desired
from raceday_iac.model.secret import FromEnvironment, Secret
from raceday_iac.model.server import ServerFacts
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Plan, PlanOptions, build_plan
from raceday_iac.provider.appwrite import AppwriteProvider, Transport
from raceday_iac.refresh.snapshot import refresh
from raceday_iac.state.document import State, new_state

from .description import published

ROOT = Path(__file__).parents[2]
AGES = ("1.8", "1.9", "main")
#: What a project holds, with the key of its list.
LISTS = {
    "functions": "functions",
    "sites": "sites",
    "databases": "databases",
    "tablesdb": "databases",
    "project/variables": "variables",
}


class MemoryStore:
    """A store that keeps only the last state."""

    def write(self, state: State) -> None:
        self.saved = state

    def append_journal(self, line: str) -> None:
        """There is nobody who would read it."""


class Counted(Transport):
    """Notes what is asked."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.asked: list[str] = []

    def request(self, call: Call, **settings: Any) -> Any:
        self.asked.append(str(call))
        return super().request(call, **settings)


class Project:
    """A project on a server of one age."""

    def __init__(self, server: Any) -> None:
        self.transport = Counted(server.endpoint, server.project, Secret(server.key))
        self.provider = AppwriteProvider(self.transport)
        self.state: State = new_state()

    def plan(self, desired: Desired) -> Plan:
        snapshot = refresh(self.provider, desired, self.state)
        options = PlanOptions(allowed=dict.fromkeys(snapshot.resources, Answer(None)))
        return build_plan("test", desired, self.state, snapshot, lambda _question: Answer(0), options)

    def apply(self, desired: Desired) -> Applied:
        """Plan and apply. Everything must be done."""
        plan = self.plan(desired)
        assert plan.refusals == ()
        applied = apply_plan(plan, desired, {}, self.provider, MemoryStore(), self.state, lambda _event: None, 8)  # type: ignore[arg-type]
        self.state = applied.state
        assert [str(error) for _, error in applied.failed] == []
        return applied

    def raw(self, method: str, path: str, **body: Any) -> Any:
        return self.transport.request(Call(method, path, body, Shape({})))

    def count(self, method: str = "") -> int:
        return len([each for each in self.transport.asked if each.startswith(method)])

    def clear(self) -> None:
        for listed, key in LISTS.items():
            if listed.startswith("project") and not self.plan(Desired("", {})).server_version.startswith("1.9"):
                continue
            for each in self.raw("get", f"/{listed}")[key]:
                self.transport.request(Call("delete", f"/{listed}/{each['$id']}"))


@pytest.fixture
def on(server_of_age: Callable[[str], Any]) -> Iterator[Callable[[str], Project]]:
    """An empty project of an age."""
    made: list[Project] = []

    def project(age: str) -> Project:
        made.append(Project(server_of_age(age)))
        return made[-1]

    yield project
    for each in made:
        each.clear()


def resolved(stack: Stack) -> Desired:
    return resolve(stack, PLAIN, ROOT, {})


def raceday_schema() -> Desired:
    stack = load_stack(ROOT / "stacks" / "raceday.py")
    stack.declarations = [each for each in stack.declarations if each.kind != "function"]
    return resolved(stack)


@pytest.mark.parametrize("age", AGES)
def test_the_schema_of_raceday_is_made_and_then_nothing_is_left_to_do(on: Callable[[str], Project], age: str) -> None:
    project, desired = on(age), raceday_schema()
    project.apply(desired)
    asked = project.count()
    assert project.plan(desired).is_empty
    assert project.count() - asked <= 8


@pytest.mark.parametrize("age", ["1.9", "main"])
def test_the_schema_of_raceday_takes_at_most_forty_requests_where_collections_are_made_whole(
    on: Callable[[str], Project], age: str
) -> None:
    project = on(age)
    project.apply(raceday_schema())
    assert project.count() <= 40, project.transport.asked


# Sites.


def site(**more: Any) -> Desired:
    stack = Stack("x")
    stack.site("s", name="S", framework="other", build_runtime="static-1", **more)
    return resolved(stack)


@pytest.mark.parametrize("age", AGES)
def test_a_site_is_made_and_changed_on_each_server_and_nothing_of_it_is_reset(
    on: Callable[[str], Project], age: str
) -> None:
    project = on(age)
    desired = site(specification="s-1vcpu-1gb", start_command="npm start", variables={"A": "1"})
    project.apply(desired)
    assert project.plan(desired).is_empty
    by_hand = {"providerRootDirectory": "web", "adapter": "static", "fallbackFile": "index.html"}
    sizes = ["specification"] if age == "1.8" else ["buildSpecification", "runtimeSpecification"]
    said = {"name": "S", "framework": "other", "buildRuntime": "static-1", **dict.fromkeys(sizes, "s-2vcpu-2gb")}
    project.raw("put", "/sites/s", **said, **by_hand)
    changed = site(timeout=20, variables={"A": "2"})
    project.apply(changed)
    assert project.plan(changed).is_empty
    found = project.raw("get", "/sites/s")
    assert {name: found[name] for name in by_hand} == by_hand
    assert [found[each] for each in sizes] == ["s-2vcpu-2gb"] * len(sizes)
    assert (found["timeout"], found.get("startCommand", ""), found["vars"][0]["value"]) == (20, "", "2")


@pytest.mark.parametrize(("age", "is_kept"), [("1.9", False), ("main", True)])
def test_scopes_of_a_site_that_a_server_does_not_keep_are_an_error(
    on: Callable[[str], Project], age: str, is_kept: bool
) -> None:
    project, desired = on(age), site(scopes=["users.read"])
    plan = project.plan(desired)
    applied = apply_plan(plan, desired, {}, project.provider, MemoryStore(), project.state, lambda _event: None, 8)  # type: ignore[arg-type]
    assert [("scopes" in str(error)) for _, error in applied.failed] == ([] if is_kept else [True])


# Column types.


def texts(kind: str, *arguments: Any, **settings: Any) -> Desired:
    stack = Stack("test")
    owner = stack.database("d", name="D").collection("c", name="C")
    getattr(owner, kind)("a", *arguments, **settings)
    owner.integer("n")
    owner.index("i", "a", lengths=[10])
    stack.convert("attribute.d/c/a")
    return resolved(stack)


@pytest.mark.parametrize("age", ["1.9", "main"])
def test_every_newer_type_is_made_changed_and_left_alone(on: Callable[[str], Project], age: str) -> None:
    def stack(*, later: bool) -> Desired:
        found = Stack("test")
        owner = found.database("d", name="D").collection("c", name="C")
        owner.varchar("v", 30 if later else 20, default="x" if later else None)
        owner.varchar("secret", 200, encrypt=True)
        owner.varchar("many", 10, array=True)
        for kind in ("text", "mediumtext", "longtext"):
            getattr(owner, kind)(kind, default="d" if later else None)
            owner.index(f"i_{kind}", kind, "v", lengths=[20, 10])
            owner.index(f"f_{kind}", kind, type="fulltext")
        owner.text("hidden", encrypt=True)
        owner.bigint("b", min=0, max=9 if later else None, default=5 if later else None)
        return resolved(found)

    project = on(age)
    for later in (False, True):
        project.apply(stack(later=later))
        assert project.plan(stack(later=later)).is_empty


@pytest.mark.parametrize(
    ("kind", "arguments"), [("varchar", (60,)), ("text", ()), ("mediumtext", ()), ("longtext", ())]
)
def test_a_string_becomes_a_newer_text_and_back_without_losing_a_value(
    on: Callable[[str], Project], kind: str, arguments: tuple[Any, ...]
) -> None:
    project, string = on("1.9"), texts("string", 50)
    project.apply(string)
    values = {f"x{number}": value for number, value in enumerate(["", "ā" * 50, "plain"])}
    for name, value in values.items():
        project.raw("post", "/databases/d/collections/c/documents", documentId=name, data={"a": value})
    for desired in (texts(kind, *arguments), string):
        project.apply(desired)
        assert project.plan(desired).is_empty
        found = {str(each["$id"]): each["a"] for each in project.provider.documents("d", "c")}
        assert found == values


def test_a_type_that_the_server_is_too_old_for_is_refused_before_anything_is_written(
    on: Callable[[str], Project],
) -> None:
    project = on("1.8")
    messages = [each.message for each in project.plan(texts("varchar", 20)).refusals]
    assert ["Appwrite 1.8.1" in each and "1.9.0" in each for each in messages] == [True]
    assert project.count("POST") == 0


# Databases of the tables API.


@pytest.mark.parametrize("age", ["1.9", "main"])
def test_a_database_that_the_tables_api_made_is_managed_like_any_other(on: Callable[[str], Project], age: str) -> None:
    project = on(age)
    project.raw("post", "/tablesdb", databaseId="d", name="D")
    assert database_address("d") in project.provider.everything().resources
    stack = Stack("test")
    owner = stack.database("d", name="D").collection("c", name="C")
    owner.varchar("v", 20)
    owner.index("i", "v")
    desired = resolved(stack)
    assert {str(each.address): str(each.action) for each in project.plan(desired).changes}["database.d"] == "adopt"
    project.apply(desired)
    assert project.plan(desired).is_empty
    (column,) = project.raw("get", "/tablesdb/d/tables/c/columns")["columns"]
    assert (column["key"], column["type"]) == ("v", "varchar")


# Variables of the project.


def with_variables(**values: Any) -> Desired:
    return resolve(Stack("test", variables=values), PLAIN, ROOT, {"TOKEN": "t1", "OTHER": "t2"})


@pytest.mark.parametrize("age", ["1.9", "main"])
def test_variables_of_the_project_live_by_their_keys(on: Callable[[str], Project], age: str) -> None:
    project = on(age)
    odd = {"a/b c": "1", "k" * 100: "2"}
    first = with_variables(PLAIN="1", SECRET=FromEnvironment("TOKEN"), **odd)
    project.apply(first)
    assert project.plan(first).is_empty
    changed = with_variables(PLAIN="2", SECRET=FromEnvironment("OTHER"), **odd)
    assert {each.address.path for each in project.plan(changed).changes} == {"PLAIN", "SECRET"}
    project.apply(changed)
    assert project.plan(changed).is_empty
    raw = {each["key"]: each["value"] for each in project.raw("get", "/project/variables")["variables"]}
    assert raw == {"PLAIN": "2", "SECRET": "", **odd}
    project.apply(with_variables())
    assert project.raw("get", "/project/variables")["variables"] == []


def test_variables_of_the_project_are_refused_by_a_server_that_has_no_keys_for_them(
    on: Callable[[str], Project],
) -> None:
    (refused,) = on("1.8").plan(with_variables(A="1")).refusals
    assert "1.9.0" in refused.message


# A policy that only the newest servers have.


def with_factors(**said: bool) -> Desired:
    stack = Stack("test")
    stack.mfa_factors_policy(**said)
    return resolved(stack)


def test_factors_of_a_second_sign_in_are_set_where_a_server_has_them(on: Callable[[str], Project]) -> None:
    project = on("main")
    policy = "/project/policies/mfa-factors"
    for desired in (with_factors(phone=False, custom=True), with_factors(phone=True)):
        project.apply(desired)
        assert project.plan(desired).is_empty
    project.raw("patch", policy, totp=False)
    (drift,) = project.plan(with_factors(phone=True)).changes
    assert [(each.name, each.before, each.after) for each in drift.fields] == [("totp", False, True)]
    project.apply(with_factors(phone=True))
    assert project.plan(with_factors(phone=True)).is_empty


def test_factors_of_a_second_sign_in_are_refused_by_a_server_that_has_none(on: Callable[[str], Project]) -> None:
    project = on("1.9")
    (refused,) = project.plan(with_factors(phone=False)).refusals
    assert "policy.mfa-factors" in str(refused)
    assert project.count("PATCH") == 0


# What is not declared.


DESCRIPTIONS = {"1.8": "openapi-1.8.1-server.json", "main": "openapi-main-server.json"}
#: What a body parameter is set to that a stack does not say, other than where nothing is said: by name, or by type.
ODD: dict[str, Any] = {
    "buildSpecification": "s-1vcpu-1gb",
    "runtimeSpecification": "s-0.5vcpu-512mb",
    "specification": "s-1vcpu-1gb",
    "deploymentRetention": 9,
    "providerBranch": "",
    "providerRootDirectory": "apps",
    "installationId": "",
    "providerRepositoryId": "",
    "providerBranches": [],
    "providerPaths": [],
    "purge": False,
}


def parameters(age: str, route: str) -> dict[str, Any]:
    """The body parameters of a PUT, by name."""
    described = published(DESCRIPTIONS[age])
    _, _, path = route.partition(" ")
    contents = described["paths"].get(path, {}).get("put", {}).get("requestBody", {}).get("content", {}).values()
    return {name: each for content in contents for name, each in content["schema"]["properties"].items()}


def everything(*, later: bool) -> Desired:
    """One of each kind that a PUT changes, with nothing said that need not be; `later` with another name."""
    name = "Later" if later else "First"
    stack = Stack("test", variables={"A": name})
    stack.database("d", name=name).collection("c", name=name)
    stack.bucket("b", name=name)
    stack.function("f", name=name, runtime="python-3.12", timeout=20, entrypoint="main.py", variables={"B": name})
    return resolved(stack)


@pytest.mark.parametrize("age", AGES)
def test_no_update_resets_what_a_stack_does_not_say(on: Callable[[str], Project], age: str) -> None:
    project, older = on(age), age == "1.8"
    both = everything(later=False), everything(later=True)
    first, later = map(without_project_variables, both) if older else both
    project.apply(first)
    before = {}
    for kind in {kind_of(each).name: kind_of(each) for each in first.resources}.values():
        for route in kind.routes:
            if route.startswith("PUT"):
                before |= set_undeclared(project, first, kind, "1.8" if older else "main", route)
    assert len(before) >= 5
    project.apply(later)
    for (path, name), value in before.items():
        assert project.raw("get", path)[name] == value, (path, name)
    assert project.plan(later).is_empty


def without_project_variables(desired: Desired) -> Desired:
    kept = {at: each for at, each in desired.resources.items() if at.kind != "project_variable"}
    return replace(desired, resources=kept)


def set_undeclared(project: Project, desired: Desired, kind: Kind, age: str, route: str) -> dict[tuple[str, str], Any]:
    """Set every body parameter of a route that the stack does not say; what is there then, by path and name."""
    (wanted,) = desired.of_kind(kind.name)
    live = project.provider.find(wanted.address)
    assert live is not None
    assert kind.declaring is not None
    server = ServerFacts("1.9.6" if age == "main" else "1.8.1")
    fields = in_words_of(server, wanted.address, wanted.fields)
    call = kind.requests.update(wanted.address, fields, live)
    said = {each.request for model in kind.declaring.models for each in wire_fields(model) if each.name in fields}
    taken = parameters(age, route)
    left = set(taken) - said - {"key", "secret"}
    body = {name: ODD[name] if name in ODD else other(taken[name]) for name in left}
    body = {name: value for name, value in body.items() if value not in ("", [])}
    project.raw("put", call.path, **{**call.body, **body})
    now = project.raw("get", call.path)
    return {(call.path, name): now[name] for name in left if name in now}


def other(described: dict[str, Any]) -> Any:
    """A value that is not the one which a parameter gets where it is not said."""
    if described["type"] == "boolean":
        return not described.get("x-default", described.get("default", False))
    return {"string": "other", "integer": 7, "array": []}[described["type"]]
