"""Measurements on this machine: start-up, plans, a full apply against the bare calls, the lock of a function, and what
the functions take on a race day; how all of it grows, and thousands of random pairs of stacks.

The embedded server answers at once, so that a short command there is mostly the start of Python. The schema is
therefore also measured with `DELAY` added to each request: then the bare inline calls take 2.5 s; on a busy Appwrite
1.9.6 they were seen to take 1.6 to 3.2 s. `python -m benchmarks.run schema` measures this part alone.

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
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from raceday_iac.devserver.ages import Age
from raceday_iac.devserver.faults import RequestFault
from raceday_iac.devserver.runner import RunningServer, start_server
from raceday_iac.devserver.server import Settings
from raceday_iac.loading.environment import Environment
from raceday_iac.loading.resolve import resolve
from raceday_iac.loading.stack_file import load_stack
from raceday_iac.packaging.bundle import schema_document

from . import lock_latency, race_day, scale, scale_documents
from .processes import ages, timed, timed_with_cpu
from .raw_schema import Client, create_schema, create_schema_inline

ROOT = Path(__file__).parent.parent
RACEDAY = ROOT / "stacks" / "raceday.py"
COMMAND = str(Path(sys.executable).parent / "raceday-iac")
#: Seconds added to each request where a real server is to be resembled.
DELAY = 0.15
#: Of the schema, each of which makes it again in each way; and of commands that change nothing.
ROUNDS, LOOKS = 5, 20
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
                _measure(_copy_project(work), target)
            finally:
                target.stop()
    if sys.argv[1:] == ["schema"]:
        return
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


@dataclass(frozen=True)
class Target:
    """What is measured against. `embedded` is None for another server."""

    endpoint: str
    project: str
    key: str
    embedded: RunningServer | None = None

    def stop(self) -> None:
        if self.embedded is not None:
            self.embedded.stop()

    @contextmanager
    def slowed(self, delay: float) -> Iterator[Counter[tuple[str, str]]]:
        """Each request takes so many seconds longer. Gives what is sent meanwhile, by method and route."""
        if self.embedded is None:
            yield Counter()
            return
        server = self.embedded.server
        server.requests.clear()
        if delay:
            server.faults.add(RequestFault(times=sys.maxsize, delay=delay))
        yield server.requests
        server.faults.clear()


def _target(work: Path, age: Age | None) -> Target:
    if age is None:
        names = ("APPWRITE_ENDPOINT", "APPWRITE_PROJECT_ID", "APPWRITE_API_KEY")
        endpoint, project, key = (os.environ[name] for name in names)
        return Target(endpoint, project, key)
    print(f"Appwrite {age.name}")
    server = start_server(work / "server", settings=Settings(age=age))
    return Target(server.endpoint, server.project, server.key, server)


def _measure(project: Path, target: Target) -> None:
    variables = {
        "APPWRITE_ENDPOINT": target.endpoint,
        "APPWRITE_PROJECT_ID": target.project,
        "APPWRITE_API_KEY": target.key,
    }
    client = Client(target.endpoint, target.project, target.key)

    def iac(*arguments: str) -> tuple[float, float]:
        stack = str(project / "stacks" / "schema.py")
        return timed_with_cpu([COMMAND, *arguments, "--env", "bench", "--stack", stack], variables)

    _row("raceday-iac --help", [timed_with_cpu([COMMAND, "--help"], {}) for _ in range(LOOKS)])
    for delay in (0.0, DELAY) if target.embedded is not None else (0.0,):
        _measure_schema(project, target, client, delay, lambda: iac("apply", "--auto-approve"))
    _row("plan with nothing to do", [iac("plan") for _ in range(LOOKS)])
    _row("drift with nothing to report", [iac("drift") for _ in range(LOOKS)])
    _empty(client, project)


def _measure_schema(
    project: Path, target: Target, client: Client, delay: float, apply: Callable[[], tuple[float, float]]
) -> None:
    """The whole schema from nothing, in every way, one after the other in each round."""
    ways: dict[str, Callable[[], tuple[float, float]]] = {
        "bare calls by 8 threads": lambda: (create_schema(client, schema), 0.0),
        "bare calls, inline": lambda: (create_schema_inline(client, schema), 0.0),
        "raceday-iac apply": apply,
    }
    if client.version < (1, 9):
        del ways["bare calls, inline"]
    schema, sent = _schema(), Counter[str]()
    took: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, create in ways.items():
            _empty(client, project)
            with target.slowed(delay) as requests:
                took[way].append(create())
                sent[way] = requests.total()
    added = f", {delay * 1000:.0f} ms more" if delay else ""
    for way, each in took.items():
        _row(f"whole schema, {way}{added}", each, f", {sent[way]} requests" if sent[way] else "")
    for way in [way for way in ways if way.startswith("bare")]:
        pairs = zip(took["raceday-iac apply"], took[way], strict=True)
        ratios = [one / other for (one, _), (other, _) in pairs]
        low, high = min(ratios), max(ratios)
        print(
            f"{f'ratio apply / {way}{added}':<54}{statistics.median(ratios):8.2f}     (min {low:.2f}, max {high:.2f})"
        )


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


def _row(name: str, took: list[tuple[float, float]], more: str = "") -> None:
    """Wall clock, and with it the time of the processor where it is that of a program."""
    seconds, used = zip(*took, strict=True)
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    cpu = f", processor {statistics.median(used):.3f} s" if any(used) else ""
    print(f"{name:<54}{middle:8.3f} s   (min {low:.3f}, max {high:.3f}, n={len(seconds)}{cpu}{more})", flush=True)


if __name__ == "__main__":
    main()
