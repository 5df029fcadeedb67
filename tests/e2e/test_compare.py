"""Environments beside each other, and what one runs for another one: each on an embedded server of its own."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from unit.docs.pages import load
from unit.docs.schemas import must_fit

from .api import Api
from .budget import Creations
from .command import Ended, must_be_decent

#: With the Appwrite that each plays.
AGES = {"dev": "1.9", "staging": "1.9", "prod": "1.9", "old": "1.8"}
READING = ("functions.read", "databases.read", "collections.read", "documents.read", "execution.read")
STACK = """
from raceday_iac import FromEnvironment, Stack

stack = Stack("races")
database = stack.database("races", name="Races")
meetings = database.collection("meetings", name="Meetings")
meetings.string("name", size=80, required=True)
meetings.index("by_name", "name")
stack.function(
    "next-race", name="Next race", runtime="python-3.12", timeout=15, schedule="0 5 * * *", entrypoint="main.py",
    code="functions/next-race", variables={"TOKEN": FromEnvironment("TOKEN"), "BASE": "https://races.example"},
)
"""


class Fleet:
    """A project's folder in a repository of its own, with an environment for each server."""

    def __init__(self, root: Path, servers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.apis, self.projects = root, {}, {}
        self.secrets: list[str] = []
        environments = root / "stacks" / "environments"
        environments.mkdir(parents=True)
        for name, server in servers.items():
            project = f"p-{name}-{root.name[-20:]}"[:36].strip("-")
            self.projects[name] = project
            server.ensure_project(project)
            key = server.create_key(project)
            variable = f"{name.upper()}_KEY"
            monkeypatch.setenv(variable, key)
            self.secrets.append(key)
            (environments / f"{name}.yaml").write_text(
                f"endpoint: {server.endpoint}\nproject: {project}\napi_key_env: {variable}\n", encoding="utf-8"
            )
            self.apis[name] = Api(server.endpoint, project, key, Creations(0))
        monkeypatch.setenv("TOKEN", "token-of-the-races")
        self.secrets.append("token-of-the-races")
        monkeypatch.chdir(root)
        self.write("stacks/x.py", STACK)
        self.write("functions/next-race/main.py", "def main(context):\n    return context.res.text('1')\n")
        self.write(".gitignore", "state/\n")

    def write(self, name: str, text: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")

    def replace(self, old: str, new: str, name: str = "stacks/x.py") -> None:
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text
        (self.root / name).write_text(text.replace(old, new), encoding="utf-8")

    def override(self, environment: str, text: str) -> None:
        with (self.root / "stacks" / "environments" / f"{environment}.yaml").open("a", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))

    def iac(self, words: str, code: int = 0, answer: str = "") -> Ended:
        """A whole run, which must end with `code` and show no secret."""
        from raceday_iac.cli.main import execute

        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.StringIO(answer))
            ended = Ended(words, execute(shlex.split(words)), out.getvalue(), err.getvalue())
        must_be_decent(ended, self.secrets)
        assert ended.code == code, f"expected exit {code}\n{ended}"
        return ended

    def apply(self, *environments: str) -> None:
        for name in environments:
            self.iac(f"apply --env {name} --auto-approve")

    def git(self, *words: str) -> str:
        command = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", "-C", str(self.root), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, message: str) -> str:
        """Commit everything; its hash."""
        if not (self.root / ".git").exists():
            self.git("init", "-q")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    from raceday_iac.devserver.ages import AGES as PLAYED
    from raceday_iac.devserver.runner import start_server
    from raceday_iac.devserver.server import Settings

    with ExitStack() as running:
        shared = tmp_path_factory.mktemp("venvs")
        yield {
            name: running.enter_context(
                start_server(
                    tmp_path_factory.mktemp(name),
                    settings=Settings(age=PLAYED[age], scheduler=False, venv_folder=shared),
                )
            )
            for name, age in AGES.items()
        }


@pytest.fixture
def fleet(servers: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    return Fleet(tmp_path, servers, monkeypatch)


def seen(ended: Ended) -> dict[str, str]:
    """Why each differs, by address with its fields."""
    document = ended.json
    must_fit(document, "compare")
    assert document["exitCode"] == ended.code
    return {
        " ".join([each["address"], *(field["name"] for field in each["fields"])]): each["why"]
        for each in document["differences"]
    }


def meddle(fleet: Fleet, environment: str, name: str) -> None:
    """Somebody renames the collection in the console."""
    content = {"name": name, "permissions": [], "documentSecurity": False, "enabled": True}
    fleet.apis[environment].put("/databases/races/collections/meetings", content)


def test_three_environments_say_what_differs_and_why(fleet: Fleet) -> None:
    fleet.override("dev", "schedules: false\noverrides:\n  function.next-race: {timeout: 60}\n")
    fleet.override("prod", "overrides:\n  variable.next-race/BASE: {value: https://prod.example}\n")
    fleet.apply("dev", "staging", "prod")
    assert seen(fleet.iac("compare dev staging --json")) == {"function.next-race schedule timeout": "as declared"}
    assert seen(fleet.iac("compare staging prod --json")) == {"variable.next-race/BASE value": "as declared"}
    fleet.iac("compare staging prod --exact", code=2)

    fleet.replace("size=80", "size=120")
    fleet.replace("return context.res.text('1')", "return context.res.text('2')", "functions/next-race/main.py")
    fleet.apply("staging")
    meddle(fleet, "prod", "Meddled")
    found = fleet.iac("compare staging prod --json", code=4)
    assert seen(found) == {
        "collection.races/meetings name": "prod drifted",
        "attribute.races/meetings/name size": "not applied in prod",
        "deployment.next-race digest": "not applied in prod",
        "variable.next-race/BASE value": "as declared",
    }
    values = {each["address"]: each["fields"] for each in found.json["differences"]}
    assert values["attribute.races/meetings/name"] == [{"name": "size", "first": 120, "second": 80}]
    digest = values["deployment.next-race"][0]
    assert digest["first"] != digest["second"]
    assert len(digest["first"]) == 64
    text = fleet.iac("compare prod staging", code=4).out
    assert '        name: "Meddled" → "Meetings"   (prod → staging)' in text
    assert "  ~ attribute.races/meetings/name: not applied in prod" in text


def test_accepted_drift_does_not_count_and_is_no_obstacle(fleet: Fleet) -> None:
    fleet.apply("dev", "staging")
    meddle(fleet, "dev", "Meddled")
    fleet.iac("compare dev staging", code=3)
    fleet.write(
        "stacks/policies.yaml",
        "accepted: [{code: DRF001, subject: collection.races/meetings, reason: A trial., until: 2999-01-01}]\n",
    )
    first = fleet.commit("First")
    assert seen(fleet.iac("compare dev staging --json")) == {"collection.races/meetings name": "accepted in dev"}
    assert "differ only in accepted drift" in fleet.iac("compare staging dev").out
    fleet.iac("compare dev staging --exact", code=2)
    assert fleet.iac("promote dev staging --json").json["promoted"]["commit"] == first
    meddle(fleet, "staging", "Other")
    assert seen(fleet.iac("compare dev staging --json")) == {"collection.races/meetings name": "accepted in both"}


def test_it_reads_only_and_writes_reports(fleet: Fleet) -> None:
    fleet.apply("dev", "staging")
    before = {file: file.read_bytes() for file in (fleet.root / "state").rglob("state.json")}
    fleet.iac("compare dev staging --markdown out.md --html out.html")
    assert {file: file.read_bytes() for file in (fleet.root / "state").rglob("state.json")} == before
    assert "dev and staging are the same." in (fleet.root / "out.html").read_text(encoding="utf-8")
    assert "✅ dev and staging are the same." in (fleet.root / "out.md").read_text(encoding="utf-8")


def test_keys_that_only_read_and_states_in_appwrite_will_do(
    fleet: Fleet, servers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("dev", "staging"):
        fleet.override(name, "state: {backend: appwrite}\n")
    fleet.commit("First")
    fleet.apply("dev")
    for name in ("dev", "staging"):
        key = servers[name].create_key(fleet.projects[name], READING)
        fleet.secrets.append(key)
        monkeypatch.setenv(f"{name.upper()}_KEY", key)
    assert seen(fleet.iac("compare dev staging --json", code=2))["function.next-race"] == "not applied in staging"
    made = fleet.iac("promote dev staging --out release.plan --json")
    assert planned(made)["database.races"] == "create"


def test_another_secret_is_a_difference_and_never_shown(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.apply("dev")
    monkeypatch.setenv("TOKEN", "another-token-of-the-races")
    fleet.secrets.append("another-token-of-the-races")
    fleet.apply("staging")
    assert seen(fleet.iac("compare dev staging --json", code=2)) == {
        "variable.next-race/TOKEN value": "not applied in dev"
    }
    monkeypatch.delenv("TOKEN")
    found = fleet.iac("compare dev staging --json")
    assert seen(found) == {}
    assert found.json["notCompared"] == [
        "variable.next-race/TOKEN: whether value is the same secret cannot be compared"
    ]


def test_kinds_that_an_older_server_does_not_have_are_said(fleet: Fleet) -> None:
    fleet.apply("dev")
    fleet.apply("old")
    assert seen(fleet.iac("compare dev old --json")) == {}
    fleet.replace('Stack("races")', 'Stack("races", variables={"A": "b"})')
    fleet.apply("dev")
    found = fleet.iac("compare dev old --json")
    assert seen(found) == {}
    assert any(each.startswith("project_variable: old: ") for each in found.json["notCompared"]), found


def test_a_commits_stack_is_compared_with_what_is_live(fleet: Fleet) -> None:
    fleet.commit("First")
    fleet.git("tag", "v1")
    fleet.apply("dev")
    assert seen(fleet.iac("compare dev --commit v1 --json")) == {}
    fleet.replace("size=80", "size=120")
    fleet.replace("text('1')", "text('2')", "functions/next-race/main.py")
    second = fleet.commit("Second")
    fleet.apply("dev")
    assert seen(fleet.iac("compare dev --commit HEAD~1 --json", code=2)) == {
        "attribute.races/meetings/name size": "not applied in dev",
        "deployment.next-race digest": "not applied in dev",
    }
    # What is checked out plays no part in it.
    fleet.write("stacks/x.py", "stack = nonsense(")
    shutil.rmtree(fleet.root / "functions")
    assert seen(fleet.iac(f"compare dev --commit {second} --json")) == {}
    meddle(fleet, "dev", "Meddled")
    assert seen(fleet.iac(f"compare dev --commit {second} --json", code=3)) == {
        "collection.races/meetings name": "dev drifted"
    }
    assert not list(fleet.root.glob(".git/worktrees/*"))


def test_a_saved_plan_is_compared_with_another_environment(fleet: Fleet) -> None:
    fleet.apply("dev", "staging")
    fleet.replace("size=80", "size=120")
    fleet.iac("plan --env staging --out release.plan")
    assert seen(fleet.iac("compare dev release.plan --json", code=2)) == {
        "attribute.races/meetings/name size": "not applied in dev; planned in release.plan"
    }
    fleet.apply("dev")
    assert seen(fleet.iac("compare dev release.plan --json")) == {}


# What one environment runs, for another one.


def state(fleet: Fleet, environment: str) -> Any:
    return json.loads((fleet.root / "state" / environment / "state.json").read_text(encoding="utf-8"))


def planned(ended: Ended) -> dict[str, str]:
    """Address → action; the document is as its schema says."""
    must_fit(ended.json, "promote")
    return {each["address"]: each["action"] for each in ended.json["changes"]}


def test_a_commit_goes_from_dev_to_staging_to_production(fleet: Fleet) -> None:
    fleet.override("prod", "overrides:\n  function.next-race: {timeout: 60}\n")
    first = fleet.commit("First")
    fleet.apply("dev")
    assert state(fleet, "dev")["revision"] == {"commit": first}
    fleet.iac("promote dev staging --apply --auto-approve")
    assert state(fleet, "staging")["revision"] == {"commit": first}
    # Work goes on: none of it is promoted.
    fleet.replace("size=80", "size=120")
    fleet.replace("text('1')", "text('2')", "functions/next-race/main.py")
    fleet.commit("Second")
    fleet.write("stacks/notes.py", "later = 1\n")
    made = fleet.iac("promote staging prod --out release.plan --json")
    assert made.json["promoted"] == {"from": "staging", "commit": first}
    assert planned(made)["attribute.races/meetings/name"] == "create"
    shown = fleet.iac("show release.plan").out
    assert f"made from the stack of commit {first[:12]}" in shown
    fleet.iac("apply release.plan")
    assert state(fleet, "prod")["revision"] == {"commit": first}
    assert seen(fleet.iac("compare staging prod --json")) == {"function.next-race timeout": "as declared"}
    assert seen(fleet.iac(f"compare prod --commit {first} --json")) == {}
    deployments = [state(fleet, name)["resources"]["deployment.next-race"]["fields"] for name in ("dev", "prod")]
    assert deployments[0] == deployments[1]


def test_nothing_is_planned_twice(fleet: Fleet) -> None:
    fleet.commit("First")
    fleet.apply("dev", "staging")
    before = state(fleet, "staging")
    ended = fleet.iac("promote dev staging --detailed-exitcode")
    assert "No changes. Appwrite matches the configuration." in ended.out
    assert "which dev runs" in ended.out
    assert state(fleet, "staging") == before


def test_what_only_concerns_the_other_environment_is_promoted_too(fleet: Fleet) -> None:
    """A commit that changes nothing on dev runs there as well as the one that was applied."""
    fleet.commit("First")
    fleet.apply("dev", "staging")
    fleet.override("staging", "overrides:\n  function.next-race: {timeout: 60}\n")
    second = fleet.commit("Second")
    ended = fleet.iac("promote dev staging --json")
    assert (planned(ended), ended.json["promoted"]["commit"]) == ({"function.next-race": "update"}, second)
    serial = state(fleet, "dev")["serial"]
    fleet.apply("dev")
    assert (state(fleet, "dev")["revision"], state(fleet, "dev")["serial"]) == ({"commit": second}, serial + 1)
    fleet.apply("dev")
    assert state(fleet, "dev")["serial"] == serial + 1


def test_an_environment_that_is_not_clean_is_not_promoted(fleet: Fleet) -> None:
    def refused(*said: str) -> None:
        before = {file: file.read_bytes() for file in (fleet.root / "state").rglob("state.json")}
        ended = fleet.iac("promote dev staging --apply --auto-approve", code=5)
        assert "Environment dev does not run exactly what a commit says" in ended.err
        assert "so it cannot be promoted. Nothing was changed." in ended.err
        assert "raceday-iac apply --env dev" in ended.err
        assert [each for each in said if each not in ended.err] == [], ended
        assert {file: file.read_bytes() for file in (fleet.root / "state").rglob("state.json")} == before

    # Outside of a repository.
    fleet.apply("dev")
    refused("its state does not name the commit that was applied last")
    # What was applied was not committed.
    first = fleet.commit("First")
    fleet.replace("size=80", "size=120")
    fleet.apply("dev")
    assert state(fleet, "dev")["revision"] == {"commit": first, "dirty": True}
    refused(f"commit {first[:12]} with changes, which were not committed")
    # It is by now.
    fleet.commit("Second")
    fleet.iac("promote dev staging")
    # Somebody changed the server.
    meddle(fleet, "dev", "Meddled")
    refused("update collection.races/meetings: it was changed on the server (drift)")
    fleet.apply("dev")
    # Something is not applied yet, and what was applied is no commit any more.
    fleet.replace("text('1')", "text('2')", "functions/next-race/main.py")
    fleet.commit("Third")
    assert fleet.iac("promote dev staging --json").json["promoted"]["commit"] == fleet.git("rev-parse", "HEAD~1")
    fleet.apply("dev")
    # What was applied last is in another repository.
    file = fleet.root / "state" / "dev" / "state.json"
    file.write_text(file.read_text(encoding="utf-8").replace(fleet.git("rev-parse", "HEAD"), "0" * 40))
    fleet.replace("size=120", "size=121")
    assert f"{'0' * 40} is not a commit of the git repository" in fleet.iac("promote dev staging", code=1).err


def test_an_apply_that_was_cut_short_is_not_promoted(fleet: Fleet) -> None:
    fleet.commit("First")
    fleet.apply("dev")
    journal = fleet.root / "state" / "dev" / "journal.jsonl"
    line = {"at": "2026-01-01T00:00:00+00:00", "what": "intent", "change": "update:function.next-race", "note": ""}
    journal.write_text(json.dumps(line) + "\n", encoding="utf-8")
    ended = fleet.iac("promote dev staging", code=5)
    assert "an apply was interrupted during update:function.next-race" in ended.err
    fleet.apply("dev")
    fleet.iac("promote dev staging")


def test_an_apply_that_failed_is_not_promoted(fleet: Fleet, servers: dict[str, Any]) -> None:
    fleet.commit("First")
    fleet.apply("dev", "staging")
    fleet.replace('meetings.index("by_name", "name")', 'meetings.index("by_name", "name")\nmeetings.string("bad", 10)')
    fleet.replace("timeout=15", "timeout=16")
    second = fleet.commit("Second")
    faults = servers["dev"].server.faults
    faults.failing_attributes.add("bad")
    try:
        fleet.iac("apply --env dev --auto-approve", code=1)
    finally:
        faults.clear()
    assert state(fleet, "dev")["revision"] == {"commit": second}
    refused = fleet.iac("promote dev staging", code=5).err
    assert f"by commit {second[:12]}: replace attribute.races/meetings/bad" in refused
    fleet.apply("dev")
    assert fleet.iac("promote dev staging --json").json["promoted"]["commit"] == second


def test_a_commit_that_cannot_be_noted_is_noted_by_the_next_apply(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from raceday_iac.files import write_private
    from raceday_iac.state.backends import local

    first = fleet.commit("First")
    fleet.apply("dev")
    (fleet.root / "README.md").write_text("x", encoding="utf-8")
    second = fleet.commit("Second")

    def no_room(path: Path, *rest: Any) -> None:
        if path.name == "state.json":
            raise OSError(28, "No space left on device")
        write_private(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(local, "write_private", no_room)
        assert "The state could not be saved" in fleet.iac("apply --env dev --auto-approve", code=1).err
    assert state(fleet, "dev")["revision"] == {"commit": first}
    fleet.apply("dev")
    assert state(fleet, "dev")["revision"] == {"commit": second}


def test_a_promoted_plan_is_applied_as_it_is_or_not_at_all(fleet: Fleet) -> None:
    fleet.commit("First")
    fleet.apply("dev", "staging")
    fleet.replace("size=80", "size=120")
    second = fleet.commit("Second")
    fleet.apply("dev")
    fleet.iac("promote dev staging --out release.plan")
    meddle(fleet, "staging", "Meddled")
    assert "The plan is stale." in fleet.iac("apply release.plan", code=6).err
    fleet.apply("staging")
    content = json.loads((fleet.root / "release.plan").read_text(encoding="utf-8"))
    assert content["commit"] == second
    # Whoever changes the commit breaks the seal.
    content["commit"] = fleet.git("rev-parse", "HEAD~1")
    (fleet.root / "release.plan").write_text(json.dumps(content), encoding="utf-8")
    assert "was changed after it was saved" in fleet.iac("apply release.plan", code=5).err


def test_migrations_go_along(fleet: Fleet) -> None:
    fleet.write("migrations/0001.py", "def run(data):\n    return None\n")
    fleet.commit("First")
    fleet.apply("dev", "staging")
    with (fleet.root / "stacks" / "x.py").open("a", encoding="utf-8") as stack:
        stack.write('stack.migration("0001", "migrations/0001.py", needs=["collection.races/meetings"])\n')
    second = fleet.commit("Second")
    # It has not run on dev, which is therefore still at the first commit.
    assert fleet.iac("promote dev staging --json").json["promoted"]["commit"] != second
    fleet.apply("dev")
    assert seen(fleet.iac("compare dev staging --json", code=2)) == {"migration.0001": "not applied in staging"}
    made = fleet.iac("promote dev staging --out release.plan --json")
    assert (planned(made), made.json["promoted"]["commit"]) == ({"migration.0001": "migrate"}, second)
    assert seen(fleet.iac("compare dev release.plan --json")) == {}
    # The file of the commit is what runs.
    fleet.write("migrations/0001.py", "def run(data):\n    raise RuntimeError\n")
    fleet.iac("apply release.plan")
    ran = [state(fleet, name)["migrations"]["migration.0001"] for name in ("dev", "staging")]
    assert (ran[0]["digest"], ran[0]["stage"]) == (ran[1]["digest"], ran[1]["stage"])
    fleet.git("checkout", "-q", "--", ".")
    assert seen(fleet.iac("compare dev staging --json")) == {}
    assert fleet.iac("promote dev staging --json").json["empty"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("promote dev dev", "Both environments are dev."),
        ("promote dev stagin", "There is no environment 'stagin'"),
        ("promote dev staging --env prod", "--env has no effect here"),
        ("promote dev staging --auto-approve", "--auto-approve has no effect without --apply."),
        ("promote dev staging --apply --out x.plan", "--apply cannot be combined with --out, --rehearse or a report"),
    ],
)
def test_what_cannot_be_promoted_is_said(fleet: Fleet, words: str, said: str) -> None:
    ended = fleet.iac(words, code=1)
    assert said in ended.text
    assert "Nothing was changed." in ended.text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("compare dev dev", "Both environments are dev."),
        ("compare dev stagin", "There is no environment 'stagin' (did you mean 'staging'?)"),
        ("compare dve staging", "There is no environment 'dve' (did you mean 'dev'?)"),
        ("compare dev", "Name exactly one of these: a second environment, a saved plan, --commit REV"),
        ("compare dev staging --commit HEAD", "Name exactly one of these: a second environment, a saved plan"),
        ("compare dev staging --env prod", "--env has no effect here"),
        ("compare dev --commit HEAD", "HEAD is not a commit of the git repository"),
        ("compare dev --commit=--all", "--all is not a commit of the git repository"),
        ("compare dev stacks/x.py", "stacks/x.py is not a saved plan."),
        ("compare dev staging --json --html -", "Only one report can go to standard output."),
    ],
)
def test_what_makes_no_sense_is_said(fleet: Fleet, words: str, said: str) -> None:
    ended = fleet.iac(words, code=1)
    assert said in ended.text
    assert "Nothing was changed." in ended.text


def test_a_name_that_no_environment_can_have_is_said(fleet: Fleet) -> None:
    assert "'../x' is not the name of an environment." in fleet.iac("compare dev ../x", code=1).err


def test_which_one_is_not_reached_is_said(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.apply("dev")
    monkeypatch.setenv("STAGING_KEY", "wrong")
    assert "Environment staging: " in fleet.iac("compare dev staging", code=1).err
    monkeypatch.delenv("STAGING_KEY")
    assert "No API key for environment 'staging'" in fleet.iac("compare dev staging", code=1).err


def test_a_state_of_another_stack_is_refused(fleet: Fleet) -> None:
    fleet.apply("dev", "staging")
    fleet.replace('Stack("races")', 'Stack("horses")')
    ended = fleet.iac("compare dev staging", code=5)
    assert "Environment dev: The state in" in ended.err
    assert "its stack is races, but this is horses" in ended.err


# The guide, as its reader types it.

walk = load("walk")
GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "dev-to-production.md"


class Reader:
    """Does what the guide says, in this process: what it types of raceday-iac, git and rm. Its servers run already."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.environments = {
            name: (fleet.root / "stacks" / "environments" / f"{name}.yaml").read_text(encoding="utf-8")
            for name in ("dev", "staging", "prod")
        }

    def write(self, file: Any) -> None:
        name = Path(file.path).stem
        if name not in self.environments:
            walk.write(self.fleet.root / file.path, file.content, file.is_change)
            return
        own = [line for line in file.content.splitlines() if not line.startswith(("endpoint:", "project:"))]
        (self.fleet.root / file.path).write_text("\n".join((self.environments[name], *own)), encoding="utf-8")

    def type(self, command: Any) -> None:
        line = command.line.replace("\\\n", " ").split("  # exit code")[0]
        loop = re.fullmatch(r"for env in (.+); do (.+); done", line)
        lines = [loop[2].replace("$env", each) for each in loop[1].split()] if loop else [line]
        out = "".join(self._run(shlex.split(each), each, command.code) for each in lines)
        if "server st" not in line:
            assert not walk.missing(command.shown, out), f"{line}\n{out}"

    def _run(self, words: list[str], line: str, code: int) -> str:
        program, *rest = words
        if program == "raceday-iac":
            return "" if rest[0] == "server" else str(self.fleet.iac(shlex.join(rest), code).out)
        if program == "order":
            body = json.dumps({"product": "assam", "quantity": 2, "customer": rest[1]})
            return str(self.fleet.iac(shlex.join(["run", "checkout", "--env", rest[0], "--body", body])).out)
        if program == "product":
            content = {"documentId": rest[1], "data": json.loads(rest[2])}
            self.fleet.apis[rest[0]].post("/databases/shop/collections/products/documents", content)
        elif program in ("git", "rm"):
            subprocess.run(["bash", "-c", line], cwd=self.fleet.root, check=True, capture_output=True)
        else:
            assert program in ("mkdir", "product()", "order()"), line
        return ""


def test_the_guide_leads_from_dev_to_production_and_back(
    servers: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(Fleet(tmp_path, servers, monkeypatch))
    for each in ("stacks", "functions"):
        shutil.rmtree(tmp_path / each)
    (tmp_path / ".gitignore").unlink()
    for step in walk.steps(GUIDE.read_text(encoding="utf-8")):
        reader.write(step) if isinstance(step, walk.File) else reader.type(step)
    found = reader.fleet.apis["prod"].get("/databases/shop/collections/products/documents")["documents"]
    assert {each["$id"]: (each["name"], each["title"], each["grams"]) for each in found} == {
        "assam": ("Assam, 250 g", "Assam", 250),
        "mug": ("Mug", "Mug", None),
    }
