"""Data: databases and collections with their documents, and what lies in other resources (files of a bucket). On the
embedded server documents can be created, changed and deleted.

A file is never shown as what its name or the server says of it: texts stand in a page like any other text, pictures are
those whose first bytes say so, and all else can only be saved.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from ..errors import IacError, NotFoundError
from ..kinds import KINDS, kind_of
from ..model.address import Address, collection_address
from ..model.resource import Fields
from ..provider import Reader
from .app import Console, Deed, Form, Page

#: Documents of a page, and other things that are listed.
_SIZE, _MOST = 25, 200
#: Brackets of a filter: Python reads nested ones no deeper than it can call.
_DEEPEST = 300
#: Appwrite counts no further.
_COUNTED = 5000
#: Characters of a value in a table, and columns.
_LONGEST, _COLUMNS = 80, 12
#: Bytes of a file that comes through here, and of a text that is shown.
LARGEST_FILE, _LARGEST_TEXT = 100_000_000, 200_000
#: What a browser may show, by the first bytes. Neither SVG nor PDF: they can hold scripts.
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
#: Of contents, beside the headers that every answer has: whatever they are, they run nothing.
_INERT = {"content-security-policy": "default-src 'none'; sandbox"}
#: Of a document that is created here.
NEW_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
#: One filter a line: a method of Appwrite's queries and its arguments in JSON.
_QUERY = re.compile(r"\s*(?:Query\.)?([A-Za-z]+)\s*\((.*)\)\s*;?\s*", re.DOTALL)
#: Queries that have no attribute, and those that the page needs for itself.
_BARE, _OURS = ("orderRandom", "or", "and", "select"), ("limit", "offset", "cursorAfter", "cursorBefore")


def data(console: Console, request: Request) -> str:
    """All places where data lies."""
    reader = console.project.reader()
    others = [kind.name for kind in KINDS.values() if kind.contents is not None]
    found = reader.snapshot((), functions=False, named=True, others=others, offers=()).resources
    databases = sorted(each.path for each in found if kind_of(each).holds_documents)
    inside = reader.snapshot(databases, functions=False, offers=()).resources
    collections = [each for each in inside.values() if kind_of(each.address).holds_documents_itself]
    return console.show(
        "data.html",
        request,
        title="Data",
        databases=[(name, [each for each in collections if each.address.parts[0] == name]) for name in databases],
        others=[
            (each.address, _noun(each.address), each.fields.get("name"))
            for each in found.values()
            if _noun(each.address)
        ],
    )


def _noun(address: Address) -> str:
    contents = kind_of(address).contents
    return contents.key if contents is not None else ""


def collection(console: Console, request: Request) -> str:
    """The documents of one, a page at a time, and the filter that they meet."""
    database, name = request.path_params["database"], request.path_params["collection"]
    text, page = request.query_params.get("filter", ""), _number(request.query_params.get("page", ""))
    reader, problem = console.project.reader(), None
    schema = _schema(reader, database, name)
    documents: Sequence[Mapping[str, Any]] = ()
    total = 0
    try:
        filters = queries(text)
        is_selected = any(json.loads(each)["method"] == "select" for each in filters)
        selected = [] if is_selected else schema.selection
        wanted = [*filters, *selected, _query("limit", _SIZE), _query("offset", (page - 1) * _SIZE)]
        documents, total = reader.document_page(database, name, wanted)
    except IacError as error:
        problem = error
    columns, is_more = schema.columns[:_COLUMNS], total >= _COUNTED
    return console.show(
        "collection.html",
        request,
        title=f"{database}/{name}",
        place=f"/data/{database}/{name}",
        filter=text,
        problem=problem,
        columns=columns,
        rows=[(each["$id"], [_cell(each.get(column)) for column in columns]) for each in documents],
        total=total,
        is_more=is_more,
        first=(page - 1) * _SIZE + 1,
        last=(page - 1) * _SIZE + len(documents),
        before=_link(text, page - 1) if page > 1 else "",
        # Appwrite stops counting at 5000, and goes on with pages.
        after=_link(text, page + 1) if page * _SIZE < total or (is_more and len(documents) == _SIZE) else "",
        skeleton=json.dumps(schema.skeleton, indent=2, ensure_ascii=False),
    )


def document(console: Console, request: Request) -> str:
    """One of them, whole, with links to what it is related to, whichever side of the relationship it is on."""
    database, name, identity = (request.path_params[each] for each in ("database", "collection", "id"))
    reader = console.project.reader()
    schema = _schema(reader, database, name)
    found = _document(reader, schema, identity)
    if found is None:
        raise NotFoundError(f"There is no document {identity} in {database}/{name}.")
    values = {key: value for key, value in found.items() if not key.startswith("$")}
    related = {key: list(_related(values.get(key))) for key in schema.related}
    own = {key: each for key, each in values.items() if key not in schema.related}
    return console.show(
        "document.html",
        request,
        title=identity,
        database=database,
        collection=name,
        values=[(key, _text(value)) for key, value in own.items()],
        related=[(key, schema.related[key], links) for key, links in related.items()],
        named_by=[
            (each, _link(f"equal({json.dumps(each.key)}, [{json.dumps(identity)}])", 1)) for each in schema.named_by
        ],
        about=[(key, _text(value)) for key, value in found.items() if key.startswith("$")],
        updated=found["$updatedAt"],
        content=json.dumps(own, indent=2, ensure_ascii=False),
        sentence=f"delete {identity}",
    )


def _document(reader: Reader, schema: Schema, identity: str) -> Mapping[str, Any] | None:
    """With the documents that it is related to: since 1.8 they come only where they are asked for."""
    if not schema.related:
        return reader.document(schema.database, schema.name, identity)
    wanted = json.dumps({"method": "equal", "attribute": "$id", "values": [identity]})
    return next(iter(reader.document_page(schema.database, schema.name, [wanted, *schema.selection])[0]), None)


@dataclass(frozen=True)
class NamedBy:
    """A one-way relationship that leads to a collection: its documents say nothing of it. Where each document names at
    most one (`is_asked`), Appwrite finds those that name a certain one; of lists it does not (1.8.1, 1.9.6)."""

    collection: str
    key: str
    is_asked: bool


@dataclass(frozen=True)
class Schema:
    """What documents of a collection hold: attributes by key, and under which keys documents of which other collection
    come along, also those of the far side of a two-way relationship."""

    database: str
    name: str
    attributes: Mapping[str, Fields]
    related: Mapping[str, str]
    named_by: Sequence[NamedBy]

    @property
    def columns(self) -> list[str]:
        return [*self.attributes, *self.related]

    @property
    def selection(self) -> list[str]:
        """The query that brings related documents along; none where there are none."""
        return [_query("select", "*", *(f"{each}.*" for each in self.related))] if self.related else []

    @property
    def skeleton(self) -> dict[str, Any]:
        """Values to begin a document with: those that it must have."""
        return {key: _beginning(fields) for key, fields in self.attributes.items() if fields.get("required")}


def _schema(reader: Reader, database: str, name: str) -> Schema:
    """Raises NotFoundError where there is no such collection."""
    found = reader.snapshot((database,), functions=False, offers=()).resources
    if collection_address(database, name) not in found:
        raise NotFoundError(f"There is no collection {database}/{name} in this project.")
    attributes: dict[str, Fields] = {}
    related: dict[str, str] = {}
    named_by: list[NamedBy] = []
    for address, live in found.items():
        if len(address.parts) != 3 or not kind_of(address).is_column or address.parts[0] != database:
            continue
        owner, fields = address.parts[1], live.fields
        leads_to = fields.get("relatedCollection")
        if owner == name and leads_to is None:
            attributes[address.name] = fields
        elif owner == name:
            related[address.name] = str(leads_to)
        if leads_to == name and fields["twoWay"]:
            related[str(fields["twoWayKey"])] = owner
        elif leads_to == name:
            named_by.append(NamedBy(owner, address.name, fields["relationType"] in ("oneToOne", "manyToOne")))
    return Schema(database, name, attributes, related, named_by)


def _beginning(fields: Fields) -> Any:
    """A value of the type, to be written over."""
    if fields.get("array"):
        return []
    if fields.get("elements"):
        return fields["elements"][0]
    return {"integer": 0, "double": 0.0, "float": 0.0, "boolean": False}.get(str(fields.get("type")), "")


def things(console: Console, request: Request) -> str:
    """What lies in a resource that holds data."""
    address, reader = _address(request.path_params["kind"], request.path_params["id"]), console.project.reader()
    if reader.current(address) is None:
        raise NotFoundError(f"There is no {address} in this project.")
    found = list(islice(reader.items(address), _MOST + 1))
    columns = [
        each
        for each in ("name", "mimeType", "sizeOriginal", "userName", "$createdAt")
        if any(each in row for row in found)
    ]
    return console.show(
        "things.html",
        request,
        title=str(address),
        noun=_noun(address),
        place=f"/data/-/{address.kind}/{address.path}" if _has_files(address) else "",
        columns=columns,
        rows=[(each["$id"], [_cell(each.get(column)) for column in columns]) for each in found[:_MOST]],
        is_more=len(found) > _MOST,
        most=_MOST,
    )


# Files


def file(console: Console, request: Request) -> str:
    """A file of a bucket: what is known of it; a text, or a picture that runs nothing, is shown."""
    address, item = _file_of(request)
    reader = console.project.reader()
    found = reader.item(address, item)
    shown, size = found_type(found), int(found.get("sizeOriginal") or 0)
    text = None
    if shown.is_text and size <= _LARGEST_TEXT:
        text = reader.content_of(address, item).decode("utf-8", "replace")
    return console.show(
        "file.html",
        request,
        title=str(found.get("name") or item),
        bucket=str(address),
        place=f"/data/-/{address.kind}/{address.path}",
        item=item,
        about=[(key, _text(value)) for key, value in found.items()],
        text=text,
        picture=shown.is_picture and size <= LARGEST_FILE,
        too_large=size > LARGEST_FILE,
    )


def picture(console: Console, request: Request) -> Response:
    """The content of a picture, for its page. What it is, its first bytes say and not its name."""
    address, item = _file_of(request)
    reader = console.project.reader()
    content = _content(reader, address, reader.item(address, item))
    kind = picture_type(content)
    if kind is None:
        raise NotFoundError(f"{item} cannot be shown as a picture.")
    return Response(content, headers=_INERT, media_type=kind)


def download(console: Console, request: Request) -> Response:
    """The content of a file, to be saved: the browser shows and runs none of it."""
    address, item = _file_of(request)
    reader = console.project.reader()
    found = reader.item(address, item)
    headers = {**_INERT, "content-disposition": disposition(str(found.get("name") or item))}
    return Response(_content(reader, address, found), headers=headers, media_type="application/octet-stream")


def _file_of(request: Request) -> tuple[Address, str]:
    address = _address(request.path_params["kind"], request.path_params["id"])
    if not _has_files(address):
        raise NotFoundError(f"There are no files in a {address.kind}.")
    return address, str(request.path_params["item"])


def _content(reader: Reader, address: Address, found: Mapping[str, Any]) -> bytes:
    item = str(found["$id"])
    if int(found.get("sizeOriginal") or 0) > LARGEST_FILE:
        raise IacError(
            f"The file {item} is larger than {LARGEST_FILE // 1_000_000} MB, the limit of the console.",
            hint=f"download it from Appwrite: GET /v1/storage/buckets/{address.path}/files/{item}/download",
        )
    return reader.content_of(address, item)


@dataclass(frozen=True)
class FileType:
    """How a file may be shown."""

    is_text: bool
    is_picture: bool


def found_type(item: Mapping[str, Any]) -> FileType:
    """By what the server says of it. Markup is shown as text."""
    kind = str(item.get("mimeType") or "").partition(";")[0].strip().lower()
    is_text = kind.startswith("text/") or kind in ("application/json", "application/xml", "image/svg+xml")
    return FileType(is_text, kind in (*_PICTURES.values(), "image/webp"))


def picture_type(content: bytes) -> str | None:
    """The type of a picture that can hold no script; None of anything else."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for first, kind in _PICTURES.items() if content.startswith(first)), None)


def disposition(name: str) -> str:
    """A header that has a file saved under its name (RFC 6266), without what would lead elsewhere or end the header."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name.rpartition("/")[2])[:150].strip(" .") or "file"
    whole = "".join(each for each in name if each.isprintable() and each not in "/\\")[:150].strip(" .") or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(whole, safe='')}"


def _has_files(address: Address) -> bool:
    contents = kind_of(address).contents
    return contents is not None and contents.are_files


def _address(kind: str, identity: str) -> Address:
    if kind not in KINDS or KINDS[kind].contents is None:
        raise NotFoundError(f"Nothing can be in a {kind}.")
    return Address(kind, identity)


# Changes, on the embedded server


def create(console: Console, request: Request, form: Form) -> str:
    """Create a document, under the id that the form has or one of our own."""
    database, name = request.path_params["database"], request.path_params["collection"]
    identity = form.get("id", "").strip() or secrets.token_hex(10)
    if not NEW_ID.fullmatch(identity):
        hint = "letters, digits, and . _ - inside; 36 characters at most"
        raise IacError(f"{identity!r} cannot be an id.", hint=hint, unchanged=True)
    values = _values(form)
    assert console.local is not None
    console.local.create_document((database, name, identity), values)
    return console.to(f"/data/{database}/{name}/{identity}", f"Created {identity}.")


def change(console: Console, request: Request, form: Form) -> str:
    """Write a document's values, unless somebody changed it since they were shown."""
    database, name, identity = (request.path_params[each] for each in ("database", "collection", "id"))
    values = _values(form)
    assert console.local is not None
    console.local.change_document((database, name, identity), values, form.get("updated", ""))
    return console.to(f"/data/{database}/{name}/{identity}", "Changed.")


def delete(console: Console, request: Request, form: Form) -> str:
    """Delete a document once that was typed, unless somebody changed it since it was shown."""
    database, name, identity = (request.path_params[each] for each in ("database", "collection", "id"))
    wanted = f"delete {identity}"
    if " ".join(form.get("sentence", "").split()) != wanted:
        place = f"/data/{database}/{name}/{identity}"
        return console.to(place, f"Nothing was deleted: to delete this document, type {wanted!r}.")
    assert console.local is not None
    console.local.delete_document((database, name, identity), form.get("updated", ""))
    return console.to(f"/data/{database}/{name}", f"Deleted {identity}.")


def _values(form: Form) -> dict[str, Any]:
    """The values of a document, as they were typed. Raises IacError."""
    try:
        values = json.loads(form.get("content", ""))
    except (ValueError, RecursionError) as error:
        raise IacError(f"The values are not JSON: {error}.", unchanged=True) from None
    if not isinstance(values, dict) or any(key.startswith("$") for key in values):
        raise IacError("The values must be a JSON object, without names that begin with $.", unchanged=True)
    return values


# Filters


def queries(text: str) -> list[str]:
    """Appwrite's queries of a text with one a line, such as `equal("status", ["open"])`. Raises IacError."""
    return [_read(line) for line in text.splitlines() if line.strip()]


def _read(line: str) -> str:
    found = _QUERY.fullmatch(line)
    try:
        arguments = json.loads(f"[{found[2]}]") if found and line.count("[") < _DEEPEST else None
    except ValueError:
        arguments = None
    if found is None or arguments is None:
        example = 'write it as equal("status", ["open"]) or orderDesc("$createdAt"), one per line'
        raise IacError(f"The filter {line.strip()!r}is not a query.", hint=example)
    method = found[1]
    if method in _OURS:
        raise IacError(f"{method} is set by the console: remove it.")
    if method in _BARE or not arguments:
        return _query(method, *_flat(arguments))
    attribute, *values = arguments
    return json.dumps({"method": method, "attribute": attribute, "values": list(_flat(values))})


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    """`equal("a", [1, 2])` has a list of values, `between("a", 1, 2)` has them one by one."""
    for each in values:
        yield from each if isinstance(each, list) else (each,)


def _query(method: str, *values: Any) -> str:
    return json.dumps({"method": method, "values": list(values)})


def _link(text: str, page: int) -> str:
    return "?" + urlencode({"filter": text, "page": page} if text else {"page": page})


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 5 and int(text) else 1


# Values


@dataclass(frozen=True)
class Related:
    """A document that another names."""

    label: str
    path: str


def _related(value: Any) -> Iterator[Related]:
    """The documents in a value: related ones come with their own ids."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict) and {"$id", "$databaseId", "$collectionId"} <= each.keys():
            place = "/".join(str(each[name]) for name in ("$databaseId", "$collectionId", "$id"))
            yield Related(place.partition("/")[2], f"/data/{place}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cell(value: Any) -> str:
    related = list(_related(value))
    text = ", ".join(each.label for each in related) if related else "" if value is None else _text(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


PAGES = (
    Page("/data", data, "Data"),
    # No id begins with a dash: this is the name of no database.
    Page("/data/-/{kind}/{id}", things),
    Page("/data/-/{kind}/{id}/{item}", file),
    Page("/data/-/{kind}/{id}/{item}/picture", picture),
    Page("/data/-/{kind}/{id}/{item}/download", download),
    Page("/data/{database}/{collection}", collection),
    Page("/data/{database}/{collection}/{id}", document),
)
DEEDS = (
    Deed("/data/{database}/{collection}", create),
    Deed("/data/{database}/{collection}/{id}", change),
    Deed("/data/{database}/{collection}/{id}/delete", delete),
)
