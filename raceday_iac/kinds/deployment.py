"""Deployments: the code of a function or site, known by the hash of its source archive.

Uploading, waiting and activating takes several requests; see `applying/deploy.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..model.address import Address
from ..model.resource import Fields, Live, frozen
from .base import Call, Kind, Shape, is_instant, listing

SHAPE = Shape(
    {"$id": str, "status": str},
    {"$createdAt": is_instant, "sourceSize": int, "totalSize": int, "buildLogs": str, "type": str},
)

#: Statuses of an active deployment. Unfinished: a run of ours activated it and was cut short, or did not see it pass
#: its probe. Replaced: nothing is remembered of it, but the stack's own code was deployed before it.
UNFINISHED = "unfinished"
REPLACED = "replaced"


@dataclass(frozen=True)
class _Requests:
    """`service` is the route of what has the code."""

    service: str

    def create(self, address: Address, fields: Fields) -> Call:
        raise NotImplementedError("a deployment is uploaded, not created in one request")

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        raise NotImplementedError("a deployment is never changed; a new one takes its place")

    def delete(self, address: Address, live: Live) -> Call:
        return Call("delete", f"{self.service}/{address.path}/deployments/{live.remote_id}")

    def read(self, address: Address) -> Call:
        return Call("get", f"{self.service}/{address.path}/deployments", answer=listing("deployments", SHAPE))


_OF_A_REPOSITORY = (
    *(f"providerRepository{each}" for each in ("Name", "Owner", "Url")),
    *(f"providerCommit{each}" for each in ("Hash", "AuthorUrl", "Author", "Message", "Url")),
    *(f"providerBranch{each}" for each in ("", "Url")),
)

_LEFT_OUT = {
    "code": "the archive, packed from the folder that the stack names",
    "activate": "sent as false: new code is activated when it is built and everything else is done",
    "status": "waited for",
    "type": "says uploads from what a repository or a person made",
    "sourceSize": "shown by `deployments`",
    "totalSize": "shown by `deployments`",
    "buildLogs": "shown when a build fails",
    **dict.fromkeys(("buildSize", "buildDuration", "buildId"), "facts about a build, nothing that can be wanted"),
    **dict.fromkeys(("resourceId", "resourceType"), "part of the address"),
    "entrypoint": "the function's, sent along with the archive; sites have none",
    **dict.fromkeys(("screenshotLight", "screenshotDark"), "pictures of a site, which Appwrite takes"),
    **dict.fromkeys(_OF_A_REPOSITORY, "of code that Appwrite fetched from a repository"),
}


def code_of(owner: str, service: str, name: str, sent_along: tuple[str, ...]) -> Kind:
    """The code of a kind. `service` is the route of its list, `sent_along` are settings of the owner."""

    def parse(path: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
        """The active deployment, from its owner's answer. What it holds is not in it: see `refresh`."""
        return Live(Address(name, path[0]), frozen({}), str(raw["deploymentId"]))

    return Kind(
        name=name,
        stage=70,
        plural=name.replace("_", " ") + "s",
        absent="deployment_not_found",
        owner=owner,
        has_path_of_owner=True,
        has_own_id=True,
        answered_in=lambda raw: [raw] if raw["deploymentId"] else [],
        requests=_Requests(service),
        parse=parse,
        in_place=frozenset({"digest"}),
        is_code=True,
        sent_along=sent_along,
        routes=(f"POST {service}/{{{owner}Id}}/deployments",),
        terraform_types=(f"appwrite_{owner}_deployment",),
        terraform_path=(f"{owner}_id",),
        left_out={**dict.fromkeys(sent_along, "its owner's, sent along with the archive"), **_LEFT_OUT},
    )


KIND = code_of("function", "/functions", "deployment", ("entrypoint", "commands"))
