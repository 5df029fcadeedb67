"""What has code: functions and sites, with their variables and deployments; and the rules that lead to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .refusals import missing, page, refused, taken

Raw = dict[str, Any]


@dataclass(frozen=True)
class Coded:
    """`defaults` are what an update resets where it leaves them out; `kept` are fields that it leaves as they are."""

    plural: str
    defaults: Mapping[str, Any]
    kept: tuple[str, ...]

    @property
    def identity(self) -> str:
        return f"{self.plural.removesuffix('s')}Id"

    def said(self, body: Raw) -> Raw:
        return {name: body[name] for name in (*self.kept, *self.defaults) if name in body}


FUNCTIONS = Coded(
    "functions",
    {
        "execute": [],
        "events": [],
        "schedule": "",
        "timeout": 15,
        "enabled": True,
        "logging": True,
        "commands": "",
        "scopes": [],
        "specification": "s-1vcpu-512mb",
        "installationId": "",
        "providerRepositoryId": "",
        "providerBranch": "",
        "providerRootDirectory": "",
        "providerSilentMode": False,
    },
    ("name", "runtime", "entrypoint"),
)
SITES = Coded(
    "sites",
    {
        "name": "",
        "framework": "",
        "buildRuntime": "",
        "adapter": "",
        "installCommand": "",
        "buildCommand": "",
        "outputDirectory": "",
        "fallbackFile": "",
        "specification": "s-8vcpu-8gb",
        "timeout": 30,
        "enabled": True,
        "logging": True,
    },
    (),
)
#: The statuses of a build, one a look.
_BUILD = ("waiting", "building", "ready")


def _number(project: Raw) -> str:
    project["numbers"] += 1
    return f"n{project['numbers']:06}"


def _shown(deployment: Raw) -> Raw:
    return {name: value for name, value in deployment.items() if name != "archive"}


def _answer(found: Raw) -> Raw:
    return {**found, "vars": [_answered(each) for each in found["vars"]]}


def _answered(variable: Raw) -> Raw:
    return {**variable, "value": "" if variable["secret"] else variable["value"]}


def _one(those: list[Raw], variable: str) -> Raw:
    for each in those:
        if each["$id"] == variable:
            return each
    raise missing(f"variable {variable}")


def _made_variable(those: list[Raw], identity: str, body: Raw) -> Raw:
    if any(each["key"] == body["key"] for each in those):
        raise taken(f"variable {body['key']}")
    those.append({"$id": identity, "key": body["key"], "value": body["value"], "secret": body["secret"]})
    return _answered(those[-1])


def _changed_variable(those: list[Raw], variable: str, body: Raw) -> Raw:
    found = _one(those, variable)
    if found["secret"] and body.get("secret") is False:
        raise refused("variable_cannot_unset_secret")
    found.update({name: body[name] for name in ("key", "value", "secret") if body.get(name) is not None})
    return _answered(found)


def create_deployment(project: Raw, plural: str, owner: str, fields: Mapping[str, Any], archive: bytes) -> Raw:
    """Take an archive and queue its build."""
    if owner not in project[plural]:
        raise missing(f"{plural} {owner}")
    name = _number(project)
    project["deployments"][name] = {
        "$id": name,
        "$createdAt": name,
        "owner": f"{plural}/{owner}",
        "status": _BUILD[0],
        "sourceSize": len(archive),
        "buildLogs": "",
        "activate": fields["activate"],
        "archive": archive,
    }
    return _shown(project["deployments"][name])


def routes(of: Coded) -> list[tuple[str, str, Callable[..., Any]]]:
    """Handlers of functions, or of sites."""

    def find(project: Raw, owner: str) -> Raw:
        found: Raw | None = project[of.plural].get(owner)
        if found is None:
            raise missing(f"{of.plural} {owner}")
        return found

    def listed(project: Raw, body: Raw) -> Raw:
        return page(map(_answer, project[of.plural].values()), body, of.plural)

    def get(project: Raw, _body: Raw, owner: str) -> Raw:
        return _answer(find(project, owner))

    def create(project: Raw, body: Raw) -> Raw:
        owner = body[of.identity]
        if owner.lower() in map(str.lower, project[of.plural]):
            raise taken(f"{of.plural} {owner}")
        begun = {**dict.fromkeys(of.kept, ""), **of.defaults, **of.said(body)}
        project[of.plural][owner] = {"$id": owner, **begun, "vars": [], "deploymentId": ""}
        return get(project, body, owner)

    def update(project: Raw, body: Raw, owner: str) -> Raw:
        find(project, owner).update({**of.defaults, **of.said(body)})
        return get(project, body, owner)

    def delete(project: Raw, _body: Raw, owner: str) -> None:
        """Its deployments go with it, and the rules that lead to it."""
        find(project, owner)
        del project[of.plural][owner]
        place = f"{of.plural}/{owner}"
        project["deployments"] = {name: each for name, each in project["deployments"].items() if each["owner"] != place}
        project["rules"] = [each for each in project["rules"] if each["owner"] != place]

    def variables(project: Raw, _body: Raw, owner: str) -> Raw:
        shown = _answer(find(project, owner))["vars"]
        return {"total": len(shown), "variables": shown}

    def create_variable(project: Raw, body: Raw, owner: str) -> Raw:
        return _made_variable(find(project, owner)["vars"], _number(project), body)

    def update_variable(project: Raw, body: Raw, owner: str, variable: str) -> Raw:
        return _changed_variable(find(project, owner)["vars"], variable, body)

    def delete_variable(project: Raw, _body: Raw, owner: str, variable: str) -> None:
        those = find(project, owner)["vars"]
        those.remove(_one(those, variable))

    def deployment(project: Raw, owner: str, name: str) -> Raw:
        found: Raw | None = project["deployments"].get(name)
        if found is None or found["owner"] != f"{of.plural}/{owner}":
            raise missing(f"deployment {name}")
        return found

    def deployments(project: Raw, body: Raw, owner: str) -> Raw:
        find(project, owner)
        own = [_shown(each) for each in project["deployments"].values() if each["owner"] == f"{of.plural}/{owner}"]
        return page(own, body, "deployments")

    def get_deployment(project: Raw, _body: Raw, owner: str, name: str) -> Raw:
        """Looking is what lets the build go on."""
        found = deployment(project, owner, name)
        found["status"] = _BUILD[min(_BUILD.index(found["status"]) + 1, len(_BUILD) - 1)]
        return _shown(found)

    def download(project: Raw, _body: Raw, owner: str, name: str) -> bytes:
        return bytes(deployment(project, owner, name)["archive"])

    def delete_deployment(project: Raw, _body: Raw, owner: str, name: str) -> None:
        deployment(project, owner, name)
        del project["deployments"][name]
        if find(project, owner)["deploymentId"] == name:
            find(project, owner)["deploymentId"] = ""

    def activate(project: Raw, body: Raw, owner: str) -> Raw:
        found = find(project, owner)
        if deployment(project, owner, body["deploymentId"])["status"] != "ready":
            raise refused("build_not_ready")
        found["deploymentId"] = body["deploymentId"]
        return _answer(found)

    def executions(project: Raw, body: Raw, owner: str) -> Raw:
        """Nothing runs here."""
        get(project, body, owner)
        return {"total": 0, "executions": []}

    one = f"/{of.plural}/{{owner}}"
    return [
        ("get", f"/{of.plural}", listed),
        ("post", f"/{of.plural}", create),
        ("get", one, get),
        ("put", one, update),
        ("delete", one, delete),
        ("get", f"{one}/variables", variables),
        ("post", f"{one}/variables", create_variable),
        ("put", f"{one}/variables/{{variable}}", update_variable),
        ("delete", f"{one}/variables/{{variable}}", delete_variable),
        ("get", f"{one}/deployments", deployments),
        ("get", f"{one}/deployments/{{deployment}}", get_deployment),
        ("get", f"{one}/deployments/{{deployment}}/download", download),
        ("delete", f"{one}/deployments/{{deployment}}", delete_deployment),
        ("patch", f"{one}/deployment", activate),
        ("get", f"{one}/executions", executions),
    ]


# Variables of the project, whose ids are chosen.


def _project_variables(project: Raw, body: Raw) -> Raw:
    return page(map(_answered, project["variables"]), body, "variables")


def _create_project_variable(project: Raw, body: Raw) -> Raw:
    if any(each["$id"] == body["variableId"] for each in project["variables"]):
        raise taken(f"variable {body['variableId']}")
    return _made_variable(project["variables"], body["variableId"], body)


def _update_project_variable(project: Raw, body: Raw, variable: str) -> Raw:
    return _changed_variable(project["variables"], variable, body)


def _delete_project_variable(project: Raw, _body: Raw, variable: str) -> None:
    project["variables"].remove(_one(project["variables"], variable))


# Rules.


def _rules(project: Raw, body: Raw) -> Raw:
    return page(project["rules"], body, "rules")


def _create_rule(project: Raw, body: Raw, type: str) -> Raw:
    """What it leads to must be there."""
    if any(each["domain"] == body["domain"] for each in project["rules"]):
        raise taken(f"rule {body['domain']}")
    named = "resource" if type == "redirect" else type
    owner = body.get(f"{named}Id", "")
    plural = "" if type == "api" else f"{body.get('resourceType', type)}s"
    if plural and owner not in project[plural]:
        raise missing(f"{plural} {owner}")
    made = {
        "$id": _number(project),
        "domain": body["domain"],
        "type": "deployment" if type in ("function", "site") else type,
        "trigger": "manual",
        "deploymentResourceType": plural.removesuffix("s"),
        "deploymentResourceId": owner,
        "deploymentVcsProviderBranch": body.get("branch", ""),
        "redirectUrl": body.get("url", ""),
        "redirectStatusCode": body.get("statusCode", 301),
        "owner": f"{plural}/{owner}",
    }
    project["rules"].append(made)
    return made


def _delete_rule(project: Raw, _body: Raw, rule: str) -> None:
    project["rules"].remove(_one(project["rules"], rule))


ROUTES = (
    *routes(FUNCTIONS),
    *routes(SITES),
    ("get", "/project/variables", _project_variables),
    ("post", "/project/variables", _create_project_variable),
    ("put", "/project/variables/{variable}", _update_project_variable),
    ("delete", "/project/variables/{variable}", _delete_project_variable),
    ("get", "/proxy/rules", _rules),
    ("post", "/proxy/rules/{type}", _create_rule),
    ("delete", "/proxy/rules/{rule}", _delete_rule),
)
