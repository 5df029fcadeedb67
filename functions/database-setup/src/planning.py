"""From wanted and live to a list of things to do. Nothing is ever planned to be deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .schema import INCOMPATIBLE, Collection, Fields, Live, LiveCollection, Part, Place, Problem, Schema, address
from .vendor.kinds import schema_rules as rules
from .vendor.kinds.schema_rules import FieldDifference, Request


class Item(NamedTuple):
    """One thing to create: `ids` are those of database, collection and itself, as far as it has them."""

    kind: str
    ids: tuple[str, ...]
    fields: Fields

    @property
    def address(self) -> str:
        return address(self.kind, *self.ids)

    @property
    def collection(self) -> str:
        return "".join(self.ids[1:2])

    @property
    def key(self) -> str:
        return "".join(self.ids[2:])

    @property
    def place(self) -> Place:
        return (self.collection, self.key)

    @property
    def read_path(self) -> str:
        """Where it can be read, and deleted."""
        return rules.path_of(self.kind, self.ids)

    def request(self) -> Request:
        """What creates it."""
        return rules.create_request(self.kind, self.ids, self.fields)

    def collections(self) -> set[str]:
        """Those whose schema its creation and its deletion write."""
        return {each for _, *rest in rules.schema_places(self.ids, self.fields) for each in rest}

    def far_side(self) -> set[Place]:
        """Where the server shows the other side of a two-way relationship."""
        if self.kind != "relationship" or not self.fields["twoWay"]:
            return set()
        return {(self.fields["relatedCollection"], self.fields["twoWayKey"] or self.collection)}


class Update(NamedTuple):
    """One thing to change in place."""

    item: Item
    real: Fields
    differences: tuple[FieldDifference, ...]

    def request(self) -> Request:
        return rules.update_request(self.item.kind, self.item.ids, self.item.fields, self.real)


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
    #: Existing things that are still being made.
    settling_attributes: set[Place] = field(default_factory=set)
    settling_indexes: set[Place] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    unchanged: int = 0
    #: Live things in managed collections that the schema does not name. They are left alone.
    unmanaged: list[str] = field(default_factory=list)

    def is_empty(self) -> bool:
        """Whether there is nothing to do and nothing to wait for."""
        creations = self.database or self.collections or self.attributes or self.relationships or self.indexes
        return not (creations or self.updates or self.settling_attributes or self.settling_indexes)

    def create(self, item: Item) -> None:
        parts = {"attribute": self.attributes, "relationship": self.relationships, "index": self.indexes}
        parts[item.kind].append(item)

    def settling(self, kind: str) -> set[Place]:
        return self.settling_indexes if kind == "index" else self.settling_attributes


def plan_changes(schema: Schema, live: Live) -> Plan:
    """Compare everything."""
    plan, database = Plan(), Item("database", (schema.database_id,), schema.fields)
    if live.database is None:
        plan.database = database
    else:
        _update_container(plan, database, rules.database_fields(live.database))
    for wanted in schema.collections:
        _plan_collection(plan, schema.database_id, wanted, live.collections.get(wanted.id))
    known = {wanted.id for wanted in schema.collections}
    others = [each for each in live.collections if each not in known]
    plan.unmanaged += [address("collection", schema.database_id, each) for each in others]
    return plan


def _update_container(plan: Plan, item: Item, real: Fields) -> None:
    differences = tuple(rules.differences(item.kind, item.fields, real))
    if differences:
        plan.updates.append(Update(item, real, differences))
    else:
        plan.unchanged += 1


def _plan_collection(plan: Plan, database: str, wanted: Collection, live: LiveCollection | None) -> None:
    item = Item("collection", (database, wanted.id), wanted.fields)
    if live is None:
        plan.collections.append(item)
        live = LiveCollection({})
    else:
        _update_container(plan, item, rules.collection_fields(live.raw))
    for part in wanted.parts():
        _plan_part(plan, (database, wanted.id), part, live)
    plan.unmanaged += _unmanaged(database, wanted, live)


def _plan_part(plan: Plan, owner: tuple[str, str], wanted: Part, live: LiveCollection) -> None:
    item = Item(wanted.kind, (*owner, wanted.key), wanted.fields)
    raw = live.find(wanted.kind, wanted.key)
    if raw is None or raw.get("status") == "deleting":
        plan.create(item)
        return
    differences = tuple(live.differences(wanted))
    if _exists_soundly(plan, item, raw, differences):
        real = rules.attribute_fields(raw) if wanted.kind == "attribute" else rules.relationship_fields(raw)
        plan.updates.append(Update(item, real, differences))


def _exists_soundly(plan: Plan, item: Item, raw: Mapping[str, Any], differences: tuple[FieldDifference, ...]) -> bool:
    """Sort an existing thing in. True when an update is needed and possible."""
    status = raw.get("status", "available")
    if status in ("failed", "stuck"):
        reason = f"is {status}: {raw.get('error') or 'the server gives no reason'}; delete it by hand, then run again"
        plan.problems.append(Problem(item.address, INCOMPATIBLE, reason))
        return False
    if status == "processing":
        plan.settling(item.kind).add(item.place)
    fixed = [str(each) for each in differences if not each.in_place]
    if fixed:
        reason = f"cannot be changed in place: {'; '.join(fixed)}"
        plan.problems.append(Problem(item.address, INCOMPATIBLE, reason))
        return False
    if not differences and status != "processing":
        plan.unchanged += 1
    return bool(differences)


def _unmanaged(database: str, wanted: Collection, live: LiveCollection) -> list[str]:
    """Addresses of attributes and indexes that are not declared. Mirrors of two-way relationships do not count."""
    declared = {each.key for each in (*wanted.attributes, *wanted.relationships)}
    known = {each.key for each in wanted.indexes}
    keys = [key for key, raw in live.attributes.items() if key not in declared and not rules.is_mirror(raw)]
    return [address("attribute", database, wanted.id, key) for key in keys] + [
        address("index", database, wanted.id, key) for key in live.indexes if key not in known
    ]
