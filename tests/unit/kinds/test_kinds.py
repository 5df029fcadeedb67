"""The table of kinds."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import pytest

from raceday_iac import kinds
from raceday_iac.kinds import KINDS, Kind
from raceday_iac.kinds.base import thaw
from raceday_iac.kinds.database import parse
from raceday_iac.model.address import Address
from raceday_iac.model.evidence import Ask
from raceday_iac.model.resource import Live, frozen

from .. import recorded
from ..declaring import address


def test_every_module_that_defines_a_kind_is_in_the_table_under_its_name() -> None:
    modules = [import_module(f"raceday_iac.kinds.{each.name}") for each in iter_modules(kinds.__path__)]
    defined = [kind for each in modules if hasattr(each, "KIND") for kind in (each.KIND, *getattr(each, "INNER", ()))]
    assert {kind.name: kind for kind in defined} == {**KINDS, **kinds.BESIDE}


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("database", "collection"),
        ("collection", "attribute"),
        ("attribute", "relationship"),
        ("relationship", "index"),
        ("function", "variable"),
        ("variable", "deployment"),
    ],
)
def test_what_needs_something_comes_after_it(first: str, then: str) -> None:
    assert KINDS[first].stage < KINDS[then].stage


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_owners_come_first_and_code_after_what_it_reads(kind: Kind) -> None:
    assert not kind.owner or KINDS[kind.owner].stage < kind.stage
    code = [each.stage for each in KINDS.values() if each.is_code or each.has_runs]
    assert not kind.is_read_by_code or kind.stage < min(code)


def test_deleting_what_holds_documents_may_lose_data() -> None:
    def asked(kind: Kind) -> set[Ask]:
        path = {"database": "d", "collection": "d/c", "function": "f", "deployment": "f", "variable": "f/K"}
        live = Live(Address(kind.name, path.get(kind.name, "d/c/x")), frozen({}))
        return {each.ask for each in kind.loses(live)}

    assert {name: found for name, kind in KINDS.items() if (found := asked(kind)) and not kind.contents} == {
        "database": {Ask.DOCUMENTS, Ask.UNMANAGED},
        "collection": {Ask.DOCUMENTS, Ask.UNMANAGED},
        "attribute": {Ask.VALUES, Ask.UNMANAGED},
        "relationship": {Ask.DOCUMENTS},
        "document": {Ask.DOCUMENTS},
        "function": {Ask.CODE, Ask.UNMANAGED, Ask.EXECUTIONS},
        "site": {Ask.CODE, Ask.UNMANAGED},
    }


def test_what_appwrite_does_after_answering_has_to_settle() -> None:
    assert {name for name, kind in KINDS.items() if kind.is_async} == {"attribute", "relationship", "index"}


def test_thawing_makes_json_of_canonical_values() -> None:
    assert thaw({"a": (1, ("b",)), "c": frozen({"d": ()})}) == {"a": [1, ["b"]], "c": {"d": []}}


def test_a_database_reads_back_as_sent() -> None:
    live = parse((), recorded.answer("databases", "create disabled"))
    assert live.fields["enabled"] is False
    assert live.address.kind == "database"


def test_an_update_of_a_database_says_enabled_because_it_resets_what_it_omits() -> None:
    at = address("database.d")
    fields = frozen({"name": "D", "enabled": False})
    assert KINDS["database"].requests.update(at, fields, Live(at, fields)).body == {"name": "D", "enabled": False}


@pytest.mark.parametrize("method", ["create", "update"])
def test_a_deployment_is_not_written_by_one_request(method: str) -> None:
    at = address("deployment.f")
    arguments = (at, frozen({})) if method == "create" else (at, frozen({}), Live(at, frozen({})))
    with pytest.raises(NotImplementedError):
        getattr(KINDS["deployment"].requests, method)(*arguments)
