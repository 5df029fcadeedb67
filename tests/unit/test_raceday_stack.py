"""What `stacks/raceday.py` says, against the legacy schema and the numbers that were agreed on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.kinds.base import thaw
from raceday_iac.loading.environment import load_environment
from raceday_iac.loading.resolve import resolve
from raceday_iac.loading.stack_file import load_stack
from raceday_iac.model.address import Address, function_address
from raceday_iac.model.resource import Desired
from raceday_iac.model.stack import Declaration, Stack

LEGACY = json.loads((Path(__file__).parents[1] / "data" / "raceday" / "schema.json").read_text(encoding="utf-8"))
FUNCTIONS = (
    "database-setup",
    "daily-meetings",
    "daily-races",
    "daily-initial-data",
    "enhanced-race-poller",
    "master-race-scheduler",
    "meeting-status-poller",
)
ADDED_COLLECTIONS = {"locks", "schema-versions"}
USERS_OWN = {"user-alert-configs", "notifications"}
DOCUMENTS = {"documents.read", "documents.write"}


@pytest.fixture(scope="module")
def stack(project: Path) -> Stack:
    return load_stack(project / "stacks" / "raceday.py")


@pytest.fixture(scope="module")
def raceday(project: Path, stack: Stack) -> Desired:
    return resolve(stack, load_environment(project / "stacks" / "raceday.py", "local", {}), project, {})


def function(desired: Desired, name: str) -> dict[str, Any]:
    return dict(desired.resources[Address("function", name)].fields)


def declared(stack: Stack, name: str) -> Declaration:
    return next(each for each in stack.declarations if each.kind == "function" and each.arguments["id"] == name)


def members(desired: Desired, collection: str, kind: str) -> list[dict[str, Any]]:
    """Members as JSON, without settings that the legacy file does not have or does not know."""
    owner = Address("collection", f"raceday-db/{collection}")
    return [{"key": each.address.name, **thaw(each.fields)} for each in desired.below(owner, kind)]


# What there is.


def test_there_are_exactly_the_seven_functions(raceday: Desired) -> None:
    assert {each.address.path for each in raceday.of_kind("function")} == set(FUNCTIONS)


def test_there_is_one_database_with_eleven_collections(raceday: Desired) -> None:
    assert [(each.address.path, each.fields["name"]) for each in raceday.of_kind("database")] == [
        ("raceday-db", "RaceDay Database")
    ]
    assert {each.address.name for each in raceday.of_kind("collection")} == set(
        LEGACY["collections"]
    ) | ADDED_COLLECTIONS


#: Plain copies of relationships, and the indexes that need them: by these the functions and the web client look up.
ADDED_ATTRIBUTES = {("race-results", "raceId"), ("entrants", "raceId"), ("money-flow-history", "entrantId")}
ADDED_INDEXES = {("entrants", "idx_race_active"), ("money-flow-history", "idx_race_entrant_time")}


def legacy_members(desired: Desired, collection: str, kind: str, added: set[tuple[str, str]]) -> list[dict[str, Any]]:
    return [each for each in members(desired, collection, kind) if (collection, each["key"]) not in added]


def test_the_nine_legacy_collections_have_181_attributes_6_relationships_and_23_indexes(raceday: Desired) -> None:
    def count(kind: str) -> int:
        return sum(len(members(raceday, each, kind)) for each in LEGACY["collections"])

    assert count("attribute") == 181 + len(ADDED_ATTRIBUTES)
    assert count("relationship") == 6
    assert count("index") == 23 + len(ADDED_INDEXES)


def test_each_plain_copy_of_a_relationship_is_a_short_optional_text(raceday: Desired) -> None:
    for collection, key in ADDED_ATTRIBUTES:
        (found,) = [each for each in members(raceday, collection, "attribute") if each["key"] == key]
        assert (found["type"], found["size"], found["required"]) == ("string", 50, False)


@pytest.mark.parametrize("collection", LEGACY["collections"])
def test_attributes_are_the_legacy_ones_in_the_same_order(raceday: Desired, collection: str) -> None:
    found = legacy_members(raceday, collection, "attribute", ADDED_ATTRIBUTES)
    for each in found:
        assert each.pop("encrypt", False) is False
        assert (each.pop("min", None), each.pop("max", None)) == (None, None)
    assert found == LEGACY["collections"][collection]["attributes"]


@pytest.mark.parametrize("collection", LEGACY["collections"])
def test_relationships_are_the_legacy_ones(raceday: Desired, collection: str) -> None:
    assert members(raceday, collection, "relationship") == LEGACY["collections"][collection].get("relationships", [])


@pytest.mark.parametrize("collection", LEGACY["collections"])
def test_indexes_are_the_legacy_ones_without_orders_or_lengths(raceday: Desired, collection: str) -> None:
    found = legacy_members(raceday, collection, "index", ADDED_INDEXES)
    for each in found:
        assert set(each.pop("orders")) <= {"ASC"}
        assert set(each.pop("lengths")) <= {0}
    legacy = [{k: v for k, v in each.items() if k != "orders"} for each in LEGACY["collections"][collection]["indexes"]]
    assert found == legacy


@pytest.mark.parametrize("collection", LEGACY["collections"])
def test_names_and_switches_of_collections_are_the_legacy_ones(raceday: Desired, collection: str) -> None:
    fields = raceday.resources[Address("collection", f"raceday-db/{collection}")].fields
    legacy = LEGACY["collections"][collection]
    assert (fields["name"], fields["documentSecurity"], fields["enabled"]) == (
        legacy["name"],
        legacy["documentSecurity"],
        legacy["enabled"],
    )


def test_owners_are_declared_before_what_refers_to_them(raceday: Desired) -> None:
    order = {address: number for number, address in enumerate(raceday.resources)}
    for resource in raceday.resources.values():
        assert all(order[each] < order[resource.address] for each in resource.depends_on)


# Who may do what.


@pytest.mark.parametrize("collection", sorted(set(LEGACY["collections"]) - USERS_OWN))
def test_the_public_may_read_race_data_and_nobody_but_keys_may_write_it(raceday: Desired, collection: str) -> None:
    permissions = raceday.resources[Address("collection", f"raceday-db/{collection}")].fields["permissions"]
    assert permissions == ('read("any")',)


@pytest.mark.parametrize("collection", sorted(USERS_OWN))
def test_users_keep_their_own_alerts_and_notifications(raceday: Desired, collection: str) -> None:
    permissions = raceday.resources[Address("collection", f"raceday-db/{collection}")].fields["permissions"]
    assert set(permissions) == set(LEGACY["collections"][collection]["permissions"])
    assert not any("any" in each for each in permissions)


@pytest.mark.parametrize("collection", sorted(ADDED_COLLECTIONS))
def test_locks_and_versions_are_for_keys_alone(raceday: Desired, collection: str) -> None:
    assert raceday.resources[Address("collection", f"raceday-db/{collection}")].fields["permissions"] == ()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nobody_on_the_internet_may_start_a_function(raceday: Desired, name: str) -> None:
    assert function(raceday, name)["execute"] == ()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_function_starts_on_events(raceday: Desired, name: str) -> None:
    assert function(raceday, name)["events"] == ()


@pytest.mark.parametrize("name", ["daily-meetings", "daily-races", "enhanced-race-poller", "meeting-status-poller"])
def test_data_functions_may_touch_documents_only(raceday: Desired, name: str) -> None:
    assert set(function(raceday, name)["scopes"]) == DOCUMENTS


@pytest.mark.parametrize("name", ["daily-initial-data", "master-race-scheduler"])
def test_the_two_callers_may_start_executions_too(raceday: Desired, name: str) -> None:
    assert set(function(raceday, name)["scopes"]) == DOCUMENTS | {"execution.read", "execution.write"}


def test_the_set_up_may_touch_the_schema_and_documents_but_no_functions(raceday: Desired) -> None:
    schema = {
        f"{what}.{how}" for what in ("databases", "collections", "attributes", "indexes") for how in ("read", "write")
    }
    assert set(function(raceday, "database-setup")["scopes"]) == schema | DOCUMENTS


def test_no_function_is_given_a_static_key(raceday: Desired) -> None:
    assert not [each for each in raceday.of_kind("variable") if "KEY" in each.address.name or each.fields["secret"]]


# When and for how long.


@pytest.mark.parametrize(
    ("name", "schedule", "timeout", "specification"),
    [
        ("database-setup", "", 300, "s-2vcpu-2gb"),
        ("daily-meetings", "0 19 * * *", 840, "s-1vcpu-1gb"),
        ("daily-races", "0 20 * * *", 840, "s-2vcpu-2gb"),
        ("daily-initial-data", "30 20 * * *", 840, "s-1vcpu-1gb"),
        ("enhanced-race-poller", "", 150, "s-2vcpu-2gb"),
        ("master-race-scheduler", "*/1 * * * *", 120, "s-1vcpu-1gb"),
        ("meeting-status-poller", "*/15 21-23,0-11 * * *", 300, "s-1vcpu-1gb"),
    ],
)
def test_schedules_timeouts_and_specifications(
    raceday: Desired, name: str, schedule: str, timeout: int, specification: str
) -> None:
    fields = function(raceday, name)
    assert (fields["schedule"], fields["timeout"], fields["specification"]) == (schedule, timeout, specification)
    assert fields["enabled"] is True
    assert fields["logging"] is True


@pytest.mark.parametrize(
    ("name", "stale_after", "heartbeat", "expiry", "target"),
    [
        ("daily-meetings", 300, 120, 780, 30),
        ("daily-races", 360, 90, 780, 40),
        ("daily-initial-data", 180, 60, 780, 50),
        ("enhanced-race-poller", 120, 45, 120, 25),
        ("master-race-scheduler", 75, 30, 90, 15),
        ("meeting-status-poller", 240, 120, 270, 35),
        ("database-setup", 60, 20, 280, None),
    ],
)
def test_lock_numbers(
    stack: Stack, name: str, stale_after: int, heartbeat: int, expiry: int, target: int | None
) -> None:
    lock = declared(stack, name).arguments["lock"]
    assert (lock.lock_id, lock.stale_after, lock.heartbeat, lock.expiry, lock.check_target_ms) == (
        f"{name}-lock",
        stale_after,
        heartbeat,
        expiry,
        target,
    )


def test_locks_are_kept_in_a_declared_collection(raceday: Desired) -> None:
    assert raceday.lock_store == ("raceday-db", "locks")


# What goes.


def test_the_three_replaced_pollers_must_not_exist_each_with_a_reason(raceday: Desired) -> None:
    assert {str(each) for each in raceday.tombstones} == {
        "function.race-data-poller",
        "function.single-race-poller",
        "function.batch-race-poller",
    }
    assert all(each.reason for each in raceday.tombstones.values())


def test_project_wide_variables_are_expected_and_not_shadowed(raceday: Desired) -> None:
    assert set(raceday.expected_variables) == {"APPWRITE_ENDPOINT", "APPWRITE_PROJECT_ID", "APPWRITE_API_KEY"}
    assert not {each.address.name for each in raceday.of_kind("variable")} & set(raceday.expected_variables)


# Code.


def test_the_code_of_the_set_up_is_managed_and_packs_the_schema(raceday: Desired) -> None:
    source = raceday.code[function_address("database-setup")]
    assert (source.entrypoint, source.schema_of) == ("src/main.py", "raceday-db")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_managed_code_is_python_and_kept_code_stays_what_it_is(raceday: Desired, name: str) -> None:
    expected = ("python-3.12", "src/main.py") if function_address(name) in raceday.code else ("node-22", "src/main.js")
    fields = function(raceday, name)
    assert (fields["runtime"], fields["entrypoint"]) == expected


# Environments.


def test_every_environment_file_can_be_loaded(project: Path) -> None:
    variables = {
        f"RACEDAY_{name}_{what}": value
        for name in ("DEV", "STAGING", "PROD")
        for what, value in (("ENDPOINT", "https://a.example.org/v1"), ("PROJECT_ID", "p"))
    }
    names = {each.stem for each in (project / "stacks" / "environments").glob("*.yaml")}
    assert names >= {"local", "dev", "staging", "prod"}
    for name in names:
        environment = load_environment(project / "stacks" / "raceday.py", name, variables)
        assert bool(environment.api_key_env) != environment.is_embedded


def test_the_default_environment_is_the_embedded_server(project: Path) -> None:
    assert load_environment(project / "stacks" / "raceday.py", "local", {}).is_embedded


def test_a_development_server_runs_no_schedules(project: Path) -> None:
    variables = {"RACEDAY_DEV_ENDPOINT": "https://a.example.org/v1", "RACEDAY_DEV_PROJECT_ID": "p"}
    assert not load_environment(project / "stacks" / "raceday.py", "dev", variables).schedules


@pytest.mark.parametrize("name", ["local", "dev", "staging", "prod"])
def test_no_environment_file_holds_a_key(project: Path, name: str) -> None:
    text = (project / "stacks" / "environments" / f"{name}.yaml").read_text(encoding="utf-8")
    assert "standard_" not in text


def test_the_stack_resolves_in_every_environment(project: Path, stack: Stack) -> None:
    variables = {f"RACEDAY_DEV_{what}": "https://a.example.org/v1" for what in ("ENDPOINT", "PROJECT_ID")}
    environment = load_environment(project / "stacks" / "raceday.py", "dev", variables)
    found = resolve(stack, environment, project, variables)
    assert all(each.fields["schedule"] == "" for each in found.of_kind("function"))


def test_resolving_twice_gives_the_same(project: Path, stack: Stack, raceday: Desired) -> None:
    environment = load_environment(project / "stacks" / "raceday.py", "local", {})
    assert resolve(stack, environment, project, {}) == raceday
