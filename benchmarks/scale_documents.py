"""How guards, backups and conversions grow with the number of documents. Nothing is asserted.

The real command is run as a process against an embedded server in this one; documents are put into its database at
once, for a million requests would take longer than all that is measured. Requests are counted by the server; seconds,
the processor time and the peak of memory are those of the command.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from raceday_iac.devserver.runner import RunningServer
from raceday_iac.devserver.server import Server

from .scale import _HEAD, _lay_out, _run, _served

COUNTS = (10_000, 100_000, 1_000_000)
_STACK = """
base = stack.database("scale", name="Scale")
c = base.collection("c", name="C")
{text}
{code}
c.integer("number"{bounds})
c.index("numbers", "number")
{more}
"""
_TEXT, _CODE = 'c.string("text", 60)', 'c.string("code", 30)'
#: What is measured: title, words of the command, and the stack.
STEPS = (
    ("guard: a size of 60 becomes 30", ("plan",), {"text": 'c.string("text", 30)'}),
    ("guard: a unique index", ("plan",), {"more": 'c.index("once", "code", type="unique")'}),
    ("guard: bounds, counted", ("plan",), {"bounds": ", min=0, max=999"}),
    ("backup: made by hand", ("backup", "create", "collection.scale/c"), {}),
    (
        "backup, and the collection is deleted",
        ("destroy", "collection.scale/c", "--auto-approve", "--allow-data-loss", "collection.scale/c={count}"),
        {},
    ),
    ("the collection is made again", ("apply", "--auto-approve"), {}),
    ("restore: all documents", ("restore", "latest", "--auto-approve"), {}),
    (
        "backup, and an attribute is deleted",
        ("apply", "--auto-approve", "--allow-data-loss", "attribute.scale/c/code={count}"),
        {"code": ""},
    ),
    ("the attribute is made again", ("apply", "--auto-approve"), {}),
    ("restore: its values, into documents", ("restore", "latest", "--auto-approve"), {}),
    (
        "conversion: text becomes integer",
        ("apply", "--auto-approve"),
        {"text": 'c.integer("text")', "more": 'stack.convert("attribute.scale/c/text")'},
    ),
)
#: Documents that are put in at a time.
_PORTION = 50_000


def main(counts: tuple[int, ...] = COUNTS) -> None:
    print(f"\nload average at the beginning: {os.getloadavg()[0]:.1f}, processors: {os.cpu_count()}")
    print(
        f"\n{'documents':>10}  {'what':<40}{'requests':>9}{'seconds':>9}{'CPU s':>8}{'peak MB':>9}{'documents/s':>13}"
    )
    for count in counts:
        for title, (requests, seconds, cpu, peak) in measured(count):
            figures = f"{requests:>10}{seconds:>10.1f}{cpu:>10.1f}{peak:>10.0f}{count / seconds:>10.0f}"
            print(f"{count:>10}  {title:<40}{figures}", flush=True)
    print(f"\nload average at the end: {os.getloadavg()[0]:.1f}")


def measured(count: int) -> Iterator[tuple[str, tuple[int, float, float, float]]]:
    """One collection of so many documents: each guard, then the conversion."""
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder), 0) as server:
        project = _lay_out(Path(folder) / "project")
        _write(project, {})
        _run(project, server, "apply", "--auto-approve")
        _fill(server, count)
        yield "plan: nothing to do", _run(project, server, "plan")
        for title, words, changed in STEPS:
            _write(project, changed)
            yield title, _run(project, server, *(each.format(count=count) for each in words))


def _write(project: Path, changed: dict[str, str]) -> None:
    source = _STACK.format(**({"text": _TEXT, "code": _CODE, "bounds": "", "more": ""} | changed))
    (project / "stacks" / "scale.py").write_text(_HEAD + source, encoding="utf-8")


def _fill(server: RunningServer, count: int) -> None:
    names = "_uid, _createdAt, _updatedAt, _permissions, text, code, number"
    for first in range(0, count, _PORTION):
        rows = [_row(number) for number in range(first, min(count, first + _PORTION))]

        def insert(inner: Server, rows: list[tuple[str, str, str, str, int]] = rows) -> None:
            (table,) = inner.db.execute("SELECT max(number) FROM db_collections").fetchone()
            inner.db.executemany(f"INSERT INTO docs_{table} ({names}) VALUES (?1, ?2, ?2, '[]', ?3, ?4, ?5)", rows)

        server.call(insert)


def _row(number: int) -> tuple[str, str, str, str, int]:
    instant = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=100 * number)
    return (
        f"d{number:07}",
        instant.isoformat(timespec="milliseconds"),
        str(number * 7),
        f"code {number}",
        number % 1000,
    )


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or COUNTS)
