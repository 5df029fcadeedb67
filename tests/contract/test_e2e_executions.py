"""Cases 54 to 67: running functions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .client import Api, q
from .deploying import create_function, deployed_function, execute, run, run_in_background
from .modelling import create_collection
from .target import Target
from .waiting import poll, status_is

#: One function for all tests of this file that only need some code to run; the path says what it does.
PROBE = """
import json
import time

from . import calling

def main(context):
    name = context.req.path.strip("/").split("/")[0]
    return ACTIONS[name](context)

def echo(context):
    context.log("seen", context.req.method)
    headers = {name: value for name, value in context.req.headers.items() if not name.startswith("x-open")}
    return context.res.json({"body": context.req.body_text, "headers": headers, "method": context.req.method})

def refuse(context):
    return context.res.text("no", 400)

def fail(context):
    raise ValueError("it broke here")

def sleep(context):
    time.sleep(float(context.req.query["seconds"]))
    return context.res.text("slept")

def talk(context):
    for number in range(140):
        context.log(f"{number:04}" + "x" * 7900)
    return context.res.text("talked")

def call(context):
    return context.res.json(calling.calls(context.req.headers["x-appwrite-key"]))

ACTIONS = {"": echo, "echo": echo, "refuse": refuse, "fail": fail, "sleep": sleep, "talk": talk, "call": call}
"""

#: What a function does with its dynamic key, with nothing but the standard library.
CALLS = """
import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

PATHS = ("/functions", "/databases", "/databases/d/collections/c/documents")

def calls(key):
    return {"key": key.partition("_")[0], "statuses": [status(key, path) for path in PATHS]}

def status(key, path):
    headers = {"x-appwrite-project": os.environ["APPWRITE_FUNCTION_PROJECT_ID"], "x-appwrite-key": key}
    try:
        with urlopen(Request(os.environ["APPWRITE_FUNCTION_API_ENDPOINT"] + path, headers=headers)) as answer:
            return answer.status
    except HTTPError as error:
        return error.code
"""

FILES = {"main.py": PROBE, "calling.py": CALLS}
NOT_FOUND = "deployment_not_found"


class Probe:
    """A deployed function in a project of its own."""

    def __init__(self, api: Api, **fields: Any) -> None:
        self.api = api
        self.function = deployed_function(api, FILES, **fields)
        self.path = f"/functions/{self.function}/executions"

    def run(self, path: str = "/echo", **fields: Any) -> Any:
        return run(self.api, self.function, path=path, **fields)

    def run_in_background(self, path: str, *wanted: str, **fields: Any) -> Any:
        return run_in_background(self.api, self.function, *wanted, path=path, **fields)

    def execute(self, **fields: Any) -> Any:
        return execute(self.api, self.function, **fields)


@pytest.fixture(scope="module")
def probe(target: Target) -> Iterator[Probe]:
    made = Probe(target.fresh(), scopes=["databases.read", "documents.read"])
    target.kept.add(made.function)
    yield made
    target.kept.discard(made.function)


def header(headers: list[dict[str, str]], name: str) -> str | None:
    return next((each["value"] for each in headers if each["name"] == name), None)


def test_case_054_a_sync_execution_answers_with_the_result(probe: Probe) -> None:
    answer = probe.execute(**{"async": False})
    assert (answer.status, answer["status"], answer["responseStatusCode"]) == (201, "completed", 200)
    assert json.loads(answer["responseBody"])["method"] == "POST"
    assert header(answer["responseHeaders"], "x-appwrite-execution-id") == answer["$id"]
    assert answer["duration"] > 0
    assert "seen POST" in answer["logs"]


def test_case_055_executions_are_synchronous_unless_said_otherwise(probe: Probe) -> None:
    answer = probe.execute()
    assert (answer.status, answer["status"], answer["requestPath"]) == (201, "completed", "/")
    assert answer["responseBody"]


def test_case_056_a_head_request_has_no_body(probe: Probe) -> None:
    answer = probe.run(method="HEAD")
    assert (answer["status"], answer["requestMethod"], answer["responseBody"]) == ("completed", "HEAD", "")


def test_case_057_an_answer_of_400_completes_and_an_exception_fails(probe: Probe) -> None:
    refused = probe.run("/refuse")
    assert (refused["status"], refused["responseStatusCode"], refused["responseBody"]) == ("completed", 400, "no")
    failed = probe.run("/fail")
    assert (failed["status"], failed["responseStatusCode"]) == ("failed", 500)
    assert "it broke here" in failed["errors"]


def test_case_058_an_async_execution_keeps_logs_but_no_body(probe: Probe) -> None:
    sent = probe.execute(path="/echo", **{"async": True})
    assert (sent.status, sent["status"]) == (202, "waiting")
    done = poll(lambda: probe.api.get(f"{probe.path}/{sent['$id']}"), status_is("completed"))
    assert done["responseBody"] == ""
    assert "seen POST" in done["logs"]
    assert {each["name"] for each in done["responseHeaders"]} <= {"content-type", "content-length"}


def test_case_059_a_function_without_deployment_cannot_run(api: Api) -> None:
    answer = execute(api, create_function(api))
    assert (answer.status, answer.kind) == (404, NOT_FOUND)


def test_case_060_a_run_longer_than_its_timeout_fails(api: Api) -> None:
    """One second here instead of the five of the case; the server does the same."""
    slow = Probe(api, timeout=1)
    failed = slow.run_in_background("/sleep?seconds=20", "failed")
    assert failed["responseStatusCode"] == 500
    assert "timed out" in failed["errors"]


def test_case_061_without_logging_neither_logs_nor_errors_are_kept(api: Api) -> None:
    silent = Probe(api, logging=False)
    answers = [
        silent.run(),
        silent.run("/fail"),
        silent.run_in_background("/echo"),
        silent.run_in_background("/fail", "failed"),
    ]
    assert [each["status"] for each in answers] == ["completed", "failed"] * 2
    assert {(each["logs"], each["errors"]) for each in answers} == {("", "")}


def test_case_062_overlong_logs_keep_their_end(probe: Probe) -> None:
    logs = probe.run("/talk")["logs"]
    assert logs.startswith("[WARNING] Logs truncated")
    assert len(logs) <= 1_000_000
    assert "0139xxx" in logs
    assert "0000xxx" not in logs


def test_case_063_executions_are_filtered_by_deployment_and_trigger(probe: Probe) -> None:
    done = probe.run()
    by_deployment = probe.api.get(probe.path, q("equal", "deploymentId", done["deploymentId"]))
    assert by_deployment["total"] == probe.api.get(probe.path)["total"] > 0
    assert probe.api.get(probe.path, q("equal", "deploymentId", "unknown"))["total"] == 0
    assert probe.api.get(probe.path, q("equal", "trigger", "http"))["total"] == by_deployment["total"]


def test_case_064_only_a_finished_execution_can_be_deleted(probe: Probe) -> None:
    done = f"{probe.path}/{probe.run()['$id']}"
    assert probe.api.delete(done).status == 204
    assert probe.api.delete(done).kind == "execution_not_found"
    running = probe.execute(path="/sleep?seconds=1", **{"async": True})["$id"]
    too_early = probe.api.delete(f"{probe.path}/{running}")
    assert (too_early.status, too_early.kind) == (400, "execution_in_progress")


def at(**ahead: float) -> str:
    instant = datetime.now(UTC) + timedelta(**ahead)
    return instant.replace(second=0, microsecond=0).isoformat(timespec="milliseconds")


def test_case_065_an_execution_can_be_scheduled_ahead(probe: Probe) -> None:
    sync = probe.execute(scheduledAt=at(minutes=5))
    assert (sync.status, sync.kind) == (400, "general_bad_request")
    past = probe.execute(scheduledAt=at(minutes=-5), **{"async": True})
    assert past.status == 400
    wanted = at(minutes=3)
    planned = probe.execute(scheduledAt=wanted, **{"async": True})
    assert (planned.status, planned["status"], planned["scheduledAt"]) == (202, "scheduled", wanted)
    assert probe.api.delete(f"{probe.path}/{planned['$id']}").status == 204


def test_case_066_headers_reach_the_code_except_reserved_names(probe: Probe) -> None:
    reserved = probe.execute(headers={"x-appwrite-foo": "1"})
    assert (reserved.status, reserved.kind) == (400, "general_argument_invalid")
    seen = json.loads(probe.run(headers={"cookie": "a=b", "x-mine": "yes"})["responseBody"])["headers"]
    assert (seen["cookie"], seen["x-mine"]) == ("a=b", "yes")


def test_case_067_the_key_of_a_run_is_limited_to_the_scopes_of_the_function(probe: Probe) -> None:
    create_collection(probe.api)
    seen = json.loads(probe.run("/call")["responseBody"])
    assert seen == {"key": "dynamic", "statuses": [401, 200, 200]}


def test_case_067_a_run_learns_who_it_is(probe: Probe) -> None:
    answer = probe.run()
    seen = json.loads(answer["responseBody"])["headers"]
    assert seen["x-appwrite-key"].startswith("dynamic_")
    assert seen["x-appwrite-execution-id"] == answer["$id"]
    assert seen["x-appwrite-trigger"] == "http"
