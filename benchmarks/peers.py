"""Side by side with Appwrite's own command line: its push, and our plan and apply, on the same embedded server.

Our `apply` alone does what `push` does: it compares, shows, and makes it so. Who looks at a plan first runs two
commands.

Each run begins on a server of its own, laid out alike for both, of Appwrite 1.8 and of 1.9 (EMBEDDED_APPWRITE names
others). The stack is Raceday's schema, and twenty small
functions; each alone first, and then both as one project, for which `push` has to be called twice: `push all` needs the
console's session. What both tools have made is compared, so that no figure is that of a failure. Nothing else is
asserted.

Not compared: the creation of functions. With an API key, the command line creates them, then asks the console for a
domain, and gives up without a console's session. So all functions exist before they get their code.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from raceday_iac.devserver.ages import V1_8, Age
from raceday_iac.devserver.faults import RequestFault
from raceday_iac.devserver.runner import RunningServer, start_server
from raceday_iac.devserver.server import Settings

from .peer_cli import CONFIG, VERSION, PeerCli, as_tables, install
from .processes import ages, target_of, timed
from .raw_schema import Client

ROOT = Path(__file__).parent.parent
COMMAND = str(Path(sys.executable).parent / "raceday-iac")
FUNCTIONS = 20
#: Rounds by latency: milliseconds added to every request.
ROUNDS = {0: 3, 50: 3}
#: Builds take what their work takes: both wait for them alike, so that any pause in them would only hide a difference.
_SETTINGS = Settings(scheduler=False, function_creation_limit=0, build_preparation=0, build_minimum=0)
_ENVIRONMENT = "endpoint: ${APPWRITE_ENDPOINT}\nproject: ${APPWRITE_PROJECT_ID}\napi_key_env: APPWRITE_API_KEY\n"
_HEAD = """from raceday_schema import declare_schema
from raceday_iac.model.stack import KEEP, Stack
stack = Stack("peers")
"""
_SCHEMA = "declare_schema(stack)\n"
_FUNCTIONS = """for number in range({count}):
    stack.function(f"f{{number:02}}", name="F", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=30,
        entrypoint="main.py", scopes=["documents.read"], code={code})
"""
_WITHOUT_CODE = _FUNCTIONS.format(count=FUNCTIONS, code="KEEP")
_WITH_CODE = _FUNCTIONS.format(count=FUNCTIONS, code='f"functions/f{number:02}"')


@dataclass(frozen=True)
class Place:
    """A server, a project's files beside it, and the other command line."""

    server: RunningServer
    project: Path
    peer: PeerCli

    def stack(self, *parts: str) -> None:
        (self.project / "stacks" / "peers.py").write_text(_HEAD + "".join(parts), encoding="utf-8")

    def iac(self, *words: str) -> float:
        """Seconds of one of our commands."""
        command = [COMMAND, *words, "--env", "peers", "--stack", "stacks/peers.py"]
        return timed(command, target_of(self.server), self.project)

    def plan_and_apply(self) -> tuple[float, float]:
        return self.iac("plan"), self.iac("apply", "--auto-approve")

    def export(self, change: Callable[[dict[str, Any]], dict[str, Any]] = lambda document: document) -> None:
        """Our stack in the other's form."""
        file = self.peer.folder / CONFIG
        self.iac("export", "--appwrite-json", "--force", str(file))
        document = change(json.loads(file.read_text(encoding="utf-8")))
        file.write_text(json.dumps(document), encoding="utf-8")
        self.peer.log_in(self.server)

    def pull(self, what: str) -> None:
        """Let the other write its file itself, so that it finds nothing to change in a schema."""
        file = self.peer.folder / CONFIG
        file.write_text(json.dumps({"projectId": self.server.project, "projectName": "peers"}), encoding="utf-8")
        self.peer.log_in(self.server)
        self.peer.run("pull", what, "--all", "--force")

    def pull_tables_export_functions(self) -> None:
        self.pull("tables")
        pulled = json.loads((self.peer.folder / CONFIG).read_text(encoding="utf-8"))
        self.export(lambda document: {**pulled, "functions": document["functions"]})

    def change_code(self) -> None:
        with (self.project / "functions" / "f00" / "main.py").open("a", encoding="utf-8") as file:
            file.write("# changed\n")


@dataclass(frozen=True)
class Scenario:
    """`before` is done for both, `prepare` before the other is asked to `push` these."""

    title: str
    before: Callable[[Place], object]
    prepare: Callable[[Place], object]
    push: tuple[tuple[str, ...], ...]


def _applied(*parts: str) -> Callable[[Place], None]:
    """A stack that is live."""

    def before(place: Place) -> None:
        place.stack(*parts)
        place.iac("apply", "--auto-approve")

    return before


def _schema_declared(place: Place) -> None:
    place.stack(_SCHEMA)


def _functions_created(*more: str) -> Callable[[Place], None]:
    """Functions without code are live; with code, and with `more`, they are declared."""

    def before(place: Place) -> None:
        _applied(_WITHOUT_CODE)(place)
        place.stack(*more, _WITH_CODE)

    return before


def _code_changed(*more: str) -> Callable[[Place], None]:
    def before(place: Place) -> None:
        _applied(*more, _WITH_CODE)(place)
        place.change_code()

    return before


def _as_tables(place: Place) -> None:
    place.export(as_tables)


def _pulled(what: str) -> Callable[[Place], None]:
    return lambda place: place.pull(what)


_ALL = ("--all", "--force")
_COLLECTIONS, _TABLES, _CODE = ("collections", *_ALL), ("tables", *_ALL), ("functions", *_ALL)
#: The other needs to know which one it is.
_ONE = ("functions", "--function-id", "f00", "--force")
SCENARIOS = (
    Scenario("collections, all new", _schema_declared, Place.export, (_COLLECTIONS,)),
    Scenario("tables, all new", _schema_declared, _as_tables, (_TABLES,)),
    Scenario("collections, nothing changed", _applied(_SCHEMA), _pulled("collections"), (_COLLECTIONS,)),
    Scenario("tables, nothing changed", _applied(_SCHEMA), _pulled("tables"), (_TABLES,)),
    Scenario("functions, all code new", _functions_created(), Place.export, (_CODE,)),
    Scenario("functions, nothing changed", _applied(_WITH_CODE), Place.export, (_CODE,)),
    Scenario("functions, one known change", _code_changed(), Place.export, (_ONE,)),
    Scenario("project, all new", _functions_created(_SCHEMA), _as_tables, (_TABLES, _CODE)),
    Scenario(
        "project, nothing changed", _applied(_SCHEMA, _WITH_CODE), Place.pull_tables_export_functions, (_TABLES, _CODE)
    ),
    Scenario("project, one change", _code_changed(_SCHEMA), Place.pull_tables_export_functions, (_TABLES, _CODE)),
)


def main() -> None:
    entry = install(ROOT / "build" / "peers")
    often = ", ".join(f"{number} at {latency} ms" for latency, number in ROUNDS.items())
    print(f"push of appwrite-cli {VERSION} against plan and apply of raceday-iac, medians of rounds: {often}")
    print(f"{'':<49}{'requests':^16}{'push takes ... times longer than':>42}")
    print(f"{'':<30}{'latency':>9}{'push':>10}{'them':>8}{'us':>8}{'plan':>9}{'apply':>9}{'apply':>9}{'both':>7}")
    for age in ages():
        print(f"Appwrite {age.name}")
        for latency, number in ROUNDS.items():
            for scenario in SCENARIOS:
                _print(scenario, latency, [_round(scenario, entry, age, latency) for _ in range(number)])


def _print(scenario: Scenario, latency: int, rounds: list[tuple[Took, Took]]) -> None:
    def middle(figure: Callable[[Took, Took], float]) -> float:
        return statistics.median(figure(their, our) for their, our in rounds)

    theirs, ours = rounds[0]
    print(
        f"{scenario.title:<30}{latency:>6} ms{middle(lambda their, _: sum(their.seconds)):>8.2f} s"
        f"{theirs.requests:>8}{ours.requests:>8}"
        f"{middle(lambda _, our: our.seconds[0]):>7.2f} s{middle(lambda _, our: our.seconds[-1]):>7.2f} s"
        f"{middle(lambda their, our: sum(their.seconds) / our.seconds[-1]):>9.1f}"
        f"{middle(lambda their, our: sum(their.seconds) / sum(our.seconds)):>7.1f}",
        flush=True,
    )


@dataclass(frozen=True)
class Took:
    """Seconds of each command: `push` alone, or `plan` and `apply`."""

    seconds: tuple[float, ...]
    requests: int
    made: Any


def _round(scenario: Scenario, entry: Path, age: Age, latency: int) -> tuple[Took, Took]:
    """The other and us, one after the other."""

    def push(place: Place) -> tuple[float, ...]:
        return tuple(place.peer.run("push", *words) for words in scenario.push)

    theirs = _took(scenario, _place(entry, age), latency, scenario.prepare, push)
    ours = _took(scenario, _place(entry, age), latency, None, Place.plan_and_apply)
    if theirs.made != ours.made:
        sys.exit(f"{scenario.title}: not the same was made.\n  push:  {theirs.made}\n  apply: {ours.made}")
    return theirs, ours


def _took(
    scenario: Scenario,
    at: AbstractContextManager[Place],
    latency: int,
    prepare: Callable[[Place], object] | None,
    work: Callable[[Place], tuple[float, ...]],
) -> Took:
    with at as place:
        scenario.before(place)
        if prepare is not None:
            prepare(place)
        server = place.server.server
        server.requests.clear()
        server.faults.add(RequestFault(times=sys.maxsize, delay=latency / 1000))
        seconds, requests = work(place), sum(server.requests.values())
        server.faults.clear()
        return Took(seconds, requests, _made(place.server))


def _made(server: RunningServer) -> Any:
    """What is live, as far as both tools say it."""
    client = Client(server.endpoint, server.project, server.key)
    functions = client.call("get", "/functions")["functions"]
    deployed = {each["$id"]: (each["latestDeploymentStatus"], bool(each["deploymentId"])) for each in functions}
    schema = {}
    # 1.9.6 leaves out of `/databases` what the tables API has made.
    lists = "/databases" if server.server.age is V1_8 else "/tablesdb"
    for database in client.call("get", lists)["databases"]:
        listed = client.call("get", f"/databases/{database['$id']}/collections")
        for each in listed["collections"]:
            members = [(one["key"], one["type"], one["status"]) for one in (*each["attributes"], *each["indexes"])]
            schema[each["$id"]] = sorted(members)
    return deployed, schema


@contextmanager
def _place(entry: Path, age: Age) -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        server = start_server(work / "server", settings=replace(_SETTINGS, age=age))
        try:
            yield Place(server, _lay_out(work / "project"), PeerCli(entry, work / "project"))
        finally:
            server.stop()


def _lay_out(project: Path) -> Path:
    (project / "stacks" / "environments").mkdir(parents=True)
    (project / "stacks" / "environments" / "peers.yaml").write_text(_ENVIRONMENT, encoding="utf-8")
    shutil.copy(ROOT / "stacks" / "raceday_schema.py", project / "stacks")
    # Only what the schema is read from: shared modules would make our uploads larger.
    shared = project / "functions" / "_shared"
    shared.mkdir(parents=True)
    shutil.copy(ROOT / "functions" / "_shared" / "collections.json", shared)
    for number in range(FUNCTIONS):
        folder = project / "functions" / f"f{number:02}"
        folder.mkdir(parents=True)
        (folder / "main.py").write_text("def main(context):\n    return context.res.empty()\n", encoding="utf-8")
    return project


if __name__ == "__main__":
    main()
