"""From a random stack to one that passes all checks: what is refused is left out, as a user would take it out."""

from __future__ import annotations

from collections.abc import Collection as Some
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from raceday_iac.errors import StackError
from raceday_iac.loading.environment import Environment
from raceday_iac.loading.resolve import resolve
from raceday_iac.model.resource import Desired
from raceday_iac.model.stack import Collection, Database, FromEnvironment, Stack
from raceday_iac.packaging import Bundle, pack_all, with_deployments

from .specs import PLAIN, PROVIDERS, SECRETS, SETTINGS, Settings, Spec

_ENVIRONMENT = Environment(name="test", endpoint="embedded", project="p")
#: The folder with the folders of code.
CODE = Path(__file__).parent / "code"
_ABSENT = ("function.ghost", "collection.d/ghost")


@dataclass(frozen=True)
class Declared:
    """A checked stack with its code, and what is left of the declarations."""

    spec: Spec
    desired: Desired = field(repr=False)
    bundles: Mapping[str, Bundle] = field(repr=False)


def declared(spec: Spec) -> Declared:
    """The stack, without what is refused in it."""
    left = dict(spec)
    if not left.get("smtp.project", {}).get("enabled"):
        # Only the server knows whether there is a server of mails that nobody declares.
        left.pop("email_template.recovery-de", None)
    while True:
        stack, variables = stack_of(left)
        try:
            checked = resolve(stack, _ENVIRONMENT, CODE, variables)
        except StackError as refused:
            for address in _worst({problem.subject for problem in refused.problems} & set(left)):
                left = without(left, address)
            continue
        bundles = pack_all(checked)
        return Declared(left, with_deployments(checked, bundles), bundles)


def _worst(refused: set[str]) -> Some[str]:
    """One of each place at a time: two that clash are not both wrong."""
    return {
        "/".join(address.partition(".")[2].split("/")[:2]): address for address in sorted(refused, reverse=True)
    }.values()


def without(spec: Spec, address: str) -> Spec:
    """Members go with their owner."""
    path = address.partition(".")[2]
    return {
        other: settings
        for other, settings in spec.items()
        if other != address and not (_owns(address) and other.partition(".")[2].startswith(f"{path}/"))
    }


def _owns(address: str) -> bool:
    return address.startswith(("function.", "site.", "database.", "collection."))


def stack_of(spec: Spec) -> tuple[Stack, dict[str, str]]:
    """The stack as a user writes it, and the environment variables that its secrets come from."""
    stack, secrets = Stack("test"), {}
    for address, settings in spec.items():
        kind, _, path = address.partition(".")
        if kind in ("function", "site"):
            variables: dict[str, Any] = {}
            inner = "variable" if kind == "function" else "site_variable"
            for other, variable in spec.items():
                if other.startswith(f"{inner}.{path}/"):
                    key = other.rpartition("/")[2]
                    variables[key] = _value(secrets, f"{kind}_{path}_{key}", variable)
            getattr(stack, kind)(path, **settings, variables=variables)
        elif kind == "project_variable":
            stack.variable(path, _value(secrets, f"PROJECT_{path}", settings))
        elif kind == "rule":
            own = dict(settings)
            getattr(stack, f"{own.pop('type')}_rule")(path, **own)
        elif kind == "provider":
            own = dict(settings)
            type = own.pop("type")
            secret = PROVIDERS[type][1]
            secrets[f"{path}_KEY"] = own[secret]
            getattr(stack, f"{type}_provider")(path, **{**own, secret: FromEnvironment(f"{path}_KEY")})
        elif kind == "platform":
            own = dict(settings)
            getattr(stack, f"{own.pop('type')}_platform")(path, **own)
        elif address in SETTINGS:
            secrets |= _declare_setting(stack, kind, path, settings)
        elif kind == "database" or kind in PLAIN:
            getattr(stack, kind)(path, **settings)
        elif kind not in ("variable", "site_variable"):
            _declare_member(stack, kind, path.split("/"), settings)
    for address in _ABSENT:
        stack.absent(address, reason="it never was")
    return stack, secrets


def _declare_setting(stack: Stack, kind: str, path: str, settings: Settings) -> dict[str, str]:
    """The environment variables that its secret comes from."""
    if kind == "labels":
        stack.labels(settings["names"])
    elif kind == "policy":
        getattr(stack, f"{path.replace('-', '_')}_policy")(**settings)
    elif kind == "smtp":
        stack.smtp(**{**settings, "password": FromEnvironment("SMTP")})
    elif kind == "email_template":
        template, _, language = path.partition("-")
        stack.email_template(template, language=language, **settings)
    elif kind == "oauth":
        stack.oauth("github", **{**settings, "secret": FromEnvironment("OAUTH")})
    else:
        getattr(stack, kind)(path, **settings)
    word, variable = SECRETS.get(f"{kind}.{path}", ("", ""))
    return {variable: settings[word]} if variable else {}


def _value(secrets: dict[str, str], name: str, variable: Settings) -> Any:
    """The value of a variable, or where it is to come from."""
    if not variable["secret"]:
        return variable["value"]
    secrets[name] = variable["value"]
    return FromEnvironment(name)


def _declare_member(stack: Stack, kind: str, path: list[str], settings: Settings) -> None:
    if kind == "collection":
        Database(stack, path[0]).collection(path[1], **settings)
        return
    owner = Collection(stack, path[0], path[1])
    own = dict(settings)
    if kind == "document":
        owner.document(path[2], **own)
    elif kind == "relationship":
        owner.relationship(path[2], own.pop("related"), **own)
    elif kind == "index":
        owner.index(path[2], *own.pop("attributes"), **own)
    else:
        getattr(owner, own.pop("type"))(path[2], **own)
