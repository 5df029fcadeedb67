"""Functions, variables and code: configured, deployed aside, switched, and never told to anybody."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from .project import Project, actions
from .target import Target, needs

pytestmark = pytest.mark.live

FUNCTION = """
    stack.function(
        P + "fn", name="Fn", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=20,
        schedule={schedule!r}, scopes=["documents.read", "databases.read"], entrypoint="main.py", code={code},
        variables={{"PLAIN": {plain!r}, "TOKEN": FromEnvironment("E2E_TOKEN")}},
    )
"""
ANSWER = """
    import os
    def main(context):
        context.log("it runs")
        return context.res.json({"version": %d, "plain": os.environ["PLAIN"]})
"""
BROKEN = 'commands="exit 3", '


def declare(project: Project, code: str = "KEEP", plain: str = "one", schedule: str = "", extra: str = "") -> None:
    text = FUNCTION.format(code=code, plain=plain, schedule=schedule)
    project.declare(text.replace("timeout=20,", f"timeout=20, {extra}"))


@pytest.fixture
def secret(project: Project) -> str:
    value = "s3cret-" + project.prefix
    project.variables["E2E_TOKEN"] = value
    project.secrets.append(value)
    return value


@pytest.fixture(scope="session")
def can_build(target: Target) -> Iterator[bool]:
    """Whether the server can build at all, found out with a function of our own."""
    from .project import FAMILY

    api, name = target.site().api(), "ie2e00000-probe"
    assert FAMILY.fullmatch(name)
    api.delete(f"/functions/{name}")
    body = {"functionId": name, "name": "Probe", "runtime": "python-3.12", "entrypoint": "main.py"}
    api.post("/functions", body)
    try:
        from raceday_iac.packaging.archive import make_archive

        archive = make_archive({"main.py": b"def main(context):\n    return context.res.empty()\n"})
        deployment = api.upload(name, archive, activate=False)["$id"]
        until = time.monotonic() + 120
        status = "waiting"
        while status not in ("ready", "failed", "canceled") and time.monotonic() < until:
            time.sleep(0.3)
            status = api.get(f"/functions/{name}/deployments/{deployment}")["status"]
        yield status == "ready"
    finally:
        api.delete(f"/functions/{name}")


def test_variables_are_kept_apart_and_a_secret_is_never_told(project: Project, secret: str) -> None:
    declare(project)
    for words in (("plan",), ("plan", "--json"), ("apply", "--auto-approve"), ("plan", "--json"), ("state", "list")):
        project.iac(*words)
    project.iac("state", "show", f"variable.{project.id('fn')}/TOKEN")
    assert secret not in project.kept_texts()
    variables = {each["key"]: each for each in project.api.get(f"/functions/{project.id('fn')}")["vars"]}
    assert (variables["PLAIN"]["value"], variables["PLAIN"]["secret"]) == ("one", False)
    assert variables["TOKEN"]["secret"]
    project.must_be_clean()

    # A new secret is noticed although the old one cannot be read; so is a variable changed by hand.
    project.variables["E2E_TOKEN"] = secret + "-new"
    project.secrets.append(secret + "-new")
    path = f"/functions/{project.id('fn')}/variables/{variables['PLAIN']['$id']}"
    project.api.put(path, {"key": "PLAIN", "value": "by hand"})
    planned = actions(project.plan())
    assert planned == {f"variable.{project.id('fn')}/{key}": "update" for key in ("PLAIN", "TOKEN")}
    assert 'value: "by hand" → "one"' in project.iac("drift", code=4).out
    project.apply()
    project.must_be_clean()
    assert secret not in project.kept_texts()


def test_code_is_built_aside_switched_kept_and_left_alone(
    project: Project, secret: str, can_build: bool, target: Target
) -> None:
    needs("this server cannot build functions", can_build)
    folder = project.code("fn", main=ANSWER % 1)
    declare(project, code=repr(folder), schedule="0 3 1 1 *")
    project.apply()
    project.must_be_clean()
    function = f"/functions/{project.id('fn')}"
    first = project.api.get(function)["deploymentId"]
    assert project.api.get(function)["schedule"] == "0 3 1 1 *"
    if target.executes:
        ended = project.iac("run", project.id("fn"))
        assert '"version": 1' in ended.out
        assert "it runs" in ended.out

    # An unchanged bundle is not deployed again, not even without the state.
    project.lose_state()
    project.apply()
    assert project.api.get(function)["deploymentId"] == first

    # A build that fails leaves the old code active and shows the end of its log.
    declare(project, code=repr(folder), schedule="0 3 1 1 *", extra=BROKEN)
    failed = project.apply(code=1)
    assert "The deployment that was active still is" in failed.out
    assert project.api.get(function)["deploymentId"] == first

    # New code takes over, and what it replaced is still there.
    project.code("fn", main=ANSWER % 2)
    declare(project, code=repr(folder), schedule="0 3 1 1 *")
    project.apply()
    second = project.api.get(function)["deploymentId"]
    assert second != first
    assert project.api.get(f"{function}/deployments/{first}")["status"] == "ready"
    project.must_be_clean()

    # Somebody puts the old code back: without any state this is seen by the archive that is live.
    project.api.patch(f"{function}/deployment", {"deploymentId": first})
    project.lose_state()
    assert actions(project.plan())[f"deployment.{project.id('fn')}"] == "deploy"
    project.apply()
    assert project.api.get(function)["deploymentId"] == second
