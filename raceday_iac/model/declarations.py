"""What a stack file may declare of each resource, and the rules that need no server.

A declaration is checked when the whole stack is resolved, not when it is written, so that all mistakes are reported
together. Every rule here is Appwrite's own (reference 1.8.1); the numbers live in `limits.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from ..cron import cron_problem
from . import limits, validators
from .limits import RUNTIMES, SCOPES
from .secret import Secret
from .validators import is_double, is_integer


def resource_id(value: str) -> str:
    """The id; raises ValueError with the rule where it is none."""
    problem = validators.id_problem(value)
    if problem:
        raise ValueError(problem)
    return value


def attribute_key(value: str) -> str:
    """The key of an attribute or relationship; raises ValueError with what is wrong."""
    if limits.is_number_to_php(value):
        raise ValueError(f"{value!r} is all digits, and Appwrite loses such attributes in updates; add a letter")
    return resource_id(value)


Id = Annotated[str, AfterValidator(resource_id)]
Key = Annotated[str, AfterValidator(attribute_key)]
Name = Annotated[str, Field(min_length=1, max_length=limits.RESOURCE_NAME)]


class Declared(BaseModel):
    """Base of all declarations: immutable, and an unknown word is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _holds_text(cls, given: Any) -> Any:
        """Text that cannot be written as UTF-8 cannot be sent."""
        broken = [name for name, value in given.items() if not all(map(is_text, _texts(value)))]
        if broken:
            raise ValueError(f"{', '.join(broken)}: not valid text (UTF-8)")
        return given


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

    @field_validator("key")
    @classmethod
    def _names_a_variable(cls, key: str) -> str:
        if "=" in key or "\0" in key:
            raise ValueError(f"{limits.shown(key)} cannot be the name of an environment variable: it has a = or a NUL")
        return key

    @field_validator("value")
    @classmethod
    def _fits(cls, value: str | Secret) -> str | Secret:
        text = value.reveal() if isinstance(value, Secret) else value
        if not is_text(text):
            raise ValueError("its value is not valid text (UTF-8)")
        if "\0" in text:
            raise ValueError("its value has a NUL character, which no environment variable can hold")
        size = len(text.encode())
        if size > limits.VARIABLE_VALUE_BYTES:
            raise ValueError(
                f"a variable's value has at most {limits.VARIABLE_VALUE_BYTES} bytes of UTF-8 (Appwrite stores it "
                f"encrypted), this has {size}; split it over several variables, or pack it with the code"
            )
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
        return _all_valid(value, validators.role_problem)

    @field_validator("events")
    @classmethod
    def _valid_events(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _all_valid(value, validators.event_problem)

    @field_validator("schedule")
    @classmethod
    def _valid_cron(cls, value: str) -> str:
        if len(value) > limits.FUNCTION_SCHEDULE:
            raise ValueError(
                f"{limits.shown(value)} is too long: Appwrite's scheduler stores {limits.FUNCTION_SCHEDULE} "
                "characters; write ranges and steps (0-30/5) instead of lists"
            )
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
        if len(keys) > limits.FUNCTION_VARIABLES:
            raise ValueError(
                f"variables: {len(keys)} are declared, and Appwrite gives a function {limits.FUNCTION_VARIABLES}"
            )
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
        _all_valid(value, validators.permission_problem)
        problem = validators.permissions_problem(value)
        if problem:
            raise ValueError(problem)
        return value


class AttributeDeclaration(Declared):
    """An attribute of any plain type. `size` in characters."""

    key: Key
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
        return [*problems, *self._element_problems(), *self._bound_problems()]

    def _element_problems(self) -> list[str]:
        if self.type == "enum" and not self.elements:
            return ["an enum needs elements"]
        problems = [
            f"enum element {limits.shown(element)} must have 1 to {limits.ENUM_ELEMENT} characters"
            for element in self.elements or ()
            if not 1 <= len(element) <= limits.ENUM_ELEMENT
        ]
        stored = limits.stored_json_length({"elements": self.elements}) if self.elements else 0
        if stored > limits.STORED_JSON:
            problems.append(
                f"its {len(self.elements or ())} elements take {stored} characters as Appwrite stores them (JSON, six "
                f"or more for each that is not ASCII), {limits.STORED_JSON} fit; shorten them, or use a string"
            )
        return problems

    def _bound_problems(self) -> list[str]:
        problems = []
        least = -limits.SMALL_INTEGER_MAXIMUM
        fits = is_integer if self.type == "integer" else is_double
        for name, bound in (("min", self.min), ("max", self.max)):
            if bound is not None and not fits(bound):
                kind = "64-bit integer" if self.type == "integer" else "number that a double holds"
                problems.append(f"{name} {limits.shown(bound)} is not a {kind}")
        if self.min is not None and self.max is not None and self.min > self.max:
            problems.append(f"min {self.min} is above max {self.max}")
        if self._is_small() and self.min is not None and self.min < least:
            problems.append(
                f"min {self.min} cannot be kept: Appwrite stores an integer of max {self.max} in four bytes, which "
                f"hold {least} and more; leave max out or set it above {-least}"
            )
        return problems

    def _is_small(self) -> bool:
        """Whether Appwrite stores it in four bytes, whatever its min is."""
        return self.type == "integer" and self.max is not None and self.max <= limits.SMALL_INTEGER_MAXIMUM

    def _default_problems(self) -> list[str]:
        if self.default is None:
            return []
        if self.required:
            return ["a required attribute cannot have a default"]
        if self.array:
            return ["an array attribute cannot have a default"]
        problem = validators.default_problem(self.type, self.default)
        return [problem] if problem else [*self._default_range(), *self._default_width()]

    def _default_range(self) -> list[str]:
        default = self.default
        if self.size is not None and isinstance(default, str) and len(default) > self.size:
            return [f"default {limits.shown(default)} is longer than the size {self.size}"]
        if self.elements is not None and default not in self.elements:
            return [f"default {limits.shown(default)} is not among the elements"]
        if self.min is not None and default < self.min:
            return [f"default {default} is below min {self.min}"]
        if self.max is not None and default > self.max:
            return [f"default {default} is above max {self.max}"]
        if self._is_small() and default < -limits.SMALL_INTEGER_MAXIMUM:
            return [f"default {default} is below -{limits.SMALL_INTEGER_MAXIMUM}, the least that four bytes hold"]
        return []

    def _default_width(self) -> list[str]:
        stored = limits.stored_json_length({"value": self.default})
        if stored > limits.STORED_JSON:
            return [
                f"default {limits.shown(self.default)} takes {stored} characters as Appwrite stores it (JSON, six or "
                f"more for each that is not ASCII), {limits.STORED_JSON} fit; shorten it"
            ]
        if self.encrypt and self.size is not None and limits.encrypted_length(self.default) > self.size:
            stored = limits.encrypted_length(self.default)
            return [f"default {limits.shown(self.default)} takes {stored} characters encrypted; raise the size to that"]
        return []


class RelationshipDeclaration(Declared):
    """A relationship to another collection of the same database."""

    key: Key
    related: Id
    type: Literal["oneToOne", "oneToMany", "manyToOne", "manyToMany"]
    two_way: bool = False
    two_way_key: Key
    on_delete: Literal["restrict", "cascade", "setNull"] = "restrict"

    @model_validator(mode="after")
    def _two_columns(self) -> Self:
        """Both keys of a manyToMany become columns of one table."""
        if self.type == "manyToMany" and limits.column_name(self.key) == limits.column_name(self.two_way_key):
            raise ValueError(
                f"a manyToMany relationship cannot have {self.key!r} and {self.two_way_key!r} as its two keys: "
                "Appwrite takes them for one column (case and dots do not count); give another two_way_key"
            )
        return self


class IndexDeclaration(Declared):
    """An index. `lengths` in characters, 0 = the whole attribute."""

    key: Id
    type: Literal["key", "unique", "fulltext", "spatial"] = "key"
    attributes: tuple[str, ...] = Field(min_length=1)
    orders: tuple[Literal["ASC", "DESC"], ...] = ()
    lengths: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        names = [name.lower() for name in self.attributes]
        if len(set(names)) != len(names):
            yield "an index names an attribute twice"
        if len(names) > limits.INDEX_ATTRIBUTES:
            yield f"names {len(names)} attributes, MariaDB takes {limits.INDEX_ATTRIBUTES} in an index"
        if limits.column_name(self.key) in limits.RESERVED_INDEXES:
            yield f"{self.key!r} is a name that Appwrite keeps for itself; choose another"
        if self.type == "spatial" and (len(names) != 1 or self.orders):
            yield "a spatial index is on exactly one attribute and has no orders"
        if len(self.lengths) > len(names):
            yield "an index has more lengths than attributes"
        if len(self.orders) > len(names):
            yield "an index has more orders than attributes"
        if any(length < 0 for length in self.lengths):
            yield "an index length cannot be negative"


def _all_valid(values: tuple[str, ...], problem_of: Callable[[str], str]) -> tuple[str, ...]:
    """The values; raises ValueError with everything that is wrong with them."""
    problems = [problem for problem in map(problem_of, values) if problem]
    if problems:
        raise ValueError("; ".join(problems))
    return values


def _texts(value: Any) -> Iterator[str]:
    """The texts in an argument."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _texts(item)


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
