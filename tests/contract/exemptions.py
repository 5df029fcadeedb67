"""Where a replay may differ from the recording, one entry a fact. One that nothing needs fails the test."""

from __future__ import annotations

from typing import Any

from .comparison import Exemption


def number(recorded: Any, ours: Any) -> bool:
    """Some number that is not negative."""
    return isinstance(ours, int | float) and not isinstance(ours, bool) and ours >= 0


def text(recorded: Any, ours: Any) -> bool:
    return isinstance(ours, str)


def anything(recorded: Any, ours: Any) -> bool:
    return True


def same_size(recorded: Any, ours: Any) -> bool:
    """Another secret of the same form."""
    return isinstance(ours, str) and len(ours) == len(recorded) and int(ours, 16) >= 0


def begins_alike(recorded: Any, ours: Any) -> bool:
    """A secret of which the recorder kept the beginning."""
    return str(ours).partition("_")[0] == str(recorded).partition("_")[0]


STAND_IN = "the recorded builds and executions come from a stand-in executor"

NEW = ("1.9", "main")

UNDER_WAY = "builds went on while the recorder looked; ours are faster or slower"


def under_way(recorded: Any, ours: Any) -> bool:
    return isinstance(ours, str) and ours in {"waiting", "processing", "building", "ready", "failed"}


EXEMPTIONS: tuple[Exemption, ...] = (
    # A build may also have the size of the recorded one.
    Exemption("deployments-built", "*", "body*.buildSize", STAND_IN, number, always=False),
    Exemption(
        "deployments-built", "*", "body*.totalSize", STAND_IN + " (total includes the build)", number, always=False
    ),
    Exemption("deployments-built", "*", "body*.buildLogs", STAND_IN, text),
    Exemption("deployments-built", "*", "body*.duration", STAND_IN, number),
    Exemption(
        "concurrency",
        "delete same document",
        "tally.*",
        "how many of ten deletes find the document is a race; the recorded run had two winners",
        anything,
        always=False,
    ),
    Exemption(
        "concurrency",
        "*",
        "body*.title",
        "which of the parallel writers wins is a race",
        lambda recorded, ours: str(recorded).startswith("w") and str(ours).startswith("w"),
        always=False,
    ),
    Exemption(
        "concurrency",
        "increment by 1",
        "body 200.qty",
        "the first of the fifty answers may be any of them",
        lambda recorded, ours: isinstance(ours, int) and 1 <= ours <= 50,
        always=False,
    ),
    Exemption(
        "concurrency",
        "after",
        "body.qty",
        "which of the parallel patches comes last is a race",
        lambda recorded, ours: isinstance(ours, int) and 0 <= ours < 20,
        always=False,
    ),
    Exemption(
        "functions-catalogue",
        "templates, key none",
        "body.*",
        "templates are repositories of others, which this server does not fetch",
        anything,
        ages=NEW,
    ),
    Exemption(
        "project-variables",
        "one key, twelve at once",
        "body 201.$id",
        "which of the parallel writers wins is a race",
        lambda recorded, ours: str(ours).startswith("par"),
        always=False,
        ages=NEW,
    ),
    Exemption(
        "project-variables",
        "after it",
        "body.variables.0.$id",
        "which of the parallel writers wins is a race",
        lambda recorded, ours: str(ours).startswith("par"),
        always=False,
        ages=NEW,
    ),
    Exemption(
        "variables",
        "id of a deleted function's variable",
        "*",
        "a worker deletes the variables of a deleted function; the recorded one had not come to it yet",
        anything,
        ages=("1.9",),
    ),
    *(
        Exemption("webhooks", "*", f"body.{name}", "a secret is another one each time", same_size, ages=NEW)
        for name in ("secret", "signatureKey")
    ),
    *(
        Exemption("api-keys", "*", f"body*.{name}", reason, check, ages=NEW)
        for name, reason, check in (
            ("secret", "a secret is another one each time, and the recorder cut it", begins_alike),
            ("accessedAt", "when a key was used is not kept here", anything),
        )
    ),
    Exemption("api-keys", "create ephemeral", "body.expire", "it ends some time after now", text, ages=NEW),
    *(
        Exemption(
            scenario,
            step,
            "*",
            "a worker deletes it; whether a second DELETE finds it is a race, which was won on 1.9.6 and lost on main",
            anything,
            always=False,
            ages=NEW,
        )
        for scenario, step in (
            ("attributes-types", "delete at once again"),
            ("columns-types", "delete at once again"),
            ("attributes-indexes", "delete again at once"),
        )
    ),
    *(
        Exemption(
            scenario,
            step,
            "headers.x-ratelimit-*",
            "two of some hundred answers of main came without the limiter's headers; nothing distinguishes them",
            anything,
            ages=("main",),
        )
        for scenario, step in (("transactions", "patch empty"), ("documents-null-queries", "document with none"))
    ),
    *(
        Exemption(scenario, "*", path, STAND_IN, check, ages=NEW)
        for scenario, path, check in (
            ("deployments", "body*.buildLogs", text),
            ("deployments", "body*.buildSize", number),
            ("deployments", "body*.totalSize", number),
            ("deployments", "body.bytes", number),
            ("deployments", "body*.duration", number),
            ("sites", "body*.buildLogs", text),
            ("sites", "body*.buildSize", number),
            ("sites", "body*.totalSize", number),
        )
    ),
    Exemption("sites", "rules", "*", "no rule is made for each deployment of a site", anything, ages=NEW),
    *(
        Exemption("sites", step, path, UNDER_WAY, check, always=False, ages=NEW)
        for step, path, check in (
            ("deployments", "body.deployments.*.status", under_way),
            ("deployments", "body.deployments.*.$updatedAt", anything),
            ("deployments", "body.deployments.*.buildDuration", number),
            *(
                (step, f"body.sites.0.{name}", text)
                for step in ("list", "by framework")
                for name in ("latestDeployment*", "deploymentId", "deploymentCreatedAt", "$updatedAt")
            ),
        )
    ),
    Exemption(
        "deployments",
        "execute*",
        "body.responseHeaders.*",
        "the recorded runtime names itself and its date in headers that code cannot see",
        anything,
        ages=NEW,
    ),
    *(
        Exemption(name, "user", "body.password", "nobody logs in here, so no password is kept", text, ages=NEW)
        for name in ("teams", "messaging")
    ),
    *(
        Exemption("deployments", step, path, UNDER_WAY, under_way, always=False, ages=NEW)
        for step, path in (
            ("at once*", "body.status"),
            ("function*", "body.latestDeploymentStatus"),
            ("specs changed*", "body.latestDeploymentStatus"),
            ("list*", "body.deployments.*.status"),
            ("by *", "body.deployments.*.status"),
            ("after", "body.deployments.*.status"),
            ("narrow", "body.deployments.*.status"),
        )
    ),
    *(
        Exemption("deployments", step, path, UNDER_WAY, anything, always=False, ages=NEW)
        for step, path in (
            ("at once*", "body.$updatedAt"),
            ("canceled", "body.$updatedAt"),
            ("list*", "body.deployments.*.$updatedAt"),
            ("by *", "body.deployments.*.$updatedAt"),
            ("after", "body.deployments.*.$updatedAt"),
            ("narrow", "body.deployments.*.$updatedAt"),
            ("by status", "body.*"),
            ("function after it", "body.latestDeployment*"),
            ("specs changed*", "body.latestDeployment*"),
            ("function", "body.latestDeployment*"),
        )
    ),
    *(
        Exemption("project-settings", step, path, reason, check, ages=ages)
        for step, path, reason, check, ages in (
            ("project (1.8.0)", "body.*", "the project is served in the server's own format alone", anything, NEW),
            ("template*", "body.*", "default templates are Appwrite's own texts, in some hundred languages", text, NEW),
            ("get encoded", "*", "paths are decoded before routes see them; 1.9.6 did not do it", anything, ("1.9",)),
            ("github*", "*", "no provider of sign-ins is asked whether credentials are right", anything, NEW),
            ("usage", "*", "routes that no key may call are not served", anything, ("1.9",)),
            ("dev keys", "*", "routes that no key may call are not served", anything, NEW),
            ("*projects", "*", "routes that no key may call are not served", anything, NEW),
            ("*rule*", "*", "rules of domains are not served yet", anything, NEW),
            ("again", "*", "rules of domains are not served yet", anything, NEW),
        )
    ),
)
