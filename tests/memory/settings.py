"""Settings of the project: what every project has, and the mock phones and providers of sign-ins beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .refusals import missing, refused, taken

Raw = dict[str, Any]
#: The switches of a project by their key in answers, and what each begins with.
SWITCHES = {
    "authMethods": ("anonymous", "jwt", "magic-url"),
    "services": ("avatars", "teams"),
    "protocols": ("rest", "graphql", "websocket"),
}
POLICIES: dict[str, Raw] = {
    "password-dictionary": {"enabled": False},
    "password-history": {"total": 0},
    "password-personal-data": {"enabled": False},
    "password-strength": {"min": 8, "uppercase": False, "lowercase": False, "number": False, "symbols": False},
    "session-alert": {"enabled": False},
    "session-duration": {"duration": 31_536_000},
    "session-invalidation": {"enabled": True},
    "session-limit": {"total": 0},
    "user-limit": {"total": 0},
    "membership-privacy": dict.fromkeys(
        ("userId", "userEmail", "userPhone", "userName", "userMFA", "userAccessedAt"), False
    ),
    "mfa-factors": {"totp": True, "email": True, "phone": True, "custom": False},
}
SMTP: Raw = {
    "host": "",
    "port": 587,
    "secure": "tls",
    "username": "",
    "password": "",
    "senderEmail": "",
    "senderName": "",
    "replyToEmail": "",
    "replyToName": "",
    "enabled": False,
}


def settings_of(project: Raw) -> Raw:
    """All of them, as they are."""
    begun: Raw = {key: dict.fromkeys(names, True) for key, names in SWITCHES.items()}
    begun |= {"labels": [], "policies": {name: dict(values) for name, values in POLICIES.items()}, "smtp": dict(SMTP)}
    begun |= {
        "phones": {},
        "templates": {},
        "oauth": {"github": {"clientId": "", "clientSecret": "", "enabled": False}},
    }
    found: Raw = project.setdefault("settings", begun)
    return found


def _project(project: Raw, _body: Raw) -> Raw:
    found = settings_of(project)
    switches = {key: [{"$id": name, "enabled": on} for name, on in found[key].items()] for key in SWITCHES}
    smtp = {f"smtp{name[0].upper()}{name[1:]}": value for name, value in found["smtp"].items()}
    return {"$id": "p", "labels": found["labels"], **switches, **smtp, "smtpPassword": ""}


def _set_smtp(project: Raw, body: Raw) -> Raw:
    """What is not said stays, and so does what is null."""
    settings_of(project)["smtp"] |= {name: value for name, value in body.items() if value is not None}
    return _project(project, body)


def _templates(project: Raw, _body: Raw) -> Raw:
    found = list(settings_of(project)["templates"].values())
    return {"total": len(found), "templates": found}


def _set_template(project: Raw, body: Raw) -> Raw:
    """It needs the server of mails."""
    if not settings_of(project)["smtp"]["enabled"]:
        raise refused("general_smtp_disabled")
    begun = dict.fromkeys(("senderName", "senderEmail", "replyToName", "replyToEmail"), "")
    name = f"{body['templateId']}-{body['locale']}"
    found: Raw = settings_of(project)["templates"].setdefault(name, begun)
    found.update(body)
    return dict(found)


def _switch(key: str) -> Callable[[Raw, Raw, str], Raw]:
    def switch(project: Raw, body: Raw, name: str) -> Raw:
        settings_of(project)[key][name] = body["enabled"]
        return _project(project, body)

    return switch


def _set_labels(project: Raw, body: Raw) -> Raw:
    settings_of(project)["labels"] = list(dict.fromkeys(body["labels"]))
    return _project(project, body)


def _policies(project: Raw, _body: Raw) -> Raw:
    found = [{"$id": name, **values} for name, values in settings_of(project)["policies"].items()]
    return {"total": len(found), "policies": found}


def _set_policy(project: Raw, body: Raw, name: str) -> Raw:
    """The answer does not show it."""
    settings_of(project)["policies"][name] |= {each: 0 if value is None else value for each, value in body.items()}
    return _project(project, body)


def _providers(project: Raw, _body: Raw) -> Raw:
    found = [{"$id": name, **each, "clientSecret": ""} for name, each in settings_of(project)["oauth"].items()]
    return {"total": len(found), "providers": found}


def _set_provider(project: Raw, body: Raw, name: str) -> Raw:
    settings_of(project)["oauth"][name] |= body
    return {"$id": name, **settings_of(project)["oauth"][name], "clientSecret": ""}


def _phones(project: Raw, _body: Raw) -> Raw:
    found = [{"number": number, "otp": otp} for number, otp in settings_of(project)["phones"].items()]
    return {"total": len(found), "mockNumbers": found}


def _create_phone(project: Raw, body: Raw) -> Raw:
    if body["number"] in settings_of(project)["phones"]:
        raise taken(body["number"])
    return _set_phone(project, body, body["number"])


def _set_phone(project: Raw, body: Raw, number: str) -> Raw:
    settings_of(project)["phones"][number] = body["otp"]
    return {"number": number, "otp": body["otp"]}


def _delete_phone(project: Raw, _body: Raw, number: str) -> None:
    if settings_of(project)["phones"].pop(number, None) is None:
        raise missing(number)


ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("get", "/project", _project),
    ("patch", "/project/auth-methods/{id}", _switch("authMethods")),
    ("patch", "/project/services/{id}", _switch("services")),
    ("patch", "/project/protocols/{id}", _switch("protocols")),
    ("patch", "/project/smtp", _set_smtp),
    ("get", "/project/templates/email", _templates),
    ("patch", "/project/templates/email", _set_template),
    ("put", "/project/labels", _set_labels),
    ("get", "/project/policies", _policies),
    ("patch", "/project/policies/{id}", _set_policy),
    ("get", "/project/oauth2", _providers),
    ("patch", "/project/oauth2/{id}", _set_provider),
    ("get", "/project/mock-phones", _phones),
    ("post", "/project/mock-phones", _create_phone),
    ("put", "/project/mock-phones/{number}", _set_phone),
    ("delete", "/project/mock-phones/{number}", _delete_phone),
]
