"""Attributes and indexes that the server does not finish. Pure.

An attribute that never was available holds no value in any document, and an index holds no data at all: these can be
deleted, and `apply` makes them anew. An attribute whose deletion failed may still hold values, so it is left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from ..health.builds import trouble_of
from ..health.watched import Grace
from ..kinds import KINDS
from ..kinds.collection import can_only_fail_again, making_anew, unknown_to_documents
from ..kinds.turns import Place, Turn
from ..model.address import Address, collection_address
from ..model.resource import Live
from .steps import Left, Recovery, Remedy, Step

_NEVER_WAS = ("processing", "failed")
_WAIT = "the server is at work on {}, and they would lose each other; look again when it has ended"


def schema_steps(
    schema: Iterable[Live],
    owned: Collection[Address],
    grace: Grace,
    now: datetime,
    lost: Mapping[Address, Sequence[str]],
) -> Recovery:
    """`owned` is what the stack declares or the state owns, `lost` what documents do not know of a collection.

    Each has its turn in the collections that it writes; where the end of one was not seen there are no more."""
    steps, left = [], [_broken(collection, keys) for collection, keys in lost.items()]
    troubles = [(live, trouble_of(live, grace, now)) for live in schema]
    busy = {place: live.address for live, trouble in troubles if not trouble for place in _at_work(live)}
    for live, trouble in troubles:
        if not trouble:
            continue
        beside = next((busy[place] for place in sorted(_places(live)) if place in busy), None)
        reason = _why_not(live, owned) or (_WAIT.format(beside) if beside else "")
        if reason:
            left.append(Left(str(live.address), trouble, reason))
        else:
            steps.append(_step(live, trouble))
    return Recovery(tuple(steps), tuple(left))


def _why_not(live: Live, owned: Collection[Address]) -> str:
    if live.address not in owned:
        return "neither the stack nor the state knows it: whose it is cannot be told"
    if can_only_fail_again(live):
        collection = collection_address(*live.address.parts[:2])
        return f"deleted and created again, it fails again; {making_anew(collection)}"
    if live.status == "deleting":
        return "its deletion was asked for already; the server's own worker has to do it"
    if live.address.kind != "index" and live.status not in _NEVER_WAS:
        # Observed on 1.8.1: an attribute of a unique index over two columns gets stuck, with an empty error.
        return (
            "its deletion failed, so it may still hold values; delete an index over it first (that is what it mostly "
            "fails at), then let the plan decide: raceday-iac plan"
        )
    return ""


def _step(live: Live, trouble: str) -> Step:
    is_index = live.address.kind == "index"
    proof = "an index holds no data" if is_index else "it never was available, so no document has a value in it"
    return Step(
        Remedy.DELETE_MEMBER,
        str(live.address),
        "",
        f"delete this {live.address.kind}",
        f"{trouble}, and {proof}",
        "made anew by: raceday-iac apply",
        turn=Turn(_places(live)),
    )


def _places(live: Live) -> frozenset[Place]:
    return KINDS[live.address.kind].schema_places(live.address, live.fields)


def _at_work(live: Live) -> frozenset[Place]:
    """Where the server changes a schema now."""
    return _places(live) if live.status in ("processing", "deleting") else frozenset()


def _broken(collection: Address, keys: Sequence[str]) -> Left:
    what = unknown_to_documents(collection, keys).partition(": ")[2]
    return Left(str(collection), what, making_anew(collection))
