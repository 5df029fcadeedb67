"""Ctrl-C while the console applies: the apply ends as on the command line, and its page and the terminal say so."""

from __future__ import annotations

import ctypes
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest
import requests

from raceday_iac.console.work import Task, Tasks
from raceday_iac.errors import IacError, Interrupted
from raceday_iac.state.backends.local import LocalState
from raceday_iac.waiting import is_interrupted

from .conftest import Shop

PROGRAM = [sys.executable, "-c", "from raceday_iac.cli.main import main; main()"]


@dataclass
class Served:
    """A console as a process of its own."""

    process: subprocess.Popen[str]
    link: str

    def page(self, path: str, wanted: str) -> str:
        """A page as soon as this is in it."""
        text = ""
        with suppress(requests.ConnectionError):
            for _ in range(3000):
                text = requests.get(f"{self.link}{path}", timeout=60).text
                if wanted in text:
                    return text
                time.sleep(0.02)
        raise AssertionError(f"no {wanted!r} in\n{text}")

    def apply(self) -> None:
        text = self.page("plan", "data-wanted")
        form = re.search(r'<form method=post action="[^"]*/apply".*?</form>', text, re.DOTALL)
        assert form
        values = dict(re.findall(r'<input type=hidden name=(\w+) value="([^"]*)"', form[0]))
        wanted = re.search(r'data-wanted="([^"]+)"', form[0])
        assert wanted
        origin = self.link[: self.link.index("/", 8)]
        values = {name: unescape(value) for name, value in values.items()} | {"sentence": wanted[1]}
        requests.post(f"{self.link}apply", data=values, headers={"origin": origin}, timeout=60).raise_for_status()


@contextmanager
def serving(shop: Shop) -> Iterator[Served]:
    with subprocess.Popen(
        [*PROGRAM, "console", "--json"], cwd=shop.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        text = ""
        while not text.rstrip().endswith("\n}"):
            line = process.stdout.readline()
            assert line, process.communicate()
            text += line
        try:
            yield Served(process, json.loads(text)["console"]["address"])
        finally:
            process.kill()


def delay(shop: Shop, method: str, path: str, seconds: float, times: int) -> None:
    fault = {"method": method, "path": path, "delay": seconds, "times": times}
    requests.post(f"{shop.server.endpoint}/_dev/faults", json=fault, headers=key(shop), timeout=60).raise_for_status()


def wait_until_it_is_sent(shop: Shop, path: str) -> None:
    """Until a request that is delayed has come to the server."""
    while True:
        faults = requests.get(f"{shop.server.endpoint}/_dev/faults", headers=key(shop), timeout=60).json()
        if all(each["path"] != path for each in faults["requests"]):
            return
        time.sleep(0.02)


def key(shop: Shop) -> dict[str, str]:
    return {"x-appwrite-project": "shop", "x-appwrite-key": shop.server.key}


def test_what_is_under_way_is_finished_and_saved_and_nothing_new_is_begun(shop: Shop) -> None:
    # Nothing that lies in it can begin before, however late the interrupt is.
    delay(shop, "POST", "/v1/databases", 6.0, 1)
    with serving(shop) as console:
        console.apply()
        console.page("plan", "Applying")
        state = LocalState(shop.folder / "state" / "local")
        wait_until_it_is_sent(shop, "/v1/databases")
        console.process.send_signal(signal.SIGINT)
        page = console.page("plan", "apply again to continue")
        _, err = console.process.communicate(timeout=60)
    assert console.process.returncode == 130
    assert "Traceback" not in err
    assert "Interrupted: finishing what is under way." in err
    assert "Not complete:" in err
    assert "Everything done is in the state" in err
    assert "Everything that was done is in the state; apply again to continue." in page
    assert "was not begun" in page
    there = requests.get(f"{shop.server.endpoint}/databases", headers=key(shop), timeout=60).json()["databases"]
    owned = {str(each) for each in state.read().entries}
    assert {f"database.{each['$id']}" for each in there} == {each for each in owned if each.startswith("database.")}
    assert not state.lock_holder()
    rest = subprocess.run(
        [*PROGRAM, "apply", "--auto-approve"], cwd=shop.folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert rest.returncode == 0, rest.stderr
    assert "Appwrite matches the configuration" in rest.stdout


def test_a_second_interrupt_ends_it_at_once(shop: Shop) -> None:
    with shop.edited('name="Staff"', 'name="Crew"'), serving(shop) as console:
        delay(shop, "PUT", "/v1/teams/staff", 50.0, 1)
        console.apply()
        console.page("plan", "Applying")
        wait_until_it_is_sent(shop, "/v1/teams/staff")
        console.process.send_signal(signal.SIGINT)
        console.page("plan", "the changes that have begun are being finished")
        console.process.send_signal(signal.SIGINT)
        _, err = console.process.communicate(timeout=30)
    assert console.process.returncode == 130
    assert "Traceback" not in err
    assert "Stopped. The saved state is consistent; run apply again to continue." in err


def test_without_a_change_under_way_it_ends_at_once(shop: Shop) -> None:
    with serving(shop) as console:
        console.page("plan", "<h1>")
        console.process.send_signal(signal.SIGINT)
        _, err = console.process.communicate(timeout=60)
    assert console.process.returncode == 130
    assert err == ""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "tgkill"), reason="a signal is given to a thread as Linux does it")
def test_an_interrupt_that_another_thread_gets_is_heard(shop: Shop) -> None:
    with serving(shop) as console:
        console.page("plan", "<h1>")
        pid = console.process.pid
        other = max(int(each.name) for each in Path(f"/proc/{pid}/task").iterdir())
        assert other != pid
        ctypes.CDLL(None).tgkill(pid, other, signal.SIGINT)
        _, err = console.process.communicate(timeout=30)
    assert console.process.returncode == 130
    assert err == ""


def test_what_would_begin_while_it_ends_hears_of_it() -> None:
    tasks, heard = Tasks(), list[bool]()
    assert tasks.interrupt() == []

    def work(_task: Task) -> None:
        heard.append(is_interrupted())
        raise Interrupted("Interrupted before anything was sent.", unchanged=True)

    with pytest.raises(Interrupted):
        tasks.complete("apply", "Applying", work)
    assert heard == [True]


def test_what_only_looks_is_not_interrupted() -> None:
    tasks, heard = Tasks(), list[bool]()
    tasks.interrupt()
    tasks.start("plan", "Planning", lambda _task: heard.append(is_interrupted())).ended.wait(60)
    assert heard == [False]


def test_work_that_is_waited_for_gives_its_result_or_its_error() -> None:
    def fail(_task: Task) -> None:
        raise IacError("no")

    tasks = Tasks()
    assert tasks.complete("x", "X", lambda _task: 3) == 3
    with pytest.raises(IacError, match="no"):
        tasks.complete("x", "X", fail)
