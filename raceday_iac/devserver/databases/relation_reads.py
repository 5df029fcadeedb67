"""Reading related documents along: three levels deep, or what a selection names (`kids.name`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .catalog import MANY_TO_MANY, Collection, Relation
from .relation_writes import MAX_DEPTH
from .values import Document

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
    if relation.kind == MANY_TO_MANY:
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
