"""Teams. Who is a member, with which roles, is data, and so are a team's preferences."""

from typing import Annotated

from pydantic import Field

from ..model.declarations import Declared, Id, Name
from .base import Contents
from .fields import IDENTITY
from .plain import plain_kind


class TeamDeclaration(Declared):
    """A team. Its members, and the roles that they have, are left alone."""

    id: Annotated[Id, IDENTITY] = Field(init=False)
    name: Name


KIND = plain_kind(
    "team",
    TeamDeclaration,
    "/teams",
    stage=41,
    contents=Contents("memberships", "membership"),
    left_out={
        "roles": "of whoever creates it as a user; a key is no member",
        "total": "how many members it has, which is data",
        "prefs": "kept by members for themselves, which is data",
    },
    file_lists=("teams",),
    is_read_by_code=True,
    terraform_types=("appwrite_auth_team", "appwrite_team"),
)
