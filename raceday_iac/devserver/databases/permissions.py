"""Permission strings: what is accepted, and how `write` is expanded before it is stored.

Messages and order of checks as utopia-php/database 3.5.0 (Validator/Permissions.php, Helpers/Permission.php).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import roles
from ..params import Check, Refused
from ..roles import Role

COLLECTION_KINDS = ("create", "read", "update", "delete", "write")
DOCUMENT_KINDS = ("read", "update", "delete", "write")
MAXIMUM = 100


@dataclass(frozen=True)
class Permission:
    """One permission string, taken apart."""

    kind: str
    role: Role

    def __str__(self) -> str:
        return f'{self.kind}("{self.role}")'


def parse(text: str) -> Permission:
    """Take a permission string apart. Raises `Refused`."""
    parts = text.split('("')
    if len(parts) != 2:
        raise Refused(f'Invalid permission string format: "{text}".')
    kind, role = parts[0], parts[1].replace('")', "")
    if kind not in COLLECTION_KINDS:
        raise Refused(f'Invalid permission type: "{kind}".')
    return Permission(kind, roles.parse(role))


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
    roles.check(parse(item).role)


def aggregate(permissions: Sequence[str], *, with_create: bool) -> list[str]:
    """`write` becomes create, update and delete (documents know no `create`); doubles are dropped."""
    expanded: list[str] = []
    for text in permissions:
        permission = parse(text)
        if permission.kind != "write":
            expanded.append(str(permission))
            continue
        kinds = ("create", "update", "delete") if with_create else ("update", "delete")
        expanded += [str(Permission(kind, permission.role)) for kind in kinds]
    return list(dict.fromkeys(expanded))
