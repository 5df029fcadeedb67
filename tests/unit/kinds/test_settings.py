"""Settings: what may be declared of them, what a plan makes of them, and that only one is written at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from raceday_iac.kinds import KINDS, kind_of
from raceday_iac.kinds.auth_method import METHODS
from raceday_iac.kinds.base import misfit
from raceday_iac.kinds.oauth import PROVIDERS
from raceday_iac.model.address import Address
from raceday_iac.model.resource import Live, Resource, frozen
from raceday_iac.model.secret import Secret
from raceday_iac.model.stack import FromEnvironment, Stack
from raceday_iac.planning.plan import Plan
from raceday_iac.provider import ServerFacts

from ..applied import plan
from ..declaring import address, problems, resolved

FACTS = ServerFacts("1.9.6")
SETTINGS = [kind for kind in KINDS.values() if kind.is_setting]
Say = Callable[[Stack], Any]
SECRET = FromEnvironment("SECRET")


def declared(*say: Say) -> Stack:
    stack = Stack("test")
    for each in say:
        each(stack)
    return stack


def planned(*say: Say, **real: dict[str, Any]) -> Plan:
    live = {address(name.replace("__", ".")): fields for name, fields in real.items()}
    found = {at: Live(at, frozen(fields), at.name) for at, fields in live.items()}
    return plan(resolved(declared(*say)), real=found, facts=FACTS)


@pytest.mark.parametrize(
    ("say", "problem"),
    [
        (lambda stack: stack.auth_method("magic", enabled=True), "auth_method.magic"),
        (lambda stack: stack.service("teapot", enabled=True), "service.teapot"),
        (lambda stack: stack.protocol("smtp", enabled=True), "protocol.smtp"),
        (lambda stack: stack.labels(["a-b"]), "labels.project"),
        (lambda stack: stack.smtp(host="h.example.org", sender_email="nobody"), "'nobody' is not an e-mail address"),
        (lambda stack: stack.smtp(host="h", sender_email="a@example.org", password="p"), "it is a secret"),
        (lambda stack: stack.password_strength_policy(min=7), "policy.password-strength"),
        (lambda stack: stack.session_limit_policy(total=0), "policy.session-limit"),
        (lambda stack: stack.session_duration_policy(duration=4), "policy.session-duration"),
        (lambda stack: stack.mock_phone("0211234567", otp="123456"), "mock_phone.0211234567"),
        (lambda stack: stack.mock_phone("+6421555012", otp="12345"), "mock_phone.+6421555012"),
        (lambda stack: stack.email_template("hello", subject="S", message="M"), "email_template.hello-en"),
        (
            lambda stack: stack.email_template("recovery", language="xx", subject="S", message="M"),
            "email_template.recovery-xx",
        ),
        (lambda stack: stack.oauth("nobody", client_id="c", secret=SECRET), "oauth.nobody"),
        (lambda stack: stack.oauth("github", client_id="c", secret="s"), "it is a secret"),
        (
            lambda stack: stack.oauth("github", client_id="c", secret=SECRET, endpoint="e"),
            "github does not have this setting",
        ),
        (lambda stack: stack.oauth("okta", client_id="c", secret=SECRET), "domain: okta needs it"),
        (lambda stack: stack.oauth("apple", client_id="c", secret=SECRET, key_id="k"), "team_id: apple needs it"),
        (lambda stack: stack.oauth("oidc", client_id="c", secret=SECRET), "authorization_url: oidc needs it"),
        (
            lambda stack: stack.oauth("google", client_id="c", secret=SECRET, prompt=["none", "consent"]),
            "none cannot be combined with others",
        ),
    ],
)
def test_what_appwrite_would_refuse_is_refused_before(say: Say, problem: str) -> None:
    (found,) = problems(declared(say), variables={"SECRET": "s"})
    assert problem in str(found)


def test_templates_of_mails_need_a_server_of_mails_and_wait_for_it() -> None:
    def smtp(stack: Stack, enabled: bool = True) -> None:
        stack.smtp(host="mail.example.org", sender_email="a@example.org", enabled=enabled)

    def template(stack: Stack) -> None:
        stack.email_template("recovery", subject="S", message="M")

    at = address("email_template.recovery-en")
    assert resolved(declared(template)).resources[at].depends_on == ()
    assert resolved(declared(template, smtp)).resources[at].depends_on == (address("smtp.project"),)
    (problem,) = problems(declared(template, lambda stack: smtp(stack, enabled=False)))
    assert "smtp.project is declared as disabled" in str(problem)


def test_a_setting_that_a_server_does_not_have_is_refused_with_its_version() -> None:
    made = planned(lambda stack: stack.mfa_factors_policy(totp=False))
    (refusal,) = made.refusals
    assert refusal.message == "policy.mfa-factors: Appwrite 1.9.6 has no policy mfa-factors"


def test_what_no_key_can_take_back_is_refused() -> None:
    fields = {"enabled": True, "host": "mail.example.org", "senderEmail": "a@example.org", "secure": "tls", "port": 587}
    fields |= dict.fromkeys(("username", "senderName", "replyToEmail", "replyToName"), "")

    def smtp(secure: Any) -> Say:
        return lambda stack: stack.smtp(host="mail.example.org", sender_email="a@example.org", secure=secure)

    assert planned(smtp("ssl"), smtp__project=fields).refusals == ()
    (refusal,) = planned(smtp(None), smtp__project=fields).refusals
    assert refusal.message == "smtp.project: an API key cannot set secure to nothing, and a setting cannot be replaced"
    assert planned(smtp(None), smtp__project={**fields, "secure": ""}).changes[0].fields == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [("email_template.recovery-en", "earlier value is not known"), ("service.teapot", "earlier value is not known")],
)
def test_what_has_no_value_of_appwrites_own_cannot_be_absent(text: str, problem: str) -> None:
    (found,) = problems(declared(lambda stack: stack.absent(text, reason="r")))
    assert problem in str(found)


def test_only_one_setting_is_written_at_a_time() -> None:
    written = [*SETTINGS, KINDS["mock_phone"]]
    (turn,) = {kind.schema_places(Address(kind.name, "x"), {}) for kind in written}
    assert turn


@pytest.mark.parametrize("kind", [each for each in SETTINGS if each.is_given], ids=lambda each: each.name)
def test_a_setting_with_appwrites_own_value_is_nobodys_and_can_be_sent(kind: Any) -> None:
    names = {"auth_method": METHODS[0], "oauth": PROVIDERS[0], "service": "avatars", "protocol": "rest"}
    at = Address(kind.name, {**names, "policy": "session-limit"}.get(kind.name, "project"))
    for fields in kind.originals(at):
        reported = {name: value for name, value in fields.items() if not isinstance(value, Secret)}
        assert kind_of(at).is_original(Live(at, frozen(reported)))
        assert kind.requests.update(at, fields, Live(at, fields)).body
        assert set(Resource(at, fields).fields) - {"type"} <= kind.in_place


STRENGTH = {"$id": "password-strength", "uppercase": False, "lowercase": False, "number": False, "symbols": False}


@pytest.mark.parametrize(
    ("text", "answer", "wrong"),
    [
        ("service.avatars", {"$id": "p", "services": [{"enabled": True}]}, "services[0].$id is missing"),
        ("service.avatars", {"$id": "p", "services": [{"$id": "avatars"}]}, "services[0].enabled is missing"),
        ("service.avatars", {"$id": "p", "services": [{"$id": "newer"}]}, ""),
        ("service.avatars", {"$id": "p"}, ""),
        ("smtp.project", {"$id": "p"}, "smtpHost is missing"),
        ("policy.password-strength", {**STRENGTH, "min": "8"}, "min is a text, which does not fit"),
        ("policy.password-strength", {**STRENGTH, "min": 8}, ""),
        ("policy.session-limit", {"$id": "p", "services": []}, ""),
        (
            "oauth.dropbox",
            {"$id": "dropbox", "appKey": 1, "enabled": True},
            "appKey is a number, which does not fit",
        ),
    ],
)
def test_an_answer_that_is_no_answer_is_refused(text: str, answer: dict[str, Any], wrong: str) -> None:
    at = address(text)
    kind = kind_of(at)
    fields = kind.originals(at)[0]
    assert misfit(answer, kind.requests.update(at, fields, Live(at, fields)).shape).removesuffix(" there") == wrong
    if not wrong:
        assert kind.found_in(at, answer) in (None, answer)
