"""Measurements on this machine: start-up, plans, a full apply against the bare calls, the lock of a function, and what
the functions take on a race day; how all of it grows, and thousands of random pairs of stacks.

Nothing measured is asserted. A pair of stacks that does not come out as it should ends the run with an error.

The first part is measured on Appwrite 1.8 and on 1.9 (EMBEDDED_APPWRITE names others). Against another server:
APPWRITE_ENDPOINT, APPWRITE_PROJECT_ID, APPWRITE_API_KEY of a scratch project; the database `raceday-db` on it is
deleted.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from raceday_iac.devserver.ages import Age
from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.settings import Settings
from raceday_iac.loading.environment import Environment
from raceday_iac.loading.resolve import resolve
from raceday_iac.loading.stack_file import load_stack
from raceday_iac.packaging.bundle import schema_document

from . import lock_latency, race_day, scale, scale_documents
from .processes import ages, timed
from .raw_schema import Client, create_schema, create_schema_inline

ROOT = Path(__file__).parent.parent
RACEDAY = ROOT / "stacks" / "raceday.py"
COMMAND = str(Path(sys.executable).parent / "raceday-iac")
PAIRS = 2000
HOSTILE_DAYS = 200
SCHEMA_STACK = """from raceday_schema import declare_schema
from raceday_iac.model.stack import Stack
stack = Stack("schema")
declare_schema(stack)
"""


def main() -> None:
    for age in ages() if "APPWRITE_ENDPOINT" not in os.environ else (None,):
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            target = _target(work, age)
            try:
                _measure(_copy_project(work), *target[:3])
            finally:
                target[3]()
    # The others are always measured on embedded servers of their own, which run the code of functions.
    lock_latency.main()
    race_day.main()
    scale.main()
    # A million takes a quarter of an hour: python -m benchmarks.scale_documents
    scale_documents.main(scale_documents.COUNTS[:2])
    _random_pairs()
    _hostile_days()
    _kills()


def _kills() -> None:
    """A whole apply killed at each of its requests and writes, with the state in each place that can keep it."""
    command = [sys.executable, "-m", "pytest", "tests/crash/test_raceday.py"]
    seconds = timed(command, {"RACEDAY_CRASH_ALL": "1"}, ROOT)
    print(f"{'every kill of an apply, state in three places':<62} {seconds:6.1f} s", flush=True)


def _hostile_days() -> None:
    """The race days on which NZ TAB misbehaves, at length."""
    command = [sys.executable, "-m", "pytest", "tests/functions/test_hostile_days.py"]
    seconds = timed(command, {"HOSTILE_DAYS": str(HOSTILE_DAYS)}, ROOT)
    print(f"{f'{HOSTILE_DAYS} race days with a hostile upstream':<62} {seconds:6.1f} s", flush=True)


def _random_pairs() -> None:
    """The property tests at length: other pairs each time, and every one of them must hold."""
    command = [sys.executable, "-m", "pytest", "tests/property"]
    seconds = timed(command, {"PROPERTY_PAIRS": str(PAIRS)}, ROOT)
    print(f"{PAIRS} random pairs of stacks hold, {seconds / PAIRS * 1000:.0f} ms each", flush=True)


def _target(work: Path, age: Age | None) -> tuple[str, str, str, Callable[[], object]]:
    if age is None:
        names = ("APPWRITE_ENDPOINT", "APPWRITE_PROJECT_ID", "APPWRITE_API_KEY")
        endpoint, project, key = (os.environ[name] for name in names)
        return endpoint, project, key, lambda: None
    print(f"Appwrite {age.name}")
    server = start_server(work / "server", settings=Settings(age=age))
    return server.endpoint, server.project, server.key, server.stop


def _measure(project: Path, endpoint: str, name: str, key: str) -> None:
    variables = {"APPWRITE_ENDPOINT": endpoint, "APPWRITE_PROJECT_ID": name, "APPWRITE_API_KEY": key}
    client = Client(endpoint, name, key)

    def iac(*arguments: str) -> float:
        return timed(
            [COMMAND, *arguments, "--env", "bench", "--stack", str(project / "stacks" / "schema.py")], variables
        )

    _row("raceday-iac --help", [timed([COMMAND, "--help"], {}) for _ in range(7)])
    applied, bare, inline = [], [], []
    schema = _schema()
    takes_inline = client.version >= (1, 9)
    for _ in range(3):
        _empty(client, project)
        bare.append(create_schema(client, schema))
        if takes_inline:
            _empty(client, project)
            inline.append(create_schema_inline(client, schema))
        _empty(client, project)
        applied.append(iac("apply", "--auto-approve"))
    _row("whole schema, bare calls by 8 threads", bare)
    if inline:
        _row("whole schema, bare calls, inline", inline)
    _row("whole schema, raceday-iac apply", applied)
    for name, others in (("bare calls", bare), ("bare inline calls", inline)):
        ratios = [one / other for one, other in zip(applied, others, strict=False)]
        if ratios:
            print(f"{f'ratio apply / {name}':<44} {statistics.median(ratios):8.2f}")
    _row("plan with nothing to do", [iac("plan") for _ in range(7)])
    _row("drift with nothing to tell", [iac("drift") for _ in range(7)])
    _empty(client, project)


def _schema() -> dict[str, object]:
    environment = Environment(name="bench", endpoint="-", project="-")
    return schema_document(resolve(load_stack(RACEDAY), environment, ROOT), "raceday-db")


def _copy_project(work: Path) -> Path:
    project = work / "project"
    for part in ("stacks", "functions"):
        shutil.copytree(ROOT / part, project / part)
    (project / "stacks" / "schema.py").write_text(SCHEMA_STACK, encoding="utf-8")
    environment = "endpoint: ${APPWRITE_ENDPOINT}\nproject: ${APPWRITE_PROJECT_ID}\napi_key_env: APPWRITE_API_KEY\n"
    (project / "stacks" / "environments" / "bench.yaml").write_text(environment, encoding="utf-8")
    return project


def _empty(client: Client, project: Path) -> None:
    shutil.rmtree(project / "state", ignore_errors=True)
    for database in client.call("get", "/databases")["databases"]:
        if database["$id"] == "raceday-db":
            client.call("delete", "/databases/raceday-db", {})
            time.sleep(1)


def _row(name: str, seconds: list[float]) -> None:
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    print(f"{name:<44} {middle:8.3f} s   (min {low:.3f}, max {high:.3f}, n={len(seconds)})", flush=True)


if __name__ == "__main__":
    main()
