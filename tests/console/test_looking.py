"""Overview, plan, health and schedule, and what can be done to an environment that is not here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest
import requests

from raceday_iac import __version__
from raceday_iac.audit import Inspection
from raceday_iac.console.pages import DEEDS, _last_apply
from raceday_iac.console.work import Tasks
from raceday_iac.devserver.daemon import Status
from raceday_iac.errors import IacError
from raceday_iac.model.secret import Secret
from raceday_iac.state.document import Saved

from .conftest import HOSTILE, TOKEN, Browser, Consoles, Shop


def test_a_plan_is_computed_when_its_page_is_opened(shop: Shop, console_of: Consoles) -> None:
    console = console_of(shop)
    first = console.page("/plan")
    assert "Comparing the stack with the server" in first
    assert "data-running" in first
    assert "collection" in console.settled("/plan")
    assert "data-running" not in console.page("/progress?of=plan")


@pytest.mark.parametrize("typed", ["", "yes", "apply", "apply 0", "apply 4000"])
def test_the_wrong_sentence_applies_nothing(shop: Shop, console_of: Consoles, typed: str) -> None:
    console = console_of(shop)
    with shop.edited('name="Staff"', 'name="Crew"'):
        console.settled("/plan")
        answer = console.send("/apply", {"sentence": typed}, "/plan")
    assert "Nothing was changed: to apply this plan, type" in answer.text
    assert console.tasks.latest("apply") is None


def test_what_was_applied_is_said_with_what_it_made(applied: Browser) -> None:
    text = applied.settled("/plan")
    assert re.search(r"Applied: \d+ changes in", text)
    assert "Appwrite matches the configuration" in text
    assert "data-wanted" not in text
    overview = applied.settled("/")
    assert "Last apply" in overview
    assert "success" in overview
    assert "console, " in overview
    assert f"raceday-iac {__version__}" in overview
    assert "daily-report" in overview


def test_a_plan_that_is_another_one_meanwhile_is_not_applied(applied: Browser, shop: Shop) -> None:
    with shop.edited('name="Staff"', 'name="Crew"'):
        assert "Crew" in applied.planned()
    with shop.edited('name="Staff"', 'name="Team"'):
        applied.send("/apply", {"sentence": "apply 1"}, "/plan")
        text = applied.settled("/plan")
    assert "The plan has changed" in text
    assert "Nothing was changed" in text
    assert "data-wanted" not in applied.planned()


def test_a_mistake_in_the_stack_is_shown_where_the_plan_would_be(shop: Shop, console_of: Consoles) -> None:
    with shop.edited('"category", ["tea"', '"<b>cat", ["tea"'):
        text = console_of(shop).settled("/plan")
    assert "problem" in text
    assert "&lt;b&gt;cat" in text
    assert "<b>cat" not in text


def test_a_plan_that_is_old_is_said_to_be_and_not_offered(shop: Shop, console_of: Consoles) -> None:
    console = console_of(shop)
    with shop.edited('name="Staff"', 'name="Crew"'):
        assert "data-wanted" in console.settled("/plan")
    with shop.edited('"category", ["tea"', '"<b>cat", ["tea"'):
        text = console.planned()
    assert "Below is the last result" in text
    assert "Crew" in text
    assert "data-wanted" not in text


def test_health_and_schedule_are_the_pages_of_their_commands(applied: Browser) -> None:
    assert "Successful runs" in applied.settled("/health")
    assert "Next runs after" in applied.settled("/schedule")


def test_an_environment_elsewhere_can_only_be_looked_at(applied: Browser, far: Browser) -> None:
    for path in ("/", "/plan", "/health", "/schedule"):
        assert "prod: read only" in far.settled(path)
    for deed in DEEDS:
        answer = far.post(f"/{TOKEN}{deed.path}", {})
        assert answer.status_code == (403 if deed.is_looking else 404)
        assert deed.is_looking or "environment prod is read-only" in answer.text


def test_what_is_due_elsewhere_is_a_command_to_copy(shop: Shop, applied: Browser, far: Browser) -> None:
    with shop.edited('name="Staff"', 'name="Crew"'):
        text = far.settled("/plan")
    assert "raceday-iac apply --env prod" in text
    assert "data-wanted" not in text


MIGRATION = 'stack.migration("m", "migrations/m.py", needs=["collection.shop/products"])\n'
CODE = """
def run(data):
    for page in data.pages("shop/products"):
        data.update("shop/products", {each["$id"]: {"name": each["name"] + HERE} for each in page})
"""


@pytest.fixture
def migrating(shop: Shop, applied: Browser) -> Iterator[Path]:
    """A migration that has not run, over a product with a hostile name. Its file is what it is about."""
    path = f"{shop.server.endpoint}/databases/shop/collections/products/documents"
    headers = {"x-appwrite-project": "shop", "x-appwrite-key": shop.server.key}
    data = {"name": HOSTILE, "category": "tea", "priceCents": 1}
    answer = requests.post(path, json={"documentId": "one", "data": data}, headers=headers, timeout=60)
    assert answer.status_code in (201, 409)
    file = shop.folder / "migrations" / "m.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(CODE.replace("HERE", "'?'"))
    with shop.edited('stack.team("staff"', f'{MIGRATION}stack.team("staff"'):
        yield file


def test_migrations_are_rehearsed_by_a_button_and_nothing_is_written(
    applied: Browser, far: Browser, migrating: Path
) -> None:
    """Elsewhere too, and where the plan is refused: a rehearsal only reads."""
    for console, is_kept in ((applied, True), (far, False)):
        migrating.write_text(CODE.replace("HERE", "'!'"))
        assert ("Values that migration.m overwrites are written to a backup in " in console.planned()) == is_kept
        console.send("/rehearse", {}, "/plan")
        text = console.settled("/plan")
        assert "<code>migration.m</code>: 1 read, 1 updated. Nothing was written." in text
        assert f"{escape(HOSTILE)}!" in text
        assert HOSTILE not in text
        assert "Rehearse again" in text
        # It was another plan's.
        migrating.write_text(CODE.replace("HERE", f"'{console.port}'"))
        assert "Nothing was written." not in console.planned().replace("Nothing is written.", "")


def test_what_fails_in_a_rehearsal_is_on_the_page(applied: Browser, migrating: Path) -> None:
    migrating.write_text(CODE.replace("HERE", "1"))
    applied.planned()
    applied.send("/rehearse", {}, "/plan")
    text = applied.settled("/plan")
    assert "migration.m failed at migrations/m.py:4: TypeError" in text
    assert "correct migrations/m.py" in text


def test_a_plan_without_migrations_offers_no_rehearsal(applied: Browser) -> None:
    assert "/rehearse" not in applied.planned()


def test_a_rehearsal_of_another_plan_is_not_begun(applied: Browser, migrating: Path) -> None:
    applied.planned()
    answer = applied.send("/rehearse", {"plan": "another"}, "/plan")
    assert "The plan has changed since it was shown" in answer.text
    assert "<code>migration.m</code>: 1 read" not in applied.settled("/plan")


def test_the_key_of_the_server_is_on_no_page(applied: Browser, shop: Shop) -> None:
    for path in ("/", "/plan", "/health"):
        assert shop.server.key not in applied.settled(path)


def test_a_server_that_does_not_run_is_said(shop: Shop, console_of: Consoles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("raceday_iac.devserver.daemon.status", lambda folder: Status(False, folder))
    answer = console_of(shop).get(f"/{TOKEN}/")
    assert answer.status_code == 400
    assert "The embedded server is not running." in answer.text


def record(event: str, at: str, **more: Any) -> dict[str, Any]:
    return {"event": event, "at": at, "command": "apply", **more}


@pytest.mark.parametrize(
    ("records", "saved", "shown"),
    [
        ([], None, []),
        (
            [],
            Saved("2026-01-02T00:00:00+00:00", "ann@far", "apply"),
            [("saved", "apply by ann@far, 2026-01-02 00:00 UTC")],
        ),
        (
            [record("begin", "2026-01-01T00:00:00+00:00", number=1)],
            None,
            [("not ended", "apply, 2026-01-01 00:00 UTC")],
        ),
        (
            [
                record("begin", "2026-01-01T00:00:00+00:00", number=1),
                record("end", "2026-01-01T00:05:00+00:00", number=2, begun=1, result="failed"),
                record("unlock", "2026-01-03T00:00:00+00:00", number=3),
            ],
            Saved("2026-01-01T00:04:59+00:00", "me@here", "apply"),
            [("failed", "apply, 2026-01-01 00:05 UTC")],
        ),
        (
            [
                record("begin", "2026-01-01T00:00:00+00:00", number=1),
                record("end", "2026-01-01T00:05:00+00:00", number=2, begun=1, result="success"),
            ],
            Saved("2026-01-01T01:10:00+01:00", "ann@far", "apply"),
            [("saved", "apply by ann@far, 2026-01-01 00:10 UTC")],
        ),
        ([], Saved("yesterday", "ann", "apply"), []),
    ],
)
def test_the_last_apply_is_that_of_whichever_machine(
    records: list[dict[str, Any]], saved: Saved | None, shown: list[tuple[str, str]]
) -> None:
    found = _last_apply(Inspection(tuple(records)), saved)
    assert [(each.big, each.words) for each in found] == shown


def test_work_of_a_name_is_done_once_at_a_time_and_its_secrets_stay_hidden() -> None:
    tasks = Tasks()
    Secret("very-secret-word")

    def work(task: object) -> None:
        raise IacError("no")

    first = tasks.start("x", "X", work)
    assert first.ended.wait(5)
    assert first.error is not None
    assert tasks.seen("x") is None
    first.say("it is very-secret-word")
    assert first.lines == ["it is ***"]
