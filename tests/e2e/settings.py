"""One setting of each kind: how it is declared, changed, and changed by hand. A new kind is a new entry of `SETTINGS`,
and `test_settings.py` takes it through its whole life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from raceday_iac.model.secret import FromEnvironment


@dataclass(frozen=True)
class Setting:
    """`first` are the positional arguments of the stack's method, `declared` the others, `changed` those that are
    others later. By hand, somebody sends `by_hand` to `route`, which changes the field `field`."""

    address: str
    first: tuple[Any, ...]
    declared: Mapping[str, Any]
    changed: Mapping[str, Any]
    route: str
    by_hand: Mapping[str, Any]
    field: str
    #: Where it is read; several kinds share one answer.
    read_at: str = "/project"
    method: str = ""
    update: str = "patch"
    #: The positional arguments that are others later.
    other: tuple[Any, ...] = ()
    #: What must be declared beside it.
    before: str = ""
    #: Whether what is declared beside it is read with it.
    is_read_anyway: bool = False
    #: What the first plan does with it, and that which does not find it in the stack any more.
    first_action: str = "update"
    last_action: str = "forget"
    #: Whether Appwrite's own value of it is known, and what of the answer is not set back; None where it has several.
    has_original: bool = True
    left: Mapping[str, Any] | None = field(default_factory=dict)
    dangerous: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    #: Whether a real Appwrite asks others about it, or never gets rid of it.
    is_delicate: bool = False

    @property
    def kind(self) -> str:
        return self.address.partition(".")[0]

    def call(self, **changed: Any) -> str:
        """The line of the stack."""
        return self._said(self.first, changed)

    def changed_call(self) -> str:
        """The line as it is later."""
        return self._said(self.other or self.first, self.changed)

    def _said(self, first: tuple[Any, ...], changed: Mapping[str, Any]) -> str:
        named = [f"{name}={value!r}" for name, value in {**self.declared, **changed}.items()]
        return f"stack.{self.method or self.kind}({', '.join([*map(repr, first), *named])})\n"


_ON = {"enabled": True}
SETTINGS = (
    Setting(
        "auth_method.magic-url",
        ("magic-url",),
        {"enabled": False},
        {"enabled": True},
        "/project/auth-methods/magic-url",
        {"enabled": True},
        "enabled",
    ),
    Setting(
        "service.avatars",
        ("avatars",),
        {"enabled": False},
        {"enabled": True},
        "/project/services/avatars",
        {"enabled": True},
        "enabled",
    ),
    Setting(
        "protocol.graphql",
        ("graphql",),
        {"enabled": False},
        {"enabled": True},
        "/project/protocols/graphql",
        {"enabled": True},
        "enabled",
    ),
    Setting(
        "labels.project",
        (["races", "live"],),
        {},
        {},
        "/project/labels",
        {"labels": ["other"]},
        "labels",
        update="put",
        other=(["races"],),
    ),
    Setting(
        "smtp.project",
        (),
        {
            "host": "mail.example.org",
            "username": "u",
            "password": FromEnvironment("SAMPLE_PASSWORD"),
            "sender_email": "races@example.org",
        },
        {"port": 465, "secure": "ssl"},
        "/project/smtp",
        {"senderName": "By hand"},
        "senderName",
        left={"smtpHost": "mail.example.org", "smtpPort": 587, "smtpSecure": "tls"},
        dangerous={"secure": None},
        code="SMT001",
        secrets={"SAMPLE_PASSWORD": "a-password-nobody-sees"},
        is_delicate=True,
    ),
    *(
        Setting(
            f"policy.{name}",
            (),
            declared,
            changed,
            f"/project/policies/{name}",
            by_hand,
            next(iter(by_hand)),
            read_at="/project/policies",
            method=f"{name.replace('-', '_')}_policy",
            dangerous=dangerous,
            code=code,
            left=None if name == "session-limit" else {},
        )
        for name, declared, changed, by_hand, dangerous, code in (
            ("password-dictionary", _ON, {"enabled": False}, {"enabled": False}, {"enabled": False}, "PLC001"),
            ("password-personal-data", _ON, {"enabled": False}, {"enabled": False}, {}, ""),
            ("password-history", {"total": 5}, {"total": None}, {"total": 7}, {}, ""),
            ("password-strength", {"min": 12, "uppercase": True}, {"min": 14, "number": True}, {"min": 8}, {}, ""),
            ("session-alert", _ON, {"enabled": False}, {"enabled": False}, {}, ""),
            (
                "session-duration",
                {"duration": 3600},
                {"duration": 60},
                {"duration": 90},
                {"duration": 31_536_000},
                "PLC003",
            ),
            ("session-limit", {"total": 3}, {"total": 4}, {"total": 5}, {}, ""),
            ("user-limit", {"total": 100}, {"total": None}, {"total": 5}, {}, ""),
            (
                "membership-privacy",
                {"user_name": True, "user_mfa": True},
                {"user_name": False},
                {"userId": True},
                {"user_email": True},
                "PLC004",
            ),
        )
    ),
    Setting(
        "policy.session-invalidation",
        (),
        {"enabled": False},
        {"enabled": True},
        "/project/policies/session-invalidation",
        {"enabled": True},
        "enabled",
        read_at="/project/policies",
        method="session_invalidation_policy",
    ),
    Setting(
        "oauth.github",
        ("github",),
        {"client_id": "an-app", "secret": FromEnvironment("SAMPLE_SECRET")},
        {"client_id": "another-app"},
        "/project/oauth2/github",
        {"enabled": False},
        "enabled",
        read_at="/project/oauth2",
        secrets={"SAMPLE_SECRET": "a-secret-nobody-sees"},
        is_delicate=True,
    ),
    Setting(
        "oauth.keycloak",
        ("keycloak",),
        {
            "client_id": "an-app",
            "secret": FromEnvironment("SAMPLE_SECRET"),
            "endpoint": "https://a.example.org",
            "realm_name": "r",
        },
        {"endpoint": "https://b.example.org", "enabled": False},
        "/project/oauth2/keycloak",
        {"realmName": "by-hand"},
        "realmName",
        read_at="/project/oauth2",
        left=None,
        dangerous={"endpoint": "http://a.example.org"},
        code="OAT001",
        secrets={"SAMPLE_SECRET": "a-secret-nobody-sees"},
        is_delicate=True,
    ),
    Setting(
        "mock_phone.+14155550100",
        ("+14155550100",),
        {"otp": "123456"},
        {"otp": "654321"},
        "/project/mock-phones/+14155550100",
        {"otp": "111111"},
        "otp",
        read_at="/project/mock-phones",
        update="put",
        first_action="create",
        last_action="delete",
    ),
    Setting(
        "email_template.verification-de",
        ("verification",),
        {"language": "de", "subject": "S", "message": "Ja: {{redirect}}"},
        {"subject": "S 2", "sender_name": "N"},
        "/project/templates/email",
        {"templateId": "verification", "locale": "de", "subject": "By hand"},
        "subject",
        read_at="/project/templates/email",
        before='stack.smtp(host="mail.example.org", sender_email="races@example.org")\n',
        first_action="create",
        has_original=False,
        is_delicate=True,
    ),
)
