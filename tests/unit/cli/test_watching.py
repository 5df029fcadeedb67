"""Alerts of runs that follow a timetable: each knows from a file what the one before has reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.cli.watching import Hooks, watch
from raceday_iac.errors import UnreachableError
from raceday_iac.health.observations import Finding, Severity
from raceday_iac.health.report import Report
from raceday_iac.health.watched import Alert
from raceday_iac.model.secret import Secret

from ..health.made import NOW, SINCE

HEALTHY = Report(NOW, SINCE, "prod", "https://appwrite.example.nz/v1", "raceday", (), ())
FAILING = Finding("run.failing", Severity.ERROR, "function.f", "3 in a row")
SLOW = Finding("run.slow", Severity.WARNING, "function.g", "it takes 9 s")
ALERTS = [Alert(url_env="HOOK", at=Severity.WARNING), Alert(url_env="PAGER", at=Severity.ERROR)]
ADDRESSES = {"HOOK": "https://hooks.example/a-secret", "PAGER": "https://pager.example/a-secret"}


def found(*findings: Finding, environment: str = "prod") -> Report:
    return replace(HEALTHY, findings=findings, environment=environment)


@dataclass
class Timetable:
    """Runs one after the other: each reads the file, notifies, and ends."""

    memory: Path
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    #: What each address answers; nothing when it takes the message.
    answers: dict[str, str] = field(default_factory=dict)

    def hooks(self) -> Hooks:
        hooks = Hooks.of(ALERTS, ADDRESSES, self.memory)
        hooks.post = self._post
        return hooks

    def notify(self, report: Report) -> list[tuple[str, list[str], list[str]]]:
        """One run. Returns whom it notified of what: new, and over."""
        return self._during(lambda hooks: hooks.notify(report))

    def tell_unseen(self, problem: str) -> list[tuple[str, list[str], list[str]]]:
        return self._during(lambda hooks: hooks.tell_unseen(HEALTHY, problem))

    def _during(self, act: Any) -> list[tuple[str, list[str], list[str]]]:
        self.got.clear()
        act(self.hooks())
        return [(name, _codes(message["new"]), _codes(message["over"])) for name, message in self.got]

    def _post(self, url: Secret, message: Mapping[str, Any]) -> str:
        name = next(each for each, address in ADDRESSES.items() if address == url.reveal())
        if not self.answers.get(name):
            self.got.append((name, dict(message)))
        return self.answers.get(name, "")


def _codes(documents: list[dict[str, Any]]) -> list[str]:
    return [each["code"] for each in documents]


@pytest.fixture
def timetable(tmp_path: Path) -> Timetable:
    return Timetable(tmp_path / "reported.json")


def test_the_next_run_reports_only_what_is_new_and_what_is_over(timetable: Timetable) -> None:
    assert timetable.notify(found(FAILING)) == [("HOOK", ["run.failing"], []), ("PAGER", ["run.failing"], [])]
    assert timetable.notify(found(FAILING)) == []
    assert timetable.notify(found(FAILING, SLOW)) == [("HOOK", ["run.slow"], [])]
    assert timetable.notify(found(SLOW)) == [("HOOK", [], ["run.failing"]), ("PAGER", [], ["run.failing"])]
    assert timetable.notify(HEALTHY) == [("HOOK", [], ["run.slow"])]
    assert timetable.notify(HEALTHY) == []


def test_what_was_not_taken_is_told_again_and_only_there(timetable: Timetable) -> None:
    timetable.answers["PAGER"] = "it answered 503"
    assert timetable.notify(found(FAILING)) == [("HOOK", ["run.failing"], [])]
    timetable.answers.clear()
    assert timetable.notify(found(FAILING)) == [("PAGER", ["run.failing"], [])]


def test_a_project_that_nobody_can_look_at_is_told_and_nothing_counts_as_over(timetable: Timetable) -> None:
    timetable.notify(found(FAILING))
    assert timetable.tell_unseen("It does not answer.") == [
        ("HOOK", ["project.unseen"], []),
        ("PAGER", ["project.unseen"], []),
    ]
    (_, message), _ = timetable.got
    assert message["status"] == "unhealthy"
    assert _codes(message["lasting"]) == ["run.failing"]
    assert timetable.tell_unseen("It still does not answer.") == []
    assert timetable.notify(found(FAILING)) == [("HOOK", [], ["project.unseen"]), ("PAGER", [], ["project.unseen"])]


def test_one_file_serves_several_environments(timetable: Timetable) -> None:
    timetable.notify(found(FAILING))
    assert timetable.notify(found(FAILING, environment="staging")) != []
    assert timetable.notify(found(FAILING)) == []


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", '{"format": 2, "kind": "told", "told": {}}', '{"format": 1, "kind": "told", "told": {"a": [1]}}'],
)
def test_a_damaged_file_makes_everything_new_and_is_said(
    timetable: Timetable, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    timetable.memory.write_text(content, encoding="utf-8")
    assert len(timetable.notify(found(FAILING))) == 2
    assert "is not a file that --reported wrote, so everything counts as new" in capsys.readouterr().err
    assert timetable.notify(found(FAILING)) == []


def test_a_file_that_cannot_be_written_stops_nothing(
    timetable: Timetable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timetable.memory = tmp_path
    assert len(timetable.notify(found(FAILING))) == 2
    assert "what was reported cannot be written to" in capsys.readouterr().err


def test_the_file_is_private_and_holds_no_address(timetable: Timetable) -> None:
    timetable.notify(found(FAILING, SLOW))
    assert timetable.memory.stat().st_mode & 0o777 == 0o600
    assert "a-secret" not in timetable.memory.read_text(encoding="utf-8")


@pytest.mark.parametrize(("in_vain", "times"), [(2, 0), (3, 1), (4, 2)])
def test_a_watch_reports_the_third_look_in_vain(in_vain: int, times: int) -> None:
    from contextlib import nullcontext

    looks: list[Report | None] = [HEALTHY, *[None] * in_vain, HEALTHY, None, None]
    unseen: list[str] = []

    def look() -> Report:
        report = looks.pop(0)
        if report is None:
            raise UnreachableError("It does not answer.")
        return report

    watch(
        look,
        nullcontext(lambda _report, _problem: None),
        1,
        tell_unseen=unseen.append,
        times=len(looks),
        sleep=lambda _: None,
    )
    assert unseen == ["It does not answer."] * times
