"""Which races a run was asked to poll, and what is stored of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .vendor.appwrite_http import path_of, query
from .vendor.errors import BadRequest
from .vendor.running import Run

#: More than the largest day has.
MOST_RACES = 400
#: So many ids are asked for at once: all of them would make an address too long for some servers.
IDS_AT_ONCE = 100
#: What is read of a stored race.
FIELDS = ("$id", "status", "startTime", "actualStart", "last_poll_time", "finalizedAt", "abandonedAt")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")

#: A stored race, or what is read of it.
Race = dict[str, Any]


class Wanted(NamedTuple):
    """What the body of the execution asks for."""

    mode: str
    races: tuple[str, ...] = ()


def read_wanted(body: Mapping[str, Any]) -> Wanted:
    """`raceId`, `raceIds`, or neither: then the run chooses by itself. Raises `BadRequest` for ids that cannot be."""
    if body.get("raceId") is not None:
        return Wanted("single", (_checked(body["raceId"]),))
    given = body.get("raceIds")
    if given in (None, "", []):
        return Wanted("selection")
    listed = given.split(",") if isinstance(given, str) else given
    if not isinstance(listed, list):
        raise BadRequest("raceIds must be a list of race ids")
    if len(listed) > MOST_RACES:
        raise BadRequest(f"raceIds has {len(listed)} ids; at most {MOST_RACES} are taken")
    return Wanted("batch", tuple(dict.fromkeys(_checked(each) for each in listed)))


def _checked(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if _ID.fullmatch(text) is None:
        raise BadRequest(f"not the id of a race: {str(value)[:50]!r}")
    return text


def read_others(run: Run, wanted: Wanted, card: Mapping[str, Race]) -> dict[str, Race]:
    """Of the wanted races those that are on no card of today. Unknown ones are counted; a single one is refused."""
    missing = [race for race in wanted.races if race not in card]
    found = {document["$id"]: document for ids in _portions(missing) for document in _stored(run, ids)}
    unknown = [race for race in missing if race not in found]
    if unknown and wanted.mode == "single":
        raise BadRequest(f"no race has the id {unknown[0]}", 404)
    run.counts.add("skipped:unknown_race", len(unknown))
    return found


def _portions(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE)]


def _stored(run: Run, ids: Sequence[str]) -> list[Race]:
    path = path_of("databases", run.database, "collections", "races", "documents")
    queries = [query("equal", *ids, attribute="$id"), query("select", *FIELDS), query("limit", len(ids))]
    found: list[Race] = run.client.get(path, queries)["documents"]
    return found
