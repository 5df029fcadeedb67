"""`raceday-iac state history | pull`: look at states, without changing any."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence

from ..errors import EXIT_OK
from ..render.lines import Line, print_json, print_lines, tolerant, write
from ..state.document import to_json
from ..state.store import Version
from .options import Options
from .state_edit import newest
from .stores import opened_store


def run_history(options: Options) -> int:
    """The states that are kept, newest first."""
    with opened_store(options) as store:
        versions = store.history()
        where = store.where
    if options.json:
        print_json({"where": where, "history": [_document(each) for each in versions]})
    elif not versions:
        print_lines([Line(f"Nothing was saved in {where} yet.")], color=options.color)
    else:
        print_lines(_table(versions), color=options.color)
    return EXIT_OK


def run_pull(options: Options) -> int:
    """The current state, decrypted, as canonical JSON."""
    with opened_store(options) as store:
        state, current = store.read(), newest(store)
    content = to_json(state, current.saved if current and current.serial == state.serial else None)
    write(tolerant(sys.stdout), json.dumps(content, indent=2, sort_keys=True, ensure_ascii=True) + "\n")
    return EXIT_OK


def _document(version: Version) -> dict[str, object]:
    saved = version.saved.to_json()
    del saved["session"]
    return {"serial": version.serial, "lineage": version.lineage, "current": version.current, **saved}


def _table(versions: Sequence[Version]) -> Iterator[Line]:
    rows = [("serial", "saved", "by", "command", "resources")]
    for each in versions:
        at = each.saved.at[:19].replace("T", " ") + (" UTC" if each.saved.at.endswith("+00:00") else "")
        resources = str(each.saved.resources)
        rows.append((str(each.serial), at or "?", each.saved.by or "?", each.saved.command or "?", resources))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        serial, *texts = row
        cells = [serial.rjust(widths[0]), *(text.ljust(width) for text, width in zip(texts, widths[1:], strict=True))]
        mark = "  ← current" if number and versions[number - 1].current else ""
        yield Line(("  ".join(cells) + mark).rstrip(), "bold" if number == 0 else "")
