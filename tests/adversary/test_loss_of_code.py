"""Code that lies only on the server is data: a function that holds it does not go by itself."""

from __future__ import annotations

import io
import tarfile

import pytest

from .harness import Arena
from .losing import DB, FUNCTION, apply, run, settle

OURS = """
    stack.function(P + "fn", name="Fn", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=9,
                   entrypoint="m.py", code="functions/fn")
"""


def archive(text: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        found = tarfile.TarInfo("m.js")
        found.size = len(text)
        tar.addfile(found, io.BytesIO(text.encode()))
    return out.getvalue()


def upload(arena: Arena, number: int = 1, name: str = "fn") -> None:
    for each in range(number):
        arena.api.upload(arena.id(name), archive(f"// {each}"), activate=False)


def path(arena: Arena) -> str:
    return f"/functions/{arena.id('fn')}"


def deployments(arena: Arena) -> int:
    return len(arena.api.ids(f"{path(arena)}/deployments", "deployments"))


@pytest.fixture
def kept(empty: Arena) -> Arena:
    """A function whose code is none of the stack's business, with two uploads of somebody's."""
    settle(empty, DB, FUNCTION)
    upload(empty, 2)
    return empty


def test_a_function_with_the_only_copy_of_its_code_is_not_dropped(kept: Arena) -> None:
    kept.declare(DB)
    ended = apply(kept, code=5)
    assert "2 deployments would be deleted, whose source is nowhere else" in ended.out
    assert f"--allow-data-loss function.{kept.id('fn')}=2" in ended.out
    assert deployments(kept) == 2
    apply(kept, "--allow-data-loss", f"function.{kept.id('fn')}=1", code=5)
    apply(kept, "--allow-data-loss", f"function.{kept.id('fn')}=2")
    assert not kept.api.has(path(kept))


def test_a_function_without_any_code_goes(empty: Arena) -> None:
    settle(empty, DB, FUNCTION)
    empty.declare(DB)
    apply(empty)
    assert not empty.api.has(path(empty))


def test_code_that_is_uploaded_meanwhile_stops_the_deletion(empty: Arena) -> None:
    settle(empty, DB, FUNCTION)
    empty.declare("")
    empty.proxy.call(lambda: upload(empty), "GET", "/databases/*/collections*", skip=1)
    ended = apply(empty, code=5)
    assert "1 deployment would be deleted, whose source is nowhere else" in ended.out
    assert "now, and 0 were shown" in ended.out
    assert deployments(empty) == 1


def test_destroy_is_refused_in_the_same_way_and_allowed_in_the_same_way(kept: Arena) -> None:
    ended = run(kept, "destroy", kept.id("fn"), "--auto-approve", code=5)
    assert "2 deployments would be deleted" in ended.out
    assert deployments(kept) == 2
    run(kept, "destroy", kept.id("fn"), "--auto-approve", "--allow-data-loss", f"function.{kept.id('fn')}=2")
    assert not kept.api.has(path(kept))


def test_a_tombstone_says_what_goes_and_asks_for_nothing(kept: Arena) -> None:
    """Its reason is the permission: the user's own plan deletes functions that others made like this."""
    kept.api.post(f"{path(kept)}/variables", {"key": "OLD", "value": "x"})
    kept.declare(DB + '    stack.absent("function." + P + "fn", reason="another one does it")\n')
    ended = apply(kept)
    assert "2 deployments would be deleted, whose source is nowhere else" in ended.out
    assert "1 undeclared thing would be deleted with it" in ended.out
    assert not kept.api.has(path(kept))


class Managed:
    """A function with code from the stack."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        arena.code("fn", m="def main(context):\n    return context.res.text('ok')\n")
        settle(arena, DB, OURS)


@pytest.fixture
def managed(empty: Arena) -> Arena:
    return Managed(empty).arena


def execute(arena: Arena, number: int) -> None:
    for _ in range(number):
        arena.api.post(f"{path(arena)}/executions", {"async": True})


def test_code_that_the_stack_made_is_not_only_there_and_runs_are_reported(managed: Arena) -> None:
    execute(managed, 3)
    managed.declare(DB)
    ended = apply(managed)
    assert f"delete of function.{managed.id('fn')}: 3 executions would be deleted with it" in ended.out
    assert not managed.api.has(path(managed))


def test_an_upload_of_others_beside_our_code_is_not_ours_to_lose(managed: Arena) -> None:
    upload(managed)
    managed.declare(DB)
    assert "1 deployment would be deleted, whose source is nowhere else" in apply(managed, code=5).out
    assert managed.api.has(path(managed))


def test_code_that_others_put_in_its_place_is_not_ours_to_lose(managed: Arena) -> None:
    new = managed.api.upload(managed.id("fn"), archive("def main(context):\n    return 1\n"), activate=False)["$id"]
    managed.declare(DB)
    assert f"({new})" in apply(managed, code=5).out


def test_executions_that_come_meanwhile_stop_nothing(managed: Arena) -> None:
    """A function on a schedule would never be deleted otherwise."""
    managed.declare("")
    managed.proxy.call(lambda: execute(managed, 2), "GET", "/databases/*/collections*", skip=1)
    apply(managed)
    assert not managed.api.has(path(managed))
