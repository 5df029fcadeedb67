"""The builder: takes waiting deployments one after the other, runs their commands, and activates what is ready."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import math
import os
import re
import shutil
import sys
import time
import venv
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..keys import mint_dynamic_key
from ..storage import narrow_all, open_private, private_file, private_folder
from . import files as storage
from . import store
from .executor import MOST_LOG, run_logged
from .files import DeploymentFiles
from .store import Row
from .variables import code_environment, machine_environment, runtime_of

if TYPE_CHECKING:
    from ..server import Server


#: By language, the tool that commands need, and what people call that language.
TOOLS = {"node": ("npm", "Node"), "bun": ("bun", "Bun"), "deno": ("deno", "Deno"), "flutter": ("flutter", "Flutter")}
UNFINISHED = ("waiting", "processing", "building")
VENVS = "venvs"


class BuildError(Exception):
    """The build failed; the text ends its log."""


@dataclass(frozen=True)
class Built:
    """What a successful build leaves."""

    size: int
    python: str = ""
    #: Columns of the function or site that are set by what was found in the build.
    owner: Mapping[str, str] = field(default_factory=dict)


class Builder:
    """Builds of one server are queued: only one runs at a time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._current: tuple[tuple[str, str], asyncio.Task[Built]] | None = None
        server.background(self._work())

    def enqueue(self, project: str, deployment: str) -> None:
        """Build it when those before it are done. Its row may be inserted by the transaction that is running."""
        self._queue.put_nowait((project, deployment))

    def cancel(self, project: str, deployment: str) -> None:
        """Stop the build if it is running. One that waits is skipped when its turn comes, because of its status."""
        if self._current is not None and self._current[0] == (project, deployment):
            self._current[1].cancel()

    async def _work(self) -> None:
        while True:
            project, deployment = await self._queue.get()
            await self._build(project, deployment)

    async def _build(self, project: str, identifier: str) -> None:
        started = time.monotonic()
        log = BuildLog(lambda text: self._set(project, identifier, build_logs=text))
        row = self._set(project, identifier, status="processing")
        if row is None:
            return
        if self._server.faults.take_stuck_build():
            self._set(project, identifier, status="building")
            return
        task = asyncio.ensure_future(asyncio.wait_for(self._steps(row, log), self._server.settings.build_timeout))
        self._current = ((project, identifier), task)
        try:
            built, problem = await asyncio.shield(task), ""
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if self._server.is_stopping:
                raise
            return
        except TimeoutError:
            built, problem = None, f"Build timed out after {self._server.settings.build_timeout:g} seconds."
        except (BuildError, OSError) as failure:
            built, problem = None, str(failure)
        finally:
            self._current = None
        duration = math.ceil(time.monotonic() - started)
        if built is None:
            self._fail(row, log.text + RED + problem, duration)
        else:
            log.add(notice(self._server.clock.now(), "Deployment finished.", "good"))
            self._finish(row, built, log.text, duration)

    def _set(self, project: str, identifier: str, **values: object) -> Row | None:
        """Change a deployment that is still to be built, and show its status on the function."""
        with self._server.transaction():
            row = store.find(self._server, "deployments", project, identifier)
            if row is None or row["status"] not in UNFINISHED:
                return None
            store.change(self._server, "deployments", row, **values)
            if "status" in values:
                store.set_latest_status(self._server, project, row, str(values["status"]))
            return row

    async def _steps(self, row: Row, log: BuildLog) -> Built:
        server = self._server
        files = storage.files_of(server, row["project"], row["id"])
        owner = store.owner_of(server, row)
        if owner is None:
            raise BuildError("What it belongs to was deleted.")
        try:
            await asyncio.gather(
                asyncio.to_thread(storage.unpack, files), asyncio.sleep(server.settings.build_preparation)
            )
        except storage.ArchiveError as problem:
            raise BuildError(f"Failed to build runtime: {problem}") from None
        self._set(row["project"], row["id"], status="building")
        if server.faults.build_delay:
            await asyncio.sleep(server.faults.build_delay)
        if server.faults.take_failing_build():
            raise BuildError("Failed to build runtime: a fault was asked for.")
        python, _ = await asyncio.gather(
            self._run_commands(owner, row, files, log), asyncio.sleep(server.settings.build_minimum)
        )
        if store.service_of(owner) is store.SITES:
            return await asyncio.to_thread(built_site, owner, row, files)
        return Built(await asyncio.to_thread(storage.pack, files, files.code), python)

    async def _run_commands(self, owner: Row, row: Row, files: storage.DeploymentFiles, log: BuildLog) -> str:
        """Returns the Python that runs the code, or an empty text for other languages."""
        language = runtime_of(self._server, owner)["key"]
        commands = str(row["commands"])
        if not language.startswith("python"):
            tool = TOOLS.get(language)
            if tool is not None and commands.strip() and shutil.which(tool[0]) is None:
                raise BuildError(f"{tool[0]} is not installed on this machine, so {tool[1]} commands cannot run.")
            await self._shell(owner, row, files, log, None)
            return ""
        environment = venv_for(self._venv_folder(), files, commands)
        async with alone(environment):
            is_new = not environment.is_complete
            if is_new:
                problem = await create(environment, with_pip="pip" in commands)
                if problem:
                    raise BuildError(f"Failed to create a virtual environment: {problem}")
            if not is_new and installs_nothing_else(files.code, commands):
                log.add(notice(self._server.clock.now(), "An earlier build has installed these requirements."))
                return str(environment.python)
            try:
                await self._shell(owner, row, files, log, environment.binaries)
            except BaseException:
                if is_new:
                    environment.discard()
                raise
            environment.seal()
        return str(environment.python)

    def _venv_folder(self) -> Path:
        return self._server.settings.venv_folder or self._server.data_dir / VENVS

    async def _shell(
        self, owner: Row, row: Row, files: storage.DeploymentFiles, log: BuildLog, binaries: Path | None
    ) -> None:
        """The commands are one shell line; empty means that nothing runs and nothing is installed."""
        commands = str(row["commands"])
        if not commands.strip():
            return
        with self._server.transaction():
            environment = {
                **machine_environment(files.root, binaries),
                **code_environment(self._server, owner, row),
                f"APPWRITE_{store.service_of(owner).one.upper()}_API_KEY": self._build_key(owner),
            }
        log.add(notice(self._server.clock.now(), "Build command execution started."))
        code = await run_logged(["/bin/sh", "-c", commands], files.code, environment, log.add)
        if code:
            raise BuildError(f"Build command failed with exit code {code}.\n")
        log.add(notice(self._server.clock.now(), "Build command execution finished.", "good"))

    def _build_key(self, owner: Row) -> str:
        return mint_dynamic_key(
            self._server.db,
            owner["project"],
            owner["id"],
            json.loads(owner["scopes"]),
            now=self._server.clock.now().timestamp(),
            lifetime=self._server.settings.build_timeout,
        )

    def _fail(self, row: Row, logs: str, duration: int) -> None:
        self._set(row["project"], row["id"], status="failed", build_logs=logs, build_duration=duration)

    def _finish(self, row: Row, built: Built, logs: str, duration: int) -> None:
        with self._server.transaction():
            ready = self._set(
                row["project"],
                row["id"],
                status="ready",
                build_logs=logs,
                build_duration=duration,
                build_size=built.size,
                total_size=row["source_size"] + built.size,
                environment=built.python,
            )
            owner = store.owner_of(self._server, ready) if ready is not None else None
            if ready is None or owner is None:
                return
            if built.owner:
                store.change_owner(self._server, owner, **built.owner)
            if ready["activate"]:
                self._activate(owner, ready)
            if store.service_of(owner) is store.FUNCTIONS:
                self._inform_scheduler(ready, logs)

    def _inform_scheduler(self, row: Row, logs: str) -> None:
        """What goes wrong with it counts as a failed build, also of code that is not activated (1.8.1, Builds.php)."""
        problem = store.schedule_problem(self._server, row["project"], row["function"])
        if problem:
            store.change(self._server, "deployments", row, status="failed", build_logs=f"{logs}\n{problem}")
            store.set_latest_status(self._server, row["project"], row, "failed")

    def _activate(self, owner: Row, row: Row) -> None:
        """Unless the active deployment was created later than this one (1.8.1, Workers/Builds.php)."""
        active = store.find(self._server, "deployments", row["project"], owner["deployment_id"])
        if active is None or active["sequence"] <= row["sequence"]:
            store.activate(self._server, owner, row, live=True)


def builder_of(server: Server) -> Builder:
    if "builder" not in server.services:
        server.services["builder"] = Builder(server)
    found: Builder = server.services["builder"]
    return found


def resume_builds(server: Server) -> None:
    """Queue again what an earlier process left: its own queue and the build it was in."""
    marks = ", ".join("?" * len(UNFINISHED))
    rows = server.db.execute(
        f"SELECT * FROM deployments WHERE status IN ({marks}) ORDER BY sequence", UNFINISHED
    ).fetchall()
    for row in rows:
        if storage.is_complete(row["received"], row["source_size"]):
            builder_of(server).enqueue(row["project"], row["id"])


# What a site's commands have made: files to be served.


NO_SERVER_SIDE = (
    "This server serves files only, and the site renders on the server (adapter ssr). "
    'Build it with the adapter "static", or deploy it to a real Appwrite.'
)


def built_site(site: Row, row: Row, files: DeploymentFiles) -> Built:
    """Pack the output directory. A site without an adapter gets the one that was found, and the only page as what is
    shown for all that is not there (observed on 1.9.6 and main). Raises BuildError."""
    if site["adapter"] == "ssr":
        raise BuildError(NO_SERVER_SIDE)
    folder = (files.code / row["output_directory"]).resolve()
    if not folder.is_relative_to(files.code.resolve()) or not folder.is_dir():
        raise BuildError(f"The output directory {row['output_directory']!r} was not made by the build.")
    size = storage.pack(files, folder)
    if site["adapter"]:
        return Built(size)
    pages = [each.name for each in sorted(folder.rglob("*.html"))]
    return Built(size, owner={"adapter": "static", "fallback_file": pages[0] if len(pages) == 1 else ""})


# The log of a build: kept in the database while it grows, so that whoever waits sees progress.


#: Appwrite's colours: grey, green, yellow, white, red.
COLOURS = {"info": "97", "good": "32", "stop": "33"}
RED = "\x1b[31m"


def notice(instant: datetime, text: str, colour: str = "info") -> str:
    """A line of Appwrite's own in a build log, formatted as 1.8.1 does."""
    return f"\x1b[90m[{instant:%H:%M:%S}] \x1b[90m[\x1b[0mappwrite\x1b[90m]\x1b[{COLOURS[colour]}m {text} \x1b[0m\n"


class BuildLog:
    """Collects text and hands the whole of it to `save`, at most every `interval` seconds."""

    def __init__(self, save: Callable[[str], object], interval: float = 0.25) -> None:
        self.text = ""
        self._save = save
        self._interval = interval
        self._saved_at = time.monotonic()

    def add(self, text: str) -> None:
        self.text = (self.text + text)[-MOST_LOG:]
        if time.monotonic() - self._saved_at >= self._interval:
            self._saved_at = time.monotonic()
            self._save(self.text)


# Virtual environments for Python functions, shared by deployments that would install the same.
#
# Two deployments share an environment when their requirements and commands are equal, and the commands do nothing but
# install those requirements; otherwise the archive's content counts as well, and the environment is the deployment's
# own.


COMPLETE = ".complete"
#: Commands whose whole effect is decided by requirements.txt.
ONLY_INSTALLS = re.compile(r"(?:python3? -m )?pip3? install(?: --?[\w=-]+)* -r requirements\.txt(?: --?[\w=-]+)*")
#: Of their options, those with which a second run finds everything satisfied.
CHANGE_NOTHING = re.compile(
    r"(?:pip3?|python3? -m pip|install|-r requirements\.txt|-q|--quiet|--no-cache-dir|--no-input|--require-hashes"
    r"|--disable-pip-version-check|--no-deps|--no-warn-script-location|\s)+"
)
#: A requirement by its name, and not by a place, another file or an option.
NAMED = re.compile(r"[A-Za-z0-9][\w.-]*\s*(?:\[[\w\s.,-]*\]\s*)?(?:[=<>!~;#\s][^@/\\]*)?")


@dataclass(frozen=True)
class Venv:
    root: Path

    @property
    def binaries(self) -> Path:
        return self.root / "bin"

    @property
    def python(self) -> Path:
        return self.binaries / "python"

    @property
    def is_complete(self) -> bool:
        return (self.root / COMPLETE).exists()

    def seal(self) -> None:
        """Say that commands ran to their end in it, so that others may use it."""
        private_file(self.root / COMPLETE)

    def discard(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


def venv_for(folder: Path, files: DeploymentFiles, commands: str) -> Venv:
    """The environment for unpacked code; it may not exist yet."""
    digest = hashlib.sha256(f"{sys.executable} {sys.version}\n{commands.strip()}\n".encode())
    if commands.strip():
        requirements = files.code / "requirements.txt"
        digest.update(requirements.read_bytes() if requirements.exists() else b"")
        if not ONLY_INSTALLS.fullmatch(commands.strip()):
            digest.update(files.source.read_bytes())
    return Venv(folder / digest.hexdigest()[:24])


def installs_nothing_else(code: Path, commands: str) -> bool:
    """Whether these commands do nothing in an environment in which an earlier build has run them, with the same
    requirements: starting pip to be informed of that takes a second."""
    file = code / "requirements.txt"
    plain = ONLY_INSTALLS.fullmatch(commands.strip()) and CHANGE_NOTHING.fullmatch(commands.strip())
    if not plain or not file.is_file():
        return False
    lines = file.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ").splitlines()
    return all(NAMED.fullmatch(each.strip()) for each in lines if each.strip() and not each.strip().startswith("#"))


@asynccontextmanager
async def alone(environment: Venv) -> AsyncIterator[None]:
    """One build at a time in an environment: several servers may share the folder of them."""
    folder = private_folder(environment.root.parent)
    with open_private(folder / f"{environment.root.name}.lock", os.O_WRONLY | os.O_APPEND, "a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                break
        yield


async def create(environment: Venv, *, with_pip: bool) -> str:
    """Make an empty environment; returns what the maker said if it failed, else an empty text."""
    environment.discard()
    private_folder(environment.root)
    pip = find_spec("pip") if with_pip else None
    if not with_pip or pip is not None:
        # In this process: starting another Python, and unpacking its pip, would take twenty times as long.
        maker = venv.EnvBuilder(symlinks=True, with_pip=False)
        await asyncio.to_thread(maker.create, environment.root)
        if pip is not None and pip.origin is not None:
            await asyncio.to_thread(_copy_pip, Path(pip.origin).parent, environment)
        narrow_all(environment.root)
        return ""
    said: list[str] = []
    code = await run_logged([sys.executable, "-m", "venv", str(environment.root)], Path("/"), None, said.append)
    return "".join(said) if code else ""


def _copy_pip(package: Path, environment: Venv) -> None:
    """Give an environment the pip that this process has, with the commands it is called by."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    target = environment.root / "lib" / version / "site-packages"
    for source in (package, *package.parent.glob("pip-*.dist-info")):
        shutil.copytree(source, target / source.name, symlinks=True)
    # A shell starts it, since a path with a space, or a long one, cannot stand after `#!`.
    script = f"""#!/bin/sh
exec "{environment.python}" -m pip "$@"
"""
    for name in ("pip", "pip3"):
        command = environment.binaries / name
        command.write_text(script, encoding="utf-8")
        command.chmod(0o700)
