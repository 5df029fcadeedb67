"""The server through which the project sends mails. A real Appwrite calls it before it takes the settings. The password
is never returned: the state keeps a fingerprint of it."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from ..model import validators
from ..model.resource import Fields
from ..model.secret import FromEnvironment, Secret
from .base import Danger
from .fields import IDENTITY, Wire, secret_wire
from .setting import ONLY, SettingDeclaration, SettingDeclaring, setting_kind


def mail_address(value: str) -> str:
    """An address of mail, or nothing; raises ValueError."""
    if value and not validators.is_email(value):
        raise ValueError(f"{value!r} is not an e-mail address")
    return value


Text = Annotated[str, Field(max_length=256)]
MailAddress = Annotated[str, AfterValidator(mail_address)]


class SmtpDeclaration(SettingDeclaration):
    """The project's own server of mails; templates of mails need one. Without `secure`, mails and password travel in
    the open. A password that is not said is left as it is."""

    only = ONLY

    id: Annotated[str, IDENTITY] = Field(init=False)
    host: Annotated[str, Field(min_length=1), Wire(answer="smtpHost")]
    port: Annotated[int, Wire(answer="smtpPort")] = Field(default=587, ge=1, le=65535)
    secure: Annotated[
        Literal["tls", "ssl"] | None,
        Wire(answer="smtpSecure", canonical=lambda value: value or "", send=lambda value: value or None),
    ] = "tls"
    username: Annotated[Text, Wire(answer="smtpUsername")] = ""
    password: Annotated[Secret | FromEnvironment | None, secret_wire(answer="smtpPassword", is_left=True)] = None
    sender_email: Annotated[MailAddress, Field(min_length=1), Wire(answer="smtpSenderEmail")]
    sender_name: Annotated[Text, Wire(answer="smtpSenderName")] = ""
    reply_to_email: Annotated[MailAddress, Wire(answer="smtpReplyToEmail")] = ""
    reply_to_name: Annotated[Text, Wire(answer="smtpReplyToName")] = ""
    enabled: Annotated[bool, Wire(answer="smtpEnabled")] = True

    @classmethod
    def originals(cls) -> list[dict[str, Any]]:
        """Off, and without what names somebody. The host stays, because none can be taken away."""
        names = ("username", "senderEmail", "senderName", "replyToEmail", "replyToName")
        return [{"enabled": False, **dict.fromkeys(names, ""), "password": Secret("")}]


def _sent_in_the_open(fields: Fields) -> Iterator[tuple[str, str]]:
    """Passwords and mails go over the network as plain text.

    Fix: `secure="tls"`, or `"ssl"` where the server wants it on its own port.
    """
    if fields.get("enabled") and not fields.get("secure", "tls"):
        yield "the project's mails are sent without TLS", 'secure="tls", or "ssl"'


KIND = setting_kind(
    "smtp",
    SettingDeclaring("smtp", SmtpDeclaration),
    "PATCH /project/smtp",
    stage=54,
    plural="SMTP settings",
    cannot_become=lambda name, value: name == "secure" and value == "",
    dangers=(Danger("SMT001", "error", "mails of the project without TLS", _sent_in_the_open),),
)
