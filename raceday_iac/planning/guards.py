"""What a plan must not do unasked. Guards look at a finished plan and the evidence; they never change it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from ..kinds import KINDS
from ..model.address import Address, collection_address
from ..model.desired import Desired
from ..model.resource import Live
from ..provider import ServerFacts
from .plan import Action, Change, Refusal

#: Documents by collection; None where they could not be counted.
Evidence = Mapping[Address, int | None]


def collections_at_risk(changes: Iterable[Change], real: Mapping[Address, Live]) -> list[Address]:
    """Collections whose documents must be counted before these changes can be judged."""
    found: dict[Address, None] = {}
    for change in changes:
        if _may_lose_data(change, real):
            found.update(dict.fromkeys(_collections_of(change.address, real)))
    return list(found)


def refusals(
    changes: Iterable[Change],
    real: Mapping[Address, Live],
    desired: Desired,
    facts: ServerFacts,
    evidence: Evidence,
    allowed: Collection[Address] = (),
) -> list[Refusal]:
    """Every no, for every change."""
    found: list[Refusal] = []
    for change in changes:
        if change.address not in allowed and _may_lose_data(change, real):
            found += _data_loss(change, real, evidence)
        if change.address.kind == "function" and change.action in (Action.CREATE, Action.UPDATE):
            found += _unsupported(change, desired, facts)
    return found


def _may_lose_data(change: Change, real: Mapping[Address, Live]) -> bool:
    if not (change.destroys and KINDS[change.address.kind].holds_data):
        return False
    # An attribute that never became available holds nothing.
    return real[change.address].status not in ("failed", "processing")


def _collections_of(address: Address, real: Mapping[Address, Live]) -> list[Address]:
    if address.kind == "database":
        return [each for each in real if each.kind == "collection" and each.parts[0] == address.path]
    return [collection_address(*address.parts[:2])]


def _data_loss(change: Change, real: Mapping[Address, Live], evidence: Evidence) -> Iterator[Refusal]:
    counts = {each: evidence.get(each) for each in _collections_of(change.address, real)}
    uncounted = [str(each) for each, count in counts.items() if count is None]
    documents = sum(count or 0 for count in counts.values())
    if not documents and not uncounted:
        return
    what = f"{documents}{'+' if documents >= 5000 else ''} documents" if documents else "an unknown number of documents"
    loss = "would be deleted" if change.address.kind in ("database", "collection") else "would lose its values"
    yield Refusal(
        change.address,
        f"{change.action} of {change.address} is refused: {what} {loss} ({change.reason})",
        f"if that is meant: --allow-data-loss {change.address}",
    )


def _unsupported(change: Change, desired: Desired, facts: ServerFacts) -> Iterator[Refusal]:
    """An update to a runtime that the server does not offer is accepted silently, and then every build fails."""
    fields = desired.resources[change.address].fields
    if facts.runtimes and fields["runtime"] not in facts.runtimes:
        offered = ", ".join(sorted(facts.runtimes))
        message = (
            f"{change.address}: this server does not offer the runtime {fields['runtime']!r} (it offers {offered})"
        )
        yield Refusal(change.address, message, "enable it in _APP_FUNCTIONS_RUNTIMES of the server")
    if facts.specifications and fields["specification"] not in facts.specifications:
        offered = ", ".join(sorted(facts.specifications))
        message = f"{change.address}: this server does not offer the specification {fields['specification']!r}"
        yield Refusal(change.address, f"{message} (it offers {offered})", "choose an offered one")
