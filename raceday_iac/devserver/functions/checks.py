"""Checks of parameters that only functions and executions have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...cron import cron_problem
from .. import roles
from ..errors import ApiError, invalid
from ..keys import scope_names
from ..params import Refused, list_of, one_of, text
from .catalogue import runtimes, specifications
from .events import is_event

if TYPE_CHECKING:
    from ..server import Server

MOST_ITEMS = 100
SCHEDULE_WIDTH, EVENT_WIDTH = 128, 256
HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")
MOST_HEADER_BYTES = 16_384

RUNTIME = one_of(*runtimes())
SCOPES = list_of(one_of(*scope_names()), MOST_ITEMS)


def _check_role(role: Any) -> None:
    if not isinstance(role, str):
        raise Refused("Every role must be of type string.")
    if role == "*":
        raise Refused('Wildcard role "*" has been replaced. Use "any" instead.')
    if "role:" in role:
        raise Refused('Roles using the "role:" prefix have been removed. Use "users", "guests", or "any" instead.')
    if not role.startswith(roles.NAMES):
        raise Refused(f'Role "{role}" is not allowed. Must be one of: {", ".join(roles.NAMES)}.')
    roles.check(roles.parse(role))


def execute_roles(value: Any) -> list[str]:
    """The roles that may execute a function, as sent but each once."""
    if not isinstance(value, list):
        raise Refused("Roles must be an array of strings.")
    if len(value) > MOST_ITEMS:
        raise Refused(f"You can only provide up to {MOST_ITEMS} roles.")
    for role in value:
        _check_role(role)
    return list(dict.fromkeys(value))


def _event(value: Any) -> str:
    if isinstance(value, str) and value.startswith("functions."):
        raise Refused("Triggering a function on a function event is not allowed.")
    if not isinstance(value, str) or not is_event(value):
        raise Refused("Event is not valid.")
    return value


def events(value: Any) -> list[str]:
    return list(list_of(_event, MOST_ITEMS)(value))


def schedule(value: Any) -> str:
    """Empty, or a cron expression, though it may never come (1.8.1). To PHP "0" is as empty as ""."""
    if isinstance(value, str) and (value in ("", "0") or not cron_problem(value)):
        return value
    raise Refused("String must be a valid cron expression")


def check_settings(server: Server, values: dict[str, Any]) -> None:
    """The parameters whose limits the operator sets. Part of validation: comes before everything else."""
    limit = server.settings.function_timeout_limit
    if values["timeout"] > limit:
        raise invalid("timeout", f"Value must be a valid range between 1 and {limit}")
    slugs = [entry["slug"] for entry in specifications(server.settings)]
    if values["specification"] not in (None, *slugs):
        raise invalid("specification", f"Specification must be one of: {', '.join(slugs)}")


def check_widths(values: dict[str, Any]) -> None:
    """The columns behind the parameters (1.8.1, app/config/collections/projects.php, functions): a plain 500."""
    if len(values["schedule"]) > SCHEDULE_WIDTH or any(len(event) > EVENT_WIDTH for event in values["events"]):
        raise ApiError("general_unknown")


def check_repository(values: dict[str, Any]) -> None:
    """This server has no version control: an installation cannot exist."""
    if values["installationId"]:
        raise ApiError("installation_not_found")
    if values["providerRepositoryId"]:
        raise ApiError(
            "general_argument_invalid",
            "When connecting to VCS (Version Control System), you need to provide "
            '"installationId" and "providerBranch".',
        )


def execution_headers(value: Any) -> dict[str, str]:
    """Headers of an execution, from an object or its JSON text. Raises the 400 of 1.8.1's Headers validator."""
    rule = (
        "Invalid headers: Alphanumeric characters or hyphens only, cannot start with 'x-appwrite', maximum 16KB in size"
    )
    if not isinstance(value, dict) or len(value) > MOST_ITEMS:
        raise ApiError("general_argument_invalid", rule)
    headers = {str(name): str(content) for name, content in value.items()}
    size = sum(len(name.encode()) + len(content.encode()) for name, content in headers.items())
    names_fit = all(HEADER_NAME.fullmatch(name) and not name.lower().startswith("x-appwrite-") for name in headers)
    if not names_fit or size >= MOST_HEADER_BYTES:
        raise ApiError("general_argument_invalid", rule)
    return headers


SPECIFICATION = text(0, 128)
