"""Relationships in documents that are written: nested documents, links by id, and the links that a change cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .catalog import MANY_TO_MANY, ONE_TO_ONE, Attribute, Collection, Relation
from .failures import BadRelation, Duplicate
from .values import Document, is_same

if TYPE_CHECKING:
    from .store import Store

#: Documents deeper than this are not written or read along.
MAX_DEPTH = 3

NOT_A_RELATION = (
    "Invalid relationship value. Must be either a document, document ID, or an array of documents or document IDs."
)
NOT_A_MEMBER = "Invalid relationship value. Must be either a document or document ID."
VIRTUAL_SIDE = (
    "Invalid relationship value. Cannot set a value from the child side of a oneToOne relationship when twoWay is "
    "false."
)


def relate_new(store: Store, collection: Collection, document: Document) -> None:
    """Write what is nested in a document that is about to be stored; only ids of stored sides stay in it."""
    for attribute, relation in collection.relations:
        if attribute.key not in document:
            continue
        related = store.collection(relation.related)
        if related is None or _is_too_deep(store, relation):
            document.pop(attribute.key)
            continue
        store.writing.append(collection.number)
        try:
            _relate_value(store, related, attribute, relation, document)
        finally:
            store.writing.pop()


def _is_too_deep(store: Store, relation: Relation) -> bool:
    depth = len(store.writing)
    return depth >= MAX_DEPTH - 1 and store.writing[-1] != relation.related


def _relate_value(
    store: Store, related: Collection, attribute: Attribute, relation: Relation, document: Document
) -> None:
    value = document[attribute.key]
    if isinstance(value, list):
        if not relation.is_list:
            raise BadRelation("Invalid relationship value. Must be either a document ID or a document, array given.")
        for member in value:
            _link_member(store, related, relation, document, member)
        document.pop(attribute.key)
    elif isinstance(value, dict | str):
        _refuse_single(relation, "document" if isinstance(value, dict) else "document ID")
        document[attribute.key] = _link_single(store, related, relation, document, value)
    elif value is not None:
        raise BadRelation(NOT_A_RELATION)
    elif not relation.is_stored:
        document.pop(attribute.key)


def _refuse_single(relation: Relation, what: str) -> None:
    if relation.kind == ONE_TO_ONE and not relation.is_stored:
        raise BadRelation(VIRTUAL_SIDE)
    if relation.is_list:
        raise BadRelation(
            f"Invalid relationship value. Must be either an array of documents or document IDs, {what} given."
        )


def _link_single(
    store: Store, related: Collection, relation: Relation, document: Document, value: Document | str
) -> str:
    """Link the one related document; a text that names none is stored all the same (observed on 1.8.1)."""
    is_mutual = relation.kind == ONE_TO_ONE and relation.two_way
    if isinstance(value, str):
        if is_mutual and store.exists(related, value):
            store.set_column(related, relation.two_way_key, value, document["$id"])
        return value
    back = {relation.two_way_key: document["$id"]} if is_mutual else {}
    return _write_nested(store, related, document, value | back)


def _link_member(
    store: Store, related: Collection, relation: Relation, document: Document, member: Document | str
) -> None:
    if isinstance(member, str):
        if not store.exists(related, member):
            return
        member_id = member
        if relation.kind != MANY_TO_MANY:
            store.set_column(related, relation.two_way_key, member, document["$id"])
    elif isinstance(member, dict):
        back = {} if relation.kind == MANY_TO_MANY else {relation.two_way_key: document["$id"]}
        member_id = _write_nested(store, related, document, member | back)
    else:
        raise BadRelation(NOT_A_RELATION)
    if relation.kind == MANY_TO_MANY:
        _join(store, relation, document["$id"], member_id)


def _write_nested(store: Store, related: Collection, owner: Document, nested: Document) -> str:
    """Create or change a nested document. A new one takes its owner's permissions unless it has its own."""
    nested = dict(nested)
    if nested.get("$id") and store.exists(related, nested["$id"]):
        changed = store.update(related, nested["$id"], nested)
        return str(changed["$id"] if changed else nested["$id"])
    nested.setdefault("$permissions", owner["$permissions"])
    return str(store.insert(related, nested)["$id"])


def _join(store: Store, relation: Relation, own_id: str, related_id: str) -> None:
    parent, child = (own_id, related_id) if relation.is_parent else (related_id, own_id)
    store.db.execute(
        f"INSERT INTO {relation.junction} (parent, child) VALUES (?, ?) ON CONFLICT DO NOTHING", (parent, child)
    )


def related_ids(store: Store, relation: Relation, document_id: str) -> list[str]:
    """The ids of the documents in a list side, oldest link first."""
    if relation.kind == MANY_TO_MANY:
        mine, theirs = ("parent", "child") if relation.is_parent else ("child", "parent")
        rows = store.db.execute(
            f"SELECT {theirs} FROM {relation.junction} WHERE {mine} = ? ORDER BY _id", (document_id,)
        )
        return [str(row[0]) for row in rows]
    related = store.collection(relation.related)
    if related is None:
        return []
    return [str(each["$id"]) for each in store.fetch_where(related, relation.two_way_key, [document_id])]


def is_changed(store: Store, collection: Collection, old: Document, changes: Document) -> bool:
    """Whether a change changes anything; if not, a document keeps its `$updatedAt`."""
    for key, value in changes.items():
        attribute = collection.by_key.get(key)
        if attribute is not None and attribute.relation is not None:
            if _is_relation_changed(store, attribute.relation, old, key, value):
                return True
        elif key not in old or not is_same(value, old[key]):
            return True
    return False


def _is_relation_changed(store: Store, relation: Relation, old: Document, key: str, value: Any) -> bool:
    if not relation.is_list:
        return bool(_id_of(value) != old.get(key))
    if not isinstance(value, list):
        kind = {type(None): "NULL", str: "string", bool: "boolean", int: "integer", float: "double"}
        raise BadRelation(
            "Invalid relationship value. Must be either an array of documents or document IDs, "
            f"{kind.get(type(value), 'object')} given."
        )
    return [_id_of(member) for member in value] != related_ids(store, relation, old["$id"])


def _id_of(value: Any) -> Any:
    return value.get("$id") if isinstance(value, dict) else value


def relate_changed(store: Store, collection: Collection, old: Document, document: Document, changes: Document) -> None:
    """Write the relationships that a change names, and prepare the others for the answer."""
    for attribute, relation in collection.relations:
        key = attribute.key
        if key not in changes:
            if document.get(key) is None:
                document.pop(key, None)
            continue
        related = store.collection(relation.related)
        if related is None or _is_too_deep(store, relation):
            document.pop(key)
            continue
        store.writing.append(collection.number)
        try:
            if relation.is_list:
                _change_list(store, related, relation, document, document.pop(key))
            else:
                _change_single(store, related, relation, old, document, key)
        finally:
            store.writing.pop()


def _change_single(
    store: Store, related: Collection, relation: Relation, old: Document, document: Document, key: str
) -> None:
    value = document[key]
    if value is None and old.get(key) is None:
        document.pop(key)
        return
    if relation.kind == ONE_TO_ONE and not relation.is_stored:
        raise BadRelation(VIRTUAL_SIDE)
    if not isinstance(value, dict | str | None):
        raise BadRelation(
            "Invalid relationship value. Must be either a document ID or a document, array given."
            if isinstance(value, list)
            else "Invalid relationship value."
        )
    is_mutual = relation.kind == ONE_TO_ONE and relation.two_way
    if is_mutual:
        _check_free(store, related, relation, old, document, key)
    if isinstance(value, str):
        found = store.fetch(related, value)
        document[key] = None if found is None else value
        if found is not None and is_mutual:
            store.set_column(related, relation.two_way_key, value, document["$id"])
    elif isinstance(value, dict):
        back = {relation.two_way_key: document["$id"]} if is_mutual else {}
        document[key] = _write_nested(store, related, document, value | back)
    elif is_mutual:
        store.set_column(related, relation.two_way_key, old[key], None)


def _check_free(
    store: Store, related: Collection, relation: Relation, old: Document, document: Document, key: str
) -> None:
    """A document of a mutual oneToOne may not be taken by another already."""
    wanted = _id_of(document[key])
    if wanted is None or wanted == old.get(key):
        return
    found = store.fetch(related, wanted)
    if found is not None and found.get(relation.two_way_key) not in {None, document["$id"]}:
        raise Duplicate


def _change_list(store: Store, related: Collection, relation: Relation, document: Document, value: Any) -> None:
    if relation.kind == MANY_TO_MANY and value is None:
        return
    if not isinstance(value, list):
        raise BadRelation("Invalid relationship value. Must be an array of documents or document IDs.")
    if not all(isinstance(member, str | dict) for member in value):
        raise BadRelation(NOT_A_MEMBER)
    wanted = {_id_of(member) for member in value}
    for gone in related_ids(store, relation, document["$id"]):
        if gone not in wanted:
            unlink(store, related, relation, document["$id"], gone)
    for member in value:
        _link_member(store, related, relation, document, member)


def unlink(store: Store, related: Collection, relation: Relation, own_id: str, related_id: str) -> None:
    """Cut the link between a document and one in its list."""
    if relation.kind != MANY_TO_MANY:
        store.set_column(related, relation.two_way_key, related_id, None)
        return
    parent, child = (own_id, related_id) if relation.is_parent else (related_id, own_id)
    store.db.execute(f"DELETE FROM {relation.junction} WHERE parent = ? AND child = ?", (parent, child))
