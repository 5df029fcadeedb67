"""Webhooks: a URL that is called when something happens in the project, with a signature over what is sent."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from ..model import validators
from ..model.address import Address
from ..model.declarations import Declared, Id, Name, all_valid, unknown_events
from ..model.resource import Fields
from ..model.secret import FromEnvironment, Secret
from .base import Call, Danger
from .fields import IDENTITY, Wire, secret_wire
from .plain import SET, plain_kind

ROUTE = "/webhooks"


def _url(value: str) -> str:
    host = urlsplit(value).hostname if validators.is_url(value) else None
    if not value.startswith(("http://", "https://")) or not host or "." not in host or validators.is_ip(host):
        raise ValueError(f"{value!r}: write a URL with http or https and a public domain; Appwrite accepts no other")
    return value


def _events(value: Sequence[str]) -> Sequence[str]:
    return all_valid(value, validators.pattern_problem)


def _doubts(events: Iterable[str]) -> Iterator[str]:
    """Those of functions are none that a function listens to, so they are not in that list."""
    return unknown_events(each for each in events if not each.startswith("functions."))


def _long_enough(value: Secret | FromEnvironment | None) -> Secret | FromEnvironment | None:
    if isinstance(value, Secret) and not value.missing and not 8 <= len(value.reveal()) <= 256:
        raise ValueError("the environment variable must hold 8 to 256 characters")
    return value


def _short_enough(value: Secret | FromEnvironment | None) -> Secret | FromEnvironment | None:
    if isinstance(value, Secret) and len(value.reveal()) > 256:
        raise ValueError("the environment variable must hold at most 256 characters")
    return value


class WebhookDeclaration(Declared):
    """A webhook. `tls` says whether the certificate of the URL is verified. `secret` is the key of the signature that
    each call has in `X-Appwrite-Webhook-Signature`; where none is given, the server makes one and shows it once
    (`apply --secrets-out FILE`). With `auth_username` and `auth_password`, calls log in by HTTP."""

    id: Annotated[Id, IDENTITY] = Field(init=False)
    name: Name
    url: Annotated[str, AfterValidator(_url)]
    events: Annotated[Sequence[str], AfterValidator(_events), replace(SET, doubts=_doubts)] = Field(max_length=100)
    enabled: bool = True
    tls: bool = True
    auth_username: Annotated[str, Wire(is_unsaid_empty=True)] = Field(default="", max_length=256)
    auth_password: Annotated[
        Secret | FromEnvironment | None, AfterValidator(_short_enough), secret_wire(is_left=True)
    ] = None
    secret: Annotated[
        Secret | FromEnvironment | None, AfterValidator(_long_enough), secret_wire(is_left=True, is_apart=True)
    ] = None


def _unprotected(fields: Fields) -> Iterator[tuple[str, str]]:
    """Whoever is between the server and the URL can read what happens in the project, and change what is reported.

    Fix: an https URL, and `tls=True`.
    """
    if fields["url"].startswith("http://"):
        yield "events of the project are sent without TLS", "use an https URL"
    elif not fields["tls"]:
        yield "the certificate of the URL is not verified", "tls=True"


def _unsigned(fields: Fields) -> Iterator[tuple[str, str]]:
    """The server signs each call with a key of its own, but the receiver does not know it, and so takes anybody's call.

    Fix: `secret=FromEnvironment("NAME")`, with the same value at the receiver.
    """
    if "secret" not in fields:
        yield (
            "its receiver cannot verify who calls: no signature key is set",
            ('secret=FromEnvironment("NAME"), or accept the finding where apply --secrets-out wrote it down'),
        )


def _signed_again(address: Address, fields: Mapping[str, Any]) -> Call | None:
    """The key of the signature has a route of its own (1.9.6)."""
    if "secret" not in fields:
        return None
    return Call("patch", f"{ROUTE}/{address.name}/secret", {"secret": fields["secret"].reveal()})


KIND = replace(
    plain_kind(
        "webhook",
        WebhookDeclaration,
        ROUTE,
        stage=47,
        since="1.9.5",
        left_out={
            "logs": "what the last call came to, which is data",
            "attempts": "how many calls failed, which is data",
        },
        dangers=(
            Danger("WHK001", "error", "a webhook that is called without TLS", _unprotected),
            Danger("WHK002", "warning", "a webhook whose signature nobody can check", _unsigned),
        ),
        is_server_wide=True,
        made_secret="secret",
        terraform_types=("appwrite_webhook",),
    ),
    routes=(f"POST {ROUTE}", f"PUT {ROUTE}/{{webhookId}}", f"PATCH {ROUTE}/{{webhookId}}/secret"),
    follow_up=_signed_again,
)
