"""What came of an apply, and events on the way."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from raceday_iac.applying import Applied, Event, EventKind
from raceday_iac.errors import (
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_LOCKED,
    EXIT_OK,
    EXIT_REFUSED,
    FencedError,
    IacError,
    ProviderError,
    RefusedError,
    StateError,
)
from raceday_iac.model.address import Address
from raceday_iac.planning import Action, Change, Reason
from raceday_iac.render.plan_text import applied_document, applied_lines
from raceday_iac.render.progress import LIVE_LINES, QUIET, LiveLines, PlainLines, event_text, progress
from raceday_iac.state.document import State


def change(name: str, action: Action = Action.CREATE, kind: str = "function") -> Change:
    return Change(Address(kind, name), action, "why", why=Reason.DECLARED)


ONE, TWO = change("one"), change("two")
COMPLETE = Applied(State("l", 5), (ONE, TWO), (), (), False)
FAILED = replace(
    COMPLETE, done=(ONE,), failed=((TWO, ProviderError("no", hint="try this")),), skipped=(change("three"),)
)


def text(applied: Applied, left: tuple[str, ...] = ()) -> str:
    return "\n".join(line.text for line in applied_lines(applied, left, 1.25)).strip()


def test_a_complete_apply_is_one_line() -> None:
    assert text(COMPLETE) == "Applied: 2 changes in 1.2 s. Appwrite matches the configuration."


def test_a_summary_counts_what_was_done_and_says_what_may_be_tried() -> None:
    done = (ONE, TWO, change("one", Action.DEPLOY, "deployment"), change("other", Action.DEPLOY, "deployment"))
    assert text(replace(COMPLETE, done=done)).splitlines()[1:] == [
        "  2 created, 2 deployed",
        "  Try it: raceday-iac run one",
    ]
    assert text(replace(COMPLETE, done=done[2:])).splitlines()[1:] == []


def test_what_is_not_complete_names_the_command_that_finishes_it() -> None:
    lines = [line.text for line in applied_lines(FAILED, (), 1.0, command="destroy")]
    assert "Run destroy again to finish." in lines[-1]


def test_the_live_view_shows_the_oldest_of_what_is_under_way_with_its_seconds() -> None:
    now = 0.0
    view = LiveLines(lambda: now)
    many = [change(f"f{number}") for number in range(LIVE_LINES + 2)]
    for each in many:
        view.observe(Event(EventKind.STARTED, each))
        now += 1
    view.observe(Event(EventKind.WAITING, many[0], note="build building"))
    lines = view.lines()
    assert lines[0] == f"  function.f0 (build building)  {LIVE_LINES + 2} s"
    assert lines[1] == f"  function.f1  {LIVE_LINES + 1} s"
    assert lines[-1] == "  and 2 more"
    assert len(lines) == LIVE_LINES + 1
    for each in many:
        view.observe(Event(EventKind.DONE, each))
    assert view.lines() == []


def test_after_a_part_no_more_is_claimed_than_holds() -> None:
    (line,) = [line.text for line in applied_lines(COMPLETE, (), 1.25, "2 changes were left out.") if line.text]
    assert line == "Applied: 2 changes in 1.2 s. 2 changes were left out."


def test_a_failure_is_reported_with_its_hint_what_was_not_started_and_what_to_do() -> None:
    assert text(FAILED).splitlines() == [
        "Not complete: 1 done, 1 failed, 1 not started (1.2 s).",
        "  ✗ create function.two: no",
        "    → try this",
        "  Not started: create:function.three",
        "  Everything done is in the state (serial 5). Run apply again to finish.",
    ]


def test_what_a_guard_stopped_is_listed_apart_with_what_comes_after_it() -> None:
    three = replace(change("three"), requires=(TWO.key,))
    four = replace(change("four"), requires=(three.key,))
    stopped = replace(FAILED, failed=((TWO, RefusedError("more now")),), skipped=(three, four))
    assert text(stopped).splitlines() == [
        "Not complete: 1 done, 0 failed, 1 stopped, 2 not started (1.2 s).",
        "  ✗ create function.two: more now",
        "  Not started, because it comes after create:function.two: create:function.three, create:function.four",
        "  Everything done is in the state (serial 5). The stopped steps changed nothing.",
    ]
    assert stopped.exit_code == EXIT_REFUSED


@pytest.mark.parametrize(
    ("applied", "code"),
    [
        (COMPLETE, EXIT_OK),
        (FAILED, EXIT_ERROR),
        (replace(FAILED, failed=((ONE, RefusedError("")), (TWO, ProviderError("")))), EXIT_ERROR),
        (replace(FAILED, failed=((ONE, RefusedError("")),), unsettled=(ProviderError(""),)), EXIT_ERROR),
        (replace(FAILED, failed=((ONE, FencedError("")),)), EXIT_LOCKED),
        (replace(FAILED, failed=((ONE, RefusedError("")),), interrupted=True), EXIT_INTERRUPTED),
        (replace(COMPLETE, skipped=(ONE,)), EXIT_ERROR),
    ],
)
def test_the_worst_decides_the_exit_code_and_a_guard_is_the_least(applied: Applied, code: int) -> None:
    assert applied.exit_code == code


@pytest.mark.parametrize("error", [StateError("no space"), FencedError("taken over")])
def test_when_a_save_failed_the_state_is_not_said_to_hold_everything(error: StateError) -> None:
    for applied in (replace(FAILED, failed=((TWO, error),)), replace(FAILED, unsettled=(error,))):
        assert text(applied).splitlines()[-1] == (
            "  Not everything done could be saved in the state. Run apply again: it adopts that, and finishes."
        )


def test_what_is_still_different_when_read_again_is_reported() -> None:
    assert "Applied, but still different when read again: update:function.one" in text(
        COMPLETE, ("update:function.one",)
    )


def test_only_the_first_of_many_skipped_are_named() -> None:
    many = replace(FAILED, skipped=tuple(change(f"f{number}") for number in range(13)))
    assert "create:function.f9 and 3 more" in text(many)


def test_a_failure_of_waiting_is_reported_too() -> None:
    unsettled: tuple[IacError, ...] = (ProviderError("attribute.d/c/a is failed"),)
    waiting = replace(COMPLETE, unsettled=unsettled)
    assert "  ✗ attribute.d/c/a is failed" in text(waiting)
    assert not waiting.complete


@pytest.mark.parametrize("setting", [{"interrupted": True}, {"skipped": (ONE,)}, {"failed": ((ONE, IacError("x")),)}])
def test_what_is_not_complete(setting: dict[str, object]) -> None:
    assert not replace(COMPLETE, **setting).complete  # type: ignore[arg-type]
    assert applied_document(replace(COMPLETE, **setting), (), 0.0)["complete"] is False  # type: ignore[arg-type]


def test_for_machines_everything_is_named_by_key() -> None:
    assert applied_document(FAILED, (), 1.23456) == {
        "complete": False,
        "interrupted": False,
        "seconds": 1.235,
        "serial": 5,
        "done": ["create:function.one"],
        "failed": [
            {
                "change": "create:function.two",
                "reasonCode": "declared",
                "message": "no",
                "hint": "try this",
                "stopped": False,
            }
        ],
        "skipped": ["create:function.three"],
        "stillDifferent": [],
        "migrations": {},
    }


# Events.


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (Event(EventKind.STARTED, ONE), "    create function.one …"),
        (Event(EventKind.WAITING, ONE, note="build building"), "    create function.one: build building"),
        (Event(EventKind.DONE, ONE, 1.26), "  ✓ create function.one (1.3 s)"),
        (Event(EventKind.FAILED, ONE, 1.0, "no"), "  ✗ create function.one: no"),
        (Event(EventKind.WARNED, ONE, note="hm"), "  ! create function.one: hm"),
    ],
)
def test_one_event_is_one_line(event: Event, shown: str) -> None:
    assert event_text(event) == shown


def observed(events: list[Event], total: int, *, as_json: bool = False) -> list[str]:
    out = io.StringIO()
    with progress(total, as_json=as_json, color=False, stream=out) as observer:
        for each in events:
            observer(each)
    return out.getvalue().splitlines()


def test_without_a_terminal_what_is_done_is_listed_with_a_count() -> None:
    events = [Event(EventKind.STARTED, ONE), Event(EventKind.DONE, ONE, 0.1), Event(EventKind.DONE, TWO, 0.1)]
    assert observed(events, 2) == ["  ✓ create function.one (0.1 s)  [1/2]", "  ✓ create function.two (0.1 s)  [2/2]"]


def test_attributes_are_counted_not_listed() -> None:
    events = [Event(EventKind.DONE, change(f"d/c/a{number}", kind="attribute")) for number in range(100)]
    lines = observed(events, 100)
    assert lines[0] == "  … 10/100 changes done"
    assert lines[-1] == "  … 100/100 changes done"
    assert len(lines) == 10


@pytest.mark.parametrize(("seconds", "is_reported"), [(QUIET - 0.1, False), (QUIET, True)])
def test_what_takes_long_is_reported_again(seconds: float, is_reported: bool) -> None:
    out, now = io.StringIO(), [0.0]
    lines = PlainLines(2, out, lambda: now[0])
    lines.observe(Event(EventKind.STARTED, change("d/c/a", kind="attribute")))
    lines.observe(Event(EventKind.WAITING, ONE, note="build building"))
    now[0] += seconds
    # The same again is no news.
    lines.observe(Event(EventKind.WAITING, ONE, note="build building"))
    for _ in range(2):
        lines.remind()
    reported = ["    … attribute.d/c/a, function.one (build building)"] if is_reported else []
    assert out.getvalue().splitlines() == ["    create function.one: build building", *reported]


def test_nothing_is_reported_again_when_all_is_done() -> None:
    out, now = io.StringIO(), [0.0]
    lines = PlainLines(2, out, lambda: now[0])
    lines.observe(Event(EventKind.STARTED, ONE))
    lines.observe(Event(EventKind.DONE, ONE, 0.1))
    now[0] += 2 * QUIET
    lines.remind()
    assert out.getvalue().splitlines() == ["  ✓ create function.one (0.1 s)  [1/2]"]


def test_a_failed_attribute_is_listed() -> None:
    events = [Event(EventKind.FAILED, change("d/c/a", kind="attribute"), note="no")]
    assert observed(events, 1) == ["  ✗ create attribute.d/c/a: no"]


def test_a_warning_is_always_reported() -> None:
    warned = Event(EventKind.WARNED, change("d/c/a", kind="attribute"), note="hm")
    assert observed([warned, warned], 1) == ["  ! create attribute.d/c/a: hm"] * 2


def test_the_same_wait_is_reported_once() -> None:
    waiting = Event(EventKind.WAITING, ONE, note="build building")
    assert len(observed([waiting, waiting, replace(waiting, note="build ready")], 1)) == 2


def test_for_machines_every_event_is_a_line_of_json_with_a_format_number() -> None:
    lines = observed([Event(EventKind.STARTED, ONE), Event(EventKind.DONE, ONE, 1.23456)], 1, as_json=True)
    assert [json.loads(line) for line in lines][1] == {
        "format": 1,
        "event": "done",
        "address": "function.one",
        "action": "create",
        "reasonCode": "declared",
        "seconds": 1.235,
        "note": "",
    }


def test_on_a_terminal_progress_is_drawn_and_failures_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    with progress(2, as_json=False, color=True, stream=out) as observer:
        observer(Event(EventKind.STARTED, ONE))
        observer(Event(EventKind.FAILED, ONE, 0.1, "no [bold]markup[/bold]"))
    assert "create function.one: no [bold]markup[/bold]" in out.getvalue()
