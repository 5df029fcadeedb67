"""Rows as the objects that go over the wire, field by field as a running 1.8.1 answers them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

Row = sqlite3.Row

VCS_FIELDS = (
    "providerRepositoryName",
    "providerRepositoryOwner",
    "providerRepositoryUrl",
    "providerCommitHash",
    "providerCommitAuthorUrl",
    "providerCommitAuthor",
    "providerCommitMessage",
    "providerCommitUrl",
    "providerBranch",
    "providerBranchUrl",
)


def function_model(row: Row, variables: Iterable[Row]) -> dict[str, Any]:
    return {
        "$id": row["id"],
        "$createdAt": row["created_at"],
        "$updatedAt": row["updated_at"],
        "execute": json.loads(row["execute"]),
        "name": row["name"],
        "enabled": bool(row["enabled"]),
        "live": bool(row["live"]),
        "logging": bool(row["logging"]),
        "runtime": row["runtime"],
        "deploymentId": row["deployment_id"],
        "deploymentCreatedAt": row["deployment_created_at"],
        "latestDeploymentId": row["latest_deployment_id"],
        "latestDeploymentCreatedAt": row["latest_deployment_created_at"],
        "latestDeploymentStatus": row["latest_deployment_status"],
        "scopes": json.loads(row["scopes"]),
        "vars": [variable_model(variable) for variable in variables],
        "events": json.loads(row["events"]),
        "schedule": row["schedule"],
        "timeout": row["timeout"],
        "entrypoint": row["entrypoint"],
        "commands": row["commands"],
        "version": "v5",
        "installationId": row["installation_id"],
        "providerRepositoryId": row["provider_repository_id"] or "",
        "providerBranch": row["provider_branch"],
        "providerRootDirectory": row["provider_root_directory"],
        "providerSilentMode": bool(row["provider_silent_mode"]),
        "specification": row["specification"],
    }


def variable_model(row: Row) -> dict[str, Any]:
    """A secret's value never leaves the server."""
    return {
        "$id": row["id"],
        "$createdAt": row["created_at"],
        "$updatedAt": row["updated_at"],
        "key": row["key"],
        "value": "" if row["secret"] else row["value"],
        "secret": bool(row["secret"]),
        "resourceType": "function",
        "resourceId": row["function"],
    }


def deployment_model(row: Row) -> dict[str, Any]:
    return {
        "$id": row["id"],
        "$createdAt": row["created_at"],
        "$updatedAt": row["updated_at"],
        "type": row["type"],
        "resourceId": row["function"],
        "resourceType": "functions",
        "entrypoint": row["entrypoint"],
        "sourceSize": row["source_size"],
        "buildSize": row["build_size"],
        "totalSize": row["total_size"],
        "buildId": "",
        "activate": bool(row["activate"]),
        "screenshotLight": "",
        "screenshotDark": "",
        "status": row["status"],
        "buildLogs": row["build_logs"],
        "buildDuration": row["build_duration"],
        **dict.fromkeys(VCS_FIELDS, ""),
    }


def execution_model(row: Row) -> dict[str, Any]:
    """Bodies are never stored: only the answer to a synchronous execution shows one."""
    return {
        "$id": row["id"],
        "$createdAt": row["created_at"],
        "$updatedAt": row["updated_at"],
        "$permissions": [],
        "functionId": row["function"],
        "deploymentId": row["deployment"],
        "trigger": row["trigger"],
        "status": row["status"],
        "requestMethod": row["request_method"],
        "requestPath": row["request_path"],
        "requestHeaders": json.loads(row["request_headers"]),
        "responseStatusCode": row["response_status_code"],
        "responseBody": "",
        "responseHeaders": json.loads(row["response_headers"]),
        "logs": row["logs"],
        "errors": row["errors"],
        "duration": row["duration"] or 0,
        "scheduledAt": row["scheduled_at"],
    }
