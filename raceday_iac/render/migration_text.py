"""Migrations of data for people and machines: what ran here, what is to run, and what a rehearsal found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..diff import value_text
from ..model.address import Address
from ..model.resource import Migration
from ..planning.migrations import SHORT, Standing, counts_words
from ..state.document import MigrationRecord
from .lines import Line

if TYPE_CHECKING:
    from ..applying.migrating import Example, Rehearsal

_STYLES = {
    Standing.DONE: "green",
    Standing.MARKED: "green",
    Standing.PENDING: "yellow",
    Standing.BEGUN: "yellow",
    Standing.UNDOING: "yellow",
    Standing.CHANGED: "red",
    Standing.UNDECLARED: "dim",
}
_WORDS = {
    Standing.DONE: "has run",
    Standing.MARKED: "marked as run",
    Standing.PENDING: "has not run",
    Standing.BEGUN: "was started but not finished",
    Standing.UNDOING: "is being undone",
    Standing.CHANGED: "has run, and its file was changed since",
    Standing.UNDECLARED: "has run, and is no longer in the stack",
}


def list_lines(
    found: Mapping[Address, tuple[Migration | None, MigrationRecord | None, Standing]], environment: str
) -> Iterator[Line]:
    """A line for each, in the order in which they run."""
    if not found:
        yield Line(f"There are no migrations in the stack, and none has run in the environment {environment}.")
        return
    width = max(len(at.name) for at in found)
    for at, (_, record, standing) in found.items():
        reported = f", {record.at} by {record.by}" if record is not None else ""
        yield Line(f"{at.name:<{width}}  {_WORDS[standing]}{reported}", _STYLES[standing])


def show_lines(
    at: Address, migration: Migration | None, record: MigrationRecord | None, standing: Standing
) -> Iterator[Line]:
    """Everything about one."""
    yield Line(f"{at}: {_WORDS[standing]}", _STYLES[standing])
    if migration is not None:
        undo = "" if migration.can_undo else ", which cannot be undone"
        yield Line(f"  file: {migration.file} ({migration.digest[:SHORT]}){undo}")
        for name, places in (("needs", migration.needs), ("before", migration.before)):
            if places:
                yield Line(f"  {name}: {', '.join(map(str, places))}")
    if record is not None:
        yield Line(f"  when: {record.at} by {record.by}{f', {record.run}' if record.run else ''}")
        yield Line(f"  content: {record.digest}")
        yield Line(f"  documents: {counts_words(record.counts)}")
        for name, place in record.passes.items():
            number, _, collection = name.partition(" ")
            yield Line(f"  pass {number} over {collection}: {'at its end' if place == 'end' else f'up to {place}'}")


def migration_document(
    at: Address, migration: Migration | None, record: MigrationRecord | None, standing: Standing
) -> dict[str, Any]:
    """The same for machines."""
    declared = (
        {
            "file": migration.file,
            "digest": migration.digest,
            "needs": list(map(str, migration.needs)),
            "before": list(map(str, migration.before)),
            "canUndo": migration.can_undo,
        }
        if migration is not None
        else None
    )
    known = None if record is None else record.to_json()
    return {"address": str(at), "standing": str(standing), "declared": declared, "ran": known}


#: What stands above the examples of a rehearsal.
FIRST_CHANGES = "The first changes"


def rehearsed_words(rehearsal: Rehearsal) -> str:
    """What a migration would do, in numbers."""
    return f"{counts_words(rehearsal.counts)}. Nothing was written."


def rehearsal_lines(found: Sequence[Rehearsal]) -> Iterator[Line]:
    """What migrations would do, by what is live now."""
    yield Line()
    if not found:
        yield Line("Nothing to rehearse: no migration has to run.", "green")
    for each in found:
        yield Line(f"Rehearsed {each.address}: {rehearsed_words(each)}", "bold")
        yield from (Line(f"    {text}") for example in each.examples for text in _example(example))
        if each.problem is not None:
            yield Line(f"  ✗ {each.problem.message}", "red")
            yield Line(f"    → {each.problem.hint}")


def _example(example: Example) -> Iterator[str]:
    yield f"{example.action} {example.id} in {example.collection}"
    for key, value in example.after.items():
        before = f"{value_text(example.before.get(key))} → " if example.action == "update" else ""
        yield f"    {key}: {before}{value_text(value)}"


def rehearsal_document(found: Sequence[Rehearsal]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {
            "address": str(each.address),
            "counts": dict(each.counts),
            "examples": [example.to_json() for example in each.examples],
            "problem": None if each.problem is None else each.problem.message,
        }
        for each in found
    ]
