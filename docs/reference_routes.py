"""The reference page on routes: what of Appwrite's API raceday-iac manages, and what of it not, with the reason.

The routes come from Appwrite's own descriptions of its API; those that write a kind from the kind. Everything else is
in `RULES`. A test holds that every route is found, and that no rule is without a route.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from itertools import groupby
from pathlib import Path

from reference_tables import NOTE, table

from raceday_iac.kinds import KINDS

DATA = Path(__file__).parent.parent / "tests" / "data" / "appwrite"
#: By the version of the server that was described.
DESCRIPTIONS = {"1.8.1": "openapi-1.8.1-server.json", "1.9.6": "openapi-main-server.json"}
METHODS = ("get", "post", "put", "patch", "delete")


class Use(StrEnum):
    """What raceday-iac does with a route."""

    MANAGED = "managed"
    READ = "read"
    OPERATED = "operated"
    DATA = "data"
    LEFT_OUT = "left out"


@dataclass(frozen=True)
class Route:
    """A route that a key of a project may call. `versions` are those of the descriptions that have it."""

    method: str
    path: str
    service: str
    scope: str
    versions: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Rule:
    """What is done with all routes that match a pattern, and why. The first rule that matches counts."""

    pattern: str
    use: Use
    why: str


_BY_TABLES = "the same resource under its other name; raceday-iac uses the name that the server's version knows"
_CLOUD = "exists only on Appwrite Cloud or on unreleased servers"
_NAMED = "named as unmanaged with `--unmanaged`"
_ACCOUNT = "belongs to people who use the application"
_LOGS = "logs, which end with the server's retention"
_TEMPLATE = "code from a template or a repository; raceday-iac deploys the folder that the stack names"
_UNMANAGED = "set in the console"

RULES = (
    # Databases
    Rule("* /databases/transactions*", Use.DATA, "transactions over documents"),
    Rule("GET /databases/*/attributes", Use.READ, "all attributes of a collection"),
    Rule("* /databases/*/attributes/{key}", Use.MANAGED, "attribute"),
    Rule("* /databases/*/indexes/{key}", Use.MANAGED, "index"),
    Rule("*/documents/{documentId}/{attribute}/*", Use.DATA, "counters in documents"),
    Rule("* /databases/*/documents*", Use.DATA, "documents; read and written where values are counted or converted"),
    Rule("* /tablesdb/transactions*", Use.DATA, "transactions over rows"),
    Rule("* /tablesdb/*/rows*", Use.DATA, "rows, which are documents under their other name"),
    Rule("* /tablesdb*", Use.MANAGED, _BY_TABLES),
    Rule("GET /documentsdb", Use.READ, _NAMED),
    Rule("GET /vectorsdb", Use.READ, _NAMED),
    Rule("* /documentsdb*", Use.LEFT_OUT, _CLOUD),
    Rule("* /vectorsdb*", Use.LEFT_OUT, _CLOUD),
    Rule("* /embeddings/*", Use.LEFT_OUT, _CLOUD),
    # Functions
    Rule("GET /functions/runtimes", Use.READ, "which runtimes the server has"),
    Rule("GET /functions/specifications", Use.READ, "which specifications the server allows"),
    Rule("PATCH /functions/{functionId}/deployment", Use.MANAGED, "deployment"),
    Rule("POST /functions/*/deployments/duplicate", Use.OPERATED, "builds again what exists"),
    Rule("POST /functions/*/deployments/*", Use.LEFT_OUT, _TEMPLATE),
    Rule("* /functions/*/deployments/*", Use.MANAGED, "deployment"),
    Rule("* /functions/*/executions*", Use.OPERATED, "started by `run`, read by `logs` and `health`; never planned"),
    # Sites
    Rule("GET /sites/frameworks", Use.READ, "which frameworks the server has a runtime for"),
    Rule("GET /sites/specifications", Use.LEFT_OUT, "those of functions, which are read"),
    Rule("PATCH /sites/{siteId}/deployment", Use.MANAGED, "site_deployment"),
    Rule("POST /sites/*/deployments/duplicate", Use.OPERATED, "builds again what exists"),
    Rule("POST /sites/*/deployments/*", Use.LEFT_OUT, _TEMPLATE),
    Rule("* /sites/*/deployments/*", Use.MANAGED, "site_deployment"),
    Rule("* /sites/*/logs*", Use.DATA, "who looked at a site, for as long as the server keeps that"),
    # Storage
    Rule("* /storage/buckets/*/files*", Use.DATA, "files; counted before a bucket is deleted"),
    Rule("* /tokens/*", Use.DATA, "tokens for single files"),
    # Messaging
    Rule("*/subscribers*", Use.DATA, "subscribers"),
    Rule("* /messaging/messages*", Use.DATA, "messages"),
    Rule("GET /messaging/*/logs", Use.DATA, _LOGS),
    Rule("* /messaging/providers*", Use.MANAGED, "provider"),
    # Teams and people
    Rule("* /teams/*/memberships*", Use.DATA, "members and their roles"),
    Rule("GET /users/*/logs", Use.DATA, _LOGS),
    Rule("* /users*", Use.DATA, _ACCOUNT),
    Rule("* /presences*", Use.DATA, "who is present"),
    # The project itself
    Rule("DELETE /project", Use.LEFT_OUT, "a project is never deleted by raceday-iac"),
    Rule("GET /project", Use.READ, "the server's data about the project"),
    Rule("POST /project/keys/ephemeral", Use.LEFT_OUT, "keys that end by themselves within an hour"),
    Rule("POST /project/smtp/tests", Use.LEFT_OUT, "sends a test e-mail; nothing of it is kept"),
    Rule("* /project/platforms*", Use.MANAGED, "platform"),
    Rule("GET /project/oauth2*", Use.READ, "which providers of sign-ins there are, and how they are set"),
    Rule("GET /project/templates/email/{templateId}", Use.LEFT_OUT, "the list has those that were set"),
    Rule("GET /project/policies*", Use.READ, "which policies there are, and how they are set"),
    Rule("GET /project/keys", Use.MANAGED, "key"),
    Rule("PATCH /proxy/rules/{ruleId}/status", Use.LEFT_OUT, "lets the server look again whether a domain leads to it"),
    Rule("* /proxy/rules*", Use.MANAGED, "rule"),
    # What is neither configuration nor data of the project
    Rule("GET /health*", Use.READ, "the server's own status; `health` reads it if the key may"),
    Rule("GET /ping", Use.LEFT_OUT, "shows that the server answers, as every other request does"),
    Rule("* /avatars/*", Use.LEFT_OUT, "makes pictures; stores nothing"),
    Rule("* /locale*", Use.LEFT_OUT, "facts about the world"),
    Rule("* /graphql*", Use.LEFT_OUT, "another way to call the same"),
    Rule("* /organization/*", Use.LEFT_OUT, "needs a key of the organization; a stack is one project"),
    Rule("* /reports*", Use.LEFT_OUT, "advice of the server, made by itself"),
)


def routes() -> Iterator[Route]:
    """Every route that a key of a project may call, by service and path."""
    found: dict[tuple[str, str], tuple[str, str, tuple[str, ...]]] = {}
    for version, name in DESCRIPTIONS.items():
        for path, operations in json.loads((DATA / name).read_text(encoding="utf-8"))["paths"].items():
            for method in METHODS:
                each = operations.get(method, {})
                if any("Key" in way for way in each.get("security", ())):
                    scope = each["x-appwrite"]["scope"]
                    said = scope if isinstance(scope, str) else ", ".join(scope)
                    before = found.get((path, method), ("", "", ()))[2]
                    found[path, method] = (path.split("/")[1], said, (*before, version))
    for (path, method), (service, scope, versions) in sorted(found.items()):
        yield Route(method.upper(), path, service, scope, versions)


@cache
def _of_kinds() -> Mapping[str, str]:
    """The kind that each route writes, reads or deletes."""
    found: dict[str, str] = {}
    for kind in KINDS.values():
        for route in kind.routes:
            _, _, path = route.partition(" ")
            found.update({route: kind.name, f"GET {path}": kind.name, f"DELETE {path}": kind.name})
    return found


def rule_of(route: Route) -> Rule | None:
    """What is done with a route; nothing where no kind and no rule says so."""
    kind = _of_kinds().get(str(route))
    if kind is not None:
        return Rule(str(route), Use.MANAGED, kind)
    return next((each for each in RULES if fnmatchcase(str(route), each.pattern)), None)


def routes_page() -> str:
    """Every route with what is done with it."""
    found = [(each, rule_of(each) or Rule("", Use.LEFT_OUT, "")) for each in routes()]
    parts = ["# Routes", NOTE, _explained(), _counted([rule.use for _, rule in found])]
    for service, group in groupby(found, key=lambda each: each[0].service):
        rows = [
            (f"`{path}`", ", ".join(each.method for each in same), scope, _since(same[0]), use, why)
            for (path, scope, use, why), same in _folded(list(group))
        ]
        parts += [f"## {service}\n", table(("path", "methods", "scope", "servers", "", "what, or why not"), rows)]
    return "\n".join(parts)


def _folded(found: list[tuple[Route, Rule]]) -> Iterator[tuple[tuple[str, str, str, str], list[Route]]]:
    """Methods of a path that need the same scope and have the same use are one row."""

    def row(pair: tuple[Route, Rule]) -> tuple[str, str, str, str]:
        return pair[0].path, pair[0].scope, pair[1].use.value, pair[1].why

    for key, same in groupby(found, key=row):
        yield key, [route for route, _ in same]


def _since(route: Route) -> str:
    if len(route.versions) == len(DESCRIPTIONS):
        return "all"
    return "1.8" if "1.8.1" in route.versions else "1.9 or newer"


def _explained() -> str:
    return (
        "What a key of a project may call, from Appwrite's descriptions of its API (1.8.1, and the main branch after "
        "1.9.6), and what raceday-iac does with it. **managed**: a [kind](resources.md) of a stack. **read**: asked to "
        "plan, or for `health`. **operated**: by a command, never by a plan. **data**: counted and guarded where it "
        "could be lost, and else left alone. **left out**: with the reason. A row names the scope that the key needs.\n"
    )


def _counted(uses: list[Use]) -> str:
    return table(("", "routes"), [(each.value, str(uses.count(each))) for each in Use]) + "\n"
