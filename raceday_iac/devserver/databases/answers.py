"""Documents as answers: where they live, related documents included, and failures as errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .failures import BadRelation, Conflict, Duplicate, Restricted
from .structure import BadStructure
from .values import Document, for_answer
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from .catalog import Collection
    from .store import Store


def document_answer(
    store: Store, collection: Collection, document: Mapping[str, Any], words: Vocabulary, *, located: bool = True
) -> Document:
    """A document as it is sent. `located` says to which database and collection it and its relatives belong."""
    answer = for_answer(collection, document)
    for attribute, relation in collection.relations:
        value = answer.get(attribute.key)
        related = store.collection(relation.related) if isinstance(value, dict | list) else None
        if related is None:
            continue
        is_shown = located and not attribute.hidden
        if isinstance(value, list):
            answer[attribute.key] = [document_answer(store, related, each, words, located=is_shown) for each in value]
        else:
            answer[attribute.key] = document_answer(store, related, value or {}, words, located=is_shown)
    if located:
        answer["$databaseId"] = collection.database_id
        answer[f"${words.collection_id}"] = collection.id
        answer.setdefault("$sequence", 0)
    return answer


def count_operations(collection: Collection, answer: Mapping[str, Any]) -> int:
    """What `X-Debug-Operations` says: one for each document read, and one for each empty list of them."""
    empty = sum(1 for attribute, _ in collection.relations if answer.get(attribute.key) == [])
    return _count_documents(answer) + empty


def _count_documents(answer: Mapping[str, Any]) -> int:
    total = 1
    for value in answer.values():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict) and "$databaseId" in each:
                total += _count_documents(each)
    return total


@contextmanager
def failures_as_errors(words: Vocabulary) -> Iterator[None]:
    """Turn the store's failures into the errors of a direct write."""
    try:
        yield
    except Conflict:
        raise words.error("document_update_conflict") from None
    except Duplicate:
        raise words.error("document_already_exists") from None
    except Restricted:
        raise words.error("document_delete_restricted") from None
    except BadRelation as problem:
        raise words.error("relationship_value_invalid", str(problem)) from None
    except BadStructure as problem:
        raise words.error("document_invalid_structure", str(problem)) from None
