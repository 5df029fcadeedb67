"""Programs that are measured, run as they are where they are installed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from raceday_iac.devserver.ages import AGES, Age
from raceday_iac.devserver.runner import RunningServer

#: What is installed has its bytecode; with this set, every start would compile all modules again.
_NOT_WHERE_INSTALLED = "PYTHONDONTWRITEBYTECODE"


#: The ages of Appwrite to be measured, with commas between them.
_AGES = "EMBEDDED_APPWRITE"


def ages() -> tuple[Age, ...]:
    """Which Appwrites the embedded server is to play, one after the other: 1.8 and 1.9 where nothing is said."""
    asked = os.environ.get(_AGES, "1.8,1.9").split(",")
    unknown = [each for each in asked if each not in AGES]
    if unknown:
        sys.exit(f"{_AGES}: there is no {', '.join(unknown)}; known are {', '.join(AGES)}")
    return tuple(AGES[each] for each in asked)


def surroundings(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a measured program: this one's, with these variables."""
    inherited = {name: value for name, value in os.environ.items() if name != _NOT_WHERE_INSTALLED}
    return {**inherited, **variables}


def target_of(server: RunningServer) -> dict[str, str]:
    """The variables that name a server to the environment files of the benchmarks."""
    return {
        "APPWRITE_ENDPOINT": server.endpoint,
        "APPWRITE_PROJECT_ID": server.project,
        "APPWRITE_API_KEY": server.key,
    }


def timed(command: Sequence[str], variables: Mapping[str, str], folder: Path | None = None) -> float:
    """Seconds of a program. Ends this process, with what it said, when it fails."""
    return timed_with_cpu(command, variables, folder)[0]


def timed_with_cpu(
    command: Sequence[str], variables: Mapping[str, str], folder: Path | None = None
) -> tuple[float, float]:
    """The same, with the seconds of a processor that it took: these say more on a machine that has other work."""
    used, begun = _cpu_of_children(), time.perf_counter()
    ended = subprocess.run(
        command, cwd=folder, env=surroundings(variables), capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return time.perf_counter() - begun, _cpu_of_children() - used


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
