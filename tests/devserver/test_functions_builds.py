"""Builds: queue, environments, faults, cancelling, and resuming after a restart."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import stat
import tarfile
import time
from pathlib import Path

import pytest

from raceday_iac.devserver.functions import builds as venvs_of
from raceday_iac.devserver.functions import files
from raceday_iac.devserver.functions.files import add_range, is_complete

from .functions_server import HELLO, Client, serving
from .test_functions_workers import is_alive

SHOW_PREFIX = "import sys\n\ndef main(context):\n    return context.res.text(sys.prefix)\n"
INSTALL = "pip install -r requirements.txt"


def code(requirements: str = "", main: str = SHOW_PREFIX) -> dict[str, str]:
    return {"src/main.py": main, "requirements.txt": requirements}


def test_deployments_with_equal_requirements_share_an_environment(client: Client) -> None:
    client.create(commands=INSTALL)
    client.deploy(code())
    first = client.run()["responseBody"]
    again = client.deploy(code(main=SHOW_PREFIX + "# changed\n"))
    assert client.run()["responseBody"] == first
    logs = client.ok("GET", f"/functions/f/deployments/{again}")["buildLogs"]
    assert "An earlier build has installed these requirements." in logs
    client.deploy(code("# other requirements\n"))
    assert client.run()["responseBody"] != first


@pytest.mark.parametrize(
    ("requirements", "commands", "nothing"),
    [
        ("", INSTALL, True),
        ("# none\n\nhttpx==1.0 \\\n    --hash=x:0a \\\n    --hash=x:1b\ntzdata>=2026; x == 'y'\n", INSTALL, True),
        ("uvicorn[standard] == 1.0  # why\n", "python -m pip install --no-cache-dir -r requirements.txt --quiet", True),
        ("httpx\n", "pip install --upgrade -r requirements.txt", False),
        ("httpx\n", "pip install --target=here -r requirements.txt", False),
        ("httpx\n", "pip install -r requirements.txt && touch here", False),
        ("httpx\n", "", False),
        ("-r more.txt\n", INSTALL, False),
        ("-e .\n", INSTALL, False),
        ("./here\n", INSTALL, False),
        ("here/there\n", INSTALL, False),
        ("tiny @ file:///here\n", INSTALL, False),
        ("tiny.whl/..\n", INSTALL, False),
        ("httpx==1.0\n--index-url x\n", INSTALL, False),
        (None, INSTALL, False),
    ],
)  # fmt: skip
def test_only_what_surely_changes_nothing_is_not_run_again(
    tmp_path: Path, requirements: str | None, commands: str, nothing: bool
) -> None:
    if requirements is not None:
        (tmp_path / "requirements.txt").write_text(requirements)
    assert venvs_of.installs_nothing_else(tmp_path, commands) is nothing


def test_servers_that_share_environments_build_one_at_a_time(tmp_path: Path) -> None:
    shared = tmp_path / "venvs"
    with serving(tmp_path / "one", shared) as one, serving(tmp_path / "two", shared) as two:
        clients = [Client(one), Client(two)]
        for each in clients:
            each.create(commands=INSTALL)
        uploads = [each.upload(code()) for each in clients]

        for each, upload in zip(clients, uploads, strict=True):
            each.built(upload)


def test_commands_that_do_more_get_an_environment_of_their_own(client: Client) -> None:
    client.create(commands="echo built > stamp.txt")
    client.deploy(code())
    first = client.run()["responseBody"]
    client.deploy(code(main=SHOW_PREFIX + "# changed\n"))
    assert client.run()["responseBody"] != first


def test_commands_install_into_the_environment_that_runs_the_code(client: Client) -> None:
    write = "python -c \"import site; open(site.getsitepackages()[0] + '/tiny.py', 'w').write('WORD = 1')\""
    client.create(commands=write)
    client.deploy("import tiny\n\ndef main(context):\n    return context.res.text(str(tiny.WORD))\n")
    assert client.run()["responseBody"] == "1"


def test_commands_see_variables_and_a_key(client: Client) -> None:
    client.create(commands='echo "word=$WORD id=$APPWRITE_FUNCTION_ID key=${APPWRITE_FUNCTION_API_KEY%%_*}"')
    client.ok("POST", "/functions/f/variables", {"key": "WORD", "value": "v"})
    logs = client.built(client.upload(HELLO))["buildLogs"]
    assert "word=v id=f key=dynamic" in logs


def test_failing_commands_end_the_log_with_their_exit_code(client: Client) -> None:
    client.create(commands="echo before; exit 3; echo after")
    failed = client.built(client.upload(HELLO), "failed")
    assert "before" in failed["buildLogs"]
    assert "exit code 3" in failed["buildLogs"]
    assert client.ok("GET", "/functions/f")["latestDeploymentStatus"] == "failed"


def test_a_build_that_takes_too_long_fails(tmp_path: Path, venvs: Path) -> None:
    with serving(tmp_path, venvs, build_timeout=0.3) as running:
        client = Client(running)
        client.create(commands="sleep 60")
        assert "timed out" in client.built(client.upload(HELLO), "failed")["buildLogs"]


def test_a_growing_log_can_be_read_during_the_build(client: Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    client.create(commands=f"echo started; while [ ! -e {gate} ]; do sleep 0.3; echo waiting; done")
    deployment = client.upload(HELLO)
    path = f"/functions/f/deployments/{deployment}"
    while "started" not in (seen := client.ok("GET", path))["buildLogs"]:
        assert seen["status"] in {"waiting", "processing", "building"}
        time.sleep(0.02)
    assert client.ok("GET", path)["status"] == "building"
    gate.touch()
    client.built(deployment)


def test_cancelling_kills_the_commands(client: Client, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    client.create(commands=f"sleep 60 & echo $! > {note}.part; mv {note}.part {note}; wait")
    deployment = client.upload(HELLO)
    while not note.exists():
        time.sleep(0.02)
    client.ok("PATCH", f"/functions/f/deployments/{deployment}/status")
    pid = int(note.read_text())
    while is_alive(pid):
        time.sleep(0.02)
    assert client.ok("GET", f"/functions/f/deployments/{deployment}")["status"] == "canceled"


def test_a_canceled_build_makes_room_for_the_next(client: Client) -> None:
    client.create(commands="sleep 60")
    first, second = client.upload(HELLO), client.upload(HELLO, commands="true")
    client.ok("PATCH", f"/functions/f/deployments/{first}/status")
    client.built(second)


def test_deleting_a_function_ends_its_build_and_removes_its_files(client: Client, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    client.create(commands=f"echo $$ > {note}.part; mv {note}.part {note}; sleep 60")
    client.upload(HELLO)
    while not note.exists():
        time.sleep(0.02)
    client.ok("DELETE", "/functions/f")
    while is_alive(int(note.read_text())):
        time.sleep(0.02)
    client.create("g", entrypoint="src/main.py")
    client.deploy(HELLO, "g")


def test_a_build_asked_to_fail_fails_once(client: Client) -> None:
    client.create()
    client.ok("PATCH", "/_dev/faults", {"failingBuilds": 1})
    client.built(client.upload(HELLO), "failed")
    client.built(client.upload(HELLO))


def test_a_late_build_does_not_replace_a_newer_active_deployment(tmp_path: Path, venvs: Path) -> None:
    with serving(tmp_path, venvs) as running:
        client = Client(running)
        client.create()
        older, newer = client.deploy(HELLO), client.deploy(HELLO)
        running.call(
            lambda server: server.db.execute(
                "UPDATE deployments SET status = 'waiting', activate = 1 WHERE id = ?", (older,)
            )
        )
    with serving(tmp_path, venvs) as running:
        client = Client(running)
        client.built(older)
        assert client.ok("GET", "/functions/f")["deploymentId"] == newer


def test_what_was_to_be_built_is_built_after_a_restart(tmp_path: Path, venvs: Path) -> None:
    gate = tmp_path / "gate"
    with serving(tmp_path / "data", venvs) as running:
        client = Client(running)
        client.create(commands=f"while [ ! -e {gate} ]; do sleep 0.05; done")
        first, second = client.upload(HELLO), client.upload(HELLO)
        client.until(f"/functions/f/deployments/{first}", status="building")
    gate.touch()
    with serving(tmp_path / "data", venvs) as running:
        client = Client(running)
        client.built(first)
        client.built(second)
        assert client.ok("GET", "/functions/f")["deploymentId"] == second


def test_an_interrupted_upload_stays_waiting_for_ever(tmp_path: Path, venvs: Path) -> None:
    with serving(tmp_path, venvs) as running:
        client = Client(running)
        client.create()
        sent = client.ok(
            "POST",
            "/functions/f/deployments",
            data={"activate": "true"},
            files={"code": ("code.tar.gz", b"x" * 100)},
            headers={"content-range": "bytes 0-99/150"},
        )
        client.deploy(HELLO)
    with serving(tmp_path, venvs) as running:
        client = Client(running)
        client.deploy(HELLO)
        assert client.ok("GET", f"/functions/f/deployments/{sent['$id']}")["status"] == "waiting"


def test_no_process_outlives_the_server(tmp_path: Path, venvs: Path) -> None:
    with serving(tmp_path, venvs) as running:
        client = Client(running)
        client.create()
        client.deploy("import os\ndef main(context):\n    return context.res.text(str(os.getpid()))\n")
        pid = int(client.run()["responseBody"])
        assert is_alive(pid)
    # It is killed, and on a busy machine takes its time to die.
    for _ in range(1000):
        if not is_alive(pid):
            break
        time.sleep(0.01)
    assert not is_alive(pid)


@pytest.mark.parametrize(
    ("ranges", "complete"),
    [
        ([(0, 9)], True),
        ([(5, 9), (0, 4)], True),
        ([(0, 4), (0, 4)], False),
        ([(0, 3), (5, 9)], False),
        ([(5, 9)], False),
        ([], False),
    ],
)
def test_an_upload_is_complete_when_its_pieces_cover_it(ranges: list[tuple[int, int]], complete: bool) -> None:
    received = "[]"
    for start, end in ranges:
        received = add_range(received, start, end)
    assert is_complete(received, 10) is complete


def test_a_build_asked_to_get_stuck_stays_building_and_holds_up_no_other(client: Client) -> None:
    client.create()
    client.ok("PATCH", "/_dev/faults", {"stuckBuilds": 1})
    stuck = client.upload(HELLO)
    client.built(client.upload(HELLO))
    assert client.built(stuck, "building")["buildLogs"] == ""
    client.ok("PATCH", f"/functions/f/deployments/{stuck}/status")
    client.built(stuck, "canceled")


def test_commands_leave_nothing_running(client: Client) -> None:
    client.create(commands="(setsid sh -c 'echo child=$$; exec sleep 600' &); sleep 0.2; echo done")
    logs = client.built(client.upload(HELLO))["buildLogs"]
    assert "done" in logs
    child = int(logs.partition("child=")[2].split()[0])
    while is_alive(child):
        time.sleep(0.02)


def unpacked(tmp_path: Path, archive: bytes) -> Path:
    found = files.DeploymentFiles(tmp_path / "deployment")
    files.write_chunk(found.source, 0, archive)
    files.unpack(found)
    return found.code


def packed(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for entry, content in entries:
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def entry(name: str, size: int, mode: int = 0o644) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.mode = size, mode
    return made


@pytest.mark.parametrize(("limit", "is_over"), [(123_000, False), (121_000, True)])
def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, is_over: bool
) -> None:
    """Two files of 60 000 bytes take 122 368, with their headers and the end."""
    archive = packed((entry("a", 60_000), bytes(60_000)), (entry("b", 60_000), bytes(60_000)))
    monkeypatch.setattr(files, "UNPACKED_LIMIT", limit)
    if is_over:
        with pytest.raises(files.ArchiveError, match="it holds more than"):
            unpacked(tmp_path, archive)
        assert sum(each.stat().st_size for each in tmp_path.rglob("*") if each.is_file()) < 120_000
    else:
        assert sorted(os.listdir(unpacked(tmp_path, archive))) == ["a", "b"]


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_size_that_is_only_claimed_costs_neither_memory_nor_time(tmp_path: Path, kind: bytes) -> None:
    """Four gigabytes, of a file or of its very name."""
    header = entry("a", 4_000_000_000)
    header.type = kind
    zeros = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(1_000_000))
    with pytest.raises(files.ArchiveError):
        unpacked(tmp_path, zeros)


def test_a_bomb_is_a_failed_build_and_the_server_goes_on(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "UNPACKED_LIMIT", 100_000)
    client.create()
    failed = client.built(client.upload({"src/main.py": HELLO, "zeros": "0" * 200_000}), "failed")
    assert "it holds more than" in failed["buildLogs"]
    client.deploy(HELLO)


def test_everything_of_a_deployment_is_for_the_owner_of_the_server_alone(tmp_path: Path, venvs: Path) -> None:
    before = os.umask(0)
    try:
        with serving(tmp_path / "data", venvs) as running:
            client = Client(running)
            client.create(commands="mkdir made; echo x > made/x; test -x build.sh")
            archive = packed(
                (entry("src/main.py", len(HELLO)), HELLO.encode()), (entry("build.sh", 0, mode=0o777), b"")
            )
            client.ok(
                "POST", "/functions/f/deployments", data={"activate": "true"}, files={"code": ("code.tar.gz", archive)}
            )
            client.until("/functions/f", latestDeploymentStatus="ready")
            client.run()
            found = [each for each in (tmp_path / "data").rglob("*") if not each.is_symlink()]
    finally:
        os.umask(before)
    assert len(found) > 10
    assert [str(each) for each in found if each.exists() and stat.S_IMODE(each.stat().st_mode) & 0o077] == []


@pytest.mark.parametrize("with_pip", [True, False])
def test_so_is_everything_of_an_environment(tmp_path: Path, with_pip: bool) -> None:
    before, environment = os.umask(0), venvs_of.Venv(tmp_path / "made")
    try:
        assert asyncio.run(venvs_of.create(environment, with_pip=with_pip)) == ""
        environment.seal()
    finally:
        os.umask(before)
    assert environment.is_complete
    assert os.access(environment.python, os.X_OK)
    found = [tmp_path / "made", *(each for each in (tmp_path / "made").rglob("*") if not each.is_symlink())]
    assert [str(each) for each in found if stat.S_IMODE(each.stat().st_mode) & 0o077] == []
