"""Policies: what passwords, sessions, users and memberships must be like."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ..model.resource import Fields
from .base import Danger
from .fields import IDENTITY, Wire
from .plain import Typed
from .setting import OFF, ON, SettingDeclaration, TypedSettingDeclaring, setting_kind

ROUTE = "/project/policies"
#: A number, or none for no limit, which answers say as 0.
_LIMIT = Wire(canonical=lambda value: value or 0, send=lambda value: value or None)
_NONE = {"total": 0}
#: Seconds of a year, which is the longest, and of a month.
_YEAR, _MONTH = 31_536_000, 2_678_400
#: Passwords with fewer characters than this should hold some of several kinds.
_SHORT = 10


class PolicyDeclaration(SettingDeclaration, Typed):
    """A policy; there is a method for each."""

    id: Annotated[str, IDENTITY] = Field(init=False)


class _Switch(PolicyDeclaration):
    begins = OFF

    enabled: bool


class PasswordDictionaryPolicy(_Switch):
    """Whether the 10 000 most common passwords are refused."""

    only = type = "password-dictionary"


class PasswordPersonalDataPolicy(_Switch):
    """Whether passwords are refused that hold a user's name, address of mail or number."""

    only = type = "password-personal-data"


class PasswordHistoryPolicy(PolicyDeclaration):
    """How many passwords of before are refused (20 at most on servers newer than 1.9.6); None for none."""

    only = type = "password-history"
    begins = _NONE

    total: Annotated[int | None, Field(ge=1, le=5000), _LIMIT]


class PasswordStrengthPolicy(PolicyDeclaration):
    """How long a password is at least, and what it must hold."""

    only = type = "password-strength"

    min: int = Field(default=8, ge=8, le=256)
    uppercase: bool = False
    lowercase: bool = False
    number: bool = False
    symbols: bool = False


class SessionAlertPolicy(_Switch):
    """Whether users are sent a mail about a new session."""

    only = type = "session-alert"


class SessionDurationPolicy(PolicyDeclaration):
    """Seconds that a session lasts (a minute at least on servers newer than 1.9.6)."""

    only = type = "session-duration"
    begins: ClassVar[Mapping[str, Any]] = {"duration": _YEAR}

    duration: int = Field(ge=5, le=_YEAR)


class SessionInvalidationPolicy(_Switch):
    """Whether a new password ends all sessions."""

    only = type = "session-invalidation"
    begins = ON


class SessionLimitPolicy(PolicyDeclaration):
    """How many sessions a user has at most (100 on servers newer than 1.9.6, which do not take None); None for no
    limit. A project that was made in the console begins with ten."""

    only = type = "session-limit"

    total: Annotated[int | None, Field(ge=1, le=5000), _LIMIT]

    @classmethod
    def originals(cls) -> list[dict[str, Any]]:
        return [{"total": 10}, _NONE]


class UserLimitPolicy(PolicyDeclaration):
    """How many users the project has at most (5000, on servers newer than 1.9.6 10 000); None for no limit."""

    only = type = "user-limit"
    begins = _NONE

    total: Annotated[int | None, Field(ge=1, le=10_000), _LIMIT]


class MembershipPrivacyPolicy(PolicyDeclaration):
    """What members of a team see of each other."""

    only = type = "membership-privacy"

    user_id: bool = False
    user_email: bool = False
    user_phone: bool = False
    user_name: bool = False
    user_mfa: Annotated[bool, Wire(name="userMFA")] = False
    user_accessed_at: bool = False


class MfaFactorsPolicy(PolicyDeclaration):
    """What may be the second factor of a sign-in (servers newer than 1.9.6)."""

    only = type = "mfa-factors"

    totp: bool = True
    email: bool = True
    phone: bool = True
    custom: bool = False


MODELS = (
    PasswordDictionaryPolicy,
    PasswordHistoryPolicy,
    PasswordStrengthPolicy,
    PasswordPersonalDataPolicy,
    SessionAlertPolicy,
    SessionDurationPolicy,
    SessionInvalidationPolicy,
    SessionLimitPolicy,
    UserLimitPolicy,
    MembershipPrivacyPolicy,
    MfaFactorsPolicy,
)


def _common_passwords(fields: Fields) -> Iterator[tuple[str, str]]:
    """The most common passwords are the first that are tried.

    Fix: `enabled=True`.
    """
    if fields["type"] == PasswordDictionaryPolicy.type and not fields["enabled"]:
        yield "the most common passwords are accepted", "enabled=True"


def _sessions_go_on(fields: Fields) -> Iterator[tuple[str, str]]:
    """Whoever knew the old password stays signed in after it was changed.

    Fix: `enabled=True`.
    """
    if fields["type"] == SessionInvalidationPolicy.type and not fields["enabled"]:
        yield "sessions stay valid when a password is changed", "enabled=True"


def _long_sessions(fields: Fields) -> Iterator[tuple[str, str]]:
    """A lost device stays signed in for that long.

    Fix: a month or less.
    """
    if fields["type"] == SessionDurationPolicy.type and fields["duration"] > _MONTH:
        yield f"sessions last {fields['duration'] // 86_400} days", f"duration={_MONTH} or less"


def _weak_passwords(fields: Fields) -> Iterator[tuple[str, str]]:
    """Eight letters are tried in hours, once somebody has the hashes.

    Fix: `min=12`, or more kinds of characters.
    """
    kinds = [each for each in ("uppercase", "lowercase", "number", "symbols") if fields.get(each)]
    if fields["type"] == PasswordStrengthPolicy.type and fields["min"] < _SHORT and not kinds:
        yield f"passwords of {fields['min']} letters are accepted", "set min=12, or require numbers or symbols"


def _any_number_of_sessions(fields: Fields) -> Iterator[tuple[str, str]]:
    """Sessions that were forgotten, or stolen, are never ended by new ones.

    Fix: a number, such as `total=10`.
    """
    if fields["type"] == SessionLimitPolicy.type and not fields["total"]:
        yield "a user may have any number of sessions", "total=10, or as many as a user has devices"


def _open_memberships(fields: Fields) -> Iterator[tuple[str, str]]:
    """Whoever is invited to a team can collect the addresses and numbers of all others.

    Fix: leave `user_email` and `user_phone` out.
    """
    if fields["type"] == MembershipPrivacyPolicy.type and (fields["userEmail"] or fields["userPhone"]):
        yield "members of a team see each other's addresses or numbers", "leave user_email and user_phone out"


#: What the files of Appwrite's command line call some.
_IN_FILES = {
    "duration": (SessionDurationPolicy.type, "duration"),
    "limit": (UserLimitPolicy.type, "total"),
    "sessionsLimit": (SessionLimitPolicy.type, "total"),
    "passwordHistory": (PasswordHistoryPolicy.type, "total"),
    "passwordDictionary": (PasswordDictionaryPolicy.type, "enabled"),
    "personalDataCheck": (PasswordPersonalDataPolicy.type, "enabled"),
    "sessionAlerts": (SessionAlertPolicy.type, "enabled"),
}

KIND = setting_kind(
    "policy",
    TypedSettingDeclaring("policy", PolicyDeclaration, *MODELS, at=("auth", "security"), words=_IN_FILES),
    f"PATCH {ROUTE}/{{policyId}}",
    stage=55,
    listed_at=ROUTE,
    key="policies",
    ids=[each.type for each in MODELS],
    plural="policies",
    routes=[f"PATCH {ROUTE}/{each.type}" for each in MODELS],
    dangers=(
        Danger("PLC001", "warning", "a policy that accepts common passwords", _common_passwords),
        Danger("PLC002", "warning", "sessions that stay valid after a password change", _sessions_go_on),
        Danger("PLC003", "info", "sessions of more than a month", _long_sessions),
        Danger("PLC004", "warning", "members who see each other's addresses", _open_memberships),
        Danger("PLC005", "info", "a policy that accepts short passwords of letters", _weak_passwords),
        Danger("PLC006", "info", "sessions without a limit", _any_number_of_sessions),
    ),
)
