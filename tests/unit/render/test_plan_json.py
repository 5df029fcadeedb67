"""Plans as machines read them."""

from __future__ import annotations

import io
import json
from typing import Any

from raceday_iac.model.stack import FromEnvironment
from raceday_iac.planning import Plan
from raceday_iac.planning.saved import plan_document
from raceday_iac.render.lines import print_json

from ..applied import NOTHING, live_as, plan, plan_between, state_of
from ..declaring import resolved, stack_with_function


def printed(of: Plan) -> Any:
    out = io.StringIO()
    print_json(plan_document(of), out)
    return json.loads(out.getvalue())


def test_a_plan_is_one_json_document_with_a_format_number() -> None:
    document = printed(plan_between(NOTHING, stack_with_function()))
    assert next(iter(document)) == "format"
    assert document["format"] == 1


def test_it_says_where_from_and_what() -> None:
    document = printed(plan_between(stack_with_function(timeout=1), stack_with_function(timeout=2)))
    assert document == {
        "format": 1,
        "environment": "test",
        "serverVersion": "1.8.1",
        "state": {"lineage": "lineage", "serial": 0},
        "empty": False,
        "counts": {"update": 1},
        "changes": [
            {
                "address": "function.f",
                "action": "update",
                "reason": "the stack changed",
                "reasonCode": "stack-changed",
                "drift": False,
                "fields": [{"name": "timeout", "before": 1, "after": 2, "lastApplied": 1, "cause": "config"}],
                "requires": [],
            }
        ],
        "evidence": [],
        "leftOut": [],
        "notes": [],
        "unmanaged": [],
        "refusals": [],
    }


def test_an_empty_plan_says_so() -> None:
    document = printed(plan_between(stack_with_function(), stack_with_function()))
    assert (document["empty"], document["changes"]) == (True, [])


def test_refusals_and_what_is_unmanaged_are_there() -> None:
    old = resolved(stack_with_function())
    document = printed(plan(resolved(NOTHING), None, live_as(old)))
    assert document["unmanaged"] == ["database.d", "function.f"]
    refused = printed(plan_between(stack_with_function(), NOTHING, documents=3))["refusals"]
    assert refused[0]["address"] == "database.d"
    assert "3 documents" in refused[0]["message"]


def test_sets_are_lists() -> None:
    document = printed(plan_between(stack_with_function(), stack_with_function(scopes=["documents.read"])))
    (field,) = document["changes"][0]["fields"]
    assert (field["before"], field["after"]) == ([], ["documents.read"])


def test_no_secret_is_in_it() -> None:
    stack = stack_with_function(variables={"K": FromEnvironment("NAME")})
    old, new = (resolved(stack, variables={"NAME": value}) for value in ("old-hidden", "new-hidden"))
    assert "hidden" not in json.dumps(printed(plan(new, state_of(old), live_as(old))))
    assert "hidden" not in json.dumps(printed(plan(new)))


def test_what_is_deleted_with_something_is_counted_and_says_with_what() -> None:
    document = printed(plan_between(stack_with_function(variables={"K": "v"}), NOTHING))
    assert document["counts"] == {"delete": 4}
    assert {each["address"]: each.get("with") for each in document["changes"]} == {
        "database.d": None,
        "collection.d/locks": "database.d",
        "function.f": None,
        "variable.f/K": "function.f",
    }
