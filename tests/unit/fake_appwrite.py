"""An Appwrite in memory that keeps the rules which the order of a plan has to respect.

It knows no requests: it takes the place of the provider. Writes of schema settle only when the collection is looked at,
as on a real server. Every rule is one of 1.8.1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from raceday_iac.errors import ConflictError, NotFoundError, ProviderError
from raceday_iac.kinds import KINDS, code_of
from raceday_iac.model.address import Address, collection_address, owners
from raceday_iac.model.evidence import Answer
from raceday_iac.model.resource import Fields, Live, frozen
from raceday_iac.packaging import digest_of_archive
from raceday_iac.provider import Snapshot
from raceday_iac.provider.protocol import Deployment, Execution

COLUMNS = ("attribute", "relationship")


class FakeAppwrite:
    """Implements the provider protocol. `resources` is what is live; `log` what was asked, in order."""

    def __init__(self, resources: Mapping[Address, Live] | None = None, documents: int = 0) -> None:
        self.resources = dict(resources or {})
        self.documents = documents
        self.log: list[str] = []
        #: Attributes that are listed, and that documents do not know.
        self.lost: set[str] = set()
        #: Collections of which it was asked what documents know.
        self.proven: list[Address] = []
        self.builds: dict[str, list[Deployment]] = {}
        self.archives: dict[str, bytes] = {}
        #: Statuses that a new build goes through, one a look.
        self.build_statuses: tuple[str, ...] = ("waiting", "building", "ready")
        self._looks: dict[str, int] = {}

    # Reading.

    def snapshot(
        self,
        databases: Collection[str],
        *,
        functions: bool = True,
        others: Collection[str] = (),
        named: bool = False,
        offers: bool = True,
    ) -> Snapshot:
        return Snapshot(dict(self.resources))

    def collection(self, database: str, collection: str) -> Mapping[Address, Live]:
        owner = collection_address(database, collection)
        return {each: live for each, live in self.resources.items() if each == owner or owner in owners(each)}

    def members(self, database: str, collection: str, listed: str, keys: Sequence[str] = ()) -> Mapping[Address, Live]:
        """Looking is what lets the asynchronous work end."""
        for address in self._listed(database, collection, listed):
            live = self.resources[address]
            if live.status == "deleting":
                del self.resources[address]
            elif live.status == "processing":
                self.resources[address] = replace(live, status="available")
        found = {address: self.resources[address] for address in self._listed(database, collection, listed)}
        return {address: live for address, live in found.items() if not keys or address.name in keys}

    def unknown_attributes(
        self, database: str, collection: str, attributes: Sequence[str], relationships: Sequence[str] = ()
    ) -> Sequence[str]:
        """Keys of `lost` ones, and of what is not there."""
        owner = collection_address(database, collection)
        self.proven.append(owner)
        there = {each.name for each in self.resources if each.kind in COLUMNS and owner in owners(each)}
        far = {
            str(live.fields["twoWayKey"])
            for at, live in self.resources.items()
            if at.kind == "relationship" and live.fields["relatedCollection"] == collection
        }
        return [key for key in (*attributes, *relationships) if key in self.lost or key not in there | far]

    def inside(self, place: Address) -> Mapping[Address, Live]:
        return {at: live for at, live in self.resources.items() if place in (at, *owners(at))}

    def count_executions(self, function: str) -> int:
        return 0

    def count_documents(self, database: str, collection: str, *conditions: Any) -> int:
        return self.documents

    def count_all(self, database: str, collection: str, *conditions: Any) -> Answer:
        return Answer(self.documents)

    def rename(self, old: Address, new: Address, live: Live) -> Live:
        self.log.append(f"rename {old} {new}")
        del self.resources[old]
        self.resources[new] = replace(live, address=new)
        return self.resources[new]

    def find(self, address: Address) -> Live | None:
        return self.resources.get(address)

    current = find

    def source_of(self, owner: Address, deployment: str) -> bytes:
        return self.archives[deployment]

    def deployments(self, owner: Address, limit: int) -> Sequence[Deployment]:
        return self.builds.get(owner.path, [])[::-1][:limit]

    def all_deployments(self, owner: Address) -> Sequence[Deployment]:
        return self.builds.get(owner.path, [])[::-1]

    def active_deployment(self, owner: Address) -> str:
        live = self.resources.get(code_of(owner))
        return live.remote_id if live else ""

    def deployment(self, owner: Address, deployment: str) -> Deployment:
        found = next(each for each in self.builds[owner.path] if each.id == deployment)
        look = self._looks[deployment] = self._looks.get(deployment, -1) + 1
        status = self.build_statuses[min(look, len(self.build_statuses) - 1)]
        self.builds[owner.path] = [
            replace(each, status=status) if each is found else each for each in self.builds[owner.path]
        ]
        return replace(found, status=status, log=f"line {look}\n")

    def executions(self, function: str, limit: int) -> Sequence[Execution]:
        return []

    def execution(self, function: str, execution: str) -> Execution:
        raise NotFoundError("no executions here", code=404)

    # Writing.

    def create(self, address: Address, fields: Fields) -> Live:
        self.log.append(f"create {address}")
        for owner in owners(address):
            if owner not in self.resources:
                raise NotFoundError(f"{owner} not found", code=404)
        self._refuse_taken(address)
        if address.kind == "index":
            self._refuse_unready(address, fields)
        if address.kind == "relationship":
            related = collection_address(address.parts[0], fields["relatedCollection"])
            if related not in self.resources:
                raise NotFoundError(f"{related} not found", code=404)
        status = "processing" if KINDS[address.kind].is_async else "available"
        live = Live(address, fields, f"id-{address.name}", status=status)
        self.resources[address] = live
        return live

    def update(self, address: Address, fields: Fields, live: Live) -> Live:
        self.log.append(f"update {address}")
        before = self.resources[address]
        allowed = KINDS[address.kind].in_place
        changed = {name for name, value in fields.items() if before.fields.get(name) != value}
        if address.kind != "variable" and changed - allowed:
            raise ProviderError(f"{address}: {changed - allowed} cannot be updated", code=400)
        self.resources[address] = replace(before, fields=fields)
        return self.resources[address]

    def delete(self, address: Address, live: Live) -> None:
        self.log.append(f"delete {address}{f' {live.remote_id}' if address.kind == 'deployment' else ''}")
        if address.kind == "deployment":
            self.builds[address.path] = [each for each in self.builds[address.path] if each.id != live.remote_id]
            return
        if address not in self.resources:
            return
        if address.kind in COLUMNS:
            self._break_indexes(address)
        if KINDS[address.kind].is_async:
            if self.resources[address].status != "stuck":
                self.resources[address] = replace(self.resources[address], status="deleting")
            return
        for other in [each for each in self.resources if each == address or address in owners(each)]:
            del self.resources[other]

    def upload(
        self,
        owner: Address,
        archive: bytes,
        settings: Mapping[str, str],
        begun: Callable[[str], object] | None = None,
    ) -> Deployment:
        self.log.append(f"upload {owner.path}")
        if owner not in self.resources:
            raise NotFoundError("function not found", code=404)
        # The answer to an upload is the first look at its build.
        deployment = Deployment(f"build-{len(self.archives) + 1}", self.build_statuses[0], len(archive))
        self._looks[deployment.id] = 0
        self.archives[deployment.id] = archive
        self.builds.setdefault(owner.path, []).append(deployment)
        if begun is not None:
            begun(deployment.id)
        return deployment

    def activate(self, owner: Address, deployment: str) -> None:
        self.log.append(f"activate {owner.path}")
        address = code_of(owner)
        fields = frozen({"digest": digest_of_archive(self.archives[deployment])})
        self.resources[address] = Live(address, fields, deployment)

    def cancel(self, owner: Address, deployment: str) -> None:
        self.log.append(f"cancel {deployment}")

    def execute(self, function: str, body: str, *, wait: bool, path: str = "/", method: str = "POST") -> Execution:
        raise NotFoundError("no executions here", code=404)

    # Rules.

    def _listed(self, database: str, collection: str, listed: str) -> list[Address]:
        owner = collection_address(database, collection)
        found = list(self.resources)
        return [each for each in found if owner in owners(each) and KINDS[each.kind].listed == listed]

    def _refuse_taken(self, address: Address) -> None:
        """Keys are compared without case; attributes and relationships share them, also while being deleted."""
        kinds = COLUMNS if address.kind in COLUMNS else (address.kind,)
        taken = [each for each in self.resources if each.kind in kinds and each.path.lower() == address.path.lower()]
        if taken:
            raise ConflictError(f"{taken[0]} exists ({self.resources[taken[0]].status})", code=409)

    def _refuse_unready(self, index: Address, fields: Fields) -> None:
        """An index needs all its attributes, available."""
        owner = collection_address(*index.parts[:2])
        for name in fields["attributes"]:
            live = self.resources.get(owner.child("attribute", name))
            if live is None or live.status != "available":
                status = "missing" if live is None else live.status
                raise ProviderError(f"{index}: attribute {name} is {status}", code=400, type="attribute_not_available")

    def _break_indexes(self, column: Address) -> None:
        """Deleting a column of a compound index leaves it `stuck`; a single one takes its index along."""
        for index in self.indexes_on(column):
            if len(self.resources[index].fields["attributes"]) > 1:
                self.resources[column] = replace(self.resources[column], status="stuck")
            else:
                del self.resources[index]

    def indexes_on(self, column: Address) -> Iterator[Address]:
        """Indexes that name a column."""
        for each in list(self.resources):
            same_collection = each.kind == "index" and each.parts[:2] == column.parts[:2]
            if same_collection and column.name in self.resources[each].fields["attributes"]:
                yield each


def live(address: Address, fields: Mapping[str, Any], **settings: Any) -> Live:
    """A live resource, with the id that the server gave it."""
    return Live(address, frozen(fields), **{"remote_id": f"id-{address.name}", **settings})
