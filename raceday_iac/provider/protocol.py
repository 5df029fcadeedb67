"""What the reconciler asks of a provider. Values go in and come out; no requests, no JSON."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

from ..errors import ProviderError
from ..model.address import Address
from ..model.evidence import Answer
from ..model.resource import Fields, Live
from ..model.server import FOR_FUNCTIONS, ServerFacts

#: For a creation that stands for itself.
NOTHING_ALONG: Mapping[Address, Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True)
class Deployment:
    """A deployment as far as deploying needs it. `status`: waiting processing building ready failed canceled.
    `type` says how it came: manual, cli or vcs. Sizes are bytes; `size` is that of source and build together. Lists
    leave log and entrypoint out."""

    id: str
    status: str
    source_size: int = 0
    log: str = ""
    created_at: str = ""
    activate: bool = False
    type: str = ""
    size: int = 0
    entrypoint: str = ""


@dataclass(frozen=True)
class Snapshot:
    """Everything read from a server, by address. `facts` are the server's own. `newest` has the newest deployment
    of each function and site where that is not the active one: something is being built, failed, or was left."""

    resources: Mapping[Address, Live] = field(default_factory=dict)
    facts: ServerFacts = field(default_factory=ServerFacts)
    newest: Mapping[Address, Deployment] = field(default_factory=dict)
    #: Kinds that could not be read, by name: the server does not have them, or the key may not see them.
    unread: Mapping[str, ProviderError] = field(default_factory=dict)
    #: What is live of kinds that raceday-iac has none of.
    foreign: tuple[Address, ...] = ()


@dataclass(frozen=True)
class Execution:
    """One run of a function. `status`: waiting processing completed failed scheduled. `duration` in seconds."""

    id: str
    function: str
    status: str
    trigger: str
    response_status: int
    response_body: str
    logs: str
    errors: str
    duration: float
    created_at: str
    #: When one that was put off is to begin.
    scheduled_at: str = ""


@dataclass(frozen=True)
class Condition:
    """A condition on documents, in Appwrite's words: `isNotNull`, `equal`, `lessThan`, …"""

    method: str
    attribute: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class NewValues:
    """What a document is to hold, unless it was changed after this instant (`$updatedAt` as it was read)."""

    data: Mapping[str, Any]
    unless_newer_than: str


@dataclass(frozen=True)
class Written:
    """What came of writing values. `refused` by Appwrite: id → why. `changed` by others since they were read: those are
    as the others left them."""

    refused: Mapping[str, str] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()


class Reader(Protocol):
    """Reads only."""

    def snapshot(
        self,
        databases: Collection[str],
        *,
        functions: bool = True,
        others: Collection[str] = (),
        named: bool = False,
        offers: Collection[str] = FOR_FUNCTIONS,
    ) -> Snapshot:
        """All functions with variables and active deployments, the named databases with their schema, and everything of
        the `others`, which are names of kinds that have a list of their own. Databases that are not named are in it
        without what lies in them, if there are some that are, or with `named`. Without `offers` nobody needs to know
        which runtimes and specifications can be chosen. What the server says of itself is read once in a run."""
        ...

    def collection(self, database: str, collection: str) -> Mapping[Address, Live]:
        """One collection with everything in it, by one request; empty when it does not exist. What it says of statuses
        may be old for ever: ask `members`."""
        ...

    def current(self, address: Address) -> Live | None:
        """One resource as it is now. For what Appwrite works on in the background that is not what it answers of it by
        its own route, which may be old for ever, but what it lists; also where something of another kind, or the far
        side of a relationship, has the key."""
        ...

    def members(self, database: str, collection: str, listed: str, keys: Sequence[str] = ()) -> Mapping[Address, Live]:
        """What a list of a collection (`attributes`, with the relationships, or `indexes`) shows, or only these keys of
        it; empty when there is no such collection. A list is read from the database, while what Appwrite answers of a
        single one may be old for ever."""
        ...

    def unknown_attributes(
        self, database: str, collection: str, attributes: Sequence[str], relationships: Sequence[str] = ()
    ) -> Sequence[str]:
        """Those of the listed attributes and relationships that documents do not know. One read while they know all."""
        ...

    def inside(self, place: Address) -> Mapping[Address, Live]:
        """A database or a function with everything that lies in it now, by one request for each hundred; empty when it
        does not exist. Raises ProviderError."""
        ...

    def count_documents(self, database: str, collection: str, *conditions: Condition) -> int:
        """How many documents of a collection meet all conditions (Appwrite stops counting at 5000)."""
        ...

    def count_all(self, database: str, collection: str, *conditions: Condition) -> Answer:
        """The same, also above 5000, by some more requests. Raises ProviderError, also where there is no such
        collection."""
        ...

    def documents(
        self, database: str, collection: str, *conditions: Condition, only: Sequence[str] = (), limit: int = 0
    ) -> Iterator[Mapping[str, Any]]:
        """Documents of a collection that meet all conditions, page by page, as the server answers them; with `only`
        just these attributes, with `limit` just the first ones. Raises ProviderError."""
        ...

    def document_page(
        self, database: str, collection: str, queries: Sequence[str]
    ) -> tuple[Sequence[Mapping[str, Any]], int]:
        """What the list of a collection's documents answers to these queries, and how many meet them (5 000 also for
        more). Raises ProviderError."""
        ...

    def every_document(
        self, database: str, collection: str, *, only: Sequence[str] = ()
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """All documents of a collection, in portions, in no order, several requests at once; with `only` just these
        attributes. Raises ProviderError."""
        ...

    def document(self, database: str, collection: str, identity: str) -> Mapping[str, Any] | None:
        """One document as the server answers it; None when there is no document with that id."""
        ...

    def source_of(self, owner: Address, deployment: str) -> bytes:
        """The source archive of a deployment, as uploaded."""
        ...

    def deployments(self, owner: Address, limit: int) -> Sequence[Deployment]:
        """The newest deployments of a function or site, without their logs."""
        ...

    def all_deployments(self, owner: Address) -> Sequence[Deployment]:
        """Every deployment of a function or site, newest first, page by page, without their logs."""
        ...

    def active_deployment(self, owner: Address) -> str:
        """The id of the active deployment; empty when there is none. Raises NotFoundError where there is no owner."""
        ...

    def deployment(self, owner: Address, deployment: str) -> Deployment:
        """One deployment with its build log."""
        ...

    def count_executions(self, function: str) -> int:
        """How many records of its runs a function has (Appwrite stops counting at 5000)."""
        ...

    def contents(self, address: Address) -> Answer:
        """How many things lie in a resource that holds data (files of a bucket), and their bytes."""
        ...

    def items(self, address: Address) -> Iterator[Mapping[str, Any]]:
        """These things, as the server lists them, page by page; none where there is no such resource."""
        ...

    def item(self, address: Address, item: str) -> Mapping[str, Any]:
        """One of these things, as the server answers it. Raises NotFoundError."""
        ...

    def content_of(self, address: Address, item: str) -> bytes:
        """The content of a file that lies in a resource."""
        ...

    def executions(self, function: str, limit: int) -> Sequence[Execution]:
        """The newest executions of a function."""
        ...

    def executions_since(self, function: str, since: datetime, limit: int) -> Sequence[Execution]:
        """The executions of a function that were created since then, newest first, page by page, `limit` at most."""
        ...

    def unfinished_executions(self, function: str, limit: int) -> Sequence[Execution]:
        """The executions of a function that have not come to their end, whenever they were created, newest first."""
        ...

    def execution(self, function: str, execution: str) -> Execution: ...

    def server_time(self) -> datetime | None:
        """The server's own clock at its last answer, to the second; None when it said none."""
        ...


class Provider(Reader, Protocol):
    """Reads and writes. Writes that may have landed unseen are looked up, never blindly repeated."""

    def create(
        self, address: Address, fields: Fields, along: Mapping[Address, Mapping[str, Any]] = NOTHING_ALONG
    ) -> Live:
        """Create; when it already exists exactly as wanted (our own lost answer), return that. `along` is made by the
        same request, each as that names it: all of it or nothing, and the answer does not say."""
        ...

    def update(self, address: Address, fields: Fields, live: Live) -> Live: ...

    def change_values(self, database: str, collection: str, values: Mapping[str, NewValues]) -> Written:
        """Set attributes of documents, at most 100 of them, by id, each only if nobody has changed the document since
        it was read. Documents that are gone are passed over, or among the changed. With `$updatedAt` among the values
        it is kept, by a request for each document; without, the document is as new as the write."""
        ...

    def change_document(
        self, database: str, collection: str, identity: str, data: Mapping[str, Any], *, unless_newer_than: str
    ) -> Mapping[str, Any]:
        """Change a document, unless it was changed since that instant: then ConflictError (compare-and-set)."""
        ...

    def remove_document(self, database: str, collection: str, identity: str, *, unless_newer_than: str = "") -> None:
        """Delete a document, unless it was changed since that instant: then ConflictError. Raises NotFoundError."""
        ...

    def create_document(self, database: str, collection: str, identity: str, data: Mapping[str, Any]) -> None:
        """Create a document. Sent once: after a lost answer nobody knows whether it is there (UnreachableError)."""
        ...

    def create_documents(
        self, database: str, collection: str, documents: Sequence[Mapping[str, Any]]
    ) -> Mapping[str, str]:
        """Create documents, at most 100, each with `$id`, `$permissions` and its values; `$createdAt` and `$updatedAt`
        are what they say. One that is there is left as it is. Returns what Appwrite refused: id → why."""
        ...

    def create_file(self, address: Address, item: str, name: str, permissions: Sequence[str], content: bytes) -> None:
        """Put a file into a resource, under an id of our choice. One that is there is left as it is."""
        ...

    def create_item(self, address: Address, body: Mapping[str, Any]) -> None:
        """Put something else into a resource. Raises ConflictError where it is there."""
        ...

    def put_document(
        self, database: str, collection: str, identity: str, data: Mapping[str, Any], *, fence: str = ""
    ) -> None:
        """Create a document, or change it where it exists, as long as the document `fence` of the same collection is
        there (if one is named): otherwise NotFoundError, and nothing is written, however late the request arrives."""
        ...

    def rename(self, old: Address, new: Address, live: Live) -> Live:
        """Give a live resource another name; everything else stays. Raises ConflictError when the name is taken."""
        ...

    def delete(self, address: Address, live: Live) -> None:
        """Delete; already gone is fine."""
        ...

    def find(self, address: Address) -> Live | None:
        """One resource by its own route."""
        ...

    def upload(
        self,
        owner: Address,
        archive: bytes,
        settings: Mapping[str, str],
        begun: Callable[[str], object] | None = None,
    ) -> Deployment:
        """Upload without activating. `settings` go along. `begun` is called with the id as soon as the server has one,
        which for an upload in pieces is long before the end; it may be called more than once."""
        ...

    def activate(self, owner: Address, deployment: str) -> None:
        """Make a ready deployment the one that runs."""
        ...

    def cancel(self, owner: Address, deployment: str) -> None:
        """Stop a build; one that has ended meanwhile is fine."""
        ...

    def execute(self, function: str, body: str, *, wait: bool, path: str = "/", method: str = "POST") -> Execution:
        """Start a run; with `wait`, a synchronous one whose answer carries the response body."""
        ...

    def delete_execution(self, function: str, execution: str) -> None:
        """Delete the record of a run that has ended or has not begun; already gone is fine. Appwrite refuses one that
        waits or is processing (1.8.1: 400 execution_in_progress): nothing ends a run from outside."""
        ...
