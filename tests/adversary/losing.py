"""What the cases about losing data share: a terminal at which somebody is slow to answer, and what documents hold."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest
from e2e.command import Ended
from e2e.project import ENVIRONMENT

from .harness import Arena

DB = """
    db = stack.database(P + "db", name="Db")
"""
#: A collection `c` with a text and a number.
COLLECTION = """
    c = db.collection("c", name="C")
    c.string("text", 20)
    c.integer("number")
"""
#: A function without code in the stack.
FUNCTION = """
    stack.function(P + "fn", name="Fn", runtime="node-22", specification="s-1vcpu-512mb", timeout=9,
                   entrypoint="m.js", code=KEEP)
"""


class Terminal(io.StringIO):
    """A terminal at which somebody thinks for a while before he says yes. `meanwhile` is what others do."""

    def __init__(self, meanwhile: Callable[[], object], answer: str = "yes") -> None:
        super().__init__()
        self._meanwhile, self._answer = meanwhile, answer
        self.asked = 0

    def isatty(self) -> bool:
        return True

    def readline(self, *_: Any) -> str:
        self.asked += 1
        self._meanwhile()
        return f"{self._answer}\n"


def at_terminal(arena: Arena, *words: str, meanwhile: Callable[[], object] = lambda: None, code: int = 0) -> Ended:
    """A whole run in this process, with somebody at the terminal."""
    command = [*words, "--env", ENVIRONMENT, "--stack", str(arena.stack_file)]
    return here(arena, *command, code=code, stdin=Terminal(meanwhile))


def here(arena: Arena, *command: str, code: int = 0, stdin: io.StringIO | None = None) -> Ended:
    """A whole run in this process of exactly this command."""
    from raceday_iac.cli.main import execute

    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in {**arena._own_variables(), **arena.variables}.items():
            patch.setenv(name, value)
        patch.setattr("sys.stdin", stdin or io.StringIO())
        exited = execute(list(command))
    ended = Ended(" ".join(command), exited, out.getvalue(), err.getvalue())
    assert "Traceback" not in ended.text, ended
    assert ended.code == code, f"expected exit {code}\n{ended}"
    return ended


def run(arena: Arena, *words: str, code: int = 0) -> Ended:
    """A whole run without a terminal."""
    ended = arena.run(*words)
    assert ended.code == code, f"expected exit {code}\n{ended}"
    return ended


def apply(arena: Arena, *words: str, code: int = 0) -> Ended:
    return run(arena, "apply", "--auto-approve", *words, code=code)


def settle(arena: Arena, *parts: str) -> None:
    """Apply a stack made of these parts."""
    arena.declare("".join(parts))
    apply(arena)


def documents(arena: Arena, collection: str = "c") -> str:
    return f"{arena.path(collection)}/documents"


def write(arena: Arena, many: int, /, *, into: str = "c", **data: Any) -> None:
    """As many more documents."""
    for _ in range(many):
        arena.api.post(documents(arena, into), {"documentId": "unique()", "data": data or {"text": "t"}})


def count(arena: Arena, collection: str = "c") -> int:
    return len(arena.api.ids(documents(arena, collection), "documents"))


def at(arena: Arena, kind: str, inner: str = "") -> str:
    """An address in the database."""
    return f"{kind}.{arena.id('db')}{'/' if inner else ''}{inner}"


def evidence(plan: Mapping[str, Any], asks: str) -> list[Any]:
    """What a plan counted of one kind."""
    return [each["count"] for each in plan["evidence"] if each["asks"] == asks]
