"""Cases 1 to 26: functions, catalogues, keys and projects."""

from __future__ import annotations

import pytest

from .client import Answer, Api, q
from .comparison import INSTANT
from .deploying import RUNTIME, create_function, deployed_function, run
from .modelling import ids
from .replay import UNKNOWN_KEY
from .target import Target

EVENTS = ["buckets.*.create", "buckets.*.delete"]
YEARLY = "0 0 1 1 *"
SEE_SIZE = """
import os

def main(context):
    return context.res.json({name: os.environ[f"APPWRITE_FUNCTION_{name.upper()}"] for name in ("cpus", "memory")})
"""


def create(api: Api, **fields: object) -> Answer:
    return api.post("/functions", {"functionId": "unique()", "name": "Test", "runtime": RUNTIME} | fields)


def refused(answer: Answer, kind: str = "general_argument_invalid") -> bool:
    return (answer.status, answer.kind) == (400, kind)


def test_case_001_a_created_function_answers_what_was_sent(api: Api) -> None:
    created = create(api, entrypoint="main.py", events=EVENTS, timeout=10)
    assert created.status == 201
    assert created["$id"]
    assert INSTANT.fullmatch(created["$createdAt"])
    shown = {name: created[name] for name in ("name", "runtime", "timeout", "deploymentId", "schedule", "events")}
    assert shown == {
        "name": "Test", "runtime": RUNTIME, "timeout": 10, "deploymentId": "", "schedule": "", "events": EVENTS,
    }  # fmt: skip


def test_case_002_a_function_id_can_be_taken_once(api: Api) -> None:
    assert create(api, functionId="twice").status == 201
    again = create(api, functionId="twice")
    assert (again.status, again.kind) == (409, "function_already_exists")


@pytest.mark.parametrize("function", ["x" * 37, "_x", ".x", "-x"])
def test_case_003_a_malformed_function_id_is_refused(api: Api, function: str) -> None:
    assert refused(create(api, functionId=function))


def test_case_004_a_function_needs_a_name(api: Api) -> None:
    answer = api.post("/functions", {"functionId": "f", "runtime": RUNTIME})
    assert refused(answer)
    assert answer["message"] == 'Param "name" is not optional.'


def test_case_005_an_unknown_runtime_is_refused(api: Api) -> None:
    assert refused(create(api, runtime="cobol-1"))


def test_case_006_only_listed_specifications_are_accepted(api: Api) -> None:
    assert refused(create(api, specification="cheap-please"))
    slug = api.get("/functions/specifications")["specifications"][0]["slug"]
    created = create(api, specification=slug)
    assert created.status == 201
    assert api.get(f"/functions/{created['$id']}")["specification"] == slug


def test_case_007_a_schedule_must_be_a_cron_expression(api: Api) -> None:
    assert refused(create(api, schedule="every day"))
    assert create(api, schedule=YEARLY)["schedule"] == YEARLY


def test_case_008_a_timeout_lies_between_1_and_900_seconds(api: Api) -> None:
    assert refused(create(api, timeout=901))
    assert refused(create(api, timeout=0))
    assert create(api, timeout=900).status == 201


def test_case_009_function_events_cannot_trigger_functions(api: Api) -> None:
    assert refused(create(api, events=["functions.*.create"]))


def test_case_010_search_finds_functions_by_id_name_and_runtime(api: Api) -> None:
    create_function(api, functionId="needle-id", name="Haystack")
    create_function(api, functionId="other", name="Different", runtime="node-22")
    for text in ("needle-id", "Haystack", RUNTIME):
        assert ids(api.get("/functions", query=[("search", text)])) == ["needle-id"]


def test_case_011_functions_are_listed_by_limit_and_offset(api: Api) -> None:
    create_function(api)
    assert len(ids(api.get("/functions", q("limit", None, 1)))) == 1
    assert ids(api.get("/functions", q("offset", None, 1))) == []


def test_case_012_functions_are_filtered_by_enabled(api: Api) -> None:
    create_function(api)
    assert api.get("/functions", q("equal", "enabled", True))["total"] == 1
    assert api.get("/functions", q("equal", "enabled", False))["total"] == 0


def test_case_013_functions_are_paged_by_cursor_in_creation_order(api: Api) -> None:
    one, two = create_function(api), create_function(api)
    assert ids(api.get("/functions")) == [one, two]
    assert ids(api.get("/functions", q("cursorAfter", None, one))) == [two]
    assert ids(api.get("/functions", q("cursorBefore", None, two))) == [one]
    assert refused(api.get("/functions", q("cursorAfter", None, "unknown")), "general_cursor_not_found")


def test_case_014_asking_for_no_total_changes_nothing(api: Api) -> None:
    """The case says total 0; a running 1.8.1 ignores the parameter (recording documents-query, `total false`)."""
    create_function(api)
    answer = api.get("/functions", query=[("total", "false")])
    assert answer["total"] == 1
    assert len(answer["functions"]) == 1


def test_case_015_an_unknown_function_is_not_found(api: Api) -> None:
    answer = api.get("/functions/x")
    assert (answer.status, answer.kind) == (404, "function_not_found")


def test_case_016_an_update_answers_what_was_sent(api: Api) -> None:
    function = create_function(api)
    sent = {
        "name": "Test1", "events": EVENTS, "schedule": YEARLY, "timeout": 15, "runtime": RUNTIME, "entrypoint": "a.py",
    }  # fmt: skip
    updated = api.put(f"/functions/{function}", sent)
    assert updated.status == 200
    assert {name: updated[name] for name in sent} == sent
    assert updated["deploymentId"] == ""


def test_case_017_an_update_resets_what_it_omits_except_runtime_and_entrypoint(api: Api) -> None:
    function = create_function(api, events=EVENTS, schedule=YEARLY, timeout=20, execute=["any"], scopes=["users.read"])
    updated = api.put(f"/functions/{function}", {"name": "only"})
    assert updated.status == 200
    shown = {name: updated[name] for name in ("name", "events", "schedule", "timeout", "execute", "scopes")}
    assert shown == {"name": "only", "events": [], "schedule": "", "timeout": 15, "execute": [], "scopes": []}
    assert (updated["runtime"], updated["entrypoint"]) == (RUNTIME, "main.py")


def test_case_018_an_update_needs_a_name(api: Api) -> None:
    assert refused(api.put(f"/functions/{create_function(api)}", {"timeout": 20}))


def test_case_019_an_update_to_an_unknown_specification_is_refused(api: Api) -> None:
    answer = api.put(f"/functions/{create_function(api)}", {"name": "Test", "specification": "s-2vcpu-512mb"})
    assert refused(answer)
    assert answer["message"].startswith("Invalid `specification` param:")


def test_case_020_an_execution_sees_the_size_of_its_specification(api: Api) -> None:
    function = deployed_function(api, SEE_SIZE)
    updated = api.put(f"/functions/{function}", {"name": "Test", "specification": "s-1vcpu-1gb"})
    assert (updated.status, updated["specification"]) == (200, "s-1vcpu-1gb")
    assert run(api, function)["responseBody"] == '{"cpus":"1","memory":"1024"}'


def test_case_021_a_deleted_function_is_gone(api: Api) -> None:
    path = f"/functions/{create_function(api)}"
    deleted = api.delete(path)
    assert (deleted.status, deleted.content) == (204, b"")
    assert api.get(path).kind == "function_not_found"


def test_case_022_runtimes_are_listed_without_a_key(api: Api) -> None:
    """With a key the scope `public` is missing (recording functions-catalogue)."""
    answer = api.with_key("").get("/functions/runtimes")
    assert answer.status == 200
    assert answer["total"] == len(answer["runtimes"]) > 0
    for runtime in answer["runtimes"]:
        assert set(runtime) >= {"$id", "key", "name", "version", "base", "image", "logo", "supports"}
    assert RUNTIME in ids(answer)
    assert api.get("/functions/runtimes").kind == "general_unauthorized_scope"


def test_case_023_specifications_are_listed_with_their_size(api: Api) -> None:
    answer = api.get("/functions/specifications")
    assert answer.status == 200
    assert answer["total"] > 0
    for specification in answer["specifications"]:
        assert set(specification) == {"memory", "cpus", "enabled", "slug"}


def test_case_024_an_old_client_is_answered_without_newer_fields(api: Api) -> None:
    body = {"functionId": "old", "name": "Test", "runtime": RUNTIME}
    created = api.post("/functions", body, headers={"X-Appwrite-Response-Format": "1.5.0"})
    assert created.status == 201
    assert not {"scopes", "specification"} & set(created.body)
    assert {"scopes", "specification"} <= set(api.get("/functions/old").body)


def test_case_025_a_missing_scope_is_unauthorized(api: Api, target: Target) -> None:
    nobody = api.with_key("").get("/functions")
    assert (nobody.status, nobody.kind) == (401, "general_unauthorized_scope")
    reader = api.with_key(target.key_for(api.project, ["functions.read"]))
    assert reader.get("/functions").status == 200
    refused_write = reader.post("/functions", {"functionId": "f", "name": "Test", "runtime": RUNTIME})
    assert (refused_write.status, refused_write.kind) == (401, "general_unauthorized_scope")
    assert api.with_key(UNKNOWN_KEY).get("/functions").kind == "user_unauthorized"


def test_case_026_a_request_needs_a_known_project(api: Api) -> None:
    """The case says `general_access_forbidden` without a project; 1.8.1 checks the key (recording auth-errors)."""
    unknown = api.with_project("no-such-project").get("/functions")
    assert (unknown.status, unknown.kind) == (404, "project_not_found")
    missing = api.with_project("").get("/functions")
    assert (missing.status, missing.kind) == (401, "user_unauthorized")
    nobody = api.with_project("").with_key("").get("/functions")
    assert (nobody.status, nobody.kind) == (401, "general_unauthorized_scope")
