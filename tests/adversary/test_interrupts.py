"""Ctrl-C ends at once what only reads; long waits are reported; and no wait is without an end."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest
from e2e.command import Ended, Run

from raceday_iac.provider.appwrite import RetryPolicy, Transport
from raceday_iac.waiting import FIRST

from .harness import Arena

#: Seconds within which an interrupted command must be over: less than any wait that it could have sat out.
SOON = 25


@dataclass
class Deaf:
    """A server that takes connections and never answers, or that sends a little and then nothing more."""

    address: str = ""
    asked: threading.Event = field(default_factory=threading.Event)


@contextmanager
def deaf(said: bytes = b"") -> Iterator[Deaf]:
    found, held = Deaf(), []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found.address = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    held.append(connection)
                    connection.recv(1)
                    connection.sendall(said)
                    found.asked.set()

        threading.Thread(target=serve, daemon=True).start()
        yield found
        listening.shutdown(socket.SHUT_RDWR)
    for each in held:
        each.close()


def interrupted(run: Run, *, presses: int = 1) -> Ended:
    """Press, and require that it ends by itself soon: with 130, one sentence, and no traceback."""
    for _ in range(presses):
        run.signal(signal.SIGINT)
    try:
        run._process.wait(SOON)
    except (TimeoutError, subprocess.TimeoutExpired):
        raise AssertionError("it goes on waiting") from None
    ended = run.end()
    assert ended.code == 130, ended
    assert len(re.findall(r"\bInterrupted[.:]", ended.text)) == 1, ended
    return ended


STACK = """
    db = stack.database(P + "db", name="Db")
    db.collection("c", name="C").string("text", 20)
    stack.function(P + "fn", name="Fn", runtime="node-22", specification="s-1vcpu-512mb", timeout=9,
                   entrypoint="m.js", code=KEEP)
"""


@pytest.fixture
def project(empty: Arena) -> Arena:
    empty.declare(STACK)
    return empty


READS = (
    "plan",
    "plan --json",
    "plan --detailed-exitcode --out saved.json",
    "drift",
    "drift --json",
    "health",
    "import --write found.py",
    "import --all",
    "logs fn",
    "deployments fn",
    "lint --live",
    "recover --dry-run",
    "apply --auto-approve",
    "destroy fn --auto-approve",
)


def words_of(project: Arena, words: str) -> list[str]:
    return [project.id(each) if each == "fn" else each for each in words.split()]


@pytest.mark.parametrize("words", READS)
def test_ctrl_c_ends_a_command_that_waits_for_an_answer_that_never_comes(project: Arena, words: str) -> None:
    with deaf() as server:
        run = project.start(*words_of(project, words), APPWRITE_ENDPOINT=server.address)
        assert server.asked.wait(60)
        assert "Nothing was changed" in interrupted(run).text


@pytest.mark.parametrize("words", ["run fn", "run fn --async"])
def test_whoever_interrupts_an_execution_is_not_shown_that_nothing_was_begun(project: Arena, words: str) -> None:
    with deaf() as server:
        run = project.start(*words_of(project, words), APPWRITE_ENDPOINT=server.address)
        assert server.asked.wait(60)
        said = interrupted(run).text
    assert "Nothing was changed" not in said
    assert f"it may have been started; see: raceday-iac logs {project.id('fn')}" in said


@pytest.mark.parametrize("words", ["run fn", "run fn --async"])
def test_an_execution_that_is_not_answered_may_have_been_started(
    project: Arena, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setattr("raceday_iac.provider.appwrite.writing._SYNCHRONOUS_LIMIT", 0.3)
    with deaf() as server:
        project.variables["APPWRITE_ENDPOINT"] = server.address
        ended = project.run(*words_of(project, words))
    assert ended.code == 1
    assert f"it may have been started; see: raceday-iac logs {project.id('fn')}" in ended.err
    assert "run the command again" not in ended.err


def test_an_execution_that_was_never_sent_was_not_started(project: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch, total=0.4, read=0.3)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    project.variables["APPWRITE_ENDPOINT"] = f"http://127.0.0.1:{port}/v1"
    ended = project.run(*words_of(project, "run fn"))
    assert ended.code == 1
    assert "not known" not in ended.err


@pytest.mark.parametrize("words", ["plan", "drift", "health", "import --all", "logs fn", "apply --auto-approve"])
def test_ctrl_c_ends_a_command_that_was_asked_to_come_again_later(project: Arena, words: str) -> None:
    asked = threading.Event()
    project.proxy.call(asked.set, "*", "*", times=9_999)
    project.proxy.answer(429, "*", "*", times=9_999, retry_after=50)
    run = project.start(*words_of(project, words))
    assert asked.wait(60)
    interrupted(run)


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"],
    ids=["in the middle of the headers", "in the middle of the body"],
)
def test_ctrl_c_ends_a_command_whose_answer_stops(project: Arena, said: bytes) -> None:
    with deaf(said) as server:
        run = project.start("plan", APPWRITE_ENDPOINT=server.address)
        assert server.asked.wait(60)
        interrupted(run)


def test_ctrl_c_ends_a_watch_that_waits_too(project: Arena) -> None:
    """It is the way to end one, so it needs no sentence."""
    with deaf() as server:
        run = project.start("health", "--watch", APPWRITE_ENDPOINT=server.address)
        assert server.asked.wait(60)
        run.signal(signal.SIGINT)
        run._process.wait(SOON)
        assert run.end().code == 130


def test_a_second_ctrl_c_adds_nothing_but_haste(project: Arena) -> None:
    with deaf() as server:
        run = project.start("plan", APPWRITE_ENDPOINT=server.address)
        assert server.asked.wait(60)
        run.signal(signal.SIGINT)
        run.signal(signal.SIGINT)
        run._process.wait(SOON)
        assert run.end().code == 130


def test_the_lock_of_an_interrupted_apply_is_free_again(project: Arena) -> None:
    with deaf() as server:
        run = project.start("apply", "--auto-approve", APPWRITE_ENDPOINT=server.address)
        assert server.asked.wait(60)
        interrupted(run)
    project.prepare("apply", "--auto-approve")


def test_ctrl_c_during_changes_lets_what_is_under_way_end(project: Arena) -> None:
    """As before: what was begun is finished and written down, and the rest is named."""
    run = project.start("apply", "--auto-approve")
    project.proxy.call(run.interrupt, "POST", "/databases")
    ended = run.end()
    assert ended.code == 130
    assert "not started" in ended.out.lower()
    assert f"database.{project.id('db')}" in project.state()


# Waits are reported, and end.


def test_what_is_waited_for_is_reported_on_standard_error_in_plain_lines(project: Arena) -> None:
    """A plan that is asked to wait for longer than two seconds, and then succeeds."""
    project.proxy.answer(503, "GET", "/functions", retry_after=int(FIRST) + 1)
    project.in_processes = True
    ended = project.iac("plan")
    assert "… reading functions, retry 1 of 4: 503" in ended.err
    assert "\x1b" not in ended.err
    assert "reading functions" not in ended.out


def test_what_is_quick_is_not_reported(project: Arena) -> None:
    project.in_processes = True
    assert project.iac("plan").err == ""


@pytest.mark.parametrize("words", ["plan", "drift", "health", "import --all", "logs fn", "apply --auto-approve"])
def test_a_server_that_never_answers_is_an_error_in_the_end(
    project: Arena, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """The minute that a request has in all, shortened: every kind of wait is cut to it."""
    shorten(monkeypatch, total=0.4, read=0.3)
    with deaf() as server:
        project.variables["APPWRITE_ENDPOINT"] = server.address
        ended = project.run(*words_of(project, words))
    assert ended.code == 1, ended
    assert "did not answer in time" in ended.text


def test_more_patience_than_is_left_is_refused_at_once(project: Arena) -> None:
    slept: list[float] = []
    project.proxy.answer(429, "GET", "/functions", times=9_999, retry_after=61)
    with pytest.MonkeyPatch.context() as patch:
        defaults = {"sleep": slept.append}
        patch.setattr(Transport.__init__, "__kwdefaults__", {**Transport.__init__.__kwdefaults__, **defaults})
        ended = project.run("plan")
    assert ended.code == 1
    assert slept == []
    assert project.proxy.count("GET", "/functions") == 1


def shorten(patch: pytest.MonkeyPatch, **patience: float) -> None:
    defaults = {"patience": RetryPolicy(attempts=5, **patience), "jitter": lambda _longest: 0.0}
    patch.setattr(Transport.__init__, "__kwdefaults__", {**Transport.__init__.__kwdefaults__, **defaults})


def test_ctrl_c_ends_a_wait_that_python_itself_cannot_leave(project: Arena) -> None:
    """The library that asks an S3 store waits outside of Python, where no handler is called."""
    with deaf() as store:
        where = store.address.removesuffix("/v1")
        file = project.root / "stacks" / "environments" / "e2e.yaml"
        keys = "access_key_env: S3_KEY, secret_key_env: S3_SECRET"
        settings = f"state: {{backend: s3, bucket: b, endpoint: {where}, {keys}}}\n"
        file.write_text(file.read_text(encoding="utf-8") + settings, encoding="utf-8")
        run = project.start("state", "list", S3_KEY="key-of-the-store", S3_SECRET="secret-of-the-store")
        assert store.asked.wait(60)
        ended = interrupted(run)
        assert "of-the-store" not in ended.text
