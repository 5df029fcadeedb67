"""What holds for every workflow, whatever it does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .workflows import ACTION, ROOT, WORKFLOWS, all_steps, load, step_of, workflow

STEPS = list(all_steps())
JOBS = [(f"{path.stem}/{name}", job) for path in WORKFLOWS for name, job in load(path)["jobs"].items()]
SCRIPTS = [*sorted((ROOT / ".github" / "scripts").glob("*.sh")), ROOT / "docs" / "examples" / "watch.sh"]
STAGES = ("dev", "staging", "prod")
GITLAB = load(ROOT / "docs" / "examples" / "gitlab-ci.yml")
#: Keys that each level may have; a mistyped one would silently do nothing.
_JOB_KEYS = set(
    "needs if runs-on container timeout-minutes permissions outputs env environment concurrency steps".split()
)
_STEP_KEYS = set("name id if uses with env run shell working-directory".split())


def runs() -> list[tuple[str, str]]:
    """Every piece of shell, with a name."""
    found = [(name, step["run"]) for name, step in STEPS if "run" in step]
    for name, job in GITLAB.items():
        if isinstance(job, dict) and "script" in job:
            found.append((f"gitlab/{name}", "\n".join([*job.get("before_script", ()), *job["script"]])))
    return found + [(path.name, path.read_text(encoding="utf-8")) for path in SCRIPTS]


def test_there_is_a_workflow_for_each_purpose() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "drift", "plan", "promote", "watch"]


@pytest.mark.parametrize(("name", "step"), STEPS, ids=[name for name, _ in STEPS])
def test_a_step_either_uses_or_runs_and_has_no_mistyped_key(name: str, step: dict[str, Any]) -> None:
    assert ("uses" in step) != ("run" in step)
    assert set(step) <= _STEP_KEYS


@pytest.mark.parametrize("use", sorted({step["uses"] for _, step in STEPS if "uses" in step}))
def test_every_foreign_action_is_pinned_to_a_commit(use: str) -> None:
    assert use == "./" or re.fullmatch(r"[\w-]+/[\w-]+(/[\w-]+)?@[0-9a-f]{40}", use)


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.name)
def test_every_pinned_commit_says_its_version(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        if re.search(r"^[ -]*uses: [\w-]+/", line):
            assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@pytest.mark.parametrize(("name", "script"), runs(), ids=[name for name, _ in runs()])
def test_shell_can_be_read_by_bash(name: str, script: str) -> None:
    ended = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(("name", "script"), runs(), ids=[name for name, _ in runs()])
def test_no_expression_is_pasted_into_shell(name: str, script: str) -> None:
    """What GitHub pastes into a script is run as a script; texts come in by variables instead."""
    assert "${{" not in script


def test_untrusted_texts_are_used_nowhere() -> None:
    for path in WORKFLOWS:
        text = path.read_text(encoding="utf-8")
        assert "pull_request_target" not in text
        for untrusted in (".title", ".body }}", "head_ref", "head.ref", ".head.label", "head_commit.message"):
            assert untrusted not in text


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_begins_with_few_permissions_or_none(path: Path) -> None:
    assert load(path)["permissions"] in ({}, {"contents": "read"})


@pytest.mark.parametrize(("name", "job"), JOBS, ids=[name for name, _ in JOBS])
def test_a_job_has_a_time_limit_and_no_mistyped_key(name: str, job: dict[str, Any]) -> None:
    assert job["timeout-minutes"] <= 60
    assert set(job) <= _JOB_KEYS


@pytest.mark.parametrize(("name", "job"), JOBS, ids=[name for name, _ in JOBS])
def test_a_job_that_may_write_on_github_holds_no_other_secret_and_runs_nothing_of_the_repository(
    name: str, job: dict[str, Any]
) -> None:
    permissions = job.get("permissions", {})
    writes = {key for key, value in permissions.items() if value == "write"}
    assert "write" not in permissions.get("contents", "")
    if writes:
        assert len(writes) == 1
        assert "secrets." not in str(job)
        assert not [step for step in job["steps"] if step.get("uses", "").startswith(("./", "actions/checkout"))]


def test_checkouts_leave_no_token_behind() -> None:
    checkouts = [step for _, step in STEPS if step.get("uses", "").startswith("actions/checkout")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_secrets_come_in_by_variables_alone() -> None:
    for _, step in STEPS:
        assert "secrets." not in str(step.get("with", ""))
        assert "secrets." not in str(step.get("run", ""))


def test_only_jobs_of_a_protected_environment_have_a_key_that_writes() -> None:
    holders = {name: job["environment"] for name, job in JOBS if re.search("WRITE_KEY|RECOVERY_KEY", str(job))}
    assert holders == {
        "promote/apply-dev": "development",
        "promote/apply-staging": "staging",
        "promote/apply-prod": "production",
        "watch/recover": "recovery",
    }


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_holds_the_keys_and_places_of_no_other(stage: str) -> None:
    """But that a plan looks at what the stages before run, with their keys that read."""
    plan, apply = (str(workflow("promote")["jobs"][f"{what}-{stage}"]) for what in ("plan", "apply"))
    before = STAGES[: STAGES.index(stage)]
    assert set(re.findall(r"RACEDAY_([A-Z]+)_", apply)) == {stage.upper()}
    assert set(re.findall(r"RACEDAY_([A-Z]+)_", plan)) == {each.upper() for each in (*before, stage)}
    assert set(re.findall(r"secrets\.RACEDAY_[A-Z]+_(\w+)", plan)) == {"READ_KEY"}


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_planned_is_what_the_stage_before_runs(stage: str) -> None:
    steps = workflow("promote")["jobs"][f"plan-{stage}"]["steps"]
    planned = step_of(steps, "iac")["with"]
    if stage == STAGES[0]:
        assert "promote-from" not in planned
        return
    assert planned["promote-from"] == "${{ steps.before.outputs.stage }}"
    for job in (f"plan-{stage}", f"apply-{stage}"):
        checkout = workflow("promote")["jobs"][job]["steps"][0]["with"]
        assert checkout["fetch-depth"] == 0, "the commit need not be the newest"


def test_a_key_reaches_only_the_step_that_runs_the_program() -> None:
    """Variables of a step reach all that an action does in it: installing must be a step of its own, without them."""
    for name, step in STEPS:
        if "secrets.RACEDAY" in str(step.get("env", "")):
            assert step.get("uses") == "./", name
            assert step["with"]["install"] == "false", name
    for name, job in JOBS:
        assert "secrets." not in str(job.get("env", "")), name
    for path in WORKFLOWS:
        assert "env" not in load(path)


def test_the_action_does_nothing_but_run_the_program_where_it_is_not_to_install() -> None:
    steps = load(ACTION)["runs"]["steps"]
    for step in steps:
        expected = "inputs.command != 'install'" if step.get("id") == "run" else "inputs.install != 'false'"
        assert step["if"] == expected


def test_whoever_does_not_install_has_installed_before() -> None:
    for name, job in JOBS:
        uses = [step["with"] for step in job["steps"] if step.get("uses") == "./"]
        for number, given in enumerate(uses):
            before = [each["command"] for each in uses[:number]]
            assert given.get("install") != "false" or "install" in before, name


def test_pull_requests_from_forks_get_no_job_with_secrets() -> None:
    for name, job in workflow("plan")["jobs"].items():
        if "secrets." in str(job):
            assert "github.event.pull_request.head.repo.full_name == github.repository" in job["if"], name
    assert "if" not in workflow("plan")["jobs"]["lint"]


def test_two_runs_of_one_kind_never_cross() -> None:
    assert workflow("drift")["concurrency"]["cancel-in-progress"] is False
    assert workflow("plan")["concurrency"]["cancel-in-progress"] is True
    assert workflow("promote")["concurrency"] == {"group": "promote", "cancel-in-progress": False}
    groups = [job["concurrency"]["group"] for _, job in JOBS if "concurrency" in job]
    # In a group only one may wait: a second one would cancel it.
    assert len(groups) == len(set(groups))
    assert all(not job["concurrency"]["cancel-in-progress"] for _, job in JOBS if "concurrency" in job)


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_applied_is_the_plan_that_was_uploaded(stage: str) -> None:
    jobs, plan, apply = workflow("promote")["jobs"], f"plan-{stage}", f"apply-{stage}"
    planned, uploaded = step_of(jobs[plan]["steps"], "iac")["with"], jobs[plan]["steps"][-1]["with"]
    downloaded, applied = jobs[apply]["steps"][1]["with"], jobs[apply]["steps"][3]["with"]
    assert uploaded["name"] == downloaded["name"]
    assert planned["plan-file"] == applied["plan-file"]
    assert planned["plan-file"].startswith(uploaded["path"])
    assert applied["plan-id"] == f"${{{{ needs.{plan}.outputs.plan-id }}}}"
    assert jobs[apply]["if"].endswith(f" && needs.{plan}.outputs.has-changes == 'true'")
    assert planned["allow-data-loss"] == f"${{{{ inputs.allow-data-loss-{stage} }}}}"


def test_each_stage_waits_for_the_one_before() -> None:
    jobs = workflow("promote")["jobs"]
    assert jobs["plan-staging"]["needs"] == ["plan-dev", "apply-dev"]
    assert jobs["plan-prod"]["needs"] == ["plan-staging", "apply-staging"]
    for stage in STAGES:
        assert jobs[f"apply-{stage}"]["needs"] == f"plan-{stage}"
    later = [job["if"] for name, job in jobs.items() if name != "plan-dev"]
    assert all(each.startswith("!cancelled() && !failure() && ") for each in later)


def test_the_action_says_of_each_input_and_output_what_it_is() -> None:
    action = load(ACTION)
    assert all(each["description"] for each in (*action["inputs"].values(), *action["outputs"].values()))
    used = set(re.findall(r"inputs\.([\w-]+)", ACTION.read_text(encoding="utf-8")))
    assert used == set(action["inputs"])


def test_workflows_call_the_action_with_inputs_that_it_has() -> None:
    known = set(load(ACTION)["inputs"])
    for name, step in STEPS:
        if step.get("uses") == "./":
            assert set(step["with"]) <= known, name


def test_gitlab_does_the_same_jobs() -> None:
    stages = {f"{what}:{stage}" for stage in STAGES for what in ("plan", "apply")}
    assert {"lint", "plan", "note", "drift", "watch", "recover"} | stages <= set(GITLAB)
    jobs = {name: job for name, job in GITLAB.items() if isinstance(job, dict) and not name.startswith(".")}
    holders = {name: job["environment"] for name, job in jobs.items() if re.search("WRITE_KEY|RECOVERY_KEY", str(job))}
    assert holders == {
        "apply:dev": "development",
        "apply:staging": "staging",
        "apply:prod": "production",
        "recover": "recovery",
    }
    assert {rule["when"] for rule in GITLAB["apply:prod"]["rules"]} == {"manual"}
