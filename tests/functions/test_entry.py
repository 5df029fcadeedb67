"""The frame of one execution: the lock before everything else, an answer whatever happens."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from _shared import entry, lock

from raceday_iac.devserver.faults import RequestFault

from .poller_standin import LOCKS
from .raceday import ROOT, Called, Raceday, package_of
from .runtime import Context, context

FUNCTION = "master-race-scheduler"
LOCK = f"{LOCKS}/{FUNCTION}-lock"


def hold(raceday: Raceday, **fields: Any) -> None:
    """Somebody else has the lock since this instant."""
    raceday.put("locks", f"{FUNCTION}-lock", owner="other", generation=1, phase="analysed", **fields)


def run(raceday: Raceday, **changes: Any) -> Called:
    return raceday.call(FUNCTION, **changes)


# A run that gets the lock.


def test_a_run_takes_the_lock_works_and_gives_it_back(raceday: Raceday) -> None:
    called = run(raceday)

    assert (called.status, called.outcome) == (200, "done")
    names = [json.loads(line)["event"] for line in called.context.logs]
    assert names == ["lock.acquired", "run.summary", "lock.released"]
    assert raceday.document("locks", f"{FUNCTION}-lock") is None


def test_the_log_says_how_long_the_lock_took_and_what_was_aimed_at(raceday: Raceday) -> None:
    (event,) = run(raceday).context.events("lock.acquired")

    assert event["checkMs"] > 0
    assert (event["targetMs"], event["generation"], event["takeovers"]) == (15, 1, 0)


def test_every_line_of_the_log_is_json_and_says_which_execution_it_belongs_to(raceday: Raceday) -> None:
    called = run(raceday)

    lines = [json.loads(line) for line in [*called.context.logs, *called.context.errors]]
    assert {(line["function"], line["execution"]) for line in lines} == {(FUNCTION, "execution-1")}


def test_no_key_is_ever_logged(raceday: Raceday) -> None:
    raceday.server.server.faults.add(RequestFault(path="*races/documents", times=9, status=401, type="x"))

    called = run(raceday)

    key = raceday.key_of(FUNCTION)
    assert called.status == 500
    assert key not in json.dumps([called.body, called.context.logs, called.context.errors])


def test_a_lock_of_a_dead_run_is_taken_over(raceday: Raceday) -> None:
    hold(raceday)
    raceday.time.sleep(91)

    called = run(raceday)

    (event,) = called.context.events("lock.acquired")
    assert (called.outcome, event["generation"], event["takeovers"]) == ("done", 2, 1)


def test_the_lock_is_given_back_when_the_work_crashes(raceday: Raceday) -> None:
    raceday.server.server.faults.add(RequestFault(path="*races/documents", status=400, type="x"))

    called = run(raceday)

    assert (called.status, called.outcome) == (500, "failed")
    assert raceday.document("locks", f"{FUNCTION}-lock") is None


def test_a_lock_that_cannot_be_given_back_is_no_failure_of_the_work(raceday: Raceday) -> None:
    raceday.server.server.faults.add(RequestFault(method="DELETE", path=f"*{FUNCTION}-lock", times=9, status=503))

    called = run(raceday)

    (event,) = called.context.events("lock.released")
    assert (called.outcome, event["released"]) == ("done", False)


# A run that finds the lock held.


def test_a_duplicate_ends_at_once_and_successfully(raceday: Raceday) -> None:
    hold(raceday)

    called = run(raceday)

    assert (called.status, called.outcome) == (200, "duplicate")
    assert called.body["holder"] == {"owner": "other", "phase": "analysed", "lockAgeSeconds": 0}
    assert called.context.events("run.summary") == []


def test_a_duplicate_says_what_it_saved(raceday: Raceday) -> None:
    hold(raceday)

    (event,) = run(raceday).context.events("lock.refused")

    assert list(event["saved"]) == ["seconds", "cpuSeconds", "memoryMb", "appwriteRequests"]
    assert all(amount >= 0 for amount in event["saved"].values())
    assert event["checkMs"] > 0


def test_a_duplicate_says_how_long_it_took_in_all_and_what_was_aimed_at(raceday: Raceday) -> None:
    hold(raceday)

    called = run(raceday)

    (event,) = called.context.events("lock.refused")
    assert (event["totalMs"], event["totalTargetMs"]) == (event["elapsedMs"], 100)
    assert called.body["durationMs"] >= event["totalMs"]


def test_a_duplicate_makes_one_connection_and_three_requests(raceday: Raceday, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(raceday)
    module = importlib.import_module(f"{package_of(FUNCTION)}.src.vendor.connection")
    module._kept.clear()
    made: list[Any] = []
    plain = module.Wire
    monkeypatch.setattr(module, "Wire", lambda *place, **how: made.append(place) or plain(*place, **how))
    raceday.forget_requests()

    assert run(raceday).outcome == "duplicate"

    assert len(made) == 1
    assert sum(raceday.requests().values()) == 4  # the counting document is made by the first


def test_a_duplicate_loads_no_work_and_no_client(raceday: Raceday, bundles: Path) -> None:
    """What it costs beyond the lock check is one request, and no imports that take longer than that."""
    hold(raceday)
    package = package_of(FUNCTION)
    code = (
        f"import sys; sys.path[:0] = [{str(bundles)!r}, {str(ROOT / 'tests')!r}, {str(ROOT / 'functions')!r}]\n"
        "from functions.runtime import context\n"
        f"from {package}.src.main import handle\n"
        f"said = context({raceday.key_of(FUNCTION)!r})\n"
        "answer = handle(said)\n"
        f"print(answer['body']); print([each for each in sys.modules if each.startswith('{package}.')])\n"
    )

    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)

    answer, loaded = done.stdout.splitlines()
    assert json.loads(answer)["outcome"] == "duplicate"
    names = {each.rpartition(".")[2] for each in ast.literal_eval(loaded)}
    assert "refusing" in names
    assert names.isdisjoint({"work", "appwrite_http", "documents", "attempts", "running", "nz_time"})


def test_a_duplicate_is_counted_for_the_owner(raceday: Raceday) -> None:
    hold(raceday)

    run(raceday)
    run(raceday)

    assert (raceday.document("locks", f"{FUNCTION}-seen") or {})["attempts"] == 2


def test_a_duplicate_leaves_the_lock_as_it_is(raceday: Raceday) -> None:
    hold(raceday)
    before = raceday.document("locks", f"{FUNCTION}-lock")

    run(raceday)

    assert raceday.document("locks", f"{FUNCTION}-lock") == before


def test_a_duplicate_that_cannot_be_counted_is_a_duplicate_still(raceday: Raceday) -> None:
    hold(raceday)
    raceday.server.server.faults.add(RequestFault(path="*seen*", times=9, status=500))

    assert run(raceday).outcome == "duplicate"


# A lock that cannot be used.


def test_without_a_lock_store_nothing_is_done_and_it_is_an_error(raceday: Raceday) -> None:
    raceday.client.delete("/databases/raceday-db/collections/locks")

    called = run(raceday)

    assert (called.status, called.outcome, called.body["error"]) == (500, "failed", "lock.unusable")
    (event,) = called.context.events("lock.unusable")
    assert (event["level"], event["error"]) == ("error", "LockStoreMissing")


@pytest.mark.parametrize(
    ("status", "error"), [(401, "LockDenied"), (400, "LockStoreUnfit"), (503, "LockUnclear"), (500, "LockUnclear")]
)
def test_a_lock_store_that_cannot_be_used_is_never_taken_for_a_held_lock(
    raceday: Raceday, status: int, error: str
) -> None:
    raceday.server.server.faults.add(RequestFault(path="*locks/documents*", times=99, status=status, type="any"))
    raceday.forget_requests()

    called = run(raceday)

    (event,) = called.context.events("lock.unusable")
    assert (called.status, event["error"]) == (500, error)
    assert not any("races" in path or "executions" in path for _, path in raceday.requests())


@pytest.mark.parametrize("missing", ["APPWRITE_FUNCTION_API_ENDPOINT", "APPWRITE_FUNCTION_PROJECT_ID"])
def test_what_the_runtime_does_not_provide_is_named(
    raceday: Raceday, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(missing)

    called = run(raceday)

    assert (called.status, called.body["error"]) == (500, "run.not_configured")
    assert missing in called.body["message"]


def test_without_the_key_of_the_execution_nothing_is_tried(raceday: Raceday, monkeypatch: pytest.MonkeyPatch) -> None:
    """A static key in the environment is not used in its place."""
    monkeypatch.setenv("APPWRITE_API_KEY", raceday.server.key)
    raceday._keys[FUNCTION] = ""
    raceday.forget_requests()

    called = run(raceday)

    assert (called.status, called.body["error"]) == (500, "run.not_configured")
    assert "x-appwrite-key" in called.body["message"]
    assert sum(raceday.requests().values()) == 0


# Around it.


def test_work_in_a_thread_leaves_the_event_loop_free() -> None:
    import asyncio

    def handle(reported: Context) -> str:
        return threading.current_thread().name

    name = asyncio.run(entry.in_thread(handle, context("")))

    assert name != threading.current_thread().name


def test_body_and_trigger_of_the_execution_reach_the_run(raceday: Raceday) -> None:
    from _shared import invocation

    reported = context("key", '{"raceIds":["r1"]}', execution="execution-9")
    reported.req.headers["x-appwrite-trigger"] = "schedule"

    call = invocation.read(reported)

    assert (call.body, call.trigger, call.execution) == ({"raceIds": ["r1"]}, "schedule", "execution-9")


@pytest.mark.parametrize("body", ["", "no json", "[1, 2]", "3", None, b"\xff\xfe", '{"a":'])
def test_a_body_that_is_no_object_is_an_empty_one(raceday: Raceday, body: Any) -> None:
    from _shared import invocation

    assert invocation.read(context("key", body)).body == {}


def test_settings_are_read_from_the_bundle(raceday: Raceday, bundles: Any) -> None:
    settings = lock.load_settings(str(bundles / "bundle_of_master_race_scheduler" / "src"))

    assert settings.numbers == (75, 30, 90)
    assert (settings.lock_id, settings.check_target_ms) == (f"{FUNCTION}-lock", 15)
