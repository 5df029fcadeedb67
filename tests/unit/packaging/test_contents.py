"""What of a code folder is deployed, what is left out and named, and what cannot be deployed at all."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from raceday_iac.model import limits
from raceday_iac.model.resource import LeftOut, WhyLeftOut
from raceday_iac.packaging.contents import CodeFolder, Contents, looks_secret, read_contents


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A code folder in a project."""
    found = tmp_path / "project" / "functions" / "f"
    found.mkdir(parents=True)
    put(found, "main.py")
    return found


def put(folder: Path, name: str, text: str = "x", mode: int = 0o644) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def project(folder: Path) -> Path:
    return folder.parent.parent


def read(folder: Path, ignore: Sequence[str] = (), include: Sequence[str] = ()) -> Contents:
    return read_contents(CodeFolder(folder, project(folder), ignore, include))


def names(folder: Path, ignore: Sequence[str] = (), include: Sequence[str] = ()) -> set[str]:
    """What is deployed besides `main.py`."""
    found = read(folder, ignore, include)
    assert found.problems == []
    return found.files.keys() - {"main.py", ".gitignore"}


def left_out(folder: Path, **settings: Sequence[str]) -> LeftOut:
    """The one thing that is left out."""
    (only,) = read(folder, **settings).left_out
    return only


def problem(folder: Path) -> str:
    (only,) = read(folder).problems
    return only


# What git ignores.


def test_what_git_ignores_is_left_out_with_the_line_that_says_so(folder: Path) -> None:
    put(folder, ".gitignore", "build/\n*.log\n!keep.log\n")
    for name in ("build/x", "a.log", "keep.log", "deep/b.log"):
        put(folder, name)
    assert names(folder) == {"keep.log"}
    assert {each.path: each.detail for each in read(folder).left_out} == {
        "build/": "by functions/f/.gitignore line 1",
        "a.log": "by functions/f/.gitignore line 2",
        "deep/b.log": "by functions/f/.gitignore line 2",
    }


def test_a_gitignore_above_the_folder_and_one_below_count_too(folder: Path) -> None:
    put(project(folder), ".gitignore", "*.tmp\n")
    put(folder, "data/.gitignore", "!x.tmp\nraw\n")
    for name in ("x.tmp", "data/x.tmp", "data/raw", "raw"):
        put(folder, name)
    assert names(folder) == {"data/x.tmp", "data/.gitignore", "raw"}


def test_one_above_the_project_does_not(folder: Path) -> None:
    put(project(folder).parent, ".gitignore", "*\n")
    assert set(read(folder).files) == {"main.py"}


def test_who_deploys_a_folder_that_git_ignores_means_it(folder: Path) -> None:
    put(project(folder), ".gitignore", "functions/f/\n*.log\n")
    put(folder, ".gitignore", "*.tmp\n")
    put(folder, "a.tmp")
    put(folder, "a.log")
    assert names(folder) == {"a.log"}


def test_the_stack_can_leave_out_more_and_bring_back(folder: Path) -> None:
    put(folder, ".gitignore", "*.log\n")
    for name in ("docs/x.md", "a.log", "b.log"):
        put(folder, name)
    assert names(folder, ignore=["docs/", "!b.log"]) == {"b.log"}
    assert {each.detail for each in read(folder, ignore=["docs/"]).left_out if each.path == "docs/"} == {"by ignore="}


def test_include_wins_over_everything(folder: Path) -> None:
    put(folder, ".gitignore", "build/\n")
    for name in ("build/deep/x.js", "build/deep/y.js", "node_modules/a/index.js", "prod.env", "x.tmp"):
        put(folder, name)
    include = ["build/deep/x.js", "node_modules/", "prod.env", "x.tmp"]
    kept = {"build/deep/x.js", "node_modules/a/index.js", "prod.env", "x.tmp"}
    assert names(folder, ignore=["*.tmp"], include=include) == kept


def test_a_secret_is_only_included_by_its_own_name(folder: Path) -> None:
    put(folder, "config/prod.env")
    put(folder, "config/key", "-----BEGIN RSA PRIVATE KEY-----\n")
    assert names(folder, include=["config/"]) == set()
    assert names(folder, include=["config/*"]) == {"config/prod.env", "config/key"}


# What nobody wants to deploy.

SECRETS = """
    .env .env.local .env.production prod.env .envrc .npmrc .pypirc .netrc .pgpass .git-credentials .htpasswd id_rsa
    id_ed25519 id_rsa.bak server.pem SERVER.PEM example.pem private.key store.p12 store.jks putty.ppk keys.kdbx
    credentials credentials.json secrets.yaml service-account-prod.json client_secret_1.json terraform.tfvars
    terraform.tfstate
    .env~ .env.bak .ENV Prod.Env prod.env.old
""".split()
HARMLESS = """
    .env.example .env.sample .env.template example.env .env.dist prod.env.example secrets.example.yaml environment.py
    env.py id_rsa.pub keys.py secrets.py credentials.py secret.txt.py monkey.py pem.txt package.json .npmignore
    service-account.md keyboard.json
""".split()


@pytest.mark.parametrize("name", SECRETS)
def test_what_looks_like_a_secret_is_left_out_and_named(folder: Path, name: str) -> None:
    put(folder, f"src/{name}")
    assert (left_out(folder).path, left_out(folder).why) == (f"src/{name}", WhyLeftOut.SECRET)
    assert names(folder, include=[name]) == {f"src/{name}"}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_sounds_like_one_is_deployed(folder: Path, name: str) -> None:
    assert not looks_secret(name)
    put(folder, name)
    assert names(folder) == {name}


@pytest.mark.parametrize("name", ["credentials", "secrets.d", "identity", "env", "keys.key"])
def test_a_folder_of_code_may_be_called_as_it_likes(folder: Path, name: str) -> None:
    put(folder, f"{name}/x.py")
    assert names(folder) == {f"{name}/x.py"}


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN RSA PRIVATE KEY-----\n",
        "\n-----BEGIN OPENSSH PRIVATE KEY-----\n",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
        "PuTTY-User-Key-File-2: ssh-rsa\n",
    ],
)
def test_a_private_key_is_known_whatever_it_is_called(folder: Path, text: str) -> None:
    put(folder, "harmless.txt", text)
    assert left_out(folder).why is WhyLeftOut.SECRET


def test_a_certificate_and_a_text_about_keys_are_none(folder: Path) -> None:
    put(folder, "root.crt", "-----BEGIN CERTIFICATE-----\n")
    put(folder, "readme", "A key begins with -----BEGIN PRIVATE KEY-----.\n")
    assert names(folder) == {"root.crt", "readme"}


@pytest.mark.parametrize(
    ("name", "shown", "why"),
    [
        (".git/config", ".git/", WhyLeftOut.REPOSITORY),
        ("sub/.git", "sub/.git", WhyLeftOut.REPOSITORY),
        (".hg/x", ".hg/", WhyLeftOut.REPOSITORY),
        (".venv/x", ".venv/", WhyLeftOut.ENVIRONMENT),
        ("venv/x", "venv/", WhyLeftOut.ENVIRONMENT),
        ("mine/pyvenv.cfg", "mine/", WhyLeftOut.ENVIRONMENT),
        ("node_modules/a/b", "node_modules/", WhyLeftOut.ENVIRONMENT),
        ("src/__pycache__/x.pyc", "src/__pycache__/", WhyLeftOut.CACHE),
        ("any/CACHEDIR.TAG", "any/", WhyLeftOut.CACHE),
        ("src/x.pyc", "src/x.pyc", WhyLeftOut.CACHE),
        ("src/.main.py.swp", "src/.main.py.swp", WhyLeftOut.CACHE),
        ("main.py~", "main.py~", WhyLeftOut.CACHE),
        (".DS_Store", ".DS_Store", WhyLeftOut.CACHE),
        (".ssh/config", ".ssh/", WhyLeftOut.SECRET),
        (".aws/credentials", ".aws/", WhyLeftOut.SECRET),
    ],
)
def test_repositories_environments_and_caches_are_left_out_and_named(
    folder: Path, name: str, shown: str, why: WhyLeftOut
) -> None:
    put(folder, name)
    found = left_out(folder)
    assert (found.path, found.why, found.is_ignored) == (shown, why, False)


def test_what_git_ignores_anyway_is_reported(folder: Path) -> None:
    put(folder, ".gitignore", ".env\n")
    put(folder, ".env")
    found = left_out(folder)
    assert (found.why, found.is_ignored, found.detail) == (WhyLeftOut.SECRET, True, "by functions/f/.gitignore line 1")


# Modes.


@pytest.mark.parametrize(("mode", "is_executable"), [(0o644, False), (0o755, True), (0o700, True), (0o655, False)])
def test_a_file_that_its_owner_may_execute_is_a_program(folder: Path, mode: int, is_executable: bool) -> None:
    put(folder, "x.sh", mode=mode)
    assert ("x.sh" in read(folder).executable) is is_executable


# Links and stranger things.


def test_links_to_files_and_folders_of_the_project_are_followed(folder: Path) -> None:
    common = project(folder) / "common"
    put(common, "pkg/__init__.py", "V = 1\n")
    put(common, "run.sh", mode=0o755)
    (folder / "pkg").symlink_to("../../common/pkg")
    (folder / "run.sh").symlink_to(common / "run.sh")
    assert names(folder) == {"pkg/__init__.py", "run.sh"}
    assert read(folder).executable == {"run.sh"}


def test_a_link_that_leads_out_is_refused_with_where_it_leads(folder: Path, tmp_path: Path) -> None:
    outside = put(tmp_path, "outside/passwords")
    for name, target in (("a", outside), ("b", outside.parent), ("c", "../../../outside/passwords"), ("d", "/etc")):
        (folder / name).symlink_to(target)
        said = f"{name} is a link that leads out of the project, to {(folder / name).resolve()}; "
        assert problem(folder).startswith(said)
        assert names_or_none(folder) == {"main.py"}
        (folder / name).unlink()


def names_or_none(folder: Path) -> set[str]:
    return set(read(folder).files)


def test_a_link_that_leads_out_by_way_of_another_is_refused_too(folder: Path, tmp_path: Path) -> None:
    put(tmp_path, "outside/x")
    (project(folder) / "hop").symlink_to(tmp_path / "outside")
    (folder / "a").symlink_to("../../hop/x")
    assert "leads out of the project" in problem(folder)


def test_a_link_that_leads_out_may_be_left_out(folder: Path) -> None:
    put(folder, ".gitignore", "a\n")
    for name in ("a", "b", ".venv"):
        (folder / name).symlink_to("/etc")
    found = read(folder, ignore=["b"])
    assert found.problems == []
    assert {each.path for each in found.left_out} == {"a", "b", ".venv"}


def test_a_link_brings_nothing_in_under_another_name(folder: Path) -> None:
    put(project(folder), ".gitignore", "made/\n")
    for name in (".env", "made/x.json", ".git-credentials", ".ssh/config"):
        put(project(folder), name)
    for name, target in (("a", ".env"), ("b", "made/x.json"), ("c", "made"), ("d", ".ssh/config")):
        (folder / name).symlink_to(f"../../{target}")
    assert names(folder) == set()
    assert {each.path: each.why for each in read(folder).left_out} == {
        "a": WhyLeftOut.SECRET,
        "b": WhyLeftOut.IGNORED,
        "c": WhyLeftOut.IGNORED,
        "d": WhyLeftOut.SECRET,
    }
    assert names(folder, include=["b", "c/"]) == {"b", "c/x.json"}


def test_the_state_of_the_tool_is_never_packed(folder: Path) -> None:
    """Neither by a link to it or to the folder above, nor where the whole project is the code."""
    put(project(folder), "state/prod/state.json")
    put(project(folder), "part/state/local/server/server.lock")
    (folder / "a").symlink_to("../../state")
    (folder / "b").symlink_to("../../state/prod/state.json")
    (folder / "c").symlink_to("../../part")
    assert names(folder) == set()
    assert {each.why for each in read(folder).left_out} == {WhyLeftOut.SECRET}
    whole = read_contents(CodeFolder(project(folder), project(folder)))
    assert set(whole.files) == {"functions/f/main.py"}
    assert "state/" in {each.path for each in whole.left_out}


def test_code_may_be_called_like_the_state(folder: Path) -> None:
    put(project(folder), "state/prod/machine.py")
    (folder / "a").symlink_to("../../state")
    assert names(folder) == {"a/prod/machine.py"}
    (project(folder) / "state" / "prod" / "machine.py").unlink()
    (project(folder) / "state" / "prod").rmdir()
    (project(folder) / "state").rmdir()
    put(project(folder), "state")
    assert names(folder) == {"a"}


@pytest.mark.parametrize("target", [".", "..", "../..", "sub"])
def test_a_link_to_a_folder_that_it_lies_in_is_refused(folder: Path, target: str) -> None:
    put(folder, "sub/x.py")
    (folder / "sub" / "again").symlink_to(folder / target)
    assert "sub/again is a link to a folder that contains it" in problem(folder)


def test_links_that_lead_to_each_other_are_refused(folder: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        put(folder, f"{name}/x.py")
        (folder / name / "to").symlink_to(f"../{other}")
    assert [each.partition(" ")[0] for each in read(folder).problems] == ["a/to/to", "b/to/to"]


@pytest.mark.parametrize("target", ["missing", "/missing/too", "self"])
def test_a_link_that_leads_nowhere_is_named(folder: Path, target: str) -> None:
    (folder / "self").symlink_to(target)
    assert (left_out(folder).why, left_out(folder).detail) == (WhyLeftOut.BROKEN, f"it leads to {target}")


def test_what_is_no_file_is_named(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    before = Path.cwd()
    os.chdir(folder)
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("socket")
    finally:
        os.chdir(before)
    assert [(each.path, each.why) for each in read(folder).left_out] == [
        ("pipe", WhyLeftOut.SPECIAL),
        ("socket", WhyLeftOut.SPECIAL),
    ]


def test_names_that_are_no_text_are_packed(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    put(folder, name)
    assert names(folder) == {name}


def test_what_cannot_be_read_is_a_problem_with_its_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_bytes(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert problem(folder) == "main.py cannot be read: Permission denied"


# Limits.


def test_more_files_than_a_bundle_may_have_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        put(folder, f"{number}")
    monkeypatch.setattr(limits, "BUNDLE_ENTRIES", 5)
    assert len(read(folder).files) == 5
    monkeypatch.setattr(limits, "BUNDLE_ENTRIES", 4)
    assert problem(folder).startswith("its folder holds more than 4 files")


def test_more_bytes_than_are_packed_are_never_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, "large", "12345")
    monkeypatch.setattr(limits, "BUNDLE_UNPACKED_BYTES", 6)
    assert len(read(folder).files) == 2
    monkeypatch.setattr(limits, "BUNDLE_UNPACKED_BYTES", 5)
    assert problem(folder).startswith(
        "its folder holds more than 5 bytes, the most that is packed; the limit was reached at main.py"
    )
