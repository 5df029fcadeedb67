"""Ways to sign in, on or off."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from .fields import IDENTITY
from .setting import ON, SettingDeclaration, SettingDeclaring, setting_kind

Method = Literal["email-password", "magic-url", "email-otp", "anonymous", "invites", "jwt", "phone"]
METHODS: tuple[Method, ...] = get_args(Method)


class AuthMethodDeclaration(SettingDeclaration):
    """A way to sign in. In a new project all are on."""

    begins = ON

    id: Annotated[Method, IDENTITY] = Field(init=False)
    enabled: bool


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
)
