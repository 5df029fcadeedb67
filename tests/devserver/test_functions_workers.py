"""Running code: warm and cold workers, limits, and the Python contract."""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from raceday_iac.devserver.server import ManualClock

from .functions_server import HELLO, Client, serving

COUNT = """
import os

calls = 0

def main(context):
    global calls
    calls += 1
    return context.res.json({"calls": calls, "pid": os.getpid(), "word": os.environ.get("WORD")})
"""


def counted(client: Client, **fields: object) -> dict[str, object]:
    return dict(json.loads(client.run(**fields)["responseBody"]))


def is_alive(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_worker_stays_warm_between_executions(client: Client) -> None:
    client.create()
    client.deploy(COUNT)
    first, second = counted(client), counted(client)
    assert (first["calls"], second["calls"]) == (1, 2)
    assert first["pid"] == second["pid"]


def test_an_idle_worker_ends_and_the_next_execution_starts_cold(tmp_path: Path, venvs: Path) -> None:
    with serving(tmp_path, venvs, worker_idle=0.05) as running:
        client = Client(running)
        client.create()
        client.deploy(COUNT)
        pid = int(str(counted(client)["pid"]))
        while is_alive(pid):
            time.sleep(0.02)
        assert counted(client)["calls"] == 1


def test_variables_reach_code_at_the_next_cold_start_only(client: Client) -> None:
    client.create()
    client.deploy(COUNT)
    assert counted(client)["word"] is None
    client.ok("POST", "/functions/f/variables", {"key": "WORD", "value": "new"})
    assert counted(client)["word"] is None
    client.deploy(COUNT)
    assert counted(client)["word"] == "new"


def test_project_variables_are_hidden_by_those_of_the_function(client: Client) -> None:
    client.ok("PUT", "/_dev/variables", {"variables": {"WORD": "shared", "APPWRITE_FUNCTION_ID": "mine"}})
    client.create()
    client.deploy(COUNT)
    assert counted(client)["word"] == "shared"
    client.ok("POST", "/functions/f/variables", {"key": "WORD", "value": "own"})
    client.deploy(
        "import os\ndef main(c):\n    return c.res.text(os.environ['WORD'] + os.environ['APPWRITE_FUNCTION_ID'])\n"
    )
    assert client.run()["responseBody"] == "ownf"


def test_another_specification_starts_cold(client: Client) -> None:
    client.create()
    client.deploy(COUNT)
    assert counted(client)["calls"] == 1
    client.ok("PUT", "/functions/f", {"name": "F", "specification": "s-1vcpu-1gb"})
    assert counted(client)["calls"] == 1


def test_executions_of_one_deployment_run_at_the_same_time(client: Client, tmp_path: Path) -> None:
    """Each of two runs waits for the file that the other one writes."""
    code = f"""
import pathlib, time

def main(context):
    mine, other = context.req.path.strip("/").split("-")
    folder = pathlib.Path({str(tmp_path)!r})
    (folder / mine).touch()
    while not (folder / other).exists():
        time.sleep(0.01)
    return context.res.text("met")
"""
    client.create()
    client.deploy(code)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda path: client.run(path=path), ["/a-b", "/b-a"]))
    assert [answer["responseBody"] for answer in answers] == ["met", "met"]


def warm_up(client: Client, timeout: int = 2) -> None:
    """The start of a worker counts against the timeout, and may take long on a busy machine: what follows has less."""
    while client.run(path="/first")["status"] != "completed":
        pass
    settings = {"name": "F", "runtime": "python-3.12", "entrypoint": "src/main.py", "timeout": timeout}
    client.ok("PUT", "/functions/f", settings)


def test_a_timeout_kills_the_run_and_what_it_started(client: Client) -> None:
    code = """
import subprocess, time

def main(context):
    if context.req.path == "/first":
        return context.res.empty()
    child = subprocess.Popen(["sleep", "60"])
    context.log(child.pid)
    time.sleep(60)
"""
    client.create()
    client.deploy(code)
    warm_up(client)
    failed = client.run()
    assert (failed["status"], failed["responseStatusCode"]) == ("failed", 500)
    assert "timed out" in failed["errors"]
    child = int(failed["logs"])
    while is_alive(child):
        time.sleep(0.02)


def test_an_async_main_can_clean_up_at_its_timeout(client: Client) -> None:
    code = """
import asyncio

async def main(context):
    if context.req.path == "/first":
        return context.res.empty()
    try:
        await asyncio.sleep(60)
    finally:
        context.log("released")
"""
    client.create()
    client.deploy(code)
    warm_up(client)
    failed = client.run()
    assert failed["responseStatusCode"] == 500
    assert failed["logs"] == "released\n"
    assert "Execution timed out." in failed["errors"]


def test_a_synchronous_execution_ends_at_the_limit_of_the_request(tmp_path: Path, venvs: Path) -> None:
    with serving(tmp_path, venvs, synchronous_timeout=0.5) as running:
        client = Client(running)
        client.create()
        client.deploy("import time\ndef main(context):\n    time.sleep(60)\n")
        answer = client.call("POST", "/functions/f/executions", {})
        assert (answer.status_code, answer.json()["type"]) == (408, "function_synchronous_timeout")
        assert [each["status"] for each in client.executions()] == ["failed"]


def test_a_worker_that_dies_fails_its_run_only(client: Client) -> None:
    client.create()
    client.deploy(
        "import os\ndef main(context):\n    if context.req.path == '/die':\n        os._exit(7)\n"
        "    return context.res.empty()\n"
    )
    died = client.run(path="/die")
    assert (died["status"], died["responseStatusCode"]) == ("failed", 500)
    assert "exit code 7" in died["errors"]
    assert client.run()["responseStatusCode"] == 204


def test_relative_imports_work_as_in_the_container(client: Client) -> None:
    files = {
        "src/main.py": "from .vendor import lock\ndef main(context):\n    return context.res.text(lock.WORD)\n",
        "src/vendor/__init__.py": "",
        "src/vendor/lock.py": "WORD = 'locked'\n",
    }
    client.create()
    client.deploy(files)
    assert client.run()["responseBody"] == "locked"


def test_an_absolute_import_of_an_own_file_fails_with_advice(client: Client) -> None:
    client.create()
    client.deploy({"src/main.py": "import other\n\ndef main(context):\n    pass\n", "src/other.py": ""})
    failed = client.run()
    assert (failed["status"], failed["responseStatusCode"]) == ("failed", 503)
    assert "from . import other" in failed["errors"]


@pytest.mark.parametrize("code", ["def main(context)\n", "import no_such_module\n", "x = 1\n"])
def test_code_that_cannot_be_loaded_is_answered_with_503(client: Client, code: str) -> None:
    client.create()
    client.deploy(code)
    failed = client.run()
    assert (failed["status"], failed["responseStatusCode"]) == ("failed", 503)
    assert failed["errors"]


def test_a_missing_entry_file_is_answered_with_503(client: Client) -> None:
    client.create()
    client.deploy({"other.py": HELLO})
    assert client.run()["responseStatusCode"] == 503


def test_a_forgotten_return_is_explained(client: Client) -> None:
    client.create()
    client.deploy("def main(context):\n    pass\n")
    failed = client.run()
    assert failed["responseStatusCode"] == 500
    assert "Return statement missing" in failed["errors"]


def test_printed_text_becomes_a_log_behind_a_note(client: Client) -> None:
    client.create()
    client.deploy(
        "def main(context):\n    print('plain')\n    context.log({'a': 1}, 'b')\n    return context.res.empty()\n"
    )
    lines = client.run()["logs"].splitlines()
    assert lines[0].startswith("Native logs detected")
    assert lines[1:] == ["plain", '{"a":1} b']


def test_the_request_arrives_as_it_was_sent(client: Client) -> None:
    code = """
def main(context):
    req = context.req
    return context.res.json({
        "body": req.body, "text": req.body_text, "method": req.method, "path": req.path, "query": req.query,
        "query_string": req.query_string, "event": req.headers.get("x-appwrite-event"),
    }, 201, {"X-Mine": "yes", "x-open-runtimes-secret": "no"})
"""
    client.create()
    client.deploy(code)
    headers = {"Content-Type": "application/json"}
    answer = client.run(body='{"a":[1]}', path="/x/y?b=1&c=%20", method="PUT", headers=headers)
    assert json.loads(answer["responseBody"]) == {
        "body": {"a": [1]}, "text": '{"a":[1]}', "method": "PUT", "path": "/x/y",
        "query": {"b": "1", "c": "%20"}, "query_string": "b=1&c=%20", "event": None,
    }  # fmt: skip
    assert answer["responseStatusCode"] == 201
    named = {each["name"]: each["value"] for each in answer["responseHeaders"]}
    assert named["x-mine"] == "yes"
    assert named["content-type"] == "application/json; charset=utf-8"
    assert "x-open-runtimes-secret" not in named


def test_the_key_of_a_run_expires_a_minute_after_its_timeout(tmp_path: Path, venvs: Path) -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    with serving(tmp_path, venvs, clock) as running:
        client = Client(running)
        client.create(scopes=["functions.read"], timeout=10)
        client.deploy("def main(context):\n    return context.res.text(context.req.headers['x-appwrite-key'])\n")
        key = {"X-Appwrite-Key": client.run()["responseBody"]}
        assert client.call("GET", "/functions", headers=key).status_code == 200
        assert client.call("POST", "/functions", {}, headers=key).json()["type"] == "general_unauthorized_scope"
        clock.advance(seconds=69)
        assert client.call("GET", "/functions", headers=key).status_code == 200
        clock.advance(seconds=2)
        assert client.call("GET", "/functions", headers=key).json()["type"] == "project_key_expired"
        forged = {"X-Appwrite-Key": key["X-Appwrite-Key"][:-2] + "xx"}
        assert client.call("GET", "/functions", headers=forged).status_code == 401


def test_guests_may_execute_only_what_is_open_to_any(client: Client) -> None:
    client.create()
    client.deploy(HELLO)
    guest = {"X-Appwrite-Key": ""}
    assert client.call("POST", "/functions/f/executions", {}, headers=guest).status_code == 401
    client.ok("PUT", "/functions/f", {"name": "F", "execute": ["any"]})
    assert client.call("POST", "/functions/f/executions", {}, headers=guest).status_code == 201


def test_what_a_stopped_server_ran_has_failed_and_what_waited_runs_again(tmp_path: Path, venvs: Path) -> None:
    with serving(tmp_path, venvs) as running:
        client = Client(running)
        client.create()
        client.deploy(
            "import time\ndef main(context):\n    time.sleep(60 if context.req.path == '/long' else 0)\n"
            "    return context.res.empty()\n"
        )
        long = client.run_in_background("processing", path="/long")["$id"]
        short = client.run_in_background("completed")["$id"]
        running.call(
            lambda server: server.db.execute(
                "UPDATE executions SET status = 'waiting', request = ? WHERE id = ?",
                (json.dumps({"headers": {}, "body": "", "client": ""}), short),
            )
        )
    with serving(tmp_path, venvs) as running:
        client = Client(running)
        assert client.until(f"/functions/f/executions/{long}", status="failed")["errors"]
        client.until(f"/functions/f/executions/{short}", status="completed")


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_node_functions_run_too(client: Client) -> None:
    code = "module.exports = async ({req, res, log}) => { log('in', req.method); return res.json({q: req.query}); };"
    client.create(runtime="node-22", entrypoint="index.js")
    client.deploy({"index.js": code})
    answer = client.run(path="/?a=1", method="GET")
    assert (answer["responseBody"], answer["logs"]) == ('{"q":{"a":"1"}}', "in GET\n")
    client.deploy({"index.js": "export default ({res}) => res.text('module')", "package.json": '{"type":"module"}'})
    assert client.run()["responseBody"] == "module"


def test_a_language_that_is_not_here_fails_with_a_reason(client: Client) -> None:
    client.create(runtime="ruby-3.0", entrypoint="main.rb")
    client.deploy({"main.rb": ""})
    failed = client.run()
    assert failed["status"] == "failed"
    assert "has no ruby" in failed["errors"]


def test_an_execution_asked_to_get_lost_stays_processing_and_runs_nothing(client: Client, tmp_path: Path) -> None:
    note = tmp_path / "ran"
    client.create()
    client.deploy(f"def main(context):\n    open({str(note)!r}, 'w').close()\n    return context.res.empty()\n")
    client.ok("PATCH", "/_dev/faults", {"stuckExecutions": ["f*"]})
    lost = client.run_in_background("processing")["$id"]
    assert client.call("DELETE", f"/functions/f/executions/{lost}").json()["type"] == "execution_in_progress"
    client.ok("DELETE", "/_dev/faults")
    assert not note.exists()
    client.run_in_background("completed")
    assert note.exists()
    assert client.ok("GET", f"/functions/f/executions/{lost}")["status"] == "processing"


LEAVING = """
import os, subprocess, time

def main(context):
    if context.req.path == "/first":
        return context.res.empty()
    start = {start!r}
    said = subprocess.run(["/bin/sh", "-c", start], stdout=subprocess.PIPE, text=True).stdout
    context.log(said.strip())
    time.sleep(60)
"""


@pytest.mark.parametrize(
    "start",
    [
        "setsid sleep 600 >/dev/null & echo $!",
        # Twice removed: its parent has ended, its session is its own, and it knows nothing of what it came from.
        "(env -i setsid /bin/sh -c 'echo $$; exec sleep 600 >/dev/null 2>&1' &)",
        "nohup setsid /bin/sh -c 'trap \"\" TERM HUP; echo $$; exec >/dev/null; sleep 600; true' & sleep 0.2",
    ],
    ids=["own session", "orphan without environment", "deaf"],
)
def test_a_timeout_kills_what_has_a_session_of_its_own(client: Client, start: str) -> None:
    client.create()
    client.deploy(LEAVING.format(start=start))
    warm_up(client)
    failed = client.run()
    assert "timed out" in failed["errors"]
    child = int(failed["logs"].split()[-1])
    while is_alive(child):
        time.sleep(0.02)
