"""Which commit is checked out, and the project as it is in another one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from raceday_iac.cli.commits import at_commit, checked_out, files_of, full_commit
from raceday_iac.cli.options import Options
from raceday_iac.cli.workspace import Workspace
from raceday_iac.errors import IacError
from raceday_iac.model.address import function_address
from raceday_iac.state.document import UNKNOWN_REVISION, Revision

STACK = """\
from raceday_iac import Stack

stack = Stack("s")
stack.function("f", name="F", runtime="python-3.12", timeout={timeout}, entrypoint="main.py", code="functions/f")
"""


class Repository:
    """One with the project in a folder of it."""

    def __init__(self, top: Path) -> None:
        self.top, self.root = top, top / "shop"
        self.git("init", "-q")
        self.write("stacks/s.py", STACK.format(timeout=1))
        self.write("stacks/environments/dev.yaml", "endpoint: https://now.example/v1\nproject: now\n")
        self.write("functions/f/main.py", "def main(context):\n    return None\n")

    def git(self, *words: str) -> str:
        command = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", "-C", str(self.top), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, name: str, text: str) -> Path:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")
        return self.git("rev-parse", "HEAD")

    @property
    def options(self) -> Options:
        return Options(env="dev", stack=self.root / "stacks" / "s.py")

    def revision(self) -> Revision:
        return Workspace.load(self.options).revision


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "top")


def digest(workspace: Workspace) -> str:
    return workspace.bundles[function_address("f")].digest


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    (tmp_path / "top" / "shop").mkdir(parents=True)


def test_where_there_is_no_repository_git_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it was"))
    assert checked_out(tmp_path, []) == UNKNOWN_REVISION


def test_outside_of_a_repository_and_before_the_first_commit_nothing_is_known(
    repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert checked_out(tmp_path / "elsewhere", []) == UNKNOWN_REVISION
    assert repository.revision() == UNKNOWN_REVISION


def test_without_git_nothing_is_known(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.commit()
    monkeypatch.setenv("PATH", str(repository.top))
    assert repository.revision() == UNKNOWN_REVISION
    with pytest.raises(IacError, match="git cannot be run"):
        full_commit(repository.root, "HEAD")


@pytest.mark.parametrize(
    ("name", "is_dirty"),
    [
        ("stacks/s.py", True),
        ("functions/f/main.py", True),
        ("README.md", True),
        # Of what git does not have, only what the stack is made of.
        ("stacks/more.py", True),
        ("functions/f/new.py", True),
        ("functions/_shared/new.py", True),
        ("notes.txt", False),
        ("release.plan", False),
        ("../other/file.txt", False),
        ("functions/f/ignored.log", False),
    ],
)
def test_what_makes_it_dirty(repository: Repository, name: str, is_dirty: bool) -> None:
    repository.write("README.md", "x")
    repository.write("functions/_shared/a.py", "A = 1\n")
    repository.write(".gitignore", "*.log\n")
    commit = repository.commit()
    assert repository.revision() == Revision(commit)
    file = repository.root / name
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    repository.write(name, f"{before}# more\n")
    assert repository.revision() == Revision(commit, is_dirty)


def test_a_state_that_somebody_commits_does_not_make_it_dirty(repository: Repository) -> None:
    repository.write("state/dev/state.json", "1")
    commit = repository.commit()
    repository.write("state/dev/state.json", "2")
    repository.write("state/dev/more.json", "2")
    assert repository.revision() == Revision(commit)


def test_what_is_deleted_or_only_added_to_the_index_makes_it_dirty(repository: Repository) -> None:
    commit = repository.commit()
    repository.write("notes.txt", "x")
    repository.git("add", "-A")
    assert repository.revision() == Revision(commit, is_dirty=True)
    repository.git("reset", "-q", "--hard")
    (repository.root / "stacks" / "environments" / "dev.yaml").unlink()
    assert checked_out(repository.root, []).is_dirty


def test_the_stack_of_a_commit_is_that_stack_with_its_code(repository: Repository) -> None:
    link = repository.root / "functions" / "f" / "link.py"
    repository.write("lib/shared.py", "X = 1\n")
    link.symlink_to("../../lib/shared.py")
    tool = repository.write("functions/f/tool.sh", "#!/bin/sh\n")
    tool.chmod(0o755)
    # Neither an archive without some files, nor texts with other line ends.
    repository.write(".gitattributes", "*.sh export-ignore\n*.py export-subst\n")
    repository.write("functions/f/notes.log", "ignored")
    repository.write(".gitignore", "*.log\n")
    first = repository.commit()
    expected = digest(Workspace.load(repository.options))
    repository.write("stacks/s.py", STACK.format(timeout=2))
    repository.write("lib/shared.py", "X = 2\n")
    repository.commit()
    before = sorted(os.walk(repository.top))
    with at_commit(repository.options, first) as workspace:
        assert workspace.desired.resources[function_address("f")].fields["timeout"] == 1
        assert digest(workspace) == expected
        assert workspace.revision == Revision(first)
        assert workspace.options == repository.options
        kept = workspace.desired.code[function_address("f")].folder
        assert kept.exists()
    assert not kept.exists()
    assert sorted(os.walk(repository.top)) == before
    assert digest(Workspace.load(repository.options)) != expected


def test_where_the_environment_is_is_as_it_is_said_now(repository: Repository) -> None:
    file = repository.root / "stacks" / "environments" / "dev.yaml"
    before = file.read_text(encoding="utf-8")
    file.write_text(f"{before}schedules: false\noverrides: {{function.f: {{timeout: 7}}}}\n", encoding="utf-8")
    first = repository.commit()
    file.write_text("endpoint: https://later.example/v1\nproject: later\nstate: {backend: local, keep: 5}\n")
    second = repository.commit()
    with at_commit(repository.options, first) as workspace:
        environment = workspace.environment
        assert (environment.endpoint, environment.project) == ("https://later.example/v1", "later")
        assert (environment.schedules, dict(environment.overrides)) == (False, {"function.f": {"timeout": 7}})
        assert workspace.desired.resources[function_address("f")].fields["timeout"] == 7
    with at_commit(repository.options, second) as workspace:
        assert workspace.desired.resources[function_address("f")].fields["timeout"] == 1


def test_an_environment_that_the_commit_did_not_have_overrides_nothing(repository: Repository) -> None:
    first = repository.commit()
    repository.write("stacks/environments/new.yaml", "endpoint: https://new.example/v1\nproject: new\n")
    options = Options(env="new", stack=repository.options.stack)
    with at_commit(options, first) as workspace:
        assert workspace.environment.endpoint == "https://new.example/v1"


@pytest.mark.parametrize("name", ["nothing", "--all", "HEAD:shop", "HEAD~9", "-", "0" * 40])
def test_what_is_no_commit_is_said(repository: Repository, name: str) -> None:
    repository.commit()
    with pytest.raises(IacError, match="is not a commit of the git repository"):
        full_commit(repository.root, name)


@pytest.mark.parametrize("name", ["HEAD", "main", "--upload-pack=x", "", "A" * 40, "0" * 39])
def test_only_a_whole_hash_names_files(repository: Repository, name: str) -> None:
    repository.commit()
    with pytest.raises(IacError, match="is not the hash of a commit"), files_of(repository.root, name):
        pass


def test_a_commit_without_the_project_or_the_stack_is_said(repository: Repository) -> None:
    (repository.top / "README").write_text("x", encoding="utf-8")
    repository.git("add", "README")
    repository.git("commit", "-q", "-m", "x")
    first = repository.git("rev-parse", "HEAD")
    repository.commit()
    with pytest.raises(IacError, match="has no folder shop"), files_of(repository.root, first):
        pass
    repository.git("mv", "shop/stacks/s.py", "shop/stacks/other.py")
    moved = repository.commit()
    with pytest.raises(IacError, match=r"has no stacks/s\.py"), at_commit(repository.options, moved):
        pass


def test_variables_of_a_hook_do_not_lead_elsewhere(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository.commit()
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert repository.revision() == Revision(commit)
    with files_of(repository.root, commit) as files:
        assert (files / "stacks" / "s.py").is_file()
