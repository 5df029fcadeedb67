"""From wanted and live to a list of things to do. Nothing is ever planned to be deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import addresses, compare, requests
from .compare import Difference
from .live import Live, LiveCollection
from .problems import INCOMPATIBLE, Problem
from .requests import Item, Update
from .schema import Attribute, Collection, Index, Relationship, Schema


@dataclass
class Plan:
    """What has to happen, in the order of the fields."""

    database: Item | None = None
    collections: list[Item] = field(default_factory=list)
    attributes: list[Item] = field(default_factory=list)
    relationships: list[Item] = field(default_factory=list)
    indexes: list[Item] = field(default_factory=list)
    #: Updates of the database, collections, attributes and relationships.
    updates: list[Update] = field(default_factory=list)
    #: Existing things that are still being made: (collection, key).
    settling_attributes: set[tuple[str, str]] = field(default_factory=set)
    settling_indexes: set[tuple[str, str]] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    unchanged: int = 0
    #: Live things in managed collections that the schema does not name. They are left alone.
    unmanaged: list[str] = field(default_factory=list)

    def is_empty(self) -> bool:
        """Whether there is nothing to do and nothing to wait for."""
        creations = self.database or self.collections or self.attributes or self.relationships or self.indexes
        return not (creations or self.updates or self.settling_attributes or self.settling_indexes)


def plan_changes(schema: Schema, live: Live) -> Plan:
    """Compare everything."""
    plan = Plan()
    _plan_database(plan, schema, live)
    for wanted in schema.collections:
        _plan_collection(plan, schema.database_id, wanted, live.collections.get(wanted.id))
    known = {wanted.id for wanted in schema.collections}
    others = [each for each in live.collections if each not in known]
    plan.unmanaged += [addresses.address("collection", schema.database_id, each) for each in others]
    return plan


def _plan_database(plan: Plan, schema: Schema, live: Live) -> None:
    if live.database is None:
        plan.database = requests.create_database(schema)
        return
    declared = {"name": schema.database_name, "enabled": schema.database_enabled}
    differences = tuple(
        Difference(name, value, live.database.get(name), True)
        for name, value in declared.items()
        if live.database.get(name) != value
    )
    if differences:
        plan.updates.append(requests.update_database(schema, differences))
    else:
        plan.unchanged += 1


def _plan_collection(plan: Plan, database: str, wanted: Collection, live: LiveCollection | None) -> None:
    if live is None:
        plan.collections.append(requests.create_collection(database, wanted))
        live = LiveCollection({})
    else:
        differences = tuple(compare.collection_differences(wanted, live.raw))
        if differences:
            plan.updates.append(requests.update_collection(database, wanted, differences))
        else:
            plan.unchanged += 1
    for attribute in wanted.attributes:
        _plan_attribute(plan, database, wanted.id, attribute, live)
    for relationship in wanted.relationships:
        _plan_relationship(plan, database, wanted.id, relationship, live)
    for index in wanted.indexes:
        _plan_index(plan, database, wanted.id, index, live)
    plan.unmanaged += unmanaged(database, wanted, live)


def _plan_attribute(plan: Plan, database: str, collection: str, wanted: Attribute, live: LiveCollection) -> None:
    raw = live.attributes.get(wanted.key)
    if raw is None or raw.get("status") == "deleting":
        plan.attributes.append(requests.create_attribute(database, collection, wanted))
        return
    differences = tuple(compare.attribute_differences(wanted, raw))
    named = addresses.address("attribute", database, collection, wanted.key)
    if _exists_soundly(plan, plan.settling_attributes, named, (collection, wanted.key), raw, differences):
        plan.updates.append(requests.update_attribute(database, collection, wanted, raw, differences))


def _plan_relationship(plan: Plan, database: str, collection: str, wanted: Relationship, live: LiveCollection) -> None:
    raw = live.attributes.get(wanted.key)
    if raw is None or raw.get("status") == "deleting":
        plan.relationships.append(requests.create_relationship(database, collection, wanted))
        return
    differences = tuple(compare.relationship_differences(wanted, raw))
    named = addresses.address("relationship", database, collection, wanted.key)
    if _exists_soundly(plan, plan.settling_attributes, named, (collection, wanted.key), raw, differences):
        plan.updates.append(requests.update_relationship(database, collection, wanted, differences))


def _plan_index(plan: Plan, database: str, collection: str, wanted: Index, live: LiveCollection) -> None:
    raw = live.indexes.get(wanted.key)
    if raw is None or raw.get("status") == "deleting":
        plan.indexes.append(requests.create_index(database, collection, wanted))
        return
    arrays = live.arrays()
    differences = tuple(compare.index_differences(wanted, raw, arrays))
    named = addresses.address("index", database, collection, wanted.key)
    _exists_soundly(plan, plan.settling_indexes, named, (collection, wanted.key), raw, differences)


def _exists_soundly(
    plan: Plan,
    settling: set[tuple[str, str]],
    named: str,
    place: tuple[str, str],
    raw: Mapping[str, Any],
    differences: tuple[Difference, ...],
) -> bool:
    """Sort an existing thing in. True when an update is needed and possible."""
    status = raw.get("status", "available")
    if status in ("failed", "stuck"):
        reason = f"is {status}: {raw.get('error') or 'the server gives no reason'}; delete it by hand, then run again"
        plan.problems.append(Problem(named, INCOMPATIBLE, reason))
        return False
    if status == "processing":
        settling.add(place)
    fixed = [str(each) for each in differences if not each.in_place]
    if fixed:
        reason = f"cannot be changed in place: {'; '.join(fixed)}"
        plan.problems.append(Problem(named, INCOMPATIBLE, reason))
        return False
    if not differences and status != "processing":
        plan.unchanged += 1
    return bool(differences)


def unmanaged(database: str, wanted: Collection, live: LiveCollection) -> list[str]:
    """Addresses of attributes and indexes that are not declared. Mirrors of two-way relationships do not count."""
    declared = {each.key for each in wanted.attributes} | {each.key for each in wanted.relationships}
    attributes = [
        addresses.address("attribute", database, wanted.id, key)
        for key, raw in live.attributes.items()
        if key not in declared and raw.get("side") != "child"
    ]
    known = {each.key for each in wanted.indexes}
    return attributes + [
        addresses.address("index", database, wanted.id, key) for key in live.indexes if key not in known
    ]
