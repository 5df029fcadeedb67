from __future__ import annotations

import json
from typing import Any

import pytest

from raceday_iac.errors import IacError
from raceday_iac.raceday.cleanup import Action, Cleanup, Tree, plan_cleanup

from ...test_imports import of, offences
from .legacy import files, tree

REMOVED_FOLDERS = {"race-data-poller", "single-race-poller", "batch-race-poller"}


def after(before: Tree, cleanup: Cleanup) -> Tree:
    gone = {each.path for each in cleanup.of(Action.DELETE)}
    texts = {each.path: each.after for each in cleanup.changes if each.action is not Action.DELETE}
    return before.after(gone, texts)


def parsed(found: Tree, name: str) -> Any:
    return json.loads(found.text(name) or "")


def said(cleanup: Cleanup) -> str:
    return "\n".join(str(each) for each in cleanup.findings)


def with_script(name: str, command: str) -> Tree:
    document = json.loads(files()["package.json"])
    document["scripts"][name] = command
    return tree({"package.json": json.dumps(document, indent=2)})


def with_function(id: str, **settings: Any) -> Tree:
    document = json.loads(files()["appwrite.json"])
    entry = next((each for each in document["functions"] if each["$id"] == id), None)
    if entry is None:
        document["functions"].append(entry := {"$id": id})
    entry |= settings
    return tree({"appwrite.json": json.dumps(document, indent=4)})


def test_the_package_is_pure() -> None:
    assert offences(of("cleanup"), "os", "pathlib", "subprocess", "raceday_iac.render", "raceday_iac.provider") == []


def test_the_legacy_tree_is_counted_as_the_plan_counts_it() -> None:
    cleanup = plan_cleanup(tree())
    functions, scripts = cleanup.functions, cleanup.scripts
    assert (functions.before, functions.kept, functions.added) == (9, 6, 1)
    assert (scripts.before, scripts.kept, scripts.added) == (36, 19, 2)


def test_exactly_the_redundant_scripts_go() -> None:
    before = tree()
    old = parsed(before, "package.json")["scripts"]
    new = parsed(after(before, plan_cleanup(before)), "package.json")["scripts"]
    assert sorted(set(old) - set(new)) == sorted(
        """deploy:poller deploy:single-race deploy:batch-race-poller poller single-race batch-race-poller
        test:batch-race-poller monitor-batch-results vars:meetings vars:races vars:poller vars:single-race
        vars:meeting-status vars:batch-race-poller vars:enhanced-race-poller vars:master-scheduler vars:all""".split()
    )
    assert list(new) == [
        *(key for key in old if key in new),
        "deploy:database-setup",
        "database-setup",
    ]
    assert new["database-setup"] == "node scripts/run-function.js database-setup"


def test_exactly_the_three_functions_go_and_database_setup_comes() -> None:
    before = tree()
    old = parsed(before, "appwrite.json")["functions"]
    new = parsed(after(before, plan_cleanup(before)), "appwrite.json")["functions"]
    assert new[:-1] == [each for each in old if each["$id"] not in REMOVED_FOLDERS]
    assert list(new[-1]) == list(old[0])
    assert {"$id": "database-setup", "timeout": 300, "schedule": "", "runtime": "node-22"}.items() <= new[-1].items()
    assert len(new[-1]["scopes"]) == 8


def test_exactly_the_redundant_files_go() -> None:
    before = tree()
    gone = set(before.files) - set(after(before, plan_cleanup(before)).files)
    folders = {path for path in before.files if path.partition("/")[0] in REMOVED_FOLDERS}
    assert len(folders) == 20
    assert gone == folders | {
        "scripts/update-vars-only.js",
        "scripts/test-batch-race-poller.js",
        "scripts/monitor-batch-results.js",
        "daily-meetings/src/database-setup.js",
    }


def test_every_other_line_of_the_json_files_stays_as_it_was() -> None:
    before = tree()
    found = after(before, plan_cleanup(before))
    for name in ("package.json", "appwrite.json"):
        old, new = before.text(name) or "", found.text(name) or ""
        assert old.endswith("\n") == new.endswith("\n")
        document = parsed(found, name)
        # Both were written by the same kind of writer, so that writing them again gives the same text.
        indent = 2 if name == "package.json" else 4
        assert new.rstrip("\n") == json.dumps(document, indent=indent, ensure_ascii=False)


def test_the_schema_moves_before_anything_is_deleted() -> None:
    before = tree()
    cleanup = plan_cleanup(before)
    found = after(before, cleanup)
    assert found.files["database-setup/src/database-setup.js"] == before.files["daily-meetings/src/database-setup.js"]
    actions = [each.action for each in cleanup.changes]
    assert actions == sorted(actions, key=list(Action).index)


def test_a_second_clean_up_has_nothing_to_do_and_says_the_same() -> None:
    before = tree()
    first = plan_cleanup(before)
    second = plan_cleanup(after(before, first))
    assert second.changes == ()
    assert second.findings == first.findings


@pytest.mark.parametrize("number", range(40))
def test_a_clean_up_that_was_cut_short_is_finished_by_the_next(number: int) -> None:
    before = tree()
    whole = plan_cleanup(before)
    part = Cleanup(whole.changes[:number], (), whole.functions, whole.scripts)
    halfway = after(before, part)
    assert after(halfway, plan_cleanup(halfway)).files == after(before, whole).files


def test_the_import_of_the_moved_schema_is_reported_with_its_uses() -> None:
    reported = next(each for each in plan_cleanup(tree()).by_hand if each.path == "daily-meetings/src/main.js")
    assert reported.line == 3
    assert "ensureDatabaseSetup in line 9" in reported.message


def test_imports_of_the_moved_schema_that_did_not_move_are_reported() -> None:
    cleanup = plan_cleanup(tree({"daily-meetings/src/database-setup.js": "import { x } from './error-handlers.js';\n"}))
    reported = "database-setup/src/database-setup.js:1: imports ./error-handlers.js, which did not move with it"
    assert reported in said(cleanup)


def test_a_function_without_code_cannot_be_deployed() -> None:
    reported = said(plan_cleanup(tree()))
    assert "database-setup cannot be deployed: database-setup has no src/main.js and no package.json" in reported
    complete = tree({"database-setup/src/main.js": "", "database-setup/package.json": "{}"})
    assert "cannot be deployed" not in said(plan_cleanup(complete))
    assert "other cannot be deployed: there is no folder other" in said(plan_cleanup(with_function("other")))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("node scripts/deploy.js nowhere", "is for function nowhere, which does not exist"),
        ("node scripts/run-function.js race-data-poller", "is for function race-data-poller, which does not exist"),
        ("appwrite push function --function-id nowhere", "is for function nowhere, which does not exist"),
        ("npm run meetings && npm run poller", "runs script poller, which does not exist"),
        ("node scripts/nothing.js", "starts scripts/nothing.js, which does not exist"),
    ],
)
def test_scripts_for_what_does_not_exist_are_reported(command: str, message: str) -> None:
    cleanup = plan_cleanup(with_script("mine", command))
    assert f"script mine {message}" in "\n".join(map(str, cleanup.by_hand))


def test_commands_in_other_files_for_what_does_not_exist_are_reported() -> None:
    cleanup = plan_cleanup(tree({"ci.sh": "node scripts/deploy.js nowhere\n"}))
    assert "ci.sh:1: is for function nowhere, which does not exist" in "\n".join(map(str, cleanup.by_hand))


def test_a_script_that_was_given_another_task_stays() -> None:
    before = with_script("poller", "node scripts/run-function.js enhanced-race-poller")
    cleanup = plan_cleanup(before)
    assert "poller" in parsed(after(before, cleanup), "package.json")["scripts"]
    assert "script poller stays" in said(cleanup)


def test_a_script_that_is_wrapped_goes_all_the_same() -> None:
    before = with_script("vars:races", "dotenv -- node scripts/update-vars-only.js daily-races")
    assert "vars:races" not in parsed(after(before, plan_cleanup(before)), "package.json")["scripts"]


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("vars:entrants", "node scripts/update-vars-only.js entrants"),
        ("vars:initial-data", "dotenv -- node scripts/update-vars-only.js daily-initial-data"),
        ("vars:some", "npm run vars:races && npm run vars:meetings"),
        ("vars:both", "npm run vars:some && node scripts/update-vars-only.js entrants"),
    ],
)
def test_variables_of_any_function_belong_to_the_project(name: str, command: str) -> None:
    document = json.loads(files()["package.json"])
    document["scripts"] |= {"vars:some": "npm run vars:races && npm run vars:meetings", name: command}
    readme = f"    npm run {name}\n"
    before = tree({"package.json": json.dumps(document, indent=2), "README.md": readme})
    cleanup = plan_cleanup(before)
    found = after(before, cleanup)
    assert not [key for key in parsed(found, "package.json")["scripts"] if key.startswith("vars:")]
    assert "scripts/update-vars-only.js" not in found
    assert f"README.md:1: names {name}: " in said(cleanup)
    assert plan_cleanup(found).findings == cleanup.findings


@pytest.mark.parametrize("command", ["node scripts/check.js", "npm run vars:races && npm run races", "echo"])
def test_a_variables_script_with_another_task_stays(command: str) -> None:
    before = with_script("vars:mine", command)
    assert "vars:mine" in parsed(after(before, plan_cleanup(before)), "package.json")["scripts"]


def test_a_helper_that_another_script_starts_stays() -> None:
    cleanup = plan_cleanup(with_script("watch", "node scripts/monitor-batch-results.js"))
    assert "scripts/monitor-batch-results.js" not in {each.path for each in cleanup.changes}
    assert "scripts/monitor-batch-results.js stays: script watch starts" in said(cleanup)


def test_a_folder_with_the_code_of_another_function_stays() -> None:
    cleanup = plan_cleanup(with_function("enhanced-race-poller", path="./batch-race-poller/"))
    assert cleanup.folders == ("race-data-poller", "single-race-poller")
    assert "batch-race-poller stays: it contains the code of enhanced-race-poller" in said(cleanup)


def test_a_folder_from_which_something_is_imported_stays_with_what_that_imports() -> None:
    before = tree(
        {
            "scripts/login.js": "import '../race-data-poller/src/main.js';\n",
            "race-data-poller/src/main.js": "import '../../single-race-poller/src/main.js';\n",
        }
    )
    cleanup = plan_cleanup(before)
    assert cleanup.folders == ("batch-race-poller",)
    assert "scripts/login.js:1: race-data-poller stays" in said(cleanup)


def test_mentions_are_reported_and_delete_nothing() -> None:
    cleanup = plan_cleanup(tree())
    places = {(each.path, each.line) for each in cleanup.mentions}
    assert places == {
        ("enhanced-race-poller/package.json", 2),
        ("enhanced-race-poller/src/main.js", 1),
        ("scripts/deploy.js", 1),
        ("scripts/run-function.js", 6),
        ("scripts/run-function.js", 10),
    }


def test_a_copy_that_differs_is_not_replaced() -> None:
    cleanup = plan_cleanup(tree({"database-setup/src/database-setup.js": "export {};\n"}))
    assert not cleanup.of(Action.CREATE)
    assert "stays: database-setup/src/database-setup.js exists already, and is different" in said(cleanup)
    assert "daily-meetings/src/database-setup.js" not in {each.path for each in cleanup.changes}


def test_what_is_there_of_the_new_function_stays() -> None:
    before = with_function("database-setup", timeout=500)
    cleanup = plan_cleanup(before)
    assert cleanup.functions.added == 0
    assert "database-setup exists already and stays; it differs in name" in said(cleanup)


def test_line_ends_and_byte_order_marks_stay() -> None:
    changed = {
        name: b"\xef\xbb\xbf" + files()[name].replace(b"\n", b"\r\n") for name in ("package.json", "appwrite.json")
    }
    before = tree(changed)
    plain = after(tree(), plan_cleanup(tree()))
    found = after(before, plan_cleanup(before))
    for name in changed:
        assert found.text(name) == "\ufeff" + (plain.text(name) or "").replace("\n", "\r\n")


def test_links_and_dependencies_in_a_folder_go_with_it() -> None:
    before = tree({})
    more = Tree({**before.files, "race-data-poller/node_modules": None, "race-data-poller/link": None})
    gone = {each.path for each in plan_cleanup(more).of(Action.DELETE)}
    assert {"race-data-poller/node_modules", "race-data-poller/link"} <= gone


def test_the_newer_name_of_the_configuration_is_known() -> None:
    before = tree({"appwrite.json": None, "appwrite.config.json": files()["appwrite.json"]})
    assert "appwrite.config.json" in {each.path for each in plan_cleanup(before).of(Action.EDIT)}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"appwrite.json": b"\xff"}, "no UTF-8"),
        ({"package.json": "{"}, "package.json:1 is not JSON"),
    ],
)
def test_what_cannot_be_read_is_refused(changed: dict[str, str | bytes | None], message: str) -> None:
    with pytest.raises(IacError, match=message):
        plan_cleanup(tree(changed))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"appwrite.json": None}, "there is no appwrite.json"),
        ({"appwrite.json": '{"functions": [{"$id": "race-data-poller-2"}]}'}, "appwrite.json names none of"),
        ({"appwrite.json": '{"functions": []}'}, "appwrite.json names none of"),
        ({"appwrite.json": '{"functions": {}}'}, "appwrite.json has no list of functions"),
        ({"appwrite.json": "{}"}, "appwrite.json has no list of functions"),
    ],
)
def test_in_another_project_there_is_nothing_to_do(changed: dict[str, str | bytes | None], why: str) -> None:
    cleanup = plan_cleanup(tree(changed))
    assert (cleanup.changes, cleanup.findings) == ((), ())
    assert why in cleanup.nothing_here
    assert plan_cleanup(tree()).nothing_here == ""


def test_a_tree_without_a_package_is_cleaned_of_functions() -> None:
    cleanup = plan_cleanup(tree({"package.json": None}))
    assert cleanup.functions.removed == 3
    assert "package.json: is missing" in said(cleanup)
