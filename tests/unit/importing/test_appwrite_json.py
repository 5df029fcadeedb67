"""Files of Appwrite's own command line, of every age: what is read, what is reported, what is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

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
    # What no version of that command line can say is told: see below.
    kept[address("index.main/things/by_text")]["lengths"] = (0, 0)
    found = {at: {name: each.fields[name] for name in kept[at]} for at, each in again.resources.items()}
    assert found == kept
    source = write_source(again, "x")
    assert source.left_out == {}
    assert appwrite_json(loaded(source, tmp_path), "p", Writing(tmp_path, 12)) == document
    lost = [str(each) for each in what_is_lost(desired, Writing(tmp_path, 12))]
    assert "index.main/things/by_text: its lengths cannot be said: 20, 0" in lost


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
    told = [each for each in said(project) if "does not manage" in each]
    assert told == ["settings: not imported, because this tool does not manage it: services"]


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
    assert said(project) == ["function.f: not taken, because it has no such setting: colour, deployment"]


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


def test_what_such_a_file_cannot_say_is_told_and_no_value_is_written(tmp_path: Path) -> None:
    desired = with_code(tmp_path)
    lost = [str(each) for each in what_is_lost(desired, Writing(tmp_path))]
    assert "function.f: variables are not part of such a file: TOKEN, PLAIN" in lost
    assert [each.partition(":")[0] for each in lost] == ["function.f", "function.f", "function.kept", "function.old"]
    written = json.dumps(appwrite_json(desired, "p", Writing(tmp_path)))
    assert "hush" not in written
    assert "value" not in written


def test_what_should_be_a_list_and_is_none_is_reported() -> None:
    project = read({"functions": {"$id": "f"}})
    assert said(project) == ["functions: left out: it is no list, it is {'$id': 'f'}"]
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
