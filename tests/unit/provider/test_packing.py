"""States that fit into a string attribute of Appwrite, and those that do not."""

from __future__ import annotations

import random

import pytest

from raceday_iac.errors import StateError
from raceday_iac.state.backends.appwrite import PLAIN_LIMIT, pack, unpack


def noise(length: int) -> str:
    """Text that does not compress."""
    return "".join(map(chr, random.Random(1).choices(range(33, 0x3000), k=length)))


@pytest.mark.parametrize(
    "text", ["", "{}", "ä" * PLAIN_LIMIT, "ä" * (PLAIN_LIMIT + 1), "gzip+base64:no", noise(PLAIN_LIMIT * 2)]
)
def test_what_is_packed_is_unpacked(text: str) -> None:
    assert unpack(pack(text)) == text


def test_a_short_text_can_be_read_in_the_console_and_a_long_one_is_compressed() -> None:
    assert pack("x" * PLAIN_LIMIT) == "x" * PLAIN_LIMIT
    assert len(pack("x" * (PLAIN_LIMIT + 1))) < 1000


def test_packing_the_same_text_twice_gives_the_same() -> None:
    """A save whose answer was lost is known again by its text."""
    assert pack("x" * (PLAIN_LIMIT + 1)) == pack("x" * (PLAIN_LIMIT + 1))


def test_a_text_is_refused_only_when_it_is_too_long_after_compression() -> None:
    limit = len(pack("x" * (PLAIN_LIMIT + 1)))
    assert unpack(pack("x" * (PLAIN_LIMIT + 1), limit)).startswith("x")
    with pytest.raises(
        StateError, match=f"{limit:,} characters when compressed, but at most {limit - 1:,} fit"
    ) as caught:
        pack("x" * (PLAIN_LIMIT + 1), limit - 1)
    assert "S3-compatible" in caught.value.hint


@pytest.mark.parametrize("damaged", ["gzip+base64:?", "gzip+base64:AAAA", "gzip+base64:H4sIAAAA"])
def test_what_is_damaged_is_reported(damaged: str) -> None:
    with pytest.raises(StateError, match="damaged"):
        unpack(damaged)
