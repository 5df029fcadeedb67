"""One stack for servers of different ages: what each is sent, and what a plan says of what one cannot have."""

from __future__ import annotations

import pytest

from raceday_iac.model.resource import Live, frozen
from raceday_iac.model.server import ServerFacts
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Plan
from raceday_iac.state.document import State

from ..applied import actions, change, plan, state_of
from ..declaring import address, function, resolved

OLD, NEW, NEWER = ServerFacts("1.8.1"), ServerFacts("1.9.6"), ServerFacts("2.0.0")
AT = address("function.f")


def stack(**settings: object) -> Stack:
    found = Stack("test")
    function(found, **settings)
    return found


def planned(wanted: Stack, server: ServerFacts, real: dict[str, object], state: State | None = None) -> Plan:
    """Against a function that is as declared, but for the sizes, which are `real`."""
    desired = resolved(wanted)
    plain = {name: value for name, value in desired.resources[AT].fields.items() if "pecification" not in name}
    live = {AT: Live(AT, frozen({**plain, "deploymentRetention": 0, **real}), "f")}
    return plan(desired, state or state_of(desired), live, facts=server)


BOTH = {"buildSpecification": "s-1vcpu-1gb", "runtimeSpecification": "s-1vcpu-1gb"}


@pytest.mark.parametrize(("server", "real"), [(OLD, {"specification": "s-1vcpu-1gb"}), (NEW, BOTH), (NEWER, BOTH)])
def test_one_stack_is_applied_on_servers_of_every_age(server: ServerFacts, real: dict[str, object]) -> None:
    assert planned(stack(), server, real).is_empty


def test_an_upgraded_server_has_not_drifted() -> None:
    before = stack()
    found = planned(stack(specification="s-2vcpu-2gb"), NEW, BOTH, state_of(resolved(before)))
    assert not change(found, "function.f").drifted


def test_another_size_of_runs_is_a_change_of_its_own() -> None:
    found = planned(stack(), NEW, {**BOTH, "runtimeSpecification": "s-8vcpu-8gb"})
    (field,) = change(found, "function.f").fields
    assert (field.name, field.before, field.after) == ("runtimeSpecification", "s-8vcpu-8gb", "s-1vcpu-1gb")


@pytest.mark.parametrize(("server", "real"), [(OLD, {"specification": "s-8vcpu-8gb"}), (NEW, BOTH)])
def test_a_size_that_is_not_said_is_left_as_it_is(server: ServerFacts, real: dict[str, object]) -> None:
    assert planned(stack(specification=None), server, real).is_empty


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ({"deployment_retention": 7}, "deployment_retention 7 is only known to Appwrite since 1.9.0"),
        (
            {"specification": None, "build_specification": "s-2vcpu-2gb", "runtime_specification": "s-1vcpu-1gb"},
            "build_specification 's-2vcpu-2gb' is only known to Appwrite since 1.9.0, and this is Appwrite 1.8.1; its "
            "specification will be s-1vcpu-1gb",
        ),
    ],
)
def test_what_an_older_server_cannot_have_is_reported_with_its_version(
    settings: dict[str, object], reported: str
) -> None:
    found = planned(stack(**settings), OLD, {"specification": "s-1vcpu-1gb"})
    assert [each for each in found.notes if reported in each and "Appwrite 1.8.1" in each]
    assert found.is_empty


@pytest.mark.parametrize(("settings", "count"), [({}, 0), ({"start_command": "npm start"}, 1)])
def test_what_nobody_declares_is_not_missed_on_an_older_server(settings: dict[str, str], count: int) -> None:
    wanted = Stack("test")
    wanted.site("s", name="S", framework="other", build_runtime="static-1", **settings)  # type: ignore[arg-type]
    assert len(plan(resolved(wanted), facts=OLD).notes) == count


def test_an_older_server_that_has_all_of_it_leads_to_no_note() -> None:
    sizes = {"specification": None, "build_specification": "s-1vcpu-1gb", "runtime_specification": "s-1vcpu-1gb"}
    assert planned(stack(**sizes), OLD, {"specification": "s-1vcpu-1gb"}).notes == ()


def test_what_a_stack_does_not_say_leads_to_no_note() -> None:
    site = Stack("test")
    site.site("s", name="S", framework="other", build_runtime="static-1")
    assert plan(resolved(site), facts=OLD).notes == ()
    site = Stack("test")
    site.site("s", name="S", framework="other", build_runtime="static-1", start_command="node x.js")
    (note,) = plan(resolved(site), facts=OLD).notes
    assert "start_command 'node x.js' is only known to Appwrite since 1.9.0" in note


@pytest.mark.parametrize(("version", "count"), [("1.9.6", 0), ("1.9.7", 1), ("2.0.0", 1), ("1.8.1", 0), ("", 0)])
def test_a_server_newer_than_all_that_was_tried_is_worth_one_warning(version: str, count: int) -> None:
    found = plan(resolved(stack()), facts=ServerFacts(version))
    assert len([each for each in found.notes if "is newer than 1.9.6" in each]) == count
    assert actions(found) == {"function.f": "create"}


@pytest.mark.parametrize(
    ("version", "count"), [("1.7.4", 1), ("0.15.3", 1), ("1.8.0", 0), ("1.8.1", 0), ("", 0), ("x", 0)]
)
def test_a_server_older_than_all_that_was_tried_is_worth_one_warning(version: str, count: int) -> None:
    found = plan(resolved(stack()), facts=ServerFacts(version))
    assert len([each for each in found.notes if "is older than 1.8.1" in each]) == count


def test_ignored_fields_are_ignored_in_the_words_of_the_server() -> None:
    wanted = stack()
    wanted.ignore("function.f", "specification")
    assert planned(wanted, NEW, {**BOTH, "runtimeSpecification": "s-8vcpu-8gb"}).is_empty


def test_a_size_that_the_server_does_not_offer_is_refused_in_any_words() -> None:
    server = ServerFacts("1.9.6", specifications=frozenset({"s-1vcpu-1gb"}))
    desired = resolved(stack(specification="s-1vcpu-1gb", build_specification="s-8vcpu-8gb"))
    refused = plan(desired, facts=server).refusals
    assert ["s-8vcpu-8gb" in each.message for each in refused] == [True]
    assert not plan(resolved(stack()), facts=server).refusals


@pytest.mark.parametrize(("server", "count"), [(OLD, 1), (NEW, 0)])
def test_scopes_that_came_with_1_9_are_refused_by_a_server_before_it(server: ServerFacts, count: int) -> None:
    refused = plan(resolved(stack(scopes=["users.read", "webhooks.read"])), facts=server).refusals
    assert ["does not know the scopes webhooks.read" in each.message for each in refused] == [True] * count


def test_a_runtime_of_1_9_is_declared_and_its_server_decides() -> None:
    desired = resolved(stack(runtime="python-3.13"))
    assert plan(desired, facts=ServerFacts("1.9.6", frozenset({"python-3.13"}))).refusals == ()
    assert len(plan(desired, facts=ServerFacts("1.8.1", frozenset({"python-3.12"}))).refusals) == 1
