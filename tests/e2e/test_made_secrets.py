"""Secrets of keys and webhooks: those that the server makes, and those that it is given."""

from __future__ import annotations

import json
import stat

import pytest

from raceday_iac.model.server import release

from .here import run_here
from .project import Project, actions
from .target import Target, needs
from .test_resources import apply, here

KEY = 'stack.key(P + "k", name="K", scopes=["users.read"], expire="2099-01-01T00:00:00Z")\n'
HOOK = 'stack.webhook(P + "h", name="H", url="https://example.org/h", events=["users.*.create"]{more})\n'
SIGNED = HOOK.format(more=', secret=FromEnvironment("SIGNATURE")')


@pytest.fixture(scope="session")
def target(newer_target: Target) -> Target:
    """Both kinds are younger than 1.8."""
    return newer_target


@pytest.fixture(autouse=True)
def _native(project: Project) -> None:
    needs("Appwrite has them since 1.9.5", project.api.version >= release("1.9.5"))
    project.api.announce("1.9.6")
    needs("A key may make keys", project.api.makes_keys)


def test_what_the_server_makes_is_written_where_that_is_asked_for_and_nowhere_else(project: Project) -> None:
    project.declare(KEY + HOOK.format(more=""))
    file = project.root / "made.json"
    applied = apply(project, "--secrets-out", str(file))
    made = json.loads(file.read_text(encoding="utf-8"))
    assert sorted(made) == [f"key.{project.id('k')}", f"webhook.{project.id('h')}"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert made[f"key.{project.id('k')}"] == project.api.get(f"/project/keys/{project.id('k')}")["secret"]
    kept = "".join(each.read_text(encoding="utf-8") for each in project.state_folder.rglob("*") if each.is_file())
    for secret in made.values():
        assert secret not in kept + applied.text
    project.must_be_clean()


def test_a_secret_that_nobody_asked_for_is_not_kept_and_that_is_said(project: Project) -> None:
    project.declare(KEY)
    assert "its secret was created but not kept; --secrets-out FILE writes it to a file" in apply(project).text
    assert project.api.get(f"/project/keys/{project.id('k')}")["secret"] not in apply(project).text


def test_a_file_keeps_what_it_held_and_is_narrowed(project: Project) -> None:
    file = project.root / "made.json"
    file.write_text('{"key.old": "s"}', encoding="utf-8")
    file.chmod(0o644)
    project.declare(KEY)
    apply(project, "--secrets-out", str(file))
    assert sorted(json.loads(file.read_text(encoding="utf-8"))) == [f"key.{project.id('k')}", "key.old"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["no json", "[]", None])
def test_a_file_that_cannot_take_them_stops_an_apply_before_anything_is_sent(
    project: Project, content: str | None
) -> None:
    project.declare(KEY)
    file = project.root / "made.json"
    if content is None:
        file.mkdir()
    else:
        file.write_text(content, encoding="utf-8")
    project.proxy.forget()
    refused = apply(project, "--secrets-out", str(file), code=1)
    assert "cannot be used for the secrets" in refused.err
    assert "Nothing was changed" in refused.err
    assert project.proxy.exchanges() == []
    assert content is None or file.read_text(encoding="utf-8") == content


def test_a_run_that_died_before_it_wrote_a_secret_down_leaves_it_to_the_next(project: Project) -> None:
    body = {"keyId": project.id("k"), "name": "K", "scopes": ["users.read"], "expire": "2099-01-01T00:00:00.000+00:00"}
    secret = project.api.post("/project/keys", body)["secret"]
    project.declare(KEY)
    assert actions(here(project, "plan", "--json").json) == {f"key.{project.id('k')}": "adopt"}
    file = project.root / "made.json"
    apply(project, "--secrets-out", str(file))
    assert json.loads(file.read_text(encoding="utf-8")) == {f"key.{project.id('k')}": secret}


def test_a_signature_key_that_is_given_is_sent_and_rotated(project: Project) -> None:
    project.secret("SIGNATURE", "first-signature-key")
    project.declare(SIGNED)
    file = project.root / "made.json"
    apply(project, "--secrets-out", str(file))
    assert json.loads(file.read_text(encoding="utf-8")) == {}
    project.must_be_clean()
    project.secret("SIGNATURE", "second-signature-key")
    plan = here(project, "plan", "--json").json
    (change,) = plan["changes"]
    assert [(each["name"], each["before"], each["after"]) for each in change["fields"]] == [("secret", "***", "***")]
    project.proxy.forget()
    apply(project)
    assert project.proxy.count("PATCH", f"/webhooks/{project.id('h')}/secret") == 1
    project.must_be_clean()


def test_a_login_that_the_stack_does_not_name_survives_an_update(project: Project) -> None:
    project.declare(HOOK.format(more=""))
    apply(project)
    path, body = f"/webhooks/{project.id('h')}", {"name": "H", "url": "https://example.org/h", "tls": True}
    login = {"authPassword": "by-hand-in-the-console", "events": ["users.*.create"]}
    project.secrets.append("by-hand-in-the-console")
    project.api.put(path, {**body, **login})
    project.must_be_clean()
    project.declare(HOOK.format(more=", enabled=False"))
    apply(project)
    assert project.api.get(path)["authPassword"] == "by-hand-in-the-console"


@pytest.mark.parametrize("length", [7, 257])
def test_a_signature_key_of_a_length_that_appwrite_refuses_is_refused_before_it_is_sent(
    project: Project, length: int
) -> None:
    project.secret("SIGNATURE", "x" * length)
    project.declare(SIGNED)
    assert "must hold 8 to 256 characters" in run_here(project, "plan").err


def test_a_plan_says_that_newer_servers_let_no_key_make_another(project: Project) -> None:
    project.declare(KEY)
    assert "create it in the console with this id" in here(project, "plan").text
