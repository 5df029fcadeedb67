"""What a plan mentions of deployments that are left over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from raceday_iac.model.address import deployment_address, function_address
from raceday_iac.model.resource import LeftOut, Live, WhyLeftOut, frozen
from raceday_iac.planning.build import deployment_notes, left_out_notes
from raceday_iac.planning.plan import Action, Change, Reason
from raceday_iac.provider import Snapshot
from raceday_iac.provider.protocol import Deployment
from raceday_iac.state.document import Entry, State, new_state

from ..declaring import resolved, stack_with_function

F = function_address("f")

AT, SOMETHING = deployment_address("f"), deployment_address("g")


def notes(
    folder: Path,
    state: State | None = None,
    newest: Deployment | None = None,
    *,
    code: bool = True,
    active: str = "a",
    changes: Sequence[Change] = (),
) -> list[str]:
    (folder / "main.py").write_text("x = 1\n")
    desired = resolved(stack_with_function(**({"code": "."} if code else {})), root=folder)
    snapshot = Snapshot({AT: Live(AT, frozen({}), active)}, newest={F: newest} if newest else {})
    return list(deployment_notes(desired, state or new_state(), snapshot, changes))


def begun(*deployments: str) -> State:
    return new_state().with_entry(Entry(function_address("f"), frozen({}), uploads=deployments))


def test_where_nothing_is_left_over_nothing_is_said(tmp_path: Path) -> None:
    assert notes(tmp_path) == []


@pytest.mark.parametrize("status", ["failed", "canceled", "waiting", "building"])
def test_a_newest_deployment_that_is_not_ready_is_mentioned(tmp_path: Path, status: str) -> None:
    (note,) = notes(tmp_path, newest=Deployment("b", status))
    assert f"its newest deployment b is {status}, not active" in note
    assert "raceday-iac deployments f" in note


@pytest.mark.parametrize("status", ["ready", ""])
def test_a_newest_deployment_that_only_is_not_active_is_not(tmp_path: Path, status: str) -> None:
    assert notes(tmp_path, newest=Deployment("b", status)) == []


def test_uploads_that_were_never_accepted_are_mentioned(tmp_path: Path) -> None:
    (note,) = notes(tmp_path, begun("b", "c"), Deployment("c", "failed"))
    assert "2 deployments of earlier runs were never put into use (b, c, the newest is failed)" in note


def test_an_upload_that_is_about_to_be_used_is_not_offered_for_deletion(tmp_path: Path) -> None:
    deploy = Change(AT, Action.DEPLOY, "new code", why=Reason.DECLARED)
    (note,) = notes(tmp_path, begun("b"), Deployment("b", "ready"), changes=[deploy])
    assert "apply reuses one that holds the code to be deployed" in note
    assert "--clean" not in note
    (note,) = notes(tmp_path, begun("b"), Deployment("b", "ready"), changes=[replace(deploy, address=SOMETHING)])
    assert "--clean" in note


def test_of_many_only_some_are_named(tmp_path: Path) -> None:
    (note,) = notes(tmp_path, begun("b", "c", "d", "e", "f"))
    assert "(d, e, f and 2 more)" in note


def test_one_that_is_active_is_the_affair_of_the_plan(tmp_path: Path) -> None:
    assert notes(tmp_path, begun("a")) == []


def test_functions_whose_code_is_not_managed_are_left_alone(tmp_path: Path) -> None:
    assert notes(tmp_path, begun("b"), Deployment("b", "failed"), code=False) == []


def left_out(*entries: LeftOut) -> list[str]:
    return list(left_out_notes(replace(resolved(stack_with_function()), left_out={F: entries})))


def test_what_is_left_out_of_a_bundle_is_named_with_the_reason() -> None:
    found = left_out(
        LeftOut("venv/", WhyLeftOut.ENVIRONMENT),
        LeftOut(".env", WhyLeftOut.SECRET),
        LeftOut("a.pem", WhyLeftOut.SECRET),
    )
    assert found == [
        "function.f: not in its bundle: .env, a.pem (looks like a secret); venv/ (installed packages). "
        'To include a file: include=["…"].'
    ]


def test_what_git_ignores_is_not_worth_a_note_unless_it_looks_like_a_secret() -> None:
    ignored = LeftOut("x.pyc", WhyLeftOut.CACHE, "by .gitignore line 1", is_ignored=True)
    assert left_out(ignored) == []
    (only,) = left_out(ignored, LeftOut(".env", WhyLeftOut.SECRET, "by .gitignore line 2", is_ignored=True))
    assert ".env (looks like a secret)" in only
    assert "x.pyc" not in only


def test_of_much_that_is_left_out_the_beginning_is_named_and_the_rest_counted() -> None:
    (ten,) = left_out(*(LeftOut(f"{number}.pem", WhyLeftOut.SECRET) for number in range(10)))
    assert "9.pem (looks" in ten
    (more,) = left_out(*(LeftOut(f"{number}.pem", WhyLeftOut.SECRET) for number in range(12)))
    assert "9.pem and 2 more (looks" in more
