"""One resource of each kind that lies nowhere: how it is declared, changed, and changed by hand. A new kind is a new
entry of `SAMPLES`, and `test_resources.py` takes it through its whole life."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from raceday_iac.model.secret import FromEnvironment

from .api import Api
from .project import Project


class Text(str):
    """Source text of a stack in the place of a value."""

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True)
class Sample:
    """`declared` are arguments of the stack's method, `changed` those that are others later. `by_hand` is what somebody
    sets on the server: a field of an update, and its name in the stack. `fill` puts data into it, and `lost` is what a
    plan says of that."""

    kind: str
    route: str
    declared: Mapping[str, Any]
    changed: Mapping[str, Any]
    by_hand: Mapping[str, Any]
    #: What an `appwrite.json` calls the list; nothing where no file has one.
    listed: str = ""
    update: str = "put"
    fill: Callable[[Api, str], None] | None = None
    lost: str = ""
    #: Dangerous settings, and the code of the rule that finds them.
    dangerous: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    #: The stack's method, where it is not called as the kind is.
    method: str = ""
    #: The route of an update by hand, where it is another one.
    changed_at: str = ""
    #: The first version of Appwrite that has the kind.
    since: str = "1.8.0"
    #: How many requests an update takes.
    writes: int = 1
    #: Environment variables that the declaration takes secrets from.
    secrets: Mapping[str, str] = field(default_factory=dict)
    #: The one of them that no server says, so that it cannot be imported.
    untold: str = ""
    #: What follows the prefix in its name, and the field of answers that holds that name.
    name: str = "x"
    identity: str = "$id"
    #: What must be declared beside it, and how many requests make that.
    before: str = ""
    writes_before: int = 0
    #: What a plan does for a change.
    change: str = "update"
    #: A text of it: how Appwrite and the stack call it, and values of it.
    word: str = "name"
    texts: tuple[str, str] = ("By hand", "By stack")

    @property
    def key(self) -> str:
        """The list's name in answers."""
        return self.route.rpartition("/")[2]

    def address(self, project: Project) -> str:
        return f"{self.kind}.{project.id(self.name)}"

    def at(self, project: Project) -> str:
        """The path of the one that is declared. Where Appwrite chooses ids, it is looked for."""
        wanted = project.id(self.name)
        if self.identity != "$id":
            found = (each["$id"] for each in project.api.all(self.route, self.key) if each[self.identity] == wanted)
            return f"{self.route}/{next(found, 'none')}"
        return f"{self.route}/{wanted}"

    def call(self, *, other: str = "", **changed: Any) -> str:
        """The line of the stack; `other` is another name."""
        name = self.name.replace("x", other, 1) if other else self.name
        arguments = ", ".join(f"{name}={value!r}" for name, value in {**self.declared, **changed}.items())
        return f'stack.{self.method or self.kind}(P + "{name}", {arguments})\n'

    def stack(self, **changed: Any) -> str:
        """With what must be declared beside it."""
        return self.before + self.call(**changed)

    def set_by_hand(self, project: Project, **values: Any) -> None:
        """As somebody does in the console, who changes nothing else."""
        now = project.api.get(self.at(project))
        if not self.update:
            # It is made again.
            project.api.delete(self.at(project))
            kept = {name: now[theirs] for name, theirs in _OF_RULES.items()}
            project.api.post(self.changed_at, {**kept, **values})
            return
        kept = {} if self.update == "patch" else {name.lstrip("$"): value for name, value in now.items()}
        ignored = ("id", "createdAt", "updatedAt", "totalSize", "total", "prefs")
        body = {**{name: value for name, value in kept.items() if name not in ignored}, **values}
        path = f"{self.changed_at}/{project.id('x')}" if self.changed_at else self.at(project)
        getattr(project.api, self.update)(path, body)


#: How a redirection is made, and how answers call that.
_OF_RULES = {
    "domain": "domain",
    "url": "redirectUrl",
    "statusCode": "redirectStatusCode",
    "resourceType": "deploymentResourceType",
    "resourceId": "deploymentResourceId",
}
_FUNCTION = """stack.function(
    P + "fn", name="Fn", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=20, entrypoint="main.py",
)
"""


def _file(api: Api, path: str) -> None:
    for number, content in enumerate((b"hello", b"world!!")):
        files = {"file": (f"{number}.txt", content, "text/plain")}
        api.form(f"{path}/files", {"fileId": f"f{number}"}, files)


def _user(api: Api, path: str) -> str:
    """Somebody, with a target of messages of the same id."""
    name = path.rpartition("/")[2]
    api.post("/users", {"userId": name, "email": f"{name}@example.org", "password": "Passw0rd-123", "name": "U"})
    return name


def _member(api: Api, path: str) -> None:
    api.post(f"{path}/memberships", {"userId": _user(api, path), "roles": ["owner"]})


def _subscriber(api: Api, path: str) -> None:
    user = _user(api, path)
    target = api.get(f"/users/{user}/targets")["targets"][0]["$id"]
    api.post(f"{path}/subscribers", {"subscriberId": user, "targetId": target})


SAMPLES = (
    Sample(
        "site",
        "/sites",
        {
            "name": "Shop",
            "framework": "other",
            "build_runtime": "node-22",
            "adapter": "static",
            "output_directory": "./dist",
            "build_command": "npm run build",
            "specification": "s-1vcpu-1gb",
        },
        {"name": "Shop 2", "enabled": False, "timeout": 20, "install_command": "npm ci"},
        {"outputDirectory": "./out"},
    ),
    Sample(
        "bucket",
        "/storage/buckets",
        {"name": "Silks", "permissions": ['write("users")'], "compression": "gzip", "allowed_file_extensions": ["txt"]},
        {"name": "Silks 2", "enabled": False, "permissions": ['read("users")']},
        {"antivirus": False},
        listed="buckets",
        fill=_file,
        lost="2 files (12 bytes) would be deleted with it",
        dangerous={"permissions": ['write("any")']},
        code="BKT001",
    ),
    Sample(
        "team",
        "/teams",
        {"name": "Stewards"},
        {"name": "Stewards 2"},
        {"name": "By hand"},
        listed="teams",
        fill=_member,
        lost="1 membership would be deleted with it",
    ),
    Sample(
        "topic",
        "/messaging/topics",
        {"name": "Results", "subscribe": ["users", "team:t/owner"]},
        {"name": "Results 2", "subscribe": []},
        {"subscribe": ["label:vip"]},
        listed="topics",
        update="patch",
        fill=_subscriber,
        lost="1 subscriber would be deleted with it",
        dangerous={"subscribe": ["any"]},
        code="TPC001",
    ),
    Sample(
        "provider",
        "/messaging/providers",
        {
            "name": "Mail",
            "host": "mail.example.org",
            "username": "u",
            "password": FromEnvironment("SAMPLE_PASSWORD"),
            "from_email": "races@example.org",
        },
        {"name": "Mail 2", "port": 465, "encryption": "ssl"},
        {"fromName": "By hand"},
        update="patch",
        dangerous={"encryption": "none", "auto_tls": False},
        code="PRV001",
        method="smtp_provider",
        changed_at="/messaging/providers/smtp",
        secrets={"SAMPLE_PASSWORD": "a-password-nobody-sees"},
    ),
    Sample(
        "platform",
        "/project/platforms",
        {"name": "Shop", "hostname": "shop.example.com"},
        {"name": "Shop 2", "hostname": "*.example.com"},
        {"hostname": "by-hand.example.com"},
        dangerous={"hostname": "*"},
        code="PLT001",
        method="web_platform",
        changed_at="/project/platforms/web",
        since="1.9.5",
    ),
    Sample(
        "webhook",
        "/webhooks",
        {
            "name": "Orders",
            "url": "https://shop.example.com/orders",
            "events": ["users.*.create", "functions.*.executions.*.create"],
            "auth_username": "shop",
            "auth_password": FromEnvironment("SAMPLE_LOGIN"),
            "secret": FromEnvironment("SAMPLE_SIGNATURE"),
        },
        {"name": "Orders 2", "events": ["users.*.delete"], "enabled": False},
        {"url": "https://by-hand.example.com"},
        dangerous={"url": "http://shop.example.com/orders"},
        code="WHK001",
        since="1.9.5",
        writes=2,
        secrets={"SAMPLE_LOGIN": "a-login-nobody-sees", "SAMPLE_SIGNATURE": "a-signature-nobody-sees"},
        untold="SAMPLE_SIGNATURE",
    ),
    Sample(
        "key",
        "/project/keys",
        {"name": "Backend", "scopes": ["users.read", "documents.read"], "expire": "2099-01-31T00:00:00+13:00"},
        {"name": "Backend 2", "scopes": ["users.read"], "expire": "2099-06-30T00:00:00Z"},
        {"scopes": ["users.write"]},
        dangerous={"expire": ""},
        code="KEY001",
        since="1.9.5",
    ),
    Sample(
        "project_variable",
        "/project/variables",
        {"value": "one"},
        {"value": "two"},
        {"value": "by hand"},
        method="variable",
        since="1.9.0",
        identity="key",
        word="value",
    ),
    Sample(
        "rule",
        "/proxy/rules",
        {
            "url": "https://example.com/new",
            "status_code": 308,
            "resource_type": "function",
            "resource": Text('P + "fn"'),
        },
        {"url": "https://example.com/newer", "status_code": 302},
        {"url": "https://by-hand.example.com"},
        update="",
        dangerous={"url": "http://example.com/new"},
        code="RUL001",
        method="redirect_rule",
        changed_at="/proxy/rules/redirect",
        since="1.9.5",
        writes=2,
        name="x.example.com",
        identity="domain",
        before=_FUNCTION,
        writes_before=1,
        change="replace",
        word="url",
        texts=("https://by-hand.example.com", "https://by-stack.example.com"),
    ),
)


def entry(sample: Sample, answer: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of an `appwrite.json` that Appwrite's own command line writes for what is there."""
    return {name: value for name, value in json.loads(json.dumps(answer)).items() if name not in _TIMES}


_TIMES = ("$createdAt", "$updatedAt", "totalSize", "total", "prefs", "emailTotal", "smsTotal", "pushTotal")
