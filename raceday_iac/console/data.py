"""Data: databases and collections with their documents, and what lies in other resources (files of a bucket). On the
embedded server a document can be changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from ..errors import IacError, NotFoundError
from ..kinds import KINDS, kind_of
from ..model.address import Address
from ..provider import Reader
from .app import Console, Deed, Form, Page

#: Documents of a page, and other things that are listed.
_SIZE, _MOST = 25, 200
#: Characters of a value in a table, and columns.
_LONGEST, _COLUMNS = 80, 12
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
    members = reader.collection(database, name)
    if not members:
        raise NotFoundError(f"There is no collection {database}/{name} in this project.")
    documents: Sequence[Mapping[str, Any]] = ()
    total = 0
    try:
        wanted = [*queries(text), _query("limit", _SIZE), _query("offset", (page - 1) * _SIZE)]
        documents, total = reader.document_page(database, name, wanted)
    except IacError as error:
        problem = error
    columns = [each.name for each in members if len(each.parts) == 3 and kind_of(each).listed == "attributes"]
    return console.show(
        "collection.html",
        request,
        title=f"{database}/{name}",
        place=f"/data/{database}/{name}",
        filter=text,
        problem=problem,
        columns=columns[:_COLUMNS],
        rows=[(each["$id"], [_cell(each.get(column)) for column in columns[:_COLUMNS]]) for each in documents],
        total=total,
        is_more=total >= 5000,
        first=(page - 1) * _SIZE + 1,
        last=(page - 1) * _SIZE + len(documents),
        before=_link(text, page - 1) if page > 1 else "",
        after=_link(text, page + 1) if page * _SIZE < total else "",
    )


def document(console: Console, request: Request) -> str:
    """One of them, whole, with links to what it is related to."""
    database, name, identity = (request.path_params[each] for each in ("database", "collection", "id"))
    found = _document(console.project.reader(), database, name, identity)
    if found is None:
        raise NotFoundError(f"There is no document {identity} in {database}/{name}.")
    values = {key: value for key, value in found.items() if not key.startswith("$")}
    return console.show(
        "document.html",
        request,
        title=identity,
        database=database,
        collection=name,
        values=[(key, _text(value), list(_related(value))) for key, value in values.items()],
        about=[(key, _text(value)) for key, value in found.items() if key.startswith("$")],
        updated=found["$updatedAt"],
        content=json.dumps(
            {key: each for key, each in values.items() if not list(_related(each))}, indent=2, ensure_ascii=False
        ),
    )


def _document(reader: Reader, database: str, name: str, identity: str) -> Mapping[str, Any] | None:
    """With the documents that it is related to: since 1.8 they come only where they are asked for."""
    members = reader.collection(database, name)
    related = [address.name for address, live in members.items() if "relatedCollection" in live.fields]
    if not related:
        return reader.document(database, name, identity) if members else None
    wanted = json.dumps({"method": "equal", "attribute": "$id", "values": [identity]})
    selected = _query("select", "*", *(f"{each}.*" for each in related))
    return next(iter(reader.document_page(database, name, [wanted, selected])[0]), None)


def things(console: Console, request: Request) -> str:
    """What lies in a resource that holds data."""
    address = _address(request.path_params["kind"], request.path_params["id"])
    found = list(islice(console.project.reader().items(address), _MOST + 1))
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
        columns=columns,
        rows=[(each["$id"], [_cell(each.get(column)) for column in columns]) for each in found[:_MOST]],
        is_more=len(found) > _MOST,
        most=_MOST,
    )


def _address(kind: str, identity: str) -> Address:
    if kind not in KINDS or KINDS[kind].contents is None:
        raise NotFoundError(f"Nothing lies in a {kind}.")
    return Address(kind, identity)


def change(console: Console, request: Request, form: Form) -> str:
    """Write a document's values, unless somebody changed it since they were shown."""
    database, name, identity = (request.path_params[each] for each in ("database", "collection", "id"))
    try:
        values = json.loads(form.get("content", ""))
    except ValueError as error:
        raise IacError(f"The values are not JSON: {error}.", unchanged=True) from None
    if not isinstance(values, dict) or any(key.startswith("$") for key in values):
        raise IacError("The values are a JSON object, without the names that begin with $.", unchanged=True)
    assert console.local is not None
    console.local.change_document((database, name, identity), values, form.get("updated", ""))
    return console.to(f"/data/{database}/{name}/{identity}", "Changed.")


# Filters


def queries(text: str) -> list[str]:
    """Appwrite's queries of a text with one a line, such as `equal("status", ["open"])`. Raises IacError."""
    return [_read(line) for line in text.splitlines() if line.strip()]


def _read(line: str) -> str:
    found = _QUERY.fullmatch(line)
    try:
        arguments = json.loads(f"[{found[2]}]") if found else None
    except ValueError:
        arguments = None
    if found is None or arguments is None:
        example = 'write it as equal("status", ["open"]) or orderDesc("$createdAt"), one a line'
        raise IacError(f"The filter {line.strip()!r} is no query.", hint=example)
    method = found[1]
    if method in _OURS:
        raise IacError(f"{method} is what the pages are made with: leave it out.")
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
    Page("/data/in/{kind}/{id}", things),
    Page("/data/{database}/{collection}", collection),
    Page("/data/{database}/{collection}/{id}", document),
)
DEEDS = (Deed("/data/{database}/{collection}/{id}", change),)
