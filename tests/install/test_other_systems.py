"""Plan and apply need nothing that only POSIX has: here they run without it, beside a server that has it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raceday_iac.devserver.runner import RunningServer

#: Takes away what Windows lacks, and puts in its lock on a range of bytes (as the lock on a range that Linux has).
WITHOUT_POSIX = """
import asyncio, fcntl, os, subprocess, sys, types
real = fcntl
def locking(descriptor, _mode, number):
    real.lockf(descriptor, real.LOCK_EX | real.LOCK_NB, number, os.lseek(descriptor, 0, os.SEEK_CUR))
sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
for name in ("fcntl", "pwd", "grp", "termios", "resource"):
    sys.modules[name] = None
names = "getuid geteuid getgid killpg fork fchmod setsid O_NOFOLLOW O_NONBLOCK O_CLOEXEC"
for name in names.split():
    if hasattr(os, name):
        delattr(os, name)
from raceday_iac.cli.main import execute
sys.exit(execute(sys.argv[1:]))
"""
STACK = """
from raceday_iac import Stack

stack = Stack("elsewhere")
orders = stack.database("elsewhere", name="Elsewhere").collection("orders", name="Orders")
orders.string("customer", 36, required=True)
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_POSIX, *words]
    env = {"ELSEWHERE_KEY": (folder / "key").read_text(encoding="utf-8")}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_plan_and_apply_work_without_posix_and_the_embedded_server_says_that_it_does_not(
    server_of_age: Callable[[str], RunningServer], tmp_path: Path
) -> None:
    server = server_of_age("1.9")
    for name, text in {
        "stacks/elsewhere.py": STACK,
        "stacks/environments/far.yaml": f"endpoint: {server.endpoint}\nproject: {server.project}\n"
        "api_key_env: ELSEWHERE_KEY\n",
        "stacks/environments/local.yaml": "endpoint: embedded\nproject: elsewhere\n",
        "key": server.key,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    applied = run(tmp_path, "apply", "--auto-approve", "--env", "far")
    assert applied.returncode == 0, applied.stderr
    planned = run(tmp_path, "plan", "--detailed-exitcode", "--env", "far", "--out", "saved.plan")
    assert (planned.returncode, "No changes." in planned.stdout) == (0, True)
    refused = run(tmp_path, "plan")
    assert refused.returncode == 1
    assert "The embedded server needs Linux or macOS." in refused.stderr
    assert "Nothing was changed." in refused.stderr


def test_the_state_is_locked_without_posix_too(tmp_path: Path) -> None:
    inside = WITHOUT_POSIX.partition("from raceday_iac")[0] + (
        "from pathlib import Path\n"
        "from raceday_iac.state.backends.local import LocalState\n"
        "from raceday_iac.errors import LockedError\n"
        "try:\n"
        "    with LocalState(Path(sys.argv[1])).locked('apply'):\n"
        "        if len(sys.argv) > 2:\n"
        "            sys.exit(subprocess.run([sys.executable, '-c', sys.argv[2], sys.argv[1]]).returncode)\n"
        "except LockedError as error:\n"
        "    print(error.message)\n"
        "    sys.exit(6)\n"
    )
    outer = [sys.executable, "-c", inside, str(tmp_path), inside]
    held = subprocess.run(outer, capture_output=True, text=True, timeout=60, check=False)
    assert held.returncode == 6, held.stderr
    assert "is locked by apply" in held.stdout
    alone = subprocess.run(outer[:-1], capture_output=True, text=True, timeout=60, check=False)
    assert alone.returncode == 0, alone.stderr
