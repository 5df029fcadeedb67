"""Another type for an attribute: killed anywhere and resumed, with others writing, and with values that do not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from raceday_iac.applying import batches as batching
from raceday_iac.applying.convert import _Copying, convert_attribute, cut_values
from raceday_iac.errors import ProviderError, RefusedError
from raceday_iac.model.evidence import NOTHING, Answer
from raceday_iac.model.resource import Live, frozen

from ..fake_documents import COLLECTION, Documents, Killed, integer, text

AT = COLLECTION.child("attribute", "a")
COPY = COLLECTION.child("attribute", "a_conv")
WRITES = "change"


def numbered(count: int) -> Documents:
    """Documents whose texts are numbers, but for one without."""
    texts: dict[str, dict[str, Any]] = {f"n{number}": {"a": str(number)} for number in range(count)}
    return Documents({"a": text()}, {**texts, "none": {}})


def convert(server: Documents, wanted: Mapping[str, Any] | None = None, *, may_lose: Answer = NOTHING) -> Live:
    """Run to the end; the attribute as it is then."""
    *_, last = convert_attribute(
        server,  # type: ignore[arg-type]
        AT,
        frozen(wanted or integer()),
        may_lose=may_lose,
        note=lambda _text: None,
    )
    assert isinstance(last, Live)
    return last


def must_be_converted(server: Documents, count: int) -> None:
    assert set(server.columns) == {AT}
    assert server.columns[AT].fields["type"] == "integer"
    assert server.values("a") == {**{f"n{number}": number for number in range(count)}, "none": None}


def test_every_value_is_there_afterwards_as_another_type() -> None:
    server = numbered(250)
    convert(server)
    must_be_converted(server, 250)


def test_a_second_run_changes_nothing() -> None:
    server = numbered(3)
    convert(server)
    server.log.clear()
    convert(server)
    assert server.log == ["attributes"]


@pytest.mark.parametrize("landing", [0, 2])
def test_a_run_that_is_killed_after_any_call_is_finished_by_the_next_one(
    landing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of eleven batches, four are under way at once; some of those may land although the process is gone."""
    monkeypatch.setattr(batching, "BATCH", 10)
    whole, wanted = numbered(105), integer(required=True, min=0)
    convert(whole, wanted)
    assert len([call for call in whole.log if call.startswith(WRITES)]) >= 11
    for calls in range(1, len(whole.log) + 1):
        server = numbered(105)
        server.calls_left, server.landing = calls, landing
        with pytest.raises(Killed):
            convert(server, wanted)
        server.calls_left = None
        left = [data for key, data in server.documents_by_id.items() if key != "none"]
        assert all(data.get("a") is not None or data.get("a_conv") is not None for data in left), calls
        convert(server, wanted)
        must_be_converted(server, 105)
        assert server.columns[AT].fields == wanted, calls


def test_a_run_that_is_killed_again_and_again_comes_to_an_end() -> None:
    server = numbered(150)
    for _ in range(40):
        server.calls_left = 4
        try:
            convert(server)
        except Killed:
            continue
        break
    server.calls_left = None
    convert(server)
    must_be_converted(server, 150)


def test_a_run_that_is_left_at_any_pause_is_finished_by_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ctrl-C leaves it: what was under way has come to its end."""
    monkeypatch.setattr(batching, "BATCH", 10)

    def stages(server: Documents) -> Iterator[object]:
        wanted = frozen(integer())
        return convert_attribute(server, AT, wanted, may_lose=NOTHING, note=lambda _text: None)  # type: ignore[arg-type]

    pauses = len(list(stages(numbered(105))))
    assert pauses > 10
    for taken in range(pauses):
        server = numbered(105)
        left = stages(server)
        for _ in range(taken):
            next(left)
        left.close()  # type: ignore[attr-defined]
        calls = list(server.log)
        convert(server)
        assert server.log[: len(calls)] == calls
        must_be_converted(server, 105)


# Others at work.


def test_what_others_write_meanwhile_is_converted_too() -> None:
    server = numbered(150)

    def write(call: str) -> None:
        if call.startswith(WRITES):
            server.documents_by_id["n0"]["a"] = "1000"
            server.documents_by_id["late"] = {"a": "7"}
            server.documents_by_id.pop("n149", None)

    server.meanwhile = write
    convert(server)
    assert server.values("a")["n0"] == 1000
    assert server.values("a")["late"] == 7
    assert "n149" not in server.values("a")


def test_a_value_that_was_changed_after_its_copy_was_made_is_copied_again() -> None:
    """Between two runs too: nobody knows how long ago the first one was killed."""
    server = numbered(3)
    server.calls_left = 5
    with pytest.raises(Killed):
        convert(server)
    server.calls_left = None
    server.documents_by_id["n0"] |= {"a": "50", "a_conv": 0}
    server.documents_by_id["n1"] |= {"a": None, "a_conv": 1}
    convert(server)
    assert server.values("a") == {"n0": 50, "n1": None, "n2": 2, "none": None}


def test_who_writes_all_the_time_has_to_stop() -> None:
    server = numbered(3)

    def write(call: str) -> None:
        if call == "documents":
            server.documents_by_id["n0"]["a"] = str(int(server.documents_by_id["n0"]["a"]) + 1)

    server.meanwhile = write
    with pytest.raises(ProviderError, match="others keep writing") as caught:
        convert(server)
    assert "Nothing was lost" in caught.value.message
    assert server.columns[AT].fields["type"] == "string"


def test_what_was_changed_between_reading_and_writing_is_not_copied_from_what_was_read() -> None:
    server = numbered(2)
    written: list[str] = []

    def correct(call: str) -> None:
        if call.startswith(WRITES) and not written:
            server.documents_by_id["n0"]["a"] = "1000"
        written.extend([call] if call.startswith(WRITES) else [])

    server.meanwhile = correct
    convert(server)
    assert written == ["change 2", "change 1"]
    assert server.values("a") == {"n0": 1000, "n1": 1, "none": None}


@pytest.mark.parametrize("looks", [1, 2])
def test_what_is_changed_behind_a_look_is_copied_before_the_old_attribute_goes(looks: int) -> None:
    """A look at many documents takes minutes: one of its first may change before it comes to the last."""
    server = numbered(150)
    server.portion = 100
    seen: list[str] = []

    def change(call: str) -> None:
        seen.extend([call] if call == "documents" else [])
        if call == "documents" and len(seen) == 2 * looks:
            server.documents_by_id["n0"]["a"] = "1000"

    server.meanwhile = change
    convert(server)
    assert server.values("a")["n0"] == 1000


# Progress.


def test_it_says_how_far_it_has_come_and_how_long_the_rest_takes() -> None:
    server, seconds, notes = numbered(1000), iter(range(0, 1000, 3)), list[str]()
    server.portion = 200
    server.columns[COPY] = Live(COPY, frozen(integer()), "a_conv")
    copying = _Copying(
        server,  # type: ignore[arg-type]
        AT,
        COPY,
        frozen(integer()),
        NOTHING,
        notes.append,
        clock=lambda: float(next(seconds)),
    )
    for _ in copying.run():
        pass
    assert notes[0] == "200 values copied, 200 of 1 001 documents; about 12 s left"
    assert any(note == "1 000 values copied" for note in notes)
    assert any(note.startswith("verified 1 001 documents: checksum ") for note in notes)


def test_a_document_that_was_passed_over_keeps_the_old_attribute() -> None:
    """Whatever the reason: as many must be met as Appwrite counts."""
    server = numbered(30)
    server.count_documents = lambda *_asked: 32  # type: ignore[method-assign]
    with pytest.raises(ProviderError, match=r"Not all values of .* could be copied"):
        convert(server)
    assert server.columns[AT].fields["type"] == "string"


# What does not fit.


def test_values_without_a_counterpart_stop_it_before_anything_is_lost() -> None:
    server = numbered(3)
    server.documents_by_id["n1"]["a"] = "one"
    with pytest.raises(
        RefusedError, match=r"1 values of .* only 0 may be lost \(document n1: not a number\). Nothing was lost"
    ) as caught:
        convert(server)
    assert caught.value.hint == (
        "correct them, or allow their loss with --allow-data-loss attribute.d/c/a=1, then run apply again"
    )
    assert server.values("a")["n1"] == "one"
    server.documents_by_id["n1"]["a"] = "1"
    convert(server)
    must_be_converted(server, 3)


def test_values_without_a_counterpart_are_given_up_with_permission_and_no_others() -> None:
    server = numbered(3)
    server.documents_by_id["n1"]["a"] = "one"
    convert(server, may_lose=Answer(1))
    assert server.values("a") == {"n0": 0, "n1": None, "n2": 2, "none": None}


def test_what_appwrite_refuses_is_not_given_up_even_with_permission() -> None:
    server = numbered(3)
    server.refused = (2,)
    with pytest.raises(ProviderError, match=r"refuses 1 documents .* \(document n2: Invalid document structure\)"):
        convert(server, may_lose=Answer(1))
    assert server.columns[AT].fields["type"] == "string"


# Forms.


def test_a_text_becomes_a_list_of_texts() -> None:
    server = numbered(2)
    convert(server, text(array=True))
    assert server.values("a") == {"n0": ["0"], "n1": ["1"], "none": None}


def test_required_and_default_come_when_the_values_are_there() -> None:
    server = numbered(2)
    del server.documents_by_id["none"]
    convert(server, integer(default=5))
    assert server.columns[AT].fields["default"] == 5
    assert server.log[-1] == "update a"


def test_a_copy_that_failed_is_made_again() -> None:
    server = numbered(2)
    server.columns[COPY] = Live(COPY, frozen(integer()), "a_conv", status="failed")
    convert(server)
    must_be_converted(server, 2)


def test_a_copy_that_was_begun_with_other_limits_gets_the_wanted_ones() -> None:
    server = numbered(2)
    server.columns[COPY] = Live(COPY, frozen(integer(max=1)), "a_conv")
    convert(server, integer(max=9))
    assert server.columns[AT].fields["max"] == 9


def test_something_else_under_the_name_of_the_copy_is_left_alone() -> None:
    server = numbered(2)
    server.columns[COPY] = Live(COPY, frozen(text()), "a_conv")
    with pytest.raises(ProviderError, match=r"a_conv already exists"):
        convert(server)
    assert set(server.columns) == {AT, COPY}
    assert [each for each in server.log if each != "attributes"] == []


def test_an_attribute_that_cannot_go_is_said_to_be_stuck() -> None:
    server = numbered(2)

    def stick(call: str) -> None:
        if server.columns[AT].status == "deleting":
            server.columns[AT] = replace(server.columns[AT], status="stuck", error="a unique index")

    server.meanwhile = stick
    with pytest.raises(ProviderError, match=r"attribute\.d/c/a cannot be deleted: Appwrite says stuck a unique index"):
        convert(server)


def test_what_others_write_while_it_is_converted_is_kept_as_they_wrote_it() -> None:
    server = Documents({"a": text()}, {"x": {"a": "1"}, "y": {"a": "2"}})
    kept: dict[str, Any] = {}

    def spoil(call: str) -> None:
        if call == "change 2":
            server.documents_by_id["x"]["a"] = "one"

    server.meanwhile = spoil
    stages = convert_attribute(
        server,  # type: ignore[arg-type]
        AT,
        frozen(integer()),
        may_lose=Answer(1),
        note=lambda _text: None,
        keep=lambda documents: kept.update({each["$id"]: each["a"] for each in documents}),
    )
    for _ in stages:
        pass
    assert kept == {"x": "one", "y": "2"}
    assert server.values("a") == {"x": None, "y": 2}


# Cutting.


def cut(server: Documents, limit: int) -> None:
    for _ in cut_values(server, AT, 3, Answer(limit), lambda _text: None):  # type: ignore[arg-type]
        pass


def test_texts_are_cut_to_the_size_and_others_left_alone() -> None:
    server = Documents({"a": text()}, {"x": {"a": "abcdef"}, "y": {"a": "abc"}, "z": {}, "l": {"a": ["abcd", "ab"]}})
    cut(server, 2)
    assert server.values("a") == {"x": "abc", "y": "abc", "z": None, "l": ["abc", "ab"]}
    assert server.log == ["documents", "change 2"]


@pytest.mark.parametrize(("corrected", "becomes"), [("abcz", "abc"), ("ab", "ab"), (None, None)])
def test_what_somebody_corrects_while_it_is_cut_is_read_again(corrected: str | None, becomes: str | None) -> None:
    """His text is what is cut, if it is too long at all; not what was read before."""
    server = Documents({"a": text()}, {"x": {"a": "xxxxxx"}, "y": {"a": "yyyyyy"}})

    def correct(call: str) -> None:
        if call == "change 2":
            server.documents_by_id["x"]["a"] = corrected

    server.meanwhile = correct
    cut(server, 2)
    assert server.values("a") == {"x": becomes, "y": "yyy"}


def test_what_somebody_deletes_while_it_is_cut_is_passed_over() -> None:
    server = Documents({"a": text()}, {"x": {"a": "xxxxxx"}, "y": {"a": "yyyyyy"}})
    server.meanwhile = lambda call: server.documents_by_id.pop("x", None) if call.startswith("change") else None
    cut(server, 2)
    assert server.values("a") == {"y": "yyy"}


def test_who_corrects_all_the_time_has_to_stop_before_values_are_cut() -> None:
    server = Documents({"a": text()}, {"x": {"a": "xxxxxx"}})

    def write(call: str) -> None:
        if call.startswith("change"):
            server.documents_by_id["x"]["a"] += "y"

    server.meanwhile = write
    with pytest.raises(ProviderError, match=r"Not all values of .* could be cut: others keep writing"):
        cut(server, 1)


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_no_more_values_are_cut_than_were_agreed_to(limit: int) -> None:
    server = Documents({"a": text()}, {"x": {"a": "abcdef"}, "y": {"a": "abc"}, "z": {"a": "abcd"}})
    if limit < 2:
        with pytest.raises(RefusedError, match=f"At least 2 values of .*, but only {limit} may be cut. 0 were"):
            cut(server, limit)
        assert server.values("a") == {"x": "abcdef", "y": "abc", "z": "abcd"}
    else:
        cut(server, limit)
        assert set(server.values("a").values()) == {"abc"}


def test_what_cannot_be_cut_is_reported() -> None:
    server = Documents({"a": text()}, {"x": {"a": "abcdef"}})
    server.refused = ("abc",)
    with pytest.raises(ProviderError, match=r"refuses 1 documents with a shortened .* \(document x"):
        cut(server, 1)
