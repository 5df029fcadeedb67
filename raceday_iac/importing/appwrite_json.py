"""Reading an `appwrite.json` (or `appwrite.config.json`) of any age, and writing one. What it says of a kind is there.

Such files were written by many versions of Appwrite's own command line and by hand. What is missing gets the value
that Appwrite gives it, what is unknown is reported and left out, and nothing is refused for a single odd entry. What is
written is for people who still use that command line, and never holds a variable's value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..errors import IacError
from ..kinds import KINDS, kind_of
from ..kinds.fields import Declaring, Entry, Writing
from ..model.address import Address, collection_address, owners
from ..model.limits import shown
from ..model.resource import Desired, Live
from ..model.secret import FromEnvironment
from ..model.server import ServerFacts
from ..model.validators import id_problem
from .entries import fitting, named, names_in, sifted, with_all_in_it
from .names import Project, Remark

#: Finds a folder with an entrypoint, relative to the root of the stack.
CodeAt: TypeAlias = Callable[[str, str], str]


def _lying_in(kind: str) -> list[Declaring]:
    """The kinds that have lists in such a file, low stages first, so that owners come before what they own."""
    found = sorted(KINDS.values(), key=lambda each: each.stage)
    return [each.declaring for each in found if each.declaring and each.declaring.file_lists and each.owner == kind]


def _outer() -> list[Declaring]:
    """What the file itself has lists of: what lies nowhere, and beside it what lies in that."""
    outer = _lying_in("")
    return [*outer, *(inner for each in outer for inner in _lying_in(each.kind))]


#: Where a project is belongs to an environment.
PLACE = ("projectId", "organizationId", "endpoint")
SILENT = ("projectId", "projectName", "$schema")
SETTINGS = "settings"


def _holders() -> set[str]:
    """Kinds that what lies in them lies beside."""
    return {each.kind for each in _lying_in("")}


def read_appwrite_json(document: Any, source: str, code_at: CodeAt = lambda _path, _entrypoint: "") -> Project:
    """The project that a file describes. `code_at` finds the folder that a function names, with its entrypoint, and
    gives it relative to the stack's root. Raises IacError when it is no such file at all."""
    lists = [(declaring, name) for declaring in _outer() for name in declaring.file_lists]
    top = (*SILENT[:2], *(name for _, name in lists))
    if not isinstance(document, Mapping) or not any(name in document for name in top):
        raise IacError(f"{source} is not an appwrite.json: it has none of {', '.join(top)}.", unchanged=True)
    reading = _Reading(code_at)
    for declaring, name in lists:
        for number, raw in enumerate(_list(document, name, reading)):
            reading.take(declaring, raw, (), f"{name}[{number}]")
    reading.take_far_sides()
    reading.take_settings(document.get(SETTINGS))
    others = {name: held for name, held in document.items() if name not in {*top, *SILENT, *PLACE, SETTINGS} and held}
    for name, held in others.items():
        named = ", ".join(names_in(held)) or shown(held)
        reading.remark(name, f"not imported, because this tool does not manage it: {named}")
    places = [name for name in PLACE if document.get(name)]
    if places[1:]:
        reading.remark(source, f"not taken, because an environment file says it: {', '.join(places)}")
    for address, live in reading.resources.items():
        for doubt in kind_of(address).all_doubts(live.fields, ServerFacts()):
            reading.remark(address, doubt)
    name = str(document.get("projectName") or "")
    return Project(reading.resources, tuple(reading.remarks), source, name, reading.notes)


@dataclass
class _Reading:
    code_at: CodeAt
    resources: dict[Address, Live] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    notes: dict[Address, str] = field(default_factory=dict)
    far_sides: list[Live] = field(default_factory=list)
    #: The entries that stand for what was read.
    _entries: dict[Address, Entry] = field(default_factory=dict)
    _inside: dict[tuple[str, Address], list[Live]] = field(default_factory=lambda: defaultdict(list))

    def remark(self, subject: object, message: str) -> None:
        self.remarks.append(Remark(str(subject), message))

    def leave_out(self, declaring: Declaring, raw: Entry, subject: object, reason: str) -> None:
        self.remark(subject, f"left out{with_all_in_it(declaring, raw)}: {reason}")

    def of(self, kind: str, owner: Address) -> Sequence[Live]:
        """See `Beside`."""
        return self._inside.get((kind, owner), ())

    def value_of(self, live: Live) -> str | FromEnvironment:
        """See `Beside`."""
        return str(live.fields["value"])

    def secret_of(self, live: Live, name: str) -> FromEnvironment | None:  # noqa: ARG002
        """See `Beside`. Files hold no kind that has such fields."""
        return None

    def fitting(self, declaring: Declaring, raw: Entry, address: Address) -> dict[str, Any] | None:
        return fitting(declaring, raw, address, self)

    def take(self, declaring: Declaring, raw: Any, owner: tuple[str, ...], place: str) -> None:
        """An entry, with what lies in it. The file says what is wanted: a status at the time of writing is of no
        interest."""
        word = "key" if owner else "$id"
        said = self._in_our_words(declaring, raw, place) if isinstance(raw, Mapping) else {}
        if not isinstance(said.get(word), str) or not said[word]:
            self.leave_out(declaring, said, place, f"it has no {word}{_has(raw)}")
            return
        if problem := id_problem(raw[word]):
            self.leave_out(declaring, said, place, problem)
            return
        live = declaring.read_file(said, owner, self)
        if live is None:
            return
        if live.address in self._entries:
            if said != self._entries[live.address]:
                self.leave_out(declaring, said, place, f"{live.address} stands in the file twice; the first counts")
            return
        self._entries[live.address] = said
        live = self.resources[live.address] = sifted(declaring, live, self)
        for above in owners(live.address)[-1:]:
            self._inside[live.address.kind, above].append(live)
        for inner in _lying_in(declaring.kind) if declaring.kind not in _holders() else ():
            for name in inner.file_lists:
                for number, each in enumerate(_list(said, name, self)):
                    if inner.is_one_in_file(each if isinstance(each, Mapping) else {}):
                        self.take(inner, each, live.address.parts, f"{live.address}: {name}[{number}]")

    def _in_our_words(self, declaring: Declaring, raw: Entry, place: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in raw.items():
            ours = declaring.file_words.get(name, name)
            if ours in found and found[ours] != value:
                named = ", ".join(names_in(value)) or shown(value)
                self.remark(place, f"{name} is left out, because it has {ours} too: {named}")
            elif value is not None:
                found[ours] = value
        return found

    def take_settings(self, held: Any, at: tuple[str, ...] = ()) -> None:
        """Settings of the project. One that is as Appwrite has it is not declared."""
        place = ".".join((SETTINGS, *at))
        if held is not None and not isinstance(held, Mapping):
            self.remark(place, f"left out: it is {shown(held)}")
            return
        deeper = {
            each.file_settings_at[: len(at) + 1] for each in _of_settings() if len(each.file_settings_at) > len(at)
        }
        for word, value in (held or {}).items():
            about = [each for each in _of_settings() if each.file_settings_at == at and each.knows_setting(word)]
            if (*at, word) in deeper:
                self.take_settings(value, (*at, word))
            elif not about:
                self.remark(place, f"not taken, because it has no such setting: {named(word, value)}")
            else:
                self._take_setting(about[0], word, value, place)

    def _take_setting(self, declaring: Declaring, word: str, value: Any, place: str) -> None:
        try:
            found = list(declaring.read_setting(word, value))
        except ValueError as error:
            self.remark(place, f"{word} is left out: {error}")
            return
        for live in found:
            if not kind_of(live.address).is_original(live):
                self.resources[live.address] = live

    def take_far_sides(self) -> None:
        """Relationships of which the file holds the far side alone."""
        for near in self.far_sides:
            if near.address in self.resources:
                continue
            database, collection, _ = near.address.parts
            if collection_address(database, collection) in self.resources:
                self.remark(near.address, f"taken from its far side in {near.fields['relatedCollection']}")
                self.resources[near.address] = near
            else:
                far = collection_address(database, near.fields["relatedCollection"])
                message = f"left out: the collection {collection}, which it leads to, is not in the file"
                self.remark(far.child("relationship", str(near.fields["twoWayKey"])), message)


def _has(raw: Any) -> str:
    if not isinstance(raw, Mapping):
        return f", it is {shown(raw)}"
    return f" (it has {', '.join(raw)})" if raw else ""


def _list(held: Entry, name: str, reading: _Reading) -> Sequence[Any]:
    found = held.get(name)
    if found is not None and not isinstance(found, list):
        reading.remark(name, f"left out: it is no list, it is {shown(found)}")
    return found if isinstance(found, list) else ()


# Writing one.


def appwrite_json(desired: Desired, project: str, to: Writing) -> dict[str, Any]:
    """The document."""
    document: dict[str, Any] = {"projectId": project, "projectName": desired.name}
    for declaring in _in_writing_order():
        entries = [
            {**declaring.write_file(each, desired, to), **_inside(each.address, desired, to)}
            for each in desired.of_kind(declaring.kind)
        ]
        if entries:
            document[declaring.file_lists[0]] = entries
    if settings := _settings(desired, to):
        document[SETTINGS] = settings
    return document


def _of_settings() -> list[Declaring]:
    """The kinds that the settings of such a file hold."""
    return [each.declaring for each in KINDS.values() if each.declaring and each.declaring.file_settings_at]


def _settings(desired: Desired, to: Writing) -> dict[str, Any]:
    """What is declared of them."""
    settings: dict[str, Any] = {}
    for declaring in _of_settings():
        for resource in desired.of_kind(declaring.kind):
            for word, value in declaring.write_setting(resource, to):
                held = settings
                for each in declaring.file_settings_at:
                    held = held.setdefault(each, {})
                held[word] = [*held.get(word, ()), *value] if isinstance(value, list) else value
    return settings


def _inside(owner: Address, desired: Desired, to: Writing) -> dict[str, list[Any]]:
    """The lists of what lies in something."""
    lists: dict[str, list[Any]] = {}
    for declaring in _lying_in(owner.kind) if kind_of(owner).owner else ():
        found = lists.setdefault(declaring.file_lists[0], [])
        found += (declaring.write_file(each, desired, to) for each in desired.below(owner, declaring.kind))
        found += declaring.write_beside(owner, desired, to)
    return lists


def _in_writing_order() -> list[Declaring]:
    """Functions come first, as Appwrite's command line writes them."""
    outer = _lying_in("")
    return [*reversed(outer), *(inner for each in outer for inner in _lying_in(each.kind))]


def what_is_lost(desired: Desired, to: Writing) -> Iterator[Remark]:
    """What a stack says and an `appwrite.json` cannot."""
    for address, resource in desired.resources.items():
        declaring = kind_of(address).declaring
        for message in declaring.lost_in_file(resource, desired, to) if declaring else ():
            yield Remark(str(address), message)
    for address in desired.tombstones:
        yield Remark(str(address), "that it must be absent cannot be said in such a file")
