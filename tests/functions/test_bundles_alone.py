"""Each of the seven bundles as it is deployed: packed from the real stack, alone in an empty folder, in a fresh
interpreter. Before the lock is asked for, nothing but the standard library is loaded."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from _shared import lock
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .bundles import FUNCTIONS
from .raceday import package_of

NAMES = (
    "database-setup",
    "daily-meetings",
    "daily-races",
    "daily-initial-data",
    "enhanced-race-poller",
    "master-race-scheduler",
    "meeting-status-poller",
)
#: `database-setup` is older than the common frame and keeps its own: it may go on without a lock store.
SETUP = "database-setup"
#: Shared modules that a run needs before it holds the lock.
BEFORE_THE_LOCK = {"backoff", "connection", "entry", "invocation", "lock", "lock_protocol", "logs"}
BEFORE_THE_LOCK |= {"racing_date", "typed", "wire", "runtime"}
#: Part of the standard library, but slow to import and of no use before the lock is held.
TOO_HEAVY = {"asyncio", "concurrent.futures", "dataclasses", "email", "http.client", "logging", "ssl", "subprocess"}
TOO_HEAVY |= {"selectors", "socket", "typing", "urllib.parse", "zoneinfo"}

#: One execution whose first request for the lock notes what is loaded. Prints a JSON object.
EXECUTION = """
import json, sys, time
loaded_before = set(sys.modules)
time.sleep = lambda seconds: None
sys.path.insert(0, {folder!r})
noted = []

class Answering:
    def json(self, body, status=200, headers=None):
        return {{"body": body, "statusCode": status}}

class Request:
    headers = {{"x-appwrite-key": "dynamic_key-of-the-test", "x-appwrite-execution-id": "execution-1"}}
    body = "{{}}"

class Context:
    req, res, lines = Request(), Answering(), []
    log = error = lambda self, *texts: self.lines.append(" ".join(map(str, texts)))

from src import main
from src.vendor.connection import Connection

send = Connection.send
def note_and_send(self, *request):
    noted.append(sorted(set(sys.modules) - loaded_before))
    return send(self, *request)
Connection.send = note_and_send

context = Context()
answer = main.handle(context)
print(json.dumps({{"answer": answer, "first": noted[0], "requests": len(noted), "lines": context.lines}}))
"""


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def alone(bundles: Path, tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """The bundle's files in a folder where nothing else is."""
    folder = tmp_path_factory.mktemp("alone") / "function"
    shutil.copytree(bundles / package_of(name), folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def interpreter(code: str, folder: Path, *options: str, **environment: str) -> str:
    """Run code in a fresh interpreter that knows nothing of this project."""
    command = [sys.executable, "-I", *options, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def executed(alone: Path) -> dict[str, Any]:
    """One execution without site packages, while the server cannot be reached."""
    environment = {
        # Nobody listens on the port for discarding.
        "APPWRITE_FUNCTION_API_ENDPOINT": "http://127.0.0.1:9/v1",
        "APPWRITE_FUNCTION_PROJECT_ID": "raceday",
    }
    code = EXECUTION.format(folder=str(alone))
    found: dict[str, Any] = json.loads(interpreter(code, alone, "-S", **environment))
    return found


def test_with_an_unreachable_lock_it_answers_cleanly(executed: dict[str, Any], name: str) -> None:
    answer = executed["answer"]

    assert answer["statusCode"] == 500
    assert answer["body"]["error"] in ("lock.unusable", "lock_unusable")
    (line,) = [json.loads(line) for line in executed["lines"]]
    assert (line["event"], line["error"], line["function"]) == ("lock.unusable", "LockUnclear", name)
    assert "dynamic_" not in json.dumps(executed)


def test_before_the_lock_only_the_standard_library_is_loaded(executed: dict[str, Any]) -> None:
    loaded = set(executed["first"])

    foreign = {module for module in loaded if module.partition(".")[0] not in {*sys.stdlib_module_names, "src"}}
    assert foreign == set()
    assert loaded & TOO_HEAVY == set()


def test_before_the_lock_no_work_is_loaded(executed: dict[str, Any]) -> None:
    own = {module for module in executed["first"] if module.partition(".")[0] == "src"}

    assert own <= {"src", "src.main", "src.vendor", *(f"src.vendor.{module}" for module in BEFORE_THE_LOCK)}


@pytest.mark.parametrize("package", ["", "function."], ids=["top", "package"])
def test_every_module_can_be_imported(alone: Path, name: str, package: str) -> None:
    """With what the bundle's requirements bring, whatever the runtime calls the folder."""
    modules = [path.stem for path in (alone / "src").glob("*.py")]
    needed = (alone / "requirements.txt").read_text()
    shared = [path.stem for path in (alone / "src" / "vendor").glob("*.py")] if needed.strip() else []
    usable = [f"vendor.{module}" for module in shared if module != "nztab" or "httpx" in needed]
    options = () if needed.strip() else ("-S",)
    code = f"import sys; sys.path.insert(0, {str(alone.parent if package else alone)!r})\n"
    code += "\n".join(f"import {package}src.{module}" for module in [*modules, *usable])
    code += f"\nprint({package}src.main.main, {package}src.work)"
    if name != SETUP:
        code += f"\nprint(callable({package}src.work.work))"

    printed = interpreter(code, alone, *options)

    assert printed.startswith("<function main")
    assert name == SETUP or printed.endswith("True\n")


def test_it_knows_what_a_run_of_it_takes(alone: Path, name: str) -> None:
    """By a module that is small enough for a run that is refused: it imports nothing, and holds only numbers."""
    tree = ast.parse((alone / "src" / "norm.py").read_text())
    assigned = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}  # type: ignore[attr-defined]
    norm = {key: float(ast.literal_eval(value)) for key, value in assigned.items()}

    assert set(norm) - {"SLOW_AFTER"} == {"SECONDS", "CPU_SECONDS", "MEMORY_MB", "APPWRITE_REQUESTS"}
    assert min(norm.values()) > 0
    if name != SETUP:
        assert norm["SECONDS"] < norm["SLOW_AFTER"] < lock.load_settings(str(alone / "src")).numbers.expiry
    assert [type(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))] == [ast.ImportFrom]


#: What the functions ask for; the rest is what these need themselves.
ASKED_FOR = {"httpx", "tzdata"}


def test_only_two_packages_are_asked_for_and_all_that_they_need_is_pinned(alone: Path) -> None:
    """For every version of Python that the code may run on: what is missing here, pip would take from anywhere."""
    pinned = pins(alone)

    for python in ("3.11", "3.12", "3.13"):
        wanted = set(pinned) & ASKED_FOR
        assert needed_by(wanted, python) <= set(pinned)
    assert set(pinned) <= needed_by(set(pinned) & ASKED_FOR, "3.11")


def test_what_is_installed_is_what_the_tests_run_with_down_to_the_hashes(alone: Path) -> None:
    locked = blocks((FUNCTIONS.parent / "requirements.lock").read_text())

    for name, (version, hashes) in pins(alone).items():
        assert hashes, f"{name} has no hash"
        assert (version, hashes) == locked[name]


def pins(alone: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """What a bundle installs: version and hashes by name. Fails for a line that does not pin."""
    return blocks((alone / "requirements.txt").read_text())


def blocks(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    joined = re.sub(r"\\\n\s*", " ", text)
    found = {}
    for line in joined.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            name, equals, version = line.split()[0].partition("==")
            assert equals, f"{line} does not pin a version"
            found[name] = (version, frozenset(re.findall(r"--hash=(\S+)", line)))
    return found


def needed_by(names: set[str], python: str) -> set[str]:
    """The packages and all that they need on a version of Python, by what they say themselves."""
    found: set[str] = set()
    waiting = sorted(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
        for each in map(Requirement, importlib.metadata.requires(name) or ()):
            if each.marker is None or each.marker.evaluate(environment):
                waiting.append(canonicalize_name(each.name))
    return found


def test_whoever_uses_the_zone_brings_its_data(alone: Path, name: str) -> None:
    """The image of the runtime need not have any."""
    used = name != SETUP

    assert ("tzdata" in (alone / "requirements.txt").read_text()) is used


def test_whoever_reads_nz_tab_brings_the_http_library(alone: Path) -> None:
    sources = "".join(path.read_text() for path in (alone / "src").glob("*.py"))

    assert ("httpx" in (alone / "requirements.txt").read_text()) is ("nztab import" in sources)


def test_no_module_imports_what_its_bundle_does_not_bring(alone: Path, name: str) -> None:
    brought = set(pins(alone))
    foreign = set()
    for path in (alone / "src").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            foreign |= {found.partition(".")[0] for found in names} - set(sys.stdlib_module_names)

    assert foreign <= brought


def test_the_first_thing_the_entry_module_does_is_to_take_the_lock(alone: Path, name: str) -> None:
    """Nothing is imported but the frame, and handling an execution is one call into it."""
    if name == SETUP:
        pytest.skip("it has a frame of its own")
    tree = ast.parse((alone / "src" / "main.py").read_text())

    imports = [ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert imports == [
        "from __future__ import annotations",
        "from .vendor import entry",
        "from .vendor.typed import Any",
    ]
    handle, main = (node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    assert ast.unparse(handle.body[1]) == "return entry.serve(context, __file__, __package__ or '', runtime)"
    assert ast.unparse(main.body[1]) == "return await entry.in_thread(handle, context)"
    assert (handle.name, main.name, len(handle.body), len(main.body)) == ("handle", "main", 2, 2)


def test_the_vendored_code_is_the_shared_code(alone: Path) -> None:
    """Below one line that names the source and its version."""
    sources = {path.name: path.read_text() for path in (FUNCTIONS / "_shared").glob("*.py")}

    copies = {path.name: path.read_text().partition("\n") for path in (alone / "src" / "vendor").glob("*.py")}

    assert {file: rest for file, (_, _, rest) in copies.items()} == sources
    for file, (header, _, _) in copies.items():
        assert header.startswith(f"# Copied from functions/_shared/{file}, version ")


def test_the_lock_is_its_own(alone: Path, name: str) -> None:
    settings = lock.load_settings(str(alone / "src"))

    assert (settings.function, settings.lock_id) == (name, f"{name}-lock")
    assert settings.numbers.heartbeat < settings.numbers.stale_after


def test_the_stack_has_these_seven(bundles: Path) -> None:
    assert sorted(each.name for each in bundles.iterdir()) == sorted(package_of(each) for each in NAMES)
