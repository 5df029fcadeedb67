"""Files of Appwrite's command line, as people wrote them in five years: each becomes a stack, and comes back.

More of them may be laid beside those of `data/appwrite-configs`: each file there is tried.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.cli.main import execute
from raceday_iac.devserver.ages import V1_8, V1_9
from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.server import Settings

FILES = sorted((Path(__file__).parents[1] / "data" / "appwrite-configs").glob("*.json"))
LARGEST_FILE = 30_000_000
ENVIRONMENT = "endpoint: {}\nproject: {}\napi_key_env: APPWRITE_API_KEY\n"


@dataclass
class Folder:
    """A project's folder, and commands in it."""

    root: Path
    capsys: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def iac(self, stack: str, *words: str) -> str:
        """What a command says as JSON; it has to end well."""
        code = execute([*words, "--env", "here", "--stack", f"stacks/{stack}.py", "--json"])
        said = self.capsys.readouterr()
        assert code == 0, said.err + said.out
        return said.out

    def imported(self, stack: str, *words: str) -> Mapping[str, Any]:
        """A stack file from somewhere; its secrets are set."""
        said = self.iac(stack, "import", *words, "--write", f"stacks/{stack}.py")
        written: Mapping[str, Any] = json.loads(said)["written"]
        for name in written["secrets"]:
            self.patch.setenv(name, "a secret value")
        return written

    def allow_no_larger_files_than_a_new_server(self, file: Path) -> None:
        """Files of Cloud allow more than a server whose operator has set nothing: the environment says less."""
        buckets = json.loads(file.read_text(encoding="utf-8-sig")).get("buckets") or []
        large = [each["$id"] for each in buckets if each["maximumFileSize"] > LARGEST_FILE]
        lines = ["overrides:", *(f"  bucket.{id}: {{maximum_file_size: {LARGEST_FILE}}}" for id in large)]
        with (self.root / "stacks" / "environments" / "here.yaml").open("a") as environment:
            environment.write("\n".join(lines) + "\n" if large else "")

    def exported(self, stack: str) -> Any:
        """The stack as a file for the newest command line."""
        self.iac(stack, "export", "--appwrite-json", f"{stack}.json")
        return json.loads((self.root / f"{stack}.json").read_text(encoding="utf-8")) | {"projectName": ""}


#: Files of before that changed settings of the project, which keys may do since 1.9.5.
WITH_SETTINGS = ("2025-07-17", "2025-09-18", "2025-10-23")


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> Iterator[Folder]:
    """An empty project on an empty server."""
    environments = tmp_path / "stacks" / "environments"
    environments.mkdir(parents=True)
    # Indexes over arrays are of 1.8, the newer column types and settings of 1.9.
    file = request.node.callspec.params["file"]
    age = V1_8 if file.stem < "2026" and file.stem not in WITH_SETTINGS else V1_9
    settings = Settings(scheduler=False, function_creation_limit=0, age=age, processing_delay=0)
    with start_server(tmp_path / "server", settings=settings) as server:
        (environments / "here.yaml").write_text(ENVIRONMENT.format(server.endpoint, server.project))
        monkeypatch.setenv("APPWRITE_API_KEY", server.key)
        monkeypatch.chdir(tmp_path)
        yield Folder(tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize("file", FILES, ids=lambda each: each.stem)
def test_a_file_becomes_a_stack_that_is_applied_and_comes_back(file: Path, folder: Folder) -> None:
    folder.allow_no_larger_files_than_a_new_server(file)
    first = folder.imported("first", "--from-appwrite-json", os.fspath(file))
    folder.iac("first", "apply", "--auto-approve")
    folder.iac("first", "plan", "--detailed-exitcode")
    live = folder.imported("live")
    assert set(live["declared"]) == set(first["declared"])
    exported = folder.exported("live")
    again = folder.imported("again", "--from-appwrite-json", "live.json")
    assert again["leftOut"] == []
    assert again["remarks"] == []
    assert folder.exported("again") == exported
