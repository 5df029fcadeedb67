from __future__ import annotations

from dataclasses import replace
from datetime import date

from raceday_iac.linting.facts import CollectionFacts, Configuration
from raceday_iac.linting.linter import lint
from raceday_iac.linting.usage import read_code, requests_of, usages

from .made import configuration, function

HEAD = "from .vendor.appwrite_http import path_of\n"


def requests(code: str) -> list[str]:
    found = function(code=HEAD + code)
    assert found.files is not None
    return [f"{each.method} {each.template}" for each in requests_of(read_code(found.files, found.entrypoint))]


def test_a_path_is_put_together_from_its_parts() -> None:
    code = 'def f(client, db):\n    client.get(path_of("databases", db, "collections", "races", "documents"))\n'
    assert requests(code) == ["GET /databases/*/collections/races/documents"]


def test_a_path_is_followed_through_names_functions_and_attributes() -> None:
    code = """
def base(name):
    return path_of("functions", name)
class A:
    def __init__(self, name):
        self._path = base(name) + path_of("executions")
    def go(self, client):
        path = f"{self._path}/x"
        client.once("DELETE", path)
"""
    assert requests(code) == ["DELETE /functions/*/executions/x"]


def test_a_method_that_is_chosen_counts_as_both() -> None:
    code = 'def f(client, x):\n    (client.put if x else client.patch)("/databases/d/collections/c/documents/x", {})\n'
    assert requests(code) == [
        "PATCH /databases/d/collections/c/documents/x",
        "PUT /databases/d/collections/c/documents/x",
    ]


def test_where_a_path_cannot_be_known_all_of_the_module_count() -> None:
    code = 'ONE = "/databases/d"\nTWO = "/functions/f"\ndef f(client, path):\n    client.delete(path)\n'
    assert requests(code) == ["DELETE /databases/d", "DELETE /functions/f"]


def test_other_services_and_dictionaries_are_no_requests() -> None:
    assert requests('def f(client, d):\n    client.get("/affiliates/v1")\n    d.get("/databases/d")\n') == []


def test_scopes_are_those_of_the_requests() -> None:
    code = (
        HEAD
        + 'def f(client):\n    client.get("/databases/d/collections/c/documents")\n    client.delete("/databases/d")\n'
    )
    assert set(usages(configuration(function(code=HEAD + code)))["f"].scopes) == {"documents.read", "databases.write"}


def test_who_creates_executions_and_names_a_function_starts_it() -> None:
    code = HEAD + 'NAME = "poller"\ndef f(client):\n    client.once("POST", path_of("functions", NAME, "executions"))\n'
    used = usages(configuration(function("f", code=code), function("poller"), function("other")))
    assert used["f"].calls == ("poller",)


def test_collections_are_those_that_are_named_where_writes_are_made_up() -> None:
    code = HEAD + 'def f():\n    return Write("races", "x", {}), other("meetings")\n'
    places = tuple(CollectionFacts("d", name, (), False) for name in ("races", "meetings"))
    assert usages(Configuration((function(code=code),), places))["f"].writes == {"races"}


def test_without_code_scopes_decide() -> None:
    caller = function("caller", "0 1 * * *", scopes=("execution.write", "documents.write"))
    used = usages(configuration(caller, function("idle"), function("scheduled", "0 2 * * *")))
    assert (used["caller"].calls, used["caller"].writes, used["caller"].is_known) == (("idle",), {"*"}, False)


def test_it_is_said_of_each_function_why_its_code_says_nothing() -> None:
    node = replace(function("node"), entrypoint="src/main.js", files={"src/main.js": b"module.exports = () => {};"})
    foreign = function("foreign", code="from appwrite.client import Client\n")
    used = usages(configuration(node, foreign, function("live")))
    assert "code in Node and other languages is not" in used["node"].unread
    assert "does not use the shared client" in used["foreign"].unread
    assert used["live"].unread == "it is not managed here"
    skipped = lint(configuration(node, foreign), date(2026, 1, 1)).skipped
    said = [each for each in skipped if each.startswith("the code")]
    assert [each.partition(":")[0] for each in said] == ["the code of foreign", "the code of node"]


def test_code_that_is_broken_or_no_python_is_not_known() -> None:
    assert read_code({"src/main.js": b"x"}, "src/main.js") == {}
    assert read_code({"src/main.py": b"def ("}, "src/main.py") == {}
