from __future__ import annotations

import pytest

from raceday_iac.raceday.cleanup.tree import Names

NAMES = Names(
    ("batch-race-poller", "race-data-poller"),
    ("deploy:poller", "poller", "vars:all"),
    ("scripts/update-vars-only.js",),
)


def named(text: str) -> list[str]:
    return [name for _, name in NAMES.positions(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see batch-race-poller/README.md", ["batch-race-poller"]),
        ("The batch-race-poller.", ["batch-race-poller"]),
        ("'race-data-poller': 1", ["race-data-poller"]),
        ("node update-vars-only.js x", ["update-vars-only.js"]),
        ("npm run poller", ["npm run poller"]),
        ("npm  run -s poller", ["npm run -s poller"]),
        ("yarn poller", ["yarn poller"]),
        ("deploy:poller: deploys", ["deploy:poller"]),
    ],
)
def test_exact_names_are_found(text: str, expected: list[str]) -> None:
    assert named(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "enhanced-race-poller",
        "meeting-status-poller",
        "my-batch-race-poller",
        "batch-race-poller-2",
        "test-batch-race-poller.js",
        "batch-race-poller.js",
        "deploy:batch-race-poller",
        "redeploy:poller",
        "the poller",
        "npm run poller:dev",
        "npm run poller-2",
        "not-update-vars-only.js",
    ],
)
def test_what_only_contains_a_name_is_not(text: str) -> None:
    assert named(text) == []


def test_no_names_are_found_nowhere() -> None:
    assert not Names().named_in("anything")
