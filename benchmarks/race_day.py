"""What the functions take on a race day: time, processor, memory and requests; and how long a simulated day lasts.

Everything is executed for real, in worker processes of the embedded server, with race events of 0.3 MB.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from .moved_day import COMMAND, FUNCTIONS, ROOT, SETUP, MovedDay, Taken, at, moved_day

SMALL, LARGE = 20, 220
SIMULATED = ("--day", "2025-07-17", "--races", str(SMALL))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        _norms(Path(folder))
    peaks = []
    for races in (SMALL, LARGE):
        with tempfile.TemporaryDirectory() as folder:
            peaks.append(_peaks(Path(folder), races))
    for function, small in peaks[0].items():
        large = peaks[1][function]
        name = f"{function}, peak of memory on {LARGE} races"
        ratio = f"{SMALL} races: {small.memory_mb:.1f}, ratio {large.memory_mb / small.memory_mb:.2f}"
        print(f"{name:<62} {large.memory_mb:6.1f} MB  ({ratio})", flush=True)
    _simulated_day()


def _norms(folder: Path) -> None:
    """One run of each function on the recorded day, beside what its `norm.py` says."""
    with moved_day(folder, None) as day:
        taken = dict(_typical_runs(day))
    print("one run of each on the recorded day (in brackets: its norm)")
    for function in (SETUP, *FUNCTIONS):
        norm = runpy.run_path(str(ROOT / "functions" / function / "src" / "norm.py"))
        run = taken[function]
        figures = (
            f"{run.seconds:7.2f} s ({norm['SECONDS']:g})",
            f"CPU {run.cpu_seconds:6.2f} s ({norm['CPU_SECONDS']:g})",
            f"peak {run.memory_mb:5.1f} MB ({norm['MEMORY_MB']:g})",
            f"{run.requests:4d} requests ({norm['APPWRITE_REQUESTS']:g})",
        )
        print(f"  {function:<24} {'  '.join(figures)}", flush=True)


def _typical_runs(day: MovedDay) -> list[tuple[str, Taken]]:
    """In the order of the day, each at its usual time."""
    runs = [(SETUP, day.run(SETUP))]
    for instant, function in ((at(7), "daily-meetings"), (at(8), "daily-races"), (at(8, 30), "daily-initial-data")):
        day.move_to(instant)
        runs.append((function, day.run(function)))
    jump = day.races[len(day.races) // 2].start
    # What has been due since the morning is polled before, so that what follows is as busy as usual.
    day.move_to(jump - timedelta(minutes=6))
    day.run("enhanced-race-poller")
    day.move_to(jump - timedelta(minutes=2))
    runs.append(("meeting-status-poller", day.run("meeting-status-poller")))
    runs.append(("master-race-scheduler", day.run("master-race-scheduler")))
    # It has started a run of the poller, which goes its rounds until its budget ends.
    runs.append(("enhanced-race-poller", day.last("enhanced-race-poller")))
    return runs


def _peaks(folder: Path, races: int) -> dict[str, Taken]:
    """`daily-races` over the whole card, then one poll of each race by a fresh worker process."""
    with moved_day(folder, races) as day:
        day.move_to(at(7))
        day.run("daily-meetings")
        day.move_to(at(8))
        imported = day.run("daily-races")
        # Before polling begins, so that the run does what it is asked for and ends.
        day.move_to(at(8, 30))
        polled = day.run("enhanced-race-poller", {"raceIds": [race.id for race in day.races]})
    _check(imported.summary.get("imported"), races, "daily-races")
    _check(polled.summary.get("polls"), races, "enhanced-race-poller")
    return {"daily-races": imported, "enhanced-race-poller": polled}


def _check(found: object, wanted: int, function: str) -> None:
    if found != wanted:
        print(f"{function} did only {found} of {wanted} races, so its figures are of those", flush=True)


def _simulated_day() -> None:
    """A whole day in virtual time, from the empty server to the report."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([COMMAND, "simulate", *SIMULATED, "--json"], stdout=output, cwd=ROOT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begun
        output.seek(0)
        report = json.loads(output.read() or "{}")
    if process.returncode != 0:
        sys.exit(f"the simulation ended with {process.returncode}")
    requests, runs = report["appwrite_requests"]["total"], sum(each["count"] for each in report["executions"].values())
    cpu = used.ru_utime + used.ru_stime
    name = f"simulated day of {SMALL} races"
    print(f"{name:<62} {seconds:6.1f} s   (CPU {cpu:.1f} s; {runs:,} executions, {requests:,} requests)", flush=True)


if __name__ == "__main__":
    main()
