"""Files of Appwrite's own command line, of every age: what is read, what is reported, what is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raceday_iac.errors import IacError
from raceday_iac.importing.appwrite_json import appwrite_json, read_appwrite_json, what_is_lost
from raceday_iac.importing.names import Project
from raceday_iac.importing.source import write_source
from raceday_iac.kinds.fields import Writing
from raceday_iac.model.resource import Desired
from raceday_iac.model.stack import FromEnvironment, Stack

from ..declaring import address, function, resolved
from .found import everything, loaded

DATA = Path(__file__).parents[2] / "data" / "raceday"
OLD = Path(__file__).parents[2] / "data" / "appwrite-json"


def read(document: Any) -> Project:
    return read_appwrite_json(document, "appwrite.json")


def stored(name: str) -> Project:
    return read(json.loads((OLD / name).read_text(encoding="utf-8")))


def said(project: Project) -> list[str]:
    return [str(each) for each in project.remarks]


def of_one_function(**settings: Any) -> Project:
    usual = {"$id": "f", "name": "F", "runtime": "node-22", "specification": "s-1vcpu-1gb", "entrypoint": "main.js"}
    return read({"projectId": "p", "functions": [{**usual, **settings}]})


def test_the_functions_of_the_legacy_project_come_back_as_they_were(tmp_path: Path) -> None:
    document = json.loads((DATA / "appwrite.json").read_text(encoding="utf-8"))
    project = read(document)
    source = write_source(project, "legacy")
    assert (project.remarks, dict(source.left_out), dict(source.secrets)) == ((), {}, {})
    desired = loaded(source, tmp_path)
    for raw in document["functions"]:
        fields = desired.resources[address(f"function.{raw['$id']}")].fields
        for name, value in fields.items():
            expected = tuple(sorted(raw[name])) if isinstance(raw[name], list) else raw[name]
            assert value == expected, (raw["$id"], name)


def test_what_is_written_reads_back_as_the_same_file(tmp_path: Path) -> None:
    document = json.loads((DATA / "appwrite.json").read_text(encoding="utf-8"))
    desired = loaded(write_source(read(document), "RaceDayTest"), tmp_path)
    written = appwrite_json(desired, "<PROJECT_ID>", Writing(tmp_path, 12))
    # In the order in which Appwrite's command line writes them.
    order = (
        "$id name runtime specification path execute events schedule timeout enabled logging entrypoint commands scopes"
    )
    assert [list(each) for each in written["functions"]] == [order.split()] * 9
    assert list(written) == ["projectId", "projectName", "functions"]
    for each in (*written["functions"], *document["functions"]):
        each["scopes"].sort()
        del each["path"]
    assert written == document


def test_everything_but_variables_survives_the_way_through_a_file(tmp_path: Path) -> None:
    desired = loaded(write_source(everything(), "x"), tmp_path)
    document = json.loads(json.dumps(appwrite_json(desired, "p", Writing(tmp_path, 12))))
    again = read(document)
    assert again.remarks == ()
    kept = {at: dict(each.fields) for at, each in desired.resources.items() if at.kind != "variable"}
    # What no version of that command line can say is reported: see below.
    kept[address("index.main/things/by_text")]["lengths"] = (0, 0)
    found = {at: {name: each.fields[name] for name in kept[at]} for at, each in again.resources.items()}
    assert found == kept
    source = write_source(again, "x")
    assert source.left_out == {}
    assert appwrite_json(loaded(source, tmp_path), "p", Writing(tmp_path, 12)) == document
    lost = [str(each) for each in what_is_lost(desired, Writing(tmp_path, 12))]
    assert "index.main/things/by_text: its lengths cannot be written to this format: 20, 0" in lost


@pytest.mark.shows("export", kinds=["relationship"])
def test_a_relationship_that_shows_on_both_sides_is_written_on_both(tmp_path: Path) -> None:
    stack = Stack("s")
    base = stack.database("d", name="D")
    one, two = base.collection("one", name="One"), base.collection("two", name="Two")
    one.relationship("hidden", "two", type="oneToOne")
    one.relationship("to", "two", type="manyToOne", two_way=True, two_way_key="back")
    two.string("text", 10)
    written = appwrite_json(resolved(stack), "p", Writing(tmp_path))["collections"]
    near, far = written[0]["attributes"][1], written[1]["attributes"][1]
    assert [len(each["attributes"]) for each in written] == [2, 2]
    assert (near["key"], near["relatedCollection"], near["twoWayKey"], near["side"]) == ("to", "two", "back", "parent")
    # As 1.8.1 answers for the far side: the type is that of the near one.
    assert far == {**near, "key": "back", "relatedCollection": "one", "twoWayKey": "to", "side": "child"}


def test_a_pulled_file_with_collections_is_read(tmp_path: Path) -> None:
    project = stored("pulled-with-collections.json")
    source = write_source(project, "old")
    assert source.left_out == {}
    desired = loaded(source, tmp_path)
    kinds = [each.kind for each in desired.resources]
    assert (kinds.count("database"), kinds.count("collection"), kinds.count("relationship")) == (1, 2, 1)
    assert desired.resources[address("attribute.main/races/pool")].fields["max"] is None
    assert desired.resources[address("index.main/races/by_tags")].fields["lengths"] == (255,)
    assert [each for each in said(project) if "settings" in each] == []


def test_a_new_file_with_tables_says_the_same_in_other_words() -> None:
    old, new = stored("pulled-with-collections.json"), stored("tables.json")
    others = ("function", "bucket")
    schema = [{at: each for at, each in of.resources.items() if at.kind not in others} for of in (old, new)]
    assert schema[0] == schema[1]


def test_a_file_older_than_specifications_leaves_them_as_they_are() -> None:
    project = stored("without-specification.json")
    fields = project.resources[address("function.65368a58ef47cf686120")].fields
    assert not {"specification", "buildSpecification", "runtimeSpecification"} & set(fields)
    assert (fields["scopes"], fields["logging"], fields["enabled"]) == ((), True, True)


def test_variables_of_an_old_file_are_taken_but_for_secrets() -> None:
    project = stored("without-specification.json")
    variables = {at.name: dict(each.fields) for at, each in project.resources.items() if at.kind == "variable"}
    assert variables == {"HOST": {"secret": False, "value": "https://example.org"}, "API_SECRET": {"secret": True}}
    source = write_source(project, "old")
    assert "hush" not in source.text
    assert list(source.secrets) == ["SEND_MAIL_API_SECRET"]


def test_a_timeout_above_the_limit_is_reported_and_cut() -> None:
    project = of_one_function(timeout=1800)
    assert project.resources[address("function.f")].fields["timeout"] == 900
    assert said(project) == ["function.f: timeout 1800 s is above Appwrite's limit; 900 s is taken"]
    assert "# The imported file says 1800 s; Appwrite allows 900.\nstack.function(" in write_source(project, "x").text


def test_a_timeout_at_the_limit_is_not_reported() -> None:
    assert said(of_one_function(timeout=900)) == []


def test_unknown_keys_are_reported_and_ignored() -> None:
    project = of_one_function(colour="red", deployment="x")
    assert said(project) == ["function.f: not imported, because there is no such setting: colour, deployment"]


@pytest.mark.parametrize(
    "entry",
    [{"execute": None}, {"execute": "any"}, {"scopes": {}}, {"timeout": "15"}, {"name": None}, {"variables": [1, {}]}],
)
def test_an_odd_entry_does_not_spoil_the_rest(entry: dict[str, Any]) -> None:
    usual = {"$id": "f", "runtime": "node-22", "entrypoint": "main.js"}
    project = read({"functions": [{**usual, **entry}, {**usual, "$id": "g"}, 5, {}, {**usual, "$id": "g"}]})
    declared = [str(each) for each in write_source(project, "x").declared]
    assert "function.g" in declared
    assert {"functions[2]: left out: it has no $id, it is 5", "functions[3]: left out: it has no $id"} <= {
        *said(project)
    }
    assert "functions[4]: left out" not in "".join(said(project)), "it says the same as the one before"


def test_a_collection_without_its_database_implies_one() -> None:
    project = read({"collections": [{"$id": "c", "databaseId": "d"}, {"$id": "lost"}]})
    assert [str(each) for each in project.resources] == ["database.d", "collection.d/c"]
    assert len(project.remarks) == 2


@pytest.mark.parametrize("document", [[], {}, {"name": "package"}, "text", None])
def test_another_file_is_refused(document: Any) -> None:
    with pytest.raises(IacError, match=r"is not an appwrite\.json"):
        read(document)


def with_code(tmp_path: Path) -> Desired:
    (tmp_path / "functions" / "f").mkdir(parents=True)
    (tmp_path / "functions" / "f" / "main.py").write_text("")
    stack = Stack("s")
    function(stack, code="functions/f", variables={"TOKEN": FromEnvironment("T"), "PLAIN": "value"}, schema="d")
    function(stack, "kept")
    stack.database("d", name="D")
    stack.absent("function.old", reason="it is old")
    return resolved(stack, root=tmp_path, variables={"T": "hush"})


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    desired = with_code(tmp_path)
    assert appwrite_json(desired, "p", Writing(tmp_path))["functions"][0]["path"] == "functions/f"
    assert appwrite_json(desired, "p", Writing(tmp_path / "out"))["functions"][0]["path"] == "../functions/f"


def test_what_such_a_file_cannot_say_is_reported_and_no_value_is_written(tmp_path: Path) -> None:
    desired = with_code(tmp_path)
    lost = [str(each) for each in what_is_lost(desired, Writing(tmp_path))]
    assert "function.f: variables are not part of such a file: TOKEN, PLAIN" in lost
    assert [each.partition(":")[0] for each in lost] == ["function.f", "function.f", "function.kept", "function.old"]
    written = json.dumps(appwrite_json(desired, "p", Writing(tmp_path)))
    assert "hush" not in written
    assert "value" not in written


def test_what_should_be_a_list_and_is_none_is_reported() -> None:
    project = read({"functions": {"$id": "f"}})
    assert said(project) == ["functions: left out: it is not a list, but {'$id': 'f'}"]
    assert not project.resources


@pytest.mark.parametrize("ignore", [["*.log", "docs/"], "*.log"])
def test_what_a_file_leaves_out_of_the_code_is_left_out_by_the_stack_too(tmp_path: Path, ignore: object) -> None:
    project = read({"functions": [{"$id": "f", "runtime": "node-22", "entrypoint": "m.js", "ignore": ignore}]})
    assert not [each for each in project.remarks if "ignore" in each.message]
    patterns = ignore if isinstance(ignore, list) else [ignore]
    written = write_source(project, "found")
    assert f"ignore={json.dumps(patterns)}" in written.text.replace("\n", "")
    assert address("function.f") in loaded(written, tmp_path).resources


def test_an_export_leaves_out_what_the_stack_does(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("")
    stack = Stack("s")
    function(stack, "plain", code=".")
    function(stack, "less", code=".", ignore=["docs/"])
    exported = appwrite_json(resolved(stack, root=tmp_path), "p", Writing(tmp_path))["functions"]
    assert [each.get("ignore") for each in exported] == [None, "docs/"]


@pytest.mark.parametrize(
    ("settings", "kept", "reported"),
    [
        ({"name": "x" * 129}, {"name": "f"}, "is longer than the 128 characters"),
        ({"name": "a\ud800"}, {"name": "f"}, "is left out: not valid text (UTF-8); 'f' is used"),
        ({"timeout": 0}, {"timeout": 15}, "timeout: 0 is left out: 0 has to be at least 1; 15 is used"),
        ({"timeout": "30"}, {"timeout": 30}, ""),
        (
            {"timeout": [30]},
            {"timeout": 15},
            "timeout is left out: it is a list, which does not fit there; 15 is used",
        ),
        ({"enabled": "no"}, {"enabled": True}, "enabled is left out: it is a text, which does not fit there"),
        ({"enabled": "false"}, {"enabled": False}, ""),
        ({"schedule": "61 * * * *"}, {"schedule": ""}, "schedule: '61 * * * *' is left out: "),
        (
            {"execute": ["any", "Nobody"]},
            {"execute": ("any",)},
            "execute: 'Nobody' is left out: 'Nobody' is not a role",
        ),
        ({"execute": ["any", 5]}, {"execute": ("any",)}, "execute: 5 is left out: it is a number"),
        ({"events": ["users.*.create", "x"]}, {"events": ("users.*.create",)}, "events: 'x' is left out: "),
        ({"execute": "users"}, {"execute": ("users",)}, ""),
        ({"ignore": "a\n b \r\n\nc"}, {"ignore": ("a", "b", "c")}, ""),
    ],
)
def test_one_bad_value_costs_no_more_than_itself(settings: dict[str, Any], kept: dict[str, Any], reported: str) -> None:
    project = of_one_function(**settings)
    fields = project.resources[address("function.f")].fields
    assert {name: fields[name] for name in kept} == kept
    assert reported in "\n".join(said(project))
    assert bool(said(project)) == bool(reported)
    assert write_source(project, "x").declared == (address("function.f"),)


@pytest.mark.parametrize("name", ["runtime", "entrypoint"])
def test_what_a_function_needs_cannot_be_left_out(name: str) -> None:
    project = of_one_function(**{name: None, "vars": {"A": "a"}})
    assert said(project) == [f"function.f: left out, with A: it has no {name}"]
    assert project.resources == {}


def test_what_lies_in_something_that_is_left_out_is_named_too() -> None:
    source = write_source(of_one_function(runtime="cobol", vars={"A": "a"}), "x")
    assert [str(each) for each in source.left_out] == ["function.f", "variable.f/A"]
    assert source.left_out[address("variable.f/A")] == "it is in function.f"


def column(**settings: Any) -> Project:
    columns = [{"key": "k", "type": "string", "size": 5, "required": False, **settings}]
    table = {"$id": "t", "databaseId": "d", "columns": columns, "indexes": [{"key": "i", "columns": ["k"]}]}
    return read({"tablesDB": [{"$id": "d", "name": "D"}], "tables": [table]})


@pytest.mark.parametrize(
    ("settings", "kept", "reported"),
    [
        ({"required": True, "default": "a"}, {"required": True, "default": None}, "a required attribute cannot have"),
        ({"array": True, "default": []}, {"array": True, "default": None}, ""),
        (
            {"array": True, "default": ["a"]},
            {"array": True, "default": None},
            "an array attribute cannot have a default",
        ),
        ({"default": "too long"}, {"default": None}, "is longer than the size 5"),
        ({"type": "integer", "min": "1", "max": "3", "default": "2"}, {"min": 1, "max": 3, "default": 2}, "size"),
        (
            {"type": "integer", "size": 0, "min": 1, "max": 3, "default": 4},
            {"default": None},
            "default 4 is above max 3",
        ),
        (
            {"type": "double", "size": 0, "max": 10**400},
            {"max": None},
            "max is left out: it is too large a number",
        ),
        ({"type": "double", "size": 0, "default": "x"}, {"default": None}, "default is left out: 'x' is not a number"),
        ({"type": "boolean", "size": 0, "default": "true"}, {"default": True}, ""),
        ({"format": "email", "size": 0}, {"type": "email"}, ""),
    ],
)
def test_a_column_is_taken_as_far_as_it_fits(settings: dict[str, Any], kept: dict[str, Any], reported: str) -> None:
    project = column(**settings)
    fields = project.resources[address("attribute.d/t/k")].fields
    assert {name: fields[name] for name in kept} == kept
    assert reported in "\n".join(said(project))
    assert bool(said(project)) == bool(reported)
    assert address("attribute.d/t/k") in write_source(project, "x").declared


@pytest.mark.parametrize(
    ("index", "kept", "reported"),
    [
        ({"orders": ["up"]}, {"orders": ("ASC",)}, "orders: 'up' is left out"),
        (
            {"orders": ["desc", "ASC"]},
            {"orders": ("DESC",)},
            "orders: 'ASC' is left out: it fits no attribute of the index",
        ),
        ({"lengths": [-1]}, {"lengths": (0,)}, "lengths: -1 is left out"),
        ({"orders": [None], "lengths": [None]}, {"orders": ("ASC",), "lengths": (0,)}, ""),
    ],
)
def test_an_index_is_taken_as_far_as_it_fits(index: dict[str, Any], kept: dict[str, Any], reported: str) -> None:
    table = {"$id": "t", "databaseId": "d", "columns": [{"key": "k", "type": "string", "size": 5}]}
    table["indexes"] = [{"key": "i", "type": "key", "columns": ["k"], **index}]
    project = read({"tablesDB": [{"$id": "d", "name": "D"}], "tables": [table]})
    fields = project.resources[address("index.d/t/i")].fields
    assert {name: fields[name] for name in kept} == kept
    assert reported in "\n".join(said(project))
    assert address("index.d/t/i") in write_source(project, "x").declared


def test_an_index_of_a_type_that_there_is_not_is_no_other_index() -> None:
    table = {"$id": "t", "databaseId": "d", "columns": [{"key": "k", "type": "string", "size": 5}]}
    table["indexes"] = [{"key": "i", "type": "hash", "columns": ["k"]}]
    source = write_source(read({"tables": [table]}), "x")
    assert list(source.left_out) == [address("index.d/t/i")]


def test_a_relationship_of_which_only_the_far_side_is_there_is_taken_from_it() -> None:
    far = {"key": "back", "type": "relationship", "relatedTable": "near", "relationType": "oneToMany", "twoWay": True}
    far |= {"twoWayKey": "to", "onDelete": "cascade", "side": "child"}
    tables = [{"$id": name, "databaseId": "d", "columns": [far] if name == "far" else []} for name in ("far", "near")]
    project = read({"tablesDB": [{"$id": "d", "name": "D"}], "tables": tables})
    fields = project.resources[address("relationship.d/near/to")].fields
    assert (fields["relatedCollection"], fields["twoWayKey"], fields["onDelete"]) == ("far", "back", "cascade")
    assert said(project) == ["relationship.d/near/to: imported from its other side in far"]
    alone = read({"tablesDB": [{"$id": "d", "name": "D"}], "tables": tables[:1]})
    reported = "relationship.d/far/back: left out: the collection near, which it refers to, is not in the file"
    assert said(alone) == [reported]


@pytest.mark.parametrize(
    ("old", "permissions", "security"),
    [
        ({"permission": "document", "$read": ["role:all"]}, (), True),
        ({"permission": "collection", "$read": ["role:all"]}, ('read("any")',), False),
        ({"$read": ["role:member"]}, ('read("users")',), False),
        ({"$permissions": ['read("any")'], "$read": ["role:member"]}, ('read("any")',), False),
    ],
)
def test_permissions_of_before_1_0_become_those_of_today(
    old: dict[str, Any], permissions: tuple[str, ...], *, security: bool
) -> None:
    project = read({"databases": [{"$id": "d"}], "collections": [{"$id": "c", "databaseId": "d", **old}]})
    fields = project.resources[address("collection.d/c")].fields
    assert (fields["permissions"], fields["documentSecurity"]) == (permissions, security)
    assert len(said(project)) == 1


@pytest.mark.parametrize("id", ["a/b", "", "-a", "a b", "x" * 37, "\u202eevil"])
def test_an_id_that_is_none_is_reported_with_all_that_lies_in_it(id: str) -> None:
    table = {"$id": id, "databaseId": "d", "columns": [{"key": "k", "type": "string", "size": 5}]}
    project = read({"tablesDB": [{"$id": "d", "name": "D"}], "tables": [table]})
    assert [each.partition(": ")[2].partition(":")[0] for each in said(project)] == ["left out, with k"]
    assert list(project.resources) == [address("database.d")]


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6)
    | st.sampled_from(["any", "role:all", 'read("any")', "relationship", "double", "9" * 40, "\ud800", 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)  # fmt: skip


def _entries(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), _values, max_size=4)


@settings(max_examples=30)
@given(
    _entries("name", "runtime", "execute", "timeout", "schedule", "vars", "ignore", "path", "commands", "x"),
    _entries("name", "databaseId", "$permissions", "$read", "rowSecurity", "columns", "indexes"),
    _entries("key", "type", "format", "required", "default", "array", "size", "min", "elements", "relatedTable"),
    _entries("key", "type", "columns", "orders", "lengths"),
)
def test_whatever_a_file_holds_the_rest_of_it_is_read(
    function: dict[str, Any], table: dict[str, Any], column: dict[str, Any], index: dict[str, Any]
) -> None:
    good = {"$id": "good", "runtime": "node-22", "entrypoint": "main.js"}
    tables = [
        {"$id": "t", "databaseId": "d", "columns": [{"key": "k", "type": "string", **column}], "indexes": [index]},
        {"$id": "u", "databaseId": "d", **table},
        {"$id": "v", "databaseId": "d", "columns": [{"key": "k", "type": "string", "size": 5}]},
    ]
    project = read({"functions": [{"$id": "f", **function}, good], "tablesDB": [{"$id": "d"}], "tables": tables})
    declared = {str(each) for each in write_source(project, "x").declared}
    assert {"function.good", "collection.d/t", "attribute.d/v/k"} <= declared


SETTINGS = {
    "services": {"account": True, "avatars": False},
    "protocols": {"rest": True, "graphql": False},
    "auth": {
        "methods": {"jwt": True, "anonymous": False},
        "security": {
            "duration": 1_209_600,
            "limit": None,
            "sessionsLimit": 10,
            "passwordHistory": 5,
            "passwordDictionary": True,
            "sessionAlerts": False,
            "mockNumbers": [{"phone": "+14155550100", "otp": "123456"}],
        },
    },
}


@pytest.mark.shows("export", kinds=["service", "protocol", "auth_method", "policy", "mock_phone"])
def test_settings_that_somebody_changed_are_declared_and_come_back(tmp_path: Path) -> None:
    project = read({"projectId": "p", "settings": SETTINGS})
    assert {str(each) for each in project.resources} == {
        "service.avatars",
        "protocol.graphql",
        "auth_method.anonymous",
        "policy.session-duration",
        "policy.password-history",
        "policy.password-dictionary",
        "mock_phone.+14155550100",
    }
    desired = loaded(write_source(project, "x"), tmp_path)
    assert appwrite_json(desired, "p", Writing(tmp_path))["settings"] == {
        "services": {"avatars": False},
        "protocols": {"graphql": False},
        "auth": {
            "methods": {"anonymous": False},
            "security": {
                "duration": 1_209_600,
                "passwordHistory": 5,
                "passwordDictionary": True,
                "mockNumbers": [{"phone": "+14155550100", "otp": "123456"}],
            },
        },
    }
    assert "protocols" not in appwrite_json(desired, "p", Writing(tmp_path, 15))["settings"]


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ([], "settings: left out: it is []"),
        ({"services": True}, "settings.services: left out: it is True"),
        ({"services": {"avatars": "no"}}, "settings.services: avatars is left out: it is 'no'"),
        ({"services": {"teapot": True}}, "settings.services: not imported, because there is no such setting: teapot"),
        ({"billing": {"plan": "pro"}}, "settings: not imported, because there is no such setting: billing (plan)"),
        ({"auth": {"security": {"duration": True}}}, "settings.auth.security: duration is left out: it is True"),
        (
            {"auth": {"security": {"mockNumbers": [{"phone": 1}]}}},
            "settings.auth.security: mockNumbers is left out: it holds {'phone': 1}",
        ),
    ],
)
def test_a_setting_of_no_use_is_reported_and_costs_no_more_than_itself(settings: Any, reported: str) -> None:
    project = read({"projectId": "p", "settings": settings})
    assert (dict(project.resources), said(project)) == ({}, [reported])
