"""What has to be known of the data before a change can be judged: questions about what would be lost. Pure.

Who makes a plan collects the questions, has them answered from live, and judges. Nothing is asked that no change needs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from ..diff import FieldChange
from ..kinds import KINDS
from ..kinds.attribute import SHAPES
from ..kinds.conversion import temporary
from ..model.address import Address, collection_address, owners
from ..model.desired import Desired
from ..model.evidence import Answer, Ask, Question
from ..model.resource import Fields, Live
from .changes import taken_with
from .plan import Action, Change


def questions(changes: Iterable[Change], desired: Desired, real: Mapping[Address, Live]) -> list[Question]:
    """Everything that has to be asked about these changes, once each."""
    found = (question for change in changes for question in questions_of(change, desired, real))
    return list(dict.fromkeys(found))


def questions_of(change: Change, desired: Desired, real: Mapping[Address, Live]) -> Iterator[Question]:
    """What has to be asked about one change."""
    kind = change.address.kind
    if _is_emptied(change):
        return
    if change.destroys:
        yield from KINDS[kind].loses(real[change.address])
    if change.action is Action.CONVERT:
        yield from _about_conversion(change.address, desired.resources[change.address].fields, real)
    elif kind == "attribute" and change.action is Action.UPDATE:
        wanted = desired.resources[change.address].fields
        for field in change.fields:
            yield from _about_update(change.address, field, wanted)
    elif kind == "index" and change.action in (Action.CREATE, Action.REPLACE):
        wanted, collection = desired.resources[change.address].fields, collection_address(*change.address.parts[:2])
        keys = tuple(str(key) for key in wanted["attributes"])
        is_live = collection in real and all(_is_live(change.address, key, real) for key in keys)
        if wanted["type"] == "unique" and is_live:
            yield Question(collection, Ask.DUPLICATES, keys)
    elif kind == "attribute" and change.action in (Action.CREATE, Action.REPLACE):
        collection = collection_address(*change.address.parts[:2])
        if desired.resources[change.address].fields["required"] and collection in real:
            yield Question(collection, Ask.WITHOUT, (change.address.name,))


def _is_emptied(change: Change) -> bool:
    """Whether it is made in a collection that is made anew before: then there are no documents that it could harm."""
    anew = {Change(owner, Action.REPLACE, "").key for owner in owners(change.address)}
    return change.action is Action.CREATE and bool(anew & {*change.needs, *change.requires})


def _about_conversion(address: Address, wanted: Fields, real: Mapping[Address, Live]) -> Iterator[Question]:
    old, collection = real.get(address), collection_address(*address.parts[:2])
    if old is None or old.status == "deleting":
        # In a conversion that was cut short, the old attribute may be gone: its values are in the new one by then.
        if wanted["required"]:
            yield Question(collection, Ask.NULLS, (temporary(address).name,))
        return
    keys = (address.name,)
    yield Question(collection, Ask.UNCONVERTIBLE, keys, target=tuple(sorted(wanted.items())))
    if wanted["required"] and not old.fields["required"]:
        yield Question(collection, Ask.NULLS, keys)
    yield Question(address, Ask.UNMANAGED)


def unmanaged_with(address: Address, real: Mapping[Address, Live], known: Collection[Address]) -> Answer:
    """The answer to UNMANAGED: what is not `known` and goes with an address, or breaks without it. Deleting an
    attribute silently shrinks or drops the indexes over it (1.8.1). What lies in something named is not named too."""
    strange = [live for at, live in sorted(real.items()) if at not in known and at.kind != "deployment"]
    if address.kind == "attribute":
        found = [each.address for each in strange if _is_over(each, address)]
    else:
        found = [each.address for each in strange if taken_with(each, (address,))]
    shown = tuple(str(each) for each in found if not any(owner in found for owner in owners(each)))
    return Answer(len(shown), names=shown)


def _is_over(live: Live, attribute: Address) -> bool:
    is_beside = live.address.kind == "index" and live.address.parts[:2] == attribute.parts[:2]
    return is_beside and attribute.name in live.fields["attributes"]


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
