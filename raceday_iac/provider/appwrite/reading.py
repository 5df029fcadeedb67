"""The reading half: paged lists, never one request per object."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

from ...errors import NotFoundError, ProviderError, ServerFaultError
from ...kinds import (
    KINDS,
    LISTED,
    Kind,
    answered_with,
    collection,
    database,
    deployment,
    function,
    kind_of,
)
from ...kinds.base import ARCHIVE, CONTENT, OBJECT, Call, Listing, Shape, is_finite, is_instant, listing
from ...kinds.schema_rules import is_mirror, selections, unknown_among
from ...model.address import Address, database_address
from ...model.evidence import Answer
from ...model.resource import Live
from ...model.server import FOR_FUNCTIONS, ServerFacts
from ...waiting import ThreadPoolExecutor
from ..protocol import Condition, Deployment, Execution, Snapshot
from .documents import SIZES, DocumentList, PageSize, pages, query
from .transport import Transport

#: The name of the database and of the collection that hold states kept in Appwrite, by which they are passed over.
STATE_NAME = "raceday-iac state (do not edit)"

#: Resources in a page: each brings what lies in it. Documents come in larger ones.
PAGE = 100
#: Keys by which a list is filtered; with more of them, the whole list is not longer than the question.
_FILTERED = 40
#: What answers must hold, beside the kinds' own.
_MEMBERS = {kind.listed: kind.listed_item for kind in KINDS.values() if kind.listed_item is not None}
_COLLECTION = Shape({**collection.SHAPE.fields, **{listed: [shape] for listed, shape in _MEMBERS.items()}})
_DEPLOYMENT = deployment.SHAPE
EXECUTION = Shape(
    {"$id": str, "status": str, "trigger": str, "$createdAt": is_instant},
    {"responseStatusCode": int, "duration": is_finite, "functionId": str, "scheduledAt": is_instant},
)
DOCUMENT = Shape({"$id": str, "$updatedAt": is_instant})
#: What an execution may be before it has `completed` or `failed` (1.8.1).
UNFINISHED = ("waiting", "processing", "scheduled")


#: Databases that raceday-iac does not manage, which Cloud and unreleased servers have: each kind with a list of its own
#: that a key with `databases.read` may see.
FOREIGN = ("documentsdb", "vectorsdb")


class AppwriteReader:
    """Reads a project. Holds a transport, and uses it for GET only."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._sizes = PageSize()
        #: Answers about the server itself, by name.
        self._facts: dict[str, Mapping[str, Any]] = {}

    def snapshot(
        self,
        databases: Collection[str],
        *,
        functions: bool = True,
        others: Collection[str] = (),
        named: bool = False,
        offers: Collection[str] = FOR_FUNCTIONS,
    ) -> Snapshot:
        """See `Reader.snapshot`. All lists are read at the same time."""
        reads: list[Callable[[], dict[Address, Live]]] = []
        newest: dict[Address, Deployment] = {}
        if functions:
            reads.append(partial(self._functions, newest))
        if databases or named:
            reads.append(self._databases)
        there: set[str] = set()
        reads += [partial(self._collections, name, there) for name in databases]
        unread: dict[str, ProviderError] = {}
        reads += [partial(self._listing, kinds, unread, newest) for kinds in _by_answer(others)]
        with ThreadPoolExecutor(max_workers=8) as pool:
            facts = {name: pool.submit(read) for name, read in self._own_lists(offers).items()}
            answers = [pool.submit(read) for read in reads]
            others_there = [pool.submit(self._foreign, kind) for kind in (FOREIGN if named else ())]
            resources = {address: live for answer in answers for address, live in answer.result().items()}
            self._facts |= {name: answer for name, read in facts.items() if (answer := read.result())}
        resources |= self._hidden(set(map(database_address, there)) - resources.keys())
        foreign = tuple(each for found in others_there for each in found.result())
        return Snapshot(resources, self._server_facts(), newest, unread, foreign)

    def _own_lists(self, offers: Collection[str]) -> dict[str, Callable[[], Mapping[str, Any]]]:
        """What the server says of itself, as far as it is needed and has not been read before."""
        lists = {"version": self._version}
        offered = {"runtimes": self._runtimes, "specifications": self._specifications, "frameworks": self._frameworks}
        lists |= {name: offered[name] for name in offers}
        return {name: read for name, read in lists.items() if name not in self._facts}

    def _server_facts(self) -> ServerFacts:
        version, runtimes, specifications, frameworks = (
            self._facts.get(name, {}) for name in ("version", "runtimes", "specifications", "frameworks")
        )
        offered = frozenset(str(each["slug"]) for each in specifications.get("specifications", ()) if each["enabled"])
        known = frozenset(str(each["$id"]) for each in runtimes.get("runtimes", ()))
        listed = tuple(str(each["key"]) for each in frameworks.get("frameworks", ()))
        return ServerFacts(str(version.get("version", "")), known, offered, listed)

    def everything(self) -> Snapshot:
        """The whole project: all functions, all databases with their schema, all that has a list of its own, and the
        settings that somebody changed."""
        databases = {**self._databases(), **self._tables_databases()}
        snapshot = self.snapshot([address.path for address in databases], others=LISTED)
        found = {at: live for at, live in snapshot.resources.items() if not kind_of(at).is_original(live)}
        return replace(snapshot, resources={**databases, **found}, newest={})

    # What the server does not say, or a key may not ask, stays empty: the plan works without it.

    def _version(self) -> Mapping[str, Any]:
        # With a key these two routes answer 401, missing scope `public` (observed on 1.8.1).
        return self._optional(Call("get", "/health/version", answer=Shape({"version": str})), anonymous=True)

    def _runtimes(self) -> Mapping[str, Any]:
        return self._optional(Call("get", "/functions/runtimes", answer=listing("runtimes", OBJECT)), anonymous=True)

    def _frameworks(self) -> Mapping[str, Any]:
        listed = listing("frameworks", Shape({"key": str}))
        return self._optional(Call("get", "/sites/frameworks", answer=listed), anonymous=True)

    def _specifications(self) -> Mapping[str, Any]:
        offered = listing("specifications", Shape({"slug": str, "enabled": bool}))
        return self._optional(Call("get", "/functions/specifications", answer=offered))

    def collection(self, database: str, collection: str) -> Mapping[Address, Live]:
        """See `Reader.collection`."""
        try:
            raw = self._get(f"/databases/{database}/collections/{collection}", _COLLECTION)
        except NotFoundError:
            return {}
        return dict(_collection_members(raw))

    def inside(self, place: Address) -> Mapping[Address, Live]:
        """See `Reader.inside`."""
        if kind_of(place).is_listed_inside:
            return self._collections(place.path)
        kind = kind_of(place)
        try:
            return {
                live.address: live for live in answered_with(kind, self._transport.request(kind.requests.read(place)))
            }
        except NotFoundError:
            return {}

    def members(self, database: str, collection: str, listed: str, keys: Sequence[str] = ()) -> Mapping[Address, Live]:
        """See `Reader.members`."""
        raw = self._listed(database, collection, listed, keys)
        return {live.address: live for live in _members((database, collection), listed, raw)}

    def _listed(
        self, database: str, collection: str, listed: str, keys: Sequence[str] = ()
    ) -> Sequence[Mapping[str, Any]]:
        path = f"/databases/{database}/collections/{collection}/{listed}"
        wanted = [query("equal", *keys, attribute="key")] if 0 < len(keys) <= _FILTERED else []
        try:
            return list(self._pages(path, listed, _MEMBERS[listed], *wanted, identity="key"))
        except NotFoundError:
            return []

    def unknown_attributes(
        self, database: str, collection: str, attributes: Sequence[str], relationships: Sequence[str] = ()
    ) -> Sequence[str]:
        """See `Reader.unknown_attributes`. No document is read: names are checked before anything is looked up."""
        path, shape = documents_path(database, collection), listing("documents", OBJECT)
        none = (query("equal", "nobody", attribute="$id"), query("limit", 1))

        def is_refused(names: Sequence[str]) -> bool:
            try:
                self._get(path, shape, query("select", *names), *none)
            except ServerFaultError as error:
                if error.type != "general_unknown":
                    raise
                # A column that is not there. If the server is ill, it refuses the id of a document as well.
                self._get(path, shape, query("select", "$id"), *none)
                return True
            except ProviderError as error:
                if error.type != "general_query_invalid":
                    raise
                return True
            return False

        names = selections(attributes, relationships)
        return [name.partition(".$")[0] for some in names for name in unknown_among(some, is_refused)]

    def count_documents(self, database: str, collection: str, *conditions: Condition) -> int:
        """See `Reader.count_documents`."""
        try:
            return self._documents(database, collection).count(*map(_as_query, conditions))
        except NotFoundError:
            return 0

    def count_all(self, database: str, collection: str, *conditions: Condition) -> Answer:
        """See `Reader.count_all`."""
        return self._documents(database, collection).count_all(*map(_as_query, conditions))

    def documents(
        self, database: str, collection: str, *conditions: Condition, only: Sequence[str] = (), limit: int = 0
    ) -> Iterator[Mapping[str, Any]]:
        """See `Reader.documents`."""
        wanted = [*map(_as_query, conditions), *([query("select", "$id", *only)] if only else [])]
        of = self._documents(database, collection)
        for found in [of.first(limit, *wanted)] if limit else pages(of.page, *wanted):
            yield from found

    def document_page(
        self, database: str, collection: str, queries: Sequence[str]
    ) -> tuple[Sequence[Mapping[str, Any]], int]:
        """See `Reader.document_page`."""
        path, shape = documents_path(database, collection), listing("documents", OBJECT)
        answer = self._get(path, shape, *queries)
        return answer["documents"], int(answer["total"])

    def every_document(
        self, database: str, collection: str, *, only: Sequence[str] = ()
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """See `Reader.every_document`."""
        return self._documents(database, collection).every(only)

    def _documents(self, database: str, collection: str) -> DocumentList:
        path, shape = documents_path(database, collection), listing("documents", OBJECT)
        return DocumentList(partial(self._get, path, shape), f"{database}/{collection}", self._sizes)

    def document(self, database: str, collection: str, identity: str) -> Mapping[str, Any] | None:
        """See `Reader.document`."""
        try:
            found: Mapping[str, Any] = self._get(document_path(database, collection, identity), DOCUMENT)
        except NotFoundError as error:
            if error.type != "document_not_found":
                raise
            return None
        return found

    def source_of(self, owner: Address, deployment: str) -> bytes:
        path = f"{path_of(owner)}/deployments/{deployment}/download"
        return bytes(self._transport.request(Call("get", path, {"type": "source"}, ARCHIVE)))

    def deployments(self, owner: Address, limit: int) -> Sequence[Deployment]:
        wanted = ["$id", "status", "sourceSize", "$createdAt", "activate"]
        queries = (query("orderDesc", attribute="$createdAt"), query("limit", limit), query("select", *wanted))
        raw = self._get(f"{path_of(owner)}/deployments", listing("deployments", _DEPLOYMENT), *queries)
        return [parse_deployment(each) for each in raw["deployments"]]

    def all_deployments(self, owner: Address) -> Sequence[Deployment]:
        """See `Reader.all_deployments`."""
        wanted = ["$id", "status", "sourceSize", "totalSize", "$createdAt", "activate", "type"]
        queries = (query("orderDesc", attribute="$createdAt"), query("select", *wanted))
        path = f"{path_of(owner)}/deployments"
        return [
            parse_deployment(each) for each in self._pages(path, "deployments", _DEPLOYMENT, *queries, size=SIZES[0])
        ]

    def active_deployment(self, owner: Address) -> str:
        """See `Reader.active_deployment`."""
        return str(self._transport.request(kind_of(owner).requests.read(owner))["deploymentId"])

    def deployment(self, owner: Address, deployment: str) -> Deployment:
        return parse_deployment(self._get(f"{path_of(owner)}/deployments/{deployment}", _DEPLOYMENT))

    def count_executions(self, function: str) -> int:
        """See `Reader.count_executions`."""
        counted = listing("executions", EXECUTION)
        return int(self._get(f"/functions/{function}/executions", counted, query("limit", 1))["total"])

    def contents(self, address: Address) -> Answer:
        """See `Reader.contents`."""
        kind = kind_of(address)
        size = kind.contents.size if kind.contents is not None else ""
        sizes = [each.get(size, 0) for each in self.items(address)]
        return Answer(len(sizes), size=sum(sizes))

    def items(self, address: Address) -> Iterator[Mapping[str, Any]]:
        """See `Reader.items`."""
        listed = contents_of(address)
        try:
            yield from self._pages(listed.path, listed.key, listed.item, size=SIZES[0])
        except NotFoundError:
            return

    def item(self, address: Address, item: str) -> Mapping[str, Any]:
        """See `Reader.item`."""
        listed = contents_of(address)
        found: Mapping[str, Any] = self._get(f"{listed.path}/{item}", listed.item)
        return found

    def content_of(self, address: Address, item: str) -> bytes:
        """See `Reader.content_of`."""
        path = f"{contents_of(address).path}/{item}/download"
        return bytes(self._transport.request(Call("get", path, answer=CONTENT)))

    def executions(self, function: str, limit: int) -> Sequence[Execution]:
        queries = (query("orderDesc", attribute="$createdAt"), query("limit", limit))
        raw = self._get(f"/functions/{function}/executions", listing("executions", EXECUTION), *queries)
        return [parse_execution(each) for each in raw["executions"]]

    def executions_since(self, function: str, since: datetime, limit: int) -> Sequence[Execution]:
        """See `Reader.executions_since`. Executions are filtered by their creation although the description of the
        route does not say so (1.8.1)."""
        recent = query("greaterThanEqual", since.isoformat(timespec="milliseconds"), attribute="$createdAt")
        return self._executions(function, limit, recent)

    def unfinished_executions(self, function: str, limit: int) -> Sequence[Execution]:
        """See `Reader.unfinished_executions`."""
        return self._executions(function, limit, query("equal", *UNFINISHED, attribute="status"))

    def _executions(self, function: str, limit: int, *queries: str) -> Sequence[Execution]:
        order = query("orderDesc", attribute="$createdAt")
        path, size = f"/functions/{function}/executions", min(limit, SIZES[0])
        listed = self._pages(path, "executions", EXECUTION, *queries, order, size=size)
        found = [parse_execution(each) for each in islice(listed, limit)]
        # Where the list was read again, what is new came late.
        return sorted(found, key=lambda each: each.created_at, reverse=True)

    def execution(self, function: str, execution: str) -> Execution:
        return parse_execution(self._get(f"/functions/{function}/executions/{execution}", EXECUTION))

    def server_time(self) -> datetime | None:
        """See `Reader.server_time`."""
        return self._transport.server_time

    def find(self, address: Address) -> Live | None:
        """One resource by its own route, or None when it is not there. Appwrite takes ids without case (1.8.1), so what
        is found may be called otherwise in that."""
        call = kind_of(address).requests.read(address)
        try:
            raw = self._transport.request(call)
        except NotFoundError:
            return None
        live = parse_answer(address, raw)
        if live is not None and live.address.path.lower() != address.path.lower():
            raise self._transport.not_appwrite(call, f"it is about {live.address}")
        return live

    def current(self, address: Address) -> Live | None:
        """See `Reader.current`."""
        listed = kind_of(address).listed
        if not listed:
            return self.find(address)
        database, collection, key = address.parts
        for raw in self._listed(database, collection, listed, [key]):
            if str(raw["key"]).lower() == key.lower():
                return _member((database, collection), listed, raw)
        return None

    def _get(self, path: str, shape: Shape, *queries: str) -> Any:
        return self._transport.request(Call("get", path, {"queries": list(queries)} if queries else {}, shape))

    def _optional(self, call: Call, *, anonymous: bool = False) -> Mapping[str, Any]:
        """Facts that a key may not be allowed to read; the plan works without them."""
        try:
            answer: Mapping[str, Any] = self._transport.request(call, anonymous=anonymous)
        except ProviderError as error:
            if error.code in (401, 404, 501):
                return {}
            raise
        return answer

    def _pages(
        self, path: str, plural: str, item: Shape, *more: str, identity: str = "$id", size: int = 0
    ) -> Iterator[Mapping[str, Any]]:
        """All items of a list, each once. `identity` is the field by which a list goes on."""
        shape, size = listing(plural, item), size or PAGE
        sizes = PageSize([size, *(each for each in SIZES if each < size)])
        for found in pages(partial(sizes.fetch, partial(self._get, path, shape), plural), *more, identity=identity):
            yield from found

    def _functions(self, newest: dict[Address, Deployment]) -> dict[Address, Live]:
        """Functions with variables and active deployments. Notes each newest deployment that is not active."""
        found: dict[Address, Live] = {}
        for raw in self._pages("/functions", "functions", function.SHAPE):
            found |= _taken(function.KIND, raw, newest)
        return found

    def _listing(
        self,
        kinds: Sequence[tuple[Kind, Listing]],
        unread: dict[str, ProviderError],
        newest: dict[Address, Deployment],
    ) -> dict[Address, Live]:
        """All of some kinds that share an answer, or of one that has a list of its own. Notes kinds that this server
        does not have, or this key may not see."""
        try:
            found = [_taken(kind, raw, newest) for kind, raw in self._items(kinds) if kind.is_one(raw)]
        except ProviderError as error:
            if not _is_closed(error):
                raise
            unread.update((kind.name, error) for kind, _ in kinds)
            return {}
        return {address: live for each in found for address, live in each.items()}

    def _items(self, kinds: Sequence[tuple[Kind, Listing]]) -> Iterator[tuple[Kind, Mapping[str, Any]]]:
        first, one = kinds[0]
        if not one.is_whole:
            yield from ((first, raw) for raw in self._pages(one.path, one.key, one.item))
            return
        shape = Shape({name: wanted for _, each in kinds for name, wanted in each.answer.fields.items()})
        answer = self._get(one.path, shape)
        for kind, each in kinds:
            yield from ((kind, raw) for raw in (answer[each.key] if each.key else [answer]))

    def _hidden(self, databases: Iterable[Address]) -> dict[Address, Live]:
        """Databases that are there and not in the list: 1.9.6 leaves out those that were made by its tables API, and
        treats them like all others else. Each has its own id, which may be another than was asked for: Appwrite finds
        ids without case."""
        found: dict[Address, Live] = {}
        for address in databases:
            with suppress(NotFoundError):
                live = database.parse((), self._get(f"/databases/{address.path}", database.SHAPE))
                found[live.address] = live
        return found

    def _foreign(self, kind: str) -> list[Address]:
        """Databases of another kind, by name alone: the first hundred. Few servers have the route, and 1.9.6 answers an
        error page, as something in front of it might. So it is asked once, and whatever goes wrong there are none."""
        call = Call("get", f"/{kind}", {"queries": [query("limit", PAGE)]}, listing("databases", OBJECT))
        try:
            found = self._transport.request(call, attempts=1)["databases"]
        except ProviderError:
            return []
        return [Address(kind, str(raw["$id"])) for raw in found]

    def _tables_databases(self) -> dict[Address, Live]:
        """The list of the tables API, which has all. Servers before 1.8 have none."""
        try:
            return self._databases("/tablesdb")
        except ProviderError as error:
            if not _is_closed(error):
                raise
            return {}

    def _databases(self, path: str = "/databases") -> dict[Address, Live]:
        found = [raw for raw in self._pages(path, "databases", database.SHAPE) if raw["name"] != STATE_NAME]
        parsed = [database.parse((), raw) for raw in found]
        return {live.address: live for live in parsed}

    def _collections(self, name: str, there: set[str] | None = None) -> dict[Address, Live]:
        """What lies in a database; `there` gets its name if it exists."""
        found: dict[Address, Live] = {}
        try:
            for raw in self._pages(f"/databases/{name}/collections", "collections", _COLLECTION):
                # Where states are kept is nobody's resource: no plan sees it.
                if raw["name"] != STATE_NAME:
                    found.update(_collection_members(raw))
        except NotFoundError:
            return {}
        if there is not None:
            there.add(name)
        return found


def _by_answer(names: Iterable[str]) -> list[list[tuple[Kind, Listing]]]:
    """Kinds that have lists, together where one answer holds them all."""
    found: dict[tuple[str, str], list[tuple[Kind, Listing]]] = {}
    for kind in (KINDS[name] for name in names):
        if kind.listing is not None:
            alone = "" if kind.listing.is_whole else kind.name
            found.setdefault((kind.listing.path, alone), []).append((kind, kind.listing))
    return list(found.values())


def documents_path(database: str, collection: str) -> str:
    return f"/databases/{database}/collections/{collection}/documents"


def document_path(database: str, collection: str, identity: str) -> str:
    return f"{documents_path(database, collection)}/{identity}"


def _is_closed(error: ProviderError) -> bool:
    """Whether an error says that nothing of a kind can be read here: the key lacks the scope, or there is no route."""
    return error.type in ("general_unauthorized_scope", "general_route_not_found")


def _as_query(condition: Condition) -> str:
    return query(condition.method, *condition.values, attribute=condition.attribute)


def path_of(owner: Address) -> str:
    """The route of something that has code."""
    return kind_of(owner).requests.read(owner).path


def _taken(kind: Kind, raw: Mapping[str, Any], newest: dict[Address, Deployment]) -> dict[Address, Live]:
    """A resource with what lies in it: variables, the active deployment. Notes its newest one where it is another."""
    owner, *inside = answered_with(kind, raw)
    latest = str(raw.get("latestDeploymentId") or "")
    if latest and latest != raw["deploymentId"]:
        status = str(raw.get("latestDeploymentStatus") or "")
        created = str(raw.get("latestDeploymentCreatedAt") or "")
        newest[owner.address] = Deployment(latest, status, created_at=created)
    return {live.address: live for live in (owner, *inside)}


def _collection_members(raw: Mapping[str, Any]) -> Iterator[tuple[Address, Live]]:
    """The collection itself, its attributes, relationships and indexes."""
    owner = collection.parse((), raw)
    yield owner.address, owner
    for listed in _MEMBERS:
        for live in _members(owner.address.parts, listed, raw[listed]):
            yield live.address, live


def contents_of(address: Address) -> Listing:
    """The list of what lies in a resource that holds data."""
    kind = kind_of(address)
    assert kind.contents is not None
    return kind.contents.listed_at(kind.requests.read(address).path)


def _members(owner: tuple[str, ...], listed: str, raw: Iterable[Mapping[str, Any]]) -> Iterator[Live]:
    """The attributes and relationships of a collection, or its indexes."""
    return (_member(owner, listed, each) for each in raw if not is_mirror(each))


def _member(owner: tuple[str, ...], listed: str, raw: Mapping[str, Any]) -> Live:
    kind = next(each for each in KINDS.values() if each.listed == listed and each.is_one(raw))
    return kind.parse(owner, raw)


def parse_answer(address: Address, raw: Any) -> Live | None:
    """The answer to a create, update or read as a `Live`, or None when it holds no such thing."""
    kind = kind_of(address)
    found = kind.found_in(address, raw)
    return kind.parse(address.parts[:-1], found) if found else None


def parse_deployment(raw: Mapping[str, Any]) -> Deployment:
    return Deployment(
        id=str(raw["$id"]),
        status=str(raw["status"]),
        source_size=int(raw.get("sourceSize") or 0),
        log=str(raw.get("buildLogs") or ""),
        created_at=_with_zone(str(raw.get("$createdAt") or "")),
        activate=bool(raw.get("activate", False)),
        type=str(raw.get("type") or ""),
        size=int(raw.get("totalSize") or 0),
        entrypoint=str(raw.get("entrypoint") or ""),
    )


def _with_zone(text: str) -> str:
    """An instant as answers usually have it. The main branch of August 2026 answers a new execution's without `T` and
    zone; it means UTC."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if instant.tzinfo else instant.replace(tzinfo=UTC).isoformat(timespec="milliseconds")


def parse_execution(raw: Mapping[str, Any]) -> Execution:
    return Execution(
        id=str(raw["$id"]),
        # Newer than 1.9.6, an execution may be one of a site.
        function=str(raw.get("functionId") or raw.get("resourceId") or ""),
        status=str(raw["status"]),
        trigger=str(raw["trigger"]),
        response_status=int(raw.get("responseStatusCode") or 0),
        response_body=str(raw.get("responseBody") or ""),
        logs=str(raw.get("logs") or ""),
        errors=str(raw.get("errors") or ""),
        duration=float(raw.get("duration") or 0.0),
        created_at=_with_zone(str(raw["$createdAt"])),
        scheduled_at=_with_zone(str(raw.get("scheduledAt") or "")),
    )
