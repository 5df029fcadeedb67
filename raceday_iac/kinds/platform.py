"""Platforms: the apps that may talk to the project. To a browser, a host that is none of them is a foreign origin."""

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from ..model.declarations import Id, Name
from ..model.resource import Fields
from .base import Danger
from .fields import IDENTITY
from .plain import Typed, TypedDeclaring, typed_kind

_LABEL = re.compile(r"\*|[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")


def hostname(value: str) -> str:
    """The name of a host, in which a label may be `*`; raises ValueError for anything else."""
    if len(value) > 253 or not all(map(_LABEL.fullmatch, value.split("."))):
        raise ValueError(
            f"{value!r} is not a host name: write it without scheme, port and path, such as app.example.com"
        )
    return value


AppId = Annotated[str, Field(min_length=1, max_length=256)]


class PlatformDeclaration(Typed):
    """An app that may talk to the project; there is a method for each type."""

    id: Annotated[Id, IDENTITY] = Field(init=False)
    name: Name


class WebDeclaration(PlatformDeclaration):
    """A website, or an app of Flutter or React Native in a browser. `*` stands for one part of a host name, or for all
    hosts."""

    type = "web"
    hostname: Annotated[str, AfterValidator(hostname)]


class AppleDeclaration(PlatformDeclaration):
    """An app for iOS, macOS, watchOS or tvOS, whatever it is written in."""

    type = "apple"
    bundle_identifier: AppId


class AndroidDeclaration(PlatformDeclaration):
    """An app for Android, whatever it is written in."""

    type = "android"
    application_id: AppId


class LinuxDeclaration(PlatformDeclaration):
    """An app for Linux."""

    type = "linux"
    package_name: AppId


class WindowsDeclaration(PlatformDeclaration):
    """An app for Windows."""

    type = "windows"
    package_identifier_name: AppId


def _any_host(fields: Fields) -> Iterator[tuple[str, str]]:
    """Any website may then act for a user who is logged in and visits it.

    Fix: name the host; `*.example.com` are the hosts of one domain.
    """
    if fields.get("hostname") == "*":
        yield "any website may act for your users", "name the host, or *.example.com for those of one domain"


KIND = typed_kind(
    TypedDeclaring(
        "platform",
        PlatformDeclaration,
        WebDeclaration,
        AppleDeclaration,
        AndroidDeclaration,
        LinuxDeclaration,
        WindowsDeclaration,
    ),
    "/project/platforms",
    stage=46,
    since="1.9.5",
    left_out={"type": "the method says it"},
    dangers=(Danger("PLT001", "error", "a platform that is any website", _any_host),),
)
