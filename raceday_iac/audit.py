"""Who changed what, when, and what came of it: an append-only log, each line of which carries the hash of the one
before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import IacError
from .files import append_private
from .kinds import kind_of
from .kinds.base import thaw
from .model.address import Address
from .model.secret import hidden_values
from .planning import Change, Plan
from .planning.migrations import ran

if TYPE_CHECKING:
    from .applying import Applied
    from .backup.manifest import Manifest
    from .backup.restoring import RestorePlan
    from .importing.adoption import Adoption
    from .recovery.planning import Done, Recovery
    from .state.document import Binding, State

# What is written about a run: its beginning, with everything it is about to do, and its end. Pure; no secrets.
#
# Values of variables are never written, secret or not: a log lives long and is read by many.


_HIDDEN = "***"


@dataclass(frozen=True)
class Run:
    """Who does what where. `plan` identifies the plan by the hash of its canonical form."""

    command: str
    environment: str
    plan: str
    who: str
    host: str
    version: str


def begin(run: Run, plan: Plan, at: datetime) -> dict[str, Any]:
    """Written before the first change: a run that is killed leaves this, and no end."""
    return {
        **_opening(run, "begin", at),
        "plan": run.plan,
        "lineage": plan.lineage,
        "serial": plan.serial,
        "changes": [_change(each) for each in plan.changes],
    }


def end(run: Run, begun: int, applied: Applied, at: datetime) -> dict[str, Any]:
    """What came of the run that the record `begun` began."""
    result = "success" if applied.complete else "interrupted" if applied.interrupted else "failed"
    return {
        **_ending(run, begun, result, at),
        "serial": applied.state.serial,
        "done": [each.key for each in applied.done],
        "failed": [{"change": each.key, "error": _error(error, each)} for each, error in applied.failed]
        + [{"change": "", "error": _error(error)} for error in applied.unsettled],
        "skipped": [each.key for each in applied.skipped],
        **({"migrations": migrations} if (migrations := ran(applied.changes, applied.state)) else {}),
    }


def broken_off(run: Run, begun: int, reason: str, at: datetime) -> dict[str, Any]:
    """A run that ended by an error outside its changes: the state could not be saved, and the like."""
    return {**_ending(run, begun, "failed", at), "error": reason}


def imported(run: Run, adoption: Adoption, at: datetime) -> dict[str, Any]:
    """An import changes the state alone, in one step."""
    return {
        **_opening(run, "import", at),
        "lineage": adoption.state.lineage,
        "serial": adoption.state.serial,
        "adopted": sorted(map(str, (*adoption.adopted, *(each.address for each in adoption.differing)))),
    }


def marked(run: Run, address: Address, digest: str, state: State, at: datetime) -> dict[str, Any]:
    """A migration counts as run with this content from now on; with none, as not run. Nothing ran for it."""
    return {
        **_opening(run, "migration marked", at),
        "lineage": state.lineage,
        "serial": state.serial,
        "migration": str(address),
        "digest": digest,
    }


def rebound(run: Run, before: Binding, state: State, at: datetime) -> dict[str, Any]:
    """The state belongs to another endpoint, project or stack from now on."""
    return {
        **_opening(run, "rebind", at),
        "lineage": state.lineage,
        "serial": state.serial,
        "before": before.to_json(),
        "after": state.bound.to_json(),
    }


def cleaned(run: Run, address: Address, outcome: Mapping[str, str], at: datetime) -> dict[str, Any]:
    """Orphaned deployments of a function were deleted; `outcome` has what went wrong with each, or nothing."""
    return {
        **_opening(run, "clean", at),
        "address": str(address),
        "deleted": [name for name, problem in outcome.items() if not problem],
        "failed": {name: problem.partition("\n")[0] for name, problem in outcome.items() if problem},
    }


def recovering(run: Run, recovery: Recovery, at: datetime) -> dict[str, Any]:
    """Written before the first step of a recovery."""
    return {
        **_opening(run, "begin", at),
        "plan": run.plan,
        "steps": [{"step": each.key, "what": each.what, "why": each.why} for each in recovery.steps],
    }


def recovered(run: Run, begun: int, done: Sequence[Done], at: datetime) -> dict[str, Any]:
    """What came of the steps."""
    failed = [{"step": each.step.key, "error": each.problem.partition("\n")[0]} for each in done if each.problem]
    return {
        **_ending(run, begun, "failed" if failed else "success", at),
        "done": [each.step.key for each in done if not each.problem and each.was_needed],
        "failed": failed,
        "skipped": [each.step.key for each in done if not each.was_needed],
    }


def backed_up(run: Run, event: str, manifest: Manifest, at: datetime) -> dict[str, Any]:
    """A backup was made (`backup`), or deleted (`backup deleted`)."""
    kept = {"backup": manifest.id, "addresses": list(map(str, manifest.addresses)), "records": manifest.records}
    return {**_opening(run, event, at), **kept}


def restoring(run: Run, plan: RestorePlan, at: datetime) -> dict[str, Any]:
    """Written before the first document is written back."""
    return {**_opening(run, "begin", at), "backup": plan.manifest.id, "sections": _tallies(plan)}


def restored(run: Run, begun: int, done: RestorePlan, at: datetime) -> dict[str, Any]:
    """What a look at every document found afterwards."""
    return {**_ending(run, begun, "success" if done.is_empty else "failed", at), "sections": _tallies(done)}


def _tallies(plan: RestorePlan) -> list[dict[str, Any]]:
    """Numbers alone: values of documents are never written."""
    return [
        {"address": str(goal.section.address), "written": tally.to_write, "newer": tally.newer, "unfit": tally.unfit}
        for goal, tally in zip(plan.goals, plan.tallies, strict=True)
    ]


def _opening(run: Run, event: str, at: datetime) -> dict[str, Any]:
    return {
        "at": at.isoformat(timespec="milliseconds"),
        "event": event,
        "command": run.command,
        "environment": run.environment,
        "who": run.who,
        "host": run.host,
        "version": run.version,
    }


def _ending(run: Run, begun: int, result: str, at: datetime) -> dict[str, Any]:
    return {
        "at": at.isoformat(timespec="milliseconds"),
        "event": "end",
        "command": run.command,
        "begun": begun,
        "plan": run.plan,
        "result": result,
    }


def _change(change: Change) -> dict[str, Any]:
    is_secret = bool(kind_of(change.address).secret_field)
    return {
        "address": str(change.address),
        "action": str(change.action),
        "reason": change.reason,
        "reasonCode": str(change.why),
        "fields": [
            {
                "name": each.name,
                "before": _HIDDEN if is_secret else thaw(each.before),
                "after": _HIDDEN if is_secret else thaw(each.after),
            }
            for each in change.fields
        ],
    }


def _error(error: IacError, change: Change | None = None) -> str:
    """The first line of a message; of a variable only what sort of error it was, for messages repeat values."""
    if change is not None and kind_of(change.address).secret_field:
        return type(error).__name__
    return error.message.partition("\n")[0]


# The chain of records: how one is sealed to the one before, and how a text of them is checked. Pure.
#
# A line is a JSON object. `hash` is the SHA-256 of all its other fields in canonical form; one of these is
# `previous`, the hash of the line before. So a line that is changed, removed, put in or moved shows. What does not
# show is a cut at the end: whoever wants to rule that out notes the last hash elsewhere.


FORMAT = 1
#: What the first line has for a line before it.
GENESIS = ""
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Break:
    """A place where the chain does not hold. `line` counts from 1."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


@dataclass(frozen=True)
class Inspection:
    """What a log says of itself. `head` is the hash that the next record continues from, `number` the last one's."""

    records: tuple[Mapping[str, Any], ...] = ()
    breaks: tuple[Break, ...] = ()
    head: str = GENESIS
    number: int = 0

    @property
    def is_sound(self) -> bool:
        return not self.breaks

    @property
    def unended(self) -> tuple[Mapping[str, Any], ...]:
        """Beginnings of runs that have no end: they were killed, or go on right now."""
        ended = {str(each.get("begun")) for each in self.records if each.get("event") == "end"}
        return tuple(
            each for each in self.records if each.get("event") == "begin" and str(each.get("number")) not in ended
        )


def seal(content: Mapping[str, Any], after: Inspection) -> str:
    """The line, without its end, that adds a record to an inspected log."""
    record = {"format": FORMAT, "number": after.number + 1, **content, "previous": after.head}
    return json.dumps({**record, "hash": _hash(record)})


def inspect(text: bytes, after: Inspection = Inspection(), lines: int = 0) -> Inspection:
    """Check every line. A damaged one is one break; what follows it is checked on its own. `after` is what was found in
    the `lines` that come before this text."""
    records, breaks = list(after.records), list(after.breaks)
    head, number = after.head, after.number
    for place, line in enumerate(text.split(b"\n"), lines + 1):
        if not line.strip():
            continue
        record = _record(line)
        if record is None:
            breaks.append(Break(place, "it is not a record (cut off, or overwritten)"))
            # What comes after a line that cannot be read continues from that line as it stands.
            head, number = hashlib.sha256(line).hexdigest(), number + 1
            continue
        message = _objection(record, head, number)
        if message:
            breaks.append(Break(place, message))
        records.append(record)
        head, number = record["hash"], record["number"]
    return Inspection(tuple(records), tuple(breaks), head, number)


def _objection(record: Mapping[str, Any], head: str, number: int) -> str:
    if _hash({name: value for name, value in record.items() if name != "hash"}) != record["hash"]:
        return "its content is not what was written (its hash does not match)"
    if record["previous"] != head or record["number"] != number + 1:
        before = "the beginning of the log" if number == 0 else "the line before it"
        return f"it does not follow {before} (a line was removed, changed or inserted)"
    return ""


def _record(line: bytes) -> Mapping[str, Any] | None:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    types = {"hash": str, "previous": str, "number": int}
    return content if all(isinstance(content.get(name), kind) for name, kind in types.items()) else None


def _hash(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(_CANONICAL.encode(record).encode()).hexdigest()


# The log file. Its owner holds the state lock, so there is one writer. Nothing here ever stops a run: what is wrong
# with the log is handed back to be reported.


FILE = "audit.jsonl"


class AuditLog:
    """The log of one environment, in the folder of its state."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE
        # What was checked already: a run appends several records, and a log of years is long.
        self._checked = b""
        self._found = Inspection()

    def inspect(self) -> Inspection:
        """Everything in the log, checked. A log that is not there is empty. Raises OSError when it cannot be read."""
        return self._inspect(self._read())

    def append(self, content: Mapping[str, Any]) -> Inspection:
        """Add a record and see it safely on the disk. Returns the log as it was before. Raises OSError."""
        text = self._read()
        before = self._inspect(text)
        # A kill may have cut the last line: it must not swallow this one.
        start = b"\n" if text and not text.endswith(b"\n") else b""
        append_private(self.file, start + seal(hidden_values(content), before).encode() + b"\n", safely=True)
        return before

    def _inspect(self, text: bytes) -> Inspection:
        if not text.startswith(self._checked):
            self._checked, self._found = b"", Inspection()
        whole = text[: text.rfind(b"\n") + 1]
        added = whole[len(self._checked) :]
        self._found = inspect(added, self._found, self._checked.count(b"\n"))
        self._checked = whole
        return inspect(text[len(whole) :], self._found, whole.count(b"\n"))

    def _read(self) -> bytes:
        try:
            return self.file.read_bytes()
        except FileNotFoundError:
            return b""
