"""A function's deployments, as people and machines read them."""

from __future__ import annotations

from datetime import UTC, datetime

from raceday_iac.model.address import function_address
from raceday_iac.provider.protocol import Deployment
from raceday_iac.refresh.deployments import Classified, Role
from raceday_iac.render.executions import deployment_lines, deployments_document

F = function_address("f")

NOW = datetime(2025, 7, 17, 12, tzinfo=UTC)
FOUND = [
    Classified(
        Deployment("e", "failed", 900, created_at="2025-07-17T11:59:00.000+00:00"), Role.ORPHAN, "its build failed"
    ),
    Classified(Deployment("d", "ready", 900, created_at="2025-07-17T09:00:00.000+00:00", size=45_000), Role.ACTIVE),
    Classified(
        Deployment("c", "ready", 900, created_at="2025-07-15T12:00:00.000+00:00", size=23_000_000), Role.PREVIOUS
    ),
    Classified(Deployment("b", "waiting", 900, created_at="2025-07-17T11:57:00.000+00:00"), Role.UNFINISHED),
    Classified(Deployment("a", "ready", 900, type="vcs"), Role.FOREIGN),
]

GOLDEN = """\
Deployments of function.f, newest first
  e                      orphan      failed          60 s      900 B  its build failed
  d                      active      ready            3 h      45 kB
  c                      previous    ready            2 d      23 MB  the next rollback activates this
  b                      unfinished  waiting        3 min      900 B
  a                      foreign     ready            0 s      900 B

1 orphan: not needed by anything. Delete with: raceday-iac deployments f --clean
"""


def shown(found: list[Classified]) -> str:
    return "".join(f"{line.text}\n" for line in deployment_lines(F, found, ["c"], NOW))


def test_the_list() -> None:
    assert shown(FOUND) == GOLDEN


def test_without_the_servers_time_nobody_knows_how_old_they_are() -> None:
    text = "".join(f"{line.text}\n" for line in deployment_lines(F, FOUND, ["c"], None))
    assert "  d                      active      ready              ?      45 kB\n" in text
    assert "does not send its time" in text
    assert deployments_document(F, FOUND, ["c"], None)["deployments"][1]["ageSeconds"] is None


def test_orphans_are_counted() -> None:
    assert "2 orphans: not needed" in shown([FOUND[0], FOUND[0]])
    assert "orphan" not in shown(FOUND[1:])


def test_an_empty_list_says_so() -> None:
    assert shown([]) == "function.f has no deployments.\n"


def test_the_document_holds_the_same() -> None:
    document = deployments_document(F, FOUND, ["c"], NOW)
    assert document["rollback"] == ["c"]
    assert "deleted" not in document
    assert document["deployments"][1] == {
        "id": "d",
        "role": "active",
        "status": "ready",
        "type": "",
        "createdAt": "2025-07-17T09:00:00.000+00:00",
        "ageSeconds": 10_800,
        "sourceBytes": 900,
        "totalBytes": 45_000,
        "why": "",
    }


def test_the_document_says_what_was_cleaned() -> None:
    document = deployments_document(F, FOUND, [], NOW, {"e": "", "x": "no"})
    assert (document["deleted"], document["notDeleted"]) == (["e"], {"x": "no"})
