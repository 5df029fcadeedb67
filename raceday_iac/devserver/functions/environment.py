"""Environment variables of builds and runs: what the container gives, the user's variables, and Appwrite's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..settings import VERSION
from .catalogue import runtimes, specification
from .models import Row
from .store import variables_of

if TYPE_CHECKING:
    from ..server import Server

#: Settings of this machine that code needs to reach the internet and package registries.
PASSED_ON = (
    "HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE "
    "PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_CERT PIP_CONFIG_FILE PIP_TRUSTED_HOST NODE_EXTRA_CA_CERTS "
    "npm_config_registry npm_config_cafile"
).split()
OWN_HOSTS = "127.0.0.1,localhost"
VCS = (
    "REPOSITORY_ID REPOSITORY_NAME REPOSITORY_OWNER REPOSITORY_URL REPOSITORY_BRANCH REPOSITORY_BRANCH_URL COMMIT_HASH "
    "COMMIT_MESSAGE COMMIT_URL COMMIT_AUTHOR_NAME COMMIT_AUTHOR_URL ROOT_DIRECTORY"
).split()


def machine_environment(scratch: Path, binaries: Path | None) -> dict[str, str]:
    """What any process starts with; `binaries` comes first in PATH (a virtual environment's bin)."""
    path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    known = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    excluded = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    no_proxy = f"{OWN_HOSTS},{excluded}" if excluded else OWN_HOSTS
    environment = {
        **known,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PATH": f"{binaries}{os.pathsep}{path}" if binaries else path,
        "HOME": str(scratch),
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", os.path.expanduser("~/.cache/pip")),
    }
    if binaries:
        environment["VIRTUAL_ENV"] = str(binaries.parent)
    return environment


def function_environment(server: Server, function: Row, deployment: Row) -> dict[str, str]:
    """The project's variables, then the function's, then Appwrite's: each may hide the ones before."""
    project = function["project"]
    shared = server.db.execute("SELECT key, value FROM project_variables WHERE project = ?", (project,)).fetchall()
    own = variables_of(server, project, function["id"])
    return {
        **{row["key"]: row["value"] for row in (*shared, *own) if "\0" not in row["key"] + row["value"]},
        **_appwrite_environment(server.endpoint, function, deployment),
    }


def _appwrite_environment(endpoint: str, function: Row, deployment: Row) -> Mapping[str, str]:
    runtime = runtimes()[function["runtime"]]
    size = specification(function["specification"])
    return {
        "APPWRITE_FUNCTION_API_ENDPOINT": endpoint,
        "APPWRITE_FUNCTION_ID": function["id"],
        "APPWRITE_FUNCTION_NAME": function["name"],
        "APPWRITE_FUNCTION_DEPLOYMENT": deployment["id"],
        "APPWRITE_FUNCTION_PROJECT_ID": function["project"],
        "APPWRITE_FUNCTION_RUNTIME_NAME": runtime["name"],
        "APPWRITE_FUNCTION_RUNTIME_VERSION": runtime["version"],
        "APPWRITE_FUNCTION_CPUS": str(size["cpus"]),
        "APPWRITE_FUNCTION_MEMORY": str(size["memory"]),
        "APPWRITE_VERSION": VERSION,
        "APPWRITE_REGION": "default",
        "APPWRITE_DEPLOYMENT_TYPE": deployment["type"],
        **{f"APPWRITE_VCS_{name}": "" for name in VCS},
    }
