"""The writing half. Every id is chosen by us, so after a lost answer one look shows whether the write landed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ...errors import (
    AccessError,
    ConflictError,
    NotFoundError,
    ProviderError,
    ServerFaultError,
    TakenError,
    ThrottledError,
    UnreachableError,
)
from ...kinds import Call, kind_of
from ...kinds.base import OBJECT, Shape, listing
from ...model.address import Address
from ...model.resource import Fields, Live
from ...model.secret import Secret
from ..protocol import NOTHING_ALONG, Condition, Deployment, Execution, NewValues, Written
from .reading import (
    DOCUMENT,
    EXECUTION,
    AppwriteReader,
    contents_of,
    document_path,
    documents_path,
    parse_answer,
    parse_deployment,
    parse_execution,
    path_of,
)
from .transport import PIECE, Transport

#: A create is sent at most this often; between two attempts the resource is looked up.
_CREATE_ATTEMPTS = 3
#: Seconds to wait until something with the same key is gone that is being deleted.
_DELETION_PATIENCE = 60.0
#: Synchronous executions are cut by the server at 30 s (408).
_SYNCHRONOUS_LIMIT = 40.0
#: Documents that are changed at the same time.
_AT_ONCE = 4
#: A transaction takes four requests, so a few documents are changed without one. When some were changed by others since
#: they were read, the rest is tried once more.
_FEWEST_TOGETHER, _TOGETHER_ATTEMPTS = 8, 2
#: Seconds after which an instant is surely another one for Appwrite, which compares milliseconds (1.8.1).
_PRECISION = 0.002
_REFUSED, _CONFLICT = 400, 409
#: Makes a write conditional on the document being no newer than this.
_TIMESTAMP = "X-Appwrite-Timestamp"


class AppwriteProvider(AppwriteReader):
    """Reads and writes a project."""

    def __init__(
        self,
        transport: Transport,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(transport)
        self._sleep = sleep
        self._clock = clock
        #: Collections that take no documents in bulk.
        self._only_single: set[tuple[str, str]] = set()
        #: There are none before 1.8.
        self._has_transactions = True

    def create(
        self, address: Address, fields: Fields, along: Mapping[Address, Mapping[str, Any]] = NOTHING_ALONG
    ) -> Live:
        """See `Provider.create`."""
        call = kind_of(address).requests.create(address, fields)
        for at, named in along.items():
            listed = kind_of(at).listed
            call = replace(call, body={**call.body, listed: [*call.body.get(listed, ()), dict(named)]})
        for attempt in range(1, _CREATE_ATTEMPTS + 1):
            try:
                return self._verified(call, address, fields)
            except (UnreachableError, ServerFaultError, ConflictError) as error:
                found = self._settled(address)
                is_ours = found is not None and found.address == address
                if found is not None and is_ours and not difference(address, fields, found.fields):
                    return found
                if found is not None or attempt == _CREATE_ATTEMPTS:
                    if isinstance(error, ConflictError):
                        raise _taken(address, fields, error, found) from None
                    raise
                if isinstance(error, ConflictError):
                    continue
                self._sleep(0.2 * 2**attempt)
        raise AssertionError("unreachable")

    def update(self, address: Address, fields: Fields, live: Live) -> Live:
        kind = kind_of(address)
        after = self._verified(kind.requests.update(address, fields, live), address, fields)
        follow_up = kind.follow_up(address, fields)
        if follow_up is not None:
            after = self._verified(follow_up, address, fields)
        return self._unasked(address, fields, live, after)

    def _unasked(self, address: Address, fields: Fields, before: Live, after: Live) -> Live:
        """What the update changed beside the fields that it names. Raises ProviderError where that is known to be
        somebody's setting; what no version of ours knows may change by itself."""
        now, kind = {**after.fields, **after.carried}, kind_of(address)
        changed = {name: value for name, value in before.carried.items() if name not in fields}
        changed = {name: value for name, value in changed.items() if now.get(name) != value}
        reported = {
            name: f"{name} was {value!r}, is {repr(now[name]) if name in now else 'empty'}"
            for name, value in changed.items()
        }
        known = [reported[name] for name in reported if name in kind.carried or name in after.fields]
        if known:
            raise ProviderError(
                f"Appwrite changed more of {address} than was requested: {'; '.join(known)}",
                hint="the old value was sent, too; set it again in the console",
            )
        said = "changed with the update without a request; this version of raceday-iac does not know the field"
        return replace(after, remarks=tuple(f"{each} ({said})" for each in reported.values()))

    def _transact(self, operations: Sequence[Mapping[str, Any]]) -> None:
        self._commit(self._staged(operations))

    def _staged(self, operations: Sequence[Mapping[str, Any]]) -> str:
        """The path of a new transaction that has these operations, and is not committed."""
        transaction = self._transport.request(Call("post", "/databases/transactions", {"ttl": 120}))["$id"]
        path = f"/databases/transactions/{transaction}"
        self._transport.request(Call("post", f"{path}/operations", {"operations": list(operations)}))
        return path

    def _commit(self, path: str) -> None:
        committed = Shape({"$id": str, "status": _is_committed})
        self._transport.request(Call("patch", path, {"commit": True}, committed))

    def change_values(self, database: str, collection: str, values: Mapping[str, NewValues]) -> Written:
        """See `Provider.change_values`. By one transaction where there are enough to make it worth its four requests;
        one by one what names its `$updatedAt`, which a transaction does not take (1.8.1 and 1.9.6), and what a
        transaction was refused for."""
        together = {each: new for each, new in values.items() if "$updatedAt" not in new.data}
        done: set[str] = set()
        changed: set[str] = set()
        for _ in range(_TOGETHER_ATTEMPTS):
            if len(together) < _FEWEST_TOGETHER or not self._has_transactions:
                break
            found = self._change_together(database, collection, together)
            if found is None:
                break
            changed |= found
            together = {each: new for each, new in together.items() if each not in found}
            if not found:
                done.update(together)
                break
        left = {each: new for each, new in values.items() if each not in done | changed}
        singly = self._change_singly(database, collection, left)
        return Written(singly.refused, singly.changed | changed)

    def _change_together(
        self, database: str, collection: str, values: Mapping[str, NewValues]
    ) -> frozenset[str] | None:
        """Change documents by one transaction. Returns those that somebody has changed or deleted since they were read:
        where there are any, and where the transaction was refused (None), nothing was written.

        A commit is refused when a document was changed after its operation was staged (1.8.1 and 1.9.6); what was
        changed before that, the look between the two sees. What is changed in the millisecond of the staging counts as
        before it, so the look comes when that is over."""
        try:
            path = self._staged(_updates(database, collection, {each: new.data for each, new in values.items()}))
            self._sleep(_PRECISION)
            only, ids = ("$updatedAt",), Condition("equal", "$id", tuple(values))
            now = {
                str(each["$id"]): each["$updatedAt"] for each in self.documents(database, collection, ids, only=only)
            }
            changed = frozenset(each for each, new in values.items() if now.get(each) != new.unless_newer_than)
            if changed:
                with suppress(ProviderError):
                    self._transport.request(Call("delete", path))
            else:
                self._commit(path)
        except (AccessError, ThrottledError):
            raise
        except ProviderError as error:
            if error.type == "general_route_not_found":
                self._has_transactions = False
            return None
        return changed

    def _change_singly(self, database: str, collection: str, values: Mapping[str, NewValues]) -> Written:
        """Some at a time. A single PATCH can be made conditional on what was read."""
        broken: list[ProviderError] = []

        def write(item: tuple[str, NewValues]) -> ProviderError | None:
            identity, new = item
            if broken:
                # The others would meet the same.
                return None
            try:
                self.change_document(database, collection, identity, new.data, unless_newer_than=new.unless_newer_than)
            except ProviderError as error:
                if error.code in (400, 409):
                    return error
                if error.type != "document_not_found":
                    broken.append(error)
            return None

        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            outcome = list(zip(values, pool.map(write, values.items()), strict=True))
        if broken:
            raise broken[0]
        failed = {identity: error for identity, error in outcome if error is not None}
        changed = frozenset(identity for identity, error in failed.items() if error.type == "document_update_conflict")
        return Written({each: error.message for each, error in failed.items() if each not in changed}, changed)

    def change_document(
        self, database: str, collection: str, identity: str, data: Mapping[str, Any], *, unless_newer_than: str
    ) -> Mapping[str, Any]:
        """See `Provider.change_document`. Appwrite compares to the millisecond (1.8.1)."""
        call = Call("patch", document_path(database, collection, identity), {"data": dict(data)}, DOCUMENT)
        answer: Mapping[str, Any] = self._transport.request(call, headers={_TIMESTAMP: unless_newer_than})
        return answer

    def remove_document(self, database: str, collection: str, identity: str, *, unless_newer_than: str = "") -> None:
        """See `Provider.remove_document`."""
        call = Call("delete", document_path(database, collection, identity))
        self._transport.request(call, headers={_TIMESTAMP: unless_newer_than})

    def create_document(self, database: str, collection: str, identity: str, data: Mapping[str, Any]) -> None:
        """See `Provider.create_document`."""
        path = documents_path(database, collection)
        self._transport.request(Call("post", path, {"documentId": identity, "data": dict(data)}))

    def create_documents(
        self, database: str, collection: str, documents: Sequence[Mapping[str, Any]]
    ) -> Mapping[str, str]:
        """See `Provider.create_documents`. By one request, which is all or nothing; one by one where that is refused:
        there is a relationship (1.8.1), one of them is there, or does not fit."""
        place = (database, collection)
        if place not in self._only_single:
            try:
                said = {"documents": list(documents)}
                self._transport.request(Call("post", documents_path(*place), said, listing("documents", OBJECT)))
            except (AccessError, ThrottledError):
                raise
            except ProviderError as error:
                if error.type == "general_bad_request":
                    self._only_single.add(place)
            else:
                return {}
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            refused = pool.map(lambda each: self._create_single(*place, each), documents)
            return {str(each["$id"]): why for each, why in zip(documents, refused, strict=True) if why}

    def _create_single(self, database: str, collection: str, document: Mapping[str, Any]) -> str:
        """Why Appwrite refuses it; nothing where it is there afterwards."""
        data = {key: value for key, value in document.items() if key not in ("$id", "$permissions")}
        body = {"documentId": document["$id"], "data": data, "permissions": document["$permissions"]}
        try:
            self._transport.request(Call("post", documents_path(database, collection), body))
        except (UnreachableError, ServerFaultError, ConflictError) as error:
            # It may have landed all the same. A unique value that is taken is reported in the same words as a taken id.
            if self.document(database, collection, str(document["$id"])) is None:
                if error.code != _CONFLICT:
                    raise
                return error.message
        except ProviderError as error:
            if error.code != _REFUSED:
                raise
            return error.message
        return ""

    def create_file(self, address: Address, item: str, name: str, permissions: Sequence[str], content: bytes) -> None:
        """See `Provider.create_file`."""
        fields = {"fileId": item, "permissions": list(permissions)}
        with suppress(ConflictError):
            self._transport.upload_file(contents_of(address).path, fields, name, content)

    def create_item(self, address: Address, body: Mapping[str, Any]) -> None:
        """See `Provider.create_item`."""
        self._transport.request(Call("post", contents_of(address).path, body))

    def put_document(
        self, database: str, collection: str, identity: str, data: Mapping[str, Any], *, fence: str = ""
    ) -> None:
        """See `Provider.put_document`. A transaction that changes a document which is gone fails whole, 404 (1.8.1 and
        1.9.6); that it changes no value is no matter."""
        if not fence:
            self._transport.request(Call("put", document_path(database, collection, identity), {"data": dict(data)}))
            return
        place = {"databaseId": database, "collectionId": collection}
        first = {"action": "update", **place, "documentId": fence, "data": {"owner": data["owner"]}}
        second = {"action": "upsert", **place, "documentId": identity, "data": {**data, "$id": identity}}
        self._transact([first, second])

    def rename(self, old: Address, new: Address, live: Live) -> Live:
        """See `Provider.rename`."""
        rename = kind_of(old).rename
        if rename is None:
            raise ProviderError(f"{old}: Appwrite cannot rename a {old.kind}")
        try:
            return self._verified(rename(old, live, new.name), new, live.fields)
        except NotFoundError:
            # Sent again after a lost answer, the first one may have landed: then there is no old name any more.
            found = self.current(new)
            if found is None or difference(new, live.fields, found.fields):
                raise
            return found
        except ProviderError as error:
            # An index that would name one attribute twice is refused before the name is (1.8.1).
            if error.type == "index_invalid" and self.find(new) is not None:
                raise ConflictError(
                    f"{old} cannot be renamed: {new} already exists. {error.message}", code=error.code, type=error.type
                ) from None
            raise

    def delete(self, address: Address, live: Live) -> None:
        """See `Provider.delete`."""
        try:
            self._transport.request(kind_of(address).requests.delete(address, live))
        except NotFoundError:
            return

    def upload(
        self,
        owner: Address,
        archive: bytes,
        settings: Mapping[str, str],
        begun: Callable[[str], object] | None = None,
    ) -> Deployment:
        """See `Provider.upload`."""
        path = f"{path_of(owner)}/deployments"
        fields = {"activate": False, **settings}
        if len(archive) <= PIECE:
            found = parse_deployment(self._transport.upload(path, fields, archive))
        else:
            found = parse_deployment(self._transport.upload(path, fields, archive, begun))
        if begun is not None:
            begun(found.id)
        return found

    def activate(self, owner: Address, deployment: str) -> None:
        """See `Provider.activate`. The answer is the function or site as it is now."""
        read = kind_of(owner).requests.read(owner)
        call = Call("patch", f"{read.path}/deployment", {"deploymentId": deployment}, read.answer)
        active = str(self._transport.request(call)["deploymentId"])
        if active != deployment:
            raise ProviderError(f"Appwrite accepted the activation of {deployment}, but {active or 'none'} is active")

    def cancel(self, owner: Address, deployment: str) -> None:
        """See `Provider.cancel`."""
        try:
            self._transport.request(Call("patch", f"{path_of(owner)}/deployments/{deployment}/status"))
        except ProviderError as error:
            if error.type != "build_already_completed":
                raise

    def execute(self, function: str, body: str, *, wait: bool, path: str = "/", method: str = "POST") -> Execution:
        """See `Provider.execute`."""
        asked = {"body": body, "async": not wait}
        if (path, method) != ("/", "POST"):
            asked |= {"path": path, "method": method}
        call = Call("post", f"/functions/{function}/executions", asked, EXECUTION)
        return parse_execution(self._transport.request(call, read_timeout=_SYNCHRONOUS_LIMIT))

    def delete_execution(self, function: str, execution: str) -> None:
        """See `Provider.delete_execution`."""
        try:
            self._transport.request(Call("delete", f"/functions/{function}/executions/{execution}"))
        except NotFoundError:
            return

    def _settled(self, address: Address) -> Live | None:
        """The resource as it is, after waiting for one that is being deleted to be gone."""
        deadline = self._clock() + _DELETION_PATIENCE
        while True:
            found = self.current(address)
            if found is None or found.status != "deleting" or self._clock() > deadline:
                return found
            self._sleep(0.1)

    def _verified(self, call: Call, address: Address, fields: Fields) -> Live:
        """Write, and check that the answer is about what was written, and that nothing sent was ignored (unknown fields
        vanish silently)."""
        live = parse_answer(address, self._transport.request(call))
        if live is None and kind_of(address).is_setting:
            # Some writes of settings answer the project, which does not show them.
            live = self.find(address)
        if live is None or live.address != address:
            raise self._transport.not_appwrite(call, f"it is about {live.address if live else 'nothing'}")
        ignored = difference(address, fields, live.fields)
        if ignored:
            details = "; ".join(f"{name}: sent {fields[name]!r}, is {live.fields.get(name)!r}" for name in ignored)
            raise ProviderError(
                f"Appwrite accepted the write of {address} but did not store all of it: {details}",
                hint="this server may be older than the stack expects; the resource exists and is in the state",
            )
        return live


def _taken(address: Address, fields: Fields, error: ConflictError, found: Live | None) -> ConflictError:
    """What a 409 means, with what was found after it. That something exists does not make it ours."""
    kind, said = kind_of(address), f"{address} was not created: {error.message}"
    if found is not None and found.address != address:
        text = f"{said} Appwrite treats it as the same name as {found.address}, which exists."
        return ConflictError(text, code=error.code, type=error.type, hint="choose another name, or use that spelling")
    if found is not None:
        differing = ", ".join(difference(address, fields, found.fields))
        text = f"{said} It exists meanwhile, with other values ({differing}). It was left as it is."
        return ConflictError(text, code=error.code, type=error.type, hint="plan again: the plan shows what differs")
    if kind.is_server_wide:
        hint = f"ids of {kind.plural} are unique over all projects of a server, and another project has this one: "
        hint += "choose another id"
    else:
        hint = "choose another id, or look in the console which resource has this one"
    text = f"{said} This project shows no {kind.name} {address.name!r}."
    return TakenError(text, code=error.code, type=error.type, hint=hint)


def _updates(database: str, collection: str, values: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Operations of a transaction that set attributes of documents."""
    place = {"action": "update", "databaseId": database, "collectionId": collection}
    return [{**place, "documentId": identity, "data": dict(data)} for identity, data in values.items()]


def _is_committed(status: Any) -> bool:
    return bool(status == "committed")


def difference(address: Address, wanted: Fields, real: Fields) -> list[str]:
    """Names of fields that differ. A secret's value cannot be read back and is not compared."""
    kind = kind_of(address)
    differing = []
    for name, value in wanted.items():
        if isinstance(value, Secret) or (name == kind.secret_field and wanted["secret"]):
            continue
        other = real.get(name)
        same = sorted(value) == sorted(other or ()) if name in kind.unordered else value == other
        if not same and not (name == "encrypt" and not other):
            differing.append(name)
    return differing
