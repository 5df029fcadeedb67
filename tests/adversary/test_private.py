"""What others on the machine, or at the other end of a connection, must never get to see or to do."""

from __future__ import annotations

import io
import json
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from .harness import Arena


def open_to_others(folder: Path) -> list[str]:
    """Everything below a folder that anybody but its owner may use."""
    return [
        f"{stat.filemode(each.lstat().st_mode)} {each.relative_to(folder)}"
        for each in sorted(folder.rglob("*"))
        if not each.is_symlink() and stat.S_IMODE(each.lstat().st_mode) & 0o077
    ]


# Files.


@pytest.fixture
def careless() -> Iterator[None]:
    """A umask that lets everybody read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless")
def test_nothing_that_the_tool_keeps_is_open_to_others(empty: Arena) -> None:
    empty.declare('stack.database(P + "db", name="Db")')
    empty.prepare("apply", "--auto-approve")
    empty.declare('stack.database(P + "db", name="Renamed")')
    empty.prepare("plan", "--out", str(empty.root / "state" / "plan.json"))
    empty.prepare("apply", "--auto-approve")
    kept = {each.name for each in (empty.root / "state").rglob("*") if each.is_file()}
    assert {"state.json", "state.json.backup", "audit.jsonl", "state.lock", "plan.json"} <= kept
    assert open_to_others(empty.root / "state") == []


@pytest.mark.usefixtures("careless")
def test_what_an_older_version_left_open_is_closed(empty: Arena) -> None:
    empty.declare('stack.database(P + "db", name="Db")')
    empty.prepare("apply", "--auto-approve")
    for each in [empty.state_folder, *empty.state_folder.rglob("*")]:
        each.chmod(0o755 if each.is_dir() else 0o644)
    empty.declare('stack.database(P + "db", name="Renamed")')
    empty.prepare("apply", "--auto-approve")
    assert open_to_others(empty.state_folder) == []
    assert stat.S_IMODE(empty.state_folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["state.json", "state.json.backup", "journal.jsonl", "audit.jsonl", "state.lock"])
def test_a_link_in_the_place_of_a_file_never_overwrites_what_it_leads_to(empty: Arena, name: str) -> None:
    empty.declare('stack.database(P + "db", name="Db")')
    empty.prepare("apply", "--auto-approve")
    victim = empty.root / "victim"
    victim.write_text("precious")
    (empty.state_folder / name).unlink(missing_ok=True)
    (empty.state_folder / name).symlink_to(victim)
    empty.declare('stack.database(P + "db", name="Renamed")')
    empty.run("apply", "--auto-approve")
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("name", [".plan.json.new", "plan.json.new", ".plan.json.tmp"])
def test_nor_does_one_beside_a_file_that_is_written(empty: Arena, name: str) -> None:
    victim = empty.root / "victim"
    victim.write_text("precious")
    (empty.root / name).symlink_to(victim)
    empty.declare('stack.database(P + "db", name="Db")')
    empty.prepare("plan", "--out", str(empty.root / "plan.json"), "--markdown", str(empty.root / "plan.md"))
    assert victim.read_text() == "precious"
    assert stat.S_IMODE((empty.root / "plan.json").stat().st_mode) == 0o600


def test_devices_pipes_and_links_of_the_users_are_still_written_into(empty: Arena) -> None:
    empty.declare('stack.database(P + "db", name="Db")')
    (empty.root / "link.md").symlink_to("real.md")
    empty.prepare("plan", "--out", "/dev/null", "--markdown", str(empty.root / "link.md"))
    assert Path("/dev/null").is_char_device()
    assert (empty.root / "link.md").is_symlink()
    assert "database" in (empty.root / "real.md").read_text()
    empty.in_processes = True
    said = empty.iac("plan", "--markdown", "/dev/stdout").out
    assert "<details>" in said


# What a server says.

TURNED = "\u202egnp.exe\u2066\u200f"
COMMAND = "\x1b]0;owned\x07\x1b[2J\r"
SECRET = "hunter2-is-my-password"
STACK = """
    db = stack.database(P + "db", name="Db")
    stack.function(P + "fn", name="Fn", runtime="node-22", specification="s-1vcpu-512mb", timeout=9,
                   entrypoint="m.js", code=KEEP, variables={"TOKEN": FromEnvironment("TOKEN")})
"""
READS = [
    "plan",
    "plan --json",
    "drift",
    "drift --json",
    "apply --auto-approve",
    "health",
    "logs fn",
    "import --write f.py",
    "run fn",
    "deployments fn",
    "destroy fn --auto-approve",
]


class Echoing(BaseHTTPRequestHandler):
    """Says everything that it was sent, with what turns and commands, on many lines; or only of writes."""

    protocol_version = "HTTP/1.1"
    upstream = ""
    only_writes = False

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.only_writes and self.command == "GET":
            sent = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = requests.get(self.upstream + self.path, headers=sent, timeout=30)
            self._give(answer.status_code, answer.content)
            return
        echo = f"{self.command} {self.path}\n{self.headers}\n{body.decode(errors='replace')}\n{TURNED}{COMMAND}"
        message = f"What is this? {echo} {'x' * 3_000}"
        content = {"message": message, "code": 400, "type": f"general_argument_invalid{TURNED}", "version": "1.8.1"}
        self._give(400, json.dumps(content).encode())

    def _give(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json; charset=UTF-8")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        pass


class Executed(Echoing):
    """A function has logged its secret, and answered with it."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        found = {"$id": "e", "$createdAt": "2026-11-30T13:45:00.000+00:00", "functionId": "fn", "trigger": "http"}
        found |= {"status": "completed", "responseStatusCode": 200, "duration": 0.1, "errors": f"{COMMAND}{SECRET}"}
        found |= {
            "logs": f"token {SECRET}{TURNED}",
            "responseBody": f'{{"token": "{SECRET}"}}',
            "requestMethod": "POST",
        }
        found |= {"$permissions": [], "requestPath": "/", "requestHeaders": [], "responseHeaders": []}
        is_list = self.command == "GET" and "/executions" in self.path
        whole = {"version": "1.9.6"} if "/health" in self.path else found
        self._give(200, json.dumps({"total": 1, "executions": [found]} if is_list else whole).encode())

    do_GET = do_POST = _answer  # noqa: N815


@contextmanager
def echoing(arena: Arena, *, only_writes: bool = False, of: type[Echoing] = Echoing) -> Iterator[str]:
    """Such a server, with a name and a password in its address."""
    made = type("Here", (of,), {"upstream": arena.site.endpoint.removesuffix("/v1"), "only_writes": only_writes})
    web = ThreadingHTTPServer(("127.0.0.1", 0), made)
    threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://someone:pass-of-the-proxy@127.0.0.1:{web.server_port}/v1"
    finally:
        web.shutdown()
        web.server_close()


def must_be_harmless(text: str) -> None:
    for each in (SECRET, "pass-of-the-proxy", TURNED, "\u202e", "\u2066", "\u200f", "\x1b", "\x07", "\r", "\x00"):
        assert each not in text, f"{each!r} was shown\n{text}"


def keeps_nothing(arena: Arena) -> None:
    for each in (SECRET, "pass-of-the-proxy", arena.site.key):
        assert each not in arena.kept_texts()


@pytest.fixture
def secretive(empty: Arena) -> Arena:
    empty.declare(STACK)
    empty.secret("TOKEN", SECRET)
    return empty


@pytest.mark.parametrize("words", READS)
def test_a_server_that_echoes_the_request_shows_no_secret_to_anybody(secretive: Arena, words: str) -> None:
    with echoing(secretive) as endpoint:
        secretive.variables["APPWRITE_ENDPOINT"] = endpoint
        ended = secretive.run(*[secretive.id(each) if each == "fn" else each for each in words.split()])
    assert ended.code in (1, 2, 8), ended
    must_be_harmless(ended.text)
    longest = max(len(line) for line in ended.text.splitlines())
    assert longest < 1_500, ended
    keeps_nothing(secretive)


@pytest.mark.parametrize("words", ["logs", "logs --json", "run", "run --json"])
def test_what_a_function_logs_shows_no_secret_of_the_stack(secretive: Arena, words: str) -> None:
    with echoing(secretive, of=Executed) as endpoint:
        secretive.variables["APPWRITE_ENDPOINT"] = endpoint
        ended = secretive.run(*words.split(), secretive.id("fn"))
        assert ended.code == 0, ended
        assert "token ***" in ended.out
        must_be_harmless(ended.text)


@pytest.mark.parametrize("level", ["debug", "info"])
def test_nor_do_the_logs_of_the_libraries(secretive: Arena, level: str, capfd: pytest.CaptureFixture[str]) -> None:
    with echoing(secretive) as endpoint:
        ended = secretive.iac("plan", "--log-level", level, code=1, APPWRITE_ENDPOINT=endpoint)
    must_be_harmless(ended.text)


@pytest.mark.parametrize("words", ["apply --auto-approve", "apply --auto-approve --json"])
def test_what_is_echoed_of_a_write_reaches_neither_terminal_nor_audit_log_nor_journal(
    secretive: Arena, words: str
) -> None:
    with echoing(secretive, only_writes=True) as endpoint:
        secretive.variables["APPWRITE_ENDPOINT"] = endpoint
        ended = secretive.run(*words.split())
    assert ended.code == 1
    assert "What is this?" in ended.text
    must_be_harmless(ended.text)
    keeps_nothing(secretive)
    assert "What is this?" in (secretive.state_folder / "audit.jsonl").read_text()


@pytest.mark.parametrize("form", ["", "--json", "--markdown -", "--html -", "--svg -"])
def test_a_name_that_turns_lines_around_does_not_in_any_form_of_a_plan(empty: Arena, form: str) -> None:
    empty.declare(STACK.replace('variables={"TOKEN": FromEnvironment("TOKEN")}', 'variables={"TOKEN": "plain"}'))
    empty.prepare("apply", "--auto-approve")
    name = f"F{TURNED}{COMMAND}n"
    body = {"name": name, "runtime": "node-22", "entrypoint": "m.js", "timeout": 9, "specification": "s-1vcpu-512mb"}
    empty.api.put(f"/functions/{empty.id('fn')}", body)
    ended = empty.run("plan", *form.split())
    assert ended.code == 0, ended
    assert "gnp.exe" in ended.out
    must_be_harmless(ended.text)


def test_an_address_with_a_password_is_shown_without_it(secretive: Arena) -> None:
    address = secretive.proxy.endpoint.replace("http://", "http://someone:pass-of-the-proxy@")
    secretive.variables["APPWRITE_ENDPOINT"] = address
    for words in ("plan", "plan --json", "plan --out plan.json", "apply --auto-approve", "drift", "state list"):
        ended = secretive.run(*words.replace("plan.json", str(secretive.root / "plan.json")).split())
        assert ended.code == 0, ended
        must_be_harmless(ended.text)
    shown = secretive.run("show", str(secretive.root / "plan.json"))
    must_be_harmless(shown.text)


def test_what_was_asked_for_is_shown(tmp_path: Path) -> None:
    """A key that is made, and the one of the embedded server, are the point of these commands."""
    from raceday_iac.cli.main import execute

    out = io.StringIO()
    with redirect_stdout(out):
        assert execute(["state", "keys", "--generate"]) == 0
    assert "AGE-SECRET-KEY-" in out.getvalue()
