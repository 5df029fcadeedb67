"""A clean-up for people and machines: what is counted, the differences, what goes, and what is left to people."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from ...counting import counted
from ...render.lines import Line
from ..cleanup import Action, Change, Cleanup, Finding
from ..cleanup.tree import Count


def cleanup_lines(cleanup: Cleanup, path: str, *, written: bool, unkept: Sequence[str]) -> Iterator[Line]:
    """The whole report."""
    if cleanup.nothing_here:
        yield Line(f"Nothing here to clean up: {path} is not RaceDay's server ({cleanup.nothing_here}).", "green")
        return
    yield Line(f"Clean-up of {path}", "bold")
    if cleanup.changes:
        yield _count_line("functions", cleanup.functions)
        yield _count_line("scripts", cleanup.scripts)
        yield from _change_lines(cleanup)
    if unkept:
        yield Line()
        what = (
            "git did not have, and nobody can bring back" if written else "git does not have, and could not bring back"
        )
        yield Line(f"Among them is what {what}:", "bold yellow")
        yield from (Line(f"    {each}", "yellow") for each in unkept)
    yield from _finding_lines("To be done by hand, or something breaks", cleanup.by_hand, "yellow")
    yield from _finding_lines("To be considered", cleanup.notes, "")
    yield from _finding_lines("Still named in texts, which breaks nothing", cleanup.mentions, "dim")
    if cleanup.findings and cleanup.changes and not written:
        yield Line("Lines are counted as they will be.", "dim")
    yield Line()
    yield from _closing_lines(cleanup, path, written=written)


def cleanup_document(cleanup: Cleanup, path: str, *, written: bool, unkept: Sequence[str]) -> dict[str, Any]:
    return {
        "path": path,
        "written": written,
        "nothingHere": cleanup.nothing_here or None,
        "functions": _count(cleanup.functions),
        "scripts": _count(cleanup.scripts),
        "changes": [_change(each) for each in cleanup.changes],
        "unkept": list(unkept),
        "byHand": [_finding(each) for each in cleanup.by_hand],
        "notes": [_finding(each) for each in cleanup.notes],
        "mentions": [_finding(each) for each in cleanup.mentions],
    }


def unified(change: Change) -> list[str]:
    """The difference of an edited file in the form that `patch` reads, without line ends."""
    lines = difflib.unified_diff(
        _lines(change.before), _lines(change.after), f"a/{change.path}", f"b/{change.path}", lineterm="\n"
    )
    found: list[str] = []
    for line in lines:
        found.append(line.removesuffix("\n"))
        if not line.endswith("\n"):
            found.append("\\ No newline at end of file")
    return found


def _lines(text: str) -> list[str]:
    """Lines as `patch` sees them: other separators than the newline are characters like any other."""
    *whole, last = text.split("\n")
    return [f"{line}\n" for line in whole] + ([last] if last else [])


def _count_line(subject: str, count: Count) -> Line:
    added = f", and {count.added} added" if count.added else ""
    return Line(f"    {subject:<10} {count.before} → {count.kept}{added}")


def _change_lines(cleanup: Cleanup) -> Iterator[Line]:
    for change in cleanup.of(Action.EDIT):
        yield Line()
        yield from (_diff_line(line) for line in unified(change))
    yield Line()
    for change in cleanup.of(Action.CREATE):
        yield Line(f"  > {change.origin} moves to {change.path}", "green")
    origins = {change.origin for change in cleanup.changes}
    deleted = [change for change in cleanup.of(Action.DELETE) if change.path not in origins]
    for folder in cleanup.folders:
        inside = [each for each in deleted if each.path == folder or each.path.startswith(f"{folder}/")]
        yield Line(f"  - {folder}/ with {counted(len(inside), 'file')}", "red")
        deleted = [each for each in deleted if each not in inside]
    yield from (Line(f"  - {each.path}: {each.reason}", "red") for each in deleted)


def _diff_line(line: str) -> Line:
    if line.startswith(("---", "+++")):
        return Line(line, "bold")
    style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
    return Line(line, style)


def _finding_lines(title: str, findings: Sequence[Finding], style: str) -> Iterator[Line]:
    if findings:
        yield Line()
        yield Line(f"{title} ({len(findings)}):", "bold")
        yield from (Line(f"    {each}", style) for each in findings)


def _closing_lines(cleanup: Cleanup, path: str, *, written: bool) -> Iterator[Line]:
    if not cleanup.changes:
        left = " but what is named above" if cleanup.findings else ""
        yield Line(f"Nothing to do{left}.", "green")
    elif written:
        moved = cleanup.of(Action.CREATE)
        deleted = len(cleanup.of(Action.DELETE)) - len(moved)
        yield Line(f"Done: {len(cleanup.of(Action.EDIT))} edited, {len(moved)} moved, {deleted} deleted.", "bold green")
    else:
        yield Line(f"Dry run: nothing was changed. To do it: raceday-iac cleanup {path} --write", "bold")
    if cleanup.changes:
        yield Line(
            "Files only: on Appwrite the functions run on until they are deleted there; raceday-iac plan shows that."
        )


def _count(count: Count) -> dict[str, int]:
    return {"before": count.before, "removed": count.removed, "kept": count.kept, "added": count.added}


def _change(change: Change) -> dict[str, str]:
    said = {"action": str(change.action), "path": change.path, "reason": change.reason}
    if change.action is Action.EDIT:
        said["diff"] = "\n".join(unified(change)) + "\n"
    return said | ({"from": change.origin} if change.origin else {})


def _finding(finding: Finding) -> dict[str, Any]:
    return {"file": finding.path, "line": finding.line or None, "message": finding.message}
