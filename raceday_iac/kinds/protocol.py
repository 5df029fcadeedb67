"""Protocols by which applications reach the API, on or off."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from ..model.resource import Resource
from .fields import IDENTITY, Writing
from .setting import ON, SettingDeclaration, SettingDeclaring, setting_kind

Protocol = Literal["rest", "graphql", "websocket"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)


class ProtocolDeclaration(SettingDeclaration):
    """A protocol. In a new project all are on."""

    begins = ON

    id: Annotated[Protocol, IDENTITY] = Field(init=False)
    enabled: bool


class _Declaring(SettingDeclaring):
    """Files of Appwrite's command line have them in release 25.1.0, and not yet in 15.0.0, which refuses the word."""

    def write_setting(self, resource: Resource, to: Writing) -> Iterator[tuple[str, Any]]:
        return super().write_setting(resource, to) if to.cli > 15 else iter(())


KIND = setting_kind(
    "protocol",
    _Declaring("protocol", ProtocolDeclaration, ("protocols",), {each: (each, "enabled") for each in PROTOCOLS}),
    "PATCH /project/protocols/{protocolId}",
    stage=52,
    key="protocols",
    ids=PROTOCOLS,
)
