"""Reads workflow files as GitHub does, as far as their shell steps need it: expressions in `env`, then bash."""

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
        told = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
        return Done(ended.returncode, ended.stdout + ended.stderr, told, summary.read_text())

    def step(self, step: Mapping[str, Any], context: Mapping[str, Any], job: Mapping[str, Any] | None = None) -> Done:
        """One step of a workflow, with the variables of its job."""
        declared = {**(job or {}).get("env", {}), **step.get("env", {})}
        return self.run(step["run"], {name: evaluated(str(value), context) for name, value in declared.items()})

    def action(self, name: str, inputs: Mapping[str, str], env: Mapping[str, str] | None = None) -> Done:
        """One step of the composite action, called with these inputs."""
        content = load(ACTION)
        chosen = {key: str(each.get("default", "")) for key, each in content["inputs"].items()} | dict(inputs)
        step = step_of(content["runs"]["steps"], name)
        declared = {key: evaluated(value, {"inputs": chosen}) for key, value in step["env"].items()}
        return self.run(step["run"], {"GITHUB_ACTION_PATH": str(ROOT), **declared, **(env or {})})
