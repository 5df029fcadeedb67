"""One server, three Appwrites: what a server of each age says of itself, and what only some of them know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from raceday_iac.devserver.ages import AGES, V1_8, V1_9
from raceday_iac.devserver.runner import RunningServer, start_server
from raceday_iac.devserver.server import Settings

Ages = Callable[[str], RunningServer]
QUICK = {"scheduler": False, "processing_delay": 0.0}


def call(server: RunningServer, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
    sent = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.key}
    return requests.request(method, server.endpoint + path, json=body, headers={**sent, **headers}, timeout=10)


def create(server: RunningServer, identifier: str, **fields: Any) -> Any:
    body = {"functionId": identifier, "name": "F", "runtime": "python-3.12", **fields}
    return call(server, "POST", "/functions", body).json()


@pytest.mark.parametrize(("age", "version"), [("1.8", "1.8.1"), ("1.9", "1.9.6"), ("main", "1.9.6")])
def test_a_server_says_its_version(server_of_age: Ages, age: str, version: str) -> None:
    server = server_of_age(age)
    answer = requests.get(
        f"{server.endpoint}/health/version", headers={"X-Appwrite-Project": server.project}, timeout=10
    )
    assert answer.json() == {"version": version}
    assert call(server, "GET", "/functions/none").json()["version"] == version


def test_before_1_9_a_function_has_one_specification(server_of_age: Ages) -> None:
    made = create(server_of_age("1.8"), "one", specification="s-1vcpu-1gb", buildSpecification="s-2vcpu-2gb")
    assert made["specification"] == "s-1vcpu-1gb"
    assert not made.keys() & {"buildSpecification", "runtimeSpecification", "deploymentRetention"}


@pytest.mark.parametrize("age", ["1.9", "main"])
def test_since_1_9_it_has_two_and_a_retention(server_of_age: Ages, age: str) -> None:
    two = {"buildSpecification": "s-1vcpu-1gb", "runtimeSpecification": "s-2vcpu-2gb", "deploymentRetention": 7}
    made = create(server_of_age(age), "two", specification="s-4vcpu-4gb", **two)
    assert "specification" not in made
    assert {name: made[name] for name in two} == two


@pytest.mark.parametrize(("age", "runs_with"), [("1.9", "s-8vcpu-8gb"), ("main", "s-2vcpu-2gb")])
def test_what_a_put_leaves_out_goes_back_or_stays(server_of_age: Ages, age: str, runs_with: str) -> None:
    create(server_of_age(age), "kept", runtimeSpecification="s-2vcpu-2gb", deploymentRetention=7)
    changed = call(server_of_age(age), "PUT", "/functions/kept", {"name": "F"}).json()
    assert (changed["runtimeSpecification"], changed["deploymentRetention"]) == (runs_with, 0)


def test_a_data_directory_remembers_its_age(tmp_path: Path) -> None:
    for asked, played in ((None, V1_8), (V1_9, V1_9), (None, V1_9)):
        with start_server(tmp_path, settings=Settings(age=asked, **QUICK)) as server:
            assert server.server.age is played


@pytest.mark.parametrize("age", AGES)
def test_all_runtimes_of_an_age_are_offered(server_of_age: Ages, age: str) -> None:
    server = server_of_age(age)
    answer = requests.get(
        f"{server.endpoint}/functions/runtimes", headers={"X-Appwrite-Project": server.project}, timeout=10
    )
    assert [each["$id"] for each in answer.json()["runtimes"]] == list(AGES[age].runtimes)


@pytest.mark.parametrize(("age", "status"), [("1.8", 400), ("1.9", 200), ("main", 200)])
def test_a_put_without_a_name_keeps_it_since_1_9(server_of_age: Ages, age: str, status: int) -> None:
    server = server_of_age(age)
    call(server, "POST", "/databases", {"databaseId": "named", "name": "N", "enabled": False})
    call(server, "POST", "/databases/named/collections", {"collectionId": "c", "name": "C"})
    for path, name in (("/databases/named", "N"), ("/databases/named/collections/c", "C")):
        answer = call(server, "PUT", path, {})
        assert answer.status_code == status
        assert status == 400 or (answer.json()["name"], answer.json()["enabled"]) == (name, True)


def test_a_list_is_kept_for_its_ttl_until_it_is_purged(server_of_age: Ages) -> None:
    server, path = server_of_age("1.9"), "/databases/kept/collections/c"
    call(server, "POST", "/databases", {"databaseId": "kept", "name": "K"})
    attributes = [{"key": "a", "type": "string", "size": 9}]
    call(server, "POST", "/databases/kept/collections", {"collectionId": "c", "name": "C", "attributes": attributes})
    totals = []
    for change in (None, "documents", "purge"):
        if change == "documents":
            call(server, "POST", f"{path}/documents", {"documentId": "d", "data": {"a": "x"}})
        if change == "purge":
            call(server, "PUT", path, {"purge": True})
        answer = call(server, "GET", f"{path}/documents?ttl=60")
        totals.append((answer.json()["total"], answer.headers["x-appwrite-cache"]))
    assert totals == [(0, "miss"), (0, "hit"), (1, "miss")]


@pytest.mark.parametrize("age", AGES)
def test_no_key_may_ask_for_what_the_console_knows(server_of_age: Ages, age: str) -> None:
    answer = call(server_of_age(age), "GET", "/console/variables")
    assert (answer.status_code, answer.json()["type"]) == (401, "general_unauthorized_scope")


def test_a_list_that_is_not_counted_has_a_total_of_0_and_the_text_false_is_true(server_of_age: Ages) -> None:
    server = server_of_age("1.9")
    create(server, "counted")
    totals = [call(server, "GET", f"/functions?total={asked}").json()["total"] for asked in ("0", "1", "false")]
    assert totals[0] == 0
    assert totals[1] == totals[2] > 0
    assert call(server, "GET", "/functions?total=maybe").status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("PUT", "/functions/worded", {"name": "F", "providerBranches": 5}, "no longer than 128 chars or null"),
        ("GET", "/databases?search=", None, "and at least 1 chars and no longer than 256 chars"),
        ("POST", "/functions/worded/deployments/vcs", {"type": "tag", "reference": "x"}, "one of (branch, commit)"),
        ("POST", "/functions/worded/executions", {"scheduledAt": 5}, "no longer than 100 chars or null"),
        ("PUT", "/tablesdb/d/tables/t/rows/-x", {"data": {}}, "Can't start with a leading underscore"),
    ],
)
def test_a_bad_value_is_refused_in_the_words_of_the_server(
    server_of_age: Ages, method: str, path: str, body: Any, said: str
) -> None:
    server = server_of_age("1.9")
    if call(server, "GET", "/functions/worded").status_code == 404:
        create(server, "worded")
    answer = call(server, method, path, body).json()
    assert answer["type"] == "general_argument_invalid"
    assert answer["message"].endswith(said)
