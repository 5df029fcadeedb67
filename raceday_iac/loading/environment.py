"""Environment files: endpoint, project, where the key comes from, and what differs from the stack.

endpoint: embedded | https://host/v1 | ${NAME}
project: raceday | ${NAME}
api_key_env: APPWRITE_API_KEY
schedules: true
build_patience: 600
state: {backend: local}  (see state_settings.py)
overrides:
  function.daily-races: {timeout: 600}
  variable.daily-races/NZTAB_API_BASE_URL: {value: "http://127.0.0.1:9000"}
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import IacError, StackError
from ..model.problem import Diagnostic, Location
from ..model.secret import Secret

DEFAULT_DATABASE, DEFAULT_COLLECTION = "raceday-iac-state", "states"

#: An id in Appwrite.
_ID = r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,35}$"


def _variable_name(text: str) -> str:
    # What was written may be a secret by mistake, so the message does not repeat it.
    if text and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        raise ValueError("is the name of an environment variable, never the value itself")
    return text


def _endpoint(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise ValueError("is a URL: https://host")
    return text.rstrip("/")


VariableName = Annotated[str, AfterValidator(_variable_name)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Encryption(_Settings):
    """age keys: `key_env` names the variable with the secret key that seals and opens; `previous_key_env` one that only
    opens, while keys are changed; `recipients` are public keys that may open as well. `rotate_after` is in days."""

    key_env: VariableName = Field(min_length=1)
    previous_key_env: VariableName = ""
    recipients: tuple[str, ...] = ()
    rotate_after: int = Field(default=365, gt=0)


class LocalSettings(_Settings):
    """Files under state/, for one machine."""

    backend: Literal["local"] = "local"
    keep: int = Field(default=20, ge=1, le=90)
    encryption: Encryption | None = None


class AppwriteSettings(_Settings):
    """A private collection: of the target itself, unless another project is named."""

    backend: Literal["appwrite"]
    database: str = Field(default=DEFAULT_DATABASE, pattern=_ID)
    collection: str = Field(default=DEFAULT_COLLECTION, pattern=_ID)
    endpoint: Endpoint = ""
    project: str = ""
    api_key_env: VariableName = ""
    keep: int = Field(default=20, ge=5, le=90)
    lock_expiry: float = Field(default=300.0, ge=15, le=86_400)
    encryption: Encryption | None = None

    @model_validator(mode="after")
    def _whole(self) -> AppwriteSettings:
        given = [self.endpoint, self.project, self.api_key_env]
        if any(given) and not all(given):
            raise ValueError(
                "endpoint, project and api_key_env are given together, or none of them (then the target's)"
            )
        return self

    @property
    def is_in_target(self) -> bool:
        return not self.endpoint


class S3Settings(_Settings):
    """A bucket. Without names of keys, those of the machine are used: its role, or AWS_* variables."""

    backend: Literal["s3"]
    bucket: str = Field(min_length=1)
    prefix: str = ""
    endpoint: Endpoint = ""
    region: str = Field(default="us-east-1", min_length=1)
    access_key_env: VariableName = ""
    secret_key_env: VariableName = ""
    session_token_env: VariableName = ""
    keep: int = Field(default=20, ge=5, le=90)
    lock_expiry: float = Field(default=300.0, ge=15, le=86_400)
    encryption: Encryption | None = None

    @model_validator(mode="after")
    def _pair(self) -> S3Settings:
        if bool(self.access_key_env) != bool(self.secret_key_env):
            raise ValueError("access_key_env and secret_key_env are given together, or neither")
        return self


StateSettings = Annotated[LocalSettings | AppwriteSettings | S3Settings, Field(discriminator="backend")]


def expand_section(section: Any, variables: Mapping[str, str]) -> tuple[Any, list[tuple[str, str]]]:
    """`${NAME}` in the section's texts becomes the value of that variable. Also the (setting, name) of those that are
    not set."""
    if not isinstance(section, Mapping):
        return section, []
    expanded, missing = {}, []
    for key, value in section.items():
        expanded[key] = value
        if not isinstance(value, str):
            continue
        for name in re.findall(r"\$\{(\w+)\}", value):
            if not variables.get(name):
                missing.append((str(key), name))
            expanded[key] = expanded[key].replace(f"${{{name}}}", variables.get(name, ""))
    return expanded, missing


_BACKENDS = "name its backend: local, appwrite or s3"
#: What pydantic says of some mistakes, in plain words.
_PLAIN = {"extra_forbidden": "unknown setting", "union_tag_invalid": _BACKENDS, "union_tag_not_found": _BACKENDS}

#: The endpoint that means: the Appwrite-compatible server that ships with this tool.
EMBEDDED = "embedded"


class Environment(BaseModel):
    """One target. `overrides` maps addresses to fields that replace the declared ones. A build that shows no sign of
    life for `build_patience` seconds is given up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    endpoint: str
    project: str
    api_key_env: str = ""
    schedules: bool = True
    build_patience: float = Field(default=600.0, gt=0)
    overrides: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    state: StateSettings = LocalSettings()

    #: The file that this was read from.
    file: str = ""

    @property
    def is_embedded(self) -> bool:
        return self.endpoint == EMBEDDED

    def api_key(self, variables: Mapping[str, str] = os.environ) -> Secret:
        """The key from the named environment variable. Raises IacError when it is not set."""
        # Files and CI secrets like to end in a newline.
        value = variables.get(self.api_key_env, "").strip() if self.api_key_env else ""
        if value and not (value.isascii() and value.isprintable()):
            raise IacError(
                f"The API key in the environment variable {self.api_key_env} holds characters that no key has. "
                "Nothing was changed.",
                hint="copy the key again from the Appwrite console",
            )
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
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StackError([Diagnostic(Location(str(path)), "", f"cannot be read: {error}")]) from None
    try:
        content = yaml.safe_load(text) or {}
        if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
            raise StackError(
                [Diagnostic(Location(str(path), 1), "", "an environment file is a mapping of names to values")]
            )
        reserved = [key for key in ("name", "file") if key in content]
        if reserved:
            place = Location(str(path), _line_of(text, reserved[0]))
            raise StackError([Diagnostic(place, reserved[0], "unknown setting: an environment is named by its file")])
        return _checked(Environment(name=name, file=str(path), **_expand(content, path, text, variables)), path, text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = Location(str(path), mark.line + 1 if mark else 0)
        raise StackError([Diagnostic(place, "", f"not valid YAML: {getattr(error, 'problem', error)}")]) from None
    except ValidationError as error:
        raise StackError([_problem(path, text, issue) for issue in error.errors()]) from None


def _checked(environment: Environment, path: Path, text: str) -> Environment:
    """The endpoint is a URL that ends in /v1, as every Appwrite's does."""
    endpoint = environment.endpoint.rstrip("/")
    if environment.is_embedded or re.fullmatch(r"https?://[^\s/]+(/\S*)?/v1", endpoint):
        return environment
    message = f"{environment.endpoint!r} is not the address of an Appwrite API (https://host/v1)"
    raise StackError([Diagnostic(Location(str(path), _line_of(text, "endpoint")), "endpoint", message)])


def _expand(content: Mapping[str, Any], path: Path, text: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """`${NAME}` in endpoint, project and the state's settings becomes the value of that environment variable."""
    expanded = dict(content)
    missing = []
    for key in ("endpoint", "project"):
        given = str(content.get(key, ""))
        place = Location(str(path), _line_of(text, key))
        for name in re.findall(r"\$\{(\w+)\}", given):
            if not variables.get(name):
                message = f"{key} is taken from the environment variable {name}, which is not set"
                missing.append(Diagnostic(place, "", message))
            given = given.replace(f"${{{name}}}", variables.get(name, ""))
            expanded[key] = given
    if "state" in content:
        expanded["state"], unset = expand_section(content["state"], variables)
        for key, name in unset:
            message = f"state.{key} is taken from the environment variable {name}, which is not set"
            missing.append(Diagnostic(Location(str(path), _line_of(text, "state")), "", message))
    if missing:
        raise StackError(missing)
    return expanded


def _problem(path: Path, text: str, issue: Any) -> Diagnostic:
    field = str(issue["loc"][0]) if issue["loc"] else ""
    message = _PLAIN.get(issue["type"], str(issue["msg"]))
    subject = _state_setting(issue["loc"]) if field == "state" else field
    return Diagnostic(Location(str(path), _line_of(text, field)), subject, message.removeprefix("Value error, "))


def _state_setting(place: tuple[Any, ...]) -> str:
    """The name of a setting of the state. The second part of the place is the backend, by which it was read."""
    return ".".join(["state", *(str(part) for part in place[2:])])


def _line_of(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(f"{key}:"):
            return number
    return 1
