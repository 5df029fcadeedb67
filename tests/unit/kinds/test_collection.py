from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.diff import compare_fields
from raceday_iac.kinds import KINDS
from raceday_iac.kinds.collection import KIND, parse
from raceday_iac.model.limits import expand_permissions
from raceday_iac.model.resource import Live, frozen

from .. import recorded
from ..declaring import address

AT = address("collection.d/c")
PERMISSIONS = [
    f'{action}("{role}")' for action, role in itertools.product(["read", "create", "update", "delete", "write"], "ab")
]


def test_write_means_create_update_and_delete() -> None:
    assert set(expand_permissions(['write("any")'])) == {'create("any")', 'update("any")', 'delete("any")'}


def test_the_server_expands_write_in_the_same_way() -> None:
    live = parse((), recorded.answer("collections", "write alias permission"))
    assert live.fields["permissions"] == expand_permissions(['write("any")'])


@given(st.lists(st.sampled_from(PERMISSIONS)), st.randoms())
def test_neither_order_nor_repetition_of_permissions_matters(permissions: list[str], random: object) -> None:
    other = [*permissions, *permissions]
    random.shuffle(other)  # type: ignore[attr-defined]
    assert expand_permissions(other) == expand_permissions(permissions)


@given(st.lists(st.sampled_from(PERMISSIONS)))
def test_expanding_twice_is_expanding_once(permissions: list[str]) -> None:
    once = expand_permissions(permissions)
    assert expand_permissions(once) == once


@pytest.mark.parametrize("label", ["create minimal", "create full"])
def test_an_update_says_every_field_so_that_none_is_reset(label: str) -> None:
    live = parse((), recorded.answer("collections", label))
    call = KINDS["collection"].requests.update(AT, live.fields, live)
    assert (call.method, call.path) == ("put", "/databases/d/collections/c")
    assert set(call.body) == {"name", "permissions", "documentSecurity", "enabled"}


def test_what_the_server_answers_to_an_update_is_no_drift() -> None:
    live = parse((), recorded.answer("collections", "update permissions"))
    sent = next(each for each in recorded.steps("collections") if each["label"] == "update permissions")["request"][
        "body"
    ]
    assert compare_fields(KIND, {"permissions": expand_permissions(sent["permissions"])}, live.fields, None) == []


def test_every_field_can_be_changed_in_place() -> None:
    live = Live(AT, frozen({"name": "C", "permissions": (), "documentSecurity": False, "enabled": True}))
    assert set(live.fields) == KIND.in_place
