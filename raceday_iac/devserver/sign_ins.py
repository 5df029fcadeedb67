"""How users sign in: policies, numbers that need no message, and providers of sign-ins, which nobody calls here to ask
whether credentials are right. What is set is kept with the project (`project.py`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from .ages import ONLY_MAIN, SINCE_1_9
from .errors import ApiError, invalid
from .params import Check, Param, anything, boolean, list_of, one_of, or_null, text, whole_number
from .project import DIGITS, LIST, maybe, page, raw_time, save, settings_of, spelled, whole
from .teams import phone_number
from .web import Reply, Request, Routes

if TYPE_CHECKING:
    from .server import Server

SCHEMA = ""
routes = Routes()


def on_start(server: Server) -> None:
    """Settings have nothing to resume."""


#: A year, and what policies begin with.
_YEAR = 31_536_000
POLICIES: Mapping[str, Mapping[str, Any]] = {
    "password-dictionary": {"enabled": False},
    "password-history": {"total": 0},
    "password-strength": {"min": 8, "uppercase": False, "lowercase": False, "number": False, "symbols": False},
    "password-personal-data": {"enabled": False},
    "session-alert": {"enabled": False},
    "session-duration": {"duration": _YEAR},
    "session-invalidation": {"enabled": True},
    "session-limit": {"total": 0},
    "user-limit": {"total": 0},
    "membership-privacy": dict.fromkeys(
        ("userId", "userEmail", "userPhone", "userName", "userMFA", "userAccessedAt"), False
    ),
    "mfa-factors": {"totp": True, "email": True, "phone": True, "custom": False},
}
#: Keys may read and write policies by either scope.
_READ_POLICIES = ("policies.read", "project.policies.read")
_WRITE_POLICIES = ("policies.write", "project.policies.write")
_READ_OAUTH, _WRITE_OAUTH = ("oauth2.read", "project.oauth2.read"), ("oauth2.write", "project.oauth2.write")


def _policies(server: Server, project: str) -> dict[str, dict[str, Any]]:
    """All policies of this age, by id."""
    is_newer, found = server.age.has_policies_of_main, settings_of(server, project).get("policies", {})
    begun = {**POLICIES, "session-limit": {"total": 10 if is_newer else 0}}
    return {
        name: {"$id": name, **values, **found.get(name, {})}
        for name, values in begun.items()
        if is_newer or name != "mfa-factors"
    }


def _policy_name(server: Server) -> Check:
    return one_of(*(each for each in POLICIES if server.age.has_policies_of_main or each != "mfa-factors"))


@routes.add("GET", "/project/policies", _READ_POLICIES, *LIST, ages=SINCE_1_9)
def list_policies(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return page(values, list(_policies(server, request.project).values()), "policies")


@routes.add(
    "GET",
    "/project/policies/{policyId}",
    _READ_POLICIES,
    Param("policyId", anything, of_server=_policy_name),
    ages=SINCE_1_9,
)
def get_policy(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, _policies(server, request.project)[values["policyId"]])


def _update_policy(name: str, server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """What is not said stays. All but one answer the project, which does not show them."""
    if name == "session-limit" and values["total"] is None and server.age.has_policies_of_main:
        raise invalid("total", "Value must be a valid range between 1 and 100")
    policies = settings_of(server, request.project).get("policies", {})
    required = {each: 0 if value is None else value for each, value in values.items() if each in ("total", "duration")}
    said = {**{each: value for each, value in values.items() if value is not None}, **required}
    save(server, request.project, "policies", {**policies, name: {**policies.get(name, {}), **said}})
    if name == "password-strength":
        return Reply(200, _policies(server, request.project)[name])
    return whole(server, request)


def _between(before: tuple[int, int], later: tuple[int, int], *, null: tuple[bool, bool]) -> Any:
    """The check of a number whose bounds main has changed, and whether null is one to each."""

    def of(server: Server) -> Check:
        bounds, takes_null = (later, null[1]) if server.age.has_policies_of_main else (before, null[0])
        found = whole_number(*bounds)
        return or_null(found) if takes_null else found

    return of


_HISTORY = _between((1, 5000), (1, 20), null=(True, True))
_SESSIONS = _between((1, 5000), (1, 100), null=(True, False))
_USERS = _between((1, 5000), (0, 10_000), null=(True, True))
_DURATION = _between((5, _YEAR), (60, _YEAR), null=(False, False))


def _flags(name: str, check: Check = boolean) -> tuple[Param, ...]:
    return tuple(Param(each, check, None) for each in POLICIES[name])


_ENABLED = (Param("enabled", boolean),)
_POLICY_PARAMS: Mapping[str, tuple[Param, ...]] = {
    "password-dictionary": _ENABLED,
    "password-history": (Param("total", anything, None, nullable=True, of_server=_HISTORY),),
    "password-strength": (Param("min", whole_number(8, 256), None), *_flags("password-strength")[1:]),
    "password-personal-data": _ENABLED,
    "session-alert": _ENABLED,
    "session-duration": (Param("duration", anything, of_server=_DURATION),),
    "session-invalidation": _ENABLED,
    "session-limit": (Param("total", anything, None, nullable=True, of_server=_SESSIONS),),
    "user-limit": (Param("total", anything, None, nullable=True, of_server=_USERS),),
    "membership-privacy": _flags("membership-privacy"),
    "mfa-factors": _flags("mfa-factors"),
}

for _name, _params in _POLICY_PARAMS.items():
    routes.add(
        "PATCH",
        f"/project/policies/{_name}",
        _WRITE_POLICIES,
        *_params,
        ages=ONLY_MAIN if _name == "mfa-factors" else SINCE_1_9,
    )(partial(_update_policy, _name))


# Numbers that sign in without a message.

_PHONES = "/project/mock-phones"
_NUMBER, _OTP = Param("number", phone_number), Param("otp", spelled(6, 6, DIGITS))


def _phones(server: Server, request: Request) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = settings_of(server, request.project).get("mockNumbers", [])
    return found


def _phone_at(phones: Sequence[dict[str, Any]], number: str) -> dict[str, Any]:
    """Raises the 404 of one that is not there."""
    for each in phones:
        if each["number"] == number:
            return each
    raise ApiError("mock_number_not_found")


@routes.add("GET", _PHONES, "mocks.read", *LIST, ages=SINCE_1_9)
def list_phones(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return page(values, _phones(server, request), "mockNumbers")


@routes.add("POST", _PHONES, "mocks.write", _NUMBER, _OTP, ages=SINCE_1_9)
def create_phone(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    phones, now = _phones(server, request), raw_time(server.timestamp())
    if any(each["number"] == values["number"] for each in phones):
        raise ApiError("mock_number_already_exists")
    made = {"number": values["number"], "otp": values["otp"], "$createdAt": now, "$updatedAt": now}
    save(server, request.project, "mockNumbers", [*phones, made])
    return Reply(201, made)


@routes.add("GET", _PHONES + "/{number}", "mocks.read", _NUMBER, ages=SINCE_1_9)
def get_phone(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, _phone_at(_phones(server, request), values["number"]))


@routes.add("PUT", _PHONES + "/{number}", "mocks.write", _NUMBER, _OTP, ages=SINCE_1_9)
def update_phone(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    phones = _phones(server, request)
    found = _phone_at(phones, values["number"])
    found |= {"otp": values["otp"], "$updatedAt": raw_time(server.timestamp())}
    save(server, request.project, "mockNumbers", phones)
    return Reply(200, found)


@routes.add("DELETE", _PHONES + "/{number}", "mocks.write", _NUMBER, ages=SINCE_1_9)
def delete_phone(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    phones = _phones(server, request)
    phones.remove(_phone_at(phones, values["number"]))
    save(server, request.project, "mockNumbers", phones)
    return Reply(204)


# Providers of sign-ins. What each takes stands in data/oauth2.json: its fields, as they are before anybody sets them.

_OAUTH = "/project/oauth2"
PROVIDERS: Mapping[str, Mapping[str, Any]] = json.loads(
    files("raceday_iac.devserver").joinpath("data", "oauth2.json").read_text(encoding="utf-8")
)
#: Main has them.
_NEWER_PROVIDERS = ("appwrite", "huggingface")


def _is_reported(name: str) -> bool:
    """Whether a field is no secret."""
    return not name.lower().endswith(("secret", "secretkey", "p8file"))


def _providers(server: Server) -> list[str]:
    return [name for name in PROVIDERS if server.age.has_policies_of_main or name not in _NEWER_PROVIDERS]


def _provider_name(server: Server) -> Check:
    """Some that cannot be set can be asked for."""
    names = [*_providers(server), "yammer"]
    return one_of(*sorted(names, key=str.lower), "mock", "mock-unverified")


def _provider(server: Server, project: str, name: str) -> dict[str, Any]:
    held = settings_of(server, project).get("oauth2", {}).get(name, {})
    begun = {"enabled": False, **PROVIDERS[name]}
    return {"$id": name, **{each: held.get(each, value) if _is_reported(each) else "" for each, value in begun.items()}}


@routes.add("GET", _OAUTH, _READ_OAUTH, *LIST, ages=SINCE_1_9)
def list_providers(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return page(values, [_provider(server, request.project, name) for name in _providers(server)], "providers")


@routes.add(
    "GET",
    _OAUTH + "/{providerId}",
    _READ_OAUTH,
    Param("providerId", anything, of_server=_provider_name),
    ages=SINCE_1_9,
)
def get_provider(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, _provider(server, request.project, values["providerId"]))


def _update_provider(name: str, server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """What is null stays. Without a word about `enabled`, one that is complete is."""
    held = settings_of(server, request.project).get("oauth2", {})
    said = {each: value for each, value in values.items() if value is not None}
    found = {"enabled": False, **PROVIDERS[name], **held.get(name, {}), **said}
    needed = [each for each in PROVIDERS[name] if not _is_reported(each)][:1] + list(PROVIDERS[name])[:1]
    is_complete = all(found[each] for each in needed)
    if said.get("enabled") and not is_complete:
        message = "Client ID and Client Secret are required when enabling OAuth2 provider."
        raise ApiError("general_argument_invalid", f"Could not enable OAuth2 provider: {message}")
    if "enabled" not in said and is_complete:
        found["enabled"] = True
    save(server, request.project, "oauth2", {**held, name: found})
    return Reply(200, _provider(server, request.project, name))


def _of_provider(value: Any) -> Check:
    """The check of a field that begins with this value."""
    if isinstance(value, list):
        return list_of(text(1, 32), 4)
    return text(0, 4096) if isinstance(value, str) else whole_number(0, 2**63 - 1)


for _name, _fields in PROVIDERS.items():
    routes.add(
        "PATCH",
        f"{_OAUTH}/{_name}",
        _WRITE_OAUTH,
        *(maybe(each, _of_provider(value)) for each, value in _fields.items()),
        maybe("enabled", boolean),
        ages=ONLY_MAIN if _name in _NEWER_PROVIDERS else SINCE_1_9,
    )(partial(_update_provider, _name))
