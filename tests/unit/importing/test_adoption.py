"""What an import takes into the state, and what the next plan then says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from raceday_iac.errors import IacError
from raceday_iac.importing.adoption import Adoption, adopt, chosen
from raceday_iac.model.resource import Desired, Resource, frozen
from raceday_iac.model.stack import FromEnvironment, Stack
from raceday_iac.state.document import State, new_state, to_json

from ..applied import actions, live_as, plan, state_of
from ..declaring import address, collection, function, resolved


def mixed(**function_settings: Any) -> Desired:
    stack = Stack("mixed")
    things = collection(stack)
    things.string("a", 10)
    things.index("i", "a")
    variables: dict[str, str | FromEnvironment] = {"PLAIN": "p", "TOKEN": FromEnvironment("T")}
    function(stack, variables=variables, **function_settings)
    desired = resolved(stack, variables={"T": "hush"})
    code = Resource(address("deployment.f"), frozen({"digest": "abc"}), (address("function.f"),))
    return desired.with_resources({code.address: code})


def fresh() -> State:
    return new_state(lambda: "lineage", lambda: "salt")


def adopted(desired: Desired, state: State | None = None, **changed: dict[str, Any]) -> tuple[Adoption, dict[Any, Any]]:
    """Import all; `changed` are live fields that are not as declared, by address with __ for its dots and slashes."""
    real = live_as(desired)
    for name, fields in changed.items():
        at = address(name.replace("__", ".", 1).replace("__", "/"))
        real[at] = replace(real[at], fields=frozen({**real[at].fields, **fields}))
    return adopt(desired, state or fresh(), real, chosen(desired, ())), real


def test_after_loss_of_the_state_an_import_makes_the_plan_empty() -> None:
    desired = mixed()
    adoption, real = adopted(desired)
    assert set(adoption.adopted) == set(desired.resources)
    assert plan(desired, adoption.state, real).is_empty
    assert adoption.changes_state


def test_what_is_owned_stays_as_it_was() -> None:
    desired = mixed()
    known = state_of(desired)
    adoption, _ = adopted(desired, known)
    assert set(adoption.owned) == set(desired.resources)
    assert adoption.state == known
    assert not adoption.changes_state


def test_what_is_missing_is_reported_and_not_owned() -> None:
    desired = mixed()
    real = live_as(desired)
    real[address("index.d/c/i")] = replace(real[address("index.d/c/i")], status="deleting")
    del real[address("variable.f/PLAIN")]
    adoption = adopt(desired, fresh(), real, chosen(desired, ()))
    assert {str(each) for each in adoption.missing} == {"index.d/c/i", "variable.f/PLAIN"}
    assert set(actions(plan(desired, adoption.state, real)).values()) == {"create"}


def test_what_differs_is_owned_as_it_is_and_then_reported_as_a_change_of_the_stack() -> None:
    desired = mixed()
    adoption, real = adopted(desired, function__f={"timeout": 99}, deployment__f={"digest": "other"})
    assert [str(each.address) for each in adoption.differing] == ["function.f", "deployment.f"]
    changes = plan(desired, adoption.state, real).changes
    assert [(str(each.address), each.drifted) for each in changes] == [("function.f", False), ("deployment.f", False)]
    assert adoption.state.entries[address("deployment.f")].deployments == ("id-f",)


def test_a_failed_index_is_reported_and_replaced_by_the_next_plan() -> None:
    desired = mixed()
    real = live_as(desired)
    at = address("index.d/c/i")
    real[at] = replace(real[at], status="failed", error="no room")
    adoption = adopt(desired, fresh(), real, chosen(desired, ()))
    assert [each.status for each in adoption.differing] == ["failed"]
    assert actions(plan(desired, adoption.state, real)) == {"index.d/c/i": "replace"}


def test_a_secret_is_taken_to_be_the_declared_one_and_reported() -> None:
    adoption, _ = adopted(mixed())
    assert [str(each) for each in adoption.assumed] == ["variable.f/TOKEN"]
    assert "hush" not in str(to_json(adoption.state))


def test_a_secret_that_is_not_trusted_is_sent_by_the_next_apply() -> None:
    desired = mixed()
    real = live_as(desired)
    adoption = adopt(desired, fresh(), real, chosen(desired, ()), trust_secrets=False)
    assert adoption.assumed == ()
    assert actions(plan(desired, adoption.state, real)) == {"variable.f/TOKEN": "update"}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("variable__f__TOKEN", {"secret": False, "value": "readable"}),
        ("variable__f__PLAIN", {"secret": True, "value": ""}),
    ],
)
def test_a_variable_that_is_secret_on_one_side_only_differs_and_no_value_is_stored(
    name: str, fields: dict[str, Any]
) -> None:
    desired = mixed()
    adoption, real = adopted(desired, **{name: fields})
    (different,) = adoption.differing
    assert str(different.address) == name.replace("__", ".", 1).replace("__", "/")
    assert dict(adoption.state.entries[different.address].fields) == {"secret": fields["secret"]}
    assert list(actions(plan(desired, adoption.state, real))) == [str(different.address)]


def test_an_address_stands_for_all_that_is_declared_in_it() -> None:
    desired = mixed()
    names = ["variable.f/PLAIN", "variable.f/TOKEN", "deployment.f"]
    assert [str(each) for each in chosen(desired, [address("function.f")])] == ["function.f", *names]
    assert [str(each) for each in chosen(desired, [address("collection.d/c")])] == [
        "collection.d/c",
        "attribute.d/c/a",
        "index.d/c/i",
    ]
    assert len(chosen(desired, [address("database.d")])) == 4
    assert [str(each) for each in chosen(desired, [address("attribute.d/c/a")])] == ["attribute.d/c/a"]


def test_an_address_that_is_not_declared_is_refused() -> None:
    with pytest.raises(IacError, match=r"function\.g: not declared in the stack"):
        chosen(mixed(), [address("function.f"), address("function.g")])
