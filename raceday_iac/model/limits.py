"""Appwrite's limits (1.8.1, and the same on 1.9.6), each in this one place, and how it measures what they limit.

Texts are counted in characters, sizes in bytes, times in s. Many limits are those of the columns behind the API: read
in app/config/collections/*.php and utopia-php/database 3.5.0, tried on that library with MariaDB 10.11.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

CUSTOM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
ID_RULE = "at most 36 characters from a-z A-Z 0-9 . _ -, not starting with a special one"
LABEL = re.compile(r"[A-Za-z0-9]{1,36}")

FUNCTION_ENTRYPOINT = 1028
FUNCTION_COMMANDS = 8192
FUNCTION_TIMEOUT = 900
FUNCTION_LIST_ITEMS = 100
#: Days (1.9.6).
DEPLOYMENT_RETENTION = 36_500
#: Width of the scheduler's own column (platform.php, schedules). The function's has 128: between them, an update is
#: half done, answered with 500, and every later write of the function's variables too (observed on 1.8.1).
FUNCTION_SCHEDULE = 100
#: projects.php, functions, events.
FUNCTION_EVENT = 256
#: How many variables a function is given (app/init/constants.php, APP_LIMIT_SUBQUERY).
FUNCTION_VARIABLES = 1000
VARIABLE_KEY = 255
#: The API takes 8192 characters, but the value is stored encrypted, in Base64 and JSON, in a column of 8192. What fits
#: lies between 5950 and 5990 bytes of UTF-8 and is a little random (observed on 1.8.1); this always fits.
VARIABLE_VALUE_BYTES = 5900
DEPLOYMENT_BYTES = 30_000_000
#: What is packed before it is compressed, and files in a code folder: limits of ours, so that a folder named by mistake
#: fills neither memory nor an evening.
BUNDLE_UNPACKED_BYTES = 500_000_000
BUNDLE_ENTRIES = 100_000

RESOURCE_NAME = 128
#: Permissions of one request; `write` counts once.
PERMISSIONS = 100
EXECUTION_BODY = 10_485_760
EXECUTION_PATH = 2048
STRING_SIZE = 1_073_741_824
#: Width in characters that the server gives to types which are stored as text.
TEXT_SIZES = {"email": 254, "url": 2000, "ip": 39, "enum": 255}
#: Bytes of the texts that have no size (1.9.6; beyond, a document is answered 500).
TEXT_BYTES = {"text": 65_535, "mediumtext": 16_777_215, "longtext": 4_294_967_295}
ENCRYPTED_STRING_MINIMUM = 150
ENUM_ELEMENTS = 100
ENUM_ELEMENT = 255
#: Characters of JSON that the elements of an enum, and a default, may take (projects.php, attributes, formatOptions and
#: default).
STORED_JSON = 16_384
#: 1017 less seven of the server's own.
COLUMNS = 1010
#: What utopia-php/database counts of a row (Adapter/SQL.php, getAttributeWidth).
ROW_WIDTH = 65_535
ROW_WIDTH_BASE = 1067
LONGEST_VARCHAR = 16_381
#: What MariaDB counts of a row, and InnoDB of its part that lies in the page: an attribute beyond becomes `failed`.
TABLE_ROW_BYTES = 65_535
PAGE_ROW_BYTES = 8125
INDEXES = 58
INDEX_LENGTH = 768
#: Limits of MariaDB, which the API does not check: an index beyond becomes `failed`.
INDEX_BYTES = 3072
INDEX_ATTRIBUTES = 32
ARRAY_INDEX_LENGTH = 255
RESERVED_INDEXES = frozenset({"primary", "_created_at", "_updated_at", "_tenant_id"})

INTEGER_MINIMUM = -(2**63)
INTEGER_MAXIMUM = 2**63 - 1
#: An integer attribute whose max is at most this is stored in four bytes, and holds no less than the negative of it.
SMALL_INTEGER_MAXIMUM = 2_147_483_647
#: What the server answers for unset float bounds.
FLOAT_EXTREME = 1.7976931348623157e308

#: Memory and processors by specification slug, smallest first.
SPECIFICATIONS = (
    "s-0.5vcpu-512mb",
    "s-1vcpu-512mb",
    "s-1vcpu-1gb",
    "s-2vcpu-2gb",
    "s-2vcpu-4gb",
    "s-4vcpu-4gb",
    "s-4vcpu-8gb",
    "s-8vcpu-4gb",
    "s-8vcpu-8gb",
)

#: What an encrypted value has around its Base64: cipher, initialisation vector and tag (app/init/database/filters.php).
_ENVELOPE = 121
_ACCENTLESS = str.maketrans({"\u00df": "s", "\u0131": "i", "\u03f2": "\u03c3"})


PERMISSION = re.compile(r'(read|create|update|delete|write)\("([^"]*)"\)')
_WRITE_MEANS = ("create", "update", "delete")


def expand_permissions(permissions: Iterable[str]) -> tuple[str, ...]:
    """Permissions as the server stores them: `write` spelled out, each once, in one order."""
    expanded: set[str] = set()
    for permission in permissions:
        match = PERMISSION.fullmatch(permission)
        if match and match[1] == "write":
            expanded.update(f'{action}("{match[2]}")' for action in _WRITE_MEANS)
        else:
            expanded.add(permission)
    return tuple(sorted(expanded))


def pack_permissions(permissions: Sequence[str]) -> tuple[str, ...]:
    """Expanded permissions as they are sent: only where there are too many for a request is `write` put together."""
    if len(permissions) <= PERMISSIONS:
        return tuple(permissions)
    given = set(permissions)
    roles = sorted({permission.partition("(")[2] for permission in given})
    whole = [role for role in roles if given.issuperset(f"{action}({role}" for action in _WRITE_MEANS)]
    given.difference_update(f"{action}({role}" for role in whole for action in _WRITE_MEANS)
    return tuple(sorted(given.union(f"write({role}" for role in whole)))


def stored_json_length(value: Any) -> int:
    """How long a value is as PHP writes JSON: other than ASCII as \\uXXXX, slashes escaped."""
    return len(json.dumps(value, separators=(",", ":")).replace("/", "\\/"))


def encrypted_length(text: str) -> int:
    """At most how long a text is when it is stored encrypted. JSON escapes about one in 64 characters of Base64."""
    characters = -(-len(text.encode()) // 3) * 4
    return _ENVELOPE + characters + characters // 32


def collated(text: str) -> str:
    """Texts with an equal result are the same to a unique key: case, accents and blanks at the end do not count, and
    characters beyond the first 65 536 are all equal (utf8mb4_general_ci of MariaDB 10.11, and newer `ai_ci` ones)."""
    near = "".join("\ufffd" if letter > "\uffff" else letter for letter in text.rstrip(" ").translate(_ACCENTLESS))
    plain = "".join(letter for letter in unicodedata.normalize("NFD", near) if unicodedata.category(letter) != "Mn")
    return plain.casefold()


def column_name(key: str) -> str:
    """Keys with an equal result get the same column or index: dots are left out of its name, and case does not count
    (utopia-php/database 3.5.0, Adapter.php, filter)."""
    return key.replace(".", "").lower()


def is_number_to_php(key: str) -> bool:
    """Whether PHP makes a number of a key. Updates of documents with such an attribute fail (tried on 3.5.0)."""
    return re.fullmatch(r"0|[1-9][0-9]{0,17}", key) is not None


def shown(value: Any, longest: int = 48) -> str:
    """A value as a message shows it: shortened, with its length."""
    text = repr(value)
    if len(text) <= longest:
        return text
    length = f" ({len(value)} characters)" if isinstance(value, str) else ""
    return f"{text[: longest - 1]}…{text[-1]}{length}"


# Names that Appwrite 1.8.1 knows: runtimes, the scopes a function may hold, and the events it may listen to.


#: Every runtime id of the reference server; an instance may allow fewer (`GET /functions/runtimes`).
RUNTIMES = frozenset(
    """
    node-14.5 node-16.0 node-18.0 node-19.0 node-20.0 node-21.0 node-22 php-8.0 php-8.1 php-8.2 php-8.3 ruby-3.0
    ruby-3.1 ruby-3.2 ruby-3.3 python-3.8 python-3.9 python-3.10 python-3.11 python-3.12 python-ml-3.11
    python-ml-3.12 deno-1.21 deno-1.24 deno-1.35 deno-1.40 deno-1.46 deno-2.0 dart-2.15 dart-2.16 dart-2.17
    dart-2.18 dart-2.19 dart-3.0 dart-3.1 dart-3.3 dart-3.5 dart-3.8 dart-3.9 dotnet-6.0 dotnet-7.0 dotnet-8.0
    java-8.0 java-11.0 java-17.0 java-18.0 java-21.0 java-22 swift-5.5 swift-5.8 swift-5.9 swift-5.10 kotlin-1.6
    kotlin-1.8 kotlin-1.9 kotlin-2.0 cpp-17 cpp-20 bun-1.0 bun-1.1 go-1.23 static-1 flutter-3.24 flutter-3.27
    flutter-3.29 flutter-3.32 flutter-3.35
    """.split()
)

#: Frameworks of sites (1.8.1 to main); an instance lists those that it has a runtime for (`GET /sites/frameworks`).
FRAMEWORKS = frozenset(
    """
    analog angular nextjs react nuxt vue sveltekit astro tanstack-start remix lynx flutter react-native vite other
    """.split()
)
#: The longest that a site may take for a page, in seconds, unless the operator has set another number.
SITE_TIMEOUT = 30

#: The same of 1.9.6, beside those.
NEWER_RUNTIMES = frozenset(
    """
    node-23 node-24 node-25 php-8.4 ruby-3.4 ruby-4.0 python-3.13 python-3.14 python-ml-3.13 deno-2.5 deno-2.6
    dart-3.10 dart-3.11 dotnet-10 java-25 swift-6.2 kotlin-2.3 bun-1.2 bun-1.3 go-1.24 go-1.25 go-1.26 rust-1.83
    flutter-3.38 flutter-3.41
    """.split()
)

#: The white list for a function's `scopes`. Newer names, such as `executions.read`, are refused by 1.8.1.
SCOPES = frozenset(
    """
    assistant.read attributes.read attributes.write avatars.read buckets.read buckets.write collections.read
    collections.write columns.read columns.write databases.read databases.write documents.read documents.write
    execution.read execution.write files.read files.write functions.read functions.write health.read indexes.read
    indexes.write locale.read log.read log.write messages.read messages.write migrations.read migrations.write
    providers.read providers.write rows.read rows.write rules.read rules.write sessions.write sites.read sites.write
    subscribers.read subscribers.write tables.read tables.write targets.read targets.write teams.read teams.write
    tokens.read tokens.write topics.read topics.write users.read users.write vcs.read vcs.write
    """.split()
)


#: Those that came with 1.9 (1.9.6 and main, the way to 2.0).
NEWER_SCOPES = frozenset(
    """
    project.read project.write keys.read keys.write platforms.read platforms.write mocks.read mocks.write
    policies.read policies.write project.policies.read project.policies.write templates.read templates.write
    oauth2.read oauth2.write sessions.read executions.read executions.write webhooks.read webhooks.write
    schedules.read schedules.write insights.read insights.write reports.read reports.write presences.read
    presences.write project.oauth2.read project.oauth2.write stages.read stages.write embeddings.write
    """.split()
)


def _tree(written: Mapping[str, Any]) -> Mapping[str, Any]:
    """By name: a mapping for a type that lies below, a tuple of details for an action. "" holds actions without any."""
    tree: dict[str, Any] = dict.fromkeys(str(written.get("", "")).split(), ())
    for name, below in written.items():
        if name:
            tree[name] = tuple(below.split()) if isinstance(below, str) else _tree(below)
    return tree


#: Types of resources, what lies below them, what happens to them, and details of that (app/config/events.php). Without
#: `upsert` of rows and documents: the check looks the action up among those of their table (Event/Validator/Event.php).
EVENTS: Mapping[str, Any] = _tree(
    {
        "users": {
            "": "create delete",
            "update": "email name password status prefs",
            "sessions": {"": "create delete"},
            "recovery": {"": "create update"},
            "verification": {"": "create update"},
            "targets": {"": "create update delete"},
            "tokens": {"": "create"},
        },
        "databases": {
            "": "create update delete",
            "tables": {
                "": "create update delete",
                "rows": {"": "create update delete"},
                "columns": {"": "create update delete"},
                "indexes": {"": "create update delete"},
            },
            "collections": {
                "": "create update delete",
                "documents": {"": "create update delete"},
                "attributes": {"": "create update delete"},
                "indexes": {"": "create update delete"},
            },
        },
        "buckets": {"": "create update delete", "files": {"": "create update delete"}},
        "teams": {
            "": "create delete",
            "update": "prefs",
            "memberships": {"": "create delete", "update": "status"},
        },
        "sites": {"": "create update delete", "deployments": {"": "create update delete"}},
        "messages": {"": "create update"},
        "topics": {"": "create update delete", "subscribers": {"": "create delete"}},
        "providers": {"": "create update delete"},
        "rules": {"": "create update delete"},
        "schedules": {"": "create"},
        "reports": {"": "create update delete", "insights": {"": "create update delete"}},
    }
)
#: Types of resources whose events came with 1.9.
NEWER_EVENTS = frozenset({"schedules", "reports"})
