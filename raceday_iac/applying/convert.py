"""Giving an attribute another type and keeping its values, in stages: add, copy, verify, switch.

Which stage an earlier run reached is seen from what is live, so a run that was killed is simply continued: the old
attribute goes only after a look at every document found its value copied, and the copy takes its name only after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ..errors import ProviderError
from ..kinds.conversion import UnconvertibleError, convert, has_form, temporary
from ..model.address import Address
from ..model.resource import Fields, Live, frozen
from ..provider import Provider
from .schema import FIRST_LOOK, until_available, until_gone

#: Documents written at a time.
BATCH = 100
#: Copying is repeated for what others write meanwhile; who writes all the time has to stop for a moment.
_PASSES = 5

Note = Callable[[str], None]


def convert_attribute(
    provider: Provider,
    address: Address,
    wanted: Fields,
    *,
    may_lose: bool,
    note: Note,
    first_look: float = FIRST_LOOK,
) -> Iterator[float | Live]:
    """Yields pauses, and at the end the attribute as it is then. Raises ProviderError when values would be lost."""
    copy = temporary(address)
    while True:
        seen = provider.members(*_place(address), "attributes")
        old = seen.get(address)
        if old is not None and old.status != "deleting":
            if has_form(old.fields, wanted):
                yield _finished(provider, address, wanted, old)
                return
            yield from _add(provider, copy, wanted, seen, note, first_look)
            _copy_all(provider, address, copy, wanted, may_lose=may_lose, note=note)
            note("switching")
            provider.delete(address, old)
        yield from until_gone(provider, [address], first_look)
        made = provider.members(*_place(address), "attributes").get(copy)
        if made is None:
            raise ProviderError(f"{copy}, which holds the values of {address}, is gone.", hint="run apply again")
        provider.rename(copy, address, made)


def _add(
    provider: Provider, copy: Address, wanted: Fields, seen: Mapping[Address, Live], note: Note, first_look: float
) -> Iterator[float]:
    """The new attribute beside the old one: optional at first, for it has no values yet."""
    fields = frozen({**wanted, "required": False, "default": None})
    found = seen.get(copy)
    if found is not None and found.status in ("failed", "stuck", "deleting"):
        provider.delete(copy, found)
        yield from until_gone(provider, [copy], first_look)
        found = None
    if found is None:
        note(f"adding {copy.name}")
        provider.create(copy, fields)
    elif not has_form(found.fields, wanted):
        raise ProviderError(
            f"{copy} is in the way: it is not what a conversion to {wanted['type']} makes. Nothing was changed.",
            hint="rename it if it is yours; delete it if it is left from a conversion to something else",
        )
    yield from until_available(provider, [copy], first_look)
    if found is not None and any(found.fields.get(name) != value for name, value in fields.items()):
        provider.update(copy, fields, found)


@dataclass
class _Pass:
    """What one look at all documents came to. `lost` and `refused`: document → why."""

    written: int = 0
    lost: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def _copy_all(
    provider: Provider, address: Address, copy: Address, wanted: Fields, *, may_lose: bool, note: Note
) -> None:
    """Copy and convert, again and again until a look at every document finds nothing to write."""
    for _ in range(_PASSES):
        found = _copy_once(provider, address, copy, wanted, note)
        if found.refused:
            identity, why = next(iter(found.refused.items()))
            raise ProviderError(
                f"Appwrite refuses {len(found.refused)} documents of {address} with their new values "
                f"(document {identity}: {why}). {_SAFE}",
                hint="correct them, then run apply again: it goes on from here",
            )
        if found.lost and not may_lose:
            identity, why = next(iter(found.lost.items()))
            raise ProviderError(
                f"{len(found.lost)} values of {address} cannot be converted to {wanted['type']} "
                f"(document {identity}: {why}). {_SAFE}",
                hint=f"correct them, or give them up with --allow-data-loss {address}, then run apply again",
            )
        if not found.written:
            return
    raise ProviderError(
        f"The values of {address} could not all be copied: others keep writing ({found.written} in the last look). "
        f"{_SAFE}",
        hint="stop what writes to the collection, then run apply again: it goes on from here",
    )


_SAFE = "Nothing was lost; the old attribute is as it was."


def _copy_once(provider: Provider, address: Address, copy: Address, wanted: Fields, note: Note) -> _Pass:
    """One look at all documents. What others changed after it was copied is copied anew."""
    found = _Pass()
    documents = provider.documents(*_place(address), only=(address.name, copy.name))
    while batch := list(islice(documents, BATCH)):
        values: dict[str, Mapping[str, Any]] = {}
        for document in batch:
            identity, value = str(document["$id"]), None
            try:
                value = convert(document.get(address.name), wanted)
            except UnconvertibleError as reason:
                found.lost[identity] = str(reason)
            # Appwrite answers an array that was never set as an empty one.
            if not _same(value, document.get(copy.name)):
                values[identity] = {copy.name: value}
        refused = provider.write_values(*_place(address), values)
        found.refused.update(refused)
        found.written += len(values) - len(refused)
        note(f"{found.written} values copied" if found.written else "verifying")
    return found


def _same(value: Any, copied: Any) -> bool:
    return bool(value == copied or (value in (None, []) and copied in (None, [])))


def cut_values(provider: Provider, address: Address, size: int, note: Note) -> None:
    """Shorten texts that are longer than `size` characters. Appwrite refuses the size while there are any."""
    cut = 0
    documents = provider.documents(*_place(address), only=(address.name,))
    while batch := list(islice(documents, BATCH)):
        values = {str(each["$id"]): {address.name: _cut(each.get(address.name), size)} for each in batch}
        before = {str(each["$id"]): each.get(address.name) for each in batch}
        longer = {identity: data for identity, data in values.items() if data[address.name] != before[identity]}
        refused = provider.write_values(*_place(address), longer)
        if refused:
            identity, why = next(iter(refused.items()))
            raise ProviderError(
                f"Appwrite refuses {len(refused)} documents with a shortened {address} (document {identity}: {why}).",
                hint="correct them, then run apply again",
            )
        cut += len(longer)
        if longer:
            note(f"{cut} values cut to {size} characters")


def _cut(value: Any, size: int) -> Any:
    if isinstance(value, list):
        return [_cut(each, size) for each in value]
    return value[:size] if isinstance(value, str) else value


def _finished(provider: Provider, address: Address, wanted: Fields, live: Live) -> Live:
    """What could not be set while there were no values: required, and the default."""
    if all(live.fields.get(name) == value for name, value in wanted.items()):
        return live
    return provider.update(address, wanted, live)


def _place(address: Address) -> tuple[str, str]:
    database, collection, _ = address.parts
    return database, collection
