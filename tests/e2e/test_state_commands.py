"""The commands that look at a state and change it by hand, on a state in files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .places import here, keep_state
from .project import Project, actions

STACK = """
    database = stack.database(P + "db", name="Db")
    things = database.collection("things", name="Things")
    things.string("text", 20)
"""


@pytest.fixture
def applied(project: Project) -> Project:
    project.declare(STACK)
    here(project, "apply", "--auto-approve")
    return project


def names(project: Project) -> list[str]:
    resources: list[str] = here(project, "state", "list", "--json").json["resources"]
    return [each.replace(project.prefix, "") for each in resources]


def pulled(project: Project) -> Any:
    return here(project, "state", "pull").json


OWNED = ["attribute.db/things/text", "collection.db/things", "database.db"]


def test_a_pulled_state_is_canonical_and_can_be_pushed_back(applied: Project) -> None:
    text = here(applied, "state", "pull").out
    content = json.loads(text)
    assert text == json.dumps(content, indent=2, sort_keys=True) + "\n"
    assert sorted(content["resources"]) == sorted(applied.state())
    assert content["saved"]["command"] == "apply"
    (applied.root / "kept.json").write_text(text, encoding="utf-8")
    said = here(applied, "state", "push", str(applied.root / "kept.json"), "--json").json
    assert said["serial"] == content["serial"] + 1
    assert {**pulled(applied), "serial": 0, "saved": {}} == {**content, "serial": 0, "saved": {}}
    applied.must_be_clean()


def test_a_state_is_pushed_from_standard_input(applied: Project) -> None:
    text = here(applied, "state", "pull").out
    assert "3 resources" in here(applied, "state", "push", "-", answer=text).out


def test_an_older_state_and_one_of_another_lineage_are_refused_unless_forced(applied: Project) -> None:
    content = pulled(applied)
    file = applied.root / "given.json"
    for change, said in (({"serial": 1}, "it is older"), ({"lineage": "of-another"}, "The lineage differs")):
        file.write_text(json.dumps({**content, **change, "resources": {}}), encoding="utf-8")
        refused = here(applied, "state", "push", str(applied.root / "given.json"), code=5)
        assert said in refused.err
        assert "--force" in refused.err
        assert names(applied) == OWNED
    here(applied, "state", "push", str(applied.root / "given.json"), "--force")
    assert names(applied) == []
    assert pulled(applied)["lineage"] == "of-another"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}', '{"format": 2, "lineage": "x"}'])
def test_what_is_no_state_is_not_pushed(applied: Project, content: str) -> None:
    (applied.root / "given.json").write_text(content, encoding="utf-8")
    refused = here(applied, "state", "push", str(applied.root / "given.json"), "--force", code=1)
    assert "given.json cannot be used as a state" in refused.err
    assert names(applied) == OWNED


def test_a_renamed_resource_takes_what_lies_in_it_along(applied: Project) -> None:
    old, new = applied.id("db"), applied.id("other")
    said = here(applied, "state", "mv", f"database.{old}", f"database.{new}", "--json").json
    assert said["moved"][f"collection.{old}/things"] == f"collection.{new}/things"
    assert names(applied) == [each.replace("db", "other") for each in OWNED]
    assert "function.x is not in the state" in here(applied, "state", "mv", "function.x", "function.y", code=1).err


def test_what_is_forgotten_stays_on_the_server_and_is_adopted_again(applied: Project) -> None:
    collection = f"collection.{applied.id('db')}/things"
    applied.proxy.forget()
    said = here(applied, "state", "rm", collection)
    assert "stays on Appwrite" in said.out
    assert applied.proxy.exchanges() == []
    assert names(applied) == ["database.db"]
    assert set(actions(here(applied, "plan", "--json").json).values()) == {"adopt"}
    here(applied, "apply", "--auto-approve")
    applied.must_be_clean()


def test_the_history_lists_each_run_and_any_of_them_can_be_restored(applied: Project) -> None:
    first = pulled(applied)
    applied.declare(STACK + '    things.string("more", 20)\n')
    here(applied, "apply", "--auto-approve")
    history = here(applied, "state", "history", "--json").json["history"]
    assert [(each["command"], each["resources"], each["current"]) for each in history] == [
        ("apply", 4, True),
        ("apply", 3, False),
    ]
    assert history[1]["serial"] == first["serial"]
    table = here(applied, "state", "history").out.splitlines()
    assert table[0].split() == ["serial", "saved", "by", "command", "resources"]
    assert table[1].endswith("← current")
    said = here(applied, "state", "restore", str(first["serial"]), "--json").json
    assert said["serial"] == history[0]["serial"] + 1
    assert names(applied) == OWNED
    assert set(actions(here(applied, "plan", "--json").json).values()) == {"adopt"}
    assert "Serial 999 is not in the history" in here(applied, "state", "restore", "999", code=1).err


def test_a_damaged_state_is_brought_back_from_the_history(applied: Project) -> None:
    here(applied, "state", "rm", f"attribute.{applied.id('db')}/things/text")
    applied.state_file.write_text("{", encoding="utf-8")
    (serial,) = [each["serial"] for each in here(applied, "state", "history", "--json").json["history"]]
    here(applied, "state", "restore", str(serial))
    applied.must_be_clean()


def test_a_state_that_is_being_applied_cannot_be_changed_by_hand(project: Project) -> None:
    project.declare(STACK)
    others: list[Any] = []

    def meanwhile() -> None:
        lock = here(project, "state", "lock", "list", "--json").json["locks"]
        others.extend([lock, here(project, "state", "rm", "database.x", code=6)])
        others.append(here(project, "state", "lock", "release", "--yes", code=6))

    project.proxy.call(meanwhile, "POST", "/databases")
    project.apply()
    (lock,), refused, released = others
    assert (lock["reason"], lock["expired"], lock["expiresIn"]) == ("apply", False, None)
    assert "locked by apply" in refused.err
    assert "a running process" in released.err
    assert here(project, "state", "lock", "list").out == "The state is not locked.\n"
    assert "nothing to release" in here(project, "state", "lock", "release").out
    project.must_be_clean()


# Encryption.


def key(project: Project) -> str:
    made: str = here(project, "state", "keys", "--generate", "--json").json["key"]
    return made


def test_an_encrypted_state_says_nothing_and_its_keys_can_be_changed(project: Project) -> None:
    project.declare(STACK)
    old, new = key(project), key(project)
    keep_state(project, "backend: local\nencryption: {key_env: NEW_KEY, previous_key_env: OLD_KEY}")
    project.secret("NEW_KEY", old)
    project.apply()
    here(project, "apply", "--auto-approve", "--replace", f"attribute.{project.id('db')}/things/text")
    assert "things" not in project.state_file.read_text(encoding="utf-8")
    project.must_keep_no_secret()
    in_use = here(project, "state", "keys", "--json").json
    assert (in_use["days"], in_use["due"]) == (0, False)
    project.secret("OLD_KEY", old)
    project.secret("NEW_KEY", new)
    said = here(project, "state", "rekey", "--json").json
    assert said["key"] != in_use["key"]
    assert said["rewritten"] == 2
    del project.variables["OLD_KEY"]
    project.must_be_clean()
    for each in here(project, "state", "history", "--json").json["history"]:
        here(project, "state", "restore", str(each["serial"]))
    assert sorted(pulled(project)["resources"]) == sorted(f"{each}" for each in pulled(project)["resources"])


def test_a_wrong_or_missing_key_is_reported_and_nothing_is_changed(project: Project) -> None:
    project.declare(STACK)
    keep_state(project, "backend: local\nencryption: {key_env: STATE_KEY}")
    project.secret("STATE_KEY", key(project))
    project.apply()
    before = project.state_file.read_bytes()
    project.proxy.forget()
    project.secret("STATE_KEY", key(project))
    assert "none of the given keys can decrypt it" in here(project, "apply", "--auto-approve", code=1).err
    assert "none of the given keys can decrypt it" in here(project, "state", "rekey", code=1).err
    project.variables["STATE_KEY"] = ""
    assert (
        "STATE_KEY is empty. It must hold the key that encrypts the state."
        in here(project, "apply", "--auto-approve", code=1).err
    )
    keep_state(project, "backend: local")
    assert "it is encrypted, and the environment names no key" in here(project, "apply", "--auto-approve", code=1).err
    assert "is not encrypted" in here(project, "state", "rekey", code=1).err
    assert project.state_file.read_bytes() == before
    assert project.proxy.writes() == 0
