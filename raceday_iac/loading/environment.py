"""Environment files: endpoint, project, where the key comes from, and what differs from the stack.

endpoint: embedded | https://host/v1 | ${NAME}
project: raceday | ${NAME}
api_key_env: APPWRITE_API_KEY
schedules: true
overrides:
  function.daily-races: {timeout: 600}
  variable.daily-races/NZTAB_API_BASE_URL: {value: "http://127.0.0.1:9000"}
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import IacError, StackError
from ..model.problem import Location, Problem
from ..model.secret import Secret

#: The endpoint that means: the Appwrite-compatible server that ships with this tool.
EMBEDDED = "embedded"


class Environment(BaseModel):
    """One target. `overrides` maps addresses to fields that replace the declared ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    endpoint: str
    project: str
    api_key_env: str = ""
    schedules: bool = True
    overrides: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)

    @property
    def is_embedded(self) -> bool:
        return self.endpoint == EMBEDDED

    def api_key(self, variables: Mapping[str, str] = os.environ) -> Secret:
        """The key from the named environment variable. Raises IacError when it is not set."""
        value = variables.get(self.api_key_env, "") if self.api_key_env else ""
        if not value:
            raise IacError(
                f"No API key for environment {self.name!r}: the environment variable "
                f"{self.api_key_env or '(api_key_env is not set)'} is empty. Nothing was changed.",
                hint=f"export {self.api_key_env or 'APPWRITE_API_KEY'}=… with a key of the project {self.project}",
            )
        return Secret(value)


def environment_file(stack_file: Path, name: str) -> Path:
    """Where the environment `name` of a stack is described."""
    return stack_file.parent / "environments" / f"{name}.yaml"


def load_environment(stack_file: Path, name: str, variables: Mapping[str, str] = os.environ) -> Environment:
    """Read an environment file. Raises StackError with file and line for what is wrong in it."""
    path = environment_file(stack_file, name)
    if not path.is_file():
        known = sorted(each.stem for each in path.parent.glob("*.yaml"))
        raise IacError(
            f"There is no environment {name!r}: {path} does not exist. Nothing was changed.",
            hint=f"known environments: {', '.join(known) or 'none'}",
        )
    text = path.read_text(encoding="utf-8")
    try:
        content = yaml.safe_load(text) or {}
        if not isinstance(content, dict):
            raise StackError(
                [Problem(Location(str(path), 1), "", "an environment file is a mapping of names to values")]
            )
        return Environment(name=name, **_expand(content, path, text, variables))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = Location(str(path), mark.line + 1 if mark else 0)
        raise StackError([Problem(place, "", f"not valid YAML: {getattr(error, 'problem', error)}")]) from None
    except ValidationError as error:
        raise StackError([_problem(path, text, issue) for issue in error.errors()]) from None


def _expand(content: Mapping[str, Any], path: Path, text: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """`${NAME}` in endpoint and project becomes the value of that environment variable."""
    expanded = dict(content)
    for key in ("endpoint", "project"):
        match = re.fullmatch(r"\$\{(\w+)\}", str(content.get(key, "")))
        if match is None:
            continue
        value = variables.get(match[1], "")
        if not value:
            message = f"{key} is taken from the environment variable {match[1]}, which is not set"
            raise StackError([Problem(Location(str(path), _line_of(text, key)), "", message)])
        expanded[key] = value
    return expanded


def _problem(path: Path, text: str, issue: Any) -> Problem:
    field = str(issue["loc"][0]) if issue["loc"] else ""
    message = "unknown setting" if issue["type"] == "extra_forbidden" else str(issue["msg"])
    return Problem(Location(str(path), _line_of(text, field)), field, message)


def _line_of(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(f"{key}:"):
            return number
    return 1
