"""Deployments: a function's code, known by the hash of its source archive.

Uploading, waiting and activating takes several requests; see `applying/deploy.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.address import Address, deployment_address
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


def parse(owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """The active deployment, from a function's answer. What it holds is not in it: see `refresh`."""
    return Live(deployment_address(owner[0]), frozen({}), str(raw["deploymentId"]))


class _Requests:
    def create(self, address: Address, fields: Fields) -> Call:
        raise NotImplementedError("a deployment is uploaded, not created in one request")

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        raise NotImplementedError("a deployment is never changed; a new one takes its place")

    def delete(self, address: Address, live: Live) -> Call:
        return Call("delete", f"/functions/{address.path}/deployments/{live.remote_id}")

    def read(self, address: Address) -> Call:
        return Call("get", f"/functions/{address.path}/deployments", answer=listing("deployments", SHAPE))


_OF_A_REPOSITORY = (
    *(f"providerRepository{each}" for each in ("Name", "Owner", "Url")),
    *(f"providerCommit{each}" for each in ("Hash", "AuthorUrl", "Author", "Message", "Url")),
    *(f"providerBranch{each}" for each in ("", "Url")),
)

KIND = Kind(
    name="deployment",
    stage=70,
    owner="function",
    has_path_of_owner=True,
    has_own_id=True,
    requests=_Requests(),
    parse=parse,
    in_place=frozenset({"digest"}),
    is_code=True,
    sent_along=("entrypoint", "commands"),
    routes=("POST /functions/{functionId}/deployments",),
    left_out={
        "code": "the archive, packed from the folder that the function names",
        "activate": "sent as false: new code is activated when it is built and everything else is done",
        "entrypoint": "the function's, sent along with the archive",
        "commands": "the function's, sent along with the archive",
        "status": "waited for",
        "type": "tells uploads from what a repository or a person made",
        "sourceSize": "shown by `deployments`",
        "totalSize": "shown by `deployments`",
        "buildLogs": "shown when a build fails",
        **dict.fromkeys(("buildSize", "buildDuration", "buildId"), "facts about a build, nothing that can be wanted"),
        **dict.fromkeys(("resourceId", "resourceType"), "part of the address"),
        **dict.fromkeys(("screenshotLight", "screenshotDark"), "of sites only"),
        **dict.fromkeys(_OF_A_REPOSITORY, "of code that Appwrite fetched from a repository"),
    },
    terraform_types=("appwrite_function_deployment",),
    terraform_path=("function_id",),
)
