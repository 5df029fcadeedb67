"""Users, as far as teams and topics need some, and teams with their preferences and memberships.

Nobody can log in here, so no password is kept. A key adds members who have joined at once; nobody is sent a mail.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from . import records
from .databases.formats import EMAIL_RULE, is_email
from .errors import ApiError
from .params import ID_RULE, Param, Refused, custom_id, existing_id, list_of, one_of, text
from .records import LIST, PAGE, Record, Records
from .web import Reply, Request, Routes

if TYPE_CHECKING:
    from .server import Server


SCHEMA = records.SCHEMA
routes = Routes()
USERS = Records(
    "user",
    "User",
    "user_not_found",
    "user_already_exists",
    {"name": "text", "email": "text", "phone": "text", "status": "boolean"},
)
TARGETS = Records(
    "target",
    "Target",
    "user_target_not_found",
    "user_target_already_exists",
    {"providerType": "text", "userId": "text"},
)
USER_ID = Param("userId", existing_id)
_HASH = {"hash": "argon2", "hashOptions": {"type": "argon2", "memory_cost": 65536, "time_cost": 4, "threads": 3}}
#: Of whom a mailbox costs nothing; Appwrite knows more.
_FREE = ("gmail.com", "outlook.com", "yahoo.com", "proton.me")


def mail_address(value: Any) -> str:
    """The check of a parameter."""
    if not is_email(value):
        raise Refused(EMAIL_RULE)
    return str(value)


_PHONE = re.compile(r"\+[1-9]\d{6,14}")


def phone_number(value: Any) -> str:
    """The check of a parameter."""
    if not isinstance(value, str) or not _PHONE.fullmatch(value):
        raise Refused("Phone number must start with a '+' can have a maximum of fifteen digits.")
    return value


def new_user(
    server: Server, project: str, identifier: str, name: str, email: str = "", password: str = "", phone: str = ""
) -> Record:
    """A user, with the targets that messages to an address of mail and to a phone go to."""
    for kind, value in (("email", email), ("phone", phone)):
        if value and USERS.among(server, project, kind, value):
            raise ApiError("user_already_exists")
    now = server.timestamp()
    fields = {
        "name": name,
        "password": "(not kept)" if password else None,
        **_HASH,
        "registration": now,
        "status": True,
        "labels": [],
        "passwordUpdate": now if password else "",
        "email": email,
        "phone": phone,
        "emailVerification": False,
        **(_mail_facts(email) if server.age.has_fields_of_1_9 else {}),
        "phoneVerification": False,
        "mfa": False,
        "prefs": {},
        "accessedAt": "",
        **({"impersonator": False, "impersonatorUserId": None} if server.age.has_fields_of_1_9 else {}),
    }
    record = USERS.create(server, project, identifier, fields, now=now)
    if email:
        TARGETS.create(server, project, "unique()", _target(record, "email", email), record.id)
    if phone:
        TARGETS.create(server, project, "unique()", _target(record, "sms", phone), record.id)
    return record


def _mail_facts(email: str) -> dict[str, Any]:
    names = ("emailCanonical", "emailIsFree", "emailIsDisposable", "emailIsCorporate", "emailIsCanonical")
    if not email:
        return dict.fromkeys(names)
    is_free = email.rpartition("@")[2].lower() in _FREE
    return dict(zip(names, (email.lower(), is_free, False, not is_free, email == email.lower()), strict=True))


def _target(user: Record, kind: str, identifier: str, provider: str | None = None, name: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "userId": user.id,
        "providerId": provider,
        "providerType": kind,
        "identifier": identifier,
        "expired": False,
    }


def _answer(server: Server, project: str, record: Record) -> dict[str, Any]:
    _, targets = TARGETS.page(server, project, {"queries": ()}, record.id)
    return record.answer(targets=[each.answer() for each in targets])


@routes.add(
    "POST",
    "/users",
    "users.write",
    Param("userId", custom_id),
    Param("email", mail_address, "", nullable=True),
    Param("phone", phone_number, "", nullable=True),
    Param("password", text(8, 256), "", nullable=True),
    Param("name", text(0, 128), ""),
)
def create_user(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    given = [values[name] or "" for name in ("name", "email", "password", "phone")]
    record = new_user(server, request.project, values["userId"], *given)
    return Reply(201, _answer(server, request.project, record), model="user")


@routes.add("GET", "/users", "users.read", *LIST)
def list_users(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return USERS.listed(server, request, values, "users", shown=partial(_answer, server, request.project))


@routes.add("GET", "/users/{userId}", "users.read", USER_ID)
def get_user(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    record = USERS.find(server, request.project, values["userId"])
    return Reply(200, _answer(server, request.project, record), model="user")


@routes.add("DELETE", "/users/{userId}", "users.write", USER_ID)
def delete_user(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    record = USERS.find(server, request.project, values["userId"])
    TARGETS.delete_all(server, request.project, record.id)
    USERS.delete(server, record)
    return Reply(204)


@routes.add("GET", "/users/{userId}/targets", ("users.read", "targets.read"), USER_ID, *PAGE)
def list_targets(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    user = USERS.find(server, request.project, values["userId"])
    return TARGETS.listed(server, request, values, "targets", user.id, search=("id",))


@routes.add(
    "POST",
    "/users/{userId}/targets",
    ("users.write", "targets.write"),
    USER_ID,
    Param("targetId", custom_id),
    Param("providerType", one_of("email", "sms", "push")),
    Param("identifier", text(1, 2048)),
    Param("providerId", existing_id, None, nullable=True),
    Param("name", text(0, 128), ""),
)
def create_target(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    user = USERS.find(server, request.project, values["userId"])
    fields = _target(user, values["providerType"], values["identifier"], values["providerId"], values["name"])
    record = TARGETS.create(server, request.project, values["targetId"], fields, user.id)
    return Reply(201, record.answer(), model="target")


TEAMS = Records("team", "Team", "team_not_found", "team_already_exists", {"name": "text", "total": "number"})
MEMBERS = Records(
    "membership",
    "Membership",
    "team_invite_not_found",
    "membership_already_confirmed",
    {
        "userId": "text",
        "teamId": "text",
        "invited": "instant",
        "joined": "instant",
        "confirm": "boolean",
        "roles": "text",
    },
)
TEAM_ID = Param("teamId", existing_id)
MEMBERSHIP_ID = Param("membershipId", existing_id)
NAME = Param("name", text(1, 128))
ONE = "/teams/{teamId}"
MEMBERSHIPS = ONE + "/memberships"
MEMBERSHIP = MEMBERSHIPS + "/{membershipId}"
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")


def on_start(server: Server) -> None:
    """Teams have nothing to resume."""


def _role(value: Any) -> str:
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise Refused(ID_RULE.format("Parameter"))
    return value


ROLES = list_of(_role, 100)


def _object(server: Server) -> Any:
    def check(value: Any) -> dict[str, Any]:
        """To PHP, an object without anything in it is a list."""
        is_empty = value in ({}, [])
        if (not isinstance(value, dict) and not is_empty) or (is_empty and not server.age.takes_empty_prefs):
            raise Refused("Value must be a valid object.")
        return dict(value)

    return check


@routes.add("POST", "/teams", "teams.write", Param("teamId", custom_id), NAME, Param("roles", ROLES, ("owner",)))
def create_team(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """Roles are those of the user who creates it; a key is none."""
    fields = {"name": values["name"], "total": 0, "prefs": {}}
    return Reply(201, TEAMS.create(server, request.project, values["teamId"], fields).answer(), model="team")


@routes.add("GET", "/teams", "teams.read", *LIST)
def list_teams(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return TEAMS.listed(server, request, values, "teams")


@routes.add("GET", ONE, "teams.read", TEAM_ID)
def get_team(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, TEAMS.find(server, request.project, values["teamId"]).answer(), model="team")


@routes.add("PUT", ONE, "teams.write", TEAM_ID, NAME)
def update_team(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    record = TEAMS.find(server, request.project, values["teamId"])
    return Reply(200, TEAMS.change(server, record, {"name": values["name"]}).answer(), model="team")


@routes.add("DELETE", ONE, "teams.write", TEAM_ID)
def delete_team(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """Members go with it, and nobody is asked."""
    record = TEAMS.find(server, request.project, values["teamId"])
    TEAMS.delete(server, record)
    MEMBERS.delete_all(server, request.project, record.id)
    return Reply(204)


@routes.add("GET", ONE + "/prefs", "teams.read", TEAM_ID)
def get_prefs(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, TEAMS.find(server, request.project, values["teamId"]).fields["prefs"])


@routes.add("PUT", ONE + "/prefs", "teams.write", TEAM_ID, Param("prefs", dict, of_server=_object))
def update_prefs(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    record = TEAMS.find(server, request.project, values["teamId"])
    return Reply(200, TEAMS.change(server, record, {"prefs": values["prefs"]}).fields["prefs"])


# Memberships.


def _with_total(server: Server, team: Record, change: int) -> None:
    TEAMS.change(server, team, {"total": team.fields["total"] + change})


def _user_of(server: Server, project: str, values: dict[str, Any]) -> Record:
    """The user who is to be a member; one is made for an address or number that is nobody's."""
    if values["userId"]:
        try:
            return USERS.find(server, project, values["userId"])
        except ApiError:
            raise ApiError("user_not_found", "User with given userId doesn't exist.") from None
    named = next((each for each in ("email", "phone") if values[each]), None)
    if named is None:
        raise ApiError("general_argument_invalid", "At least one of userId, email, or phone is required")
    found = USERS.among(server, project, named, values[named])
    name = values["name"] or values["email"]
    made = {each: values[each] for each in ("email", "phone")}
    return found[0] if found else new_user(server, project, "unique()", name, **made)


@routes.add(
    "POST",
    MEMBERSHIPS,
    "teams.write",
    TEAM_ID,
    Param("email", mail_address, ""),
    Param("userId", existing_id, ""),
    Param("phone", phone_number, ""),
    Param("roles", ROLES),
    Param("url", text(0, 2048), ""),
    Param("name", text(1, 128), ""),
    limit=(10, 3600),
)
def create_membership(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    team, user = TEAMS.find(server, request.project, values["teamId"]), _user_of(server, request.project, values)
    if any(each.fields["userId"] == user.id for each in MEMBERS.all(server, request.project, team.id)):
        raise ApiError("membership_already_confirmed")
    now, is_new = server.timestamp(), server.age.has_fields_of_1_9
    fields = {
        "userId": user.id,
        "userName": user.fields["name"],
        "userEmail": user.fields["email"],
        **({"userPhone": user.fields["phone"]} if is_new else {}),
        "teamId": team.id,
        "teamName": team.fields["name"],
        "invited": now,
        "joined": now,
        "confirm": True,
        "mfa": False,
        **({"userAccessedAt": ""} if is_new else {}),
        "roles": values["roles"],
    }
    record = MEMBERS.create(server, request.project, "unique()", fields, team.id, now)
    _with_total(server, team, 1)
    return Reply(201, record.answer(), model="membership")


@routes.add("GET", MEMBERSHIPS, "teams.read", TEAM_ID, *LIST)
def list_memberships(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    team = TEAMS.find(server, request.project, values["teamId"])
    return MEMBERS.listed(server, request, values, "memberships", team.id, search=("userId",))


@routes.add("GET", MEMBERSHIP, "teams.read", TEAM_ID, MEMBERSHIP_ID)
def get_membership(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    team = TEAMS.find(server, request.project, values["teamId"])
    return Reply(
        200, MEMBERS.find(server, request.project, values["membershipId"], team.id).answer(), model="membership"
    )


@routes.add("PATCH", MEMBERSHIP, "teams.write", TEAM_ID, MEMBERSHIP_ID, Param("roles", ROLES))
def update_membership(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    team = TEAMS.find(server, request.project, values["teamId"])
    record = MEMBERS.find(server, request.project, values["membershipId"], team.id)
    return Reply(200, MEMBERS.change(server, record, {"roles": values["roles"]}).answer(), model="membership")


@routes.add("DELETE", MEMBERSHIP, "teams.write", TEAM_ID, MEMBERSHIP_ID)
def delete_membership(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    team = TEAMS.find(server, request.project, values["teamId"])
    MEMBERS.delete(server, MEMBERS.find(server, request.project, values["membershipId"], team.id))
    _with_total(server, team, -1)
    return Reply(204)
