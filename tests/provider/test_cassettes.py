"""What a cassette must not give away. Recordings are committed, so this is read by everybody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import RECORDING
from .recorder import CASSETTES, HIDDEN

pytestmark = pytest.mark.skipif(RECORDING, reason="the cassettes are being written; look at them afterwards")

FILES = sorted(CASSETTES.glob("*.yaml"))
FORBIDDEN = {
    "a key": r"standard_[0-9a-f]{16}|dynamic_|ephemeral_|[0-9a-f]{64}",
    "a header that holds one": r"(?i)x-appwrite-(key|jwt|session|client-ip)|cookie|authorization",
    "a host": r"127\.0\.0\.1|localhost|https?://(?!appwrite\.test/v1|example\.org)[\w.-]+",
}


def test_there_are_cassettes() -> None:
    assert len(FILES) > 15


@pytest.mark.parametrize("what", FORBIDDEN)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_cassette_gives_a_secret_away(file: Path, what: str) -> None:
    found = re.search(FORBIDDEN[what], file.read_text(encoding="utf-8"))
    assert found is None, f"{what}: {found}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_request_of_a_cassette_goes_to_the_placeholder(file: Path) -> None:
    places = re.findall(r"^ +uri: (\S+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert places
    assert all(each.startswith(f"{HIDDEN.endpoint}/") for each in places)


def test_no_cassette_holds_the_value_of_a_variable() -> None:
    for file in FILES:
        # A value follows its key in requests and in answers.
        values = re.findall(r'"key": ?"[A-Z_]+", ?"value": ?"([^"]*)"', file.read_text(encoding="utf-8"))
        assert set(values) <= {"***", ""}, file.name
