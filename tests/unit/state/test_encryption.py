"""Encryption at rest: what is encrypted shows nothing, and what cannot be opened is reported with a sentence."""

from __future__ import annotations

import base64
import builtins
from datetime import UTC, datetime
from typing import Any

import pytest

from raceday_iac.errors import IacError, StateError
from raceday_iac.model.secret import Secret
from raceday_iac.state.encryption import AgeCipher, new_key

INSTANT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
TEXT = b"what nobody is to read" * 100


def cipher(key: Secret, *previous: Secret, recipients: tuple[str, ...] = (), now: datetime = INSTANT) -> AgeCipher:
    return AgeCipher(key, previous, recipients, lambda: now)


def test_what_is_encrypted_is_decrypted_by_the_same_key() -> None:
    key, _ = new_key()
    assert cipher(key).decrypt(cipher(key).encrypt(TEXT)) == TEXT


def test_the_encrypted_form_says_for_whom_and_since_when_and_nothing_else() -> None:
    key, public = new_key()
    encrypted = cipher(key).encrypt(TEXT)
    assert {name: encrypted[name] for name in ("scheme", "key", "since")} == {
        "scheme": "age",
        "key": public,
        "since": "2026-02-03T04:05:06+00:00",
    }
    assert b"nobody" not in base64.b64decode(encrypted["data"])
    assert len(base64.b64decode(encrypted["data"])) < len(TEXT)


def test_further_recipients_can_open_it_with_their_own_keys() -> None:
    (ours, _), (theirs, their_public) = new_key(), new_key()
    assert cipher(theirs).decrypt(cipher(ours, recipients=(their_public,)).encrypt(TEXT)) == TEXT


def test_a_previous_key_opens_and_does_not_seal() -> None:
    (old, _), (new, public) = new_key(), new_key()
    both = cipher(new, old)
    assert both.decrypt(cipher(old).encrypt(TEXT)) == TEXT
    assert both.encrypt(TEXT)["key"] == public
    with pytest.raises(StateError):
        cipher(old).decrypt(both.encrypt(TEXT))


def test_a_key_keeps_its_age_and_a_new_one_begins_again() -> None:
    (old, _), (new, _) = new_key(), new_key()
    later = INSTANT.replace(year=2027)
    first = cipher(old).encrypt(TEXT)
    same = cipher(old, now=later)
    same.decrypt(first)
    assert same.key_in_use.since == first["since"]
    assert same.encrypt(TEXT)["since"] == first["since"]
    other = cipher(new, old, now=later)
    other.decrypt(first)
    assert other.key_in_use.since == ""
    assert other.encrypt(TEXT)["since"] == later.isoformat(timespec="seconds")


def test_a_wrong_key_is_reported_with_the_one_that_is_needed() -> None:
    (key, public), (wrong, _) = new_key(), new_key()
    with pytest.raises(
        StateError, match=f"none of the given keys can decrypt it; it is encrypted for {public}"
    ) as caught:
        cipher(wrong).decrypt(cipher(key).encrypt(TEXT))
    assert "previous_key_env" in caught.value.hint
    assert wrong.reveal() not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("damage", [{"data": ""}, {"data": "?"}, {"data": "AAAA"}, {"data": None}])
def test_what_is_damaged_is_reported(damage: dict[str, Any]) -> None:
    key, _ = new_key()
    with pytest.raises(StateError):
        cipher(key).decrypt({**cipher(key).encrypt(TEXT), **damage})


def test_a_changed_byte_is_noticed() -> None:
    key, _ = new_key()
    encrypted = cipher(key).encrypt(TEXT)
    data = bytearray(base64.b64decode(encrypted["data"]))
    data[-1] ^= 1
    with pytest.raises(StateError):
        cipher(key).decrypt({**encrypted, "data": base64.b64encode(data).decode()})


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(StateError, match="encrypted by 'rot13'"):
        cipher(new_key()[0]).decrypt({"scheme": "rot13"})


@pytest.mark.parametrize("key", ["", "nonsense", "AGE-SECRET-KEY-1NONSENSE"])
def test_what_is_no_key_is_reported_without_repeating_it(key: str) -> None:
    with pytest.raises(IacError, match="is not an age key") as caught:
        cipher(Secret(key))
    assert not key or key not in caught.value.message
    assert "state keys --generate" in caught.value.hint


def test_what_is_no_public_key_is_reported() -> None:
    with pytest.raises(IacError, match="'age1nonsense' is not a public age key"):
        cipher(new_key()[0], recipients=("age1nonsense",))


def test_a_missing_package_is_reported_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name == "pyrage":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(IacError, match="not installed") as caught:
        new_key()
    assert "raceday-iac[encryption]" in caught.value.hint
