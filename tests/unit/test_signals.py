"""An interrupt that is not heard ends the program all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from raceday_iac.errors import EXIT_INTERRUPTED
from raceday_iac.waiting import Interrupts, handled, is_interrupted, unless_heard


@pytest.fixture(autouse=True)
def _ignored() -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    yield
    signal.signal(signal.SIGUSR1, before)


def test_a_block_that_goes_on_after_the_signal_is_deaf() -> None:
    called = threading.Event()
    with unless_heard(called.set, signal.SIGUSR1, patience=0):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert called.wait(60)


def test_a_block_that_ends_has_heard() -> None:
    called = threading.Event()
    with unless_heard(called.set, signal.SIGUSR1, patience=600):
        os.kill(os.getpid(), signal.SIGUSR1)
    assert not called.is_set()


def test_other_signals_mean_nothing() -> None:
    called = threading.Event()
    with unless_heard(called.set, signal.SIGINT, patience=0):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert not called.wait(0.05)


def test_what_was_reported_of_signals_before_is_reported_again() -> None:
    before = signal.set_wakeup_fd(-1)
    with unless_heard(lambda: None, signal.SIGUSR1):
        assert signal.set_wakeup_fd(-1) != -1
    assert signal.set_wakeup_fd(before) == -1


def test_other_threads_are_left_alone() -> None:
    reached: list[bool] = []

    def run() -> None:
        with unless_heard(lambda: None, signal.SIGUSR1), handled(lambda _presses: None, signal.SIGUSR1):
            reached.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert reached == [True]


def in_a_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()


def test_what_is_passed_on_reaches_the_innermost_block_of_its_thread() -> None:
    interrupts, heard = Interrupts(), list[tuple[str, int]]()

    def work() -> None:
        with interrupts.heard(), handled(lambda presses: heard.append(("outer", presses)), signal.SIGINT):
            interrupts.press()
            with handled(lambda presses: heard.append(("inner", presses)), signal.SIGINT):
                interrupts.press()
            interrupts.press()
        assert not is_interrupted()

    in_a_thread(work)
    # The inner block begins after the first: it hears of that at once.
    assert heard == [("outer", 1), ("inner", 1), ("inner", 2), ("outer", 3)]


def test_what_was_passed_on_before_a_block_is_not_lost() -> None:
    interrupts, heard = Interrupts(), list[int]()
    interrupts.press()

    def work() -> None:
        with interrupts.heard():
            assert is_interrupted()
            with handled(heard.append, signal.SIGINT):
                pass

    in_a_thread(work)
    assert heard == [1]
    assert not is_interrupted()


def test_an_interrupt_while_the_program_is_loaded_ends_it_without_a_traceback() -> None:
    text = (
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_rest):\n"
        "        if name == 'raceday_iac.cli.main':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from raceday_iac.__main__ import main\n"
        "main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (EXIT_INTERRUPTED, "", "")
