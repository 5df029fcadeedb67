"""What the deletion of a document does to related ones: forbid it, cut the links, or delete them as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .catalog import MANY_TO_MANY, MANY_TO_ONE, ONE_TO_MANY, ONE_TO_ONE, Collection, Relation
from .failures import Restricted
from .relation_writes import related_ids
from .values import Document

if TYPE_CHECKING:
    from .store import Store


def release(store: Store, collection: Collection, document: Document) -> None:
    """Prepare a document's deletion. Raises `Restricted`."""
    mark = (collection.number, str(document["$id"]).lower())
    store.deleting.add(mark)
    try:
        for attribute, relation in collection.relations:
            related = store.collection(relation.related)
            if related is None:
                continue
            if relation.on_delete == "restrict":
                _restrict(store, related, relation, document, attribute.key)
            elif relation.on_delete == "setNull":
                _cut(store, related, relation, document, attribute.key)
            else:
                _cascade(store, related, relation, document, attribute.key)
    finally:
        store.deleting.discard(mark)


def _pointing_here(store: Store, related: Collection, relation: Relation, document: Document) -> list[str]:
    """Documents whose column for the other side holds this document's id."""
    found = store.fetch_where(related, relation.two_way_key, [document["$id"]])
    return [str(each["$id"]) for each in found]


def _restrict(store: Store, related: Collection, relation: Relation, document: Document, key: str) -> None:
    """Only a parent that has related documents is protected, and the one side of a manyToOne."""
    if relation.kind == ONE_TO_ONE and not relation.is_parent:
        if not relation.two_way:
            for each in _pointing_here(store, related, relation, document):
                store.set_column(related, relation.two_way_key, each, None)
        return
    if relation.kind == MANY_TO_ONE:
        is_referenced = not relation.is_parent and bool(_pointing_here(store, related, relation, document))
    elif not relation.is_parent:
        is_referenced = False
    elif relation.is_list:
        is_referenced = bool(related_ids(store, relation, document["$id"]))
    else:
        value = document.get(key)
        is_referenced = value is not None and store.exists(related, value)
    if is_referenced:
        raise Restricted


def _cut(store: Store, related: Collection, relation: Relation, document: Document, key: str) -> None:
    if relation.kind == MANY_TO_MANY:
        _leave_junction(store, relation, document)
    elif relation.kind == ONE_TO_ONE:
        if relation.two_way:
            if document.get(key) is not None:
                store.set_column(related, relation.two_way_key, document[key], None)
        elif not relation.is_parent:
            for each in _pointing_here(store, related, relation, document):
                store.set_column(related, relation.two_way_key, each, None)
    elif relation.is_list:
        for each in related_ids(store, relation, document["$id"]):
            store.set_column(related, relation.two_way_key, each, None)


def _leave_junction(store: Store, relation: Relation, document: Document) -> None:
    mine = "parent" if relation.is_parent else "child"
    store.db.execute(f"DELETE FROM {relation.junction} WHERE {mine} = ?", (document["$id"],))


def _cascade(store: Store, related: Collection, relation: Relation, document: Document, key: str) -> None:
    """Delete related documents; of a manyToMany only the parent takes the others along."""
    if relation.kind == ONE_TO_ONE:
        others = [document[key]] if document.get(key) is not None else []
    elif relation.kind == MANY_TO_MANY:
        others = related_ids(store, relation, document["$id"]) if relation.is_parent else []
    elif relation.is_list:
        assert relation.kind in {ONE_TO_MANY, MANY_TO_ONE}
        others = related_ids(store, relation, document["$id"])
    else:
        others = []
    for other in others:
        if (related.number, str(other).lower()) not in store.deleting:
            store.delete(related, other)
    if relation.kind == MANY_TO_MANY:
        _leave_junction(store, relation, document)
