"""Sites with code: built aside, switched, gone back to, compared by what was deployed; and their variables."""

from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.packaging.bundle import make_archive

from .project import Project, actions

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("_builds_functions")]

STACK = """
    stack.site(
        P + "s", name="Shop", framework="other", build_runtime="static-1", code="sites/shop",
        build_command={command!r}, {more}
    )
"""

STACK_OF_SETTINGS = """
    stack.site(
        P + "s", name="Shop", framework="other", build_runtime="static-1", variables={"NAME": "ours"}
    )
"""


def declare(project: Project, page: str = "one", command: str = "", more: str = "") -> None:
    folder = project.root / "sites" / "shop"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(f"<p>{page}</p>\n", encoding="utf-8")
    project.declare(STACK.format(command=command, more=more))


@pytest.fixture
def site(project: Project) -> str:
    """The path of one whose code is deployed."""
    declare(project)
    done = project.carried_out()
    assert done == {f"site.{project.id('s')}": "create", f"site_deployment.{project.id('s')}": "deploy"}
    return f"/sites/{project.id('s')}"


def active(project: Project, path: str) -> str:
    return str(project.api.get(path)["deploymentId"])


def deployments(project: Project, path: str) -> dict[str, str]:
    return {each["$id"]: each["status"] for each in project.api.all(f"{path}/deployments", "deployments")}


def by_hand(project: Project, path: str) -> str:
    """Somebody goes back to the oldest deployment."""
    oldest: str = next(iter(deployments(project, path)))
    project.api.patch(f"{path}/deployment", {"deploymentId": oldest})
    return oldest


@pytest.mark.shows("plan", "apply", kinds=["site", "site_deployment"])
def test_code_is_built_aside_and_then_switched(project: Project, site: str) -> None:
    writes = [(each.method, each.path.rpartition("/")[2]) for each in project.proxy.exchanges() if each.method != "GET"]
    assert writes == [("POST", "sites"), ("POST", "deployments"), ("PATCH", "deployment")]
    assert list(deployments(project, site)) == [active(project, site)]
    project.must_be_clean()


def test_the_adapter_that_a_build_has_found_is_no_drift(project: Project, site: str) -> None:
    assert project.api.get(site)["adapter"] == "static"
    project.iac("drift")
    declare(project, more='adapter="static", fallback_file="404.html"')
    assert actions(project.plan()) == {
        f"site.{project.id('s')}": "update",
        f"site_deployment.{project.id('s')}": "deploy",
    }
    project.apply()
    project.must_be_clean()
    assert project.api.get(site)["fallbackFile"] == "404.html"


def test_new_code_and_a_new_command_are_deployed_and_the_same_are_not(project: Project, site: str) -> None:
    project.lose_state()
    project.apply()
    assert len(deployments(project, site)) == 1
    declare(project, "two")
    assert actions(project.plan()) == {f"site_deployment.{project.id('s')}": "deploy"}
    project.apply()
    declare(project, "two", command="true")
    assert len(project.carried_out()) == 2
    assert len(deployments(project, site)) == 3


def test_a_build_that_fails_leaves_the_old_code_active_and_its_log_can_be_read(project: Project, site: str) -> None:
    before, name = active(project, site), project.id("s")
    declare(project, command="echo no such luck; exit 3")
    reported = project.apply(code=1).out
    assert f"The build of site.{name} ended failed. The previous deployment is still active." in reported
    assert active(project, site) == before
    assert "no such luck" in project.iac("logs", f"site.{name}", "--build", "latest").out
    assert "a deployment of an earlier run was never put into use" in project.iac("plan").out
    declare(project)
    project.iac("deployments", f"site.{name}", "--clean", "--auto-approve")
    assert list(deployments(project, site)) == [before]


@pytest.mark.shows("drift", kinds=["site_deployment"])
def test_code_that_somebody_else_activated_is_drift_and_is_taken_back(project: Project, site: str) -> None:
    declare(project, "two")
    project.apply()
    new = active(project, site)
    by_hand(project, site)
    assert f"site_deployment.{project.id('s')}" in project.iac("drift", code=3).out
    project.apply()
    assert active(project, site) == new


def test_a_rollback_goes_back_and_what_is_too_old_is_deleted(project: Project, site: str) -> None:
    first, name = active(project, site), f"site.{project.id('s')}"
    declare(project, "two", more="keep_deployments=1")
    project.apply()
    assert "rollback" in project.iac("rollback", name, "--auto-approve").out
    assert active(project, site) == first
    project.apply()
    declare(project, "three", more="keep_deployments=1")
    project.apply()
    assert first not in deployments(project, site)
    assert len(deployments(project, site)) == 2


@pytest.mark.shows("plan", "apply", kinds=["site_variable"])
def test_variables_come_before_the_code_that_needs_them_and_secrets_are_never_shown(project: Project) -> None:
    project.secret("SHOP_KEY", "a-secret-of-the-shop")
    variables = 'variables={"NAME": "plain", "KEY": FromEnvironment("SHOP_KEY")}'
    declare(project, command='test -n "$NAME" && test -n "$KEY"', more=variables)
    assert len(project.carried_out()) == 4
    project.must_be_clean()
    path = f"/sites/{project.id('s')}"
    assert {each["key"]: each["value"] for each in project.api.get(path)["vars"]} == {"NAME": "plain", "KEY": ""}
    project.secret("SHOP_KEY", "another-secret-of-the-shop")
    assert actions(project.plan()) == {f"site_variable.{project.id('s')}/KEY": "update"}
    declare(project, command='test -n "$NAME"', more='variables={"NAME": "plain"}')
    assert project.carried_out()[f"site_variable.{project.id('s')}/KEY"] == "delete"
    project.must_keep_no_secret()


def test_a_site_whose_code_is_nowhere_else_is_not_deleted_unasked(project: Project) -> None:
    kept = 'stack.site(P + "s", name="Shop", framework="other", build_runtime="static-1")\n'
    project.declare(kept)
    project.apply()
    path, name = f"/sites/{project.id('s')}", f"site.{project.id('s')}"
    code = make_archive({"index.html": b"<p>by hand"})
    project.api.form(f"{path}/deployments", {"activate": "false"}, {"code": ("c.tar.gz", code, "application/gzip")})
    project.must_be_clean()
    project.declare("")
    refused = project.apply(code=5).out
    assert f"delete of {name} is refused: 1 deployment would be deleted, whose source is nowhere else" in refused
    assert project.api.has(path)
    project.apply("--allow-data-loss", f"{name}=1")
    assert not project.api.has(path)


def test_one_is_destroyed_by_its_name_with_what_lies_in_it(project: Project, site: str) -> None:
    project.iac("destroy", f"site.{project.id('s')}", "--auto-approve")
    assert not project.api.has(site)
    assert project.state() == {}


@pytest.mark.shows("import", kinds=["site", "site_deployment"])
def test_a_live_one_is_imported_and_its_code_is_left_alone(project: Project, site: str) -> None:
    project.lose_state()
    before: Any = project.api.get(site)
    project.iac("import", "--all", code=None)
    project.must_be_clean()
    assert project.api.get(site) == before


def test_a_bundle_can_be_written_out_and_the_source_of_what_is_live_saved(project: Project, site: str) -> None:
    name = f"site.{project.id('s')}"
    project.iac("vendor", name, "--out", str(project.root / "out"))
    assert (project.root / "out" / "index.html").is_file()
    project.iac("deployments", name, "--download", str(project.root / "live.tar.gz"))
    assert (project.root / "live.tar.gz").stat().st_size > 0
    assert active(project, site) in project.iac("deployments", name).out


def test_the_settings_of_a_site_are_checked_before_anything_is_sent(project: Project) -> None:
    declare(project, more='fallback_file="404.html"')
    assert "fallback_file needs an adapter" in project.iac("plan", code=1).err
    declare(project, more='variables={"A=B": "x"}')
    assert "cannot be the name of an environment variable" in project.iac("plan", code=1).err
    declare(project)
    (project.root / "sites" / "shop" / "index.html").unlink()
    (project.root / "sites" / "shop").rmdir()
    assert "code folder sites/shop does not exist" in project.iac("plan", code=1).err


@pytest.mark.shows("lint", kinds=["site_variable"])
def test_lint_finds_a_secret_in_a_plain_variable(project: Project) -> None:
    declare(project, more='variables={"API_KEY": "0123456789"}')
    reported = project.iac("lint", code=None).out
    assert f"POL007  site_variable.{project.id('s')}/API_KEY" in reported
    assert "0123456789" not in reported


@pytest.mark.shows("drift", kinds=["site_variable"])
def test_a_variable_that_somebody_changed_is_taken_back_and_one_of_theirs_is_named(project: Project) -> None:
    project.declare(STACK_OF_SETTINGS)
    project.apply()
    path, name = f"/sites/{project.id('s')}", f"site_variable.{project.id('s')}"
    (ours,) = project.api.get(path)["vars"]
    project.api.put(f"{path}/variables/{ours['$id']}", {"key": "NAME", "value": "theirs"})
    project.api.post(f"{path}/variables", {"variableId": "unique()", "key": "THEIRS", "value": "x", "secret": False})
    assert f"{name}/NAME" in project.iac("drift", code=3).out
    plan = project.plan()
    assert (actions(plan), plan["unmanaged"]) == ({f"{name}/NAME": "update"}, [f"{name}/THEIRS"])
    project.apply()
    assert {each["key"]: each["value"] for each in project.api.get(path)["vars"]} == {"NAME": "ours", "THEIRS": "x"}
    project.must_be_clean()
