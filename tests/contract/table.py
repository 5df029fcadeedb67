"""`PYTHONPATH=tests python -m contract.table`: how many recorded steps come back as recorded, by age and service.

With words it plays only the scenarios whose `age/name` contains one of them, and reports every difference.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from .exemptions import EXEMPTIONS
from .recordings import FOLDERS, Recording, recordings
from .replay import Replay
from .target import Target, embedded_target
from .test_transcripts import UNFINISHED_WORK, keys_for, slow_target

#: Seconds for what a recorder polled.
PATIENCE = 2.0
COLUMNS = ("equal", "different with reason", "unexplained")


def play(recorded: Recording, target: Target) -> Iterator[tuple[str, list[str]]]:
    """The column of each step, and what differs in it."""
    api = target.fresh(str(recorded.steps[0].request["project"]))
    replay = Replay(recorded, api, keys_for(recorded, target, api), EXEMPTIONS, patience=PATIENCE)
    for _, found, used in replay.outcomes():
        yield COLUMNS[2 if found else 1 if used else 0], [str(each) for each in found]


def main(words: list[str]) -> int:
    counts: Counter[tuple[str, str, str]] = Counter()
    with ExitStack() as servers:

        @cache
        def target(age: str, delay: float | None) -> Target:
            folder = Path(servers.enter_context(tempfile.TemporaryDirectory()))
            made = embedded_target(folder, (), age) if delay is None else slow_target(folder, (), age, delay)
            servers.callback(made.server.stop)
            return made

        for recorded in (each for age in FOLDERS for each in recordings(age)):
            name = f"{recorded.age}/{recorded.scenario}"
            if words and not any(word in name for word in words):
                continue
            for column, found in play(recorded, target(recorded.age, UNFINISHED_WORK.get(recorded.scenario))):
                counts[recorded.age, recorded.service, column] += 1
                for line in found if words else ():
                    sys.stdout.write(f"{name} {line}\n")
    rows = sorted({(age, service) for age, service, _ in counts})
    sys.stdout.write(f"{'age':6}{'service':22}{'steps':>7}" + "".join(f"{name:>24}" for name in COLUMNS) + "\n")
    for age, service in rows:
        numbers = [counts[age, service, column] for column in COLUMNS]
        sys.stdout.write(f"{age:6}{service:22}{sum(numbers):>7}" + "".join(f"{each:>24}" for each in numbers) + "\n")
    return 1 if any(column == COLUMNS[2] for _, _, column in counts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
