"""Templates of the mails that Appwrite sends, by language. Keys make and change them and never delete one; they need a
server of mails of the project (`smtp.py`)."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from ..model.address import Address
from ..model.resource import Diagnostic, Fields, Live, frozen
from .base import Call, Kind, Listing, Shape
from .fields import IDENTITY, Checked, Local, answered, body, parsed, wire_fields
from .setting import ONLY, SINCE, TURN, SettingDeclaration, SettingDeclaring
from .smtp import MailAddress

ROUTE = "/project/templates/email"
SMTP = Address("smtp", ONLY)
Template = Literal[
    "verification", "magicSession", "recovery", "invitation", "mfaChallenge", "sessionAlert", "otpSession"
]
TEMPLATES: tuple[Template, ...] = get_args(Template)
# fmt: off
Language = Literal[
    "af", "ar-ae", "ar-bh", "ar-dz", "ar-eg", "ar-iq", "ar-jo", "ar-kw", "ar-lb", "ar-ly", "ar-ma", "ar-om",
    "ar-qa", "ar-sa", "ar-sy", "ar-tn", "ar-ye", "as", "az", "be", "bg", "bh", "bn", "bs", "ca", "cs", "cy",
    "da", "de", "de-at", "de-ch", "de-li", "de-lu", "el", "en", "en-au", "en-bz", "en-ca", "en-gb", "en-ie",
    "en-jm", "en-nz", "en-tt", "en-us", "en-za", "eo", "es", "es-ar", "es-bo", "es-cl", "es-co", "es-cr",
    "es-do", "es-ec", "es-gt", "es-hn", "es-mx", "es-ni", "es-pa", "es-pe", "es-pr", "es-py", "es-sv",
    "es-uy", "es-ve", "et", "eu", "fa", "fi", "fo", "fr", "fr-be", "fr-ca", "fr-ch", "fr-lu", "ga", "gd",
    "he", "hi", "hr", "hu", "id", "is", "it", "it-ch", "ja", "ji", "ko", "ku", "lt", "lv", "mk", "ml", "ms",
    "mt", "nb", "ne", "nl", "nl-be", "nn", "no", "pa", "pl", "pt", "pt-br", "rm", "ro", "ro-md", "ru",
    "ru-md", "sb", "sk", "sl", "sq", "sr", "sv", "sv-fi", "th", "tn", "tr", "ts", "ua", "ur", "ve", "vi",
    "xh", "zh-cn", "zh-hk", "zh-sg", "zh-tw", "zu",
]
# fmt: on
Text = Annotated[str, Field(max_length=255)]


class EmailTemplateDeclaration(SettingDeclaration):
    """A mail in one language. `message` is text or HTML, with placeholders such as `{{redirect}}` and `{{user}}`."""

    id: Annotated[Template, IDENTITY] = Field(init=False)
    language: Annotated[Language, Local("another resource")] = "en"
    subject: str = Field(min_length=1, max_length=255)
    message: str = Field(min_length=1, max_length=10_485_760)
    sender_name: Text = ""
    sender_email: MailAddress = ""
    reply_to_name: Text = ""
    reply_to_email: MailAddress = ""


SHAPE = Shape({"templateId": str, "locale": str, **answered(EmailTemplateDeclaration)})


def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    name = f"{raw['templateId']}-{raw['locale']}"
    return Live(Address("email_template", name), frozen(parsed(EmailTemplateDeclaration, raw)), name)


def found_in(address: Address, raw: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """In the list, or as the answer to a write."""
    return next((each for each in raw.get("templates", [raw]) if parse((), each).address == address), None)


class _Requests:
    """One request makes and changes it."""

    def create(self, address: Address, fields: Fields) -> Call:
        template, _, language = address.name.partition("-")
        said = {"templateId": template, "locale": language, **body(EmailTemplateDeclaration, fields)}
        return Call("patch", ROUTE, said, SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:  # noqa: ARG002 - all of it is said
        return self.create(address, fields)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        raise AssertionError(f"{address} is never deleted")

    def read(self, address: Address) -> Call:  # noqa: ARG002
        return Call("get", ROUTE, answer=LISTING.answer)


class _Declaring(SettingDeclaring):
    follows = (SMTP,)

    def address_of(self, owner: tuple[str, ...], written: Mapping[str, Any]) -> Address:  # noqa: ARG002
        return Address(self.kind, f"{written['id']}-{written['language']}")

    def identified(self, live: Live) -> tuple[Any, ...]:
        return (live.address.name.partition("-")[0],)

    def local(self, name: str, live: Live, beside: Any) -> Any:  # noqa: ARG002
        return live.address.name.partition("-")[2] if name == "language" else None

    def problems(self, stack: Checked) -> Iterator[Diagnostic]:
        """Appwrite takes none while the server of mails is off."""
        smtp = stack.desired.resources.get(SMTP)
        for each in stack.desired.of_kind(self.kind) if smtp is not None and not smtp.fields["enabled"] else ():
            said = f"it needs the project's SMTP server, but {SMTP} is declared as disabled"
            yield Diagnostic(each.location, str(each.address), said)


LISTING = Listing(ROUTE, "templates", SHAPE, is_whole=True)
KIND = Kind(
    name="email_template",
    stage=57,
    plural="email templates",
    tone="calm",
    requests=_Requests(),
    parse=parse,
    found_in=found_in,
    in_place=frozenset(each.name for each in wire_fields(EmailTemplateDeclaration)),
    is_setting=True,
    schema_places=lambda _address, _fields: TURN,
    listing=LISTING,
    since=SINCE,
    routes=(f"PATCH {ROUTE}",),
    left_out=dict.fromkeys(("templateId", "locale"), "part of the address"),
    declaring=_Declaring("email_template", EmailTemplateDeclaration),
)
