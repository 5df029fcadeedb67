"""The chain of the audit log: whatever is done to a line shows, and what follows it is still checked."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.audit import Inspection, inspect, seal


def lines(count: int, **more: Any) -> list[bytes]:
    """A sound log of so many records."""
    found: list[bytes] = []
    for number in range(count):
        content = {"event": "x", "what": f"ü{number}", **more}
        found.append(seal(content, inspect(b"\n".join(found))).encode())
    return found


def checked(text: list[bytes]) -> Inspection:
    return inspect(b"\n".join(text) + b"\n")


def broken(text: list[bytes]) -> list[int]:
    return [each.line for each in checked(text).breaks]


def test_nothing_is_sound() -> None:
    assert inspect(b"") == Inspection()
    assert inspect(b"").is_sound


def test_a_log_as_it_was_written_is_sound() -> None:
    found = checked(lines(5))
    assert found.is_sound
    assert [each["number"] for each in found.records] == [1, 2, 3, 4, 5]
    assert found.head == found.records[-1]["hash"]


def test_blank_lines_are_no_damage() -> None:
    first, second = lines(2)
    assert checked([b"", first, b"", b"", second, b""]).is_sound


def test_a_changed_line_is_named() -> None:
    log = lines(4)
    log[1] = log[1].replace(b"u00fc1", b"u00fc9")
    assert broken(log) == [2]


def test_a_changed_line_with_a_fitting_hash_is_missed_by_the_next() -> None:
    log = lines(4)
    before = checked(log[:1])
    log[1] = seal({"event": "forged"}, before).encode()
    assert broken(log) == [3]


def test_a_removed_line_is_missed_by_the_next() -> None:
    log = lines(4)
    assert broken([log[0], *log[2:]]) == [2]


def test_a_removed_beginning_is_noticed() -> None:
    assert "does not follow the beginning of the log" in str(checked(lines(3)[1:]).breaks[0])


def test_moved_and_repeated_lines_are_noticed() -> None:
    first, second, third = lines(3)
    assert broken([first, third, second]) == [2, 3]
    assert broken([first, second, second, third]) == [3]


def test_a_line_that_was_cut_is_one_break_and_the_log_goes_on_from_it() -> None:
    log = lines(2)
    log[1] = log[1][:40]
    log.append(seal({"event": "next"}, checked(log)).encode())
    log.append(seal({"event": "next"}, checked(log)).encode())
    found = checked(log)
    assert [str(each) for each in found.breaks] == ["line 2: it is not a record (cut off, or overwritten)"]
    assert [each["number"] for each in found.records] == [1, 3, 4]


def test_a_run_without_an_end_is_named() -> None:
    log: list[bytes] = []
    for content in ({"event": "begin"}, {"event": "end", "begun": 1}, {"event": "begin"}, {"event": "import"}):
        log.append(seal(content, checked(log)).encode())
    assert [each["number"] for each in checked(log).unended] == [3]


@given(st.binary(max_size=200))
def test_no_rubbish_is_too_much(rubbish: bytes) -> None:
    log = [*lines(1), *rubbish.split(b"\n")]
    found = checked([*log, seal({"event": "x"}, checked(log)).encode()])
    # The last one continues from whatever there is.
    assert not [each for each in found.breaks if each.line == len(log) + 1]


values = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=4)


@given(st.dictionaries(st.sampled_from(["hash", "previous", "number", "event", "begun", "x"]), values))
def test_no_json_is_too_odd(content: dict[str, Any]) -> None:
    found = checked([*lines(1), json.dumps(content).encode()])
    assert [each.line for each in found.breaks] == [2]
    assert list(found.unended) == [each for each in found.records if each.get("event") == "begin"]


def test_deep_nesting_is_damage_and_no_crash() -> None:
    assert broken([*lines(1), b"[" * 100_000]) == [2]


@given(st.data())
def test_no_single_changed_byte_goes_unnoticed(data: st.DataObject) -> None:
    text = bytearray(b"\n".join(lines(3)) + b"\n")
    place = data.draw(st.integers(0, len(text) - 2))
    value = data.draw(st.integers(33, 126).filter(lambda each: each != text[place]))
    text[place] = value
    before, after = inspect(b"\n".join(lines(3)) + b"\n"), inspect(bytes(text))
    # White space and the case of hexadecimal escapes mean nothing; everything else shows.
    same = [dict(each) for each in before.records] == [dict(each) for each in after.records]
    assert same or not after.is_sound
