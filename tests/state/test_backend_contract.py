"""What every place where state can be kept must do: as a store of states, and below it as a keeper of texts."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Barrier

import pytest

from raceday_iac.errors import EXIT_LOCKED, FencedError, IacError, LockedError, StateError
from raceday_iac.model.address import Address
from raceday_iac.model.resource import frozen
from raceday_iac.model.secret import Secret
from raceday_iac.state.backends import PreconditionFailed, StateBackend, StateVersion
from raceday_iac.state.codec import Codec
from raceday_iac.state.document import Entry, State, binding_of, new_state
from raceday_iac.state.encryption import AgeCipher, new_key
from raceday_iac.state.store import StateStore

from .conftest import REMOTE, Place, other_backend


def state_with(*names: str, base: State | None = None) -> State:
    """The next state after `base`, which owns these functions."""
    state = replace(base or new_state(), serial=(base.serial if base else 0) + 1)
    entries = [Entry(Address("function", name), frozen({"name": name, "scopes": ("a", "b")}), "id") for name in names]
    return replace(state, entries={each.address: each for each in entries})


def run(store: StateStore, reason: str, *steps: tuple[str, ...]) -> State:
    """One command that saves after each step."""
    with store.locked(reason):
        state = store.read()
        for names in steps:
            state = state_with(*names, base=state)
            store.write(state)
    return state


# Reading and writing.


def test_where_nothing_was_saved_there_is_an_empty_state(place: Place) -> None:
    state = place.open().read()
    assert (state.serial, state.entries) == (0, {})


def test_what_is_written_is_read_by_everybody(place: Place) -> None:
    state = state_with("ä\n", "b")
    place.open().write(state)
    assert place.open("bob").read() == state


def test_what_a_state_belongs_to_is_kept_encrypted_or_not(place: Place) -> None:
    bound = binding_of("https://appwrite.example.org/v1", "raceday", "raceday")
    plain, encrypted = place.open(), place.open(codec=Codec(AgeCipher(new_key()[0])))
    plain.write(replace(state_with("a"), bound=bound))
    assert plain.read().bound == bound
    with encrypted.locked("apply"):
        encrypted.write(state_with("a", base=encrypted.read()))
    assert encrypted.read().bound == bound


def test_the_newest_is_read(place: Place) -> None:
    last = run(place.open(), "apply", ("a",), ("a", "b"), ("a", "b", "c"), ("b",))
    assert place.open("bob").read() == last


def test_a_state_of_many_resources_survives(place: Place) -> None:
    state = state_with(*(f"function-{number}" for number in range(3000)))
    place.open().write(state)
    assert place.open("bob").read() == state


def test_a_save_that_starts_from_an_old_state_is_refused_and_changes_nothing(place: Place) -> None:
    run(place.open(), "apply", ("a",))
    ann, bob = place.open("ann"), place.open("bob")
    old, seen = ann.read(), bob.read()
    bob.write(state_with("bobs", base=seen))
    with pytest.raises(FencedError, match="refused") as caught:
        ann.write(state_with("anns", base=old))
    assert caught.value.exit_code == EXIT_LOCKED
    assert [str(each) for each in place.open().read().entries] == ["function.bobs"]


def test_a_state_that_holds_a_secret_is_never_stored(place: Place) -> None:
    entry = Entry(Address("variable", "f/K"), frozen({"value": Secret("hidden")}))
    with pytest.raises(TypeError, match="must not be stored"):
        place.open().write(replace(new_state(), serial=1).with_entry(entry))
    assert place.open().read().serial == 0


# Locks.


def test_a_held_lock_refuses_a_second_holder_and_names_the_first(place: Place) -> None:
    with (
        place.open("ann").locked("apply"),
        pytest.raises(LockedError, match=r"locked by apply by \S+@\S+, process \d+, since") as caught,
        place.open("bob").locked("destroy"),
    ):
        pass
    assert caught.value.exit_code == EXIT_LOCKED


def test_a_refused_attempt_leaves_the_lock_with_its_holder(place: Place) -> None:
    with place.open("ann").locked("apply"):
        for _ in range(2):
            with pytest.raises(LockedError, match="locked by apply"), place.open("bob").locked("second"):
                pass


def test_a_released_lock_is_nobodys_and_can_be_taken_again(place: Place) -> None:
    for owner in ("ann", "bob", "ann"):
        with place.open(owner).locked("apply"):
            pass
        assert place.open().lock_holder() is None


def test_a_lock_is_released_when_the_work_fails(place: Place) -> None:
    with pytest.raises(RuntimeError), place.open().locked("apply"):
        raise RuntimeError
    with place.open("bob").locked("apply"):
        pass


def test_who_holds_the_lock_can_be_asked(place: Place) -> None:
    assert place.open().lock_holder() is None
    with place.open().locked("apply"):
        holder = place.open("bob").lock_holder()
        assert holder is not None
        assert (holder.reason, holder.expired) == ("apply", False)
        assert holder.id
        assert datetime.strptime(holder.since, "%Y-%m-%d %H:%M:%S %Z")  # noqa: DTZ007


def test_of_many_who_ask_for_the_lock_at_once_one_gets_it(place: Place) -> None:
    many = 6
    start, end = Barrier(many), Barrier(many)

    def attempt(number: int) -> bool:
        store = place.open(f"user{number}")
        start.wait()
        try:
            with store.locked("apply"):
                end.wait()
                return True
        except LockedError:
            end.wait()
            return False

    with ThreadPoolExecutor(many) as pool:
        assert sum(pool.map(attempt, range(many))) == 1


def test_releasing_where_there_is_no_lock_is_fine(place: Place) -> None:
    place.open().release_lock("")
    with place.open().locked("apply"):
        pass
    place.open().release_lock("")


def test_a_lock_of_another_id_is_not_released(place: Place) -> None:
    with place.open().locked("apply"):
        with pytest.raises(LockedError, match="The lock has changed"):
            place.open("bob").release_lock("of-yesterday")
        holder = place.open().lock_holder()
        assert holder is not None
        assert holder.reason == "apply"


# History.


def test_without_a_state_there_is_no_history(place: Place) -> None:
    assert list(place.open().history()) == []


def test_the_history_has_one_entry_for_each_run_newest_first(place: Place) -> None:
    first = run(place.open("ann"), "import", ("a",), ("a", "b"))
    last = run(place.open("bob"), "apply", ("a",), (), ("c",), ("c", "d", "e"))
    history = place.open().history()
    assert [each.serial for each in history] == [last.serial, first.serial]
    assert [each.saved.command for each in history] == ["apply", "import"]
    assert [each.saved.resources for each in history] == [3, 2]
    assert [each.current for each in history] == [True, False]
    assert {each.lineage for each in history} == {first.lineage}
    assert all("@" in each.saved.by and datetime.fromisoformat(each.saved.at) for each in history)


def test_every_state_of_the_history_can_be_read(place: Place) -> None:
    first = run(place.open(), "apply", ("a",), ("a", "b"))
    second = run(place.open(), "apply", ("c",))
    third = run(place.open(), "apply", ("d",), ("e",))
    store = place.open("bob")
    assert [store.version(each.serial) for each in store.history()] == [third, second, first]


def test_a_serial_that_is_not_kept_is_reported(place: Place) -> None:
    run(place.open(), "apply", ("a",))
    with pytest.raises(StateError, match="Serial 77 is not in the history") as caught:
        place.open().version(77)
    assert "state history" in caught.value.hint


def test_the_history_has_a_length(place: Place) -> None:
    for number in range(6):
        run(place.open(keep=3), "apply", (f"f{number}",))
    history = place.open().history()
    assert [each.serial for each in history] == [6, 5, 4]
    assert [str(each) for each in place.open().version(4).entries] == ["function.f3"]


def test_the_state_that_a_run_started_from_can_be_had_back_while_it_works(place: Place) -> None:
    first = run(place.open(), "apply", ("a",))
    store = place.open()
    with store.locked("apply"):
        state = store.read()
        store.keep_backup()
        for number in range(5):
            state = state_with(f"f{number}", base=state)
            store.write(state)
        assert place.open("bob").version(first.serial) == first


# Journal.


def test_what_was_begun_and_not_concluded_was_interrupted(place: Place) -> None:
    store = place.open()
    with store.locked("apply"):
        for what, change in (("intent", "a"), ("intent", "b"), ("done", "a")):
            store.append_journal(json.dumps({"what": what, "change": change}))
    assert place.open().interrupted_changes() == ["b"]
    store.clear_journal()
    assert place.open().interrupted_changes() == []


# Encryption.


def raw_texts(place: Place) -> str:
    """Everything that is stored, as it is."""
    if place.backend is None:
        files = [each for each in Path(place.folder).rglob("*") if each.is_file()]
        return "\n".join(each.read_text(encoding="utf-8") for each in files)
    backend = place.backend()
    versions = [backend.read(serial) for serial in backend.serials()]
    return "\n".join(each.text for each in versions if each is not None)


def test_an_encrypted_state_is_read_with_the_key_and_says_nothing_without(place: Place) -> None:
    key, public = new_key()
    state = run(place.open(codec=Codec(AgeCipher(key))), "apply", ("remarkable",))
    assert place.open("bob", codec=Codec(AgeCipher(key))).read() == state
    stored = raw_texts(place)
    assert "remarkable" not in stored
    assert state.salt not in stored
    assert public in stored
    assert key.reveal() not in stored


def test_an_encrypted_state_is_refused_without_a_key_and_with_a_wrong_one(place: Place) -> None:
    key, public = new_key()
    run(place.open(codec=Codec(AgeCipher(key))), "apply", ("a",))
    before = raw_texts(place)
    with pytest.raises(StateError, match="it is encrypted, and the environment names no key"):
        place.open().read()
    with pytest.raises(StateError, match=f"none of the given keys can decrypt it; it is encrypted for {public}"):
        place.open(codec=Codec(AgeCipher(new_key()[0]))).read()
    assert raw_texts(place) == before


def test_lock_and_history_need_no_key(place: Place) -> None:
    run(place.open(codec=Codec(AgeCipher(new_key()[0]))), "apply", ("a",))
    assert [each.saved.resources for each in place.open().history()] == [1]
    assert place.open().lock_holder() is None


def test_a_plain_state_becomes_an_encrypted_one_and_keys_are_changed_with_the_history(place: Place) -> None:
    run(place.open(), "apply", ("remarkable",))
    run(place.open(), "apply", ("remarkable", "b"))
    old, new = new_key()[0], new_key()[0]
    for codec in (Codec(AgeCipher(old)), Codec(AgeCipher(new, [old]))):
        store = place.open(codec=codec)
        with store.locked("rekey"):
            state = store.read()
            store.write(replace(state, serial=state.serial + 1))
            store.rewrite_history()
        assert "remarkable" not in raw_texts(place)
    store = place.open(codec=Codec(AgeCipher(new)))
    assert [len(store.version(each.serial).entries) for each in store.history()] == [2, 2, 2, 1]
    with pytest.raises(StateError, match="none of the given keys"):
        place.open(codec=Codec(AgeCipher(old))).read()


# Backends that machines share: numbered texts, and one lock.


def test_a_backend_begins_empty(backend: StateBackend) -> None:
    assert backend.newest() is None
    assert backend.read(1) is None
    assert list(backend.versions()) == []
    assert list(backend.serials()) == []
    assert backend.read_lock() is None


def test_a_backend_keeps_numbered_texts_with_their_notes(backend: StateBackend) -> None:
    for serial in (1, 2, 10):
        backend.add(StateVersion(serial, f"note {serial}", f"text {serial}"))
    assert backend.newest() == StateVersion(10, "note 10", "text 10")
    assert backend.read(2) == StateVersion(2, "note 2", "text 2")
    assert backend.read(3) is None
    assert list(backend.serials()) == [10, 2, 1]
    assert [(each.serial, each.note) for each in backend.versions()] == [(10, "note 10"), (2, "note 2"), (1, "note 1")]


def test_a_serial_is_created_once_and_the_same_text_again_is_our_own_whose_answer_was_lost(
    backend: StateBackend,
) -> None:
    backend.add(StateVersion(1, "", "ours"))
    backend.add(StateVersion(1, "", "ours"))
    with pytest.raises(PreconditionFailed):
        backend.add(StateVersion(1, "", "theirs"))
    assert backend.read(1) == StateVersion(1, "", "ours")


def test_a_text_can_be_replaced_by_another_of_the_same_meaning(backend: StateBackend) -> None:
    backend.add(StateVersion(1, "old", "old"))
    backend.replace(StateVersion(1, "new", "new"))
    assert backend.newest() == StateVersion(1, "new", "new")


def test_a_version_can_be_removed_also_when_it_is_gone(backend: StateBackend) -> None:
    for serial in (1, 2):
        backend.add(StateVersion(serial, "", "text"))
    for _ in range(2):
        backend.remove(2)
    assert list(backend.serials()) == [1]


def test_the_lock_is_replaced_only_by_who_has_read_it_last(backend: StateBackend) -> None:
    first = backend.write_lock("one", "")
    second = backend.write_lock("two", first)
    for tag in ("", first):
        with pytest.raises(PreconditionFailed):
            backend.write_lock("three", tag)
    found = backend.read_lock()
    assert found is not None
    assert (found.text, found.tag) == ("two", second)
    assert found.age is not None
    assert 0 <= found.age < 60


def test_a_lock_that_is_gone_is_not_replaced(backend: StateBackend) -> None:
    with pytest.raises(PreconditionFailed):
        backend.write_lock("lock", "2026-11-25T10:00:00.500+00:00")
    assert backend.read_lock() is None


def test_the_lock_is_no_version(backend: StateBackend) -> None:
    backend.write_lock("lock", "")
    assert list(backend.versions()) == []
    assert backend.newest() is None


SERVERS = [each for each in REMOTE if each != "memory"]


@pytest.mark.parametrize("name", SERVERS)
def test_environments_on_one_server_do_not_mix(request: pytest.FixtureRequest, name: str) -> None:
    environment = f"e{uuid.uuid4().hex[:12]}"
    # The second begins with the same letters.
    one, longer = (other_backend(request, name, each) for each in (environment, f"{environment}-2"))
    one.add(StateVersion(1, "", "one"))
    longer.add(StateVersion(5, "", "longer"))
    longer.write_lock("lock", "")
    assert (list(one.serials()), list(longer.serials())) == ([1], [5])
    assert one.read_lock() is None


@pytest.mark.parametrize("name", SERVERS)
def test_a_reader_finds_what_is_there_and_cannot_write(request: pytest.FixtureRequest, name: str) -> None:
    environment = f"e{uuid.uuid4().hex[:12]}"
    writer = other_backend(request, name, environment)
    writer.add(StateVersion(1, "", "one"))
    reader = other_backend(request, name, environment, reading=True)
    assert reader.read_lock() is None
    writer.write_lock("theirs", "")
    for act in (
        lambda: reader.add(StateVersion(2, "", "two")),
        lambda: reader.replace(StateVersion(1, "", "changed")),
        lambda: reader.remove(1),
        lambda: reader.write_lock("mine", ""),
    ):
        with pytest.raises(IacError, match=r"can only read|was opened to be read"):
            act()
    assert reader.newest() == StateVersion(1, "", "one")
    found = reader.read_lock()
    assert found is not None
    assert found.text == "theirs"
