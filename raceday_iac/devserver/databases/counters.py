"""Counting one attribute of a document up or down, in one step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from ..params import Param
from ..web import Reply, Request
from . import relation_reads, staging
from .answers import document_answer
from .arguments import COLLECTION_ID, DATABASE_ID, DOCUMENT_ID, TRANSACTION_ID, key, nullable, numeric
from .catalog import Collection
from .columns import quoted
from .document_reads import DOCUMENT_PATH
from .document_writes import WRITE_LIMIT
from .failures import NotANumber, NotThere, OutOfBounds
from .numbers import MAX_BIG_INTEGER, MAX_INTEGER
from .places import find_collection
from .store import Store
from .values import Document
from .vocabulary import Action, Vocabulary, route

if TYPE_CHECKING:
    from ..server import Server


def count(
    store: Store, collection: Collection, document_id: str, attribute: str, step: float, bound: float | None
) -> Document:
    """Add `step` to a number, up to `bound` (down to it, for a negative step); the document as it was but for that."""
    definition = collection.by_key.get(attribute)
    if definition is None:
        raise NotThere
    if definition.type not in {"integer", "double"} or definition.is_array:
        raise NotANumber
    document = store.fetch(collection, document_id)
    if document is None:
        raise NotThere
    value = (document[attribute] or 0) + step
    if definition.type == "integer":
        value = round(value)
        limit = MAX_BIG_INTEGER if definition.size >= 8 else MAX_INTEGER
        if not -limit - 1 <= value <= limit:
            raise OutOfBounds("Value out of range")
    if bound is not None and (value > bound if step > 0 else value < bound):
        raise OutOfBounds(f"Attribute value exceeds {'maximum' if step > 0 else 'minimum'} limit: {bound}")
    store.db.execute(
        f"UPDATE {collection.table} SET {quoted(attribute)} = ?, _updatedAt = ? WHERE _id = ?",
        (value, store.time_after(document["$updatedAt"]), document["$sequence"]),
    )
    return document | {attribute: value}


def _counter(word: str, bound_name: str) -> Action:
    sign = 1 if word == "increment" else -1
    bound_word = "maximum" if sign > 0 else "minimum"

    def handle(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
        collection = find_collection(server, request, values, words)
        attribute, step, bound = values["attribute"], values["value"], values[bound_name]
        if values["transactionId"] is not None:
            transaction = staging.open_transaction(server, request, values["transactionId"], is_late=True)
            data = {words.attribute: attribute, "value": step, bound_name: bound}
            staging.stage(server, transaction, collection, word, values["documentId"], data)
            return Reply(200, staging.mock(collection, {"$id": values["documentId"], attribute: step}, words))
        if step <= 0:
            raise ApiError("general_argument_invalid", "Value must be numeric and greater than 0")
        store = Store(server)
        subject = f'{words.namespace} "{attribute}"'
        try:
            document = count(store, collection, values["documentId"], attribute, sign * step, bound)
        except NotThere:
            raise words.error("attribute_not_found") from None
        except NotANumber:
            raise ApiError("attribute_type_invalid", f"{subject} is not a number") from None
        except OutOfBounds:
            shown = "" if bound is None else bound
            reason = f"{subject} has reached the {bound_word} value of {shown}"
            raise words.error("attribute_limit_exceeded", reason) from None
        relation_reads.populate(store, collection, [document])
        # The answer is the document as the database layer holds it: it does not say where it lives.
        return Reply(200, document_answer(store, collection, document, words, located=False))

    return handle


for _word, _bound in (("increment", "max"), ("decrement", "min")):
    route(
        "PATCH",
        f"{DOCUMENT_PATH}/{{attribute}}/{_word}",
        "documents.write",
        DATABASE_ID,
        COLLECTION_ID,
        DOCUMENT_ID,
        Param("attribute", key),
        Param("value", numeric, default=1),
        Param(_bound, nullable(numeric), default=None, nullable=True),
        TRANSACTION_ID,
        limit=WRITE_LIMIT,
    )(_counter(_word, _bound))
