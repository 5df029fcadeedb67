"""What stands behind the checks of parameters: widths of columns, half-done writes, the collation of keys.

Read in Appwrite 1.8.1 and tried on its database library with MariaDB 10.11."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.devserver.ages import AGES
from raceday_iac.devserver.params import collated, encoded, encrypted_length, is_event
from raceday_iac.devserver.storage import FILE_NAME

from .functions_server import HELLO, Client, serving

FINE = "0 1 * * *"
#: 117 characters: more than the scheduler's column holds, fewer than the function's.
LONG = ",".join(map(str, range(40))) + " * * * *"
#: 132 characters: more than the function's column holds.
TOO_LONG = ",".join(map(str, range(45))) + " * * * *"


NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("limits")


@pytest.fixture(scope="module")
def shared(data: Path, venvs: Path) -> Iterator[Client]:
    with serving(data, venvs) as running:
        yield Client(running)


@pytest.fixture
def function(shared: Client) -> str:
    """A function of the test's own."""
    return shared.create(f"f{next(NUMBERS)}")


def put(client: Client, function: str, **fields: Any) -> tuple[int, str]:
    return outcome(client, "PUT", f"/functions/{function}", {"name": "F", "runtime": "python-3.12", **fields})


def outcome(client: Client, method: str, path: str, body: Any = None) -> tuple[int, str]:
    answer = client.call(method, path, body)
    return answer.status_code, answer.json().get("type", "") if answer.content else ""


def variable(client: Client, function: str, key: str = "K", value: str = "v") -> tuple[int, str]:
    return outcome(client, "POST", f"/functions/{function}/variables", {"key": key, "value": value, "secret": False})


UNKNOWN = (500, "general_unknown")


def test_a_schedule_of_100_characters_is_taken(shared: Client, function: str) -> None:
    schedule = ",".join(["10"] * 31) + " * * * *"
    assert len(schedule) == 100
    assert put(shared, function, schedule=schedule) == (200, "")
    assert put(shared, function, schedule=schedule.replace(" ", "  ", 1)) == UNKNOWN


def test_a_schedule_over_100_characters_is_half_written(shared: Client, function: str) -> None:
    assert put(shared, function, schedule=FINE) == (200, "")
    assert put(shared, function, schedule=LONG, timeout=77) == UNKNOWN
    stored = shared.ok("GET", f"/functions/{function}")
    assert (stored["schedule"], stored["timeout"]) == (LONG, 77)


def test_after_it_variables_are_written_and_answered_with_500(shared: Client, function: str) -> None:
    put(shared, function, schedule=LONG)
    assert variable(shared, function) == UNKNOWN
    (written,) = shared.ok("GET", f"/functions/{function}/variables")["variables"]
    assert written["value"] == "v"
    path = f"/functions/{function}/variables/{written['$id']}"
    assert outcome(shared, "PUT", path, {"key": "K", "value": "w"}) == UNKNOWN
    assert shared.ok("GET", path)["value"] == "w"
    assert outcome(shared, "DELETE", path) == UNKNOWN
    assert outcome(shared, "GET", path) == (404, "variable_not_found")


def test_a_shorter_schedule_heals_it(shared: Client, function: str) -> None:
    put(shared, function, schedule=LONG)
    assert put(shared, function, schedule=FINE) == (200, "")
    assert variable(shared, function) == (201, "")


def test_a_schedule_over_128_characters_is_not_written_at_all(shared: Client, function: str) -> None:
    assert put(shared, function, schedule=TOO_LONG, timeout=77) == UNKNOWN
    assert shared.ok("GET", f"/functions/{function}")["timeout"] == 15


def create(client: Client, function: str, **fields: Any) -> tuple[int, str]:
    body = {"functionId": function, "name": "F", "runtime": "python-3.12", "entrypoint": "src/main.py", **fields}
    return outcome(client, "POST", "/functions", body)


def test_a_function_created_with_a_long_schedule_has_no_row_at_the_scheduler_for_good(shared: Client) -> None:
    assert create(shared, "made", schedule=LONG) == UNKNOWN
    assert shared.ok("GET", "/functions/made")["schedule"] == LONG
    assert put(shared, "made", schedule=FINE) == UNKNOWN
    assert shared.ok("GET", "/functions/made")["schedule"] == FINE
    assert variable(shared, "made") == UNKNOWN
    assert outcome(shared, "DELETE", "/functions/made") == UNKNOWN
    assert outcome(shared, "GET", "/functions/made") == (404, "function_not_found")
    assert create(shared, "made") == (201, "")


def test_a_function_is_not_created_with_a_schedule_over_128_characters(shared: Client) -> None:
    assert create(shared, "unmade", schedule=TOO_LONG) == UNKNOWN
    assert outcome(shared, "GET", "/functions/unmade") == (404, "function_not_found")


def test_builds_of_a_function_with_a_long_schedule_fail_at_their_end(shared: Client, function: str) -> None:
    put(shared, function, schedule=LONG, entrypoint="src/main.py")
    failed = shared.built(shared.upload(HELLO, function, activate=False), "failed", function)
    assert "no longer than 100 chars" in failed["buildLogs"]


def test_the_scheduler_goes_on_with_what_it_learned_last(shared: Client, function: str, data: Path) -> None:
    put(shared, function, schedule=FINE, entrypoint="src/main.py")
    shared.deploy(HELLO, function)
    put(shared, function, schedule=LONG, entrypoint="src/main.py")
    reported = "SELECT s.schedule, s.active FROM schedules s JOIN functions f ON f.sequence = s.function WHERE f.id = ?"
    with sqlite3.connect(data / FILE_NAME) as db:
        assert db.execute(reported, (function,)).fetchone() == (FINE, 1)


@pytest.mark.parametrize(("length", "expected"), [(256, (200, "")), (257, UNKNOWN)])
def test_an_event_has_at_most_256_characters(
    shared: Client, function: str, length: int, expected: tuple[int, str]
) -> None:
    event = "users.".ljust(length - len(".create"), "x") + ".create"
    assert len(event) == length
    assert put(shared, function, events=[event]) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x" * 5900, (201, "")),
        ("\N{GRINNING FACE}" * 1475, (201, "")),
        ("x" * 6000, UNKNOWN),
        ("\N{GRINNING FACE}" * 1500, UNKNOWN),
        ("x" * 8193, (400, "general_argument_invalid")),
    ],
    ids=["5900 bytes", "5900 bytes of emoji", "6000 bytes", "6000 bytes of emoji", "8193 characters"],
)
def test_a_variable_has_to_fit_encrypted(shared: Client, function: str, value: str, expected: tuple[int, str]) -> None:
    assert variable(shared, function, value=value) == expected


def test_a_variable_cannot_be_changed_to_what_does_not_fit(shared: Client, function: str) -> None:
    variable(shared, function)
    (written,) = shared.ok("GET", f"/functions/{function}/variables")["variables"]
    path = f"/functions/{function}/variables/{written['$id']}"
    assert outcome(shared, "PUT", path, {"key": "K", "value": "x" * 6000}) == UNKNOWN
    assert shared.ok("GET", path)["value"] == "v"


@pytest.mark.parametrize("same", ["KEY", "key", "Key ", "K\N{LATIN SMALL LETTER E WITH ACUTE}y"])
def test_keys_of_variables_are_the_same_by_collation(shared: Client, function: str, same: str) -> None:
    variable(shared, function, "Key")
    assert variable(shared, function, same) == (409, "variable_already_exists")
    assert variable(shared, function, f"{same}2") == (201, "")


def test_the_id_0_is_empty_to_php_and_gives_a_random_one(shared: Client) -> None:
    body = {"functionId": "0", "name": "F", "runtime": "python-3.12"}
    assert len(shared.ok("POST", "/functions", body)["$id"]) == 20
    assert outcome(shared, "GET", "/functions/0") == (404, "function_not_found")


REFUSED = (400, "general_argument_invalid")


@pytest.mark.parametrize(
    "event",
    [
        "user.*.create",
        "users.*.*",
        "users.*.update.phone",
        "users.0",
        "messages.*.delete",
        "databases.*.collections.*.documents.*.upsert",
        "databases.*.collections.0",
        "proxy.*",
    ],
)
def test_events_that_1_8_1_does_not_know(shared: Client, function: str, event: str) -> None:
    assert put(shared, function, events=[event]) == REFUSED


@pytest.mark.parametrize(
    "event",
    [
        "users.*",
        "users.*.update.email",
        "databases.*.collections",
        "databases.a.tables.b.rows.c.create",
        "teams.*.memberships.*.update.status",
    ],
)
def test_events_that_1_8_1_knows(shared: Client, function: str, event: str) -> None:
    assert put(shared, function, events=[event]) == (200, "")


@pytest.mark.parametrize(
    ("event", "knowing"),
    [
        ("schedules.*.create", ["1.9", "main"]),
        ("reports.*.insights.*.update", ["1.9", "main"]),
        ("users.*.update.phone", ["main"]),
        ("tablesdb.*.tables.*.rows.*.create", ["main"]),
        ("tablesdb.*.tables.*.rows.*.upsert", []),
    ],
)
def test_newer_ages_know_more_events(event: str, knowing: list[str]) -> None:
    assert [name for name, age in AGES.items() if is_event(event, age)] == knowing


@pytest.mark.parametrize(
    "role", ["label:vip-gold", "user:_a", "team:t/ä", "user:0", "team:t/0", "any/verified", "team:a/b/c", "usersx"]
)
def test_roles_that_1_8_1_refuses(shared: Client, function: str, role: str) -> None:
    assert put(shared, function, execute=[role]) == REFUSED


def test_a_role_may_be_as_long_as_its_ids(shared: Client, function: str) -> None:
    assert put(shared, function, execute=["team:" + "a" * 36 + "/" + "b" * 36]) == (200, "")


def test_php_escapes_slashes_and_all_but_ascii() -> None:
    assert encoded(["a/b", "é", "\N{GRINNING FACE}"]) == r'["a\/b","\u00e9","\ud83d\ude00"]'


def test_an_encrypted_text_is_a_third_longer_and_has_an_envelope() -> None:
    assert encrypted_length("") == 121
    assert encrypted_length("x" * 48) == 121 + 64 + 1


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("Maori", "m\N{LATIN SMALL LETTER A WITH MACRON}ori", True),
        ("stra\N{LATIN SMALL LETTER SHARP S}e", "STRASE", True),
        ("a", "a  ", True),
        ("a", " a", False),
        ("\N{GRINNING FACE}", "\N{SMILING FACE WITH OPEN MOUTH}", True),
        ("\N{CYRILLIC SMALL LETTER I}", "\N{CYRILLIC SMALL LETTER SHORT I}", False),
        ("\N{GREEK SMALL LETTER ALPHA WITH TONOS}", "\N{GREEK CAPITAL LETTER ALPHA}", True),
        ("e\N{COMBINING ACUTE ACCENT}", "e", False),
    ],
)
def test_the_collation_compares_as_mariadb_does(left: str, right: str, equal: bool) -> None:
    assert (collated(left) == collated(right)) is equal
