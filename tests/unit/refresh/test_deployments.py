"""What each deployment is to us."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from raceday_iac.model.address import deployment_address, function_address
from raceday_iac.model.resource import frozen
from raceday_iac.provider.protocol import Deployment
from raceday_iac.refresh.deployments import (
    Archives,
    Classified,
    Remembered,
    Role,
    age,
    classify,
    line_of,
    read_deployments,
)
from raceday_iac.state.document import Entry, new_state

F = function_address("f")
G = function_address("g")

NOTHING = Remembered()
NOW = datetime(2025, 7, 17, 12, tzinfo=UTC)


def classified(
    *deployments: Deployment,
    active: str = "",
    remembered: Remembered = NOTHING,
    ours: Collection[str] = (),
    old: Collection[str] = (),
) -> list[Classified]:
    return list(classify(deployments, active, remembered, lambda each: each.id in ours, lambda each: each.id in old))


def role(status: str, **settings: object) -> Role:
    """The role of one deployment `d`."""
    (found,) = classified(Deployment("d", status), **settings)  # type: ignore[arg-type]
    return found.role


@pytest.mark.parametrize("status", ["ready", "failed", "waiting"])
def test_what_is_active_is_never_anything_else(status: str) -> None:
    assert role(status, active="d", remembered=Remembered((), ("d",)), old=["d"]) is Role.ACTIVE


@pytest.mark.parametrize("status", ["waiting", "processing", "building", "ready", "failed", "canceled"])
def test_what_nothing_proves_to_be_ours_is_somebody_elses(status: str) -> None:
    assert role(status, old=["d"]) is Role.FOREIGN


@pytest.mark.parametrize("type", ["vcs", "cli"])
def test_what_came_another_way_is_not_even_asked_whose_it_is(type: str) -> None:
    def ask(_each: Deployment) -> bool:
        raise AssertionError("asked")

    (found,) = classify([Deployment("d", "ready", type=type)], "", NOTHING, ask, ask)
    assert found.role is Role.FOREIGN


def test_what_was_active_before_is_to_be_gone_back_to_whoever_made_it() -> None:
    assert role("ready", remembered=Remembered(("d",))) is Role.PREVIOUS


def test_what_was_active_before_and_is_no_longer_ready_is_no_previous() -> None:
    assert role("failed", remembered=Remembered(("d",))) is Role.FOREIGN
    assert role("failed", remembered=Remembered(("d",)), ours=["d"]) is Role.ORPHAN


def test_what_is_ours_and_not_remembered_is_to_be_gone_back_to_as_well() -> None:
    assert role("ready", ours=["d"]) is Role.PREVIOUS


def test_what_was_begun_and_never_accepted_is_an_orphan_although_it_is_built() -> None:
    assert role("ready", remembered=Remembered((), ("d",))) is Role.ORPHAN
    assert role("ready", remembered=Remembered(("d",), ("d",))) is Role.ORPHAN


@pytest.mark.parametrize("status", ["failed", "canceled"])
@pytest.mark.parametrize("settings", [{"ours": ["d"]}, {"remembered": Remembered((), ("d",))}], ids=["proven", "begun"])
def test_a_build_of_ours_that_came_to_nothing_is_an_orphan(status: str, settings: dict[str, object]) -> None:
    assert role(status, **settings) is Role.ORPHAN


@pytest.mark.parametrize("status", ["waiting", "processing", "building"])
def test_what_is_under_way_becomes_an_orphan_with_age(status: str) -> None:
    assert role(status, ours=["d"]) is Role.UNFINISHED
    assert role(status, ours=["d"], old=["d"]) is Role.ORPHAN


def test_the_line_is_as_remembered_and_then_by_age() -> None:
    found = classified(
        *(Deployment(name, "ready") for name in ("e", "d", "c", "b", "a")),
        active="c",
        remembered=Remembered(("c", "a", "gone", "d")),
        ours=["b", "e"],
    )
    assert line_of(found, Remembered(("c", "a", "gone", "d"))) == ("a", "d", "e", "b")


def test_the_state_remembers_both_lists() -> None:
    state = (
        new_state()
        .with_entry(Entry(function_address("f"), frozen({}), uploads=("u",)))
        .with_entry(Entry(deployment_address("f"), frozen({}), "a", ("a", "b")))
    )
    assert Remembered.of(state, F) == Remembered(("a", "b"), ("u",))
    assert Remembered.of(state, G) == NOTHING


def test_the_age_is_counted_from_the_creation() -> None:
    created = NOW - timedelta(minutes=90)
    for text in (created.isoformat(), created.replace(tzinfo=None).isoformat()):
        assert age(Deployment("d", "ready", created_at=text), NOW) == 5400


def test_an_unknown_or_future_creation_is_no_age() -> None:
    assert age(Deployment("d", "ready"), NOW) == 0
    assert age(Deployment("d", "ready", created_at="2026-01-01T00:00:00.000+00:00"), NOW) == 0


class _ServerInItsOwnTime:
    """A server whose clock is years behind ours; one upload began there five minutes ago."""

    def active_deployment(self, _function: str) -> str:
        return ""

    def all_deployments(self, _function: str) -> list[Deployment]:
        return [Deployment("d", "waiting", created_at=(NOW - timedelta(minutes=5)).isoformat())]

    def server_time(self) -> datetime:
        return NOW


@pytest.mark.parametrize(("seconds", "role"), [(3600.0, Role.UNFINISHED), (60.0, Role.ORPHAN)])
def test_an_upload_is_as_old_as_the_servers_clock_says(seconds: float, role: Role) -> None:
    server: Any = _ServerInItsOwnTime()
    (found,) = read_deployments(server, Archives(server), F, Remembered((), ("d",)), seconds)
    assert found.role is role


@pytest.mark.parametrize("status", ["waiting", "processing", "building"])
def test_where_the_server_says_no_time_no_upload_is_abandoned(status: str) -> None:
    """By our own clock it would be years old."""
    server: Any = _ServerInItsOwnTime()
    server.all_deployments = lambda _function: [Deployment("d", status, created_at="2020-01-01T00:00:00.000+00:00")]
    server.server_time = lambda: None
    (found,) = read_deployments(server, Archives(server), F, Remembered((), ("d",)), 60.0)
    assert found.role is Role.UNFINISHED
