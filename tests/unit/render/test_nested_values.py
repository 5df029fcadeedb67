"""What differs inside lists, sets and JSON, in every form of a plan and of a drift check."""

from __future__ import annotations

import json
from typing import Any

from raceday_iac.drift import classify
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Plan
from raceday_iac.planning.saved import plan_document, restored, saved_plan
from raceday_iac.render.drift_text import drift_document, drift_lines, drift_markdown, drift_page
from raceday_iac.render.plan_page import plan_page
from raceday_iac.render.plan_text import plan_lines, plan_markdown

from ..applied import change, live_as, plan, plan_between, state_of
from ..declaring import collection, function, resolved
from .test_plan_page import Reader


def stack(settings: Any, orders: list[str], permissions: list[str], scopes: list[str]) -> Stack:
    made = Stack("test")
    things = collection(made, permissions=permissions)
    things.string("a", 10)
    things.string("b", 10)
    things.index("i", "a", "b", orders=orders)
    function(made, scopes=scopes, variables={"RULES": json.dumps(settings)})
    return made


BEFORE = stack(
    {"rows": [{"at": -60, "every": 30}, {"at": -5, "every": 1}], "old": 1},
    ["ASC", "ASC"],
    ['read("any")', 'update("users")'],
    ["users.read", "documents.read"],
)
AFTER = stack(
    {"rows": [{"at": -60, "every": 15}, {"at": -5, "every": 1}, {"at": 0, "every": 1}]},
    ["ASC", "DESC"],
    ['read("users")', 'update("users")'],
    ["documents.read"],
)
#: By place: what is reported of each change, and what stays and so is not.
REPORTED = {
    "RULES": ("rows[0].every: 30 → 15", '+rows[2]: {"at": 0, "every": 1}', "-old: 1"),
    "orders": ('[1]: "ASC" → "DESC"',),
    "permissions": ("+'read(\"users\")'", "-'read(\"any\")'"),
    "scopes": ('-"users.read"',),
}
KEPT = ('"at": -60', '"at": -5', 'update("users")', "documents.read")


def changed() -> Plan:
    return plan_between(BEFORE, AFTER)


def meddled() -> Plan:
    """The stack is as it was applied, and somebody has changed the server."""
    before, wanted = resolved(BEFORE), resolved(AFTER)
    return plan(wanted, state_of(wanted), live_as(before))


def parts_of(document: Any, address: str, name: str) -> Any:
    (found,) = [each for each in document if each["address"] == address]
    (field,) = [each for each in found["fields"] if each["name"] == name]
    return field["parts"]


def test_a_plan_says_what_differs_inside_and_nothing_else() -> None:
    text = "\n".join(line.text for line in plan_lines(changed(), "x"))
    for part in (each for parts in REPORTED.values() for each in parts):
        assert part in text
    assert not [each for each in KEPT if each in text]


def test_so_does_a_drift_check() -> None:
    of = meddled()
    text = "\n".join(line.text for line in drift_lines(classify(of), of, "x", verbose=False))
    for part in (each for parts in REPORTED.values() for each in parts):
        assert part in text
    assert not [each for each in KEPT if each in text]


def test_so_do_the_reports() -> None:
    of = changed()
    drift = meddled()
    for markdown in (plan_markdown(of, "x"), drift_markdown(classify(drift), drift, "x")):
        assert "<br>`rows[0].every`: `30` → `15` <br>`+rows[2]:" in markdown
        assert "`-old: 1`" in markdown
        assert '<br>`[1]`: `"ASC"` → `"DESC"`' in markdown
        assert "`+'read(\"users\")'` `-'read(\"any\")'`" in markdown
    for page in (plan_page(of, "x"), drift_page(classify(drift), drift, "x")):
        text = " ".join(Reader(page).text.split())
        assert "rows[0].every 30 → 15" in text
        assert not [each for each in KEPT if each in text]


def test_programs_get_each_part_with_its_place() -> None:
    of = changed()
    for document in (plan_document(of)["changes"], drift_document(classify(meddled()), meddled())["verdicts"]):
        assert parts_of(document, "variable.f/RULES", "value") == [
            {"op": "removed", "path": ["old"], "before": 1},
            {"op": "changed", "path": ["rows", 0, "every"], "before": 30, "after": 15},
            {"op": "added", "path": ["rows", 2], "after": {"at": 0, "every": 1}},
        ]
        assert parts_of(document, "collection.d/c", "permissions") == [
            {"op": "added", "path": [], "after": 'read("users")'},
            {"op": "removed", "path": [], "before": 'read("any")'},
        ]
        json.dumps(document)


def test_whole_values_are_still_there_for_programs() -> None:
    (rules,) = [each for each in plan_document(changed())["changes"] if each["address"] == "variable.f/RULES"]
    assert json.loads(rules["fields"][0]["after"])["rows"][2] == {"at": 0, "every": 1}


def test_a_plain_value_has_no_parts() -> None:
    before, after = Stack("test"), Stack("test")
    function(before, timeout=1)
    function(after, timeout=2)
    (found,) = plan_document(plan_between(before, after))["changes"]
    assert "parts" not in found["fields"][0]


def test_a_saved_plan_shows_the_same_although_it_holds_no_parts() -> None:
    of = changed()
    saved = saved_plan(of, resolved(AFTER), "http://x/v1", "p", "salt")
    assert '"parts"' not in saved.to_text()
    again = restored(saved)
    assert plan_document(again)["changes"] == plan_document(of)["changes"]
    assert change(again, "collection.d/c").fields == change(of, "collection.d/c").fields
