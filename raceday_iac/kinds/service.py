"""Services of the API, on or off for whoever has no key."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from .fields import IDENTITY
from .setting import ON, SettingDeclaration, SettingDeclaring, setting_kind

Service = Literal[
    "account",
    "avatars",
    "databases",
    "tablesdb",
    "locale",
    "health",
    "project",
    "storage",
    "teams",
    "users",
    "vcs",
    "sites",
    "functions",
    "proxy",
    "graphql",
    "migrations",
    "messaging",
    "advisor",
]
SERVICES: tuple[Service, ...] = get_args(Service)


class ServiceDeclaration(SettingDeclaration):
    """A service. One that is off answers keys all the same, and nobody else (1.9.6). In a new project all are on."""

    begins = ON

    id: Annotated[Service, IDENTITY] = Field(init=False)
    enabled: bool


KIND = setting_kind(
    "service",
    SettingDeclaring("service", ServiceDeclaration),
    "PATCH /project/services/{serviceId}",
    stage=51,
    key="services",
    ids=SERVICES,
)
