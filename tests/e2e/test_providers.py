"""Providers of messages: every type, and credentials that nobody is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .here import run_here
from .project import Project, actions
from .target import Target, needs

live = pytest.mark.live
KEY = 'FromEnvironment("SAMPLE_KEY")'
#: What the stack says of each type, and what Appwrite is to hold of its secret.
TYPES: dict[str, tuple[str, str]] = {
    "smtp": (f'host="h.example.org", password={KEY}, from_email="f@example.org", mailer="x"', "password"),
    "sendgrid": (f'api_key={KEY}, from_email="f@example.org", from_name="F"', "apiKey"),
    "mailgun": (f'api_key={KEY}, domain="d.example.org", is_eu_region=True, from_email="f@example.org"', "apiKey"),
    "resend": (f'api_key={KEY}, from_email="f@example.org"', "apiKey"),
    "twilio": (f'account_sid="a", auth_token={KEY}, from_number="+6421555012"', "authToken"),
    "vonage": (f'api_key="a", api_secret={KEY}, from_number="+6421555012"', "apiSecret"),
    "msg91": (f'template_id="t", sender_id="s", auth_key={KEY}', "authKey"),
    "telesign": (f'customer_id="c", api_key={KEY}, from_number="+6421555012"', "apiKey"),
    "textmagic": (f'username="u", api_key={KEY}, from_number="+6421555012"', "apiKey"),
    "apns": (f'auth_key={KEY}, auth_key_id="i", team_id="t", bundle_id="b", sandbox=True', "authKey"),
    "fcm": ('service_account_json=FromEnvironment("SAMPLE_JSON")', "serviceAccountJSON"),
}
ACCOUNT = {"project_id": "p", "private_key": "a-key-nobody-sees"}


def declare(project: Project, type: str = "sendgrid", more: str = "") -> None:
    arguments, _ = TYPES[type]
    project.declare(f'stack.{type}_provider(P + "x", name="X", {arguments}{more})\n')


def here(project: Project, *words: str, code: int = 0) -> Any:
    ended = run_here(project, *words)
    assert ended.code == code, f"expected exit {code}\n{ended}"
    assert not [each for each in project.secrets if each in ended.text]
    return ended


def held(project: Project, name: str) -> Any:
    return project.api.get(f"/messaging/providers/{project.id('x')}")["credentials"][name]


@pytest.fixture(autouse=True)
def _secrets(project: Project) -> None:
    project.secret("SAMPLE_KEY", "a-key-of-the-first-month")
    project.variables["SAMPLE_JSON"] = json.dumps(ACCOUNT)
    project.secrets.append(ACCOUNT["private_key"])


def test_a_secret_that_has_to_have_a_form_does_not_hinder_an_import(project: Project) -> None:
    declare(project, "fcm")
    here(project, "apply", "--auto-approve")
    written = project.root / "live.py"
    here(project, "import", "--write", str(written))
    assert "stack.fcm_provider(" in written.read_text(encoding="utf-8")


def test_a_provider_that_says_nothing_of_encryption_is_imported_as_one_without(project: Project) -> None:
    project.api.post("/messaging/providers/smtp", {"providerId": "bare", "name": "Bare", "host": "h.example.org"})
    project.declare("")
    written = project.root / "live.py"
    here(project, "import", "--write", str(written))
    assert 'encryption="none"' in written.read_text(encoding="utf-8")


def test_what_an_import_leaves_out_of_providers_without_credentials_is_named(project: Project) -> None:
    for type in ("mailgun", "twilio"):
        project.api.post(f"/messaging/providers/{type}", {"providerId": type, "name": type})
    project.declare("")
    ended = here(project, "import", "--write", str(project.root / "live.py"))
    for type, missing in {"mailgun": "domain", "twilio": "from and no accountSid"}.items():
        said = f"provider.{type} is not declared and stays as it is: it has no {missing}, which a declaration needs"
        assert said in ended.out, ended


@live
@pytest.mark.parametrize("type", TYPES)
def test_a_provider_of_every_type_is_made_enabled_and_then_as_declared(project: Project, type: str) -> None:
    declare(project, type)
    here(project, "apply", "--auto-approve")
    project.must_be_clean()
    found = project.api.get(f"/messaging/providers/{project.id('x')}")
    assert (found["provider"], found["enabled"]) == (type, True)
    assert held(project, TYPES[type][1]) == (ACCOUNT if type == "fcm" else "a-key-of-the-first-month")
    project.must_keep_no_secret()


@live
def test_a_rotated_credential_shows_as_a_change_without_its_value(project: Project) -> None:
    declare(project)
    here(project, "apply", "--auto-approve")
    project.secret("SAMPLE_KEY", "a-key-of-the-second-month")
    plan = here(project, "plan", "--json").json
    (field,) = plan["changes"][0]["fields"]
    assert (field["name"], field["before"], field["after"], field["cause"]) == ("apiKey", "***", "***", "config")
    here(project, "apply", "--auto-approve")
    assert held(project, "apiKey") == "a-key-of-the-second-month"
    project.must_be_clean()
    project.must_keep_no_secret()


def test_a_credential_that_somebody_changed_on_the_server_is_drift(project: Project) -> None:
    declare(project)
    here(project, "apply", "--auto-approve")
    project.secrets.append("somebody-elses-key")
    project.api.patch(f"/messaging/providers/sendgrid/{project.id('x')}", {"apiKey": "somebody-elses-key"})
    assert "apiKey" in here(project, "drift", code=3).out
    here(project, "apply", "--auto-approve", "--refresh-only")
    project.must_keep_no_secret()
    assert here(project, "plan", "--json").json["changes"][0]["fields"][0]["cause"] == "config"
    here(project, "apply", "--auto-approve")
    assert held(project, "apiKey") == "a-key-of-the-first-month"


def test_a_saved_plan_holds_no_credential_and_is_applied(project: Project) -> None:
    declare(project)
    here(project, "apply", "--auto-approve")
    project.secret("SAMPLE_KEY", "a-key-of-the-second-month")
    file = project.root / "saved.plan"
    here(project, "plan", "--out", str(file))
    assert not [each for each in project.secrets if each in file.read_text(encoding="utf-8")]
    here(project, "apply", str(file))
    assert held(project, "apiKey") == "a-key-of-the-second-month"


def test_a_text_that_is_taken_away_needs_a_new_provider_for_appwrite_empties_none(project: Project) -> None:
    declare(project, more=', reply_to_name="R"')
    here(project, "apply", "--auto-approve")
    declare(project)
    assert actions(here(project, "plan", "--json").json) == {f"provider.{project.id('x')}": "replace"}
    here(project, "apply", "--auto-approve")
    project.must_be_clean()


def test_another_type_needs_a_new_provider(project: Project) -> None:
    declare(project)
    here(project, "apply", "--auto-approve")
    declare(project, "resend")
    assert actions(here(project, "plan", "--json").json) == {f"provider.{project.id('x')}": "replace"}
    here(project, "apply", "--auto-approve")
    project.must_be_clean()


def test_a_type_that_the_server_does_not_have_is_refused_at_plan_time(project: Project, target: Target) -> None:
    needs("that of the embedded server is known", not target.is_live)
    keys = f'access_key="a", secret_key={KEY}, region="eu-west-1", from_email="f@example.org"'
    project.declare(f'stack.ses_provider(P + "x", name="X", {keys})\n')
    assert "Appwrite 1.8.1 has no providers of type ses" in here(project, "plan", code=5).out


def test_a_credential_that_is_not_set_is_not_compared_and_apply_needs_it(project: Project) -> None:
    declare(project)
    here(project, "apply", "--auto-approve")
    del project.variables["SAMPLE_KEY"]
    plan = here(project, "plan", "--json").json
    assert (plan["empty"], "SAMPLE_KEY is not set; apply needs it" in plan["notes"][0]) == (True, True)
    project.proxy.forget()
    assert "SAMPLE_KEY, which is not set" in here(project, "apply", "--auto-approve", code=1).err
    assert project.proxy.exchanges() == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('sendgrid_provider("x", name="X", api_key="k", from_email="f@example.org")', 'write FromEnvironment("NAME")'),
        (f'sendgrid_provider("x", name="X", api_key={KEY})', "from_email: an enabled provider needs it"),
        (f'sendgrid_provider("x", name="X", api_key={KEY}, from_email="no")', "is not an e-mail address"),
        (f'fcm_provider("x", name="X", service_account_json={KEY})', "must hold a JSON object"),
        (f'twilio_provider("x", name="X", account_sid="a", auth_token={KEY}, from_number="021")', "from_number"),
    ],
)
def test_a_mistake_is_reported_before_the_first_request(project: Project, line: str, said: str) -> None:
    project.declare(f"stack.{line}\n")
    project.proxy.forget()
    assert said in here(project, "plan", code=1).err
    assert project.proxy.exchanges() == []
