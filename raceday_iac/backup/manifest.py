"""What a backup is: its sections, their parts, and the manifest that says so. Pure.

A backup has an id and a section for each thing that is lost: whole documents of a collection, the values of one
attribute, or the links of one relationship. A section is kept in parts, which are compressed (and encrypted) JSON lines
with a record each. The manifest is written last, so a backup without one was never completed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from ..errors import DamagedError
from ..kinds import kind_of
from ..kinds.base import thaw
from ..kinds.conversion import UnconvertibleError, convert, shortened
from ..model.address import Address, owner_of, owners
from ..model.evidence import NOTHING, Answer, Ask, total
from ..model.resource import Desired, Live
from ..model.secret import Secret
from ..planning import Action, Change, Plan
from ..planning.guards import questions_of
from ..planning.migrations import runs
from ..planning.order import shrinks_values
from ..state.document import Binding

FORMAT = 1
MANIFEST = "manifest.json"


class Form(StrEnum):
    """What the records of a section are."""

    #: Whole documents.
    DOCUMENTS = "documents"
    #: Values of some columns of documents.
    VALUES = "values"
    #: What lies in a bucket, a team or a topic; of files with their content.
    CONTENTS = "contents"
    #: Source archives of a function's deployments.
    SOURCES = "sources"
    #: Plain variables. They are kept with the settings of what goes, so no part has any.
    VARIABLES = "variables"


@dataclass(frozen=True)
class Left:
    """What a change leaves of a value: nothing, its first `size` characters, or what an attribute with the fields
    `target` makes of it."""

    size: int | None = None
    target: Mapping[str, Any] | None = None

    def of(self, value: Any) -> Any:
        if self.size is not None:
            return shortened(value, self.size)
        if self.target is None:
            return None
        try:
            return convert(value, self.target)
        except UnconvertibleError:
            return None

    def to_json(self) -> dict[str, Any]:
        found = {"size": self.size, "target": None if self.target is None else thaw(self.target)}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Part:
    """One file of a section. `sha256` is that of the file as it is stored. One without records is a piece of a content,
    which a record names. A `late` one has what was written after the backup was read, and counts before the others:
    `again` of its records are of documents that the others have. `file` is where it is, if it was encrypted again since
    it got its name."""

    name: str
    records: int
    size: int
    sha256: str
    late: bool = False
    file: str = ""
    again: int = 0

    @property
    def stored(self) -> str:
        return self.file or self.name


@dataclass(frozen=True)
class Section:
    """What is kept for the sake of one address. Documents are those of the collection `place`; `columns` are its
    attributes with their fields, `links` its relationships with the collection that each leads to."""

    address: Address
    form: Form
    place: Address
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    links: Mapping[str, Address] = field(default_factory=dict)
    left: Left = Left()
    parts: tuple[Part, ...] = ()
    #: Columns that have another name until the plan is carried out.
    names: Mapping[str, str] = field(default_factory=dict)
    #: Deployments whose source is read.
    deployments: tuple[str, ...] = ()
    #: What destroys it or narrows it.
    cause: Address | None = field(default=None, compare=False)

    @property
    def records(self) -> int:
        return sum(each.records - each.again for each in self.parts)

    @property
    def size(self) -> int:
        return sum(each.size for each in self.parts)

    @property
    def noun(self) -> str:
        """What its records are."""
        contents = kind_of(self.address).contents
        if self.form is Form.CONTENTS and contents is not None:
            return contents.noun
        return {Form.SOURCES: "deployment", Form.VARIABLES: "variable"}.get(self.form, "document")

    @property
    def collection(self) -> tuple[str, str]:
        """The ids of the database and the collection."""
        database, collection = self.place.parts
        return database, collection

    @property
    def reads(self) -> tuple[str, ...]:
        """What has to be asked for of each document; nothing where that is all of it."""
        paths = tuple(f"{self.names.get(each, each)}.$id" for each in self.links)
        if self.form is Form.DOCUMENTS:
            return ("*", *paths) if paths else ()
        return (*(self.names.get(each, each) for each in self.columns), *paths, "$createdAt", "$updatedAt")

    def record_of(self, document: Mapping[str, Any]) -> dict[str, Any] | None:
        """What is kept of a document; None where it has nothing that is lost."""
        data = {key: document.get(self.names.get(key, key)) for key in self.columns}
        links = {key: linked(document.get(self.names.get(key, key))) for key in self.links}
        if self.form is Form.VALUES:
            data = {key: value for key, value in data.items() if not is_same(value, self.left.of(value))}
            links = {key: ids for key, ids in links.items() if ids}
            if not data and not links:
                return None
        found = {"id": document["$id"], "data": data}
        found |= {"links": links} if links else {}
        found |= {name: document[f"${name}"] for name in ("createdAt", "updatedAt") if document.get(f"${name}")}
        return found | ({"permissions": document.get("$permissions", [])} if self.form is Form.DOCUMENTS else {})


@dataclass(frozen=True)
class Manifest:
    """A backup as it says it is. `plan` is the id of the plan that it was made for, `key` the public key that it is
    encrypted for, `recipients` are others. The fields of everything that goes are stored with it, and encrypted;
    `variables` are those of it that hold a plain value."""

    id: str
    at: str
    command: str
    environment: str
    bound: Binding
    plan: str = ""
    key: str = ""
    sections: tuple[Section, ...] = ()
    variables: tuple[Address, ...] = ()
    recipients: tuple[str, ...] = ()

    @property
    def records(self) -> int:
        return sum(each.records for each in self.sections)

    @property
    def size(self) -> int:
        return sum(each.size for each in self.sections)

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(dict.fromkeys((*(each.address for each in self.sections), *self.variables)))


def new_id(now: datetime) -> str:
    """Ids sort by time."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S.%f}"[:-3] + f"Z-{secrets.token_hex(2)}"


def linked(value: Any) -> list[str]:
    """The ids that a relationship holds: of documents, of their ids, of one or of many."""
    found = value if isinstance(value, list) else [value]
    ids = (each.get("$id") if isinstance(each, Mapping) else each for each in found)
    return [str(each) for each in ids if each]


def is_same(one: Any, other: Any) -> bool:
    """Appwrite answers an array that was never set as an empty one."""
    return bool(one == other or (one in (None, []) and other in (None, [])))


# What a plan would lose.


def sections_of(plan: Plan, desired: Desired) -> list[Section]:
    """What has to be kept before a plan is carried out: all that its changes destroy, cut or convert. What nobody has
    anything of is left out."""
    found = [replace(each, cause=at.address) for at in plan.changes for each in _lost_by(at, plan, desired)]
    moved = {each.address: each.origin.name for each in plan.changes if each.origin is not None}
    found = [replace(each, names=_names(each, moved)) for each in found]
    return [each for number, each in enumerate(found) if each not in found[:number] and not _is_within(each, found)]


def _names(section: Section, moved: Mapping[Address, str]) -> dict[str, str]:
    """What is read under another name: a backup is made before anything is renamed."""
    return {at.name: old for at, old in moved.items() if kind_of(at).is_column and owner_of(at) == section.place}


def _is_within(section: Section, others: Iterable[Section]) -> bool:
    """Whether whole documents have it."""
    return section.form is Form.VALUES and any(
        each.form is Form.DOCUMENTS and each.place == section.place for each in others
    )


def _lost_by(change: Change, plan: Plan, desired: Desired) -> Iterator[Section]:
    if change.action is Action.CONVERT:
        yield from _values(change.address, plan.real, Left(target=desired.resources[change.address].fields))
        return
    for question in questions_of(change, desired, plan.real):
        answer = plan.evidence.get(question, NOTHING)
        if question.ask is Ask.CODE:
            sources = dict.fromkeys((*_active(change.address, plan.real), *answer.names))
            if sources:
                yield Section(change.address, Form.SOURCES, change.address, deployments=tuple(sources))
        if answer.is_nothing:
            continue
        if question.ask in (Ask.DOCUMENTS, Ask.VALUES, Ask.CONTENTS):
            yield from everything_in(change.address, plan.real)
        elif question.ask is Ask.LONGER and shrinks_values(change):
            yield from _values(change.address, plan.real, Left(size=question.limit))


def _active(owner: Address, real: Mapping[Address, Live]) -> Iterator[str]:
    """The deployment that runs."""
    found = (live for at, live in real.items() if kind_of(at).is_code and owner in owners(at))
    return (live.remote_id for live in found if live.remote_id)


def everything_in(address: Address, real: Mapping[Address, Live]) -> Iterator[Section]:
    """All data of a database, a collection, an attribute, a relationship, or of what else holds some. Nothing for a
    kind without data, such as a function."""
    if kind_of(address).contents is not None:
        yield Section(address, Form.CONTENTS, address)
        return
    if kind_of(address).is_document:
        # With all others of its collection, because a backup has nothing smaller.
        address = owner_of(address)
    if kind_of(address).is_column:
        yield from _values(address, real, Left())
    if not kind_of(address).holds_documents:
        return
    places = [each for each in real if kind_of(each).holds_documents_itself and address in (each, *owners(each))]
    for place in places:
        yield _whole(place, real)
    for each, live in real.items():
        # What leads to it from elsewhere goes with it.
        if set(places).intersection(kind_of(each).leads_to(each, live.fields)) and owner_of(each) not in places:
            yield from _values(each, real, Left())


def _whole(place: Address, real: Mapping[Address, Live]) -> Section:
    columns = {
        at: live for at, live in real.items() if kind_of(at).is_column and owner_of(at) == place and _is_usable(live)
    }
    links, plain = dict[str, Address](), dict[str, Mapping[str, Any]]()
    for at, live in columns.items():
        related = kind_of(at).leads_to(at, live.fields)
        links |= {kind_of(at).linked_by(at, live.fields)[0]: to for to in related}
        plain |= {} if related else {at.name: thaw(live.fields)}
    return Section(place, Form.DOCUMENTS, place, plain, links)


def _values(address: Address, real: Mapping[Address, Live], left: Left) -> Iterator[Section]:
    live = real.get(address)
    if live is None or not _is_usable(live):
        return
    key, _ = kind_of(address).linked_by(address, live.fields)
    related = kind_of(address).leads_to(address, live.fields)
    links = {key: related[0]} if related else {}
    columns = {} if related else {key: thaw(live.fields)}
    yield Section(address, Form.VALUES, owner_of(address), columns, links, left)


def _is_usable(live: Live) -> bool:
    """Whether documents have values of it."""
    return live.status == "available"


def resources_of(changes: Iterable[Change], real: Mapping[Address, Live]) -> dict[str, Mapping[str, Any]]:
    """The fields of everything that goes in the course of changes, without secrets."""
    going = [real[each.address] for each in _going(changes) if each.address in real]
    return {str(live.address): thaw(_without_secrets(live.fields)) for live in going}


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_secrets(each) for name, each in value.items() if not isinstance(each, Secret)}
    if isinstance(value, tuple | list):
        return [_without_secrets(each) for each in value if not isinstance(each, Secret)]
    return value


def variables_of(resources: Mapping[str, Mapping[str, Any]]) -> tuple[Address, ...]:
    """Those of them that are variables with a plain value."""
    found = ((Address.parse(name), fields) for name, fields in resources.items())
    return tuple(at for at, fields in found if kind_of(at).secret_field in fields)


@dataclass(frozen=True)
class Forecast:
    """What a backup will keep of a plan: by what takes it away, how many documents, files or deployments, as far as
    they were counted for the plan, and what they are. `settings` is the number of resources that go, `where` the
    place. What `migrations` write over is kept in the course of them, and nobody knows before how much that is."""

    where: str
    amounts: Mapping[Address, tuple[Answer, str]]
    settings: int
    migrations: tuple[Address, ...] = ()


#: Questions whose answers say how much is kept, not how much of it is lost.
_KEPT = (Ask.DOCUMENTS, Ask.VALUES, Ask.CONTENTS, Ask.LONGER)


def forecast_of(plan: Plan, desired: Desired, where: str) -> Forecast | None:
    """What will be kept before a plan is carried out; None where that is nothing."""
    sections = sections_of(plan, desired)
    migrations = tuple(each.address for each in runs(plan.changes))
    if not sections and not is_known_nowhere(plan.changes):
        return Forecast(where, {}, 0, migrations) if migrations else None
    changes = {each.address: each for each in plan.changes}
    amounts: dict[Address, tuple[Answer, str]] = {}
    for section in sections:
        cause = section.cause or section.address
        if section.form is Form.SOURCES:
            amounts[cause] = Answer(len(section.deployments)), "deployment"
        elif cause not in amounts:
            contents = kind_of(cause).contents
            asked = [each for each in questions_of(changes[cause], desired, plan.real) if each.ask in _KEPT]
            # A conversion keeps all values, and nobody has counted those.
            count = total(plan.evidence.get(each, Answer(None)) for each in asked) if asked else Answer(None)
            amounts[cause] = count, "document" if contents is None else contents.noun
    return Forecast(where, amounts, len(_going(plan.changes)), migrations)


def is_known_nowhere(changes: Iterable[Change]) -> bool:
    """Whether something goes whose fields are in no stack, or hold a value."""
    return any(not each.managed or kind_of(each.address).secret_field for each in _going(changes))


def _going(changes: Iterable[Change]) -> list[Change]:
    return [each for each in changes if each.action in (Action.DELETE, Action.REPLACE)]


# The manifest as text. Its head can always be read: lists work without a key.


def manifest_document(manifest: Manifest) -> dict[str, Any]:
    """All but the resources."""
    return {
        "id": manifest.id,
        "at": manifest.at,
        "command": manifest.command,
        "environment": manifest.environment,
        "bound": manifest.bound.to_json(),
        "plan": manifest.plan,
        "key": manifest.key,
        "recipients": list(manifest.recipients),
        "records": manifest.records,
        "size": manifest.size,
        "sections": [_section_document(each) for each in manifest.sections],
        "variables": list(map(str, manifest.variables)),
    }


def _section_document(section: Section) -> dict[str, Any]:
    return {
        "address": str(section.address),
        "form": str(section.form),
        "place": str(section.place),
        "columns": thaw(section.columns),
        "links": {key: str(to) for key, to in section.links.items()},
        "left": section.left.to_json(),
        "records": section.records,
        "size": section.size,
        "parts": [
            {
                "name": each.name,
                "records": each.records,
                "size": each.size,
                "sha256": each.sha256,
                "late": each.late,
                "file": each.stored,
                "again": each.again,
            }
            for each in section.parts
        ],
    }


def encoded(manifest: Manifest, sealed: Mapping[str, Any]) -> bytes:
    """The stored text; `sealed` has the resources, encrypted or not."""
    return (json.dumps({"format": FORMAT, **manifest_document(manifest), **sealed}, indent=1) + "\n").encode()


def decoded(text: bytes, name: str) -> tuple[Manifest, Mapping[str, Any]]:
    """The reverse. Raises DamagedError for what is none."""
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise DamagedError(f"The backup {name} has format {content['format']}, this version reads {FORMAT}.")
        manifest = Manifest(
            id=str(content["id"]),
            at=str(content["at"]),
            command=str(content["command"]),
            environment=str(content["environment"]),
            bound=Binding(**content["bound"]),
            plan=str(content["plan"]),
            key=str(content["key"]),
            sections=tuple(map(_section, content["sections"])),
            recipients=tuple(content.get("recipients", ())),
            variables=tuple(map(Address.parse, content.get("variables", ()))),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedError(
            f"The manifest of the backup {name} is damaged: {type(error).__name__}: {error}.",
            hint="its parts may be intact: they are compressed JSON lines, beside the manifest",
        ) from None
    return manifest, content


def _section(content: Mapping[str, Any]) -> Section:
    return Section(
        Address.parse(content["address"]),
        Form(content["form"]),
        Address.parse(content["place"]),
        dict(content["columns"]),
        {key: Address.parse(to) for key, to in content["links"].items()},
        Left(content["left"].get("size"), content["left"].get("target")),
        tuple(map(_part, content["parts"])),
    )


def _part(content: Mapping[str, Any]) -> Part:
    name, file = str(content["name"]), str(content.get("file", ""))
    numbers = int(content["records"]), int(content["size"])
    return Part(
        name,
        *numbers,
        str(content["sha256"]),
        bool(content["late"]),
        "" if file == name else file,
        int(content.get("again", 0)),
    )
