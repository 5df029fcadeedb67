"""What is deployed when a code folder holds more than code: the right bundle, or a refusal that names the file before
anything is sent."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from pathlib import Path
from random import Random
from typing import Any
from urllib.request import Request, urlopen

import pytest
from e2e.command import Ended

from raceday_iac.packaging import bundle
from raceday_iac.packaging.bundle import make_archive

from .harness import Arena

CASES = Path(__file__).parents[1] / "data" / "bundles"
MAIN = "def main(context):\n    return context.res.text('ok')\n"


@pytest.fixture
def project(empty: Arena) -> Arena:
    """An empty project with the code of one function."""
    put(empty, "main.py", MAIN)
    declare(empty)
    return empty


def declare(arena: Arena, **settings: Any) -> None:
    said = {"name": "x", "runtime": "python-3.12", "specification": "s-1vcpu-512mb", "timeout": 30} | settings
    words = ", ".join(f"{name}={value!r}" for name, value in said.items())
    arena.declare(f'stack.function(P + "f", entrypoint="main.py", code="functions/x", {words})')


def put(arena: Arena, name: str, text: str = "x", mode: int = 0o644) -> Path:
    path = arena.root / "functions" / "x" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def use_case(arena: Arena, name: str, **settings: Any) -> None:
    """The files of a case, with its function under an id of our own."""
    for folder in ("functions", "common"):
        if (CASES / name / folder).exists():
            shutil.copytree(CASES / name / folder, arena.root / folder, symlinks=True, dirs_exist_ok=True)
    declare(arena, **settings)


def deployed(arena: Arena) -> dict[str, int]:
    """Files of the active deployment's source, as Appwrite holds it, with their modes."""
    active = arena.api.get(f"/functions/{arena.id('f')}")["deploymentId"]
    path = f"/functions/{arena.id('f')}/deployments/{active}/download?type=source"
    headers = {"X-Appwrite-Project": arena.site.project, "X-Appwrite-Key": arena.site.key}
    with urlopen(Request(arena.site.endpoint + path, headers=headers), timeout=30) as answer:
        source = io.BytesIO(answer.read())
    with tarfile.open(fileobj=source, mode="r:gz") as tar:
        return {each.name: each.mode for each in tar.getmembers()}


def refused(arena: Arena, *says: str) -> Ended:
    """Neither plan nor apply takes it: both say why, and nothing is sent."""
    for words in (["plan"], ["apply", "--auto-approve"]):
        arena.proxy.forget()
        ended = arena.run(*words)
        assert ended.code == 1, ended
        for text in says:
            assert text in ended.err, ended
        assert arena.proxy.exchanges() == [], ended
    return ended


# The four that were found.


def test_a_program_of_a_bundle_can_be_executed_by_its_build(project: Arena) -> None:
    use_case(project, "file-modes", commands="./build.sh")
    project.prepare("apply", "--auto-approve")
    assert deployed(project) == {"main.py": 0o644, "build.sh": 0o755, "raceday-iac.json": 0o644}
    project.must_be_clean()


def test_what_gitignore_names_is_not_deployed_and_a_negation_is(project: Arena) -> None:
    use_case(project, "ignored-files")
    for name in ("secret.txt", "build/x", "a.log", "venv/x", "deep/b.log"):
        put(project, name)
    project.prepare("apply", "--auto-approve")
    assert set(deployed(project)) == {"main.py", "keep.log", ".gitignore", ".env.example", "raceday-iac.json"}


@pytest.mark.parametrize("over", [0, 1])
def test_a_bundle_that_is_too_large_is_refused_by_the_plan(
    project: Arena, monkeypatch: pytest.MonkeyPatch, over: int
) -> None:
    """With a hundredth of the limit: compressing more takes seconds."""
    assert bundle.DEPLOYMENT_BYTES == 30_000_000
    use_case(project, "over-30-mb")
    (project.root / "functions" / "x" / "blob.bin").write_bytes(Random(1).randbytes(299_000))
    size = len(bundles_of(project)["archive"])
    monkeypatch.setattr(bundle, "DEPLOYMENT_BYTES", size - over)
    if over:
        refused(project, "function." + project.id("f"), f"has {size:,} bytes, but Appwrite accepts {size - 1:,}")
    else:
        assert project.run("plan").code == 0


def bundles_of(project: Arena) -> dict[str, bytes]:
    folder = project.root / "packed"
    project.prepare("vendor", project.id("f"), "--out", str(folder))
    files = {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    return {**files, "archive": make_archive(files)}


def test_a_link_to_a_folder_of_the_project_is_followed(project: Arena) -> None:
    use_case(project, "symlinked-folder")
    # The runtime knows a function's own modules by relative names only.
    put(project, "main.py", "from . import pkg\n\ndef main(context):\n    return context.res.text(str(pkg.V))\n")
    project.prepare("apply", "--auto-approve")
    assert set(deployed(project)) == {"main.py", "pkg/__init__.py", "raceday-iac.json"}
    assert json.loads(project.run("run", project.id("f"), "--json").out)["execution"]["responseBody"] == "1"


# Links.


@pytest.mark.parametrize("target", ["../../../outside/passwords", "/etc/passwd", "/etc"])
def test_a_link_that_leads_out_is_refused_with_its_path(project: Arena, target: str) -> None:
    outside = project.root.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "passwords").write_text("root:hunter2")
    (project.root / "functions" / "x" / "data").symlink_to(target)
    refused(project, "data is a link that leads out of the project, to ")


def test_a_code_folder_may_be_a_link_and_then_links_in_it_lead_no_further_than_it(
    project: Arena, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The stack names that folder; what it links to itself, nobody has named."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (project.root / "functions" / "x").rename(elsewhere / "x")
    (project.root / "functions" / "x").symlink_to(elsewhere / "x")
    assert project.run("plan").code == 0
    (elsewhere / "beside").write_text("x")
    (elsewhere / "x" / "data").symlink_to("../beside")
    refused(project, "data is a link that leads out of the project, to ")


def test_a_link_in_a_circle_is_refused_with_its_path(project: Arena) -> None:
    (project.root / "functions" / "x" / "again").symlink_to("..")
    refused(project, "again is a link to a folder that contains it")


def test_a_broken_link_and_a_pipe_are_named_by_plan_and_lint(project: Arena) -> None:
    (project.root / "functions" / "x" / "gone").symlink_to("nowhere")
    os.mkfifo(project.root / "functions" / "x" / "pipe")
    for words in ("plan", "lint --verbose"):
        said = project.run(*words.split()).out
        assert "gone" in said
        assert "pipe" in said


# Secrets.


@pytest.mark.parametrize("name", [".envrc", "prod.env", ".npmrc", "id_rsa", "certs/server.pem", ".env.production"])
def test_a_file_that_looks_like_a_secret_is_left_out_and_named(project: Arena, name: str) -> None:
    put(project, name, "TOKEN=hunter2")
    plan = project.run("plan")
    assert plan.code == 0
    assert f"not in its bundle: {name} (looks like a secret)" in plan.out
    assert name in json.dumps(project.plan()["notes"])
    lint = project.run("lint")
    assert "BND001" in lint.out
    assert name in lint.out
    project.run("vendor", project.id("f"), "--out", str(project.root / "out"))
    assert {each.name for each in (project.root / "out").iterdir()} == {"main.py", "raceday-iac.json"}


def test_a_secret_is_deployed_when_the_stack_says_so(project: Arena) -> None:
    put(project, "prod.env")
    declare(project, include=["prod.env"])
    project.prepare("apply", "--auto-approve")
    assert set(deployed(project)) == {"main.py", "prod.env", "raceday-iac.json"}


def test_a_repository_a_virtual_environment_and_caches_are_left_out_and_named(project: Arena) -> None:
    for name in (".git/config", "env/pyvenv.cfg", "node_modules/a/x.js", "__pycache__/main.pyc"):
        put(project, name)
    said = project.run("plan").out
    for name in (
        ".git/ (version control)",
        "env/, node_modules/ (installed packages)",
        "__pycache__/ (made by a tool)",
    ):
        assert name in said
    project.prepare("apply", "--auto-approve")
    assert set(deployed(project)) == {"main.py", "raceday-iac.json"}


# What packing adds.


@pytest.mark.parametrize("name", ["raceday-iac.json", "lock.json", "schema.json", "vendor/lock.py"])
def test_a_file_of_the_users_is_never_replaced(project: Arena, name: str) -> None:
    shared = project.root / "functions" / "_shared"
    shared.mkdir()
    (shared / "lock.py").write_text("LOCK = 1\n")
    put(project, name, "mine")
    project.declare(
        """
        db = stack.database(P + "db", name="Db")
        db.collection("locks", name="Locks").string("owner", 9)
        stack.lock_store = (P + "db", "locks")
        stack.function(P + "f", name="x", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=60,
                       entrypoint="main.py", code="functions/x", schema=P + "db",
                       lock=Lock("f-lock", stale_after=20, heartbeat=10, expiry=30))
        """
    )
    refused(project, f"{name} is a file of its code folder, but raceday-iac writes a file of its own to {name}")


# Changes.


def test_a_mode_is_part_of_the_code_and_what_is_ignored_is_not(project: Arena) -> None:
    put(project, "run.sh", "#!/bin/sh\n")
    put(project, ".gitignore", "*.log\n")
    project.prepare("apply", "--auto-approve")
    put(project, "a.log")
    assert project.plan()["changes"] == []
    put(project, "run.sh", "#!/bin/sh\n", mode=0o755)
    (change,) = project.plan()["changes"]
    assert (change["action"], change["address"]) == ("deploy", f"deployment.{project.id('f')}")


def test_what_is_left_out_does_not_make_a_saved_plan_stale(project: Arena) -> None:
    project.prepare("plan", "--out", str(project.root / "saved.json"))
    put(project, ".env")
    assert project.run("apply", str(project.root / "saved.json")).code == 0
