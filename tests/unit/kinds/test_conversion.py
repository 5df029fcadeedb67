"""What becomes of values in another type: the same, or nothing at all."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.kinds.conversion import CONVERTIBLE, UnconvertibleError, convert, has_form, temporary
from raceday_iac.model.limits import INTEGER_MAXIMUM, INTEGER_MINIMUM

from ..declaring import address

INTEGERS = st.integers(INTEGER_MINIMUM, INTEGER_MAXIMUM)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
#: The edges of time lie outside in one zone and inside in another.
EARLIEST, LATEST = datetime.fromisoformat("1000-01-03"), datetime.fromisoformat("9999-12-29")
INSTANTS = st.datetimes(EARLIEST, LATEST, timezones=st.just(timezone(timedelta(hours=13))))
ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text(), max_size=2))


def to(type: str, **fields: Any) -> dict[str, Any]:
    return {"type": type, "array": False, **fields}


def refusal(value: Any, wanted: dict[str, Any]) -> str:
    with pytest.raises(UnconvertibleError) as caught:
        convert(value, wanted)
    return str(caught.value)


# There and back.


@given(INTEGERS)
def test_integers_come_back_from_texts(value: int) -> None:
    assert convert(convert(value, to("string", size=30)), to("integer")) == value


@given(FLOATS)
def test_floats_come_back_from_texts(value: float) -> None:
    assert convert(convert(value, to("string", size=30)), to("float")) == value


@given(st.booleans(), st.sampled_from(["string", "integer", "float"]))
def test_booleans_come_back_from_everything(value: bool, type: str) -> None:
    assert convert(convert(value, to(type)), to("boolean")) is value


@given(INTEGERS)
def test_an_integer_becomes_a_float_only_if_it_comes_back(value: int) -> None:
    try:
        found = convert(value, to("float"))
    except UnconvertibleError:
        assert int(float(value)) != value or Decimal(repr(float(value))) != value
    else:
        assert convert(found, to("integer")) == value


@given(INSTANTS)
def test_instants_stay_the_same_instant_to_the_millisecond(instant: datetime) -> None:
    found = convert(instant.isoformat(), to("datetime"))
    assert abs(datetime.fromisoformat(found) - instant) < timedelta(milliseconds=1)
    assert found.endswith("+00:00")
    assert convert(found, to("datetime")) == found


@given(st.lists(st.text(max_size=5), min_size=1, max_size=1))
def test_one_value_is_a_list_of_one(values: list[str]) -> None:
    assert convert(convert(values, to("string")), {**to("string"), "array": True}) == values


# Never another meaning, and never another error.


@given(ANYTHING, st.sampled_from(CONVERTIBLE), st.booleans())
def test_whatever_it_is_given_it_converts_or_says_that_it_cannot(value: Any, type: str, array: bool) -> None:
    wanted = {**to(type), "array": array}
    try:
        found = convert(value, wanted)
    except UnconvertibleError:
        return
    assert convert(found, wanted) == found


@given(st.text(alphabet="0123456789.-+eE_ ", max_size=25))
def test_a_text_becomes_the_very_number_it_says(text: str) -> None:
    for type in ("integer", "float"):
        try:
            found = convert(text, to(type))
        except UnconvertibleError:
            continue
        exact = Decimal(text.strip())
        assert (Decimal(repr(found)) if type == "float" else Decimal(found)) == exact


# One by one.


@pytest.mark.parametrize(
    ("value", "type", "found"),
    [
        ("12", "integer", 12),
        (" +12 ", "integer", 12),
        ("1e3", "integer", 1000),
        ("007", "integer", 7),
        (5.0, "integer", 5),
        (5.0, "string", "5"),
        (0.1, "string", "0.1"),
        ("0.1", "float", 0.1),
        ("YES", "boolean", True),
        (0, "boolean", False),
        (True, "string", "true"),
        ("a@example.org", "email", "a@example.org"),
        ("https://example.org/x", "url", "https://example.org/x"),
        ("2001:db8::1", "ip", "2001:db8::1"),
        ("2025-01-31T10:20:30+13:00", "datetime", "2025-01-30T21:20:30.000+00:00"),
        ([], "integer", None),
        (["3"], "integer", 3),
        (None, "boolean", None),
        ("x", "varchar", "x"),
        ("x" * 65_535, "text", "x" * 65_535),
        ("x" * 65_536, "mediumtext", "x" * 65_536),
        (12, "longtext", "12"),
        ("9007199254740993", "bigint", 2**53 + 1),
    ],
)
def test_what_has_a_counterpart(value: Any, type: str, found: Any) -> None:
    assert convert(value, to(type)) == found


@pytest.mark.parametrize(
    ("value", "wanted", "why"),
    [
        ("", to("integer"), "not a number"),
        ("+-5", to("integer"), "not a number"),
        ("1_000", to("integer"), "not a number"),
        ("٣", to("integer"), "not a number"),
        ("infinity", to("float"), "not a number"),
        (float("nan"), to("float"), "not finite"),
        ("1e999", to("float"), "not finite"),
        ("9007199254740993", to("float"), "more digits than a float holds"),
        (2**53 + 1, to("float"), "more digits than a float holds"),
        (str(2**63), to("integer"), "not within 64 bits"),
        (1e20, to("integer"), "not within 64 bits"),
        ("2.5", to("integer"), "not a whole number"),
        (2, to("boolean"), "neither true nor false"),
        ("2025-01-31", to("datetime"), "an instant without a zone"),
        ("0001-01-01T00:00:00+10:00", to("datetime"), "not an instant"),
        ("nobody", to("email"), "not an email address"),
        ("example.org", to("url"), "not a URL"),
        ("a..b@c.nz", to("email"), "not an email address"),
        ("https://a_b.nz", to("url"), "not a URL"),
        ("fe80::1%eth0", to("ip"), "not an IP address"),
        ("0999-12-31T00:00:00Z", to("datetime"), "not within the years 1000 to 9999"),
        (-(2**31), to("integer", max=0), "out of bounds"),
        ("x" * 60, to("string", size=200, encrypt=True), "203 characters encrypted"),
        ("localhost", to("ip"), "not an IP address"),
        ("abcdef", to("string", size=5), "6 characters"),
        ("x" * 64 + "@" + "b." * 100 + "org", to("email"), "not an email address"),
        ("c", to("enum", elements=("a", "b")), "not one of a, b"),
        (10, to("integer", min=0, max=9), "out of bounds"),
        ("abcdef", to("varchar", size=5), "6 characters"),
        ("x" * 65_536, to("text"), "65536 bytes"),
        ("\U0001f600" * 16_384, to("text"), "65536 bytes"),
        ("x" * 60_000, to("text", encrypt=True), "82621 bytes"),
        (str(2**63), to("bigint"), "not within 64 bits"),
        (10, to("bigint", max=9), "out of bounds"),
        (["1", "2"], to("integer"), "2 values"),
        ([1.0, 2.0], to("string"), "2 values"),
        ({}, to("string"), "dict"),
    ],
)
def test_what_has_none_and_why(value: Any, wanted: dict[str, Any], why: str) -> None:
    assert refusal(value, wanted) == why


def test_a_list_is_converted_value_by_value() -> None:
    wanted = {**to("integer", max=9), "array": True}
    assert convert(["1", "2"], wanted) == [1, 2]
    assert refusal(["1", "20"], wanted) == "out of bounds"


# In between.


def test_the_copy_has_a_name_that_appwrite_takes() -> None:
    assert temporary(address("attribute.d/c/amount")) == address("attribute.d/c/amount_conv")
    assert len(temporary(address(f"attribute.d/c/{'x' * 36}")).name) == 36


def test_the_form_is_what_an_update_cannot_change() -> None:
    text = to("string", size=10, encrypt=False)
    assert has_form(text, {**text, "size": 20, "required": True})
    assert not has_form(text, to("integer"))
    assert not has_form(text, {**text, "array": True})
    assert not has_form(text, {**text, "encrypt": True})


def test_a_list_that_does_not_say_whether_it_is_encrypted_says_nothing_against_it() -> None:
    assert has_form(to("varchar", size=200, encrypt=None), to("varchar", size=200, encrypt=True))
