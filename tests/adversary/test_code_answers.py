"""Wrong answers while code is uploaded, built, switched, read back and run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .harness import Arena, Case, Settled, make_quick, play

CODE = "def main(context):\n    return context.res.text('{}')\n"
STACK = """
    stack.function(P + "fn", name="Fn", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=9,
                   entrypoint="main.py", code="functions/fn")
"""
_DEPLOYMENTS = "/functions/fn/deployments"
_APPLY = "apply --auto-approve"


def write(arena: Arena, version: int) -> None:
    arena.code("fn", main=CODE.format(version))


def make(arena: Arena) -> None:
    """A function with two deployments, the second of which is active."""
    arena.declare(STACK)
    for version in (1, 2):
        write(arena, version)
        arena.prepare("apply", "--auto-approve")
    arena.proxy.forget()


@pytest.fixture(scope="module")
def kept(server: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settled]:
    with Settled(server, lambda: tmp_path_factory.mktemp("arena"), make).kept() as found:
        yield found


@pytest.fixture
def arena(kept: Settled, monkeypatch: pytest.MonkeyPatch) -> Iterator[Arena]:
    """A project whose function has code."""
    make_quick(monkeypatch)
    yield kept.arena()
    kept.give_back()


READING = [
    *(
        Case(each, f"GET {_DEPLOYMENTS}", "deployments fn")
        for each in ("404-text", "set:deployments.0=null", "200-html")
    ),
    *(
        Case(each, f"GET {_DEPLOYMENTS}", "logs fn --build latest")
        for each in ("404-text", "without:deployments.0.status")
    ),
    *(Case(each, f"GET {_DEPLOYMENTS}/*", "logs fn --build latest") for each in ("404-text", "200-object", "emptied")),
    *(Case(each, f"GET {_DEPLOYMENTS}", "recover --dry-run") for each in ("404-text", "without:total")),
    *(Case(each, f"GET {_DEPLOYMENTS}", "health") for each in ("404-text", "200-null")),
    *(
        Case(each, "POST /functions/fn/executions", "run fn")
        for each in ("404-text", "200-html", "204-empty", "200-object")
    ),
    *(
        Case(each, "POST /functions/fn/executions", "run fn", lands=True)
        for each in ("emptied", "without:status", "cut")
    ),
    *(
        Case(each, "PATCH /functions/fn/deployment", "rollback fn --auto-approve")
        for each in ("404-text", "200-object")
    ),
]


@pytest.mark.parametrize("case", READING, ids=str)
def test_nothing_is_made_of_a_wrong_answer_about_code(arena: Arena, case: Case) -> None:
    ended = play(arena, case)
    assert "✓" not in ended.out
    if case.words == "run fn":
        assert f"may have been started; see: raceday-iac logs {arena.id('fn')}" in ended.err


def test_an_activation_of_something_else_is_none(arena: Arena) -> None:
    answer = 'set:deploymentId="another"'
    case = Case(answer, "PATCH /functions/fn/deployment", "rollback fn --auto-approve", lands=True, must_name=False)
    assert "but another is active" in play(arena, case).err


DEPLOYING = [
    *(
        Case(each, f"POST {_DEPLOYMENTS}", _APPLY)
        for each in ("404-text", "200-html", "413-html", "502-html", "200-object")
    ),
    *(Case(each, f"GET {_DEPLOYMENTS}", _APPLY) for each in ("404-text", 'set:deployments.0.sourceSize="x"')),
    *(Case(each, f"POST {_DEPLOYMENTS}", _APPLY, lands=True) for each in ("emptied", "without:$id", "without:status")),
    *(Case(each, f"GET {_DEPLOYMENTS}/*", _APPLY, lands=True) for each in ("404-text", "set:status=null", "emptied")),
    *(
        Case(each, "PATCH /functions/fn/deployment", _APPLY, lands=True)
        for each in ("404-text", "200-html", "404-route")
    ),
]


@pytest.mark.parametrize("case", DEPLOYING, ids=str)
def test_no_code_counts_as_deployed_by_a_wrong_answer(arena: Arena, case: Case) -> None:
    write(arena, 3)
    active = arena.api.get(f"/functions/{arena.id('fn')}")["deploymentId"]
    play(arena, case)
    assert arena.api.get(f"/functions/{arena.id('fn')}")["deploymentId"] == active
    if case.lands:
        arena.prepare("apply", "--auto-approve")
        arena.must_be_clean()


@pytest.mark.parametrize(
    "answer", ["404-text", "200-html", "200-object", "200-empty", "as:text/html", "emptied", "body-cut"]
)
def test_a_page_is_not_the_source_of_a_deployment(arena: Arena, answer: str, tmp_path: Path) -> None:
    """Without its state the tool asks what the active code is. A page has a digest like any other file."""
    kept = shutil.copytree(arena.state_folder, tmp_path / "kept")
    arena.lose_state()
    try:
        play(arena, Case(answer, f"GET {_DEPLOYMENTS}/*/download", "plan"))
        cache = arena.state_folder / "cache" / "archives.json"
        assert (
            not cache.exists() or arena.api.get(f"/functions/{arena.id('fn')}")["deploymentId"] not in cache.read_text()
        )
    finally:
        shutil.rmtree(arena.state_folder, ignore_errors=True)
        shutil.move(kept, arena.state_folder)
