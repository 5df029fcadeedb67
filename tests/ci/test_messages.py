"""The steps that write comments and issues, run by bash against stand-ins for GitHub and GitLab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .fakes import Fake
from .test_structure import GITLAB, SCRIPTS
from .workflows import Done, Machine, step_of, workflow

BOT = {"login": "github-actions[bot]"}
REPORT = "## Report with `code`, | and\n<b>html</b>\n"
CONTEXT: dict[str, Any] = {
    "github": {
        "token": "t",
        "server_url": "https://github.example",
        "repository": "owner/name",
        "run_id": "7",
        "event": {"pull_request": {"number": "12", "head": {"sha": "abc123"}}},
    }
}


@pytest.fixture
def gh(tmp_path: Path) -> Fake:
    return Fake(tmp_path / "fakes", "gh")


@pytest.fixture
def machine(tmp_path: Path, gh: Fake) -> Machine:
    for name in ("plan", "drift"):
        (tmp_path / "reports").mkdir(exist_ok=True)
        (tmp_path / "reports" / f"{name}.md").write_text(REPORT, encoding="utf-8")
    return Machine(tmp_path, gh.folder)


# The comment on a pull request.

PLAN_MARKER = "<!-- raceday-iac plan prod -->"


def comment(machine: Machine) -> Done:
    job = workflow("plan")["jobs"]["comment"]
    return machine.step(step_of(job["steps"], "Write or update the comment"), CONTEXT, job)


def test_the_first_plan_is_a_new_comment(machine: Machine, gh: Fake) -> None:
    gh.answers([{"id": 1, "user": {"login": "somebody"}, "body": "nice"}])
    done = comment(machine)
    assert done.code == 0, done.text
    assert gh.writes == [("POST", "repos/owner/name/issues/12/comments")]
    body = gh.calls[-1]["body"]
    assert body.startswith(f"{PLAN_MARKER}\n{REPORT}")
    assert "abc123" in body
    assert "https://github.example/owner/name/actions/runs/7" in body


def test_the_next_plan_takes_its_place(machine: Machine, gh: Fake) -> None:
    gh.answers([{"id": 1, "user": BOT, "body": "other"}, {"id": 2, "user": BOT, "body": f"{PLAN_MARKER}\nold"}])
    assert comment(machine).code == 0
    assert gh.writes == [("PATCH", "repos/owner/name/issues/comments/2")]


def test_a_comment_by_somebody_else_with_the_same_marker_is_left_alone(machine: Machine, gh: Fake) -> None:
    gh.answers([{"id": 3, "user": {"login": "somebody"}, "body": f"{PLAN_MARKER}\nmine"}])
    assert comment(machine).code == 0
    assert gh.writes == [("POST", "repos/owner/name/issues/12/comments")]


def test_a_refusal_of_github_fails_the_step(machine: Machine, gh: Fake) -> None:
    (gh.folder / "answer").write_text("no JSON", encoding="utf-8")
    assert comment(machine).code != 0
    assert gh.writes == []


# The issue about drift.

DRIFT_MARKER = "<!-- raceday-iac drift prod -->"
OPEN = [
    {"number": 4, "body": None},
    {"number": 5, "body": f"{DRIFT_MARKER}\nin a pull request", "pull_request": {}},
    {"number": 6, "body": f"{DRIFT_MARKER}\nold"},
]


def report(machine: Machine, exit_code: str, step: str = "Open, update or close the issue") -> Done:
    job = workflow("drift")["jobs"]["report"]
    context = {**CONTEXT, "needs": {"check": {"outputs": {"exit-code": exit_code}}}}
    return machine.step(step_of(job["steps"], step), context, job)


@pytest.mark.parametrize(
    ("exit_code", "issues", "writes"),
    [
        ("3", [], [("POST", "repos/owner/name/issues")]),
        ("4", OPEN, [("PATCH", "repos/owner/name/issues/6")]),
        ("0", OPEN, [("POST", "repos/owner/name/issues/6/comments"), ("PATCH", "repos/owner/name/issues/6")]),
        ("2", [], []),
        ("0", [], []),
        ("1", OPEN, []),
    ],
    ids=["first drift", "drift again", "healed", "not applied", "clean", "the check failed"],
)
def test_the_issue_follows_the_verdict(
    machine: Machine, gh: Fake, exit_code: str, issues: Any, writes: list[tuple[str, str]]
) -> None:
    gh.answers(issues)
    done = report(machine, exit_code)
    assert done.code == 0, done.text
    assert gh.writes == writes
    if exit_code in ("3", "4"):
        assert gh.calls[-1]["body"].startswith(f"{DRIFT_MARKER}\n{REPORT}")
    assert ("::warning::" in done.text) is (exit_code == "2")


@pytest.mark.parametrize(("exit_code", "code"), [("0", 0), ("2", 0), ("3", 1), ("4", 1), ("1", 1), ("6", 1), ("", 1)])
def test_the_run_is_red_where_somebody_has_to_look(machine: Machine, exit_code: str, code: int) -> None:
    assert report(machine, exit_code, "Fail where somebody has to look").code == code


# The same on GitLab.


@pytest.fixture
def curl(tmp_path: Path) -> Fake:
    return Fake(tmp_path / "gitlab", "curl")


def gitlab(tmp_path: Path, curl: Fake, job: str, exit_code: int = 0) -> Done:
    reports = tmp_path / "raceday-iac-reports"
    reports.mkdir(exist_ok=True)
    (reports / "plan.md").write_text(REPORT, encoding="utf-8")
    (reports / "drift.md").write_text(REPORT, encoding="utf-8")
    program = curl.folder / "raceday-iac"
    program.write_text(f"#!/bin/sh\nexit {exit_code}\n", encoding="utf-8")
    program.chmod(0o755)
    variables = {
        "CI_API_V4_URL": "https://gitlab.example/api/v4",
        "CI_PROJECT_ID": "9",
        "CI_MERGE_REQUEST_IID": "12",
        "CI_COMMIT_SHA": "abc123",
        "CI_JOB_URL": "https://gitlab.example/job/1",
        "BOT_TOKEN": "t",
        "RACEDAY_PROD_READ_KEY": "k",
        "REPORTS": "raceday-iac-reports",
    }
    return Machine(tmp_path, curl.folder).run("\n".join(GITLAB[job]["script"]), variables | GITLAB[job]["variables"])


@pytest.mark.parametrize(
    ("notes", "write"),
    [([{"id": 1, "body": "nice"}], ("POST", "")), ([{"id": 2, "body": f"{PLAN_MARKER}\nold"}], ("PUT", "/2"))],
    ids=["first", "again"],
)
def test_gitlabs_note_is_updated_in_place(tmp_path: Path, curl: Fake, notes: Any, write: tuple[str, str]) -> None:
    curl.answers(notes)
    done = gitlab(tmp_path, curl, "note")
    assert done.code == 0, done.text
    method, end = write
    assert curl.writes == [(method, f"https://gitlab.example/api/v4/projects/9/merge_requests/12/notes{end}")]
    assert curl.calls[-1]["body"].startswith(f"{PLAN_MARKER}\n{REPORT}")


@pytest.mark.parametrize(
    ("exit_code", "issues", "methods"),
    [
        (3, [], ["POST"]),
        (4, [{"iid": 6, "description": f"{DRIFT_MARKER}\nold"}], ["PUT"]),
        (0, [{"iid": 6, "description": f"{DRIFT_MARKER}\nold"}], ["PUT"]),
        (2, [], []),
        (1, [{"iid": 6, "description": f"{DRIFT_MARKER}\nold"}], []),
    ],
)
def test_gitlabs_issue_follows_the_verdict_and_the_job_ends_with_it(
    tmp_path: Path, curl: Fake, exit_code: int, issues: Any, methods: list[str]
) -> None:
    curl.answers(issues)
    done = gitlab(tmp_path, curl, "drift", exit_code)
    assert done.code == exit_code, done.text
    assert [method for method, _ in curl.writes] == methods


# Looking and recovering by a timetable: what each answer of the program leads to.

_PROGRAM = """\
#!/bin/bash
case "$*" in
  *health*)
    n=$(cat "$0.count" 2>/dev/null || echo 0)
    echo $((n + 1)) > "$0.count"
    read -r -a codes <<< "$HEALTH_CODES"
    code=${codes[$n]:-${codes[-1]}}
    echo "health said" ;;
  *--dry-run*) code=$DRY_RUN; echo "dry run said" ;;
  *) code=$RECOVER; echo "recover said" ;;
esac
echo "$*" >> "$0.calls"
exit "$code"
"""


def timetable(folder: Path, script: str, health: str, dry_run: int, recover: int, **env: str) -> tuple[Done, list[str]]:
    """A script with a program that answers so. Returns what it was asked for, too."""
    folder.mkdir(exist_ok=True)
    program = folder / "raceday-iac"
    program.write_text(_PROGRAM, encoding="utf-8")
    program.chmod(0o755)
    answers = {"HEALTH_CODES": health, "DRY_RUN": str(dry_run), "RECOVER": str(recover)}
    (folder.parent / "raceday-iac-reports").mkdir(exist_ok=True)
    done = Machine(folder.parent, folder).run(script, {**answers, "REPORTS": "raceday-iac-reports", **env})
    calls = folder / "raceday-iac.calls"
    asked = [line.split() for line in calls.read_text(encoding="utf-8").splitlines()] if calls.exists() else []
    words = ("health", "recover", "--dry-run", "--auto-approve")
    return done, [" ".join(each for each in line if each in words) for line in asked]


#: Codes of the looks, of the dry run and of the recovery; what is done, and the code of the whole.
CASES = [
    ("0", 0, 0, ["health", "recover --dry-run"], 0),
    ("7", 0, 0, ["health", "recover --dry-run"], 7),
    ("8", 0, 0, ["health", "recover --dry-run"], 8),
    ("8 0", 2, 0, ["health", "recover --dry-run", "recover --auto-approve", "health"], 0),
    ("8 8", 2, 0, ["health", "recover --dry-run", "recover --auto-approve", "health"], 8),
    ("8 8", 2, 6, ["health", "recover --dry-run", "recover --auto-approve", "health"], 8),
    ("1", 0, 0, ["health"], 1),
    ("0", 1, 0, ["health", "recover --dry-run"], 1),
]


@pytest.mark.parametrize(("health", "dry_run", "recover", "asked", "code"), CASES)
def test_gitlab_looks_and_recovers(
    tmp_path: Path, health: str, dry_run: int, recover: int, asked: list[str], code: int
) -> None:
    done, calls = timetable(tmp_path / "fakes", _gitlab_watch(), health, dry_run, recover)
    assert (done.code, calls) == (code, asked), done.text


def _gitlab_watch() -> str:
    """Both jobs one after the other, with what the first hands to the second."""
    watch, recover = ("\n".join(GITLAB[job]["script"]) for job in ("watch", "recover"))
    return (
        "export RACEDAY_PROD_READ_KEY=r RACEDAY_PROD_RECOVERY_KEY=w\n"
        f"code=0; ({watch}) || exit $?\nset -a; . ./watch.env; set +a\n({recover})"
    )


def test_a_recovery_that_fails_is_red_on_gitlab_and_under_cron(tmp_path: Path) -> None:
    done, calls = timetable(tmp_path / "fakes", _gitlab_watch(), "8", 2, 1)
    assert (done.code, calls[-1]) == (1, "recover --auto-approve")
    done, calls = timetable(tmp_path / "more", f"{SCRIPTS[-1]} {tmp_path} prod", "8 8", 2, 1)
    assert done.code == 1
    assert "recover said" in done.text


@pytest.mark.parametrize(("health", "dry_run", "recover", "asked", "code"), CASES)
def test_cron_looks_and_recovers(
    tmp_path: Path, health: str, dry_run: int, recover: int, asked: list[str], code: int
) -> None:
    done, calls = timetable(tmp_path / "fakes", f"{SCRIPTS[-1]} {tmp_path} prod", health, dry_run, recover)
    assert (done.code, calls) == (code, asked), done.text
    assert (done.text == "") is (code == 0 and dry_run == 0)


def test_two_runs_of_cron_never_cross(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    script = f"exec 9> state/watch-prod.lock; flock 9; {SCRIPTS[-1]} {tmp_path} prod 9>&-"
    done, calls = timetable(tmp_path / "fakes", script, "8", 2, 0)
    assert (done.code, calls, done.text) == (0, [], "")


@pytest.mark.parametrize(
    ("before", "recovery", "after", "code"),
    [
        ("0", "skipped", "", 0),
        ("7", "skipped", "", 0),
        ("8", "skipped", "", 1),
        ("1", "skipped", "", 1),
        ("", "skipped", "", 1),
        ("8", "success", "0", 0),
        ("8", "success", "8", 1),
        ("8", "failure", "", 1),
        ("0", "failure", "0", 1),
    ],
)
def test_a_watch_on_github_is_red_where_somebody_has_to_look(
    machine: Machine, before: str, recovery: str, after: str, code: int
) -> None:
    job = workflow("watch")["jobs"]["verdict"]
    needs = {
        "look": {"outputs": {"exit-code": before}},
        "recover": {"result": recovery, "outputs": {"exit-code": after}},
    }
    done = machine.step(job["steps"][0], {**CONTEXT, "needs": needs}, job)
    assert done.code == code, done.text
