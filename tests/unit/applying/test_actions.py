"""Waiting for what Appwrite does after it has answered: short at first, and not for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.applying.actions import Work
from raceday_iac.applying.recorder import Recorder
from raceday_iac.applying.scheduler import Step, make_steps
from raceday_iac.diff import Cause, FieldChange
from raceday_iac.errors import ProviderError, UnsettledError
from raceday_iac.model.address import Address, deployment_address, function_address
from raceday_iac.model.resource import Live, frozen
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Action, Change, Plan, Reason
from raceday_iac.provider import Provider
from raceday_iac.state.backends.local import LocalState
from raceday_iac.state.document import Entry

from ..applied import live_as, plan, plan_between, state_of
from ..declaring import address, collection, resolved, stack_with_function
from ..fake_appwrite import FakeAppwrite

F = function_address("f")

A, B = address("attribute.d/c/a"), address("attribute.d/c/b")
PLACE = address("collection.d/c")


class Looks(FakeAppwrite):
    """Shows one thing after the other: statuses by address; the last one for ever."""

    def __init__(self, *shown: Mapping[Address, str]) -> None:
        super().__init__({PLACE: Live(PLACE, frozen({}))})
        self.shown = list(shown)
        self.count = 0

    def members(self, database: str, collection: str, listed: str, keys: Sequence[str] = ()) -> Mapping[Address, Live]:
        self.count += 1
        now = self.shown.pop(0) if len(self.shown) > 1 else self.shown[0]
        return {at: Live(at, frozen({}), status=status, error="why") for at, status in now.items()}

    def unknown_attributes(self, *names: Any) -> Sequence[str]:
        return ()


def schema(type: str = "integer") -> Stack:
    stack = Stack("test")
    owner = collection(stack)
    getattr(owner, type)("a")
    owner.integer("b")
    return stack


def work(provider: Provider, folder: Path, of: Plan | None = None) -> Work:
    desired = resolved(schema())
    (folder / "state").mkdir(exist_ok=True)
    recorder = Recorder(LocalState(folder / "state"), state_of(desired))
    return Work(provider, recorder, of or plan(desired), desired, {}, lambda change, text: None)


def settle(provider: Looks, folder: Path) -> list[float]:
    """The pauses of waiting for both attributes, which were sent together."""
    return list(work(provider, folder).perform(Step("settle", frozenset(), None, (A, B), proves=PLACE)))


PROCESSING = {A: "processing", B: "processing"}
AVAILABLE = {A: "available", B: "available"}


def test_one_look_serves_all_that_is_pending_in_a_collection(tmp_path: Path) -> None:
    server = Looks(PROCESSING, PROCESSING, AVAILABLE)
    assert len(settle(server, tmp_path)) == 3
    assert server.count == 3


def test_the_first_look_comes_soon_and_the_others_ever_less_often(tmp_path: Path) -> None:
    pauses = settle(Looks(*[PROCESSING] * 20, AVAILABLE), tmp_path)
    assert pauses[0] == 0.05
    assert pauses == sorted(pauses)
    assert max(pauses) == 0.4


def test_what_is_not_shown_yet_is_waited_for(tmp_path: Path) -> None:
    assert len(settle(Looks({}, {A: "available"}, AVAILABLE), tmp_path)) == 3


@pytest.mark.parametrize("status", ["failed", "stuck"])
def test_what_failed_ends_the_wait_with_the_servers_reason(tmp_path: Path, status: str) -> None:
    with pytest.raises(ProviderError, match=f"attribute.d/c/a is {status}: why") as caught:
        settle(Looks({A: status, B: "processing"}), tmp_path)
    assert "it deletes what failed and creates it again" in caught.value.hint


def test_a_wait_without_any_progress_is_given_up_with_the_names(tmp_path: Path) -> None:
    with pytest.raises(
        ProviderError, match=r"has not finished attribute.d/c/a, attribute.d/c/b; nothing changed for 120 s"
    ) as waited:
        settle(Looks(PROCESSING), tmp_path)
    assert "raceday-iac recover" in waited.value.hint


def test_what_is_awaited_in_a_collection_that_is_deleted_meanwhile_is_not_awaited_for_long(tmp_path: Path) -> None:
    server = Looks({})
    server.resources.clear()
    with pytest.raises(ProviderError, match=r"collection.d/c was deleted before Appwrite had finished attribute.d/c/a"):
        settle(server, tmp_path)
    assert server.count < 30


def test_any_progress_starts_the_patience_again(tmp_path: Path) -> None:
    halfway = [PROCESSING] * 250 + [{A: "available", B: "processing"}] * 250
    pauses = settle(Looks(*halfway, AVAILABLE), tmp_path)
    assert sum(pauses) > 120


def removal(provider: Looks, folder: Path) -> Any:
    """Work on the first half of replacing `a`."""
    found = plan_between(schema("boolean"), schema("integer"))
    step = next(each for each in make_steps(found.changes, resolved(schema()), found.real) if each.removes)
    return work(provider, folder, found).perform(step)


def test_a_deletion_is_over_when_the_attribute_is_no_longer_shown(tmp_path: Path) -> None:
    server = Looks({A: "deleting"}, {A: "deleting"}, {})
    assert len(list(removal(server, tmp_path))) == 3


def test_a_deletion_that_is_stuck_is_reported_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"attribute.d/c/a cannot be deleted: Appwrite says stuck why") as caught:
        list(removal(Looks({A: "deleting"}, {A: "stuck"}), tmp_path))
    assert "delete it in the console" in caught.value.hint


def test_a_deletion_that_never_ends_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(UnsettledError, match=r"has not finished attribute\.d/c/a; nothing changed for 120 s"):
        list(removal(Looks({A: "deleting"}), tmp_path))


def test_what_is_deleted_is_forgotten_only_when_it_is_gone(tmp_path: Path) -> None:
    going = removal(Looks({A: "deleting"}, {}), tmp_path)
    store = LocalState(tmp_path / "state")
    next(going)
    assert not store.file.exists()
    list(going)
    assert A not in store.read().entries
    assert B in store.read().entries


def test_intent_is_written_before_anything_is_sent(tmp_path: Path) -> None:
    class Failing(FakeAppwrite):
        def create(self, address: Address, fields: Any) -> Live:
            assert LocalState(tmp_path / "state").interrupted_changes() == [f"create:{address}"]
            raise ProviderError("no")

    desired = resolved(schema())
    found = plan(desired)
    with pytest.raises(ProviderError):
        list(work(Failing(), tmp_path, found).perform(make_steps(found.changes, desired, {})[0]))


def test_adopting_sends_nothing(tmp_path: Path) -> None:
    desired = resolved(schema())
    found = plan(desired, None, live_as(desired))
    server = FakeAppwrite(live_as(desired))
    for step in make_steps(found.changes, desired, found.real):
        list(work(server, tmp_path, found).perform(step))
    assert server.log == []
    assert LocalState(tmp_path / "state").interrupted_changes() == []


# Code.

CODE = deployment_address("f")


def rollback(before: str = "new") -> Change:
    fields = {"deployment": (before, "old"), "digest": ("n", "o")}
    return Change(
        CODE,
        Action.ACTIVATE,
        "",
        tuple(FieldChange(name, was, now, was, Cause.CONFIG) for name, (was, now) in fields.items()),
        why=Reason.ROLLBACK_ASKED,
    )


def rolled_back(folder: Path, *entries: Entry) -> Entry:
    """The entry after going back from `new` to `old`."""
    state = state_of(resolved(Stack("test")))
    for each in entries:
        state = state.with_entry(each)
    server = FakeAppwrite()
    server.archives["old"] = b""
    (folder / "state").mkdir()
    recorder = Recorder(LocalState(folder / "state"), state)
    nothing = Plan("test", "lineage", 0)
    done = Work(server, recorder, nothing, resolved(Stack("test")), {}, lambda change, text: None)
    list(done.perform(Step("activate", frozenset(), rollback())))
    assert server.log == ["activate f"]
    return LocalState(folder / "state").read().entries[CODE]


def test_after_a_rollback_the_state_knows_what_is_active(tmp_path: Path) -> None:
    entry = rolled_back(tmp_path, Entry(CODE, frozen({"digest": "n"}), "new", ("new", "old", "older")))
    assert (entry.remote_id, entry.fields["digest"]) == ("old", "o")


def test_what_was_gone_back_from_is_the_last_to_go_back_to(tmp_path: Path) -> None:
    entry = rolled_back(tmp_path, Entry(CODE, frozen({"digest": "n"}), "new", ("new", "old", "older")))
    assert entry.deployments == ("old", "older", "new")


def test_what_never_was_accepted_is_nothing_to_go_back_to(tmp_path: Path) -> None:
    function = Entry(function_address("f"), frozen({}), "f", uploads=("new",))
    assert rolled_back(tmp_path, Entry(CODE, frozen({}), "x", ("old",)), function).deployments == ("old",)


def test_an_adopted_or_changed_function_keeps_its_uploads(tmp_path: Path) -> None:
    desired = resolved(stack_with_function())
    at = function_address("f")
    (tmp_path / "state").mkdir()
    state = state_of(desired).with_entry(Entry(at, frozen({}), "f", uploads=("u",)))
    found = plan(desired, state, live_as(desired))
    recorder = Recorder(LocalState(tmp_path / "state"), state)
    done = Work(FakeAppwrite(), recorder, found, desired, {}, lambda change, text: None)
    list(done.perform(Step("adopt", frozenset(), Change(at, Action.ADOPT, "", why=Reason.EXISTS))))
    assert recorder.state.uploads_of(F) == ("u",)
