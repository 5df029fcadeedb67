"""Deployments and schema that do not come to their end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from ..kinds.collection import can_only_fail_again, making_anew, unknown_to_documents
from ..model.address import Address, collection_address
from ..model.resource import Live
from ..provider.protocol import Deployment
from .findings import Finding, Severity
from .observations import FunctionSeen, moment
from .spans import said_span
from .watched import Grace

UNFINISHED = ("waiting", "processing", "building")


def build_findings(seen: FunctionSeen, grace: Grace, now: datetime) -> Iterator[Finding]:
    """Of one function."""
    subject = f"deployment.{seen.id}"
    if seen.live is None:
        yield Finding(
            "function.missing", Severity.ERROR, f"function.{seen.id}", "it is not on the server", "raceday-iac plan"
        )
        return
    if not seen.active:
        message = "it has no active deployment: nothing can run"
        yield Finding("function.no_code", Severity.ERROR, f"function.{seen.id}", message, "raceday-iac apply")
    for each in stuck_builds(seen.deployments, grace, now):
        age = said_span(now - moment(each.created_at))
        what = "its upload was never finished" if each.status == "waiting" else f"it is {each.status}"
        message = f"deployment {each.id}: {what}, begun {age} ago"
        advice = "raceday-iac recover --dry-run"
        yield Finding("build.stuck", Severity.WARNING, subject, message, advice, moment(each.created_at))
    newest = next(iter(seen.deployments), None)
    if newest is not None and newest.status == "failed" and newest.id != seen.active:
        message = f"the build of deployment {newest.id} failed; {seen.active or 'none'} is still active"
        advice = f"raceday-iac logs {seen.id} --build latest"
        yield Finding("build.failed", Severity.WARNING, subject, message, advice, moment(newest.created_at))


def stuck_builds(deployments: Iterable[Deployment], grace: Grace, now: datetime) -> list[Deployment]:
    """Unfinished for too long."""
    return [each for each in deployments if each.status in UNFINISHED and now - moment(each.created_at) > grace.build]


def schema_findings(schema: Iterable[Live], grace: Grace, now: datetime) -> Iterator[Finding]:
    """Attributes, relationships and indexes that cannot be used."""
    for live in schema:
        what = trouble_of(live, grace, now)
        if what:
            code = "index.stuck" if live.address.kind == "index" else "attribute.stuck"
            since = moment(live.updated_at) if live.updated_at else None
            collection = collection_address(*live.address.parts[:2])
            advice = making_anew(collection) if can_only_fail_again(live) else "raceday-iac recover --dry-run"
            yield Finding(code, Severity.ERROR, str(live.address), what, advice, since)


def broken_findings(lost: Mapping[Address, Sequence[str]]) -> Iterator[Finding]:
    """Collections whose schema Appwrite has lost a part of. Nothing that is listed shows it."""
    for collection, keys in lost.items():
        message = f"{unknown_to_documents(collection, keys).partition(': ')[2]}"
        yield Finding("collection.broken", Severity.ERROR, str(collection), message, making_anew(collection))


def trouble_of(live: Live, grace: Grace, now: datetime) -> str:
    """What is wrong with an attribute or index, in words; nothing while it is available or only just begun."""
    if live.address.kind not in ("attribute", "relationship", "index") or live.status == "available":
        return ""
    reason = f" ({live.error})" if live.error else ""
    if live.status in ("failed", "stuck"):
        return f"it is {live.status}{reason}"
    if not live.updated_at or now - moment(live.updated_at) <= grace.schema_:
        return ""
    return f"it is {live.status} for {said_span(now - moment(live.updated_at))}{reason}"
