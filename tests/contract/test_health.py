"""Health routes: what a client asks before it trusts a server."""

from __future__ import annotations

import pytest

from .client import Api
from .description import Description
from .target import Target

CHECKS = ("", "/cache", "/db", "/pubsub", "/storage", "/storage/local")
#: All that are documented, but the one that looks at certificates of other hosts.
DOCUMENTED = sorted(
    path.replace("{name}", "v1-builds")
    for path in Description().raw["paths"]
    if path.startswith("/health") and path != "/health/certificate"
)
QUEUES = (
    "builds",
    "certificates",
    "databases",
    "deletes",
    "functions",
    "logs",
    "mails",
    "messaging",
    "migrations",
    "stats-resources",
    "stats-usage",
    "webhooks",
)


def test_the_version_is_reported_without_a_key_only(api: Api) -> None:
    """A project key lacks the scope `public` (observed on 1.8.1)."""
    answer = api.with_key("").get("/health/version")
    assert answer.status == 200
    assert answer["version"].count(".") == 2
    assert api.get("/health/version").kind == "general_unauthorized_scope"


@pytest.mark.parametrize("check", CHECKS)
def test_a_healthy_server_passes(api: Api, check: str) -> None:
    answer = api.get(f"/health{check}")
    assert answer.status == 200
    assert {each["status"] for each in answer.body.get("statuses", [answer.body])} == {"pass"}


@pytest.mark.parametrize("path", DOCUMENTED)
def test_every_documented_route_answers_in_the_documented_form(api: Api, path: str) -> None:
    """The form is looked at after each test; that there is one to look at, here."""
    answer = api.get(path)
    assert answer.status == 200
    assert Description().route("GET", path) is not None
    assert answer.body


@pytest.mark.parametrize("queue", [*QUEUES, "failed/v1-functions"])
def test_the_length_of_a_queue_is_reported(api: Api, queue: str) -> None:
    answer = api.get(f"/health/queue/{queue}")
    assert answer.status == 200
    assert answer["size"] >= 0


def test_the_clock_is_reported(api: Api) -> None:
    answer = api.get("/health/time")
    assert (answer.status, answer["diff"]) == (200, answer["remoteTime"] - answer["localTime"])


def test_every_key_may_ask_for_health(api: Api, target: Target) -> None:
    assert api.with_key(target.key_for(api.project, [])).get("/health").status == 200
    assert api.with_key("").get("/health").kind == "general_unauthorized_scope"
