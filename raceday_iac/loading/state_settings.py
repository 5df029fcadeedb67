"""The `state` section of an environment file: where the state is kept, and how it is encrypted.

state: {backend: local, keep: 20}
state: {backend: appwrite, database: raceday-iac-state, collection: states}
state: {backend: s3, bucket: acme-state, prefix: raceday, endpoint: https://…, access_key_env: A, secret_key_env: B}

Each may say `keep`, and `encryption: {key_env: C}`; those that machines share may say `lock_expiry`. Credentials are
never written here: the file names the environment variables that hold them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

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
