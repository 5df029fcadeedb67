"""What all declarations have in common, and the settings of a function that have settings of their own.

What can be declared of a kind stands in `kinds/`. A declaration is checked when the whole stack is resolved, not when
it is written, so that all mistakes are reported together. The rules are Appwrite's own (reference 1.8.1); the numbers
live in `limits.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass
from dataclasses import fields as members
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator

from . import limits, validators


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


def permissions(value: Sequence[str]) -> Sequence[str]:
    """Permissions of something with an owner; raises ValueError with everything that is wrong with them."""
    all_valid(value, validators.permission_problem)
    problem = validators.permissions_problem(value)
    if problem:
        raise ValueError(problem)
    return value


def roles(value: Sequence[str]) -> Sequence[str]:
    """Roles; raises ValueError with everything that is wrong with them."""
    return all_valid(value, validators.role_problem)


Id = Annotated[str, AfterValidator(resource_id)]
Permissions = Annotated[Sequence[str], AfterValidator(permissions)]
Roles = Annotated[Sequence[str], AfterValidator(roles)]
Key = Annotated[str, AfterValidator(attribute_key)]
Name = Annotated[str, Field(min_length=1, max_length=limits.RESOURCE_NAME)]


_NO_TEXT = "not valid text (UTF-8)"


class Declared(BaseModel):
    """Base of all declarations: immutable, and an unknown word is a mistake."""

    # Built when first used: a stack uses few of the models, and each start pays for what is built.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True, defer_build=True)

    #: The id, where there is only one: then nobody writes it.
    only: ClassVar[str] = ""

    @classmethod
    def written(cls, arguments: Mapping[str, Any], owner: tuple[str, ...]) -> dict[str, Any]:  # noqa: ARG003
        """The arguments of a declaration, with what follows from where it is written: `owner` are the ids around it."""
        return {**arguments, **({"id": cls.only} if cls.only else {})}

    @model_validator(mode="before")
    @classmethod
    def _holds_text(cls, given: Any) -> Any:
        """Text that cannot be written as UTF-8 cannot be sent."""
        broken = [name for name, value in given.items() if not _is_sendable(value)]
        if broken:
            raise ValueError(f"{', '.join(broken)}: {_NO_TEXT}")
        return given


#: Value of `code`: manage the configuration, leave whatever code is live untouched.
KEEP = "keep"


@dataclass(frozen=True)
class Lock:
    """A function's execution lock: its document's id, and seconds after which a silent holder counts as dead, between
    two signs of life, and after which a run gives up. `check_target_ms` are milliseconds."""

    lock_id: Id
    stale_after: Annotated[int, Field(gt=0)]
    heartbeat: Annotated[int, Field(gt=0)]
    expiry: Annotated[int, Field(gt=0)]
    check_target_ms: Annotated[int | None, Field(gt=0)] = None

    def problem(self) -> str:
        """Why these numbers cannot be together."""
        if self.heartbeat >= self.stale_after:
            return (
                f"lock heartbeat {self.heartbeat} s must be below stale_after {self.stale_after} s, "
                "or a healthy run looks dead"
            )
        if self.stale_after > self.expiry:
            return f"lock stale_after {self.stale_after} s must not exceed expiry {self.expiry} s"
        return ""


@dataclass(frozen=True)
class Probe:
    """An execution that shows whether new code works. When it does not answer `expect_status` within `timeout` seconds,
    the deployment that was active before is activated again, and the change fails.

    It reaches the function as any execution does: with `body` (a text, or values that are sent as JSON), on `path`.
    """

    body: Annotated[str | Mapping[str, Any], Field(max_length=limits.EXECUTION_BODY)] = ""
    path: Annotated[str, Field(max_length=limits.EXECUTION_PATH, pattern="^/")] = "/"
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"] = "POST"
    expect_status: Annotated[int, Field(ge=100, le=599)] = 200
    timeout: Annotated[int, Field(ge=1, le=limits.FUNCTION_TIMEOUT)] = 30

    def problem(self) -> str:
        """Why these settings cannot be together."""
        return ""

    @property
    def text(self) -> str:
        """The body as it is sent: a text as it is, anything else as JSON. Raises ValueError with a sentence."""
        if isinstance(self.body, str):
            return self.body
        try:
            return json.dumps(self.body, ensure_ascii=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"probe: its body cannot be sent as JSON: {error}") from None


class _Settings(Declared):
    """Checks settings of a setting. Those are plain values: nothing is checked when they are written."""

    settings: ClassVar[type[Lock] | type[Probe]]

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        problem = self.settings(**vars(self)).problem()
        if problem:
            raise ValueError(problem)
        return self


@cache
def model_of(settings: type) -> type[Declared]:
    """The model that checks the arguments."""
    types = get_type_hints(settings, include_extras=True)
    given = {
        each.name: (types[each.name], ... if each.default is MISSING else each.default) for each in members(settings)
    }
    model = create_model(settings.__name__, __base__=_Settings, __doc__=settings.__doc__, **given)  # type: ignore[call-overload]
    model.settings = settings
    return model  # type: ignore[no-any-return]


def all_valid(values: Sequence[str], problem_of: Callable[[str], str]) -> Sequence[str]:
    """The values; raises ValueError with everything that is wrong with them."""
    problems = [problem for problem in map(problem_of, values) if problem]
    if problems:
        raise ValueError("; ".join(problems))
    return values


def _is_sendable(value: Any) -> bool:
    """Whether all texts in an argument can be written as UTF-8."""
    if isinstance(value, str):
        return is_text(value)
    return not isinstance(value, tuple) or all(map(_is_sendable, value))


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


# Names that have the right form, and that this tool does not know: a newer Appwrite may.


def unknown_roles(roles: Iterable[str]) -> Iterator[str]:
    """What is doubtful of roles."""
    for role in roles:
        name = validators.unknown_role(role)
        if name:
            yield f"unknown role {role!r}{nearest(name, validators.ROLE_NAMES)}"


def unknown_permissions(permissions: Iterable[str]) -> Iterator[str]:
    """What is doubtful of the roles in permissions, each role once."""
    found = filter(None, map(limits.PERMISSION.fullmatch, permissions))
    yield from unknown_roles(dict.fromkeys(each[2] for each in found))


def unknown_events(events: Iterable[str]) -> Iterator[str]:
    """What is doubtful of event patterns."""
    for event in events:
        pattern, known = validators.event_pattern(event), validators.known_events()
        if pattern not in known:
            yield f"unknown event {event!r}{nearest(pattern, known)}"


# What is wrong with a declaration, in words of ours.


@dataclass(frozen=True)
class Mistake:
    """What is wrong with a declaration; `field` is where, and empty where fields do not go together."""

    field: str
    message: str
    is_unknown: bool = False

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field and not self.is_unknown else self.message


Model = TypeVar("Model", bound=Declared)


def checked(model: type[Model], arguments: Mapping[str, Any]) -> tuple[Model | None, list[Mistake]]:
    """The checked declaration, or None and every mistake in it."""
    try:
        return model.model_validate({key: _hardened(value) for key, value in arguments.items()}), []
    except ValidationError as error:
        return None, [_mistake(place, issue) for place, issue in _issues(error).items()]


#: What pydantic puts behind the name of a field that may hold one of several types: the type.
_TYPE = re.compile(r"int|float|str|bool|none|[a-z-]+\[.*\]")
#: Of such types, the one whose fault says most comes last.
_TELLING = ("is_instance_of", "int_type")


def _issues(error: ValidationError) -> dict[tuple[int | str, ...], Any]:
    """What is wrong, by place: once, also where none of several types fits."""
    found: dict[tuple[int | str, ...], Any] = {}
    for issue in error.errors():
        place = tuple(part for part in issue["loc"] if isinstance(part, int) or not _TYPE.fullmatch(part))
        if place not in found or issue["type"] not in _TELLING:
            found[place] = issue
    return found


def _hardened(value: Any) -> Any:
    """Lists become tuples: declarations are immutable, and strict models take no lists for tuples."""
    if isinstance(value, list | tuple):
        return tuple(map(_hardened, value))
    if isinstance(value, set | frozenset):
        return tuple(sorted(value, key=str))
    return value


def _mistake(place: tuple[int | str, ...], issue: Any) -> Mistake:
    field = ".".join(map(str, place))
    if issue["type"] == "extra_forbidden":
        return Mistake(field, f"unknown setting {field!r}", is_unknown=True)
    message = _limit(issue) or _misfit(issue) or str(issue["msg"]).removeprefix("Value error, ")
    if not field and message.endswith(_NO_TEXT):
        field, message = message.removesuffix(f": {_NO_TEXT}"), _NO_TEXT
    return Mistake(field, message)


def _limit(issue: Any) -> str:
    """A broken limit: the value, the limit and what to do. Empty for every other mistake."""
    kind, context, given = issue["type"], issue.get("ctx", {}), issue["input"]
    if kind == "string_too_long":
        longest = context["max_length"]
        return f"{limits.shown(given)} is longer than the {longest} characters that Appwrite accepts; shorten it"
    if kind == "string_too_short":
        return f"{limits.shown(given)} is too short; it needs {_counted(context['min_length'], 'character')} or more"
    if kind == "too_long":
        return f"it has {context['actual_length']} items, but Appwrite accepts {context['max_length']}; remove some"
    if kind == "too_short":
        return f"it needs {_counted(context['min_length'], 'item')} or more"
    if kind == "sequence_str":
        return f"{limits.shown(given)} is one text; write a list"
    if kind in _BOUNDS:
        name, comparison = _BOUNDS[kind]
        return f"{given} has to be {comparison} {context[name]}"
    return ""


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def _misfit(issue: Any) -> str:
    """A value of another type. Empty for every other mistake."""
    kind = issue["type"]
    if kind == "missing":
        return "it is missing"
    if kind == "literal_error":
        return f"{limits.shown(issue['input'])} is not one of {issue['ctx']['expected'].replace(' or ', ', ')}"
    wanted = next((words for start, words in _WANTED.items() if kind.startswith(start)), "")
    given = list(issue["input"]) if isinstance(issue["input"], tuple) else issue["input"]
    return f"{limits.shown(given)} is {wanted}" if wanted else ""


#: By how pydantic's names of such mistakes begin.
_WANTED = {
    "string_": "not a text",
    "int_": "not a whole number",
    "float_": "not a number",
    "bool_": "neither true nor false",
    "tuple_": "not a list",
    "sequence_": "not a list",
    "is_instance_of": "not a list",
    "dict_": "not a mapping",
    "mapping_": "not a mapping",
}
