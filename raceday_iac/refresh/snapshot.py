"""Read what is really there, as far as the stack and the state concern it."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import groupby
from typing import Any

from ..errors import AccessError, NotFoundError, ProviderError
from ..kinds import LISTED, code_of, kind_of, outermost
from ..kinds.conversion import UnconvertibleError, convert
from ..kinds.deployment import REPLACED, UNFINISHED
from ..model.address import Address, owner_of
from ..model.evidence import Answer, Ask, Question, total
from ..model.resource import Desired, Live, frozen
from ..provider import Condition, Reader, Snapshot
from ..state.document import State
from .deployments import READY, Archives

#: Newest deployments in which the stack's own code is looked for when there is no state.
_LOOK_BACK = 5


def refresh(
    reader: Reader, desired: Desired, state: State, archives: Archives | None = None, *, every_kind: bool = False
) -> Snapshot:
    """Everything live that the stack declares, the state owns, or that lies beside it; with `every_kind`, also of kinds
    of which nothing is declared or ours. `archives` remembers what was read of deployments before."""
    others = LISTED if every_kind else _others(desired, state)
    offers = {name for each in desired.resources for name in kind_of(each).offers}
    snapshot = reader.snapshot(_databases(desired, state), others=others, named=every_kind, offers=offers)
    code = _Code(reader, archives or Archives(reader), snapshot.resources, desired, state)
    documents, unread = _documents(reader, snapshot, desired, state)
    found = {**snapshot.resources, **code.resources(), **documents}
    return replace(snapshot, resources=found, unread={**snapshot.unread, **unread})


def _documents(
    reader: Reader, snapshot: Snapshot, desired: Desired, state: State
) -> tuple[Mapping[Address, Live], Mapping[str, ProviderError]]:
    """Documents that are declared or ours, in collections that are there."""
    wanted = dict.fromkeys(
        each
        for each in (*desired.resources, *desired.tombstones, *state.entries)
        if kind_of(each).is_document and owner_of(each) in snapshot.resources
    )
    found: dict[Address, Live] = {}
    try:
        for place, group in groupby(sorted(wanted), key=owner_of):
            found |= _named(reader, place, list(group))
        return found, {}
    except AccessError as error:
        return {}, {each.kind: error for each in wanted}


#: Ids in one query; Appwrite takes no more values.
_IDS = 100


def _named(reader: Reader, place: Address, addresses: Sequence[Address]) -> Iterator[tuple[Address, Live]]:
    """Those of these documents of a collection that exist. Appwrite compares ids without case."""
    database, collection = place.parts
    for begin in range(0, len(addresses), _IDS):
        asked = Condition("equal", "$id", tuple(each.name for each in addresses[begin : begin + _IDS]))
        for raw in reader.documents(database, collection, asked):
            live = kind_of(addresses[0]).parse(place.parts, raw)
            if live.address in addresses:
                yield live.address, live


def _databases(desired: Desired, state: State) -> tuple[str, ...]:
    """Databases whose inside matters; others are only named."""
    return tuple(each.path for each in _outermost(desired, state) if kind_of(each).is_listed_inside)


def _others(desired: Desired, state: State) -> tuple[str, ...]:
    """Kinds that are read by a list of their own, and only where there is anything of them."""
    return tuple(dict.fromkeys(each.kind for each in _outermost(desired, state) if kind_of(each).listing))


def _outermost(desired: Desired, state: State) -> Iterable[Address]:
    return dict.fromkeys(map(outermost, (*desired.resources, *desired.tombstones, *state.entries)))


@dataclass(frozen=True)
class _Code:
    """Active deployments of managed code, with the digest of what they run.

    A deployment never changes, so a digest that the state knows for this id is still right. Only an unknown id costs a
    download: after a lost state, or when somebody else deployed.
    """

    reader: Reader
    archives: Archives
    live: Mapping[Address, Live]
    desired: Desired
    state: State

    def resources(self) -> dict[Address, Live]:
        active = {owner: self.live[at] for owner in self.desired.code if (at := code_of(owner)) in self.live}
        self.archives.prefetch(
            (owner, live.remote_id) for owner, live in active.items() if self._remembered(live) is None
        )
        return {live.address: self._checked(owner, live) for owner, live in active.items()}

    def _remembered(self, live: Live) -> str | None:
        known = self.state.entries.get(live.address)
        if known is None or known.remote_id != live.remote_id or "digest" not in known.fields:
            return None
        return str(known.fields["digest"])

    def _checked(self, owner: Address, live: Live) -> Live:
        digest = self._remembered(live)
        if digest is None:
            digest = self.archives.origin(owner, live.remote_id).digest
        status = live.status
        if live.remote_id in self.state.uploads_of(owner):
            status = UNFINISHED
        elif live.address not in self.state.entries and self._was_replaced(owner, live, digest):
            status = REPLACED
        return replace(live, fields=frozen({"digest": digest}), status=status)

    def _was_replaced(self, owner: Address, live: Live, digest: str) -> bool:
        """Whether the very code of the stack was deployed before, and now something else is active. Without a state
        that is the only sign that somebody else changed it."""
        declared = self.desired.resources.get(live.address)
        if declared is None or declared.fields["digest"] == digest:
            return False
        others = [
            each.id
            for each in self.reader.deployments(owner, _LOOK_BACK)
            if each.id != live.remote_id and each.status == READY
        ]
        self.archives.prefetch((owner, each) for each in others)
        return any(self.archives.origin(owner, each).digest == declared.fields["digest"] for each in others)


# Answers questions about what would be lost, from live Appwrite. Counting is left to the server wherever it can.


#: The server stops counting the records of runs here.
COUNTED = 5000
#: Appwrite's answer to a query on what cannot be queried.
_CANNOT_QUERY = 400
#: Appwrite's answers to what it cannot count: refused, too slow, or a defect of its own (1.8.1: queries for null on
#: points, 500).
_CANNOT_TELL = (_CANNOT_QUERY, 403, 408, 500)


@dataclass(frozen=True)
class Counting:
    """Answers questions about what is live. `state` knows which code is managed, `archives` what was read of it.
    `look_at` is the number of documents of a collection that are read where counting does not help; 0: all of them."""

    reader: Reader
    state: State
    archives: Archives
    look_at: int = 0

    def __call__(self, question: Question) -> Answer:
        """The answer; an unknown one when the key may not look, or Appwrite says that it does not know. Raises
        ProviderError for everything else: no answer is not an answer."""
        if kind_of(question.place).is_document:
            return Answer(1)
        try:
            if question.ask is Ask.CODE:
                return self._code(question.place)
            if question.ask is Ask.EXECUTIONS:
                count = self.reader.count_executions(question.place.path)
                return Answer(count, count >= COUNTED)
            if question.ask is Ask.CONTENTS:
                return self.reader.contents(question.place)
            if kind_of(question.place).is_listed_inside:
                return self._together(question)
        except ProviderError as error:
            return unknown(error)
        return answer(self.reader, question, self.look_at)

    def _together(self, question: Question) -> Answer:
        """Of all collections that the database has now."""
        inside = self.reader.inside(question.place)
        places = [address for address in sorted(inside) if kind_of(address).holds_documents_itself]
        return total(answer(self.reader, replace(question, place=each), self.look_at) for each in places)

    def _code(self, owner: Address) -> Answer:
        """Deployments whose source the stack does not hold. Where it manages the code, they are somebody else's; where
        it does not, all of them."""
        found = self.reader.all_deployments(owner)
        entry = self.state.entries.get(code_of(owner))
        if entry is not None:
            ours = {entry.remote_id, *entry.deployments, *self.state.uploads_of(owner)}
            strange = [each.id for each in found if each.id not in ours]
            self.archives.prefetch((owner, each) for each in strange)
            names = tuple(each for each in strange if not self.archives.is_ours(owner, each))
        else:
            names = tuple(each.id for each in found)
        return Answer(len(names), names=names)


def answer(reader: Reader, question: Question, look_at: int = 0) -> Answer:
    """The answer to a question about the documents of one collection; an unknown one when the key may not look, or
    Appwrite says that it does not know. Raises ProviderError for everything else: no answer is not an answer."""
    try:
        if not question.must_read and question.ask not in (Ask.LONGER, Ask.DUPLICATES, Ask.UNCONVERTIBLE):
            try:
                return _by_counting(reader, question)
            except ProviderError as error:
                if error.code != _CANNOT_QUERY:
                    raise
        return _by_reading(reader, question, look_at)
    except NotFoundError:
        # Appwrite says that there is no such collection: then there is nothing in it.
        return Answer(0)
    except ProviderError as error:
        return unknown(error)


def unknown(error: ProviderError) -> Answer:
    """What an error says of a count. Raises it again where it says nothing: no answer is not an answer."""
    if isinstance(error, AccessError) or (error.type and error.code in _CANNOT_TELL):
        return Answer(None)
    raise error


def _by_counting(reader: Reader, question: Question) -> Answer:
    database, collection = question.place.parts
    return total(reader.count_all(database, collection, *each) for each in _conditions(question))


def _conditions(question: Question) -> list[list[Condition]]:
    """Sets of conditions whose counts add up to the answer."""
    if question.ask in (Ask.DOCUMENTS, Ask.WITHOUT):
        return [[]]
    (key,) = question.attributes
    if question.ask is Ask.VALUES:
        return [[Condition("isNotNull", key)]]
    if question.ask is Ask.NULLS:
        return [[Condition("isNull", key)]]
    if question.ask is Ask.AMONG:
        return [[Condition("equal", key, question.among)]]
    below = [] if question.low is None else [[Condition("lessThan", key, (question.low,))]]
    above = [] if question.high is None else [[Condition("greaterThan", key, (question.high,))]]
    return [*below, *above]


def _by_reading(reader: Reader, question: Question, look_at: int = 0) -> Answer:
    """Look at the documents themselves: what no query finds, and what queries may not ask (arrays, encrypted texts)."""
    database, collection = question.place.parts
    looking = _Looking(question)
    for portion in reader.every_document(database, collection, only=question.attributes):
        left = look_at - looking.looked if look_at else len(portion)
        looking.look(portion[:left])
        if left < len(portion):
            return looking.answer(of=_at_least(reader.count_all(database, collection), looking.looked + 1))
    return looking.answer()


def _at_least(counted: Answer, known: int) -> int:
    return max(counted.count or 0, known)


class _Looking:
    """What was found in the documents that were looked at."""

    def __init__(self, question: Question) -> None:
        self.looked = 0
        self._question = question
        self._found = self._longest = 0
        #: Eight bytes for each value of a unique index, because there may be millions of them.
        self._keys = array("Q")

    def look(self, documents: Sequence[Mapping[str, Any]]) -> None:
        self.looked += len(documents)
        question = self._question
        if question.ask is Ask.DUPLICATES:
            self._keys.extend(_hash(key) for each in documents for key in _key(each, question.attributes))
            return
        key = question.attributes[0] if question.attributes else "$id"
        values = [document.get(key) for document in documents]
        if question.ask is Ask.LONGER:
            lengths = [_longest(value) for value in values]
            self._longest = max([self._longest, *lengths])
            self._found += sum(length > question.limit for length in lengths)
        else:
            self._found += sum(map(_check(question), values))

    def answer(self, of: int = 0) -> Answer:
        """`of` how many, where these are not all."""
        if self._question.ask is Ask.DUPLICATES:
            runs = (sum(1 for _ in same) for _, same in groupby(sorted(self._keys)))
            self._found = sum(length for length in runs if length > 1)
        return Answer(self._found, of > 0, self._longest, looked=self.looked, of=of)


def _hash(key: str) -> int:
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _longest(value: Any) -> int:
    """Of a text, its characters; of a list, those of its longest text."""
    if isinstance(value, str):
        return len(value)
    return max((len(each) for each in value if isinstance(each, str)), default=0) if isinstance(value, list) else 0


def _check(question: Question) -> Callable[[Any], bool]:
    """Whether a document with this value is one of those that are asked for."""
    low, high = question.low, question.high

    def is_outside(value: Any) -> bool:
        return (low is not None and value < low) or (high is not None and value > high)

    def is_convertible(value: Any) -> bool:
        try:
            convert(value, target)
        except UnconvertibleError:
            return False
        return True

    target = dict(question.target)
    if question.ask is Ask.UNCONVERTIBLE:
        return lambda value: not is_convertible(value)
    if question.ask is Ask.AMONG:
        return lambda value: any(each in question.among for each in _values(value))
    if question.ask is Ask.OUTSIDE:
        return lambda value: any(map(is_outside, _values(value)))
    return (lambda value: not _values(value)) if question.ask is Ask.NULLS else lambda value: bool(_values(value))


def _values(value: Any) -> list[Any]:
    return [each for each in (value if isinstance(value, list) else [value]) if each is not None]


def _key(document: Mapping[str, Any], attributes: Iterable[str]) -> list[str]:
    """What a unique index compares; a null never equals another."""
    found = [document.get(key) for key in attributes]
    if any(value is None for value in found):
        return []
    # The database compares texts without case.
    return [json.dumps([value.lower() if isinstance(value, str) else value for value in found])]
