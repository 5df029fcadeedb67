"""Teams. Who is a member, with which roles, is data, and so are a team's preferences."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from ..model.declarations import Declared, Id, Name
from .base import Contents
from .fields import IDENTITY
from .plain import plain_kind


class TeamDeclaration(Declared):
    """A team. Its members, and the roles that they have, are left alone."""

    id: Annotated[Id, IDENTITY] = Field(init=False)
    name: Name


def _request(item: Mapping[str, Any]) -> dict[str, Any]:
    """By a key, who is added has joined at once, and nobody is sent a mail (1.8.1)."""
    return {"userId": item["userId"], "roles": list(item["roles"])}


def _hindrance(item: Mapping[str, Any]) -> str:
    if item["confirm"]:
        return ""
    return f"{item['userEmail'] or 'this user'} had been invited, but not joined: invite again, with {item['roles']}"


KIND = plain_kind(
    "team",
    TeamDeclaration,
    "/teams",
    stage=41,
    contents=Contents(
        "memberships",
        "membership",
        known_by="userId",
        alike=("roles",),
        request=_request,
        hindrance=_hindrance,
        remark="memberships get new ids: a permission that names one (member:ID) has to be changed",
    ),
    left_out={
        "roles": "of whoever creates it as a user; a key is no member",
        "total": "how many members it has, which is data",
        "prefs": "kept by members for themselves, which is data",
    },
    file_lists=("teams",),
    is_read_by_code=True,
    terraform_types=("appwrite_auth_team", "appwrite_team"),
)
