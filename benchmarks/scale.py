"""How plan and apply grow with the size of a stack, and with the distance to the server. Nothing is asserted.

The real command is run as a process against an embedded server in this one. Requests are counted by the server; the
seconds, the processor time and the peak of memory are those of the command. Latency is added to every request.

The embedded server itself slows down with the number of attributes that it holds: SQLite reads its whole schema again
for each new column. The processor time of the command does not know of that.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from raceday_iac.devserver.faults import RequestFault
from raceday_iac.devserver.runner import RunningServer, start_server
from raceday_iac.devserver.server import Settings

from .processes import surroundings, target_of

COMMAND = str(Path(sys.executable).parent / "raceday-iac")
ATTRIBUTES = 50
#: Milliseconds.
LATENCIES = (0, 50)
_ENVIRONMENT = "endpoint: ${APPWRITE_ENDPOINT}\nproject: ${APPWRITE_PROJECT_ID}\napi_key_env: APPWRITE_API_KEY\n"
_HEAD = "from raceday_iac.model.stack import Stack\nstack = Stack('scale')\n"
_FUNCTIONS = """
for number in range({count}):
    stack.function(f"f{{number:04}}", name={name}, runtime="python-3.12", specification="s-1vcpu-512mb", timeout=30,
        entrypoint="main.py", scopes=["documents.read"], variables={{"A": "1"}}{code})
"""
_COLLECTIONS = """
base = stack.database("scale", name="Scale")
for number in range({count}):
    collection = base.collection(f"c{{number:03}}", name={name})
    for key in range({attributes}):
        collection.string(f"a{{key:02}}", 20)
"""


@dataclass(frozen=True)
class Size:
    """A stack of so many of a kind. `source` has gaps for the count and for the expression of a name."""

    kind: str
    count: int
    source: str

    def write(self, project: Path, *, changed: bool = False) -> None:
        """Lay down the stack; `changed`, with another name for the last of them."""
        name = f'"One" if number + 1 < {self.count} else "Two"' if changed else '"One"'
        text = _HEAD + self.source.format(
            count=self.count, name=name, attributes=ATTRIBUTES, code=', code="functions/small"'
        )
        (project / "stacks" / "scale.py").write_text(text, encoding="utf-8")


_WITHOUT_CODE = _FUNCTIONS.replace("{code}", "")
SIZES = (
    *(Size("functions", count, _WITHOUT_CODE) for count in (10, 100, 1000)),
    *(Size("functions with code", count, _FUNCTIONS) for count in (10, 100)),
    *(Size(f"collections of {ATTRIBUTES} attributes", count, _COLLECTIONS) for count in (10, 100)),
)


@dataclass(frozen=True)
class Row:
    """What a command cost: `cpu` in seconds of its own, `peak` in megabytes."""

    size: Size
    latency: int
    command: str
    requests: int
    seconds: float
    cpu: float
    peak: float


def main() -> None:
    print(f"\n{'stack':<37}{'latency':>8}  {'command':<21}{'requests':>9}{'seconds':>9}{'CPU s':>7}{'peak MB':>9}")
    rows = [row for size in SIZES for latency in LATENCIES for row in measured(size, latency)]
    _print_growth([row for row in rows if row.latency == 0])


def measured(size: Size, latency: int) -> Iterator[Row]:
    """One stack on an empty project: from nothing, then with nothing to do, then with one name changed."""
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder), latency) as server:
        project = _lay_out(Path(folder) / "project")
        for title, words, changed in (
            ("plan, all to create", ("plan",), False),
            ("apply, all created", ("apply", "--auto-approve"), False),
            ("plan, nothing to do", ("plan",), False),
            ("apply, one change", ("apply", "--auto-approve"), True),
        ):
            size.write(project, changed=changed)
            row = Row(size, latency, title, *_run(project, server, *words))
            _print_row(row)
            yield row


def _run(project: Path, server: RunningServer, *words: str) -> tuple[int, float, float, float]:
    """Requests, seconds, seconds of processor time and megabytes of one command."""
    server.server.requests.clear()
    command = [COMMAND, *words, "--env", "scale", "--stack", "stacks/scale.py"]
    with (project / "output").open("w+", encoding="utf-8") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=project, env=surroundings(target_of(server)), stdout=output, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            sys.exit(f"{' '.join(words)} ended with {process.returncode}:\n{output.read()}")
    peak = used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    return sum(server.server.requests.values()), seconds, used.ru_utime + used.ru_stime, peak


@contextmanager
def _served(folder: Path, latency: int) -> Iterator[Any]:
    # The daily limit of a real server would stop the creation of the fifty-first function.
    settings = Settings(scheduler=False, function_creation_limit=0, build_preparation=0, build_minimum=0)
    server = start_server(folder / "server", settings=settings)
    try:
        if latency:
            server.server.faults.add(RequestFault(times=sys.maxsize, delay=latency / 1000))
        yield server
    finally:
        server.stop()


def _lay_out(project: Path) -> Path:
    (project / "stacks" / "environments").mkdir(parents=True)
    (project / "stacks" / "environments" / "scale.yaml").write_text(_ENVIRONMENT, encoding="utf-8")
    (project / "functions" / "small").mkdir(parents=True)
    (project / "functions" / "small" / "main.py").write_text(
        "def main(context):\n    return context.res.empty()\n", encoding="utf-8"
    )
    return project


def _print_row(row: Row) -> None:
    print(
        f"{row.size.count:>4} {row.size.kind:<32}{row.latency:>5} ms  {row.command:<21}"
        f"{row.requests:>9}{row.seconds:>9.2f}{row.cpu:>7.2f}{row.peak:>9.0f}",
        flush=True,
    )


def _print_growth(rows: list[Row]) -> None:
    """What each further object costs between two sizes: the same from step to step means linear."""
    columns = "".join(f"{name:>9}" for name in ("from", "to", "requests", "ms", "CPU ms", "kB"))
    print(f"\n{'each further one costs, without latency':<53}{columns}")
    for kind, command in dict.fromkeys((row.size.kind, row.command) for row in rows):
        series = [row for row in rows if (row.size.kind, row.command) == (kind, command)]
        for less, more in pairwise(series):
            further = more.size.count - less.size.count
            print(
                f"{kind:<32}{command:<21}{less.size.count:>9}{more.size.count:>9}"
                f"{(more.requests - less.requests) / further:>9.3f}"
                f"{(more.seconds - less.seconds) / further * 1000:>9.1f}"
                f"{(more.cpu - less.cpu) / further * 1000:>9.1f}"
                f"{(more.peak - less.peak) / further * 1024:>9.1f}"
            )


if __name__ == "__main__":
    main()
