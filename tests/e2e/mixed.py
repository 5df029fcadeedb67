"""Small stacks for tests that stop, cut and refuse: a schema, and a function with all that belongs to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .project import Project

SCHEMA = """
    database = stack.database(P + "db", name="Small")
    for name in ("one", "two"):
        collection = database.collection(name, name=name)
        for number in range(6):
            collection.string(f"text{number}", 20)
        collection.index("by_text", "text0", "text1")
    database.collection("three", name="three").relationship("one", "one", type="manyToOne", two_way_key="threes")
"""
SCHEMA_OBJECTS = 1 + 3 + 12 + 2 + 1
#: Those that lie in collections.
SCHEMA_MEMBERS = 12 + 2 + 1
_EMPTY = """
    database = stack.database(P + "db", name="Small")
    for name in ("one", "two", "three"):
        database.collection(name, name=name)
"""
#: Servers that create a collection with all that is in it by one request.
INLINE = (1, 9)
FUNCTION = """
    stack.function(
        P + "fn", name="Fn", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=20, schedule="0 3 1 1 *",
        entrypoint="main.py", code="functions/fn",
        variables={"A": "a", "TOKEN": FromEnvironment("E2E_TOKEN")},
    )
"""
#: The writes that create it, in their order; the two variables may change places.
FUNCTION_WRITES = (
    ("POST", "/functions"),
    ("POST", "*/variables"),
    ("POST", "*/variables"),
    ("POST", "*/deployments"),
    ("PATCH", "*/deployment"),
    ("PUT", "/functions/*"),
)


def declare_schema(project: Project) -> int:
    """Declare it so that an apply creates each object by one request; how many those are. Where a new collection comes
    with all that is in it, the collections are there before, empty."""
    if project.api.version < INLINE:
        project.declare(SCHEMA)
        return SCHEMA_OBJECTS
    project.declare(_EMPTY)
    project.apply()
    project.proxy.forget()
    project.declare(SCHEMA)
    return SCHEMA_MEMBERS


def declare_function(project: Project, stack: str = FUNCTION) -> None:
    """A function with code, a secret and a schedule."""
    project.secret("E2E_TOKEN", f"secret-{project.prefix}")
    project.code("fn", main="def main(context):\n    return context.res.empty()\n")
    project.declare(stack)


def must_be_single(project: Project) -> None:
    """The function, each of its variables and its code are there, once."""
    path = f"/functions/{project.id('fn')}"
    function: Mapping[str, Any] = project.api.get(path)
    assert sorted(each["key"] for each in function["vars"]) == ["A", "TOKEN"]
    deployments = project.api.ids(f"{path}/deployments", "deployments")
    assert deployments == [function["deploymentId"]]
    assert function["schedule"] == "0 3 1 1 *"
    project.must_keep_no_secret()
