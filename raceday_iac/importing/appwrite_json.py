"""Reading an `appwrite.json` (or `appwrite.config.json`) of any age, and writing one. What it says of a kind is there.

Such files were written by many versions of Appwrite's own command line and by hand. What is missing gets the value
that Appwrite gives it, what is unknown is reported and left out, and nothing is refused for a single odd entry: one bad
value never costs more than itself. What is written is for people who still use that command line, and never holds a
variable's value.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from ..errors import IacError
from ..kinds import KINDS, kind_of
from ..kinds.base import is_finite, misfit
from ..kinds.fields import Declaring, Entry, Reading, WireField, Writing, canonical_default, identity, wire_fields
from ..model.address import Address, collection_address, owners
from ..model.declarations import Declared, checked
from ..model.limits import shown
from ..model.resource import Desired, Live, frozen
from ..model.secret import FromEnvironment
from ..model.server import ServerFacts
from ..model.validators import id_problem
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
        reading.remark(name, f"not imported, because raceday-iac does not manage it: {named}")
    places = [name for name in PLACE if document.get(name)]
    if places[1:]:
        reading.remark(source, f"not imported, because it belongs in an environment file: {', '.join(places)}")
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
                self.leave_out(declaring, said, place, f"{live.address} is in the file twice; the first is used")
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
                self.remark(place, f"{name} is left out, because {ours} is given, too: {named}")
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
                self.remark(place, f"not imported, because there is no such setting: {named(word, value)}")
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
                self.remark(near.address, f"imported from its other side in {near.fields['relatedCollection']}")
                self.resources[near.address] = near
            else:
                far = collection_address(database, near.fields["relatedCollection"])
                message = f"left out: the collection {collection}, which it refers to, is not in the file"
                self.remark(far.child("relationship", str(near.fields["twoWayKey"])), message)


def _has(raw: Any) -> str:
    if not isinstance(raw, Mapping):
        return f", it is {shown(raw)}"
    return f" (it has {', '.join(raw)})" if raw else ""


def _list(held: Entry, name: str, reading: _Reading) -> Sequence[Any]:
    found = held.get(name)
    if found is not None and not isinstance(found, list):
        reading.remark(name, f"left out: it is not a list, but {shown(found)}")
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
        yield Remark(str(address), "that it must be absent cannot be written to this format")


def fitting(declaring: Declaring, raw: Entry, address: Address, reading: Reading) -> dict[str, Any] | None:
    """The values of an entry that are of the right type, with Appwrite's own where it says nothing. What is left out is
    said; None where something is needed that it does not have. Raises nothing for whatever an entry may hold."""
    fields = {each.answer: each for each in wire_fields(declaring.model_of(raw))}
    assumed = declaring.file_defaults(raw, address)
    found = dict(assumed)
    for name, wire in fields.items():
        value = _made_to_fit(raw.get(name), wire)
        if value is None:
            continue
        problem = _problem(value, wire)
        if problem and isinstance(value, list) and isinstance(wire.json, list):
            reading.remark(address, f"{name}: {', '.join(map(shown, _misfits(value, wire)))} is left out{problem}")
            value, problem = [each for each in value if not _problem([each], wire)], ""
        if problem:
            reading.remark(address, f"{name} is left out{problem}{_instead(assumed, name)}")
        else:
            found[name] = value
    known = {*fields, *assumed, *declaring.file_silent}
    unknown = [named(name, raw[name]) for name in raw if name not in known and raw[name]]
    if unknown:
        reading.remark(address, f"not imported, because there is no such setting: {', '.join(unknown)}")
    missing = [name for name, field in fields.items() if field.info.is_required() and found.get(name) in (None, "", [])]
    if missing:
        words = {ours: theirs for theirs, ours in declaring.file_words.items()}
        needed = " and no ".join(f"{name} ({words[name]})" if name in words else name for name in missing)
        reading.remark(address, f"left out{with_all_in_it(declaring, raw)}: it has no {needed}")
        return None
    return found


def _made_to_fit(value: Any, field: WireField) -> Any:
    """One text for a list of texts, and texts for numbers and switches: hands write them, and versions of Appwrite's
    command line that meet numbers beyond what JavaScript can count."""
    if isinstance(value, str):
        if field.json == [str]:
            return [value]
        if not misfit(0, field.json) and (number := _number(value)) is not None:
            return number
        if field.json is bool and value.lower() in ("true", "false"):
            return value.lower() == "true"
    if isinstance(value, float) and value.is_integer() and not misfit(0, field.json) and misfit(value, field.json):
        return int(value)
    if field.json is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


def _number(text: str) -> int | float | None:
    if re.fullmatch(r"[+-]?\d{1,40}", text.strip()):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return None
    return number if is_finite(number) else None


def _problem(value: Any, field: WireField) -> str:
    """What does not fit, to stand behind its name; nothing where all does."""
    try:
        found = misfit(value, field.json)
    except OverflowError:
        found = " is too large a number"
    return ": it" + re.sub(r"^(?:\[\d+\])+", "", found) if found else ""


def _misfits(values: Sequence[Any], field: WireField) -> Iterator[Any]:
    return (each for each in values if _problem([each], field))


def _instead(assumed: Entry, name: str) -> str:
    return f"; {shown(assumed[name])} is used" if name in assumed else ""


def with_all_in_it(declaring: Declaring, raw: Entry) -> str:
    """The names of what lies in an entry."""
    inside = [str(name) for words in declaring.file_holds for name in names_in(raw.get(words))]
    return f", with {', '.join(inside)}" if inside else ""


def named(name: str, held: Any) -> str:
    """A word of a file, with the names of what it holds."""
    inside = ", ".join(names_in(held))
    return f"{name} ({inside})" if inside else name


def names_in(given: Any) -> Iterator[str]:
    """Names of what a list or a mapping of a file holds."""
    if isinstance(given, Mapping):
        yield from map(str, given)
        return
    for number, each in enumerate(given if isinstance(given, list) else ()):
        said = (
            [each[name] for name in ("$id", "key", "id", "name") if each.get(name)] if isinstance(each, Mapping) else []
        )
        yield str(said[0]) if said else f"number {number}"


def sifted(declaring: Declaring, live: Live, reading: Reading) -> Live:
    """Without the values that Appwrite would refuse. What is needed stays, and then the whole is refused later."""
    model = declaring.model_of(live.fields)
    fields = {each.attribute: each for each in wire_fields(model)}
    names = {word: fields[word].name if word in fields else word for word in model.model_fields}
    names = {word: name for word, name in names.items() if name in live.fields}
    assumed = {**declaring.file_defaults(live.fields, live.address)}
    spare = {word: assumed[each.answer] for word, each in fields.items() if each.answer in assumed}
    written = {word: declaring.as_written(word, live.fields[name], live, reading) for word, name in names.items()}
    arguments = {**written, identity(model): live.address.name}
    for word, value, message in _refused(declaring, model, arguments, spare):
        reported = f"; {shown(spare[word])} is used" if word not in arguments and word in spare else ""
        reading.remark(live.address, f"{names[word]}: {value} is left out: {message}{reported}")
    kept = dict(live.fields)
    for word, name in names.items():
        if word not in arguments:
            kept[name] = spare.get(word, canonical_default(fields[word]) if word in fields else ())
        elif arguments[word] != written[word]:
            kept[name] = arguments[word]
    return replace(live, fields=frozen(kept))


def _refused(
    declaring: Declaring, model: type[Declared], arguments: dict[str, Any], spare: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """Take what is refused out of the arguments, and say it: name, value, why. `spare` are values for some of them."""
    while found := next(_causes(declaring, model, arguments, spare), None):
        word, message = found
        value = arguments.pop(word)
        items = (
            [each for each in value if not _is_bad(model, arguments, word, each)] if isinstance(value, tuple) else []
        )
        if items and len(items) < len(value):
            arguments[word] = tuple(items)
            yield word, ", ".join(shown(each) for each in value if each not in items), message
        else:
            yield word, shown(list(value) if isinstance(value, tuple) else value), message


def _causes(
    declaring: Declaring, model: type[Declared], given: Mapping[str, Any], spare: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Arguments that can give way for a mistake. Where fields do not go together, that is the first weak one that mends
    it."""
    whole, kept = {**spare, **given}, {*declaring.file_kept, identity(model)}
    needed = {word for word, info in model.model_fields.items() if info.is_required()} - {*spare}
    for mistake in checked(model, whole)[1]:
        words = mistake.field.partition(".")[0].split(", ") if mistake.field else []
        yield from ((word, mistake.message) for word in words if word in given and word not in kept | needed)
        for each in declaring.file_weak if not words else ():
            rest = {name: value for name, value in whole.items() if name != each}
            if each in given and mistake not in checked(model, rest)[1]:
                yield each, mistake.message
                break


def _is_bad(model: type[Declared], arguments: Mapping[str, Any], word: str, item: Any) -> bool:
    _, mistakes = checked(model, {**arguments, word: (item,)})
    return any(each.field.partition(".")[0] == word for each in mistakes)
