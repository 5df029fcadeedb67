"""`--workers N`: the tests, file by file, in N processes that fork themselves from the one that has collected them.

Collecting takes some seconds, and so do the imports. Here that is done once, and a worker begins with all of it. What
a test reports goes back to the first process, where pytest's own reporting knows nothing of workers. Without the
option, and with one worker, pytest runs as ever.
"""

from __future__ import annotations

import fcntl
import gc
import os
import pickle
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

import pytest

#: The name of a worker, for what is to differ between them; unset where there are none.
NAME = "TESTS_WORKER"
#: Bytes of a number in the queue.
_NUMBER = 4
#: How often a worker is interrupted before it is killed, and seconds in between.
_INTERRUPTS, _PATIENCE = 3, 5.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--workers", type=int, default=1, help="run the files of tests in so many processes at a time")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    option = session.config.option
    has_errors = session.testsfailed and not option.continue_on_collection_errors
    if option.workers < 2 or option.collectonly or has_errors or not hasattr(os, "fork"):
        return None
    _Workers(session).run(option.workers)
    # pytest goes through all objects ten times at the end, for exceptions in what tests left. None ran in this process.
    gc.freeze()
    return True


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """A temporary folder for what all workers of one run have in common."""
    base = factory.getbasetemp()
    return base.parent if os.environ.get(NAME) else base


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder of that name for all workers of one run, which the first one that asks makes. Nobody changes it."""
    folder = shared_folder(factory) / name
    with open(folder.with_suffix(".lock"), "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not folder.exists():
            draft = folder.with_suffix(".new")
            # What somebody began who failed.
            shutil.rmtree(draft, ignore_errors=True)
            make(draft)
            draft.rename(folder)
    return folder


class _Queue:
    """Numbers from 0 to `count`, each of which is given to one of the processes that fork themselves with it."""

    def __init__(self, count: int) -> None:
        self._reading, writing = os.pipe()
        os.write(writing, b"".join(number.to_bytes(_NUMBER, "big") for number in range(count)))
        os.close(writing)

    def take(self) -> int | None:
        found = os.read(self._reading, _NUMBER)
        return int.from_bytes(found, "big") if found else None


@dataclass
class _Workers:
    """What the first process knows of them."""

    session: pytest.Session
    _pids: dict[Connection, int] = field(default_factory=dict)
    #: The number of the test that each is at.
    _current: dict[Connection, int] = field(default_factory=dict)
    _said: dict[Connection, str] = field(default_factory=dict)

    def run(self, count: int) -> None:
        """Raises what pytest's own loop raises."""
        files = [[number for number, _ in group] for _, group in groupby(enumerate(self.session.items), _file_of)]
        queue = _Queue(len(files))
        base = self.session.config._tmp_path_factory.getbasetemp()
        # What is printed later must not be printed by each of them, too.
        sys.stdout.flush()
        sys.stderr.flush()
        for number in range(min(count, len(files))):
            reading, writing = Pipe(duplex=False)
            pid = os.fork()
            if pid == 0:
                _be_worker(self.session, files, queue, writing, base / f"worker-{number}")
            writing.close()
            self._pids[reading] = pid
        try:
            self._follow()
        finally:
            # Only of a run that ends before its time are there any left. One that is sending must not wait for us.
            for connection in self._pids:
                connection.close()
            _end({*self._pids.values()})
        if self.session.shouldfail:
            raise self.session.Failed(self.session.shouldfail)
        if self.session.shouldstop:
            raise self.session.Interrupted(self.session.shouldstop)

    def _follow(self) -> None:
        while self._pids and not (self.session.shouldfail or self.session.shouldstop):
            for each in wait(list(self._pids)):
                assert isinstance(each, Connection)
                try:
                    what, content = each.recv()
                except EOFError:
                    self._must_have_ended(each)
                else:
                    self._hear(each, what, content)

    def _hear(self, worker: Connection, what: str, content: Any) -> None:
        hook = self.session.config.hook
        if what == "begins":
            self._current[worker] = content
            item = self.session.items[content]
            hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        elif what == "passed":
            when, start, stop, duration = content
            item = self.session.items[self._current[worker]]
            report = pytest.TestReport(item.nodeid, item.location, {}, "passed", None, when, (), duration, start, stop)
            hook.pytest_runtest_logreport(report=report)
        elif what == "report":
            report = hook.pytest_report_from_serializable(config=self.session.config, data=content)
            hook.pytest_runtest_logreport(report=report)
        elif what == "died":
            self._said[worker] = content
        else:
            hook.pytest_warning_recorded.call_historic(kwargs=content)

    def _must_have_ended(self, worker: Connection) -> None:
        code = os.waitstatus_to_exitcode(os.waitpid(self._pids.pop(worker), 0)[1])
        if code == 0:
            return
        item = self.session.items[self._current.get(worker, 0)]
        said = f"its worker died ({code}), and what it had still to do was left out\n{self._said.get(worker, '')}"
        report = pytest.TestReport(item.nodeid, item.location, {}, "failed", said, "call")
        self.session.config.hook.pytest_runtest_logreport(report=report)


def _end(pids: set[int]) -> None:
    """Interrupt processes until they have ended, since a test may take an interrupt for its own; kill those that do
    not."""
    for number in (*[signal.SIGINT] * _INTERRUPTS, signal.SIGKILL):
        for pid in pids:
            os.kill(pid, number)
        deadline = time.monotonic() + _PATIENCE
        while pids and time.monotonic() < deadline:
            pids = {each for each in pids if os.waitpid(each, os.WNOHANG)[0] == 0}
            time.sleep(0.01)


def _file_of(numbered: tuple[int, pytest.Item]) -> Path:
    return numbered[1].path


# What follows runs in a worker.


def _be_worker(
    session: pytest.Session, files: list[list[int]], queue: _Queue, connection: Connection, folder: Path
) -> None:
    """Never returns."""
    code = 1
    try:
        _prepare(session.config, folder)
        session.config.pluginmanager.register(_Sender(session.config, connection))
        _work(session, _planned(files, queue), connection)
        code = 0
    except (KeyboardInterrupt, BrokenPipeError):
        # The others and the first process are interrupted, too. Servers that tests have started must not stay.
        session._setupstate.teardown_exact(None)
    except BaseException:  # noqa: BLE001 - an error of pytest's own, which the first process shows
        connection.send(("died", traceback.format_exc()))
    finally:
        os._exit(code)


def _prepare(config: pytest.Config, folder: Path) -> None:
    """What a worker must not share with the others."""
    os.environ[NAME] = folder.name
    # A shell has its jobs in the background ignore it. This is how the first process ends a worker.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder.mkdir()
    config._tmp_path_factory._basetemp = folder
    manager = config.pluginmanager
    # It says what the first process is to say.
    manager.unregister(name="terminalreporter")
    # What is captured lies in a file, which has one position for all who have it open.
    capturing: Any = manager.getplugin("capturemanager")
    capturing.stop_global_capturing()
    capturing.start_global_capturing()


def _planned(files: list[list[int]], queue: _Queue) -> Iterator[int]:
    while (number := queue.take()) is not None:
        yield from files[number]


def _work(session: pytest.Session, numbers: Iterator[int], connection: Connection) -> None:
    current = next(numbers, None)
    while current is not None:
        # Asked for before the test runs: what both use is not taken down between them.
        following = next(numbers, None)
        connection.send(("begins", current))
        item = session.items[current]
        after = None if following is None else session.items[following]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        if session.shouldfail or session.shouldstop:
            return
        current = following


@dataclass(eq=False)
class _Sender:
    """Sends what is reported in a worker."""

    config: pytest.Config
    connection: Connection

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.passed and not report.sections and not report.user_properties:
            self.connection.send(("passed", (report.when, report.start, report.stop, report.duration)))
        else:
            content = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
            self.connection.send(("report", content))

    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str, location: tuple[str, int, str] | None
    ) -> None:
        content = {"warning_message": warning_message, "when": when, "nodeid": nodeid, "location": location}
        try:
            pickle.dumps(content)
        except Exception:  # noqa: BLE001 - whatever it is that cannot be sent
            warning_message.message = UserWarning(str(warning_message.message))
            warning_message.category = UserWarning
            warning_message.source = None
        self.connection.send(("warning", content))
