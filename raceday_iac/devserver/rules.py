"""Rules of the proxy. Nothing is served under their domains, and no domain is ever looked up.

There is no recording of these routes: order and words are those of Appwrite's source (Modules/Proxy, August 2026).
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from . import records
from .ages import SINCE_1_9
from .databases.formats import is_url
from .errors import ApiError
from .functions import store
from .params import Param, Refused, existing_id, one_of, text
from .records import PAGE, Records
from .web import Reply, Request, Routes

if TYPE_CHECKING:
    from .server import Server

SCHEMA = records.SCHEMA
routes = Routes()
RULES = Records(
    "rule",
    "Rule",
    "rule_not_found",
    "rule_already_exists",
    {
        "domain": "text",
        "type": "text",
        "trigger": "text",
        "deploymentResourceType": "text",
        "deploymentResourceId": "text",
        "deploymentId": "text",
        "deploymentVcsProviderBranch": "text",
    },
    is_server_wide=True,
)
PATH = "/proxy/rules"
RULE_ID = Param("ruleId", existing_id)
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
#: Requests in a minute.
LIMIT = (10, 60)
EMPTY = {
    "trigger": "manual",
    "redirectUrl": "",
    "redirectStatusCode": 301,
    "deploymentId": "",
    "deploymentResourceType": None,
    "deploymentResourceId": "",
    "deploymentVcsProviderBranch": "",
    "status": "unverified",
    "logs": "",
    "renewAt": "",
}


def on_start(server: Server) -> None:
    """Rules have nothing to resume."""


def _domain(value: Any) -> str:
    if not isinstance(value, str) or "." not in value or not all(map(LABEL.fullmatch, value.split("."))):
        raise Refused("Value cannot be empty and must be a valid domain")
    return value


def _url(value: Any) -> str:
    if not is_url(value):
        raise Refused("Value must be a valid URL")
    return str(value)


def _status_code(value: Any) -> int:
    return int(one_of("301", "302", "307", "308")(str(value)))


def _create(server: Server, request: Request, domain: str, fields: dict[str, Any]) -> Reply:
    """Its id is made of the domain."""
    identifier = hashlib.md5(domain.lower().encode()).hexdigest()
    record = RULES.create(server, request.project, identifier, {"domain": domain, **EMPTY, **fields})
    return Reply(201, record.answer(), model="proxyRule")


def _of(server: Server, project: str, kind: str, identifier: str) -> dict[str, Any]:
    """What says that a rule is about a function or site."""
    found = store.find(server, f"{kind}s", project, identifier)
    if found is None:
        raise ApiError("rule_resource_not_found")
    return {"deploymentResourceType": kind, "deploymentResourceId": found["id"]}


DOMAIN = Param("domain", _domain)
BRANCH = Param("branch", text(0, 255), "")


@routes.add("POST", f"{PATH}/api", "rules.write", DOMAIN, limit=LIMIT, ages=SINCE_1_9)
def create_api_rule(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return _create(server, request, values["domain"], {"type": "api"})


def _register(kind: str) -> None:
    @routes.add(
        "POST",
        f"{PATH}/{kind}",
        "rules.write",
        DOMAIN,
        Param(f"{kind}Id", existing_id),
        BRANCH,
        limit=LIMIT,
        ages=SINCE_1_9,
    )
    def create(server: Server, request: Request, values: dict[str, Any]) -> Reply:
        about = _of(server, request.project, kind, values[f"{kind}Id"])
        branch = {"deploymentVcsProviderBranch": values["branch"]}
        return _create(server, request, values["domain"], {"type": "deployment", **about, **branch})


for _kind in ("function", "site"):
    _register(_kind)


@routes.add(
    "POST",
    f"{PATH}/redirect",
    "rules.write",
    DOMAIN,
    Param("url", _url),
    Param("statusCode", _status_code),
    Param("resourceId", existing_id),
    Param("resourceType", one_of("site", "function")),
    limit=LIMIT,
    ages=SINCE_1_9,
)
def create_redirect_rule(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    about = _of(server, request.project, values["resourceType"], values["resourceId"])
    to = {"redirectUrl": values["url"], "redirectStatusCode": values["statusCode"]}
    return _create(server, request, values["domain"], {"type": "redirect", **about, **to})


@routes.add("GET", PATH, "rules.read", *PAGE, ages=SINCE_1_9)
def list_rules(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return RULES.listed(server, request, values, "rules", search=("id", "domain"))


@routes.add("GET", f"{PATH}/{{ruleId}}", "rules.read", RULE_ID, ages=SINCE_1_9)
def get_rule(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, RULES.find(server, request.project, values["ruleId"]).answer(), model="proxyRule")


@routes.add("DELETE", f"{PATH}/{{ruleId}}", "rules.write", RULE_ID, ages=SINCE_1_9)
def delete_rule(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    RULES.delete(server, RULES.find(server, request.project, values["ruleId"]))
    return Reply(204)
