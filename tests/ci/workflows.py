"""Runs workflow files as GitHub does, as far as these need it: which jobs run, expressions, then bash for the steps.

Steps that use somebody else's action (checkout, artefacts, cache) do nothing here: all jobs share one workspace.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
ACTION = ROOT / "action.yml"
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


def load(path: Path) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def workflow(name: str) -> dict[Any, Any]:
    return load(ROOT / ".github" / "workflows" / f"{name}.yaml")


def all_steps() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step of every workflow and of the action, with a name for messages."""
    for path in WORKFLOWS:
        for job, content in load(path)["jobs"].items():
            yield from ((f"{path.name}/{job}/{number}", step) for number, step in enumerate(content["steps"]))
    yield from ((f"action.yml/{number}", step) for number, step in enumerate(load(ACTION)["runs"]["steps"]))


def step_of(steps: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [step for step in steps if name in (step.get("name"), step.get("id"))]
    return found


def holds(condition: str, context: Mapping[str, Any], *, failed: bool) -> bool:
    """Whether a condition holds: terms that are joined by &&, of the few kinds that these workflows use. `failed` is
    whether something before it has."""
    return all(_term(each.strip(), context, failed) for each in condition.split("&&"))


def _term(term: str, context: Mapping[str, Any], failed: bool) -> bool:
    plain = {"always()": True, "!cancelled()": True, "!failure()": not failed, "success()": not failed}
    if term in plain:
        return plain[term]
    found = re.fullmatch(r"([\w.-]+) (==|!=) '([^']*)'", term)
    assert found, f"a condition of another kind: {term}"
    is_equal = evaluated(f"${{{{ {found[1]} }}}}", context) == found[3]
    return is_equal is (found[2] == "==")


def evaluated(text: str, context: Mapping[str, Any]) -> str:
    """The text with each `${{ a.b }}` looked up; what is not in the context is empty, as on GitHub."""

    def value(match: re.Match[str]) -> str:
        found: Any = context
        for part in match[1].split("."):
            assert re.fullmatch(r"[\w-]+", part), f"an expression that is more than a name: {match[0]}"
            found = found.get(part, "") if isinstance(found, Mapping) else ""
        return str(found)

    return _EXPRESSION.sub(value, text)


@dataclass(frozen=True)
class Done:
    """A step that has run."""

    code: int
    text: str
    outputs: Mapping[str, str]
    summary: str


@dataclass
class Machine:
    """A runner: a workspace, a path on which fakes come first, and nothing else of this process's environment."""

    workspace: Path
    fakes: Path
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, script: str, env: Mapping[str, str]) -> Done:
        """One `run:` block, as `shell: bash` runs it."""
        outputs, summary = self.workspace / ".outputs", self.workspace / ".summary"
        outputs.write_text("")
        summary.write_text("")
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.workspace,
            env={
                "PATH": os.pathsep.join([str(self.fakes), str(Path(sys.executable).parent), os.environ["PATH"]]),
                "HOME": str(self.workspace),
                "LANG": "C.UTF-8",
                "RUNNER_TEMP": str(self.workspace),
                "GITHUB_OUTPUT": str(outputs),
                "GITHUB_STEP_SUMMARY": str(summary),
                "GITHUB_PATH": str(self.workspace / ".path"),
                "GITHUB_REPOSITORY": "owner/name",
                **self.variables,
                **env,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        reported = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
        return Done(ended.returncode, ended.stdout + ended.stderr, reported, summary.read_text())

    def step(self, step: Mapping[str, Any], context: Mapping[str, Any], job: Mapping[str, Any] | None = None) -> Done:
        """One step of a workflow, with the variables of its job."""
        declared = {**(job or {}).get("env", {}), **step.get("env", {})}
        return self.run(step["run"], {name: evaluated(str(value), context) for name, value in declared.items()})

    def action(self, name: str, inputs: Mapping[str, str], env: Mapping[str, str] | None = None) -> Done:
        """One step of the composite action, called with these inputs."""
        content = load(ACTION)
        chosen = {key: str(each.get("default", "")) for key, each in content["inputs"].items()} | dict(inputs)
        step = step_of(content["runs"]["steps"], name)
        declared = {key: evaluated(value, {"inputs": chosen}) for key, value in step.get("env", {}).items()}
        return self.run(step["run"], {"GITHUB_ACTION_PATH": str(ROOT), **declared, **(env or {})})


@dataclass
class Ran:
    """A job: `success`, `failure` or `skipped`, its outputs, and its steps that ran, by id, name or number."""

    result: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    steps: dict[str, Done] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "".join(each.text for each in self.steps.values())


def run_workflow(machine: Machine, name: str, context: Mapping[str, Any]) -> dict[str, Ran]:
    """All jobs of a workflow, one after the other. `context` has `vars`, `secrets`, `inputs` and `github`."""
    ran: dict[str, Ran] = {}
    for job, content in workflow(name)["jobs"].items():
        needs = [content["needs"]] if isinstance(content.get("needs"), str) else content.get("needs", [])
        seen = {each: {"result": ran[each].result, "outputs": ran[each].outputs} for each in needs}
        failed = any(ran[each].result == "failure" for each in _ancestors(name, needs))
        condition = content.get("if", "success()")
        # Without a word about the jobs before, one that did not succeed is as good as a condition that does not hold.
        is_plain = "()" not in condition
        stops = is_plain and any(ran[each].result != "success" for each in needs)
        here = {**context, "needs": seen}
        if stops or not holds(condition, here, failed=failed):
            ran[job] = Ran("skipped")
        else:
            ran[job] = _run_job(machine, content, here)
    return ran


def _ancestors(name: str, needs: list[str]) -> set[str]:
    jobs, found = workflow(name)["jobs"], set(needs)
    for each in needs:
        more = jobs[each].get("needs", [])
        found |= _ancestors(name, [more] if isinstance(more, str) else more)
    return found


def _run_job(machine: Machine, job: Mapping[str, Any], context: Mapping[str, Any]) -> Ran:
    ran, seen = Ran("success"), dict(context, steps={})
    for number, step in enumerate(job["steps"]):
        if not holds(step.get("if", "success()"), seen, failed=ran.result == "failure"):
            continue
        if ran.result == "failure" and "always()" not in step.get("if", ""):
            continue
        if step.get("uses", "./") != "./":
            continue
        key = step.get("id") or step.get("name") or str(number)
        ran.steps[key] = done = _run_step(machine, step, seen, job)
        seen["steps"][key] = {"outputs": done.outputs}
        ran.result = "failure" if done.code else ran.result
    ran.outputs = {name: evaluated(str(value), seen) for name, value in job.get("outputs", {}).items()}
    return ran


def _run_step(machine: Machine, step: Mapping[str, Any], context: Mapping[str, Any], job: Mapping[str, Any]) -> Done:
    if "run" in step:
        return machine.step(step, context, job)
    inputs = {name: evaluated(str(value), context) for name, value in step["with"].items()}
    env = {name: evaluated(str(value), context) for name, value in step.get("env", {}).items()}
    if inputs["command"] == "install":
        # The program of this checkout is on the path already.
        return Done(0, "", {}, "")
    return machine.action("run", inputs, env)
