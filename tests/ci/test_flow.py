"""The action's own steps, run by bash with the real program against an embedded server: plan, approve, apply, meddle,
look. One walk for all tests, since every step starts a process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.settings import Settings

from .workflows import Done, Machine, evaluated, load, workflow

_STACK = """\
from raceday_iac.model.stack import Stack

stack = Stack("ci")
owner = stack.database("d", name="D").collection("c", name="C")
owner.string("a", 10)
stack.function("f", name="F", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=60, entrypoint="main.py")
"""
_ENVIRONMENT = """\
endpoint: ${RACEDAY_PROD_ENDPOINT}
project: ${RACEDAY_PROD_PROJECT_ID}
api_key_env: RACEDAY_PROD_API_KEY
"""
KEY = "secret-of-the-server"


class Walk:
    """A repository that uses the action, and what came of each step in it."""

    def __init__(self, root: Path, endpoint: str, project: str, keys: Mapping[str, str]) -> None:
        self.root, self.endpoint, self.project, self.keys = root, endpoint, project, keys
        self.done: dict[str, Done] = {}
        (root / "stacks" / "environments").mkdir(parents=True)
        (root / "stacks" / "raceday.py").write_text(_STACK, encoding="utf-8")
        (root / "stacks" / "environments" / "prod.yaml").write_text(_ENVIRONMENT, encoding="utf-8")
        (root / "fakes").mkdir()
        self.machine = Machine(root, root / "fakes")

    def step(self, name: str, key: str, **inputs: str) -> Done:
        env = {
            "RACEDAY_PROD_ENDPOINT": self.endpoint,
            "RACEDAY_PROD_PROJECT_ID": self.project,
            "RACEDAY_PROD_API_KEY": self.keys[key],
        }
        called = {each.replace("_", "-"): value for each, value in inputs.items()}
        self.done[name] = self.machine.action("run", {"env": "prod", **called}, env)
        return self.done[name]

    def meddle(self) -> None:
        """What somebody does in the console."""
        answer = requests.put(
            f"{self.endpoint}/functions/f",
            headers={"X-Appwrite-Project": self.project, "X-Appwrite-Key": self.keys["write"]},
            json={"name": "F", "runtime": "python-3.12", "timeout": 90, "entrypoint": "main.py"},
            timeout=30,
        )
        assert answer.ok, answer.text


def inputs_of(name: str, job: str) -> dict[str, str]:
    """What a workflow calls the action with, when nobody has chosen anything."""
    (step,) = [each for each in workflow(name)["jobs"][job]["steps"] if each.get("uses") == "./"]
    return {key.replace("-", "_"): evaluated(str(value), {}) for key, value in step["with"].items()}


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    settings = Settings(scheduler=False)
    with start_server(tmp_path_factory.mktemp("server"), settings=settings) as server:
        server.ensure_project("ci")
        keys = {
            "write": server.create_key("ci"),
            "read": server.create_key("ci", ("functions.read", "databases.read", "collections.read", "documents.read")),
        }
        walk = Walk(tmp_path_factory.mktemp("repository"), server.endpoint, "ci", keys)
        planned = walk.step("plan", "read", **inputs_of("apply", "plan"))
        approved = {**inputs_of("apply", "apply"), "plan_id": planned.outputs.get("plan-id", "")}
        walk.step("another", "write", **{**approved, "plan_id": "0" * 64})
        walk.step("apply", "write", **approved)
        walk.step("again", "write", **approved)
        walk.meddle()
        walk.step("drift", "read", **inputs_of("drift", "check"))
        yield walk


def test_the_plan_says_that_there_are_changes_and_which_plan_it_is(walk: Walk) -> None:
    done = walk.done["plan"]
    assert done.code == 0, done.text
    assert done.outputs["exit-code"] == "2"
    assert done.outputs["has-changes"] == "true"
    assert len(done.outputs["plan-id"]) == 64


def test_the_plan_is_in_the_log_in_the_summary_and_in_three_reports(walk: Walk) -> None:
    done = walk.done["plan"]
    assert "create function.f" in done.text
    assert done.summary.startswith("## Plan for `prod`: ")
    for name in ("markdown", "html", "svg"):
        assert "f" in Path(done.outputs[name]).read_text(encoding="utf-8")


def test_a_plan_that_was_not_approved_is_not_applied(walk: Walk) -> None:
    done = walk.done["another"]
    assert done.code == 1
    assert "not the plan that was approved" in done.text


def test_the_approved_plan_is_applied(walk: Walk) -> None:
    done = walk.done["apply"]
    assert done.code == 0, done.text
    assert "Appwrite is as the stack says" in done.text


def test_a_stale_plan_is_refused_with_the_programs_own_code(walk: Walk) -> None:
    done = walk.done["again"]
    assert done.code == 6
    assert done.outputs["exit-code"] == "6"
    assert "stale" in done.text


def test_drift_is_an_answer_and_no_failure_of_the_step(walk: Walk) -> None:
    done = walk.done["drift"]
    assert done.code == 0, done.text
    assert (done.outputs["exit-code"], done.outputs["has-drift"], done.outputs["has-changes"]) == ("3", "true", "false")
    assert "`timeout`: `90` → `60`" in done.summary
    assert "svg" not in done.outputs


def test_no_step_tells_a_key(walk: Walk) -> None:
    reports = [path.read_text(encoding="utf-8") for path in (walk.root / "raceday-iac-reports").iterdir()]
    texts = [done.text + done.summary + str(done.outputs) for done in walk.done.values()] + reports
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
        ({"command": "destroy"}, "command is plan, drift, apply or lint"),
        ({"command": "apply"}, "apply needs plan-file"),
        ({"command": "plan; touch pwned"}, "command is plan, drift, apply or lint"),
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
def test_what_may_lose_data_is_told_with_its_number(tmp_path: Path, between: str) -> None:
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


def installed(tmp_path: Path, extras: str) -> tuple[Done, dict[str, Any]]:
    """The step that installs, with a stand-in for Python that notes what it is asked for."""
    fakes = tmp_path / "fakes"
    fakes.mkdir()
    program = fakes / "python"
    program.write_text(
        f'#!/bin/bash\nif [[ $2 == venv ]]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; exit; fi\n'
        f'echo "$@" > "{tmp_path}/asked"; cat "$PIP_CONSTRAINT" > "{tmp_path}/constraints"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    done = Machine(tmp_path, fakes).action("Install raceday-iac", {"extras": extras})
    noted = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir() if path.is_file()}
    return done, noted


def test_the_versions_installed_are_those_of_the_lock(tmp_path: Path) -> None:
    done, noted = installed(tmp_path, "s3")
    assert done.code == 0, done.text
    assert noted["asked"].rstrip().endswith("[s3]")
    pins = noted["constraints"].splitlines()
    assert "appwrite==27.0.0" in pins
    assert all(pin.count("==") == 1 and "--hash" not in pin for pin in pins)
    assert noted[".path"] == f"{tmp_path}/raceday-iac/bin\n"


def test_extras_that_are_no_names_are_refused(tmp_path: Path) -> None:
    done, noted = installed(tmp_path, "s3] evil[")
    assert done.code == 1
    assert "asked" not in noted


def test_every_output_of_the_step_is_one_of_the_actions() -> None:
    action = load(Path(__file__).parents[2] / "action.yml")
    assert {each["value"] for each in action["outputs"].values()} == {
        f"${{{{ steps.run.outputs.{name} }}}}" for name in action["outputs"]
    }
