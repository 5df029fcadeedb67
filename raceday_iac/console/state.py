"""State and audit log: what is owned and by which run, states as they were, and what each run did. Looks only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from ..audit import Inspection
from ..errors import NotFoundError
from ..model.address import Address
from ..render.plan_page import container
from ..state.document import Entry, State, entry_to_json
from .app import Console, Page

#: Runs, and states, that are listed.
_NEWEST = 30


def state(console: Console, request: Request) -> str:
    """All of it."""
    with console.project.states() as store:
        found, history, holder, place = store.read(), store.history(), store.lock_holder(), store.where
    log = console.project.audit()
    return console.show(
        "state.html",
        request,
        title="State and audit",
        where=place,
        state=found,
        holder=holder,
        owned=_owned(found, _last_runs(log)),
        history=history[:_NEWEST],
        runs=list(_runs(log))[:_NEWEST],
        breaks=[str(each) for each in log.breaks],
    )


def _owned(state: State, touched: Mapping[str, int]) -> dict[Address, list[tuple[Address, int]]]:
    """Each resource with the run that changed it last, by what it is shown in."""
    found: dict[Address, list[tuple[Address, int]]] = {}
    for address in sorted(state.entries):
        found.setdefault(container(address), []).append((address, touched.get(str(address), 0)))
    return dict(sorted(found.items()))


def resource(console: Console, request: Request) -> str:
    """What was last applied to one, and the runs that did something to it."""
    address = request.query_params.get("address", "")
    with console.project.states() as store:
        entry = _entry(store.read(), address)
    log = console.project.audit()
    return console.show(
        "resource.html",
        request,
        title=address,
        fields=_texts(entry_to_json(entry)["fields"]),
        entry=entry,
        runs=[each for each in _runs(log) if any(change["address"] == address for change in each.changes)],
    )


def compare(console: Console, request: Request) -> str:
    """What differs between two states that are kept."""
    first, then = (_serial(request, name) for name in ("from", "to"))
    with console.project.states() as store:
        before, after = store.version(first), store.version(then)
    return console.show(
        "compare.html", request, title=f"From serial {first} to {then}", differences=list(differences(before, after))
    )


def run(console: Console, request: Request) -> str:
    """One run: what it was about to do, and what came of it."""
    number = request.path_params["number"]
    found = next((each for each in _runs(console.project.audit()) if str(each.number) == number), None)
    if found is None:
        raise NotFoundError(f"There is no run {number} in the audit log.")
    return console.show("run.html", request, title=f"{found.command}, {found.at}", run=found, text=_text)


@dataclass(frozen=True)
class Difference:
    """A resource that is not the same in two states; fields with both values, as text."""

    address: Address
    what: str
    tone: str
    fields: tuple[tuple[str, str, str], ...] = ()


def differences(before: State, after: State) -> Iterator[Difference]:
    """From one to the other, by address."""
    for address in sorted(before.entries.keys() | after.entries.keys()):
        old, new = before.entries.get(address), after.entries.get(address)
        if old is None or new is None:
            yield Difference(address, *(("added", "create") if old is None else ("gone", "destroy")))
        elif entry_to_json(old) != entry_to_json(new):
            yield Difference(address, "changed", "update", tuple(_changed(entry_to_json(old), entry_to_json(new))))


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    before, after = ({**_texts(each["fields"]), **_texts(_beside(each))} for each in (old, new))
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield name, before.get(name, ""), after.get(name, "")


def _beside(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "fields"}


def _texts(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in fields.items()}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# The audit log as runs


@dataclass(frozen=True)
class Run:
    """A record of the audit log that began something, with the one that ended it. `result` is empty while there is
    none: the run goes on, or was killed."""

    number: int
    at: str
    command: str
    who: str
    result: str
    changes: Sequence[Mapping[str, Any]]
    end: Mapping[str, Any]

    @property
    def tone(self) -> str:
        return {"success": "holds", "": "warn"}.get(self.result, "broken")


def _runs(log: Inspection) -> Iterator[Run]:
    """The newest first."""
    ends = {each.get("begun"): each for each in log.records if each.get("event") == "end"}
    for each in reversed(log.records):
        if each.get("event") == "end":
            continue
        end = ends.get(each.get("number"), {})
        is_whole = each.get("event") != "begin"
        yield Run(
            int(each["number"]),
            str(each.get("at", ""))[:19].replace("T", " "),
            str(each.get("command", "")),
            f"{each.get('who', '')}@{each.get('host', '')}",
            str(end.get("result", "success" if is_whole else "")),
            [change for change in each.get("changes", ()) if isinstance(change, Mapping)],
            end,
        )


def _last_runs(log: Inspection) -> dict[str, int]:
    """The newest run that did something to each address."""
    found: dict[str, int] = {}
    for each in _runs(log):
        for change in each.changes:
            found.setdefault(str(change.get("address")), each.number)
    return found


def _entry(state: State, address: str) -> Entry:
    try:
        return state.entries[Address.parse(address)]
    except (ValueError, KeyError):
        raise NotFoundError(f"{address} is not in the state.") from None


def _serial(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 12):
        raise NotFoundError(f"{text!r} is not the serial of a state.")
    return int(text)


PAGES = (
    Page("/state", state, "State"),
    Page("/state/resource", resource),
    Page("/state/compare", compare),
    Page("/state/runs/{number}", run),
)
