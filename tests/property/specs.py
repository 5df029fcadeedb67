"""Random stacks as values: address → settings, so that they print, compare, and lose single declarations.

Names come from small pools, so that two stacks overlap: most addresses of one are in the other, with other settings.
Some names differ only in case, for Appwrite takes them for the same.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import cache
from typing import Any

from hypothesis import strategies as st

from raceday_iac.model.stack import KEEP

Settings = dict[str, Any]
#: By the text of an address.
Spec = dict[str, Settings]

ROLES = ("any", "users", "guests", "user:u1", "team:t/owner", "label:vip")
TEXTS = st.sampled_from(["", "a", "name", "Ünïcode ☃", "x" * 20])
NAMES = st.sampled_from(["N", "Name", "Ünïcode ☃"])
FUNCTIONS = ("f", "g", "H")
COLLECTIONS = ("one", "two", "three")
COLUMNS = ("a", "b", "c", "e", "one", "two")
INDEXES = ("i", "j", "k")
SHAPES = ("point", "line", "polygon")


@cache
def subset(*items: str) -> st.SearchStrategy[list[str]]:
    """Some of them, in any order."""
    return st.tuples(st.permutations(items), st.integers(0, len(items))).map(lambda drawn: drawn[0][: drawn[1]])


PERMISSIONS = subset(
    'read("any")', 'write("users")', 'create("users")', 'update("user:u1")', 'delete("team:t/owner")', 'read("guests")'
)
VARIABLES = st.dictionaries(
    st.sampled_from(["KEY", "TOKEN", "URL"]),
    st.tuples(st.booleans(), st.sampled_from(["", "1", "two", "Ünïcode ☃"])),
    max_size=3,
)
FUNCTION = st.fixed_dictionaries(
    {
        "name": NAMES,
        "runtime": st.sampled_from(["python-3.12", "node-22"]),
        "specification": st.sampled_from(["s-0.5vcpu-512mb", "s-1vcpu-512mb"]),
        "timeout": st.sampled_from([1, 15, 900]),
        "entrypoint": st.sampled_from(["main.py", "src/main.js"]),
        "schedule": st.sampled_from(["", "0 3 * * *", "*/5 1-2 * * MON"]),
        "execute": subset("any", "users", "user:u1"),
        "events": subset("databases.*.collections.*.documents.*.create", "users.*.create"),
        "scopes": subset("documents.read", "documents.write", "users.read"),
        "enabled": st.booleans(),
        "logging": st.booleans(),
        "commands": st.sampled_from(["", "pip install -r requirements.txt"]),
        "code": st.sampled_from([KEEP, "one", "two"]),
    }
)


def _column(type: str, default: st.SearchStrategy[Any], **extra: st.SearchStrategy[Any]) -> st.SearchStrategy[Settings]:
    """An attribute that is optional, has a default, is required, or a list."""
    manners = st.one_of(
        st.just({}),
        default.map(lambda value: {"default": value}),
        st.just({"required": True}),
        st.just({"array": True}),
        st.just({"array": True, "required": True}),
    )
    if type in SHAPES:
        manners = st.one_of(st.just({}), default.map(lambda value: {"default": value}), st.just({"required": True}))
    return st.builds(
        lambda own, manner: {"type": type, **{k: v for k, v in own.items() if v is not None}, **manner},
        st.fixed_dictionaries(extra),
        manners,
    )


_BOUNDS = st.sampled_from([None, -5, 0, 3])
_HIGH = st.sampled_from([None, 5, 10, 2**40])
#: By type.
COLUMNS_OF = {
    "string": st.one_of(
        _column("string", st.sampled_from(["", "x", "☃"]), size=st.sampled_from([5, 10, 255, 600, 20_000])),
        _column("string", st.just("x"), size=st.sampled_from([150, 255]), encrypt=st.just(True)),
    ),
    "integer": _column("integer", st.sampled_from([0, 3, 4]), min=_BOUNDS, max=_HIGH),
    "float": _column("float", st.sampled_from([0.0, 3.5, 4]), min=_BOUNDS, max=_HIGH),
    "boolean": _column("boolean", st.booleans()),
    "datetime": _column("datetime", st.sampled_from(["2025-07-17T10:20:30.123+00:00", "2025-07-17T22:20:30+12:00"])),
    "email": _column("email", st.just("a@example.com")),
    "url": _column("url", st.just("https://example.com/x")),
    "ip": _column("ip", st.sampled_from(["127.0.0.1", "::1"])),
    "enum": _column("enum", st.just("red"), elements=subset("green", "blue", "Grün").map(lambda own: [*own, "red"])),
    "point": _column("point", st.just([1, 2.5])),
    "line": _column("line", st.just([[1, 2], [3, 4]])),
    "polygon": _column("polygon", st.just([[[0, 0], [1, 0], [1, 1], [0, 0]]])),
}
#: The only ones with a set in them are more frequent.
COLUMN = st.one_of(*COLUMNS_OF.values(), COLUMNS_OF["enum"], COLUMNS_OF["enum"])
RELATIONSHIP = st.fixed_dictionaries(
    {
        "related": st.sampled_from(COLLECTIONS),
        "type": st.sampled_from(["oneToOne", "oneToMany", "manyToOne", "manyToMany"]),
        "two_way": st.booleans(),
        "two_way_key": st.sampled_from([None, "a", "back", "of"]),
        "on_delete": st.sampled_from(["restrict", "cascade", "setNull"]),
    }
)


@st.composite
def indexes(draw: st.DrawFn, columns: Mapping[str, Settings]) -> Settings:
    """An index over some columns; most of them can be."""
    names = draw(st.lists(st.sampled_from([*sorted(columns), "$createdAt"]), min_size=1, max_size=3, unique=True))
    shapes = [name for name in names if columns.get(name, {}).get("type") in SHAPES]
    if shapes:
        return {"attributes": shapes[:1], "type": "spatial", "orders": [], "lengths": []}
    return {
        "attributes": names,
        "type": draw(st.sampled_from(["key", "key", "unique", "fulltext"])),
        "orders": draw(st.lists(st.sampled_from(["ASC", "DESC"]), max_size=3)),
        "lengths": draw(st.sampled_from([[], [], [0], [5]])),
    }


#: Kinds that lie nowhere: their settings, as the stack calls them.
PLAIN = {
    "bucket": st.fixed_dictionaries(
        {
            "name": NAMES,
            "permissions": PERMISSIONS,
            "file_security": st.booleans(),
            "enabled": st.booleans(),
            "maximum_file_size": st.sampled_from([None, 1, 30_000_000]),
            "allowed_file_extensions": subset("png", "txt", "Ü"),
            "compression": st.sampled_from(["none", "gzip", "zstd"]),
            "encryption": st.booleans(),
            "antivirus": st.booleans(),
            "transformations": st.booleans(),
        }
    ),
    "site": st.fixed_dictionaries(
        {
            "name": NAMES,
            "framework": st.sampled_from(["other", "vite"]),
            "build_runtime": st.sampled_from(["static-1", "node-22"]),
            "adapter": st.just("static"),
            "install_command": st.sampled_from(["", "npm ci"]),
            "build_command": st.sampled_from(["", "npm run build"]),
            "output_directory": st.sampled_from(["", "./dist"]),
            "fallback_file": st.sampled_from([None, "", "404.html"]),
            "specification": st.sampled_from([None, "s-1vcpu-1gb", "s-2vcpu-2gb"]),
            "timeout": st.sampled_from([1, 30]),
            "enabled": st.booleans(),
            "logging": st.booleans(),
            "code": st.sampled_from([KEEP, "one", "two"]),
        }
    ),
    "team": st.fixed_dictionaries({"name": NAMES}),
    "webhook": st.fixed_dictionaries(
        {
            "name": NAMES,
            "url": st.sampled_from(["https://example.org/a", "http://example.org:8080/b?c=d"]),
            "events": subset("users.*.create", "databases.*.delete", "functions.*.executions.*.create"),
            "enabled": st.booleans(),
            "tls": st.booleans(),
            "auth_username": TEXTS,
        }
    ),
    "key": st.fixed_dictionaries(
        {
            "name": NAMES,
            "scopes": subset("users.read", "users.write", "project.read"),
            "expire": st.sampled_from(["2099-01-01T00:00:00.000+00:00", "2099-06-30T12:00:00.000+00:00"]),
        }
    ),
    "topic": st.fixed_dictionaries({"name": NAMES, "subscribe": subset("any", "users", "team:t/owner", "label:vip")}),
}
#: By the type of a provider: what is said of it beside its name. The secret comes last.
PROVIDERS = {
    "sendgrid": ({"from_name": st.sampled_from(["", "F"])}, "api_key"),
    "twilio": ({"account_sid": st.sampled_from(["a", "b"]), "from_number": st.just("+6421555012")}, "auth_token"),
}


@st.composite
def providers(draw: st.DrawFn) -> Settings:
    """A provider of either type."""
    type = draw(st.sampled_from(sorted(PROVIDERS)))
    own, secret = PROVIDERS[type]
    settings = {name: draw(each) for name, each in own.items()}
    mail = {"from_email": "f@example.org"} if type == "sendgrid" else {}
    value = draw(st.sampled_from(["first-key", "second-key"]))
    return {"type": type, "name": draw(NAMES), "enabled": draw(st.booleans()), **mail, **settings, secret: value}


#: Platforms: by type, what is said beside the name.
PLATFORMS = {
    "web": {"hostname": st.sampled_from(["a.example.org", "*.example.org"])},
    "apple": {"bundle_identifier": st.sampled_from(["org.example.a", "org.example.b"])},
    "linux": {"package_name": st.sampled_from(["org.example.a", "org.example.b"])},
}


@st.composite
def platforms(draw: st.DrawFn) -> Settings:
    """A platform of any type."""
    type = draw(st.sampled_from(sorted(PLATFORMS)))
    return {"type": type, "name": draw(NAMES), **{name: draw(each) for name, each in PLATFORMS[type].items()}}


_SWITCH = st.fixed_dictionaries({"enabled": st.booleans()})
#: Settings of the project, by address: what the stack says of one.
SETTINGS = {
    "auth_method.anonymous": _SWITCH,
    "auth_method.magic-url": _SWITCH,
    "service.avatars": _SWITCH,
    "protocol.graphql": _SWITCH,
    "labels.project": st.fixed_dictionaries({"names": subset("a", "b", "c")}),
    "smtp.project": st.fixed_dictionaries(
        {
            "host": st.sampled_from(["a.example.org", "b.example.org"]),
            "port": st.sampled_from([465, 587]),
            "secure": st.sampled_from(["tls", "ssl"]),
            "username": st.sampled_from(["", "u"]),
            "password": st.sampled_from(["first-password", "second-password"]),
            "sender_email": st.just("a@example.org"),
            "sender_name": TEXTS,
            "reply_to_email": st.sampled_from(["", "b@example.org"]),
            "enabled": st.sampled_from([True, True, False]),
        }
    ),
    "email_template.recovery-de": st.fixed_dictionaries(
        {"subject": NAMES, "message": st.sampled_from(["<p>a</p>", "b"]), "sender_name": TEXTS}
    ),
    "policy.password-dictionary": _SWITCH,
    "policy.password-history": st.fixed_dictionaries({"total": st.sampled_from([None, 5])}),
    "policy.password-personal-data": _SWITCH,
    "policy.password-strength": st.fixed_dictionaries({"min": st.sampled_from([8, 12]), "number": st.booleans()}),
    "policy.session-alert": _SWITCH,
    "policy.session-duration": st.fixed_dictionaries({"duration": st.sampled_from([60, 3600])}),
    "policy.session-invalidation": _SWITCH,
    "policy.session-limit": st.fixed_dictionaries({"total": st.sampled_from([None, 3, 10])}),
    "policy.user-limit": st.fixed_dictionaries({"total": st.sampled_from([None, 100])}),
    "policy.membership-privacy": st.fixed_dictionaries({"user_name": st.booleans(), "user_mfa": st.booleans()}),
    "policy.mfa-factors": st.fixed_dictionaries({"phone": st.booleans(), "custom": st.booleans()}),
    "mock_phone.+6421555012": st.fixed_dictionaries({"otp": st.sampled_from(["123456", "654321"])}),
    "oauth.github": st.fixed_dictionaries(
        {
            "client_id": st.sampled_from(["a", "b"]),
            "enabled": st.booleans(),
            "secret": st.sampled_from(["first-secret", "second-secret"]),
        }
    ),
}
#: The environment variable that the secret of a setting comes from.
SECRETS = {"oauth.github": ("secret", "OAUTH"), "smtp.project": ("password", "SMTP")}
_OWNERS = st.sampled_from([("function", "f"), ("function", "g"), ("site", "one"), ("site", "Two")])


@st.composite
def rules(draw: st.DrawFn) -> Settings:
    """A rule of any type. What it leads to may not be declared."""
    kind, owner = draw(_OWNERS)
    branch = draw(st.sampled_from(["", "main"]))
    code, url = draw(st.sampled_from([301, 308])), draw(st.sampled_from(["https://example.org/a", "https://b.example"]))
    redirect = {"type": "redirect", "url": url, "status_code": code, "resource_type": kind, "resource": owner}
    return draw(st.sampled_from([{"type": "api"}, {"type": kind, kind: owner, "branch": branch}, redirect]))


RULES = ("a.example.org", "b.example.org", "c.example.org")
VARIABLE = st.fixed_dictionaries({"secret": st.booleans(), "value": st.sampled_from(["", "1", "two"])})
#: Values of documents, by the type of an attribute. Bounds refuse some.
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.sampled_from(["", "x", "Ü☃"]),
    "integer": st.sampled_from([0, 3, 4]),
    "float": st.sampled_from([0.0, 3.5, 4]),
    "boolean": st.booleans(),
    "datetime": st.sampled_from(["2025-07-17T10:20:30.123+00:00", "2025-07-17T22:20:30+12:00"]),
    "email": st.sampled_from(["a@example.com", "b@example.com"]),
    "url": st.sampled_from(["https://example.com/x", "https://example.org"]),
    "ip": st.sampled_from(["127.0.0.1", "::1"]),
    "enum": st.just("red"),
    "point": st.sampled_from([[1, 2.5], [0, 0]]),
    "line": st.just([[1, 2], [3, 4]]),
    "polygon": st.just([[[0, 0], [1, 0], [1, 1], [0, 0]]]),
}
DOCUMENTS = ("main", "other")


@st.composite
def documents(draw: st.DrawFn, columns: Mapping[str, Settings], links: Mapping[str, Settings]) -> Settings:
    """A document with a value for each attribute that is required, and for some others."""
    values: Settings = {}
    for key, column in columns.items():
        if column.get("required") or draw(st.booleans()):
            one = _VALUES[column["type"]]
            may_be_none = not column.get("required") and column.get("default") is None and not column.get("array")
            empty = may_be_none and draw(st.integers(0, 4)) == 0
            values[key] = None if empty else draw(st.lists(one, max_size=2) if column.get("array") else one)
    for key, link in links.items():
        if link["type"] in ("oneToOne", "manyToOne") and key not in columns and draw(st.booleans()):
            values[key] = draw(st.sampled_from([*DOCUMENTS, None]))
    permissions = st.one_of(st.none(), subset('read("any")', 'update("user:u1")', 'delete("team:t/owner")'))
    return {"data": values, "permissions": draw(permissions)}


def members(spec: Spec, kind: str, path: str) -> dict[str, Settings]:
    """What of a kind lies in a collection, by key."""
    begin = f"{kind}.{path}/"
    return {at.removeprefix(begin): each for at, each in spec.items() if at.startswith(begin)}


@cache
def cased(*names: str) -> st.SearchStrategy[str]:
    """A name, now and then in capitals."""
    return st.sampled_from([*names, *names, *names, *(name.upper() for name in names)])


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """A stack that may still break a rule; see `declared`."""
    spec: Spec = {}
    for name in draw(subset(*FUNCTIONS)):
        spec[f"function.{name}"] = draw(FUNCTION)
        for key, (secret, value) in draw(VARIABLES).items():
            spec[f"variable.{name}/{key}"] = {"secret": secret, "value": value}
    for key in draw(subset("SHARED", "OTHER")):
        spec[f"project_variable.{key}"] = draw(VARIABLE)
    for domain in draw(subset(*RULES)):
        spec[f"rule.{domain}"] = draw(rules())
    for kind, settings in PLAIN.items():
        for name in draw(subset("one", "Two")):
            spec[f"{kind}.{name}"] = draw(settings)
            for key, (secret, value) in draw(VARIABLES).items() if kind == "site" else ():
                spec[f"site_variable.{name}/{key}"] = {"secret": secret, "value": value}
    for name in draw(subset("one", "Two")):
        spec[f"provider.{name}"] = draw(providers())
    for name in draw(subset("one", "Two")):
        spec[f"platform.{name}"] = draw(platforms())
    for address in draw(subset(*SETTINGS)):
        spec[address] = draw(SETTINGS[address])
    for base in draw(st.sampled_from([["d"], ["d"], ["d", "other"], []])):
        spec[f"database.{base}"] = {"name": draw(NAMES), "enabled": draw(st.booleans())}
        for name in draw(subset(*COLLECTIONS)):
            _collection(draw, spec, f"{base}/{draw(cased(name))}")
        _links(draw, spec, base)
    return spec


def _links(draw: st.DrawFn, spec: Spec, base: str) -> None:
    """Documents of one collection that lead to those of another: by chance alone there are hardly any."""
    paths = [at.partition(".")[2] for at in spec if at.startswith(f"collection.{base}/")]
    if len(paths) < 2 or draw(st.booleans()):
        return
    first, second = draw(st.permutations(paths))[:2]
    link = {**draw(RELATIONSHIP), "related": second.partition("/")[2], "two_way_key": "back"}
    link["type"] = draw(st.sampled_from(["manyToOne", "oneToOne", "oneToMany"]))
    link["two_way"] = link["type"] == "oneToMany"
    spec[f"relationship.{first}/link"] = link
    # That of a list is set from its other side.
    here, there, key = (second, first, "back") if link["type"] == "oneToMany" else (first, second, "link")
    for place in (here, there):
        for name in DOCUMENTS:
            spec[f"document.{place}/{name}"] = draw(documents(members(spec, "attribute", place), {}))
    for name in DOCUMENTS:
        spec[f"document.{here}/{name}"]["data"][key] = draw(st.sampled_from([*DOCUMENTS, None]))


def _collection(draw: st.DrawFn, spec: Spec, path: str) -> None:
    spec[f"collection.{path}"] = {
        "name": draw(NAMES),
        "permissions": draw(PERMISSIONS),
        "document_security": draw(st.booleans()),
        "enabled": draw(st.booleans()),
    }
    columns = draw(st.dictionaries(cased(*COLUMNS), COLUMN, max_size=5))
    for key, settings in columns.items():
        spec[f"attribute.{path}/{key}"] = settings
    for key, settings in draw(st.dictionaries(cased(*COLUMNS, "link"), RELATIONSHIP, max_size=2)).items():
        spec[f"relationship.{path}/{key}"] = settings
    for key, settings in draw(st.dictionaries(cased(*INDEXES), indexes(columns), max_size=2)).items():
        spec[f"index.{path}/{key}"] = settings
    for name in draw(subset(*DOCUMENTS)):
        found = draw(documents(columns, members(spec, "relationship", path)))
        spec[f"document.{path}/{name}"] = found


#: As we call them, and as Appwrite does.
SETS = {"execute", "events", "scopes", "permissions", "$permissions", "elements"} | {
    "subscribe",
    "allowed_file_extensions",
    "allowedFileExtensions",
}


def shuffled(spec: Spec, order: random.Random) -> Spec:
    """The same stack, its declarations and its sets written in another order."""
    return {address: reordered(settings, order) for address, settings in order.sample(list(spec.items()), len(spec))}


def reordered(value: Any, order: random.Random, name: str = "") -> Any:
    """The same, with every set in it in another order."""
    if isinstance(value, dict):
        return {key: reordered(each, order, key) for key, each in value.items()}
    if isinstance(value, list):
        value = order.sample(value, len(value)) if name in SETS else value
        return [reordered(each, order) for each in value]
    return value
