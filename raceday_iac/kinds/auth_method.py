"""Ways to sign in, on or off."""

from collections.abc import Iterator
from typing import Annotated, Literal, get_args

from pydantic import Field

from ..model.resource import Fields
from .base import Danger
from .fields import IDENTITY
from .setting import ON, SettingDeclaration, SettingDeclaring, setting_kind

Method = Literal["email-password", "magic-url", "email-otp", "anonymous", "invites", "jwt", "phone"]
METHODS: tuple[Method, ...] = get_args(Method)


class AuthMethodDeclaration(SettingDeclaration):
    """A way to sign in. In a new project all are on."""

    begins = ON

    id: Annotated[Method, IDENTITY] = Field(init=False)
    enabled: bool


def _anonymous(fields: Fields) -> Iterator[tuple[str, str]]:
    """Anybody makes themselves an account with one request, without a name or a password, and is let in wherever
    `users` are.

    Fix: `enabled=False`, unless guests of the application are meant to have a session.
    """
    if fields["enabled"]:
        yield (
            "anybody can sign in without an account, and then has the role users",
            "set enabled=False, unless guests should be able to",
        )


KIND = setting_kind(
    "auth_method",
    SettingDeclaring(
        "auth_method", AuthMethodDeclaration, ("auth", "methods"), {each: (each, "enabled") for each in METHODS}
    ),
    "PATCH /project/auth-methods/{methodId}",
    stage=50,
    key="authMethods",
    ids=METHODS,
    plural="auth methods",
    dangers=(Danger("AUT001", "info", "anonymous sign-ins", _anonymous, only="anonymous"),),
    reached_through=lambda fields: frozenset({"account"} if fields["enabled"] else ()),
)
