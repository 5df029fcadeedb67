"""Services of the API, on or off for whoever has no key."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from ..model.resource import Resource
from .fields import IDENTITY, Writing
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


#: What the files of Appwrite's command line may name; it refuses others (releases 12.0.0 to 25.1.0).
_IN_FILES = (
    "account",
    "avatars",
    "databases",
    "locale",
    "health",
    "storage",
    "teams",
    "users",
    "sites",
    "functions",
    "graphql",
    "messaging",
)


class _Declaring(SettingDeclaring):
    def write_setting(self, resource: Resource, to: Writing) -> Iterator[tuple[str, Any]]:
        return (each for each in super().write_setting(resource, to) if each[0] in _IN_FILES)


KIND = setting_kind(
    "service",
    _Declaring("service", ServiceDeclaration, ("services",), {each: (each, "enabled") for each in SERVICES}),
    "PATCH /project/services/{serviceId}",
    stage=51,
    key="services",
    ids=SERVICES,
    switches_off=lambda name, fields: "" if fields["enabled"] else name,
)
