"""Who saves a state: the user, the machine, the process, and the CI run when there is one."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Where CI systems tell the address of the run, in the order of asking.
_RUN_URLS = ("CI_JOB_URL", "BUILD_URL", "CIRCLE_BUILD_URL", "BUILDKITE_BUILD_URL")
_GITHUB = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")


@dataclass(frozen=True)
class Owner:
    """A process that works on a state. `run` is the address of its CI run, or empty."""

    user: str
    host: str
    pid: int
    run: str = ""

    def __str__(self) -> str:
        return f"{self.user}@{self.host}"


@dataclass(frozen=True)
class Saved:
    """How a state came to be: when, by whom, by which command, and how much it owns.

    `session` is the same for all saves of one run: the last of them is the one worth listing.
    """

    at: str = ""
    by: str = ""
    command: str = ""
    run: str = ""
    session: str = ""
    resources: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "by": self.by,
            "command": self.command,
            "run": self.run,
            "session": self.session,
            "resources": self.resources,
        }

    @classmethod
    def from_json(cls, content: Any) -> Saved:
        """The reverse; what is missing or odd is left empty, for nothing depends on it."""
        if not isinstance(content, dict):
            return cls()
        count = content.get("resources")
        texts = {name: str(content.get(name) or "") for name in ("at", "by", "command", "run", "session")}
        return cls(**texts, resources=count if isinstance(count, int) else 0)


def this_process(variables: Mapping[str, str] = os.environ) -> Owner:
    """The owner that this process is."""
    return Owner(_user(), socket.gethostname(), os.getpid(), _run_url(variables))


def _user() -> str:
    """The login name, or the number of a user that has none (usual in containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _run_url(variables: Mapping[str, str]) -> str:
    server, repository, run = (variables.get(name, "") for name in _GITHUB)
    if server and repository and run:
        return f"{server}/{repository}/actions/runs/{run}"
    return next((variables[name] for name in _RUN_URLS if variables.get(name)), "")
