"""Reading related documents along: three levels deep, or what a selection names (`kids.name`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .catalog import MANY_TO_MANY, MANY_TO_ONE, ONE_TO_MANY, ONE_TO_ONE, Attribute, Collection, Relation
from .formats import BadRelation, Duplicate, Restricted
from .structure import Document, is_same

if TYPE_CHECKING:
    from .store import Store


#: Per relationship, what is selected of its documents: attributes, `*`, or paths that go on.
Selections = dict[str, list[str]]


def nested_selections(collection: Collection, paths: Sequence[str]) -> Selections:
    """The parts of selected paths that lead into relationships."""
    names = {attribute.key for attribute, _ in collection.relations}
    nested: Selections = {}
    for path in paths:
        name, dot, rest = path.partition(".")
        if dot and path not in collection.by_key and name in names:
            nested.setdefault(name, []).append(rest or "*")
    return nested


def own_selections(collection: Collection, paths: Sequence[str]) -> list[str]:
    """What is selected of the documents themselves; everything, if the paths name lists of related ones only."""
    own: list[str] = []
    for path in paths:
        name, dot, _ = path.partition(".")
        attribute = collection.by_key.get(name)
        if not dot or path in collection.by_key or attribute is None or attribute.relation is None:
            own.append(path)
        elif attribute.is_stored:
            own.append(name)
    return own or ["*"]


def project(documents: Sequence[Document], selected: Sequence[str]) -> None:
    """Take away what was not selected; the system fields stay."""
    if not selected or "*" in selected:
        return
    wanted = set(selected)
    for document in documents:
        for key in [key for key in document if key not in wanted and not key.startswith("$")]:
            del document[key]


def populate(
    store: Store,
    collection: Collection,
    documents: Sequence[Document],
    selections: Selections | None = None,
    *,
    depth: int = 0,
    skip: str | None = None,
) -> None:
    """Put related documents in the place of ids. Without `selections` all relationships are followed."""
    for attribute, relation in collection.relations:
        key = attribute.key
        if key == skip or (selections is not None and key not in selections):
            continue
        related = store.collection(relation.related)
        if depth + 1 >= MAX_DEPTH or related is None:
            for document in documents:
                document.pop(key, None)
            continue
        paths = None if selections is None else selections[key]
        found = _attach(store, related, relation, key, documents, paths)
        if relation.two_way:
            for each in found:
                each.pop(relation.two_way_key, None)
        if found:
            following = None if paths is None else nested_selections(related, paths)
            back = relation.two_way_key if relation.two_way else None
            populate(store, related, found, following, depth=depth + 1, skip=back)


def _attach(
    store: Store,
    related: Collection,
    relation: Relation,
    key: str,
    documents: Sequence[Document],
    paths: Sequence[str] | None,
) -> list[Document]:
    """Fill one relationship of some documents; returns the related documents."""
    if relation.type == MANY_TO_MANY:
        if relation.two_way or relation.is_parent:
            return _attach_joined(store, related, relation, key, documents, paths)
        return []
    if not relation.is_parent and not relation.two_way:
        # The other side of a one-way relationship is nobody's business.
        for document in documents:
            document.pop(key, None)
        return []
    if relation.is_list:
        return _attach_lists(store, related, relation, key, documents, paths)
    return _attach_singles(store, related, key, documents, paths)


def _attach_singles(
    store: Store, related: Collection, key: str, documents: Sequence[Document], paths: Sequence[str] | None
) -> list[Document]:
    wanted = list(dict.fromkeys(each[key] for each in documents if isinstance(each.get(key), str)))
    found = store.fetch_where(related, "_uid", wanted)
    _narrow(related, found, paths)
    by_id = {each["$id"].lower(): each for each in found}
    for document in documents:
        if isinstance(document.get(key), str):
            # An id of nothing becomes an empty document (observed on 1.8.1).
            document[key] = by_id.get(document[key].lower(), {})
    return found


def _attach_lists(
    store: Store,
    related: Collection,
    relation: Relation,
    key: str,
    documents: Sequence[Document],
    paths: Sequence[str] | None,
) -> list[Document]:
    found = store.fetch_where(related, relation.two_way_key, [each["$id"] for each in documents])
    groups: dict[str, list[Document]] = {}
    for each in found:
        groups.setdefault(str(each[relation.two_way_key]).lower(), []).append(each)
    _narrow(related, found, paths)
    for document in documents:
        document[key] = groups.get(document["$id"].lower(), [])
    return found


def _attach_joined(
    store: Store,
    related: Collection,
    relation: Relation,
    key: str,
    documents: Sequence[Document],
    paths: Sequence[str] | None,
) -> list[Document]:
    mine, theirs = ("parent", "child") if relation.is_parent else ("child", "parent")
    ids = [each["$id"] for each in documents]
    links = store.db.execute(
        f"SELECT {mine}, {theirs} FROM {relation.junction} WHERE {mine} IN ({', '.join('?' * len(ids))}) ORDER BY _id",
        ids,
    ).fetchall()
    found = store.fetch_where(related, "_uid", list(dict.fromkeys(link[1] for link in links)))
    _narrow(related, found, paths)
    by_id = {each["$id"].lower(): each for each in found}
    for document in documents:
        members = [link[1].lower() for link in links if link[0].lower() == document["$id"].lower()]
        document[key] = [by_id[member] for member in members if member in by_id]
    return found


def _narrow(related: Collection, found: Sequence[Document], paths: Sequence[str] | None) -> None:
    if paths is not None:
        project(found, own_selections(related, paths))


# Relationships in documents that are written: nested documents, links by id, and the links that a change cuts.


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
    if relation.type == ONE_TO_ONE and not relation.is_stored:
        raise BadRelation(VIRTUAL_SIDE)
    if relation.is_list:
        raise BadRelation(
            f"Invalid relationship value. Must be either an array of documents or document IDs, {what} given."
        )


def _link_single(
    store: Store, related: Collection, relation: Relation, document: Document, value: Document | str
) -> str:
    """Link the one related document; a text that names none is stored all the same (observed on 1.8.1)."""
    is_mutual = relation.type == ONE_TO_ONE and relation.two_way
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
        if relation.type != MANY_TO_MANY:
            store.set_column(related, relation.two_way_key, member, document["$id"])
    elif isinstance(member, dict):
        back = {} if relation.type == MANY_TO_MANY else {relation.two_way_key: document["$id"]}
        member_id = _write_nested(store, related, document, member | back)
    else:
        raise BadRelation(NOT_A_RELATION)
    if relation.type == MANY_TO_MANY:
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
    if relation.type == MANY_TO_MANY:
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
    if relation.type == ONE_TO_ONE and not relation.is_stored:
        raise BadRelation(VIRTUAL_SIDE)
    if not isinstance(value, dict | str | None):
        raise BadRelation(
            "Invalid relationship value. Must be either a document ID or a document, array given."
            if isinstance(value, list)
            else "Invalid relationship value."
        )
    is_mutual = relation.type == ONE_TO_ONE and relation.two_way
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
    if relation.type == MANY_TO_MANY and value is None:
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
    if relation.type != MANY_TO_MANY:
        store.set_column(related, relation.two_way_key, related_id, None)
        return
    parent, child = (own_id, related_id) if relation.is_parent else (related_id, own_id)
    store.db.execute(f"DELETE FROM {relation.junction} WHERE parent = ? AND child = ?", (parent, child))


# What the deletion of a document does to related ones: forbid it, cut the links, or delete them as well.


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
    if relation.type == ONE_TO_ONE and not relation.is_parent:
        if not relation.two_way:
            for each in _pointing_here(store, related, relation, document):
                store.set_column(related, relation.two_way_key, each, None)
        return
    if relation.type == MANY_TO_ONE:
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
    if relation.type == MANY_TO_MANY:
        _leave_junction(store, relation, document)
    elif relation.type == ONE_TO_ONE:
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
    if relation.type == ONE_TO_ONE:
        others = [document[key]] if document.get(key) is not None else []
    elif relation.type == MANY_TO_MANY:
        others = related_ids(store, relation, document["$id"]) if relation.is_parent else []
    elif relation.is_list:
        assert relation.type in {ONE_TO_MANY, MANY_TO_ONE}
        others = related_ids(store, relation, document["$id"])
    else:
        others = []
    for other in others:
        if (related.number, str(other).lower()) not in store.deleting:
            store.delete(related, other)
    if relation.type == MANY_TO_MANY:
        _leave_junction(store, relation, document)
