"""Protocols by which applications reach the API, on or off."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from .fields import IDENTITY
from .setting import ON, SettingDeclaration, SettingDeclaring, setting_kind

Protocol = Literal["rest", "graphql", "websocket"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)


class ProtocolDeclaration(SettingDeclaration):
    """A protocol. In a new project all are on."""

    begins = ON

    id: Annotated[Protocol, IDENTITY] = Field(init=False)
    enabled: bool


KIND = setting_kind(
    "protocol",
    SettingDeclaring("protocol", ProtocolDeclaration),
    "PATCH /project/protocols/{protocolId}",
    stage=52,
    key="protocols",
    ids=PROTOCOLS,
)
