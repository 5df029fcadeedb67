"""Giving an attribute another type and keeping its values, in stages: add, copy, verify, switch.

Which stage an earlier run reached is seen from what is live, so a run that was killed is simply continued: the old
attribute goes only after a look at every document found its value copied, and the copy takes its name only after that.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from ..counting import spaced
from ..errors import NOTHING_CHANGED, ProviderError, RefusedError
from ..kinds.conversion import UnconvertibleError, convert, has_form, shortened, temporary
from ..model.address import Address
from ..model.evidence import Answer
from ..model.resource import Fields, Live, frozen
from ..provider import Condition, NewValues, Provider, Written
from .batches import BatchWriter, Pace, batches, how_far
from .schema import FIRST_LOOK, until_available, until_gone

#: Copying is repeated for what others write meanwhile; who writes all the time has to stop for a short time.
_PASSES = 5

Note = Callable[[str], None]
Keep = Callable[[Sequence[Mapping[str, Any]]], None]


def convert_attribute(
    provider: Provider,
    address: Address,
    wanted: Fields,
    *,
    may_lose: Answer,
    note: Note,
    keep: Keep = lambda _documents: None,
    first_look: float = FIRST_LOOK,
) -> Iterator[float | Live]:
    """Yields pauses, and at the end the attribute as it is then. `keep` gets documents as they are read, before they
    are converted: they may have been changed since the backup. Raises ProviderError when values would be lost."""
    copy = temporary(address)
    while True:
        seen = provider.members(*_place(address), "attributes")
        old = seen.get(address)
        if old is not None and old.status != "deleting":
            if has_form(old.fields, wanted):
                yield _finished(provider, address, wanted, old)
                return
            yield from _add(provider, copy, wanted, seen, note, first_look)
            yield from _Copying(provider, address, copy, wanted, may_lose, note, keep).run()
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
    """The new attribute beside the old one: optional at first, because it has no values yet."""
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
            f"{copy} already exists, and is not what a conversion to {wanted['type']} creates. {NOTHING_CHANGED}",
            hint="rename it if you need it; delete it if an earlier conversion to another type left it",
        )
    yield from until_available(provider, [copy], first_look)
    if found is not None and any(found.fields.get(name) != value for name, value in fields.items()):
        provider.update(copy, fields, found)


@dataclass
class _Look:
    """One look at documents: how many, how many values were written, and the checksums of what they hold: of the old
    attribute, converted, and of the copy. The order of documents does not count."""

    looked: int = 0
    written: int = 0
    old: int = 0
    copied: int = 0

    def add(self, identity: str, value: Any, copied: Any) -> None:
        self.looked += 1
        self.old += _hash(identity, value)
        self.copied += _hash(identity, copied)

    @property
    def checksum(self) -> str:
        return f"{self.copied % 2**64:016x}"

    @property
    def is_same(self) -> bool:
        return self.old == self.copied


@dataclass
class _Copying:
    """The copying of one attribute. `lost` has what cannot be converted: document → why, as it was last seen."""

    provider: Provider
    address: Address
    copy: Address
    wanted: Fields
    may_lose: Answer
    note: Note
    keep: Keep = lambda _documents: None
    clock: Callable[[], float] = time.monotonic
    lost: dict[str, str] = field(default_factory=dict)
    _writer: BatchWriter = field(init=False)

    def __post_init__(self) -> None:
        self._writer = BatchWriter(self.provider, _place(self.address), self._refused)

    def run(self) -> Iterator[float]:
        """Copy and convert, again and again until a look at every document finds nothing to write; then look after
        what was changed behind that look, which may have taken minutes. Yields pauses, in which it can be left."""
        for _ in range(_PASSES):
            since = self.provider.server_time()
            there = self.provider.count_all(*_place(self.address))
            look = _Look()
            yield from self._look(look, self.provider.every_document(*_place(self.address), only=self._read), there)
            if not look.written and self._is_whole(look, there):
                break
        else:
            raise self._given_up(look.written)
        self.note(f"verified {spaced(look.looked)} documents: checksum {look.checksum} of both attributes")
        for _ in range(_PASSES):
            if since is None:
                return
            now = self.provider.server_time()
            after = Condition("greaterThan", _CHANGED_AT, ((since - _CLOCKS).isoformat(timespec="milliseconds"),))
            changed = self.provider.documents(*_place(self.address), after, only=self._read)
            look = _Look()
            yield from self._look(look, batches(changed))
            if not look.written:
                return
            since = now
        raise self._given_up(1)

    @property
    def _read(self) -> Sequence[str]:
        return (self.address.name, self.copy.name, _CHANGED_AT)

    def _is_whole(self, look: _Look, there: Answer) -> bool:
        """Whether no document was passed over, as far as the server can count, and both sides hold the same."""
        fewest = there.count or 0
        if look.looked < fewest:
            # Some may have been deleted meanwhile.
            fewest = min(fewest, self.provider.count_all(*_place(self.address)).count or 0)
        return look.looked >= fewest and look.is_same

    def _look(
        self, look: _Look, portions: Iterable[Sequence[Mapping[str, Any]]], there: Answer | None = None
    ) -> Iterator[float]:
        """One look at documents, with what is to be written. What others changed after it was copied is copied
        again."""
        begun = self.clock()
        pace = Pace(self.clock, begun)
        for portion in portions:
            copies = {str(each["$id"]): new for each in portion if (new := self._evaluated(each, look)) is not None}
            # What is copied already has its value in the backup, or was kept then.
            self.keep([each for each in portion if each["$id"] in copies or each["$id"] in self.lost])
            left = len(copies)
            for written in self._writer.write(copies):
                look.written += written
                left -= written
                if (now := pace.due()) is not None:
                    self._report(look, there, now - begun, look.looked - left)
                yield 0.0
            if (now := pace.due()) is not None:
                self._report(look, there, now - begun, look.looked)
        if look.written:
            self.note(f"{spaced(look.written)} values copied")
        self._must_not_lose()

    def _evaluated(self, document: Mapping[str, Any], look: _Look) -> NewValues | None:
        """What has to be written of a document."""
        identity, copied = str(document["$id"]), document.get(self.copy.name)
        value = self._converted(document)
        look.add(identity, value, copied)
        # Appwrite answers an array that was never set as an empty one.
        if _same(value, copied):
            return None
        return NewValues({self.copy.name: value}, str(document.get(_CHANGED_AT) or ""))

    def _report(self, look: _Look, there: Answer | None, seconds: float, done: int) -> None:
        """How far it has come after so many seconds, with so many documents done, and how long the rest will take."""
        said = f"{spaced(look.written)} values copied" if look.written else "verifying"
        whole = max(done, there.count or 0) if there is not None else 0
        if whole and done:
            said += f", {how_far(done, whole, seconds)}"
        self.note(said)

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
            f"{len(self.lost)} values of {self.address} cannot be converted to {self.wanted['type']}, but "
            f"only {self.may_lose.number} may be lost (document {identity}: {why}). {_SAFE}",
            hint=f"correct them, or allow their loss with --allow-data-loss {self.address}={len(self.lost)}, then run "
            "apply again",
        )

    def _refused(self, refused: Mapping[str, str]) -> ProviderError:
        identity, why = next(iter(refused.items()))
        return ProviderError(
            f"Appwrite refuses {len(refused)} documents of {self.address} with their new values "
            f"(document {identity}: {why}). {_SAFE}",
            hint="correct them, then run apply again: it continues from here",
        )

    def _given_up(self, written: int) -> ProviderError:
        return ProviderError(
            f"Not all values of {self.address} could be copied: others keep writing ({written} in the last look). "
            f"{_SAFE}",
            hint="stop what writes to the collection, then run apply again: it continues from here",
        )


_SAFE = "Nothing was lost; the old attribute is as it was."
#: When a document was changed last, by the server's clock; and how far the clocks of one server's machines may differ.
_CHANGED_AT, _CLOCKS = "$updatedAt", timedelta(seconds=5)


def _same(value: Any, copied: Any) -> bool:
    return bool(value == copied or (value in (None, []) and copied in (None, [])))


def _hash(identity: str, value: Any) -> int:
    """The same for values that count as the same."""
    return int.from_bytes(blake2b(json.dumps([identity, _plain(value)]).encode(), digest_size=8).digest(), "big")


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value] or None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def cut_values(
    provider: Provider, address: Address, size: int, limit: Answer, note: Note, keep: Keep = lambda _documents: None
) -> Iterator[float]:
    """Shorten texts that are longer than `size` characters, `limit` of them at most. Appwrite refuses the size while
    there are any. What somebody changes between our reading and our writing is read again: it may be short now. `keep`
    gets each document as it was read, before it is cut: it may have been changed since the backup. Yields pauses, in
    which it can be left."""
    cut = 0
    portions = provider.every_document(*_place(address), only=(address.name, _CHANGED_AT))
    longest = (each for portion in portions for each in portion if _longer([each], address, size))
    for batch in batches(longest):
        yield 0.0
        cut += _cut_batch(provider, address, size, limit, batch, cut, keep)
        note(f"{cut} values cut to {size} characters")


def _cut_batch(
    provider: Provider,
    address: Address,
    size: int,
    limit: Answer,
    batch: Sequence[Mapping[str, Any]],
    before: int,
    keep: Keep,
) -> int:
    """How many were cut; so many were `before`."""
    cut = 0
    for _ in range(_PASSES):
        longer = _longer(batch, address, size)
        if not limit.covers(Answer(before + cut + len(longer))):
            raise _too_many(address, size, limit, before + cut + len(longer), before + cut)
        keep([each for each in batch if each["$id"] in longer])
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
            return cut
    raise ProviderError(
        f"Not all values of {address} could be cut: others keep writing.",
        hint="stop what writes to the collection, then run apply again: it continues from here",
    )


def _longer(batch: Sequence[Mapping[str, Any]], address: Address, size: int) -> dict[str, NewValues]:
    """Documents that hold more, with what they are to hold."""
    shorter = {str(each["$id"]): (shortened(each.get(address.name), size), each) for each in batch}
    return {
        identity: NewValues({address.name: value}, str(document[_CHANGED_AT]))
        for identity, (value, document) in shorter.items()
        if value != document.get(address.name)
    }


def _too_many(address: Address, size: int, limit: Answer, found: int, cut: int) -> RefusedError:
    return RefusedError(
        f"At least {found} values of {address} are longer than {size} characters now, but only {limit.number} may be "
        f"cut. {cut} were; the size was left as it is.",
        hint="check what was added, then plan again",
    )


def _finished(provider: Provider, address: Address, wanted: Fields, live: Live) -> Live:
    """What could not be set while there were no values: required, and the default."""
    if all(live.fields.get(name) == value for name, value in wanted.items()):
        return live
    return provider.update(address, wanted, live)


def _place(address: Address) -> tuple[str, str]:
    database, collection, _ = address.parts
    return database, collection
