"""What has to be known of the data before a change can be judged: questions about documents. Pure.

Who makes a plan collects the questions, has them answered from live, and judges. Nothing is asked that no change needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..diff import FieldChange
from ..kinds import KINDS
from ..kinds.attribute import SHAPES
from ..model.address import Address, collection_address
from ..model.desired import Desired
from ..model.evidence import Ask, Question
from ..model.resource import Fields, Live
from .plan import Action, Change


def questions(changes: Iterable[Change], desired: Desired, real: Mapping[Address, Live]) -> list[Question]:
    """Everything that has to be asked about these changes, once each."""
    found = (question for change in changes for question in questions_of(change, desired, real))
    return list(dict.fromkeys(found))


def questions_of(change: Change, desired: Desired, real: Mapping[Address, Live]) -> Iterator[Question]:
    """What has to be asked about one change."""
    kind = change.address.kind
    if change.destroys and KINDS[kind].holds_data:
        yield from _about_loss(change, real)
    elif change.action is Action.CONVERT:
        yield from _about_conversion(change.address, desired.resources[change.address].fields, real)
    elif kind == "attribute" and change.action is Action.UPDATE:
        wanted = desired.resources[change.address].fields
        for field in change.fields:
            yield from _about_update(change.address, field, wanted)
    elif kind == "index" and change.action in (Action.CREATE, Action.REPLACE):
        wanted = desired.resources[change.address].fields
        keys = tuple(str(key) for key in wanted["attributes"])
        if wanted["type"] == "unique" and all(_is_live(change.address, key, real) for key in keys):
            yield Question(collection_address(*change.address.parts[:2]), Ask.DUPLICATES, keys)
    elif kind == "attribute" and change.action is Action.CREATE and not change.drifted:
        collection = collection_address(*change.address.parts[:2])
        if desired.resources[change.address].fields["required"] and collection in real:
            yield Question(collection, Ask.DOCUMENTS)


def _about_loss(change: Change, real: Mapping[Address, Live]) -> Iterator[Question]:
    live = real[change.address]
    # What never became available holds nothing.
    if live.status in ("failed", "processing"):
        return
    address = change.address
    if address.kind == "database":
        inside = [each for each in real if each.kind == "collection" and each.parts[0] == address.path]
        yield from (Question(each, Ask.DOCUMENTS) for each in inside)
    elif address.kind == "collection":
        yield Question(address, Ask.DOCUMENTS)
    elif address.kind == "attribute":
        is_shape = live.fields["type"] in SHAPES
        yield Question(collection_address(*address.parts[:2]), Ask.VALUES, (address.name,), must_read=is_shape)
    else:
        # Queries on relationships tell nothing reliable.
        yield Question(collection_address(*address.parts[:2]), Ask.DOCUMENTS)


def _about_conversion(address: Address, wanted: Fields, real: Mapping[Address, Live]) -> Iterator[Question]:
    old = real.get(address)
    # In a conversion that was cut short, the old attribute may be gone: its values are in the new one by then.
    if old is None or old.status == "deleting":
        return
    collection, keys = collection_address(*address.parts[:2]), (address.name,)
    yield Question(collection, Ask.UNCONVERTIBLE, keys, target=tuple(sorted(wanted.items())))
    if wanted["required"] and not old.fields["required"]:
        yield Question(collection, Ask.NULLS, keys)


def _about_update(address: Address, field: FieldChange, wanted: Fields) -> Iterator[Question]:
    collection, keys = collection_address(*address.parts[:2]), (address.name,)
    if field.name == "required" and field.after:
        yield Question(collection, Ask.NULLS, keys, must_read=wanted["type"] in SHAPES)
    elif field.name == "size" and field.after < (field.before or 0):
        yield Question(collection, Ask.LONGER, keys, limit=int(field.after))
    elif field.name == "elements":
        gone = tuple(sorted(set(field.before or ()) - set(field.after or ())))
        if gone:
            yield Question(collection, Ask.AMONG, keys, among=gone)
    elif field.name in ("min", "max") and field.after is not None:
        yield Question(collection, Ask.OUTSIDE, keys, low=wanted.get("min"), high=wanted.get("max"))


def _is_live(index: Address, key: str, real: Mapping[Address, Live]) -> bool:
    return key.startswith("$") or Address("attribute", "/".join((*index.parts[:2], key))) in real
