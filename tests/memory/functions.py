"""Functions, variables and deployments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .refusals import missing, page, refused, taken

Raw = dict[str, Any]

#: What an update resets when it leaves it out.
_DEFAULTS: Raw = {
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
}
_FIELDS = ("name", "runtime", "entrypoint", *_DEFAULTS)
#: The statuses of a build, one a look.
_BUILD = ("waiting", "building", "ready")


def _function(project: Raw, function: str) -> Raw:
    found: Raw | None = project["functions"].get(function)
    if found is None:
        raise missing(f"function {function}")
    return found


def _answer(function: Raw) -> Raw:
    shown = [{**each, "value": "" if each["secret"] else each["value"]} for each in function["vars"]]
    return {**function, "vars": shown}


def _list(project: Raw, body: Raw) -> Raw:
    return page(map(_answer, project["functions"].values()), body, "functions")


def _get(project: Raw, _body: Raw, function: str) -> Raw:
    return _answer(_function(project, function))


def _create(project: Raw, body: Raw) -> Raw:
    function = body["functionId"]
    if function in project["functions"]:
        raise taken(f"function {function}")
    fields = {**_DEFAULTS, "entrypoint": "", **{name: body[name] for name in _FIELDS if name in body}}
    project["functions"][function] = {"$id": function, **fields, "vars": [], "deploymentId": ""}
    return _answer(project["functions"][function])


def _update(project: Raw, body: Raw, function: str) -> Raw:
    """A full replacement: what is left out goes back to its default, except runtime and entrypoint."""
    found = _function(project, function)
    found.update({**_DEFAULTS, **{name: body[name] for name in _FIELDS if name in body}})
    return _answer(found)


def _delete(project: Raw, _body: Raw, function: str) -> None:
    _function(project, function)
    del project["functions"][function]
    gone = [name for name, each in project["deployments"].items() if each["function"] == function]
    for name in gone:
        del project["deployments"][name]


def _number(project: Raw) -> str:
    project["numbers"] += 1
    return f"n{project['numbers']:06}"


def _variables(project: Raw, _body: Raw, function: str) -> Raw:
    shown = _answer(_function(project, function))["vars"]
    return {"total": len(shown), "variables": shown}


def _variable(found: Raw, variable: str) -> Raw:
    for each in found["vars"]:
        if each["$id"] == variable:
            return dict(each)
    raise missing(f"variable {variable}")


def _create_variable(project: Raw, body: Raw, function: str) -> Raw:
    found = _function(project, function)
    if any(each["key"] == body["key"] for each in found["vars"]):
        raise taken(f"variable {body['key']}")
    created = {"$id": _number(project), "key": body["key"], "value": body["value"], "secret": body["secret"]}
    found["vars"].append(created)
    return {**created, "value": "" if created["secret"] else created["value"]}


def _update_variable(project: Raw, body: Raw, function: str, variable: str) -> Raw:
    found = _function(project, function)
    before = _variable(found, variable)
    if before["secret"] and body.get("secret") is False:
        raise refused("variable_cannot_unset_secret")
    after = {**before, **{name: body[name] for name in ("key", "value", "secret") if body.get(name) is not None}}
    found["vars"] = [after if each["$id"] == variable else each for each in found["vars"]]
    return {**after, "value": "" if after["secret"] else after["value"]}


def _delete_variable(project: Raw, _body: Raw, function: str, variable: str) -> None:
    found = _function(project, function)
    _variable(found, variable)
    found["vars"] = [each for each in found["vars"] if each["$id"] != variable]


def create_deployment(project: Raw, function: str, fields: Mapping[str, Any], archive: bytes) -> Raw:
    """Take an archive and queue its build."""
    _function(project, function)
    name = _number(project)
    project["deployments"][name] = {
        "$id": name,
        "$createdAt": name,
        "function": function,
        "status": _BUILD[0],
        "sourceSize": len(archive),
        "buildLogs": "",
        "activate": fields["activate"],
        "archive": archive,
    }
    return _shown(project["deployments"][name])


def _shown(deployment: Raw) -> Raw:
    return {name: value for name, value in deployment.items() if name != "archive"}


def _deployment(project: Raw, function: str, deployment: str) -> Raw:
    found: Raw | None = project["deployments"].get(deployment)
    if found is None or found["function"] != function:
        raise missing(f"deployment {deployment}")
    return found


def _deployments(project: Raw, body: Raw, function: str) -> Raw:
    _function(project, function)
    own = [_shown(each) for each in project["deployments"].values() if each["function"] == function]
    return page(own, body, "deployments")


def _get_deployment(project: Raw, _body: Raw, function: str, deployment: str) -> Raw:
    """Looking is what lets the build go on."""
    found = _deployment(project, function, deployment)
    found["status"] = _BUILD[min(_BUILD.index(found["status"]) + 1, len(_BUILD) - 1)]
    return _shown(found)


def _download(project: Raw, _body: Raw, function: str, deployment: str) -> bytes:
    return bytes(_deployment(project, function, deployment)["archive"])


def _delete_deployment(project: Raw, _body: Raw, function: str, deployment: str) -> None:
    _deployment(project, function, deployment)
    del project["deployments"][deployment]
    if _function(project, function)["deploymentId"] == deployment:
        _function(project, function)["deploymentId"] = ""


def _activate(project: Raw, body: Raw, function: str) -> Raw:
    found = _function(project, function)
    if _deployment(project, function, body["deploymentId"])["status"] != "ready":
        raise refused("build_not_ready")
    found["deploymentId"] = body["deploymentId"]
    return _answer(found)


def _executions(project: Raw, body: Raw, function: str) -> Raw:
    """Nothing runs here."""
    _get(project, body, function)
    return {"total": 0, "executions": []}


ROUTES = (
    ("get", "/functions", _list),
    ("post", "/functions", _create),
    ("get", "/functions/{function}", _get),
    ("put", "/functions/{function}", _update),
    ("delete", "/functions/{function}", _delete),
    ("get", "/functions/{function}/variables", _variables),
    ("post", "/functions/{function}/variables", _create_variable),
    ("put", "/functions/{function}/variables/{variable}", _update_variable),
    ("delete", "/functions/{function}/variables/{variable}", _delete_variable),
    ("get", "/functions/{function}/deployments", _deployments),
    ("get", "/functions/{function}/deployments/{deployment}", _get_deployment),
    ("get", "/functions/{function}/deployments/{deployment}/download", _download),
    ("delete", "/functions/{function}/deployments/{deployment}", _delete_deployment),
    ("patch", "/functions/{function}/deployment", _activate),
    ("get", "/functions/{function}/executions", _executions),
)
