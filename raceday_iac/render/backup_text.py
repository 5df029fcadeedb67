"""Backups for people and machines: which there are, what is in one, and what is written back from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..backup.manifest import Form, Manifest, Section, manifest_document
from ..backup.restoring import Goal, RestorePlan, Tally
from ..counting import counted, spaced
from ..kinds import kind_of
from .lines import Line

_NUMBERS = ("create", "write", "link", "same", "newer", "gone", "unfit", "over", "undated")
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def kept_lines(manifest: Manifest | None) -> Iterator[Line]:
    """That something was kept before it was lost."""
    if manifest is not None:
        yield Line()
        yield Line(f"Kept before: {_amount(manifest)} in the backup {manifest.id}.")
        command = "restore" if manifest.sections or manifest.variables else "backup show"
        yield Line(f"  To get it back: raceday-iac {command} {manifest.id}")


def list_lines(
    manifests: Sequence[Manifest], unfinished: Sequence[str], where: str, damaged: Mapping[str, str]
) -> Iterator[Line]:
    """A line for each backup, newest first; then those that are `damaged`, with what is wrong."""
    if not (manifests or damaged):
        yield Line(f"There are no backups in {where}.")
    for each in manifests:
        of = f"{each.command}{f' of plan {each.plan[:12]}' if each.plan else ''}"
        yield Line(f"{each.id}  {_minute(each.at)}  {of}  {_amount(each)}  {_some(map(str, each.addresses))}")
    yield from damaged_lines(damaged)
    if unfinished:
        names = ", ".join(unfinished)
        yield Line(f"Not completed; the next backup deletes it: {names}", "yellow")


def damaged_lines(damaged: Mapping[str, str]) -> Iterator[Line]:
    """What is wrong with backups whose manifests cannot be read."""
    yield from (Line(f"  ✗ {each}", "red") for each in damaged.values())


def list_document(
    manifests: Sequence[Manifest], unfinished: Sequence[str], where: str, damaged: Mapping[str, str]
) -> dict[str, Any]:
    """The same."""
    return {
        "where": where,
        "backups": [_head_document(each) for each in manifests],
        "unfinished": list(unfinished),
        "damaged": dict(damaged),
    }


def _head_document(manifest: Manifest) -> dict[str, Any]:
    content = manifest_document(manifest)
    names = ("id", "at", "command", "environment", "plan", "records", "size")
    head = {name: content[name] for name in names}
    return {**head, "encrypted": bool(manifest.key), "addresses": list(map(str, manifest.addresses))}


def show_lines(manifest: Manifest, resources: Mapping[str, Mapping[str, Any]]) -> Iterator[Line]:
    """What is in one backup."""
    yield Line(f"Backup {manifest.id}", "bold")
    yield Line(f"  {_made(manifest)} in {manifest.environment}, project {manifest.bound.project}")
    if manifest.plan:
        yield Line(f"  plan {manifest.plan}")
    if manifest.key:
        yield Line(f"  encrypted for {manifest.key}")
    for section in manifest.sections:
        yield Line(f"  {section.address}: {_kept(section)}, {_bytes(section.size)}")
    if resources:
        yield Line("  Also the settings of deleted resources:")
        yield from (Line(f"    {address}: {_settings(fields)}") for address, fields in resources.items())


def show_document(manifest: Manifest, resources: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The same, with every part."""
    return {**manifest_document(manifest), "resources": {name: dict(each) for name, each in resources.items()}}


def verify_lines(manifest: Manifest, problems: Sequence[str]) -> Iterator[Line]:
    """Whether a backup is whole."""
    if not problems:
        parts = sum(len(each.parts) for each in manifest.sections)
        yield Line(f"The backup {manifest.id} is whole: {counted(parts, 'part')}, {_amount(manifest)}.", "green")
    yield from (Line(f"  ✗ {each}", "red") for each in problems)


def _made(manifest: Manifest) -> str:
    how = "by hand" if manifest.command == "backup create" else f"before {manifest.command}"
    return f"made {_minute(manifest.at)} {how}"


def _amount(manifest: Manifest) -> str:
    variables = [counted(len(manifest.variables), "variable")] if manifest.variables else []
    if not manifest.sections:
        return " and ".join((*variables, "settings of deleted resources"))
    places = counted(len({each.address for each in manifest.sections}), "address")
    numbers: dict[str, int] = {}
    for each in manifest.sections:
        numbers[each.noun] = numbers.get(each.noun, 0) + each.records
    things = ", ".join(f"{spaced(number)} {noun}{'' if number == 1 else 's'}" for noun, number in numbers.items())
    return " and ".join((f"{things} of {places} ({_bytes(manifest.size)})", *variables))


def _kept(section: Section) -> str:
    if section.form is Form.DOCUMENTS:
        return _documents(section.records)
    contents = kind_of(section.address).contents
    if section.form is Form.CONTENTS and contents is not None:
        return counted(section.records, contents.noun)
    if section.form is Form.SOURCES:
        return f"source of {counted(section.records, 'deployment')}"
    what = "links" if section.links else "values"
    return f"{what} of {_documents(section.records)}"


def _documents(number: int) -> str:
    return f"{spaced(number)} document{'' if number == 1 else 's'}"


def _things(goal: Goal, number: int) -> str:
    return f"{spaced(number)} {goal.section.noun}{'' if number == 1 else 's'}"


def _settings(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in fields.items() if value not in (None, "", [], False))


def _bytes(number: int) -> str:
    size, unit = float(number), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{number} {_UNITS[0]}"


def _minute(at: str) -> str:
    return datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return f"{', '.join(listed[:3])}{more}"


# What is written back.


def restore_lines(plan: RestorePlan) -> Iterator[Line]:
    """What would be written back."""
    yield Line(f"From the backup {plan.manifest.id}, {_made(plan.manifest)}:")
    for goal, tally in zip(plan.goals, plan.tallies, strict=True):
        yield from _goal_lines(goal, tally, plan)
    if plan.is_empty:
        yield Line("Nothing to write back.", "bold")


def _goal_lines(goal: Goal, tally: Tally, plan: RestorePlan, *, is_done: bool = False) -> Iterator[Line]:
    section = goal.section
    into = f" into {goal.place}" if goal.place != section.place else ""
    of = "variables of " if goal.variables and section.address not in goal.variables else ""
    yield Line(f"  {of}{section.address}{into}: {_to_do(goal, tally)}", "bold")
    if goal.reported:
        yield Line(f"    {goal.reported}")
        return
    if goal.problem:
        yield Line(f"    ! {goal.problem}: declare it, apply, and restore again", "yellow")
        return
    if goal.missing:
        yield Line(f"    ! missing, so not written: {', '.join(goal.missing)}", "yellow")
    if tally.newer:
        over = section.address in plan.overwrite and not is_done
        number = plan.newer_of(section.address)
        what = "are overwritten" if over else f"stay; to overwrite them: --overwrite {section.address}={number}"
        what = what if goal.is_of_documents else "stay: they belong to the stack or to somebody else"
        yield Line(f"    ! {_things(goal, tally.newer)} with newer values, which {what}", "yellow")
    contents = kind_of(section.address).contents
    if tally.create and contents is not None and contents.remark:
        yield Line(f"    {contents.remark}")
    if tally.over:
        yield Line(f"    {_documents(tally.over)} with values that are overwritten; a backup keeps them first")
    if tally.undated:
        yield Line(
            f"    {spaced(tally.undated)} of them get a new $updatedAt, which is faster; to keep it: --keep-timestamps"
        )
    if tally.gone:
        yield Line(f"    ! {_documents(tally.gone)} that no longer exist, so their values stay in the backup", "yellow")
    if tally.unfit:
        what = "with values that cannot be written" if goal.is_of_documents else "cannot be written back"
        yield Line(f"    ! {_things(goal, tally.unfit)} {what}:", "yellow")
        yield from (Line(f"      {identity}: {why}") for identity, why in tally.why.items())


def _to_do(goal: Goal, tally: Tally) -> str:
    parts = [
        (tally.create, "to create"),
        (tally.write, "to write to"),
        (tally.link, "to link"),
        (tally.same, "as in the backup"),
    ]
    reported = [f"{_things(goal, number)} {what}" for number, what in parts if number]
    return ", ".join(reported) or "nothing to write"


def restored_lines(plan: RestorePlan, done: RestorePlan, left: Sequence[str], seconds: float) -> Iterator[Line]:
    """What came of it, as a look at every document found, and what a plan has `left` to change."""
    yield Line()
    written = sum(each.to_write for each in plan.tallies)
    if done.is_empty:
        same: dict[str, int] = {}
        for goal, tally in zip(done.goals, done.tallies, strict=True):
            if not goal.reported:
                same[goal.section.noun] = same.get(goal.section.noun, 0) + tally.same
        reported = " and ".join(f"{spaced(each)} {noun}{'' if each == 1 else 's'}" for noun, each in same.items())
        yield Line(f"Restored in {seconds:.1f} s. Verified: {reported} as in the backup.", "bold green")
    else:
        rest = sum(each.to_write for each in done.tallies)
        yield Line(
            f"Not complete: {spaced(rest)} of {spaced(written)} are left to write ({seconds:.1f} s).", "bold red"
        )
        yield Line("  Others may have written at the same time. Run the command again: it continues from here.")
    for goal, tally in zip(done.goals, done.tallies, strict=True):
        head, *remarks = _goal_lines(goal, tally, done, is_done=True)
        yield from (head, *remarks) if remarks and not goal.reported else ()
    yield _plan_line(left)


def restore_document(plan: RestorePlan) -> dict[str, Any]:
    """What would be written back, or what was found after it."""
    return {
        "backup": plan.manifest.id,
        "complete": plan.is_whole,
        "sections": [_tally_document(*each) for each in zip(plan.goals, plan.tallies, strict=True)],
    }


def _tally_document(goal: Goal, tally: Tally) -> dict[str, Any]:
    numbers = {name: getattr(tally, name) for name in _NUMBERS}
    return {
        "address": str(goal.section.address),
        "into": str(goal.place),
        **numbers,
        "problem": goal.problem or goal.reported,
        "missing": list(goal.missing),
        "why": dict(tally.why),
    }


def _plan_line(left: Sequence[str]) -> Line:
    if not left:
        return Line("The plan is empty: Appwrite matches the configuration.")
    changes = f"{counted(len(left), 'change')} ({_some(left)})"
    return Line(f"The plan has {changes}; a restore writes data, never the schema. See: raceday-iac plan")
