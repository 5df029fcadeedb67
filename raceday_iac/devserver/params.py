"""Request parameters: their declaration, and validation in Appwrite's order and words.

Unknown parameters are ignored. A required parameter that is absent is refused. A null is checked as any value on 1.8.1;
since 1.9 one for an optional parameter passes unchecked, and crashes handlers that are not nullable (500).

Patterns of events, which functions and webhooks listen to, are checked here too (`is_event`). The trees are Appwrite's
app/config/events.php, the rules its Event/Validator/Event.php, with their oddities: the action of a document is looked
up among those of its collection (so `…documents.*.upsert` is refused), and what follows a whole pattern is not always
looked at.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from .ages import EVERY, Age
from .errors import ApiError, invalid

if TYPE_CHECKING:
    from .server import Server


Check = Callable[[Any], Any]

CUSTOM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
ID_RULE = (
    "{} must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. "
    "Can't start with a special char"
)
UID_RULE = (
    "UID must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, and underscore. "
    "Can't start with a leading underscore"
)
REQUIRED: Any = object()
#: Ids instead of which the server makes one of its own: the wish for that, and what PHP has for empty
#: (utopia-php/database 3.5.0, createDocument; tried on it).
NO_IDS = frozenset({"unique()", "0"})

Tree = Mapping[str, Any]

#: Every entry of PHP's configuration has these beside the real names, and they pass as actions.
_DESCRIBED: Tree = {"$description": None}
_RESOURCE: Tree = {**_DESCRIBED, "$model": None, "$resource": None}


class Refused(ValueError):
    """A check's reason; becomes the text after ``Invalid `x` param:``."""


@dataclass(frozen=True)
class Param:
    """One declared parameter. `check` returns the accepted value or raises `Refused`."""

    name: str
    check: Check
    default: Any = REQUIRED
    nullable: bool = False
    #: Names of the ages that have it.
    ages: frozenset[str] = EVERY
    #: Makes the check for a server: its age, or what its operator has set.
    of_server: Callable[[Server], Check] | None = None

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


def read_params(declared: Sequence[Param], given: Mapping[str, Any], *, checks_nulls: bool = False) -> dict[str, Any]:
    """Validated values by name, defaults filled in. Raises `ApiError` for the first bad parameter.

    `checks_nulls` says that a null which has no meaning is refused as any other bad value."""
    values: dict[str, Any] = {}
    for param in declared:
        value = given.get(param.name)
        if value is None and param.name in given and checks_nulls and not param.nullable:
            _refuse_null(param)
        if value is None and param.required:
            raise ApiError("general_argument_invalid", f'Param "{param.name}" is not optional.')
        if value is None:
            if param.name in given and not param.nullable:
                raise ApiError("general_unknown", "Server Error")
            values[param.name] = None if param.name in given else param.default
            continue
        try:
            values[param.name] = param.check(value)
        except Refused as refusal:
            raise invalid(param.name, str(refusal)) from None
    return values


def _refuse_null(param: Param) -> None:
    try:
        param.check(None)
    except Refused as refusal:
        raise invalid(param.name, str(refusal)) from None


def anything(value: Any) -> Any:
    return value


def text(minimum: int, maximum: int) -> Check:
    """Text of `minimum` to `maximum` characters (0 = no maximum)."""

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise Refused(_text_rule(minimum, maximum))
        if len(value) < minimum or (maximum and len(value) > maximum):
            raise Refused(_text_rule(minimum, maximum))
        return value

    return check


def _text_rule(minimum: int, maximum: int) -> str:
    rule = "Value must be a valid string"
    if minimum > 1:
        rule += f" and at least {minimum} chars"
    elif minimum == 1:
        rule += " and at least 1 chars"
    if maximum:
        rule += f" and no longer than {maximum} chars"
    return rule


def boolean(value: Any) -> bool:
    """A JSON boolean; the text forms are refused."""
    if not isinstance(value, bool):
        raise Refused("Value must be a valid boolean")
    return value


def spoken_boolean(value: Any) -> bool:
    """A boolean that may also arrive as a text or number, and means what it says (`async`, `activate`)."""
    if isinstance(value, bool | int | str) and value in {True, False, "true", "false", "1", "0"}:
        return value in {True, "true", "1"}
    raise Refused("Value must be a valid boolean")


def loose_boolean(value: Any) -> bool:
    """As `spoken_boolean`, where PHP makes a boolean of what was sent: the text `false` is true (observed on 1.9.6)."""
    spoken_boolean(value)
    return bool(value) and value != "0"


def whole_number(minimum: int, maximum: int) -> Check:
    """An integer between `minimum` and `maximum`, both included."""

    def check(value: Any) -> int:
        rule = f"Value must be a valid range between {minimum:,} and {maximum:,}"
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise Refused(rule)
        try:
            number = int(value)
        except ValueError:
            raise Refused(rule) from None
        if not minimum <= number <= maximum:
            raise Refused(rule)
        return number

    return check


def custom_id(value: Any) -> str:
    """An id chosen by the client, or `unique()`."""
    if value == "unique()" or (isinstance(value, str) and CUSTOM_ID.fullmatch(value)):
        return str(value)
    raise Refused(ID_RULE.format("Parameter"))


def existing_id(value: Any) -> str:
    """An id that names something which exists, or a key."""
    if isinstance(value, str) and CUSTOM_ID.fullmatch(value):
        return value
    raise Refused(UID_RULE)


def one_of(*choices: str) -> Check:
    def check(value: Any) -> str:
        if value not in choices:
            raise Refused(f"Value must be one of ({', '.join(choices)})")
        return str(value)

    return check


def or_null(check: Check) -> Check:
    """As `check`; refusals say that null would have been fine as well."""

    def checked(value: Any) -> Any:
        try:
            return check(value)
        except Refused as refusal:
            raise Refused(f"{refusal} or null") from None

    return checked


def list_of(item: Check, maximum: int) -> Check:
    """A list of at most `maximum` items, each accepted by `item`, whose words end every refusal of it."""
    rule = f"Value must a valid array no longer than {maximum} items"

    def check(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Refused(f"{rule} and {_words_of(item)}")
        if len(value) > maximum:
            raise Refused(f"{rule} and {_words_of(item)}")
        try:
            return [item(each) for each in value]
        except Refused as refusal:
            raise Refused(f"{rule} and {refusal}") from None

    return check


def _words_of(item: Check) -> str:
    """What a check says about a value that it cannot accept."""
    try:
        item(None)
    except Refused as refusal:
        return str(refusal)
    return ""


# Roles such as `any` or `team:crew/owner`: how they are read and which are accepted.
#
# Order of checks and sentences as utopia-php/database 3.5.0 (Helpers/Role.php, Validator/Roles.php). PHP takes the
# text `0` for empty, and what follows a second colon is not looked at.


NAMES = ("any", "guests", "users", "user", "team", "member", "label")
USER_DIMENSIONS = ("verified", "unverified")
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
LABEL = re.compile(r"[A-Za-z0-9]{1,36}")
KEY_RULE = (
    "Parameter must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. "
    "Can't start with a special char"
)
LABEL_RULE = "Value must be a valid string between 1 and 36 chars containing only alphanumeric chars"

_WITH_ID = frozenset({"user", "team", "member", "label"})
_WITH_DIMENSION = frozenset({"users", "user", "team"})


@dataclass(frozen=True)
class Role:
    """One role, taken apart."""

    name: str
    identifier: str = ""
    dimension: str = ""

    def __str__(self) -> str:
        identifier = f":{self.identifier}" if not is_empty(self.identifier) else ""
        dimension = f"/{self.dimension}" if not is_empty(self.dimension) else ""
        return f"{self.name}{identifier}{dimension}"


def is_empty(text: str) -> bool:
    """Whether PHP's empty() would have a text as empty."""
    return text in {"", "0"}


def parse(text: str) -> Role:
    """Take a role apart. Raises `Refused`."""
    steps = text.split(":")
    if "/" not in text:
        return Role(steps[0], steps[1] if len(steps) > 1 else "")
    if len(steps) == 1:
        name, dimension = _split_dimension(text)
        return Role(name, "", dimension)
    identifier, dimension = _split_dimension(steps[1])
    return Role(steps[0], identifier, dimension)


def _split_dimension(text: str) -> tuple[str, str]:
    parts = text.split("/")
    if len(parts) != 2:
        raise Refused("Only one dimension can be provided")
    if is_empty(parts[1]):
        raise Refused("Dimension must not be empty")
    return parts[0], parts[1]


def check(role: Role) -> None:
    """Refuse a role that cannot be. Raises `Refused`."""
    name, identifier, dimension = role.name, role.identifier, role.dimension
    has_identifier, has_dimension = not is_empty(identifier), not is_empty(dimension)
    if name not in NAMES:
        raise Refused(f'Role "{name}" is not allowed. Must be one of: {", ".join(NAMES)}.')
    if has_identifier and name not in _WITH_ID:
        raise Refused(f'Role "{name}" can not have an ID value.')
    if not has_identifier and name in _WITH_ID:
        raise Refused(f'Role "{name}" must have an ID value.')
    if has_identifier and name == "label" and not LABEL.fullmatch(identifier):
        raise Refused(f'Role "{name}" identifier value is invalid: {LABEL_RULE}')
    if has_identifier and name != "label" and not KEY.fullmatch(identifier):
        raise Refused(f'Role "{name}" identifier value is invalid: {KEY_RULE}')
    if has_dimension and name not in _WITH_DIMENSION:
        raise Refused(f'Role "{name}" can not have a dimension value.')
    if has_dimension and name != "team" and dimension not in USER_DIMENSIONS:
        raise Refused(f'Role "{name}" dimension value is invalid. Must be one of: {", ".join(USER_DIMENSIONS)}.')
    if has_dimension and not KEY.fullmatch(dimension):
        raise Refused(f'Role "{name}" dimension value is invalid: {KEY_RULE}')


# What a real server's database makes of a value before its width and its likeness to others are checked.
#
# Appwrite's parameter checks look at what was sent; behind them stand columns whose width counts the encoded or
# encrypted form (utopia-php/database 3.5.0, Validator/Structure.php; 1.8.1, app/init/database/filters.php), and
# unique keys that compare by MariaDB's collation.


#: What surrounds the encrypted text: cipher, initialisation vector and tag.
_ENVELOPE = len('{"data":"","method":"aes-128-gcm","iv":"","tag":"","version":"1"}') + 24 + 32
#: Where utf8mb4_general_ci takes a letter for its base letter: Latin, Greek, Cyrillic, and extensions of the first two.
_PLAIN_LETTERS = ((0x00C0, 0x0250), (0x0386, 0x03D5), (0x0400, 0x0530), (0x1E00, 0x2000))
#: The one weight of everything beyond the first 65 536 characters.
_BEYOND = "\ufffd"
#: What differs from base letters: sharp s, dotless i, the other sigmas, and Cyrillic short i, which stays itself.
_SINGLE = {"\u00df": "S", "\u0131": "I", "\u03c2": "\u03a3", "\u03f2": "\u03a3", "\u0439": "\u0419", "\u0419": "\u0419"}


def too_long(field: str, maximum: int) -> str:
    """What the database layer says about a text that its column cannot hold."""
    return (
        f'Invalid document structure: Attribute "{field}" has invalid type. '
        f"Value must be a valid string and no longer than {maximum} chars"
    )


def encoded(value: Any) -> str:
    """A value as PHP's json_encode() writes it: no blanks, other than ASCII as \\uXXXX, slashes escaped."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/")


def encrypted_length(text: str) -> int:
    """How long a text is when it is encrypted, in Base64 and in JSON.

    JSON escapes slashes, and one character of Base64 in 64 is one: on a real server this is a little random."""
    characters = -(-len(text.encode("utf-8", "surrogatepass")) // 3) * 4
    return _ENVELOPE + characters + characters // 64


def collated(text: str) -> str:
    """A text as utf8mb4_general_ci compares it (MariaDB 10.11): without case, accents and blanks at the end."""
    return "".join(map(_weight, text.rstrip(" ")))


def _weight(letter: str) -> str:
    if letter > "\uffff":
        return _BEYOND
    if letter in _SINGLE:
        return _SINGLE[letter]
    if any(first <= ord(letter) < last for first, last in _PLAIN_LETTERS):
        letter = unicodedata.normalize("NFD", letter)[0]
    upper = letter.upper()
    return upper if len(upper) == 1 else letter


@cache
def tree_of(age: Age) -> Tree:
    """Types of resources; of each, what lies below it, and what may happen to it with the details of that."""
    return {name: _resource(inner) for name, inner in age.events.items()}


def _resource(written: Mapping[str, Any]) -> Tree:
    return {**_RESOURCE, **{name: _entry(inner) for name, inner in written.items()}}


def _entry(written: Any) -> Tree:
    if isinstance(written, list):
        return {**_DESCRIBED, **dict.fromkeys(written, _DESCRIBED)}
    return _resource(written)


def is_event(pattern: str, age: Age) -> bool:
    """Whether a server of that age accepts the pattern."""
    events, parts = tree_of(age), pattern.split(".")
    if not 2 <= len(parts) <= 7 or _is_empty(parts[1]) or parts[0] not in events:
        return False
    kind: Tree = events[parts[0]]
    below = _below(kind, parts, 2)
    if below is None:
        action = parts[2] if len(parts) > 2 else ""
        return _happens(kind, action, parts[3] if len(parts) == 4 else "")
    if _is_empty(parts[3]):
        return False
    if _below(below, parts, 4) is not None:
        return _happens(below, parts[6] if len(parts) > 6 else "", "")
    action = parts[4] if len(parts) > 4 else ""
    return _happens(below, action, parts[5] if len(parts) == 6 else "")


def _is_empty(text: str) -> bool:
    return text in {"", "0"}


def _below(kind: Tree, parts: list[str], place: int) -> Tree | None:
    """The type that is named at `place`, when an id follows it."""
    found = kind.get(parts[place]) if len(parts) > place + 1 else None
    return found if found is not None and "$resource" in found else None


def _happens(kind: Tree, action: str, detail: str) -> bool:
    if not _is_empty(action) and action not in kind:
        return False
    return _is_empty(detail) or detail in (kind.get(action) or {})
