"""Providers of messages, of every type. A credential comes from the environment and is sent; the state keeps a
fingerprint of it. A server shows keys what it holds (1.9.6), so that one that somebody changed there is drift."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from ..model import validators
from ..model.address import Address
from ..model.declarations import Id, Name
from ..model.resource import Desired, Fields, Live, Resource, frozen
from ..model.secret import FromEnvironment, Secret
from ..model.server import ServerFacts
from .base import Call, Danger, Kind, Listing, Shape, is_instant, thaw
from .fields import IDENTITY, Wire, secret_wire, wire_fields
from .plain import Typed, TypedDeclaring

ROUTE = "/messaging/providers"


def _address(value: str) -> str:
    if value and not validators.is_email(value):
        raise ValueError(f"{value!r} is not an e-mail address")
    return value


def _json_object(value: Secret | FromEnvironment) -> Secret | FromEnvironment:
    """The text of a JSON object, in one form."""
    if isinstance(value, FromEnvironment) or value.missing:
        return value
    try:
        content = json.loads(value.reveal())
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ValueError("the environment variable must hold a JSON object, as Firebase gives it")
    return Secret(_canonical_json(content))


def _canonical_json(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


_CREDENTIAL, _OPTION = Wire(answer="credentials"), Wire(answer="options")
#: Made without a word on encryption, a provider has an empty text there, which is none.
_ENCRYPTION = Wire(answer="options", canonical=lambda said: said or "none")
Text: TypeAlias = Annotated[str, Field(min_length=1), _CREDENTIAL]
SecretText: TypeAlias = Annotated[Secret | FromEnvironment, secret_wire(answer="credentials")]
Number = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$"), Wire(name="from", answer="options")]
Address_ = Annotated[str, AfterValidator(_address), _OPTION]
Person = Annotated[str, Field(max_length=128), _OPTION]


class ProviderDeclaration(Typed):
    """A provider of messages; there is a method for each type. Credentials come from the environment:
    `FromEnvironment("NAME")`."""

    id: Annotated[Id, IDENTITY] = Field(init=False)
    name: Name
    enabled: bool = True


class MailDeclaration(ProviderDeclaration):
    """One that sends mail. An enabled one needs `from_email`."""

    from_name: Person = ""
    from_email: Address_ = ""
    reply_to_name: Person = ""
    reply_to_email: Address_ = ""

    @model_validator(mode="after")
    def _can_send(self) -> Self:
        if self.enabled and not self.from_email:
            raise ValueError("from_email: an enabled provider needs it; without it, Appwrite disables the provider")
        return self


class SmtpDeclaration(MailDeclaration):
    """Mail through any SMTP server."""

    type = "smtp"
    host: Text
    port: Annotated[int, _CREDENTIAL] = Field(default=587, ge=1, le=65535)
    username: Annotated[str, _CREDENTIAL] = ""
    password: Annotated[Secret | FromEnvironment | None, secret_wire(answer="credentials", is_left=True)] = None
    encryption: Annotated[Literal["none", "ssl", "tls"], _ENCRYPTION] = "tls"
    auto_tls: Annotated[bool, Wire(name="autoTLS", answer="options")] = True
    mailer: Annotated[str, _OPTION] = ""


class SendgridDeclaration(MailDeclaration):
    """Mail through SendGrid."""

    type = "sendgrid"
    api_key: SecretText


class MailgunDeclaration(MailDeclaration):
    """Mail through Mailgun."""

    type = "mailgun"
    api_key: SecretText
    domain: Text
    is_eu_region: Annotated[bool, _CREDENTIAL] = False


class ResendDeclaration(MailDeclaration):
    """Mail through Resend."""

    type = "resend"
    api_key: SecretText


#: The first version of Appwrite that has it.
SES_SINCE = "1.9.5"
_SINCE = Wire(answer="credentials", since=SES_SINCE)


class SesDeclaration(MailDeclaration):
    """Mail through Amazon SES (Appwrite 1.9.5)."""

    type = "ses"
    access_key: Annotated[str, Field(min_length=1), _SINCE]
    secret_key: Annotated[Secret | FromEnvironment, secret_wire(answer="credentials", since=SES_SINCE)]
    region: Annotated[str, Field(min_length=1), _SINCE]


class TwilioDeclaration(ProviderDeclaration):
    """Text messages through Twilio."""

    type = "twilio"
    from_number: Number
    account_sid: Text
    auth_token: SecretText


class VonageDeclaration(ProviderDeclaration):
    """Text messages through Vonage."""

    type = "vonage"
    from_number: Number
    api_key: Text
    api_secret: SecretText


class Msg91Declaration(ProviderDeclaration):
    """Text messages through MSG91."""

    type = "msg91"
    template_id: Text
    sender_id: Text
    auth_key: SecretText


class TelesignDeclaration(ProviderDeclaration):
    """Text messages through Telesign."""

    type = "telesign"
    from_number: Number
    customer_id: Text
    api_key: SecretText


class TextmagicDeclaration(ProviderDeclaration):
    """Text messages through Textmagic."""

    type = "textmagic"
    from_number: Number
    username: Text
    api_key: SecretText


class FcmDeclaration(ProviderDeclaration):
    """Push messages through Firebase. The environment variable holds the JSON of a service account."""

    type = "fcm"
    service_account_json: Annotated[
        Secret | FromEnvironment,
        AfterValidator(_json_object),
        secret_wire(name="serviceAccountJSON", answer="credentials", send=json.loads),
    ]


class ApnsDeclaration(ProviderDeclaration):
    """Push messages through Apple. The environment variable holds the key as Apple gives it (.p8)."""

    type = "apns"
    auth_key: SecretText
    auth_key_id: Text
    team_id: Text
    bundle_id: Text
    sandbox: Annotated[bool, _OPTION] = False


_DECLARING = TypedDeclaring(
    "provider",
    ProviderDeclaration,
    SmtpDeclaration,
    SendgridDeclaration,
    MailgunDeclaration,
    ResendDeclaration,
    SesDeclaration,
    TwilioDeclaration,
    VonageDeclaration,
    Msg91Declaration,
    TelesignDeclaration,
    TextmagicDeclaration,
    FcmDeclaration,
    ApnsDeclaration,
)
SHAPE = Shape({"$id": str, "name": str, "provider": str, "enabled": bool}, {"$updatedAt": is_instant})


def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """A provider as the server describes it. To PHP, what is empty is a list."""
    parts = [part for part in (raw.get("credentials"), raw.get("options")) if isinstance(part, Mapping)]
    said = {**raw, **{name: value for part in parts for name, value in part.items()}}
    kind = str(raw["provider"])
    fields: dict[str, Any] = {"type": kind}
    for each in wire_fields(_DECLARING.model_of(fields)):
        value = said.get(each.name)
        if each.wire.is_secret:
            if value:
                fields[each.name] = Secret(value if isinstance(value, str) else _canonical_json(value))
        elif value is not None:
            fields[each.name] = each.wire.canonical(value)
        elif not each.info.is_required():
            fields[each.name] = each.info.get_default(call_default_factory=True)
    updated_at = str(raw.get("$updatedAt") or "")
    return Live(Address("provider", str(raw["$id"])), frozen(fields), str(raw["$id"]), updated_at=updated_at)


class _Requests:
    """An update leaves what it does not say as it is. No text can be made empty, so that an empty one is not sent."""

    def _body(self, fields: Fields) -> dict[str, Any]:
        said = thaw(fields)
        named = {
            each.name: each.wire.send(said[each.name])
            for each in wire_fields(_DECLARING.model_of(said))
            if each.name in said
        }
        return {name: value for name, value in named.items() if value != ""}

    def create(self, address: Address, fields: Fields) -> Call:
        return Call("post", f"{ROUTE}/{fields['type']}", {"providerId": address.path, **self._body(fields)}, SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:  # noqa: ARG002 - the rest stays by itself
        return Call("patch", f"{ROUTE}/{fields['type']}/{address.path}", self._body(fields), SHAPE)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        return Call("delete", f"{ROUTE}/{address.path}")

    def read(self, address: Address) -> Call:
        return Call("get", f"{ROUTE}/{address.path}", answer=SHAPE)


def unsupported(wanted: Resource, _desired: Desired, server: ServerFacts) -> Iterator[tuple[str, str]]:
    """A type that only newer servers have."""
    if wanted.fields["type"] == SesDeclaration.type and not server.is_since(SES_SINCE):
        message = f"{server} has no providers of type {SesDeclaration.type}; Appwrite has them since {SES_SINCE}"
        yield message, "update the server, or send through smtp_provider, which SES offers too"


def _sent_in_the_open(fields: Fields) -> Iterator[tuple[str, str]]:
    """Passwords and mails go over the network as plain text.

    Fix: `encryption="tls"`, or `"ssl"` where the server wants it on its own port.
    """
    if fields.get("encryption") == "none" and not fields.get("autoTLS"):
        yield "its password and its mails are sent without TLS", 'encryption="tls", or auto_tls=True'


KIND = Kind(
    name="provider",
    stage=44,
    tone="state",
    requests=_Requests(),
    parse=parse,
    in_place=frozenset(each.name for model in _DECLARING.models for each in wire_fields(model)),
    cannot_become=lambda _name, value: value == "",
    listing=Listing(ROUTE, "providers", SHAPE),
    unsupported=unsupported,
    is_read_by_code=True,
    routes=tuple(
        route for kind in _DECLARING.types for route in (f"POST {ROUTE}/{kind}", f"PATCH {ROUTE}/{kind}/{{providerId}}")
    ),
    left_out={"provider": "the type, which the method says", "type": "mail, text or push; follows from the provider"},
    declaring=_DECLARING,
    dangers=(Danger("PRV001", "error", "a provider that sends without TLS", _sent_in_the_open),),
    terraform_types=("appwrite_messaging_provider",),
)
