"""The three things that this function can do: set up, verify, and report its health.

Imported only after the lock is held (set-up) or when none is needed (the two that only read).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import history, stored_data, verification
from .engine import LOCKS, Engine, roll_back
from .history import ROLLED_BACK, Progress, Version
from .planning import Plan, plan_changes
from .schema import REFUSED, UNFINISHED, Live, Problem, Schema, documents_path, read_live
from .vendor.appwrite_http import AppwriteError, path_of
from .vendor.lock import LockLost
from .work import Stop, Work

FORMAT = 1
#: The answer must stay readable in the console; the logs name every problem.
LISTED = 50


@dataclass
class Report:
    """What a run did and found."""

    action: str
    schema_hash: str
    version: Version = field(default_factory=Version)
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rolled_back: int = 0
    problems: list[Problem] = field(default_factory=list)
    unmanaged: list[str] = field(default_factory=list)
    #: Why the run ended before its work was done; the next run goes on.
    stopped: str | None = None
    resumed: dict[str, Any] | None = None
    details: dict[str, Any] = field(default_factory=dict)
    requests: int = 0
    duration_ms: float = 0.0

    @property
    def healthy(self) -> bool:
        """Whether the database is exactly as declared and usable."""
        return not self.problems and self.stopped is None

    @property
    def status(self) -> int:
        """The HTTP status: the execution counts as failed when the database is not healthy."""
        return 200 if self.healthy else 500

    def as_json(self) -> dict[str, Any]:
        """The body of the answer."""
        listed = [problem._asdict() for problem in self.problems[:LISTED]]
        body: dict[str, Any] = {
            "format": FORMAT,
            "action": self.action,
            "healthy": self.healthy,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "problems": listed,
            "problemCount": len(self.problems),
            "unmanaged": self.unmanaged[:LISTED],
            "version": self.version.number,
            "hash": self.schema_hash,
            "versionIsCurrent": self.version.hash == self.schema_hash,
            "requests": self.requests,
            "durationMs": self.duration_ms,
        }
        optional = {"rolledBack": self.rolled_back, "stopped": self.stopped, "resumed": self.resumed, **self.details}
        return {**body, **{name: value for name, value in optional.items() if value}}


def prepare_lock_store(work: Work, schema: Schema) -> None:
    """Create the database and the lock collection when they are missing: the one thing done without the lock.

    Several runs may do so at once; each creation has one winner and the others find the thing there.
    """
    wanted = schema.only([LOCKS])
    try:
        plan = plan_changes(wanted, read_live(work.client, schema.database_id))
        plan.updates.clear()
        Engine(work, wanted, ()).carry_out(plan)
    except (Stop, AppwriteError) as reason:
        # The lock is tried once more in any case, and says what is missing.
        work.log.problem("setup.lock_store_not_made", reason=str(reason))
    for problem in work.ledger.problems:
        work.log.problem("setup.problem", **problem._asdict())


def set_up(work: Work, schema: Schema, *, execution: str, rollback: bool = True) -> Report:
    """Create what is missing and change what differs, so that the database is as declared."""
    report = Report("setup", schema.hash, problems=verification.impossible(schema))
    if report.problems:
        return report
    client, database = work.client, schema.database_id
    assert work.documents is not None, "documents are written only with the lock"
    progress = Progress(client, work.documents, work.log, database, content_hash=schema.hash, execution=execution)
    try:
        found = read_live(client, database)
        plan = plan_changes(schema, found)
        report.version = history.latest(client, database)
        _note_plan(report, work, plan)
        if not plan.is_empty() or report.version.hash != schema.hash:
            report.resumed = progress.interrupted()
        if not plan.is_empty():
            _carry_out(work, schema, plan, found, progress)
        found = read_live(client, database) if _has_written(work, plan) else found
        _conclude(work, schema, found, report, progress, rollback=rollback, execution=execution)
    except (Stop, LockLost, AppwriteError) as reason:
        _stopped(work, report, reason)
    report.created, report.updated = len(work.ledger.created), len(work.ledger.updated)
    return report


def verify(work: Work, schema: Schema) -> Report:
    """Compare everything, change nothing."""
    report = Report("verify", schema.hash, problems=verification.impossible(schema))
    try:
        found = read_live(work.client, schema.database_id)
        report.version = history.latest(work.client, schema.database_id)
    except AppwriteError as reason:
        _stopped(work, report, reason)
        return report
    plan = plan_changes(schema, found)
    report.unchanged, report.unmanaged = plan.unchanged, plan.unmanaged
    report.problems += verification.verify(schema, found)
    try:
        report.problems += _lost(work, schema, found)
    except AppwriteError as reason:
        _stopped(work, report, reason)
        return report
    report.details = {
        "declared": schema.counts(),
        "available": verification.counts(schema, found),
        "relationshipDepth": verification.deepest_chain(schema),
    }
    return report


def health(work: Work, schema: Schema, lock_id: str) -> Report:
    """A short verdict: is it as declared, is the recorded version current, does anybody hold the lock?"""
    report = verify(work, schema)
    report.action = "health"
    if report.stopped is None and report.version.hash != schema.hash:
        named = f"database.{schema.database_id}"
        report.problems.append(Problem(named, UNFINISHED, "the declared schema is not the one recorded last"))
    if report.stopped is None:
        report.details["lock"] = _lock_state(work, schema.database_id, lock_id)
    return report


def _lost(work: Work, schema: Schema, found: Live) -> list[Problem]:
    """Collections of which documents do not know all that is listed; one read each, but not where the server is at
    work."""
    available, problems = found.available(), []
    for each in schema.collections:
        real = found.collections.get(each.id)
        parts = [] if real is None else [*real.attributes.values(), *real.indexes.values()]
        if real is not None and all(raw.get("status") not in ("processing", "deleting") for raw in parts):
            lost = stored_data.unknown_keys(work, schema, each.id, available)
            problems += [stored_data.unknown_problem(schema.database_id, each.id, lost)] if lost else []
    return problems


def _note_plan(report: Report, work: Work, plan: Plan) -> None:
    report.unchanged, report.unmanaged = plan.unchanged, plan.unmanaged
    work.ledger.problems += plan.problems
    work.log.event(
        "setup.plan",
        collections=len(plan.collections),
        attributes=len(plan.attributes),
        relationships=len(plan.relationships),
        indexes=len(plan.indexes),
        updates=len(plan.updates),
        unchanged=plan.unchanged,
        problems=len(plan.problems),
    )


def _carry_out(work: Work, schema: Schema, plan: Plan, found: Live, progress: Progress) -> None:
    before = work.at_phase

    def at_phase(phase: str, counts: Mapping[str, Any]) -> None:
        before(phase, counts)
        progress.save(phase, counts)

    work.at_phase = at_phase
    Engine(work, schema, found.available()).carry_out(plan)


def _has_written(work: Work, plan: Plan) -> bool:
    return bool(work.ledger.created or work.ledger.updated or not plan.is_empty())


def _conclude(
    work: Work,
    schema: Schema,
    found: Live,
    report: Report,
    progress: Progress,
    *,
    rollback: bool,
    execution: str,
) -> None:
    """Everything possible was tried: verify, then record the version or take everything back."""
    report.problems = _merged(work.ledger.problems, verification.verify(schema, found))
    if not report.problems:
        progress.finish()
        summary = {"created": len(work.ledger.created), "updated": len(work.ledger.updated), **schema.counts()}
        assert work.documents is not None
        report.version = history.record(
            work.documents, report.version, schema.hash, execution=execution, summary=summary
        )
        return
    refused = any(problem.severity == REFUSED for problem in report.problems)
    if rollback and refused and work.ledger.created:
        report.rolled_back = roll_back(work, schema.database_id, {LOCKS, history.COLLECTION})
        report.problems = _merged(work.ledger.problems, report.problems)
        progress.finish(ROLLED_BACK)


def _merged(first: list[Problem], second: list[Problem]) -> list[Problem]:
    """All problems, the earlier and clearer one for each address."""
    merged = list(dict.fromkeys(first))
    named = {problem.address for problem in merged}
    return merged + [problem for problem in second if problem.address not in named]


def _stopped(work: Work, report: Report, reason: Exception) -> None:
    report.stopped = str(reason)
    report.problems = _merged(work.ledger.problems, report.problems)
    work.log.problem("setup.stopped", reason=str(reason), created=len(work.ledger.created))


def _lock_state(work: Work, database: str, lock_id: str) -> dict[str, Any]:
    try:
        found = work.client.find(documents_path(database, LOCKS) + path_of(lock_id))
    except AppwriteError as error:
        return {"readable": False, "type": error.kind}
    if found is None:
        return {"held": False}
    return {"held": True, "execution": found.get("executionId"), "touched": found["$updatedAt"]}
