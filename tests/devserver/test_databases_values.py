"""Dates, formats, permissions and numbers, checked without a server."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from raceday_iac.devserver.databases import formats, php_dates
from raceday_iac.devserver.params import Refused

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2024-02-03", "2024-02-03T00:00:00.000+00:00"),
        ("2024-02-03T04:05", "2024-02-03T04:05:00.000+00:00"),
        ("2024-02-03T04:05:06+1300", "2024-02-02T15:05:06.000+00:00"),
        ("2024-02-03T04:05:06-01", "2024-02-03T05:05:06.000+00:00"),
        ("2024/02/03 04:05:06 UTC", "2024-02-03T04:05:06.000+00:00"),
        ("@1700000000", "2023-11-14T22:13:20.000+00:00"),
        ("Sat, 03 Feb 2024 04:05:06 GMT", "2024-02-03T04:05:06.000+00:00"),
        ("now", "2026-03-01T12:30:00.000+00:00"),
        ("tomorrow", "2026-03-02T00:00:00.000+00:00"),
        ("noon", "2026-03-01T12:00:00.000+00:00"),
        ("+2 days", "2026-03-03T12:30:00.000+00:00"),
        ("90 minutes ago", "2026-03-01T11:00:00.000+00:00"),
        ("soon", "soon"),
        ("2024-13-01", "2024-13-01"),
    ],
)
def test_a_date_is_brought_into_its_stored_form(text: str, stored: str) -> None:
    assert php_dates.normalised(text, NOW) == stored


@pytest.mark.parametrize("text", ["", "yesterday", "0999-01-01", "0001-01-01T00:00:00+14:00", "12:30"])
def test_a_date_needs_a_year_from_1000_on(text: str) -> None:
    assert not php_dates.is_valid(text)


@pytest.mark.parametrize("text", ["a@example.com", "first.last+tag@sub.example.org"])
def test_a_mail_address_is_known(text: str) -> None:
    assert formats.is_email(text)


@pytest.mark.parametrize("text", ["a", "a@b", "a..b@example.com", ".a@example.com", "a@-b.com", "a b@example.com", 5])
def test_what_is_no_mail_address_is_known(text: object) -> None:
    assert not formats.is_email(text)


@pytest.mark.parametrize(
    ("text", "is_url"),
    [
        ("https://example.com/a?b#c", True),
        ("ftp://host", True),
        ("mailto:a@b.c", True),
        ("//x", False),
        ("http://", False),
        ("http://exa mple.com", False),
        ("http://a_b.com", False),
        ("http://x:99999", False),
    ],
)
def test_a_url_has_a_scheme_and_a_host(text: str, is_url: bool) -> None:
    assert formats.is_url(text) is is_url


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("read(any)", 'Invalid permission string format: "read(any)".'),
        ('fly("any")', 'Permission "fly("any")" is not allowed. Must be one of: create, read, update, delete, write.'),
        ('read("user")', 'Role "user" must have an ID value.'),
        ('read("any:x")', 'Role "any" can not have an ID value.'),
        ('read("users/maybe")', 'Role "users" dimension value is invalid. Must be one of: verified, unverified.'),
        ('read("member:x/owner")', 'Role "member" can not have a dimension value.'),
        ('read("team:x/")', "Dimension must not be empty"),
        ("*", 'Wildcard permission "*" has been replaced. Use "any" instead.'),
    ],
)
def test_a_bad_permission_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(Refused) as refusal:
        formats.permission_list(formats.COLLECTION_KINDS)([text])
    assert str(refusal.value) == reason


def test_permissions_are_expanded_and_doubles_dropped() -> None:
    given = ['write("any")', 'update("any")', 'read("team:t/owner")']
    expanded = ['create("any")', 'update("any")', 'delete("any")', 'read("team:t/owner")']
    assert formats.aggregate(given, with_create=True) == expanded


@pytest.mark.parametrize(
    ("value", "text"), [(1001, "1,001"), (1.5, "2"), (2.5, "3"), (-9223372036854775808, "-9,223,372,036,854,775,808")]
)
def test_numbers_in_messages_are_grouped(value: float, text: str) -> None:
    assert formats.grouped(value) == text


@pytest.mark.parametrize(("value", "shown"), [(3.0, "3"), (0.5, "0.5"), (1e300, "1e+300"), (7, "7")])
def test_whole_floats_are_shown_without_a_fraction(value: float, shown: str) -> None:
    assert str(formats.shown(value)) == shown
