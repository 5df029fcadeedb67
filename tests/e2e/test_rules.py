"""Domains of functions and sites, of the API, and redirections."""

from __future__ import annotations

import pytest

from raceday_iac.model.server import release

from .here import run_here
from .project import Project, actions
from .target import Target, needs
from .test_resources import apply, fields_of, here

FUNCTION = """
stack.function(
    P + "fn", name="Fn", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=20, entrypoint="main.py",
)
"""
SITE = """
stack.site(P + "site", name="Site", framework="other", build_runtime="static-1")
"""
RULES = """
stack.api_rule(P + "api.example.com")
stack.function_rule(P + "fn.example.com", function=P + "fn")
stack.redirect_rule(
    P + "old.example.com", url="https://example.com/new", status_code=308, resource_type="function", resource=P + "fn",
)
"""


@pytest.fixture(scope="session")
def target(newer_target: Target) -> Target:
    """They are younger than 1.8."""
    return newer_target


@pytest.fixture(autouse=True)
def _native(project: Project) -> None:
    needs("Appwrite has them since 1.9.5", project.api.version >= release("1.9.5"))
    project.api.announce("1.9.6")


def at(project: Project, name: str) -> str:
    return f"rule.{project.id(name)}.example.com"


def test_they_are_made_after_what_answers_replaced_and_deleted(project: Project) -> None:
    project.declare(FUNCTION + RULES)
    apply(project)
    project.must_be_clean()
    there = {each["domain"]: each for each in project.api.get("/proxy/rules")["rules"]}
    assert there[project.id("fn.example.com")]["deploymentResourceId"] == project.id("fn")
    assert there[project.id("old.example.com")]["redirectStatusCode"] == 308
    project.declare(FUNCTION + RULES.replace("308", "302"))
    plan = here(project, "plan", "--json").json
    assert actions(plan) == {at(project, "old"): "replace"}
    assert fields_of(plan) == {"statusCode": (308, 302, "config")}
    apply(project)
    project.must_be_clean()
    project.declare("")
    apply(project)
    assert project.api.get("/proxy/rules")["total"] == 0


def test_a_site_answers_under_a_domain_or_the_branch_of_its_repository_does(project: Project) -> None:
    rule = 'stack.site_rule(P + "site.example.com", site=P + "site"{more})\n'
    project.declare(rule.format(more="") + SITE)
    assert list(actions(here(project, "plan", "--json").json)) == [f"site.{project.id('site')}", at(project, "site")]
    apply(project)
    project.must_be_clean()
    project.declare(rule.format(more=', branch="next"') + SITE)
    plan = here(project, "plan", "--json").json
    assert fields_of(plan) == {"branch": ("", "next", "config")}
    apply(project)
    project.must_be_clean()
    (made,) = project.api.get("/proxy/rules")["rules"]
    assert (made["deploymentResourceType"], made["deploymentVcsProviderBranch"]) == ("site", "next")
    project.declare(rule.format(more=""))
    assert f"refers to site.{project.id('site')}, which is not declared" in run_here(project, "plan").err
    project.declare("")
    apply(project)
    assert (project.api.get("/proxy/rules")["total"], project.api.has(f"/sites/{project.id('site')}")) == (0, False)


def test_what_somebody_deleted_is_made_again_and_a_lost_state_is_imported(project: Project) -> None:
    project.declare(FUNCTION + RULES)
    apply(project)
    first = project.api.get("/proxy/rules")["rules"][0]
    project.api.delete(f"/proxy/rules/{first['$id']}")
    assert set(actions(here(project, "plan", "--json").json).values()) == {"create"}
    apply(project)
    project.lose_state()
    here(project, "import", "--all")
    project.must_be_clean()
    assert sum(each.startswith("rule.") for each in project.state()) == 3


def test_rules_that_nobody_declares_are_named_but_those_of_appwrite_are_not(project: Project, target: Target) -> None:
    needs("a rule of Appwrite's own has to be made", not target.is_live)
    project.api.post("/proxy/rules/api", {"domain": project.id("x.example.com")})
    own = project.api.post("/proxy/rules/api", {"domain": project.id("own.example.com")})["$id"]
    target.server.call(
        lambda server: server.db.execute(
            "UPDATE records SET fields = json_set(fields, '$.trigger', 'deployment') WHERE id = ?", (own,)
        )
    )
    project.declare("")
    assert here(project, "plan", "--json", "--unmanaged").json["unmanaged"] == [at(project, "x")]


@pytest.mark.parametrize("domain", ["Shop.example.com", "*.example.com", "https://example.com", "localhost"])
def test_what_is_no_domain_is_refused_before_anything_is_sent(project: Project, domain: str) -> None:
    project.declare(f"stack.api_rule({domain!r})\n")
    assert f"{domain!r} is not a " in run_here(project, "plan").err
