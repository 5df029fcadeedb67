"""The three places where the state can be kept, and a look at it past the tool."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from state.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY

from raceday_iac.devserver.server import PROJECT
from raceday_iac.model.secret import Secret
from raceday_iac.provider.appwrite import Transport
from raceday_iac.state.backends import StateBackend
from raceday_iac.state.backends.appwrite import AppwriteBackend
from raceday_iac.state.backends.s3 import S3Backend, S3Place

NAMES = ("files", "appwrite", "s3")
ENVIRONMENT = "race"
#: Seconds without a sign of life after which a lock may be taken over, unless an environment says otherwise.
EXPIRY = 300
#: What the environment's file names.
VARIABLES = {"STATE_ACCESS_KEY": ACCESS_KEY, "STATE_SECRET_KEY": SECRET_KEY}
_DATABASE = "raceday-iac-state"
_S3 = """state:
  backend: s3
  bucket: {bucket}
  endpoint: {endpoint}
  access_key_env: STATE_ACCESS_KEY
  secret_key_env: STATE_SECRET_KEY
"""


@dataclass(frozen=True)
class Keeper:
    """One of them. `settings` is what an environment's file says of it. Files have no `backend`."""

    name: str
    settings: str = ""
    backend: StateBackend | None = None

    def newest(self, folder: Path) -> str:
        """The state saved last; empty where there is none. `folder` is the environment's on this machine."""
        if self.backend is not None:
            found = self.backend.newest()
            return found.text if found else ""
        file = folder / "state.json"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def lock_age(self) -> float | None:
        """Seconds since the last sign of life of whoever has a lock that outlives its process; None without one."""
        found = self.backend.read_lock() if self.backend is not None else None
        return None if found is None or '"free"' in found.text else found.age


def is_own(place: str) -> bool:
    """Whether a request of that name is about the state."""
    return f" {ENVIRONMENT}/" in place or _DATABASE in place


def keeper_of(name: str, appwrite: str, key: str, s3: str) -> Keeper:
    """The one of that name, with what it needs of: the endpoint and a key of Appwrite, the endpoint of S3."""
    if name == "appwrite":
        transport = Transport(appwrite, PROJECT, Secret(key))
        backend = AppwriteBackend(lambda: transport, ENVIRONMENT, _DATABASE, "states")
        return Keeper(name, "state:\n  backend: appwrite\n", backend)
    if name == "s3":
        keys = {"access_key": Secret(ACCESS_KEY), "secret_key": Secret(SECRET_KEY)}
        return Keeper(
            name, _S3.format(bucket=BUCKET, endpoint=s3), S3Backend(S3Place(BUCKET, ENVIRONMENT, endpoint=s3, **keys))
        )
    return Keeper(name)
