"""Roles such as `any` or `team:crew/owner`: how they are read and which are accepted.

Order of checks and sentences as utopia-php/database 3.5.0 (Helpers/Role.php, Validator/Roles.php). PHP takes the text
`0` for empty, and what follows a second colon is not looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .params import Refused

NAMES = ("any", "guests", "users", "user", "team", "member", "label")
USER_DIMENSIONS = ("verified", "unverified")
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
LABEL = re.compile(r"[A-Za-z0-9]{1,36}")
KEY_RULE = (
    "Parameter must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. "
    "Can't start with a special char"
)
LABEL_RULE = "Value must be a valid string between 1 and 36 chars containing only alphanumeric chars"

_WITH_ID = frozenset({"user", "team", "member", "label"})
_WITH_DIMENSION = frozenset({"users", "user", "team"})


@dataclass(frozen=True)
class Role:
    """One role, taken apart."""

    name: str
    identifier: str = ""
    dimension: str = ""

    def __str__(self) -> str:
        identifier = f":{self.identifier}" if not is_empty(self.identifier) else ""
        dimension = f"/{self.dimension}" if not is_empty(self.dimension) else ""
        return f"{self.name}{identifier}{dimension}"


def is_empty(text: str) -> bool:
    """Whether PHP's empty() would have a text as empty."""
    return text in {"", "0"}


def parse(text: str) -> Role:
    """Take a role apart. Raises `Refused`."""
    steps = text.split(":")
    if "/" not in text:
        return Role(steps[0], steps[1] if len(steps) > 1 else "")
    if len(steps) == 1:
        name, dimension = _split_dimension(text)
        return Role(name, "", dimension)
    identifier, dimension = _split_dimension(steps[1])
    return Role(steps[0], identifier, dimension)


def _split_dimension(text: str) -> tuple[str, str]:
    parts = text.split("/")
    if len(parts) != 2:
        raise Refused("Only one dimension can be provided")
    if is_empty(parts[1]):
        raise Refused("Dimension must not be empty")
    return parts[0], parts[1]


def check(role: Role) -> None:
    """Refuse a role that cannot be. Raises `Refused`."""
    name, identifier, dimension = role.name, role.identifier, role.dimension
    has_identifier, has_dimension = not is_empty(identifier), not is_empty(dimension)
    if name not in NAMES:
        raise Refused(f'Role "{name}" is not allowed. Must be one of: {", ".join(NAMES)}.')
    if has_identifier and name not in _WITH_ID:
        raise Refused(f'Role "{name}" can not have an ID value.')
    if not has_identifier and name in _WITH_ID:
        raise Refused(f'Role "{name}" must have an ID value.')
    if has_identifier and name == "label" and not LABEL.fullmatch(identifier):
        raise Refused(f'Role "{name}" identifier value is invalid: {LABEL_RULE}')
    if has_identifier and name != "label" and not KEY.fullmatch(identifier):
        raise Refused(f'Role "{name}" identifier value is invalid: {KEY_RULE}')
    if has_dimension and name not in _WITH_DIMENSION:
        raise Refused(f'Role "{name}" can not have a dimension value.')
    if has_dimension and name != "team" and dimension not in USER_DIMENSIONS:
        raise Refused(f'Role "{name}" dimension value is invalid. Must be one of: {", ".join(USER_DIMENSIONS)}.')
    if has_dimension and not KEY.fullmatch(dimension):
        raise Refused(f'Role "{name}" dimension value is invalid: {KEY_RULE}')
