"""Giving an attribute another type and keeping its values, in stages: add, copy, verify, switch.

Which stage an earlier run reached is seen from what is live, so a run that was killed is simply continued: the old
attribute goes only after every value has its copy, and the copy takes its name only after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from ..errors import ProviderError
from ..kinds.conversion import UnconvertibleError, convert, temporary
from ..model.address import Address
from ..model.resource import Fields, Live, frozen
from ..provider import Condition, Provider

#: Documents written at a time.
BATCH = 100
#: Copying is repeated for what others write meanwhile; who writes all the time has to stop for a moment.
_PASSES = 5
_PAUSE, _PATIENCE = 0.1, 120.0

Note = Callable[[str], None]


def convert_attribute(
    provider: Provider, address: Address, wanted: Fields, *, may_lose: bool, note: Note
) -> Iterator[float | Live]:
    """Yields pauses, and at the end the attribute as it is then. Raises ProviderError when values would be lost."""
    place, copy = _place(address), temporary(address)
    seen = provider.collection(*place)
    if address in seen and seen[address].fields["type"] == wanted["type"] and copy not in seen:
        # An earlier run switched, and was killed before it could say so.
        yield _finished(provider, address, wanted, seen[address])
        return
    if address in seen:
        yield from _add(provider, copy, wanted, seen, note)
        _copy_all(provider, address, copy, wanted, may_lose=may_lose, note=note)
        note("switching")
        provider.delete(address, seen[address])
        yield from _until(provider, place, lambda found: address not in found)
    live = provider.rename(copy, address, provider.collection(*place)[copy])
    yield _finished(provider, address, wanted, live)


def _add(
    provider: Provider, copy: Address, wanted: Fields, seen: Mapping[Address, Live], note: Note
) -> Iterator[float]:
    """The new attribute beside the old one: optional at first, for it has no values yet."""
    if copy not in seen:
        note(f"adding {copy.name}")
        provider.create(copy, frozen({**wanted, "required": False, "default": None}))
    yield from _until(provider, _place(copy), lambda found: copy in found and found[copy].status == "available")


def _copy_all(
    provider: Provider, address: Address, copy: Address, wanted: Fields, *, may_lose: bool, note: Note
) -> None:
    """Copy and convert until nothing is left that has a value and no copy, but what cannot be converted."""
    left = (Condition("isNotNull", address.name), Condition("isNull", copy.name))
    lost: dict[str, str] = {}
    for _ in range(_PASSES):
        copied = 0
        documents = provider.documents(*_place(address), *left, only=(address.name,))
        while batch := list(islice(documents, BATCH)):
            values: dict[str, Mapping[str, Any]] = {}
            for document in batch:
                try:
                    values[document["$id"]] = {copy.name: convert(document[address.name], wanted)}
                except UnconvertibleError as reason:
                    lost[document["$id"]] = str(reason)
            provider.write_values(*_place(address), values)
            copied += len(values)
            note(f"{copied} values copied")
        still = provider.count_documents(*_place(address), *left)
        if still <= len(lost):
            break
    else:
        raise ProviderError(
            f"The values of {address} could not all be copied: others keep writing ({still} are left). "
            "Nothing was lost; the old attribute is as it was.",
            hint="stop what writes to the collection, then run apply again: it goes on from here",
        )
    if lost and not may_lose:
        identity, why = next(iter(lost.items()))
        raise ProviderError(
            f"{len(lost)} values of {address} cannot be converted to {wanted['type']} (document {identity}: {why}). "
            "Nothing was lost; the old attribute is as it was.",
            hint=f"correct them, or give them up with --allow-data-loss {address}, then run apply again",
        )


def _finished(provider: Provider, address: Address, wanted: Fields, live: Live) -> Live:
    """What could not be set while there were no values: required, and the default."""
    if all(live.fields.get(name) == value for name, value in wanted.items()):
        return live
    return provider.update(address, wanted, live)


def _until(
    provider: Provider, place: tuple[str, str], is_so: Callable[[Mapping[Address, Live]], bool]
) -> Iterator[float]:
    waited = 0.0
    while not is_so(provider.collection(*place)):
        if waited > _PATIENCE:
            raise ProviderError(
                f"Appwrite has not finished its work on collection {'/'.join(place)} for {waited:.0f} s.",
                hint="run apply again later, it goes on from here",
            )
        waited += _PAUSE
        yield _PAUSE


def _place(address: Address) -> tuple[str, str]:
    database, collection, _ = address.parts
    return database, collection
