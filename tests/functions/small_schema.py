"""A schema with one of everything, small enough for quick tests."""

from __future__ import annotations

from typing import Any

from .bundles import schema_document


def attribute(key: str, kind: str = "string", **extra: Any) -> dict[str, Any]:
    given = {"key": key, "type": kind, "required": False, "default": None, "array": False, **extra}
    return {"size": 50, **given} if kind == "string" else given


def relationship(key: str, related: str, **extra: Any) -> dict[str, Any]:
    given = {"key": key, "relatedCollection": related, "relationType": "manyToOne", "twoWay": False}
    return {**given, "twoWayKey": f"{key}Of", "onDelete": "restrict", **extra}


def index(key: str, *attributes: str, **extra: Any) -> dict[str, Any]:
    return {"key": key, "type": "key", "attributes": list(attributes), "orders": [], "lengths": [], **extra}


def collection(identity: str, attributes: list[Any], relationships: Any = (), indexes: Any = ()) -> dict[str, Any]:
    return {
        "id": identity,
        "name": identity.title(),
        "permissions": ['read("any")'],
        "documentSecurity": False,
        "enabled": True,
        "attributes": attributes,
        "relationships": list(relationships),
        "indexes": list(indexes),
    }


def meetings() -> dict[str, Any]:
    return collection(
        "meetings",
        [
            attribute("meetingId", required=True),
            attribute("date", "datetime", required=True),
            attribute("country", size=10, default="NZ"),
            attribute("tags", size=20, array=True),
            attribute("notes", size=20_000),
        ],
        indexes=[
            index("idx_meeting_id", "meetingId", type="unique"),
            index("idx_date", "date", orders=["DESC"]),
            index("idx_tags", "tags"),
        ],
    )


def races() -> dict[str, Any]:
    return collection(
        "races",
        [
            attribute("raceId", required=True),
            attribute("raceNumber", "integer", min=1, max=30),
            attribute("distance", "integer"),
            attribute("odds", "float", min=0, default=1.5),
            attribute("isOpen", "boolean", default=False),
            attribute("kind", "enum", elements=["T", "H", "G"], default="T"),
            attribute("contact", "email"),
            attribute("link", "url"),
            attribute("startTime", "datetime"),
        ],
        [relationship("meeting", "meetings", twoWay=True, twoWayKey="races")],
        [index("idx_race", "startTime", "raceNumber"), index("idx_created", "$createdAt")],
    )


def results() -> dict[str, Any]:
    return collection("results", [attribute("data", size=30_000)], [relationship("race", "races", onDelete="cascade")])


def small_schema() -> dict[str, Any]:
    """Three collections that depend on each other, and the two of the functions themselves."""
    return schema_document(meetings(), races(), results())


def without(document: dict[str, Any], collection_id: str, *keys: str) -> dict[str, Any]:
    """The same schema with some attributes of one collection left out."""
    kept = [
        {**each, "attributes": [part for part in each["attributes"] if part["key"] not in keys]}
        if each["id"] == collection_id
        else each
        for each in document["collections"]
        if each["id"] not in ("locks", "schema-versions")
    ]
    return schema_document(*kept)


def size(document: dict[str, Any]) -> int:
    """How many things the schema declares, the database included."""
    parts = sum(
        len(each["attributes"]) + len(each["relationships"]) + len(each["indexes"]) for each in document["collections"]
    )
    return 1 + len(document["collections"]) + parts
