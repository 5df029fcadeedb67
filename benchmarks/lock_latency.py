"""How long the lock check takes inside a handler, and how long a function imports before it tries for the lock."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from raceday_iac.devserver.runner import start_server
from raceday_iac.packaging.bundle import make_archive

from .raw_schema import Client, create_schema

ROOT = Path(__file__).parent.parent
SHARED = ROOT / "functions" / "_shared"
FUNCTION = "lock-probe"
#: The goals of the lock: the check against one bare creation; milliseconds of import before it, and of a refused run.
RATIO, IMPORT_MS, DUPLICATE_MS = 1.3, 30.0, 100.0
SETTINGS = {
    **{"function": FUNCTION, "lockId": f"{FUNCTION}-lock", "databaseId": "raceday-db", "collectionId": "locks"},
    **{"staleAfterSeconds": 75, "heartbeatSeconds": 30, "expirySeconds": 90},
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = start_server(Path(folder) / "server")
        try:
            _check_latency(Client(server.endpoint, server.project, server.key), server)
        finally:
            server.stop()
        _import_time(Path(folder), "master-race-scheduler")


def _check_latency(client: Client, server: Any) -> None:
    schema = json.loads((SHARED / "collections.json").read_text(encoding="utf-8"))
    parts = [{"relationships": [], **each} for each in schema["collections"]]
    create_schema(client, {"database": {"id": "raceday-db", "name": "raceday-db"}, "collections": parts})
    _deploy(client, server)
    _execute(client, rounds=3)  # the first execution starts the worker
    times: dict[str, list[float]] = {}
    for _ in range(8):
        for name, measured in _execute(client, rounds=25).items():
            times.setdefault(name, []).extend(measured)
    _percentiles("one bare HTTP create, in the handler", times["bare"])
    _percentiles("lock check that takes a free lock", times["taken"])
    _percentiles("the same on a connection kept from an earlier run", times["warm"])
    _percentiles("lock check that finds it held", times["refused"])
    _percentiles(f"a refused run in all, counted (goal {DUPLICATE_MS:.0f})", times["duplicate"])
    medians = {name: [_middle(part) for part in _slices(times[name])] for name in ("taken", "bare")}
    ratios = [taken / bare for taken, bare in zip(medians["taken"], medians["bare"], strict=True)]
    _ratio("ratio lock check / bare create", _middle(ratios), f"goal {RATIO}, n={len(ratios)} executions")
    refused = [each / _middle(times["bare"]) for each in times["duplicate"]]
    _ratio("ratio refused run / bare create", _middle(refused), f"four requests on one connection, n={len(refused)}")


def _deploy(client: Client, server: Any) -> None:
    settings = {"runtime": "python-3.12", "entrypoint": "src/main.py", "timeout": 60, "commands": ""}
    scopes = ["documents.read", "documents.write"]
    client.call("post", "/functions", {"functionId": FUNCTION, "name": FUNCTION, "scopes": scopes, **settings})
    files = {f"src/vendor/{path.name}": path.read_bytes() for path in SHARED.glob("*.py")}
    files["src/main.py"] = (Path(__file__).parent / "lock_probe.py").read_bytes()
    files["src/lock.json"] = json.dumps(SETTINGS).encode()
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.key}
    sent = requests.post(
        f"{server.endpoint}/functions/{FUNCTION}/deployments",
        headers=headers,
        files={"code": ("code.tar.gz", make_archive(files), "application/gzip")},
        data={"activate": "true"},
        timeout=60,
    )
    sent.raise_for_status()
    while not client.call("get", f"/functions/{FUNCTION}")["deploymentId"]:
        time.sleep(0.1)


def _execute(client: Client, rounds: int) -> dict[str, list[float]]:
    ended = client.call("post", f"/functions/{FUNCTION}/executions", {"body": json.dumps({"rounds": rounds})})
    if ended["responseStatusCode"] != 200:
        sys.exit(f"the probe failed: {ended['errors'] or ended['logs']}")
    found: dict[str, list[float]] = json.loads(ended["responseBody"])
    return found


def _import_time(folder: Path, function: str) -> None:
    """The entry module as it lies in a bundle: imported by an interpreter that has loaded nothing, not even its site,
    and by one that has loaded what the runtime needs for itself."""
    package = folder / function.replace("-", "_")
    shutil.copytree(ROOT / "functions" / function, package)
    (package / "src" / "vendor").mkdir()
    for path in SHARED.glob("*.py"):
        shutil.copy(path, package / "src" / "vendor")
    added = f"import sys; sys.path.insert(0, {str(folder)!r}); import {package.name}.src.main"
    for kind, before in (("a bare interpreter", "pass"), ("a running runtime", "import asyncio, json")):
        full = f"{before}; {added}"
        _started(full)  # leaves compiled files behind, as the first start of a container does
        pairs = [(_started(before), _started(full)) for _ in range(25)]
        extra, base = [each - base for base, each in pairs], _middle([base for base, _ in pairs])
        name = f"import of {function} over {kind}"
        print(f"{name:<62} {_middle(extra):6.1f} ms  (CPU; {kind} {base:.1f}; goal {IMPORT_MS:.0f})", flush=True)


def _started(code: str) -> float:
    """Milliseconds of processor time: what others do on this machine does not count."""
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", code], env={})
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{code} ended with {process.returncode}")
    return (used.ru_utime + used.ru_stime) * 1000


def _slices(values: list[float], size: int = 25) -> list[list[float]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def _middle(values: list[float]) -> float:
    return statistics.median(values)


def _percentiles(name: str, values: list[float]) -> None:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    print(f"{name:<50} p50 {cuts[49]:6.2f}  p95 {cuts[94]:6.2f}  p99 {cuts[98]:6.2f} ms  (n={len(values)})", flush=True)


def _ratio(name: str, value: float, note: str) -> None:
    print(f"{name:<50} {value:8.2f}  ({note})", flush=True)


if __name__ == "__main__":
    main()
