"""Saved plans: the same plan is the same file, an edited one is none, and whatever changed since is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raceday_iac.errors import EXIT_LOCKED, EXIT_REFUSED, IacError, RefusedError, StaleError
from raceday_iac.model.address import Address
from raceday_iac.model.resource import Desired, Live, frozen
from raceday_iac.model.stack import FromEnvironment, Stack
from raceday_iac.planning import PlanOptions
from raceday_iac.planning.saved import FORMAT, SavedPlan, must_be_sealed, read_plan, saved_plan, verify
from raceday_iac.provider import ServerFacts
from raceday_iac.state.document import State, new_state

from ..applied import FACTS, live_as, plan, state_of
from ..declaring import address, collection, function, resolved

SECRET = "correct horse battery staple"


def stack(*, timeout: int = 60, size: int = 10, column: str = "a") -> Stack:
    found = Stack("test")
    collection(found).string(column, size)
    function(found, timeout=timeout, variables={"PLAIN": "v", "TOKEN": FromEnvironment("TOKEN")})
    function(found, "other")
    return found


def wanted(secret: str = SECRET, **settings: Any) -> Desired:
    return resolved(stack(**settings), variables={"TOKEN": secret})


APPLIED, WANTED = wanted(), wanted(timeout=90, size=20)


@dataclass(frozen=True)
class Side:
    """All that a plan is made from. By default, the stack asks for another timeout than what was applied."""

    desired: Desired = WANTED
    state: State = field(default_factory=lambda: replace(state_of(APPLIED), serial=7))
    real: Mapping[Address, Live] = field(default_factory=lambda: live_as(APPLIED))
    plan_options: PlanOptions = field(default_factory=PlanOptions)
    facts: ServerFacts = FACTS
    endpoint: str = "http://x/v1"
    project: str = "p"

    def saved(self) -> SavedPlan:
        made = plan(self.desired, self.state, dict(self.real), plan_options=self.plan_options, facts=self.facts)
        return saved_plan(made, self.desired, self.endpoint, self.project, self.state.salt)

    def with_live(self, at: str, change: Callable[[Live], Live] | None) -> Side:
        """One live resource otherwise, or gone."""
        real = dict(self.real)
        live = real.pop(address(at))
        return replace(self, real=real if change is None else {**real, address(at): change(live)})


def with_fields(**fields: Any) -> Callable[[Live], Live]:
    return lambda live: replace(live, fields=frozen({**live.fields, **fields}))


def stale(before: Side, after: Side) -> str:
    """Why the plan of one side cannot be applied to another."""
    with pytest.raises(StaleError) as caught:
        verify(before.saved(), after.saved())
    assert caught.value.exit_code == EXIT_LOCKED
    assert caught.value.hint
    first, *reasons = caught.value.message.splitlines()
    assert first == "The plan is stale. Nothing was changed."
    assert reasons
    return "\n".join(reasons)


# Canonical.


def test_a_plan_that_is_made_again_is_the_same_file() -> None:
    assert Side().saved().to_text() == Side().saved().to_text()


@pytest.mark.parametrize("refresh_only", [False, True])
@pytest.mark.parametrize("desired", [wanted(timeout=90, column="b"), resolved(Stack("test"))], ids=["some", "nothing"])
def test_the_order_in_which_live_resources_and_state_are_read_makes_no_difference(
    desired: Desired, refresh_only: bool
) -> None:
    real = live_as(wanted(timeout=80, size=30))
    side = Side(desired=desired, real=real, plan_options=PlanOptions(refresh_only=refresh_only))
    backwards = replace(
        side,
        real=dict(reversed(side.real.items())),
        state=replace(side.state, entries=dict(reversed(side.state.entries.items()))),
    )
    assert side.saved().to_text() == backwards.saved().to_text()


def test_a_plan_is_read_as_it_was_written() -> None:
    saved = Side(plan_options=PlanOptions(targets=frozenset({address("function.f")}))).saved()
    assert read_plan(saved.to_text(), "p.json") == saved
    assert read_plan(saved.to_text(), "p.json").id == saved.id


def test_the_id_is_the_hash_of_the_content_and_stands_in_the_file() -> None:
    saved = Side().saved()
    assert re.fullmatch("[0-9a-f]{64}", saved.id)
    assert json.loads(saved.to_text())["id"] == saved.id


def test_a_file_says_what_it_is_and_of_which_format() -> None:
    content = json.loads(Side().saved().to_text())
    assert (content["kind"], content["format"]) == ("plan", FORMAT)


def test_before_there_was_a_state_the_same_plan_is_still_the_same_file() -> None:
    """A state that was never saved gets its lineage and a new salt each time it is looked at."""
    first, second = (Side(state=new_state()) for _ in range(2))
    assert first.state.salt != second.state.salt
    assert first.saved() == second.saved()


@pytest.mark.parametrize(
    "other",
    [
        {"desired": wanted(timeout=91, size=20)},
        {"endpoint": "http://y/v1"},
        {"project": "q"},
        {"plan_options": PlanOptions(targets=frozenset({address("function.f")}))},
        {"facts": ServerFacts("1.8.2")},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_plan_has_another_id(other: dict[str, Any]) -> None:
    assert Side().saved().id != Side(**other).saved().id


# Files that are no plans.


def refused(text: str) -> IacError:
    with pytest.raises(IacError) as caught:
        read_plan(text, "p.json")
    assert "p.json" in caught.value.message
    assert "Nothing was changed" in caught.value.message
    assert caught.value.hint == "make a new one: raceday-iac plan --out FILE"
    return caught.value


@pytest.mark.parametrize("text", ["", "{", "null", "7", "[]", "{}", '{"id": "x"}', "[" * 100_000, '{"id": "\\ud800"}'])
def test_what_is_no_plan_is_refused(text: str) -> None:
    assert "is not a saved plan" in refused(text).message


@pytest.mark.parametrize("part", sorted(Side().saved().content))
def test_a_plan_of_which_any_part_was_edited_is_refused(part: str) -> None:
    content = json.loads(Side().saved().to_text())
    content[part] = "edited"
    refused(json.dumps(content))


def test_a_changed_value_deep_inside_is_noticed() -> None:
    text = Side().saved().to_text()
    assert '"after":90' in text
    assert "was changed after it was saved" in refused(text.replace('"after":90', '"after":900')).message


def test_a_plan_of_another_format_is_refused_with_both_numbers() -> None:
    content = {**Side().saved().content, "format": 99}
    message = refused(SavedPlan(content).to_text()).message
    assert "format 99" in message
    assert f"format {FORMAT}" in message


def test_another_document_is_not_a_plan() -> None:
    assert "state of format 2" in refused(SavedPlan({**Side().saved().content, "kind": "state"}).to_text()).message


@pytest.mark.parametrize("part", sorted({*Side().saved().content} - {"format", "kind"}))
@pytest.mark.parametrize("instead", [None, 7, "x", ["x"], {"x": 1}], ids=str)
def test_a_part_of_the_wrong_kind_is_refused_although_the_id_is_right(part: str, instead: Any) -> None:
    content = dict(Side().saved().content)
    if type(content[part]) is not type(instead):
        refused(SavedPlan({**content, part: instead}).to_text())


@pytest.mark.parametrize("part", sorted({*Side().saved().content} - {"format", "kind"}))
def test_a_missing_part_is_refused_although_the_id_is_right(part: str) -> None:
    refused(SavedPlan({name: value for name, value in Side().saved().content.items() if name != part}).to_text())


# Sealed.

SALT, LINEAGE = "salt", "lineage"


def sealed(saved: SavedPlan, salt: str = SALT) -> None:
    must_be_sealed(saved, "p.json", LINEAGE, salt)


def forged(change: Callable[[dict[str, Any]], object]) -> SavedPlan:
    """A plan that somebody edited who has only the file: its id is right, its seal is the old one."""
    document = json.loads(Side().saved().to_text())
    change(document)
    del document["id"]
    seal = document.pop("seal")
    return read_plan(SavedPlan(document, seal).to_text(), "p.json")


def test_a_plan_has_the_seal_of_its_state() -> None:
    sealed(read_plan(Side().saved().to_text(), "p.json"))


EDITS: dict[str, Callable[[dict[str, Any]], object]] = {
    "permission": lambda plan: plan["wishes"].update(allowed={"attribute.d/c/a": None}),
    "number": lambda plan: plan["evidence"].append({"place": "collection.d/c", "asks": "documents", "count": 9}),
    "confirmation": lambda plan: plan["wishes"].update(confirmed={"delete function": 9}),
    "target": lambda plan: plan["wishes"].update(targets=["function.f"]),
    "change": lambda plan: plan["changes"].pop(),
    "reason": lambda plan: plan["changes"][0].update(reason="nothing to see here"),
    "serial": lambda plan: plan["state"].update(serial=8),
    "endpoint": lambda plan: plan.update(endpoint="http://evil/v1"),
    "left out": lambda plan: plan["leftOut"].append("delete:function.f"),
    "more": lambda plan: plan.update(more=1),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_breaks_the_seal_although_the_id_was_computed_again(name: str) -> None:
    with pytest.raises(RefusedError, match="its seal is broken") as caught:
        sealed(forged(EDITS[name]))
    assert caught.value.exit_code == EXIT_REFUSED


@given(st.binary(min_size=1, max_size=40).map(bytes.hex) | st.text(st.characters(max_codepoint=127), max_size=70))
def test_no_other_seal_will_do(seal: str) -> None:
    saved = Side().saved()
    if seal != saved.seal:
        with pytest.raises(RefusedError):
            sealed(replace(saved, seal=seal))


@given(st.text(min_size=1, max_size=40))
def test_another_key_makes_another_seal_and_neither_key_nor_salt_is_in_the_file(salt: str) -> None:
    state = replace(Side().state, salt=f"{salt} of a state")
    text = Side(state=state).saved().to_text()
    assert state.salt not in text
    if state.salt != SALT:
        with pytest.raises(RefusedError):
            sealed(Side(state=state).saved())


def test_of_another_state_nothing_is_said_but_that_the_plan_is_stale() -> None:
    other = Side(state=replace(Side().state, lineage="another", salt="other"))
    sealed(other.saved())
    assert "the lineage differs" in stale(other, Side())


@pytest.mark.parametrize("seal", [None, 7, "ä"])
def test_a_plan_without_a_seal_is_refused_in_words(seal: Any) -> None:
    document = json.loads(Side().saved().to_text())
    document |= {"seal": seal} if seal is not None else {}
    if seal is None:
        del document["seal"]
    message = refused(json.dumps(document)).message
    assert "p.json has no seal, so whether it was changed cannot be verified" in message


def test_a_plan_of_before_there_were_seals_is_refused_in_words() -> None:
    old = {**Side().saved().content, "format": 1}
    assert "was saved by an older raceday-iac and has no seal" in refused(SavedPlan(old).to_text()).message


def test_before_there_was_a_state_only_a_plan_without_options_can_be_proven() -> None:
    begun = new_state()
    sealed(Side(state=begun).saved(), salt="")
    for options in (
        PlanOptions(allowed={address("attribute.d/c/a"): None}),
        PlanOptions(targets=frozenset({address("a.b")})),
    ):
        saved = replace(Side(state=begun).saved(), content={**Side(state=begun).saved().content, "wishes": {}})
        forged_plan = replace(saved, content={**saved.content, "wishes": options.to_json()})
        with pytest.raises(RefusedError, match="no state whose key could verify"):
            sealed(forged_plan, salt="")


# Stale.


def test_a_plan_of_what_has_not_changed_may_run() -> None:
    verify(Side().saved(), Side().saved())


def test_a_plan_read_back_may_run() -> None:
    verify(read_plan(Side().saved().to_text(), "p.json"), Side().saved())


@pytest.mark.parametrize("serial", [6, 8])
def test_another_serial_of_the_state_is_named_with_both_numbers(serial: int) -> None:
    said = stale(Side(), Side(state=replace(Side().state, serial=serial)))
    assert said == f"  - the state is now at serial {serial}, but the plan was made at serial 7"


def test_another_lineage_of_the_state_is_named() -> None:
    assert "the lineage differs" in stale(Side(), Side(state=replace(Side().state, lineage="another")))


def test_a_state_that_has_come_since_is_named() -> None:
    assert "the lineage differs" in stale(Side(state=new_state()), Side())


def test_a_state_that_is_lost_is_named() -> None:
    assert "the lineage differs" in stale(Side(), Side(state=new_state()))


@pytest.mark.parametrize(
    "change",
    [
        with_fields(timeout=61),
        with_fields(name="Renamed"),
        lambda live: replace(live, status="deleting"),
        lambda live: replace(live, remote_id="another"),
        None,
    ],
    ids=["changed", "changed elsewhere", "going", "replaced", "gone"],
)
def test_a_live_resource_that_is_not_as_it_was_is_named(change: Callable[[Live], Live] | None) -> None:
    assert "function.f was changed on the server" in stale(Side(), Side().with_live("function.f", change))


def test_a_live_resource_that_is_newly_there_is_named() -> None:
    before = Side().with_live("attribute.d/c/a", None)
    assert stale(before, Side()) == "  - attribute.d/c/a was changed on the server"


def test_what_is_live_and_not_touched_by_the_plan_may_change() -> None:
    """Nobody declares it, so no change of it comes into the plan."""
    extra = Address("function", "foreign")
    verify(Side().saved(), replace(Side(), real={**Side().real, extra: Live(extra, frozen({}), "x")}).saved())


def test_drift_of_something_else_that_is_ours_is_named_with_its_reason() -> None:
    said = stale(Side(), Side().with_live("function.other", with_fields(timeout=61)))
    assert said == "  - function.other must now be changed, too: it was changed on the server"


def test_what_somebody_has_put_right_by_hand_is_named() -> None:
    said = stale(Side(), Side().with_live("function.f", with_fields(timeout=90)))
    assert said == "  - function.f no longer needs a change"


def test_drift_outside_a_part_does_not_matter_to_the_part() -> None:
    part = PlanOptions(targets=frozenset({address("function.f")}))
    drifted = Side(plan_options=part).with_live("function.other", with_fields(timeout=61))
    verify(Side(plan_options=part).saved(), drifted.saved())


@pytest.mark.parametrize("asked", [{"timeout": 91, "size": 20}, {"timeout": 90, "size": 21}], ids=str)
def test_a_field_of_the_stack_that_is_not_as_it_was_is_named(asked: dict[str, Any]) -> None:
    at = "function.f" if asked["timeout"] == 91 else "attribute.d/c/a"
    assert stale(Side(), Side(desired=wanted(**asked))) == f"  - {at} was changed in the stack"


def test_a_declaration_that_has_gone_is_named() -> None:
    gone = wanted(timeout=90, size=20)
    without = replace(gone, resources={at: each for at, each in gone.resources.items() if at.path != "d/c/a"})
    assert "attribute.d/c/a was changed in the stack" in stale(Side(), Side(desired=without))


def test_another_value_of_a_secret_is_named() -> None:
    before = Side(desired=wanted("first"))
    assert stale(before, Side(desired=wanted("second"))) == "  - variable.f/TOKEN was changed in the stack"


def test_another_value_of_a_plain_variable_that_is_live_is_named() -> None:
    before = Side().with_live("variable.f/PLAIN", with_fields(value="w"))
    said = stale(before, Side().with_live("variable.f/PLAIN", with_fields(value="x")))
    assert "variable.f/PLAIN was changed on the server" in said


def test_a_secret_that_lies_in_the_open_and_changes_is_named() -> None:
    def in_the_open(value: str) -> Side:
        return Side().with_live("variable.f/TOKEN", with_fields(secret=False, value=value))

    said = stale(in_the_open("one"), in_the_open("two"))
    assert said == "  - variable.f/TOKEN was changed on the server"


def test_another_server_version_is_named_with_both() -> None:
    assert stale(Side(), Side(facts=ServerFacts("1.8.4"))) == "  - the server is now 1.8.4, and was 1.8.1"


@pytest.mark.parametrize(("name", "other"), [("endpoint", "http://y/v1"), ("project", "q")])
def test_another_target_is_named_with_both(name: str, other: str) -> None:
    said = stale(Side(), Side(**{name: other}))
    assert f"it was made for the {name} {getattr(Side(), name)}, but this is {other}" in said


def test_everything_that_changed_is_named_at_once() -> None:
    after = Side(project="q", state=replace(Side().state, serial=8), desired=wanted(timeout=91, size=20))
    assert len(stale(Side(), after).splitlines()) == 3


def test_of_many_changes_a_few_are_named_and_the_rest_counted() -> None:
    before, after = Stack("test"), Stack("test")
    for number in range(8):
        function(before, f"f{number}")
        function(after, f"f{number}", timeout=90)
    empty = Side(desired=resolved(before), state=new_state(), real={})
    lines = stale(empty, replace(empty, desired=resolved(after))).splitlines()
    assert len(lines) == 6
    assert lines[-1] == "  - … and 3 more"


def test_the_same_changes_in_another_order_are_other_changes() -> None:
    saved = Side().saved()
    content = {**saved.content, "changes": list(reversed(saved.content["changes"]))}
    with pytest.raises(StaleError, match="a new plan has other changes"):
        verify(SavedPlan(content), saved)


# Secrets.

#: Short ones are in every text by chance.
SECRETS = st.text(st.characters(codec="utf-8", exclude_characters='\\"\0'), min_size=8, max_size=40)
STATES = st.sampled_from(["new", "same", "other", "plain"])
LIVES = st.sampled_from(["nothing", "secret", "open", "gone"])


def side_with(secret: str, state: str, live: str, *, refresh_only: bool, declared: bool) -> Side:
    """Any way in which a secret can be declared, known and live. What neither the stack nor the state calls a secret is
    none."""
    state = "same" if state == "plain" and not declared else state
    known = {
        "new": new_state(),
        "same": replace(state_of(wanted(secret)), serial=3),
        "other": replace(state_of(wanted("another value")), serial=3),
        "plain": replace(state_of(as_plain("before")), serial=3),
    }[state]
    real = {} if live == "nothing" else live_as(wanted(secret))
    if live == "open":
        real[TOKEN] = replace(real[TOKEN], fields=frozen({"secret": False, "value": secret}))
    elif live == "gone":
        del real[TOKEN]
    desired = wanted(secret) if declared else resolved(Stack("test"))
    return Side(desired, known, real, PlanOptions(refresh_only=refresh_only))


TOKEN = address("variable.f/TOKEN")


def as_plain(value: str) -> Desired:
    found = Stack("test")
    function(found, variables={"TOKEN": value})
    return resolved(found)


@settings(max_examples=40)
@given(SECRETS, STATES, LIVES, st.booleans(), st.booleans())
def test_no_value_of_a_secret_is_ever_in_a_file(
    secret: str, state: str, live: str, refresh_only: bool, declared: bool
) -> None:
    text = side_with(secret, state, live, refresh_only=refresh_only, declared=declared).saved().to_text()
    assert secret not in text
    assert secret not in json.dumps(json.loads(text), ensure_ascii=False)


@settings(max_examples=20)
@given(SECRETS, STATES, LIVES, st.booleans())
def test_nobody_who_guesses_a_secret_can_confirm_it_from_a_file_alone(
    secret: str, state: str, live: str, declared: bool
) -> None:
    """What stands for the value depends on the salt, which is in the state."""
    side = side_with(secret, state, live, refresh_only=False, declared=declared)
    salted = replace(side, state=replace(side.state, salt="another"))
    first, second = side.saved().content, salted.saved().content
    for part in ("live", "wanted"):
        print_of_it = first[part].get(str(TOKEN))
        if side.state.serial and _depends_on_the_value(part, live, declared=declared) and print_of_it:
            assert print_of_it != second[part][str(TOKEN)]


def _depends_on_the_value(part: str, live: str, *, declared: bool) -> bool:
    return declared if part == "wanted" else live == "open"


def test_before_there_was_a_state_nothing_stands_for_a_secret() -> None:
    first, second = (Side(desired=wanted(value), state=new_state(), real={}) for value in ("first", "second"))
    assert first.saved() == second.saved()
