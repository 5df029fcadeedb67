"""What a stack file may declare of each resource, and the rules that need no server.

A declaration is checked when the whole stack is resolved, not when it is written, so that all mistakes are reported
together. Every rule here is Appwrite's own (reference 1.8.1); the numbers live in `limits.py`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from . import limits
from .attribute_values import DEFAULT_FITS, is_integer
from .catalogue import RUNTIMES, SCOPES
from .cron import cron_problem
from .secret import Secret

ROLE = re.compile(
    r"any|guests|users(/(verified|unverified))?|user:[\w.-]+(/(verified|unverified))?|team:[\w.-]+(/[\w.-]+)?"
    r"|member:[\w.-]+|label:[\w.-]+"
)
PERMISSION = re.compile(r'(read|create|update|delete|write)\("([^"]*)"\)')


def _resource_id(value: str) -> str:
    if not limits.CUSTOM_ID.fullmatch(value):
        raise ValueError(f"{value!r} is not a valid id: {limits.ID_RULE}")
    return value


Id = Annotated[str, AfterValidator(_resource_id)]
Name = Annotated[str, Field(min_length=1, max_length=limits.RESOURCE_NAME)]


class Declared(BaseModel):
    """Base of all declarations: immutable, and an unknown word is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)


class LockDeclaration(Declared):
    """A function's execution lock. Seconds, except `check_target_ms`."""

    lock_id: Id
    stale_after: int = Field(gt=0)
    heartbeat: int = Field(gt=0)
    expiry: int = Field(gt=0)
    check_target_ms: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.heartbeat >= self.stale_after:
            raise ValueError(
                f"lock heartbeat {self.heartbeat} s must be below stale_after {self.stale_after} s, "
                "or a healthy run is taken for a dead one"
            )
        if self.stale_after > self.expiry:
            raise ValueError(f"lock stale_after {self.stale_after} s must not exceed expiry {self.expiry} s")
        return self


class ProbeDeclaration(Declared):
    """An execution that new code has to pass. `timeout` in seconds."""

    body: str = Field(default="", max_length=limits.EXECUTION_BODY)
    path: str = Field(default="/", max_length=limits.EXECUTION_PATH, pattern="^/")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"] = "POST"
    expect_status: int = Field(default=200, ge=100, le=599)
    timeout: int = Field(default=30, ge=1, le=limits.FUNCTION_TIMEOUT)


class VariableDeclaration(Declared):
    """A function variable; the value is plain text or a `Secret`."""

    key: str = Field(min_length=1, max_length=limits.VARIABLE_KEY)
    value: str | Secret

    @field_validator("value")
    @classmethod
    def _length(cls, value: str | Secret) -> str | Secret:
        text = value.reveal() if isinstance(value, Secret) else value
        if not is_text(text):
            raise ValueError("its value is not valid text (UTF-8)")
        if len(text) > limits.VARIABLE_VALUE:
            raise ValueError(f"a variable's value has at most {limits.VARIABLE_VALUE} characters, this has {len(text)}")
        return value


class FunctionDeclaration(Declared):
    """A function. `timeout` in seconds, `schedule` in UTC, `code` a folder or None to keep the live code."""

    id: Id
    name: Name
    runtime: str
    specification: str
    schedule: str = ""
    timeout: int = Field(ge=1, le=limits.FUNCTION_TIMEOUT)
    execute: tuple[str, ...] = Field(default=(), max_length=limits.FUNCTION_LIST_ITEMS)
    events: tuple[str, ...] = Field(default=(), max_length=limits.FUNCTION_LIST_ITEMS)
    scopes: tuple[str, ...] = Field(default=(), max_length=limits.FUNCTION_LIST_ITEMS)
    enabled: bool = True
    logging: bool = True
    entrypoint: str = Field(min_length=1, max_length=limits.FUNCTION_ENTRYPOINT)
    commands: str = Field(default="", max_length=limits.FUNCTION_COMMANDS)
    code: str | None = None
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    schema_of: str = ""
    lock: LockDeclaration | None = None
    variables: tuple[VariableDeclaration, ...] = ()
    probe: ProbeDeclaration | None = None
    keep_deployments: int = Field(default=3, ge=0)

    @field_validator("runtime")
    @classmethod
    def _known_runtime(cls, value: str) -> str:
        if value not in RUNTIMES:
            raise ValueError(f"unknown runtime {value!r}{nearest(value, RUNTIMES)}")
        return value

    @field_validator("specification")
    @classmethod
    def _known_specification(cls, value: str) -> str:
        if value not in limits.SPECIFICATIONS:
            raise ValueError(f"unknown specification {value!r}{nearest(value, limits.SPECIFICATIONS)}")
        return value

    @field_validator("scopes")
    @classmethod
    def _known_scopes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [scope for scope in value if scope not in SCOPES]
        if unknown:
            raise ValueError("; ".join(f"unknown scope {scope!r}{nearest(scope, SCOPES)}" for scope in unknown))
        return value

    @field_validator("execute")
    @classmethod
    def _valid_roles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for role in value:
            if not ROLE.fullmatch(role) or len(role) > limits.FUNCTION_ROLE:
                raise ValueError(f"{role!r} is not a role (any, users, user:ID, team:ID, label:X, …)")
        return value

    @field_validator("events")
    @classmethod
    def _valid_events(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for event in value:
            if event.startswith("functions."):
                raise ValueError(f"event {event!r}: Appwrite refuses events of functions themselves")
            if not 2 <= len(event.split(".")) <= 7:
                raise ValueError(f"event {event!r} must have 2 to 7 parts separated by dots")
        return value

    @field_validator("schedule")
    @classmethod
    def _valid_cron(cls, value: str) -> str:
        problem = cron_problem(value) if value else ""
        if problem:
            raise ValueError(problem)
        return value

    @model_validator(mode="after")
    def _lock_ends_first(self) -> Self:
        if self.lock and self.lock.expiry >= self.timeout:
            raise ValueError(
                f"lock expiry {self.lock.expiry} s must be below the timeout {self.timeout} s: "
                "a run must stop itself before Appwrite kills it"
            )
        return self

    @model_validator(mode="after")
    def _probes_code(self) -> Self:
        if self.probe and self.code is None:
            raise ValueError("a probe tells whether new code works, but the code is not managed (code=KEEP)")
        return self

    @model_validator(mode="after")
    def _distinct_variables(self) -> Self:
        keys = [variable.key for variable in self.variables]
        repeated = sorted({key for key in keys if keys.count(key) > 1})
        if repeated:
            raise ValueError(f"variables declared twice: {', '.join(repeated)}")
        return self


class DatabaseDeclaration(Declared):
    """A database."""

    id: Id
    name: Name
    enabled: bool = True


class CollectionDeclaration(Declared):
    """A collection."""

    id: Id
    name: Name
    permissions: tuple[str, ...] = ()
    document_security: bool = False
    enabled: bool = True

    @field_validator("permissions")
    @classmethod
    def _valid_permissions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for permission in value:
            match = PERMISSION.fullmatch(permission)
            if not match:
                raise ValueError(f'{permission!r} is not a permission; write for example read("any")')
            if not ROLE.fullmatch(match[2]):
                raise ValueError(f"{permission!r}: {match[2]!r} is not a role (any, users, user:ID, team:ID, …)")
        return value


class AttributeDeclaration(Declared):
    """An attribute of any plain type. `size` in characters."""

    key: Id
    type: Literal[
        "string", "integer", "float", "boolean", "datetime", "email", "enum", "ip", "url", "point", "line", "polygon"
    ]
    required: bool = False
    default: Any = None
    array: bool = False
    size: int | None = Field(default=None, ge=1, le=limits.STRING_SIZE)
    encrypt: bool = False
    min: int | float | None = None
    max: int | float | None = None
    elements: tuple[str, ...] | None = Field(default=None, max_length=limits.ENUM_ELEMENTS)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = [*self._type_problems(), *self._default_problems()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _type_problems(self) -> list[str]:
        problems = []
        if self.type == "string" and self.size is None:
            problems.append("a string needs a size")
        if self.encrypt and (self.size or 0) < limits.ENCRYPTED_STRING_MINIMUM:
            problems.append(f"an encrypted string needs a size of at least {limits.ENCRYPTED_STRING_MINIMUM}")
        if self.type == "enum" and not self.elements:
            problems.append("an enum needs elements")
        for element in self.elements or ():
            if not 1 <= len(element) <= limits.ENUM_ELEMENT:
                problems.append(f"enum element {element!r} must have 1 to {limits.ENUM_ELEMENT} characters")
        for name, bound in (("min", self.min), ("max", self.max)):
            if self.type == "integer" and bound is not None and not is_integer(bound):
                problems.append(f"{name} {bound} is not a 64-bit integer")
        if self.min is not None and self.max is not None and self.min > self.max:
            problems.append(f"min {self.min} is above max {self.max}")
        return problems

    def _default_problems(self) -> list[str]:
        if self.default is None:
            return []
        if self.required:
            return ["a required attribute cannot have a default"]
        if self.array:
            return ["an array attribute cannot have a default"]
        if not DEFAULT_FITS[self.type](self.default):
            return [f"default {self.default!r} does not fit type {self.type}"]
        return self._default_range()

    def _default_range(self) -> list[str]:
        default = self.default
        if self.size is not None and isinstance(default, str) and len(default) > self.size:
            return [f"default is longer than the size {self.size}"]
        if self.elements is not None and default not in self.elements:
            return [f"default {default!r} is not among the elements"]
        if self.min is not None and default < self.min:
            return [f"default {default} is below min {self.min}"]
        if self.max is not None and default > self.max:
            return [f"default {default} is above max {self.max}"]
        return []


class RelationshipDeclaration(Declared):
    """A relationship to another collection of the same database."""

    key: Id
    related: Id
    type: Literal["oneToOne", "oneToMany", "manyToOne", "manyToMany"]
    two_way: bool = False
    two_way_key: Id
    on_delete: Literal["restrict", "cascade", "setNull"] = "restrict"


class IndexDeclaration(Declared):
    """An index. `lengths` in characters, 0 = the whole attribute."""

    key: Id
    type: Literal["key", "unique", "fulltext", "spatial"] = "key"
    attributes: tuple[str, ...] = Field(min_length=1)
    orders: tuple[Literal["ASC", "DESC"], ...] = ()
    lengths: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.attributes)) != len(self.attributes):
            raise ValueError("an index names an attribute twice")
        if self.key.lower() in limits.RESERVED_INDEXES:
            raise ValueError(f"{self.key!r} is a name that Appwrite keeps for itself")
        if self.type == "spatial" and (len(self.attributes) != 1 or self.orders):
            raise ValueError("a spatial index is on exactly one attribute and has no orders")
        if len(self.lengths) > len(self.attributes):
            raise ValueError("an index has more lengths than attributes")
        if any(length < 0 for length in self.lengths):
            raise ValueError("an index length cannot be negative")
        return self


def is_text(value: str) -> bool:
    """Whether it can be written as UTF-8; environment variables may hold bytes that cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def nearest(word: str, known: Any) -> str:
    """` (did you mean 'x'?)` when something known is close, else nothing."""
    import difflib  # noqa: PLC0415 - only needed for a mistake

    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
