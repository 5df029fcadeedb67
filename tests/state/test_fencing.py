"""A lock that was left behind expires, and whoever held it can save no more: on every place that machines share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from raceday_iac.errors import EXIT_LOCKED, FencedError, LockedError, StateError, UnreachableError
from raceday_iac.state.backends import LockRecord, StateBackend
from raceday_iac.state.document import State
from raceday_iac.state.store import StateStore

from .conftest import Place, make_place
from .memory_backend import MemoryBackend
from .test_backend_contract import run, state_with

LONG = 10_000.0
#: Locks whose runs nobody ends: forgotten ones would be released.
LEFT_BEHIND: list[Any] = []


@pytest.fixture(autouse=True)
def _ends() -> Iterator[None]:
    """While there is still a server to release them on; and not whenever memory is collected, in whatever thread."""
    yield
    while LEFT_BEHIND:
        LEFT_BEHIND.pop().__exit__(None, None, None)


@dataclass
class Later:
    """A backend as it looks when the lock was not renewed for so long."""

    backend: StateBackend
    seconds: float = LONG

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)

    def read_lock(self) -> LockRecord | None:
        found = self.backend.read_lock()
        return replace(found, age=found.age + self.seconds) if found else None


def later(place: Place, owner: str = "bob") -> StateStore:
    """Somebody who comes when the lock of everybody else has expired."""
    assert place.backend is not None
    return place.open(owner, backend=Later(place.backend()))  # type: ignore[arg-type]


def begin(place: Place, owner: str = "ann", reason: str = "apply") -> tuple[StateStore, State, Any]:
    """A run that holds the lock, has saved once, and goes on as long as nobody ends it."""
    store = place.open(owner)
    lock = hold(store, reason)
    state = state_with("first", base=store.read())
    store.write(state)
    return store, state, lock


def hold(store: StateStore, reason: str = "apply") -> Any:
    """Take the lock for good."""
    lock = store.locked(reason)
    lock.__enter__()
    LEFT_BEHIND.append(lock)
    return lock


def test_a_lock_that_has_not_expired_is_respected_and_one_that_has_is_taken_over(remote: Place) -> None:
    begin(remote)
    with pytest.raises(LockedError, match="locked by apply by ann@host"), remote.open("bob").locked("apply"):
        pass
    with later(remote).locked("apply"):
        holder = remote.open("eve").lock_holder()
        assert holder is not None
        assert holder.owner == "bob@host"


def test_just_before_it_expires_it_is_still_respected(remote: Place) -> None:
    begin(remote)
    assert remote.backend is not None
    backend = Later(remote.backend(), 200.0)
    with (
        pytest.raises(LockedError, match="locked by apply by ann") as caught,
        remote.open("bob", backend=backend).locked("x"),  # type: ignore[arg-type]
    ):
        pass
    assert re.search(r"its lock expires in \d+ s, or now with: raceday-iac state lock release \w+", caught.value.hint)


def test_the_late_save_of_whose_lock_was_taken_over_is_refused_and_the_new_holder_is_not_disturbed(
    remote: Place,
) -> None:
    late, old, _ = begin(remote)
    new = later(remote)
    with new.locked("apply"):
        base = new.read()
        with pytest.raises(FencedError, match="refused") as caught:
            late.write(state_with("late", base=old))
        assert caught.value.exit_code == EXIT_LOCKED
        assert "run plan again" in caught.value.hint
        new.write(state_with("first", "new", base=base))
    assert [each.path for each in remote.open("eve").read().entries] == ["first", "new"]


def test_the_late_save_is_refused_too_after_the_new_holder_has_gone_and_others_have_come(remote: Place) -> None:
    late, old, _ = begin(remote)
    with later(remote).locked("apply"):
        pass
    for number in range(4):
        run(remote.open("bob", keep=2), "apply", (f"a{number}",), (f"b{number}",), (f"c{number}",))
    before = remote.open().read()
    # Meanwhile some seconds have passed.
    late._lock._held.renewed -= 11  # type: ignore[attr-defined]
    with pytest.raises(FencedError, match="it was released"):
        late.write(state_with("late", base=old))
    assert remote.open().read() == before


def test_once_refused_a_run_is_refused_for_good_also_with_serials_that_are_free(remote: Place) -> None:
    """Whoever saves counts on, also after a save that failed."""
    late, old, _ = begin(remote)
    with later(remote).locked("apply"):
        pass
    before = remote.open().read()
    for number in range(1, 4):
        with pytest.raises(FencedError, match="The save of serial 2 was refused"):
            late.write(replace(state_with("late", base=old), serial=old.serial + number))
    assert remote.open().read() == before


def test_a_save_that_leaves_serials_out_is_refused_when_somebody_has_saved_meanwhile(place: Place) -> None:
    run(place.open(), "apply", ("a",))
    one, two = place.open("one"), place.open("two")
    seen = one.read()
    two.write(state_with("twos", base=two.read()))
    with pytest.raises(FencedError):
        one.write(replace(seen, serial=40))
    two.write(replace(two.read(), serial=50))
    assert place.open().read().serial == 50


def test_the_late_run_does_not_release_the_lock_of_the_new_holder(remote: Place) -> None:
    _, _, lock = begin(remote)
    with later(remote).locked("destroy"):
        lock.__exit__(None, None, None)
        holder = remote.open("eve").lock_holder()
        assert holder is not None
        assert holder.reason == "destroy"


def test_what_a_takeover_saves_is_the_state_as_it_was_and_says_whose_lock_it_took(remote: Place) -> None:
    _, old, _ = begin(remote)
    new = later(remote)
    with new.locked("apply"):
        assert new.read() == replace(old, serial=old.serial + 1)
    command = remote.open().history()[0].saved.command
    assert command == "apply, after apply by ann@host had lost its lock"


def test_a_lock_can_be_taken_over_where_no_state_was_saved_yet(remote: Place) -> None:
    late = remote.open("ann")
    hold(late)
    first = late.read()
    new = later(remote)
    with new.locked("apply"):
        with pytest.raises(FencedError):
            late.write(state_with("late", base=first))
        new.write(state_with("new", base=new.read()))
    assert [each.path for each in remote.open().read().entries] == ["new"]


def test_a_released_lock_can_be_taken_and_its_former_holder_saves_no_more(remote: Place) -> None:
    late, old, _ = begin(remote)
    holder = remote.open("bob").lock_holder()
    assert holder is not None
    remote.open("bob").release_lock(holder.id)
    assert remote.open("bob").lock_holder() is None
    with pytest.raises(FencedError):
        late.write(state_with("late", base=old))
    last = run(remote.open("bob"), "apply", ("bobs",))
    assert remote.open().read() == last
    assert "state lock release, of apply by ann@host" in [each.saved.command for each in remote.open().history()]


def test_a_save_on_which_nothing_else_was_saved_meanwhile_is_accepted(remote: Place) -> None:
    store, state, lock = begin(remote)
    for number in range(3):
        state = state_with(f"f{number}", base=state)
        store.write(state)
    lock.__exit__(None, None, None)
    assert remote.open().read() == state


def test_of_two_who_save_the_same_serial_without_any_lock_one_is_refused(remote: Place) -> None:
    base = run(remote.open(), "apply", ("a",))
    one, two = remote.open("one"), remote.open("two")
    one.write(state_with("ones", base=base))
    with pytest.raises(FencedError, match=r"refused: somebody else has saved since .* is now at serial 2 \(.*one@host"):
        two.write(state_with("twos", base=base))


# The lock itself, without a server.


@pytest.fixture
def memory(request: pytest.FixtureRequest, tmp_path: Any) -> Place:
    return make_place(request, "memory", tmp_path)


def backend_of(place: Place) -> MemoryBackend:
    assert place.backend is not None
    backend = place.backend()
    assert isinstance(backend, MemoryBackend)
    return backend


def test_a_lock_is_renewed_while_its_holder_lives(memory: Place) -> None:
    backend = backend_of(memory)
    store = memory.open(expiry=0.03)
    with store.locked("apply"):
        while backend.lock is None or json.loads(backend.lock[0])["beat"] < 4:
            pass
        store.write(state_with("a"))
    assert memory.open().lock_holder() is None


def test_a_run_that_has_lost_its_lock_begins_no_further_change(memory: Place) -> None:
    store, _, _ = begin(memory)
    store.append_journal("{}")
    backend = backend_of(memory)
    with later(memory).locked("apply"):
        # The renewal that comes next is refused.
        store._lock._renew(store._lock._held)  # type: ignore[attr-defined]
        with pytest.raises(FencedError, match=r"has lost its lock .* apply by bob@host.* took it over") as caught:
            store.append_journal("{}")
    assert caught.value.exit_code == EXIT_LOCKED
    operations = len(backend.operations)
    with pytest.raises(FencedError):
        store.write(state_with("late"))
    assert len(backend.operations) == operations


def test_a_run_that_was_stopped_for_long_looks_at_its_lock_before_it_goes_on(memory: Place) -> None:
    store, state, _ = begin(memory)
    store._lock._held.renewed -= LONG  # type: ignore[attr-defined]
    store.write(state_with("b", base=state))
    assert backend_of(memory).operations[-2:] == ["write_lock", "add"]
    backend_of(memory).lock = None
    store._lock._held.renewed -= LONG  # type: ignore[attr-defined]
    with pytest.raises(FencedError, match="it was released"):
        store.append_journal("{}")


def test_a_renewal_that_cannot_be_sent_is_no_loss(memory: Place) -> None:
    store, state, lock = begin(memory)
    backend = backend_of(memory)

    def cut(operation: str) -> None:
        if operation == "write_lock":
            raise UnreachableError("no answer")

    backend.before = cut
    store._lock._renew(store._lock._held)  # type: ignore[attr-defined]
    store.write(state_with("b", base=state))
    lock.__exit__(None, None, None)
    assert memory.open().lock_holder() is not None


def test_a_save_that_cannot_be_sent_says_what_is_intact_and_what_to_do(memory: Place) -> None:
    backend = backend_of(memory)

    def cut(operation: str) -> None:
        if operation == "add":
            raise UnreachableError("no answer.")

    backend.before = cut
    with pytest.raises(StateError, match="could not be saved to memory: no answer") as caught:
        memory.open().write(state_with("a"))
    assert "The state saved last is intact" in caught.value.message
    assert "run apply again" in caught.value.hint


def test_what_cannot_be_let_go_of_is_no_failure_of_the_save(memory: Place) -> None:
    backend = backend_of(memory)

    def cut(operation: str) -> None:
        if operation == "remove":
            raise UnreachableError("no answer")

    backend.before = cut
    last = run(memory.open(), "apply", ("a",), ("b",), ("c",), ("d",))
    assert memory.open().read() == last
    assert [each.serial for each in memory.open().history()] == [4]


def test_a_lock_that_nobody_can_read_is_held_for_ever_and_can_be_released(memory: Place) -> None:
    backend_of(memory).write_lock("nonsense", "")
    with pytest.raises(LockedError, match="locked by something by somebody unknown"), later(memory).locked("apply"):
        pass
    memory.open().release_lock("")
    with memory.open().locked("apply"):
        pass


def test_a_race_for_a_free_lock_has_one_winner_who_is_named(memory: Place) -> None:
    backend = backend_of(memory)
    raced: list[str] = []

    def somebody_is_faster(operation: str) -> None:
        if operation == "write_lock" and not raced:
            raced.append(operation)
            hold(memory.open("fast"))

    backend.before = somebody_is_faster
    with pytest.raises(LockedError, match="locked by apply by fast@host"), memory.open("slow").locked("apply"):
        pass


def test_a_save_between_takeover_and_fence_is_not_lost(memory: Place) -> None:
    late, old, _ = begin(memory)
    backend = backend_of(memory)
    saved: list[State] = []

    def late_save(operation: str) -> None:
        if operation == "add" and not saved:
            saved.append(state_with("first", "late", base=old))
            late.write(saved[0])

    new = later(memory)
    backend.before = late_save
    with new.locked("apply"):
        assert [each.path for each in new.read().entries] == ["first", "late"]
        with pytest.raises(FencedError):
            late.write(state_with("again", base=saved[0]))


def test_a_serial_that_was_let_go_of_while_a_lock_is_released_fences_nobody_out_and_the_next_one_does(
    memory: Place,
) -> None:
    late, old, _ = begin(memory)
    backend = backend_of(memory)
    saved = [old]

    def late_saves(operation: str) -> None:
        if operation == "add" and len(saved) == 1:
            # The first of these is a mere step on the way, so its serial is free again afterwards.
            for name in ("second", "third"):
                saved.append(state_with(name, base=saved[-1]))
                late.write(saved[-1])

    backend.before = late_saves
    memory.open("bob").release_lock("")
    with pytest.raises(FencedError):
        late.write(state_with("fourth", base=saved[-1]))
    assert [each.path for each in memory.open().read().entries] == ["third"]


def test_a_damaged_state_is_reported_with_its_serial_and_an_earlier_one_can_be_read(memory: Place) -> None:
    first = run(memory.open(), "apply", ("a",))
    run(memory.open(), "apply", ("b",))
    backend = backend_of(memory)
    backend.kept[2] = replace(backend.kept[2], text="{")
    with pytest.raises(StateError, match="Serial 2 of the state in memory cannot be used") as caught:
        memory.open().read()
    assert "state history" in caught.value.hint
    assert memory.open().version(1) == first
    assert [each.serial for each in memory.open().history()] == [2, 1]


def test_reading_costs_one_request_and_a_run_few(memory: Place) -> None:
    backend = backend_of(memory)
    memory.open().read()
    assert backend.operations == ["newest"]
    backend.operations.clear()
    run(memory.open(), "apply", ("a",), ("b",), ("c",))
    assert backend.operations == [
        *("read_lock", "write_lock", "newest"),
        *("add", "serials"),
        "add",
        *("add", "remove"),
        "write_lock",
    ]
