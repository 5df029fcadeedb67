"""Every interleaving of the real protocol code: never two runs that both may write, and no crash blocks the lock.

What is exhausted: all reachable states of the runs named below, each trying once for the lock, with heartbeats and the
release at any moment, pauses and crashes of any run at any moment, and so many faults in total (answers lost, requests
lost, late or duplicated) as the scenario says. There is no limit to the length of a history or to the time that
passes: states that behave alike are visited once, and the exploration goes on until no new one is left. The numbers of
the lock are as small as they can be without two of them becoming one, and the safety margin is zero: it is left
entirely for writes that are under way when the lease ends.

Two things are taken from the server's documentation and observation, not shown here: each request is carried out as a
whole or not at all, and its clock does not go back.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from typing import Any

import pytest
from _shared import lock_protocol as protocol

from .lock_exploring import Explored, explore
from .lock_states import Broken, Model
from .lock_world import Tight

SHORT, LONGER, LONGEST = Tight(1, 1, 2), Tight(1, 1, 3), Tight(2, 1, 4)

#: Numbers of the lock, runs, faults, and the states there are at least. Fewer would mean that the model lost something.
SCENARIOS = {
    "three runs": (LONGEST, "abc", 0, 900),
    "four runs": (SHORT, "abcd", 0, 2_500),
    "two runs, two faults": (SHORT, "ab", 2, 21_000),
    "two runs, one fault, heartbeats that reach further": (LONGEST, "ab", 1, 5_500),
    "three runs, one fault": (SHORT, "abc", 1, 21_000),
}
#: RACEDAY_EXPLORE=1 takes some minutes more.
LARGE = {
    "two runs, two faults, a longer life": (LONGER, "ab", 2, 30_000),
    "three runs, two faults": (SHORT, "abc", 2, 300_000),
}
CHOSEN = {**SCENARIOS, **(LARGE if "RACEDAY_EXPLORE" in os.environ else {})}


@pytest.mark.parametrize("scenario", CHOSEN)
def test_no_two_runs_may_ever_both_write_and_no_crash_blocks_the_lock(scenario: str) -> None:
    numbers, names, faults, least = CHOSEN[scenario]
    model = Model(numbers)

    found = explore(model, model.start(names, faults))

    print(f"{scenario}: {found}")
    assert found.left == 0, "not everything was visited"
    assert found.states >= least
    assert found.writing >= least // 10
    assert found.longest_wait > numbers.stale_after, "no crashed owner was ever waited for"
    assert found.compared > 0


REAL_ASK, REAL_JUDGE, REAL_CONTENDING = protocol.Ask, protocol.judge, protocol._contending


def ask_without_comparing(verb: str, *, takeover: bool | None = None) -> Any:
    """Requests of one kind without the compare-and-set header."""

    def ask(asked: str, data: Mapping[str, Any] | None = None, unless: str | None = None) -> protocol.Ask:
        hit = asked == verb and (takeover is None or takeover is ("owner" in (data or {})))
        return REAL_ASK(asked, data, None if hit else unless)

    return ask


def deleting_then_creating(claim: Any, numbers: Any, seen: Any, begun: Any) -> protocol.Steps:
    """The legacy takeover: remove the stale document, whosever it is by now, and create one's own."""
    found = protocol.read_found(seen.document)
    if found.owner == claim.owner:
        return protocol._lease(numbers, claim, seen.document, begun, begun)
    refusal = protocol.judge(found, numbers, seen.server_now)
    if refusal is not None:
        return refusal
    yield REAL_ASK("remove")
    return None


def recognising_by_owner_alone(lease: Any) -> protocol.Steps:
    """Believes that any document of ours is the one we have always had."""
    reply = yield REAL_ASK("read")
    document = reply.document if reply.status == 200 else {}
    if document.get("owner") != lease.owner:
        lease.lost = "the lock is not ours"
        return False
    if document["$updatedAt"] == lease.updated_at:
        return False
    lease.landed_late(document["$updatedAt"])
    return True


def judging_a_second_early(found: Any, numbers: Any, now: float | None) -> Any:
    return REAL_JUDGE(found, numbers, None if now is None else now + 1)


def counting_from_the_recognising_read(claim: Any, numbers: Any, seen: Any, begun: Any) -> protocol.Steps:
    """A creation without answer counts as made when it is found, not when it was sent."""
    return (yield from REAL_CONTENDING(claim, numbers, seen, None))


BROKEN = {
    "takes over by deleting and creating": ("_contending", deleting_then_creating, "abc", 0, "both write"),
    "releases without comparing": ("Ask", ask_without_comparing("remove"), "abc", 0, "both write"),
    "takes over without comparing": ("Ask", ask_without_comparing("change", takeover=True), "abc", 0, "both write"),
    "beats without comparing": ("Ask", ask_without_comparing("change", takeover=False), "ab", 0, "both write"),
    "steals a live lock": ("judge", lambda found, numbers, now: None, "ab", 0, "both write"),
    "takes over a second too early": ("judge", judging_a_second_early, "ab", 0, "both write"),
    "counts a lost answer from when it was found out": (
        "_contending",
        counting_from_the_recognising_read,
        *("ab", 1, "both write"),
    ),
    "takes a new document for its old one": ("_recognising", recognising_by_owner_alone, "ab", 1, "newer fence"),
    "never takes over": ("judge", lambda found, numbers, now: protocol.Refusal(found), "a", 0, "nobody gets the lock"),
}


@pytest.mark.parametrize("flaw", BROKEN)
def test_the_exploration_catches_a_broken_protocol(monkeypatch: pytest.MonkeyPatch, flaw: str) -> None:
    name, broken, names, faults, rule = BROKEN[flaw]
    monkeypatch.setattr(protocol, name, broken)
    model = Model(SHORT)

    with pytest.raises(Broken, match=f"{rule}.* after: ") as caught:
        explore(model, model.start(names, faults))

    print(f"{flaw}: {caught.value}")


def test_long_random_histories_of_many_runs_and_faults_keep_the_rules_too() -> None:
    takeovers = 0
    for seed in range(60):
        draw, model = random.Random(seed), Model(LONGEST)
        state, story = model.start("abcdef", faults=12), []
        for _ in range(150):
            *others, tick = model.moves(state)
            label, state = draw.choice(others) if others and draw.random() < 0.8 else tick
            story.append(label)
            try:
                state = model.checked(state)
            except Broken as broken:
                pytest.fail(f"{broken} after: {' / '.join(story)}")
            document = model.crashed(state)[0]
            takeovers += document is not None and document.generation > 1

    assert takeovers > 200


def test_a_limit_leaves_states_unvisited_and_says_so() -> None:
    model = Model(SHORT)

    found = explore(model, model.start("ab", 1), limit=50)

    assert isinstance(found, Explored)
    assert found.left > 0
