"""Small stacks for tests: one valid function, one valid collection, and what resolving them says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.errors import StackError
from raceday_iac.loading.environment import Environment
from raceday_iac.loading.resolve import resolve
from raceday_iac.model.address import Address
from raceday_iac.model.resource import Desired, Diagnostic
from raceday_iac.model.stack import Collection, Database, Lock, Stack

NOWHERE = Path("/nowhere")
LOCK = Lock("f-lock", stale_after=20, heartbeat=10, expiry=30)


def address(text: str) -> Address:
    """Short for `Address.parse`."""
    return Address.parse(text)


def environment(**settings: Any) -> Environment:
    """An environment that changes nothing."""
    return Environment(**{"name": "test", "endpoint": "embedded", "project": "p", **settings})


def function(stack: Stack, id: str = "f", **settings: Any) -> None:
    """Declare a valid function, but for the settings given."""
    valid: dict[str, Any] = {
        "name": "F",
        "runtime": "python-3.12",
        "specification": "s-1vcpu-1gb",
        "timeout": 60,
        "entrypoint": "main.py",
    }
    stack.function(id, **{**valid, **settings})


def database(stack: Stack, id: str = "d") -> Database:
    return stack.database(id, name="D")


def collection(stack: Stack, id: str = "c", **settings: Any) -> Collection:
    """Declare a database `d` with one collection."""
    return database(stack).collection(id, **{"name": "C", **settings})


def stack_with_function(**settings: Any) -> Stack:
    """A stack with one function `f`, and a collection that can keep its lock."""
    stack = Stack("test", lock_store=("d", "locks"))
    database(stack).collection("locks", name="Locks")
    function(stack, **settings)
    return stack


def resolved(
    stack: Stack, *, root: Path = NOWHERE, variables: Mapping[str, str] | None = None, **settings: Any
) -> Desired:
    return resolve(stack, environment(**settings), root, variables or {})


def problems(stack: Stack, **settings: Any) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with a stack; fails when nothing is."""
    with pytest.raises(StackError) as caught:
        resolved(stack, **settings)
    return caught.value.problems


def complaint(stack: Stack, **settings: Any) -> str:
    """The one thing that is wrong with a stack, as a person reads it."""
    found = problems(stack, **settings)
    assert len(found) == 1, "\n".join(map(str, found))
    return str(found[0])
