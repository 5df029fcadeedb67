"""Environment files: endpoint, project, where the key comes from, and what differs from the stack.

endpoint: embedded | https://host/v1 | ${NAME}
project: shop | ${NAME}
api_key_env: APPWRITE_API_KEY
schedules: true
build_patience: 600
state: {backend: local}  (its settings: state/backends/)
backups: {keep: 20, days: 90}
overrides:
  function.send-bills: {timeout: 600}
  variable.send-bills/SHOP_URL: {value: "http://127.0.0.1:9000"}
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import IacError, StackError
from ..model.declarations import nearest
from ..model.resource import Diagnostic
from ..model.secret import Secret
from ..state.backends import BackendSettings, settings_of
from .yaml_file import YamlFile, read_yaml

# The `state` section of an environment file: where the state is kept, and how it is encrypted.
#
#   state: {backend: local, keep: 20}
#   state: {backend: appwrite, database: raceday-iac-state, collection: states}
#   state: {backend: s3, bucket: acme-state, prefix: raceday, endpoint: https://…, access_key_env: A, secret_key_env: B}
#
# Each may say `keep`, and `encryption: {key_env: C}`; those that machines share may say `lock_expiry`. Credentials
# are never written here: the file names the environment variables that hold them.


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


#: The endpoint that means: the Appwrite-compatible server that ships with this tool.
EMBEDDED = "embedded"


class Retention(BaseModel):
    """How many backups are kept, and for how many days: a new backup deletes those that are more, or older."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    keep: int = Field(default=20, ge=1)
    days: float = Field(default=90.0, gt=0, le=36_500)


class Environment(BaseModel):
    """One target. `overrides` maps addresses to fields that replace the declared ones. A build that shows no sign of
    life for `build_patience` seconds is given up. `appwrite` is which Appwrite the embedded server plays: 1.8, 1.9 or
    main; where it is not said, the one that it played last, at first 1.9."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str
    endpoint: str
    project: str
    api_key_env: str = ""
    appwrite: str = ""
    schedules: bool = True
    build_patience: float = Field(default=600.0, gt=0)
    overrides: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    state: BackendSettings = Field(default_factory=lambda: settings_of({"backend": "local"}))
    backups: Retention = Field(default_factory=Retention)

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
                f"The API key in the environment variable {self.api_key_env} contains characters that no API key has.",
                hint="copy the key again from the Appwrite console",
                unchanged=True,
            )
        if not value:
            raise IacError(
                f"No API key for environment {self.name!r}: the environment variable "
                f"{self.api_key_env or '(api_key_env is not set)'} is empty.",
                hint=f"export {self.api_key_env or 'APPWRITE_API_KEY'}=… with a key of the project {self.project}",
                unchanged=True,
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
            f"There is no environment {name!r}{nearest(name, known)}: {path} does not exist.",
            hint=f"known environments: {', '.join(known)}" if known else "begin a project: raceday-iac init",
            unchanged=True,
        )
    found = read_yaml(path, "an environment file must be a mapping of names to values")
    reserved = [key for key in ("name", "file") if key in found.content]
    if reserved:
        raise StackError([found.problem((reserved[0],), "unknown setting: an environment is named by its file")])
    return _checked(_environment(name, _expand(found, variables), found), found)


def _environment(name: str, content: dict[str, Any], file: YamlFile) -> Environment:
    """The values as settings. Raises StackError with everything that is wrong in them."""
    problems = []
    if "state" in content:
        try:
            content = {**content, "state": settings_of(content["state"])}
        except ValidationError as error:
            problems = file.problems(error, ("state",))
        except ValueError as error:
            problems = [file.problem(("state",), str(error))]
    if problems:
        content = {key: value for key, value in content.items() if key != "state"}
    try:
        found = Environment(name=name, file=file.file, **content)
    except ValidationError as error:
        problems = file.problems(error, near=lambda name: nearest(name, Environment.model_fields)) + problems
    if problems:
        raise StackError(problems)
    return found


def _checked(environment: Environment, file: YamlFile) -> Environment:
    """The endpoint is a URL that ends in /v1, as every Appwrite's does."""
    if environment.is_embedded or is_api_address(environment.endpoint):
        return environment
    meant = likely_address(environment.endpoint)
    said = f"did you mean {meant!r}?" if meant else "https://host/v1"
    message = f"{environment.endpoint!r} is not the address of an Appwrite API ({said})"
    raise StackError([file.problem(("endpoint",), message)])


def is_api_address(endpoint: str) -> bool:
    """Whether it can be the address of Appwrite's API."""
    return re.fullmatch(r"https?://[^\s/]+(/\S*)?/v1/?", endpoint) is not None


def likely_address(endpoint: str) -> str:
    """The address that was probably meant instead of an impossible one; empty if that is not clear."""
    found = re.fullmatch(r"(?:(https?)://|\w+://)?([\w.-]+(?::\d+)?)/?(?:v1)?/?", endpoint)
    return f"{found[1] or 'https'}://{found[2]}/v1" if found else ""


def _expand(file: YamlFile, variables: Mapping[str, str]) -> dict[str, Any]:
    """`${NAME}` in endpoint, project and the state's settings becomes the value of that environment variable."""
    content = file.content
    top = {key: content[key] for key in ("endpoint", "project") if key in content}
    expanded, unset = expand_section(top, variables)
    missing = [(key, key, name) for key, name in unset]
    if "state" in content:
        expanded["state"], unset = expand_section(content["state"], variables)
        missing += [("state", f"state.{key}", name) for key, name in unset]
    if missing:
        message = "{} is taken from the environment variable {}, which is not set"
        raise StackError(
            [Diagnostic(file.location(key), "", message.format(what, name)) for key, what, name in missing]
        )
    return {**content, **expanded}
