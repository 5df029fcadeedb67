"""Where an environment's Appwrite is. The embedded server is found or started here; nobody else knows of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import IacError
from ..loading.environment import Environment
from ..model.secret import Secret
from ..redaction import know_credentials
from ..waiting import WAITS
from .options import Options


@dataclass(frozen=True)
class Target:
    """An Appwrite project to talk to."""

    endpoint: str
    project: str
    key: Secret

    def __post_init__(self) -> None:
        know_credentials(self.endpoint)


def server_folder(options: Options) -> Path:
    """Where the embedded server of an environment keeps its data."""
    return options.state_folder / "server"


def require_same_project(served: str, environment: Environment) -> None:
    """A running embedded server serves the project that its environment named when it was started, and no other."""
    if served != environment.project:
        raise IacError(
            f"The embedded server that runs serves the project {served}, the environment names {environment.project}. "
            "Nothing was changed.",
            hint="start it anew: raceday-iac server stop, then raceday-iac server start",
        )


@contextmanager
def opened(environment: Environment, options: Options) -> Iterator[Target]:
    """The environment's target. An embedded server that is not running is started for the block and stopped after."""
    if not environment.is_embedded:
        yield Target(environment.endpoint, environment.project, environment.api_key())
        return
    from ..devserver.daemon import status

    running = status(server_folder(options))
    if running.running:
        require_same_project(running.project, environment)
        yield Target(running.endpoint, running.project, Secret(running.key))
        return
    from ..devserver.runner import DataInUseError, StartError, start_server

    try:
        with WAITS.on("starting the embedded server"):
            server = start_server(server_folder(options), project=environment.project)
    except DataInUseError:
        raise IacError(
            "Another command is using the embedded server. Nothing was changed.",
            hint="wait for it to end, or keep one running for all commands: raceday-iac server start",
        ) from None
    except (StartError, OSError) as error:
        raise IacError(f"The embedded server could not be started: {error}. Nothing was changed.") from None
    try:
        yield Target(server.endpoint, server.project, Secret(server.key))
    finally:
        server.stop()
