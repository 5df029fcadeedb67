from __future__ import annotations

from dataclasses import replace

import pytest

from raceday_iac.model.address import function_address
from raceday_iac.provider.protocol import Deployment, Execution
from raceday_iac.render.executions import build_lines, execution_document, execution_lines

F = function_address("f")

DONE = Execution(
    "e1", "f", "completed", "http", 200, '{"ok":true}', "one\ntwo\n", "", 1.234, "2025-07-17T00:00:00.000+00:00"
)


def test_an_execution_is_a_line_and_its_logs_below() -> None:
    assert [line.text for line in execution_lines(DONE)] == [
        "2025-07-17T00:00:00  f  completed 200  1.23 s  http  e1",
        "    one",
        "    two",
    ]


def test_errors_are_marked() -> None:
    lines = list(execution_lines(replace(DONE, errors="boom\n")))
    assert ("    ! boom", "red") in [(line.text, line.style) for line in lines]


@pytest.mark.parametrize(
    ("status", "code", "style"),
    [
        ("completed", 200, "bold green"),
        ("completed", 404, "bold red"),
        ("failed", 500, "bold red"),
        ("waiting", 0, "bold green"),
    ],
)
def test_what_failed_is_red_also_when_appwrite_calls_it_completed(status: str, code: int, style: str) -> None:
    assert next(iter(execution_lines(replace(DONE, status=status, response_status=code)))).style == style


def test_the_answer_is_shown_when_asked_for_and_readable() -> None:
    lines = [line.text for line in execution_lines(DONE, with_body=True)]
    assert lines[-4:] == ["  answer:", "    {", '      "ok": true', "    }"]


def test_an_answer_that_is_no_json_is_shown_as_it_is() -> None:
    assert [line.text for line in execution_lines(replace(DONE, response_body="plain"), with_body=True)][
        -1
    ] == "    plain"


def test_for_machines_everything_is_there() -> None:
    assert execution_document(DONE)["responseBody"] == '{"ok":true}'
    assert execution_document(DONE)["seconds"] == 1.234


def test_a_build_log_has_no_colours() -> None:
    lines = [line.text for line in build_lines(F, Deployment("b1", "failed", log="\x1b[90m[12:00] \x1b[0mno module\n"))]
    assert lines == ["f  deployment b1  failed", "    [12:00] no module"]
