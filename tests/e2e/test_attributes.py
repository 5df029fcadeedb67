"""Every type of attribute through its life: created, changed by hand, changed in place, replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from .project import Project

pytestmark = pytest.mark.live


@dataclass(frozen=True)
class Case:
    """One attribute. `first`, `updated` and `replaced` are declarations without the key.

    `by_hand` is the update that somebody sends behind the tool's back, and `shown` how drift reports it.
    """

    first: str
    updated: str
    replaced: str
    by_hand: dict[str, Any]
    shown: str

    @property
    def type(self) -> str:
        return self.first.partition("(")[0]


EARLY, LATE = "2020-01-01T00:00:00.000+00:00", "2025-01-30T21:20:30.000+00:00"
CASES = {
    "text": Case(
        'string(K, 50, default="a")',
        'string(K, 80, default="b")',
        "string(K, 80, array=True)",
        {"required": False, "default": "x"},
        'default: "x" → "a"',
    ),
    "long": Case(
        "string(K, 20000)",
        "string(K, 30000)",
        "datetime(K)",
        {"required": True, "default": None},
        "required: true → false",
    ),
    "hidden": Case(
        "string(K, 200, encrypt=True)",
        "string(K, 300, encrypt=True)",
        "string(K, 300)",
        {"required": True, "default": None},
        "required: true → false",
    ),
    "tags": Case(
        "string(K, 30, array=True)",
        "string(K, 40, array=True)",
        "string(K, 40)",
        {"required": True, "default": None},
        "required: true → false",
    ),
    "count": Case(
        "integer(K, min=0, max=9, default=3)",
        "integer(K, min=-5, max=20)",
        "float(K)",
        {"required": False, "default": 4, "min": 0, "max": 99},
        "max: 99 → 9",
    ),
    "free": Case(
        "integer(K)",
        "integer(K, max=7)",
        "boolean(K)",
        {"required": False, "default": None, "min": 1, "max": 5},
        "min: 1 → null",
    ),
    "price": Case(
        "float(K, min=0.5, default=1)",
        "float(K, default=2.5)",
        "float(K, array=True)",
        {"required": False, "default": 3.5, "min": 0.5},
        "default: 3.5 → 1.0",
    ),
    "on": Case(
        "boolean(K, default=False)",
        "boolean(K, required=True)",
        "boolean(K, array=True)",
        {"required": False, "default": True},
        "default: true → false",
    ),
    "at": Case(
        'datetime(K, default="2025-01-31T10:20:30+13:00")',
        'datetime(K, default="2025-02-01T00:00:00Z")',
        "datetime(K, array=True)",
        {"required": False, "default": EARLY},
        f'default: "{EARLY}" → "{LATE}"',
    ),
    "mail": Case(
        "email(K)",
        'email(K, default="a@example.org")',
        "email(K, array=True)",
        {"required": True, "default": None},
        "required: true → false",
    ),
    "link": Case(
        'url(K, default="https://example.org/a")',
        "url(K)",
        "string(K, 2000)",
        {"required": False, "default": "https://example.org/b"},
        'default: "https://example.org/b" → "https://example.org/a"',
    ),
    "address": Case(
        "ip(K)",
        "ip(K, required=True)",
        "ip(K, array=True)",
        {"required": False, "default": "127.0.0.1"},
        'default: "127.0.0.1" → null',
    ),
    "kind": Case(
        'enum(K, ["a", "b"], default="a")',
        'enum(K, ["a", "b", "c"], default="c")',
        'enum(K, ["a", "b"], array=True)',
        {"required": False, "default": "a", "elements": ["a", "b", "x"]},
        'elements: -"x"',
    ),
    "place": Case(
        "point(K)",
        "point(K, required=True)",
        "line(K)",
        {"required": True, "default": None},
        "required: true → false",
    ),
    "way": Case(
        "line(K)",
        "line(K, required=True)",
        "polygon(K)",
        {"required": True, "default": None},
        "required: true → false",
    ),
    "area": Case(
        "polygon(K)",
        "polygon(K, required=True)",
        "point(K)",
        {"required": True, "default": None},
        "required: true → false",
    ),
}


def declare(project: Project, form: str) -> None:
    """All attributes, as declared at first, updated or replaced."""
    lines = [f"things.{getattr(case, form).replace('K', repr(key), 1)}" for key, case in CASES.items()]
    head = ['things = stack.database(P + "db", name="Types").collection("things", name="Things")']
    project.declare("\n".join([*head, *lines]))


def address(project: Project, key: str) -> str:
    return f"attribute.{project.id('db')}/things/{key}"


@pytest.fixture
def applied(project: Project) -> Project:
    """A project in which every attribute exists as declared at first."""
    declare(project, "first")
    project.apply()
    return project


@pytest.mark.shows("plan", "apply", kinds=["attribute"])
def test_every_type_is_created_and_then_left_alone(applied: Project) -> None:
    applied.must_be_clean()
    assert {address(applied, key) for key in CASES} <= set(applied.state())


@pytest.mark.shows("drift", kinds=["attribute"])
def test_every_type_that_was_changed_by_hand_is_reported_with_both_values_and_healed(applied: Project) -> None:
    attributes = f"/databases/{applied.id('db')}/collections/things/attributes"
    for key, case in CASES.items():
        applied.api.patch(f"{attributes}/{case.type}/{key}", case.by_hand)
    reported = applied.iac("drift", code=3).out
    for key, case in CASES.items():
        part = reported.partition(f"{address(applied, key)}:")[2].partition("attribute.")[0]
        assert case.shown in part, f"{key}: {case.shown!r} is missing\n{reported}"
    applied.proxy.forget()
    applied.apply()
    assert applied.proxy.writes() == len(CASES)
    assert applied.iac("drift").code == 0


def test_what_appwrite_can_change_of_every_type_is_updated_in_place(applied: Project) -> None:
    declare(applied, "updated")
    applied.proxy.forget()
    assert applied.carried_out() == {address(applied, key): "update" for key in CASES}
    assert {each.method for each in applied.proxy.exchanges()} == {"GET", "PATCH"}
    applied.must_be_clean()


def test_what_appwrite_cannot_change_of_every_type_is_replaced(applied: Project) -> None:
    declare(applied, "replaced")
    confirmed = ("--confirm", f"delete attribute={len(CASES)}")
    assert applied.carried_out(*confirmed) == {address(applied, key): "replace" for key in CASES}
    applied.must_be_clean()
