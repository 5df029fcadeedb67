"""Writing with ids of our own: after a lost answer, one look shows whether the write landed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from raceday_iac.errors import (
    AccessError,
    ConflictError,
    ForeignAnswerError,
    NotFoundError,
    ProviderError,
    ServerFaultError,
    TakenError,
    ThrottledError,
    UnreachableError,
)
from raceday_iac.kinds import function as functions
from raceday_iac.kinds import kind_of
from raceday_iac.kinds.base import Call
from raceday_iac.model.address import Address, function_address
from raceday_iac.model.resource import Fields, Live, frozen
from raceday_iac.model.secret import Secret
from raceday_iac.provider import NewValues, Written
from raceday_iac.provider.appwrite import writing
from raceday_iac.provider.appwrite.writing import AppwriteProvider

from .. import recorded
from ..declaring import address
from .answering import Slept

F = function_address("f")

DATABASE = address("database.d")
DATABASE_FIELDS = frozen({"name": "D", "enabled": True})
DATABASE_RAW = {"$id": "d", "name": "D", "enabled": True}
LOST = [UnreachableError("lost"), ServerFaultError("broken", code=500)]


class Script:
    """A transport that plays what it is given: answers are returned, errors raised."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers
        self.asked: list[Call] = []
        self.headers: list[dict[str, str]] = []

    def request(self, call: Call, **settings: Any) -> Any:
        self.asked.append(call)
        self.headers.append(settings.get("headers") or {})
        queue = self.answers[call.method]
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def not_appwrite(self, call: Call, what: str) -> ForeignAnswerError:
        return ForeignAnswerError(f"{call}: {what}")

    @property
    def methods(self) -> list[str]:
        return [call.method for call in self.asked]


def provider(script: Script, slept: Slept | None = None, clock: Any = lambda: 0.0) -> AppwriteProvider:
    return AppwriteProvider(script, sleep=slept if slept is not None else Slept(), clock=clock)  # type: ignore[arg-type]


def create(script: Script, at: Address = DATABASE, fields: Fields = DATABASE_FIELDS) -> Live:
    return provider(script).create(at, fields)


NOT_FOUND = NotFoundError("none", code=404)


# Creating.


def test_a_creation_is_sent_once_when_it_is_answered() -> None:
    script = Script(post=[DATABASE_RAW])
    assert create(script).fields == DATABASE_FIELDS
    assert script.methods == ["post"]


@pytest.mark.parametrize("lost", LOST, ids=["no answer", "500"])
def test_after_a_lost_answer_what_landed_is_found_and_not_created_again(lost: ProviderError) -> None:
    script = Script(post=[lost], get=[DATABASE_RAW])
    assert create(script).fields == DATABASE_FIELDS
    assert script.methods == ["post", "get"]


@pytest.mark.parametrize("lost", LOST, ids=["no answer", "500"])
def test_after_a_lost_answer_what_did_not_land_is_created_again(lost: ProviderError) -> None:
    script = Script(post=[lost, DATABASE_RAW], get=[NOT_FOUND])
    create(script)
    assert script.methods == ["post", "get", "post"]


def test_between_two_attempts_it_waits() -> None:
    slept = Slept()
    provider(Script(post=[*LOST, DATABASE_RAW], get=[NOT_FOUND]), slept).create(DATABASE, DATABASE_FIELDS)
    assert slept == sorted(slept)
    assert len(slept) == 2


def test_it_gives_up_after_three_attempts_with_the_last_error() -> None:
    script = Script(post=[LOST[0]], get=[NOT_FOUND])
    with pytest.raises(UnreachableError):
        create(script)
    assert script.methods.count("post") == 3


def test_a_write_that_lands_late_is_found_at_the_last_look() -> None:
    script = Script(post=[LOST[0]], get=[NOT_FOUND, NOT_FOUND, DATABASE_RAW])
    assert create(script).fields == DATABASE_FIELDS


def test_after_a_lost_answer_something_else_of_that_id_is_the_error() -> None:
    script = Script(post=[LOST[0]], get=[{**DATABASE_RAW, "name": "other"}])
    with pytest.raises(UnreachableError):
        create(script)
    assert script.methods == ["post", "get"]


def test_a_conflict_with_what_is_exactly_as_wanted_is_our_own_lost_answer() -> None:
    script = Script(post=[ConflictError("exists", code=409)], get=[DATABASE_RAW])
    assert create(script).fields == DATABASE_FIELDS


def test_a_conflict_with_something_else_is_a_conflict() -> None:
    with pytest.raises(ConflictError):
        create(Script(post=[ConflictError("exists", code=409)], get=[{**DATABASE_RAW, "enabled": False}]))


TAKEN = ConflictError("Appwrite answered 409", code=409, type="database_already_exists")


def test_a_conflict_with_what_somebody_made_meanwhile_names_what_differs() -> None:
    with pytest.raises(
        ConflictError, match=r"database\.d was not created: .*It exists meanwhile.*\(enabled\)"
    ) as caught:
        create(Script(post=[TAKEN], get=[{**DATABASE_RAW, "enabled": False}]))
    assert not isinstance(caught.value, TakenError)
    assert "plan again" in caught.value.hint


def test_a_conflict_with_another_spelling_names_that() -> None:
    with pytest.raises(ConflictError, match=r"same name as database\.D, which exists"):
        create(Script(post=[TAKEN], get=[{**DATABASE_RAW, "$id": "D"}]))


def test_an_id_that_is_taken_by_what_the_project_does_not_show_is_an_error_of_its_own() -> None:
    script = Script(post=[TAKEN], get=[NOT_FOUND])
    with pytest.raises(TakenError, match=r"database\.d was not created.*This project shows no database 'd'") as caught:
        create(script)
    assert (caught.value.code, caught.value.type) == (409, "database_already_exists")
    assert "over all projects" not in caught.value.hint


def test_an_id_that_is_unique_over_the_server_may_be_that_of_another_project(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = replace(kind_of(DATABASE), is_server_wide=True)
    monkeypatch.setattr(writing, "kind_of", lambda _address: kind)
    with pytest.raises(TakenError) as caught:
        create(Script(post=[TAKEN], get=[NOT_FOUND]))
    assert "another project has this one: choose another id" in caught.value.hint


@pytest.mark.parametrize("error", [ProviderError("bad", code=400), NOT_FOUND])
def test_a_plain_refusal_is_not_looked_into(error: ProviderError) -> None:
    script = Script(post=[error])
    with pytest.raises(ProviderError):
        create(script)
    assert script.methods == ["post"]


ATTRIBUTE = address("attribute.d/c/a")
ATTRIBUTE_FIELDS = frozen({"type": "boolean", "required": False, "default": None, "array": False})


def listed(*raw: dict[str, Any]) -> dict[str, Any]:
    """A list of attributes. What one is asked for by itself may be old for ever."""
    return {"total": len(raw), "attributes": list(raw)}


def raw_attribute(**changed: Any) -> dict[str, Any]:
    plain = {"key": "a", "type": "boolean", "status": "available", "error": "", "required": False, "array": False}
    return {**plain, "default": None, **changed}


def test_a_conflict_with_something_that_is_being_deleted_waits_until_it_is_gone() -> None:
    deleting = listed(raw_attribute(status="deleting", required=True))
    script = Script(
        post=[ConflictError("exists", code=409), raw_attribute()], get=[deleting, deleting, deleting, listed()]
    )
    slept = Slept()
    provider(script, slept).create(ATTRIBUTE, ATTRIBUTE_FIELDS)
    assert script.methods == ["post", "get", "get", "get", "get", "post"]
    assert len(slept) == 3


def test_a_deletion_that_never_ends_is_not_waited_for_for_ever() -> None:
    ticks = iter(range(0, 10_000, 7))
    deleting = listed(raw_attribute(status="deleting", required=True))
    script = Script(post=[ConflictError("exists", code=409)], get=[deleting])
    with pytest.raises(ConflictError):
        provider(script, clock=lambda: float(next(ticks))).create(ATTRIBUTE, ATTRIBUTE_FIELDS)


RELATIONSHIP = address("relationship.d/c/a")
RELATIONSHIP_FIELDS = frozen(
    {
        "relatedCollection": "x",
        "relationType": "manyToOne",
        "twoWay": False,
        "twoWayKey": "c",
        "onDelete": "restrict",
    }
)


def test_a_relationship_whose_key_an_attribute_holds_is_a_conflict() -> None:
    with pytest.raises(ConflictError):
        create(
            Script(post=[ConflictError("exists", code=409)], get=[listed(raw_attribute())]),
            RELATIONSHIP,
            RELATIONSHIP_FIELDS,
        )


def test_an_attribute_whose_key_a_relationship_holds_is_a_conflict() -> None:
    raw = raw_attribute(type="relationship", **RELATIONSHIP_FIELDS)
    with pytest.raises(ConflictError):
        create(Script(post=[ConflictError("exists", code=409)], get=[listed(raw)]), ATTRIBUTE, ATTRIBUTE_FIELDS)


def test_an_attribute_whose_key_is_the_far_side_of_a_relationship_is_a_conflict() -> None:
    raw = raw_attribute(type="relationship", **RELATIONSHIP_FIELDS, side="child")
    with pytest.raises(ConflictError):
        create(Script(post=[ConflictError("exists", code=409)], get=[listed(raw)]), ATTRIBUTE, ATTRIBUTE_FIELDS)


def test_what_became_of_a_creation_is_looked_up_in_the_list() -> None:
    script = Script(post=[LOST[0]], get=[listed(raw_attribute())])
    assert create(script, ATTRIBUTE, ATTRIBUTE_FIELDS).address == ATTRIBUTE
    assert script.asked[-1].path == "/databases/d/collections/c/attributes"


VARIABLE = address("variable.f/K")


def test_a_variable_is_found_by_key_for_the_server_chooses_its_id() -> None:
    listed = {"variables": [{"$id": "x", "key": "L", "value": "", "secret": False}]}
    listed["variables"].append({"$id": "y", "key": "K", "value": "v", "secret": False})
    script = Script(post=[LOST[0]], get=[listed])
    assert create(script, VARIABLE, frozen({"value": "v", "secret": False})).remote_id == "y"


def test_a_secret_variable_is_taken_for_landed_when_its_key_is_there() -> None:
    listed = {"variables": [{"$id": "y", "key": "K", "value": "", "secret": True}]}
    found = create(Script(post=[LOST[0]], get=[listed]), VARIABLE, frozen({"value": Secret("v"), "secret": True}))
    assert found.remote_id == "y"


# Verifying.


def test_a_field_that_the_server_ignored_is_an_error_with_both_values() -> None:
    with pytest.raises(ProviderError, match="did not store all of it: enabled: sent True, is False"):
        create(Script(post=[{**DATABASE_RAW, "enabled": False}]))


def test_an_answer_about_something_else_is_none_to_the_write() -> None:
    """The list of all databases, as after a redirect, or an answer out of a cache."""
    other = {**DATABASE_RAW, "$id": "e"}
    with pytest.raises(ForeignAnswerError, match=r"POST /databases: it is about database\.e"):
        create(Script(post=[other], get=[NOT_FOUND]))
    with pytest.raises(ForeignAnswerError, match=r"PUT /databases/d: it is about database\.e"):
        provider(Script(put=[other])).update(DATABASE, DATABASE_FIELDS, Live(DATABASE, DATABASE_FIELDS))


def test_after_such_an_answer_it_is_looked_whether_the_write_landed() -> None:
    script = Script(post=[{**DATABASE_RAW, "$id": "e"}], get=[DATABASE_RAW])
    assert create(script).address == DATABASE
    assert script.methods == ["post", "get"]


def test_what_differs_in_case_alone_is_not_what_was_to_be_made() -> None:
    """Ids are taken without case (1.8.1), so the creation is refused, and the look finds the other one."""
    with pytest.raises(ConflictError):
        create(Script(post=[ConflictError("exists", code=409)], get=[{**DATABASE_RAW, "$id": "D"}]))


def test_a_look_that_finds_something_else_has_found_nothing_of_use() -> None:
    with pytest.raises(ForeignAnswerError, match=r"GET /databases/d: it is about database\.e"):
        provider(Script(get=[{**DATABASE_RAW, "$id": "e"}])).find(DATABASE)


def test_a_secret_is_not_shown_when_something_else_was_ignored() -> None:
    raw = {"$id": "y", "key": "K", "value": "", "secret": False}
    with pytest.raises(ProviderError) as caught:
        create(Script(post=[raw]), VARIABLE, frozen({"value": Secret("hidden"), "secret": True}))
    assert "hidden" not in caught.value.message


def test_the_order_of_a_set_is_not_ignored_by_the_server() -> None:
    at = address("collection.d/c")
    fields = frozen(
        {"name": "C", "permissions": ('create("any")', 'read("any")'), "documentSecurity": False, "enabled": True}
    )
    raw = {"$id": "c", "databaseId": "d", "name": "C", "documentSecurity": False, "enabled": True}
    assert create(Script(post=[{**raw, "$permissions": ['read("any")', 'create("any")']}]), at, fields).address == at


def test_an_update_is_verified_too() -> None:
    script = Script(put=[{**DATABASE_RAW, "name": "old"}])
    with pytest.raises(ProviderError, match="name: sent 'D', is 'old'"):
        provider(script).update(DATABASE, DATABASE_FIELDS, Live(DATABASE, DATABASE_FIELDS))


# Deleting and the rest.


def test_deleting_what_is_gone_is_fine() -> None:
    provider(Script(delete=[NOT_FOUND])).delete(DATABASE, Live(DATABASE, DATABASE_FIELDS))


def test_deleting_what_the_server_refuses_is_not() -> None:
    with pytest.raises(ProviderError):
        provider(Script(delete=[ProviderError("no", code=403)])).delete(DATABASE, Live(DATABASE, DATABASE_FIELDS))


def test_what_is_not_there_is_found_as_nothing() -> None:
    assert provider(Script(get=[NOT_FOUND])).find(DATABASE) is None


def test_a_variable_that_is_not_in_the_list_is_found_as_nothing() -> None:
    assert provider(Script(get=[{"variables": []}])).find(VARIABLE) is None


def test_a_deployment_is_activated_by_its_id() -> None:
    script = Script(patch=[{"$id": "f", "deploymentId": "b1"}])
    provider(script).activate(F, "b1")
    assert (script.asked[0].path, script.asked[0].body) == ("/functions/f/deployment", {"deploymentId": "b1"})


@pytest.mark.parametrize("wait", [True, False])
def test_an_execution_is_asynchronous_unless_its_answer_is_waited_for(wait: bool) -> None:
    raw = {"$id": "e", "functionId": "f", "status": "completed", "trigger": "http", "$createdAt": "2025"}
    script = Script(post=[raw])
    assert provider(script).execute("f", "{}", wait=wait).id == "e"
    assert script.asked[0].body == {"body": "{}", "async": not wait}


# Values of documents.

NEW_VALUES = {"x": NewValues({"a": 1}, "noon"), "y": NewValues({"a": 2}, "one o'clock")}
MANY = {str(each): NewValues({"a": 1}, "noon") for each in range(100)}
GONE = NotFoundError("none", code=404, type="document_not_found")


def as_read(documents: Iterable[str]) -> dict[str, Any]:
    """A page of documents with when they were changed: at noon where nothing else is said."""
    when = documents if isinstance(documents, dict) else {}
    found = [{"$id": each, "$updatedAt": "later" if when.get(each) == "later" else "noon"} for each in documents]
    return {"total": len(found), "documents": found}


@pytest.fixture
def _one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_AT_ONCE", 1)


@pytest.mark.usefixtures("_one_at_a_time")
def test_values_are_changed_only_where_nobody_has_changed_the_document_since() -> None:
    script = Script(patch=[{}, {}])
    assert provider(script).change_values("d", "c", NEW_VALUES) == Written()
    paths = [f"/databases/d/collections/c/documents/{each}" for each in "xy"]
    assert [(each.method, each.path, each.body) for each in script.asked] == [
        ("patch", paths[0], {"data": {"a": 1}}),
        ("patch", paths[1], {"data": {"a": 2}}),
    ]
    assert [each["X-Appwrite-Timestamp"] for each in script.headers] == ["noon", "one o'clock"]


def test_nothing_to_change_is_no_request() -> None:
    script = Script()
    assert provider(script).change_values("d", "c", {}) == Written()
    assert script.asked == []


@pytest.mark.usefixtures("_one_at_a_time")
def test_what_was_changed_since_is_distinguished_from_what_is_refused() -> None:
    newer = ConflictError("newer", code=409, type="document_update_conflict")
    taken = ConflictError("not unique", code=409, type="document_already_exists")
    bad = ProviderError("Invalid document structure", code=400)
    values = {each: NewValues({"a": 1}, "noon") for each in "uvwxyz"}
    script = Script(patch=[newer, taken, bad, GONE, {}, newer])
    assert provider(script).change_values("d", "c", values) == Written(
        {"v": "not unique", "w": "Invalid document structure"}, frozenset("uz")
    )


@pytest.mark.parametrize(
    "why",
    [
        NotFoundError("none", code=404, type="collection_not_found"),
        ForeignAnswerError("who knows"),
        UnreachableError("cut"),
        AccessError("no scope", code=401),
        ThrottledError("slowly", code=429),
    ],
)
def test_anything_else_ends_it_and_is_not_tried_a_hundred_times(why: ProviderError) -> None:
    script = Script(post=[why], patch=[why] * 100)
    with pytest.raises(type(why)):
        provider(script).change_values("d", "c", MANY)
    assert len(script.asked) <= writing._AT_ONCE + 1


def test_many_are_changed_by_one_transaction_with_a_look_before_its_commit() -> None:
    script = Script(post=[{"$id": "t"}, {}], get=[as_read(MANY)], patch=[{}])
    assert provider(script).change_values("d", "c", MANY) == Written()
    assert [(each.method, each.path) for each in script.asked] == [
        ("post", "/databases/transactions"),
        ("post", "/databases/transactions/t/operations"),
        ("get", "/databases/d/collections/c/documents"),
        ("patch", "/databases/transactions/t"),
    ]
    assert [each["data"] for each in script.asked[1].body["operations"]] == [{"a": 1}] * 100


def test_the_look_before_a_commit_comes_in_another_millisecond_than_the_staging() -> None:
    """What is changed in the same one does not make Appwrite refuse the commit."""
    asked: list[int] = []
    script = Script(post=[{"$id": "t"}, {}], get=[as_read(MANY)], patch=[{}])
    things = AppwriteProvider(script, sleep=lambda seconds: asked.extend([len(script.asked)] * int(seconds * 1000)))  # type: ignore[arg-type]
    assert things.change_values("d", "c", MANY) == Written()
    assert asked == [2, 2]


def test_what_others_changed_or_deleted_is_left_out_of_the_transaction_that_is_committed() -> None:
    newer = {**dict.fromkeys(MANY, "noon"), "7": "later"}
    del newer["9"]
    rest = [each for each in MANY if each not in ("7", "9")]
    script = Script(
        post=[{"$id": "t"}, {}, {"$id": "u"}, {}], get=[as_read(newer), as_read(rest)], delete=[{}], patch=[{}]
    )
    assert provider(script).change_values("d", "c", MANY) == Written(changed=frozenset("79"))
    assert [each.path for each in script.asked if each.method == "delete"] == ["/databases/transactions/t"]
    assert [each["documentId"] for each in script.asked[-3].body["operations"]] == rest
    assert script.asked[-1].path == "/databases/transactions/u"


@pytest.mark.usefixtures("_one_at_a_time")
@pytest.mark.parametrize("why", [ConflictError("changed", code=409, type="transaction_conflict"), UnreachableError("")])
def test_what_a_transaction_was_refused_for_is_found_one_by_one(why: ProviderError) -> None:
    """A commit whose answer was lost may have landed: then each document is newer than it was read."""
    newer = ConflictError("newer", code=409, type="document_update_conflict")
    script = Script(post=[{"$id": "t"}, {}], get=[as_read(MANY)], patch=[why, newer, *[{}] * 99])
    assert provider(script).change_values("d", "c", MANY) == Written(changed=frozenset("0"))


@pytest.mark.usefixtures("_one_at_a_time")
def test_a_server_without_transactions_is_asked_for_one_once() -> None:
    none = NotFoundError("no", code=404, type="general_route_not_found")
    script = Script(post=[none], patch=[{}] * 200)
    things = provider(script)
    assert things.change_values("d", "c", MANY) == things.change_values("d", "c", MANY) == Written()
    assert [each.method for each in script.asked] == ["post", *["patch"] * 200]


@pytest.mark.usefixtures("_one_at_a_time")
def test_what_keeps_its_timestamp_and_what_is_few_needs_no_transaction() -> None:
    dated = {each: NewValues({"a": 1, "$updatedAt": "noon"}, "noon") for each in MANY}
    script = Script(patch=[{}] * 102)
    assert provider(script).change_values("d", "c", dated | NEW_VALUES) == Written()
    assert {each.method for each in script.asked} == {"patch"}


# Renaming.


def renamed(script: Script) -> Live:
    old = Live(VARIABLE, frozen({"secret": True}), "id")
    return provider(script).rename(VARIABLE, Address("variable", "f/NEW"), old)


def test_a_secret_variable_is_renamed_by_its_id_and_without_its_value() -> None:
    script = Script(put=[{"$id": "id", "key": "NEW", "value": "", "secret": True}])
    assert renamed(script).address == Address("variable", "f/NEW")
    assert (script.asked[0].path, script.asked[0].body) == ("/functions/f/variables/id", {"key": "NEW"})


def test_a_rename_that_landed_before_it_was_sent_again_is_found() -> None:
    script = Script(put=[NOT_FOUND], get=[{"variables": [{"$id": "id", "key": "NEW", "value": "", "secret": True}]}])
    assert renamed(script).remote_id == "id"


def test_a_rename_of_what_is_gone_is_an_error() -> None:
    with pytest.raises(NotFoundError):
        renamed(Script(put=[NOT_FOUND], get=[{"variables": []}]))


def test_what_appwrite_cannot_rename_is_not_sent() -> None:
    with pytest.raises(ProviderError, match="Appwrite cannot rename a database"):
        provider(Script()).rename(DATABASE, Address("database", "e"), Live(DATABASE, DATABASE_FIELDS))


# What an update changes beside what it names.


FUNCTION = address("function.f")
FUNCTION_RAW = {
    **recorded.answer("functions-create", "create with every field", "1.9.6"),
    "$id": "f",
    "providerBranches": ["main"],
    "region": "fra",
}


def update(after: dict[str, Any]) -> tuple[Script, Live]:
    before = functions.parse((), FUNCTION_RAW)
    script = Script(put=[after])
    return script, provider(script).update(FUNCTION, frozen({**before.fields, "timeout": 40}), before)


def test_an_update_after_which_nothing_else_is_different_has_no_remark() -> None:
    script, live = update({**FUNCTION_RAW, "timeout": 40})
    assert live.remarks == ()
    assert {"providerBranches": ["main"], "region": "fra"}.items() <= script.asked[0].body.items()


def test_a_field_that_we_do_not_declare_and_that_was_reset_is_an_error_with_the_old_value() -> None:
    with pytest.raises(ProviderError, match=r"more of function\.f .*: providerBranches was \['main'\], is empty"):
        update({**FUNCTION_RAW, "timeout": 40, "providerBranches": []})


def test_a_size_that_is_left_as_it_is_and_was_reset_is_an_error() -> None:
    before = functions.parse((), FUNCTION_RAW)
    fields = {name: value for name, value in before.fields.items() if "pecification" not in name}
    script = Script(put=[{**FUNCTION_RAW, "buildSpecification": "s-8vcpu-8gb"}])
    with pytest.raises(ProviderError, match="buildSpecification was 's-1vcpu-1gb', is 's-8vcpu-8gb'"):
        provider(script).update(FUNCTION, frozen(fields), before)


def test_a_field_that_no_version_of_ours_knows_is_named_when_it_changed() -> None:
    _, live = update({**FUNCTION_RAW, "timeout": 40, "region": ""})
    (said,) = live.remarks
    assert "region was 'fra', is empty" in said
