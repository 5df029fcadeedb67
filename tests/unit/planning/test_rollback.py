"""Which deployment a rollback goes to."""

from __future__ import annotations

import pytest

from raceday_iac.diff import Cause
from raceday_iac.errors import IacError, RefusedError
from raceday_iac.model.address import deployment_address, function_address
from raceday_iac.model.resource import Live, frozen
from raceday_iac.planning import Action
from raceday_iac.planning.build import choose, must_be_managed, must_run, plan_rollback
from raceday_iac.provider.protocol import Deployment
from raceday_iac.refresh.deployments import Classified, Remembered, Role
from raceday_iac.state.document import Entry, new_state

F = function_address("f")
G = function_address("g")

AT = deployment_address("f")


def classified(**roles: str) -> list[Classified]:
    """Deployments by id, newest first, from `role` or `role/status`."""
    found, created = [], "2025-07-17T12:00:00.000+00:00"
    for name, text in roles.items():
        role, _, status = text.partition("/")
        found.append(Classified(Deployment(name, status or "ready", created_at=created), Role(role)))
    return found


def chosen(found: list[Classified], *line: str, to: str = "") -> str:
    return choose(F, found, Remembered(line), to).deployment.id


def test_it_goes_to_the_one_that_was_active_before() -> None:
    assert chosen(classified(c="active", b="previous", a="previous"), "c", "a", "b") == "a"


def test_without_a_memory_it_goes_to_the_newest_that_can_be_gone_back_to() -> None:
    assert chosen(classified(d="previous", c="active", b="previous"), "c") == "d"


def test_it_goes_to_the_last_one_of_the_state_when_somebody_else_activated_another() -> None:
    assert chosen(classified(x="active", b="previous", a="previous"), "b", "a") == "b"


def test_it_goes_to_the_one_that_is_named_whosever_it_is() -> None:
    assert chosen(classified(c="active", b="previous", a="foreign"), "c", "b", to="a") == "a"


@pytest.mark.parametrize("found", [{"c": "active"}, {"c": "active", "b": "foreign", "a": "orphan/failed"}])
def test_without_a_previous_one_it_is_refused(found: dict[str, str]) -> None:
    with pytest.raises(RefusedError, match=r"has no previous deployment .* Nothing was changed"):
        chosen(classified(**found), "c")


def test_one_that_is_gone_is_refused_and_not_passed_over() -> None:
    with pytest.raises(RefusedError, match="no longer has b, which was active before") as caught:
        chosen(classified(c="active", a="previous"), "c", "b", "a")
    assert caught.value.hint.endswith("--to a")


def test_one_that_was_never_there_is_refused() -> None:
    with pytest.raises(RefusedError, match="has no deployment zzz"):
        chosen(classified(c="active"), "c", to="zzz")


@pytest.mark.parametrize("status", ["failed", "waiting", "building", "canceled"])
def test_one_that_is_not_ready_is_refused(status: str) -> None:
    with pytest.raises(RefusedError, match=f"is {status}, not ready"):
        chosen(classified(c="active", b=f"orphan/{status}"), "c", "b")


def test_code_that_is_not_in_the_state_is_not_ours_to_switch() -> None:
    state = new_state().with_entry(Entry(deployment_address("g"), frozen({})))
    with pytest.raises(IacError, match="raceday-iac does not manage it") as caught:
        must_be_managed(F, state)
    assert caught.value.hint == "with managed code: g"
    must_be_managed(G, state)


def test_the_plan_activates_and_says_what_changes() -> None:
    (target,) = classified(b="previous")
    plan = plan_rollback("test", new_state(), Live(AT, frozen({"digest": "new"}), "c"), target, "old")
    (change,) = plan.changes
    assert (change.key, change.drifted) == ("activate:deployment.f", False)
    assert change.action is Action.ACTIVATE
    assert change.touches_server
    assert [(each.name, each.before, each.after, each.cause) for each in change.fields] == [
        ("deployment", "c", "b", Cause.CONFIG),
        ("digest", "new", "old", Cause.CONFIG),
    ]


def test_what_is_active_already_is_nothing_to_do() -> None:
    (target,) = classified(c="active")
    assert plan_rollback("test", new_state(), Live(AT, frozen({}), "c"), target, "x").is_empty


@pytest.mark.parametrize(
    ("runtime", "entrypoint", "is_refused"),
    [
        ("python-3.12", "src/main.js", True),
        ("node-22", "src/main.py", True),
        ("php-8.3", "main.py", True),
        ("python-3.12", "src/main.py", False),
        ("python-ml-3.11", "src/main.py", False),
        ("node-22", "src/main.mjs", False),
        ("bun-1.1", "src/main.js", False),
        # Of these nothing is known.
        ("go-1.23", "main.py", False),
        ("python-3.12", "", False),
        ("python-3.12", "main", False),
        ("", "main.js", False),
    ],
)
def test_code_of_another_language_than_the_functions_runtime_is_not_gone_back_to(
    runtime: str, entrypoint: str, is_refused: bool
) -> None:
    deployment = Deployment("old", "ready", entrypoint=entrypoint)
    if not is_refused:
        must_run(F, deployment, runtime)
        return
    with pytest.raises(
        RefusedError, match=f"has the entrypoint {entrypoint}, but the function now has the runtime {runtime}"
    ):
        must_run(F, deployment, runtime)
