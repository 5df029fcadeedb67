"""Raceday's pages of the console: the races of the day, and a simulated day played again. No other project has them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from time import sleep

import pytest

from raceday_iac.raceday.simulation.day import NZ

from .conftest import DATABASE, HOSTILE, NOON, TOKEN, Browser, Consoles, Raceday, Shop, ask_raceday, write_day


def put(shop: Shop, collection: str, identity: str, **data: object) -> None:
    for _ in range(500):
        path = f"{DATABASE}/collections/{collection}/documents"
        made = ask_raceday(shop, "POST", path, documentId=identity, data=data)
        if made.ok:
            return
        sleep(0.02)
    made.raise_for_status()


def move_clock(shop: Shop, instant: datetime) -> None:
    offset = (instant - datetime.now(UTC)).total_seconds()
    ask_raceday(shop, "PATCH", "/_dev/clock", offset=offset).raise_for_status()


@pytest.fixture(scope="module")
def noon(raceday: Raceday) -> datetime:
    """The server's time: noon in New Zealand, with three races."""
    found = datetime.combine(datetime.now(NZ).date(), time(12), NZ).astimezone(UTC)
    move_clock(raceday, found)
    put(raceday, "meetings", "m", meetingName=f"Te Rapa {HOSTILE}")
    stamps = {
        "late": (timedelta(minutes=2), timedelta(minutes=-30), "Open"),
        "fine": (timedelta(hours=5), timedelta(minutes=-1), "Open"),
        "over": (timedelta(hours=-2), timedelta(minutes=-90), "Final"),
    }
    for number, (name, (begin, polled, status)) in enumerate(stamps.items()):
        put(
            raceday,
            "races",
            name,
            name=f"{name} stakes",
            raceNumber=number,
            status=status,
            startTime=(found + begin).isoformat(),
            last_poll_time=(found + polled).isoformat(),
            finalizedAt=(found + polled).isoformat() if status == "Final" else None,
            meeting="m",
        )
    return found


@pytest.fixture(scope="module")
def today(raceday: Raceday, noon: datetime, console_of: Consoles) -> Browser:
    return console_of(raceday)


def test_the_races_of_the_day_are_shown_with_what_is_late(today: Browser) -> None:
    text = today.settled("/races")
    assert "2 open" in text
    assert "of 3; 1 over" in text
    late = text[text.index("Late (1)") : text.index("All races")]
    assert "late stakes" in late
    assert "fine stakes" not in late
    assert "late: due for" in late
    assert f'href="/{TOKEN}/data/raceday-db/races/fine"' in text
    assert "Te Rapa &lt;script&gt;" in text
    assert "<script>alert" not in text
    assert "no more" in text


def test_quiet_hours_and_the_day_are_those_of_new_zealand(today: Browser, raceday: Raceday, noon: datetime) -> None:
    move_clock(raceday, noon + timedelta(hours=14))
    today.send("/look", {"what": "races"}, "/races")
    text = today.settled("/races")
    move_clock(raceday, noon)
    assert "Quiet hours: nothing is polled." in text
    today.send("/look", {"what": "races"}, "/races")
    assert "Quiet hours" not in today.settled("/races")


def test_a_project_without_races_is_said(
    raceday: Raceday, console_of: Consoles, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = raceday.folder / "stacks" / "health.yaml"
    before = health.read_text(encoding="utf-8")
    health.write_text("window: 24h\n", encoding="utf-8")
    try:
        text = console_of(raceday).settled("/races")
    finally:
        health.write_text(before, encoding="utf-8")
    assert "health.yaml does not say where the races are." in text


def test_elsewhere_the_races_are_looked_at_and_no_day_is_simulated(
    raceday: Raceday, noon: datetime, console_of: Consoles, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("ENDPOINT", raceday.server.endpoint),
        ("PROJECT_ID", "raceday"),
        ("API_KEY", raceday.server.key),
    ):
        monkeypatch.setenv(f"RACEDAY_PROD_{name}", value)
    prod = raceday.folder / "stacks" / "environments" / "prod.yaml"
    before = prod.read_text(encoding="utf-8")
    prod.write_text(
        f"endpoint: {raceday.server.endpoint}\nproject: raceday\napi_key_env: RACEDAY_PROD_API_KEY\n", encoding="utf-8"
    )
    try:
        far = console_of(raceday, "prod")
        assert "late stakes" in far.settled("/races")
        assert "<form method=post" not in far.page("/races/days")
        assert far.post(f"/{TOKEN}/races/days", {"day": "2025-07-17"}).status_code == 404
    finally:
        prod.write_text(before, encoding="utf-8")


def test_another_project_has_no_such_page(shop: Shop, console_of: Consoles) -> None:
    other = console_of(shop)
    assert ">Races<" not in other.page("/plan")
    for path in ("/races", "/races/days", "/races/days/x"):
        assert other.get(f"/{TOKEN}{path}").status_code == 404


# A simulated day


@pytest.fixture(scope="module")
def played(raceday: Raceday, today: Browser) -> Browser:
    write_day(raceday)
    (raceday.folder / "state" / "local" / "days" / "broken.json").write_text("{", encoding="utf-8")
    return today


def test_recorded_days_are_listed(played: Browser) -> None:
    text = played.page("/races/days")
    for name in ("made", "broken"):
        assert f'href="/{TOKEN}/races/days/{name}"' in text


def test_a_day_is_shown_as_it_was_at_an_instant(played: Browser) -> None:
    played.settled("/races/days/made")
    text = played.page(f"/races/days/made?at={NOON}")
    assert "12:00:00 in New Zealand" in text
    assert "<b>enhanced-race-poller</b> since 11:59:20" in text
    assert "at work on 1" in text
    assert "1 refused by a lock" in text
    assert "R1 early" in text
    assert "<td>Closed</td>" in text
    assert "5.0 s ago" in text
    assert "1 with the legacy schedules" in text
    assert "And 1 baseline." in text
    assert "no run fails: 1 of 2" in text
    assert "Ellerslie &lt;script&gt;" in text
    assert "<script>alert" not in text
    # Before the first poll of the day nothing had happened.
    early = played.page(f"/races/days/made?at={NOON - 43200}")
    assert "Nothing ran at this instant." in early
    assert "R1 early" not in early


def test_without_a_script_links_lead_through_the_day(played: Browser) -> None:
    played.settled("/races/days/made")
    text = played.page(f"/races/days/made?at={NOON}")
    links = dict(re.findall(r'<a href="\?at=(\d+)">([^<]+)</a>', text))
    assert links[str(NOON + 60)] == "+1 min"
    assert links[str(NOON - 3600)] == "-1 h"
    assert "12:01:00 in New Zealand" in played.page(f"/races/days/made?at={NOON + 60}")
    part = played.page(f"/races/days/made/at?at={NOON + 60}")
    assert "12:01:00 in New Zealand" in part
    assert "<html" not in part


@pytest.mark.parametrize("at", ["", "x", "-1", "0", "99999999999", "1e9"])
def test_an_instant_outside_of_the_day_is_one_within_it(played: Browser, at: str) -> None:
    played.settled("/races/days/made")
    assert "in New Zealand" in played.page(f"/races/days/made?at={at}")


def test_what_cannot_be_played_is_said(played: Browser) -> None:
    assert "cannot be replayed" in played.settled("/races/days/broken")
    for name in ("nothing", "..%2fstate", "made.json"):
        assert played.get(f"/{TOKEN}/races/days/{name}").status_code in (403, 404)


@pytest.mark.parametrize(
    "form", [{}, {"day": "--help"}, {"day": "2025-07-17", "races": "-5"}, {"day": "x/../y"}, {"day": "a" * 99}]
)
def test_a_day_that_makes_no_sense_is_not_begun(played: Browser, form: dict[str, str]) -> None:
    answer = played.send("/races/days", form, "/races/days")
    assert answer.status_code == 400
    assert played.tasks.latest("simulate") is None


def test_what_the_simulation_refuses_is_shown(played: Browser) -> None:
    played.send("/races/days", {"day": "2025-07-32"}, "/races/days")
    assert "is not a date" in played.settled("/races/days")


def test_a_simulated_day_can_be_played(played: Browser) -> None:
    form = {"day": "2025-07-17", "races": "1", "until": "00:02", "seed": "4"}
    played.send("/races/days", form, "/races/days")
    text = played.settled("/races/days")
    name = "2025-07-17-1-races-0002-4"
    assert f'href="/{TOKEN}/races/days/{name}"' in text, text
    day = played.settled(f"/races/days/{name}")
    assert "Thursday 17 July 2025" in day
    assert "seed 4" in day


def test_a_simulation_ends_by_an_interrupt(raceday: Raceday, noon: datetime, console_of: Consoles) -> None:
    console = console_of(raceday)
    console.send("/races/days", {"day": "2025-07-18", "races": "1"}, "/races/days")
    task = console.tasks.latest("simulate")
    assert task is not None
    while not task.lines:
        sleep(0.02)
    assert console.tasks.interrupt() == [task]
    assert task.ended.wait(60)
    assert task.error is not None
    assert "was not recorded" in task.error.message
    assert not (raceday.folder / "state" / "local" / "days" / "2025-07-18-1-races.json").exists()
