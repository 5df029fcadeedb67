"""Permission strings: what is accepted, and how `write` is expanded before it is stored.

Messages and order of checks as utopia-php/database 3.5.0 (Validator/Permissions.php, Validator/Roles.php).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..params import Check, Refused
from .arguments import KEY_RULE, is_identifier

COLLECTION_KINDS = ("create", "read", "update", "delete", "write")
DOCUMENT_KINDS = ("read", "update", "delete", "write")
ROLES = ("any", "guests", "users", "user", "team", "member", "label")
USER_DIMENSIONS = ("verified", "unverified")
LABEL_RULE = "Value must be a valid string between 1 and 36 chars containing only alphanumeric chars"
MAXIMUM = 100

_WITH_ID = frozenset({"user", "team", "member", "label"})
_WITH_DIMENSION = frozenset({"users", "user", "team"})


@dataclass(frozen=True)
class Permission:
    """One permission string, taken apart."""

    kind: str
    role: str
    identifier: str = ""
    dimension: str = ""

    def __str__(self) -> str:
        identifier = f":{self.identifier}" if self.identifier else ""
        dimension = f"/{self.dimension}" if self.dimension else ""
        return f'{self.kind}("{self.role}{identifier}{dimension}")'


def parse(text: str) -> Permission:
    """Take a permission string apart. Raises `Refused`."""
    parts = text.split('("')
    if len(parts) != 2:
        raise Refused(f'Invalid permission string format: "{text}".')
    kind, role = parts[0], parts[1].replace('")', "")
    if kind not in COLLECTION_KINDS:
        raise Refused(f'Invalid permission type: "{kind}".')
    steps = role.split(":")
    if "/" not in role:
        return Permission(kind, steps[0], steps[1] if len(steps) > 1 else "")
    front, dimension = _split_dimension(steps[1] if len(steps) > 1 else role)
    if len(steps) == 1:
        return Permission(kind, front, "", dimension)
    return Permission(kind, steps[0], front, dimension)


def _split_dimension(text: str) -> tuple[str, str]:
    parts = text.split("/")
    if len(parts) != 2:
        raise Refused("Only one dimension can be provided")
    if not parts[1]:
        raise Refused("Dimension must not be empty")
    return parts[0], parts[1]


def permission_list(kinds: Sequence[str], maximum: int = MAXIMUM) -> Check:
    """Check of a list of permission strings; `maximum` 0 means no limit."""

    def check(value: Any) -> list[str]:
        if not isinstance(value, list):
            raise Refused("Permissions must be an array of strings.")
        if maximum and len(value) > maximum:
            raise Refused(f"You can only provide up to {maximum} permissions.")
        for item in value:
            _check_permission(item, kinds)
        return value

    return check


def _check_permission(item: Any, kinds: Sequence[str]) -> None:
    if not isinstance(item, str):
        raise Refused("Every permission must be of type string.")
    if item == "*":
        raise Refused('Wildcard permission "*" has been replaced. Use "any" instead.')
    if "role:" in item:
        raise Refused(
            'Permissions using the "role:" prefix have been replaced. Use "users", "guests", or "any" instead.'
        )
    if not item.startswith(tuple(kinds)):
        raise Refused(f'Permission "{item}" is not allowed. Must be one of: {", ".join(kinds)}.')
    _check_role(parse(item))


def _check_role(permission: Permission) -> None:
    role, identifier, dimension = permission.role, permission.identifier, permission.dimension
    if role not in ROLES:
        raise Refused(f'Role "{role}" is not allowed. Must be one of: {", ".join(ROLES)}.')
    if identifier and role not in _WITH_ID:
        raise Refused(f'Role "{role}" can not have an ID value.')
    if not identifier and role in _WITH_ID:
        raise Refused(f'Role "{role}" must have an ID value.')
    if identifier and role == "label" and not re.fullmatch(r"[A-Za-z0-9]{1,36}", identifier):
        raise Refused(f'Role "{role}" identifier value is invalid: {LABEL_RULE}')
    if identifier and role != "label" and not is_identifier(identifier):
        raise Refused(f'Role "{role}" identifier value is invalid: {KEY_RULE}')
    if dimension and role not in _WITH_DIMENSION:
        raise Refused(f'Role "{role}" can not have a dimension value.')
    if dimension and role != "team" and dimension not in USER_DIMENSIONS:
        raise Refused(f'Role "{role}" dimension value is invalid. Must be one of: {", ".join(USER_DIMENSIONS)}.')
    if dimension and not is_identifier(dimension):
        raise Refused(f'Role "{role}" dimension value is invalid: {KEY_RULE}')


def aggregate(permissions: Sequence[str], *, with_create: bool) -> list[str]:
    """`write` becomes create, update and delete (documents know no `create`); doubles are dropped."""
    expanded: list[str] = []
    for text in permissions:
        permission = parse(text)
        if permission.kind != "write":
            expanded.append(str(permission))
            continue
        kinds = ("create", "update", "delete") if with_create else ("update", "delete")
        expanded += [
            str(Permission(kind, permission.role, permission.identifier, permission.dimension)) for kind in kinds
        ]
    return list(dict.fromkeys(expanded))
