"""From a random stack to one that passes all checks: what is refused is left out, as a user would take it out."""

from __future__ import annotations

from collections.abc import Collection as Some
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from raceday_iac.errors import StackError
from raceday_iac.loading.environment import Environment
from raceday_iac.loading.resolve import resolve
from raceday_iac.model.resource import Desired
from raceday_iac.model.stack import Collection, Database, FromEnvironment, Stack
from raceday_iac.packaging import Bundle, pack_all, with_deployments

from .specs import PLAIN, PROVIDERS, SETTINGS, Settings, Spec

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
    return address.startswith(("function.", "database.", "collection."))


def stack_of(spec: Spec) -> tuple[Stack, dict[str, str]]:
    """The stack as a user writes it, and the environment variables that its secrets come from."""
    stack, secrets = Stack("test"), {}
    for address, settings in spec.items():
        kind, _, path = address.partition(".")
        if kind == "function":
            variables = {}
            for other, variable in spec.items():
                if other.startswith(f"variable.{path}/"):
                    key = other.rpartition("/")[2]
                    variables[key] = variable["value"]
                    if variable["secret"]:
                        secrets[f"{path}_{key}"] = variable["value"]
                        variables[key] = FromEnvironment(f"{path}_{key}")
            stack.function(path, **settings, variables=variables)
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
        elif kind != "variable":
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
    elif kind == "oauth":
        stack.oauth("github", **{**settings, "secret": FromEnvironment("OAUTH")})
        return {"OAUTH": settings["secret"]}
    else:
        getattr(stack, kind)(path, **settings)
    return {}


def _declare_member(stack: Stack, kind: str, path: list[str], settings: Settings) -> None:
    if kind == "collection":
        Database(stack, path[0]).collection(path[1], **settings)
        return
    owner = Collection(stack, path[0], path[1])
    own = dict(settings)
    if kind == "relationship":
        owner.relationship(path[2], own.pop("related"), **own)
    elif kind == "index":
        owner.index(path[2], *own.pop("attributes"), **own)
    else:
        getattr(owner, own.pop("type"))(path[2], **own)
