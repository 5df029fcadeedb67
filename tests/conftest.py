"""Settings for every test."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from raceday_iac.model.secret import forget_secrets

if TYPE_CHECKING:
    from raceday_iac.devserver.runner import RunningServer

# How fast a machine draws examples says nothing about the code: a busy one must not fail a test.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Without bytecode each run rewrites all assertions (12 s in each worker), and each of some hundred child processes
# compiles the program.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What it is for is the loss of power, which no test can see: a process that is killed loses nothing of what it wrote.
# That it is called, and when, is tested in unit/state/test_local.py and unit/test_files.py.
os.fsync = lambda _file: None

#: Bytes that must be free there: a whole run has some hundred megabytes at a time.
ROOM = 4 << 30


def _keep_temporary_files_in_memory() -> None:
    """Where there is such a place, and nobody has chosen another: the suite writes some hundred thousand small files,
    for which a disk takes four times as long."""
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or not memory.is_dir():
        return
    there = os.statvfs(memory)
    folder = memory / f"iac-{os.getuid()}"
    # Some tests start programs that they have written.
    if there.f_flag & os.ST_NOEXEC or there.f_bavail * there.f_frsize < ROOM:
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid == os.getuid():
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


_keep_temporary_files_in_memory()

# Nothing of what is collected is garbage (see below).
gc.disable()

pytest_plugins = ["workers", "state.s3_server"]

#: The files that take longest, which are begun first: at the end no worker waits for the one that got the longest.
SLOW = (
    "crash/test_raceday.py",
    "functions/test_hostile_days.py",
    "functions/test_lock_exploration.py",
    "contract/test_transcripts.py",
    "functions/test_database_setup_live.py",
    "e2e/test_simulate.py",
    "crash/test_killed_processes.py",
    "functions/test_setting_up_turns.py",
    "functions/test_daily_races.py",
    "e2e/test_appwrite_configs.py",
    "e2e/test_state_places.py",
    "functions/test_lock_stress.py",
    "adversary/test_answers.py",
    "adversary/test_schema_parallel.py",
    "devserver/test_functions_workers.py",
    "adversary/test_state_answers.py",
    "adversary/test_functions_answers.py",
    "e2e/test_schema.py",
    "adversary/test_schema_random.py",
    "adversary/test_code_answers.py",
    "contract/test_applying_on_ages.py",
    "e2e/test_faults.py",
    "e2e/test_legacy_project.py",
    "e2e/test_recover.py",
    "install/test_wheel.py",
    "e2e/test_bad_input.py",
    "ci/test_flow.py",
    "property/test_pairs.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    rank = {here / name: place for place, name in enumerate(SLOW)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was collected stays to the end: looking through it for garbage again and again finds none."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """What a run that went well has written is of no use. Not sooner: some tests share what the first of them wrote."""
    if exitstatus == 0:
        shutil.rmtree(session.config._tmp_path_factory.getbasetemp(), ignore_errors=True)


@pytest.fixture(autouse=True)
def _no_secrets_of_others() -> None:
    """What is shown is searched for the secrets of this run, and each test is one."""
    forget_secrets()


@pytest.fixture(scope="session")
def server_of_age(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], RunningServer]]:
    """Embedded servers by the age that they play (`1.8`, `1.9`, `main`): started when asked for, one for all tests."""
    from raceday_iac.devserver.ages import AGES
    from raceday_iac.devserver.runner import start_server
    from raceday_iac.devserver.server import Settings

    with ExitStack() as servers:

        @cache
        def of(age: str) -> RunningServer:
            folder = tmp_path_factory.mktemp(f"appwrite-{age}")
            chosen = Settings(age=AGES[age], scheduler=False, processing_delay=0.0, function_creation_limit=0)
            return servers.enter_context(start_server(folder, settings=chosen))

        yield of
