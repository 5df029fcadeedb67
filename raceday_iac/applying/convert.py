"""Giving an attribute another type and keeping its values, in stages: add, copy, verify, switch.

Which stage an earlier run reached is seen from what is live, so a run that was killed is simply continued: the old
attribute goes only after a look at every document found its value copied, and the copy takes its name only after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

from ..errors import NOTHING_CHANGED, ProviderError, RefusedError
from ..kinds.conversion import UnconvertibleError, convert, has_form, temporary
from ..model.address import Address
from ..model.evidence import Answer
from ..model.resource import Fields, Live, frozen
from ..provider import Condition, NewValues, Provider, Written
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
    may_lose: Answer,
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
            _Copying(provider, address, copy, wanted, may_lose, note).run()
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
            f"{copy} is in the way: it is not what a conversion to {wanted['type']} makes. {NOTHING_CHANGED}",
            hint="rename it if it is yours; delete it if it is left from a conversion to something else",
        )
    yield from until_available(provider, [copy], first_look)
    if found is not None and any(found.fields.get(name) != value for name, value in fields.items()):
        provider.update(copy, fields, found)


@dataclass
class _Copying:
    """The copying of one attribute. `lost` has what cannot be converted: document → why, as it was last seen."""

    provider: Provider
    address: Address
    copy: Address
    wanted: Fields
    may_lose: Answer
    note: Note
    lost: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Copy and convert, again and again until a look at every document finds nothing to write; then look after
        what was changed behind that look, which may have taken minutes."""
        for _ in range(_PASSES):
            since = self.provider.server_time()
            written = self._look()
            if not written:
                break
        else:
            raise self._given_up(written)
        for _ in range(_PASSES):
            if since is None:
                return
            now = self.provider.server_time()
            after = (since - _CLOCKS).isoformat(timespec="milliseconds")
            if not self._look(Condition("greaterThan", _CHANGED_AT, (after,))):
                return
            since = now
        raise self._given_up(1)

    def _look(self, *conditions: Condition) -> int:
        """One look at documents; how many values were written. What others changed after it was copied is copied
        again."""
        written = 0
        keys = (self.address.name, self.copy.name)
        documents = self.provider.documents(*_place(self.address), *conditions, only=keys)
        while batch := list(islice(documents, BATCH)):
            # Appwrite answers an array that was never set as an empty one.
            pairs = ((str(each["$id"]), self._converted(each), each.get(self.copy.name)) for each in batch)
            values = {identity: {self.copy.name: new} for identity, new, copied in pairs if not _same(new, copied)}
            refused = self.provider.write_values(*_place(self.address), values)
            if refused:
                raise self._refused(refused)
            written += len(values)
            self.note(f"{written} values copied" if written else "verifying")
        self._must_not_lose()
        return written

    def _converted(self, document: Mapping[str, Any]) -> Any:
        identity = str(document["$id"])
        try:
            value = convert(document.get(self.address.name), self.wanted)
        except UnconvertibleError as reason:
            self.lost[identity] = str(reason)
            return None
        self.lost.pop(identity, None)
        return value

    def _must_not_lose(self) -> None:
        if self.may_lose.covers(Answer(len(self.lost))):
            return
        identity, why = next(iter(self.lost.items()))
        raise RefusedError(
            f"{len(self.lost)} values of {self.address} cannot be converted to {self.wanted['type']}, and "
            f"{self.may_lose.number} were to be given up (document {identity}: {why}). {_SAFE}",
            hint=f"correct them, or give them up with --allow-data-loss {self.address}={len(self.lost)}, then run "
            "apply again",
        )

    def _refused(self, refused: Mapping[str, str]) -> ProviderError:
        identity, why = next(iter(refused.items()))
        return ProviderError(
            f"Appwrite refuses {len(refused)} documents of {self.address} with their new values "
            f"(document {identity}: {why}). {_SAFE}",
            hint="correct them, then run apply again: it goes on from here",
        )

    def _given_up(self, written: int) -> ProviderError:
        return ProviderError(
            f"The values of {self.address} could not all be copied: others keep writing ({written} in the last look). "
            f"{_SAFE}",
            hint="stop what writes to the collection, then run apply again: it goes on from here",
        )


_SAFE = "Nothing was lost; the old attribute is as it was."
#: When a document was changed last, by the server's clock; and how far the clocks of one server's machines may differ.
_CHANGED_AT, _CLOCKS = "$updatedAt", timedelta(seconds=5)


def _same(value: Any, copied: Any) -> bool:
    return bool(value == copied or (value in (None, []) and copied in (None, [])))


def cut_values(provider: Provider, address: Address, size: int, limit: Answer, note: Note) -> None:
    """Shorten texts that are longer than `size` characters, `limit` of them at most. Appwrite refuses the size while
    there are any. What somebody changes between our reading and our writing is read again: it may be short now."""
    cut = 0
    documents = provider.documents(*_place(address), only=(address.name, _CHANGED_AT))
    while batch := list(islice(documents, BATCH)):
        for _ in range(_PASSES):
            longer = _longer(batch, address, size)
            if not limit.covers(Answer(cut + len(longer))):
                raise _too_many(address, size, limit, cut + len(longer), cut)
            outcome = provider.change_values(*_place(address), longer) if longer else Written()
            if outcome.refused:
                identity, why = next(iter(outcome.refused.items()))
                raise ProviderError(
                    f"Appwrite refuses {len(outcome.refused)} documents with a shortened {address} "
                    f"(document {identity}: {why}).",
                    hint="correct them, then run apply again",
                )
            cut += len(longer) - len(outcome.changed)
            again = [provider.document(*_place(address), each) for each in sorted(outcome.changed)]
            batch = [each for each in again if each is not None]
            if not batch:
                break
        else:
            raise ProviderError(
                f"The values of {address} could not all be cut: others keep writing.",
                hint="stop what writes to the collection, then run apply again: it goes on from here",
            )
        if cut:
            note(f"{cut} values cut to {size} characters")


def _longer(batch: Sequence[Mapping[str, Any]], address: Address, size: int) -> dict[str, NewValues]:
    """Documents that hold more, with what they are to hold."""
    cut = {str(each["$id"]): (_cut(each.get(address.name), size), each) for each in batch}
    return {
        identity: NewValues({address.name: value}, str(document[_CHANGED_AT]))
        for identity, (value, document) in cut.items()
        if value != document.get(address.name)
    }


def _too_many(address: Address, size: int, limit: Answer, found: int, cut: int) -> RefusedError:
    return RefusedError(
        f"At least {found} values of {address} are longer than {size} characters now, and {limit.number} were to be "
        f"cut. {cut} were; the size was left as it is.",
        hint="look at what came, then plan again",
    )


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
