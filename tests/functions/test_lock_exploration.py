"""Every interleaving of the real protocol code: never two runs that both may write, and no crash blocks the lock.

What is exhausted: all reachable states of the runs named below, each trying once for the lock, with heartbeats and the
release at any instant, pauses and crashes of any run, and so many faults in total (answers lost, requests
lost, late or duplicated) as the scenario says. There is no limit to the length of a history or to the time that
passes: states that behave alike are visited once, and the exploration goes on until no new one is left. The numbers of
the lock are as small as they can be without two of them becoming one, and the safety margin is zero.

Two things are shown one behind the other. With true clocks no two runs ever believe that they may write. And whatever
the clocks say, what a run has sent is not carried out once a later owner has written: that is what the fence is for.
There writes are in the model, sent while a run believes that it may, and carried out at any later time.

Taken from the server's documentation and observation, not shown here: each request is carried out as a whole or not at
all, and nothing repeats the creation of a fence after it was answered (what would happen then is shown).
"""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from _shared import lock_protocol as protocol

from .lock_exploring import Explored, explore
from .lock_states import Broken, Model, Settings
from .lock_world import Tight

SHORT, LONGER, LONGEST = Tight(1, 1, 2), Tight(1, 1, 3), Tight(2, 1, 4)


@pytest.fixture(autouse=True)
def unlimited_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real limit allows less. Counting the tries would make every state many."""
    monkeypatch.setattr(protocol, "TRIES", 1_000_000)


@pytest.fixture(autouse=True)
def uncollected() -> Iterator[None]:
    """States hold no circles, and some hundred thousand of them would be looked through for some again and again."""
    gc.disable()
    yield
    gc.enable()


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


#: The server's clock is set once at any instant, further than everything that is compared with it.
FORTH, BACK, FURTHER_BACK = (4,), (-3,), (-5,)
FENCED, NO_CLOCKS = Settings(writes="fenced"), Settings(writes="fenced", clocks=False)
BARE_NO_CLOCKS = NO_CLOCKS._replace(beats=False)
#: Settings, runs, faults, and the states there are at least.
BEHIND_THE_FENCE = {
    "true clocks": (FENCED, "ab", 0, 2_500),
    "no clocks": (NO_CLOCKS, "ab", 0, 2_000),
    "no clocks, one fault": (BARE_NO_CLOCKS, "ab", 1, 8_000),
    "the clock is set forward": (FENCED._replace(steps=FORTH, beats=False), "ab", 0, 5_000),
    "the clock is set back": (FENCED._replace(steps=BACK, beats=False), "ab", 0, 10_000),
}
LARGE_BEHIND_THE_FENCE = {
    "true clocks, one fault": (FENCED, "ab", 1, 70_000),
    "no clocks, three runs": (NO_CLOCKS, "abc", 0, 180_000),
    "no clocks, one fault and signs of life": (NO_CLOCKS, "ab", 1, 36_000),
    "no clocks, two faults": (BARE_NO_CLOCKS, "ab", 2, 150_000),
    "the clock is set further back": (FENCED._replace(steps=FURTHER_BACK, beats=False), "ab", 0, 20_000),
    "the clock is set back, signs of life": (FENCED._replace(steps=BACK), "ab", 0, 10_000),
}
if "RACEDAY_EXPLORE" in os.environ:
    BEHIND_THE_FENCE |= LARGE_BEHIND_THE_FENCE


@pytest.mark.parametrize("scenario", BEHIND_THE_FENCE)
def test_nothing_is_carried_out_any_more_once_a_later_owner_has_written(scenario: str) -> None:
    settings, names, faults, least = BEHIND_THE_FENCE[scenario]
    model = Model(SHORT, settings)

    found = explore(model, model.start(names, faults))

    print(f"{scenario}: {found}")
    assert found.left == 0, "not everything was visited"
    assert found.states >= least
    assert found.compared > 0


WITHOUT_FENCE = {
    "it gave the lock back": Settings(writes="plain"),
    "it was taken over": Settings(writes="plain", releases=False),
    "no clocks": Settings(writes="plain", releases=False, clocks=False),
    "the clock is set forward": Settings(writes="plain", releases=False, steps=FORTH),
    "the clock is set back": Settings(writes="plain", releases=False, steps=BACK),
}


@pytest.mark.parametrize("scenario", WITHOUT_FENCE)
def test_without_the_fence_a_write_in_flight_comes_after_those_of_the_next_owner(scenario: str) -> None:
    settings = WITHOUT_FENCE[scenario]
    model = Model(SHORT, settings)

    with pytest.raises(Broken, match="a write is carried out after one of a newer owner after: ") as caught:
        explore(model, model.start("ab", 0))

    print(f"{scenario}: {caught.value}")
    assert settings.releases or ", to acquire: change is answered 200" in str(caught.value), "nobody took over"
    assert ("the server's clock is set" in str(caught.value)) is (settings.steps == FORTH), "the shortest story"


def test_a_lock_of_a_dead_run_is_free_in_time_although_the_servers_clock_was_set_back() -> None:
    model = Model(SHORT, Settings(steps=FURTHER_BACK))

    found = explore(model, model.start("ab", 0))

    print(found)
    assert found.left == 0
    # By the server's clock alone it would take until that has come to the last sign of life again.
    assert SHORT.stale_after + 1 < found.longest_wait < -FURTHER_BACK[0] + SHORT.stale_after


def test_by_the_servers_clock_alone_a_dead_run_would_block_the_lock_until_that_has_caught_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "_is_odd", lambda refusal: False)
    model = Model(SHORT, Settings(steps=FURTHER_BACK))

    with pytest.raises(Broken, match="nobody gets the lock"):
        explore(model, model.start("ab", 0))


REAL_ASK, REAL_CHECK, REAL_CONTENDING = protocol.Ask, protocol.refusal_of, protocol._contending


def ask_without_comparing(verb: str, *, takeover: bool = False) -> Any:
    """Requests of one kind without the compare-and-set header."""

    def ask(asked: str, data: Mapping[str, Any] | None = None, unless: str | None = None, **more: Any) -> protocol.Ask:
        hit = asked == verb and (not takeover or "owner" in (data or {}))
        return REAL_ASK(asked, data, None if hit else unless, **more)

    return ask


def deleting_then_creating(claim: Any, numbers: Any, seen: Any, begun: Any) -> protocol.Steps:
    """The legacy takeover: remove the stale document, whosever it is by now, and create one's own."""
    found = protocol.read_found(seen.document)
    if found.owner == claim.owner:
        return protocol._lease(numbers, claim, seen.document, begun, begun)
    refusal = protocol.refusal_of(found, numbers, seen.server_now)
    if refusal is not None:
        return refusal
    yield REAL_ASK("remove")
    return None


def recognising_by_owner_alone(lease: Any, listed: Mapping[str, Any]) -> str | None:
    """Believes that any document of ours is the one we have always had."""
    document = listed["lock"]
    return None if document is not None and document["owner"] == lease.owner else "the lock is not ours"


def renewing_whatever_is_there(lease: Any, fields: Any) -> protocol.Steps:
    """Neither compares before it writes, nor looks whose the lock is that it has written to."""
    reply = yield REAL_ASK("change", {"beats": 1})
    if reply.status == 200:
        lease.confirmed(str(reply.document["$updatedAt"]), reply.sent_at)
    return reply.status == 200


def checking_a_second_early(found: Any, numbers: Any, now: float | None) -> Any:
    return REAL_CHECK(found, numbers, None if now is None else now + 1)


def counting_from_the_recognising_read(claim: Any, numbers: Any, seen: Any, begun: Any) -> protocol.Steps:
    """A creation without answer counts as made when it is found, not when it was sent."""
    return (yield from REAL_CONTENDING(claim, numbers, seen, None))


BROKEN = {
    "takes over by deleting and creating": ("_contending", deleting_then_creating, "abc", 0, "both write"),
    "releases without comparing": ("Ask", ask_without_comparing("remove"), "abc", 0, "both write"),
    "takes over without comparing": ("Ask", ask_without_comparing("change", takeover=True), "abc", 0, "both write"),
    "renews whatever lock it finds": ("beating", renewing_whatever_is_there, "ab", 0, "both write"),
    "steals a live lock": ("refusal_of", lambda found, numbers, now: None, "ab", 0, "both write"),
    "takes over a second too early": ("refusal_of", checking_a_second_early, "ab", 0, "both write"),
    "counts a lost answer from when it was found out": (
        "_contending",
        counting_from_the_recognising_read,
        *("ab", 1, "both write"),
    ),
    "takes a new document for its old one": ("_why_lost", recognising_by_owner_alone, "ab", 1, "newer token"),
    "never takes over": (
        "refusal_of",
        lambda found, *_: protocol.Refusal(found, 0.0, 0.0),
        "a",
        0,
        "nobody gets the lock",
    ),
}


@pytest.mark.parametrize("flaw", BROKEN)
def test_the_exploration_catches_a_broken_protocol(monkeypatch: pytest.MonkeyPatch, flaw: str) -> None:
    name, broken, names, faults, rule = BROKEN[flaw]
    monkeypatch.setattr(protocol, name, broken)
    model = Model(SHORT)

    with pytest.raises(Broken, match=f"{rule}.* after: ") as caught:
        explore(model, model.start(names, faults))

    print(f"{flaw}: {caught.value}")


def opening_without_asking(lease: Any) -> protocol.Steps:
    """Believes that a lock which was got is still there when the fence is."""
    if not lease.fence:
        yield from protocol._raising(lease)
    lease.is_open = True
    return True


def asking_before_creating(lease: Any) -> protocol.Steps:
    """Asks for the lock first, and creates the fence then."""
    if not (yield from protocol.confirming(lease)):
        return False
    yield from protocol._raising(lease)
    lease.is_open = True
    return True


def leaving_the_fences_of_others(lease: Any, fences: Any) -> protocol.Steps:
    yield from ()
    return True


def sending_a_fence_twice(lease: Any) -> protocol.Steps:
    """Repeats a creation that went unanswered, under the same id."""
    lease.fences = 1
    for attempt in range(3):
        reply = yield REAL_ASK("create", protocol.fence_document(lease), fence=protocol.fence_of(lease.owner))
        if reply.status in (201, 409):
            lease.fence = protocol.fence_of(lease.owner)
            return
        yield protocol.Pause(attempt)


UNFENCED = {
    "opens without asking whose the lock is": ("opening", opening_without_asking, "ab", 0),
    "asks whose the lock is before the fence is there": ("opening", asking_before_creating, "ab", 0),
    "leaves the fences of others": ("_removing", leaving_the_fences_of_others, "ab", 0),
    "sends a fence twice": ("_raising", sending_a_fence_twice, "ab", 1),
}


@pytest.mark.parametrize("flaw", UNFENCED)
def test_the_exploration_catches_a_fence_with_a_gap(monkeypatch: pytest.MonkeyPatch, flaw: str) -> None:
    name, broken, names, faults = UNFENCED[flaw]
    monkeypatch.setattr(protocol, name, broken)
    model = Model(SHORT, BARE_NO_CLOCKS)

    with pytest.raises(Broken, match="a write is carried out after one of a newer owner after: ") as caught:
        explore(model, model.start(names, faults))

    print(f"{flaw}: {caught.value}")


def test_what_is_assumed_is_needed_a_fence_that_is_created_once_more_after_its_end_lets_late_writes_through() -> None:
    model = Model(SHORT, BARE_NO_CLOCKS._replace(copies_fences=True))

    with pytest.raises(Broken, match="a write is carried out after one of a newer owner after: ") as caught:
        explore(model, model.start("ab", 1))

    assert "the late create of" in str(caught.value)


def test_long_random_histories_behind_the_fence_keep_the_rule_too() -> None:
    written = 0
    for seed in range(40):
        draw, model = random.Random(seed), Model(SHORT, NO_CLOCKS)
        state, story = model.start("abcde", faults=6), []
        for _ in range(150):
            choices = list(model.moves(state))
            if not choices:
                break
            # Runs that all end at once would have little to write.
            lively = [each for each in choices if "to release" not in each[0]] or choices
            label, state = draw.choice(lively if draw.random() < 0.9 else choices)
            story.append(label)
            try:
                state = model.checked(state)
            except Broken as broken:
                pytest.fail(f"{broken} after: {' / '.join(story)}")
            written += label.startswith("the write of")

    assert written > 100


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
            lock = model.crashed(state)[0].lock
            takeovers += lock is not None and lock.generation > 1

    assert takeovers > 200


def test_a_limit_leaves_states_unvisited_and_says_so() -> None:
    model = Model(SHORT)

    found = explore(model, model.start("ab", 1), limit=50)

    assert isinstance(found, Explored)
    assert found.left > 0
