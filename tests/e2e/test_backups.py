"""What a plan destroys or narrows is kept before it, and can be written back."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .project import Project

#: Orders in the shop; more of them with this variable.
ORDERS = int(os.environ.get("RACEDAY_BACKUP_DOCUMENTS", "230"))

ROOMS = """
    shop = stack.database(P + "shop", name="Shop")
    rooms = shop.collection("rooms", name="Rooms")
    rooms.string("name", 50, required=True)
    notes = shop.collection("notes", name="Notes")
    notes.string("text", 50)
"""
ORDER_FIELDS = """
    orders = shop.collection("orders", name="Orders", document_security=True, permissions=['read("any")'])
    orders.string("text", 60, required=True)
    orders.string("tags", 20, array=True)
    orders.integer("number")
    orders.float("price")
    orders.datetime("at")
    orders.relationship("room", "rooms", type="manyToOne", two_way=True, two_way_key="orders", on_delete="setNull")
    orders.relationship("extras", "rooms", type="manyToMany", two_way_key="extraOf", on_delete="setNull")
    notes.relationship("about", "orders", type="manyToOne", on_delete="setNull")
"""


def order(number: int) -> dict[str, Any]:
    """One that differs from all others, some with nothing in it."""
    return {
        "text": f"Order ünd {number}",
        "tags": [f"t{number}", "x"] if number % 3 else [],
        "number": number if number % 5 else None,
        "price": number / 4,
        "at": "2026-01-02T03:04:05.678+00:00" if number % 2 else None,
        "room": f"r{number % 4}" if number % 7 else None,
        "extras": [f"r{each}" for each in range(number % 3)],
    }


def documents(project: Project, collection: str) -> str:
    return f"/databases/{project.id('shop')}/collections/{collection}/documents"


def put(project: Project, collection: str, identity: str, data: dict[str, Any], *permissions: str) -> None:
    content = {"documentId": identity, "data": data, "permissions": list(permissions)}
    project.api.post(documents(project, collection), content)


def fill(project: Project, number: int = ORDERS) -> None:
    for each in range(4):
        put(project, "rooms", f"r{each}", {"name": f"Room {each}"})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: put(project, "orders", f"o{n}", order(n), f'read("user:u{n}")'), range(number)))
    for each in range(5):
        put(project, "notes", f"n{each}", {"text": f"Note {each}", "about": f"o{each}"})


#: What a document says beside its values, and only the server can write.
SYSTEM = ("$sequence", "$databaseId", "$collectionId")


def everything(project: Project, *collections: str) -> dict[str, dict[str, Any]]:
    """Every document as the server tells it, with the ids of what it is related to."""
    paths = {"orders": ["room.$id", "extras.$id"], "notes": ["about.$id"], "rooms": []}
    found = {}
    for name in collections:
        queries = [{"method": "select", "values": ["*", *paths[name]]}, {"method": "limit", "values": [100_000]}]
        for each in project.api.get(documents(project, name), *queries)["documents"]:
            content = {key: told(value) for key, value in each.items() if key not in SYSTEM}
            found[f"{name}/{each['$id']}"] = content
    return found


def told(value: Any) -> Any:
    if isinstance(value, dict):
        return value.get("$id")
    return sorted(map(told, value)) if isinstance(value, list) and value and isinstance(value[0], dict) else value


def declare(project: Project, *parts: str) -> None:
    project.declare("".join(parts))


@pytest.fixture
def shop(project: Project) -> Project:
    """A shop with orders."""
    declare(project, ROOMS, ORDER_FIELDS)
    project.apply()
    fill(project)
    return project


def test_a_destroyed_collection_is_restored_document_by_document(shop: Project) -> None:
    before = everything(shop, "orders", "rooms", "notes")
    declare(shop, ROOMS)
    allowed = (f"collection.{shop.id('shop')}/orders={ORDERS}", f"relationship.{shop.id('shop')}/notes/about=5")
    losing = [word for each in allowed for word in ("--allow-data-loss", each)]
    done = shop.apply("--json", *losing).documents[-1]["applied"]
    assert done["complete"]
    backup = done["backup"]
    assert shop.iac("backup", "verify", backup).code == 0
    declare(shop, ROOMS, ORDER_FIELDS)
    shop.apply()
    restored = shop.iac("restore", backup, "--auto-approve")
    assert everything(shop, "orders", "rooms", "notes") == before, restored
    assert "The plan is empty" in restored.out
    assert shop.iac("restore", backup, "--dry-run").code == 0
