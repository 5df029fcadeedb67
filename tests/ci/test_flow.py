"""The workflows, run by bash with the real program against an embedded server: a change is promoted from dev to
production, refused, meddled with, and what is stuck is ended. One walk for all tests: every step starts a process."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from e2e.forking import write_starter

from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.server import Settings

from .hooks import webhook
from .workflows import Done, Machine, Ran, load, run_workflow

_STACK = """\
from raceday_iac.model.stack import Stack

stack = Stack("ci")
owner = stack.database("d", name="D").collection("c", name="{name}")
owner.string("a", 10)
"""
_COLLECTION = "/databases/d/collections/c"
_WATCHED = "alerts: [{kind: generic, url_env: RACEDAY_HEALTH_WEBHOOK_URL, at: warning}]\n"
_ENVIRONMENT = """\
endpoint: ${{RACEDAY_{0}_ENDPOINT}}
project: ${{RACEDAY_{0}_PROJECT_ID}}
api_key_env: RACEDAY_{0}_API_KEY
"""
STAGES = ("dev", "staging", "prod")
WATCH = Path(__file__).parents[2] / "docs" / "examples" / "watch.sh"
READING = ("functions.read", "databases.read", "collections.read", "documents.read", "execution.read")
RECOVERING = (*READING, "functions.write", "execution.write", "collections.write", "documents.write")


class Walk:
    """A repository with these workflows, a project for each stage, and what came of each step."""

    def __init__(self, root: Path, endpoint: str, keys: Mapping[str, str]) -> None:
        self.root, self.endpoint, self.keys = root, endpoint, keys
        self.done: dict[str, Done] = {}
        self.ran: dict[str, dict[str, Ran]] = {}
        #: What the collection is called at each stage after dev refused a change, and what was sent to the webhook.
        self.names: list[str] = []
        self.reported: list[dict[str, Any]] = []
        (root / "stacks" / "environments").mkdir(parents=True)
        for stage in STAGES:
            environment = _ENVIRONMENT.format(stage.upper())
            (root / "stacks" / "environments" / f"{stage}.yaml").write_text(environment, encoding="utf-8")
        (root / "stacks" / "health.yaml").write_text(_WATCHED, encoding="utf-8")
        (root / "fakes").mkdir()
        # The real program, in a process of its own: some thirty starts would import it for half a minute.
        write_starter(root / "fakes" / "raceday-iac")
        self.machine = Machine(root, root / "fakes")
        self.git("init", "-q")
        self.declare("Old")

    def declare(self, name: str) -> None:
        (self.root / "stacks" / "raceday.py").write_text(_STACK.format(name=name), encoding="utf-8")
        self.git("add", "stacks")
        self.git("commit", "-q", "-m", name)

    def git(self, *words: str) -> str:
        command = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", "-C", str(self.root), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def workflow(self, as_what: str, name: str, stages: tuple[str, ...] = STAGES, **keys: str) -> dict[str, Ran]:
        """Run a workflow in a repository where these stages are set up. `keys` are other secrets than the usual."""
        known: dict[str, str] = {"RACEDAY_PROD_WATCH": "on"}
        for stage in stages:
            known |= {f"RACEDAY_{stage.upper()}_ENDPOINT": self.endpoint, f"RACEDAY_{stage.upper()}_PROJECT_ID": stage}
        secrets = {f"RACEDAY_{kind.upper()}_KEY": key for kind, key in self.keys.items()}
        context = {"vars": known, "secrets": {**secrets, **keys}, "inputs": {}, "github": {"run_id": as_what}}
        self.ran[as_what] = run_workflow(self.machine, name, context)
        return self.ran[as_what]

    def step(self, name: str, key: str, **inputs: str) -> Done:
        """One call of the action for production, by itself."""
        env = {
            "RACEDAY_PROD_ENDPOINT": self.endpoint,
            "RACEDAY_PROD_PROJECT_ID": "prod",
            "RACEDAY_PROD_API_KEY": self.keys[key],
        }
        called = {each.replace("_", "-"): value for each, value in inputs.items()}
        self.done[name] = self.machine.action("run", {"env": "prod", **called}, env)
        return self.done[name]

    def cron(self, as_what: str, webhook: str) -> None:
        """What cron does with the script of the examples; its settings come from a file."""
        settings = self.root / "settings"
        settings.mkdir(exist_ok=True)
        named = {
            "RACEDAY_PROD_ENDPOINT": self.endpoint,
            "RACEDAY_PROD_PROJECT_ID": "prod",
            "RACEDAY_PROD_API_KEY": self.keys["prod_recovery"],
            "RACEDAY_HEALTH_WEBHOOK_URL": webhook,
        }
        text = "".join(f"{name}={value}\n" for name, value in named.items())
        (settings / "prod.env").write_text(text, encoding="utf-8")
        command = f"{WATCH} {self.root} prod"
        self.done[as_what] = self.machine.run(command, {"RACEDAY_IAC_SETTINGS": str(settings)})

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, stage: str = "prod") -> Any:
        """What somebody does in the console of a stage."""
        headers = {"X-Appwrite-Project": stage, "X-Appwrite-Key": self.keys[f"{stage}_write"]}
        answer = requests.request(method, f"{self.endpoint}{path}", headers=headers, json=body, timeout=30)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    settings = Settings(scheduler=False)
    with start_server(tmp_path_factory.mktemp("server"), settings=settings) as server, webhook() as (address, reported):
        keys = {}
        for stage in STAGES:
            server.ensure_project(stage)
            keys |= {f"{stage}_write": server.create_key(stage), f"{stage}_read": server.create_key(stage, READING)}
        keys["prod_recovery"] = server.create_key("prod", RECOVERING)
        walk = Walk(tmp_path_factory.mktemp("repository"), server.endpoint, keys)
        _promote(walk)
        walk.call("PUT", _COLLECTION, {"name": "Meddled"})
        walk.step("drift", "prod_read", command="drift")
        _break(walk, server.server.faults)
        for as_what in ("watch", "watch again"):
            walk.workflow(as_what, "watch", RACEDAY_HEALTH_WEBHOOK_URL=address)
        _break(walk, server.server.faults)
        for as_what in ("cron", "cron again"):
            walk.cron(as_what, address)
        walk.reported = reported
        yield walk


def _promote(walk: Walk) -> None:
    walk.workflow("promote", "promote")
    saved = {"command": "apply", "plan_file": "raceday-iac-reports/prod.plan"}
    walk.step("another", "prod_write", **saved, plan_id="0" * 64)
    walk.step("again", "prod_write", **saved)
    walk.declare("New")
    # The key of dev may not write: what is refused there goes no further.
    walk.workflow("stopped", "promote", RACEDAY_DEV_WRITE_KEY=walk.keys["dev_read"])
    walk.names = [str(walk.call("GET", _COLLECTION, stage=stage)["name"]) for stage in STAGES]
    walk.workflow("production alone", "promote", ("prod",))


def _break(walk: Walk, faults: Any) -> None:
    """An attribute that somebody makes again, and that fails."""
    attributes = f"{_COLLECTION}/attributes"
    if walk.call("GET", attributes)["total"]:
        walk.call("DELETE", f"{attributes}/a", {})
    while walk.call("GET", attributes)["total"]:
        time.sleep(0.02)
    faults.failing_attributes.add("a")
    walk.call("POST", f"{attributes}/string", {"key": "a", "size": 10, "required": False})


def results(walk: Walk, as_what: str) -> dict[str, str]:
    return {job: ran.result for job, ran in walk.ran[as_what].items()}


def test_a_change_goes_from_dev_to_production_in_this_order(walk: Walk) -> None:
    jobs = [f"{what}-{stage}" for stage in STAGES for what in ("plan", "apply")]
    assert list(walk.ran["promote"]) == jobs
    assert results(walk, "promote") == dict.fromkeys(jobs, "success"), walk.ran["promote"]["apply-prod"].text


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_saves_its_own_plan_and_applies_exactly_that(walk: Walk, stage: str) -> None:
    planned, applied = walk.ran["promote"][f"plan-{stage}"], walk.ran["promote"][f"apply-{stage}"]
    assert len(planned.outputs["plan-id"]) == 64
    assert f"Plan for environment {stage}" in planned.text
    assert "Appwrite matches the configuration" in applied.text
    assert applied.steps["after"].outputs["exit-code"] == "0"
    assert f'"environment":"{stage}"' in (walk.root / "raceday-iac-reports" / f"{stage}.plan").read_text("utf-8")


@pytest.mark.parametrize(("stage", "before"), [("staging", "dev"), ("prod", "staging")])
def test_what_is_planned_is_the_commit_that_the_stage_before_runs(walk: Walk, stage: str, before: str) -> None:
    commit = walk.git("rev-list", "--max-parents=0", "HEAD")
    assert f"; commit {commit[:12]}, which {before} runs)" in walk.ran["promote"][f"plan-{stage}"].text
    assert f'"commit":"{commit}"' in (walk.root / "raceday-iac-reports" / "staging.plan").read_text("utf-8")
    assert "which" not in walk.ran["production alone"]["plan-prod"].text


def test_what_fails_on_dev_goes_no_further(walk: Walk) -> None:
    assert results(walk, "stopped") == {
        "plan-dev": "success",
        "apply-dev": "failure",
        "plan-staging": "skipped",
        "apply-staging": "skipped",
        "plan-prod": "skipped",
        "apply-prod": "skipped",
    }
    assert walk.names == ["Old", "Old", "Old"]


def test_a_stage_that_is_not_set_up_is_passed_over(walk: Walk) -> None:
    assert results(walk, "production alone") == {
        "plan-dev": "skipped",
        "apply-dev": "skipped",
        "plan-staging": "skipped",
        "apply-staging": "skipped",
        "plan-prod": "success",
        "apply-prod": "success",
    }


def test_the_plan_is_in_the_log_in_the_summary_and_in_three_reports(walk: Walk) -> None:
    done = walk.ran["promote"]["plan-prod"].steps["iac"]
    assert "create collection.d/c" in done.text
    assert done.summary.startswith("## Plan for `prod`: ")
    for name in ("markdown", "html", "svg"):
        assert "collection" in Path(done.outputs[name]).read_text(encoding="utf-8")


def test_a_plan_that_was_not_approved_is_not_applied(walk: Walk) -> None:
    done = walk.done["another"]
    assert done.code == 1
    assert "not the plan that was approved" in done.text


def test_a_stale_plan_is_refused_with_the_programs_own_code(walk: Walk) -> None:
    done = walk.done["again"]
    assert done.code == 6
    assert done.outputs["exit-code"] == "6"
    assert "stale" in done.text


def test_drift_is_an_answer_and_no_failure_of_the_step(walk: Walk) -> None:
    done = walk.done["drift"]
    assert done.code == 0, done.text
    assert (done.outputs["exit-code"], done.outputs["has-drift"], done.outputs["has-changes"]) == ("3", "true", "false")
    assert '`name`: `"Meddled"` → `"New"`' in done.summary
    assert "svg" not in done.outputs


def test_what_is_stuck_is_found_reported_and_ended(walk: Walk) -> None:
    ran = walk.ran["watch"]
    assert {job: each.result for job, each in ran.items()} == dict.fromkeys(("look", "recover", "verdict"), "success")
    look, recover = ran["look"], ran["recover"]
    assert look.outputs == {"exit-code": "8", "has-changes": "true"}
    assert "attribute.stuck" in look.steps["health"].summary
    assert "Did 1 of 1." in recover.text
    assert recover.outputs["exit-code"] == "0"


def test_the_webhook_hears_once_what_is_wrong_and_once_that_it_is_over(walk: Walk) -> None:
    found = [([each["code"] for each in got["new"]], len(got["over"])) for got in walk.reported]
    assert found == [(["attribute.stuck"], 0), ([], 1)] * 2


def test_cron_ends_what_is_stuck_and_is_silent_while_all_is_well(walk: Walk) -> None:
    first, second = walk.done["cron"], walk.done["cron again"]
    assert first.code == 0, first.text
    assert "Did 1 of 1." in first.text
    assert (second.code, second.text) == (0, "")


def test_with_nothing_stuck_the_key_that_ends_things_is_not_touched(walk: Walk) -> None:
    ran = walk.ran["watch again"]
    assert {job: each.result for job, each in ran.items()} == {
        "look": "success",
        "recover": "skipped",
        "verdict": "success",
    }


def test_no_step_shows_a_key(walk: Walk) -> None:
    reports = [path.read_text(encoding="utf-8") for path in (walk.root / "raceday-iac-reports").iterdir()]
    steps = [
        *walk.done.values(),
        *(step for ran in walk.ran.values() for job in ran.values() for step in job.steps.values()),
    ]
    texts = [done.text + done.summary + str(done.outputs) for done in steps] + reports
    for key in walk.keys.values():
        assert not [text for text in texts if key in text]


# Without a server.


def offline(tmp_path: Path, *, code: int = 0, **inputs: str) -> tuple[Done, str]:
    """The step with a stand-in that notes its arguments, writes the Markdown, and exits with `code`."""
    fakes = tmp_path / "fakes"
    fakes.mkdir()
    program = fakes / "raceday-iac"
    program.write_text(
        f'#!/bin/bash\nprintf "%s\\n" "$@" > "{tmp_path}/arguments"\n'
        'while [[ $# -gt 0 ]]; do if [[ $1 == --markdown ]]; then echo report > "$2"; fi; shift; done\n'
        f"exit {code}\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    done = Machine(tmp_path, fakes).action("run", {each.replace("_", "-"): value for each, value in inputs.items()})
    noted = tmp_path / "arguments"
    return done, noted.read_text(encoding="utf-8") if noted.exists() else ""


def test_more_arguments_are_taken_as_they_are(tmp_path: Path) -> None:
    """Whatever is in them: no word is split, nothing is run."""
    hostile = '--confirm\ndelete function=7\n--target\n$(touch pwned) `touch pwned`; touch pwned "x'
    done, noted = offline(tmp_path, command="drift", arguments=hostile)
    assert done.code == 0, done.text
    assert hostile in noted
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"command": "destroy"}, "command is plan, drift, apply, lint, health or recover"),
        ({"command": "apply"}, "apply needs plan-file"),
        ({"command": "plan; touch pwned"}, "command is plan, drift, apply, lint, health or recover"),
        ({"allow_data_loss": "collection.d/c"}, "allow-data-loss is ADDRESS=NUMBER"),
        ({"allow_data_loss": "collection.d/c=7 collection.d/d"}, "allow-data-loss is ADDRESS=NUMBER"),
        (
            {"command": "apply", "plan_file": "x", "allow_data_loss": "collection.d/c=7"},
            "allow-data-loss belongs to plan",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, inputs: dict[str, str], message: str) -> None:
    done, noted = offline(tmp_path, **inputs)
    assert done.code == 1
    assert message in done.text
    assert noted == ""


@pytest.mark.parametrize("between", [" ", "\n", " \n "])
def test_what_may_lose_data_is_reported_with_its_number(tmp_path: Path, between: str) -> None:
    """Several, as a form gives them on one line and a file on several; nothing in them is run."""
    allowed = ["collection.d/c=7", "attribute.d/c/*=5000+", "database.$(touch_pwned)=unknown"]
    done, noted = offline(tmp_path, command="plan", allow_data_loss=between.join(["", *allowed, ""]))
    assert done.code == 0, done.text
    words = noted.splitlines()
    assert [words[number + 1] for number, word in enumerate(words) if word == "--allow-data-loss"] == allowed


def test_lint_is_called_with_environment_and_stack_alone(tmp_path: Path) -> None:
    done, noted = offline(tmp_path, command="lint", env="local", stack="other/x.py")
    assert done.code == 0, done.text
    assert noted.split() == ["lint", "--no-color", "--env", "local", "--stack", "other/x.py"]
    assert done.outputs == {"exit-code": "0", "has-changes": "false", "has-drift": "false"}


@pytest.mark.parametrize("code", [1, 5])
def test_a_refused_plan_fails_the_step_but_its_report_can_be_shown(tmp_path: Path, code: int) -> None:
    done, _ = offline(tmp_path, code=code, command="plan", plan_file="release.plan")
    assert done.code == code
    assert done.outputs["exit-code"] == str(code)
    assert done.outputs["has-changes"] == "false"
    assert done.outputs["markdown"].endswith("/raceday-iac-reports/plan.md")
    assert "plan-id" not in done.outputs
    assert done.summary == "report\n"


def test_reports_of_an_earlier_run_are_not_taken_for_those_of_this_one(tmp_path: Path) -> None:
    old = tmp_path / "raceday-iac-reports"
    old.mkdir()
    (old / "drift.html").write_text("old", encoding="utf-8")
    done, _ = offline(tmp_path, command="drift")
    assert "html" not in done.outputs


def installed(tmp_path: Path) -> tuple[Done, list[str], str]:
    """The step that installs, with a stand-in for Python that notes what it is asked for, and with which variables."""
    fakes = tmp_path / "fakes"
    fakes.mkdir()
    program = fakes / "python"
    program.write_text(
        f'#!/bin/bash\nif [[ $2 == venv ]]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; exit; fi\n'
        f'echo "$@" >> "{tmp_path}/asked"; env > "{tmp_path}/variables"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    done = Machine(tmp_path, fakes).action("Install raceday-iac", {}, {"RACEDAY_PROD_API_KEY": "key-that-writes"})
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    return done, asked, (tmp_path / "variables").read_text(encoding="utf-8")


def test_everything_is_installed_with_hashes_and_nothing_is_built_with_what_the_network_gives(tmp_path: Path) -> None:
    done, asked, _ = installed(tmp_path)
    assert done.code == 0, done.text
    packages, program = asked
    for word in ("--require-hashes", "--only-binary :all:", "--no-deps", "requirements-run.lock"):
        assert word in packages
    for word in ("--no-index", "--no-build-isolation", "--no-deps"):
        assert word in program
    assert (tmp_path / ".path").read_text() == f"{tmp_path}/raceday-iac/bin\n"


def test_what_installs_sees_no_key(tmp_path: Path) -> None:
    _, _, variables = installed(tmp_path)
    assert "PATH=" in variables
    assert "key-that-writes" not in variables


ROOT = Path(__file__).parents[2]
_PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ;.*)? \\\n((?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE)


def pins(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    found = _PIN.findall((ROOT / name).read_text(encoding="utf-8"))
    return {package: (version, frozenset(re.findall(r"sha256:[0-9a-f]{64}", rest))) for package, version, rest in found}


def test_what_runs_is_what_was_tested_down_to_the_hashes() -> None:
    running, tested = pins("requirements-run.lock"), pins("requirements.lock")
    assert {"appwrite", "requests", "obstore", "pyrage", "setuptools"} <= set(running)
    assert not {"pytest", "mypy", "ruff", "hypothesis"} & set(running)
    assert {name: tested.get(name) for name in running} == running


def test_no_lock_names_where_packages_come_from() -> None:
    for name in ("requirements.lock", "requirements-run.lock", "requirements-docs.lock", "requirements-browser.lock"):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8")


def test_every_output_of_the_step_is_one_of_the_actions() -> None:
    action = load(Path(__file__).parents[2] / "action.yml")
    assert {each["value"] for each in action["outputs"].values()} == {
        f"${{{{ steps.run.outputs.{name} }}}}" for name in action["outputs"]
    }
